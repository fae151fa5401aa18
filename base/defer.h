/* defer: free at end of scope; TAKE() hands ownership to the caller. */
#ifndef BASE_DEFER_H
#define BASE_DEFER_H

#define DEFER(free_fn) __attribute__((cleanup(free_fn##_p)))

/* Beside a type's free function: lets DEFER(free_fn) own a pointer to it. */
#define DEFER_DECLARE(type, free_fn)                                                  \
	__attribute__((unused)) static inline void free_fn##_p(type **p) /* NOLINT */ \
	{                                                                             \
		free_fn(*p);                                                          \
	}

/* The same for a value in the caller's storage that `clear_fn(type *)` empties. */
#define DEFER_DECLARE_CLEAR(type, clear_fn)                                           \
	__attribute__((unused)) static inline void clear_fn##_p(type *p) /* NOLINT */ \
	{                                                                             \
		clear_fn(p);                                                          \
	}

#define TAKE(ptr)                              \
	__extension__({                        \
		__typeof__(ptr) take_ = (ptr); \
		(ptr) = NULL;                  \
		take_;                         \
	})

#endif

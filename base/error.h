/*
 * error: the one way a function in this program says why it failed.
 *
 * A fallible function returns bool and takes `struct error *err` last.
 *   true   every out_ parameter is set, *err is untouched;
 *   false  no out_ parameter is set, *err says why (err->code != E_NONE).
 * The caller owns *err (on its stack, zero-initialised); nothing allocates.
 * The first cause wins: layers return an error, they do not rewrap it.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum error_kind { /* transport-neutral; api/problem.c maps it to HTTP */
	ERROR_KIND_NONE,
	ERROR_KIND_INVALID,         /* malformed input */
	ERROR_KIND_UNAUTHENTICATED, /* a credential is needed */
	ERROR_KIND_FORBIDDEN,       /* the caller may not */
	ERROR_KIND_NOT_FOUND,       /* no such thing, or not for this caller */
	ERROR_KIND_METHOD,          /* the thing is there, this is not done to it */
	ERROR_KIND_TIMEOUT,         /* the request did not arrive in time */
	ERROR_KIND_GONE,            /* it was there, and is not any more */
	ERROR_KIND_RANGE,           /* it is there, and not that part of it */
	ERROR_KIND_CONFLICT,        /* the state does not allow it */
	ERROR_KIND_TOO_LARGE,       /* beyond a stated bound */
	ERROR_KIND_MEDIA_TYPE,      /* a content type this path does not take */
	ERROR_KIND_UNPROCESSABLE,   /* well-formed, but refused by policy */
	ERROR_KIND_RATE_LIMITED,    /* too many; try again later */
	ERROR_KIND_NOT_IMPLEMENTED, /* known, and not done here */
	ERROR_KIND_UNAVAILABLE,     /* try again later */
	ERROR_KIND_INTERNAL,        /* our fault */
};

enum error_code {
	E_NONE,
#define ERROR(name, kind, severity, audit, slug, title) E_##name,
#include "base/error.def"
#undef ERROR
	E_COUNT
};

struct error_info {
	enum error_kind kind;
	int severity;      /* OCSF, 1 to 6 */
	bool audit;        /* a refusal that must reach the audit log */
	const char *name;  /* reason code, as in problems and leaves */
	const char *slug;  /* last part of the problem "type" */
	const char *title; /* fixed text, same for every occurrence */
};

struct error {
	enum error_code code;
	bool recorded;       /* the audit log holds it already */
	int retry_after_s;   /* 0, or what to say in Retry-After */
	const char *pointer; /* RFC 6901 pointer to the bad member, or NULL; static */
	const char *site;    /* "file.c:42" where it was raised; log only */
	char detail[160];    /* for the client: no secrets, no SQL, no paths */
	char cause[160];     /* for the log: OpenSSL, libpq or errno text */
};

const struct error_info *error_info(enum error_code code);

/* The code with this reason name ("BAD_PROOF"), or E_NONE. */
enum error_code error_code_of(const char *name);

#define ERROR_STR_(x) #x
#define ERROR_STR(x) ERROR_STR_(x)
#define ERROR_SITE __FILE__ ":" ERROR_STR(__LINE__)

/*
 * Records the failure; its value is false, so that it can be returned.
 * (The literal false lets static analysers see it, too.)
 */
#define error_set(err, code, ...) \
	(error_set_at((err), (code), NULL, ERROR_SITE, __VA_ARGS__), false)
#define error_set_field(err, code, pointer, ...) \
	(error_set_at((err), (code), (pointer), ERROR_SITE, __VA_ARGS__), false)

void error_set_at(struct error *err, enum error_code code, const char *pointer, const char *site,
    const char *detail_fmt, ...) __attribute__((format(printf, 5, 6), nonnull(1, 4, 5)));

/* Fill err->cause (the log's part) from errno, OpenSSL's queue (emptied), or our own words. */
void error_cause_errno(struct error *err);
void error_cause_openssl(struct error *err);
void error_cause(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "CODE: detail (cause) at site" for logs and command lines. */
const char *error_text(const struct error *err, char *out, unsigned out_len);

#endif

/* migrations: the files of db/migrations/ and db/shred_migrations/, compiled in by
 * cmake/Migrations.cmake. Internal to db/. */
#ifndef DB_MIGRATIONS_H
#define DB_MIGRATIONS_H

#include <stddef.h>
#include <stdint.h>

struct migration {
	const char *name;   /* "0001_audit" */
	const uint8_t *sql; /* NUL-terminated text */
	size_t sql_len;     /* without the NUL */
};
extern const struct migration MIGRATIONS[]; /* in order; number = index + 1 */
extern const size_t MIGRATIONS_COUNT;
extern const struct migration SHRED_MIGRATIONS[];
extern const size_t SHRED_MIGRATIONS_COUNT;

#endif

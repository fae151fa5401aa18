#include "provisioning/operator_store.h"

#include "base/mem.h"

#define ROLES_OF_P "(SELECT string_agg(role, ',') FROM person_role WHERE person = p.id)"
#define ROLES_TEXT_MAX 63
#define PERSON_COLUMNS                                                               \
	"p.id, p.handle, p.name, " ROLES_OF_P ", p.active, p.created_at_s,"          \
	" (SELECT max(not_after_at_s) FROM operator_certificate WHERE person = p.id" \
	"  AND signature IS NOT NULL AND revoked_at_s IS NULL),"                     \
	" EXISTS (SELECT FROM operator_certificate WHERE person = p.id"              \
	"  AND signature IS NULL AND revoked_at_s IS NULL)"

/* $1 name */
static const struct stmt PERSON_LOCK =
    STMT("operator_person_lock", 1, 1, "SELECT id FROM person WHERE name = $1::text FOR UPDATE");

static const struct stmt ADMINS_LOCK = STMT("operator_admins_lock", 0, 1,
    "SELECT p.id FROM person AS p WHERE p.active"
    " AND EXISTS (SELECT FROM person_role AS r WHERE r.person = p.id AND r.role = 'admin')"
    " ORDER BY p.id FOR UPDATE");

/* $1 name */
static const struct stmt PERSON_READ = STMT("operator_person_read", 1, 8,
    "SELECT " PERSON_COLUMNS " FROM person AS p WHERE p.name = $1::text");

/* $1 after which id, $2 how many */
static const struct stmt PERSONS_LIST = STMT("operator_persons_list", 2, 8,
    "SELECT " PERSON_COLUMNS " FROM person AS p WHERE p.id > $1::int8 ORDER BY p.id"
    " LIMIT $2::int8");

/* $1 serial */
static const struct stmt CALLER_READ = STMT("operator_caller_read", 1, 10,
    "SELECT " PERSON_COLUMNS ", c.revoked_at_s IS NOT NULL, c.signature IS NOT NULL"
    " FROM operator_certificate AS c JOIN person AS p ON p.id = c.person"
    " WHERE c.serial = $1::bytea");

/* $1 how many */
static const struct stmt CALLERS_LIST = STMT("operator_callers_list", 1, 4,
    "SELECT c.serial, p.id, p.handle, " ROLES_OF_P " FROM operator_certificate AS c"
    " JOIN person AS p ON p.id = c.person"
    " WHERE p.active AND c.revoked_at_s IS NULL AND c.signature IS NOT NULL"
    " ORDER BY c.serial LIMIT $1::int8");

/* $1 SHA-256 of the key */
static const struct stmt KEY_READ = STMT("operator_key_read", 1, 3,
    "SELECT person, serial, revoked_at_s IS NOT NULL FROM operator_certificate"
    " WHERE spki_sha256 = $1::bytea");

/* $1 handle, $2 name, $3 now */
static const struct stmt PERSON_INSERT = STMT("operator_person_insert", 3, 1,
    "INSERT INTO person (handle, name, created_at_s) VALUES ($1::text, $2::text, $3::int8)"
    " ON CONFLICT DO NOTHING RETURNING id");

/* $1 id, $2 active */
static const struct stmt PERSON_SET_ACTIVE = STMT(
    "operator_person_set_active", 2, 0, "UPDATE person SET active = $2::bool WHERE id = $1::int8");

/* $1 person, $2 roles */
static const struct stmt ROLES_INSERT = STMT("operator_roles_insert", 2, 0,
    "INSERT INTO person_role (person, role) SELECT $1::int8, unnest($2::text[])"
    " ON CONFLICT DO NOTHING");

/* $1 person */
static const struct stmt ROLES_DELETE =
    STMT("operator_roles_delete", 1, 0, "DELETE FROM person_role WHERE person = $1::int8");

/* $1 serial, $2 person, $3 issuer, $4 key, $5 not before, $6 not after, $7 tbs, $8 nonce, $9 now */
static const struct stmt CERTIFICATE_INSERT = STMT("operator_certificate_insert", 9, 1,
    "INSERT INTO operator_certificate (serial, person, issuer, spki_sha256, not_before_at_s,"
    " not_after_at_s, tbs, nonce, created_at_s) VALUES ($1::bytea, $2::int8, $3::bytea,"
    " $4::bytea, $5::int8, $6::int8, $7::bytea, $8::bytea, $9::int8)"
    " ON CONFLICT DO NOTHING RETURNING person");

/* $1 person, $2 now */
static const struct stmt CERTIFICATES_REVOKE = STMT("operator_certificates_revoke", 2, 0,
    "UPDATE operator_certificate SET revoked_at_s = $2::int8"
    " WHERE person = $1::int8 AND revoked_at_s IS NULL");

/* $1 serial */
static const struct stmt CERTIFICATE_READ = STMT("operator_certificate_read", 1, 2,
    "SELECT tbs, signature FROM operator_certificate WHERE serial = $1::bytea");

/* $1 serial, $2 person */
static const struct stmt RENEWAL_READ = STMT("operator_renewal_read", 2, 4,
    "SELECT issuer, not_after_at_s, tbs, signature FROM operator_certificate"
    " WHERE serial = $1::bytea AND person = $2::int8 AND revoked_at_s IS NULL");

/* $1 name of a person: the newest signed certificate that is not revoked */
static const struct stmt CERTIFICATE_NEWEST = STMT("operator_certificate_newest", 1, 2,
    "SELECT c.tbs, c.signature FROM operator_certificate AS c JOIN person AS p ON p.id = c.person"
    " WHERE p.name = $1::text AND c.signature IS NOT NULL AND c.revoked_at_s IS NULL"
    " ORDER BY c.created_at_s DESC, c.serial LIMIT 1");

static const struct stmt GENERATION_READ =
    STMT("operator_generation_read", 0, 1, "SELECT value FROM generation WHERE name = 'callers'");

/* $1 how many */
static const struct stmt UNSIGNED_LIST = STMT("operator_unsigned_list", 1, 5,
    "SELECT c.serial, c.issuer, c.tbs, p.name, " ROLES_OF_P
    " FROM operator_certificate AS c JOIN person AS p ON p.id = c.person"
    " WHERE c.signature IS NULL AND c.revoked_at_s IS NULL"
    " ORDER BY c.created_at_s, c.serial LIMIT $1::int8");

/* $1 serial, $2 signature. One that is there is never replaced. */
static const struct stmt SIGNATURE_SET = STMT("operator_signature_set", 2, 1,
    "UPDATE operator_certificate SET signature = $2::bytea"
    " WHERE serial = $1::bytea AND signature IS NULL AND revoked_at_s IS NULL RETURNING person");

static const struct stmt *const STATEMENTS[] = {
    &PERSON_LOCK,
    &ADMINS_LOCK,
    &CERTIFICATE_NEWEST,
    &PERSON_READ,
    &PERSONS_LIST,
    &CALLER_READ,
    &CALLERS_LIST,
    &KEY_READ,
    &PERSON_INSERT,
    &PERSON_SET_ACTIVE,
    &ROLES_INSERT,
    &ROLES_DELETE,
    &CERTIFICATE_INSERT,
    &CERTIFICATES_REVOKE,
    &CERTIFICATE_READ,
    &RENEWAL_READ,
    &GENERATION_READ,
    &UNSIGNED_LIST,
    &SIGNATURE_SET,
    NULL,
};

const struct stmt *const *
operator_statements(void)
{
	return STATEMENTS;
}

unsigned
operator_roles_of_list(const char *list)
{
	unsigned roles = 0;

	while (*list != '\0') {
		size_t len = strcspn(list, ",");
		char word[16];
		unsigned role;

		if (len < sizeof word) {
			memcpy(word, list, len);
			word[len] = '\0';
			roles |= operator_role_of(word, &role) ? role : 0;
		}
		list += len + (list[len] == ',');
	}
	return roles;
}

static unsigned
read_roles(const struct rows *rows, size_t row, int column)
{
	char list[ROLES_TEXT_MAX + 1];

	if (rows_null(rows, row, column))
		return 0;
	rows_text(rows, row, column, list, sizeof list);
	return operator_roles_of_list(list);
}

static void
read_person(const struct rows *rows, size_t row, struct operator_person *out)
{
	*out = (struct operator_person){
	    .id = rows_int(rows, row, 0),
	    .roles = read_roles(rows, row, 3),
	    .active = rows_bool(rows, row, 4),
	    .created_at_s = rows_int(rows, row, 5),
	    .not_after_s = rows_int(rows, row, 6),
	    .pending = rows_bool(rows, row, 7),
	};
	rows_text(rows, row, 1, out->handle, sizeof out->handle);
	rows_text(rows, row, 2, out->name, sizeof out->name);
}

/* ---- reading ---- */

static bool
read_key(struct tx *tx, const uint8_t *spki_sha256, struct operator_known *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(spki_sha256, SHA256_BYTES));
	if (!tx_query(tx, &KEY_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	out->key_exists = true;
	out->key_person = rows_int(rows, 0, 0);
	memcpy(out->key_serial, rows_bytes(rows, 0, 1).data, SERIAL_BYTES);
	out->key_revoked = rows_bool(rows, 0, 2);
	return true;
}

bool
operator_read_known(struct tx *tx, const char *name, const uint8_t *spki_sha256,
    struct operator_known *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct operator_known known = {0};
	struct operator_person person;

	params_text(&params, name);
	if (!tx_run(tx, &PERSON_LOCK, &params, err) ||
	    !tx_query(tx, &PERSON_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) > 0) {
		read_person(rows, 0, &person);
		known.person_exists = true;
		known.person = person.id;
		memcpy(known.handle, person.handle, sizeof known.handle);
		known.active = person.active;
		known.roles = person.roles;
		known.pending = person.pending;
	}
	if (spki_sha256 != NULL && !read_key(tx, spki_sha256, &known, err))
		return false;
	*out = known;
	return true;
}

bool
operator_lock_admins(struct tx *tx, int64_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, &ADMINS_LOCK, &params, &rows, err))
		return false;
	*out_count = (int64_t)rows_count(rows);
	return true;
}

bool
operator_get(struct db *db, const char *name, struct operator_person *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, name);
	if (!db_query(db, &PERSON_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "nobody has this name");
	read_person(rows, 0, out);
	return true;
}

bool
operator_get_locked(struct tx *tx, const char *name, struct operator_person *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, name);
	if (!tx_query(tx, &PERSON_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "nobody has this name");
	read_person(rows, 0, out);
	return true;
}

bool
operator_list(struct db *db, int64_t after_id, size_t limit, struct operator_person *out,
    size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, after_id);
	params_int8(&params, (int64_t)limit);
	if (!db_query(db, &PERSONS_LIST, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++)
		read_person(rows, i, &out[i]);
	*out_count = rows_count(rows);
	return true;
}

bool
operator_certificate_find(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct buf *out_der, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	if (!db_query(db, &CERTIFICATE_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "no operator has this certificate");
	if (!rows_null(rows, 0, 1))
		certificate_assemble(rows_bytes(rows, 0, 0), rows_bytes(rows, 0, 1), out_der);
	return true;
}

bool
operator_renewal_find(struct db *db, int64_t person, const uint8_t serial[static SERIAL_BYTES],
    struct operator_renewal *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	params_int8(&params, person);
	if (!db_query(db, &RENEWAL_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "the person has no such certificate");
	memcpy(out->serial, serial, SERIAL_BYTES);
	memcpy(out->issuer, rows_bytes(rows, 0, 0).data, ISSUER_ID_BYTES);
	out->not_after_s = rows_int(rows, 0, 1);
	if (!rows_null(rows, 0, 3))
		certificate_assemble(
		    rows_bytes(rows, 0, 2), rows_bytes(rows, 0, 3), &out->certificate);
	return true;
}

bool
operator_certificate_newest(struct db *db, const char *name, struct buf *out_der, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, name);
	if (!db_query(db, &CERTIFICATE_NEWEST, &params, &rows, err))
		return false;
	if (rows_count(rows) > 0)
		certificate_assemble(rows_bytes(rows, 0, 0), rows_bytes(rows, 0, 1), out_der);
	return true;
}

bool
operator_find_caller(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct operator_person *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct operator_person person;

	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	if (!db_query(db, &CALLER_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0 || !rows_bool(rows, 0, 9))
		return error_set(err, E_CALLER_UNKNOWN, "the certificate is not on record");
	read_person(rows, 0, &person);
	if (rows_bool(rows, 0, 8) || !person.active)
		return error_set(err, E_CALLER_REVOKED, "the certificate was taken away");
	*out = person;
	return true;
}

bool
operator_list_callers(
    struct db *db, struct operator_caller **out, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct operator_caller *list;

	params_int8(&params, OPERATOR_CALLERS_MAX);
	if (!db_query(db, &CALLERS_LIST, &params, &rows, err))
		return false;
	list = xcalloc(rows_count(rows) + 1, sizeof *list);
	for (size_t i = 0; i < rows_count(rows); i++) {
		memcpy(list[i].serial, rows_bytes(rows, i, 0).data, SERIAL_BYTES);
		list[i].person = rows_int(rows, i, 1);
		rows_text(rows, i, 2, list[i].handle, sizeof list[i].handle);
		list[i].roles = read_roles(rows, i, 3);
	}
	*out = list;
	*out_count = rows_count(rows);
	return true;
}

bool
operator_generation(struct db *db, int64_t *out, struct error *err)
{
	struct params none = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &GENERATION_READ, &none, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_INTERNAL, "the generation of callers has no row");
	*out = rows_int(rows, 0, 0);
	return true;
}

/* ---- writing ---- */

bool
operator_insert_person(struct tx *tx, const char *handle, const char *name, int64_t now_s,
    int64_t *out_id, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, handle);
	params_text(&params, name);
	params_int8(&params, now_s);
	if (!tx_query(tx, &PERSON_INSERT, &params, &rows, err))
		return false;
	*out_id = rows_count(rows) == 0 ? 0 : rows_int(rows, 0, 0);
	return true;
}

bool
operator_set_active(struct tx *tx, int64_t person, bool active, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, person);
	params_bool(&params, active);
	return tx_run(tx, &PERSON_SET_ACTIVE, &params, err);
}

bool
operator_insert_roles(struct tx *tx, int64_t person, unsigned roles, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	struct bytes names[ROLE_COUNT];
	size_t count = 0;

	for (unsigned bit = 0; bit < ROLE_COUNT; bit++)
		if ((roles & 1U << bit) != 0)
			names[count++] = bytes_of_text(operator_role_name(1U << bit));
	params_int8(&params, person);
	params_text_array(&params, names, count);
	return tx_run(tx, &ROLES_INSERT, &params, err);
}

bool
operator_delete_roles(struct tx *tx, int64_t person, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, person);
	return tx_run(tx, &ROLES_DELETE, &params, err);
}

bool
operator_insert_certificate(struct tx *tx, const struct issued *issued, int64_t person,
    int64_t now_s, bool *out_inserted, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(issued->serial, sizeof issued->serial));
	params_int8(&params, person);
	params_bytea(&params, bytes_of(issued->issuer->id, ISSUER_ID_BYTES));
	params_bytea(&params, bytes_of(issued->spki_sha256, sizeof issued->spki_sha256));
	params_int8(&params, issued->not_before_s);
	params_int8(&params, issued->not_after_s);
	params_bytea(&params, buf_bytes(&issued->tbs));
	params_bytea(&params, bytes_of(issued->nonce, sizeof issued->nonce));
	params_int8(&params, now_s);
	if (!tx_query(tx, &CERTIFICATE_INSERT, &params, &rows, err))
		return false;
	*out_inserted = rows_count(rows) == 1;
	return true;
}

bool
operator_revoke_certificates(struct tx *tx, int64_t person, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, person);
	params_int8(&params, now_s);
	return tx_run(tx, &CERTIFICATES_REVOKE, &params, err);
}

/* ---- on the host ---- */

bool
operator_list_unsigned(
    struct tx *tx, struct operator_unsigned *out, size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, (int64_t)max);
	if (!tx_query(tx, &UNSIGNED_LIST, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		out[i] = (struct operator_unsigned){.roles = read_roles(rows, i, 4)};
		memcpy(out[i].serial, rows_bytes(rows, i, 0).data, SERIAL_BYTES);
		memcpy(out[i].issuer, rows_bytes(rows, i, 1).data, ISSUER_ID_BYTES);
		buf_append(&out[i].tbs, rows_bytes(rows, i, 2));
		rows_text(rows, i, 3, out[i].name, sizeof out[i].name);
	}
	*out_count = rows_count(rows);
	return true;
}

bool
operator_keep_signature(struct tx *tx, const uint8_t serial[static SERIAL_BYTES],
    struct bytes signature, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	params_bytea(&params, signature);
	if (!tx_query(tx, &SIGNATURE_SET, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "no certificate waits for this signature");
	return true;
}

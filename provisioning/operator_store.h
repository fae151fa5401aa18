/* operator_store: rows of persons, roles and operators' certificates. */
#ifndef PROVISIONING_OPERATOR_STORE_H
#define PROVISIONING_OPERATOR_STORE_H

#include "provisioning/operator.h"

struct operator_known { /* what is on record of a name and a key */
	bool person_exists;
	int64_t person;
	char handle[HANDLE_TEXT_LEN + 1];
	bool active;
	unsigned roles;
	bool pending; /* a certificate waits for its signature */
	bool key_exists;
	int64_t key_person;
	bool key_revoked;
	uint8_t key_serial[SERIAL_BYTES];
};
/* Locks the person's row, if there is one. `spki_sha256` NULL: no key is asked for. */
MUST_CHECK bool operator_read_known(struct tx *tx, const char *name, const uint8_t *spki_sha256,
    struct operator_known *out, struct error *err);

/* Locks all persons who are admins now, and counts them. */
MUST_CHECK bool operator_lock_admins(struct tx *tx, int64_t *out_count, struct error *err);

/* The same as operator_get(), and what this transaction wrote. E_NOT_FOUND */
MUST_CHECK bool operator_get_locked(
    struct tx *tx, const char *name, struct operator_person *out, struct error *err);

/* *out_id 0: somebody else was first. */
MUST_CHECK bool operator_insert_person(struct tx *tx, const char *handle, const char *name,
    int64_t now_s, int64_t *out_id, struct error *err);
MUST_CHECK bool operator_set_active(struct tx *tx, int64_t person, bool active, struct error *err);
MUST_CHECK bool operator_insert_roles(
    struct tx *tx, int64_t person, unsigned roles, struct error *err);
MUST_CHECK bool operator_delete_roles(struct tx *tx, int64_t person, struct error *err);
/* *out_inserted false: the key is on record already. */
MUST_CHECK bool operator_insert_certificate(struct tx *tx, const struct issued *issued,
    int64_t person, int64_t now_s, bool *out_inserted, struct error *err);
MUST_CHECK bool operator_revoke_certificates(
    struct tx *tx, int64_t person, int64_t now_s, struct error *err);

/* "station,admin" -> bits; unknown words are left out. */
unsigned operator_roles_of_list(const char *list);

#endif

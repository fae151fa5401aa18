/* revoke_store: devices, certificates and requests, as changes of status read and write them. */
#ifndef PROVISIONING_REVOKE_STORE_H
#define PROVISIONING_REVOKE_STORE_H

#include "ca/status.h"
#include "db/db.h"
#include "provisioning/revoke.h"

/* Which device is meant, 0: none. The value has its form already: octets of a serial or pseudonym.
 */
MUST_CHECK bool revoke_find_by_serial(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    int64_t *out_device, struct error *err);
MUST_CHECK bool revoke_find_by_pseudonym(struct db *db, const uint8_t pseudonym[static UUID_BYTES],
    int64_t *out_device, struct error *err);
MUST_CHECK bool revoke_find_by_handle(
    struct db *db, const char *handle, int64_t *out_device, struct error *err);

struct revoke_target {
	int64_t id;
	enum device_state state;
	uint8_t pseudonym[UUID_BYTES];
	int64_t tag_count;
	bool unlinkable;                   /* of such a batch */
	bool changed, blocked, readmitted; /* by decide: what write has to do */
};
struct revoke_certificate {
	int64_t device;
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	char handle[HANDLE_TEXT_LEN + 1];
	int64_t not_after_s;
	enum device_state state; /* DEVICE_ACTIVE: good */
	bool changed;
	enum reason reason; /* of the change */
	int64_t at_s;       /* the same: 0 is now */
};
struct revoke_snapshot { /* both sorted by device; certificates then from the oldest on */
	struct revoke_target *devices;
	size_t device_count;
	struct revoke_certificate *certificates;
	size_t certificate_count;
};
void revoke_snapshot_clear(struct revoke_snapshot *snapshot);
DEFER_DECLARE_CLEAR(struct revoke_snapshot, revoke_snapshot_clear)

/* Locks the devices FOR UPDATE in order of id, then reads. */
MUST_CHECK bool revoke_read_locked(struct tx *tx, const int64_t *devices, size_t count,
    struct revoke_snapshot *out, struct error *err);
/* The same without locks, of one device: for a preview. */
MUST_CHECK bool revoke_read_preview(
    struct db *db, int64_t device, struct revoke_snapshot *out, struct error *err);

/* Writes what is marked in the snapshot: states, tags, status. */
MUST_CHECK bool revoke_write_snapshot(
    struct tx *tx, const struct revoke_snapshot *snapshot, int64_t now_s, struct error *err);

struct revoke_request_row {
	const char *id;
	int64_t person;
	enum status_action action;
	enum reason reason;
	enum revoke_outcome outcome;
	int64_t count;
	int64_t at_s;
};
/* Nothing where the id is there already. */
MUST_CHECK bool revoke_insert_request(
    struct tx *tx, const struct revoke_request_row *row, struct error *err);
/* *out_found false: no such request */
MUST_CHECK bool revoke_read_request(
    struct db *db, const char *id, struct revoke_record *out, bool *out_found, struct error *err);

#endif

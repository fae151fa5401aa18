#include "provisioning/revoke_store.h"

#include <stdlib.h>

#include "base/mem.h"

/* $1 month, $2 serial */
static const struct stmt FIND_BY_SERIAL = STMT("revoke_find_by_serial", 2, 1,
    "SELECT device FROM certificate WHERE month = $1::int2 AND serial = $2::bytea");

/* $1 pseudonym */
static const struct stmt FIND_BY_PSEUDONYM = STMT("revoke_find_by_pseudonym", 1, 1,
    "SELECT device FROM certificate WHERE pseudonym = $1::uuid LIMIT 1");

/* $1 handle */
static const struct stmt FIND_BY_HANDLE = STMT("revoke_find_by_handle", 1, 1,
    "SELECT device FROM certificate WHERE handle = $1::text LIMIT 1");

/* $1 ids */
static const struct stmt DEVICES_LOCK = STMT("revoke_devices_lock", 1, 1,
    "SELECT id FROM device WHERE id = ANY($1::int8[]) ORDER BY id FOR UPDATE");

/* $1 ids */
static const struct stmt DEVICES_READ = STMT("revoke_devices_read", 1, 5,
    "SELECT d.id, d.state, d.pseudonym,"
    " (SELECT count(*) FROM device_tag WHERE device = d.id),"
    " (SELECT mode = 'unlinkable' FROM batch WHERE id = d.batch)"
    " FROM device AS d WHERE d.id = ANY($1::int8[]) ORDER BY d.id");

/* $1 devices */
static const struct stmt CERTIFICATES_READ = STMT("revoke_certificates_read", 1, 6,
    "SELECT c.device, c.serial, c.issuer, c.handle, c.not_after_at_s, r.state"
    " FROM certificate AS c LEFT JOIN LATERAL (SELECT state FROM revocation"
    "  WHERE month = c.month AND serial = c.serial LIMIT 1) AS r ON true"
    " WHERE c.device = ANY($1::int8[]) ORDER BY c.device, c.not_before_at_s, c.serial");

/* $1 ids, $2 states */
static const struct stmt DEVICES_UPDATE = STMT("revoke_devices_update", 2, 0,
    "UPDATE device AS d SET state = u.state FROM unnest($1::int8[], $2::text[]) AS u(id, state)"
    " WHERE d.id = u.id");

/* $1 devices, $2 blocked, $3 readmit */
static const struct stmt TAGS_UPDATE = STMT("revoke_tags_update", 3, 0,
    "UPDATE device_tag AS t SET blocked = u.blocked, readmit = u.readmit"
    " FROM unnest($1::int8[], $2::bool[], $3::bool[]) AS u(device, blocked, readmit)"
    " WHERE t.device = u.device");

/* $1 id, $2 person, $3 action, $4 reason, $5 count, $6 time, $7 state */
static const struct stmt REQUEST_INSERT = STMT("revoke_request_insert", 7, 0,
    "INSERT INTO status_request (id, person, action, reason, state, target_count, at_s)"
    " VALUES ($1::text, $2::int8, $3::text, $4::int2, $7::text, $5::int8, $6::int8)"
    " ON CONFLICT (id) DO NOTHING");

/* $1 id */
static const struct stmt REQUEST_READ = STMT("revoke_request_read", 1, 5,
    "SELECT action, reason, target_count, at_s, state = 'refused' FROM status_request WHERE id = "
    "$1::text");

static const struct stmt *const STATEMENTS[] = {
    &FIND_BY_SERIAL,
    &FIND_BY_PSEUDONYM,
    &FIND_BY_HANDLE,
    &DEVICES_LOCK,
    &DEVICES_READ,
    &CERTIFICATES_READ,
    &DEVICES_UPDATE,
    &TAGS_UPDATE,
    &REQUEST_INSERT,
    &REQUEST_READ,
    NULL,
};

const struct stmt *const *
revoke_statements(void)
{
	return STATEMENTS;
}

/* ---- which device ---- */

static bool
find_device(struct db *db, const struct stmt *stmt, const struct params *params,
    int64_t *out_device, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, stmt, params, &rows, err))
		return false;
	*out_device = rows_count(rows) == 0 ? 0 : rows_int(rows, 0, 0);
	return true;
}

bool
revoke_find_by_serial(struct db *db, const uint8_t serial[static SERIAL_BYTES], int64_t *out_device,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	uint16_t month;

	*out_device = 0;
	if (!serial_month(serial, &month))
		return true;
	params_int2(&params, (int16_t)month);
	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	return find_device(db, &FIND_BY_SERIAL, &params, out_device, err);
}

bool
revoke_find_by_pseudonym(struct db *db, const uint8_t pseudonym[static UUID_BYTES],
    int64_t *out_device, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_uuid(&params, pseudonym);
	return find_device(db, &FIND_BY_PSEUDONYM, &params, out_device, err);
}

bool
revoke_find_by_handle(struct db *db, const char *handle, int64_t *out_device, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, handle);
	return find_device(db, &FIND_BY_HANDLE, &params, out_device, err);
}

/* ---- the snapshot ---- */

void
revoke_snapshot_clear(struct revoke_snapshot *snapshot)
{
	free(snapshot->devices);
	free(snapshot->certificates);
	*snapshot = (struct revoke_snapshot){0};
}

static bool
fill_devices(const struct rows *rows, struct revoke_snapshot *out, struct error *err)
{
	out->device_count = rows_count(rows);
	out->devices = xcalloc(out->device_count + 1, sizeof *out->devices);
	for (size_t i = 0; i < out->device_count; i++) {
		struct revoke_target *device = &out->devices[i];
		char state[10];

		device->id = rows_int(rows, i, 0);
		rows_text(rows, i, 1, state, sizeof state);
		if (!device_state_of(state, &device->state))
			return error_set(err, E_INTERNAL, "a device in an unknown state");
		memcpy(device->pseudonym, rows_bytes(rows, i, 2).data, UUID_BYTES);
		device->tag_count = rows_int(rows, i, 3);
		device->unlinkable = rows_bool(rows, i, 4);
	}
	return true;
}

static void
fill_certificates(const struct rows *rows, struct revoke_snapshot *out)
{
	out->certificate_count = rows_count(rows);
	out->certificates = xcalloc(out->certificate_count + 1, sizeof *out->certificates);
	for (size_t i = 0; i < out->certificate_count; i++) {
		struct revoke_certificate *certificate = &out->certificates[i];
		char state[10];

		certificate->device = rows_int(rows, i, 0);
		memcpy(certificate->serial, rows_bytes(rows, i, 1).data, SERIAL_BYTES);
		memcpy(certificate->issuer, rows_bytes(rows, i, 2).data, ISSUER_ID_BYTES);
		rows_text(rows, i, 3, certificate->handle, sizeof certificate->handle);
		certificate->not_after_s = rows_int(rows, i, 4);
		certificate->state = DEVICE_ACTIVE;
		if (rows_null(rows, i, 5))
			continue;
		rows_text(rows, i, 5, state, sizeof state);
		certificate->state = strcmp(state, "held") == 0 ? DEVICE_HELD : DEVICE_REVOKED;
	}
}

bool
revoke_read_locked(struct tx *tx, const int64_t *devices, size_t count, struct revoke_snapshot *out,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *device_rows = NULL;
	DEFER(rows_free) struct rows *certificate_rows = NULL;

	/* Statements of their own, so that what is read is newer than the locks. */
	params_int8_array(&params, devices, count);
	if (!tx_run(tx, &DEVICES_LOCK, &params, err) ||
	    !tx_query(tx, &DEVICES_READ, &params, &device_rows, err) ||
	    !tx_query(tx, &CERTIFICATES_READ, &params, &certificate_rows, err) ||
	    !fill_devices(device_rows, out, err))
		return false;
	fill_certificates(certificate_rows, out);
	return true;
}

bool
revoke_read_preview(struct db *db, int64_t device, struct revoke_snapshot *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *device_rows = NULL;
	DEFER(rows_free) struct rows *certificate_rows = NULL;

	params_int8_array(&params, &device, 1);
	if (!db_query(db, &DEVICES_READ, &params, &device_rows, err) ||
	    !db_query(db, &CERTIFICATES_READ, &params, &certificate_rows, err) ||
	    !fill_devices(device_rows, out, err))
		return false;
	fill_certificates(certificate_rows, out);
	return true;
}

static bool
update_devices(struct tx *tx, const struct revoke_snapshot *snapshot, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(snapshot->device_count + 1, sizeof *ids);
	DEFER(mem_free)
	struct bytes *states = xcalloc(snapshot->device_count + 1, sizeof *states);
	size_t count = 0;

	for (size_t i = 0; i < snapshot->device_count; i++) {
		const struct revoke_target *device = &snapshot->devices[i];

		if (!device->changed)
			continue;
		ids[count] = device->id;
		states[count++] = bytes_of_text(device_state_name(device->state));
	}
	if (count == 0)
		return true;
	params_int8_array(&params, ids, count);
	params_text_array(&params, states, count);
	return tx_run(tx, &DEVICES_UPDATE, &params, err);
}

/* Only revoked devices get here: a leave to enroll again is given beside the block. */
static bool
update_tags(struct tx *tx, const struct revoke_snapshot *snapshot, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(snapshot->device_count + 1, sizeof *ids);
	DEFER(mem_free) bool *blocked = xcalloc(snapshot->device_count + 1, sizeof *blocked);
	DEFER(mem_free) bool *readmit = xcalloc(snapshot->device_count + 1, sizeof *readmit);
	size_t count = 0;

	for (size_t i = 0; i < snapshot->device_count; i++) {
		const struct revoke_target *device = &snapshot->devices[i];

		if (!device->blocked && !device->readmitted)
			continue;
		ids[count] = device->id;
		blocked[count] = true;
		readmit[count++] = device->readmitted;
	}
	if (count == 0)
		return true;
	params_int8_array(&params, ids, count);
	params_bool_array(&params, blocked, count);
	params_bool_array(&params, readmit, count);
	return tx_run(tx, &TAGS_UPDATE, &params, err);
}

bool
revoke_write_snapshot(
    struct tx *tx, const struct revoke_snapshot *snapshot, int64_t now_s, struct error *err)
{
	DEFER(mem_free)
	struct status_change *changes = xcalloc(snapshot->certificate_count + 1, sizeof *changes);
	size_t count = 0;

	for (size_t i = 0; i < snapshot->certificate_count; i++) {
		const struct revoke_certificate *certificate = &snapshot->certificates[i];
		struct status_change *change = &changes[count];

		if (!certificate->changed)
			continue;
		memcpy(change->serial, certificate->serial, sizeof change->serial);
		memcpy(change->issuer, certificate->issuer, sizeof change->issuer);
		change->state = certificate->state;
		change->reason = certificate->reason;
		change->not_after_s = certificate->not_after_s;
		change->at_s = certificate->at_s;
		count++;
	}
	return update_devices(tx, snapshot, err) && update_tags(tx, snapshot, err) &&
	       status_write(tx, changes, count, now_s, err);
}

/* ---- requests ---- */

bool
revoke_insert_request(struct tx *tx, const struct revoke_request_row *row, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, row->id);
	params_int8(&params, row->person);
	params_text(&params, status_action_name(row->action));
	params_int2(&params, (int16_t)row->reason);
	params_int8(&params, row->count);
	params_int8(&params, row->at_s);
	params_text(&params, row->outcome == REVOKE_REFUSED ? "refused" : "applied");
	return tx_run(tx, &REQUEST_INSERT, &params, err);
}

bool
revoke_read_request(
    struct db *db, const char *id, struct revoke_record *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	char action[10];

	params_text(&params, id);
	if (!db_query(db, &REQUEST_READ, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) > 0;
	if (!*out_found)
		return true;
	rows_text(rows, 0, 0, action, sizeof action);
	if (!status_action_of(action, &out->action))
		return error_set(err, E_INTERNAL, "a request of another version");
	out->reason = (enum reason)rows_int(rows, 0, 1);
	out->count = rows_int(rows, 0, 2);
	out->at_s = rows_int(rows, 0, 3);
	out->outcome = rows_bool(rows, 0, 4) ? REVOKE_REFUSED : REVOKE_APPLIED;
	return true;
}

/*
 * status: the life of a device's certificates: one table of state and action pairs. Pure.
 *
 *            revoke     hold      release   readmit
 *   active   revoked    held      conflict  conflict
 *   held     revoked    conflict  active    conflict
 *   revoked  conflict   conflict  conflict  (tags) leave to enroll again; state stays
 *   replaced conflict   conflict  conflict  conflict
 * (`revoke` of what is revoked already, and `hold` of what is held, answer as before: idempotent.)
 */
#ifndef CA_STATUS_H
#define CA_STATUS_H

#include "base/error.h"
#include "ca/reason.h"
#include "ca/serial.h"
#include "db/db.h"
#include "keeper/key.h"

enum device_state {
	DEVICE_ACTIVE,
	DEVICE_HELD,
	DEVICE_REVOKED,
	DEVICE_REPLACED,
	DEVICE_STATE_COUNT
};
enum status_action {
	STATUS_REVOKE,
	STATUS_HOLD,
	STATUS_RELEASE,
	STATUS_READMIT,
	STATUS_ACTION_COUNT
};

const char *device_state_name(enum device_state state);
bool device_state_of(const char *name, enum device_state *out);
const char *status_action_name(enum status_action action);
bool status_action_of(const char *name, enum status_action *out);

struct status_step {
	enum device_state next;
	bool changes; /* false: it is so already; nothing is written */
};
/* E_STATE_CONFLICT   the table does not allow it; `detail` says what the state is */
MUST_CHECK bool status_next(
    enum device_state state, enum status_action action, struct status_step *out, struct error *err);

/* One certificate's change of status, for status_write(). */
struct status_change {
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	enum device_state state; /* DEVICE_ACTIVE: released */
	enum reason reason;
	int64_t not_after_s;
	int64_t at_s; /* when it came into force: 0: now; else it was in force here before */
};
/*
 * Takes status_head, gives each change its place in the global order, and writes status_change and
 * revocation. In the ledger's transaction, after all other row locks and before the fence.
 */
MUST_CHECK bool status_write(struct tx *tx, const struct status_change *changes, size_t count,
    int64_t now_s, struct error *err);

const struct stmt *const *status_statements(void);

#endif

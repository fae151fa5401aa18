/* revoke_plan: what an action does to a device and its certificates. Pure. */
#ifndef PROVISIONING_REVOKE_PLAN_H
#define PROVISIONING_REVOKE_PLAN_H

#include "provisioning/revoke_store.h"

#define REVOKE_CERTIFICATES_MAX 1000 /* of one device in one transaction */

struct revoke_plan {
	struct revoke_target *device; /* in the snapshot */
	enum status_action action;
	enum reason reason; /* as written: of a hold always REASON_HOLD */
	enum device_state before, after;
	bool changes;                            /* false: it is so already */
	struct revoke_certificate *certificates; /* the device's, in the snapshot */
	size_t certificate_count;
	size_t change_count; /* of them change */
};

/*
 * Marks nothing. E_UNKNOWN_DEVICE; E_STATE_CONFLICT: the state does not allow it, or a readmission
 * of a device without tags; E_INTERNAL: more than REVOKE_CERTIFICATES_MAX certificates
 */
MUST_CHECK bool revoke_plan_make(struct revoke_snapshot *snapshot, int64_t device,
    enum status_action action, enum reason reason, struct revoke_plan *out, struct error *err);

/* Whether the action changes this certificate of the device. */
bool revoke_plan_changes(
    const struct revoke_plan *plan, const struct revoke_certificate *certificate);

/* Marks the snapshot, so that it is written, and so that later plans see what it leads to. */
void revoke_plan_apply(const struct revoke_plan *plan);

#endif

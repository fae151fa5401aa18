#include "provisioning/revoke_plan.h"

static struct revoke_target *
find_device(const struct revoke_snapshot *snapshot, int64_t id)
{
	for (size_t i = 0; i < snapshot->device_count; i++)
		if (snapshot->devices[i].id == id)
			return &snapshot->devices[i];
	return NULL;
}

/* The snapshot is sorted: a device's certificates are one run. */
static void
find_certificates(const struct revoke_snapshot *snapshot, struct revoke_plan *plan)
{
	size_t first = 0, end;

	while (first < snapshot->certificate_count &&
	       snapshot->certificates[first].device != plan->device->id)
		first++;
	end = first;
	while (end < snapshot->certificate_count &&
	       snapshot->certificates[end].device == plan->device->id)
		end++;
	plan->certificates = snapshot->certificates + first;
	plan->certificate_count = end - first;
}

static enum reason
written_reason(enum status_action action, enum reason asked)
{
	switch (action) {
	case STATUS_REVOKE: return asked;
	case STATUS_HOLD: return REASON_HOLD;
	case STATUS_RELEASE:
	case STATUS_READMIT:
	case STATUS_ACTION_COUNT: break;
	}
	return REASON_UNSPECIFIED;
}

bool
revoke_plan_changes(const struct revoke_plan *plan, const struct revoke_certificate *certificate)
{
	switch (plan->action) {
	case STATUS_REVOKE: return certificate->state != DEVICE_REVOKED;
	case STATUS_HOLD: return certificate->state == DEVICE_ACTIVE;
	case STATUS_RELEASE: return certificate->state == DEVICE_HELD;
	case STATUS_READMIT:
	case STATUS_ACTION_COUNT: break;
	}
	return false;
}

bool
revoke_plan_make(struct revoke_snapshot *snapshot, int64_t device, enum status_action action,
    enum reason reason, struct revoke_plan *out, struct error *err)
{
	struct revoke_plan plan = {
	    .device = find_device(snapshot, device),
	    .action = action,
	    .reason = written_reason(action, reason),
	};
	struct status_step step;

	if (plan.device == NULL)
		return error_set(err, E_UNKNOWN_DEVICE, "the device is not on record");
	if (!status_next(plan.device->state, action, &step, err))
		return false;
	if (action == STATUS_HOLD && plan.device->unlinkable)
		return error_set(err, E_STATE_CONFLICT,
		    "hold is not possible: a device of the unlinkable mode can be revoked, for "
		    "ever, "
		    "and no more");
	if (action == STATUS_READMIT && plan.device->tag_count == 0)
		return error_set(err, E_STATE_CONFLICT,
		    "readmit is not possible: the device has no hardware tags");
	plan.before = plan.device->state;
	plan.after = step.next;
	plan.changes = step.changes;
	find_certificates(snapshot, &plan);
	if (plan.certificate_count > REVOKE_CERTIFICATES_MAX)
		return error_set(err, E_INTERNAL, "a device with more than %d certificates",
		    REVOKE_CERTIFICATES_MAX);
	for (size_t i = 0; plan.changes && i < plan.certificate_count; i++)
		if (revoke_plan_changes(&plan, &plan.certificates[i]))
			plan.change_count++;
	*out = plan;
	return true;
}

void
revoke_plan_apply(const struct revoke_plan *plan)
{
	if (!plan->changes)
		return;
	for (size_t i = 0; i < plan->certificate_count; i++) {
		struct revoke_certificate *certificate = &plan->certificates[i];

		if (!revoke_plan_changes(plan, certificate))
			continue;
		certificate->state = plan->after;
		certificate->reason = plan->reason;
		certificate->changed = true;
	}
	plan->device->changed |= plan->after != plan->before;
	plan->device->state = plan->after;
	plan->device->blocked |= plan->action == STATUS_REVOKE;
	plan->device->readmitted |= plan->action == STATUS_READMIT;
}

#include "ca/status.h"

/* clang-format off */
static const char *const STATE_NAMES[DEVICE_STATE_COUNT] = {
	[DEVICE_ACTIVE]   = "active",
	[DEVICE_HELD]     = "held",
	[DEVICE_REVOKED]  = "revoked",
	[DEVICE_REPLACED] = "replaced",
};

static const char *const ACTION_NAMES[STATUS_ACTION_COUNT] = {
	[STATUS_REVOKE]  = "revoke",
	[STATUS_HOLD]    = "hold",
	[STATUS_RELEASE] = "release",
	[STATUS_READMIT] = "readmit",
};

/* A pair that is not here is a conflict. */
static const struct transition {
	bool allowed;
	struct status_step step;
} TRANSITIONS[DEVICE_STATE_COUNT][STATUS_ACTION_COUNT] = {
	[DEVICE_ACTIVE]  = {
		[STATUS_REVOKE]  = {true, {DEVICE_REVOKED, true}},
		[STATUS_HOLD]    = {true, {DEVICE_HELD, true}},
	},
	[DEVICE_HELD]    = {
		[STATUS_REVOKE]  = {true, {DEVICE_REVOKED, true}},
		[STATUS_HOLD]    = {true, {DEVICE_HELD, false}},
		[STATUS_RELEASE] = {true, {DEVICE_ACTIVE, true}},
	},
	[DEVICE_REVOKED] = {
		[STATUS_REVOKE]  = {true, {DEVICE_REVOKED, false}},
		[STATUS_READMIT] = {true, {DEVICE_REVOKED, true}},
	},
};
/* clang-format on */

const char *
device_state_name(enum device_state state)
{
	return STATE_NAMES[state];
}

bool
device_state_of(const char *name, enum device_state *out)
{
	for (int state = 0; state < DEVICE_STATE_COUNT; state++) {
		if (strcmp(STATE_NAMES[state], name) == 0) {
			*out = (enum device_state)state;
			return true;
		}
	}
	return false;
}

const char *
status_action_name(enum status_action action)
{
	return ACTION_NAMES[action];
}

bool
status_action_of(const char *name, enum status_action *out)
{
	for (int action = 0; action < STATUS_ACTION_COUNT; action++) {
		if (strcmp(ACTION_NAMES[action], name) == 0) {
			*out = (enum status_action)action;
			return true;
		}
	}
	return false;
}

bool
status_next(
    enum device_state state, enum status_action action, struct status_step *out, struct error *err)
{
	const struct transition *transition = &TRANSITIONS[state][action];

	if (!transition->allowed)
		return error_set(err, E_STATE_CONFLICT, "%s is not possible: the device is %s",
		    status_action_name(action), device_state_name(state));
	*out = transition->step;
	return true;
}

/* Shred keys: where they are, and when what is erased is gone from every copy. */
#include "base/clock.h"
#include "ca/profile.h"
#include "cmd/doctor.h"
#include "db/migrate.h"
#include "provisioning/shred_retention.h"

#define WAITING_MAX_S 600 /* the service tries every minute */

static void
tell_effect(struct doctor *doctor, const struct shred_retention *retention)
{
	const char *reason;

	doctor->erased_after_s = shred_retention_s(retention);
	for (size_t i = 0; (reason = shred_retention_reason(retention, i)) != NULL; i++)
		doctor_find(doctor, "erasure", VERDICT_WARNING, "no bound: %s", reason);
	if (doctor->erased_after_s == 0)
		doctor_find(doctor, "erasure", VERDICT_OK,
		    "what is erased is gone from every copy at once");
	else if (doctor->erased_after_s > 0)
		doctor_find(doctor, "erasure", VERDICT_OK,
		    "what is erased is gone from every copy after %lld days",
		    (long long)(doctor->erased_after_s / DAY_S));
	doctor_find(doctor, "shred-apart", retention->apart ? VERDICT_OK : VERDICT_WARNING, "%s",
	    retention->apart
		? "the keys are in a cluster of their own"
		: "the keys are in the main database's cluster: every backup of it has them");
}

static void
look_at_waiting(struct doctor *doctor)
{
	const struct clock clock = clock_system();
	struct erasures_waiting waiting;
	struct error err = {0};

	if (!erasures_waiting_read(doctor->main, &waiting, &err)) {
		doctor_fail(doctor, "erasures-waiting", &err);
		return;
	}
	doctor_find(doctor, "erasures-waiting",
	    waiting.count > 0 && clock_now_s(&clock) - waiting.oldest_at_s > WAITING_MAX_S
		? VERDICT_FAULT
		: VERDICT_OK,
	    "%lld are recorded and not done", (long long)waiting.count);
}

void
doctor_erasure(struct doctor *doctor)
{
	const bool named = doctor->settings->shred_url[0] != '\0';
	struct shred_retention retention = {.backup_days = doctor->settings->backup_days};
	struct error err = {0};

	doctor->erased_after_s = DOCTOR_UNKNOWN;
	if (named && !migrate_check_shred(doctor->keys, &err)) {
		doctor_fail(doctor, "shred", &err);
		return;
	}
	if (named && !db_check_durable(doctor->keys, &err)) {
		doctor_fail(doctor, "shred", &err);
		return;
	}
	if (!shred_retention_read(doctor->main, doctor->keys, named, &retention, &err)) {
		doctor_fail(doctor, "shred", &err);
		return;
	}
	doctor_find(doctor, "shred", VERDICT_OK, "their database answers, and is durable");
	tell_effect(doctor, &retention);
	look_at_waiting(doctor);
}

/* The main database, and what the installation has that will end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "ca/expiry.h"
#include "cmd/doctor.h"
#include "cmd/doctor_store.h"
#include "db/migrate.h"
#include "provisioning/seats.h"

#define CLOCK_WARN_S 2
#define CLOCK_FAULT_S 5 /* what is a data.fault in the log */
#define CONNECTIONS_LEFT_MIN 8

static void
judge(struct doctor *doctor, const char *check, bool wrong, enum verdict verdict, const char *bad,
    const char *good)
{
	doctor_find(doctor, check, wrong ? verdict : VERDICT_OK, "%s", wrong ? bad : good);
}

static void
look_at_facts(struct doctor *doctor, const struct doctor_facts *facts)
{
	const struct clock clock = clock_system();
	const int64_t off_s = llabs(clock_now_s(&clock) - facts->now_s);

	doctor_find(doctor, "clock",
	    off_s > CLOCK_FAULT_S  ? VERDICT_FAULT
	    : off_s > CLOCK_WARN_S ? VERDICT_WARNING
				   : VERDICT_OK,
	    "this host and the database differ by %lld s", (long long)off_s);
	judge(doctor, "database-role", facts->superuser || facts->may_create, VERDICT_FAULT,
	    "the service's role may change the schema", "the service's role changes no schema");
	judge(doctor, "database-log", facts->logs_parameters, VERDICT_FAULT,
	    "the server logs parameters: log_parameter_max_length and ..._on_error have to be 0",
	    "the server logs no parameters");
	judge(doctor, "database-checksums", !facts->checksums, VERDICT_WARNING,
	    "data_checksums is off: a page that rots is not noticed", "data_checksums is on");
	judge(doctor, "database-archive", facts->archive_failing, VERDICT_FAULT,
	    "the last attempt to archive write-ahead log failed",
	    facts->archives ? "write-ahead log is archived" : "archive_mode is off");
	judge(doctor, "database-connections", facts->connections_left < CONNECTIONS_LEFT_MIN,
	    VERDICT_WARNING, "hardly any connection is left: raise max_connections",
	    "connections are left");
}

/* ---- what will end ---- */

static void
look_at_expiry(struct doctor *doctor, const struct expiry *expiry, int64_t now_s, size_t *out_due)
{
	const enum expiry_state state = expiry_state(expiry, now_s);
	char end[TIME_TEXT_LEN + 1];

	if (state == EXPIRY_FAR)
		return;
	++*out_due;
	time_encode(end, expiry->not_after_s);
	doctor_find(doctor, "expiry", state == EXPIRY_PAST ? VERDICT_FAULT : VERDICT_WARNING,
	    "%s%s%s: %s: %s", expiry_name(expiry->what), expiry->id[0] != '\0' ? " " : "",
	    expiry->id, end, expiry_remedy(expiry->what));
}

static bool
list_expiries(struct doctor *doctor, struct expiry *out, size_t *out_count, struct error *err)
{
	const struct settings *settings = doctor->settings;
	const struct clock clock = clock_system();
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(expiry_watch_free) struct expiry_watch *watch = NULL;
	char name[LOG_NAME_MAX + 1], origin[EXPIRY_ID_MAX + 1];

	if (!issuers_load(doctor->main, settings->public_http_url, &issuers, err) ||
	    !settings_log_name(settings, name, err))
		return false;
	(void)snprintf(origin, sizeof origin, "%s/%s", settings->audit_name, name);
	watch = expiry_watch_new(&(struct expiry_watch_options){
	    .db = doctor->main, .issuers = issuers, .clock = &clock, .log_origin = origin});
	return expiry_watch_list(watch, out, out_count, err);
}

static void
look_at_expiries(struct doctor *doctor)
{
	const struct clock clock = clock_system();
	struct expiry list[EXPIRY_MAX];
	struct error err = {0};
	size_t count, due = 0;

	if (!list_expiries(doctor, list, &count, &err)) {
		doctor_fail(doctor, "expiry", &err);
		return;
	}
	for (size_t i = 0; i < count; i++)
		look_at_expiry(doctor, &list[i], clock_now_s(&clock), &due);
	if (due == 0)
		doctor_find(doctor, "expiry", VERDICT_OK, "none of %zu ends soon", count);
}

/* ---- who can open sealed identities ---- */

static void
tell_seats(struct doctor *doctor, struct seats *seats)
{
	struct seat_set set;
	uint32_t lost;
	size_t lost_count = 0;

	if (!seats_look(seats, &set, &lost)) {
		doctor_find(doctor, "seats", VERDICT_OK, "no seat set has been published");
		return;
	}
	for (size_t i = 0; i < set.count; i++)
		lost_count += lost >> i & 1;
	if (lost_count == 0)
		doctor_find(doctor, "seats", VERDICT_OK, "none of the %zu of set %u is lost",
		    set.count, (unsigned)set.number);
	else
		doctor_find(doctor, "seats",
		    seats_get(seats, &set) ? VERDICT_WARNING : VERDICT_FAULT,
		    "of set %u %zu are lost: publish another, then fetch, reseal and submit",
		    (unsigned)set.number, lost_count);
}

static void
look_at_seats(struct doctor *doctor)
{
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(seats_free) struct seats *seats = NULL;
	struct error err = {0};

	if (issuers_load(doctor->main, doctor->settings->public_http_url, &issuers, &err)) {
		seats = seats_new(doctor->main, issuers);
		if (seats_reload(seats, &err)) {
			tell_seats(doctor, seats);
			return;
		}
	}
	doctor_fail(doctor, "seats", &err);
}

void
doctor_database(struct doctor *doctor)
{
	struct doctor_facts facts;
	struct error err = {0};

	if (!migrate_check(doctor->main, &err)) {
		doctor_fail(doctor, "database", &err);
		return;
	}
	doctor_find(doctor, "database", VERDICT_OK, "it answers, and has this program's schema");
	if (db_check_durable(doctor->main, &err))
		doctor_find(doctor, "database-durability", VERDICT_OK,
		    "fsync, full_page_writes and synchronous_commit are on");
	else
		doctor_fail(doctor, "database-durability", &err);
	err = (struct error){0};
	if (doctor_store_facts(doctor->main, &facts, &err))
		look_at_facts(doctor, &facts);
	else
		doctor_fail(doctor, "database-role", &err);
	look_at_expiries(doctor);
	look_at_seats(doctor);
}

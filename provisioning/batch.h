/* batch: a production lot: what may be enrolled into it, how many, when and by which stations. */
#ifndef PROVISIONING_BATCH_H
#define PROVISIONING_BATCH_H

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"
#include "db/ledger.h"
#include "provisioning/seats.h"

#define BATCH_NAME_MAX 64
#define BATCH_MODEL_MAX 128
#define BATCH_PROFILE_MAX 32
#define BATCH_STATIONS_MAX 256

enum batch_mode { BATCH_PSEUDONYMOUS, BATCH_UNLINKABLE };

struct batch {
	int64_t id;
	char name[BATCH_NAME_MAX + 1];
	char handle[HANDLE_TEXT_LEN + 1];
	char model[BATCH_MODEL_MAX + 1];
	enum batch_mode mode;
	char profile[BATCH_PROFILE_MAX + 1];
	int64_t quota, issued, refused, revoked;
	int64_t opens_at_s;          /* 0 in batch_open(): from now on */
	int64_t closes_at_s;         /* 0: never */
	int hours_from, hours_until; /* minutes of the UTC day; -1: all day */
	bool hardware_ids_required;
	bool blind;                /* tags in place of hardware ids; then they are required */
	bool manifest;             /* only for hardware on its list */
	bool replace_same_station; /* else never */
	bool escrow;               /* identities are sealed for the officers */
	int64_t closed_at_s;       /* 0: not closed by hand */
	int64_t created_at_s;
	int64_t stations[BATCH_STATIONS_MAX]; /* person ids, sorted; none: every station */
	char station_names[BATCH_STATIONS_MAX][65];
	size_t station_count;
};

/* The immutable part, cached by the batch's name or id. */
struct batch_facts {
	int64_t id;
	char handle[HANDLE_TEXT_LEN + 1];
	enum batch_mode mode;
	char profile[BATCH_PROFILE_MAX + 1];
	bool hardware_ids_required;
	bool blind, manifest;
	bool names_stations; /* it is open to some stations only, which never change */
	bool escrow;
	char model[BATCH_MODEL_MAX + 1];
};
struct batch_cache;
struct batch_cache *batch_cache_new(struct db *db);
void batch_cache_free(struct batch_cache *cache);
DEFER_DECLARE(struct batch_cache, batch_cache_free)
/* By name, or by id when name is NULL. E_UNKNOWN_BATCH */
MUST_CHECK bool batch_cache_get(struct batch_cache *cache, const char *name, int64_t id,
    struct batch_facts *out, struct error *err);

struct batch_service {
	struct db *db;
	struct ledger *ledger;
	const struct clock *clock;
	const struct rng *rng;
	struct seats *seats; /* NULL: no batch has escrow */
	bool no_unlinkable;  /* regulation does not allow it */
};
/*
 * Records batch.open and the row. Fills id, handle, opens_at_s and created_at_s of *batch;
 * station_names say which stations (their ids are looked up). The same again is a success with
 * *out_created false, and fills *batch with what is recorded.
 * E_BAD_SYNTAX       a name, limit or time that cannot be; with a pointer
 * E_STATE_CONFLICT   there is a batch of this name that differs
 * E_PROFILE_DENIED   no such profile for devices, or not in this mode
 * E_ANONYMITY_DENIED the mode is not allowed here (pointer /mode)
 * E_STATE_CONFLICT   with escrow, and no seat set is in force (pointer /escrow)
 * E_NOT_FOUND        a station that does not exist (pointer /stations)
 */
MUST_CHECK bool batch_open(const struct batch_service *service, struct batch *batch,
    const char *actor, bool *out_created, struct error *err);
/* Records batch.close; for ever. E_UNKNOWN_BATCH */
MUST_CHECK bool batch_close(
    const struct batch_service *service, const char *name, const char *actor, struct error *err);
/* E_UNKNOWN_BATCH */
MUST_CHECK bool batch_get(struct db *db, const char *name, struct batch *out, struct error *err);
/* In order of id, after `after_id`; with station_person not 0 only those open to this station. */
MUST_CHECK bool batch_list(struct db *db, int64_t after_id, int64_t station_person, size_t limit,
    struct batch *out, size_t *out_count, struct error *err);
/*
 * The name of the one batch that is open now to this station, whatever the hour.
 * E_INCOMPLETE   there is none, or there are several: the caller has to name one
 */
MUST_CHECK bool batch_get_only_open(struct db *db, int64_t station_person, int64_t now_s,
    char out_name[static BATCH_NAME_MAX + 1], struct error *err);
const char *batch_mode_name(enum batch_mode mode); /* "pseudonymous" or "unlinkable" */
/* "required", "optional" or "blind". */
const char *batch_hardware_ids_name(const struct batch *batch);
/* Whether this station may read the batch. */
bool batch_allows_station(const struct batch *batch, int64_t person);

const struct stmt *const *batch_statements(void);

#endif

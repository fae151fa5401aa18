#include "provisioning/pseudonym_ticks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "base/text.h"
#include "provisioning/pseudonym_revoke_store.h"

#define LOOK_MS 1000   /* between two looks */
#define BLOCKS_MAX 256 /* of one round */
#define SLOTS_MAX (EPOCH_LIVE_MAX * PSEUDONYM_QUOTA)

_Static_assert(SLOTS_MAX <= KEEPER_SLOTS_MAX, "all that a device can hold is one answer");

struct pseudonym_ticks {
	const struct pseudonym_revoker *revoker;
	pthread_t thread;
	struct stop stop;
};

/* ---- devices that were ended by their birth certificate ---- */

static bool
block_asked(const struct pseudonym_revoker *revoker, struct error *err)
{
	DEFER(mem_free) int64_t *devices = xcalloc(BLOCKS_MAX, sizeof *devices);
	size_t count = 0;

	if (!pseudonym_read_asked_blocks(revoker->db, devices, BLOCKS_MAX, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct pseudonym_block block = {.device = devices[i]};

		if (!pseudonym_block(revoker, &block, err) ||
		    !pseudonym_forget_asked_block(revoker->db, devices[i], err))
			return false;
	}
	return true;
}

/* ---- what is due ---- */

struct targets {
	struct pseudonym_target *items;
	size_t count;
};

static void
targets_clear(struct targets *targets)
{
	free(targets->items);
}
DEFER_DECLARE_CLEAR(struct targets, targets_clear)

/* An epoch's certificates may begin in the month of its start, or of its end. */
static bool
find_held(const struct pseudonym_revoker *revoker, const struct pseudonym_block_row *block,
    int64_t now_s, struct targets *targets, struct error *err)
{
	const uint32_t first = epoch_first_live(now_s);
	struct keeper_linked linked;
	struct bytes slots[2 * SLOTS_MAX];
	int16_t months[2 * SLOTS_MAX];
	size_t count = 0;

	if (!keeper_link(revoker->keeper,
		&(struct keeper_link_request){.link = block->link,
		    .of_serial = block->serial,
		    .serial = block->serial,
		    .first_epoch = first,
		    .epoch_count = EPOCH_LIVE_MAX,
		    .place_count = PSEUDONYM_QUOTA},
		&linked, err))
		return false;
	for (size_t i = 0; i < COUNT(slots); i++) {
		const uint32_t epoch = first + (uint32_t)(i / 2 / PSEUDONYM_QUOTA);

		slots[i] = bytes_of(linked.slots[i / 2], LINK_SLOT_BYTES);
		months[i] = (int16_t)time_month(epoch_start_s(epoch + (i % 2)));
	}
	for (size_t i = 1; i < COUNT(months); i += 2)
		if (months[i] == months[i - 1])
			months[i] = -1; /* asked for already */
	if (!pseudonym_find_held(revoker->db,
		&(struct pseudonym_slots){months, slots, COUNT(slots)}, now_s,
		targets->items + targets->count, SLOTS_MAX, &count, err))
		return false;
	/* Not each device's own: of several that end at once, one reason's would be one device's.
	 */
	for (size_t i = 0; i < count; i++)
		targets->items[targets->count + i].reason = REASON_UNSPECIFIED;
	targets->count += count;
	return true;
}

/* A number below `bound`, which is small: each is as likely as the next, to one part in 2^48. */
static size_t
draw_below(const struct rng *rng, size_t bound)
{
	uint8_t random[8];
	uint64_t number = 0;

	rng_fill(rng, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		number = number << 8 | random[i];
	return (size_t)(number % bound);
}

static void
shuffle(const struct rng *rng, struct targets *targets)
{
	for (size_t i = targets->count; i > 1; i--) {
		const size_t other = draw_below(rng, i);
		const struct pseudonym_target kept = targets->items[i - 1];

		targets->items[i - 1] = targets->items[other];
		targets->items[other] = kept;
	}
}

/* True with *out_count below BLOCKS_MAX: there were no more. */
static bool
run_due(const struct pseudonym_revoker *revoker, size_t *out_count, size_t *out_revoked,
    struct error *err)
{
	const int64_t now_s = clock_now_s(revoker->clock);
	DEFER(mem_free) struct pseudonym_block_row *due = xcalloc(BLOCKS_MAX, sizeof *due);
	DEFER(targets_clear) struct targets targets = {0};

	if (!pseudonym_claim_due(revoker->db, now_s, due, BLOCKS_MAX, out_count, err))
		return false;
	targets.items = xcalloc(*out_count * SLOTS_MAX + 1, sizeof *targets.items);
	for (size_t i = 0; i < *out_count; i++)
		if (!find_held(revoker, &due[i], now_s, &targets, err))
			return false;
	shuffle(revoker->rng, &targets);
	*out_revoked += targets.count;
	return pseudonym_revoke_all(revoker, targets.items, targets.count, err) &&
	       (*out_count == 0 || pseudonym_blocks_done(revoker->db, due, *out_count, err));
}

bool
pseudonym_ticks_run(const struct pseudonym_revoker *revoker, size_t *out_revoked, struct error *err)
{
	size_t count;

	*out_revoked = 0;
	if (!block_asked(revoker, err))
		return false;
	do {
		if (!run_due(revoker, &count, out_revoked, err))
			return false;
	} while (count == BLOCKS_MAX);
	return true;
}

/* ---- the thread ---- */

static void *
ticks_main(void *context)
{
	struct pseudonym_ticks *ticks = context;
	bool failing = false;

	while (!stop_rest(&ticks->stop, LOOK_MS)) {
		struct error err = {0};
		size_t revoked = 0;
		const bool ran = pseudonym_ticks_run(ticks->revoker, &revoked, &err);

		if (!ran && !failing) /* said once, not at every look */
			log_error(LOG_LEVEL_WARNING, "pseudonyms.ticks", NULL, &err);
		failing = !ran;
		if (revoked > 0)
			log_info("pseudonyms.ticks", "revoked %zu certificates", revoked);
	}
	return NULL;
}

bool
pseudonym_ticks_new(
    const struct pseudonym_revoker *revoker, struct pseudonym_ticks **out, struct error *err)
{
	struct pseudonym_ticks *ticks = xcalloc(1, sizeof *ticks);

	ticks->revoker = revoker;
	stop_init(&ticks->stop);
	if (pthread_create(&ticks->thread, NULL, ticks_main, ticks) != 0) {
		stop_clear(&ticks->stop);
		free(ticks);
		return error_set(err, E_INTERNAL, "cannot start a thread");
	}
	*out = ticks;
	return true;
}

void
pseudonym_ticks_free(struct pseudonym_ticks *ticks)
{
	if (ticks == NULL)
		return;
	stop_tell(&ticks->stop);
	(void)pthread_join(ticks->thread, NULL);
	stop_clear(&ticks->stop);
	free(ticks);
}

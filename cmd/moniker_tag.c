/*
 * moniker tag rotate: a new key for hardware tags, on the host, while the line runs.
 *
 * What has been done is read from the database and the ring, so that a run that was cut short, at
 * any moment, is finished by the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "cmd/ca_job.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/progress.h"
#include "provisioning/tag_rotation.h"

#define AGAIN_S DAY_S /* a key that is active for less is taken for what was asked for */
#define TRIES_MAX 20  /* of a transaction that lost a race against the line */

struct rotation {
	const struct ca_options *options;
	bool prepare;
	struct ca_job *job;
	struct ca_ring ring;
	struct rotation_state state;
	const char *stage; /* what there was when we came */
	int64_t moved, of;
	struct progress progress;
};

/* ---- keys in the ring ---- */

static void
name_key(char out[static KEYRING_NAME_MAX + 1], int kid)
{
	(void)snprintf(out, KEYRING_NAME_MAX + 1, "tag:%d", kid);
}

static const struct secret *
find_key(const struct rotation *rotation, int kid)
{
	char name[KEYRING_NAME_MAX + 1];

	name_key(name, kid);
	return keyring_find(rotation->ring.keys, name);
}

/* A scalar: uniform, and not zero. */
static void
add_key(struct keyring *ring, int kid)
{
	char name[KEYRING_NAME_MAX + 1];
	uint8_t scalar[TAG_KEY_BYTES];

	name_key(name, kid);
	crypto_core_ristretto255_scalar_random(scalar);
	keyring_add(ring, name, secret_new(bytes_of(scalar, sizeof scalar)));
	sodium_memzero(scalar, sizeof scalar);
}

static bool
save(const struct rotation *rotation, struct error *err)
{
	if (!ca_ring_save(&rotation->ring, err))
		return false;
	ca_tell_service(rotation->job);
	return true;
}

/* The next key may be there from an earlier run: it is used. */
static bool
prepare(const struct rotation *rotation, struct error *err)
{
	const int next = rotation->state.last + 1;

	if (next > UINT8_MAX)
		return error_set(err, E_STATE_CONFLICT, "there is no kid after %d", UINT8_MAX);
	if (find_key(rotation, next) != NULL)
		return true;
	if (find_key(rotation, rotation->state.active) == NULL)
		return error_set(
		    err, E_CONFIG_INVALID, "the ring has no tag:%d", rotation->state.active);
	add_key(rotation->ring.keys, next);
	return save(rotation, err);
}

/* ---- transactions that the line may disturb ---- */

/* False with *out_lost: to be done again. */
typedef bool (*rotation_step)(
    const struct rotation *rotation, struct tx *tx, void *context, struct error *err);

static bool
try_once(const struct rotation *rotation, rotation_step step, void *context, bool *out_lost,
    struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	if (!tx_begin(rotation->job->db, &tx, err))
		return false;
	if (step(rotation, tx, context, err))
		return tx_commit(&tx, err);
	*out_lost = tx_lost_race(tx);
	return false;
}

static bool
in_transaction(
    const struct rotation *rotation, rotation_step step, void *context, struct error *err)
{
	for (int try = 1;; try++) {
		struct error failed = {0};
		bool lost = false;

		if (try_once(rotation, step, context, &lost, &failed))
			return true;
		if (!lost || try == TRIES_MAX) {
			*err = failed;
			return false;
		}
	}
}

/* ---- begin ---- */

static bool
begin_step(const struct rotation *rotation, struct tx *tx, void *context, struct error *err)
{
	(void)context;
	return rotation_begin(tx, rotation->state.last + 1, clock_now_s(&rotation->job->clock),
	    &rotation->job->rng, err);
}

static bool
look(struct rotation *rotation, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	return tx_begin(rotation->job->db, &tx, err) && rotation_look(tx, &rotation->state, err);
}

static bool
begin(struct rotation *rotation, struct error *err)
{
	return prepare(rotation, err) && in_transaction(rotation, begin_step, NULL, err) &&
	       look(rotation, err);
}

/* ---- move ---- */

struct ratios {
	uint8_t there[TAG_KEY_BYTES], back[TAG_KEY_BYTES];
};

static void
ratios_clear(struct ratios *ratios)
{
	sodium_memzero(ratios, sizeof *ratios);
}
DEFER_DECLARE_CLEAR(struct ratios, ratios_clear)

static bool
find_ratios(const struct rotation *rotation, struct ratios *out, struct error *err)
{
	const struct secret *from = find_key(rotation, rotation->state.retiring);
	const struct secret *to = find_key(rotation, rotation->state.active);

	if (from == NULL || to == NULL)
		return error_set(err, E_CONFIG_INVALID,
		    "the ring lacks tag:%d or tag:%d: it is not that of the keeper that makes tags",
		    rotation->state.retiring, rotation->state.active);
	return tag_ratio(out->there, secret_bytes(from).data, secret_bytes(to).data, err) &&
	       tag_ratio(out->back, secret_bytes(to).data, secret_bytes(from).data, err);
}

struct chunk {
	enum rotation_table table;
	struct rotation_row before[ROTATION_CHUNK], after[ROTATION_CHUNK];
	size_t count;
	int64_t moved;
};

/* One of each chunk is moved back again: a wrong ratio would lose every duplicate. */
static bool
check_one(const struct ratios *ratios, const struct chunk *chunk, struct error *err)
{
	const uint32_t i = randombytes_uniform((uint32_t)chunk->count);
	uint8_t back[TAG_BYTES];

	if (!tag_multiply(back, ratios->back, chunk->after[i].tags[0], err))
		return false;
	return memcmp(back, chunk->before[i].tags[0], TAG_BYTES) == 0 ||
	       error_set(err, E_INTERNAL, "a tag does not come back to what it was");
}

static bool
compute(const struct ratios *ratios, struct chunk *chunk, struct error *err)
{
	for (size_t i = 0; i < chunk->count; i++) {
		const struct rotation_row *before = &chunk->before[i];
		struct rotation_row *after = &chunk->after[i];

		after->tag_count = before->tag_count;
		for (size_t k = 0; k < before->tag_count; k++)
			if (!tag_multiply(after->tags[k], ratios->there, before->tags[k], err))
				return false;
	}
	return check_one(ratios, chunk, err);
}

static bool
write_step(const struct rotation *rotation, struct tx *tx, void *context, struct error *err)
{
	struct chunk *chunk = context;

	return rotation_write(tx,
	    &(struct rotation_move){.table = chunk->table,
		.from = rotation->state.retiring,
		.to = rotation->state.active,
		.before = chunk->before,
		.after = chunk->after,
		.count = chunk->count},
	    &chunk->moved, err);
}

static bool
move_table(struct rotation *rotation, enum rotation_table table, const struct ratios *ratios,
    struct error *err)
{
	DEFER(mem_free) struct chunk *chunk = xcalloc(1, sizeof *chunk);
	struct rotation_place place = {0};

	chunk->table = table;
	place.id = INT64_MIN;
	for (;;) {
		if (!rotation_read(rotation->job->db, table, rotation->state.retiring, &place,
			chunk->before, &chunk->count, err))
			return false;
		if (chunk->count == 0)
			return true;
		if (!compute(ratios, chunk, err) ||
		    !in_transaction(rotation, write_step, chunk, err))
			return false;
		rotation->moved += chunk->moved;
		progress_tell(&rotation->progress, "rows moved", (uint64_t)rotation->moved,
		    (uint64_t)rotation->of);
	}
}

static bool
move_all(struct rotation *rotation, struct error *err)
{
	/* Tokens first: one that stands for its hardware is refused until it is moved. */
	static const enum rotation_table order[] = {
	    ROTATE_TOKENS, ROTATE_MANIFESTS, ROTATE_DEVICES};
	DEFER(ratios_clear) struct ratios ratios = {0};
	int64_t left;

	if (!find_ratios(rotation, &ratios, err) ||
	    !rotation_count(rotation->job->db, rotation->state.retiring, &left, err))
		return false;
	rotation->of = rotation->moved + left;
	for (size_t i = 0; i < COUNT(order); i++)
		if (!move_table(rotation, order[i], &ratios, err))
			return false;
	return true;
}

/* ---- end ---- */

static bool
end_step(const struct rotation *rotation, struct tx *tx, void *context, struct error *err)
{
	int64_t *left = context;

	return rotation_end(tx, clock_now_s(&rotation->job->clock), &rotation->job->rng, left, err);
}

static bool
move_until_none_is_left(struct rotation *rotation, struct error *err)
{
	int64_t left = 1;

	while (left > 0)
		if (!move_all(rotation, err) || !in_transaction(rotation, end_step, &left, err))
			return false;
	return true;
}

/* Keys that the database knows as destroyed are no more; *out_any: there was one. */
static bool
forget(struct rotation *rotation, bool *out_any, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	*out_any = false;
	if (!tx_begin(rotation->job->db, &tx, err))
		return false;
	for (int kid = 0; kid <= UINT8_MAX; kid++) {
		char name[KEYRING_NAME_MAX + 1];
		bool destroyed = false;

		if (find_key(rotation, kid) == NULL)
			continue;
		if (!rotation_is_destroyed(tx, kid, &destroyed, err))
			return false;
		if (!destroyed)
			continue;
		name_key(name, kid);
		keyring_remove(rotation->ring.keys, name);
		*out_any = true;
	}
	return !*out_any || save(rotation, err);
}

/* ---- the command ---- */

static const char *
stage_of(const struct rotation *rotation, bool forgot)
{
	const int64_t age_s = clock_now_s(&rotation->job->clock) - rotation->state.active_from_s;

	if (rotation->state.retiring >= 0)
		return "moving";
	if (forgot)
		return "ending";
	return age_s < AGAIN_S && !rotation->options->again ? "done" : "new";
}

static bool
run_steps(struct rotation *rotation, struct error *err)
{
	bool forgot = false;

	if (!look(rotation, err) ||
	    !ca_ring_open(rotation->job, RING_KEEPER, &rotation->ring, err) ||
	    !forget(rotation, &forgot, err))
		return false;
	rotation->stage = stage_of(rotation, forgot);
	if (strcmp(rotation->stage, "done") == 0 || strcmp(rotation->stage, "ending") == 0)
		return true;
	if (rotation->state.retiring < 0 &&
	    !(rotation->prepare ? prepare(rotation, err) : begin(rotation, err)))
		return false;
	return rotation->prepare ||
	       (move_until_none_is_left(rotation, err) && forget(rotation, &forgot, err));
}

static void
print(const struct rotation *rotation)
{
	const bool done = strcmp(rotation->stage, "done") == 0;

	if (rotation->options->json)
		printf("{\"stage\":\"%s\",\"kid\":%d,\"moved\":%lld,\"prepared\":%s}\n",
		    rotation->stage, rotation->state.active, (long long)rotation->moved,
		    rotation->prepare ? "true" : "false");
	else if (done)
		printf("tag:%d is active since less than a day; --again for another one.\n",
		    rotation->state.active);
	else if (rotation->prepare)
		printf("tag:%d is in the ring, and in use with the next run.\n",
		    rotation->state.last + 1);
	else
		printf("Tags are made with tag:%d. %lld rows were moved to it; the key before is "
		       "destroyed.\n",
		    rotation->state.active, (long long)rotation->moved);
}

static int
rotate_command(const struct ca_options *options, bool prepare_only)
{
	DEFER(ca_job_clear) struct ca_job job = {.options = options};
	struct rotation rotation = {
	    .options = options, .prepare = prepare_only, .job = &job, .progress = progress_begin()};
	struct error err = {0};
	const bool done = ca_job_open(&job, &err) && run_steps(&rotation, &err);

	progress_end(&rotation.progress);
	if (done)
		print(&rotation);
	ca_ring_clear(&rotation.ring);
	return done ? EXIT_SUCCESS : cli_fail(&err, options->json, EXIT_FAILURE);
}

static int
tag_command(int argc, char **argv)
{
	struct ca_options options = {0};
	bool prepare_only = false;
	const struct option_row rows[] = {{"--config", OPTION_TEXT, &options.config},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--again", OPTION_FLAG, &options.again}, {"--json", OPTION_FLAG, &options.json},
	    {"--prepare", OPTION_FLAG, &prepare_only}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&TAG_COMMAND, bad);
	if (words != 1 || strcmp(argv[1], "rotate") != 0 || options.config == NULL ||
	    options.database_url == NULL)
		return cli_usage(&TAG_COMMAND, "say rotate with --config and --database-url");
	return rotate_command(&options, prepare_only);
}

const struct subcommand TAG_COMMAND = {"tag", "the key of hardware tags",
    "usage: moniker tag rotate --config FILE --database-url URL [--prepare] [--again]\n"
    "\n"
    "Makes a new key, gives it to the keeper, lets the line use it, moves all tags to it and "
    "destroys\n"
    "the old one. The line goes on, and duplicates are found all the time; for a second or two it "
    "is\n"
    "told to try again. Run it again after whatever cut it short: it goes on where it was.\n"
    "\n"
    "  --config FILE        moniker.conf(5)\n"
    "  --database-url URL   libpq connection string of the owner's role (moniker_owner)\n"
    "  --prepare            only put the new key into the ring. With several nodes: prepare, copy\n"
    "                       keeper.ring to each and reload it, then run without\n"
    "  --again              although the last one was within a day\n"
    "  --json               the result as JSON\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    tag_command};

#include "provisioning/decide.h"

#include <limits.h>

#include "provisioning/decide_round.h"
#include "provisioning/token.h"

#define DAY_MINUTES 1440

struct turn { /* one input */
	struct round *round;
	size_t index;
	const struct decide_input *input;
	struct decide_output *out;
	struct decide_batch *batch; /* or NULL */
	struct decide_token *token; /* or NULL */
};

static struct slot *
key_slot(const struct turn *turn)
{
	return round_key_slot(turn->round, turn->input->spki_sha256);
}

static struct slot *
tag_slot(const struct turn *turn, const struct decide_tag *tag)
{
	return round_tag_slot(turn->round, tag);
}

/* ---- what the rules ask ---- */

/* `bound` may be under either key. */
static bool
is_same_tag(const struct decide_tag *tag, const struct decide_tag *bound)
{
	if (tag->kid == bound->kid)
		return memcmp(tag->tag, bound->tag, TAG_BYTES) == 0;
	return tag->has_other && tag->other_kid == bound->kid &&
	       memcmp(tag->other, bound->tag, TAG_BYTES) == 0;
}

/* Both are sets: no tag stands in one twice. */
static bool
same_tags(const struct decide_tag *a, size_t a_count, const struct decide_tag *b, size_t b_count)
{
	size_t found = 0;

	for (size_t i = 0; i < a_count; i++)
		for (size_t k = 0; k < b_count; k++)
			if (is_same_tag(&a[i], &b[k]))
				found++;
	return a_count == b_count && found == a_count;
}

/* The device's tags are exactly this turn's, and no earlier input has taken one of them. */
static bool
has_same_tags(const struct turn *turn, const struct decide_device *device)
{
	for (size_t i = 0; i < turn->out->tag_count; i++) {
		const struct decide_tag *tag = &turn->out->tags[i];
		const struct decide_tag_row *row = round_find_tag(turn->round, tag);

		if (row == NULL || row->device != device->id ||
		    tag_slot(turn, tag)->taken_by != NOT_TAKEN)
			return false;
	}
	return (size_t)device->tag_count == turn->out->tag_count;
}

/* The credential of an enrollment is the station or the token, not one of its certificates. */
static bool
has_same_credential(const struct decide_input *input, const struct decide_device *device)
{
	if (input->has_token)
		return device->has_token && device->token == input->token;
	return !device->has_token && device->person == input->person;
}

/* The device that a `replace` is about, or NULL: whichever holds the first tag. */
static const struct decide_device *
find_replaceable(const struct turn *turn)
{
	const struct decide_tag_row *row = NULL;
	const struct decide_device *device = NULL;

	if (!turn->input->replace || !turn->batch->replace_same_station)
		return NULL;
	if (turn->out->tag_count > 0)
		row = round_find_tag(turn->round, &turn->out->tags[0]);
	if (row != NULL)
		device = round_find_device(turn->round, row->device);

	return device != NULL && device->state == DEVICE_ACTIVE &&
		       device->batch == turn->input->batch && device->certificate_count == 1 &&
		       has_same_credential(turn->input, device) && has_same_tags(turn, device) &&
		       turn->round->now_s - device->enrolled_at_s < DECIDE_REPLACE_WITHIN_S &&
		       (turn->token == NULL || turn->token->device == device->id)
		   ? device
		   : NULL;
}

/* ---- the rules, in the order in which they are asked: see RULES ---- */

static bool
not_refused_before(struct turn *turn, struct error *err)
{
	if (turn->input->refused != NULL && turn->input->refused->code != E_NONE) {
		*err = *turn->input->refused;
		return false;
	}
	return true;
}

static bool
batch_is_known(struct turn *turn, struct error *err)
{
	if (turn->batch == NULL)
		return error_set_field(err, E_UNKNOWN_BATCH, "/batch",
		    "there is no batch of this name: an admin opens it first");
	return true;
}

static bool
batch_is_not_closed(struct turn *turn, struct error *err)
{
	if (turn->batch->closed_at_s != 0 ||
	    (turn->batch->closes_at_s != 0 && turn->round->now_s >= turn->batch->closes_at_s))
		return error_set_field(
		    err, E_BATCH_CLOSED, "/batch", "it is closed: enroll into an open batch");
	return true;
}

static bool
batch_has_opened(struct turn *turn, struct error *err)
{
	const int64_t wait_s = turn->batch->opens_at_s - turn->round->now_s;

	if (wait_s <= 0)
		return true;
	err->retry_after_s = wait_s > INT_MAX ? INT_MAX : (int)wait_s;
	return error_set_field(
	    err, E_BATCH_NOT_OPEN, "/batch", "it opens later: GET /v1/batches says when");
}

/* Hours may go over midnight: from 22:00 until 06:00. */
static bool
hour_is_right(struct turn *turn, struct error *err)
{
	int from = turn->batch->hours_from, until = turn->batch->hours_until;
	int minute = (int)(turn->round->now_s / 60 % DAY_MINUTES);

	if (from < 0 ||
	    (from < until ? minute >= from && minute < until : minute >= from || minute < until))
		return true;
	return error_set_field(
	    err, E_OUTSIDE_HOURS, "/batch", "it is not open at this hour of the day (UTC)");
}

static bool
station_is_allowed(struct turn *turn, struct error *err)
{
	if (turn->input->has_token || round_allows_station(turn->batch, turn->input->person))
		return true;
	return error_set_field(err, E_STATION_NOT_ALLOWED, "/batch",
	    "this station is not on the batch's list: an admin adds it");
}

static bool
token_is_ours(const struct turn *turn)
{
	return turn->token != NULL && turn->token->batch == turn->input->batch &&
	       memcmp(turn->token->random_sha256, turn->input->token_random_sha256, SHA256_BYTES) ==
		   0;
}

static bool
token_is_good(struct turn *turn, struct error *err)
{
	if (!turn->input->has_token)
		return true;
	if (!token_is_ours(turn))
		return error_set_field(err, E_TOKEN_INVALID, "/token",
		    "it is not a token of this batch: ask an admin for one");
	if (turn->token->state == TOKEN_IS_BURNT)
		return error_set_field(err, E_TOKEN_INVALID, "/token",
		    "too many refused attempts burnt it: ask an admin for another");
	return true;
}

static bool
token_has_not_expired(struct turn *turn, struct error *err)
{
	int64_t now_s = turn->round->now_s;

	if (turn->input->has_token &&
	    (now_s >= turn->input->token_expires_at_s || now_s >= turn->token->expires_at_s))
		return error_set_field(
		    err, E_TOKEN_EXPIRED, "/token", "it has expired: ask an admin for another");
	return true;
}

/* A bound token stands for its hardware where the protocol has no place for hardware ids. */
static bool
token_fits_hardware(struct turn *turn, struct error *err)
{
	struct decide_output *out = turn->out;

	if (turn->token == NULL || turn->token->bound_count == 0)
		return true;
	if (out->tag_count == 0) {
		out->tag_count = turn->token->bound_count;
		memcpy(out->tags, turn->token->bound, sizeof out->tags);
		if (!decide_settle_tags(
			&turn->round->rows->tag_keys, out->tags, out->tag_count, err))
			return false;
	}
	if (!same_tags(out->tags, out->tag_count, turn->token->bound, turn->token->bound_count))
		return error_set_field(err, E_TOKEN_INVALID, "/token",
		    "it is bound to other hardware: use the token made for this device");
	return true;
}

/* A key that an earlier input of this batch took. */
static bool
key_repeats_input(struct turn *turn, size_t earlier, struct error *err)
{
	const struct decide_input *a = turn->input, *b = &turn->round->inputs[earlier];
	const struct decide_output *out = &turn->round->outs[earlier];

	if (a->has_token != b->has_token || a->batch != b->batch ||
	    (a->has_token ? a->token != b->token : a->person != b->person) ||
	    strcmp(a->profile, b->profile) != 0 ||
	    !same_tags(turn->out->tags, turn->out->tag_count, out->tags, out->tag_count))
		return error_set_field(err, E_KEY_REUSED, "/csr",
		    "the key is on record for another request: make a new key");

	turn->out->decision = DECIDE_REPLAY;
	turn->out->replayed_input = earlier;
	return true;
}

static bool
key_repeats_device(struct turn *turn, const struct decide_device *device, struct error *err)
{
	if (device == NULL || device->batch != turn->input->batch ||
	    !has_same_credential(turn->input, device) ||
	    strcmp(device->profile, turn->input->profile) != 0 || !has_same_tags(turn, device))
		return error_set_field(err, E_KEY_REUSED, "/csr",
		    "the key is on record for another request: make a new key");
	if (device->state == DEVICE_HELD)
		return error_set(err, E_DEVICE_HELD,
		    "this key's device is on hold: an officer has to release it");
	if (device->state != DEVICE_ACTIVE)
		return error_set(err, E_DEVICE_BLOCKED,
		    "this key's device is revoked: make a new key, and ask an officer to readmit "
		    "it");

	turn->out->decision = DECIDE_REPLAY;
	turn->out->replayed_device = device->id;
	return true;
}

/* The same key again is a retry, and gets what is recorded; a key belongs to one device. */
static bool
key_is_new_or_repeats(struct turn *turn, struct error *err)
{
	const struct decide_key *key = decide_find_key(turn->round->rows, turn->input->spki_sha256);
	size_t earlier = key_slot(turn)->taken_by;

	if (earlier != NOT_TAKEN)
		return key_repeats_input(turn, earlier, err);
	if (key != NULL)
		return key_repeats_device(turn, round_find_device(turn->round, key->device), err);
	return true;
}

static bool
token_is_unspent(struct turn *turn, struct error *err)
{
	if (turn->token != NULL && turn->token->state == TOKEN_IS_SPENT &&
	    find_replaceable(turn) == NULL)
		return error_set_field(
		    err, E_TOKEN_SPENT, "/token", "it was used already: ask an admin for another");
	return true;
}

static bool
hardware_is_named(struct turn *turn, struct error *err)
{
	if (turn->batch->hardware_ids_required && turn->out->tag_count == 0)
		return error_set_field(err, E_HARDWARE_ID_MISSING, "/hardware_ids",
		    "this batch requires one: send hardware_ids");
	return true;
}

static bool
hardware_is_listed(struct turn *turn, struct error *err)
{
	const struct decide_snapshot *rows = turn->round->rows;
	bool listed = turn->out->tag_count > 0;

	for (size_t i = 0; i < turn->out->tag_count; i++)
		listed = listed && decide_is_listed(rows, turn->input->batch, &turn->out->tags[i]);
	if (turn->batch->manifest && !listed)
		return error_set_field(err, E_NOT_ON_MANIFEST, "/hardware_ids",
		    "this batch is for listed hardware only: an admin adds it to the manifest");
	return true;
}

/* One record discloses one device: a second one under it would have no identity of its own. */
static bool
record_is_new(struct turn *turn, struct error *err)
{
	const struct decide_input *input = turn->input;

	if (input->brings_record &&
	    (decide_has_record(turn->round->rows, &input->record) ||
		round_record_slot(turn->round, &input->record)->taken_by != NOT_TAKEN))
		return error_set_field(err, E_SEALED_INVALID, "/sealed",
		    "it is another enrollment's: seal one for each device");
	return true;
}

/* What stands in a tag's way, the worst last. */
enum standing { STANDING_FREE, STANDING_ENROLLED, STANDING_HELD, STANDING_BLOCKED };

static enum standing
tag_standing(const struct turn *turn, const struct decide_tag *tag)
{
	const struct decide_tag_row *row = round_find_tag(turn->round, tag);
	const struct decide_device *device;

	if (tag_slot(turn, tag)->taken_by != NOT_TAKEN)
		return STANDING_ENROLLED;
	if (row == NULL)
		return STANDING_FREE;
	device = round_find_device(turn->round, row->device);
	if (row->blocked || (device != NULL && device->state == DEVICE_REVOKED))
		return row->readmit ? STANDING_FREE : STANDING_BLOCKED;
	return device != NULL && device->state == DEVICE_HELD ? STANDING_HELD : STANDING_ENROLLED;
}

static bool
hardware_is_free(struct turn *turn, struct error *err)
{
	enum standing worst = STANDING_FREE;
	const struct decide_device *old;

	for (size_t i = 0; i < turn->out->tag_count; i++) {
		enum standing standing = tag_standing(turn, &turn->out->tags[i]);

		worst = standing > worst ? standing : worst;
	}
	if (worst == STANDING_FREE)
		return true;
	if (worst == STANDING_BLOCKED)
		return error_set_field(err, E_DEVICE_BLOCKED, "/hardware_ids",
		    "its device was revoked: an officer can readmit it");
	if (worst == STANDING_HELD)
		return error_set_field(err, E_DEVICE_HELD, "/hardware_ids",
		    "its device is on hold: an officer has to release it");

	old = find_replaceable(turn);
	if (old == NULL)
		return error_set_field(err, E_DUPLICATE_HARDWARE, "/hardware_ids",
		    "a device with this hardware is enrolled: retry with its key, or with replace");
	turn->out->decision = DECIDE_REPLACE;
	turn->out->replaced_device = old->id;
	return true;
}

static bool
quota_is_left(struct turn *turn, struct error *err)
{
	if (turn->batch->issued >= turn->batch->quota)
		return error_set_field(err, E_QUOTA_EXHAUSTED, "/batch",
		    "all %lld are issued: an admin opens another batch",
		    (long long)turn->batch->quota);
	turn->out->decision = DECIDE_ISSUE;
	return true;
}

/* The first that fails is the reason; the first that decides ends the questions. */
/* clang-format off */
static bool (*const RULES[])(struct turn *turn, struct error *err) = {
	not_refused_before,
	batch_is_known,
	station_is_allowed,
	token_is_good,
	token_fits_hardware,
	key_is_new_or_repeats, /* decides replay: a retry is answered whatever has closed since */
	batch_is_not_closed,
	batch_has_opened,
	hour_is_right,
	token_has_not_expired,
	token_is_unspent,
	hardware_is_named,
	hardware_is_listed,
	record_is_new,
	hardware_is_free,      /* decides replace */
	quota_is_left,         /* decides issue */
};
/* clang-format on */

/* ---- one turn ---- */

static const enum error_code COUNTED[] = {E_BAD_SYNTAX, E_BAD_TYPE, E_BAD_ALGORITHM, E_BAD_PROOF,
    E_BINDING_MISMATCH, E_WEAK_KEY, E_HARDWARE_ID_MISSING, E_HARDWARE_ID_INVALID,
    E_DUPLICATE_HARDWARE};

static bool
counts_on_token(enum error_code code)
{
	for (size_t i = 0; i < COUNT(COUNTED); i++)
		if (code == COUNTED[i])
			return true;
	return false;
}

static void
count_refusal(struct turn *turn)
{
	if (!counts_on_token(turn->out->err.code) || !token_is_ours(turn) ||
	    turn->token->state != TOKEN_FREE)
		return;

	turn->out->counts_on_token = true;
	if (++turn->token->refusals >= TOKEN_REFUSALS_MAX) {
		turn->out->burns_token = true;
		turn->token->state = TOKEN_IS_BURNT;
	}
}

/* A leave to enroll again is single-use for all tags of the device that had it. */
static void
consume_leave(struct turn *turn, const struct decide_tag *tag)
{
	const struct decide_tag_row *row = round_find_tag(turn->round, tag);
	struct decide_tag_row *rows = turn->round->tags;

	if (row == NULL || !row->readmit)
		return;
	for (size_t i = 0; i < turn->round->rows->tag_count; i++)
		if (rows[i].device == row->device)
			rows[i].readmit = false;
}

static void
take(struct turn *turn)
{
	key_slot(turn)->taken_by = turn->index;
	for (size_t i = 0; i < turn->out->tag_count; i++) {
		tag_slot(turn, &turn->out->tags[i])->taken_by = turn->index;
		consume_leave(turn, &turn->out->tags[i]);
	}
	if (turn->input->brings_record)
		round_record_slot(turn->round, &turn->input->record)->taken_by = turn->index;
	if (turn->out->decision == DECIDE_ISSUE)
		turn->batch->issued++;
	if (turn->token != NULL) {
		turn->token->state = TOKEN_IS_SPENT;
		turn->token->device = 0; /* of no device yet */
	}
}

static void
judge(struct turn *turn)
{
	for (size_t i = 0; i < COUNT(RULES) && turn->out->decision == DECIDE_REFUSE; i++) {
		if (!RULES[i](turn, &turn->out->err)) {
			count_refusal(turn);
			return;
		}
	}
	if (turn->out->decision != DECIDE_REPLAY)
		take(turn);
}

static void
judge_input(struct round *round, size_t index)
{
	const struct decide_input *input = &round->inputs[index];
	struct decide_output *out = &round->outs[index];
	struct turn turn = {
	    .round = round,
	    .index = index,
	    .input = input,
	    .out = out,
	    .batch = round_find_batch(round, input->batch),
	    .token = input->has_token ? round_find_token(round, input->token) : NULL,
	};

	*out = (struct decide_output){.decision = DECIDE_REFUSE, .tag_count = input->tag_count};
	memcpy(out->tags, input->tags, sizeof out->tags);
	judge(&turn);
}

void
decide(const struct decide_snapshot *snapshot, const struct decide_input *inputs, size_t count,
    int64_t now_s, struct decide_output *outs)
{
	DEFER(round_clear)
	struct round round = {.rows = snapshot, .inputs = inputs, .outs = outs, .now_s = now_s};

	round_init(&round, count);
	for (size_t i = 0; i < count; i++)
		judge_input(&round, i);
}

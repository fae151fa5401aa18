#include "cmd/disclose_sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_in.h"
#include "base/mem.h"
#include "cmd/disclose_record.h"
#include "cmd/seat_trust.h"

struct sample {
	const struct disclose_open *with;
	const json_t *package;
	const struct disclosure_text *text;
	int64_t drawn, wanted, opened, erased, other_seats;
	struct fault {
		int64_t leaf;
		char why[160];
	} faults[DISCLOSURE_SAMPLE_MAX];
	size_t fault_count;
};

/* ---- do these seats have a share in it? ---- */

static bool
find_set(const struct sample *sample, uint32_t number, struct seat_set *out, struct error *err)
{
	const json_t *sets = json_object_get(sample->package, "seat_sets");
	DEFER(buf_clear_public) struct buf signature = {0};
	const json_t *object;
	struct bytes text;
	char name[16];

	(void)snprintf(name, sizeof name, "%u", (unsigned)number);
	object = json_object_get(sets, name);
	if (object == NULL)
		return error_set(err, E_ESCROW_UNREADABLE, "there is no seat set %s", name);
	if (!disclose_text(object, "text", &text, err) ||
	    !disclose_octets(object, "signature", &signature, err) ||
	    !seat_trust_verify(sample->with->cacert, text, buf_bytes(&signature), out, err))
		return false;
	return out->number == number ||
	       error_set(err, E_BAD_PROOF, "a seat set stands under another's number");
}

/* To this very key: what a former holder of the seat was given is none of its own. */
static bool
is_resealed(const json_t *object, const struct seat *seat)
{
	DEFER(buf_clear_public) struct buf sealed = {0};
	struct error malformed = {0};

	return !disclose_resealed(object, seat, &sealed, &malformed) || sealed.len > 0;
}

/* Those of the given seats that have a share: as they are in the set, or sealed again. */
static void
pick_seats(const struct sample *sample, const json_t *object, const struct seat_set *set,
    struct disclose_open *out, bool roles[static SEAT_ROLE_END])
{
	*out = *sample->with;
	out->seat_count = 0;
	for (size_t i = 0; i < sample->with->seat_count; i++) {
		const struct seat *mine = &sample->with->seats[i].seat;
		const struct seat *there = seat_set_find(set, mine->role, mine->number);

		if (there == NULL ||
		    (memcmp(there->public_key, mine->public_key, SEAT_KEY_BYTES) != 0 &&
			!is_resealed(object, mine)))
			continue;
		roles[mine->role] = true;
		out->seats[out->seat_count++] = sample->with->seats[i];
	}
}

/* ---- one record ---- */

/* Everything in it can be read: who it is stays in here. */
static bool
reads(struct bytes plain, struct error *err)
{
	struct escrow_value value;

	while (escrow_next(&plain, &value, err))
		;
	return err->code == E_NONE;
}

static bool
open_one(struct sample *sample, const json_t *object, const struct leaf_view *leaf,
    bool *out_other_seats, struct error *err)
{
	DEFER(buf_clear_public) struct buf record = {0};
	DEFER(buf_clear) struct buf plain = {0};
	struct disclose_open with;
	struct escrow_view view;
	struct seat_set set;
	bool roles[SEAT_ROLE_END] = {false};

	*out_other_seats = false;
	if (!disclose_octets(object, "record", &record, err) ||
	    !disclose_commits(leaf->second_commitment, object, "nonce", buf_bytes(&record), err) ||
	    !escrow_parse(buf_bytes(&record), &view, err) ||
	    !find_set(sample, view.seat_set, &set, err))
		return false;
	pick_seats(sample, object, &set, &with, roles);
	*out_other_seats = !roles[SEAT_LEGAL] || !roles[SEAT_OFFICER];
	return *out_other_seats ||
	       (disclose_unseal(&with, object, buf_bytes(&record), &plain, err) &&
		   reads(buf_bytes(&plain), err));
}

static void
count_one(struct sample *sample, const json_t *object, const struct leaf_view *leaf)
{
	const char *missing = json_string_value(json_object_get(object, "missing"));
	struct error err = {0};
	struct fault *fault;
	bool other_seats = false, good = false;

	if (missing != NULL && strcmp(missing, "ERASED") == 0) {
		sample->erased++;
		return;
	}
	if (missing != NULL)
		(void)!error_set(&err, E_ESCROW_UNREADABLE, "the record is %.16s", missing);
	else
		good = open_one(sample, object, leaf, &other_seats, &err);
	sample->other_seats += good && other_seats;
	sample->opened += good && !other_seats;
	if (good)
		return;
	fault = &sample->faults[sample->fault_count++];
	fault->leaf = leaf->seq;
	(void)snprintf(fault->why, sizeof fault->why, "%s", err.detail);
}

/* ---- the draw ---- */

/* The leaf that the draw names, and no other one. */
static bool
check_drawn(struct sample *sample, const json_t *object, uint64_t index, struct error *err)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	const struct note_key *key;
	struct checkpoint checkpoint;
	struct leaf_view leaf;
	struct bytes text;

	if (!disclose_text(object, "proof", &text, err) || !tlog_proof_parse(text, &proof, err) ||
	    !log_keys_pick(&sample->with->logs, proof.note, &key, err) ||
	    !tlog_proof_verify(&proof, key, &checkpoint, err) ||
	    !leaf_parse(buf_bytes(&proof.extra), &leaf, err))
		return false;
	if (strcmp(checkpoint.origin, sample->text->sample_origin) != 0 || proof.index != index)
		return error_set(err, E_BAD_PROOF,
		    "leaf %llu of %s is not the one that was drawn, %llu",
		    (unsigned long long)proof.index, checkpoint.origin, (unsigned long long)index);
	sample->drawn++;
	if (!disclosure_draw_wants(&leaf))
		return true;
	sample->wanted++;
	count_one(sample, object, &leaf);
	return true;
}

static bool
draw_all(struct sample *sample, struct disclosure_draw *draw, struct error *err)
{
	const json_t *records = json_object_get(sample->package, "records");
	uint64_t index;

	while (sample->wanted < sample->text->sample_count && disclosure_draw_next(draw, &index)) {
		const json_t *object = json_array_get(records, (size_t)sample->drawn);

		if (object == NULL)
			return error_set(err, E_BAD_PROOF, "the package lacks what was drawn");
		if (!check_drawn(sample, object, index, err))
			return false;
	}
	return json_array_size(records) == (size_t)sample->drawn ||
	       error_set(err, E_BAD_PROOF, "the package has more than what was drawn");
}

/* The request's leaf was verified before: here it only says where the draw begins. */
static bool
begin(const struct sample *sample, struct disclosure_draw *out, struct error *err)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	const json_t *request = json_object_get(sample->package, "request");
	struct bytes text;

	return disclose_text(request, "proof", &text, err) && tlog_proof_parse(text, &proof, err) &&
	       disclosure_draw_begin(&proof, (uint64_t)sample->text->sample_size, out, err);
}

static int
compare_faults(const void *a, const void *b)
{
	const struct fault *one = a, *other = b;

	return one->leaf < other->leaf ? -1 : one->leaf > other->leaf;
}

static json_t *
shape(struct sample *sample)
{
	json_t *faults = json_array();

	qsort(sample->faults, sample->fault_count, sizeof sample->faults[0], compare_faults);
	for (size_t i = 0; i < sample->fault_count; i++)
		(void)json_array_append_new(
		    faults, json_pack("{s:I, s:s}", "leaf", (json_int_t)sample->faults[i].leaf,
				"why", sample->faults[i].why));
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "log", sample->text->sample_origin,
	    "size", (json_int_t)sample->text->sample_size, "drawn", (json_int_t)sample->drawn,
	    "opened", (json_int_t)sample->opened, "erased", (json_int_t)sample->erased,
	    "other_seats", (json_int_t)sample->other_seats, "faults", faults);
}

bool
disclose_sample_open(const struct disclose_open *with, const json_t *package,
    const struct disclosure_text *text, json_t **out, struct error *err)
{
	DEFER(mem_free) struct disclosure_draw *draw = xcalloc(1, sizeof *draw);
	DEFER(mem_free) struct sample *sample = xcalloc(1, sizeof *sample);

	*sample = (struct sample){.with = with, .package = package, .text = text};
	if (!begin(sample, draw, err) || !draw_all(sample, draw, err))
		return false;
	*out = shape(sample);
	return true;
}

/*
 * decide_round: the rows of one call of decide(), with what its inputs took so far. Pure.
 */
#ifndef PROVISIONING_DECIDE_ROUND_H
#define PROVISIONING_DECIDE_ROUND_H

#include "base/defer.h"
#include "provisioning/decide.h"

#define NOT_TAKEN SIZE_MAX
#define SLOT_NAME_BYTES (1 + TAG_BYTES)

/*
 * What inputs of one batch can take from each other: a name (a key, a tag and its kid, or a
 * sealed record's id), and the index of the input that took it. Sorted by name, each name once.
 */
struct slot {
	uint8_t name[SLOT_NAME_BYTES];
	size_t taken_by;
};
struct slots {
	struct slot *slots;
	size_t count;
};

struct round {
	const struct decide_snapshot *rows;
	const struct decide_input *inputs;
	struct decide_output *outs;
	int64_t now_s;
	/* Own copies: what earlier inputs took is marked here. */
	struct decide_batch *batches;
	struct decide_token *tokens;
	struct decide_tag_row *tags;
	struct slots taken_keys, taken_tags, taken_records;
};

/* The caller has set rows, inputs, outs and now_s. */
void round_init(struct round *round, size_t count);
void round_clear(struct round *round);
DEFER_DECLARE_CLEAR(struct round, round_clear)

/* NULL: no such row. */
struct decide_batch *round_find_batch(const struct round *round, int64_t id);
struct decide_token *round_find_token(const struct round *round, int64_t id);
struct decide_tag_row *round_find_tag(const struct round *round, const struct decide_tag *tag);
const struct decide_device *round_find_device(const struct round *round, int64_t id);
/* A batch without stations is open to all. */
bool round_allows_station(const struct decide_batch *batch, int64_t person);

/* The slot of a name that one of the inputs (or a bound token) has. */
struct slot *round_key_slot(const struct round *round, const uint8_t *spki_sha256);
struct slot *round_tag_slot(const struct round *round, const struct decide_tag *tag);
struct slot *round_record_slot(const struct round *round, const struct decide_record *record);

#endif

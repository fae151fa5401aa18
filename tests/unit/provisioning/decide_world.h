/* A small world of rows and inputs for decide()'s tests. */
#ifndef TESTS_DECIDE_WORLD_H
#define TESTS_DECIDE_WORLD_H

#include "tests/unit/provisioning/cmocka_all.h"

#include <string.h>

#include "provisioning/decide.h"
#include "provisioning/token.h"

#define NOW_S (INT64_C(20000) * 86400 + 12 * 3600) /* noon */
#define BATCH 7
#define OTHER_BATCH 8
#define STATION 5
#define OTHER_STATION 6
#define TOKEN 70
#define OLD 900 /* a device that is there before */
#define MANY 64

/*
 * A good enrollment by a station: batch, key 1, tag 1; the token and an old device with tags 1 and
 * 2 and key 9 are there when a case says so.
 */
struct world {
	struct decide_batch batches[2];
	struct decide_token tokens[1];
	struct decide_key keys[1];
	struct decide_tag_row tags[2];
	struct decide_device devices[1];
	int64_t stations[2];
	struct decide_snapshot rows;
	struct error refused;
	struct decide_input inputs[MANY];
	size_t input_count;
	struct decide_output outs[MANY];
	int64_t now_s;
};

static inline void
fill(uint8_t *octets, int value)
{
	memset(octets, value, 32);
}

static inline void
give_tags(struct decide_input *input, int first, int second)
{
	input->tag_count = second != 0 ? 2 : 1;
	input->tags[0].kid = input->tags[1].kid = 1;
	fill(input->tags[0].tag, first);
	fill(input->tags[1].tag, second);
}

static inline void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->now_s = NOW_S;
	for (int i = 0; i < 2; i++)
		w->batches[i] = (struct decide_batch){.id = BATCH + i,
		    .quota = 10,
		    .issued = 3,
		    .opens_at_s = 1000,
		    .hours_from = -1,
		    .hours_until = -1,
		    .hardware_ids_required = true,
		    .replace_same_station = true,
		    .stations = w->stations};
	w->stations[0] = STATION - 1;
	w->stations[1] = STATION;
	w->tokens[0] =
	    (struct decide_token){.id = TOKEN, .batch = BATCH, .expires_at_s = NOW_S + 60};
	fill(w->tokens[0].random_sha256, 3);
	fill(w->keys[0].spki_sha256, 9);
	w->keys[0].device = OLD;
	for (int i = 0; i < 2; i++) {
		w->tags[i].tag.kid = 1;
		fill(w->tags[i].tag.tag, 1 + i);
		w->tags[i].device = OLD;
	}
	w->devices[0] = (struct decide_device){.id = OLD,
	    .batch = BATCH,
	    .person = STATION,
	    .tag_count = 2,
	    .enrolled_at_s = NOW_S - 3600,
	    .certificate_count = 1,
	    .profile = "device"};
	w->rows = (struct decide_snapshot){.batches = w->batches,
	    .batch_count = 2,
	    .tokens = w->tokens,
	    .keys = w->keys,
	    .tags = w->tags,
	    .devices = w->devices,
	    .tag_keys = {.active = 1, .retiring = -1}};

	w->input_count = 1;
	w->inputs[0] =
	    (struct decide_input){.batch = BATCH, .person = STATION, .profile = "device"};
	fill(w->inputs[0].spki_sha256, 1);
	give_tags(&w->inputs[0], 1, 2);
}

static inline void
with_old(struct world *w)
{
	w->rows.key_count = w->rows.device_count = 1;
	w->rows.tag_count = 2;
}

static inline void
with_token(struct world *w)
{
	w->rows.token_count = 1;
	w->inputs[0].has_token = true;
	w->inputs[0].person = 0;
	w->inputs[0].token = TOKEN;
	w->inputs[0].token_expires_at_s = NOW_S + 60;
	fill(w->inputs[0].token_random_sha256, 3);
}

/* The old device was enrolled with the token. */
static inline void
with_spent_token(struct world *w)
{
	with_old(w);
	with_token(w);
	w->tokens[0].state = TOKEN_IS_SPENT;
	w->tokens[0].device = OLD;
	w->devices[0].has_token = true;
	w->devices[0].token = TOKEN;
	w->devices[0].person = 0;
}

/* ---- one input: a table of what differs ---- */

static inline void
run(struct world *w)
{
	decide(&w->rows, w->inputs, w->input_count, w->now_s, w->outs);
}

#define CHANGE(name, ...)                        \
	static inline void name(struct world *w) \
	{                                        \
		__VA_ARGS__                      \
	}

/* clang-format off */
static inline void bind_token(struct world *w) { with_token(w); w->tokens[0].bound_count = 2; w->tokens[0].bound[0] = w->inputs[0].tags[1]; w->tokens[0].bound[1] = w->inputs[0].tags[0]; }
static inline void block(struct world *w, bool first, bool second) { with_old(w); w->devices[0].state = DEVICE_REVOKED; w->tags[0].blocked = w->tags[1].blocked = true; w->tags[0].readmit = first; w->tags[1].readmit = second; }
static inline void replace(struct world *w) { with_old(w); w->inputs[0].replace = true; }
/* clang-format on */

#endif

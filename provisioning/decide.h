/*
 * decide: the rules of enrollment. Pure: proposals in order of arrival against the rows that the
 * ledger locked, plus what earlier proposals of the batch took; out come issue, replay or refuse.
 */
#ifndef PROVISIONING_DECIDE_H
#define PROVISIONING_DECIDE_H

#include "base/hash.h"
#include "ca/status.h"
#include "keeper/tag.h"
#include "provisioning/batch.h"
#include "provisioning/escrow.h"

#define DECIDE_REPLACE_WITHIN_S 86400 /* after its enrollment, a device can be replaced */

enum decision { DECIDE_REFUSE, DECIDE_ISSUE, DECIDE_REPLAY, DECIDE_REPLACE };

struct decide_tag { /* one of a device's tags, under key kid */
	uint8_t kid;
	uint8_t tag[TAG_BYTES];
	/* The same under a second key, while tags are moved: a row may still have this one. */
	bool has_other;
	uint8_t other_kid;
	uint8_t other[TAG_BYTES];
};
struct decide_tag_keys { /* what devices get their tags under, and what is looked up, too */
	int active;
	int retiring; /* -1: none */
};

struct decide_record { /* a sealed record that a station brought counts once */
	uint8_t id[ESCROW_ID_BYTES];
};

struct decide_input {                /* a proposal as decide sees it */
	const struct error *refused; /* why it is refused already (a bad CSR), or NULL */
	int64_t batch;               /* 0: unknown; then refused is set */
	int64_t person;              /* the station; 0 with a token: the token counts */
	int64_t token;               /* token.id when has_token */
	bool has_token;
	int64_t token_expires_at_s;
	uint8_t token_random_sha256[SHA256_BYTES];
	const char *profile;
	uint8_t spki_sha256[SHA256_BYTES];
	struct decide_tag tags[HWID_COUNT_MAX];
	size_t tag_count;
	bool replace;
	bool brings_record; /* a sealed record of the station's: */
	struct decide_record record;
};

/* Rows as read under lock; arrays sorted by their keys. See decide.c for how they are searched. */
struct decide_batch {
	int64_t id;
	int64_t quota, issued;
	int64_t opens_at_s, closes_at_s, closed_at_s;
	int hours_from, hours_until;
	bool hardware_ids_required, replace_same_station, manifest;
	const int64_t *stations;
	size_t station_count;
};
struct decide_token {
	int64_t id;
	int64_t batch;
	uint8_t random_sha256[SHA256_BYTES];
	enum { TOKEN_FREE, TOKEN_IS_SPENT, TOKEN_IS_BURNT } state;
	int refusals;
	int64_t expires_at_s;
	int64_t device;     /* 0: not spent */
	size_t bound_count; /* 0: not bound to hardware */
	struct decide_tag bound[HWID_COUNT_MAX];
};
struct decide_key {
	uint8_t spki_sha256[SHA256_BYTES];
	int64_t device; /* 0: of no device */
};
struct decide_tag_row {
	struct decide_tag tag;
	int64_t device;
	bool blocked, readmit;
};
struct decide_listed { /* a tag of a batch's manifest */
	int64_t batch;
	struct decide_tag tag;
};
struct decide_device {
	int64_t id;
	int64_t batch;
	int64_t person;
	int64_t token;
	bool has_token;
	int tag_count;
	enum device_state state;
	int64_t enrolled_at_s;
	int certificate_count; /* read for devices that a proposal with `replace` names */
	char profile[BATCH_PROFILE_MAX + 1];
};

struct decide_snapshot {
	struct decide_batch *batches;
	size_t batch_count;
	struct decide_token *tokens;
	size_t token_count;
	struct decide_key *keys;
	size_t key_count;
	struct decide_tag_row *tags;
	size_t tag_count;
	struct decide_listed *listed; /* those that an input of a batch with a manifest has */
	size_t listed_count;
	struct decide_record *records; /* those that an input brings and another has brought */
	size_t record_count;
	struct decide_device *devices;
	size_t device_count;
	struct decide_tag_keys tag_keys;
};

struct decide_output {
	enum decision decision;
	struct error err;        /* of a refusal */
	int64_t replayed_device; /* DECIDE_REPLAY, or 0: */
	size_t replayed_input;   /* the earlier input that is repeated */
	int64_t replaced_device; /* DECIDE_REPLACE */
	bool counts_on_token;    /* a refusal that counts towards burning it */
	bool burns_token;        /* ... and is the last */
	/* The device's tags: the input's, or, when it has none, those that the token is bound to.
	 */
	struct decide_tag tags[HWID_COUNT_MAX];
	size_t tag_count;
};

/*
 * Puts what is under the active key first in each of `tags`.
 * E_TAG_KEY_CHANGED   that is missing, or, while tags are moved, what is under the retiring key:
 *                     the keeper that made them did not have it
 */
MUST_CHECK bool decide_settle_tags(
    const struct decide_tag_keys *keys, struct decide_tag *tags, size_t count, struct error *err);
/*
 * Judges all; outs[i] belongs to inputs[i]. Works on its own copy of what earlier ones took (quota,
 * tokens, keys, tags), so the snapshot stays as read.
 */
void decide(const struct decide_snapshot *snapshot, const struct decide_input *inputs, size_t count,
    int64_t now_s, struct decide_output *outs);

/* Rows of a snapshot by their keys, or NULL. */
const struct decide_token *decide_find_token(const struct decide_snapshot *snapshot, int64_t id);
const struct decide_key *decide_find_key(
    const struct decide_snapshot *snapshot, const uint8_t spki_sha256[static SHA256_BYTES]);
const struct decide_tag_row *decide_find_tag(
    const struct decide_snapshot *snapshot, const struct decide_tag *tag);
/* Whether the batch's manifest has it. */
bool decide_is_listed(
    const struct decide_snapshot *snapshot, int64_t batch, const struct decide_tag *tag);
/* Whether this record was brought before. */
bool decide_has_record(const struct decide_snapshot *snapshot, const struct decide_record *record);
/* Order by key and tag alone, for qsort(). */
int decide_compare_tags(const void *a, const void *b);
int decide_compare_listed(const void *a, const void *b);

#endif

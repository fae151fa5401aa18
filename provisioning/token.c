#include "provisioning/token.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "audit/note.h"
#include "base/mem.h"
#include "provisioning/token_store.h"

#define RANDOM_BYTES 16
#define ID_OFFSET 1
#define BATCH_OFFSET 9
#define EXPIRES_OFFSET 17
#define RANDOM_OFFSET 25

static_assert(RANDOM_OFFSET + RANDOM_BYTES == TOKEN_HEAD_BYTES, "the random octets end the head");

static int64_t
read_i64(const uint8_t *octets)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 8; i++)
		value = value << 8 | octets[i];
	return (int64_t)value;
}

static void
write_i64(uint8_t *octets, int64_t value)
{
	for (size_t i = 0; i < 8; i++)
		octets[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
}

static void
read_head(const uint8_t head[static TOKEN_HEAD_BYTES], struct token *out)
{
	out->id = read_i64(head + ID_OFFSET);
	out->batch = read_i64(head + BATCH_OFFSET);
	out->expires_at_s = read_i64(head + EXPIRES_OFFSET);
	sha256(bytes_of(head + RANDOM_OFFSET, RANDOM_BYTES), out->random_sha256);
}

/* TOKEN_BYTES on the stack; wiped by their owner. */
struct plain {
	uint8_t octets[TOKEN_BYTES];
};

static void
plain_clear(struct plain *plain)
{
	sodium_memzero(plain, sizeof *plain);
}
DEFER_DECLARE_CLEAR(struct plain, plain_clear)

bool
token_open(struct keeper_client *keeper, const char *text, struct token *out, struct error *err)
{
	DEFER(plain_clear) struct plain token;
	bool good;

	if (!token_text_parse(text, token.octets))
		return error_set_field(
		    err, E_TOKEN_INVALID, "/token", "it is not a token: they begin with mk1.");
	if (!keeper_token_check(keeper, token.octets, token.octets + TOKEN_HEAD_BYTES, &good, err))
		return false;
	if (!good)
		return error_set_field(err, E_TOKEN_INVALID, "/token",
		    "this service did not make it, or it was altered");

	read_head(token.octets, out);
	return true;
}

/* ---- minting: the ledger's kind ---- */

struct mint { /* a proposal */
	struct proposal base;
	const struct token_mint_request *request;
	struct token_row *rows;             /* request->count of them */
	uint8_t (*heads)[TOKEN_HEAD_BYTES]; /* the same; wiped */
	struct record record;
};

static void
mint_clear(struct mint *mint)
{
	if (mint->heads != NULL)
		sodium_memzero(mint->heads, mint->request->count * sizeof mint->heads[0]);
	free(mint->heads);
	free(mint->rows);
}
DEFER_DECLARE_CLEAR(struct mint, mint_clear)

static void
mint_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct mint *mint = (struct mint *)batch->proposals[i];
		char subject[LEAF_VALUE_MAX + 1];

		(void)snprintf(subject, sizeof subject, "b:%s", mint->request->batch_handle);
		mint->record = (struct record){0};
		note_leaf(&mint->record.leaf, LEAF_TOKEN_MINT, mint->request->actor, subject, NULL,
		    batch->now_s);
		mint->record.leaf.count = (int64_t)mint->request->count;
		mint->base.err = (struct error){0};
		mint->base.records = &mint->record;
		mint->base.record_count = 1;
	}
}

static bool
mint_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		struct mint *mint = (struct mint *)batch->proposals[i];
		size_t inserted;

		if (!token_store_insert(
			batch->tx, mint->rows, mint->request->count, &inserted, err))
			return false;
		/* 63 bits were drawn twice: no retry would change that. */
		if (inserted != mint->request->count)
			return error_set(err, E_INTERNAL, "a token id is taken");
	}
	return true;
}

static const struct ledger_kind MINT = {
    .name = "token.mint", .decide = mint_decide, .write = mint_write};

/* ---- minting: the straight line ---- */

static bool
check_request(const struct token_mint_request *request, struct error *err)
{
	if (request->count < 1 || request->count > TOKEN_MINT_MAX)
		return error_set_field(err, E_BAD_SYNTAX, "/count", "not 1 to %d", TOKEN_MINT_MAX);
	if (request->expires_in_s < 0 || request->expires_in_s > TOKEN_VALIDITY_MAX_S)
		return error_set_field(err, E_BAD_SYNTAX, "/expires_in_s", "not 1 to %lld",
		    (long long)TOKEN_VALIDITY_MAX_S);
	return true;
}

static void
draw_row(struct token_row *row, uint8_t head[static TOKEN_HEAD_BYTES], uint8_t kid,
    const struct token *like, const struct rng *rng)
{
	uint8_t handle[HANDLE_BYTES];

	rng_fill(rng, handle, sizeof handle);
	handle_encode(row->handle, handle);
	rng_fill(rng, head, TOKEN_HEAD_BYTES);
	head[0] = kid;
	head[ID_OFFSET] &= 0x7f; /* the id is a positive bigint */
	write_i64(head + BATCH_OFFSET, like->batch);
	write_i64(head + EXPIRES_OFFSET, like->expires_at_s);
	read_head(head, &row->token);
}

static bool
draw(const struct token_service *service, struct mint *mint, struct error *err)
{
	const struct token_mint_request *request = mint->request;
	int64_t validity_s =
	    request->expires_in_s != 0 ? request->expires_in_s : TOKEN_VALIDITY_DEFAULT_S;
	struct token like = {
	    .batch = request->batch, .expires_at_s = clock_now_s(service->clock) + validity_s};
	uint8_t kid;

	if (!keeper_token_kid(service->keeper, &kid, err))
		return false;
	mint->rows = xcalloc(request->count, sizeof *mint->rows);
	mint->heads = xcalloc(request->count, sizeof *mint->heads);
	for (size_t i = 0; i < request->count; i++)
		draw_row(&mint->rows[i], mint->heads[i], kid, &like, service->rng);
	return true;
}

static bool
names_one_twice(const struct token_binding *binding)
{
	for (size_t i = 0; i < binding->count; i++)
		for (size_t k = 0; k < i; k++)
			if (bytes_equal(bytes_of(binding->hwids[i].message, binding->hwids[i].len),
				bytes_of(binding->hwids[k].message, binding->hwids[k].len)))
				return true;
	return false;
}

/* All ids of all bindings, in order. */
static bool
list_messages(const struct token_mint_request *request, struct bytes *out, size_t *out_count,
    struct error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < request->count; i++) {
		const struct token_binding *binding = &request->bindings[i];

		assert(binding->count <= HWID_COUNT_MAX);
		if (binding->count == 0)
			return error_set_field(
			    err, E_HARDWARE_ID_MISSING, "/for", "a binding without hardware id");
		if (names_one_twice(binding))
			return error_set_field(
			    err, E_HARDWARE_ID_INVALID, "/for", "one hardware id twice");
		for (size_t k = 0; k < binding->count; k++)
			out[count++] = bytes_of(binding->hwids[k].message, binding->hwids[k].len);
	}
	*out_count = count;
	return true;
}

static bool
bind_hardware(const struct token_service *service, struct mint *mint, struct error *err)
{
	const struct token_mint_request *request = mint->request;
	DEFER(mem_free) struct bytes *messages = NULL;
	DEFER(mem_free) struct tag_set *tags = NULL;
	struct tag_kids kids;
	size_t count, next = 0;

	if (request->bindings == NULL)
		return true;
	messages = xcalloc(request->count * HWID_COUNT_MAX, sizeof *messages);
	tags = xcalloc(request->count * HWID_COUNT_MAX, sizeof *tags);
	if (!list_messages(request, messages, &count, err) ||
	    !keeper_tags(service->keeper, messages, count, tags, &kids, err))
		return false;

	for (size_t i = 0; i < request->count; i++) {
		struct token_row *row = &mint->rows[i];

		row->bound_kid = kids.kids[0];
		row->bound_count = request->bindings[i].count;
		for (size_t k = 0; k < row->bound_count; k++)
			memcpy(row->bound_tags[k], tags[next++].under[0], TAG_BYTES);
	}
	return true;
}

static bool
record(struct ledger *ledger, struct mint *mint, struct error *err)
{
	struct proposal *const proposals[] = {&mint->base};

	if (!ledger_submit(ledger, proposals, COUNT(proposals), err))
		return false;
	if (mint->base.err.code != E_NONE) {
		*err = mint->base.err;
		return false;
	}
	return true;
}

static char *
encode(const uint8_t head[static TOKEN_HEAD_BYTES], const uint8_t mac[static TOKEN_MAC_BYTES])
{
	DEFER(plain_clear) struct plain token;
	DEFER(buf_clear) struct buf text = {0};

	memcpy(token.octets, head, TOKEN_HEAD_BYTES);
	memcpy(token.octets + TOKEN_HEAD_BYTES, mac, TOKEN_MAC_BYTES);
	token_text_encode(token.octets, &text);
	return xstrdup(buf_text(&text));
}

/* Tokens exist once they are recorded; only now are they made usable. */
static bool
authenticate(
    struct keeper_client *keeper, const struct mint *mint, char ***out_texts, struct error *err)
{
	size_t count = mint->request->count;
	DEFER(mem_free) uint8_t(*macs)[TOKEN_MAC_BYTES] = xcalloc(count, sizeof *macs);
	char **texts;

	if (!keeper_token_macs(
		keeper, (const uint8_t(*)[TOKEN_HEAD_BYTES])mint->heads, count, macs, err))
		return false;
	texts = xcalloc(count, sizeof *texts);
	for (size_t i = 0; i < count; i++)
		texts[i] = encode(mint->heads[i], macs[i]);
	sodium_memzero(macs, count * sizeof *macs);
	*out_texts = texts;
	return true;
}

bool
token_mint(const struct token_service *service, const struct token_mint_request *request,
    char ***out_texts, struct error *err)
{
	DEFER(mint_clear) struct mint mint = {.base.kind = &MINT, .request = request};

	return check_request(request, err) && draw(service, &mint, err) &&
	       bind_hardware(service, &mint, err) && record(service->ledger, &mint, err) &&
	       authenticate(service->keeper, &mint, out_texts, err);
}

/* signed_log: committed leaves in memory and the key of their log, as ledger and keeper give them
 * to the publisher. */
#ifndef TESTS_SUPPORT_SIGNED_LOG_H
#define TESTS_SUPPORT_SIGNED_LOG_H

#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include "audit/tiles.h"
#include "base/mem.h"
#include "proof/edge.h"
#include "proof/leaf.h"
#include "proof/merkle.h"
#include "proof/tlog_proof.h"

#define SIGNED_LOG_ORIGIN "moniker.example/node1-2026"
#define SIGNED_LOG_BEGAN_S INT64_C(1767225600)

struct signed_log {
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;
	struct buf *leaves;
	size_t count, capacity;
	size_t hidden_from; /* leaves from here on are not in the database */
	bool away;          /* the database is */
};

__attribute__((unused)) static void
signed_log_init(struct signed_log *log)
{
	/* The public half of the seed 01 to 20 (hex). */
	static const char VKEY[] =
	    SIGNED_LOG_ORIGIN "+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk";
	struct error err = {0};

	*log = (struct signed_log){.hidden_from = SIZE_MAX};
	for (size_t i = 0; i < sizeof log->seed; i++)
		log->seed[i] = (uint8_t)(i + 1);
	assert_true(note_key_parse(bytes_of_text(VKEY), &log->key, &err));
}

__attribute__((unused)) static void
signed_log_clear(struct signed_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		buf_clear_public(&log->leaves[i]);
	free(log->leaves);
}
DEFER_DECLARE_CLEAR(struct signed_log, signed_log_clear)

/* Appends a leaf as it is given but for its number and, where they are 0, its times. */
__attribute__((unused)) static void
signed_log_add(struct signed_log *log, struct leaf leaf)
{
	struct error err = {0};

	if (log->count == log->capacity) {
		log->capacity = log->capacity * 2 + 64;
		log->leaves = xrealloc(log->leaves, log->capacity * sizeof log->leaves[0]);
	}
	leaf.seq = (int64_t)log->count;
	leaf.severity = 1;
	if (leaf.sequenced_at_s == 0)
		leaf.sequenced_at_s = SIGNED_LOG_BEGAN_S + leaf.seq;
	if (leaf.at_s == 0)
		leaf.at_s = leaf.sequenced_at_s;
	log->leaves[log->count] = (struct buf){0};
	assert_true(leaf_encode(&leaf, &log->leaves[log->count++], &err));
}

__attribute__((unused)) static void
signed_log_grow(struct signed_log *log, size_t size)
{
	while (log->count < size)
		signed_log_add(log, (struct leaf){.event = LEAF_SVC_HEARTBEAT});
}

/* The signed checkpoint of the first `size` leaves. */
__attribute__((unused)) static void
signed_log_note(const struct signed_log *log, size_t size, struct buf *out)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct checkpoint checkpoint = {.size = size, .origin = SIGNED_LOG_ORIGIN};
	struct merkle tree = {0};

	assert_true(size <= log->count);
	for (size_t i = 0; i < size; i++) {
		uint8_t hash[SHA256_BYTES];

		leaf_hash(buf_bytes(&log->leaves[i]), hash);
		merkle_append(&tree, hash);
	}
	merkle_root(&tree, checkpoint.root);
	checkpoint_encode(&checkpoint, &text);
	note_sign(&log->key, log->seed, buf_bytes(&text), out);
}

__attribute__((unused)) static bool
signed_log_key(void *context, const char *origin, struct note_key *out, struct error *err)
{
	const struct signed_log *log = context;

	if (log->away)
		return error_set(err, E_DATABASE_UNAVAILABLE, "the database is away");
	assert_string_equal(origin, log->key.name);
	*out = log->key;
	return true;
}

__attribute__((unused)) static bool
signed_log_read(
    void *context, uint64_t from, uint64_t to, tiles_take take, void *taker, struct error *err)
{
	const struct signed_log *log = context;

	if (log->away)
		return error_set(err, E_DATABASE_UNAVAILABLE, "the database is away");
	for (uint64_t seq = from; seq < to && seq < log->count && seq < log->hidden_from; seq++)
		if (!take(taker, seq, buf_bytes(&log->leaves[seq]), err))
			return false;
	return true;
}

__attribute__((unused)) static struct tiles_source
signed_log_source(struct signed_log *log)
{
	return (struct tiles_source){log, signed_log_key, signed_log_read};
}

/*
 * What the folder promises: its checkpoint is signed, its tiles lead to the signed root, and the
 * entries are the log's leaves. Returns its size; 0 where there is no checkpoint yet.
 */
__attribute__((unused)) static uint64_t
signed_log_judge(const struct signed_log *log, const struct tile_files *files)
{
	DEFER(buf_clear_public) struct buf note = {0};
	DEFER(edge_free) struct edge *edge = edge_new();
	struct checkpoint checkpoint;
	struct error err = {0};
	uint8_t root[SHA256_BYTES];
	bool found = false;

	assert_true(files->read(files->context, "checkpoint", NOTE_MAX, &note, &found, &err));
	if (!found)
		return 0;
	assert_true(tlog_open(buf_bytes(&note), &log->key, &checkpoint, &err));
	assert_true(edge_read(edge, files, checkpoint.size, &err));
	edge_root(edge, root);
	assert_memory_equal(root, checkpoint.root, SHA256_BYTES);
	for (uint64_t first = 0; first < checkpoint.size; first += TILE_WIDTH) {
		const int width = tile_width_at(TILE_ENTRIES, first / TILE_WIDTH, checkpoint.size);
		const struct tile entries = {TILE_ENTRIES, first / TILE_WIDTH, width};
		const struct tile hashes = {0, first / TILE_WIDTH, width};
		DEFER(buf_clear_public) struct buf bundle = {0};
		DEFER(buf_clear_public) struct buf tile = {0};
		struct bytes rest, leaf;

		assert_true(tile_read(files, &entries, &bundle, &found, &err) && found);
		assert_true(tile_read(files, &hashes, &tile, &found, &err) && found);
		rest = buf_bytes(&bundle);
		for (int i = 0; i < width; i++) {
			uint8_t hash[SHA256_BYTES];

			assert_true(tile_entry_take(&rest, &leaf));
			assert_octets(leaf, buf_bytes(&log->leaves[first + (uint64_t)i]));
			leaf_hash(leaf, hash);
			assert_memory_equal(hash, tile.data + i * SHA256_BYTES, SHA256_BYTES);
		}
	}
	return checkpoint.size;
}

#endif

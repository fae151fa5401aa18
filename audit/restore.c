#include "audit/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "audit/restore_store.h"
#include "audit/retention_store.h"
#include "base/mem.h"

#define ACTOR "system:host" /* whoever may be the database's owner */
#define AT_ONCE 256         /* leaves */

struct chunk { /* leaves that follow one another, in one part of the table */
	struct buf bodies[AT_ONCE];
	size_t count;
	int64_t last_st_s;
};

static void
chunk_free(struct chunk *chunk)
{
	for (size_t i = 0; chunk != NULL && i < AT_ONCE; i++)
		buf_clear_public(&chunk->bodies[i]);
	free(chunk);
}
DEFER_DECLARE(struct chunk, chunk_free)

/* The newest leaf of the database is in the journal, at its place: else they are two logs. */
static bool
check_same(struct tx *tx, const struct restore_request *request, const struct restore_head *head,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf there = {0};
	DEFER(buf_clear_public) struct buf ours = {0};

	if (strcmp(journal_origin(request->journal), request->origin) != 0)
		return error_set(err, E_STATE_CONFLICT, "the journal is of another log");
	if (head->size == 0)
		return true;
	if (!restore_last_leaf(tx, head, &there, err) ||
	    !journal_get(request->journal, (uint64_t)head->size - 1, &ours, err))
		return false;
	return bytes_equal(buf_bytes(&there), buf_bytes(&ours)) ||
	       error_set(err, E_STATE_CONFLICT,
		   "leaf %lld of the database is not that of the journal",
		   (long long)head->size - 1);
}

/* Up to `end`, at most. */
static bool
read_chunk(const struct restore_request *request, int64_t seq, int64_t end, struct chunk *chunk,
    struct restore_result *result, struct error *err)
{
	chunk->count = 0;
	while (chunk->count < AT_ONCE && seq < end) {
		struct buf *body = &chunk->bodies[chunk->count++];
		struct leaf_view view;

		buf_truncate(body, 0);
		if (!journal_get(request->journal, (uint64_t)seq, body, err) ||
		    !leaf_parse(buf_bytes(body), &view, err))
			return false;
		result->certificates += view.has_commitment ? 1 : 0;
		chunk->last_st_s = view.sequenced_at_s;
		seq++;
	}
	return true;
}

static bool
put_chunk(struct tx *tx, int log, int64_t seq, const struct chunk *chunk, struct error *err)
{
	struct bytes leaves[AT_ONCE];

	for (size_t i = 0; i < chunk->count; i++)
		leaves[i] = (struct bytes){chunk->bodies[i].data, chunk->bodies[i].len};
	return restore_put(tx, log, seq, leaves, chunk->count, err);
}

static int64_t
end_of_part(int64_t seq)
{
	return (seq / RETENTION_PART_LEAVES + 1) * RETENTION_PART_LEAVES;
}

static bool
put_leaves(struct tx *tx, const struct restore_request *request, const struct restore_head *head,
    struct restore_result *result, struct error *err)
{
	DEFER(chunk_free) struct chunk *chunk = xcalloc(1, sizeof *chunk);
	int64_t seq = head->size;

	while (seq < result->size) {
		const int64_t part = end_of_part(seq);

		if (!read_chunk(request, seq, part < result->size ? part : result->size, chunk,
			result, err) ||
		    !put_chunk(tx, head->id, seq, chunk, err))
			return false;
		seq += (int64_t)chunk->count;
	}
	result->leaves = result->size - head->size;
	return restore_advance(tx, head->id, result->size, chunk->last_st_s, err);
}

static bool
note_restored(struct tx *tx, const struct restore_request *request,
    const struct restore_result *result, struct error *err)
{
	const char *slash = strrchr(request->origin, '/');
	char subject[LEAF_VALUE_MAX + 1];
	struct leaf leaf;

	/* Not "log:": where a log begins or ends is told by another one. */
	(void)snprintf(
	    subject, sizeof subject, "backup:%.57s", slash != NULL ? slash + 1 : request->origin);
	note_leaf(&leaf, LEAF_BACKUP_RESTORE, ACTOR, subject, NULL, request->now_s);
	leaf.severity = 4;
	leaf.count = result->leaves;
	leaf.details[0] =
	    (struct leaf_detail){.key = "certificates", .number = result->certificates};
	leaf.details[1] = (struct leaf_detail){.key = "tokens", .number = result->tokens};
	leaf.details[2] = (struct leaf_detail){.key = "batches", .number = result->batches};
	return outbox_add(tx, &leaf, request->rng, err);
}

bool
restore_log(struct tx *tx, const struct restore_request *request, struct restore_result *out,
    struct error *err)
{
	struct restore_head head;

	*out = (struct restore_result){0};
	if (!restore_lock(tx, request->origin, &head, err))
		return false;
	if (head.id == 0)
		return error_set(err, E_NOT_FOUND, "there is no log %s", request->origin);
	if (head.retired)
		return error_set(err, E_STATE_CONFLICT, "%s is retired", request->origin);
	out->size = (int64_t)journal_tree(request->journal)->size;
	if (out->size <= head.size) {
		out->size = head.size;
		return true;
	}
	return check_same(tx, request, &head, err) && put_leaves(tx, request, &head, out, err) &&
	       restore_end_tokens(tx, &out->tokens, err) &&
	       restore_end_batches(tx, request->now_s, &out->batches, err) &&
	       note_restored(tx, request, out, err);
}

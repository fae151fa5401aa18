#include "api/receipt.h"

#include "api/shapes.h"
#include "audit/proofs.h"
#include "base/log.h"
#include "base/mem.h"
#include "ca/certificate_store.h"

bool
receipt_wanted(const struct http_request *request, bool *out, struct error *err)
{
	int64_t wanted = 0;

	if (!http_query_int(request, "proof", 0, 1, &wanted, err))
		return false;
	*out = wanted == 1;
	return true;
}

/* Nothing where it cannot be had. */
static void
prove(struct proofs *proofs, int64_t seq, const char *request_id, struct buf *out)
{
	struct error err = {0};

	if (proofs != NULL && seq >= 0 && !proofs_leaf(proofs, (uint64_t)seq, out, &err))
		log_error(LOG_LEVEL_WARNING, "receipt.none", request_id, &err);
}

/* NULL: not published in time, or not by this node. */
static struct proofs *
wait_for(const struct app *app, int64_t last_seq, const char *request_id)
{
	struct proofs *proofs = NULL;
	struct error err = {0};

	if (last_seq < 0)
		return NULL;
	if (!audit_proofs_with(app->audit, (uint64_t)last_seq, RECEIPT_WAIT_MS, &proofs, &err))
		log_error(LOG_LEVEL_WARNING, "receipt.late", request_id, &err);
	return proofs;
}

/* The leaf of each certificate, -1 where it is not known. */
static void
find_leaves(const struct app *app, const char *request_id, struct enrolled *const *enrolled,
    size_t count, int64_t *out_seqs)
{
	DEFER(mem_free) void *room = xcalloc(count + 1, SERIAL_BYTES);
	uint8_t(*serials)[SERIAL_BYTES] = room;
	struct error err = {0};

	for (size_t i = 0; i < count; i++)
		memcpy(serials[i], enrolled[i]->serial, SERIAL_BYTES);
	if (certificate_leaves(app->db, audit_origin(app->audit), room, count, out_seqs, &err))
		return;
	log_error(LOG_LEVEL_WARNING, "receipt.none", request_id, &err);
	for (size_t i = 0; i < count; i++)
		out_seqs[i] = -1;
}

void
receipt_add(
    const struct app *app, const char *request_id, struct enrolled *const *enrolled, size_t count)
{
	DEFER(mem_free) int64_t *seqs = xcalloc(count + 1, sizeof *seqs);
	DEFER(proofs_free) struct proofs *proofs = NULL;
	int64_t last = -1;

	find_leaves(app, request_id, enrolled, count, seqs);
	for (size_t i = 0; i < count; i++)
		last = seqs[i] > last ? seqs[i] : last;
	proofs = wait_for(app, last, request_id);
	for (size_t i = 0; i < count; i++) {
		enrolled[i]->has_proof = true;
		prove(proofs, seqs[i], request_id, &enrolled[i]->proof);
	}
}

void
receipt_add_leaves(
    const struct app *app, const char *request_id, int64_t first_seq, size_t count, json_t *object)
{
	const size_t shown = count < RECEIPT_LEAVES_MAX ? count : RECEIPT_LEAVES_MAX;
	DEFER(proofs_free) struct proofs *proofs = NULL;
	json_t *list = json_array();

	if (shown > 0)
		proofs = wait_for(app, first_seq + (int64_t)shown - 1, request_id);
	for (size_t i = 0; i < shown; i++) {
		DEFER(buf_clear_public) struct buf text = {0};

		prove(proofs, first_seq + (int64_t)i, request_id, &text);
		(void)json_array_append_new(list, shape_proof(buf_bytes(&text)));
	}
	(void)json_object_set_new(object, "proofs", list);
}

/* Proofs on request: from tiles, so that any size that was ever signed can be asked for. */
#include "api/handlers.h"
#include "audit/proofs.h"

static bool
answer_text(struct http_response *response)
{
	response->status = 200;
	response->content_type = "text/plain; charset=utf-8";
	return true;
}

bool
get_inclusion(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(proofs_free) struct proofs *proofs = NULL;
	int64_t seq = -1, size = -1;

	if (!http_query_int(request, "seq", 0, INT64_MAX, &seq, err) ||
	    !http_query_int(request, "size", 1, INT64_MAX, &size, err))
		return false;
	if (seq < 0)
		return error_set(err, E_INCOMPLETE, "seq is required");
	if (!audit_proofs(app->audit, http_query(request, "log"), &proofs, err))
		return false;
	return (size < 0 ? proofs_leaf(proofs, (uint64_t)seq, &response->body, err)
			 : proofs_leaf_at(
			       proofs, (uint64_t)seq, (uint64_t)size, &response->body, err)) &&
	       answer_text(response);
}

bool
get_consistency(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(proofs_free) struct proofs *proofs = NULL;
	int64_t old_size = -1, new_size = -1;

	if (!http_query_int(request, "old", 0, INT64_MAX, &old_size, err) ||
	    !http_query_int(request, "new", 0, INT64_MAX, &new_size, err))
		return false;
	if (old_size < 0 || new_size < 0)
		return error_set(err, E_INCOMPLETE, "old and new are required");
	return audit_proofs(app->audit, http_query(request, "log"), &proofs, err) &&
	       proofs_growth(
		   proofs, (uint64_t)old_size, (uint64_t)new_size, &response->body, err) &&
	       answer_text(response);
}

/* GET /v1/openapi.yaml: what all the other routes do. */
#include <stdio.h>

#include "api/handlers.h"
#include "api/openapi.h"

#define MAX_AGE_S 3600

bool
get_openapi(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	char etag[64];

	(void)app;
	(void)err;
	(void)snprintf(etag, sizeof etag, "\"%s\"", OPENAPI_TAG);
	http_header(response, "ETag", "%s", etag);
	http_header(response, "Cache-Control", "max-age=%d", MAX_AGE_S);
	buf_append(&response->body, OPENAPI);
	response->content_type = "application/yaml"; /* RFC 9512 */
	response->status = 200;
	return !http_etag_named(request, etag) || http_not_modified(response);
}

/* A path leads to a route if and only if the route's pattern, with its parts filled in, is it. */
#include "api/routes.h"
#include "tests/fuzz/fuzz.h"

static void
fill_in(const struct http_request *request, const char *pattern, struct buf *out)
{
	size_t count = 0;

	while (*pattern != '\0')
		if (strncmp(pattern, "{+", 2) == 0) {
			MUST(request->tail != NULL && request->tail[0] != '\0');
			MUST(strstr(request->tail, "..") == NULL);
			for (const char *c = request->tail; *c != '\0'; c++)
				MUST((*c >= ' ' && *c <= '~') || *c == '\r' || *c == '\n');
			buf_append_text(out, request->tail);
			pattern += strlen(pattern);
		} else if (strncmp(pattern, "{/", 2) == 0) {
			MUST(request->tail != NULL && request->tail[0] != '\0');
			MUST(strpbrk(request->tail, "%?{}\r\n +=") == NULL);
			MUST(strstr(request->tail, "..") == NULL);
			buf_append_text(out, request->tail);
			pattern += strlen(pattern);
		} else if (*pattern == '{') {
			MUST(count < HTTP_PARAMS_MAX && request->params[count][0] != '\0');
			MUST(strpbrk(request->params[count], "/%?{}\r\n ") == NULL);
			buf_append_text(out, request->params[count++]);
			pattern = strchr(pattern, '}') + 1;
		} else
			buf_append_u8(out, (uint8_t)*pattern++);
}

static void
leads_here(const struct http_request *request, enum route_port port, const struct route *route)
{
	DEFER(buf_clear_public) struct buf path = {0};

	MUST(route->method == request->method && (route->ports & port) != 0);
	fill_in(request, route->pattern, &path);
	MUST(bytes_equal(buf_bytes(&path), bytes_of_text(request->path)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes path = bytes_of(data, size);
	const uint8_t choice = fuzz_take(&path);
	const enum route_port port = choice & 1 ? ROUTE_TLS : ROUTE_PLAIN;
	struct http_request request = {.method = (enum http_method)(choice / 2 % 3)};
	char methods[ROUTES_METHODS_LEN];
	const struct route *route = NULL;
	struct error err = {0};

	if (path.len > HTTP_PATH_MAX || memchr(path.data, '\0', path.len) != NULL)
		return 0;
	memcpy(request.path, path.data, path.len);
	routes_methods(&request, port, methods);
	MUST(strlen(methods) < ROUTES_METHODS_LEN - 1);
	if (fuzz_verdict(routes_find(&request, port, &route, &err), &err)) {
		leads_here(&request, port, route);
		return 0;
	}
	MUST(route == NULL && request.params[0][0] == '\0');
	MUST(err.code == (methods[0] != '\0' ? E_METHOD_NOT_ALLOWED : E_NOT_FOUND));
	return 0;
}

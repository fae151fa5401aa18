#include "cmd/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/mem.h"

#define TIMEOUT_S 60L
#define CONNECT_TIMEOUT_S 10L

struct http_client {
	CURL *curl;
	char *url;
	char *ca_file, *certificate, *key;
	char failure[CURL_ERROR_SIZE];
};

static char *
copy_or_null(const char *text)
{
	return text == NULL ? NULL : xstrdup(text);
}

bool
http_client_new(
    const struct http_client_options *options, struct http_client **out, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = xcalloc(1, sizeof *client);

	client->url = xstrdup(options->url);
	client->ca_file = copy_or_null(options->ca_file);
	client->certificate = copy_or_null(options->certificate);
	client->key = copy_or_null(options->key);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (client->curl = curl_easy_init()) == NULL)
		return error_set(err, E_INTERNAL, "libcurl does not start");
	*out = TAKE(client);
	return true;
}

void
http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	free(client->url);
	free(client->ca_file);
	free(client->certificate);
	free(client->key);
	free(client);
}

static size_t
take_body(char *data, size_t size, size_t count, void *context)
{
	struct http_answer *answer = context;

	if (answer->body.len + size * count > HTTP_ANSWER_MAX)
		return 0; /* libcurl gives up */
	buf_append(&answer->body, bytes_of(data, size * count));
	return size * count;
}

static size_t
take_header(char *data, size_t size, size_t count, void *context)
{
	static const char NEXT[] = "moniker-next:";
	struct http_answer *answer = context;
	const size_t len = size * count;
	char value[32];

	if (len >= sizeof NEXT && len - (sizeof NEXT - 1) < sizeof value &&
	    strncasecmp(data, NEXT, sizeof NEXT - 1) == 0) {
		memcpy(value, data + sizeof NEXT - 1, len - (sizeof NEXT - 1));
		value[len - (sizeof NEXT - 1)] = '\0';
		answer->next = strtoll(value, NULL, 10);
	}
	return len;
}

static void
set_connection(struct http_client *client)
{
	CURL *curl = client->curl;

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->failure);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (client->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
	if (client->certificate != NULL)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, client->certificate);
	if (client->key != NULL)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, client->key);
}

static void
set_request(struct http_client *client, const char *method, struct bytes body,
    struct curl_slist *headers, struct http_answer *answer)
{
	CURL *curl = client->curl;

	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (body.len > 0 || strcmp(method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		curl_easy_setopt(
		    curl, CURLOPT_POSTFIELDS, body.len > 0 ? (const char *)body.data : "");
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
}

/* `range` is "first-last", or NULL. */
static bool
call(struct http_client *client, const char *method, const char *path, const char *range,
    const char *content_type, struct bytes body, struct http_answer *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf url = {0};
	DEFER(buf_clear_public) struct buf type = {0};
	struct curl_slist *headers = NULL;
	const char *got = NULL;
	CURLcode code;

	out->next = -1;
	curl_easy_reset(client->curl);
	buf_append_format(&url, "%s%s", client->url, path);
	curl_easy_setopt(client->curl, CURLOPT_URL, buf_text(&url));
	set_connection(client);
	if (range != NULL)
		curl_easy_setopt(client->curl, CURLOPT_RANGE, range);
	headers = curl_slist_append(NULL, "Expect:");
	if (content_type != NULL) {
		buf_append_format(&type, "Content-Type: %s", content_type);
		headers = curl_slist_append(headers, buf_text(&type));
	}
	set_request(client, method, body, headers, out);
	code = curl_easy_perform(client->curl);
	curl_slist_free_all(headers);
	if (code != CURLE_OK) {
		(void)error_set(err, E_INTERNAL, "cannot reach %s", client->url);
		error_cause(err, "%s",
		    client->failure[0] != '\0' ? client->failure : curl_easy_strerror(code));
		return false;
	}
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &out->status);
	curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &got);
	(void)snprintf(out->content_type, sizeof out->content_type, "%s", got != NULL ? got : "");
	return true;
}

bool
http_client_call(struct http_client *client, const char *method, const char *path,
    const char *content_type, struct bytes body, struct http_answer *out, struct error *err)
{
	return call(client, method, path, NULL, content_type, body, out, err);
}

bool
http_client_get_part(struct http_client *client, const char *path, uint64_t first, uint64_t last,
    struct http_answer *out, struct error *err)
{
	char range[48];

	(void)snprintf(
	    range, sizeof range, "%llu-%llu", (unsigned long long)first, (unsigned long long)last);
	return call(client, "GET", path, range, NULL, (struct bytes){0}, out, err);
}

void
http_answer_clear(struct http_answer *answer)
{
	buf_clear(&answer->body);
}

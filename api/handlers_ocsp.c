/* OCSP over HTTP (RFC 6960 appendix A, RFC 5019 sections 5 and 6). */
#include "api/handlers.h"
#include "base/text.h"

#define MAX_AGE_S 60 /* how long a cache on the way may hide a change of status */

/* A character of base64 in a path, in the alphabet for URLs: some take '+' for the space that it is
 * in a form. */
static char
url_char(char c)
{
	if (c == '+' || c == ' ')
		return '-';
	return (char)(c == '/' ? '_' : c);
}

/*
 * base64 in a path comes in all spellings: percent-encoded or not (that is undone by now), in
 * lines, in the alphabet for URLs, without its padding, and behind one slash too many, where a
 * responder's address ends with one: no request begins so. False: it is none.
 */
static bool
decode_path(const char *text, struct buf *out)
{
	char plain[HTTP_PATH_MAX + 1];
	size_t len = 0;

	for (text += strspn(text, "/"); *text != '\0'; text++)
		if (*text != '\r' && *text != '\n')
			plain[len++] = url_char(*text);
	while (len > 0 && plain[len - 1] == '=')
		len--;
	return base64url_decode(bytes_of(plain, len), out);
}

/* RFC 5019 section 6.2. */
static void
put_lifetime(const struct app *app, const struct ocsp_times *times, struct http_response *response)
{
	const int64_t left_s = times->next_update_s - clock_now_s(app->clock);
	char date[HTTP_DATE_LEN + 1];

	http_header(response, "Cache-Control", "max-age=%d, public, no-transform, must-revalidate",
	    left_s < MAX_AGE_S ? (int)left_s : MAX_AGE_S);
	http_header(response, "ETag", "%s", times->etag);
	http_date(date, times->this_update_s);
	http_header(response, "Last-Modified", "%s", date);
	http_date(date, times->next_update_s);
	http_header(response, "Expires", "%s", date);
}

/* Without a responder, whose certificate is a leaf of the log first, nothing can be signed. */
static void
answer(const struct app *app, struct bytes der, struct ocsp_reply *out)
{
	if (app->standby)
		ocsp_response_refuse(OCSP_TRY_LATER, &out->der);
	else
		ocsp_answer(app->ocsp, der, out);
}

/* Whatever the answer says, it is one: 200. */
static void
put_answer(struct ocsp_reply *reply, struct http_response *response)
{
	response->body = reply->der;
	reply->der = (struct buf){0};
	response->content_type = "application/ocsp-response";
	response->status = 200;
}

bool
get_ocsp(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	DEFER(buf_clear_public) struct buf der = {0};

	(void)err;
	if (decode_path(request->tail, &der) || app->standby)
		answer(app, buf_bytes(&der), &reply);
	else
		ocsp_refuse(app->ocsp, OCSP_MALFORMED, &reply);
	if (reply.cacheable)
		put_lifetime(app, &reply.times, response);
	else
		http_header(response, "Cache-Control", "no-store");
	put_answer(&reply, response);
	if (reply.cacheable && http_etag_named(request, reply.times.etag))
		return http_not_modified(response);
	return true;
}

bool
post_ocsp(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};

	(void)err;
	answer(app, request->body, &reply);
	put_answer(&reply, response);
	return true;
}

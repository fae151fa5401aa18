#include "api/verify_scan.h"

struct cursor {
	const uint8_t *at, *end;
};

static void
skip_space(struct cursor *in)
{
	while (in->at < in->end &&
	       (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t'))
		in->at++;
}

/* White space, then exactly this. */
static bool
take(struct cursor *in, const char *literal)
{
	const size_t len = strlen(literal);

	skip_space(in);
	if ((size_t)(in->end - in->at) < len || memcmp(in->at, literal, len) != 0)
		return false;
	in->at += len;
	return true;
}

/* Up to the next quote. One that is escaped leaves a backslash at the end of what is found, which
 * no plain text has. */
static bool
take_string(struct cursor *in, struct verify_text *out)
{
	const uint8_t *quote;

	if (!take(in, "\""))
		return false;
	quote = memchr(in->at, '"', (size_t)(in->end - in->at));
	if (quote == NULL)
		return false;
	*out = (struct verify_text){
	    .text = bytes_of(in->at, (size_t)(quote - in->at)), .escaped = true};
	in->at = quote + 1;
	return out->text.len > 0 && out->text.len <= CERTIFICATE_TEXT_MAX;
}

static bool
take_list(struct cursor *in, struct verify_text *out, size_t *out_count)
{
	size_t count = 0;

	if (!take(in, "["))
		return false;
	do {
		if (count == VERIFY_MANY_MAX || !take_string(in, &out[count]))
			return false;
		count++;
	} while (take(in, ","));
	*out_count = count;
	return take(in, "]");
}

bool
verify_scan(struct bytes body, struct verify_text *out, size_t *out_count, bool *out_is_list)
{
	struct cursor in = {body.data, body.data + body.len};

	if (!take(&in, "{"))
		return false;
	*out_is_list = take(&in, "\"certificates\"");
	if ((!*out_is_list && !take(&in, "\"certificate\"")) || !take(&in, ":"))
		return false;
	if (*out_is_list ? !take_list(&in, out, out_count) : !take_string(&in, out))
		return false;
	if (!*out_is_list)
		*out_count = 1;
	if (!take(&in, "}"))
		return false;
	skip_space(&in);
	return in.at == in.end;
}

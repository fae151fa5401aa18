#include "proof/log_chain.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "proof/scan.h"

#define TEXT_MAX 240

struct chained { /* a log */
	char name[LEAF_VALUE_MAX + 1];
	struct checkpoint checkpoint;
	int64_t first_at_s;
	struct log_opening opening;
	bool opening_is_none; /* its first leaf has a `d` of another form */
};
struct announced {
	int by; /* a log */
	char name[LEAF_VALUE_MAX + 1];
};
struct log_chain {
	struct chained logs[LOG_CHAIN_MAX];
	size_t count;
	struct announced announced[LOG_CHAIN_ANNOUNCED_MAX];
	size_t announced_count;
};

/* ---- the first leaf ---- */

static bool
is_quoted(uint8_t c)
{
	return c != '"';
}

static bool
take_text(struct scan *in, const char *before, char out[static LEAF_VALUE_MAX + 1])
{
	struct bytes text;

	if (!scan_literal(in, before))
		return false;
	text = scan_while(in, is_quoted);
	if (text.len > LEAF_VALUE_MAX || !scan_literal(in, "\""))
		return false;
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static bool
take_root(const char *text, uint8_t out[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf root = {0};

	if (!base64_decode(bytes_of_text(text), &root) || root.len != SHA256_BYTES)
		return false;
	memcpy(out, root.data, SHA256_BYTES);
	return true;
}

static bool
take_details(struct scan in, struct log_opening *out)
{
	char root[LEAF_VALUE_MAX + 1];
	int64_t size = 0;

	if (!take_text(&in, "{\"log\":\"", out->log) || !scan_literal(&in, ",\"size\":") ||
	    !scan_number(&in, &size) || !take_text(&in, ",\"root\":\"", root) ||
	    !scan_literal(&in, "}}") || in.rest.len > 0 || !take_root(root, out->root))
		return false;
	out->continues = true;
	out->size = (uint64_t)size;
	return true;
}

/* `d` comes last, and no text of a leaf holds a quote. */
bool
log_opening_parse(struct bytes text, struct log_opening *out, struct error *err)
{
	static const char DETAILS[] = ",\"d\":";
	const size_t len = sizeof DETAILS - 1;

	*out = (struct log_opening){0};
	for (size_t at = 0; at + len <= text.len; at++) {
		const struct scan in = {bytes_of(text.data + at + len, text.len - at - len)};

		if (memcmp(text.data + at, DETAILS, len) != 0)
			continue;
		if (take_details(in, out))
			return true;
		*out = (struct log_opening){0};
		return error_set(
		    err, E_BAD_SYNTAX, "the first leaf does not say which log it continues");
	}
	return true;
}

/* ---- gathering ---- */

struct log_chain *
log_chain_new(void)
{
	return xcalloc(1, sizeof(struct log_chain));
}

void
log_chain_free(struct log_chain *chain)
{
	free(chain);
}

static int
find(const struct log_chain *chain, const char *name)
{
	for (size_t i = 0; i < chain->count; i++)
		if (strcmp(chain->logs[i].name, name) == 0)
			return (int)i;
	return -1;
}

int
log_chain_add(struct log_chain *chain, const char *name)
{
	if (chain->count == LOG_CHAIN_MAX || find(chain, name) >= 0)
		return -1;
	(void)snprintf(chain->logs[chain->count].name, sizeof chain->logs[0].name, "%s", name);
	return (int)chain->count++;
}

void
log_chain_opened(struct log_chain *chain, int log, const struct leaf_view *leaf, struct bytes text)
{
	static const char KIND[] = "log:";
	const size_t len = sizeof KIND - 1;
	struct announced *announced = &chain->announced[chain->announced_count];
	struct error err = {0};

	if (leaf->seq == 0)
		chain->logs[log].opening_is_none =
		    !log_opening_parse(text, &chain->logs[log].opening, &err);
	if (leaf->subject.len <= len || memcmp(leaf->subject.data, KIND, len) != 0 ||
	    chain->announced_count == LOG_CHAIN_ANNOUNCED_MAX)
		return;
	announced->by = log;
	(void)snprintf(announced->name, sizeof announced->name, "%.*s",
	    (int)(leaf->subject.len - len), (const char *)leaf->subject.data + len);
	chain->announced_count++;
}

void
log_chain_verified(struct log_chain *chain, int log, const struct verify_result *result)
{
	chain->logs[log].checkpoint = result->checkpoint;
	chain->logs[log].first_at_s = result->first_at_s;
}

/* ---- checking ---- */

struct check {
	const struct log_chain *chain;
	log_chain_tell tell;
	void *context;
	bool good;
};

static void
say(struct check *check, const struct chained *log, enum verify_kind kind, const char *text)
{
	check->good = check->good && kind == VERIFY_NOTICE;
	check->tell(check->context, log->name, kind, text);
}

static void
check_continued(struct check *check, const struct chained *log)
{
	const struct log_opening *opening = &log->opening;
	const int at = find(check->chain, opening->log);
	const struct chained *before = at < 0 ? NULL : &check->chain->logs[at];
	char text[TEXT_MAX];

	if (log->opening_is_none)
		say(check, log, VERIFY_TAMPERED, "its first leaf does not say what it continues");
	if (!opening->continues)
		return;
	if (before == NULL) {
		(void)snprintf(
		    text, sizeof text, "it continues %s, which is not here", opening->log);
		say(check, log, VERIFY_INCOMPLETE, text);
	} else if (before->checkpoint.size != opening->size) {
		(void)snprintf(text, sizeof text,
		    "it continues %s, which ended with %llu leaves and has %llu", opening->log,
		    (unsigned long long)opening->size, (unsigned long long)before->checkpoint.size);
		say(check, log, VERIFY_TAMPERED, text);
	} else if (memcmp(before->checkpoint.root, opening->root, SHA256_BYTES) != 0) {
		(void)snprintf(text, sizeof text, "it continues %s, which had another root then",
		    opening->log);
		say(check, log, VERIFY_TAMPERED, text);
	}
}

/* The one with the oldest first leaf: nobody was there to announce it. */
static size_t
find_first(const struct log_chain *chain)
{
	size_t first = 0;

	for (size_t i = 1; i < chain->count; i++)
		if (chain->logs[i].first_at_s < chain->logs[first].first_at_s)
			first = i;
	return first;
}

/* Whom the first has announced, and whom those have: two that announce each other are none. */
static void
mark_announced(const struct log_chain *chain, bool marks[static LOG_CHAIN_MAX])
{
	bool grown = chain->count > 0;

	if (chain->count > 0)
		marks[find_first(chain)] = true;
	while (grown) {
		grown = false;
		for (size_t i = 0; i < chain->announced_count; i++) {
			const int at = find(chain, chain->announced[i].name);

			if (at < 0 || marks[at] || !marks[chain->announced[i].by])
				continue;
			marks[at] = grown = true;
		}
	}
}

static void
tell_absent(struct check *check)
{
	const struct log_chain *chain = check->chain;

	for (size_t i = 0; i < chain->announced_count; i++) {
		const struct announced *announced = &chain->announced[i];
		char text[TEXT_MAX];

		if (find(chain, announced->name) >= 0)
			continue;
		(void)snprintf(
		    text, sizeof text, "it announces %s, which is not here", announced->name);
		say(check, &chain->logs[announced->by], VERIFY_NOTICE, text);
	}
}

bool
log_chain_check(const struct log_chain *chain, log_chain_tell tell, void *context)
{
	struct check check = {chain, tell, context, true};
	bool marks[LOG_CHAIN_MAX] = {false};

	mark_announced(chain, marks);
	for (size_t i = 0; i < chain->count; i++) {
		check_continued(&check, &chain->logs[i]);
		if (!marks[i])
			say(&check, &chain->logs[i], VERIFY_TAMPERED, "no other log announces it");
	}
	tell_absent(&check);
	return check.good;
}

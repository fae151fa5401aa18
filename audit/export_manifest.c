#include "audit/export_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/events_filter.h"
#include "base/mem.h"
#include "base/text.h"
#include "proof/leaf_rules.h"
#include "proof/scan.h"

#define FORMAT "moniker-audit-export/1"

/* ---- scope ---- */

static const char *
text_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

struct events_query
export_scope_query(const struct export_scope *scope)
{
	return (struct events_query){.after = scope->after,
	    .size = -1,
	    .limit = EVENTS_LIMIT_MAX,
	    .from_s = scope->from_s,
	    .to_s = scope->to_s,
	    .event = text_or_null(scope->event),
	    .code = text_or_null(scope->code),
	    .actor = text_or_null(scope->actor)};
}

static bool
is_time(int64_t at_s)
{
	return at_s >= -1 && at_s <= TIME_MAX_AT_S;
}

bool
export_scope_check(const struct export_scope *scope, struct error *err)
{
	const struct events_query query = export_scope_query(scope);

	if (!events_check(&query, err))
		return false;
	if (scope->limit == 0 || scope->limit < -1)
		return error_set_field(err, E_BAD_SYNTAX, "/limit", "not positive");
	if (!is_time(scope->from_s))
		return error_set_field(err, E_BAD_SYNTAX, "/from", "not a time");
	if (!is_time(scope->to_s))
		return error_set_field(err, E_BAD_SYNTAX, "/to", "not a time");
	if (leaf_run(bytes_of_text(scope->actor), LEAF_IS_VALUE) != strlen(scope->actor))
		return error_set_field(err, E_BAD_SYNTAX, "/act", "this is no actor");
	return true;
}

bool
export_scope_is_complete(const struct export_scope *scope)
{
	return scope->event[0] == '\0' && scope->code[0] == '\0' && scope->actor[0] == '\0';
}

/* ---- manifest ---- */

void
export_manifest_clear(struct export_manifest *manifest)
{
	free(manifest->files);
	manifest->files = NULL;
	manifest->file_count = manifest->file_capacity = 0;
}

struct export_file *
export_manifest_add(struct export_manifest *manifest, const char *name)
{
	struct export_file *file;

	if (manifest->file_count == manifest->file_capacity) {
		manifest->file_capacity = manifest->file_capacity * 2 + 16;
		manifest->files =
		    xrealloc(manifest->files, manifest->file_capacity * sizeof manifest->files[0]);
	}
	file = &manifest->files[manifest->file_count++];
	*file = (struct export_file){0};
	(void)snprintf(file->name, sizeof file->name, "%s", name);
	return file;
}

static const char *
claim_name(const struct export_scope *scope)
{
	return export_scope_is_complete(scope) ? "complete" : "inclusion";
}

static void
put_number(struct buf *out, const char *name, int64_t number)
{
	if (number < 0)
		buf_append_format(out, "\"%s\": null", name);
	else
		buf_append_format(out, "\"%s\": %" PRId64, name, number);
}

static void
put_time(struct buf *out, const char *name, int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];

	if (at_s < 0) {
		put_number(out, name, -1);
		return;
	}
	time_encode(text, at_s);
	buf_append_format(out, "\"%s\": \"%s\"", name, text);
}

static void
put_text(struct buf *out, const char *name, const char *text)
{
	if (text[0] == '\0')
		put_number(out, name, -1);
	else
		buf_append_format(out, "\"%s\": \"%s\"", name, text);
}

static void
put_scope(struct buf *out, const struct export_scope *scope)
{
	buf_append_text(out, "  \"asked\": {");
	put_number(out, "after", scope->after);
	buf_append_text(out, ", ");
	put_number(out, "limit", scope->limit);
	buf_append_text(out, ", ");
	put_time(out, "from", scope->from_s);
	buf_append_text(out, ", ");
	put_time(out, "to", scope->to_s);
	buf_append_text(out, ", ");
	put_text(out, "ev", scope->event);
	buf_append_text(out, ", ");
	put_text(out, "rc", scope->code);
	buf_append_text(out, ", ");
	put_text(out, "act", scope->actor);
	buf_append_text(out, "},\n");
}

void
export_manifest_encode(const struct export_manifest *manifest, struct buf *out)
{
	buf_append_text(out, "{\n  \"format\": \"" FORMAT "\",\n  \"origin\": \"");
	buf_append_text(out, manifest->checkpoint.origin);
	buf_append_format(
	    out, "\",\n  \"size\": %" PRIu64 ",\n  \"root\": \"", manifest->checkpoint.size);
	base64_encode(out, bytes_of(manifest->checkpoint.root, SHA256_BYTES));
	buf_append_format(out, "\",\n  \"proves\": \"%s\",\n  ", claim_name(&manifest->scope));
	buf_append_format(out, "\"count\": %" PRId64 ",\n  ", manifest->count);
	put_number(out, "first", manifest->first);
	buf_append_text(out, ",\n  ");
	put_number(out, "last", manifest->last);
	buf_append_text(out, ",\n");
	put_scope(out, &manifest->scope);
	buf_append_text(out, "  \"files\": [\n");
	for (size_t i = 0; i < manifest->file_count; i++) {
		const struct export_file *file = &manifest->files[i];
		char hash[2 * SHA256_BYTES + 1];

		hex_encode(hash, bytes_of(file->sha256, SHA256_BYTES));
		buf_append_format(out,
		    "    {\"name\": \"%s\", \"size\": %" PRIu64 ", \"sha256\": \"%s\"}%s\n",
		    file->name, file->len, hash, i + 1 < manifest->file_count ? "," : "");
	}
	buf_append_text(out, "  ]\n}\n");
}

/* ---- reading it: what was read has to be written the same ---- */

static bool
is_name_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '/';
}

static bool
is_hex_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* An origin is printable, and this is JSON. */
static bool
is_origin_char(uint8_t c)
{
	return c > ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool
is_value_char(uint8_t c)
{
	return leaf_run(bytes_of(&c, 1), LEAF_IS_VALUE) == 1;
}

static bool
is_scope_char(uint8_t c)
{
	return is_value_char(c) || c == '*';
}

static bool
take_text(struct scan *in, scan_class is, char *out, size_t out_len)
{
	struct bytes text;

	if (!scan_literal(in, "\""))
		return false;
	text = scan_while(in, is);
	if (text.len == 0 || text.len >= out_len || !scan_literal(in, "\""))
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static bool
take_number(struct scan *in, int64_t *out)
{
	*out = -1;
	return scan_literal(in, "null") || scan_number(in, out);
}

static bool
take_time(struct scan *in, int64_t *out)
{
	char text[TIME_TEXT_LEN + 1];

	*out = -1;
	return scan_literal(in, "null") || (take_text(in, is_value_char, text, sizeof text) &&
					       time_decode(bytes_of_text(text), out));
}

static bool
take_asked(struct scan *in, char *out, size_t out_len)
{
	out[0] = '\0';
	return scan_literal(in, "null") || take_text(in, is_scope_char, out, out_len);
}

static bool
take_scope(struct scan *in, struct export_scope *out)
{
	return scan_literal(in, "  \"asked\": {\"after\": ") && take_number(in, &out->after) &&
	       scan_literal(in, ", \"limit\": ") && take_number(in, &out->limit) &&
	       scan_literal(in, ", \"from\": ") && take_time(in, &out->from_s) &&
	       scan_literal(in, ", \"to\": ") && take_time(in, &out->to_s) &&
	       scan_literal(in, ", \"ev\": ") && take_asked(in, out->event, sizeof out->event) &&
	       scan_literal(in, ", \"rc\": ") && take_asked(in, out->code, sizeof out->code) &&
	       scan_literal(in, ", \"act\": ") && take_asked(in, out->actor, sizeof out->actor) &&
	       scan_literal(in, "},\n");
}

static bool
take_root(struct scan *in, uint8_t out[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf root = {0};
	char text[BASE64_TEXT_LEN(SHA256_BYTES) + 1];

	if (!take_text(in, is_origin_char, text, sizeof text) ||
	    !base64_decode(bytes_of_text(text), &root) || root.len != SHA256_BYTES)
		return false;
	memcpy(out, root.data, SHA256_BYTES);
	return true;
}

static bool
take_head(struct scan *in, struct export_manifest *out)
{
	int64_t size = 0;
	char claim[16];

	if (!scan_literal(in, "{\n  \"format\": \"" FORMAT "\",\n  \"origin\": ") ||
	    !take_text(in, is_origin_char, out->checkpoint.origin, sizeof out->checkpoint.origin) ||
	    !scan_literal(in, ",\n  \"size\": ") || !scan_number(in, &size) ||
	    !scan_literal(in, ",\n  \"root\": ") || !take_root(in, out->checkpoint.root) ||
	    !scan_literal(in, ",\n  \"proves\": ") ||
	    !take_text(in, is_name_char, claim, sizeof claim) ||
	    !scan_literal(in, ",\n  \"count\": ") || !scan_number(in, &out->count) ||
	    !scan_literal(in, ",\n  \"first\": ") || !take_number(in, &out->first) ||
	    !scan_literal(in, ",\n  \"last\": ") || !take_number(in, &out->last) ||
	    !scan_literal(in, ",\n") || !take_scope(in, &out->scope))
		return false;
	out->checkpoint.size = (uint64_t)size;
	return true;
}

static bool
take_file(struct scan *in, struct export_manifest *out)
{
	char name[TILE_PATH_MAX + 1], hash[2 * SHA256_BYTES + 1];
	struct export_file *file;
	int64_t len = 0;

	if (!scan_literal(in, "    {\"name\": ") ||
	    !take_text(in, is_name_char, name, sizeof name) || !scan_literal(in, ", \"size\": ") ||
	    !scan_number(in, &len) || !scan_literal(in, ", \"sha256\": ") ||
	    !take_text(in, is_hex_char, hash, sizeof hash) || !scan_literal(in, "}"))
		return false;
	if (name[0] == '/' || strstr(name, "..") != NULL)
		return false; /* it stays within the export */
	file = export_manifest_add(out, name);
	file->len = (uint64_t)len;
	return hex_decode(bytes_of_text(hash), file->sha256, sizeof file->sha256);
}

static bool
take_files(struct scan *in, struct export_manifest *out)
{
	if (!scan_literal(in, "  \"files\": [\n"))
		return false;
	do {
		if (!take_file(in, out))
			return false;
	} while (scan_literal(in, ",\n"));
	return scan_literal(in, "\n  ]\n}\n") && in->rest.len == 0;
}

bool
export_manifest_parse(struct bytes text, struct export_manifest *out, struct error *err)
{
	DEFER(export_manifest_clear) struct export_manifest manifest = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct scan in = {text};

	if (text.len > EXPORT_MANIFEST_LEN_MAX || !take_head(&in, &manifest) ||
	    !take_files(&in, &manifest))
		return error_set(err, E_BAD_SYNTAX, "this is no manifest of an export");
	export_manifest_encode(&manifest, &again);
	if (!bytes_equal(buf_bytes(&again), text))
		return error_set(err, E_BAD_SYNTAX, "it says that it proves something else");
	if (!export_scope_check(&manifest.scope, err))
		return false;
	*out = manifest;
	manifest = (struct export_manifest){0};
	return true;
}

/* ---- for people ---- */

void
export_policy_line(const struct note_key *key, struct buf *out)
{
	buf_append_text(out, "log ");
	note_key_encode(key, out);
	buf_append_u8(out, '\n');
}

static void
put_claim(const struct export_manifest *manifest, struct buf *out)
{
	if (manifest->count == 0)
		buf_append_text(
		    out, "No leaf of it is what was asked for, and that is not proven.\n");
	else if (export_scope_is_complete(&manifest->scope))
		buf_append_format(out,
		    "It holds all leaves from %" PRId64 " to %" PRId64 ", %" PRId64
		    " in number: that none of them is missing is proven.\n",
		    manifest->first, manifest->last, manifest->count);
	else
		buf_append_format(out,
		    "It holds %" PRId64 " leaves that were picked (manifest.json, \"asked\"). Each "
		    "is proven to be\nin the log; that none is missing is not.\n",
		    manifest->count);
}

void
export_instructions(
    const struct export_manifest *manifest, const struct note_key *key, struct buf *out)
{
	buf_append_format(out, "An export of the audit log %s as of %" PRIu64 " leaves.\n",
	    manifest->checkpoint.origin, manifest->checkpoint.size);
	put_claim(manifest, out);
	buf_append_text(out,
	    "\nVerify the archive as it came, or its folder once it is unpacked:\n\n"
	    "    moniker audit verify EXPORT.tar --vkey KEY\n"
	    "    python3 verify.py KEY FOLDER\n"
	    "\nKEY is the log's verifier key from your own records. The one that "
	    "this export names\nproves nothing if it came with the export alone:\n\n"
	    "    ");
	note_key_encode(key, out);
	buf_append_text(out,
	    "\n\n"
	    "leaves.ndjson  the leaves, one a line, octet for octet as they were hashed\n"
	    "leaves.csv     the same for a spreadsheet\n"
	    "checkpoint     the signed size and root of the log\n"
	    "tile/          the hashes that lead from the leaves to the root (C2SP tlog-tiles)\n"
	    "policy         the log's key\n"
	    "manifest.json  what was asked for, what it proves, and the SHA-256 of each file\n");
}

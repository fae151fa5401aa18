#include "audit/opening.h"

#include <stdio.h>

#include "audit/log_folder.h"
#include "audit/logs_store.h"
#include "audit/note.h"
#include "base/text.h"
#include "proof/tlog_proof.h"

static const char *
last_part(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash == NULL ? origin : slash + 1;
}

static bool
read_checkpoint(
    const char *dir, const struct logs_before *before, struct checkpoint *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf folder = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct tile_files files;
	struct note_key key;
	bool found = false;

	buf_append_format(&folder, "%s/%s", dir, last_part(before->origin));
	files = log_folder_files(buf_text(&folder));
	if (!note_key_init(&key, before->origin, before->public_key, err) ||
	    !files.read(files.context, "checkpoint", NOTE_MAX, &note, &found, err))
		return false;
	if (!found)
		return error_set(
		    err, E_STATE_CONFLICT, "the log %s is not published", before->origin);
	return tlog_open(buf_bytes(&note), &key, out, err);
}

static bool
take_checkpoint(const struct logs_before *before, const struct checkpoint *last,
    struct opening *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf root = {0};

	if ((int64_t)last->size != before->size)
		return error_set(err, E_STATE_CONFLICT,
		    "the log %s is not closed: it has %lld leaves, %llu are published; run "
		    "`moniker log use %s`, and start and stop monikerd once",
		    before->origin, (long long)before->size, (unsigned long long)last->size,
		    last_part(before->origin));
	base64_encode(&root, bytes_of(last->root, SHA256_BYTES));
	out->continues = true;
	out->size = before->size;
	(void)snprintf(out->log, sizeof out->log, "%.*s", (int)sizeof out->log - 1,
	    last_part(before->origin)); /* a name that was valid when its log was opened */
	(void)snprintf(out->root, sizeof out->root, "%s", buf_text(&root));
	return true;
}

bool
opening_read(
    struct db *db, const char *origin, const char *dir, struct opening *out, struct error *err)
{
	struct logs_before before;
	struct checkpoint last;

	*out = (struct opening){0};
	if (!logs_read_before(db, origin, &before, err))
		return false;
	out->due = before.own_size == 0;
	if (!out->due || !before.found)
		return true;
	return read_checkpoint(dir, &before, &last, err) &&
	       take_checkpoint(&before, &last, out, err);
}

void
opening_leaf(const struct opening *opening, const char *actor, int64_t now_s, struct leaf *out)
{
	note_leaf(out, LEAF_LOG_OPEN, actor, "", NULL, now_s);
	if (!opening->continues)
		return;
	out->details[0] = (struct leaf_detail){.key = "log", .text = opening->log};
	out->details[1] = (struct leaf_detail){.key = "size", .number = opening->size};
	out->details[2] = (struct leaf_detail){.key = "root", .text = opening->root};
}

bool
opening_end_before(
    struct tx *tx, int log, const struct opening *opening, int64_t now_s, struct error *err)
{
	return !opening->continues || logs_continue(tx, log, opening->size, now_s, err);
}

/* log_source: the files of a log in a folder or a tar archive, and the keys to hold against it. */
#ifndef CMD_LOG_SOURCE_H
#define CMD_LOG_SOURCE_H

#include "proof/note.h"
#include "proof/tile.h"
#include "proof/tlog_policy.h"

struct log_source;

/*
 * A folder, or a tar archive with one log in it, below whatever folders.
 * E_FILE_FAILED   cannot be read
 * E_BAD_SYNTAX    not an archive, or one that is cut
 */
MUST_CHECK bool log_source_open(const char *path, struct log_source **out, struct error *err);
void log_source_free(struct log_source *source);
DEFER_DECLARE(struct log_source, log_source_free)
struct tile_files log_source_files(struct log_source *source);
bool log_source_has_blobs(const struct log_source *source);

/*
 * For an export (audit/export_verify.h): a file's contents, borrowed until the source is freed; the
 * names in an archive. Of a folder the names are not known: log_source_name() gives NULL.
 */
bool log_source_map(void *source, const char *name, struct bytes *out);
const char *log_source_name(void *source, size_t index);
/* An archive is its files, one after another, in one folder, and nothing else. */
bool log_source_is_plain(const struct log_source *source);

struct log_keys {
	struct tlog_policy policy; /* one of logs alone where none was given */
};
/*
 * `vkey` and the policy file (proof/tlog_policy.h), each or NULL.
 * E_INCOMPLETE   neither says a log's key
 * E_BAD_SYNTAX   not a key; not a policy
 */
MUST_CHECK bool log_keys_read(
    const char *vkey, const char *policy_path, struct log_keys *out, struct error *err);
/* The key of the log that a note is about. E_NOT_FOUND   none of them */
MUST_CHECK bool log_keys_pick(
    const struct log_keys *keys, struct bytes note, const struct note_key **out, struct error *err);
/* The same; and where there is none, that of another log of its "<name>/": all logs of a deployment
 * are signed by one. For a log that another announces. */
MUST_CHECK bool log_keys_pick_like(
    const struct log_keys *keys, struct bytes note, struct note_key *out, struct error *err);
/* That the policy's quorum has cosigned a note. E_NOT_FOUND   it has not */
MUST_CHECK bool log_keys_quorum(const struct log_keys *keys, struct bytes note, struct error *err);

#endif

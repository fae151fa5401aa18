#include "audit/witness.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "proof/cosignature.h"

#define TEXT_TYPE "text/plain; charset=utf-8"
#define FILE_MODE 0644
#define FOLDER_MODE 0755

struct witnessed { /* one log */
	const struct note_key *key;
	char *path; /* without its ending */
	struct witness_state state;
};

struct witness {
	struct witness_options options;
	pthread_mutex_t lock; /* of the states, on disk and here */
	struct witnessed logs[TLOG_POLICY_LOGS_MAX];
	size_t count;
};

/* ---- state ---- */

static char *
state_path(const char *dir, const char *origin)
{
	DEFER(buf_clear_public) struct buf path = {0};
	char hex[2 * SHA256_BYTES + 1];
	uint8_t hash[SHA256_BYTES];

	sha256(bytes_of_text(origin), hash);
	hex_encode(hex, bytes_of(hash, sizeof hash));
	buf_append_format(&path, "%s/%s", dir, hex);
	return xstrdup(buf_text(&path));
}

/* Appends the name of one of a log's files. */
static void
put_name(struct buf *out, const struct witnessed *log, const char *ending)
{
	buf_append_format(out, "%s.%s", log->path, ending);
}

static bool
read_state(struct witnessed *log, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct checkpoint checkpoint;

	witness_state_init(&log->state);
	put_name(&path, log, "checkpoint");
	if (access(buf_text(&path), F_OK) != 0)
		return true; /* a log that it has not seen yet */
	if (!file_read(buf_text(&path), NOTE_MAX, &note, err) ||
	    !tlog_open(buf_bytes(&note), log->key, &checkpoint, err))
		return false;
	log->state.size = checkpoint.size;
	memcpy(log->state.root, checkpoint.root, SHA256_BYTES);
	return true;
}

bool
witness_new(const struct witness_options *options, struct witness **out, struct error *err)
{
	DEFER(witness_free) struct witness *witness = xcalloc(1, sizeof *witness);
	const struct tlog_policy *policy = options->policy;

	witness->options = *options;
	pthread_mutex_init(&witness->lock, NULL);
	if (!file_make_dir(options->dir, FOLDER_MODE, err))
		return false;
	for (size_t i = 0; i < policy->log_count; i++) {
		struct witnessed *log = &witness->logs[witness->count++];

		log->key = &policy->logs[i];
		log->path = state_path(options->dir, log->key->name);
		if (!read_state(log, err))
			return false;
	}
	*out = TAKE(witness);
	return true;
}

void
witness_free(struct witness *witness)
{
	if (witness == NULL)
		return;
	for (size_t i = 0; i < witness->count; i++)
		free(witness->logs[i].path);
	pthread_mutex_destroy(&witness->lock);
	free(witness);
}

/* Durable when this returns true; what stands here follows what stands there. */
static bool
write_state(
    struct witnessed *log, struct bytes note, const struct checkpoint *now, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};

	if (now->size == log->state.size && now->size > 0)
		return true; /* the same again */
	put_name(&path, log, "checkpoint");
	if (!file_write(buf_text(&path), note, FILE_MODE, err))
		return false;
	log->state.size = now->size;
	memcpy(log->state.root, now->root, SHA256_BYTES);
	return true;
}

/*
 * Two roots of one size, both signed by the log: with the checkpoint that is kept this is all that
 * it takes to convict it. One is enough.
 */
static void
keep_evidence(const struct witnessed *log, struct bytes note)
{
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};

	put_name(&path, log, "fork");
	if (access(buf_text(&path), F_OK) == 0)
		return;
	if (!file_write(buf_text(&path), note, FILE_MODE, &err))
		log_error(LOG_LEVEL_ERROR, "witness.evidence", NULL, &err);
}

/* ---- answers ---- */

void
witness_answer_clear(struct witness_answer *answer)
{
	buf_clear_public(&answer->body);
}

static void
say(struct witness_answer *out, int status, const char *text)
{
	out->status = status;
	out->content_type = TEXT_TYPE;
	buf_append_format(&out->body, "%s\n", text);
}

static void
say_size(struct witness_answer *out, uint64_t size)
{
	out->status = WITNESS_CONFLICT;
	out->content_type = WITNESS_SIZE_TYPE;
	buf_append_format(&out->body, "%llu\n", (unsigned long long)size);
}

static void
cosign(const struct witness *witness, struct bytes note, struct witness_answer *out)
{
	struct error err = {0};
	struct bytes text = {0};

	if (!note_text(note, &text, &err)) {
		say(out, WITNESS_MALFORMED, err.detail); /* it was one a moment ago */
		return;
	}
	out->status = WITNESS_COSIGNS;
	out->content_type = TEXT_TYPE;
	cosignature_sign(witness->options.key, secret_bytes(witness->options.seed).data, text,
	    clock_now_s(witness->options.clock), &out->body);
}

static void
tell_refusal(const struct witnessed *log, enum witness_verdict verdict, const struct error *err)
{
	if (verdict == WITNESS_INCONSISTENT || verdict == WITNESS_CONFLICT)
		log_warning(
		    "witness.refused", "%s: %d, %s", log->key->name, (int)verdict, err->detail);
}

/* With the lock. */
static void
answer(struct witness *witness, struct witnessed *log, const struct witness_request *request,
    struct witness_answer *out)
{
	struct checkpoint now = {0};
	struct error err = {0};
	const enum witness_verdict verdict =
	    witness_decide(request, log->key, &log->state, &now, &err);

	if (verdict == WITNESS_COSIGNS) {
		if (write_state(log, request->note, &now, &err))
			cosign(witness, request->note, out);
		else {
			log_error(LOG_LEVEL_ERROR, "witness.state", NULL, &err);
			say(out, 500, "the state cannot be written");
		}
		return;
	}
	tell_refusal(log, verdict, &err);
	if (verdict != WITNESS_CONFLICT) {
		say(out, (int)verdict, err.detail);
		return;
	}
	if (request->old_size == log->state.size)
		keep_evidence(log, request->note);
	say_size(out, log->state.size);
}

static struct witnessed *
find_log(struct witness *witness, const char *origin)
{
	for (size_t i = 0; i < witness->count; i++)
		if (strcmp(witness->logs[i].key->name, origin) == 0)
			return &witness->logs[i];
	return NULL;
}

void
witness_add_checkpoint(struct witness *witness, struct bytes body, struct witness_answer *out)
{
	DEFER(witness_request_clear) struct witness_request request = {0};
	struct checkpoint claimed;
	struct error err = {0};
	struct bytes text = {0};
	struct witnessed *log;

	if (!witness_request_parse(body, &request, &err) || !note_text(request.note, &text, &err) ||
	    !checkpoint_parse(text, &claimed, &err)) {
		say(out, WITNESS_MALFORMED, err.detail);
		return;
	}
	log = find_log(witness, claimed.origin);
	if (log == NULL) {
		say(out, WITNESS_UNKNOWN_LOG, "this witness does not know the log");
		return;
	}
	pthread_mutex_lock(&witness->lock);
	answer(witness, log, &request, out);
	pthread_mutex_unlock(&witness->lock);
}

/*
 * moniker audit export: begins an export or goes on with it, waits, fetches the archive in parts,
 * and verifies it. What was begun is remembered beside the file, until it is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/audit_verify.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/progress.h"

#define PART_LEN (UINT64_C(8) << 20) /* octets of one request: within its time on a slow line */
#define TRIES_MAX 10                 /* a service that restarts is back within them */
#define TRY_AGAIN_MS 1000
#define LOOK_EVERY_MS 250

struct export_command {
	struct cli_api api;
	bool json;
	const char *log, *after, *limit, *from, *to, *event, *code, *actor;
	const char *out, *vkey, *policy;
	struct log_keys keys;
	struct http_client *client;
	struct buf job_path, part_path; /* beside `out` */
	char id[HANDLE_TEXT_LEN + 1];
	json_t *job; /* as the service told it last */
	struct progress progress;
};

static void
command_clear(struct export_command *command)
{
	http_client_free(command->client);
	buf_clear_public(&command->job_path);
	buf_clear_public(&command->part_path);
	json_decref(command->job);
}
DEFER_DECLARE_CLEAR(struct export_command, command_clear)

static void
pause_ms(long ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

static bool
is_passing(const struct error *err)
{
	const enum error_kind kind = error_info(err->code)->kind;

	return kind == ERROR_KIND_UNAVAILABLE || kind == ERROR_KIND_RATE_LIMITED ||
	       (kind == ERROR_KIND_INTERNAL && strstr(err->detail, "cannot reach") != NULL);
}

/* GET of the job, or of what stands below it; a service that restarts meanwhile is waited for. */
static bool
ask(struct export_command *command, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "/v1/audit/exports/%s", command->id);
	for (int i = 1;; i++) {
		json_t *job = NULL;
		struct error why = {0};

		if (cli_call(command->client, "GET", buf_text(&path), NULL, &job, &why)) {
			json_decref(command->job);
			command->job = job;
			return true;
		}
		if (i == TRIES_MAX || !is_passing(&why)) {
			*err = why;
			return false;
		}
		pause_ms(TRY_AGAIN_MS);
	}
}

/* ---- beginning ---- */

static void
add_text(json_t *body, const char *name, const char *value)
{
	if (value != NULL)
		(void)json_object_set_new(body, name, json_string(value));
}

static bool
add_number(json_t *body, const char *name, const char *value, struct error *err)
{
	if (value == NULL)
		return true;
	if (value[0] == '\0' || strlen(value) > 18 || strspn(value, "0123456789") != strlen(value))
		return error_set(err, E_BAD_SYNTAX, "--%s is a number", name);
	(void)json_object_set_new(body, name, json_integer(strtoll(value, NULL, 10)));
	return true;
}

static bool
begin(struct export_command *command, struct error *err)
{
	DEFER(json_release) json_t *body = json_object();
	const char *id;

	add_text(body, "log", command->log);
	add_text(body, "from", command->from);
	add_text(body, "to", command->to);
	add_text(body, "ev", command->event);
	add_text(body, "rc", command->code);
	add_text(body, "act", command->actor);
	if (!add_number(body, "after", command->after, err) ||
	    !add_number(body, "limit", command->limit, err) ||
	    !cli_call(command->client, "POST", "/v1/audit/exports", json_incref(body),
		&command->job, err))
		return false;
	id = cli_text(command->job, "id");
	if (!handle_valid(bytes_of_text(id)))
		return error_set(err, E_INTERNAL, "the service did not say which export it began");
	(void)snprintf(command->id, sizeof command->id, "%s", id);
	return file_write(buf_text(&command->job_path), bytes_of_text(command->id), 0600, err);
}

/* What was begun before goes on, if the service still has it. */
static bool
take_up(struct export_command *command, bool *out_found, struct error *err)
{
	DEFER(buf_clear_public) struct buf id = {0};
	struct error why = {0};

	*out_found = false;
	if (access(buf_text(&command->job_path), F_OK) != 0)
		return true;
	if (!file_read(buf_text(&command->job_path), HANDLE_TEXT_LEN, &id, err))
		return false;
	if (!handle_valid(buf_bytes(&id)))
		return true;
	(void)snprintf(command->id, sizeof command->id, "%s", buf_text(&id));
	*out_found = ask(command, &why);
	if (*out_found || why.code == E_NOT_FOUND)
		return true;
	*err = why;
	return false;
}

/* ---- waiting ---- */

static int64_t
number_in(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool
wait_for_end(struct export_command *command, struct error *err)
{
	while (strcmp(cli_text(command->job, "state"), "running") == 0) {
		const json_t *so_far = json_object_get(command->job, "progress");

		progress_tell(&command->progress, "leaves",
		    (uint64_t)number_in(so_far, "looked_at"), (uint64_t)number_in(so_far, "of"));
		pause_ms(LOOK_EVERY_MS);
		if (!ask(command, err))
			return false;
	}
	if (strcmp(cli_text(command->job, "state"), "done") != 0) {
		const json_t *failure = json_object_get(command->job, "failure");
		const enum error_code code = error_code_of(cli_text(failure, "code"));

		(void)unlink(buf_text(&command->job_path)); /* it would fail again */
		return error_set(
		    err, code != E_NONE ? code : E_INTERNAL, "%s", cli_text(failure, "detail"));
	}
	return true;
}

/* ---- fetching ---- */

static bool
fail_file(const char *path, struct error *err)
{
	(void)error_set(err, E_FILE_FAILED, "cannot write %s", path);
	error_cause_errno(err);
	return false;
}

static bool
write_all(const struct export_command *command, int fd, struct bytes data, struct error *err)
{
	while (data.len > 0) {
		const ssize_t put = write(fd, data.data, data.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return fail_file(command->out, err);
		data = bytes_of(data.data + put, data.len - (size_t)put);
	}
	return true;
}

static bool
fetch_part(struct export_command *command, int fd, uint64_t first, uint64_t last, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "/v1/audit/exports/%s/result", command->id);
	for (int i = 1;; i++) {
		DEFER(http_answer_clear) struct http_answer answer = {0};
		struct error why = {0};

		if (http_client_get_part(
			command->client, buf_text(&path), first, last, &answer, &why)) {
			if (answer.status == 206 && answer.body.len == last - first + 1)
				return write_all(command, fd, buf_bytes(&answer.body), err);
			if (answer.status != 503)
				return error_set(err, E_INTERNAL,
				    "the service answered %ld: %.100s", answer.status,
				    answer.status == 206 ? "another part" : buf_text(&answer.body));
			(void)error_set(&why, E_BUSY, "the service answered 503");
		}
		if (i == TRIES_MAX || !is_passing(&why)) {
			*err = why;
			return false;
		}
		pause_ms(TRY_AGAIN_MS);
	}
}

/* What is there already is gone on from: its hash is held against the service's at the end. */
static bool
fetch_rest(struct export_command *command, int fd, uint64_t len, struct error *err)
{
	struct stat status;
	uint64_t done;

	if (fstat(fd, &status) != 0 || ((uint64_t)status.st_size > len && ftruncate(fd, 0) != 0))
		return fail_file(command->out, err);
	done = (uint64_t)status.st_size > len ? 0 : (uint64_t)status.st_size;
	if (lseek(fd, (off_t)done, SEEK_SET) < 0)
		return fail_file(command->out, err);
	while (done < len) {
		const uint64_t end = len - done < PART_LEN ? len : done + PART_LEN;

		progress_tell(&command->progress, "octets", done, len);
		if (!fetch_part(command, fd, done, end - 1, err))
			return false;
		done = end;
	}
	return fsync(fd) == 0 || fail_file(command->out, err);
}

static bool
check_hash(struct export_command *command, int fd, uint64_t len, struct error *err)
{
	const json_t *result = json_object_get(command->job, "result");
	uint8_t want[SHA256_BYTES], hash[SHA256_BYTES];
	void *octets = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);

	if (octets == MAP_FAILED)
		return fail_file(command->out, err);
	sha256(bytes_of(octets, (size_t)len), hash);
	(void)munmap(octets, (size_t)len);
	if (!hex_decode(bytes_of_text(cli_text(result, "sha256")), want, sizeof want) ||
	    memcmp(hash, want, sizeof hash) != 0) {
		(void)unlink(buf_text(&command->part_path));
		return error_set(err, E_BAD_SYNTAX,
		    "what was fetched is not what the service made: run the same again");
	}
	return true;
}

static bool
put_in_place(struct export_command *command, struct error *err)
{
	DEFER(mem_free) char *copy = xstrdup(command->out);

	if (rename(buf_text(&command->part_path), command->out) != 0)
		return fail_file(command->out, err);
	(void)unlink(buf_text(&command->job_path));
	return file_sync_dir(dirname(copy), err);
}

static bool
fetch(struct export_command *command, struct error *err)
{
	const int64_t len = number_in(json_object_get(command->job, "result"), "size");
	bool fetched;
	int fd;

	if (len <= 0)
		return error_set(err, E_INTERNAL, "the service did not say how long the export is");
	fd = open(buf_text(&command->part_path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_file(command->out, err);
	fetched = fetch_rest(command, fd, (uint64_t)len, err) &&
		  check_hash(command, fd, (uint64_t)len, err);
	(void)close(fd);
	return fetched && put_in_place(command, err);
}

/* ---- the words ---- */

static bool
run(struct export_command *command, struct error *err)
{
	bool found = false;

	buf_append_format(&command->job_path, "%s.job", command->out);
	buf_append_format(&command->part_path, "%s.part", command->out);
	return cli_api_open(&command->api, "AUDITOR", &command->client, err) &&
	       take_up(command, &found, err) && (found || begin(command, err)) &&
	       wait_for_end(command, err) && fetch(command, err);
}

int
audit_export(int argc, char **argv)
{
	DEFER(command_clear)
	struct export_command command = {.progress = progress_begin()};
	const struct option_row rows[] = {OPTIONS_API(command.api, command.json),
	    {"--log", OPTION_TEXT, &command.log}, {"--after", OPTION_TEXT, &command.after},
	    {"--limit", OPTION_TEXT, &command.limit}, {"--from", OPTION_TEXT, &command.from},
	    {"--to", OPTION_TEXT, &command.to}, {"--ev", OPTION_TEXT, &command.event},
	    {"--rc", OPTION_TEXT, &command.code}, {"--act", OPTION_TEXT, &command.actor},
	    {"--out", OPTION_TEXT, &command.out}, {"--vkey", OPTION_TEXT, &command.vkey},
	    {"--policy", OPTION_TEXT, &command.policy}};
	struct error err = {0};
	const char *bad = NULL;
	bool done;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&AUDIT_COMMAND, bad);
	if (words != 0 || command.out == NULL)
		return cli_usage(&AUDIT_COMMAND, "give --out, and no words");
	if (!log_keys_read(command.vkey, command.policy, &command.keys, &err))
		return cli_usage(&AUDIT_COMMAND, err.detail);
	done = run(&command, &err);
	progress_end(&command.progress);
	if (!done)
		return cli_fail(&err, command.json, EXIT_FAILURE);
	return audit_verify_export(command.out, &command.keys, command.json,
	    json_pack("{s:s, s:O}", "file", command.out, "export", command.job));
}

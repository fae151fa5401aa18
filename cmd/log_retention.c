#include "cmd/log_retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/log_folder.h"
#include "audit/retention.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/settings.h"
#include "proof/verify.h"

#define KEEP_DAYS_MAX 36500

/* ---- prune ---- */

static bool
take_days(const char *text, int64_t *out_s, struct error *err)
{
	char *end;
	const long days = strtol(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || days > KEEP_DAYS_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "--keep-days is a number of 0 to %d", KEEP_DAYS_MAX);
	*out_s = (int64_t)days * DAY_S;
	return true;
}

static bool
read_key(struct db *db, const char *origin, struct note_key *out, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct retention_log log;

	if (!tx_begin(db, &tx, err) || !retention_find_log(tx, origin, &log, err))
		return false;
	if (log.id == 0)
		return error_set(err, E_NOT_FOUND, "there is no log %s", origin);
	return note_key_init(out, origin, log.public_key, err);
}

struct finding {
	bool any;
	struct error first; /* of those that are no notice */
};

static void
take_finding(void *context, const struct verify_finding *finding)
{
	struct finding *found = context;

	if (finding->kind == VERIFY_NOTICE || found->any)
		return;
	found->any = true;
	(void)error_set(&found->first, E_STATE_CONFLICT, "leaf %lld: %s", (long long)finding->seq,
	    finding->text);
}

/* What goes from the database has to be there: all of the published log is verified. */
static bool
verify_folder(struct db *db, const struct settings *settings, const char *origin,
    uint64_t *out_size, struct error *err)
{
	const char *slash = strrchr(origin, '/');
	const char *name = slash != NULL ? slash + 1 : origin;
	DEFER(mem_free) char *folder = NULL;
	struct finding found = {0};
	struct verify_result result;
	struct tile_files files;
	struct note_key key;

	if (!log_folder_name_valid(name))
		return error_set(err, E_BAD_SYNTAX, "%s is no log's origin", origin);
	if (!read_key(db, origin, &key, err))
		return false;
	folder = settings_path(settings->audit_dir, name);
	files = log_folder_files(folder);
	verify_log(
	    &(struct verify_options){
		.files = &files, .key = &key, .context = &found, .report = take_finding},
	    &result);
	*out_size = result.checkpoint.size;
	return !found.any || error_set(err, E_STATE_CONFLICT,
				 "%s does not verify, and nothing is dropped: %.100s", folder,
				 found.first.detail);
}

static void
print_pruned(const struct retention_result *result, const char *origin, bool json)
{
	if (json && result->parts == 0)
		printf("{\"log\":\"%s\",\"parts\":0}\n", origin);
	else if (json)
		printf("{\"log\":\"%s\",\"parts\":%zu,\"first\":%lld,\"last\":%lld}\n", origin,
		    result->parts, (long long)result->first, (long long)result->last);
	else if (result->parts == 0)
		printf("Nothing of %s is old enough.\n", origin);
	else
		printf("Dropped from the database: %lld to %lld of %s.\n", (long long)result->first,
		    (long long)result->last, origin);
}

int
log_prune_command(struct db *db, const struct log_prune *prune, const char *origin)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	const int64_t now_s = clock_now_s(&clock);
	DEFER(settings_clear) struct settings settings = {0};
	DEFER(tx_free) struct tx *tx = NULL;
	struct retention_request request = {
	    .origin = origin, .what = prune->blobs ? RETENTION_BLOBS : RETENTION_LEAVES};
	struct retention_result result;
	struct error err = {0};
	int64_t keep_s = 0;

	if (!take_days(prune->keep_days, &keep_s, &err) ||
	    !settings_read(prune->config, &settings, &err) ||
	    !verify_folder(db, &settings, origin, &request.published, &err))
		return cli_fail(&err, prune->json, EXIT_FAILURE);
	request.before_s = now_s - keep_s;
	if (!tx_begin(db, &tx, &err) ||
	    !retention_prune(tx, &request, now_s, &rng, &result, &err) || !tx_commit(&tx, &err))
		return cli_fail(&err, prune->json, EXIT_FAILURE);
	print_pruned(&result, origin, prune->json);
	return EXIT_SUCCESS;
}

/* ---- holds ---- */

int
log_hold_command(struct db *db, const char *name, const char *origin, bool json)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	if (!tx_begin(db, &tx, &err) ||
	    !retention_hold(tx, name, origin, clock_now_s(&clock), &rng, &err) ||
	    !tx_commit(&tx, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (json)
		printf("{\"hold\":\"%s\"}\n", name);
	else
		printf("%s holds %s.\n", name, origin != NULL ? origin : "all logs");
	return EXIT_SUCCESS;
}

int
log_release_command(struct db *db, const char *name, bool json)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	if (!tx_begin(db, &tx, &err) ||
	    !retention_release(tx, name, clock_now_s(&clock), &rng, &err) || !tx_commit(&tx, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (json)
		printf("{\"released\":\"%s\"}\n", name);
	else
		printf("%s is released.\n", name);
	return EXIT_SUCCESS;
}

int
log_holds_command(struct db *db, bool json)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(mem_free) struct hold *holds = xcalloc(RETENTION_HOLDS_MAX, sizeof *holds);
	struct error err = {0};
	size_t count = 0;

	if (!tx_begin(db, &tx, &err) || !retention_holds(tx, holds, &count, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	for (size_t i = 0; i < count; i++) {
		const char *log = holds[i].origin;
		const bool all = log[0] == '\0';
		char at[TIME_TEXT_LEN + 1];

		time_encode(at, holds[i].placed_at_s);
		if (json)
			printf("{\"hold\":\"%s\",\"log\":%s%s%s,\"since\":\"%s\",\"by\":\"%s\"}\n",
			    holds[i].name, all ? "" : "\"", all ? "null" : log, all ? "" : "\"", at,
			    holds[i].actor);
		else
			printf("%s %s %s %s\n", holds[i].name, at, all ? "all logs" : log,
			    holds[i].actor);
	}
	return EXIT_SUCCESS;
}

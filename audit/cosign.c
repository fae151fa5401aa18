#include "audit/cosign.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "audit/log_folder.h"
#include "audit/witness.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proof/cosignature.h"
#include "proof/prove.h"
#include "proof/scan.h"

#define ANSWER_MAX 8192 /* octets */
#define LOOK_MS 50

struct witnessing { /* one witness */
	const struct tlog_policy_node *node;
	uint64_t bit;
	char *url; /* of add-checkpoint */
	CURL *curl;
	uint64_t known; /* size that it has cosigned last, as far as we know */
	int64_t rest_until_ms;
	int64_t pause_ms;

	bool asked, asked_again; /* in this round */
	struct buf request, answer;
	char failure[CURL_ERROR_SIZE];
	struct cosign_witness health;
};

struct cosigners {
	struct cosign_options options;
	char *folder, *ca_file;
	struct tile_files files;
	struct curl_slist *headers;
	CURLM *multi;
	struct witnessing at[TLOG_POLICY_WITNESSES_MAX];
	size_t count;
	bool has_quorum, contradicted;
};

/* A checkpoint that is being cosigned. */
struct round {
	struct cosigners *cosigners;
	struct bytes note, text;
	struct checkpoint checkpoint;
	struct prove_tiles *tiles;
	struct buf lines; /* cosignatures */
	uint64_t cosigned;
	size_t running;
};

static void
round_clear(struct round *round)
{
	prove_tiles_free(round->tiles);
	buf_clear_public(&round->lines);
}
DEFER_DECLARE_CLEAR(struct round, round_clear)

/* ---- how a witness does ---- */

static void
failed(struct witnessing *witness, const char *why)
{
	witness->health.failures++;
	(void)snprintf(witness->health.why, sizeof witness->health.why, "%s", why);
	witness->pause_ms = witness->pause_ms == 0 ? COSIGN_PAUSE_MS : witness->pause_ms * 2;
	if (witness->pause_ms > COSIGN_PAUSE_MAX_MS)
		witness->pause_ms = COSIGN_PAUSE_MAX_MS;
	witness->rest_until_ms = clock_monotonic_ms() + witness->pause_ms;
}

static void
contradicts(struct round *round, struct witnessing *witness, const char *why)
{
	round->cosigners->contradicted = true;
	failed(witness, why);
}

static void
take_cosignature(struct round *round, struct witnessing *witness)
{
	struct error err = {0};

	if (!cosignature_take(buf_bytes(&witness->answer), round->text, &witness->node->key,
		&round->lines, &err)) {
		failed(witness, err.detail);
		return;
	}
	round->cosigned |= witness->bit;
	witness->known = round->checkpoint.size;
	witness->pause_ms = 0;
	witness->health.cosignatures++;
	witness->health.cosigned = true;
	witness->health.why[0] = '\0';
}

/* ---- asking ---- */

static size_t
take_body(char *data, size_t size, size_t count, void *context)
{
	struct witnessing *witness = context;

	if (size * count > ANSWER_MAX - witness->answer.len)
		return 0; /* libcurl gives up */
	buf_append(&witness->answer, bytes_of(data, size * count));
	return size * count;
}

static bool
make_request(struct round *round, struct witnessing *witness, struct error *err)
{
	const struct prove_nodes nodes = prove_tiles_nodes(round->tiles);
	DEFER(witness_request_clear)
	struct witness_request request = {.old_size = witness->known, .note = round->note};

	if (witness->known > 0 && witness->known < round->checkpoint.size &&
	    !prove_consistency(
		witness->known, round->checkpoint.size, &nodes, &request.hashes, err))
		return false;
	buf_truncate(&witness->request, 0);
	buf_truncate(&witness->answer, 0);
	witness_request_encode(&request, &witness->request);
	return true;
}

static void
set_request(const struct cosigners *cosigners, struct witnessing *witness)
{
	CURL *curl = witness->curl;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, witness->url);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, witness);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, witness->failure);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)cosigners->options.timeout_ms);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (cosigners->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, cosigners->ca_file);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, cosigners->headers);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)witness->request.len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)witness->request.data);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, witness);
}

static void
ask(struct round *round, struct witnessing *witness)
{
	struct error err = {0};

	if (!make_request(round, witness, &err)) {
		failed(witness, err.detail);
		return;
	}
	set_request(round->cosigners, witness);
	if (curl_multi_add_handle(round->cosigners->multi, witness->curl) != CURLM_OK) {
		failed(witness, "libcurl takes no request");
		return;
	}
	witness->asked = true;
	round->running++;
}

static void
ask_all(struct round *round)
{
	struct cosigners *cosigners = round->cosigners;
	const int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < cosigners->count; i++) {
		struct witnessing *witness = &cosigners->at[i];

		witness->asked = witness->asked_again = false;
		witness->health.cosigned = false;
		if (now_ms >= witness->rest_until_ms)
			ask(round, witness);
	}
}

/* ---- answers ---- */

/* Another size is the newest there: what a witness says once, until we know. */
static void
take_size(struct round *round, struct witnessing *witness)
{
	struct scan in = {buf_bytes(&witness->answer)};
	int64_t size = 0;

	if (!scan_number(&in, &size) || !scan_literal(&in, "\n") || in.rest.len > 0) {
		failed(witness, "a conflict without a size");
		return;
	}
	if ((uint64_t)size == witness->known) {
		contradicts(round, witness, "it has cosigned another root of this size");
		return;
	}
	if ((uint64_t)size > round->checkpoint.size) {
		witness->known = 0; /* to be asked for again */
		contradicts(round, witness, "it knows a larger log than there is");
		return;
	}
	witness->known = (uint64_t)size;
	if (witness->asked_again)
		failed(witness, "it tells another size each time");
	else {
		witness->asked_again = true;
		ask(round, witness);
	}
}

static void
take_answer(struct round *round, struct witnessing *witness, CURLcode result)
{
	char why[COSIGN_WHY_MAX];
	long status = 0;

	(void)curl_multi_remove_handle(round->cosigners->multi, witness->curl);
	round->running--;
	witness->asked = false;
	(void)curl_easy_getinfo(witness->curl, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK) {
		failed(witness,
		    witness->failure[0] != '\0' ? witness->failure : curl_easy_strerror(result));
		return;
	}
	if (status == WITNESS_COSIGNS)
		take_cosignature(round, witness);
	else if (status == WITNESS_CONFLICT)
		take_size(round, witness);
	else if (status == WITNESS_INCONSISTENT)
		contradicts(round, witness, "it holds a log that this one does not continue");
	else {
		(void)snprintf(why, sizeof why, "it answers with status %ld", status);
		failed(witness, why);
	}
}

static void
take_answers(struct round *round)
{
	CURLM *multi = round->cosigners->multi;
	const CURLMsg *message;
	int left = 0;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		void *witness = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &witness);
		take_answer(round, witness, message->data.result);
	}
}

/* Until all have answered, or some time after there are enough. */
static void
wait_for_answers(struct round *round)
{
	const struct cosigners *cosigners = round->cosigners;
	int64_t until_ms = clock_monotonic_ms() + cosigners->options.timeout_ms;
	bool enough = false;
	int running = 0;

	while (round->running > 0 && clock_monotonic_ms() < until_ms) {
		if (curl_multi_perform(cosigners->multi, &running) != CURLM_OK)
			return;
		take_answers(round);
		if (!enough && tlog_policy_is_quorum(cosigners->options.policy, round->cosigned)) {
			const int64_t grace_ms = clock_monotonic_ms() + COSIGN_GRACE_MS;

			enough = true;
			until_ms = grace_ms < until_ms ? grace_ms : until_ms;
		}
		if (round->running > 0)
			(void)curl_multi_poll(cosigners->multi, NULL, 0, LOOK_MS, NULL);
	}
}

static void
give_up_on_the_rest(struct round *round)
{
	struct cosigners *cosigners = round->cosigners;

	for (size_t i = 0; i < cosigners->count; i++) {
		struct witnessing *witness = &cosigners->at[i];

		if (!witness->asked)
			continue;
		(void)curl_multi_remove_handle(cosigners->multi, witness->curl);
		failed(witness, "it gave no answer in time");
		witness->asked = false;
	}
}

bool
cosigners_collect(struct cosigners *cosigners, struct bytes note, struct buf *out, bool *out_quorum,
    struct error *err)
{
	DEFER(round_clear) struct round round = {.cosigners = cosigners, .note = note};

	if (!note_text(note, &round.text, err) ||
	    !checkpoint_parse(round.text, &round.checkpoint, err))
		return false;
	round.tiles = prove_tiles_new(&cosigners->files, round.checkpoint.size);
	cosigners->contradicted = false;
	ask_all(&round);
	wait_for_answers(&round);
	give_up_on_the_rest(&round);
	cosigners->has_quorum = tlog_policy_is_quorum(cosigners->options.policy, round.cosigned);
	*out_quorum = cosigners->has_quorum;
	buf_append(out, note);
	buf_append(out, buf_bytes(&round.lines));
	return true;
}

void
cosigners_health(const struct cosigners *cosigners, struct cosign_health *out)
{
	*out = (struct cosign_health){.count = cosigners->count,
	    .has_quorum = cosigners->has_quorum,
	    .contradicted = cosigners->contradicted};
	for (size_t i = 0; i < cosigners->count; i++)
		out->witnesses[i] = cosigners->at[i].health;
}

/* ---- the whole ---- */

static bool
add_witness(struct cosigners *cosigners, const struct tlog_policy_node *node, uint64_t bit,
    struct error *err)
{
	struct witnessing *witness = &cosigners->at[cosigners->count++];
	DEFER(buf_clear_public) struct buf url = {0};
	const size_t len = strlen(node->url);

	if (strncmp(node->url, "http://", 7) != 0 && strncmp(node->url, "https://", 8) != 0)
		return error_set(err, E_CONFIG_INVALID,
		    "the URL of witness %.40s is neither http nor https", node->name);
	buf_append_format(
	    &url, "%s%sadd-checkpoint", node->url, node->url[len - 1] == '/' ? "" : "/");
	witness->node = node;
	witness->bit = bit;
	witness->url = xstrdup(buf_text(&url));
	witness->curl = curl_easy_init();
	(void)snprintf(witness->health.name, sizeof witness->health.name, "%s", node->name);
	return witness->curl != NULL || error_set(err, E_INTERNAL, "libcurl does not start");
}

static bool
add_witnesses(struct cosigners *cosigners, struct error *err)
{
	const struct tlog_policy *policy = cosigners->options.policy;
	uint64_t reachable = 0;

	for (size_t i = 0; i < policy->node_count; i++) {
		const struct tlog_policy_node *node = &policy->nodes[i];
		const uint64_t bit = UINT64_C(1) << i;

		if (!node->is_witness || node->url[0] == '\0')
			continue;
		if (!add_witness(cosigners, node, bit, err))
			return false;
		reachable |= bit;
	}
	return tlog_policy_is_quorum(policy, reachable) ||
	       error_set(err, E_CONFIG_INVALID,
		   "the witnesses that the policy gives a URL for are no quorum");
}

bool
cosigners_new(const struct cosign_options *options, struct cosigners **out, struct error *err)
{
	DEFER(cosigners_free) struct cosigners *cosigners = xcalloc(1, sizeof *cosigners);

	cosigners->options = *options;
	cosigners->folder = xstrdup(options->folder);
	cosigners->ca_file = options->ca_file == NULL ? NULL : xstrdup(options->ca_file);
	cosigners->files = log_folder_files(cosigners->folder);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (cosigners->multi = curl_multi_init()) == NULL)
		return error_set(err, E_INTERNAL, "libcurl does not start");
	cosigners->headers = curl_slist_append(NULL, "Expect:");
	cosigners->headers =
	    curl_slist_append(cosigners->headers, "Content-Type: text/plain; charset=utf-8");
	if (!add_witnesses(cosigners, err))
		return false;
	*out = TAKE(cosigners);
	return true;
}

void
cosigners_free(struct cosigners *cosigners)
{
	if (cosigners == NULL)
		return;
	for (size_t i = 0; i < cosigners->count; i++) {
		struct witnessing *witness = &cosigners->at[i];

		curl_easy_cleanup(witness->curl);
		free(witness->url);
		buf_clear_public(&witness->request);
		buf_clear_public(&witness->answer);
	}
	(void)curl_multi_cleanup(cosigners->multi);
	curl_slist_free_all(cosigners->headers);
	free(cosigners->folder);
	free(cosigners->ca_file);
	free(cosigners);
}

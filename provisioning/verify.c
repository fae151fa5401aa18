#include "provisioning/verify.h"

#include "base/mem.h"
#include "base/work.h"
#include "provisioning/verify_cache.h"
#include "provisioning/verify_store.h"

/* clang-format off */
static const char *const VERDICT_NAMES[] = {
	[VERDICT_GOOD]          = "good",
	[VERDICT_REVOKED]       = "revoked",
	[VERDICT_HELD]          = "held",
	[VERDICT_EXPIRED]       = "expired",
	[VERDICT_NOT_YET_VALID] = "not_yet_valid",
	[VERDICT_UNTRUSTED]     = "untrusted",
	[VERDICT_MALFORMED]     = "malformed",
	[VERDICT_UNKNOWN]       = "unknown",
};
/* clang-format on */

const char *
verdict_name(enum verdict verdict)
{
	return VERDICT_NAMES[verdict];
}

enum verdict
verify_judge(const struct certificate_status *status, int64_t not_before_s, int64_t not_after_s,
    int64_t now_s)
{
	enum device_state device;

	if (!status->known || !device_state_of(status->device_state, &device) ||
	    status->not_before_s != not_before_s || status->not_after_s != not_after_s)
		return VERDICT_UNKNOWN;
	if (status->revoked || device == DEVICE_REVOKED || device == DEVICE_REPLACED)
		return VERDICT_REVOKED;
	if (status->held || device == DEVICE_HELD)
		return VERDICT_HELD;
	if (now_s < not_before_s)
		return VERDICT_NOT_YET_VALID;
	return now_s > not_after_s ? VERDICT_EXPIRED : VERDICT_GOOD;
}

/* ---- texts ---- */

/* A chain file holds the certificate first: what follows its end is not looked at. */
static struct bytes
first_block(struct bytes text)
{
	static const char END[] = "-----END CERTIFICATE-----";
	const uint8_t *end = memmem(text.data, text.len, END, sizeof END - 1);

	return end == NULL ? text : bytes_of(text.data, (size_t)(end - text.data) + sizeof END - 1);
}

static bool
text_to_der(struct bytes text, struct buf *out)
{
	struct error ignored = {0};

	if (text.len == 0 || text.len > CERTIFICATE_TEXT_MAX)
		return false;
	if (text.data[0] == 'M') /* base64 of a SEQUENCE */
		return base64_decode(text, out);
	return pem_decode(first_block(text), "CERTIFICATE", out, &ignored);
}

bool
verify_unescape(struct bytes text, struct buf *out)
{
	static const char FROM[] = "nrt/", TO[] = "\n\r\t/";
	const size_t before = out->len;
	uint8_t *to = buf_extend(out, text.len);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '\\') {
			const char *at = ++i < text.len ? memchr(FROM, text.data[i], 4) : NULL;

			if (at == NULL)
				return false;
			c = (uint8_t)TO[at - FROM];
		} else if (c < 0x20 || c > 0x7e || c == '"') {
			return false;
		}
		to[len++] = c;
	}
	buf_truncate(out, before + len);
	return true;
}

/* ---- what was verified before ---- */

static int64_t
fresh_until(int64_t not_after_s, int64_t as_of_s, int64_t now_s)
{
	int64_t until_s = as_of_s + VERIFY_FRESH_S;

	if (not_after_s > now_s && not_after_s < until_s)
		return not_after_s;
	return until_s;
}

static enum verdict
judge_known(const struct verify_cached *cached, const struct status_entry *entry, int64_t now_s)
{
	if (entry->state == CERTIFICATE_REVOKED)
		return VERDICT_REVOKED;
	if (entry->state == CERTIFICATE_HELD)
		return VERDICT_HELD;
	if (now_s < cached->not_before_s)
		return VERDICT_NOT_YET_VALID;
	return now_s > cached->not_after_s ? VERDICT_EXPIRED : VERDICT_GOOD;
}

/* False: the index is too old to conclude from; ask the database. */
static bool
conclude_known(const struct verify_cached *cached, const struct status_index_found *found,
    int64_t now_s, struct verification *out)
{
	if (found->age_ms / 1000 >= VERIFY_FRESH_S)
		return false;
	out->verdict = judge_known(cached, &found->entry, now_s);
	uuid_encode(out->pseudonym, cached->pseudonym);
	hex_encode(out->serial, bytes_of(cached->serial, SERIAL_BYTES));
	out->reason = found->entry.reason;
	out->revoked_at_s = found->entry.at_s;
	out->as_of_s = found->as_of_s;
	out->fresh_until_s = fresh_until(cached->not_after_s, found->as_of_s, now_s);
	return true;
}

/* ---- what was not ---- */

struct subject { /* one certificate that is looked at anew */
	const struct verify_text *text;
	struct verification *out;
	uint8_t key[VERIFY_CACHE_KEY_BYTES];
	bool plain; /* or not escaped at all */
	bool asked; /* signed by a Device CA and with a serial of ours: `place` is its query's */
	size_t place;
	struct verify_cached certificate; /* all but the pseudonym */
};

struct round { /* of verify_many() */
	const struct verify_service *service;
	int64_t now_s, trust;
	struct subject *subjects; /* NULL while there is none */
	size_t count, most;
};

static void
round_clear(struct round *round)
{
	mem_free(round->subjects);
}
DEFER_DECLARE_CLEAR(struct round, round_clear)

/* Verdicts that need no database: malformed, untrusted, and unknown for a serial not ours. */
static void
examine(const struct round *round, struct bytes text, struct subject *subject)
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct verification *out = subject->out;
	struct error ignored = {0};
	struct certificate certificate;
	const struct issuer *issuer;
	uint16_t month;

	if (!text_to_der(text, &der) || !certificate_parse(buf_bytes(&der), &certificate, &ignored))
		return;
	out->verdict = VERDICT_UNTRUSTED;
	if (certificate.serial.len <= SERIAL_BYTES)
		hex_encode(out->serial, certificate.serial);
	issuer = issuers_verify(round->service->issuers, &certificate);
	if (issuer == NULL ||
	    (issuer->kind != ISSUER_DEVICE_CA && issuer->kind != ISSUER_PSEUDONYM_CA))
		return;
	out->verdict = VERDICT_UNKNOWN;
	if (certificate.serial.len != SERIAL_BYTES ||
	    !serial_month(certificate.serial.data, &month))
		return;
	subject->asked = true;
	subject->certificate = (struct verify_cached){.issuer = issuer,
	    .not_before_s = certificate.not_before_s,
	    .not_after_s = certificate.not_after_s,
	    .trust = round->trust};
	memcpy(subject->certificate.serial, certificate.serial.data, SERIAL_BYTES);
}

static void
examine_item(void *context, size_t i)
{
	const struct round *round = context;
	struct subject *subject = &round->subjects[i];
	DEFER(buf_clear_public) struct buf text = {0};

	*subject->out = (struct verification){
	    .verdict = VERDICT_MALFORMED, .as_of_s = round->now_s, .fresh_until_s = round->now_s};
	subject->plain = !subject->text->escaped || verify_unescape(subject->text->text, &text);
	if (!subject->plain)
		return;
	examine(round, subject->text->escaped ? buf_bytes(&text) : subject->text->text, subject);
}

/* What is on record for good is kept: its row can only go with its month. */
static void
keep(const struct round *round, struct subject *subject, const struct certificate_status *status)
{
	if (!status->signed_ ||
	    !uuid_decode(bytes_of_text(status->pseudonym), subject->certificate.pseudonym))
		return;
	verify_cache_put(round->service->cache, subject->key, &subject->certificate);
}

/* Revoked here, whatever is on record yet: that needs no database. */
static bool
conclude_forced(const struct round *round, const struct subject *subject)
{
	struct verification *out = subject->out;
	struct status_index_found found;

	status_index_find(round->service->statuses, subject->certificate.serial,
	    subject->certificate.issuer->id, &found);
	if (!found.forced)
		return false;
	out->verdict = VERDICT_REVOKED;
	out->reason = found.entry.reason;
	out->revoked_at_s = found.entry.at_s;
	/* As of now, whenever the index was last current: a revocation is never taken back. */
	out->fresh_until_s =
	    fresh_until(subject->certificate.not_after_s, round->now_s, round->now_s);
	return true;
}

static void
conclude(
    const struct round *round, struct subject *subject, const struct certificate_status *status)
{
	const struct verify_cached *certificate = &subject->certificate;
	struct verification *out = subject->out;

	out->verdict =
	    verify_judge(status, certificate->not_before_s, certificate->not_after_s, round->now_s);
	if (out->verdict == VERDICT_UNKNOWN)
		return;
	memcpy(out->pseudonym, status->pseudonym, sizeof out->pseudonym);
	out->fresh_until_s = fresh_until(certificate->not_after_s, round->now_s, round->now_s);
	if (out->verdict == VERDICT_REVOKED || out->verdict == VERDICT_HELD) {
		out->reason = status->reason;
		out->revoked_at_s = status->revoked_at_s;
	}
	keep(round, subject, status);
}

static bool
asks_for_pseudonyms(const struct round *round)
{
	for (size_t i = 0; i < round->count; i++)
		if (round->subjects[i].asked &&
		    round->subjects[i].certificate.issuer->kind == ISSUER_PSEUDONYM_CA)
			return true;
	return false;
}

static bool
ask_database(const struct round *round, struct error *err)
{
	DEFER(mem_free) uint8_t(*serials)[SERIAL_BYTES] = xcalloc(round->count, sizeof *serials);
	DEFER(mem_free)
	struct certificate_status *statuses = xcalloc(round->count, sizeof *statuses);
	size_t asked = 0;

	for (size_t i = 0; i < round->count; i++) {
		struct subject *subject = &round->subjects[i];

		subject->asked = subject->asked && !conclude_forced(round, subject);
		if (!subject->asked)
			continue;
		memcpy(serials[asked], subject->certificate.serial, SERIAL_BYTES);
		subject->place = asked++;
	}
	/* The cast adds const inside an array, which C17 does not do by itself. */
	if (asked > 0 && !certificate_statuses(round->service->db,
			     (const uint8_t(*)[SERIAL_BYTES])serials, asked, statuses, err))
		return false;
	if (asks_for_pseudonyms(round) &&
	    !verify_read_pseudonyms(
		round->service->db, (const uint8_t(*)[SERIAL_BYTES])serials, asked, statuses, err))
		return false;
	for (size_t i = 0; i < round->count; i++)
		if (round->subjects[i].asked)
			conclude(round, &round->subjects[i], &statuses[round->subjects[i].place]);
	return true;
}

static bool
look_anew(struct round *round, struct error *err)
{
	if (round->count == 0)
		return true;
	if (round->count == 1)
		examine_item(round, 0);
	else
		work_pool_run(round->service->work, round->count, examine_item, round);
	for (size_t i = 0; i < round->count; i++)
		if (!round->subjects[i].plain)
			return error_set(err, E_BAD_SYNTAX, "a text that is not plain");
	return ask_database(round, err);
}

#define AHEAD 32 /* texts that are looked up together */

struct ahead {
	uint8_t keys[AHEAD][VERIFY_CACHE_KEY_BYTES];
	struct verify_cached cached[AHEAD]; /* those that were found, one after the other */
	struct status_index_asked asked[AHEAD];
	struct status_index_found found[AHEAD];
	size_t at[AHEAD]; /* whose they are */
	bool known[AHEAD];
	size_t known_count;
};

static void
make_keys(const struct verify_cache *cache, const struct verify_text *texts, size_t count,
    struct ahead *ahead)
{
	for (size_t i = 0; i < count; i++) {
		verify_cache_key(cache, texts[i].text, texts[i].escaped, ahead->keys[i]);
		verify_cache_near_bucket(cache, ahead->keys[i]);
	}
	for (size_t i = 0; i < count; i++)
		verify_cache_near_entry(cache, ahead->keys[i]);
}

static void
find_known(const struct round *round, size_t count, struct ahead *ahead)
{
	for (size_t i = 0; i < count; i++) {
		struct verify_cached *cached = &ahead->cached[ahead->known_count];

		ahead->known[i] =
		    verify_cache_find(round->service->cache, ahead->keys[i], round->trust, cached);
		if (!ahead->known[i])
			continue;
		ahead->asked[ahead->known_count] = (struct status_index_asked){
		    .serial = cached->serial, .issuer = cached->issuer->id};
		ahead->at[ahead->known_count++] = i;
	}
	if (ahead->known_count > 0)
		status_index_find_many(
		    round->service->statuses, ahead->asked, ahead->known_count, ahead->found);
}

/* Concludes on those that are known; the others become subjects. */
static void
look_up(
    struct round *round, const struct verify_text *texts, size_t count, struct verification *out)
{
	struct ahead ahead;

	ahead.known_count = 0;
	make_keys(round->service->cache, texts, count, &ahead);
	find_known(round, count, &ahead);
	for (size_t i = 0; i < ahead.known_count; i++)
		ahead.known[ahead.at[i]] = conclude_known(
		    &ahead.cached[i], &ahead.found[i], round->now_s, &out[ahead.at[i]]);
	for (size_t i = 0; i < count; i++) {
		struct subject *subject;

		if (ahead.known[i])
			continue;
		if (round->subjects == NULL)
			round->subjects = xcalloc(round->most, sizeof *round->subjects);
		subject = &round->subjects[round->count++];
		*subject = (struct subject){.text = &texts[i], .out = &out[i]};
		memcpy(subject->key, ahead.keys[i], sizeof subject->key);
	}
}

bool
verify_many(const struct verify_service *service, const struct verify_text *texts, size_t count,
    struct verification *out, struct error *err)
{
	DEFER(round_clear)
	struct round round = {.service = service,
	    .now_s = clock_now_s(service->clock),
	    .trust = issuers_version(service->issuers),
	    .most = count};

	if (count > VERIFY_MANY_MAX)
		return error_set(err, E_TOO_LARGE, "more than %d certificates", VERIFY_MANY_MAX);
	for (size_t from = 0; from < count; from += AHEAD) {
		const size_t len = count - from < AHEAD ? count - from : AHEAD;

		look_up(&round, texts + from, len, out + from);
	}
	return look_anew(&round, err);
}

/* ---- devices ---- */

static void
read_certificate(const struct rows *rows, size_t row, struct device_certificate *out)
{
	char state[10];

	memcpy(out->serial, rows_bytes(rows, row, 1).data, sizeof out->serial);
	rows_text(rows, row, 2, out->handle, sizeof out->handle);
	out->not_before_s = rows_int(rows, row, 3);
	out->not_after_s = rows_int(rows, row, 4);
	if (rows_null(rows, row, 5))
		return;
	rows_text(rows, row, 5, state, sizeof state);
	out->held = strcmp(state, "held") == 0;
	out->revoked = !out->held;
	out->reason = (enum reason)rows_int(rows, row, 6);
	out->revoked_at_s = rows_int(rows, row, 7);
}

bool
device_get(struct db *db, const char *pseudonym, struct device_view *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	struct device_view view = {0};
	uint8_t uuid[UUID_BYTES];
	char state[10];

	if (!uuid_decode(bytes_of_text(pseudonym), uuid))
		return error_set_field(err, E_BAD_SYNTAX, "/pseudonym", "not a lower-case UUID");
	if (!verify_read_device(db, uuid, VERIFY_DEVICE_CERTIFICATES_MAX, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_UNKNOWN_DEVICE, "no device has this pseudonym");
	rows_text(rows, 0, 0, state, sizeof state);
	if (!device_state_of(state, &view.state))
		return error_set(err, E_INTERNAL, "a device in a state of another version");
	uuid_encode(view.pseudonym, uuid);
	view.certificate_count = rows_count(rows);
	for (size_t i = 0; i < view.certificate_count; i++)
		read_certificate(rows, i, &view.certificates[i]);
	*out = view;
	return true;
}

bool
certificate_get(struct db *db, const char *serial, struct certificate_view *out, struct error *err)
{
	struct certificate_view view = {0};
	struct certificate_status status;
	uint8_t wanted[1][SERIAL_BYTES];

	if (!serial_parse(bytes_of_text(serial), wanted[0], err) ||
	    !certificate_statuses(db, (const uint8_t(*)[SERIAL_BYTES])wanted, 1, &status, err))
		return false;
	if (!status.known &&
	    !verify_read_pseudonyms(db, (const uint8_t(*)[SERIAL_BYTES])wanted, 1, &status, err))
		return false;
	if (!status.known)
		return error_set(err, E_UNKNOWN_CERTIFICATE, "no certificate has this serial");
	memcpy(view.pseudonym, status.pseudonym, sizeof view.pseudonym);
	memcpy(view.certificate.serial, wanted[0], SERIAL_BYTES);
	memcpy(view.certificate.handle, status.handle, sizeof view.certificate.handle);
	view.certificate.not_before_s = status.not_before_s;
	view.certificate.not_after_s = status.not_after_s;
	view.certificate.held = status.held;
	view.certificate.revoked = status.revoked;
	view.certificate.reason = status.reason;
	view.certificate.revoked_at_s = status.revoked_at_s;
	*out = view;
	return true;
}

#include "api/caller.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define GENERATION_AGE_MAX_MS 1000 /* other nodes' grants are felt by then */

struct caller_cache {
	struct db *db;
	const struct issuers *issuers;
	struct status_index *statuses;
	const struct clock *clock;
	pthread_mutex_t mutex;
	int64_t generation, read_at_ms;
	int64_t bumps;                 /* of this process: every bump is a new generation, too */
	struct operator_caller *known; /* sorted by serial, of the generation: */
	size_t known_count;
	int64_t known_of; /* -1: none yet */
};

struct caller_cache *
caller_cache_new(struct db *db, const struct issuers *issuers, struct status_index *statuses,
    const struct clock *clock)
{
	struct caller_cache *cache = xcalloc(1, sizeof *cache);

	cache->db = db;
	cache->issuers = issuers;
	cache->statuses = statuses;
	cache->known_of = -1;
	cache->clock = clock;
	cache->read_at_ms = INT64_MIN / 2;
	(void)pthread_mutex_init(&cache->mutex, NULL);
	return cache;
}

void
caller_cache_free(struct caller_cache *cache)
{
	if (cache == NULL)
		return;
	(void)pthread_mutex_destroy(&cache->mutex);
	free(cache->known);
	free(cache);
}

void
caller_cache_bump(struct caller_cache *cache)
{
	(void)pthread_mutex_lock(&cache->mutex);
	cache->bumps++;
	(void)pthread_mutex_unlock(&cache->mutex);
}

/* Read ahead, because it is needed when it cannot be read. */
static bool
read_known(struct caller_cache *cache, int64_t generation, struct error *err)
{
	DEFER(mem_free) struct operator_caller *known = NULL;
	struct operator_caller *old;
	size_t count;

	if (!operator_list_callers(cache->db, &known, &count, err))
		return false;
	(void)pthread_mutex_lock(&cache->mutex);
	old = cache->known;
	cache->known = TAKE(known);
	cache->known_count = count;
	cache->known_of = generation;
	(void)pthread_mutex_unlock(&cache->mutex);
	free(old);
	return true;
}

bool
caller_cache_remember(struct caller_cache *cache, struct error *err)
{
	int64_t generation;
	bool current;

	if (!operator_generation(cache->db, &generation, err)) /* before they are read */
		return false;
	(void)pthread_mutex_lock(&cache->mutex);
	current = cache->known_of == generation;
	(void)pthread_mutex_unlock(&cache->mutex);
	return current || read_known(cache, generation, err);
}

void
caller_cache_known(
    struct caller_cache *cache, struct operator_caller **out, size_t *out_count, int64_t *out_of)
{
	(void)pthread_mutex_lock(&cache->mutex);
	*out = xcalloc(cache->known_count + 1, sizeof **out);
	if (cache->known_count > 0)
		memcpy(*out, cache->known, cache->known_count * sizeof **out);
	*out_count = cache->known_count;
	*out_of = cache->known_of;
	(void)pthread_mutex_unlock(&cache->mutex);
}

void
caller_cache_know(struct caller_cache *cache, struct operator_caller **known, size_t count)
{
	(void)pthread_mutex_lock(&cache->mutex);
	free(cache->known);
	cache->known = TAKE(*known);
	cache->known_count = count;
	(void)pthread_mutex_unlock(&cache->mutex);
}

/* The generation, read from the database when ours is older than a second. */
static bool
current_generation(struct caller_cache *cache, int64_t *out, struct error *err)
{
	const int64_t now_ms = clock_monotonic_ms();
	int64_t generation = 0;
	bool old, is_news;

	(void)pthread_mutex_lock(&cache->mutex);
	old = now_ms - cache->read_at_ms >= GENERATION_AGE_MAX_MS;
	if (old)
		cache->read_at_ms = now_ms; /* one thread looks, the others go on */
	*out = cache->generation + cache->bumps;
	(void)pthread_mutex_unlock(&cache->mutex);
	if (!old)
		return true;
	if (!operator_generation(cache->db, &generation, err)) {
		(void)pthread_mutex_lock(&cache->mutex);
		cache->read_at_ms = INT64_MIN / 2;
		(void)pthread_mutex_unlock(&cache->mutex);
		return false;
	}
	(void)pthread_mutex_lock(&cache->mutex);
	cache->generation = generation;
	*out = cache->generation + cache->bumps;
	is_news = cache->known_of != generation;
	(void)pthread_mutex_unlock(&cache->mutex);
	return !is_news || read_known(cache, generation, err);
}

/* Our answer is that the certificate is no credential; anything else is a failure to tell. */
static bool
refuse_or_fail(struct caller *caller, const struct error *why, struct error *err)
{
	if (error_info(why->code)->kind != ERROR_KIND_FORBIDDEN) {
		*err = *why;
		return false;
	}
	caller->refused = *why;
	return true;
}

static bool
resolve_operator(struct caller_cache *cache, struct caller *caller, struct error *err)
{
	struct operator_person person;
	struct error why = {0};

	if (!operator_find_caller(cache->db, caller->serial, &person, &why))
		return refuse_or_fail(caller, &why, err);
	caller->kind = CALLER_IS_OPERATOR;
	caller->person = person.id;
	caller->mask = person.roles;
	(void)snprintf(caller->handle, sizeof caller->handle, "%s", person.handle);
	return true;
}

/* Revoked, and its record still to come. */
static bool
is_forced(struct caller_cache *cache, const struct caller *caller)
{
	struct status_index_found found;

	if (cache->statuses == NULL)
		return false;
	status_index_find(cache->statuses, caller->serial, caller->issuer, &found);
	return found.forced;
}

static bool
check_pseudonym(struct caller_cache *cache, struct caller *caller, struct error *err)
{
	if (!pseudonym_find_presented(cache->db, caller->serial, &caller->pseudonym, err))
		return false;
	if (!caller->pseudonym.known)
		(void)error_set(
		    &caller->refused, E_CALLER_UNKNOWN, "the client certificate is not on record");
	else if (caller->pseudonym.revoked || is_forced(cache, caller))
		(void)error_set(&caller->refused, E_CALLER_REVOKED, "the certificate is revoked");
	return true;
}

/* With every request: a revoked device must feel it at once. */
static bool
check_device(struct caller_cache *cache, struct caller *caller, struct error *err)
{
	if (caller->tier == CALLER_TIER_PSEUDONYM)
		return check_pseudonym(cache, caller, err);
	if (!renew_find_presented(cache->db, caller->serial, &caller->device, err))
		return false;
	if (!caller->device.known) {
		(void)error_set(
		    &caller->refused, E_CALLER_UNKNOWN, "the client certificate is not on record");
		return true;
	}
	(void)snprintf(caller->handle, sizeof caller->handle, "%s", caller->device.handle);
	if (caller->device.revoked || is_forced(cache, caller))
		(void)error_set(&caller->refused, E_CALLER_REVOKED, "the device is revoked");
	return true;
}

/* False: not one whose certificates are credentials. */
static bool
classify(const struct issuer *issuer, struct caller *caller)
{
	switch (issuer->kind) {
	case ISSUER_OPERATORS_CA: return true;
	case ISSUER_DEVICE_CA: caller->tier = CALLER_TIER_DEVICE; break;
	case ISSUER_BIRTH_CA: caller->tier = CALLER_TIER_BIRTH; break;
	case ISSUER_PSEUDONYM_CA: caller->tier = CALLER_TIER_PSEUDONYM; break;
	case ISSUER_DEVICE_ROOT:
	case ISSUER_OPERATIONS_ROOT:
	case ISSUER_SERVICE_CA:
	case ISSUER_KIND_COUNT: return false;
	}
	caller->kind = CALLER_IS_DEVICE;
	caller->mask = CALLER_DEVICE;
	return true;
}

/* After its end a device may still renew with it; for a pseudonym there is the birth certificate.
 */
static int64_t
grace_s(const struct caller *caller)
{
	return caller->kind == CALLER_IS_DEVICE && caller->tier != CALLER_TIER_PSEUDONYM
		   ? RENEW_GRACE_S
		   : 0;
}

/* When what is said of the validity now stops being true; INT64_MAX: never. */
static int64_t
holds_until(const struct certificate *certificate, int64_t now_s)
{
	const int64_t ends_s[] = {certificate->not_before_s, certificate->not_after_s + 1,
	    certificate->not_after_s + RENEW_GRACE_S + 1};

	for (size_t i = 0; i < COUNT(ends_s); i++)
		if (now_s < ends_s[i])
			return ends_s[i];
	return INT64_MAX;
}

static bool
resolve_certificate(struct caller_cache *cache, struct bytes der, int64_t now_s,
    struct caller *caller, int64_t *out_holds_until_s, struct error *err)
{
	struct certificate certificate;
	struct error ignored = {0};
	const struct issuer *issuer = NULL;

	*out_holds_until_s = INT64_MAX;
	if (certificate_parse(der, &certificate, &ignored) &&
	    certificate.serial.len == SERIAL_BYTES)
		issuer = issuers_verify(cache->issuers, &certificate);
	if (issuer == NULL || !classify(issuer, caller)) {
		(void)error_set(&caller->refused, E_CALLER_UNKNOWN,
		    "no authority of this service issued the client certificate");
		return true;
	}
	memcpy(caller->serial, certificate.serial.data, SERIAL_BYTES);
	memcpy(caller->issuer, issuer->id, ISSUER_ID_BYTES);
	sha256(certificate.spki, caller->spki_sha256);
	*out_holds_until_s = holds_until(&certificate, now_s);
	caller->expired = caller->kind == CALLER_IS_DEVICE && now_s > certificate.not_after_s;
	if (now_s < certificate.not_before_s || now_s > certificate.not_after_s + grace_s(caller)) {
		(void)error_set(&caller->refused, E_CALLER_EXPIRED,
		    now_s < certificate.not_before_s ? "the client certificate is not valid yet"
						     : "the client certificate has expired");
		return true;
	}
	return caller->kind == CALLER_IS_DEVICE || resolve_operator(cache, caller, err);
}

void
caller_memory_clear(struct caller_memory *memory)
{
	buf_clear_public(&memory->certificate);
}

bool
caller_resolve(
    struct caller_cache *cache, struct caller_memory *memory, struct caller *out, struct error *err)
{
	const int64_t now_s = clock_now_s(cache->clock);
	int64_t generation = 0, trust;

	*out = (struct caller){.kind = CALLER_IS_NOBODY};
	if (memory->certificate.len == 0)
		return true;
	if (!current_generation(cache, &generation, err))
		return false;
	trust = issuers_version(cache->issuers); /* before it is used: at worst we look twice */
	if (!memory->resolved || memory->generation != generation ||
	    memory->issuers_version != trust || now_s >= memory->holds_until_s) {
		if (!resolve_certificate(cache, buf_bytes(&memory->certificate), now_s, out,
			&memory->holds_until_s, err))
			return false;
		memory->caller = *out;
		memory->generation = generation;
		memory->issuers_version = trust;
		memory->resolved = true;
	}
	*out = memory->caller;
	if (out->kind != CALLER_IS_DEVICE || out->refused.code != E_NONE)
		return true;
	return check_device(cache, out, err);
}

/* ---- without a database ---- */

static int
compare_serials(const void *serial, const void *known)
{
	return memcmp(serial, ((const struct operator_caller *)known)->serial, SERIAL_BYTES);
}

static bool
find_known(struct caller_cache *cache, const uint8_t *serial, struct operator_caller *out)
{
	const struct operator_caller *found = NULL;

	(void)pthread_mutex_lock(&cache->mutex);
	if (cache->known_count > 0)
		found = bsearch(serial, cache->known, cache->known_count, sizeof *cache->known,
		    compare_serials);
	if (found != NULL)
		*out = *found;
	(void)pthread_mutex_unlock(&cache->mutex);
	return found != NULL;
}

bool
caller_recall(struct caller_cache *cache, const struct caller_memory *memory, struct caller *out,
    struct error *err)
{
	const int64_t now_s = clock_now_s(cache->clock);
	struct certificate certificate;
	struct operator_caller known;
	const struct issuer *issuer;
	struct error ignored = {0};

	*out = (struct caller){.kind = CALLER_IS_NOBODY};
	if (memory->certificate.len == 0)
		return true;
	if (!certificate_parse(buf_bytes(&memory->certificate), &certificate, &ignored) ||
	    certificate.serial.len != SERIAL_BYTES ||
	    (issuer = issuers_verify(cache->issuers, &certificate)) == NULL ||
	    issuer->kind != ISSUER_OPERATORS_CA || now_s < certificate.not_before_s ||
	    now_s > certificate.not_after_s || !find_known(cache, certificate.serial.data, &known))
		return error_set(err, E_DATABASE_UNAVAILABLE, "who calls cannot be looked up now");
	out->kind = CALLER_IS_OPERATOR;
	out->mask = known.roles;
	out->person = known.person;
	memcpy(out->serial, known.serial, SERIAL_BYTES);
	(void)snprintf(out->handle, sizeof out->handle, "%s", known.handle);
	return true;
}

void
caller_actor(const struct caller *caller, unsigned wanted, char out[static CALLER_ACTOR_LEN])
{
	unsigned role = 1;

	switch (caller->kind) {
	case CALLER_IS_NOBODY: (void)snprintf(out, CALLER_ACTOR_LEN, "nobody"); return;
	case CALLER_IS_DEVICE:
		(void)snprintf(out, CALLER_ACTOR_LEN, "device%s%s",
		    caller->tier == CALLER_TIER_DEVICE ? ":" : "",
		    caller->tier == CALLER_TIER_DEVICE ? caller->handle : "");
		return;
	case CALLER_IS_OPERATOR: break;
	}
	while (role < 1U << ROLE_COUNT && (caller->mask & wanted & role) == 0)
		role <<= 1;
	if (role == 1U << ROLE_COUNT) /* none that is wanted: then any that it has */
		for (role = 1; role < 1U << ROLE_COUNT && (caller->mask & role) == 0;)
			role <<= 1;
	(void)snprintf(out, CALLER_ACTOR_LEN, "%s:%s",
	    role < 1U << ROLE_COUNT ? operator_role_name(role) : "person", caller->handle);
}

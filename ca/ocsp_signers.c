#include "ca/ocsp_signers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/der.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define RETRY_MS 60000

struct slot {
	const struct issuer *issuer;
	uint8_t name_hash[OCSP_HASH_COUNT][OCSP_HASH_MAX];
	uint8_t key_hash[OCSP_HASH_COUNT][OCSP_HASH_MAX];
	int64_t retry_at_ms;        /* monotonic; of the thread that looks */
	struct ocsp_signer *signer; /* behind the lock; NULL: none yet */
};

struct ocsp_signers {
	struct ocsp_signers_options options;
	_Atomic(size_t) count; /* of slots that readers may look at */
	pthread_mutex_t lock;
	struct slot slots[ISSUERS_MAX];
};

static const struct {
	const EVP_MD *(*md)(void);
	size_t len; /* octets of a digest */
} HASHES[OCSP_HASH_COUNT] = {
    [OCSP_HASH_SHA1] = {EVP_sha1, 20},
    [OCSP_HASH_SHA256] = {EVP_sha256, 32},
    [OCSP_HASH_SHA384] = {EVP_sha384, 48},
    [OCSP_HASH_SHA512] = {EVP_sha512, OCSP_HASH_MAX},
};

/* ---- one responder ---- */

void
ocsp_signer_release(struct ocsp_signer *signer)
{
	if (signer == NULL || atomic_fetch_sub(&signer->references, 1) > 1)
		return;
	key_free(signer->key);
	buf_clear_public(&signer->certificate);
	free(signer);
}

/* The octets of a SubjectPublicKeyInfo's BIT STRING (RFC 6960 section 4.1.1). */
static struct bytes
key_octets(struct bytes spki)
{
	struct der outer = der_of(spki);
	struct der der = der_enter(&outer, DER_SEQUENCE);

	(void)der_take(&der, DER_SEQUENCE);
	return der_take_bits(&der);
}

static void
hash(enum ocsp_hash how, struct bytes data, uint8_t out[static OCSP_HASH_MAX])
{
	const int hashed = EVP_Digest(data.data, data.len, out, NULL, HASHES[how].md(), NULL);

	assert(hashed == 1);
}

static bool
signer_certify(const struct ocsp_signers_options *options, const struct issuer *issuer,
    struct ocsp_signer *signer, struct error *err)
{
	const struct issue_request request = {.profile = profile_find(PROFILE_OCSP),
	    .issuer = issuer,
	    .spki = key_spki(signer->key),
	    .common_name = OCSP_RESPONDER_NAME,
	    .now_s = clock_now_s(options->clock),
	    .validity_s = options->validity_s};
	uint8_t digest[OCSP_HASH_MAX];
	struct certificate certificate;

	if (!own_issue(&(struct own_request){.issue = &request,
			   .ledger = options->ledger,
			   .rng = options->rng,
			   .node = options->node},
		&signer->certificate, err) ||
	    !certificate_parse(buf_bytes(&signer->certificate), &certificate, err))
		return false;
	hash(OCSP_HASH_SHA1, key_octets(request.spki), digest);
	memcpy(signer->key_hash, digest, sizeof signer->key_hash);
	signer->not_after_s = certificate.not_after_s;
	signer->renew_at_s =
	    certificate.not_before_s + (certificate.not_after_s - certificate.not_before_s) / 2;
	return true;
}

static bool
signer_new(const struct ocsp_signers_options *options, const struct issuer *issuer,
    struct ocsp_signer **out, struct error *err)
{
	DEFER(ocsp_signer_release) struct ocsp_signer *signer = xcalloc(1, sizeof *signer);
	DEFER(secret_free) struct secret *pkcs8 = NULL;

	atomic_init(&signer->references, 1);
	if (!key_generate(&pkcs8, err) || !key_open(secret_bytes(pkcs8), &signer->key, err) ||
	    !signer_certify(options, issuer, signer, err))
		return false;
	*out = TAKE(signer);
	return true;
}

/* ---- all of them ---- */

struct ocsp_signers *
ocsp_signers_new(const struct ocsp_signers_options *options)
{
	struct ocsp_signers *signers = xcalloc(1, sizeof *signers);

	signers->options = *options;
	(void)pthread_mutex_init(&signers->lock, NULL);
	return signers;
}

void
ocsp_signers_free(struct ocsp_signers *signers)
{
	if (signers == NULL)
		return;
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		ocsp_signer_release(signers->slots[i].signer);
	(void)pthread_mutex_destroy(&signers->lock);
	free(signers);
}

static void
take_up(struct ocsp_signers *signers)
{
	const size_t count = issuers_count(signers->options.issuers);

	for (size_t i = atomic_load(&signers->count); i < count; i++) {
		struct slot *slot = &signers->slots[i];

		slot->issuer = issuers_at(signers->options.issuers, i);
		for (int how = 0; how < OCSP_HASH_COUNT; how++) {
			hash((enum ocsp_hash)how, slot->issuer->certificate.subject,
			    slot->name_hash[how]);
			hash((enum ocsp_hash)how, key_octets(slot->issuer->certificate.spki),
			    slot->key_hash[how]);
		}
		atomic_store(&signers->count, i + 1);
	}
}

static void
replace(struct ocsp_signers *signers, struct slot *slot, struct ocsp_signer *fresh)
{
	struct ocsp_signer *old;

	(void)pthread_mutex_lock(&signers->lock);
	old = slot->signer;
	slot->signer = fresh;
	(void)pthread_mutex_unlock(&signers->lock);
	ocsp_signer_release(old); /* answers that are being signed hold it */
}

static void
renew(struct ocsp_signers *signers, struct slot *slot)
{
	struct ocsp_signer *fresh = NULL;
	struct error err = {0};

	if (clock_monotonic_ms() < slot->retry_at_ms)
		return;
	if (!signer_new(&signers->options, slot->issuer, &fresh, &err)) {
		slot->retry_at_ms = clock_monotonic_ms() + RETRY_MS;
		log_error(LOG_LEVEL_ERROR, "ocsp.responder", NULL, &err);
		return;
	}
	replace(signers, slot, fresh);
	log_info("ocsp.responder", "the OCSP responder of %s has a new certificate",
	    slot->issuer->id_text);
}

void
ocsp_signers_look(struct ocsp_signers *signers)
{
	const int64_t now_s = clock_now_s(signers->options.clock);

	take_up(signers);
	for (size_t i = 0; i < atomic_load(&signers->count); i++) {
		struct slot *slot = &signers->slots[i];

		/* Only this thread replaces it, so it needs no lock to look. */
		if (ocsp_signers_answers(signers, i) &&
		    (slot->signer == NULL || now_s >= slot->signer->renew_at_s))
			renew(signers, slot);
	}
}

size_t
ocsp_signers_find(const struct ocsp_signers *signers, const struct ocsp_certid *certid)
{
	const size_t count = atomic_load(&signers->count);
	const size_t len = certid->hash < OCSP_HASH_COUNT ? HASHES[certid->hash].len : 0;

	for (size_t i = 0; i < count && len > 0; i++) {
		const struct slot *slot = &signers->slots[i];

		if (memcmp(slot->key_hash[certid->hash], certid->key_hash.data, len) == 0 &&
		    memcmp(slot->name_hash[certid->hash], certid->name_hash.data, len) == 0)
			return i;
	}
	return OCSP_SLOT_NONE;
}

size_t
ocsp_signers_default(const struct ocsp_signers *signers)
{
	const struct issuer *active = issuers_active(signers->options.issuers, ISSUER_DEVICE_CA);
	const size_t count = atomic_load(&signers->count);

	for (size_t i = 0; i < count; i++)
		if (signers->slots[i].issuer == active && ocsp_signers_answers(signers, i))
			return i;
	return OCSP_SLOT_NONE;
}

const struct issuer *
ocsp_signers_issuer(const struct ocsp_signers *signers, size_t slot)
{
	return signers->slots[slot].issuer;
}

bool
ocsp_signers_answers(const struct ocsp_signers *signers, size_t slot)
{
	const struct issuer *issuer = signers->slots[slot].issuer;

	const enum issuer_state state = issuer_state(issuer);

	return issuer->ocsp && issuer->kind == ISSUER_DEVICE_CA &&
	       (state == ISSUER_ACTIVE || state == ISSUER_ROLLED);
}

struct ocsp_signer *
ocsp_signers_borrow(struct ocsp_signers *signers, size_t slot, int64_t now_s)
{
	struct ocsp_signer *signer;

	(void)pthread_mutex_lock(&signers->lock);
	signer = signers->slots[slot].signer;
	if (signer != NULL && now_s < signer->not_after_s)
		(void)atomic_fetch_add(&signer->references, 1);
	else
		signer = NULL;
	(void)pthread_mutex_unlock(&signers->lock);
	return signer;
}

void
ocsp_signers_health(struct ocsp_signers *signers, struct ocsp_signers_health *out)
{
	const int64_t now_s = clock_now_s(signers->options.clock);

	*out = (struct ocsp_signers_health){0};
	for (size_t i = 0; i < atomic_load(&signers->count); i++) {
		DEFER(ocsp_signer_release) struct ocsp_signer *signer = NULL;

		if (!ocsp_signers_answers(signers, i))
			continue;
		out->wanted++;
		signer = ocsp_signers_borrow(signers, i, now_s);
		if (signer == NULL) {
			out->missing++;
		} else if (out->not_after_s == 0 || signer->not_after_s < out->not_after_s) {
			out->not_after_s = signer->not_after_s;
			out->renew_at_s = signer->renew_at_s;
		}
	}
}

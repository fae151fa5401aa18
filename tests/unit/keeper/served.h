/* served: a keeper with one issuer and an empty log, served over channels in this process. */
#ifndef TESTS_UNIT_KEEPER_SERVED_H
#define TESTS_UNIT_KEEPER_SERVED_H

#include "fixture.h"

#include "base/clock.h"
#include "base/defer_openssl.h"
#include "base/log.h"
#include "keeper/client.h"
#include "keeper/control.h"
#include "keeper/journal.h"
#include "keeper/keyring.h"
#include "keeper/server.h"
#include "proof/note.h"

#define ORIGIN "moniker.example/node1-2026"
#define PASSPHRASE "correct horse"

struct served {
	struct folder folder;
	struct keeper_paths paths;
	struct clock clock;
	struct policy policy;
	uint8_t issuer[ISSUER_ID_BYTES];
	struct buf spki; /* of the issuer's key */
	struct keeper *keeper;
	struct keeper_client *client;
};

UNUSED static void
served_write_ring(struct served *served)
{
	DEFER(keyring_free) struct keyring *ring = keyring_new();
	DEFER(secret_free) struct secret *words = secret_text(PASSPHRASE);
	DEFER(key_free) struct key *key = NULL;
	struct secret *pkcs8 = NULL;
	char name[32] = "issuer:";
	struct error err = {0};

	assert_ok(key_generate(&pkcs8, &err), &err);
	assert_ok(key_open(secret_bytes(pkcs8), &key, &err), &err);
	key_issuer_id(key, served->issuer);
	buf_append(&served->spki, key_spki(key));
	hex_encode(name + 7, bytes_of(served->issuer, ISSUER_ID_BYTES));
	keyring_add(ring, name, pkcs8);
	keyring_add(ring, "log", secret_filled(1));
	keyring_add(ring, "journal", secret_filled(2));
	keyring_add(ring, "tag:1", secret_filled(3));
	keyring_add(ring, "tag:2", secret_filled(4));
	keyring_add(ring, "token:7", secret_filled(5));
	keyring_add(ring, "token:3", secret_filled(6));
	keyring_add(ring, "status:1", secret_filled(7));
	keyring_add(ring, "link:1", secret_filled(9));
	keyring_add(ring, "link:2", secret_filled(8));
	keyring_add(ring, "block:1", secret_filled(10));
	assert_ok(keyring_write(ring, served->paths.keyring, words,
		      (struct keyring_cost){.operations = 1, .memory_kib = 8192}, &err),
	    &err);
}

UNUSED static void
served_open(struct served *served)
{
	DEFER(secret_free) struct secret *words = secret_text(PASSPHRASE);
	struct error err = {0};

	assert_ok(keeper_open(&served->paths, words, &served->clock, &served->keeper, &err), &err);
}

/* New channels between keeper and client. */
UNUSED static void
served_connect(struct served *served)
{
	int near[CONTROL_CHANNELS], far[CONTROL_CHANNELS];
	struct error err = {0};

	assert_ok(control_make_channels(near, far, &err), &err);
	assert_ok(keeper_serve(served->keeper, far, &err), &err);
	keeper_client_attach(served->client, near);
}

/* Everything but connecting. */
UNUSED static void
served_init(struct served *served)
{
	DEFER(secret_free) struct secret *mac_key = secret_filled(2);
	struct error err = {0};

	memset(served, 0, sizeof(*served));
	log_set_level(LOG_LEVEL_ERROR);
	folder_init(&served->folder);
	served->clock = clock_fixed(NOW_S);
	served->paths.keyring = folder_file(&served->folder, "keeper.ring");
	served->paths.policy = folder_file(&served->folder, "policy.json");
	served->paths.journal = folder_file(&served->folder, "log.journal");
	served->paths.crl_numbers = folder_file(&served->folder, "crl-numbers");
	served_write_ring(served);
	served->policy.issuer_count = 1;
	issuer_init(&served->policy.issuers[0]);
	memcpy(served->policy.issuers[0].id, served->issuer, ISSUER_ID_BYTES);
	assert_ok(policy_write(&served->policy, served->paths.policy, &err), &err);
	assert_ok(journal_create(served->paths.journal, ORIGIN, mac_key, &err), &err);
	served_open(served);
	served->client = keeper_client_new();
}

UNUSED static void
served_clear(struct served *served)
{
	keeper_client_free(served->client);
	keeper_free(served->keeper);
	buf_clear(&served->spki);
	policy_clear(&served->policy);
	folder_clear(&served->folder);
}
DEFER_DECLARE_CLEAR(struct served, served_clear)

/* ---- entries ---- */

struct order { /* one leaf, and the TBSCertificate it commits to */
	struct buf leaf;
	struct tlv tbs;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	struct keeper_entry entry;
};

UNUSED static void
order_plain(struct order *order, uint64_t seq)
{
	struct leaf leaf = leaf_plain(seq);

	memset(order, 0, sizeof(*order));
	leaf_put(&leaf, &order->leaf);
	order->entry.leaf = buf_bytes(&order->leaf);
}

UNUSED static void
order_of_parts(struct order *order, const struct served *served, uint64_t seq,
    enum leaf_event event, const struct tbs_parts *parts)
{
	struct leaf leaf = leaf_plain(seq);

	memset(order, 0, sizeof(*order));
	memset(order->nonce, (int)seq + 1, sizeof(order->nonce));
	order->tbs = tbs_join(parts);
	leaf.event = event;
	leaf.has_commitment = true;
	leaf_commit(leaf.commitment, order->nonce, tlv_bytes(&order->tbs));
	leaf_put(&leaf, &order->leaf);
	order->entry.leaf = buf_bytes(&order->leaf);
	order->entry.tbs = tlv_bytes(&order->tbs);
	order->entry.nonce = order->nonce;
	memcpy(order->entry.issuer, served->issuer, ISSUER_ID_BYTES);
}

UNUSED static void
order_tbs(struct order *order, const struct served *served, uint64_t seq)
{
	struct tbs_parts parts;

	tbs_parts_init(&parts);
	order_of_parts(order, served, seq, LEAF_ENROLL_OK, &parts);
}

UNUSED static void
order_clear(struct order *order)
{
	buf_clear(&order->leaf);
}
DEFER_DECLARE_CLEAR(struct order, order_clear)

UNUSED static bool
signature_good(
    const struct served *served, struct bytes message, const uint8_t *signature, size_t len)
{
	const uint8_t *at = served->spki.data;
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)served->spki.len);
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return pkey != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	       EVP_DigestVerify(ctx, signature, len, message.data, message.len) == 1;
}

/* The size that a signed note of this log names. */
UNUSED static uint64_t
note_size(const struct keeper_state *keeper, const struct buf *note)
{
	struct note_key key;
	struct checkpoint checkpoint;
	struct bytes text;
	struct error err = {0};

	assert_ok(note_key_init(&key, ORIGIN, keeper->log_public_key, &err), &err);
	assert_ok(note_verify(buf_bytes(note), &key, &text, &err), &err);
	assert_ok(checkpoint_parse(text, &checkpoint, &err), &err);
	assert_string_equal(checkpoint.origin, ORIGIN);
	return checkpoint.size;
}

/* Sends one append of one entry and waits. */
UNUSED static bool
append_one(struct served *served, uint64_t seq, const struct order *order,
    struct keeper_signed *out, struct error *err)
{
	DEFER(buf_clear) struct buf note = {0};

	return keeper_append_send(served->client, seq, &order->entry, 1, err) &&
	       keeper_append_receive(served->client, out, 1, &note, err);
}

UNUSED static uint64_t
log_size(struct served *served)
{
	struct keeper_state keeper;
	struct error err = {0};

	assert_ok(keeper_hello(served->client, &keeper, &err), &err);
	return keeper.checkpoint.size;
}

#endif

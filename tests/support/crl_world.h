/*
 * crl_world: a Device CA and two services on one database, for tests. The keeper's own checks and
 * numbers sign their CRLs, in this process; leaves go nowhere.
 */
#ifndef TESTS_SUPPORT_CRL_WORLD_H
#define TESTS_SUPPORT_CRL_WORLD_H

#include "tests/support/cmocka_all.h"

#include <stdio.h>

#include "audit/note.h"
#include "base/mem.h"
#include "ca/crl_make.h"
#include "ca/crl_spooled.h"
#include "keeper/check.h"
#include "keeper/crl_numbers.h"
#include "tests/support/folder.h"
#include "tests/support/test_db.h"
#include "tests/unit/ca/authorities.h"
#include "tests/unit/ca/lists.h"

#define CRL_WORLD_UNUSED __attribute__((unused))

/* ---- instead of keeper and ledger ---- */

struct keeper_client { /* two services share a keeper's numbers here, which no real ones do */
	const struct policy *policy;
	struct crl_numbers *numbers;
	struct key *key;
	bool refuses;
};

CRL_WORLD_UNUSED static bool
stream(
    const struct keeper_crl *crl, struct check_crl *check, struct sha256 *hash, struct error *err)
{
	struct bytes entries = {0};

	do {
		if (!crl->next_entries(crl->context, &entries, err) ||
		    !check_crl_entries(check, entries, err))
			return false;
		sha256_update(hash, entries);
	} while (entries.len > 0);
	return true;
}

bool
keeper_sign_crl(struct keeper_client *client, const struct keeper_crl *crl,
    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err)
{
	struct check_crl check;
	struct sha256 hash;
	uint8_t digest[SHA256_BYTES];
	uint64_t number;
	unsigned shard;

	if (client->refuses)
		return error_set(err, E_KEEPER_REFUSED, "not today");
	sha256_init(&hash);
	sha256_update(&hash, crl->head);
	if (!check_crl_head(
		&check, policy_find(client->policy, crl->issuer), crl->head, TEST_NOW_S, err) ||
	    !stream(crl, &check, &hash, err) ||
	    !check_crl_end(&check, crl->extensions, &number, &shard, err) ||
	    !crl_numbers_take(
		client->numbers, crl->issuer, shard, check.delta, number, TEST_NOW_S, err))
		return false;
	sha256_update(&hash, crl->extensions);
	sha256_final(&hash, digest);
	return key_sign_digest(client->key, digest, out, out_len, err);
}

void
note_leaf(struct leaf *out, enum leaf_event event, const char *actor, const char *subject,
    const struct error *refused, int64_t at_s)
{
	(void)actor;
	(void)subject;
	(void)refused;
	*out = (struct leaf){.event = event, .at_s = at_s};
}

bool
note_record(struct ledger *ledger, const struct leaf *leaf, struct error *err)
{
	(void)ledger;
	(void)leaf;
	(void)err;
	return true;
}

/* ---- a world with one Device CA and two services ---- */

struct world {
	struct test_db test;
	struct folder folder;
	struct authorities authorities;
	struct keeper_client keeper;
	const struct issuer *issuer;
	struct node {
		struct db *db;
		struct clock clock;
		struct crl_options options;
	} nodes[2];
};

CRL_WORLD_UNUSED static void
node_init(struct world *world, int i)
{
	static const char *const names[] = {"node1", "node2"};
	struct node *node = &world->nodes[i];

	node->db = db_new(&(struct db_options){.url = world->test.service_url,
	    .application = names[i],
	    .connections_max = 2,
	    .wait_ms = 5000});
	node->clock = clock_fixed(TEST_NOW_S);
	node->options = (struct crl_options){.db = node->db,
	    .issuers = world->authorities.issuers,
	    .keeper = &world->keeper,
	    .clock = &node->clock,
	    .node = names[i],
	    .dir = world->folder.path};
}

CRL_WORLD_UNUSED static void
world_init(struct world *world)
{
	DEFER(db_free) struct db *owner = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	memset(world, 0, sizeof *world);
	test_db_init(&world->test);
	folder_init(&world->folder);
	authorities_init(&world->authorities);
	world->issuer = issuers_active(world->authorities.issuers, ISSUER_DEVICE_CA);
	owner = db_new(&(struct db_options){.url = world->test.owner_url,
	    .application = "owner",
	    .connections_max = 1,
	    .wait_ms = 5000});
	assert_true(tx_begin(owner, &tx, &err));
	assert_true(ceremony_store(
	    tx, &world->authorities.ceremony, "test.example/node1-2026", TEST_NOW_S, &err));
	assert_true(tx_commit(&tx, &err));
	world->keeper.policy = &world->authorities.ceremony.policy;
	world->keeper.key = authorities_key(&world->authorities, ISSUER_DEVICE_CA);
	assert_true(
	    crl_numbers_open(folder_file(&world->folder, "n"), &world->keeper.numbers, &err));
	node_init(world, 0);
	node_init(world, 1);
	assert_true(crl_store_ensure(
	    world->nodes[0].db, (struct crl_key){.issuer = world->issuer->id}, &err));
}

CRL_WORLD_UNUSED static void
world_clear(struct world *world)
{
	db_free(world->nodes[0].db);
	db_free(world->nodes[1].db);
	crl_numbers_free(world->keeper.numbers);
	key_free(world->keeper.key);
	authorities_clear(&world->authorities);
	folder_clear(&world->folder);
	test_db_clear(&world->test);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

/* Revokes the certificates `from` to `to`; their serials end with their numbers. CRLs do not look
 * at the chain of hashes. */
CRL_WORLD_UNUSED static void
revoke_all(const struct world *world, int from, int to)
{
	char sql[1024];

	(void)snprintf(sql, sizeof sql,
	    "WITH one AS (SELECT g, decode('400048' || lpad(to_hex(g), 34, '0'), 'hex') AS serial"
	    " FROM generate_series(%d, %d) AS g),"
	    " head AS (UPDATE status_head SET seq = %d),"
	    " change AS (INSERT INTO status_change SELECT g, 72, serial, decode('%s', 'hex'),"
	    " 'revoked', 1, %lld, sha256(serial) FROM one)"
	    " INSERT INTO revocation SELECT 72, serial, decode('%s', 'hex'), 'revoked', 1, %lld,"
	    " %lld, g FROM one",
	    from, to, to, world->issuer->id_text, (long long)TEST_NOW_S, world->issuer->id_text,
	    (long long)TEST_NOW_S, (long long)TEST_NOW_S + DAY_S);
	test_db_run(&world->test, sql);
}

CRL_WORLD_UNUSED static bool
make(struct world *world, int node, bool full, struct crl_made *out)
{
	struct error err = {0};

	if (!crl_make(&world->nodes[node].options, world->issuer, 0, full, out, &err))
		fail_msg("node %d: %s (%s)", node, err.detail, err.cause);
	return out->done;
}

CRL_WORLD_UNUSED static int
entries_of(struct crl_file *file)
{
	DEFER(X509_CRL_free) X509_CRL *view = list_view(file);

	return X509_CRL_get_REVOKED(view) == NULL ? 0
						  : sk_X509_REVOKED_num(X509_CRL_get_REVOKED(view));
}

#endif

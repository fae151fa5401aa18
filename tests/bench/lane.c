#include "tests/bench/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ca/certificate_store.h"
#include "db/ledger_keeper.h"
#include "db/ledger_store.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define TO_TEXT(x) #x
#define LANES(x) TO_TEXT(x)

/* clang-format off */
/* Batch and log i are lane i's; names are digits as letters that a handle may have. Partition 72 is
 * the month of TEST_NOW_S. */
static const char SETUP[] =
    "INSERT INTO person (handle, name, created_at_s) VALUES ('aaaaaaaaaaaaaaaa', 'station', 0);"
    "INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s, hardware_ids,"
    " replace_policy, created_at_s)"
    " SELECT 'lane-' || i, 'aaaaaaaaaaaaa' || translate(lpad(i::text, 3, '0'), '0189', 'bcde'),"
    " 'Test', 'pseudonymous', 'device', 100000000, 0, 'required', 'same_station', 0"
    " FROM generate_series(1, " LANES(LANES_MAX) ") AS i ORDER BY i;"
    "INSERT INTO audit_log (origin, public_key, opened_at_s)"
    " SELECT 'bench/' || i, sha256('bench'), 0"
    " FROM generate_series(1, " LANES(LANES_MAX) ") AS i ORDER BY i;"
    "SELECT partition_ensure(72::smallint)";
/* clang-format on */

/* ---- the database ---- */

static void
store_authorities(const struct lane_site *site)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = site->db.owner_url,
	    .application = "bench",
	    .connections_max = 1,
	    .wait_ms = 5000});
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	must(tx_begin(db, &tx, &err), &err);
	must(ceremony_store(
		 tx, &site->authorities.ceremony, "moniker.example/node1-2026", TEST_NOW_S, &err),
	    &err);
	must(tx_commit(&tx, &err), &err);
}

void
lane_site_init(struct lane_site *site)
{
	test_db_init(&site->db);
	authorities_init(&site->authorities);
	site->key = authorities_key(&site->authorities, ISSUER_DEVICE_CA);
	site->clock = clock_fixed(TEST_NOW_S);
	site->rng = rng_system();
	store_authorities(site);
	test_db_run(&site->db, SETUP);
	site->person = test_db_int(&site->db, "SELECT id FROM person");
	site->first_batch = test_db_int(&site->db, "SELECT min(id) FROM batch");
}

void
lane_site_clear(struct lane_site *site)
{
	key_free(site->key);
	authorities_clear(&site->authorities);
	test_db_clear(&site->db);
}

/* ---- a lane ---- */

static void
take_log(struct ledger *ledger, const char *origin)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct ledger_row row;
	struct error err = {0};

	tx_begin_on(ledger->conn, &tx);
	must(ledger_get(tx, origin, &row, &err), &err);
	must(ledger_take_over(tx, origin, &row, &err), &err);
	must(ledger_ensure_partition(tx, row.log, row.size, &err), &err);
	must(tx_commit(&tx, &err), &err);
	ledger->log = row.log;
	ledger->owner = row.owner;
	ledger->size = row.size;
	ledger->last_st_s = row.last_st_s;
}

void
lane_open(struct lane *lane, const struct lane_site *site, size_t number, size_t into)
{
	struct ledger *ledger = &lane->ledger;
	struct error err = {0};
	char origin[32];

	*lane = (struct lane){.site = site,
	    .kind = enrollment_kind_new(),
	    .batch = xcalloc(1, sizeof *lane->batch),
	    .batch_id = site->first_batch + (int64_t)into};
	ledger->options = (struct ledger_options){.clock = &site->clock,
	    .rng = &site->rng,
	    .hooks = {.keep_signatures = certificate_keep_signatures}};
	(void)pthread_mutex_init(&ledger->mutex, NULL);
	must(conn_open(site->db.service_url, "bench", &ledger->conn, &err), &err);
	(void)snprintf(origin, sizeof origin, LANE_ORIGIN, number + 1);
	take_log(ledger, origin);
}

void
lane_close(struct lane *lane)
{
	conn_close(lane->ledger.conn);
	free(lane->ledger.unkept);
	(void)pthread_mutex_destroy(&lane->ledger.mutex);
	buf_clear_public(&lane->batch->text);
	free(lane->batch);
	enrollment_kind_free(lane->kind);
}

struct enrollment *
lane_prepare(const struct lane *lane, struct bytes csr)
{
	return enrollment_new(
	    &(struct enrollment_terms){
		.kind = lane->kind,
		.issuer = issuers_active(lane->site->authorities.issuers, ISSUER_DEVICE_CA),
		.rng = &lane->site->rng,
		.person = lane->site->person,
		.batch = lane->batch_id,
		.now_s = TEST_NOW_S,
	    },
	    csr);
}

void
lane_commit(struct lane *lane, struct enrollment *const *enrollments, size_t count)
{
	struct entry entries[LEDGER_BATCH_MAX];
	struct batch *batch = lane->batch;
	struct error err = {0};

	for (size_t i = 0; i < count; i++) {
		entries[i] = (struct entry){.proposal = enrollment_proposal(enrollments[i])};
		batch->entries[i] = &entries[i];
	}
	batch->kind = lane->kind;
	batch->count = count;
	batch->own = true;
	must(batch_try(&lane->ledger, batch, &err) == TRY_COMMITTED, &err);
}

void
lane_finish(struct lane *lane, struct enrollment *enrollment, struct bytes signature)
{
	const struct record *record = enrollment_finish(enrollment, signature);

	keeper_remember(&lane->ledger, record, false);
}

void
lane_sign(struct lane *lane, struct enrollment *enrollment)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct error err = {0};
	size_t len;

	must(key_sign(lane->site->key, enrollment_tbs(enrollment), signature, &len, &err), &err);
	lane_finish(lane, enrollment, bytes_of(signature, len));
}

struct buf *
lane_csrs(size_t count)
{
	struct buf *csrs = xcalloc(count, sizeof *csrs);

	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf der = {0};

		csr_make(NULL, &der);
		base64_encode(&csrs[i], buf_bytes(&der));
	}
	return csrs;
}

#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "ca/status.h"
#include "ca/status_index.h"
#include "tests/support/test_db.h"

#define NOW_S 1750000000
#define IN_TIME_MS 20000 /* how long a wait may take before the test fails */

struct bench {
	struct test_db test;
	struct db *db;
	struct clock clock;
};

static void
bench_init(struct bench *bench)
{
	test_db_init(&bench->test);
	test_db_run(&bench->test,
	    "INSERT INTO ca_issuer (id, kind, certificate, not_before_at_s, not_after_at_s,"
	    " in_keeper, state) VALUES ('\\x0000000000000001', 'device-ca', '\\x00', 0, 1, true,"
	    " 'active')");
	bench->db = db_new(&(struct db_options){.url = bench->test.service_url,
	    .application = "status_index_test",
	    .connections_max = 4,
	    .wait_ms = 5000});
	bench->clock = clock_fixed(NOW_S);
}

static void
bench_clear(struct bench *bench)
{
	db_free(bench->db);
	test_db_clear(&bench->test);
}
DEFER_DECLARE_CLEAR(struct bench, bench_clear)

static struct status_index *
index_of(const struct bench *bench)
{
	struct status_index *index = NULL;
	struct error err = {0};

	if (!status_index_new(
		&(struct status_index_options){
		    .db = bench->db, .url = bench->test.service_url, .clock = &bench->clock},
		&index, &err))
		fail_msg("%s (%s)", err.detail, err.cause);
	return index;
}

static struct status_change
change_of(uint32_t number, enum device_state state)
{
	const uint32_t spread = number * UINT32_C(2654435761); /* odd: another one for each */
	struct status_change change = {
	    .serial = {0x40, 0x00, 0x40},
	    .issuer = {[7] = 1},
	    .state = state,
	    .reason = state == DEVICE_HELD ? REASON_HOLD : REASON_KEY_COMPROMISE,
	    .not_after_s = NOW_S + 86400,
	};

	/* Spread over its last octets, as those of a real one are: the index finds them by these.
	 */
	memcpy(change.serial + SERIAL_BYTES - 5, &spread, sizeof spread);
	change.serial[SERIAL_BYTES - 1] = (uint8_t)number;
	return change;
}

/* As the ledger does, which has at most some thousand changes in a transaction. */
static void
commit(const struct bench *bench, const struct status_change *changes, size_t count)
{
	enum { AT_ONCE = 2500 };

	for (size_t from = 0; from < count; from += AT_ONCE) {
		const size_t left = count - from;
		DEFER(tx_free) struct tx *tx = NULL;
		struct error err = {0};

		if (!tx_begin(bench->db, &tx, &err) ||
		    !status_write(
			tx, changes + from, left < AT_ONCE ? left : AT_ONCE, NOW_S, &err) ||
		    !tx_commit(&tx, &err))
			fail_msg("%s (%s)", err.detail, err.cause);
	}
}

static void
commit_one(const struct bench *bench, uint32_t number, enum device_state state)
{
	const struct status_change change = change_of(number, state);

	commit(bench, &change, 1);
}

static enum certificate_state
state_of(struct status_index *index, uint32_t number)
{
	const struct status_change change = change_of(number, DEVICE_ACTIVE);
	struct status_index_found found;

	status_index_find(index, change.serial, change.issuer, &found);
	return found.entry.state;
}

static void
wait_for_seq(struct status_index *index, int64_t seq)
{
	assert_true(status_index_wait_beyond(index, seq - 1, IN_TIME_MS) >= seq);
}

static int64_t
seq_of(struct status_index *index)
{
	struct status_index_health health;

	status_index_health(index, &health);
	return health.seq;
}

/* ---- following ---- */

static void
hold_release_and_revocation_are_followed(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	const struct status_change replaced = change_of(2, DEVICE_REPLACED);
	struct status_index_found found;

	(void)state;
	bench_init(&bench);
	index = index_of(&bench);
	assert_int_equal(state_of(index, 1), CERTIFICATE_CLEAR);
	commit_one(&bench, 1, DEVICE_HELD);
	assert_true(status_index_sync(index, IN_TIME_MS));
	assert_int_equal(state_of(index, 1), CERTIFICATE_HELD);
	commit_one(&bench, 1, DEVICE_ACTIVE);
	assert_true(status_index_sync(index, IN_TIME_MS));
	assert_int_equal(state_of(index, 1), CERTIFICATE_CLEAR);
	commit_one(&bench, 1, DEVICE_REVOKED);
	commit(&bench, &replaced, 1);
	assert_true(status_index_sync(index, IN_TIME_MS));
	assert_int_equal(state_of(index, 2), CERTIFICATE_REVOKED);
	status_index_find(index, change_of(1, DEVICE_ACTIVE).serial, replaced.issuer, &found);
	assert_int_equal(found.entry.state, CERTIFICATE_REVOKED);
	assert_int_equal(found.entry.reason, REASON_KEY_COMPROMISE);
	assert_int_equal(found.entry.at_s, NOW_S);
	assert_in_range(found.entry.not_after_s, NOW_S + 86400, NOW_S + 2 * 86400);
	assert_int_equal(found.seq, 4);
	assert_int_equal(found.as_of_s, NOW_S);
}

/* Nobody of this process wakes it: NOTIFY does. Without that, the look of every second. */
static void
changes_of_another_node_arrive(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *one = NULL;
	DEFER(status_index_free) struct status_index *other = NULL;
	struct status_index_health health = {0};
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)state;
	bench_init(&bench);
	one = index_of(&bench);
	other = index_of(&bench);
	for (int i = 0; i < IN_TIME_MS && !health.listening; i++) {
		(void)nanosleep(&pause, NULL);
		status_index_health(one, &health);
	}
	assert_true(health.listening);
	for (uint32_t i = 1; i <= 20; i++) {
		commit_one(&bench, i, i % 2 == 0 ? DEVICE_HELD : DEVICE_REVOKED);
		wait_for_seq(one, i);
		wait_for_seq(other, i);
		assert_int_equal(state_of(one, i), state_of(other, i));
		assert_int_not_equal(state_of(one, i), CERTIFICATE_CLEAR);
	}
}

static void
a_restart_finds_what_was_and_misses_nothing(void **state)
{
	enum { BEFORE = 25000, BETWEEN = 2500 }; /* pages of 10000, reads of 1000 */
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free) struct status_change *changes = xcalloc(BEFORE, sizeof *changes);
	struct status_index *index;
	struct status_index_health health;

	(void)state;
	bench_init(&bench);
	for (uint32_t i = 0; i < BEFORE; i++)
		changes[i] = change_of(i, i % 2 == 0 ? DEVICE_HELD : DEVICE_REVOKED);
	commit(&bench, changes, BEFORE);
	commit_one(&bench, 0, DEVICE_ACTIVE);
	index = index_of(&bench);
	assert_int_equal(seq_of(index), BEFORE + 1);
	assert_int_equal(state_of(index, 0), CERTIFICATE_CLEAR);
	status_index_free(index);
	for (uint32_t i = 0; i < BETWEEN; i++)
		changes[i] = change_of(2 * i, DEVICE_REVOKED);
	commit(&bench, changes, BETWEEN);
	index = index_of(&bench);
	for (uint32_t i = 0; i < BETWEEN; i++)
		changes[i] = change_of(BEFORE + i, DEVICE_HELD);
	commit(&bench, changes, BETWEEN);
	assert_true(status_index_sync(index, IN_TIME_MS));
	status_index_health(index, &health);
	assert_int_equal(health.seq, BEFORE + 1 + 2 * BETWEEN);
	assert_int_equal(health.revoked_count, BEFORE / 2 + BETWEEN);
	assert_int_equal(health.held_count, BEFORE / 2 - BETWEEN + BETWEEN);
	assert_int_equal(health.reloads, 0);
	for (uint32_t i = 0; i < BETWEEN; i++) {
		assert_int_equal(state_of(index, 2 * i), CERTIFICATE_REVOKED);
		assert_int_equal(state_of(index, BEFORE + i), CERTIFICATE_HELD);
	}
	status_index_free(index);
}

/* ---- in force, and not on record yet ---- */

static struct status_entry
forced(uint32_t number)
{
	const struct status_change change = change_of(number, DEVICE_REVOKED);
	struct status_entry entry = {
	    .state = CERTIFICATE_REVOKED, .reason = REASON_SUPERSEDED, .at_s = NOW_S - 60};

	memcpy(entry.serial, change.serial, sizeof entry.serial);
	memcpy(entry.issuer, change.issuer, sizeof entry.issuer);
	return entry;
}

static void
force(struct status_index *index, uint32_t number)
{
	const struct status_entry entry = forced(number);

	assert_true(status_index_force(index, &entry));
}

static void
what_is_forced_is_found_and_copied_until_it_is_settled(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	DEFER(status_index_snapshot_clear) struct status_index_snapshot during = {0};
	DEFER(status_index_snapshot_clear) struct status_index_snapshot after = {0};
	const struct status_entry held = forced(2);
	struct status_index_found found;

	(void)state;
	bench_init(&bench);
	commit_one(&bench, 1, DEVICE_REVOKED);
	commit_one(&bench, 2, DEVICE_HELD);
	index = index_of(&bench);
	force(index, 1); /* on record as revoked */
	force(index, 2); /* on record as held */
	force(index, 3); /* not on record */
	status_index_find(index, forced(1).serial, held.issuer, &found);
	assert_false(found.forced);
	assert_int_equal(found.entry.reason, REASON_KEY_COMPROMISE);
	status_index_find(index, held.serial, held.issuer, &found);
	assert_true(found.forced);
	assert_int_equal(found.entry.state, CERTIFICATE_REVOKED);
	assert_int_equal(found.entry.at_s, NOW_S - 60);
	assert_int_equal(state_of(index, 3), CERTIFICATE_REVOKED);
	status_index_snapshot(index, &during);
	assert_int_equal(during.count, 3);
	for (size_t i = 0; i < during.count; i++)
		assert_int_equal(during.entries[i].state, CERTIFICATE_REVOKED);
	status_index_settle(index);
	assert_int_not_equal(status_index_turn(index), during.turn);
	assert_int_equal(state_of(index, 1), CERTIFICATE_REVOKED);
	assert_int_equal(state_of(index, 2), CERTIFICATE_HELD);
	assert_int_equal(state_of(index, 3), CERTIFICATE_CLEAR);
	status_index_snapshot(index, &after);
	assert_int_equal(after.count, 2);
}

static void
a_change_keeps_the_time_since_when_it_is_in_force(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	struct status_change changes[] = {
	    change_of(1, DEVICE_REVOKED), change_of(2, DEVICE_REVOKED)};
	struct status_index_found found;

	(void)state;
	bench_init(&bench);
	changes[0].at_s = NOW_S - 3600;
	commit(&bench, changes, 2);
	index = index_of(&bench);
	status_index_find(index, changes[0].serial, changes[0].issuer, &found);
	assert_int_equal(found.entry.at_s, NOW_S - 3600);
	status_index_find(index, changes[1].serial, changes[1].issuer, &found);
	assert_int_equal(found.entry.at_s, NOW_S);
}

struct writer {
	const struct bench *bench;
	uint32_t first, count;
};

static void *
write_many(void *context)
{
	const struct writer *writer = context;

	for (uint32_t i = 0; i < writer->count; i++)
		commit_one(writer->bench, writer->first + i, DEVICE_REVOKED);
	return NULL;
}

/* Two nodes write while a third starts and follows: none is passed over. */
static void
concurrent_writers_leave_no_gap(void **state)
{
	enum { EACH = 300 };
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	struct writer writers[] = {{&bench, 0, EACH}, {&bench, EACH, EACH}};
	struct status_index_health health;
	pthread_t threads[COUNT(writers)];

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT(writers); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
	index = index_of(&bench);
	for (size_t i = 0; i < COUNT(writers); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(status_index_sync(index, IN_TIME_MS));
	status_index_health(index, &health);
	assert_int_equal(health.seq, 2 * EACH);
	assert_int_equal(health.revoked_count, 2 * EACH);
	assert_int_equal(health.reloads, 0);
}

/* ---- when the order breaks, or the database is away ---- */

static void
an_order_that_went_back_or_has_a_gap_is_read_anew(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	struct status_index_health health;

	(void)state;
	bench_init(&bench);
	commit_one(&bench, 1, DEVICE_REVOKED);
	commit_one(&bench, 2, DEVICE_REVOKED);
	index = index_of(&bench);
	test_db_run(&bench.test, "DELETE FROM status_change WHERE seq = 2;"
				 "DELETE FROM revocation WHERE seq = 2;"
				 "UPDATE status_head SET seq = 1");
	assert_true(status_index_sync(index, IN_TIME_MS));
	assert_int_equal(state_of(index, 1), CERTIFICATE_REVOKED);
	assert_int_equal(state_of(index, 2), CERTIFICATE_CLEAR);
	assert_int_equal(seq_of(index), 1);
	commit_one(&bench, 3, DEVICE_REVOKED);
	test_db_run(&bench.test,
	    "UPDATE status_change SET seq = 5 WHERE seq = 2; UPDATE status_head SET seq = 5");
	assert_true(status_index_sync(index, IN_TIME_MS));
	assert_int_equal(state_of(index, 3), CERTIFICATE_REVOKED);
	status_index_health(index, &health);
	assert_int_equal(health.seq, 5);
	assert_true(health.reloads >= 2);
}

static void
without_the_database_it_answers_and_says_of_when(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	struct status_index_found found;
	char sql[256];

	(void)state;
	bench_init(&bench);
	commit_one(&bench, 1, DEVICE_REVOKED);
	index = index_of(&bench);
	assert_true(status_index_sync(index, IN_TIME_MS));
	(void)snprintf(
	    sql, sizeof sql, "ALTER DATABASE %s ALLOW_CONNECTIONS false", bench.test.name);
	test_db_run_server(sql);
	(void)snprintf(sql, sizeof sql,
	    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	    " WHERE datname = '%s' AND application_name IN ('status_index_test', 'monikerd "
	    "status')",
	    bench.test.name);
	test_db_run_server(sql);
	assert_false(status_index_sync(index, 50));
	status_index_find(
	    index, change_of(1, DEVICE_ACTIVE).serial, change_of(1, DEVICE_ACTIVE).issuer, &found);
	assert_int_equal(found.entry.state, CERTIFICATE_REVOKED);
	assert_true(found.age_ms >= 50);
	assert_int_equal(found.as_of_s, NOW_S);
	(void)snprintf(
	    sql, sizeof sql, "ALTER DATABASE %s ALLOW_CONNECTIONS true", bench.test.name);
	test_db_run_server(sql);
	commit_one(&bench, 2, DEVICE_REVOKED);
	wait_for_seq(index, 2);
	assert_int_equal(state_of(index, 2), CERTIFICATE_REVOKED);
}

/* ---- watchers and copies ---- */

struct heard {
	pthread_mutex_t mutex;
	struct status_entry entries[16];
	size_t count, anew;
	int64_t last;
	bool in_order;
};

static void
hear(void *context, const struct status_entry *changes, size_t count, int64_t from, int64_t to)
{
	struct heard *heard = context;

	(void)pthread_mutex_lock(&heard->mutex);
	if (count == 0)
		heard->anew++;
	else
		heard->in_order =
		    heard->in_order && from == heard->last + 1 && to == from + (int64_t)count - 1;
	for (size_t i = 0; i < count && heard->count < COUNT(heard->entries); i++)
		heard->entries[heard->count++] = changes[i];
	heard->last = to;
	(void)pthread_mutex_unlock(&heard->mutex);
}

static void
watchers_are_told_each_change_once_and_in_order(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	struct heard heard = {.mutex = PTHREAD_MUTEX_INITIALIZER, .in_order = true};

	(void)state;
	bench_init(&bench);
	index = index_of(&bench);
	status_index_watch(index, &(struct status_index_watcher){hear, &heard});
	commit_one(&bench, 1, DEVICE_HELD);
	commit_one(&bench, 1, DEVICE_ACTIVE);
	commit_one(&bench, 2, DEVICE_REVOKED);
	assert_true(status_index_sync(index, IN_TIME_MS));
	status_index_unwatch(index, &heard);
	commit_one(&bench, 3, DEVICE_REVOKED);
	assert_true(status_index_sync(index, IN_TIME_MS));
	assert_int_equal(heard.count, 3);
	assert_int_equal(heard.anew, 0);
	assert_true(heard.in_order);
	assert_int_equal(heard.last, 3);
	assert_int_equal(heard.entries[0].state, CERTIFICATE_HELD);
	assert_int_equal(heard.entries[1].state, CERTIFICATE_CLEAR);
	assert_int_equal(heard.entries[2].state, CERTIFICATE_REVOKED);
	assert_int_equal(heard.entries[2].reason, REASON_KEY_COMPROMISE);
}

static void
a_snapshot_is_of_one_place(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(status_index_free) struct status_index *index = NULL;
	DEFER(status_index_snapshot_clear) struct status_index_snapshot snapshot = {0};

	(void)state;
	bench_init(&bench);
	commit_one(&bench, 1, DEVICE_HELD);
	commit_one(&bench, 2, DEVICE_REVOKED);
	index = index_of(&bench);
	status_index_snapshot(index, &snapshot);
	assert_int_equal(snapshot.count, 2);
	assert_int_equal(snapshot.place.seq, 2);
	assert_int_equal(snapshot.as_of_s, NOW_S);
	for (size_t i = 0; i < snapshot.count; i++)
		assert_int_equal(snapshot.entries[i].state,
		    snapshot.entries[i].serial[SERIAL_BYTES - 1] == 1 ? CERTIFICATE_HELD
								      : CERTIFICATE_REVOKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_forced_is_found_and_copied_until_it_is_settled),
	    cmocka_unit_test(a_change_keeps_the_time_since_when_it_is_in_force),
	    cmocka_unit_test(hold_release_and_revocation_are_followed),
	    cmocka_unit_test(changes_of_another_node_arrive),
	    cmocka_unit_test(a_restart_finds_what_was_and_misses_nothing),
	    cmocka_unit_test(concurrent_writers_leave_no_gap),
	    cmocka_unit_test(an_order_that_went_back_or_has_a_gap_is_read_anew),
	    cmocka_unit_test(without_the_database_it_answers_and_says_of_when),
	    cmocka_unit_test(watchers_are_told_each_change_once_and_in_order),
	    cmocka_unit_test(a_snapshot_is_of_one_place),
	};

	return cmocka_run_group_tests_name("status_index", tests, NULL, NULL);
}

/* Publishing with witnesses: real ones over HTTP, and such as are slow, dead or lying. */
#include "tests/support/signed_log.h"

#include <stdatomic.h>
#include <time.h>

#include "api/server_small.h"
#include "audit/log_folder.h"
#include "audit/publish.h"
#include "audit/witness.h"
#include "tests/support/folder.h"

#include <sodium.h>

#define WITNESSES 3
#define WAIT_MS 10000
#define TIMEOUT_MS 8000 /* nothing honest is late */

/* A witness, and what it does instead of being one. */
enum conduct {
	HONEST,
	FAILING,      /* 500 */
	SILENT,       /* until it is let go */
	GARBAGE,      /* 200 and no signature */
	FLOODING,     /* 200 and a megabyte */
	ANOTHERS,     /* 200 and the cosignature of another checkpoint */
	UNSURE,       /* 409 and another size each time */
	WITHOUT_SIZE, /* 409 and none */
	AHEAD,        /* 409 and a size that the log never had */
	CONVICTING,   /* 422 */
};
struct stand {
	struct witness *witness;
	struct small_server *server;
	struct tlog_policy logs;
	struct note_key key;
	struct secret *seed;
	struct clock clock;
	char dir[128];
	_Atomic int conduct; /* enum conduct */
	_Atomic bool let_go;
	_Atomic int asked;
	struct buf kept; /* its first cosignature */
};

/* The time, which a test sets while threads read it. */
static _Atomic int64_t time_s = SIGNED_LOG_BEGAN_S;

static int64_t
read_time(const struct clock *clock)
{
	(void)clock;
	return atomic_load(&time_s);
}

struct world {
	struct folder folder;
	struct signed_log log;
	struct clock clock;
	struct stand stands[WITNESSES];
	struct tlog_policy policy;
	bool withhold;
	int64_t timeout_ms;
};

/* ---- stands ---- */

static void
misbehave(struct stand *stand, struct small_response *out)
{
	static const struct timespec MOMENT = {.tv_nsec = 5000000L};

	out->status = 200;
	out->content_type = "text/plain";
	switch ((enum conduct)atomic_load(&stand->conduct)) {
	case FAILING: out->status = 500; break;
	case SILENT:
		while (!atomic_load(&stand->let_go))
			(void)nanosleep(&MOMENT, NULL);
		break;
	case GARBAGE: buf_append_text(&out->body, "yes\n"); break;
	case FLOODING:
		for (int i = 0; i < 65536; i++)
			buf_append_text(&out->body, "0123456789abcdef");
		break;
	case ANOTHERS: buf_append(&out->body, buf_bytes(&stand->kept)); break;
	case UNSURE:
		out->status = 409;
		buf_append_format(&out->body, "%d\n", 1 + atomic_load(&stand->asked) % 2);
		break;
	case WITHOUT_SIZE:
		out->status = 409;
		buf_append_text(&out->body, "-1\n");
		break;
	case AHEAD:
		out->status = 409;
		buf_append_text(&out->body, "4611686018427387904\n");
		break;
	case CONVICTING: out->status = 422; break;
	case HONEST: break;
	}
}

static void
answer(void *context, const struct small_request *request, struct small_response *out)
{
	struct stand *stand = context;
	struct witness_answer good = {0};

	atomic_fetch_add(&stand->asked, 1);
	if (strcmp(request->path, "/w/add-checkpoint") != 0) {
		out->status = 404;
		return;
	}
	if (atomic_load(&stand->conduct) != HONEST) {
		misbehave(stand, out);
		return;
	}
	witness_add_checkpoint(stand->witness, request->body, &good);
	if (good.status == 200 && stand->kept.len == 0)
		buf_append(&stand->kept, buf_bytes(&good.body));
	*out = (struct small_response){good.status, good.content_type, good.body};
}

static void
start_stand(struct world *world, int i)
{
	struct stand *stand = &world->stands[i];
	uint8_t seed[NOTE_SEED_BYTES], public_key[NOTE_PUBLIC_BYTES];
	uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
	struct error err = {0};
	char name[40];

	memset(seed, 0x60 + i, sizeof seed);
	assert_int_equal(crypto_sign_seed_keypair(public_key, secret_key, seed), 0);
	snprintf(name, sizeof name, "witness.example/w%d", i);
	assert_true(note_cosigner_init(&stand->key, name, public_key, &err));
	stand->seed = secret_new(bytes_of(seed, sizeof seed));
	stand->clock = world->clock;
	stand->logs = (struct tlog_policy){.log_count = 1, .quorum = -1};
	stand->logs.logs[0] = world->log.key;
	snprintf(stand->dir, sizeof stand->dir, "%s/w%d", world->folder.path, i);
	assert_true(witness_new(&(struct witness_options){.dir = stand->dir,
				    .policy = &stand->logs,
				    .key = &stand->key,
				    .seed = stand->seed,
				    .clock = &stand->clock},
	    &stand->witness, &err));
	assert_true(small_server_new(&(struct small_options){.address = "127.0.0.1",
					 .body_max = WITNESS_REQUEST_MAX,
					 .threads = 2,
					 .connections_max = 16,
					 .connections_per_address_max = 16,
					 .idle_s = 20,
					 .context = stand,
					 .answer = answer},
	    &stand->server, &err));
}

static int
make_world(void **state)
{
	struct world *world = calloc(1, sizeof *world);

	assert_non_null(world);
	folder_init(&world->folder);
	signed_log_init(&world->log);
	world->timeout_ms = TIMEOUT_MS;
	atomic_store(&time_s, SIGNED_LOG_BEGAN_S);
	world->clock = (struct clock){.now_s = read_time};
	for (int i = 0; i < WITNESSES; i++)
		start_stand(world, i);
	*state = world;
	return 0;
}

static int
remove_world(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < WITNESSES; i++) {
		struct stand *stand = &world->stands[i];

		atomic_store(&stand->let_go, true);
		small_server_free(stand->server);
		witness_free(stand->witness);
		secret_free(stand->seed);
		buf_clear_public(&stand->kept);
	}
	folder_clear(&world->folder);
	signed_log_clear(&world->log);
	free(world);
	return 0;
}

/* ---- the service's side ---- */

/* The policy of all witnesses; the i-th is w<i>. */
static struct publisher *
begun(struct world *world, const char *quorum)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct publisher *publisher = NULL;
	struct error err = {0};

	for (int i = 0; i < WITNESSES; i++) {
		DEFER(buf_clear_public) struct buf vkey = {0};

		note_key_encode(&world->stands[i].key, &vkey);
		buf_append_format(&text, "witness w%d %s http://127.0.0.1:%d/w\n", i,
		    buf_text(&vkey), small_server_port(world->stands[i].server));
	}
	buf_append_text(&text, quorum);
	assert_true(tlog_policy_parse(buf_bytes(&text), &world->policy, &err));
	assert_true(publisher_new(&(struct publisher_options){.dir = world->folder.path,
				      .origin = SIGNED_LOG_ORIGIN,
				      .clock = &world->clock,
				      .source = signed_log_source(&world->log),
				      .witnesses = {.policy = &world->policy,
					  .timeout_ms = world->timeout_ms,
					  .gap_ms = 20,
					  .withhold = world->withhold}},
	    &publisher, &err));
	return publisher;
}

static void
offer(struct publisher *publisher, struct world *world, size_t size)
{
	DEFER(buf_clear_public) struct buf note = {0};

	signed_log_grow(&world->log, size);
	signed_log_note(&world->log, size, &note);
	publisher_offer(publisher, buf_bytes(&note));
}

/* Offers it, waits for it, and says which witnesses are under it. */
static uint64_t
publish(struct publisher *publisher, struct world *world, size_t size)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct checkpoint checkpoint;
	struct error err = {0}, no_quorum = {0};
	uint64_t cosigned = 0;
	char folder[160];
	struct tile_files files;

	offer(publisher, world, size);
	assert_true(publisher_wait(publisher, size - 1, WAIT_MS, &note, &err));
	assert_true(tlog_open(buf_bytes(&note), &world->log.key, &checkpoint, &err));
	assert_int_equal(checkpoint.size, size);
	if (!tlog_policy_check(&world->policy, buf_bytes(&note), &cosigned, &no_quorum))
		assert_int_equal(no_quorum.code, E_BAD_PROOF);
	snprintf(folder, sizeof folder, "%s/node1-2026", world->folder.path);
	files = log_folder_files(folder);
	assert_int_equal(signed_log_judge(&world->log, &files), size);
	return cosigned;
}

static const struct cosign_witness *
how(struct publisher *publisher, struct cosign_health *out, int i)
{
	char name[8];

	assert_true(publisher_witnesses(publisher, out));
	assert_int_equal(out->count, WITNESSES);
	snprintf(name, sizeof name, "w%d", i);
	assert_string_equal(out->witnesses[i].name, name);
	return &out->witnesses[i];
}

#define ALL "group all_of all w0 w1 w2\nquorum all_of\n"
#define OTHERS "group others all w0 w2\nquorum others\n"
#define ONE "group one_of any w0 w1 w2\nquorum one_of\n"

static void
all_witnesses_are_under_what_is_published(void **state)
{
	struct world *world = *state;
	DEFER(publisher_free) struct publisher *publisher = begun(world, ALL);
	static const size_t SIZES[] = {1, 2, 7, 255, 256, 300, 700};
	struct cosign_health health;

	for (size_t i = 0; i < COUNT(SIZES); i++)
		assert_int_equal(publish(publisher, world, SIZES[i]), 7);
	assert_int_equal(how(publisher, &health, 2)->cosignatures, COUNT(SIZES));
	assert_int_equal(health.witnesses[2].failures, 0);
	assert_true(health.has_quorum && !health.contradicted);
}

/* Another service that was restarted: it does not know what they have cosigned, and is told. */
static void
what_they_know_is_asked_of_them(void **state)
{
	struct world *world = *state;
	struct publisher *publisher = begun(world, ALL);

	assert_int_equal(publish(publisher, world, 300), 7);
	publisher_free(publisher);
	publisher = begun(world, ALL);
	assert_int_equal(publish(publisher, world, 300), 7); /* the same again */
	assert_int_equal(publish(publisher, world, 301), 7);
	publisher_free(publisher);
	publisher = begun(world, ALL);
	assert_int_equal(publish(publisher, world, 520), 7);
	publisher_free(publisher);
}

/* Each takes a word that is none for nothing, says why, and the others' count. */
static void
what_a_witness_does_wrong_counts_for_nothing(void **state)
{
	static const struct {
		enum conduct conduct;
		const char *why;
		bool contradicts;
	} ROWS[] = {
	    {FAILING, "it answers with status 500", false},
	    {SILENT, NULL, false},
	    {GARBAGE, "not a signature line", false},
	    {FLOODING, NULL, false},
	    {ANOTHERS, "the cosignature by witness.example/w1 is wrong", false},
	    {UNSURE, "it tells another size each time", false},
	    {WITHOUT_SIZE, "a conflict without a size", false},
	    {AHEAD, "it knows a larger log than there is", true},
	    {CONVICTING, "it holds a log that this one does not continue", true},
	};
	struct world *world = *state;
	size_t size = 10;

	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct publisher *publisher = begun(world, ALL);
		struct cosign_health health;

		assert_int_equal(publish(publisher, world, size++), 7);
		publisher_free(publisher);
		atomic_store(&world->stands[1].conduct, ROWS[i].conduct);
		publisher = begun(world, OTHERS);
		assert_int_equal(publish(publisher, world, size++), 5);
		assert_int_equal(how(publisher, &health, 1)->failures, 1);
		assert_int_equal(health.contradicted, ROWS[i].contradicts);
		if (ROWS[i].why != NULL)
			assert_string_equal(health.witnesses[1].why, ROWS[i].why);
		assert_int_not_equal(health.witnesses[1].why[0], '\0');
		publisher_free(publisher);
		atomic_store(&world->stands[1].let_go, true);
		atomic_store(&world->stands[1].conduct, HONEST);
	}
}

static void
one_that_fails_is_left_alone_for_a_while(void **state)
{
	struct world *world = *state;
	DEFER(publisher_free) struct publisher *publisher = begun(world, OTHERS);
	int asked;

	atomic_store(&world->stands[1].conduct, FAILING);
	assert_int_equal(publish(publisher, world, 3), 5);
	asked = atomic_load(&world->stands[1].asked);
	assert_int_equal(asked, 1);
	assert_int_equal(publish(publisher, world, 4), 5);
	assert_int_equal(atomic_load(&world->stands[1].asked), asked);
}

static void
fail_open_publishes_without_a_quorum_and_says_so(void **state)
{
	struct world *world = *state;
	DEFER(publisher_free) struct publisher *publisher = NULL;
	struct cosign_health health;

	for (int i = 0; i < WITNESSES; i++)
		atomic_store(&world->stands[i].conduct, FAILING);
	publisher = begun(world, ONE);
	assert_int_equal(publish(publisher, world, 5), 0);
	assert_int_equal(how(publisher, &health, 0)->failures, 1);
	assert_false(health.has_quorum);
}

static void
fail_closed_withholds_until_there_is_a_quorum(void **state)
{
	struct world *world = *state;
	DEFER(publisher_free) struct publisher *publisher = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct cosign_health health;
	struct error late = {0};

	world->withhold = true;
	publisher = begun(world, "group two 2 w0 w1 w2\nquorum two\n");
	assert_int_equal(publish(publisher, world, 5), 7);
	for (int i = 0; i < 2; i++)
		atomic_store(&world->stands[i].conduct, FAILING);
	offer(publisher, world, 9);
	assert_false(publisher_wait(publisher, 8, 1500, &note, &late));
	(void)how(publisher, &health, 0);
	assert_false(health.has_quorum);
	assert_true(publisher_get(publisher, &note, &(struct error){0}));
	assert_non_null(strstr(buf_text(&note), "\n5\n")); /* the one before stands */
	atomic_store(&world->stands[1].conduct, HONEST);
	assert_int_equal(publish(publisher, world, 12) & 6, 6);
	(void)how(publisher, &health, 0);
	assert_true(health.has_quorum);
}

/* What is published gets its quorum when there is one, though the log does not grow. */
static void
what_lacks_a_quorum_is_asked_for_again(void **state)
{
	struct world *world = *state;
	DEFER(publisher_free) struct publisher *publisher = NULL;
	const int64_t until_ms = clock_monotonic_ms() + 3 * WAIT_MS;
	uint64_t cosigned = 0;

	atomic_store(&world->stands[1].conduct, FAILING);
	publisher = begun(world, ALL);
	assert_int_equal(publish(publisher, world, 5), 5);
	atomic_store(&world->stands[1].conduct, HONEST);
	atomic_store(&time_s, SIGNED_LOG_BEGAN_S + 100);
	while (cosigned != 7) {
		DEFER(buf_clear_public) struct buf note = {0};
		struct error few = {0};

		assert_true(clock_monotonic_ms() < until_ms);
		assert_true(publisher_get(publisher, &note, &(struct error){0}));
		if (!tlog_policy_check(&world->policy, buf_bytes(&note), &cosigned, &few))
			assert_int_equal(few.code, E_BAD_PROOF);
	}
	assert_int_equal(publisher_age_s(publisher), 100); /* and is not a newer one for that */
}

/* A stop does not wait for witnesses that do not come. */
static void
a_stop_ends_though_it_is_withheld(void **state)
{
	struct world *world = *state;
	struct publisher *publisher;
	char path[160];

	world->withhold = true;
	world->timeout_ms = 300;
	for (int i = 0; i < WITNESSES; i++)
		atomic_store(&world->stands[i].conduct, SILENT);
	publisher = begun(world, ONE);
	offer(publisher, world, 5);
	publisher_free(publisher);
	snprintf(path, sizeof path, "%s/node1-2026/checkpoint", world->folder.path);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
a_policy_whose_quorum_cannot_be_asked_is_refused(void **state)
{
	static const char *const URLS[] = {"", "ftp://127.0.0.1/", "127.0.0.1:1"};
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(URLS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};
		DEFER(buf_clear_public) struct buf vkey = {0};
		struct cosigners *cosigners = NULL;
		struct error err = {0};

		note_key_encode(&world->stands[0].key, &vkey);
		buf_append_format(&text, "witness w %s %s\nquorum w\n", buf_text(&vkey), URLS[i]);
		assert_true(tlog_policy_parse(buf_bytes(&text), &world->policy, &err));
		assert_false(cosigners_new(&(struct cosign_options){.policy = &world->policy,
					       .folder = world->folder.path,
					       .timeout_ms = TIMEOUT_MS},
		    &cosigners, &err));
		assert_int_equal(err.code, E_CONFIG_INVALID);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, remove_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(all_witnesses_are_under_what_is_published),
	    TEST(what_they_know_is_asked_of_them),
	    TEST(what_a_witness_does_wrong_counts_for_nothing),
	    TEST(one_that_fails_is_left_alone_for_a_while),
	    TEST(fail_open_publishes_without_a_quorum_and_says_so),
	    TEST(fail_closed_withholds_until_there_is_a_quorum),
	    TEST(what_lacks_a_quorum_is_asked_for_again),
	    TEST(a_stop_ends_though_it_is_withheld),
	    TEST(a_policy_whose_quorum_cannot_be_asked_is_refused),
	};

	return cmocka_run_group_tests_name("audit/cosign", tests, NULL, NULL);
}

/*
 * A witness: what it answers, that of two at once one wins, and that no kill makes it go back.
 *
 * The linker puts the functions below before the C library's (-Wl,--wrap): each is a step to be
 * killed at.
 */
#include "tests/support/signed_log.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "audit/witness.h"
#include "base/file.h"
#include "proof/cosignature.h"
#include "proof/prove.h"
#include "tests/support/folder.h"

#define NOW_S (SIGNED_LOG_BEGAN_S + 1000)
#define LEAVES 60
#define VKEY "witness.example/w1+5c917ff5+BK3BQBH4LRxW2VaqT51z2IWDYaYGBIUl4NCMY43HXdjH"

/* ---- steps ---- */

static struct {
	long left; /* steps until it is killed; below 0: never */
	long killed_at;
	bool trace;
	bool file_synced, folder_dirty; /* in a trace */
} steps = {.left = -1};

static void
step(void)
{
	if (steps.left >= 0 && steps.left-- == 0)
		(void)kill(getpid(), SIGKILL);
}

int __real_rename(const char *from, const char *to);
ssize_t __real_write(int fd, const void *octets, size_t len);
int __wrap_rename(const char *from, const char *to);
int __wrap_fsync(int fd);
ssize_t __wrap_write(int fd, const void *octets, size_t len);

int
__wrap_rename(const char *from, const char *to)
{
	step();
	if (steps.trace) {
		assert_true(steps.file_synced);
		steps.folder_dirty = true;
	}
	return __real_rename(from, to);
}

int
__wrap_fsync(int fd)
{
	struct stat status;

	step();
	assert_int_equal(fstat(fd, &status), 0);
	if (S_ISDIR(status.st_mode))
		steps.folder_dirty = false;
	else
		steps.file_synced = true;
	return 0; /* a kill takes nothing from the kernel */
}

/* Half of it first: a torn write is a step, too. */
ssize_t
__wrap_write(int fd, const void *octets, size_t len)
{
	if (len > 1 && fd > STDERR_FILENO) {
		step();
		len = len / 2;
	}
	return __real_write(fd, octets, len);
}

/* ---- a log, and a witness of it ---- */

struct world {
	struct folder folder;
	struct signed_log log, fork; /* the same key; the fork is another one from leaf 20 on */
	struct tlog_policy policy;
	struct note_key key;
	struct secret *seed;
	struct clock clock;
};

static int
make_world(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	uint8_t seed[NOTE_SEED_BYTES];
	struct error err = {0};

	assert_non_null(world);
	folder_init(&world->folder);
	signed_log_init(&world->log);
	signed_log_init(&world->fork);
	signed_log_grow(&world->log, LEAVES);
	signed_log_grow(&world->fork, 20);
	signed_log_add(&world->fork, (struct leaf){.event = LEAF_SVC_STOP});
	signed_log_grow(&world->fork, LEAVES);
	for (uint8_t i = 0; i < NOTE_SEED_BYTES; i++)
		seed[i] = (uint8_t)(0x41 + i);
	world->seed = secret_new(bytes_of(seed, sizeof seed));
	assert_true(note_cosigner_parse(bytes_of_text(VKEY), &world->key, &err));
	world->policy = (struct tlog_policy){.log_count = 1, .quorum = -1};
	world->policy.logs[0] = world->log.key;
	world->clock = clock_fixed(NOW_S);
	*state = world;
	return 0;
}

static int
remove_world(void **state)
{
	struct world *world = *state;

	folder_clear(&world->folder);
	signed_log_clear(&world->log);
	signed_log_clear(&world->fork);
	secret_free(world->seed);
	free(world);
	return 0;
}

static bool
open_witness(const struct world *world, struct witness **out, struct error *err)
{
	return witness_new(&(struct witness_options){.dir = world->folder.path,
			       .policy = &world->policy,
			       .key = &world->key,
			       .seed = world->seed,
			       .clock = &world->clock},
	    out, err);
}

static struct witness *
opened(const struct world *world)
{
	struct witness *witness = NULL;
	struct error err = {0};

	assert_true(open_witness(world, &witness, &err));
	return witness;
}

static bool
read_node(
    void *context, int level, uint64_t index, uint8_t out[static SHA256_BYTES], struct error *err)
{
	const struct signed_log *log = context;
	struct merkle tree = {0};

	(void)err;
	for (uint64_t i = index << level; i < (index + 1) << level; i++) {
		uint8_t hash[SHA256_BYTES];

		leaf_hash(buf_bytes(&log->leaves[i]), hash);
		merkle_append(&tree, hash);
	}
	merkle_root(&tree, out);
	return true;
}

static void
make_request(const struct signed_log *log, size_t old, size_t size, struct buf *out)
{
	const struct prove_nodes nodes = {(void *)(uintptr_t)log, read_node};
	DEFER(witness_request_clear) struct witness_request request = {.old_size = old};
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	if (old > 0 && old < size)
		assert_true(prove_consistency(old, size, &nodes, &request.hashes, &err));
	signed_log_note(log, size, &note);
	request.note = buf_bytes(&note);
	witness_request_encode(&request, out);
}

static int
ask(struct witness *witness, const struct signed_log *log, size_t old, size_t size,
    struct buf *out_body)
{
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(witness_answer_clear) struct witness_answer answer = {0};

	make_request(log, old, size, &body);
	witness_add_checkpoint(witness, buf_bytes(&body), &answer);
	if (out_body != NULL)
		buf_append(out_body, buf_bytes(&answer.body));
	return answer.status;
}

static void
assert_size_is(struct witness *witness, const struct signed_log *log, const char *size)
{
	DEFER(buf_clear_public) struct buf body = {0};

	assert_int_equal(ask(witness, log, LEAVES, LEAVES, &body), 409);
	assert_string_equal(buf_text(&body), size);
}

/* ---- answers ---- */

static void
what_continues_is_cosigned(void **state)
{
	struct world *world = *state;
	DEFER(witness_free) struct witness *witness = opened(world);
	static const size_t SIZES[] = {0, 1, 5, 5, 20, 33, LEAVES};

	for (size_t i = 1; i < COUNT(SIZES); i++) {
		DEFER(buf_clear_public) struct buf note = {0};
		struct error err = {0};
		int64_t at_s = 0;

		signed_log_note(&world->log, SIZES[i], &note);
		assert_int_equal(ask(witness, &world->log, SIZES[i - 1], SIZES[i], &note), 200);
		assert_true(cosignature_verify(buf_bytes(&note), &world->key, &at_s, &err));
		assert_int_equal(at_s, NOW_S);
	}
}

static void
another_size_is_told_the_newest(void **state)
{
	struct world *world = *state;
	DEFER(witness_free) struct witness *witness = opened(world);

	assert_size_is(witness, &world->log, "0\n");
	assert_int_equal(ask(witness, &world->log, 0, 21, NULL), 200);
	assert_size_is(witness, &world->log, "21\n");
	assert_int_equal(ask(witness, &world->log, 0, 30, NULL), 409);
	assert_int_equal(ask(witness, &world->log, 20, 30, NULL), 409);
}

static void
a_fork_is_not_cosigned_and_kept_as_evidence(void **state)
{
	struct world *world = *state;
	DEFER(witness_free) struct witness *witness = opened(world);
	size_t kept = 0;
	const struct dirent *entry;
	DIR *folder;

	assert_int_equal(ask(witness, &world->log, 0, 25, NULL), 200);
	assert_int_equal(ask(witness, &world->fork, 25, 30, NULL), 422);
	assert_int_equal(ask(witness, &world->fork, 25, 25, NULL), 409);
	assert_size_is(witness, &world->log, "25\n");
	folder = opendir(world->folder.path);
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) /* NOLINT: a stream of its own */
		if (strstr(entry->d_name, ".fork") != NULL)
			kept++;
	(void)closedir(folder);
	assert_int_equal(kept, 1);
}

static int
ask_text(struct witness *witness, const char *text)
{
	DEFER(witness_answer_clear) struct witness_answer answer = {0};

	witness_add_checkpoint(witness, bytes_of_text(text), &answer);
	return answer.status;
}

static void
other_logs_other_keys_and_no_requests_are_refused(void **state)
{
	struct world *world = *state;
	DEFER(witness_free) struct witness *witness = opened(world);
	DEFER(buf_clear_public) struct buf body = {0};
	char *origin;

	assert_int_equal(ask_text(witness, ""), 400);
	assert_int_equal(ask_text(witness, "old 0\n\nno checkpoint\n"), 400);
	make_request(&world->log, 0, 5, &body);
	(void)buf_text(&body);
	origin = strstr((char *)body.data, "\n\n");
	origin[2] = 'n';
	assert_int_equal(ask_text(witness, buf_text(&body)), 404);
	origin[2] = 'm';
	assert_int_equal(ask_text(witness, buf_text(&body)), 200);
	strstr(origin, "\n5\n")[1] = '6';
	assert_int_equal(ask_text(witness, buf_text(&body)), 403);
}

/* ---- state ---- */

static void
it_goes_on_where_it_was(void **state)
{
	struct world *world = *state;
	struct witness *witness = opened(world);

	assert_int_equal(ask(witness, &world->log, 0, 21, NULL), 200);
	witness_free(witness);
	witness = opened(world);
	assert_size_is(witness, &world->log, "21\n");
	assert_int_equal(ask(witness, &world->log, 21, 40, NULL), 200);
	witness_free(witness);
}

/* The name of the one file that the state has. */
static void
state_file(const struct world *world, char *out, size_t len)
{
	const struct dirent *entry;
	DIR *folder = opendir(world->folder.path);

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) /* NOLINT: a stream of its own */
		if (strstr(entry->d_name, ".checkpoint") != NULL)
			snprintf(out, len, "%s/%s", world->folder.path, entry->d_name);
	(void)closedir(folder);
}

static void
a_state_that_is_damaged_does_not_begin_anew(void **state)
{
	struct world *world = *state;
	struct witness *witness = opened(world);
	char path[512] = "";
	struct error err = {0};

	assert_int_equal(ask(witness, &world->log, 0, 21, NULL), 200);
	witness_free(witness);
	witness = NULL;
	state_file(world, path, sizeof path);
	assert_true(file_write(path, bytes_of_text("nothing\n"), 0644, &err));
	assert_false(open_witness(world, &witness, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

static void
what_cannot_be_kept_is_not_cosigned(void **state)
{
	struct world *world = *state;
	DEFER(witness_free) struct witness *witness = opened(world);

	assert_int_equal(rmdir(world->folder.path), 0);
	assert_int_equal(ask(witness, &world->log, 0, 21, NULL), 500);
	assert_int_equal(mkdir(world->folder.path, 0700), 0);
	assert_size_is(witness, &world->log, "0\n");
}

static void
its_word_comes_when_the_state_is_durable(void **state)
{
	struct world *world = *state;
	DEFER(witness_free) struct witness *witness = opened(world);

	steps.trace = true;
	steps.file_synced = false;
	assert_int_equal(ask(witness, &world->log, 0, 21, NULL), 200);
	assert_true(steps.file_synced && !steps.folder_dirty);
	steps.trace = false;
}

/* In a process that is killed after `left` steps; true: it answered with a cosignature. */
static bool
ask_in_child(const struct world *world, size_t old, size_t size, long left)
{
	int status = 0, ends[2];
	char answered = 0;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		struct witness *witness = opened(world);

		steps.left = left;
		if (ask(witness, &world->log, old, size, NULL) == 200)
			(void)__real_write(ends[1], "1", 1);
		_exit(0);
	}
	(void)close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(!WIFSIGNALED(status) || WTERMSIG(status) == SIGKILL);
	assert_int_equal(read(ends[0], &answered, 1) == 1, !WIFSIGNALED(status));
	(void)close(ends[0]);
	return answered != 0;
}

/* Whatever was answered stands; what was not may stand or not, and is never half. */
static void
no_kill_makes_it_go_back(void **state)
{
	struct world *world = *state;
	long killed = 0;

	for (long left = 0;; left++) {
		struct witness *witness = NULL;
		DEFER(buf_clear_public) struct buf body = {0};
		bool answered;

		folder_clear(&world->folder);
		folder_init(&world->folder);
		assert_true(ask_in_child(world, 0, 21, -1));
		answered = ask_in_child(world, 21, 40, left);
		witness = opened(world);
		assert_int_equal(ask(witness, &world->log, 0, 60, &body), 409);
		if (answered)
			assert_string_equal(buf_text(&body), "40\n");
		else
			assert_true(strcmp(buf_text(&body), "21\n") == 0 ||
				    strcmp(buf_text(&body), "40\n") == 0);
		assert_int_equal(ask(witness, &world->fork,
				     strcmp(buf_text(&body), "40\n") == 0 ? 40 : 21, 50, NULL),
		    422);
		witness_free(witness);
		if (answered)
			break;
		killed++;
	}
	assert_true(killed >= 5);
}

/* ---- two at once ---- */

struct contender {
	struct witness *witness;
	const struct signed_log *log;
	size_t size;
	int status;
};

static void *
contend(void *context)
{
	struct contender *contender = context;

	contender->status = ask(contender->witness, contender->log, 10, contender->size, NULL);
	return NULL;
}

static void
of_two_at_once_one_wins(void **state)
{
	struct world *world = *state;

	for (int round = 0; round < 30; round++) {
		struct witness *witness;
		struct contender each[2];
		pthread_t threads[2];

		folder_clear(&world->folder);
		folder_init(&world->folder);
		witness = opened(world);
		assert_int_equal(ask(witness, &world->log, 0, 10, NULL), 200);
		each[0] = (struct contender){witness, &world->log, 40, 0};
		each[1] = (struct contender){witness, &world->fork, 41, 0};
		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, contend, &each[i]), 0);
		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(each[0].status + each[1].status, 200 + 409);
		assert_size_is(witness, &world->log, each[0].status == 200 ? "40\n" : "41\n");
		witness_free(witness);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, remove_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_continues_is_cosigned),
	    TEST(another_size_is_told_the_newest),
	    TEST(a_fork_is_not_cosigned_and_kept_as_evidence),
	    TEST(other_logs_other_keys_and_no_requests_are_refused),
	    TEST(it_goes_on_where_it_was),
	    TEST(a_state_that_is_damaged_does_not_begin_anew),
	    TEST(what_cannot_be_kept_is_not_cosigned),
	    TEST(its_word_comes_when_the_state_is_durable),
	    TEST(no_kill_makes_it_go_back),
	    TEST(of_two_at_once_one_wins),
	};

	return cmocka_run_group_tests_name("audit/witness", tests, NULL, NULL);
}

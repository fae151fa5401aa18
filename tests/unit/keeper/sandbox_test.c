#include "served.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Runs `body` in a child of its own, inside the sandbox, and gives waitpid()'s status. */
static int
status_inside(int (*body)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct error err = {0};

		_exit(sandbox_enter(&err) ? body() : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
open_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int
fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return 1;
}

static int
run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
kill_parent(void)
{
	return kill(getppid(), 0);
}

static int
make_executable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

static void
what_a_keeper_never_does_ends_it(void **state)
{
	static int (*const ROWS[])(void) = {
	    open_socket, fork_child, run_program, kill_parent, make_executable};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		int status = status_inside(ROWS[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("row %zu: status %x", i, (unsigned)status);
	}
}

static int
open_file(void)
{
	return open("/etc/hostname", O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}

static void
no_file_can_be_opened(void **state)
{
	(void)state;
	assert_int_equal(status_inside(open_file), 0);
}

static void *
allocate(void *argument)
{
	for (int i = 0; i < 20; i++) { /* grows and shrinks this thread's heap */
		void *blocks[64];

		for (size_t k = 0; k < COUNT(blocks); k++)
			blocks[k] = memset(xcalloc(1, 120000), 1, 120000);
		for (size_t k = 0; k < COUNT(blocks); k++)
			mem_free(blocks[k]);
		secret_free(secret_random(32));
	}
	return argument;
}

static int
threads_work(void)
{
	pthread_t threads[8];
	struct error err = {0};

	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_create(&threads[i], NULL, allocate, NULL) != 0)
			return 1;
	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_join(threads[i], NULL) != 0)
			return 2;
	(void)error_set(&err, E_INTERNAL, "a line for the log");
	log_error(LOG_LEVEL_DEBUG, "test", NULL, &err);
	return 0;
}

static void
threads_and_memory_work(void **state)
{
	(void)state;
	assert_int_equal(status_inside(threads_work), 0);
}

/* The whole keeper, inside, asked from outside. */
static void
a_keeper_serves_inside(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order order;
	int near[CONTROL_CHANNELS], far[CONTROL_CHANNELS], status = 0;
	struct tag_set tags;
	struct tag_kids kids;
	struct bytes message = BYTES_LITERAL("a hardware id");
	struct keeper_signed result;
	struct error err = {0};
	pid_t pid;

	(void)state;
	served_init(&served);
	assert_ok(control_make_channels(near, far, &err), &err);
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < CONTROL_CHANNELS; i++)
			(void)close(near[i]);
		if (!sandbox_enter(&err) || !keeper_verify_begin(served.keeper, &err) ||
		    !keeper_serve(served.keeper, far, &err))
			_exit(98);
		(void)usleep(700000);
		keeper_stop(served.keeper);
		keeper_free(served.keeper);
		_exit(0);
	}
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		(void)close(far[i]);
	keeper_client_attach(served.client, near);
	order_tbs(&order, &served, 0);
	assert_ok(append_one(&served, 0, &order, &result, &err), &err);
	assert_true(
	    signature_good(&served, order.entry.tbs, result.signature, result.signature_len));
	assert_ok(keeper_tags(served.client, &message, 1, &tags, &kids, &err), &err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_keeper_never_does_ends_it),
	    cmocka_unit_test(no_file_can_be_opened),
	    cmocka_unit_test(threads_and_memory_work),
	    cmocka_unit_test(a_keeper_serves_inside),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * strike FILE init                     a new board
 * strike FILE arm POINT ACTION [N]     at the Nth time that a process comes by: kill, drop or hold
 * strike FILE wait POINT SECONDS       until it has struck
 * strike FILE release POINT            ends a hold, and disarms
 * strike FILE next POINT               ends a hold, and holds the next that comes by
 * strike FILE shift SECONDS            how far the clock is ahead
 * strike FILE list                     points: role, how often reached, how often struck
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/strike.h"

#define LOOK_MS 10

#define STRIKE_NAME(name, role, text) {text, #role},
static const struct {
	const char *name, *role;
} POINTS[] = {STRIKE_POINTS(STRIKE_NAME)};

static const char *const ACTIONS[] = {
    [STRIKE_OFF] = "off", [STRIKE_KILL] = "kill", [STRIKE_DROP] = "drop", [STRIKE_HOLD] = "hold"};

static struct strike_board *
open_board(const char *path, bool create)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), 0666);
	void *page = MAP_FAILED;

	/* Whatever user a process runs as, it counts. */
	if (fd >= 0 &&
	    (!create || (fchmod(fd, 0666) == 0 && ftruncate(fd, sizeof(struct strike_board)) == 0)))
		page = mmap(
		    NULL, sizeof(struct strike_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (page != MAP_FAILED)
		return page;
	(void)fprintf(stderr, "strike: %s: %s\n", path, strerror(errno));
	return NULL;
}

/* -1: there is none of this name. */
static int
find_point(const char *name)
{
	for (int i = 0; i < STRIKE_POINT_COUNT; i++)
		if (strcmp(POINTS[i].name, name) == 0)
			return i;
	return -1;
}

static int
find_action(const char *name)
{
	for (int i = 0; i <= STRIKE_HOLD; i++)
		if (strcmp(ACTIONS[i], name) == 0)
			return i;
	return -1;
}

static bool
arm(struct strike_board *board, int point, const char *action, const char *count)
{
	struct strike_slot *slot = &board->slots[point];
	const int which = find_action(action);

	if (which < 0)
		return false;
	atomic_store(&slot->left, (uint32_t)strtoul(count, NULL, 10));
	atomic_store(&slot->struck, 0);
	atomic_store(&slot->action, (uint32_t)which);
	return true;
}

static bool
wait_for(struct strike_board *board, int point, const char *seconds)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

	for (long left_ms = strtol(seconds, NULL, 10) * 1000; left_ms > 0; left_ms -= LOOK_MS) {
		if (atomic_load(&board->slots[point].struck) > 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static bool
next(struct strike_board *board, int point)
{
	struct strike_slot *slot = &board->slots[point];

	atomic_store(&slot->struck, 0);
	atomic_store(&slot->left, 1);
	(void)atomic_fetch_add(&slot->passed, 1);
	return true;
}

static bool
list(struct strike_board *board)
{
	for (int i = 0; i < STRIKE_POINT_COUNT; i++)
		(void)printf("%-18s %-10s %8u %4u\n", POINTS[i].name, POINTS[i].role,
		    atomic_load(&board->slots[i].seen), atomic_load(&board->slots[i].struck));
	return true;
}

static bool
run(struct strike_board *board, int argc, char **argv)
{
	const char *command = argv[2];
	const int point = argc > 3 ? find_point(argv[3]) : -1;

	if (strcmp(command, "init") == 0)
		return true;
	if (strcmp(command, "list") == 0)
		return list(board);
	if (strcmp(command, "shift") == 0 && argc == 4) {
		atomic_store(&board->shift_s, strtoll(argv[3], NULL, 10));
		return true;
	}
	if (point < 0) {
		(void)fprintf(stderr, "strike: no such command or point\n");
		return false;
	}
	if (strcmp(command, "release") == 0) {
		atomic_store(&board->slots[point].action, STRIKE_OFF);
		return true;
	}
	if (strcmp(command, "next") == 0)
		return next(board, point);
	if (strcmp(command, "wait") == 0 && argc == 5)
		return wait_for(board, point, argv[4]);
	return strcmp(command, "arm") == 0 && argc >= 5 &&
	       arm(board, point, argv[4], argc > 5 ? argv[5] : "1");
}

int
main(int argc, char **argv)
{
	struct strike_board *board;

	if (argc < 3) {
		(void)fprintf(
		    stderr, "usage: strike FILE init|arm|wait|release|next|shift|list ...\n");
		return 2;
	}
	board = open_board(argv[1], strcmp(argv[2], "init") == 0);
	return board != NULL && run(board, argc, argv) ? EXIT_SUCCESS : EXIT_FAILURE;
}

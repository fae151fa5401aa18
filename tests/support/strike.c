/* libstrike.so: see strike.h. */
#include "tests/support/strike.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper/wire.h"

#define HOLD_LOOK_NS 2000000L

/* Where the ledger's thread is in its transaction. It is the only one that sends fences. */
enum phase {
	PHASE_IDLE,
	PHASE_FENCED, /* its COMMIT is the ledger's */
	PHASE_COMMITTING,
	PHASE_COMMIT_SENT,
	PHASE_TAKING_OVER,
	PHASE_COMMITTING_TAKE_OVER
};

/* What is preloaded has nobody to pass state: set once before main(), but for journal_fd. */
static struct {
	struct strike_board *board; /* NULL: not told of one */
	enum strike_role role;
	_Atomic int journal_fd;
} strike = {.journal_fd = -1};

static _Thread_local enum phase phase;
static _Thread_local uint8_t last_sent; /* the type of the last message to the other process */

/* The function that this library stands before. */
#define NEXT(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ---- the board ---- */

static enum strike_role
find_role(void)
{
	char text[4096] = "";
	const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	const char *name;

	if (fd >= 0) {
		(void)!read(fd, text, sizeof text - 1); /* its first word is the program */
		(void)close(fd);
	}
	name = strrchr(text, '/');
	name = name != NULL ? name + 1 : text;
	if (strcmp(name, "moniker-keeper") == 0)
		return STRIKE_KEEPER;
	if (strcmp(name, "moniker-service") == 0)
		return STRIKE_SERVICE;
	return strcmp(name, "monikerd") == 0 ? STRIKE_SUPERVISOR : STRIKE_NONE;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("STRIKE_BOARD");
	const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(struct strike_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (page == MAP_FAILED)
		return;
	strike.role = find_role();
	strike.board = page;
}

static enum strike_role
role_of(enum strike_point point)
{
#define STRIKE_ROLE(name, role, text) STRIKE_##role,
	static const enum strike_role ROLES[] = {STRIKE_POINTS(STRIKE_ROLE)};

	return ROLES[point];
}

/* True for whoever comes by as the one that was asked for. */
static bool
is_due(enum strike_point point)
{
	struct strike_slot *slot;

	if (strike.board == NULL || strike.role != role_of(point))
		return false;
	slot = &strike.board->slots[point];
	(void)atomic_fetch_add(&slot->seen, 1);
	if (atomic_load(&slot->action) == STRIKE_OFF)
		return false;
	return atomic_fetch_sub(&slot->left, 1) == 1;
}

/* The one signal that the keeper's filter lets it send: tgkill(). */
static void
die(void)
{
	(void)syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
	for (;;)
		(void)sched_yield();
}

/* True: it was let go, and the point stays armed for the next. */
static bool
hold(const struct strike_slot *slot, uint32_t passed)
{
	const struct timespec pause = {.tv_nsec = HOLD_LOOK_NS};

	while (atomic_load(&slot->action) == STRIKE_HOLD && atomic_load(&slot->passed) == passed)
		(void)nanosleep(&pause, NULL);
	return atomic_load(&slot->passed) != passed;
}

/* `fd` is the socket that STRIKE_DROP shuts down. */
static void
reach(enum strike_point point, int fd)
{
	struct strike_slot *slot;
	uint32_t passed;

	if (!is_due(point))
		return;
	slot = &strike.board->slots[point];
	passed = atomic_load(&slot->passed);
	(void)atomic_fetch_add(&slot->struck, 1);
	switch ((enum strike_action)atomic_load(&slot->action)) {
	case STRIKE_KILL: die(); break;
	case STRIKE_DROP: (void)shutdown(fd, SHUT_RDWR); break;
	case STRIKE_HOLD:
		if (hold(slot, passed))
			return;
		break;
	case STRIKE_OFF: break;
	}
	atomic_store(&slot->action, STRIKE_OFF);
}

/* ---- the publisher's files ---- */

#define ON_ITS_WAY "/.new/" /* in a log's folder */

int
fsync(int fd)
{
	char link[64], path[4096];
	ssize_t len;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof path - 1);
	path[len > 0 ? len : 0] = '\0';
	if (strstr(path, ON_ITS_WAY) != NULL)
		reach(STRIKE_PUBLISH_STAGED, -1);
	return NEXT(fsync)(fd);
}

int
rename(const char *from, const char *to)
{
	const char *name = strstr(from, ON_ITS_WAY);
	const bool is_note = name != NULL && strcmp(name, ON_ITS_WAY "checkpoint") == 0;
	int result;

	if (name != NULL)
		reach(is_note ? STRIKE_PUBLISH_NOTE : STRIKE_PUBLISH_TILE, -1);
	result = NEXT(rename)(from, to);
	if (name != NULL && result == 0)
		reach(is_note ? STRIKE_PUBLISH_NOTED : STRIKE_PUBLISH_TILED, -1);
	return result;
}

/* ---- PostgreSQL ---- */

/* The steps of an erasure, each a statement. */
static void
before_erasing(PGconn *conn, const char *name)
{
	static const struct {
		const char *name;
		enum strike_point point;
	} steps[] = {{"shred_delete", STRIKE_ERASE_RECORDED},
	    {"shred_rewrite", STRIKE_ERASE_DELETED}, {"shred_flush", STRIKE_ERASE_REWRITTEN},
	    {"erasure_lock", STRIKE_ERASE_FLUSHED}};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (strcmp(name, steps[i].name) == 0)
			reach(steps[i].point, PQsocket(conn));
}

int
PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
    const int *lengths, const int *formats, int result_format)
{
	if (strcmp(name, "tx_begin") == 0)
		phase = PHASE_IDLE;
	else if (strcmp(name, "ledger_fence") == 0)
		phase = PHASE_FENCED;
	else if (strcmp(name, "ledger_take_over") == 0)
		phase = PHASE_TAKING_OVER;
	else if (strcmp(name, "certificate_signatures_insert") == 0)
		reach(STRIKE_SIGNATURES_BEFORE, PQsocket(conn));
	else if (strcmp(name, "tx_commit") == 0 && phase == PHASE_FENCED) {
		reach(STRIKE_COMMIT_BEFORE, PQsocket(conn));
		phase = PHASE_COMMITTING;
	} else if (strcmp(name, "tx_commit") == 0 && phase == PHASE_TAKING_OVER)
		phase = PHASE_COMMITTING_TAKE_OVER;
	before_erasing(conn, name);
	return NEXT(PQsendQueryPrepared)(
	    conn, name, count, values, lengths, formats, result_format);
}

/* Nothing is left to send: the server has all, or will. */
int
PQflush(PGconn *conn)
{
	const int unsent = NEXT(PQflush)(conn);

	if (unsent != 0)
		return unsent;
	if (phase == PHASE_COMMITTING) {
		phase = PHASE_COMMIT_SENT;
		reach(STRIKE_COMMIT_SENT, PQsocket(conn));
	} else if (phase == PHASE_COMMITTING_TAKE_OVER) {
		phase = PHASE_IDLE;
		reach(STRIKE_TAKEOVER_SENT, PQsocket(conn));
	}
	return unsent;
}

PGresult *
PQgetResult(PGconn *conn)
{
	PGresult *result = NEXT(PQgetResult)(conn);

	if (phase == PHASE_COMMIT_SENT && result != NULL &&
	    strcmp(PQcmdStatus(result), "COMMIT") == 0) {
		phase = PHASE_IDLE;
		reach(STRIKE_COMMIT_DONE, PQsocket(conn));
	}
	return result;
}

/* ---- the channels between the processes ---- */

static bool
is_message(const struct msghdr *message)
{
	return message->msg_iovlen == 2 && message->msg_iov[0].iov_len == 1;
}

static void
before_message(int fd, uint8_t type)
{
	if (type == WIRE_APPEND_BEGIN)
		reach(STRIKE_APPEND_BEFORE, fd);
	if (type == WIRE_APPEND_END)
		reach(STRIKE_APPEND_HALF, fd);
	if (type == WIRE_RESULTS)
		reach(STRIKE_RESULTS_BEFORE, fd);
	/* One alone answers WIRE_CHECKPOINT. */
	if (type == WIRE_APPENDED && last_sent == WIRE_RESULTS)
		reach(STRIKE_CHECKPOINT_BEFORE, fd);
}

static void
after_message(int fd, uint8_t type)
{
	if (type == WIRE_APPEND_END)
		reach(STRIKE_APPEND_SENT, fd);
	if (type == WIRE_SIGN_RECORDED)
		reach(STRIKE_RESIGN_SENT, fd);
	if (type == WIRE_APPENDED && last_sent == WIRE_RESULTS)
		reach(STRIKE_CHECKPOINT_SENT, fd);
	last_sent = type;
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	const bool ours = strike.board != NULL && is_message(message);
	const uint8_t type = ours ? *(const uint8_t *)message->msg_iov[0].iov_base : 0;
	ssize_t n;

	if (ours)
		before_message(fd, type);
	n = NEXT(sendmsg)(fd, message, flags);
	if (ours)
		after_message(fd, type);
	/* Descriptors: to the keeper first, then to the service. */
	if (strike.role == STRIKE_SUPERVISOR && message->msg_controllen > 0)
		reach(STRIKE_CHANNELS_HALF, fd);
	return n;
}

ssize_t
recv(int fd, void *octets, size_t len, int flags)
{
	const ssize_t n = NEXT(recv)(fd, octets, len, flags);

	if (n > 0 && flags == MSG_TRUNC && *(const uint8_t *)octets == WIRE_RESULTS)
		reach(STRIKE_RESULTS_TAKEN, fd);
	if (n > 0 && flags == MSG_TRUNC && *(const uint8_t *)octets == WIRE_SIGN_RECORDED)
		reach(STRIKE_RESIGN_TAKEN, fd);
	return n;
}

/* ---- callers ---- */

static bool
is_created(const void *octets, size_t len)
{
	static const char START[] = "HTTP/1.1 201";

	return len >= sizeof START - 1 && memcmp(octets, START, sizeof START - 1) == 0;
}

ssize_t
gnutls_record_send(gnutls_session_t session, const void *octets, size_t len)
{
	const bool created = is_created(octets, len);
	ssize_t n;

	if (created)
		reach(STRIKE_REPLY_BEFORE, gnutls_transport_get_int(session));
	if (created && is_due(STRIKE_REPLY_HALF)) {
		(void)atomic_fetch_add(&strike.board->slots[STRIKE_REPLY_HALF].struck, 1);
		(void)NEXT(gnutls_record_send)(session, octets, len / 2);
		die();
	}
	n = NEXT(gnutls_record_send)(session, octets, len);
	if (created)
		reach(STRIKE_REPLY_SENT, gnutls_transport_get_int(session));
	return n;
}

/* ---- the journal ---- */

/* Nothing but the journal is locked. */
int
flock(int fd, int operation)
{
	atomic_store(&strike.journal_fd, fd);
	return NEXT(flock)(fd, operation);
}

ssize_t
write(int fd, const void *octets, size_t len)
{
	const bool journal = strike.board != NULL && fd == atomic_load(&strike.journal_fd);
	ssize_t n;

	if (!journal)
		return NEXT(write)(fd, octets, len);
	reach(STRIKE_JOURNAL_BEFORE, -1);
	if (is_due(STRIKE_JOURNAL_TORN)) {
		(void)atomic_fetch_add(&strike.board->slots[STRIKE_JOURNAL_TORN].struck, 1);
		(void)!NEXT(write)(fd, octets, len / 2);
		die();
	}
	n = NEXT(write)(fd, octets, len);
	reach(STRIKE_JOURNAL_WRITTEN, -1);
	return n;
}

int
fdatasync(int fd)
{
	const int result = NEXT(fdatasync)(fd);

	if (strike.board != NULL && fd == atomic_load(&strike.journal_fd))
		reach(STRIKE_JOURNAL_SYNCED, -1);
	return result;
}

/* ---- the supervisor ---- */

pid_t
waitpid(pid_t pid, int *status, int options)
{
	const pid_t ended = NEXT(waitpid)(pid, status, options);

	if (ended > 0)
		reach(STRIKE_CHILD_REAPED, -1);
	return ended;
}

/* ---- the clock ---- */

static int64_t
shift_s(void)
{
	return strike.board != NULL ? atomic_load(&strike.board->shift_s) : 0;
}

int
clock_gettime(clockid_t clock, struct timespec *out)
{
	const int result = NEXT(clock_gettime)(clock, out);

	if (result == 0 && clock == CLOCK_REALTIME)
		out->tv_sec += shift_s();
	return result;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	const int result = NEXT(gettimeofday)(out, zone);

	if (result == 0)
		out->tv_sec += shift_s();
	return result;
}

time_t
time(time_t *out)
{
	const time_t now = NEXT(time)(NULL) + shift_s();

	if (out != NULL)
		*out = now;
	return now;
}

#include "cmd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/notify.h"
#include "cmd/passphrase.h"
#include "cmd/process_lock.h"
#include "cmd/program_path.h"
#include "keeper/control.h"

#define RESTART_PAUSE_MS 1000 /* before a child is started again */
#define STOP_KEEPER_MS 10000

enum child_name { CHILD_KEEPER, CHILD_SERVICE, CHILD_COUNT };

struct child {
	const char *name;
	const char *user; /* uid to run as, when we are root */
	char *program;    /* absolute path */
	char *const *argv;
	bool ignores_signals; /* TERM and INT */
	pid_t pid;            /* 0: not running */
	int control;          /* our end of its control socket, or -1 */
	bool ready;
	bool restarting;     /* told to stop, to start anew with the files as they are */
	int64_t stop_by_ms;  /* monotonic: of one that is restarting, then it is killed */
	int64_t start_at_ms; /* monotonic: not before */
};

/* Which keys and policy a keeper was started with: files are replaced as a whole. */
struct stamp {
	ino_t keyring, policy;
	struct timespec keyring_at, policy_at;
};

struct supervisor {
	struct child children[CHILD_COUNT];
	const struct secret *passphrase;
	const char *keeper_dir;
	struct stamp keys; /* of the keeper that runs */
	int signals;       /* signalfd */
	bool channels_lost;
	bool stopping;
	const char *status; /* as the manager was told last, or NULL */
	int64_t stop_deadline_ms;
	int drain_ms;
};

/* In the child, after fork: become `user`. Ends the process on failure. */
static void
drop_privileges(const char *user)
{
	const struct passwd *entry;

	if (geteuid() != 0)
		return;
	entry = getpwnam(user);
	if (entry == NULL || initgroups(user, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 ||
	    setuid(entry->pw_uid) != 0 || setuid(0) == 0) {
		log_write(LOG_LEVEL_ERROR, "supervisor.user", "cannot become user %s", user);
		_exit(126);
	}
}

/* In the child: the control socket on CONTROL_FD, nothing else inherited, then exec. */
static void
child_exec(const struct child *child, int control, pid_t supervisor)
{
	sigset_t blocked;

	/*
	 * A manager may signal the whole group. The keeper is needed until the service has drained:
	 * it stops by our word, or with us.
	 */
	(void)signal(SIGTERM, child->ignores_signals ? SIG_IGN : SIG_DFL);
	(void)signal(SIGINT, child->ignores_signals ? SIG_IGN : SIG_DFL);
	if (control != CONTROL_FD && dup2(control, CONTROL_FD) < 0)
		_exit(126);
	(void)fcntl(CONTROL_FD, F_SETFD, 0);
	(void)close_range(CONTROL_FD + 1, UINT_MAX, 0);
	/* A SIGHUP that comes before the service listens for it waits, and ends neither. */
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGHUP);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
	drop_privileges(child->user);
	/* After the change of uid, which clears it. */
	(void)prctl(PR_SET_PDEATHSIG, child->ignores_signals ? SIGKILL : SIGTERM);
	if (getppid() != supervisor) /* it ended before that */
		_exit(126);
	(void)execv(child->program, child->argv);
	log_write(
	    LOG_LEVEL_ERROR, "supervisor.exec", "cannot run %s: %s", child->name, strerror(errno));
	_exit(127);
}

static struct stamp
stamp_of(const char *keeper_dir)
{
	DEFER(mem_free) char *keyring = settings_path(keeper_dir, "keeper.ring");
	DEFER(mem_free) char *policy = settings_path(keeper_dir, "policy.json");
	struct stamp stamp = {0};
	struct stat is;

	if (stat(keyring, &is) == 0) {
		stamp.keyring = is.st_ino;
		stamp.keyring_at = is.st_mtim;
	}
	if (stat(policy, &is) == 0) {
		stamp.policy = is.st_ino;
		stamp.policy_at = is.st_mtim;
	}
	return stamp;
}

static bool
times_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
stamps_equal(const struct stamp *a, const struct stamp *b)
{
	return a->keyring == b->keyring && a->policy == b->policy &&
	       times_equal(&a->keyring_at, &b->keyring_at) &&
	       times_equal(&a->policy_at, &b->policy_at);
}

static bool
child_start(struct supervisor *supervisor, struct child *child, struct error *err)
{
	const pid_t supervisor_pid = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return error_set(err, E_INTERNAL, "no socket pair for %s", child->name);
	if (child == &supervisor->children[CHILD_KEEPER])
		supervisor->keys = stamp_of(supervisor->keeper_dir); /* before it reads them */
	child->pid = fork();
	if (child->pid == 0)
		child_exec(child, pair[1], supervisor_pid);
	(void)close(pair[1]);
	if (child->pid < 0) {
		(void)close(pair[0]);
		child->pid = 0;
		return error_set(err, E_INTERNAL, "cannot fork %s", child->name);
	}
	child->control = pair[0];
	child->ready = false;
	return child != &supervisor->children[CHILD_KEEPER] ||
	       control_send_secret(child->control, supervisor->passphrase, err);
}

/* Both run: give them a new set of channels. */
static bool
connect_children(struct supervisor *supervisor, struct error *err)
{
	int near[CONTROL_CHANNELS];
	int far[CONTROL_CHANNELS];
	bool sent;

	if (!control_make_channels(near, far, err))
		return false;
	supervisor->channels_lost = false;
	sent = control_send_channels(supervisor->children[CHILD_KEEPER].control, far, err) &&
	       control_send_channels(supervisor->children[CHILD_SERVICE].control, near, err);
	for (int i = 0; i < CONTROL_CHANNELS; i++) {
		(void)close(near[i]);
		(void)close(far[i]);
	}
	return sent;
}

/* Starts what is not running and due, then connects the two anew if they have to be. */
static bool
start_due(struct supervisor *supervisor, struct error *err)
{
	const int64_t now_ms = clock_monotonic_ms();
	bool started = false;

	for (int i = 0; i < CHILD_COUNT; i++) {
		struct child *child = &supervisor->children[i];

		if (child->pid != 0 || child->start_at_ms > now_ms)
			continue;
		if (!child_start(supervisor, child, err))
			return false;
		started = true;
	}
	for (int i = 0; i < CHILD_COUNT; i++)
		if (supervisor->children[i].pid == 0)
			return true; /* connected when the other one is there */
	return (!started && !supervisor->channels_lost) || connect_children(supervisor, err);
}

static void
reap(struct supervisor *supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < CHILD_COUNT; i++) {
			struct child *child = &supervisor->children[i];

			if (child->pid != pid)
				continue;
			child->pid = 0;
			(void)close(child->control);
			child->control = -1;
			child->start_at_ms = clock_monotonic_ms();
			if (!child->restarting)
				child->start_at_ms += RESTART_PAUSE_MS;
			if (!supervisor->stopping && !child->restarting)
				log_warning("supervisor.lost",
				    "%s ended (%s %d); it is started again", child->name,
				    WIFSIGNALED(status) ? "signal" : "exit code",
				    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			child->restarting = false;
		}
}

/* Stops the service first: what it has in flight still needs the keeper. */
static void
stop_step(struct supervisor *supervisor)
{
	struct child *service = &supervisor->children[CHILD_SERVICE];
	struct child *keeper = &supervisor->children[CHILD_KEEPER];
	struct child *next = service->pid != 0 ? service : keeper;
	struct error ignored = {0};

	if (clock_monotonic_ms() > supervisor->stop_deadline_ms && next->pid != 0) {
		log_warning("supervisor.kill", "%s did not stop in time", next->name);
		(void)kill(next->pid, SIGKILL);
	}
	if (service->pid == 0 && keeper->pid != 0 && keeper->ready) {
		keeper->ready = false; /* told once */
		supervisor->stop_deadline_ms = clock_monotonic_ms() + STOP_KEEPER_MS;
		if (!control_send(keeper->control, CONTROL_STOP, &ignored))
			(void)kill(keeper->pid, SIGTERM);
	}
}

static void
begin_stop(struct supervisor *supervisor)
{
	struct child *service = &supervisor->children[CHILD_SERVICE];
	struct error ignored = {0};

	if (supervisor->stopping)
		return;
	supervisor->stopping = true;
	supervisor->children[CHILD_KEEPER].ready = true;
	supervisor->stop_deadline_ms = clock_monotonic_ms() + supervisor->drain_ms;
	notify_manager("STOPPING=1");
	if (service->pid != 0 && !control_send(service->control, CONTROL_STOP, &ignored))
		(void)kill(service->pid, SIGTERM);
}

/* Its keys or its policy were changed: what is in flight is finished, then it starts anew. */
static void
renew_keeper(struct supervisor *supervisor)
{
	struct child *keeper = &supervisor->children[CHILD_KEEPER];
	const struct stamp now = stamp_of(supervisor->keeper_dir);
	struct error ignored = {0};

	if (supervisor->stopping || keeper->pid == 0 || stamps_equal(&now, &supervisor->keys))
		return;
	log_info("supervisor.keys", "the keeper is started anew with its new keys");
	keeper->restarting = true;
	keeper->stop_by_ms = clock_monotonic_ms() + STOP_KEEPER_MS;
	if (!control_send(keeper->control, CONTROL_STOP, &ignored))
		(void)kill(keeper->pid, SIGKILL);
}

static void
kill_overdue(const struct supervisor *supervisor)
{
	const struct child *keeper = &supervisor->children[CHILD_KEEPER];

	if (keeper->restarting && clock_monotonic_ms() > keeper->stop_by_ms) {
		log_warning("supervisor.kill", "%s did not stop in time", keeper->name);
		(void)kill(keeper->pid, SIGKILL);
	}
}

static void
take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof info) == (ssize_t)sizeof info)
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT: begin_stop(supervisor); break;
		case SIGHUP:
			renew_keeper(supervisor);
			if (supervisor->children[CHILD_SERVICE].pid != 0)
				(void)kill(supervisor->children[CHILD_SERVICE].pid, SIGHUP);
			break;
		default: reap(supervisor); break;
		}
}

/* What a child has no business to send is not kept: it could send it without end. */
static void
discard(const struct control_received *message)
{
	if (message->type == CONTROL_CHANNEL_SET)
		for (int i = 0; i < CONTROL_CHANNELS; i++)
			(void)close(message->channels[i]);
	secret_free(message->passphrase);
}

/* A child's word: READY, and the service's that its channels failed. A closed control socket is
 * seen as its end, in reap(). */
static void
take_message(struct supervisor *supervisor, struct child *child)
{
	struct control_received message = {0};
	struct error err = {0};
	bool closed = false;

	if (!control_receive(child->control, &message, &closed, &err) || closed)
		return;
	discard(&message);
	if (message.type == CONTROL_LOST && child == &supervisor->children[CHILD_SERVICE])
		supervisor->channels_lost = true;
	if (message.type != CONTROL_READY || supervisor->stopping)
		return;
	child->ready = true;
	log_info("supervisor.ready", "%s is ready", child->name);
	if (supervisor->children[CHILD_KEEPER].ready && supervisor->children[CHILD_SERVICE].ready)
		notify_manager("READY=1");
}

static void
wait_for_events(struct supervisor *supervisor)
{
	struct pollfd fds[1 + CHILD_COUNT] = {{.fd = supervisor->signals, .events = POLLIN}};

	for (int i = 0; i < CHILD_COUNT; i++)
		fds[1 + i] = (struct pollfd){
		    .fd = supervisor->children[i].pid != 0 ? supervisor->children[i].control : -1,
		    .events = POLLIN};
	(void)poll(fds, COUNT(fds), 200);
	for (int i = 0; i < CHILD_COUNT; i++)
		if ((fds[1 + i].revents & POLLIN) != 0)
			take_message(supervisor, &supervisor->children[i]);
	take_signals(supervisor);
	reap(supervisor);
}

static bool
is_ready(const struct child *child)
{
	return child->pid != 0 && child->ready;
}

/* What `systemctl status` shows: of a start that takes long, whom it waits for. */
static void
tell_status(struct supervisor *supervisor)
{
	const char *status = supervisor->stopping ? "STATUS=Stopping"
			     : !is_ready(&supervisor->children[CHILD_KEEPER])
				 ? "STATUS=Waiting for the keeper"
			     : !is_ready(&supervisor->children[CHILD_SERVICE])
				 ? "STATUS=The keeper is ready; waiting for the service"
				 : "STATUS=Keeper and service are ready";

	if (supervisor->status != NULL && strcmp(status, supervisor->status) == 0)
		return;
	supervisor->status = status;
	notify_manager(status);
}

static bool
serve(struct supervisor *supervisor, struct error *err)
{
	for (;;) {
		if (supervisor->stopping) {
			stop_step(supervisor);
			if (supervisor->children[CHILD_KEEPER].pid == 0 &&
			    supervisor->children[CHILD_SERVICE].pid == 0)
				return true;
		} else {
			struct error failed = {0};

			if (!start_due(supervisor, &failed))
				log_error(LOG_LEVEL_ERROR, "supervisor.start", NULL, &failed);
			kill_overdue(supervisor);
		}
		tell_status(supervisor);
		wait_for_events(supervisor);
	}
	return error_set(err, E_INTERNAL, "not reached");
}

static bool
open_signals(int *out, struct error *err)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return error_set(err, E_INTERNAL, "cannot block signals");
	*out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *out >= 0 || error_set(err, E_INTERNAL, "no signalfd");
}

bool
supervisor_run(const struct supervisor_options *options, struct error *err)
{
	const struct settings *settings = options->settings;
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(mem_free) char *keeper = program_path("moniker-keeper");
	DEFER(mem_free) char *service = program_path("moniker-service");
	DEFER(mem_free) char *config = xstrdup(options->config_path);
	DEFER(mem_free) char *log_name = xstrdup(options->log_name);
	char *keeper_argv[] = {
	    keeper, (char[]){"--dir"}, settings->keeper_dir, (char[]){"--log"}, log_name, NULL};
	char *service_argv[] = {service, (char[]){"--config"}, config, (char[]){"--service"}, NULL};
	struct supervisor supervisor = {
	    .children = {[CHILD_KEEPER] = {.name = "keeper",
			     .user = settings->keeper_user,
			     .program = keeper,
			     .argv = keeper_argv,
			     .ignores_signals = true,
			     .control = -1},
		[CHILD_SERVICE] = {.name = "service",
		    .user = settings->user,
		    .program = service,
		    .argv = service_argv,
		    .control = -1}},
	    .keeper_dir = settings->keeper_dir,
	    .drain_ms = (int)settings->drain_s * 1000 + 10000,
	};

	if (!process_lock_take(settings->keeper_dir, err) ||
	    !passphrase_read(settings->passphrase_file,
		"Passphrase of the keeper's keyring: ", &passphrase, err) ||
	    !open_signals(&supervisor.signals, err))
		return false;
	supervisor.passphrase = passphrase;
	if (geteuid() != 0)
		log_warning("supervisor.one_uid", "not started as root: keeper and service share "
						  "one uid, which weakens their separation");
	return serve(&supervisor, err);
}

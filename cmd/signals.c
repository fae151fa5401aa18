#include "cmd/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

bool
signals_block(int *out, struct error *err)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a failed write */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return error_set(err, E_INTERNAL, "cannot block signals");
	*out = signalfd(-1, &set, SFD_CLOEXEC);
	return *out >= 0 || error_set(err, E_INTERNAL, "no signalfd");
}

bool
signals_stop_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

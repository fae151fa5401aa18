#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "keeper/server.h"

/* What threads, the allocator, open files, open sockets and clocks need; anything else kills. */
static const int ALLOWED[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(close),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

struct failing {
	int syscall;
	int error;
};

/*
 * Calls that the C library makes on its own and can do without: new threads fall back from
 * clone3(), whose flags a filter cannot see, to clone(); a heap that shrinks would look into
 * /proc; stdio and malloc ask for limits and terminals.
 */
static const struct failing FAILING[] = {
    {SCMP_SYS(clone3), ENOSYS},
    {SCMP_SYS(open), EACCES},
    {SCMP_SYS(openat), EACCES},
    {SCMP_SYS(newfstatat), EACCES},
    {SCMP_SYS(prlimit64), EPERM},
    {SCMP_SYS(ioctl), ENOTTY},
};

static void
filter_free(scmp_filter_ctx filter)
{
	seccomp_release(filter);
}
DEFER_DECLARE(void, filter_free)

/* Memory may never become executable, and clone() makes threads of this process only. */
static bool
add_conditional(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);

	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread) == 0;
}

static bool
add_rules(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof(ALLOWED) / sizeof(ALLOWED[0]); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, ALLOWED[i], 0) != 0)
			return false;
	for (size_t i = 0; i < sizeof(FAILING) / sizeof(FAILING[0]); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)FAILING[i].error),
			FAILING[i].syscall, 0) != 0)
			return false;
	return add_conditional(filter);
}

bool
sandbox_enter(struct error *err)
{
	DEFER(filter_free) void *filter = NULL;

	tzset(); /* reads its file now: gmtime_r() would later, for the log */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		(void)error_set(err, E_INTERNAL, "sandbox: privileges could be gained");
		error_cause_errno(err);
		return false;
	}
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (filter == NULL || seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
	    !add_rules(filter) || seccomp_load(filter) != 0)
		return error_set(err, E_INTERNAL, "sandbox: the system call filter did not load");
	return true;
}

#include "tests/bench/limits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "keeper/tag.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"
#include "tests/support/cmocka_all.h"
#include "tests/unit/ca/authorities.h"

#define UUID "00000000-0000-4000-8000-000000000000"

struct job {
	const struct authorities *authorities;
	const struct key *key;
	struct bytes csr;
	size_t rounds;
	pthread_t thread;
};

static void
issue_once(const struct job *job, size_t number)
{
	DEFER(csr_free) struct csr *csr = NULL;
	DEFER(issued_clear) struct issued issued = {0};
	const struct rng rng = rng_system();
	const uint8_t tag_key[TAG_KEY_BYTES] = {7};
	uint8_t tag[TAG_BYTES], signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
	struct error err = {0};

	must(csr_parse(job->csr, &csr, &err), &err);
	must(tag_compute(tag, tag_key, bytes_of(&number, sizeof number), &err), &err);
	must(issue_prepare(
		 &(struct issue_request){
		     .profile = profile_find(PROFILE_DEVICE),
		     .issuer = issuers_active(job->authorities->issuers, ISSUER_DEVICE_CA),
		     .spki = csr_spki(csr),
		     .common_name = UUID,
		     .uuid = UUID,
		     .now_s = TEST_NOW_S,
		 },
		 &rng, &issued, &err),
	    &err);
	must(key_sign(job->key, buf_bytes(&issued.tbs), signature, &signature_len, &err), &err);
}

static void *
run_job(void *context)
{
	const struct job *job = context;

	for (size_t i = 0; i < job->rounds; i++)
		issue_once(job, i);
	return NULL;
}

void
limit_raw_issue(size_t threads, size_t rounds, struct raw_limit *out)
{
	DEFER(authorities_clear) struct authorities authorities;
	DEFER(key_free) struct key *key = NULL;
	DEFER(buf_clear_public) struct buf csr = {0};
	const size_t count = threads > 0 ? threads : (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	struct job *jobs = xcalloc(count, sizeof *jobs);
	int64_t began_us, began_cpu_us;

	authorities_init(&authorities);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	csr_make(NULL, &csr);
	began_cpu_us = report_own_cpu_us();
	began_us = clock_monotonic_us();
	for (size_t i = 0; i < count; i++) {
		jobs[i] = (struct job){.authorities = &authorities,
		    .key = key,
		    .csr = buf_bytes(&csr),
		    .rounds = rounds};
		if (pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]) != 0)
			die("cannot start a thread");
	}
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(jobs[i].thread, NULL);
	out->rate = (double)(count * rounds) * 1e6 / (double)(clock_monotonic_us() - began_us);
	out->cpu_us = (double)(report_own_cpu_us() - began_cpu_us) / (double)(count * rounds);
	free(jobs);
}

double
limit_fsync_us(const char *dir, size_t rounds)
{
	const char block[1024] = {1};
	double *times_us = xcalloc(rounds, sizeof *times_us);
	char path[512];
	double median;
	int fd;

	(void)snprintf(path, sizeof path, "%s/bench-fsync", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	for (size_t i = 0; i < rounds; i++) {
		const int64_t began_us = clock_monotonic_us();

		if (fd < 0 || write(fd, block, sizeof block) != (ssize_t)sizeof block ||
		    fdatasync(fd) != 0)
			die("cannot write %s", path);
		times_us[i] = (double)(clock_monotonic_us() - began_us);
	}
	(void)close(fd);
	(void)unlink(path);
	median = report_median(times_us, rounds);
	free(times_us);
	return median;
}

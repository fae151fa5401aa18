/* Many ask while one loads: each answer is from one bundle, whole. */
#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/support/trust.h"
#include "verify/moniker_verify.h"

#define NOW_S INT64_C(1790000000)
#define THREADS 4
#define LOADS 60

struct shared {
	struct moniker_verifier *verifier;
	struct buf certificate;
	atomic_bool done;
	atomic_size_t answers, wrong;
};

/* In bundles of an even place it is revoked since that place, in others it is good. */
static void *
ask_on(void *context)
{
	struct shared *shared = context;
	const struct moniker_policy policy = {.now_s = NOW_S};

	while (!atomic_load(&shared->done)) {
		struct moniker_result result;
		const enum moniker_verdict verdict = moniker_verify(shared->verifier,
		    shared->certificate.data, shared->certificate.len, &policy, &result);
		const int64_t seq = result.issued_s - (NOW_S - LOADS);
		const bool even = seq % 2 == 0;

		if (verdict != (even ? MONIKER_REVOKED : MONIKER_GOOD) ||
		    result.since_s != (even ? seq : 0))
			atomic_fetch_add(&shared->wrong, 1);
		atomic_fetch_add(&shared->answers, 1);
	}
	return NULL;
}

static void
give(struct shared *shared, const struct trust *trust, int64_t seq)
{
	const struct trust_entry entry = {{0x40, [19] = 1}, 1, (uint32_t)seq};
	const struct trust_set set = {.seq = seq,
	    .issued_s = NOW_S - LOADS + seq,
	    .entries = &entry,
	    .count = seq % 2 == 0 ? 1 : 0};
	DEFER(buf_clear_public) struct buf text = {0};

	trust_bundle(trust, &set, NULL, 0, &text);
	assert_int_equal(moniker_verifier_load(shared->verifier, text.data, text.len, NOW_S, NULL),
	    MONIKER_LOADED);
}

static void
each_answer_is_from_one_bundle(void **state)
{
	struct shared shared = {.verifier = moniker_verifier_new(NULL, 0, NULL)};
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(X509_free) X509 *certificate = NULL;
	pthread_t threads[THREADS];

	(void)state;
	trust_init(&trust, NOW_S);
	certificate = trust_issue(&trust, &(struct trust_certificate){0});
	trust_der(certificate, &shared.certificate);
	give(&shared, &trust, 1);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &shared), 0);
	for (int64_t seq = 2; seq <= LOADS; seq++)
		give(&shared, &trust, seq);
	while (atomic_load(&shared.answers) < THREADS)
		(void)sched_yield();
	atomic_store(&shared.done, true);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(shared.wrong, 0);
	moniker_verifier_free(shared.verifier);
	buf_clear_public(&shared.certificate);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_answer_is_from_one_bundle)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tag: hardware tags of a core a second, and how fast they move to another key. */
#include <sodium.h>

#include "base/mem.h"
#include "keeper/tag.h"
#include "tests/bench/report.h"

#define TAGS_MAX 4000

struct work {
	uint8_t keys[2][TAG_KEY_BYTES], ratio[TAG_KEY_BYTES];
	uint8_t messages[TAGS_MAX][25]; /* as long as a MAC address's */
	uint8_t tags[TAGS_MAX][TAG_BYTES], moved[TAGS_MAX][TAG_BYTES];
	size_t count;
};

static double
a_second(size_t count, int64_t began_us)
{
	return (double)count * 1e6 / (double)(report_own_cpu_us() - began_us);
}

static double
measure_tags(struct work *work)
{
	const int64_t began_us = report_own_cpu_us();
	struct error err = {0};

	for (size_t i = 0; i < work->count; i++)
		must(tag_compute(work->tags[i], work->keys[0],
			 bytes_of(work->messages[i], sizeof work->messages[i]), &err),
		    &err);
	return a_second(work->count, began_us);
}

/* What the curve alone costs. */
static double
measure_curve(const struct work *work)
{
	const int64_t began_us = report_own_cpu_us();
	uint8_t uniform[crypto_core_ristretto255_HASHBYTES], point[TAG_BYTES];

	randombytes_buf(uniform, sizeof uniform);
	for (size_t i = 0; i < work->count; i++)
		if (crypto_core_ristretto255_from_hash(point, uniform) != 0 ||
		    crypto_scalarmult_ristretto255(point, work->keys[0], point) != 0)
			die("libsodium failed");
	return a_second(work->count, began_us);
}

static double
measure_moves(struct work *work)
{
	const int64_t began_us = report_own_cpu_us();
	struct error err = {0};

	for (size_t i = 0; i < work->count; i++)
		must(tag_multiply(work->moved[i], work->ratio, work->tags[i], &err), &err);
	return a_second(work->count, began_us);
}

static double
measure_product(const struct work *work)
{
	const int64_t began_us = report_own_cpu_us();
	uint8_t point[TAG_BYTES];

	for (size_t i = 0; i < work->count; i++)
		if (crypto_scalarmult_ristretto255(point, work->ratio, work->tags[i]) != 0)
			die("libsodium failed");
	return a_second(work->count, began_us);
}

static void
check(const struct work *work)
{
	uint8_t tag[TAG_BYTES];
	struct error err = {0};

	for (size_t i = 0; i < work->count; i += 7) {
		must(tag_compute(tag, work->keys[1],
			 bytes_of(work->messages[i], sizeof work->messages[i]), &err),
		    &err);
		if (memcmp(tag, work->moved[i], TAG_BYTES) != 0)
			die("a tag that was moved is not that of its hardware");
	}
}

int
main(int argc, char **argv)
{
	DEFER(mem_free) struct work *work = xcalloc(1, sizeof *work);
	double tags[RUNS_MAX], curve[RUNS_MAX], moves[RUNS_MAX], product[RUNS_MAX];
	struct error err = {0};

	if (sodium_init() < 0)
		die("libsodium does not start");
	work->count = report_few(argc, argv) ? 40 : TAGS_MAX;
	for (int i = 0; i < 2; i++)
		crypto_core_ristretto255_scalar_random(work->keys[i]);
	must(tag_ratio(work->ratio, work->keys[0], work->keys[1], &err), &err);
	randombytes_buf(work->messages, sizeof work->messages);
	for (size_t i = 0; i < RUNS_MAX; i++) {
		tags[i] = measure_tags(work);
		curve[i] = measure_curve(work);
		moves[i] = measure_moves(work);
		product[i] = measure_product(work);
	}
	check(work);
	report(&(struct finding){.work = "tag, a core",
	    .figure = report_median(tags, RUNS_MAX),
	    .unit = "/s",
	    .limit = "map to the curve and multiply",
	    .limit_figure = report_median(curve, RUNS_MAX),
	    .held = report_median(tags, RUNS_MAX),
	    .held_unit = "tags/s",
	    .budget = 5000});
	report(&(struct finding){.work = "tag, moved to another key, a core",
	    .figure = report_median(moves, RUNS_MAX),
	    .unit = "/s",
	    .limit = "multiply",
	    .limit_figure = report_median(product, RUNS_MAX),
	    .held = report_median(moves, RUNS_MAX) / report_median(product, RUNS_MAX) * 100,
	    .held_unit = "%"});
	return 0;
}

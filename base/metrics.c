#include "base/metrics.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

#define STRIPES 8u /* a power of two */
#define CACHE_LINE 64u

/* clang-format off */
static const int64_t LATENCY_US[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000};
/* clang-format on */
static const int64_t SIZES[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

const struct metric_buckets METRIC_LATENCY_US = {LATENCY_US, COUNT(LATENCY_US)};
const struct metric_buckets METRIC_SIZES = {SIZES, COUNT(SIZES)};

/* A series is one cell; a histogram's: one a bucket, one above them all, and the sum. */
struct metrics {
	const struct metric *table;
	size_t count;
	size_t *first; /* cell of each metric's first series */
	_Atomic int64_t *cells;
	size_t stripe_len; /* cells from one stripe to the next: no cache line has two */
};

static size_t
series_count(const struct metric *metric)
{
	return metric->labels != NULL ? metric->labels->count() : 1;
}

static size_t
series_len(const struct metric *metric)
{
	return metric->type == METRIC_HISTOGRAM ? metric->buckets->count + 2 : 1;
}

struct metrics *
metrics_new(const struct metric *table, size_t count)
{
	struct metrics *metrics = xcalloc(1, sizeof *metrics);
	const size_t per_line = CACHE_LINE / sizeof metrics->cells[0];
	size_t cells = 0;

	metrics->table = table;
	metrics->count = count;
	metrics->first = xcalloc(count + 1, sizeof *metrics->first);
	for (size_t i = 0; i < count; i++) {
		assert(table[i].type != METRIC_HISTOGRAM ||
		       table[i].buckets->count <= METRIC_BOUNDS_MAX);
		metrics->first[i] = cells;
		cells += series_count(&table[i]) * series_len(&table[i]);
	}
	metrics->stripe_len = (cells / per_line + 2) * per_line;
	metrics->cells = xcalloc(STRIPES * metrics->stripe_len, sizeof metrics->cells[0]);
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	free(metrics->first);
	free(metrics->cells);
	free(metrics);
}

/* ---- counting ---- */

/* Which stripe is only a matter of speed: a thread may move to another processor at any time. */
static _Atomic int64_t *
stripe(const struct metrics *metrics)
{
	return metrics->cells + ((unsigned)sched_getcpu() % STRIPES) * metrics->stripe_len;
}

static size_t
cell_of(const struct metrics *metrics, int metric, size_t series)
{
	return metrics->first[metric] + series * series_len(&metrics->table[metric]);
}

void
metrics_add(struct metrics *metrics, int metric, size_t series, int64_t delta)
{
	if (metrics != NULL)
		(void)atomic_fetch_add_explicit(&stripe(metrics)[cell_of(metrics, metric, series)],
		    delta, memory_order_relaxed);
}

void
metrics_observe(struct metrics *metrics, int metric, size_t series, int64_t value)
{
	const struct metric_buckets *buckets;
	_Atomic int64_t *cells;
	size_t i = 0;

	if (metrics == NULL)
		return;
	buckets = metrics->table[metric].buckets;
	cells = stripe(metrics) + cell_of(metrics, metric, series);
	while (i < buckets->count && value > buckets->bounds[i])
		i++;
	(void)atomic_fetch_add_explicit(&cells[i], 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&cells[buckets->count + 1], value, memory_order_relaxed);
}

void
metrics_set(struct metrics *metrics, int metric, size_t series, int64_t value)
{
	if (metrics != NULL)
		atomic_store_explicit(
		    &metrics->cells[cell_of(metrics, metric, series)], value, memory_order_relaxed);
}

/* ---- reading ---- */

static int64_t
sum(const struct metrics *metrics, size_t cell)
{
	int64_t total = 0;

	for (size_t i = 0; i < STRIPES; i++)
		total += atomic_load_explicit(
		    &metrics->cells[i * metrics->stripe_len + cell], memory_order_relaxed);
	return total;
}

int64_t
metrics_value(const struct metrics *metrics, int metric, size_t series)
{
	const struct metric *row = &metrics->table[metric];
	const size_t cell = cell_of(metrics, metric, series);
	int64_t total = 0;

	if (row->type != METRIC_HISTOGRAM)
		return sum(metrics, cell);
	for (size_t i = 0; i <= row->buckets->count; i++)
		total += sum(metrics, cell + i);
	return total;
}

/* ---- the text ---- */

void
metrics_write_head(struct buf *out, const struct metric *metric)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};

	buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
	    metric->name, types[metric->type]);
}

static void
put_value(struct buf *out, int64_t value, int64_t per_unit)
{
	if (per_unit <= 1)
		buf_append_format(out, " %lld\n", (long long)value);
	else
		buf_append_format(out, " %.9g\n", (double)value / (double)per_unit);
}

void
metrics_write_sample(
    struct buf *out, const struct metric *metric, const char *labels, int64_t value)
{
	buf_append_text(out, metric->name);
	if (labels != NULL && labels[0] != '\0')
		buf_append_format(out, "{%s}", labels);
	put_value(out, value, metric->per_unit);
}

static void
write_bucket(
    struct buf *out, const struct metric *metric, const char *labels, size_t i, int64_t below)
{
	buf_append_format(
	    out, "%s_bucket{%s%s", metric->name, labels, labels[0] != '\0' ? "," : "");
	if (i == metric->buckets->count)
		buf_append_text(out, "le=\"+Inf\"}");
	else if (metric->per_unit <= 1)
		buf_append_format(out, "le=\"%lld\"}", (long long)metric->buckets->bounds[i]);
	else
		buf_append_format(out, "le=\"%.9g\"}",
		    (double)metric->buckets->bounds[i] / (double)metric->per_unit);
	put_value(out, below, 1);
}

static void
write_histogram(struct buf *out, const struct metrics *metrics, const struct metric *metric,
    size_t cell, const char *labels)
{
	const char *open = labels[0] != '\0' ? "{" : "";
	const char *close = labels[0] != '\0' ? "}" : "";
	int64_t below = 0;

	for (size_t i = 0; i <= metric->buckets->count; i++) {
		below += sum(metrics, cell + i);
		write_bucket(out, metric, labels, i, below);
	}
	buf_append_format(out, "%s_sum%s%s%s", metric->name, open, labels, close);
	put_value(out, sum(metrics, cell + metric->buckets->count + 1), metric->per_unit);
	buf_append_format(out, "%s_count%s%s%s", metric->name, open, labels, close);
	put_value(out, below, 1);
}

static void
write_series(struct buf *out, const struct metrics *metrics, int metric, size_t series)
{
	const struct metric *row = &metrics->table[metric];
	const size_t cell = cell_of(metrics, metric, series);
	DEFER(buf_clear_public) struct buf labels = {0};

	if (row->labels != NULL && row->labels->sparse &&
	    metrics_value(metrics, metric, series) == 0)
		return;
	if (row->labels != NULL)
		row->labels->append(&labels, series);
	if (row->type == METRIC_HISTOGRAM)
		write_histogram(out, metrics, row, cell, buf_text(&labels));
	else
		metrics_write_sample(out, row, buf_text(&labels), sum(metrics, cell));
}

void
metrics_write(const struct metrics *metrics, struct buf *out)
{
	if (metrics == NULL)
		return;
	for (size_t i = 0; i < metrics->count; i++) {
		const size_t count = series_count(&metrics->table[i]);

		metrics_write_head(out, &metrics->table[i]);
		for (size_t series = 0; series < count; series++)
			write_series(out, metrics, (int)i, series);
	}
}

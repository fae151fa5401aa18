/*
 * metrics: what a process counts about itself, in Prometheus' text format 0.0.4.
 *
 * A folder has a table of metrics and an enum of its rows; struct metrics holds their values. The
 * label values of a metric are a closed list, so its memory is fixed at start and nothing that a
 * client sends becomes a label. Counting takes no lock and no memory: one relaxed atomic addition
 * to a stripe of the processor that it runs on; a reader sums the stripes up.
 *
 * A NULL struct metrics counts nothing.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/defer.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* The series of one metric: one for each value of its labels. */
struct metric_labels {
	size_t (*count)(void);
	void (*append)(struct buf *out, size_t series); /* name="value"[,name="value"...] */
	bool sparse; /* many: those that never moved are left out */
};

struct metric_buckets {
	const int64_t *bounds; /* inclusive, rising */
	size_t count;          /* at most METRIC_BOUNDS_MAX */
};
#define METRIC_BOUNDS_MAX 16

struct metric {
	const char *name; /* with its unit, and _total when it only grows */
	enum metric_type type;
	int64_t per_unit;                     /* counted for each one shown; 0: 1 */
	const struct metric_labels *labels;   /* or NULL: one series */
	const struct metric_buckets *buckets; /* of a histogram */
	const char *help;
};

/* Bounds in microseconds for what is shown in seconds, from 100 us to 10 s; and powers of two. */
extern const struct metric_buckets METRIC_LATENCY_US;
extern const struct metric_buckets METRIC_SIZES;
#define METRIC_US_PER_S 1000000

struct metrics;
/* `table` is static. */
struct metrics *metrics_new(const struct metric *table, size_t count);
void metrics_free(struct metrics *metrics);
DEFER_DECLARE(struct metrics, metrics_free)

/* `metric` is a row of the table, `series` below its labels' count (0 without labels). Any thread.
 */
void metrics_add(struct metrics *metrics, int metric, size_t series, int64_t delta);
void metrics_observe(struct metrics *metrics, int metric, size_t series, int64_t value);
/* A gauge that is only ever set. */
void metrics_set(struct metrics *metrics, int metric, size_t series, int64_t value);
/* The sum so far; of a histogram, the number of its observations. */
int64_t metrics_value(const struct metrics *metrics, int metric, size_t series);

/* Appends all of them. What is counted meanwhile is in this text or in the next one. */
void metrics_write(const struct metrics *metrics, struct buf *out);

/* For what is looked up when asked: the head of a metric, then its series; `labels` as of
 * metric_labels.append, or NULL. */
void metrics_write_head(struct buf *out, const struct metric *metric);
void metrics_write_sample(
    struct buf *out, const struct metric *metric, const char *labels, int64_t value);

#endif

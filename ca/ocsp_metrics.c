#include "ca/ocsp_metrics.h"

static const struct {
	enum ocsp_status status;
	const char *name;
} RESPONSES[] = {
    {OCSP_SUCCESSFUL, "successful"},
    {OCSP_MALFORMED, "malformed_request"},
    {OCSP_INTERNAL, "internal_error"},
    {OCSP_TRY_LATER, "try_later"},
    {OCSP_UNAUTHORIZED, "unauthorized"},
};

enum said { SAID_GOOD, SAID_HELD, SAID_REVOKED, SAID_UNKNOWN, SAID_COUNT };
static const char *const STATUSES[SAID_COUNT] = {
    [SAID_GOOD] = "good",
    [SAID_HELD] = "held",
    [SAID_REVOKED] = "revoked",
    [SAID_UNKNOWN] = "unknown",
};

static size_t
response_count(void)
{
	return COUNT(RESPONSES);
}

static void
append_response(struct buf *out, size_t series)
{
	buf_append_format(out, "response=\"%s\"", RESPONSES[series].name);
}

static size_t
status_count(void)
{
	return SAID_COUNT;
}

static void
append_status(struct buf *out, size_t series)
{
	buf_append_format(out, "status=\"%s\"", STATUSES[series]);
}

/* clang-format off */
static const struct metric_labels BY_RESPONSE = {response_count, append_response, false};
static const struct metric_labels BY_STATUS = {status_count, append_status, false};

static const struct metric TABLE[] = {
	/*                  name                              type            per labels        buckets help */
	[OCSP_RESPONSES]  = {"moniker_ocsp_responses_total",  METRIC_COUNTER, 1, &BY_RESPONSE, NULL, "OCSP responses, by their status."},
	[OCSP_STATUSES]   = {"moniker_ocsp_statuses_total",   METRIC_COUNTER, 1, &BY_STATUS,   NULL, "Certificates that OCSP answered for, by what was said."},
	[OCSP_KEPT]       = {"moniker_ocsp_kept_total",       METRIC_COUNTER, 1, NULL,         NULL, "OCSP responses that were signed before."},
	[OCSP_SIGNATURES] = {"moniker_ocsp_signatures_total", METRIC_COUNTER, 1, NULL,         NULL, "OCSP responses that were signed."},
	[OCSP_ANSWERS]    = {"moniker_ocsp_answers",          METRIC_GAUGE,   1, NULL,         NULL, "Signed OCSP responses in memory."},
};
/* clang-format on */

struct metrics *
ocsp_metrics_new(void)
{
	return metrics_new(TABLE, COUNT(TABLE));
}

void
ocsp_metrics_responded(struct metrics *metrics, enum ocsp_status status)
{
	for (size_t i = 0; i < COUNT(RESPONSES); i++)
		if (RESPONSES[i].status == status)
			metrics_add(metrics, OCSP_RESPONSES, i, 1);
}

void
ocsp_metrics_said(struct metrics *metrics, const struct ocsp_single *single)
{
	static const enum said said[] = {
	    [OCSP_GOOD] = SAID_GOOD, [OCSP_REVOKED] = SAID_REVOKED, [OCSP_UNKNOWN] = SAID_UNKNOWN};
	const bool held = single->state == OCSP_REVOKED && single->reason == REASON_HOLD;

	metrics_add(metrics, OCSP_STATUSES, held ? SAID_HELD : said[single->state], 1);
}

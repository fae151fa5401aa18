/* ocsp_metrics: what the responder counts; docs/metrics.md says what it means. */
#ifndef CA_OCSP_METRICS_H
#define CA_OCSP_METRICS_H

#include "ca/ocsp.h"

struct metrics *ocsp_metrics_new(void);
void ocsp_metrics_responded(struct metrics *metrics, enum ocsp_status status);
void ocsp_metrics_said(struct metrics *metrics, const struct ocsp_single *single);

#endif

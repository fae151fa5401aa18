/*
 * epoch: the weeks of the unlinkable mode. Pure.
 *
 * Epoch 0 began on Monday, 1970-01-05, 00:00 UTC. All certificates of an epoch are valid from its
 * start to a day into the next, so that their validity tells nobody apart, and a device has a day
 * to change over. A day before it starts an epoch's certificates can be fetched.
 */
#ifndef PROVISIONING_EPOCH_H
#define PROVISIONING_EPOCH_H

#include "base/rng.h"
#include "ca/issue.h"

#define EPOCH_S (7 * DAY_S)
#define EPOCH_OVERLAP_S DAY_S
#define EPOCH_AHEAD_S DAY_S
#define EPOCH_LIVE_MAX 3 /* epochs that a device may hold certificates of at one time */

uint32_t epoch_at(int64_t at_s);
int64_t epoch_start_s(uint32_t epoch);
/* The oldest that certificates may be valid of; from there EPOCH_LIVE_MAX. */
uint32_t epoch_first_live(int64_t at_s);
void epoch_period(uint32_t epoch, int shard_count, struct issue_period *out);
/*
 * When a device of this epoch should ask for the next one: some hour, drawn each time, from a day
 * before that starts to noon of its first day. An hour of its own would be known again.
 */
int64_t epoch_renew_after_s(uint32_t epoch, const struct rng *rng);

#endif

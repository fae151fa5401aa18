#include "provisioning/epoch.h"

#define FIRST_MONDAY_S (4 * DAY_S)
#define HOUR_S INT64_C(3600)
#define RENEW_HOURS 36 /* from EPOCH_AHEAD_S before the next epoch on */

uint32_t
epoch_at(int64_t at_s)
{
	return (uint32_t)((at_s - FIRST_MONDAY_S) / EPOCH_S);
}

int64_t
epoch_start_s(uint32_t epoch)
{
	return FIRST_MONDAY_S + (int64_t)epoch * EPOCH_S;
}

uint32_t
epoch_first_live(int64_t at_s)
{
	return epoch_at(at_s) - 1;
}

void
epoch_period(uint32_t epoch, int shard_count, struct issue_period *out)
{
	*out = (struct issue_period){
	    .not_before_s = epoch_start_s(epoch),
	    .not_after_s = epoch_start_s(epoch + 1) + EPOCH_OVERLAP_S,
	    .shard = (int)(epoch % (uint32_t)shard_count),
	};
}

int64_t
epoch_renew_after_s(uint32_t epoch, const struct rng *rng)
{
	uint8_t random[4];
	uint32_t number = 0;

	rng_fill(rng, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		number = number << 8 | random[i];
	return epoch_start_s(epoch + 1) - EPOCH_AHEAD_S + (int64_t)(number % RENEW_HOURS) * HOUR_S;
}

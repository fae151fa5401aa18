#include "provisioning/shred_retention.h"

#include "ca/profile.h"

static bool
may_not_flush(const struct shred_retention *r)
{
	return !r->may_flush;
}

static bool
recycles(const struct shred_retention *r)
{
	return r->recycles;
}

static bool
has_statistics(const struct shred_retention *r)
{
	return r->statistics;
}

static bool
keeps_log(const struct shred_retention *r)
{
	return r->keeps_mib > 0;
}

static bool
has_slots(const struct shred_retention *r)
{
	return r->slots > 0;
}

static bool
has_standbys(const struct shred_retention *r)
{
	return r->standbys > 0;
}

static bool
left_some(const struct shred_retention *r)
{
	return r->left > 0;
}

static bool
backups_unknown(const struct shred_retention *r)
{
	return r->backup_days < 0;
}

static bool
archives_unsaid(const struct shred_retention *r)
{
	return r->archives && r->backup_days == 0;
}

/* clang-format off */
static const struct {
	bool (*applies)(const struct shred_retention *r);
	const char *reason;
} REASONS[] = {
	{backups_unknown, "nobody says how long its backups are kept: set [escrow] backup_days"},
	{archives_unsaid, "archive_mode is on, and [escrow] backup_days says that nothing is kept"},
	{may_not_flush,   "its owner may not drop the write-ahead log: deploy/postgres/shred.sql"},
	{recycles,        "wal_recycle is on: old files of the write-ahead log stay with what is in them"},
	{keeps_log,       "wal_keep_size is not 0: it keeps old write-ahead log"},
	{has_slots,       "a replication slot keeps old write-ahead log"},
	{has_standbys,    "a standby has a copy, with write-ahead log of its own"},
	{has_statistics,  "the column has statistics: ANALYZE copies keys into pg_statistic"},
	{left_some,       "the main database still has keys: moniker migrate --shred-url moves them"},
};
/* clang-format on */

const char *
shred_retention_reason(const struct shred_retention *retention, size_t i)
{
	for (size_t row = 0; row < COUNT(REASONS); row++)
		if (REASONS[row].applies(retention) && i-- == 0)
			return REASONS[row].reason;
	return NULL;
}

int64_t
shred_retention_s(const struct shred_retention *retention)
{
	return shred_retention_reason(retention, 0) != NULL ? SHRED_NO_BOUND
							    : retention->backup_days * DAY_S;
}

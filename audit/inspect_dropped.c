#include "audit/inspect_dropped.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/retention.h"
#include "base/mem.h"

void
inspect_dropped_clear(struct inspect_dropped *dropped)
{
	free(dropped->gaps);
	*dropped = (struct inspect_dropped){0};
}

void
inspect_dropped_add(struct inspect_dropped *dropped, int64_t first, int64_t last)
{
	const int64_t part = first / RETENTION_PART_LEAVES;

	if (dropped->count > 0 &&
	    dropped->gaps[dropped->count - 1].first / RETENTION_PART_LEAVES == part) {
		dropped->gaps[dropped->count - 1].last = last;
		return;
	}
	if (dropped->count == dropped->capacity) {
		dropped->capacity = dropped->capacity * 2 + 16;
		dropped->gaps =
		    xrealloc(dropped->gaps, dropped->capacity * sizeof dropped->gaps[0]);
	}
	dropped->gaps[dropped->count++] = (struct inspect_gap){first, last};
}

bool
inspect_is_prune(
    const struct leaf_view *leaf, const char *name, int64_t *out_first, int64_t *out_last)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "log:%.60s", name);
	return leaf->event == LEAF_LOG_PRUNE && !leaf->failure &&
	       bytes_equal(leaf->subject, bytes_of_text(subject)) &&
	       leaf_detail_number(leaf, "first", out_first) &&
	       leaf_detail_number(leaf, "last", out_last) && *out_first <= *out_last &&
	       *out_last < leaf->seq;
}

void
inspect_dropped_excuse(
    struct inspect_dropped *dropped, const struct leaf_view *leaf, const char *name)
{
	int64_t first, last;
	size_t kept = 0;

	if (dropped->count == 0 || !inspect_is_prune(leaf, name, &first, &last))
		return;
	for (size_t i = 0; i < dropped->count; i++)
		if (dropped->gaps[i].first < first || dropped->gaps[i].last > last)
			dropped->gaps[kept++] = dropped->gaps[i];
	dropped->count = kept;
}

void
inspect_dropped_put(const struct inspect_dropped *dropped, struct inspect_faults *faults)
{
	for (size_t i = 0; i < dropped->count; i++)
		inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_AUDIT_LEAF,
					       .seq = dropped->gaps[i].first,
					       .missing = true});
}

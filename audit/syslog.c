#include "audit/syslog.h"

#include "base/text.h"

#define FACILITY_LOG_AUDIT 13

int
syslog_severity(int64_t severity)
{
	static const int SEVERITIES[] = {6, 6, 5, 4, 3, 2, 1};

	return severity >= 1 && severity <= 6 ? SEVERITIES[severity] : SEVERITIES[0];
}

bool
syslog_frame(const char *origin, const char *node, uint64_t seq, struct bytes leaf, struct buf *out,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf message = {0};
	struct leaf_view view;
	char at[TIME_TEXT_LEN + 1];

	if (!leaf_parse(leaf, &view, err))
		return false;
	time_encode(at, view.sequenced_at_s);
	/* An event's name has at most 32 characters; origin and node have none that must be
	 * escaped (settings). */
	buf_append_format(&message,
	    "<%d>1 %s %s moniker - %.*s [moniker@32473 origin=\"%s\" seq=\"%llu\"] ",
	    FACILITY_LOG_AUDIT * 8 + syslog_severity(view.severity), at, node,
	    (int)view.event_name.len, (const char *)view.event_name.data, origin,
	    (unsigned long long)seq);
	buf_append(&message, leaf);
	buf_append_format(out, "%zu ", message.len);
	buf_append(out, buf_bytes(&message));
	return true;
}

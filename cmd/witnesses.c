#include "cmd/witnesses.h"

#include "base/file.h"

bool
witnesses_read(const struct settings *settings, struct tlog_policy *policy,
    struct publisher_witnesses *out, struct error *err)
{
	const char *missing = settings->audit_without_quorum;
	DEFER(buf_clear_public) struct buf text = {0};

	*out = (struct publisher_witnesses){.policy = policy,
	    .ca_file = settings->witness_ca_file[0] == '\0' ? NULL : settings->witness_ca_file,
	    .timeout_ms = settings->witness_timeout_ms,
	    .gap_ms = settings->witness_gap_ms,
	    .withhold = strcmp(missing, "withhold") == 0};
	if (!out->withhold && strcmp(missing, "publish") != 0)
		return error_set(
		    err, E_CONFIG_INVALID, "[audit] without_quorum is publish or withhold");
	return settings->audit_policy[0] == '\0' ||
	       (file_read(settings->audit_policy, TLOG_POLICY_MAX, &text, err) &&
		   tlog_policy_parse(buf_bytes(&text), policy, err));
}

#include "cmd/reload.h"

#include <stdio.h>

#include "audit/note.h"
#include "base/log.h"
#include "base/mem.h"

/* What is new, before any of it is taken up. */
struct fresh {
	struct settings settings;
	enum log_level level;
	struct tls_identity tls;
	int changes[SETTINGS_GROUP_COUNT]; /* keys */
	bool tls_changed, trust_changed;
	struct buf fixed; /* keys that need a restart */
};

static void
fresh_clear(struct fresh *fresh)
{
	settings_clear(&fresh->settings);
	tls_identity_clear(&fresh->tls);
	buf_clear_public(&fresh->fixed);
}
DEFER_DECLARE_CLEAR(struct fresh, fresh_clear)

/* Authorities are only ever added, and the CRL publisher takes them up, too: no harm when the rest
 * is refused. */
static bool
read_trust(const struct reload *reload, struct fresh *out, struct error *err)
{
	const int64_t before = issuers_version(reload->issuers);

	if (!issuers_reload(reload->issuers, reload->db, err))
		return false;
	out->trust_changed = issuers_version(reload->issuers) != before;
	return true;
}

static bool
read_tls(const struct reload *reload, struct fresh *out, struct error *err)
{
	struct tls_identity_options options = reload->tls_options;

	options.server_names = out->settings.server_names;
	if (!tls_identity_get(&options, &out->tls, err))
		return false;
	out->tls_changed = !bytes_equal(
	    buf_bytes(&out->tls.certificate_pem), buf_bytes(&reload->tls->certificate_pem));
	return true;
}

static bool
read_all(const struct reload *reload, struct fresh *out, struct error *err)
{
	if (!settings_read(reload->config_path, &out->settings, err) ||
	    !settings_log_level(&out->settings, &out->level, err))
		return false;
	settings_compare(reload->current, &out->settings, out->changes, NULL);
	/* Against what the process runs with, so that they are named until it is restarted. */
	settings_compare(
	    reload->started, &out->settings, (int[SETTINGS_GROUP_COUNT]){0}, &out->fixed);
	return read_trust(reload, out, err) && read_tls(reload, out, err);
}

static void
add_detail(struct leaf *leaf, size_t *count, const char *key, int changes)
{
	if (changes > 0)
		leaf->details[(*count)++] = (struct leaf_detail){.key = key, .number = changes};
}

/* Only what changes the service: a key that waits for a restart has changed nothing yet. That there
 * are more authorities is on record where they were made. */
static bool
record(const struct reload *reload, const struct fresh *fresh, struct error *err)
{
	struct leaf leaf;
	char actor[LEAF_VALUE_MAX + 1];
	size_t count = 0;

	(void)snprintf(actor, sizeof actor, "system:%.50s", reload->started->node);
	note_leaf(
	    &leaf, LEAF_CONFIG_CHANGE, actor, "", NULL, clock_now_s(reload->tls_options.clock));
	add_detail(&leaf, &count, "limits", fresh->changes[SETTINGS_LIMITS]);
	add_detail(&leaf, &count, "log", fresh->changes[SETTINGS_LOG]);
	add_detail(&leaf, &count, "tls", fresh->tls_changed);
	return count == 0 || note_record(reload->tls_options.ledger, &leaf, err);
}

/* Faulty information: whoever changed the file believes that it is in force. */
static void
record_fault(const struct reload *reload)
{
	const struct error fault = {.code = E_BAD_SYNTAX};
	struct leaf leaf;
	char actor[LEAF_VALUE_MAX + 1];
	struct error err = {0};

	(void)snprintf(actor, sizeof actor, "system:%.50s", reload->started->node);
	note_leaf(&leaf, LEAF_DATA_FAULT, actor, "configuration", &fault,
	    clock_now_s(reload->tls_options.clock));
	if (!note_record(reload->tls_options.ledger, &leaf, &err))
		log_error(LOG_LEVEL_WARNING, "service.reload_unrecorded", NULL, &err);
}

static void
say(struct fresh *fresh)
{
	log_info("service.reload",
	    "limits: %d changed, log: %d, TLS certificate: %s, authorities: %s",
	    fresh->changes[SETTINGS_LIMITS], fresh->changes[SETTINGS_LOG],
	    fresh->tls_changed ? "another" : "the same",
	    fresh->trust_changed ? "more" : "the same");
	if (fresh->fixed.len > 0)
		log_warning("service.restart_needed", "changed, and read at a start only: %s",
		    buf_text(&fresh->fixed));
}

bool
reload_run(struct reload *reload, struct error *err)
{
	DEFER(fresh_clear) struct fresh fresh = {0};

	if (!read_all(reload, &fresh, err)) {
		if (err->code == E_CONFIG_INVALID)
			record_fault(reload);
		return false;
	}
	if (!record(reload, &fresh, err))
		return false;
	/* The certificate last of what can fail, and first of what takes effect. */
	if (fresh.tls_changed &&
	    !server_set_certificate(reload->server, buf_text(&fresh.tls.certificate_pem),
		buf_text(&fresh.tls.key_pem), err))
		return false;
	log_set_level(fresh.level);
	limiter_set(reload->limiter, &fresh.settings.limits);
	say(&fresh);
	tls_identity_replace(reload->tls, &fresh.tls);
	settings_clear(reload->current);
	*reload->current = fresh.settings;
	fresh.settings = (struct settings){0};
	return true;
}

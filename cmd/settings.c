#include "cmd/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/file.h"
#include "base/mem.h"

#define AT(member) offsetof(struct settings, member)
#define LIMIT(class, member) AT(limits.of[LIMIT_##class].member)

/* clang-format off */
static const struct config_field FIELDS[] = {
	/* section    key                    type         where                         default           min max  help */
	{ "service",  "user",                CONFIG_TEXT, AT(user),                     "moniker",        0, 0, "unix user of the service, when started as root" },
	{ "service",  "keeper_user",         CONFIG_TEXT, AT(keeper_user),              "moniker-keeper", 0, 0, "unix user of the keeper, when started as root" },
	{ "service",  "node",                CONFIG_TEXT, AT(node),                     "node1",          0, 0, "name of this node in leases and in the name of its audit log" },
	{ "service",  "state_dir",           CONFIG_TEXT, AT(state_dir),                NULL,             0, 0, "folder of the service's TLS key and certificate, and of the spool" },
	{ "service",  "disk_min_mib",        CONFIG_INT,  AT(disk_min_mib),             "64",             0, 1048576, "MiB that must be free where the service writes; less is told" },
	{ "http",     "address",             CONFIG_TEXT, AT(address),                  "127.0.0.1",      0, 0, "address to listen on; :: for all" },
	{ "http",     "server_names",        CONFIG_TEXT, AT(server_names),             "localhost,127.0.0.1", 0, 0, "DNS names and addresses in the service's TLS certificate, comma-separated" },
	{ "http",     "public_http_url",     CONFIG_TEXT, AT(public_http_url),          NULL,             0, 0, "where anybody reaches http_port; burned into certificates by moniker init" },
	{ "http",     "port",                CONFIG_INT,  AT(port),                     "8443",           1, 65535, "TCP port of the API (TLS 1.3)" },
	{ "http",     "http_port",           CONFIG_INT,  AT(http_port),                "8080",           1, 65535, "TCP port for CRLs, OCSP and CA certificates (plain HTTP)" },
	{ "http",     "est_legacy_port",     CONFIG_INT,  AT(est_legacy_port),          "0",              0, 65535, "TCP port for EST clients that speak TLS 1.2 at most; 0: none" },
	{ "http",     "loops",               CONFIG_INT,  AT(loops),                    "0",              0, 64, "event loops; 0: one a processor" },
	{ "http",     "workers",             CONFIG_INT,  AT(workers),                  "256",            4, 1024, "threads that run requests: the largest group commit" },
	{ "http",     "connections_max",     CONFIG_INT,  AT(connections_max),          "4096",           16, 65536, "connections per event loop" },
	{ "http",     "connections_per_address_max", CONFIG_INT, AT(connections_per_address_max), "4096", 1, 65536, "connections per client address and event loop" },
	{ "http",     "drain_s",             CONFIG_INT,  AT(drain_s),                  "20",             1, 600, "seconds that requests in flight get at a stop" },
	{ "http",     "stream_s",            CONFIG_INT,  AT(stream_s),                 "3600",           10, 86400, "seconds until a stream of changes is ended" },
	{ "http",     "metrics_local",       CONFIG_BOOL, AT(metrics_local),            "yes",            0, 0, "whether /metrics needs no certificate from a loopback address; no behind a proxy on this host" },
	{ "http",     "tls_validity_min",    CONFIG_INT,  AT(tls_validity_min),         "0",              0, 129600, "minutes that the service's own certificate is valid; renewed at two thirds; 0: 90 days" },
	{ "http",     "ocsp_validity_min",   CONFIG_INT,  AT(ocsp_validity_min),        "0",              0, 10080, "minutes that the certificate of an OCSP responder is valid; renewed at half; 0: 7 days" },
	{ "status",   "fresh_min",           CONFIG_INT,  AT(status_fresh_min),         "1440",           5, 43200, "minutes that pages of changes, status set and trust bundle may be relied on" },
	{ "pseudonyms", "allowed",           CONFIG_BOOL, AT(pseudonyms_allowed),       "yes",            0, 0, "whether regulation lets batches be of the unlinkable mode; without it a batch that asks for it is refused, on record" },
	{ "pseudonyms", "tick_s",            CONFIG_INT,  AT(pseudonym_tick_s),         "300",            1, 86400, "seconds between the times at which all certificates of blocked devices of the unlinkable mode are revoked together; one more way to tell them apart the shorter it is" },
	{ "limits",   "address_per_s",         CONFIG_INT,  LIMIT(ADDRESS, per_s),       "20000",      0, BUCKETS_PER_S_MAX, "requests a second of one client address; IPv6: of a /64; 0: no limit" },
	{ "limits",   "address_burst",         CONFIG_INT,  LIMIT(ADDRESS, burst),       "40000",      1, BUCKETS_BURST_MAX, "that many at once" },
	{ "limits",   "station_per_s",         CONFIG_INT,  LIMIT(STATION, per_s),       "20000",      0, BUCKETS_PER_S_MAX, "requests a second of one station; each line of NDJSON is one; 0: no limit" },
	{ "limits",   "station_burst",         CONFIG_INT,  LIMIT(STATION, burst),       "40000",      1, BUCKETS_BURST_MAX, "that many at once" },
	{ "limits",   "verifier_per_s",        CONFIG_INT,  LIMIT(VERIFIER, per_s),      "20000",      0, BUCKETS_PER_S_MAX, "requests a second of one verifier; 0: no limit" },
	{ "limits",   "verifier_burst",        CONFIG_INT,  LIMIT(VERIFIER, burst),      "40000",      1, BUCKETS_BURST_MAX, "that many at once" },
	{ "limits",   "operator_per_s",        CONFIG_INT,  LIMIT(OPERATOR, per_s),      "200",        0, BUCKETS_PER_S_MAX, "requests a second of one person with other roles only; 0: no limit" },
	{ "limits",   "operator_burst",        CONFIG_INT,  LIMIT(OPERATOR, burst),      "2000",       1, BUCKETS_BURST_MAX, "that many at once" },
	{ "limits",   "evaluation_per_s",      CONFIG_INT,  LIMIT(EVALUATION, per_s),    "20",         0, BUCKETS_PER_S_MAX, "hardware tags a second that one caller makes blind; 0: no limit" },
	{ "limits",   "evaluation_burst",      CONFIG_INT,  LIMIT(EVALUATION, burst),    "256",        KEEPER_POINTS_MAX, BUCKETS_BURST_MAX, "that many at once" },
	{ "limits",   "device_per_s",          CONFIG_INT,  LIMIT(DEVICE, per_s),        "5",          0, BUCKETS_PER_S_MAX, "requests a second of one device; 0: no limit" },
	{ "limits",   "device_burst",          CONFIG_INT,  LIMIT(DEVICE, burst),        "100",        1, BUCKETS_BURST_MAX, "that many at once" },
	{ "limits",   "token_per_s",           CONFIG_INT,  LIMIT(TOKEN, per_s),         "5",          0, BUCKETS_PER_S_MAX, "enrollments a second with one token; 0: no limit" },
	{ "limits",   "token_burst",           CONFIG_INT,  LIMIT(TOKEN, burst),         "100",        1, BUCKETS_BURST_MAX, "that many at once" },
	{ "database", "url",                 CONFIG_TEXT, AT(database_url),             NULL,             0, 0, "libpq connection string of the role moniker_service; no password in it" },
	{ "database", "connections",         CONFIG_INT,  AT(database_connections),     "8",              2, 64, "connections for reading" },
	{ "keeper",   "dir",                 CONFIG_TEXT, AT(keeper_dir),               NULL,             0, 0, "folder of the keeper's keys, policy and journal, owned by keeper_user" },
	{ "keeper",   "passphrase_file",     CONFIG_TEXT, AT(passphrase_file),          "",               0, 0, "file with the keyring's passphrase, mode 0400; empty: systemd credential `passphrase`, or the terminal" },
	{ "escrow",   "shred_url",           CONFIG_TEXT, AT(shred_url),                "",               0, 0, "libpq connection string of the shred keys' database, best in a cluster of its own whose backups are short-lived; empty: [database] url" },
	{ "escrow",   "backup_days",         CONFIG_INT,  AT(backup_days),              "-1",             -1, 36500, "days that backups and archived write-ahead log of the shred keys' cluster are kept, for `moniker doctor`; 0: there are none; -1: not said" },
	{ "audit",    "dir",                 CONFIG_TEXT, AT(audit_dir),                NULL,             0, 0, "folder of the published logs, one folder each" },
	{ "audit",    "name",                CONFIG_TEXT, AT(audit_name),               NULL,             0, 0, "first part of the logs' origin, a name that you own" },
	{ "audit",    "policy",              CONFIG_TEXT, AT(audit_policy),             "",               0, 0, "file with the witnesses of the log and their quorum (C2SP tlog-policy); empty: no witnesses" },
	{ "audit",    "without_quorum",      CONFIG_TEXT, AT(audit_without_quorum),     "publish",        0, 0, "what becomes of a checkpoint that no quorum cosigns: publish or withhold" },
	{ "audit",    "witness_ca_file",     CONFIG_TEXT, AT(witness_ca_file),          "",               0, 0, "trust anchors of the witnesses' https addresses, PEM; empty: the system's" },
	{ "audit",    "witness_timeout_ms",  CONFIG_INT,  AT(witness_timeout_ms),       "2000",           100, 30000, "milliseconds that witnesses get for one checkpoint" },
	{ "audit",    "witness_gap_ms",      CONFIG_INT,  AT(witness_gap_ms),           "1000",           80, 30000, "milliseconds between two checkpoints at least, where there are witnesses" },
	{ "audit",    "export_keep_h",       CONFIG_INT,  AT(export_keep_h),            "72",             1, 8760, "hours that a finished export of a log is kept" },
	{ "audit",    "export_max_mib",      CONFIG_INT,  AT(export_max_mib),           "4096",           1, 8191, "MiB that one export may have; twice that is needed while it is made" },
	{ "audit",    "inspect_per_s",       CONFIG_INT,  AT(inspect_per_s),            "500",            0, 100000, "leaves a second at which stored rows and published files are held against the log, in the background; 0: not at all" },
	{ "audit",    "inspect_rest_s",      CONFIG_INT,  AT(inspect_rest_s),           "3600",           1, 31536000, "seconds from the end of such a pass to the next one's beginning" },
	{ "syslog",   "host",                CONFIG_TEXT, AT(syslog_host),              "",               0, 0, "where the log is forwarded to, RFC 5424 over TLS; empty: nowhere" },
	{ "syslog",   "port",                CONFIG_INT,  AT(syslog_port),              "6514",           1, 65535, "its port" },
	{ "syslog",   "name",                CONFIG_TEXT, AT(syslog_name),              "",               0, 0, "name or address in its certificate; empty: host" },
	{ "syslog",   "ca_file",             CONFIG_TEXT, AT(syslog_ca_file),           "",               0, 0, "its trust anchors, PEM; empty: the system's" },
	{ "syslog",   "certificate_file",    CONFIG_TEXT, AT(syslog_certificate_file),  "",               0, 0, "our certificate for it, PEM chain; empty: none" },
	{ "syslog",   "key_file",            CONFIG_TEXT, AT(syslog_key_file),          "",               0, 0, "the key of our certificate, PEM" },
	{ "log",      "level",               CONFIG_TEXT, AT(log_level),                "info",           0, 0, "error, warning, info or debug" },
};
/* clang-format on */

bool
settings_read(const char *path, struct settings *out, struct error *err)
{
	return config_read(path, FIELDS, COUNT(FIELDS), out, err);
}

bool
settings_log_level(const struct settings *settings, enum log_level *out, struct error *err)
{
	return log_level_of(settings->log_level, out) ||
	       error_set(err, E_CONFIG_INVALID, "log level is error, warning, info or debug");
}

/* ---- what a reload may change ---- */

static const struct {
	const char *section;
	const char *key; /* NULL: all of the section */
	enum settings_group group;
} RELOADED[] = {
    {"limits", NULL, SETTINGS_LIMITS},
    {"log", "level", SETTINGS_LOG},
    {"http", "server_names", SETTINGS_TLS},
};

static enum settings_group
group_of(const struct config_field *field)
{
	for (size_t i = 0; i < COUNT(RELOADED); i++)
		if (strcmp(RELOADED[i].section, field->section) == 0 &&
		    (RELOADED[i].key == NULL || strcmp(RELOADED[i].key, field->key) == 0))
			return RELOADED[i].group;
	return SETTINGS_FIXED;
}

static bool
is_same(const struct config_field *field, const void *before, const void *after)
{
	const void *a = (const char *)before + field->offset;
	const void *b = (const char *)after + field->offset;

	switch (field->type) {
	case CONFIG_INT: return *(const int64_t *)a == *(const int64_t *)b;
	case CONFIG_BOOL: return *(const bool *)a == *(const bool *)b;
	case CONFIG_TEXT: return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	}
	return false;
}

void
settings_compare(const struct settings *before, const struct settings *after,
    int out_changes[static SETTINGS_GROUP_COUNT], struct buf *out_fixed)
{
	for (size_t i = 0; i < COUNT(FIELDS); i++) {
		const struct config_field *field = &FIELDS[i];
		const enum settings_group group = group_of(field);

		if (is_same(field, before, after))
			continue;
		out_changes[group]++;
		if (group == SETTINGS_FIXED && out_fixed != NULL)
			buf_append_format(out_fixed, "%s[%s] %s", out_fixed->len > 0 ? ", " : "",
			    field->section, field->key);
	}
}

void
settings_clear(struct settings *settings)
{
	config_clear(FIELDS, COUNT(FIELDS), settings);
}

void
settings_print(void)
{
	const char *section = "";

	for (size_t i = 0; i < COUNT(FIELDS); i++) {
		const struct config_field *field = &FIELDS[i];

		if (strcmp(section, field->section) != 0)
			printf("%s[%s]\n", i == 0 ? "" : "\n", field->section);
		section = field->section;
		printf("; %s\n", field->unit_and_help);
		if (field->default_value == NULL)
			printf("%s =              ; required\n", field->key);
		else
			printf("; %s = %s\n", field->key, field->default_value);
	}
}

char *
settings_path(const char *dir, const char *name)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "%s/%s", dir, name);
	return xstrdup(buf_text(&path));
}

bool
settings_log_name(
    const struct settings *settings, char out[static LOG_NAME_MAX + 1], struct error *err)
{
	DEFER(mem_free) char *path = settings_path(settings->keeper_dir, "log");
	DEFER(buf_clear_public) struct buf text = {0};

	if (!file_read(path, LOG_NAME_MAX + 1, &text, err))
		return false;
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		buf_truncate(&text, text.len - 1);
	if (text.len == 0 || text.len > LOG_NAME_MAX)
		return error_set(err, E_CONFIG_INVALID, "%s does not name a log", path);
	(void)snprintf(out, LOG_NAME_MAX + 1, "%s", buf_text(&text));
	return true;
}

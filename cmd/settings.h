/* settings: moniker.conf, one table of keys; docs/man/moniker.conf.5 describes each. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include <stdint.h>

#include "api/limits.h"
#include "base/buf.h"
#include "base/defer.h"
#include "base/error.h"
#include "base/log.h"

struct settings {
	/* [service] */
	char *user;           /* uid of the service, when started as root */
	char *keeper_user;    /* uid of the keeper */
	char *node;           /* this node's name in logs and leases */
	char *state_dir;      /* the service's own files: TLS key and certificate, spool */
	int64_t disk_min_mib; /* free, in state_dir and audit_dir */
	/* [http] */
	char *address;
	char *server_names;    /* DNS names and IP addresses of the service's certificate,
				  comma-separated */
	char *public_http_url; /* burned into certificates: CRLs and CA certificates */
	int64_t port, http_port;
	int64_t est_legacy_port; /* 0: none */
	int64_t loops, workers, connections_max, connections_per_address_max;
	int64_t drain_s;
	int64_t stream_s;
	int64_t ocsp_validity_min; /* of a responder's certificate; 0: the profile's 7 days */
	int64_t status_fresh_min;
	int64_t tls_validity_min; /* of the service's certificate; 0: the profile's 90 days */
	bool metrics_local;
	/* [pseudonyms] */
	bool pseudonyms_allowed;
	int64_t pseudonym_tick_s;
	/* [limits] */
	struct limits limits;
	/* [database] */
	char *database_url;
	int64_t database_connections;
	/* [keeper] */
	char *keeper_dir;
	char *passphrase_file; /* "": a systemd credential named "passphrase", or the terminal */
	/* [escrow] */
	char *shred_url;     /* "": the keys' table is in [database] url */
	int64_t backup_days; /* of the keys' cluster; -1: not said */
	/* [audit] */
	char *audit_dir;
	char *audit_name; /* first part of the log's origin */
	/* [syslog] */
	char *syslog_host, *syslog_name, *syslog_ca_file, *syslog_certificate_file,
	    *syslog_key_file;
	int64_t syslog_port;
	/* [audit], too */
	char *audit_policy;         /* file; "": no witnesses */
	char *audit_without_quorum; /* "publish" or "withhold" */
	char *witness_ca_file;      /* "": the system's */
	int64_t witness_timeout_ms, witness_gap_ms;
	int64_t export_keep_h, export_max_mib;
	int64_t inspect_per_s, inspect_rest_s; /* per_s 0: no inspection */
	/* [log] */
	char *log_level;
};

/* E_FILE_FAILED, E_CONFIG_INVALID */
MUST_CHECK bool settings_read(const char *path, struct settings *out, struct error *err);
void settings_clear(struct settings *settings);
DEFER_DECLARE_CLEAR(struct settings, settings_clear)
/* Every key with its default and help, for --help-config and the man page's test. */
void settings_print(void);

/* E_CONFIG_INVALID: there is no such level */
MUST_CHECK bool settings_log_level(
    const struct settings *settings, enum log_level *out, struct error *err);

/* Which keys take effect when the service reloads, and which at a start only. */
enum settings_group {
	SETTINGS_FIXED,
	SETTINGS_LIMITS,
	SETTINGS_LOG,
	SETTINGS_TLS,
	SETTINGS_GROUP_COUNT
};
/* Counts the keys of each group that differ; `out_fixed`, or NULL, gets the names of those that
 * are fixed: "[http] port, [audit] name". */
void settings_compare(const struct settings *before, const struct settings *after,
    int out_changes[static SETTINGS_GROUP_COUNT], struct buf *out_fixed);

/* "<keeper_dir>/<name>"; the caller frees. */
char *settings_path(const char *dir, const char *name);

#define LOG_NAME_MAX 64
/* The open log's name, from <keeper_dir>/log. E_FILE_FAILED: `moniker init` has not run */
MUST_CHECK bool settings_log_name(
    const struct settings *settings, char out[static LOG_NAME_MAX + 1], struct error *err);

#endif

/*
 * cli: what the subcommands of `moniker` share: options, output, the API as a caller.
 *
 * Exit codes: 0 done, 1 refused or failed, 2 usage; `verify` has its own (see its help).
 */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json_in.h"
#include "cmd/http_client.h"

#define EXIT_USAGE 2

struct subcommand {
	const char *name;                  /* "operator" */
	const char *summary;               /* one line */
	const char *help;                  /* the whole text */
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand */
};

extern const struct subcommand INIT_COMMAND, MIGRATE_COMMAND, CA_COMMAND, OPERATOR_COMMAND,
    BATCH_COMMAND, TOKEN_COMMAND, MANIFEST_COMMAND, TAG_COMMAND, ENROLL_COMMAND, RENEW_COMMAND,
    ROTATE_COMMAND, VERIFY_COMMAND, REVOKE_COMMAND, AUDIT_COMMAND, LOG_COMMAND, WITNESS_COMMAND,
    BUNDLE_COMMAND, COMPLETION_COMMAND, SEAT_COMMAND, DISCLOSE_COMMAND, ERASE_COMMAND,
    DOCTOR_COMMAND, RESTORE_COMMAND;
/* All of them, in the order of --help. */
const struct subcommand *const *cli_commands(size_t *out_count);
/* The options of every command that calls the service, as --help prints them. */
extern const char CLI_API_HELP[];

/* Prints the error (and, with json, a JSON object on stdout); returns `exit_code`. */
int cli_fail(const struct error *err, bool json, int exit_code);
int cli_usage(const struct subcommand *command, const char *what);

/* The options of every subcommand that calls the API. Empty members are filled from the
 * environment. */
struct cli_api {
	const char *url;         /* MONIKER_URL */
	const char *ca_file;     /* MONIKER_CACERT */
	const char *certificate; /* MONIKER_<ROLE>_CERT */
	const char *key;         /* MONIKER_<ROLE>_KEY */
};
/* `role` in capitals, or NULL for a caller without a certificate. E_INCOMPLETE says what to give */
MUST_CHECK bool cli_api_open(
    const struct cli_api *api, const char *role, struct http_client **out, struct error *err);

/* What cli_api_open() takes; NULL: neither given nor in the environment. */
const char *cli_api_ca_file(const struct cli_api *api);
const char *cli_api_certificate(const struct cli_api *api, const char *role);

/*
 * One call with a JSON body (stolen; or NULL). On 2xx *out_document is the answer; otherwise the
 * problem's code and detail are the error, and the problem itself goes to *out_document, if any.
 */
MUST_CHECK bool cli_call(struct http_client *client, const char *method, const char *path,
    json_t *body, json_t **out_document, struct error *err);
void cli_print_json(const json_t *document);
/* Whose variables (MONIKER_LEGAL_CERT, ...) a person of one of the two roles has: "legal", or any
 * other text or NULL for an officer. */
const char *cli_role(const char *role);
/* Text member of an object, or "-". */
const char *cli_text(const json_t *object, const char *name);

/* A file with a certificate, PEM or DER, as a JSON string in PEM. E_FILE_FAILED, E_BAD_SYNTAX */
MUST_CHECK bool cli_read_certificate(const char *path, json_t **out, struct error *err);

/* A new P-256 key and a CSR for it. The key is written to `path` with mode 0600, or read if it is
 * there. */
MUST_CHECK bool cli_make_csr(const char *key_path, struct buf *out_csr_pem, struct error *err);
/* Whether the first certificate of a PEM file is of this key. False, too: one of them is not there.
 */
bool cli_key_fits(const char *key_path, const char *certificate_path);

#endif

/* moniker witness: cosigns the checkpoints of logs that it knows (C2SP tlog-witness). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "api/server_small.h"
#include "audit/witness.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/process_lock.h"
#include "cmd/settings.h"

#define KEY_FILE_MAX 128
#define PEM_MAX 65536
#define THREADS 4
#define CONNECTIONS_MAX 256
#define CONNECTIONS_PER_ADDRESS_MAX 64
#define IDLE_S 15

struct witness_command {
	const char *dir, *name, *policy, *address, *port, *tls_certificate, *tls_key;
	struct note_key key;
	struct secret *seed;
	struct tlog_policy logs;
	struct clock clock;
	struct witness *witness;
};

static void
command_clear(struct witness_command *command)
{
	witness_free(command->witness);
	secret_free(command->seed);
}
DEFER_DECLARE_CLEAR(struct witness_command, command_clear)

/* ---- its key: "<dir>/key", the seed in hex, and "<dir>/vkey" ---- */

static bool
write_key(const char *path, const uint8_t *seed, struct error *err)
{
	char hex[2 * NOTE_SEED_BYTES + 1];
	bool written;

	hex_encode(hex, bytes_of(seed, NOTE_SEED_BYTES));
	written = file_write(path, bytes_of(hex, sizeof hex - 1), 0600, err);
	sodium_memzero(hex, sizeof hex);
	return written;
}

static bool
make_key(const struct witness_command *command, struct buf *out_vkey, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(command->dir, "key");
	DEFER(mem_free) char *vkey_path = settings_path(command->dir, "vkey");
	uint8_t seed[NOTE_SEED_BYTES], public_key[NOTE_PUBLIC_BYTES];
	uint8_t private_key[crypto_sign_SECRETKEYBYTES];
	struct note_key key;
	struct stat status;
	bool made;

	if (lstat(path, &status) == 0)
		return error_set(
		    err, E_STATE_CONFLICT, "%s is there: this witness has a key", path);
	randombytes_buf(seed, sizeof seed);
	(void)crypto_sign_seed_keypair(public_key, private_key, seed);
	sodium_memzero(private_key, sizeof private_key);
	made = note_cosigner_init(&key, command->name, public_key, err) &&
	       file_make_dir(command->dir, 0700, err) && write_key(path, seed, err);
	sodium_memzero(seed, sizeof seed);
	if (!made)
		return false;
	note_key_encode(&key, out_vkey);
	buf_append_u8(out_vkey, '\n');
	return file_write(vkey_path, buf_bytes(out_vkey), 0644, err);
}

static int
init_command(const struct witness_command *command)
{
	DEFER(buf_clear_public) struct buf vkey = {0};
	struct error err = {0};

	if (!make_key(command, &vkey, &err))
		return cli_fail(&err, false, EXIT_FAILURE);
	(void)fputs(buf_text(&vkey), stdout);
	return EXIT_SUCCESS;
}

/* The seed alone is the key; the name comes from the file beside it, and both have to fit. */
static bool
read_key(struct witness_command *command, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(command->dir, "key");
	DEFER(mem_free) char *vkey_path = settings_path(command->dir, "vkey");
	DEFER(secret_free) struct secret *hex = NULL;
	DEFER(buf_clear_public) struct buf vkey = {0};
	uint8_t seed[NOTE_SEED_BYTES], public_key[NOTE_PUBLIC_BYTES];
	uint8_t private_key[crypto_sign_SECRETKEYBYTES];

	if (!secret_read_file(path, &hex, err) ||
	    !file_read(vkey_path, NOTE_NAME_MAX + KEY_FILE_MAX, &vkey, err))
		return false;
	if (vkey.len > 0 && vkey.data[vkey.len - 1] == '\n')
		buf_truncate(&vkey, vkey.len - 1);
	if (!hex_decode(secret_bytes(hex), seed, sizeof seed))
		return error_set(err, E_BAD_SYNTAX, "%s is no key of a witness", path);
	(void)crypto_sign_seed_keypair(public_key, private_key, seed);
	command->seed = secret_new(bytes_of(seed, sizeof seed));
	sodium_memzero(private_key, sizeof private_key);
	sodium_memzero(seed, sizeof seed);
	return note_cosigner_parse(buf_bytes(&vkey), &command->key, err) &&
	       (memcmp(public_key, command->key.public_key, sizeof public_key) == 0 ||
		   error_set(err, E_BAD_SYNTAX, "%s is not the key of %s", vkey_path, path));
}

/* ---- serving ---- */

static void
answer(void *context, const struct small_request *request, struct small_response *out)
{
	static const char PATH[] = "/add-checkpoint";
	struct witness_answer answer = {0};

	if (strcmp(request->path, PATH) != 0 || strcmp(request->method, "POST") != 0) {
		out->status = strcmp(request->path, PATH) != 0 ? 404 : 405;
		out->content_type = "text/plain";
		buf_append_text(&out->body, "a witness takes POST /add-checkpoint\n");
		return;
	}
	witness_add_checkpoint(context, request->body, &answer);
	out->status = answer.status;
	out->content_type = answer.content_type;
	out->body = answer.body; /* handed over */
}

static bool
read_policy(struct witness_command *command, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	if (!file_read(command->policy, TLOG_POLICY_MAX, &text, err) ||
	    !tlog_policy_parse(buf_bytes(&text), &command->logs, err))
		return false;
	return command->logs.log_count > 0 ||
	       error_set(err, E_INCOMPLETE, "%s names no log", command->policy);
}

static bool
take_port(const char *text, int *out)
{
	char *end = NULL;
	const long port = strtol(text, &end, 10);

	*out = (int)port;
	return text[0] != '\0' && *end == '\0' && port >= 0 && port <= 65535;
}

static bool
listen_here(struct witness_command *command, int port, struct small_server **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf certificate = {0};
	DEFER(buf_clear) struct buf key = {0};
	const bool tls = command->tls_certificate != NULL;

	if (tls && (!file_read(command->tls_certificate, PEM_MAX, &certificate, err) ||
		       !file_read(command->tls_key, PEM_MAX, &key, err)))
		return false;
	return small_server_new(
	    &(struct small_options){
		.address = command->address,
		.port = port,
		.body_max = WITNESS_REQUEST_MAX,
		.threads = THREADS,
		.connections_max = CONNECTIONS_MAX,
		.connections_per_address_max = CONNECTIONS_PER_ADDRESS_MAX,
		.idle_s = IDLE_S,
		.certificate_pem = tls ? buf_text(&certificate) : NULL,
		.key_pem = tls ? buf_text(&key) : NULL,
		.context = command->witness,
		.answer = answer,
	    },
	    out, err);
}

/* Blocked before there are threads, so that only sigwait() takes them. */
static void
block_signals(sigset_t *out)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(out);
	(void)sigaddset(out, SIGTERM);
	(void)sigaddset(out, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, out, NULL);
}

static bool
open_witness(struct witness_command *command, struct error *err)
{
	DEFER(mem_free) char *state = settings_path(command->dir, "state");

	command->clock = clock_system();
	return read_policy(command, err) && read_key(command, err) &&
	       process_lock_take(command->dir, err) &&
	       witness_new(&(struct witness_options){.dir = state,
			       .policy = &command->logs,
			       .key = &command->key,
			       .seed = command->seed,
			       .clock = &command->clock},
		   &command->witness, err);
}

static int
run_command(struct witness_command *command, int port)
{
	DEFER(small_server_free) struct small_server *server = NULL;
	struct error err = {0};
	sigset_t signals;
	int got = 0;

	block_signals(&signals);
	if (!open_witness(command, &err) || !listen_here(command, port, &server, &err))
		return cli_fail(&err, false, EXIT_FAILURE);
	log_info("witness.start", "%s knows %zu logs, on port %d", command->key.name,
	    command->logs.log_count, small_server_port(server));
	(void)sigwait(&signals, &got);
	log_info("witness.stop", "stopping");
	return EXIT_SUCCESS;
}

static int
witness_command(int argc, char **argv)
{
	DEFER(command_clear)
	struct witness_command command = {.address = "127.0.0.1", .port = "8480"};
	const struct option_row rows[] = {{"--dir", OPTION_TEXT, &command.dir},
	    {"--name", OPTION_TEXT, &command.name}, {"--policy", OPTION_TEXT, &command.policy},
	    {"--address", OPTION_TEXT, &command.address}, {"--port", OPTION_TEXT, &command.port},
	    {"--tls-cert", OPTION_TEXT, &command.tls_certificate},
	    {"--tls-key", OPTION_TEXT, &command.tls_key}};
	const char *bad = NULL;
	int words = 0, port = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&WITNESS_COMMAND, bad);
	if (words != 1 || command.dir == NULL)
		return cli_usage(&WITNESS_COMMAND, "say init or run, and --dir");
	if (strcmp(argv[1], "init") == 0 && command.name != NULL)
		return init_command(&command);
	if (strcmp(argv[1], "run") != 0 || command.policy == NULL)
		return cli_usage(&WITNESS_COMMAND, "say init with --name, or run with --policy");
	if (!take_port(command.port, &port))
		return cli_usage(&WITNESS_COMMAND, "--port is 0 to 65535");
	if ((command.tls_certificate == NULL) != (command.tls_key == NULL))
		return cli_usage(&WITNESS_COMMAND, "--tls-cert and --tls-key go together");
	return run_command(&command, port);
}

const struct subcommand WITNESS_COMMAND = {"witness", "cosign the checkpoints of logs",
    "usage: moniker witness init --dir DIR --name NAME\n"
    "       moniker witness run --dir DIR --policy FILE [--address IP] [--port N]\n"
    "                           [--tls-cert FILE --tls-key FILE]\n"
    "\n"
    "init  makes the witness's key in DIR and prints its verifier key, for policy files.\n"
    "run   answers POST /add-checkpoint (C2SP tlog-witness) until it is told to stop: verifies "
    "that a\n"
    "      checkpoint is the log's and continues the last one that was cosigned, keeps it in "
    "DIR,\n"
    "      and answers with a cosignature.\n"
    "\n"
    "  --dir DIR         key and state; on a host that the log's operator does not rule\n"
    "  --name NAME       a name that you own, such as witness.example/w1\n"
    "  --policy FILE     the logs that it knows: log VKEY a line\n"
    "  --address IP      default 127.0.0.1\n"
    "  --port N          default 8480; 0: any that is free\n"
    "  --tls-cert FILE   PEM, with its chain, for TLS 1.3; else plain HTTP, for a proxy before it\n"
    "  --tls-key FILE    its key\n"
    "\n"
    "Exit status: 0 done or stopped, 1 refused or failed, 2 usage.\n",
    witness_command};

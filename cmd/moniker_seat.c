/* moniker seat: the officers' seats: who can open escrow, by two roles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "cmd/seat_file.h"
#include "cmd/seat_handover.h"
#include "provisioning/seats.h"

struct seat_options {
	struct cli_api api;
	const char *role, *number, *out, *passphrase_file, *kdf_memory, *database_url, *ring;
	const char *package, *to, *after;
	struct option_values seats;
	bool yes, json;
};

static struct db *
open_database(const struct seat_options *options)
{
	return db_new(&(struct db_options){.url = options->database_url,
	    .application = "moniker seat",
	    .connections_max = 2,
	    .wait_ms = 5000});
}

/* ---- new: on the officer's own machine ---- */

static bool
read_place(const struct seat_options *options, enum seat_role *role, int *number, struct error *err)
{
	char *end = NULL;
	const long value = strtol(options->number, &end, 10);

	if (!seat_role_of(bytes_of_text(options->role), role))
		return error_set(err, E_BAD_SYNTAX, "--role is legal or officer");
	if (*options->number == '\0' || *end != '\0' || value < 1 || value > SEAT_NUMBER_MAX)
		return error_set(err, E_BAD_SYNTAX, "--number is 1 to %d", SEAT_NUMBER_MAX);
	*number = (int)value;
	return true;
}

static bool
read_cost(const struct seat_options *options, struct keyring_cost *out, struct error *err)
{
	*out = KEYRING_COST_DEFAULT;
	if (options->kdf_memory == NULL)
		return true;
	out->memory_kib = (uint32_t)strtoul(options->kdf_memory, NULL, 10) * 1024;
	return (out->memory_kib >= 8192 && out->memory_kib <= 1048576) ||
	       error_set(err, E_CONFIG_INVALID, "--kdf-memory-mib is 8 to 1024");
}

static int
new_command(const struct seat_options *options)
{
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(buf_clear_public) struct buf line = {0};
	struct error err = {0};
	enum seat_role role = SEAT_LEGAL;
	struct seat seat;
	struct keyring_cost cost;
	int number = 0;

	if (!read_place(options, &role, &number, &err) || !read_cost(options, &cost, &err) ||
	    !passphrase_read(options->passphrase_file,
		"Passphrase for the new seat's key: ", &passphrase, &err) ||
	    !seat_file_make(options->out, role, number, passphrase, cost, &seat, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	seat_encode(&seat, &line);
	(void)fputs(buf_text(&line), stdout);
	return EXIT_SUCCESS;
}

/* ---- publish and list: on the host ---- */

static void
show_set(const struct seat_set *set, FILE *out)
{
	DEFER(buf_clear_public) struct buf text = {0};

	seat_set_encode(set, &text);
	(void)fputs(buf_text(&text), out);
}

static bool
confirmed(const char *question)
{
	char answer[16] = "";

	(void)fprintf(stderr, "%s Type yes: ", question);
	return fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

static bool
read_seats(
    const struct seat_options *options, uint32_t number, struct seat_set *out, struct error *err)
{
	struct seat seats[SEAT_SET_MAX];

	if (options->seats.count > SEAT_SET_MAX)
		return error_set(err, E_TOO_LARGE, "more than %d seats", SEAT_SET_MAX);
	for (size_t i = 0; i < options->seats.count; i++)
		if (!seat_file_read_public(options->seats.at[i], &seats[i], err))
			return false;
	return seat_set_make(number, seats, options->seats.count, out, err);
}

static bool
sign(const struct seat_options *options, struct db *db, struct tx *tx, const struct seat_set *set,
    struct error *err)
{
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(keyring_free) struct keyring *ring = NULL;
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();

	return issuers_load(db, "", &issuers, err) &&
	       passphrase_read(options->passphrase_file,
		   "Passphrase of the roots' keyring: ", &passphrase, err) &&
	       keyring_read(options->ring, passphrase, &ring, err) &&
	       seats_publish(tx, issuers_active(issuers, ISSUER_OPERATIONS_ROOT), ring, set,
		   clock_now_s(&clock), &rng, err);
}

static bool
publish(const struct seat_options *options, struct seat_set *set, struct error *err)
{
	DEFER(db_free) struct db *db = open_database(options);
	DEFER(tx_free) struct tx *tx = NULL;
	uint32_t last = 0;

	if (!tx_begin(db, &tx, err) || !seats_last_number(tx, &last, err) ||
	    !read_seats(options, last + 1, set, err))
		return false;
	show_set(set, stderr);
	if (!options->yes && !confirmed("Sign this seat set?"))
		return error_set(err, E_STATE_CONFLICT, "not confirmed: nothing was signed");
	return sign(options, db, tx, set, err) && tx_commit(&tx, err);
}

static int
publish_command(const struct seat_options *options)
{
	struct seat_set set = {0};
	struct error err = {0};

	if (!publish(options, &set, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"number\":%u,\"seats\":%zu}\n", (unsigned)set.number, set.count);
	else
		printf("Seat set %u is published; services take it up within a minute.\n",
		    (unsigned)set.number);
	return EXIT_SUCCESS;
}

/* The newest set, also when it is out of force. */
static int
list_command(const struct seat_options *options)
{
	DEFER(db_free) struct db *db = open_database(options);
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(seats_free) struct seats *seats = NULL;
	struct seat_set set = {0};
	struct error err = {0};
	uint32_t lost = 0;

	if (!issuers_load(db, "", &issuers, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	seats = seats_new(db, issuers);
	if (!seats_reload(seats, &err) ||
	    (!seats_look(seats, &set, &lost) &&
		!error_set(&err, E_NOT_FOUND, "no seat set has been published")))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	show_set(&set, stdout);
	for (size_t i = 0; i < set.count; i++)
		if (lost >> i & 1)
			printf("lost: %s %d\n", seat_role_name(set.seats[i].role),
			    set.seats[i].number);
	return EXIT_SUCCESS;
}

/* ---- lose: on the host ---- */

static bool
lose(const struct seat_options *options, enum seat_role role, int number, int *out_left,
    struct error *err)
{
	DEFER(db_free) struct db *db = open_database(options);
	DEFER(tx_free) struct tx *tx = NULL;
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();

	if (!options->yes && !confirmed("Is this seat's key lost, for ever?"))
		return error_set(err, E_STATE_CONFLICT, "not confirmed: nothing was changed");
	return tx_begin(db, &tx, err) &&
	       seats_lose(tx, role, number, clock_now_s(&clock), &rng, out_left, err) &&
	       tx_commit(&tx, err);
}

static int
lose_command(const struct seat_options *options)
{
	struct error err = {0};
	enum seat_role role = SEAT_LEGAL;
	int number = 0, left = 0;

	if (!read_place(options, &role, &number, &err) || !lose(options, role, number, &left, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"role\":\"%s\",\"seat\":%d,\"left\":%d}\n", seat_role_name(role), number,
		    left);
	else
		printf(
		    "The key of seat %s %d is lost; its role has %d left in the set. Publish one "
		    "without it.\n",
		    seat_role_name(role), number, left);
	return EXIT_SUCCESS;
}

/* ---- fetch, reseal, submit: what a former holder of a seat had, to who holds it now ---- */

static int
fetch_command(const struct seat_options *options)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *next = NULL;
	DEFER(json_release) json_t *told = NULL;
	struct seat_waiting waiting = {.role = SEAT_LEGAL, .after = options->after};
	struct error err = {0};
	size_t count = 0;

	if (!read_place(options, &waiting.role, &waiting.seat, &err) ||
	    !cli_api_open(&options->api, cli_role(options->role), &client, &err) ||
	    !seat_handover_fetch(client, &waiting, options->out, &count, &next, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json) {
		told = json_pack("{s:I, s:O}", "shares", (json_int_t)count, "next", next);
		cli_print_json(told);
		return EXIT_SUCCESS;
	}
	printf("%zu shares wait to be sealed again.\n", count);
	if (json_is_string(next))
		printf("There may be more: hand these in and fetch again, or --after %s.\n",
		    json_string_value(next));
	return EXIT_SUCCESS;
}

static bool
reseal(const struct seat_options *options, const char *cacert, size_t *out_count,
    size_t *out_skipped, struct error *err)
{
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(seat_key_clear) struct seat_key key = {0};
	struct seat to;
	const struct seat_handover handover = {options->package, options->out, cacert, &key, &to};

	return seat_file_read_public(options->to, &to, err) &&
	       passphrase_read(
		   options->passphrase_file, "Passphrase of your seat's key: ", &passphrase, err) &&
	       seat_file_open(options->seats.at[0], passphrase, &key, err) &&
	       seat_handover_reseal(&handover, out_count, out_skipped, err);
}

static int
reseal_command(const struct seat_options *options)
{
	const char *cacert = cli_api_ca_file(&options->api);
	struct error err = {0};
	size_t count = 0, skipped = 0;

	if (cacert == NULL)
		return cli_usage(&SEAT_COMMAND, "reseal needs --cacert");
	if (!reseal(options, cacert, &count, &skipped, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"sealed\":%zu,\"skipped\":%zu}\n", count, skipped);
	else
		printf("%zu shares are sealed again; %zu do not open with this key.\n", count,
		    skipped);
	return EXIT_SUCCESS;
}

static int
submit_command(const struct seat_options *options)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	struct error err = {0};
	enum seat_role role;
	size_t count = 0, kept = 0;

	if (!seat_role_of(bytes_of_text(options->role), &role))
		return cli_usage(&SEAT_COMMAND, "--role is legal or officer");
	if (!cli_api_open(&options->api, cli_role(options->role), &client, &err) ||
	    !seat_handover_submit(client, options->package, &count, &kept, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"shares\":%zu,\"kept\":%zu}\n", count, kept);
	else
		printf("%zu of %zu shares were new, and are kept.\n", kept, count);
	return EXIT_SUCCESS;
}

/* ---- the words ---- */

static bool
has_place(const struct seat_options *options)
{
	return options->role != NULL && options->number != NULL;
}

static int
run_word(const struct seat_options *options, const char *word)
{
	if (strcmp(word, "new") == 0)
		return has_place(options) && options->out != NULL
			   ? new_command(options)
			   : cli_usage(&SEAT_COMMAND, "new needs --role, --number and --out");
	if (strcmp(word, "publish") == 0)
		return options->database_url != NULL && options->ring != NULL &&
			       options->seats.count > 0
			   ? publish_command(options)
			   : cli_usage(&SEAT_COMMAND,
				 "publish needs --database-url, --ring and all seats");
	if (strcmp(word, "list") == 0)
		return options->database_url != NULL
			   ? list_command(options)
			   : cli_usage(&SEAT_COMMAND, "list needs --database-url");
	if (strcmp(word, "lose") == 0)
		return options->database_url != NULL && has_place(options)
			   ? lose_command(options)
			   : cli_usage(
				 &SEAT_COMMAND, "lose needs --database-url, --role and --number");
	if (strcmp(word, "fetch") == 0)
		return has_place(options) && options->out != NULL
			   ? fetch_command(options)
			   : cli_usage(&SEAT_COMMAND, "fetch needs --role, --number and --out");
	if (strcmp(word, "reseal") == 0)
		return options->package != NULL && options->seats.count == 1 &&
			       options->to != NULL && options->out != NULL
			   ? reseal_command(options)
			   : cli_usage(&SEAT_COMMAND,
				 "reseal needs --package, one --seat, --to and --out");
	if (strcmp(word, "submit") == 0)
		return options->package != NULL && options->role != NULL
			   ? submit_command(options)
			   : cli_usage(&SEAT_COMMAND, "submit needs --package and --role");
	return cli_usage(&SEAT_COMMAND,
	    "say new, publish, list, lose, fetch, reseal or submit, with what it needs");
}

static int
seat_command(int argc, char **argv)
{
	struct seat_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--role", OPTION_TEXT, &options.role}, {"--number", OPTION_TEXT, &options.number},
	    {"--out", OPTION_TEXT, &options.out},
	    {"--passphrase-file", OPTION_TEXT, &options.passphrase_file},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--ring", OPTION_TEXT, &options.ring}, {"--seat", OPTION_LIST, &options.seats},
	    {"--package", OPTION_TEXT, &options.package}, {"--to", OPTION_TEXT, &options.to},
	    {"--after", OPTION_TEXT, &options.after},
	    {"--kdf-memory-mib", OPTION_TEXT, &options.kdf_memory},
	    {"--yes", OPTION_FLAG, &options.yes}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&SEAT_COMMAND, bad);
	return run_word(&options, words == 1 ? argv[1] : "");
}

const struct subcommand SEAT_COMMAND = {"seat",
    "the officers' seats: who can open sealed identities",
    "usage: moniker seat new --role ROLE --number N --out FILE [--passphrase-file FILE]\n"
    "       moniker seat publish --database-url URL --ring FILE --seat FILE... [OPTIONS]\n"
    "       moniker seat list --database-url URL\n"
    "       moniker seat lose --database-url URL --role ROLE --number N [--yes]\n"
    "       moniker seat fetch --role ROLE --number N --out FILE [--after PLACE] [OPTIONS]\n"
    "       moniker seat reseal --package FILE --seat FILE --to FILE --cacert FILE --out FILE "
    "[OPTIONS]\n"
    "       moniker seat submit --package FILE --role ROLE [OPTIONS]\n"
    "\n"
    "A seat is a place in one of two roles, legal and officer. One seat of each opens a sealed\n"
    "identity, and no number of seats of one role does.\n"
    "\n"
    "new makes a seat's key on the officer's own machine, which needs no network: FILE holds it "
    "under\n"
    "the officer's passphrase, FILE.pub is for the admin. publish signs the set of all seats with "
    "the\n"
    "Operations Root, on the host; it replaces the set before for what is enrolled from then on. "
    "list\n"
    "prints the newest set, and which of its seats are lost. lose records that a seat's key is "
    "lost: no\n"
    "set can be published with it any more, and no share is sealed to it again.\n"
    "\n"
    "A seat whose holder has changed: fetch gets what was sealed to others before, without what it "
    "is\n"
    "half of the key to. reseal needs no network: it opens these shares with any seat of the role "
    "and\n"
    "seals them to who holds the seat now. submit hands them in.\n"
    "\n"
    "  --role ROLE            legal or officer\n"
    "  --number N             1 to 16, the seat's place in its role\n"
    "  --out FILE             the key, 0600; FILE.pub beside it; or what fetch and reseal write\n"
    "  --seat FILE            publish: a seat's FILE.pub; once for each. reseal: your own seat's "
    "key\n"
    "  --package FILE         from fetch, or from reseal\n"
    "  --after PLACE          where the fetch before ended; it gets 10000 shares at most\n"
    "  --to FILE              FILE.pub of the seat's new holder, from themselves\n"
    "  --ring FILE            roots.ring, from `moniker init`\n"
    "  --passphrase-file FILE mode 0400; without it the terminal is asked\n"
    "  --kdf-memory-mib N     memory of Argon2id for the seat's key (8 to 1024, default 256)\n"
    "  --database-url URL     the owner's\n"
    "  --yes                  do not ask before signing, or losing\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role OFFICER or LEGAL\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage.\n",
    seat_command};

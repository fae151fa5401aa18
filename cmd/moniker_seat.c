/* moniker seat: the officers' seats: who can open escrow, by two roles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "cmd/seat_file.h"
#include "provisioning/seats.h"

struct seat_options {
	const char *role, *number, *out, *passphrase_file, *kdf_memory, *database_url, *ring;
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
confirmed(void)
{
	char answer[16] = "";

	(void)fprintf(stderr, "Sign this seat set? Type yes: ");
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
	if (!options->yes && !confirmed())
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

static bool
read_set(const struct seat_options *options, struct seat_set *out, struct error *err)
{
	DEFER(db_free) struct db *db = open_database(options);
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(seats_free) struct seats *seats = NULL;

	if (!issuers_load(db, "", &issuers, err))
		return false;
	seats = seats_new(db, issuers);
	if (!seats_reload(seats, err))
		return false;
	return seats_get(seats, out) ||
	       error_set(err, E_NOT_FOUND, "no seat set has been published");
}

static int
list_command(const struct seat_options *options)
{
	struct seat_set set = {0};
	struct error err = {0};

	if (!read_set(options, &set, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	show_set(&set, stdout);
	return EXIT_SUCCESS;
}

static int
seat_command(int argc, char **argv)
{
	struct seat_options options = {0};
	const struct option_row rows[] = {{"--role", OPTION_TEXT, &options.role},
	    {"--number", OPTION_TEXT, &options.number}, {"--out", OPTION_TEXT, &options.out},
	    {"--passphrase-file", OPTION_TEXT, &options.passphrase_file},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--ring", OPTION_TEXT, &options.ring}, {"--seat", OPTION_LIST, &options.seats},
	    {"--kdf-memory-mib", OPTION_TEXT, &options.kdf_memory},
	    {"--yes", OPTION_FLAG, &options.yes}, {"--json", OPTION_FLAG, &options.json}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&SEAT_COMMAND, bad);
	if (words == 1 && strcmp(argv[1], "new") == 0)
		return options.role != NULL && options.number != NULL && options.out != NULL
			   ? new_command(&options)
			   : cli_usage(&SEAT_COMMAND, "new needs --role, --number and --out");
	if (words == 1 && strcmp(argv[1], "publish") == 0)
		return options.database_url != NULL && options.ring != NULL &&
			       options.seats.count > 0
			   ? publish_command(&options)
			   : cli_usage(&SEAT_COMMAND,
				 "publish needs --database-url, --ring and all seats");
	if (words == 1 && strcmp(argv[1], "list") == 0)
		return options.database_url != NULL
			   ? list_command(&options)
			   : cli_usage(&SEAT_COMMAND, "list needs --database-url");
	return cli_usage(&SEAT_COMMAND, "say new, publish or list, with what it needs");
}

const struct subcommand SEAT_COMMAND = {"seat",
    "the officers' seats: who can open sealed identities",
    "usage: moniker seat new --role ROLE --number N --out FILE [--passphrase-file FILE]\n"
    "       moniker seat publish --database-url URL --ring FILE --seat FILE... [OPTIONS]\n"
    "       moniker seat list --database-url URL\n"
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
    "prints the set in force.\n"
    "\n"
    "  --role ROLE            legal or officer\n"
    "  --number N             1 to 16, the seat's place in its role\n"
    "  --out FILE             the key, 0600; FILE.pub beside it\n"
    "  --seat FILE            a seat's FILE.pub; once for each\n"
    "  --ring FILE            roots.ring, from `moniker init`\n"
    "  --passphrase-file FILE mode 0400; without it the terminal is asked\n"
    "  --kdf-memory-mib N     memory of Argon2id for the seat's key (8 to 1024, default 256)\n"
    "  --database-url URL     the owner's\n"
    "  --yes                  do not ask before signing\n"
    "  --json                 the result as JSON\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage.\n",
    seat_command};

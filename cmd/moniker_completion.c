/* moniker completion: what a shell offers, read from the same texts that --help prints. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"

#define WORD_MAX 40
#define WORDS_MAX 64

struct words {
	char at[WORDS_MAX][WORD_MAX + 1];
	size_t count;
};

static void
add(struct words *words, const char *text, size_t len)
{
	if (len == 0 || len > WORD_MAX || words->count == WORDS_MAX)
		return;
	for (size_t i = 0; i < words->count; i++)
		if (strlen(words->at[i]) == len && strncmp(words->at[i], text, len) == 0)
			return;
	memcpy(words->at[words->count], text, len);
	words->at[words->count++][len] = '\0';
}

static size_t
option_len(const char *text)
{
	return strspn(text, "-abcdefghijklmnopqrstuvwxyz");
}

static bool
takes_file(const char *value)
{
	return strncmp(value, " FILE", 5) == 0 || strncmp(value, " DIR", 4) == 0;
}

/* Every --option of a help text; those with a FILE or DIR go to *files, too. */
static void
read_options(const char *help, struct words *all, struct words *files)
{
	for (const char *at = strstr(help, "--"); at != NULL; at = strstr(at, "--")) {
		const size_t len = option_len(at);

		add(all, at, len);
		if (takes_file(at + len))
			add(files, at, len);
		at += len;
	}
}

/* What may stand after a command's name: "add" of "moniker operator add NAME". */
static void
read_actions(const struct subcommand *command, struct words *all)
{
	char usage[64];

	(void)snprintf(usage, sizeof usage, "moniker %s ", command->name);
	for (const char *at = strstr(command->help, usage); at != NULL; at = strstr(at, usage)) {
		at += strlen(usage);
		if (islower((unsigned char)*at))
			add(all, at, option_len(at));
	}
}

static void
put_words(const struct words *words, const char *between)
{
	for (size_t i = 0; i < words->count; i++)
		(void)printf("%s%s", i > 0 ? between : "", words->at[i]);
}

static void
print_bash(void)
{
	size_t count;
	const struct subcommand *const *commands = cli_commands(&count);
	struct words files = {0};

	(void)puts("# bash completion of moniker, made by `moniker completion bash`.\n"
		   "_moniker()\n{\n\tlocal current=${COMP_WORDS[COMP_CWORD]} words=\n"
		   "\tCOMPREPLY=()");
	(void)printf("\tcase ${COMP_WORDS[1]-} in\n");
	for (size_t i = 0; i < count; i++) {
		struct words all = {0};

		read_actions(commands[i], &all);
		read_options(commands[i]->help, &all, &files);
		if (strstr(commands[i]->help, "moniker --help") != NULL) /* calls the service */
			read_options(CLI_API_HELP, &all, &files);
		add(&all, "--help", strlen("--help"));
		(void)printf("\t%s) words=\"", commands[i]->name);
		put_words(&all, " ");
		(void)puts("\" ;;");
	}
	(void)printf("\tesac\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"--help --version");
	for (size_t i = 0; i < count; i++)
		(void)printf(" %s", commands[i]->name);
	(void)printf("\"\n\tfi\n\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n\t");
	put_words(&files, "|");
	(void)puts(
	    ")\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n\t\treturn ;;\n\tesac\n"
	    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n"
	    "complete -o filenames -F _moniker moniker");
}

static int
run(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "bash") != 0)
		return cli_usage(&COMPLETION_COMMAND, "the shell is bash");
	print_bash();
	return EXIT_SUCCESS;
}

const struct subcommand COMPLETION_COMMAND = {.name = "completion",
    .summary = "print the completion for a shell",
    .help = "usage: moniker completion bash\n"
	    "\n"
	    "Prints what bash needs to complete commands and options:\n"
	    "  eval \"$(moniker completion bash)\"\n",
    .run = run};

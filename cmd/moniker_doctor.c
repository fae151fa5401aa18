/* moniker doctor: looks at an installation, and says when an erasure is effective. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/doctor.h"
#include "cmd/options.h"

#define EXIT_WARNINGS 3

const char *
verdict_name(enum verdict verdict)
{
	static const char *const names[VERDICT_COUNT] = {
	    [VERDICT_OK] = "ok", [VERDICT_WARNING] = "warning", [VERDICT_FAULT] = "fault"};

	return names[verdict];
}

void
doctor_find(struct doctor *doctor, const char *check, enum verdict verdict, const char *format, ...)
{
	struct finding *finding;
	va_list args;

	if (doctor->count == DOCTOR_FINDINGS_MAX)
		return;
	finding = &doctor->findings[doctor->count++];
	finding->check = check;
	finding->verdict = verdict;
	va_start(args, format);
	(void)vsnprintf(finding->detail, sizeof finding->detail, format, args);
	va_end(args);
}

void
doctor_fail(struct doctor *doctor, const char *check, const struct error *err)
{
	doctor_find(doctor, check, VERDICT_FAULT, "%s", err->detail);
}

/* ---- the report ---- */

static size_t
count_of(const struct doctor *doctor, enum verdict verdict)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->count; i++)
		count += doctor->findings[i].verdict == verdict;
	return count;
}

static void
print_text(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->count; i++)
		printf("%-8s %-22s %s\n", verdict_name(doctor->findings[i].verdict),
		    doctor->findings[i].check, doctor->findings[i].detail);
	printf("\n%zu faults, %zu warnings.\n", count_of(doctor, VERDICT_FAULT),
	    count_of(doctor, VERDICT_WARNING));
}

static void
print_json(const struct doctor *doctor)
{
	DEFER(json_release) json_t *report = json_object();
	json_t *checks = json_array();

	for (size_t i = 0; i < doctor->count; i++)
		(void)json_array_append_new(
		    checks, json_pack("{s:s, s:s, s:s}", "check", doctor->findings[i].check,
				"verdict", verdict_name(doctor->findings[i].verdict), "detail",
				doctor->findings[i].detail));
	(void)json_object_set_new(report, "checks", checks);
	(void)json_object_set_new(
	    report, "faults", json_integer((json_int_t)count_of(doctor, VERDICT_FAULT)));
	(void)json_object_set_new(
	    report, "warnings", json_integer((json_int_t)count_of(doctor, VERDICT_WARNING)));
	(void)json_object_set_new(report, "erased_after_s",
	    doctor->erased_after_s >= 0 ? json_integer(doctor->erased_after_s) : json_null());
	cli_print_json(report);
}

static void
examine(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	const bool apart = settings->shred_url[0] != '\0';
	DEFER(db_free)
	struct db *main = db_new(&(struct db_options){.url = settings->database_url,
	    .application = "moniker doctor",
	    .connections_max = 1,
	    .wait_ms = 5000});
	DEFER(db_free)
	struct db *keys =
	    db_new(&(struct db_options){.url = apart ? settings->shred_url : settings->database_url,
		.application = "moniker doctor",
		.connections_max = 1,
		.wait_ms = 5000});

	doctor->main = main;
	doctor->keys = keys;
	doctor_host(doctor);
	doctor_database(doctor);
	doctor_erasure(doctor);
}

static int
doctor_command(int argc, char **argv)
{
	DEFER(settings_clear) struct settings settings = {0};
	DEFER(mem_free) struct doctor *doctor = xcalloc(1, sizeof *doctor);
	bool json = false;
	const struct option_row rows[] = {
	    {"--config", OPTION_TEXT, &doctor->config_path}, {"--json", OPTION_FLAG, &json}};
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&DOCTOR_COMMAND, bad);
	if (words != 0 || doctor->config_path == NULL)
		return cli_usage(&DOCTOR_COMMAND, "give --config");
	if (!settings_read(doctor->config_path, &settings, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	doctor->settings = &settings;
	examine(doctor);
	if (json)
		print_json(doctor);
	else
		print_text(doctor);
	if (count_of(doctor, VERDICT_FAULT) > 0)
		return EXIT_FAILURE;
	return count_of(doctor, VERDICT_WARNING) > 0 ? EXIT_WARNINGS : EXIT_SUCCESS;
}

const struct subcommand DOCTOR_COMMAND = {"doctor",
    "look at this installation, and say when an erasure is effective",
    "usage: moniker doctor --config FILE [--json]\n"
    "\n"
    "On the host, as root or the service's user: files and who may touch them, core dumps, disks,\n"
    "clock, the database's schema, durability, role and log, certificates that will end, the "
    "shred\n"
    "keys' cluster, and how long after an erasure the last copy of a key is gone. Changes "
    "nothing.\n"
    "\n"
    "Exit status: 0 all is well, 1 a fault was found, 2 usage, 3 warnings only.\n",
    doctor_command};

#include "tests/bench/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void
die(const char *format, ...)
{
	va_list args;

	(void)fflush(stdout);
	(void)fputs("bench: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void
must(bool done, const struct error *err)
{
	if (!done)
		die("%s (%s)", err->detail, err->cause);
}

bool
report_few(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "few") != 0))
		die("usage: %s [few]", argv[0]);
	return argc == 2;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

double
report_median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static bool
within(const struct finding *finding)
{
	return finding->at_most ? finding->held <= finding->budget
				: finding->held >= finding->budget;
}

static void
print_text(const struct finding *finding)
{
	printf("%-34s %10.4g %-5s", finding->work, finding->figure, finding->unit);
	if (finding->limit != NULL)
		printf(
		    "  limit %10.4g %s (%s)", finding->limit_figure, finding->unit, finding->limit);
	printf("  -> %.3g %s", finding->held, finding->held_unit);
	if (finding->budget > 0)
		printf(", base %s %g %s: %s", finding->at_most ? "<=" : ">=", finding->budget,
		    finding->held_unit, within(finding) ? "within" : "outside");
	printf("\n");
	(void)fflush(stdout);
}

/* The texts are ours: nothing in them needs escaping. */
static void
print_json(FILE *to, const struct finding *finding)
{
	(void)fprintf(to, "{\"work\":\"%s\",\"figure\":%.6g,\"unit\":\"%s\"", finding->work,
	    finding->figure, finding->unit);
	if (finding->limit != NULL)
		(void)fprintf(to, ",\"limit\":\"%s\",\"limit_figure\":%.6g", finding->limit,
		    finding->limit_figure);
	(void)fprintf(to, ",\"held\":%.6g,\"held_unit\":\"%s\"", finding->held, finding->held_unit);
	if (finding->budget > 0)
		(void)fprintf(to, ",\"sense\":\"%s\",\"budget\":%g,\"within\":%s",
		    finding->at_most ? "<=" : ">=", finding->budget,
		    within(finding) ? "true" : "false");
	(void)fputs("}\n", to);
}

void
report(const struct finding *finding)
{
	const char *path = getenv("BENCH_JSON");
	FILE *file;

	print_text(finding);
	if (path == NULL)
		return;
	file = fopen(path, "ae");
	if (file == NULL)
		die("cannot write %s", path);
	print_json(file, finding);
	if (fclose(file) != 0)
		die("cannot write %s", path);
}

int64_t
report_own_cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

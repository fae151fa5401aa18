/* example BUNDLE CERT...: the verdict on each certificate, by a trust bundle.
 *     cc example.c $(pkg-config --cflags --libs moniker-verify) -o example */
#include <moniker_verify.h>
#include <stdio.h>

static int
judge(struct moniker_verifier *verifier, const char *path)
{
	char pem[MONIKER_CERTIFICATE_MAX];
	struct moniker_result result;
	FILE *file = fopen(path, "rb");
	const size_t len = file == NULL ? 0 : fread(pem, 1, sizeof pem, file);

	if (file != NULL)
		(void)fclose(file);
	(void)moniker_verify(verifier, pem, len, NULL, &result);
	printf("%s: %s: %s\n", path, moniker_verdict_name(result.verdict), result.explain);
	return result.verdict == MONIKER_GOOD ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct moniker_verifier *verifier = moniker_verifier_new(NULL, 0, NULL);
	char why[MONIKER_WHY_MAX] = "usage: example BUNDLE CERT...";
	int status = 0;

	if (argc < 3 || verifier == NULL ||
	    moniker_verifier_load_file(verifier, argv[1], 0, why) != MONIKER_LOADED) {
		(void)fprintf(stderr, "%s\n", why);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		status |= judge(verifier, argv[i]);
	moniker_verifier_free(verifier);
	return status;
}

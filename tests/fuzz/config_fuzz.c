/* A configuration that is read keeps its bounds; written down again it reads the same. */
#include "base/buf.h"
#include "base/config.h"
#include "tests/fuzz/fuzz.h"

struct settings {
	char *name, *note;
	int64_t port;
	bool verbose;
};

static const struct config_field FIELDS[] = {
    {"server", "name", CONFIG_TEXT, offsetof(struct settings, name), NULL, 0, 0, "the name"},
    {"server", "port", CONFIG_INT, offsetof(struct settings, port), "443", 1, 65535, "TCP port"},
    {"log", "verbose", CONFIG_BOOL, offsetof(struct settings, verbose), "no", 0, 0, "say more"},
    {"log", "note", CONFIG_TEXT, offsetof(struct settings, note), "", 0, 0, "may be empty"},
};

static void
settings_clear(struct settings *settings)
{
	config_clear(FIELDS, COUNT(FIELDS), settings);
}
DEFER_DECLARE_CLEAR(struct settings, settings_clear)

static void
reads_again(const struct settings *was)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(settings_clear) struct settings again = {0};
	struct error err = {0};

	buf_append_format(&text, "[server]\nname=%s\nport=%lld\n[log]\nverbose=%s\nnote=%s\n",
	    was->name, (long long)was->port, was->verbose ? "on" : "off", was->note);
	if (!config_parse(buf_bytes(&text), FIELDS, COUNT(FIELDS), &again, &err)) {
		MUST(strlen(was->name) + 5 > 190 || strlen(was->note) + 5 > 190); /* a line's end */
		return;
	}
	MUST(strcmp(was->name, again.name) == 0 && strcmp(was->note, again.note) == 0);
	MUST(was->port == again.port && was->verbose == again.verbose);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(settings_clear) struct settings settings = {0};
	struct error err = {0};

	if (!fuzz_verdict(
		config_parse(bytes_of(data, size), FIELDS, COUNT(FIELDS), &settings, &err), &err)) {
		MUST(err.code == E_CONFIG_INVALID);
		MUST(settings.name == NULL && settings.note == NULL);
		return 0;
	}
	MUST(settings.name[0] != '\0' && settings.note != NULL);
	MUST(settings.port >= 1 && settings.port <= 65535);
	MUST(memchr(data, '\0', size) == NULL);
	reads_again(&settings);
	return 0;
}

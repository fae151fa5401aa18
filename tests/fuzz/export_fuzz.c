/*
 * Any archive is judged: good only with nothing found, and then it is leaves of the log, each in
 * its place; whatever else it is, nothing beyond it is read.
 */
#include "audit/export_verify.h"
#include "proof/tar.h"
#include "tests/fuzz/fuzz.h"

#define FILES_MAX 32
#define FOLDER "log/"
#define VKEY "moniker.example/node1-2026+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"

struct archive {
	struct tar_entry entries[FILES_MAX];
	size_t count;
	uint64_t told;
};

static bool
map(void *context, const char *name, struct bytes *out)
{
	const struct archive *archive = context;

	for (size_t i = 0; i < archive->count; i++)
		if (strcmp(archive->entries[i].name + sizeof FOLDER - 1, name) == 0) {
			*out = archive->entries[i].contents;
			return true;
		}
	return false;
}

static const char *
name_at(void *context, size_t index)
{
	const struct archive *archive = context;

	return index < archive->count ? archive->entries[index].name + sizeof FOLDER - 1 : NULL;
}

static void
report(void *context, const struct verify_finding *finding)
{
	struct archive *archive = context;

	MUST(finding->text[0] != '\0' && finding->seq >= -1);
	archive->told++;
}

static void
take_apart(struct archive *archive, struct bytes rest)
{
	struct error err = {0};
	bool end = false;

	while (archive->count < FILES_MAX &&
	       tar_take(&rest, &archive->entries[archive->count], &end, &err) && !end)
		if (strncmp(archive->entries[archive->count].name, FOLDER, sizeof FOLDER - 1) == 0)
			archive->count++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive archive = {0};
	const struct export_files files = {&archive, map, name_at};
	struct export_options options = {.files = &files, .context = &archive, .report = report};
	struct export_verdict verdict;
	struct note_key key;
	struct error err = {0};

	MUST(note_key_parse(bytes_of_text(VKEY), &key, &err));
	options.key = &key;
	take_apart(&archive, bytes_of(data, size));
	export_verify(&options, &verdict);
	MUST((verdict.findings > 0) == (verdict.tampered || verdict.incomplete));
	MUST(archive.told ==
	     (verdict.findings < VERIFY_FINDINGS_MAX ? verdict.findings : VERIFY_FINDINGS_MAX));
	MUST(!verdict.complete || (verdict.findings == 0 && verdict.count > 0 &&
				      verdict.last - verdict.first + 1 == verdict.count));
	MUST(verdict.findings > 0 ||
	     (verdict.checkpoint.size > 0 && verdict.last < (int64_t)verdict.checkpoint.size));
	return 0;
}

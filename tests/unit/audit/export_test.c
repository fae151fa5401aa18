#include "tests/support/exported.h"

#include <string.h>

static size_t
lines(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == '\n';
	return count;
}

static void
all_of_a_log_is_exported_and_none_is_missing(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	const struct export_verdict *verdict;
	DEFER(buf_clear_public) struct buf want = {0};

	exported_run(exported, &scope);
	verdict = exported_verify(exported);
	assert_string_equal(buf_text(&exported->findings), "");
	assert_true(!verdict->tampered && !verdict->incomplete && verdict->complete);
	assert_int_equal(verdict->count, EXPORTED_SIZE);
	assert_int_equal(verdict->first, 0);
	assert_int_equal(verdict->last, EXPORTED_SIZE - 1);
	assert_int_equal(verdict->checkpoint.size, EXPORTED_SIZE);
	for (size_t i = 0; i < EXPORTED_SIZE; i++) {
		buf_append(&want, buf_bytes(&exported->log.leaves[i]));
		buf_append_u8(&want, '\n');
	}
	assert_octets(exported_find(exported, EXPORT_LEAVES)->contents, buf_bytes(&want));
	assert_int_equal(lines(exported_find(exported, EXPORT_CSV)->contents), EXPORTED_SIZE + 1);
	assert_non_null(exported_find(exported, "tile/0/004"));
	assert_non_null(exported_find(exported, "tile/0/005.p/220"));
	assert_non_null(exported_find(exported, "tile/1/000.p/5"));
	assert_int_equal(exported->count, 6 + 7);
}

static void
the_same_is_the_same_octet_for_octet(void **state)
{
	struct exported *exported = *state;
	struct export_scope scope = exported_all();
	DEFER(buf_clear_public) struct buf before = {0};

	snprintf(scope.event, sizeof scope.event, "enroll.*");
	exported_run(exported, &scope);
	buf_append(&before, buf_bytes(&exported->archive));
	exported_run(exported, &scope);
	assert_octets(buf_bytes(&exported->archive), buf_bytes(&before));
}

static const struct {
	const char *why;
	struct export_scope scope;
	bool complete;
	int64_t count, first, last;
} SCOPES[] = {
    {"after a leaf", {.after = 299, .limit = -1, .from_s = -1, .to_s = -1}, true, 1200, 300, 1499},
    {"a page", {.after = 299, .limit = 300, .from_s = -1, .to_s = -1}, true, 300, 300, 599},
    {"one leaf", {.after = 510, .limit = 1, .from_s = -1, .to_s = -1}, true, 1, 511, 511},
    {"a time",
	{.after = -1,
	    .limit = -1,
	    .from_s = SIGNED_LOG_BEGAN_S + 300,
	    .to_s = SIGNED_LOG_BEGAN_S + 400},
	true, 200, 600, 799},
    {"from a time on", {.after = -1, .limit = -1, .from_s = SIGNED_LOG_BEGAN_S + 700, .to_s = -1},
	true, 100, 1400, 1499},
    {"up to a time", {.after = 9, .limit = -1, .from_s = -1, .to_s = SIGNED_LOG_BEGAN_S + 10}, true,
	10, 10, 19},
    {"one actor", {.after = -1, .limit = -1, .from_s = -1, .to_s = -1, .actor = "officer:a"}, false,
	15, 0, 1400},
    {"refusals of a page",
	{.after = 600, .limit = 4, .from_s = -1, .to_s = -1, .code = "BAD_PROOF"}, false, 4, 603,
	612},
    {"what is not there", {.after = -1, .limit = -1, .from_s = -1, .to_s = -1, .event = "key.*"},
	false, 0, -1, -1},
    {"after the end", {.after = 5000, .limit = -1, .from_s = -1, .to_s = -1}, false, 0, -1, -1},
    {"before it began", {.after = -1, .limit = -1, .from_s = -1, .to_s = 5}, false, 0, -1, -1},
};

static void
what_was_asked_for_is_there_and_says_what_it_proves(void **state)
{
	struct exported *exported = *state;

	for (size_t i = 0; i < COUNT(SCOPES); i++) {
		const struct export_verdict *verdict;

		exported_run(exported, &SCOPES[i].scope);
		verdict = exported_verify(exported);
		if (exported->findings.len > 0)
			fail_msg("%s: %s", SCOPES[i].why, buf_text(&exported->findings));
		assert_int_equal(verdict->complete, SCOPES[i].complete);
		assert_int_equal(verdict->count, SCOPES[i].count);
		assert_int_equal(verdict->first, SCOPES[i].first);
		assert_int_equal(verdict->last, SCOPES[i].last);
	}
}

/* Every octet of every file: at its ends, and here and there between them. */
static void
a_changed_octet_of_any_file_is_found(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();

	exported_run(exported, &scope);
	for (size_t i = 0; i < exported->count; i++) {
		const struct bytes contents = exported->entries[i].contents;
		uint8_t *octets = exported->archive.data + (contents.data - exported->archive.data);
		const size_t step = contents.len / 7 + 1;

		for (size_t at = 0; at < contents.len; at += step) {
			octets[at] ^= 0x20;
			if (!exported_verify(exported)->tampered)
				fail_msg("%s: octet %zu", exported->entries[i].name, at);
			octets[at] ^= 0x20;
		}
	}
	assert_false(exported_verify(exported)->tampered);
}

static void
a_missing_file_is_told_by_its_name(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();

	exported_run(exported, &scope);
	for (size_t i = 0; i < exported->count; i++) {
		char *name = exported->entries[i].name;
		char kept[TAR_NAME_MAX + 1];

		snprintf(kept, sizeof kept, "%s", name);
		name[0] = '\0';
		(void)exported_verify(exported);
		assert_true(exported->verdict.incomplete);
		assert_false(exported->verdict.complete);
		if (strcmp(kept, EXPORT_CHECKPOINT) != 0)
			assert_true(exported_found(exported, -1, kept));
		snprintf(name, TAR_NAME_MAX + 1, "%s", kept);
	}
}

static void
a_file_that_nobody_names_is_told(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();

	exported_run(exported, &scope);
	snprintf(exported->entries[exported->count++].name, TAR_NAME_MAX, "tile/0/000.bak");
	assert_true(exported_verify(exported)->tampered);
	assert_true(exported_found(exported, -1, "tile/0/000.bak is not in"));
}

/* ---- whoever changes a file also changes its hash in the manifest */

static void
name_again(struct exported *exported, const char *name, struct bytes contents,
    struct buf *out_manifest, void (*change)(struct export_manifest *manifest))
{
	struct tar_entry *entry = exported_find(exported, EXPORT_MANIFEST);
	DEFER(export_manifest_clear) struct export_manifest manifest = {0};
	struct error err = {0};

	assert_true(export_manifest_parse(entry->contents, &manifest, &err));
	for (size_t i = 0; i < manifest.file_count; i++)
		if (strcmp(manifest.files[i].name, name) == 0) {
			manifest.files[i].len = contents.len;
			sha256(contents, manifest.files[i].sha256);
		}
	if (change != NULL)
		change(&manifest);
	buf_truncate(out_manifest, 0);
	export_manifest_encode(&manifest, out_manifest);
	entry->contents = buf_bytes(out_manifest);
	exported_find(exported, name)->contents = contents;
}

/* The leaves without that of this number; the CSV with all of them. */
static void
leave_out(struct exported *exported, size_t seq, struct buf *out)
{
	for (size_t i = 0; i < EXPORTED_SIZE; i++)
		if (i != seq) {
			buf_append(out, buf_bytes(&exported->log.leaves[i]));
			buf_append_u8(out, '\n');
		}
}

static void
one_less(struct export_manifest *manifest)
{
	manifest->count--;
}

static void
a_leaf_that_is_left_out_is_told_by_its_number(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	const size_t left_out[] = {0, 1, 700, EXPORTED_SIZE - 1};

	for (size_t i = 0; i < COUNT(left_out); i++) {
		DEFER(buf_clear_public) struct buf leaves = {0};
		DEFER(buf_clear_public) struct buf manifest = {0};

		exported_run(exported, &scope);
		leave_out(exported, left_out[i], &leaves);
		name_again(exported, EXPORT_LEAVES, buf_bytes(&leaves), &manifest, one_less);
		assert_true(exported_verify(exported)->tampered);
		assert_true(exported_found(exported, (long long)left_out[i], "left out"));
		exported->count = 0;
	}
}

static void
an_edited_leaf_is_told_by_its_number(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	DEFER(buf_clear_public) struct buf manifest = {0};
	struct tar_entry *leaves;
	uint8_t *outcome;

	exported_run(exported, &scope);
	leaves = exported_find(exported, EXPORT_LEAVES);
	outcome = memmem(leaves->contents.data, leaves->contents.len, "\"seq\":701,", 10);
	assert_non_null(outcome);
	outcome = memmem(outcome, 200, "station:b", 9);
	assert_non_null(outcome);
	outcome[8] = 'c';
	name_again(exported, EXPORT_LEAVES, leaves->contents, &manifest, NULL);
	assert_true(exported_verify(exported)->tampered);
	assert_true(exported_found(exported, 701, "its octets are not those that were hashed"));
	assert_true(exported_found(exported, 701, "leaves.csv says something else"));
}

static void
a_line_of_the_csv_is_held_against_its_leaf(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	DEFER(buf_clear_public) struct buf manifest = {0};
	struct tar_entry *csv;
	uint8_t *line;

	exported_run(exported, &scope);
	csv = exported_find(exported, EXPORT_CSV);
	line = memmem(csv->contents.data, csv->contents.len, "\n42,", 4);
	assert_non_null(line);
	line = memmem(line, 200, "BAD_PROOF", 9);
	assert_non_null(line);
	line[0] = 'M';
	name_again(exported, EXPORT_CSV, csv->contents, &manifest, NULL);
	assert_true(exported_verify(exported)->tampered);
	assert_true(exported_found(exported, 42, "leaves.csv says something else of it"));
}

static void
a_changed_tile_is_told_by_name(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	DEFER(buf_clear_public) struct buf manifest = {0};
	struct tar_entry *tile;

	exported_run(exported, &scope);
	tile = exported_find(exported, "tile/0/002");
	exported->archive.data[tile->contents.data - exported->archive.data + 77] ^= 1;
	name_again(exported, "tile/0/002", tile->contents, &manifest, NULL);
	assert_true(exported_verify(exported)->tampered);
	assert_true(exported_found(
	    exported, 2 * TILE_WIDTH, "tile/0/002 does not lead to the signed root"));
}

/* ---- a claim that is not so */

static void
claim_all(struct export_manifest *manifest)
{
	manifest->scope.actor[0] = '\0';
}
static void
claim_another(struct export_manifest *manifest)
{
	snprintf(manifest->scope.actor, sizeof manifest->scope.actor, "officer:x");
}
static void
claim_earlier(struct export_manifest *manifest)
{
	manifest->scope.to_s = SIGNED_LOG_BEGAN_S + 100;
}
static void
claim_fewer(struct export_manifest *manifest)
{
	manifest->scope.limit = 14;
}
static void
claim_a_larger_log(struct export_manifest *manifest)
{
	manifest->checkpoint.size++;
}

static void
a_picked_export_cannot_claim_to_be_something_else(void **state)
{
	static const struct {
		void (*change)(struct export_manifest *manifest);
		long long seq;
		const char *words;
	} CLAIMS[] = {
	    {claim_all, 1, "left out"},
	    {claim_another, 0, "not what was asked for"},
	    {claim_earlier, 200, "not what was asked for"},
	    {claim_fewer, 1400, "more leaves than were asked for"},
	    {claim_a_larger_log, -1, "names another checkpoint"},
	};
	struct exported *exported = *state;
	struct export_scope scope = exported_all();

	snprintf(scope.actor, sizeof scope.actor, "officer:a");
	for (size_t i = 0; i < COUNT(CLAIMS); i++) {
		DEFER(buf_clear_public) struct buf manifest = {0};
		const struct tar_entry *policy;

		exported_run(exported, &scope);
		policy = exported_find(exported, EXPORT_POLICY);
		name_again(exported, EXPORT_POLICY, policy->contents, &manifest, CLAIMS[i].change);
		assert_true(exported_verify(exported)->tampered);
		assert_false(exported->verdict.complete);
		assert_true(exported_found(exported, CLAIMS[i].seq, CLAIMS[i].words));
		exported->count = 0;
	}
}

static void
a_manifest_in_another_spelling_is_none(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	struct tar_entry *manifest;
	DEFER(buf_clear_public) struct buf spaced = {0};

	exported_run(exported, &scope);
	manifest = exported_find(exported, EXPORT_MANIFEST);
	buf_append(&spaced, manifest->contents);
	buf_append_u8(&spaced, '\n');
	manifest->contents = buf_bytes(&spaced);
	assert_true(exported_verify(exported)->tampered);
	assert_true(exported_found(exported, -1, "manifest.json"));
	exported->count = 0;
}

/* ---- taken up again */

static void
wherever_it_stops_it_ends_with_the_same_octets(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	const struct export_plan plan = exported_plan(exported, &scope);
	DEFER(buf_clear_public) struct buf before = {0};
	struct error err = {0};

	exported_run(exported, &scope);
	buf_append(&before, buf_bytes(&exported->archive));
	for (int lost = 0; lost < 6; lost++) {
		DEFER(export_writer_free) struct export_writer *writer = NULL;
		DEFER(export_writer_free) struct export_writer *second = NULL;
		struct export_progress kept = {0};
		struct export_result result;
		bool done = false;

		/* One step is kept; what the next ones appended is not. */
		assert_true(export_writer_open(&plan, &kept, &writer, &err));
		assert_true(export_writer_step(writer, 1, &done, &err));
		kept = *export_writer_progress(writer);
		for (int i = 0; i < lost; i++)
			assert_true(export_writer_step(writer, 1, &done, &err));
		assert_true(export_writer_open(&plan, &kept, &second, &err));
		for (done = false; !done;)
			assert_true(export_writer_step(second, 1, &done, &err));
		assert_true(export_writer_finish(second, &result, &err));
		buf_truncate(&exported->archive, 0);
		assert_true(file_read(folder_file(&exported->folder, EXPORT_ARCHIVE), 1 << 24,
		    &exported->archive, &err));
		assert_octets(buf_bytes(&exported->archive), buf_bytes(&before));
	}
}

static void
parts_that_are_gone_are_made_anew(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	const struct export_plan plan = exported_plan(exported, &scope);
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	const struct export_progress kept = {
	    .next = 512, .count = 512, .last = 511, .leaves_len = 1 << 20, .csv_len = 1 << 20};
	struct export_result result;
	struct error err = {0};
	bool done = false;

	assert_true(export_writer_open(&plan, &kept, &writer, &err));
	assert_int_equal(export_writer_progress(writer)->next, 0);
	while (!done)
		assert_true(export_writer_step(writer, 3, &done, &err));
	assert_true(export_writer_finish(writer, &result, &err));
	buf_truncate(&exported->archive, 0);
	assert_true(file_read(
	    folder_file(&exported->folder, EXPORT_ARCHIVE), 1 << 24, &exported->archive, &err));
	exported_take_apart(exported);
	assert_true(exported_verify(exported)->complete);
}

static void
more_than_the_disk_is_for_is_refused(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	struct export_plan plan = exported_plan(exported, &scope);
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	struct error err = {0};
	bool done = false;

	plan.len_max = 100000;
	assert_true(export_writer_open(&plan, &(struct export_progress){0}, &writer, &err));
	assert_false(export_writer_step(writer, 100, &done, &err));
	assert_int_equal(err.code, E_TOO_LARGE);
}

static void
a_log_that_was_changed_is_not_exported_as_if_it_were_good(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	const struct export_plan plan = exported_plan(exported, &scope);
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	DEFER(buf_clear_public) struct buf bundle = {0};
	struct error err = {0};
	uint8_t *edited;
	bool done = false;

	assert_true(file_read(
	    folder_file(&exported->log_folder, "tile/entries/002"), 1 << 24, &bundle, &err));
	edited = memmem(bundle.data, bundle.len, "\"seq\":600,", 10);
	assert_non_null(edited);
	edited[8] = '1';
	(void)folder_put(&exported->log_folder, "tile/entries/002", buf_bytes(&bundle), 0644);
	assert_true(export_writer_open(&plan, &(struct export_progress){0}, &writer, &err));
	assert_false(export_writer_step(writer, 100, &done, &err));
	assert_int_equal(err.code, E_BAD_PROOF);
	assert_string_equal(err.detail, "leaf 600 is not what its tile has");
}

static void
a_log_without_its_leaves_is_told(void **state)
{
	struct exported *exported = *state;
	const struct export_scope scope = exported_all();
	const struct export_plan plan = exported_plan(exported, &scope);
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	struct error err = {0};
	bool done = false;

	assert_int_equal(unlink(folder_file(&exported->log_folder, "tile/entries/001")), 0);
	assert_true(export_writer_open(&plan, &(struct export_progress){0}, &writer, &err));
	assert_false(export_writer_step(writer, 100, &done, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	assert_non_null(strstr(err.detail, "256"));
}

static void
a_scope_that_cannot_be_is_refused(void **state)
{
	static const struct {
		struct export_scope scope;
		const char *pointer;
	} ROWS[] = {
	    {{.after = -2, .limit = -1, .from_s = -1, .to_s = -1}, "/after"},
	    {{.after = -1, .limit = 0, .from_s = -1, .to_s = -1}, "/limit"},
	    {{.after = -1, .limit = -2, .from_s = -1, .to_s = -1}, "/limit"},
	    {{.after = -1, .limit = -1, .from_s = INT64_MAX, .to_s = -1}, "/from"},
	    {{.after = -1, .limit = -1, .from_s = -1, .to_s = -3}, "/to"},
	    {{.after = -1, .limit = -1, .from_s = -1, .to_s = -1, .event = "no.such"}, "/ev"},
	    {{.after = -1, .limit = -1, .from_s = -1, .to_s = -1, .code = "lower"}, "/rc"},
	    {{.after = -1, .limit = -1, .from_s = -1, .to_s = -1, .actor = "a\"b"}, "/act"},
	};
	const struct export_scope all = exported_all();
	struct error fine = {0};

	(void)state;
	assert_true(export_scope_check(&all, &fine));
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct error err = {0};

		assert_false(export_scope_check(&ROWS[i].scope, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		assert_string_equal(err.pointer, ROWS[i].pointer);
	}
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, exported_make, exported_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_LOG(all_of_a_log_is_exported_and_none_is_missing),
	    WITH_LOG(the_same_is_the_same_octet_for_octet),
	    WITH_LOG(what_was_asked_for_is_there_and_says_what_it_proves),
	    WITH_LOG(a_changed_octet_of_any_file_is_found),
	    WITH_LOG(a_missing_file_is_told_by_its_name),
	    WITH_LOG(a_file_that_nobody_names_is_told),
	    WITH_LOG(a_leaf_that_is_left_out_is_told_by_its_number),
	    WITH_LOG(an_edited_leaf_is_told_by_its_number),
	    WITH_LOG(a_line_of_the_csv_is_held_against_its_leaf),
	    WITH_LOG(a_changed_tile_is_told_by_name),
	    WITH_LOG(a_picked_export_cannot_claim_to_be_something_else),
	    WITH_LOG(a_manifest_in_another_spelling_is_none),
	    WITH_LOG(wherever_it_stops_it_ends_with_the_same_octets),
	    WITH_LOG(parts_that_are_gone_are_made_anew),
	    WITH_LOG(more_than_the_disk_is_for_is_refused),
	    WITH_LOG(a_log_that_was_changed_is_not_exported_as_if_it_were_good),
	    WITH_LOG(a_log_without_its_leaves_is_told),
	    cmocka_unit_test(a_scope_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

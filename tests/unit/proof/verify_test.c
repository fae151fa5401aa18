#include "tests/support/memory_log.h"
#include "tests/support/signed_log.h"

#include "base/text.h"
#include "proof/verify.h"

#define FINDINGS_MAX 16

struct world {
	struct signed_log log;
	struct memory_log files;
	struct verify_result result;
	struct verify_finding findings[FINDINGS_MAX];
	char texts[FINDINGS_MAX][256];
	size_t count;
	struct buf earlier; /* a checkpoint that was kept */
	struct buf held;    /* leaves that somebody has */
	bool has_blobs;
};

static int
make_world(void **state)
{
	struct world *world = xcalloc(1, sizeof *world);

	signed_log_init(&world->log);
	memory_log_init(&world->files);
	signed_log_add(&world->log, (struct leaf){.event = LEAF_LOG_OPEN});
	*state = world;
	return 0;
}

static int
free_world(void **state)
{
	struct world *world = *state;

	signed_log_clear(&world->log);
	memory_log_clear(&world->files);
	buf_clear_public(&world->earlier);
	buf_clear_public(&world->held);
	free(world);
	return 0;
}

/* The files of the log as it is now. */
static void
publish(struct world *world)
{
	memory_log_clear(&world->files);
	memory_log_init(&world->files);
	for (size_t i = 0; i < world->log.count; i++)
		memory_log_append(&world->files, buf_bytes(&world->log.leaves[i]));
	memory_log_flush(&world->files);
	memory_log_sign(&world->files, &world->log.key, world->log.seed);
}

static void
note_finding(void *context, const struct verify_finding *finding)
{
	struct world *world = context;

	if (world->count == FINDINGS_MAX)
		return;
	snprintf(world->texts[world->count], sizeof world->texts[0], "%s", finding->text);
	world->findings[world->count] = *finding;
	world->findings[world->count].text = world->texts[world->count];
	world->count++;
}

static void
verify(struct world *world)
{
	const struct tile_files files = memory_log_files(&world->files);

	world->count = 0;
	verify_log(&(struct verify_options){.files = &files,
		       .key = &world->log.key,
		       .earlier = buf_bytes(&world->earlier),
		       .leaves = buf_bytes(&world->held),
		       .has_blobs = world->has_blobs,
		       .context = world,
		       .report = note_finding},
	    &world->result);
}

/* Exactly one thing is wrong, and this is it. */
static void
finds(struct world *world, enum verify_kind kind, int64_t seq, const char *text)
{
	verify(world);
	if (world->count != 1 || world->findings[0].kind != kind || world->findings[0].seq != seq ||
	    strstr(world->findings[0].text, text) == NULL)
		fail_msg("%zu findings, the first of leaf %lld: %s", world->count,
		    world->count > 0 ? (long long)world->findings[0].seq : -1,
		    world->count > 0 ? world->findings[0].text : "");
	assert_int_equal(world->result.tampered, kind == VERIFY_TAMPERED);
	assert_int_equal(world->result.incomplete, kind == VERIFY_INCOMPLETE);
}

static struct buf *
file_of(struct world *world, const char *path)
{
	struct memory_file *file = memory_log_find(&world->files, path);

	assert_non_null(file);
	return &file->contents;
}

/* Where a leaf begins in the bundle of the first 256. */
static uint8_t *
leaf_in_bundle(struct world *world, const char *path, size_t number)
{
	struct buf *bundle = file_of(world, path);
	struct bytes rest = buf_bytes(bundle), leaf = {0};

	for (size_t i = 0; i <= number; i++)
		assert_true(tile_entry_take(&rest, &leaf));
	return bundle->data + (leaf.data - bundle->data);
}

static void
a_log_in_order_is_good_at_every_size(void **state)
{
	static const size_t SIZES[] = {1, 2, 3, 255, 256, 257, 511, 512, 600};
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(SIZES); i++) {
		signed_log_grow(&world->log, SIZES[i]);
		publish(world);
		verify(world);
		assert_int_equal(world->count, 0);
		assert_false(world->result.tampered || world->result.incomplete);
		assert_int_equal(world->result.checkpoint.size, SIZES[i]);
		assert_int_equal(world->result.first_at_s, SIGNED_LOG_BEGAN_S);
		assert_int_equal(
		    world->result.last_at_s, SIGNED_LOG_BEGAN_S + (int64_t)SIZES[i] - 1);
	}
}

static void
an_edited_leaf_is_named(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 300);
	publish(world);
	leaf_in_bundle(world, "tile/entries/000", 17)[60] ^= 1; /* in the event's name */
	verify(world);
	assert_int_equal(world->findings[0].seq, 17);
	assert_int_equal(world->findings[0].kind, VERIFY_TAMPERED);
	assert_string_equal(world->findings[0].text, "its octets are not those that were hashed");
	for (size_t i = 0; i < world->count; i++)
		assert_int_equal(world->findings[i].seq, 17);
}

/* Leaf and its hash edited together: a tile higher up, or the signed root, says which leaves. */
static void
an_edited_leaf_with_its_hash_is_named_by_the_tile_above(void **state)
{
	struct world *world = *state;
	uint8_t *leaf;
	size_t len;

	signed_log_grow(&world->log, 300);
	publish(world);
	leaf = leaf_in_bundle(world, "tile/entries/000", 17);
	len = world->log.leaves[17].len;
	leaf[len - 4] = 'B'; /* of its nonce */
	leaf_hash(bytes_of(leaf, len), file_of(world, "tile/0/000")->data + 17 * SHA256_BYTES);
	verify(world);
	assert_true(world->result.tampered);
	assert_int_equal(world->findings[0].seq, 0);
	assert_string_equal(
	    world->findings[0].text, "leaves 0 to 255 are not those of tile 0 of level 1");
	assert_string_equal(world->findings[1].text,
	    "the first 300 leaves do not lead to the root of the checkpoint");
}

static void
a_removed_leaf_is_named(void **state)
{
	struct world *world = *state;
	struct buf *bundle;
	uint8_t *leaf;
	size_t len;

	signed_log_grow(&world->log, 20);
	publish(world);
	bundle = file_of(world, "tile/entries/000.p/20");
	leaf = leaf_in_bundle(world, "tile/entries/000.p/20", 7) - 2;
	len = world->log.leaves[7].len + 2;
	memmove(leaf, leaf + len, bundle->len - (size_t)(leaf - bundle->data) - len);
	buf_truncate(bundle, bundle->len - len);
	verify(world);
	assert_true(world->result.tampered);
	assert_int_equal(world->findings[0].seq, 7);
	assert_int_equal(world->findings[1].seq, 7);
	assert_string_equal(world->findings[1].text, "it says that it is leaf 8");
}

static void
a_leaf_that_is_none_is_named(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 5);
	world->log.leaves[3].data[0] = '['; /* and it was signed so */
	publish(world);
	finds(world, VERIFY_TAMPERED, 3, "not a leaf in its one legal spelling");
}

static void
a_clock_set_back_is_named(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 5);
	signed_log_add(&world->log,
	    (struct leaf){.event = LEAF_SVC_HEARTBEAT, .sequenced_at_s = SIGNED_LOG_BEGAN_S + 1});
	publish(world);
	finds(world, VERIFY_TAMPERED, 5, "its time is 3 s before");
}

static void
a_log_without_its_beginning_is_named(void **state)
{
	struct world *world = *state;

	buf_clear_public(&world->log.leaves[--world->log.count]); /* without log.open */
	signed_log_grow(&world->log, 5);
	publish(world);
	finds(world, VERIFY_TAMPERED, 0, "does not open the log");
}

static void
no_service_is_a_notice(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 5);
	signed_log_add(&world->log, (struct leaf){.event = LEAF_SVC_HEARTBEAT,
					.sequenced_at_s = SIGNED_LOG_BEGAN_S + 4 + 180});
	publish(world);
	verify(world);
	assert_int_equal(world->count, 0);
	signed_log_add(&world->log,
	    (struct leaf){.event = LEAF_SVC_STOP, .sequenced_at_s = SIGNED_LOG_BEGAN_S + 4 + 361});
	signed_log_add(&world->log,
	    (struct leaf){.event = LEAF_SVC_START, .sequenced_at_s = SIGNED_LOG_BEGAN_S + 3965});
	publish(world);
	verify(world);
	assert_false(world->result.tampered || world->result.incomplete);
	assert_int_equal(world->result.notices, 2);
	assert_int_equal(world->findings[0].seq, 6);
	assert_string_equal(world->findings[0].text,
	    "service not operating from 2026-01-01T00:03:04Z to 2026-01-01T00:06:05Z, 181 s");
	assert_int_equal(world->findings[1].seq, 7);
	assert_non_null(strstr(world->findings[1].text, "3600 s: it was stopped in order"));
}

static void
a_signature_by_somebody_else_is_refused(void **state)
{
	struct world *world = *state;
	struct buf *note;

	signed_log_grow(&world->log, 5);
	publish(world);
	note = file_of(world, "checkpoint");
	note->data[note->len - 10] ^= 1;
	finds(world, VERIFY_TAMPERED, -1, "the checkpoint: ");
	assert_int_equal(world->result.checkpoint.size, 0);
}

static void
what_is_missing_is_incomplete(void **state)
{
	static const struct {
		const char *path, *text;
		int64_t seq;
	} ROWS[] = {
	    {"checkpoint", "there is no checkpoint", -1},
	    {"tile/0/000", "tile/0/000: it is not there", 0},
	    {"tile/entries/001.p/44", "tile/entries/001.p/44: it is not there", 256},
	    {"tile/1/000.p/1", "tile/1/000.p/1 is not there", -1},
	};
	struct world *world = *state;

	signed_log_grow(&world->log, 300);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		publish(world);
		memory_log_remove(&world->files, ROWS[i].path);
		finds(world, VERIFY_INCOMPLETE, ROWS[i].seq, ROWS[i].text);
	}
}

/* Signed, and without its last leaf: the checkpoint counts one that is not there. */
static void
a_tail_that_is_cut_is_named(void **state)
{
	struct world *world = *state;
	struct buf *bundle;

	signed_log_grow(&world->log, 20);
	publish(world);
	bundle = file_of(world, "tile/entries/000.p/20");
	buf_truncate(bundle, bundle->len - world->log.leaves[19].len - 2);
	finds(world, VERIFY_TAMPERED, 19, "the bundle ends within it");
}

static void
a_checkpoint_that_was_kept_has_to_be_continued(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 200);
	signed_log_note(&world->log, 200, &world->earlier);
	signed_log_grow(&world->log, 300);
	publish(world);
	verify(world);
	assert_int_equal(world->count, 0);
	/* Rewritten below it, and signed again with the log's own key. */
	world->log.leaves[30].data[world->log.leaves[30].len - 4] = 'B'; /* of its nonce */
	publish(world);
	finds(world, VERIFY_TAMPERED, 0,
	    "the first 200 leaves do not lead to the root of the checkpoint that was kept");
}

static void
what_a_kept_checkpoint_proves_is_not_suspected(void **state)
{
	struct world *world = *state;
	uint8_t *leaf;
	size_t len;

	signed_log_grow(&world->log, 200);
	signed_log_note(&world->log, 200, &world->earlier);
	signed_log_grow(&world->log, 250);
	publish(world);
	leaf = leaf_in_bundle(world, "tile/entries/000.p/250", 230);
	len = world->log.leaves[230].len;
	leaf[len - 4] = 'B'; /* of its nonce */
	leaf_hash(
	    bytes_of(leaf, len), file_of(world, "tile/0/000.p/250")->data + 230 * SHA256_BYTES);
	finds(world, VERIFY_TAMPERED, 200,
	    "the first 250 leaves do not lead to the root of the checkpoint, and those before this "
	    "one do");
}

/* As the database has them, or another reader. */
static void
hold(struct world *world, size_t from, size_t to, size_t without)
{
	buf_truncate(&world->held, 0);
	for (size_t i = from; i < to; i++) {
		if (i == without)
			continue;
		buf_append(&world->held, buf_bytes(&world->log.leaves[i]));
		buf_append_u8(&world->held, '\n');
	}
}

static void
leaves_that_somebody_has_are_held_against_the_log(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 300);
	publish(world);
	hold(world, 0, 300, SIZE_MAX);
	verify(world);
	assert_int_equal(world->count, 0);
	hold(world, 100, 300, SIZE_MAX);
	verify(world);
	assert_int_equal(world->count, 0);
	hold(world, 0, 300, 40);
	finds(world, VERIFY_TAMPERED, 40, "missing among those that are held");
	hold(world, 0, 280, SIZE_MAX);
	finds(world, VERIFY_INCOMPLETE, 280, "end before it");
	hold(world, 0, 300, SIZE_MAX);
	world->held.data[world->held.len - 5] ^= 1; /* of the last one's nonce */
	finds(world, VERIFY_TAMPERED, 299, "held against it is another");
}

/* Says that leaves are pruned, as the ledger does. */
static void
say_pruned_of(struct world *world, const char *subject, int64_t first, int64_t last)
{
	struct leaf leaf = {.event = LEAF_LOG_PRUNE};

	snprintf(leaf.subject, sizeof leaf.subject, "%s", subject);
	leaf.details[0] = (struct leaf_detail){.key = "first", .number = first};
	leaf.details[1] = (struct leaf_detail){.key = "last", .number = last};
	signed_log_add(&world->log, leaf);
}

static void
say_pruned(struct world *world, int64_t first, int64_t last)
{
	say_pruned_of(world, "log:node1-2026", first, last);
}

static void
what_a_leaf_says_was_pruned_is_not_missed(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 800);
	say_pruned(world, 0, 511);
	hold(world, 0, world->log.count, SIZE_MAX);
	publish(world);
	verify(world);
	assert_int_equal(world->count, 0);
	memory_log_remove(&world->files, "tile/entries/000");
	finds(world, VERIFY_NOTICE, 0,
	    "leaves 0 to 255 were pruned, by leaf 800; their hashes are there");
	memory_log_remove(&world->files, "tile/entries/001");
	finds(world, VERIFY_NOTICE, 0,
	    "leaves 0 to 511 were pruned, by leaf 800; their hashes are there");
	world->held.data[9] ^= 1; /* what somebody kept of the first still has to fit its hash */
	verify(world);
	assert_int_equal(world->findings[0].kind, VERIFY_TAMPERED);
	assert_int_equal(world->findings[0].seq, 0);
	buf_truncate(&world->held, 0);
	memory_log_remove(&world->files, "tile/entries/002"); /* of which nobody said so */
	verify(world);
	assert_int_equal(world->count, 2);
	assert_int_equal(world->findings[1].kind, VERIFY_INCOMPLETE);
	assert_int_equal(world->findings[1].seq, 512);
	assert_string_equal(world->findings[1].text, "tile/entries/002: it is not there");
}

static void
each_leaf_that_says_so_is_named(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 800);
	say_pruned(world, 256, 299);
	say_pruned(world, 300, 520);
	publish(world);
	memory_log_remove(&world->files, "tile/entries/001");
	memory_log_remove(&world->files, "tile/entries/002"); /* of which a part was pruned */
	verify(world);
	assert_int_equal(world->count, 3);
	assert_string_equal(world->findings[0].text,
	    "leaves 256 to 299 were pruned, by leaf 800; their hashes are there");
	assert_int_equal(world->findings[1].seq, 300);
	assert_string_equal(world->findings[1].text,
	    "leaves 300 to 511 were pruned, by leaf 801; their hashes are there");
	assert_int_equal(world->findings[2].kind, VERIFY_INCOMPLETE);
	assert_int_equal(world->findings[2].seq, 512);
	assert_true(world->result.incomplete);
}

static void
pruning_excuses_no_changed_hash(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 400);
	say_pruned(world, 0, 255);
	publish(world);
	memory_log_remove(&world->files, "tile/entries/000");
	file_of(world, "tile/0/000")->data[40] ^= 1;
	verify(world);
	assert_true(world->result.tampered);
	memory_log_remove(&world->files, "tile/0/000");
	verify(world);
	assert_true(world->result.incomplete);
}

static void
nobody_prunes_what_is_to_come(void **state)
{
	struct world *world = *state;

	say_pruned(world, 0, 255);
	say_pruned(world, 300, 600);
	signed_log_grow(&world->log, 700);
	say_pruned(world, 511, 256);
	say_pruned_of(world, "log:node2-2026", 0, 511);
	publish(world);
	memory_log_remove(&world->files, "tile/entries/001");
	finds(world, VERIFY_INCOMPLETE, 256, "it is not there");
}

static void
a_log_that_shrank_is_named(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 200);
	signed_log_note(&world->log, 200, &world->earlier);
	world->log.count = 150;
	publish(world);
	finds(world, VERIFY_TAMPERED, 150, "150 leaves, and a checkpoint of 200 was kept");
	world->log.count = 200;
}

static void
a_blob_has_to_be_what_its_leaf_commits_to(void **state)
{
	static const uint8_t NONCE[COMMITMENT_NONCE_BYTES] = {7};
	struct world *world = *state;
	struct leaf leaf = {.event = LEAF_CERT_ISSUE, .has_commitment = true};
	DEFER(buf_clear_public) struct buf blob = {0};

	leaf_commit(leaf.commitment, NONCE, bytes_of_text("a certificate"));
	signed_log_add(&world->log, leaf);
	publish(world);
	world->has_blobs = true;
	verify(world);
	assert_int_equal(world->count, 0); /* it may be erased */
	buf_append(&blob, bytes_of(NONCE, sizeof NONCE));
	buf_append_text(&blob, "a certificate");
	memory_log_put(&world->files, "blobs/1", buf_bytes(&blob));
	verify(world);
	assert_int_equal(world->count, 0);
	assert_int_equal(world->result.blobs, 1);
	blob.data[blob.len - 1] ^= 1;
	memory_log_put(&world->files, "blobs/1", buf_bytes(&blob));
	finds(world, VERIFY_TAMPERED, 1, "blobs/1 is not what it commits to");
	memory_log_put(&world->files, "blobs/1", bytes_of("short", 5));
	finds(world, VERIFY_TAMPERED, 1, "blobs/1 is not what it commits to");
}

/* Every bit of every file of a small log. */
static void
no_flipped_bit_is_good(void **state)
{
	struct world *world = *state;

	signed_log_grow(&world->log, 4);
	publish(world);
	for (size_t i = 0; i < world->files.count; i++) {
		struct buf *contents = &world->files.files[i].contents;

		for (size_t bit = 0; bit < 8 * contents->len; bit++) {
			contents->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			verify(world);
			if (!world->result.tampered && !world->result.incomplete)
				fail_msg("%s: bit %zu", world->files.files[i].path, bit);
			contents->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* A folder that lies about everything is told of a hundred times, not for ever. */
static void
findings_end(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 400; i++)
		signed_log_add(&world->log, (struct leaf){.event = LEAF_SVC_HEARTBEAT,
						.sequenced_at_s = SIGNED_LOG_BEGAN_S + 1000 - i});
	publish(world);
	verify(world);
	assert_true(world->result.tampered);
	assert_true(world->result.findings > VERIFY_FINDINGS_MAX);
	assert_int_equal(world->count, FINDINGS_MAX);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, free_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_WORLD(a_log_in_order_is_good_at_every_size),
	    WITH_WORLD(an_edited_leaf_is_named),
	    WITH_WORLD(an_edited_leaf_with_its_hash_is_named_by_the_tile_above),
	    WITH_WORLD(a_removed_leaf_is_named),
	    WITH_WORLD(a_leaf_that_is_none_is_named),
	    WITH_WORLD(a_clock_set_back_is_named),
	    WITH_WORLD(a_log_without_its_beginning_is_named),
	    WITH_WORLD(no_service_is_a_notice),
	    WITH_WORLD(a_signature_by_somebody_else_is_refused),
	    WITH_WORLD(what_is_missing_is_incomplete),
	    WITH_WORLD(a_tail_that_is_cut_is_named),
	    WITH_WORLD(a_checkpoint_that_was_kept_has_to_be_continued),
	    WITH_WORLD(what_a_kept_checkpoint_proves_is_not_suspected),
	    WITH_WORLD(leaves_that_somebody_has_are_held_against_the_log),
	    WITH_WORLD(what_a_leaf_says_was_pruned_is_not_missed),
	    WITH_WORLD(each_leaf_that_says_so_is_named),
	    WITH_WORLD(pruning_excuses_no_changed_hash),
	    WITH_WORLD(nobody_prunes_what_is_to_come),
	    WITH_WORLD(a_log_that_shrank_is_named),
	    WITH_WORLD(a_blob_has_to_be_what_its_leaf_commits_to),
	    WITH_WORLD(no_flipped_bit_is_good),
	    WITH_WORLD(findings_end),
	};

	return cmocka_run_group_tests_name("proof/verify", tests, NULL, NULL);
}

/* log: a published log verified offline, beside hashing its octets; a proof from its tiles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_folder.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "proof/edge.h"
#include "proof/leaf.h"
#include "proof/prove.h"
#include "proof/verify.h"
#include "tests/bench/report.h"

#define LEAVES 1000000
#define LEAVES_FEW 2000
#define PROOFS 2000
#define PROOFS_FEW 20

struct built { /* a log in a folder, and its octets one after another */
	char folder[64];
	struct note_key key;
	uint8_t seed[NOTE_SEED_BYTES];
	struct edge *edge;
	struct buf bundle, all;
	size_t count;
};

static void
put_file(const struct built *log, const char *path, struct bytes octets)
{
	char name[160];
	FILE *file;

	(void)snprintf(name, sizeof name, "%s/%s", log->folder, path);
	for (char *slash = name; (slash = strchr(slash + 1, '/')) != NULL;) {
		*slash = '\0';
		(void)mkdir(name, 0755);
		*slash = '/';
	}
	file = fopen(name, "we");
	if (file == NULL || fwrite(octets.data, 1, octets.len, file) != octets.len ||
	    fclose(file) != 0)
		die("cannot write %s", name);
}

static void
put_tile(const struct built *log, int level, uint64_t index, int width, struct bytes octets)
{
	const struct tile tile = {level, index, width};
	char path[TILE_PATH_MAX + 1];

	tile_path_encode(&tile, path);
	put_file(log, path, octets);
}

static bool
put_full(void *context, int level, uint64_t index, const uint8_t *hashes, struct error *err)
{
	(void)err;
	put_tile(context, level, index, TILE_WIDTH, bytes_of(hashes, TILE_WIDTH * SHA256_BYTES));
	return true;
}

/* As an enrollment's, which most are. */
static void
make_leaf(size_t i, struct buf *out)
{
	struct leaf leaf = {.seq = (int64_t)i,
	    .sequenced_at_s = 1767225600 + (int64_t)i / 100,
	    .at_s = 1767225600 + (int64_t)i / 100,
	    .event = i == 0 ? LEAF_LOG_OPEN : LEAF_ENROLL_OK,
	    .severity = 1,
	    .actor = "station:7f3kq2m5nv4wxyza",
	    .subject = "b:mzxw6ytboi2dgnbv/h:onsxg43jn5xhgzlt",
	    .has_commitment = true};
	struct error err = {0};

	sha256(bytes_of(&i, sizeof i), leaf.commitment);
	memcpy(leaf.nonce, leaf.commitment, sizeof leaf.nonce);
	buf_truncate(out, 0);
	must(leaf_encode(&leaf, out, &err), &err);
}

static void
append(struct built *log, struct bytes leaf)
{
	uint8_t hash[SHA256_BYTES];
	struct error err = {0};

	leaf_hash(leaf, hash);
	buf_append(&log->all, leaf);
	tile_entry_append(&log->bundle, leaf);
	must(edge_append(log->edge, hash, put_full, log, &err), &err);
	if (log->edge->size % TILE_WIDTH != 0)
		return;
	put_tile(log, TILE_ENTRIES, log->edge->size / TILE_WIDTH - 1, TILE_WIDTH,
	    buf_bytes(&log->bundle));
	buf_truncate(&log->bundle, 0);
}

static void
put_right_edge(struct built *log)
{
	for (int level = 0; level < TILE_LEVELS; level++) {
		const int width = edge_width(log->edge, level);

		if (width > 0)
			put_tile(log, level,
			    log->edge->size >> (level * TILE_HEIGHT) >> TILE_HEIGHT, width,
			    bytes_of(log->edge->hashes[level], (size_t)width * SHA256_BYTES));
	}
	if (log->bundle.len > 0)
		put_tile(log, TILE_ENTRIES, log->edge->size / TILE_WIDTH,
		    (int)(log->edge->size % TILE_WIDTH), buf_bytes(&log->bundle));
}

static void
sign(struct built *log)
{
	static const char VKEY[] = "moniker.example/node1-2026+fef7c7b4+"
				   "AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk";
	struct checkpoint checkpoint = {.size = log->edge->size};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	for (size_t i = 0; i < sizeof log->seed; i++)
		log->seed[i] = (uint8_t)(i + 1);
	must(note_key_parse(bytes_of_text(VKEY), &log->key, &err), &err);
	(void)snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", log->key.name);
	edge_root(log->edge, checkpoint.root);
	checkpoint_encode(&checkpoint, &text);
	note_sign(&log->key, log->seed, buf_bytes(&text), &note);
	put_file(log, "checkpoint", buf_bytes(&note));
}

static void
build(struct built *log, size_t count)
{
	DEFER(buf_clear_public) struct buf leaf = {0};

	*log = (struct built){
	    .folder = "/tmp/moniker-bench-log-XXXXXX", .edge = edge_new(), .count = count};
	if (mkdtemp(log->folder) == NULL)
		die("no folder for a log");
	for (size_t i = 0; i < count; i++) {
		make_leaf(i, &leaf);
		append(log, buf_bytes(&leaf));
	}
	put_right_edge(log);
	sign(log);
}

static void
clear(struct built *log)
{
	char command[96];

	(void)snprintf(command, sizeof command, "rm -rf %s", log->folder);
	if (system(command) != 0) /* NOLINT: a name of mkdtemp() */
		die("cannot remove %s", log->folder);
	edge_free(log->edge);
	buf_clear_public(&log->bundle);
	buf_clear_public(&log->all);
}
DEFER_DECLARE_CLEAR(struct built, clear)

static void
no_finding(void *context, const struct verify_finding *finding)
{
	(void)context;
	die("leaf %lld: %s", (long long)finding->seq, finding->text);
}

static double
verify_us(const struct built *log)
{
	const struct tile_files files = log_folder_files(log->folder);
	const int64_t began_us = report_own_cpu_us();
	struct verify_result result;

	verify_log(
	    &(struct verify_options){.files = &files, .key = &log->key, .report = no_finding},
	    &result);
	if (result.checkpoint.size != log->count || result.tampered || result.incomplete)
		die("the log does not verify");
	return (double)(report_own_cpu_us() - began_us);
}

static double
hash_us(const struct built *log)
{
	const size_t each = log->all.len / log->count;
	const int64_t began_us = report_own_cpu_us();
	uint8_t hash[SHA256_BYTES];

	for (size_t i = 0; i < log->count; i++)
		leaf_hash(bytes_of(log->all.data + i * each, each), hash);
	return (double)(report_own_cpu_us() - began_us);
}

/* Tiles read anew for each, as a request does. */
static double
prove_us(const struct built *log, size_t proofs)
{
	const struct tile_files files = log_folder_files(log->folder);
	const int64_t began_us = report_own_cpu_us();

	for (size_t i = 0; i < proofs; i++) {
		DEFER(prove_tiles_free)
		struct prove_tiles *tiles = prove_tiles_new(&files, log->count);
		const struct prove_nodes nodes = prove_tiles_nodes(tiles);
		DEFER(buf_clear_public) struct buf hashes = {0};
		struct error err = {0};

		must(prove_inclusion(i * 7919 % log->count, log->count, &nodes, &hashes, &err),
		    &err);
	}
	return (double)(report_own_cpu_us() - began_us) / (double)proofs;
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	DEFER(clear) struct built log;
	double verified[RUNS_MAX], hashed[RUNS_MAX], proven[RUNS_MAX];

	build(&log, few ? LEAVES_FEW : LEAVES);
	(void)verify_us(&log); /* what is fetched once, and the kernel's cache */
	for (size_t i = 0; i < RUNS_MAX; i++) {
		hashed[i] = hash_us(&log);
		verified[i] = verify_us(&log);
		proven[i] = prove_us(&log, few ? PROOFS_FEW : PROOFS);
	}
	report(&(struct finding){.work = "log of 1,000,000 leaves, verified",
	    .figure = report_median(verified, RUNS_MAX) / 1000,
	    .unit = "ms",
	    .limit = "SHA-256 of its leaves, CPU",
	    .limit_figure = report_median(hashed, RUNS_MAX) / 1000,
	    .held = report_median(verified, RUNS_MAX) / report_median(hashed, RUNS_MAX),
	    .held_unit = "x",
	    .at_most = true,
	    .budget = 3});
	report(&(struct finding){.work = "proof of a leaf, from tiles",
	    .figure = report_median(proven, RUNS_MAX),
	    .unit = "us",
	    .held = report_median(proven, RUNS_MAX) / 1000,
	    .held_unit = "ms",
	    .at_most = true,
	    .budget = 1});
	return 0;
}

/*
 * resign RING PASSPHRASE_FILE ORIGIN LEAVES DIR: what somebody can do who has the log's key: writes
 * the leaves (one a line) as a log into DIR, with tiles, and signs its root.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/file.h"
#include "keeper/keyring.h"
#include "proof/checkpoint.h"
#include "proof/edge.h"
#include "proof/note.h"
#include "proof/scan.h"

#define LEAVES_MAX ((size_t)64 << 20)

struct log {
	const char *dir;
	struct edge *edge;
	struct buf bundle;
};

static bool
put(const struct log *log, const char *path, struct bytes octets, struct error *err)
{
	DEFER(buf_clear_public) struct buf name = {0};

	buf_append_format(&name, "%s/%s", log->dir, path);
	for (char *slash = (char *)name.data + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(buf_text(&name), 0755) != 0 && errno != EEXIST)
			return error_set(err, E_FILE_FAILED, "cannot make %s", buf_text(&name));
		*slash = '/';
	}
	return file_write(buf_text(&name), octets, 0644, err);
}

static bool
put_tile(const struct log *log, struct tile tile, struct bytes octets, struct error *err)
{
	char path[TILE_PATH_MAX + 1];

	if (tile.width == 0)
		return true;
	tile_path_encode(&tile, path);
	return put(log, path, octets, err);
}

static bool
put_full(void *context, int level, uint64_t index, const uint8_t *hashes, struct error *err)
{
	return put_tile(context, (struct tile){level, index, TILE_WIDTH},
	    bytes_of(hashes, TILE_WIDTH * SHA256_BYTES), err);
}

static bool
take_leaf(struct log *log, struct bytes leaf, struct error *err)
{
	uint8_t hash[SHA256_BYTES];

	leaf_hash(leaf, hash);
	tile_entry_append(&log->bundle, leaf);
	if (!edge_append(log->edge, hash, put_full, log, err))
		return false;
	if (log->edge->size % TILE_WIDTH != 0)
		return true;
	if (!put_tile(log,
		(struct tile){TILE_ENTRIES, log->edge->size / TILE_WIDTH - 1, TILE_WIDTH},
		buf_bytes(&log->bundle), err))
		return false;
	buf_truncate(&log->bundle, 0);
	return true;
}

static bool
put_right_edge(const struct log *log, struct error *err)
{
	const struct edge *edge = log->edge;

	for (int level = 0; level < TILE_LEVELS; level++) {
		const struct tile tile = {level, edge->size >> (level * TILE_HEIGHT) >> TILE_HEIGHT,
		    edge_width(edge, level)};

		if (!put_tile(log, tile,
			bytes_of(edge->hashes[level], (size_t)tile.width * SHA256_BYTES), err))
			return false;
	}
	return put_tile(log,
	    (struct tile){TILE_ENTRIES, edge->size / TILE_WIDTH, (int)(edge->size % TILE_WIDTH)},
	    buf_bytes(&log->bundle), err);
}

static bool
sign(const struct log *log, const char *origin, const struct secret *seed, struct error *err)
{
	struct checkpoint checkpoint = {.size = log->edge->size};
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], private_key[crypto_sign_SECRETKEYBYTES];
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct note_key key;

	(void)crypto_sign_seed_keypair(public_key, private_key, secret_bytes(seed).data);
	sodium_memzero(private_key, sizeof private_key);
	if (!note_key_init(&key, origin, public_key, err))
		return false;
	(void)snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", origin);
	edge_root(log->edge, checkpoint.root);
	checkpoint_encode(&checkpoint, &text);
	note_sign(&key, secret_bytes(seed).data, buf_bytes(&text), &note);
	return put(log, "checkpoint", buf_bytes(&note), err);
}

static bool
run(char **argv, struct error *err)
{
	DEFER(edge_free) struct edge *edge = edge_new();
	DEFER(buf_clear) struct buf words = {0};
	DEFER(buf_clear_public) struct buf leaves = {0};
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(keyring_free) struct keyring *ring = NULL;
	struct log log = {.dir = argv[5], .edge = edge};
	struct scan in;
	struct bytes leaf;
	bool done;

	if (!file_read(argv[2], 256, &words, err) || !file_read(argv[4], LEAVES_MAX, &leaves, err))
		return false;
	passphrase = secret_new(bytes_of(words.data, strcspn(buf_text(&words), "\n")));
	if (!keyring_read(argv[1], passphrase, &ring, err))
		return false;
	in = (struct scan){buf_bytes(&leaves)};
	done = true;
	while (done && in.rest.len > 0)
		done = scan_line(&in, &leaf) && take_leaf(&log, leaf, err);
	done = done && put_right_edge(&log, err) &&
	       sign(&log, argv[3], keyring_find(ring, "log"), err);
	buf_clear_public(&log.bundle);
	return done;
}

int
main(int argc, char **argv)
{
	struct error err = {0};

	if (argc == 6 && sodium_init() >= 0 && run(argv, &err))
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "resign: %s\n", argc == 6 ? err.detail : "five arguments");
	return EXIT_FAILURE;
}

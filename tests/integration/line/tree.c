/* tree VKEY CHECKPOINT LEAVES: the checkpoint is signed by the key, and its root is that of the
 * leaves. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "proof/checkpoint.h"
#include "proof/leaf.h"
#include "proof/merkle.h"
#include "proof/note.h"

#define LEAVES_MAX ((size_t)256 << 20)

static bool
check(const char *vkey, const char *note_path, const char *leaves_path, struct error *err)
{
	DEFER(buf_clear_public) struct buf note = {0};
	DEFER(buf_clear_public) struct buf leaves = {0};
	struct checkpoint checkpoint;
	struct merkle tree = {0};
	struct note_key key;
	struct bytes text;
	uint8_t root[SHA256_BYTES];

	if (!note_key_parse(bytes_of_text(vkey), &key, err) ||
	    !file_read(note_path, NOTE_MAX, &note, err) ||
	    !note_verify(buf_bytes(&note), &key, &text, err) ||
	    !checkpoint_parse(text, &checkpoint, err) ||
	    !file_read(leaves_path, LEAVES_MAX, &leaves, err))
		return false;
	for (struct bytes rest = buf_bytes(&leaves); rest.len > 0 && tree.size < checkpoint.size;) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		uint8_t hash[SHA256_BYTES];

		if (end == NULL)
			return error_set(err, E_BAD_SYNTAX, "a leaf without its newline");
		leaf_hash(bytes_of(rest.data, (size_t)(end - rest.data)), hash);
		merkle_append(&tree, hash);
		rest = bytes_of(end + 1, rest.len - (size_t)(end - rest.data) - 1);
	}
	merkle_root(&tree, root);
	return (tree.size == checkpoint.size && memcmp(root, checkpoint.root, sizeof root) == 0) ||
	       error_set(err, E_BAD_PROOF, "the root is not that of the leaves");
}

int
main(int argc, char **argv)
{
	struct error err = {0};

	if (argc == 4 && check(argv[1], argv[2], argv[3], &err))
		return EXIT_SUCCESS;
	fprintf(stderr, "%s\n", argc == 4 ? err.detail : "usage: tree VKEY CHECKPOINT LEAVES");
	return EXIT_FAILURE;
}

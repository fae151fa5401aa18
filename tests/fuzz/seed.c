/* fuzz_seed FOLDER: makes the corpora of all targets in FOLDER (tests/fuzz/corpus). */
#include "tests/fuzz/seed.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

void
seed_put(const char *target, const char *name, struct bytes input)
{
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};

	buf_append_text(&path, target);
	MUST(file_make_dir(buf_text(&path), 0755, &err));
	buf_append_format(&path, "/%s", name);
	if (access(buf_text(&path), F_OK) != 0)
		MUST(file_write(buf_text(&path), input, 0644, &err));
}

void
seed_put_hurt(const char *target, const char *name, struct bytes input)
{
	DEFER(buf_clear_public) struct buf hurt = {0};
	DEFER(buf_clear_public) struct buf hurt_name = {0};

	seed_put(target, name, input);
	buf_append(&hurt, input);
	buf_append_u8(&hurt, 0);
	buf_append_format(&hurt_name, "%s-and-more", name);
	seed_put(target, buf_text(&hurt_name), buf_bytes(&hurt));
	buf_truncate(&hurt_name, 0);
	buf_append_format(&hurt_name, "%s-cut", name);
	seed_put(target, buf_text(&hurt_name), bytes_of(hurt.data, input.len * 3 / 4));
	buf_truncate(&hurt_name, 0);
	buf_append_format(&hurt_name, "%s-changed", name);
	hurt.data[input.len / 2] ^= 0x10;
	seed_put(target, buf_text(&hurt_name), bytes_of(hurt.data, input.len));
}

int
main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) != 0) {
		(void)fprintf(stderr, "%s: one argument: the folder of the corpora\n", argv[0]);
		return 2;
	}
	(void)umask(022);
	seed_texts();
	seed_requests();
	seed_ocsp();
	seed_signed();
	seed_keeper();
	seed_export();
	seed_trust();
	seed_remembered();
	return 0;
}

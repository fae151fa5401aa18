/*
 * trust_files DIR: a bundle of now (bundle.pem), older ones (stale.pem, other.pem is another
 * root's), the root (root.pem), and certificates good.pem, revoked.pem, held.pem, expired.pem,
 * stranger.pem, for tests that run programs.
 */
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "tests/support/trust.h"

#define DAY_S INT64_C(86400)

static const uint8_t REVOKED[] = {0x40, [19] = 2}, HELD[] = {0x40, [19] = 3};

static void
put(const char *dir, const char *name, struct buf *text)
{
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};

	buf_append_format(&path, "%s/%s.pem", dir, name);
	if (!file_write(buf_text(&path), buf_bytes(text), 0644, &err)) {
		(void)fprintf(stderr, "%s: %s\n", buf_text(&path), err.detail);
		exit(EXIT_FAILURE);
	}
	buf_truncate(text, 0);
}

static void
put_certificate(const struct trust *trust, const char *dir, const char *name,
    const struct trust_certificate *what)
{
	DEFER(X509_free) X509 *certificate = trust_issue(trust, what);
	DEFER(buf_clear_public) struct buf text = {0};

	trust_pem(certificate, &text);
	put(dir, name, &text);
}

static void
put_bundle(const struct trust *trust, const char *dir, const char *name, int64_t issued_s)
{
	const uint32_t since_s = (uint32_t)(issued_s - 60);
	const struct trust_entry entries[] = {
	    {{0x40, [19] = 2}, 1, since_s}, {{0x40, [19] = 3}, 0x86, since_s}};
	DEFER(buf_clear_public) struct buf text = {0};

	trust_bundle(trust,
	    &(struct trust_set){
		.seq = 2, .issued_s = issued_s, .entries = entries, .count = COUNT(entries)},
	    NULL, 0, &text);
	put(dir, name, &text);
}

int
main(int argc, char **argv)
{
	DEFER(trust_clear) struct trust trust = {0}, other = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	const int64_t now_s = (int64_t)time(NULL);
	const char *dir = argv[1];

	if (argc != 2)
		return EXIT_FAILURE;
	trust_init(&trust, now_s);
	trust_init(&other, now_s);
	trust_pem(trust.root, &text);
	put(dir, "root", &text);
	put_bundle(&trust, dir, "bundle", now_s);
	put_bundle(&trust, dir, "stale", now_s - 2 * DAY_S);
	put_bundle(&other, dir, "other", now_s);
	put_certificate(&trust, dir, "good", &(struct trust_certificate){0});
	put_certificate(&trust, dir, "revoked", &(struct trust_certificate){.serial = REVOKED});
	put_certificate(&trust, dir, "held", &(struct trust_certificate){.serial = HELD});
	put_certificate(&trust, dir, "expired",
	    &(struct trust_certificate){
		.not_before_s = now_s - 2 * DAY_S, .not_after_s = now_s - DAY_S});
	put_certificate(&other, dir, "stranger", &(struct trust_certificate){0});
	return EXIT_SUCCESS;
}

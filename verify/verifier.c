/* The verifier: which bundle is in force, for any number of threads. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/defer_openssl.h"
#include "verify/judge.h"

/* A bundle and those who use it: it goes when a new one came and the last of them is done. */
struct shared {
	atomic_size_t users;
	struct bundle *bundle;
};

struct moniker_verifier {
	CRYPTO_RWLOCK *lock; /* of what is below: pointers are copied under it, nothing is read */
	X509 *root;          /* the one that bundles must have; NULL: not known yet */
	struct shared *current; /* NULL: none was loaded */
};

static void
shared_release(struct shared *shared)
{
	if (shared == NULL || atomic_fetch_sub(&shared->users, 1) != 1)
		return;
	mv_bundle_free(shared->bundle);
	free(shared);
}
DEFER_DECLARE(struct shared, shared_release)

/* The one in force, which the caller releases; NULL: there is none. */
static struct shared *
current_use(struct moniker_verifier *verifier)
{
	struct shared *current;

	if (CRYPTO_THREAD_read_lock(verifier->lock) != 1)
		return NULL;
	current = verifier->current;
	if (current != NULL)
		atomic_fetch_add(&current->users, 1);
	(void)CRYPTO_THREAD_unlock(verifier->lock);
	return current;
}

static X509 *
root_use(struct moniker_verifier *verifier)
{
	X509 *root;

	if (CRYPTO_THREAD_read_lock(verifier->lock) != 1)
		return NULL;
	root = verifier->root;
	if (root != NULL)
		(void)X509_up_ref(root);
	(void)CRYPTO_THREAD_unlock(verifier->lock);
	return root;
}

static void
tell(const struct why *why, char out[MONIKER_WHY_MAX])
{
	if (out != NULL)
		(void)snprintf(out, MONIKER_WHY_MAX, "%s", why->text);
}

/* ---- making one ---- */

struct moniker_verifier *
moniker_verifier_new(const void *root, size_t root_len, char why[MONIKER_WHY_MAX])
{
	struct moniker_verifier *verifier = calloc(1, sizeof *verifier);
	struct why wrong = {.text = ""};

	(void)ERR_set_mark();
	if (verifier != NULL)
		verifier->lock = CRYPTO_THREAD_lock_new();
	if (verifier == NULL || verifier->lock == NULL)
		(void)mv_fail(&wrong, MONIKER_LOAD_NO_MEMORY, "out of memory");
	else if (root != NULL) {
		verifier->root = mv_bundle_find_root(bytes_of(root, root_len));
		if (verifier->root == NULL)
			(void)mv_fail(
			    &wrong, MONIKER_LOAD_MALFORMED, "no certificate of a root, PEM");
	}
	(void)ERR_pop_to_mark();
	tell(&wrong, why);
	if (wrong.code == MONIKER_LOADED)
		return verifier;
	moniker_verifier_free(verifier);
	return NULL;
}

void
moniker_verifier_free(struct moniker_verifier *verifier)
{
	if (verifier == NULL)
		return;
	shared_release(verifier->current);
	X509_free(verifier->root);
	CRYPTO_THREAD_lock_free(verifier->lock);
	free(verifier);
}

/* ---- loading ---- */

/* Under the lock: another thread may have loaded one since ours was read. */
static bool
may_follow(const struct moniker_verifier *verifier, const struct bundle *next, struct why *why)
{
	const struct status_set *now =
	    verifier->current == NULL ? NULL : &verifier->current->bundle->set;

	if (verifier->root != NULL && X509_cmp(verifier->root, next->root) != 0)
		return mv_fail(
		    why, MONIKER_LOAD_UNTRUSTED, "its root is another than the one before");
	if (now != NULL && (next->set.seq < now->seq || next->set.issued_s < now->issued_s))
		return mv_fail(why, MONIKER_LOAD_OLDER, "older than the bundle that is loaded");
	return true;
}

static bool
put_in_force(struct moniker_verifier *verifier, struct bundle *bundle, struct why *why)
{
	struct shared *next = calloc(1, sizeof *next);
	struct shared *gone;
	bool good;

	if (next == NULL || CRYPTO_THREAD_write_lock(verifier->lock) != 1) {
		free(next);
		mv_bundle_free(bundle);
		return mv_fail(why, MONIKER_LOAD_NO_MEMORY, "out of memory");
	}
	next->users = 1;
	next->bundle = bundle;
	good = may_follow(verifier, bundle, why);
	gone = good ? verifier->current : next;
	if (good) {
		verifier->current = next;
		if (verifier->root == NULL && X509_up_ref(bundle->root) == 1)
			verifier->root = bundle->root;
	}
	(void)CRYPTO_THREAD_unlock(verifier->lock);
	shared_release(gone);
	return good;
}

static bool
load(struct moniker_verifier *verifier, struct bytes text, int64_t now_s, struct why *why)
{
	DEFER(X509_free) X509 *root = root_use(verifier);
	struct bundle *bundle = NULL;

	return mv_bundle_parse(
		   text, root, now_s != 0 ? now_s : (int64_t)time(NULL), &bundle, why) &&
	       put_in_force(verifier, bundle, why);
}

enum moniker_load
moniker_verifier_load(struct moniker_verifier *verifier, const void *bundle, size_t len,
    int64_t now_s, char why[MONIKER_WHY_MAX])
{
	struct why wrong = {.code = MONIKER_LOADED, .text = ""};

	(void)ERR_set_mark();
	(void)load(verifier, bytes_of(bundle, len), now_s, &wrong);
	(void)ERR_pop_to_mark();
	tell(&wrong, why);
	return wrong.code;
}

/* The whole file, in memory that the caller frees. */
static bool
read_all(FILE *file, uint8_t **out, size_t *out_len, struct why *why)
{
	size_t room = (size_t)1 << 16, len = 0;
	uint8_t *octets = malloc(room);

	while (octets != NULL) {
		uint8_t *more;

		len += fread(octets + len, 1, room - len, file);
		if (len < room)
			break;
		room *= 2;
		more = len > MONIKER_BUNDLE_MAX ? NULL : realloc(octets, room);
		if (more == NULL) {
			free(octets);
			return len > MONIKER_BUNDLE_MAX
				   ? mv_fail(why, MONIKER_LOAD_UNREADABLE, "longer than %zu octets",
					 MONIKER_BUNDLE_MAX)
				   : mv_fail(why, MONIKER_LOAD_NO_MEMORY, "out of memory");
		}
		octets = more;
	}
	if (octets == NULL)
		return mv_fail(why, MONIKER_LOAD_NO_MEMORY, "out of memory");
	*out = octets;
	*out_len = len;
	return true;
}

static bool
read_file(const char *path, uint8_t **out, size_t *out_len, struct why *why)
{
	FILE *file = fopen(path, "rbe");
	char text[128];
	bool good;

	if (file == NULL)
		return mv_fail(why, MONIKER_LOAD_UNREADABLE, "cannot open it: %s",
		    strerror_r(errno, text, sizeof text));
	good = read_all(file, out, out_len, why);
	if (good && ferror(file)) {
		free(*out);
		good = mv_fail(why, MONIKER_LOAD_UNREADABLE, "cannot read it");
	}
	(void)fclose(file);
	return good;
}

enum moniker_load
moniker_verifier_load_file(
    struct moniker_verifier *verifier, const char *path, int64_t now_s, char why[MONIKER_WHY_MAX])
{
	struct why wrong = {.code = MONIKER_LOADED, .text = ""};
	enum moniker_load result;
	uint8_t *octets = NULL;
	size_t len = 0;

	if (!read_file(path, &octets, &len, &wrong)) {
		tell(&wrong, why);
		return wrong.code;
	}
	result = moniker_verifier_load(verifier, octets, len, now_s, why);
	free(octets);
	return result;
}

/* ---- asking ---- */

static const char *const VERDICT_NAMES[] = {"good", "revoked", "held", "expired", "not_yet_valid",
    "untrusted", "malformed", "stale", "no_bundle", "no_memory"};

const char *
moniker_verdict_name(enum moniker_verdict verdict)
{
	return (size_t)verdict < COUNT(VERDICT_NAMES) ? VERDICT_NAMES[verdict] : "?";
}

enum moniker_verdict
moniker_verify(struct moniker_verifier *verifier, const void *certificate, size_t len,
    const struct moniker_policy *policy, struct moniker_result *out)
{
	DEFER(shared_release) struct shared *current = current_use(verifier);
	struct moniker_policy rules = {0};

	*out = (struct moniker_result){.verdict = MONIKER_NO_BUNDLE};
	if (current == NULL) {
		(void)snprintf(out->explain, sizeof out->explain, "no bundle is loaded");
		return out->verdict;
	}
	if (policy != NULL)
		rules = *policy;
	if (rules.now_s == 0)
		rules.now_s = (int64_t)time(NULL);
	(void)ERR_set_mark();
	out->verdict = mv_judge(current->bundle, bytes_of(certificate, len), &rules, out);
	(void)ERR_pop_to_mark();
	return out->verdict;
}

void
moniker_verifier_info(struct moniker_verifier *verifier, struct moniker_bundle_info *out)
{
	DEFER(shared_release) struct shared *current = current_use(verifier);

	*out = (struct moniker_bundle_info){0};
	if (current == NULL)
		return;
	out->seq = current->bundle->set.seq;
	out->issued_s = current->bundle->set.issued_s;
	out->fresh_until_s = current->bundle->set.fresh_until_s;
	out->count = current->bundle->set.count;
	memcpy(out->cursor, current->bundle->set.cursor, sizeof out->cursor);
}

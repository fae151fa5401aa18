/*
 * libmoniker-verify: is this device's certificate good now? Answered offline, from the trust
 * bundle of a Moniker service: its CAs, and the signed set of what is held or revoked.
 *
 * A verifier holds the bundle that was loaded last. Any number of threads may ask one verifier
 * while another loads: each answer is from one bundle, the old or the new one. The library starts
 * no thread, has no global state, logs nothing, and needs OpenSSL 3 only. From C++, include it
 * within extern "C".
 *
 *     struct moniker_verifier *verifier = moniker_verifier_new(NULL, 0, NULL);
 *     struct moniker_result result;
 *     char why[MONIKER_WHY_MAX];
 *
 *     if (moniker_verifier_load_file(verifier, "bundle.pem", 0, why) != MONIKER_LOADED)
 *         ... why says why not; what was loaded before stays
 *     if (moniker_verify(verifier, pem, pem_len, NULL, &result) == MONIKER_GOOD)
 *         ... result.pseudonym is the device
 */
#ifndef MONIKER_VERIFY_H
#define MONIKER_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#define MONIKER_API __attribute__((visibility("default")))

#define MONIKER_WHY_MAX 256                    /* octets, with the NUL */
#define MONIKER_BUNDLE_MAX ((size_t)100 << 20) /* octets of a bundle */
#define MONIKER_CERTIFICATE_MAX 65536          /* octets of a certificate, PEM or DER */
#define MONIKER_CLOCK_SKEW_S 300               /* a bundle may be issued so far ahead of us */

struct moniker_verifier;

/*
 * `root`: the Device Root, PEM; of several certificates (trust.pem) the first whose subject is its
 * issuer. A bundle of another root is then refused. NULL: the root of the first bundle is believed,
 * so that this must come by a way you trust, and later bundles must have the same.
 * NULL: out of memory, or `root` is none; `why` (or NULL) says which.
 */
MONIKER_API struct moniker_verifier *moniker_verifier_new(
    const void *root, size_t root_len, char why[MONIKER_WHY_MAX]);
/* When no thread uses it any more. NULL is fine. */
MONIKER_API void moniker_verifier_free(struct moniker_verifier *verifier);

enum moniker_load {
	MONIKER_LOADED,
	MONIKER_LOAD_UNREADABLE, /* no file, or longer than MONIKER_BUNDLE_MAX */
	MONIKER_LOAD_MALFORMED,  /* not a bundle to the letter */
	MONIKER_LOAD_UNTRUSTED,  /* another root, or a signature that does not hold */
	MONIKER_LOAD_OLDER,      /* than the one that is loaded */
	MONIKER_LOAD_NO_MEMORY
};
/*
 * Takes a bundle in place of the one before; on failure that one stays. `now_s`: Unix time, 0: the
 * system's clock. `why` (or NULL) gets a line for people: "" if all is well. Any thread.
 */
MONIKER_API enum moniker_load moniker_verifier_load(struct moniker_verifier *verifier,
    const void *bundle, size_t len, int64_t now_s, char why[MONIKER_WHY_MAX]);
MONIKER_API enum moniker_load moniker_verifier_load_file(
    struct moniker_verifier *verifier, const char *path, int64_t now_s, char why[MONIKER_WHY_MAX]);

enum moniker_verdict {
	MONIKER_GOOD,
	MONIKER_REVOKED, /* for ever */
	MONIKER_HELD,    /* for now */
	MONIKER_EXPIRED,
	MONIKER_NOT_YET_VALID,
	MONIKER_UNTRUSTED, /* no CA of the bundle issued it, or it is not for a device */
	MONIKER_MALFORMED, /* not exactly one certificate at the beginning */
	MONIKER_STALE, /* cannot tell: nothing is known against it, but too old a bundle says so */
	MONIKER_NO_BUNDLE, /* cannot tell: none is loaded */
	MONIKER_NO_MEMORY  /* cannot tell */
};
/* "good" "revoked" "held" "expired" "not_yet_valid" "untrusted" "malformed" "stale" ... */
MONIKER_API const char *moniker_verdict_name(enum moniker_verdict verdict);

/*
 * What to do when the bundle is past its fresh_until (or not issued yet, by the clock). It is about
 * good certificates only: what a stale bundle says is revoked, held, expired or untrusted is so.
 */
enum moniker_stale {
	MONIKER_STALE_REFUSE, /* MONIKER_STALE */
	MONIKER_STALE_MARK    /* MONIKER_GOOD, with `stale` set in the result */
};
struct moniker_policy { /* all zeros is the strictest, and what NULL means */
	int64_t now_s;  /* Unix time to judge by; 0: the system's clock */
	enum moniker_stale on_stale;
	int64_t max_age_s; /* MONIKER_STALE if issued longer ago than that, whatever else; 0: no
			      limit */
};

struct moniker_result {
	enum moniker_verdict verdict;
	int stale;          /* good, by a bundle that is past its fresh_until */
	char pseudonym[37]; /* "": malformed, untrusted, or its name is none */
	char serial[41];    /* lower-case hex; "": malformed, or longer than a device's */
	char issuer[17];    /* id of its CA, as in addresses of CRLs; "": untrusted */
	char reason[24]; /* of revoked and held, as RFC 5280 spells it: "keyCompromise"; else "" */
	int64_t since_s; /* of revoked and held; else 0 */
	int64_t not_before_s, not_after_s; /* 0: malformed */
	int64_t issued_s;                  /* of the bundle that answered; 0: none */
	int64_t fresh_until_s;             /* of the answer: the bundle's, at most notAfter */
	char explain[MONIKER_WHY_MAX];     /* the verdict in a line for people */
};
/*
 * Judges the first certificate of `certificate`: PEM, or exactly one as DER. `policy` may be NULL.
 * Returns out->verdict; all of *out is set. Any thread; takes no lock for longer than a pointer's
 * copy.
 */
MONIKER_API enum moniker_verdict moniker_verify(struct moniker_verifier *verifier,
    const void *certificate, size_t len, const struct moniker_policy *policy,
    struct moniker_result *out);

struct moniker_bundle_info {
	int64_t seq, issued_s, fresh_until_s; /* 0: none is loaded */
	size_t count;                         /* certificates held or revoked */
	char cursor[17];                      /* where GET /v1/changes goes on from it */
};
MONIKER_API void moniker_verifier_info(
    struct moniker_verifier *verifier, struct moniker_bundle_info *out);

#endif

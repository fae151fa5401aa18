/*
 * profile: what a kind of certificate looks like, as data. Pure.
 */
#ifndef CA_PROFILE_H
#define CA_PROFILE_H

#include "base/error.h"
#include "ca/csr.h"

#define PROFILE_DEVICE "device"
#define PROFILE_BIRTH "birth"
#define PROFILE_PSEUDONYM "pseudonym"
#define PROFILE_OPERATOR "operator"
#define PROFILE_SERVICE "service"
#define PROFILE_OCSP "ocsp"

/* The commonName of every responder's certificate: it tells neither node nor time. */
#define OCSP_RESPONDER_NAME "OCSP responder"

#define DAY_S INT64_C(86400)

struct profile {
	const char *name;
	unsigned key_types; /* enum csr_key_type bits */
	unsigned ekus;      /* enum profile_eku bits */
	int64_t validity_s;
	bool same_key_renewal; /* renewal may keep the key */
	bool cdp;              /* crlDistributionPoints: revocation by CRL */
	bool ocsp;             /* AIA with the OCSP address, where the issuer has one */
	bool responder;        /* signs OCSP answers: id-pkix-ocsp-nocheck, neither CDP nor AIA */
	bool for_devices;      /* a batch may name it */
	bool birth;            /* a batch of the unlinkable mode: its devices begin with this */
};

enum profile_eku {
	PROFILE_CLIENT_AUTH = 1 << 0,
	PROFILE_SERVER_AUTH = 1 << 1,
	PROFILE_OCSP_SIGNING = 1 << 2
};

const struct profile *profile_find(const char *name); /* or NULL */
/* E_WEAK_KEY, E_BAD_ALGORITHM, E_PROFILE_DENIED with pointer /csr: what the profile takes instead.
 */
MUST_CHECK bool profile_check_key(
    const struct profile *profile, const struct csr *csr, struct error *err);

#endif

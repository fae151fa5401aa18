#include "ca/expiry.h"

#include <stdio.h>

#include "ca/profile.h"

/* clang-format off */
static const struct {
	const char *name, *remedy;
	bool vital;
} WHATS[EXPIRY_WHAT_COUNT] = {
	[EXPIRY_ROOT]       = { "root",       "plan a new root with everybody who trusts this one", true },
	[EXPIRY_ROOT_CRL]   = { "root-crl",   "run moniker ca crl with the roots' keyring", true },
	[EXPIRY_ISSUER]     = { "issuer",     "run moniker ca roll for this authority", true },
	[EXPIRY_TLS]        = { "tls",        "see service.tls in this node's log: it cannot be renewed", true },
	[EXPIRY_OCSP]       = { "ocsp",       "see ocsp.responder in this node's log: it cannot be renewed", true },
	[EXPIRY_STATUS]     = { "status-signer", "run moniker ca status-signer on the host that has the roots' keyring", false },
	[EXPIRY_OPERATORS]  = { "operators",  "let these persons renew, then run moniker operator sign", false },
	[EXPIRY_LOG]        = { "log",        "moniker log roll", false },
	[EXPIRY_PARTITIONS] = { "partitions", "see service.partitions in this node's log", true },
};

/* What an issuing CA signs; NULL: a root. */
static const char *const PROFILES[ISSUER_KIND_COUNT] = {
	[ISSUER_DEVICE_CA]    = PROFILE_DEVICE,
	[ISSUER_SERVICE_CA]   = PROFILE_SERVICE,
	[ISSUER_OPERATORS_CA] = PROFILE_OPERATOR,
	[ISSUER_BIRTH_CA]     = PROFILE_BIRTH,
	[ISSUER_PSEUDONYM_CA] = PROFILE_PSEUDONYM,
};
/* clang-format on */

const char *
expiry_name(enum expiry_what what)
{
	return WHATS[what].name;
}

const char *
expiry_remedy(enum expiry_what what)
{
	return WHATS[what].remedy;
}

enum expiry_state
expiry_state(const struct expiry *expiry, int64_t now_s)
{
	if (now_s >= expiry->not_after_s)
		return EXPIRY_PAST;
	return now_s >= expiry->warn_from_s ? EXPIRY_DUE : EXPIRY_FAR;
}

struct list {
	struct expiry *items;
	size_t count;
};

static void
put(struct list *list, enum expiry_what what, const char *id, int64_t not_after_s, int64_t warn_s)
{
	struct expiry *expiry = &list->items[list->count];

	if (not_after_s == 0)
		return; /* not known */
	*expiry = (struct expiry){.what = what,
	    .not_after_s = not_after_s,
	    .warn_from_s = not_after_s - warn_s,
	    .due_count = 1,
	    .vital = WHATS[what].vital};
	(void)snprintf(expiry->id, sizeof expiry->id, "%s", id);
	list->count++;
}

static void
put_roots(struct list *list, const struct issuers *issuers)
{
	for (size_t i = 0; i < issuers_count(issuers); i++) {
		const struct issuer *issuer = issuers_at(issuers, i);

		if (issuer->parent == NULL)
			put(list, EXPIRY_ROOT, issuer->id_text, issuer->certificate.not_after_s,
			    EXPIRY_ROOT_WARN_S);
	}
}

static void
put_root_crls(struct list *list, const struct expiry_facts *facts)
{
	for (size_t i = 0; i < facts->root_crl_count; i++) {
		const struct expiry_root_crl *crl = &facts->root_crls[i];
		const struct issuer *root = issuers_find(facts->issuers, crl->issuer);

		if (root != NULL)
			put(list, EXPIRY_ROOT_CRL, root->id_text, crl->next_update_s,
			    EXPIRY_ROOT_CRL_WARN_S);
	}
}

/* Nearer to its end, an issuer cuts short what it issues: the next one should be there before. */
static void
put_issuers(struct list *list, const struct issuers *issuers)
{
	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++) {
		const struct issuer *issuer = issuers_active(issuers, (enum issuer_kind)kind);

		if (PROFILES[kind] != NULL && issuer != NULL)
			put(list, EXPIRY_ISSUER, issuer->id_text, issuer->certificate.not_after_s,
			    profile_find(PROFILES[kind])->validity_s + EXPIRY_ISSUER_MARGIN_S);
	}
}

/* Due for a while and still not renewed: a day, or a quarter of the time that is left. */
static void
put_renewed(struct list *list, enum expiry_what what, const struct expiry_renewed *renewed)
{
	const int64_t left_s = renewed->not_after_s - renewed->renew_at_s;
	const int64_t patience_s = left_s / 4 < DAY_S ? left_s / 4 : DAY_S;

	put(list, what, "", renewed->not_after_s, renewed->failing ? left_s : left_s - patience_s);
}

static void
put_operators(struct list *list, const struct expiry_facts *facts)
{
	const size_t before = list->count;

	put(list, EXPIRY_OPERATORS, "", facts->operators_not_after_s, EXPIRY_OPERATORS_WARN_S);
	if (list->count > before)
		list->items[before].due_count = facts->operators_due_count;
}

size_t
expiry_list(const struct expiry_facts *facts, struct expiry out[static EXPIRY_MAX])
{
	struct list list = {.items = out};

	put_roots(&list, facts->issuers);
	put_root_crls(&list, facts);
	put_issuers(&list, facts->issuers);
	put_renewed(&list, EXPIRY_TLS, &facts->tls);
	put_renewed(&list, EXPIRY_OCSP, &facts->ocsp);
	put(&list, EXPIRY_STATUS, "", facts->status_not_after_s, EXPIRY_STATUS_WARN_S);
	put_operators(&list, facts);
	if (facts->log_opened_at_s > 0)
		put(&list, EXPIRY_LOG, facts->log_origin, facts->log_opened_at_s + EXPIRY_LOG_AGE_S,
		    0);
	put(&list, EXPIRY_PARTITIONS, "", facts->partitions_until_s, EXPIRY_PARTITIONS_WARN_S);
	return list.count;
}

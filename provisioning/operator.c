#include "provisioning/operator.h"

#include <stdio.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "base/mem.h"
#include "provisioning/operator_grant.h"

#define TRIES_MAX 5 /* of preparing again after somebody else changed the same person */

/* clang-format off */
static const struct role {
	unsigned role;
	const char *name;
} ROLES[ROLE_COUNT] = {
	{ROLE_STATION,  "station"},
	{ROLE_VERIFIER, "verifier"},
	{ROLE_OFFICER,  "officer"},
	{ROLE_AUDITOR,  "auditor"},
	{ROLE_LEGAL,    "legal"},
	{ROLE_ADMIN,    "admin"},
};
/* clang-format on */

const char *
operator_role_name(unsigned role)
{
	for (size_t i = 0; i < COUNT(ROLES); i++)
		if (ROLES[i].role == role)
			return ROLES[i].name;
	return "";
}

bool
operator_role_of(const char *name, unsigned *out)
{
	for (size_t i = 0; i < COUNT(ROLES); i++) {
		if (strcmp(ROLES[i].name, name) == 0) {
			*out = ROLES[i].role;
			return true;
		}
	}
	return false;
}

/* ---- adding through the ledger ---- */

struct add_proposal {
	struct proposal base;
	struct operator_grant grant;
	struct error refused; /* E_NONE, or why it is refused whatever the tables say */
	enum operator_decision decision;
	bool stale; /* the person changed since preparation: nothing is recorded, prepare again */
	struct record records[2];
};

static void
add_free(struct add_proposal *adding)
{
	operator_grant_clear(&adding->grant);
	mem_free(adding);
}
DEFER_DECLARE(struct add_proposal, add_free)

static struct add_proposal *
add_at(const struct ledger_batch *batch, size_t i)
{
	return (struct add_proposal *)batch->proposals[i];
}

static bool
add_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct operator_grant *grant = &add_at(batch, i)->grant;

		if (!operator_read_known(batch->tx, grant->request->name,
			csr_spki_sha256(grant->request->csr), &grant->known, err))
			return false;
	}
	return true;
}

/* The rows were read before anything of this batch was written: what touches is done again. */
static bool
add_is_stale(const struct ledger_batch *batch, size_t place)
{
	const struct operator_grant *mine = &add_at(batch, place)->grant;

	if (mine->known.person_exists && strcmp(mine->known.handle, mine->handle) != 0)
		return true;
	for (size_t i = 0; i < place; i++) {
		const struct operator_grant *other = &add_at(batch, i)->grant;

		if (add_at(batch, i)->base.record_count > 0 &&
		    (strcmp(other->request->name, mine->request->name) == 0 ||
			memcmp(csr_spki_sha256(other->request->csr),
			    csr_spki_sha256(mine->request->csr), SHA256_BYTES) == 0))
			return true;
	}
	return false;
}

static void
add_fill_records(struct add_proposal *adding, int64_t now_s)
{
	struct proposal *base = &adding->base;
	char subject[LEAF_VALUE_MAX + 1] = "";

	memset(adding->records, 0, sizeof adding->records);
	if (adding->decision == OPERATOR_REFUSE) {
		if (adding->grant.known.person_exists)
			(void)snprintf(subject, sizeof subject, "p:%s", adding->grant.known.handle);
		note_leaf(&adding->records[base->record_count++].leaf, LEAF_ADMIN_GRANT,
		    adding->grant.request->actor, subject, &base->err, now_s);
		return;
	}
	if (adding->decision == OPERATOR_PERSON)
		operator_grant_leaf(
		    &adding->records[base->record_count++].leaf, &adding->grant, now_s);
	if (adding->decision != OPERATOR_REPLAY)
		operator_grant_issue_leaf(
		    &adding->records[base->record_count++].leaf, &adding->grant, now_s);
}

static void
add_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct add_proposal *adding = add_at(batch, i);
		struct proposal *base = &adding->base;

		base->err = adding->refused;
		base->records = adding->records;
		base->record_count = 0;
		base->changes_status = false;
		adding->decision = OPERATOR_REFUSE;
		adding->stale = adding->refused.code == E_NONE && add_is_stale(batch, i);
		if (adding->stale)
			continue;
		if (adding->refused.code == E_NONE)
			adding->decision =
			    operator_judge(&adding->grant.known, adding->grant.request, &base->err);
		add_fill_records(adding, batch->now_s);
	}
}

static bool
add_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct add_proposal *adding = add_at(batch, i);
		bool written = true;

		if ((adding->decision == OPERATOR_CERTIFICATE ||
			adding->decision == OPERATOR_PERSON) &&
		    !operator_grant_write(batch->tx, &adding->grant, batch->now_s, &written, err))
			return false;
		if (!written)
			*out_lost_race = true;
	}
	return true;
}

static const struct ledger_kind ADD_KIND = {
    .name = "operator add",
    .lock_and_read = add_lock_and_read,
    .decide = add_decide,
    .write = add_write,
};

static bool
read_known(const struct operator_service *service, const char *name, const uint8_t *spki_sha256,
    struct operator_known *out, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL; /* ends without a change */

	return tx_begin(service->db, &tx, err) &&
	       operator_read_known(tx, name, spki_sha256, out, err);
}

/* One try; *out_stale: prepare again. */
static bool
add_once(const struct operator_service *service, const struct operator_request *request,
    struct operator_pending *out, bool *out_stale, struct error *err)
{
	DEFER(add_free) struct add_proposal *adding = xcalloc(1, sizeof *adding);
	struct proposal *submitted = &adding->base;
	struct operator_known known;

	if (!read_known(service, request->name, csr_spki_sha256(request->csr), &known, err))
		return false;
	adding->base.kind = &ADD_KIND;
	operator_grant_begin(&adding->grant, request, &known, service->rng);
	if (!operator_grant_issue(&adding->grant,
		issuers_active(service->issuers, ISSUER_OPERATORS_CA), clock_now_s(service->clock),
		service->rng, &adding->refused) &&
	    !error_info(adding->refused.code)->audit) {
		*err = adding->refused; /* ours, not the caller's: nothing to record */
		return false;
	}
	if (!ledger_submit(service->ledger, &submitted, 1, err))
		return false;
	if (adding->base.err.code != E_NONE) {
		*err = adding->base.err;
		return false;
	}
	*out_stale = adding->stale;
	out->created = adding->decision != OPERATOR_REPLAY;
	memcpy(out->serial,
	    out->created ? adding->grant.issued.serial : adding->grant.known.key_serial,
	    SERIAL_BYTES);
	return true;
}

bool
operator_add(const struct operator_service *service, const struct operator_request *request,
    struct operator_pending *out, struct error *err)
{
	struct operator_pending pending = {0};
	bool stale = true;

	if (!operator_check_name(request->name, err))
		return false;
	for (int tries = 0; stale && tries < TRIES_MAX; tries++)
		if (!add_once(service, request, &pending, &stale, err))
			return false;
	if (stale)
		return error_set(err, E_STATE_CONFLICT, "others are changing the same person");
	if (!operator_get(service->db, request->name, &pending.person, err))
		return false;
	*out = pending;
	return true;
}

bool
operator_renew(const struct operator_service *service, const struct operator_request *request,
    struct operator_pending *out, struct error *err)
{
	struct operator_request own = *request;
	struct operator_person person;

	if (!operator_find_caller(service->db, request->renews, &person, err))
		return false;
	own.name = person.name;
	own.roles = 0;
	return operator_add(service, &own, out, err);
}

void
operator_renewal_clear(struct operator_renewal *renewal)
{
	buf_clear_public(&renewal->certificate);
}

/* ---- taking away ---- */

struct removal {
	struct proposal base;
	const char *name, *actor;
	struct operator_known known; /* read under lock */
	int64_t admins;              /* all that there are, under lock */
	struct record record;
};

static bool
removal_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct removal *removal = (struct removal *)batch->proposals[i];

		if (!operator_lock_admins(batch->tx, &removal->admins, err) ||
		    !operator_read_known(batch->tx, removal->name, NULL, &removal->known, err))
			return false;
	}
	return true;
}

/* Who is removed twice in one batch counts twice: one of the two is told to try again. */
static bool
removal_allowed(const struct removal *removal, int64_t *admins_left, struct error *err)
{
	if ((removal->known.roles & ROLE_ADMIN) == 0)
		return true;
	if (*admins_left <= 1)
		return error_set(err, E_STATE_CONFLICT,
		    "the last admin cannot be removed: add another one first");
	--*admins_left;
	return true;
}

static void
removal_decide(void *context, struct ledger_batch *batch)
{
	int64_t admins_left =
	    batch->count > 0 ? ((const struct removal *)batch->proposals[0])->admins : 0;

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct removal *removal = (struct removal *)batch->proposals[i];
		struct proposal *base = &removal->base;
		char subject[LEAF_VALUE_MAX + 1];
		bool allowed;

		base->err = (struct error){0};
		base->records = &removal->record;
		base->record_count = 0;
		base->changes_status = false;
		removal->record = (struct record){0};
		if (!removal->known.person_exists || !removal->known.active)
			continue; /* gone already */
		allowed = removal_allowed(removal, &admins_left, &base->err);
		(void)snprintf(subject, sizeof subject, "p:%s", removal->known.handle);
		note_leaf(&removal->record.leaf, LEAF_ADMIN_GRANT, removal->actor, subject,
		    allowed ? NULL : &base->err, batch->now_s);
		removal->record.leaf.details[0] =
		    (struct leaf_detail){.key = "removed", .number = 1};
		base->record_count = 1;
	}
}

static bool
removal_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct removal *removal = (const struct removal *)batch->proposals[i];
		int64_t person = removal->known.person;

		if (removal->base.record_count == 0 || removal->base.err.code != E_NONE)
			continue;
		if (!operator_set_active(batch->tx, person, false, err) ||
		    !operator_delete_roles(batch->tx, person, err) ||
		    !operator_revoke_certificates(batch->tx, person, batch->now_s, err))
			return false;
	}
	return true;
}

static const struct ledger_kind REMOVAL_KIND = {
    .name = "operator removal",
    .lock_and_read = removal_lock_and_read,
    .decide = removal_decide,
    .write = removal_write,
};

bool
operator_remove(
    const struct operator_service *service, const char *name, const char *actor, struct error *err)
{
	struct removal removal = {.base.kind = &REMOVAL_KIND, .name = name, .actor = actor};
	struct proposal *submitted = &removal.base;
	struct operator_person person;

	if (!operator_get(service->db, name, &person, err))
		return false;
	if (!person.active)
		return error_set(err, E_NOT_FOUND, "the person was removed already");
	if (!ledger_submit(service->ledger, &submitted, 1, err))
		return false;
	if (removal.base.err.code != E_NONE) {
		*err = removal.base.err;
		return false;
	}
	return true;
}

/* ---- on the host ---- */

static bool
add_to_outbox(struct tx *tx, const struct operator_grant *grant, bool granted, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	struct leaf leaf;

	if (granted) {
		operator_grant_leaf(&leaf, grant, now_s);
		if (!outbox_add(tx, &leaf, rng, err))
			return false;
	}
	operator_grant_issue_leaf(&leaf, grant, now_s);
	return outbox_add(tx, &leaf, rng, err);
}

static bool
add_offline(struct tx *tx, struct operator_grant *grant, enum operator_decision decision,
    int64_t now_s, const struct rng *rng, struct error *err)
{
	bool written;

	if (!operator_grant_write(tx, grant, now_s, &written, err))
		return false;
	if (!written)
		return error_set(err, E_STATE_CONFLICT, "the same was added at this moment");
	return add_to_outbox(tx, grant, decision == OPERATOR_PERSON, now_s, rng, err);
}

bool
operator_add_offline(struct tx *tx, const struct issuer *operators_ca,
    const struct operator_request *request, const struct clock *clock, const struct rng *rng,
    struct operator_pending *out, struct error *err)
{
	DEFER(operator_grant_clear) struct operator_grant grant = {0};
	struct operator_known known;
	enum operator_decision decision;
	int64_t now_s = clock_now_s(clock);

	if (!operator_check_name(request->name, err) ||
	    !operator_read_known(tx, request->name, csr_spki_sha256(request->csr), &known, err))
		return false;
	decision = operator_judge(&known, request, err);
	if (decision == OPERATOR_REFUSE)
		return false;
	operator_grant_begin(&grant, request, &known, rng);
	if (decision != OPERATOR_REPLAY &&
	    (!operator_grant_issue(&grant, operators_ca, now_s, rng, err) ||
		!add_offline(tx, &grant, decision, now_s, rng, err)))
		return false;
	out->created = decision != OPERATOR_REPLAY;
	memcpy(out->serial, out->created ? grant.issued.serial : known.key_serial, SERIAL_BYTES);
	return operator_get_locked(tx, request->name, &out->person, err);
}

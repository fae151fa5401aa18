/* Rows against the leaf that commits to them, one member changed at a time. */
#include "tests/support/cmocka_all.h"

#include "audit/inspect_rows.h"
#include "audit/inspect_status.h"
#include "base/der.h"
#include "proof/status_note.h"

#define BEGINS_S INT64_C(1767225600)
#define ENDS_S (BEGINS_S + 86400)
#define SERIAL "@\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
#define TEXT(literal) ((struct bytes)BYTES_LITERAL(literal))
#define HANDLE "7f3kq2m5nv4wxyza"
#define BATCH "mzxw6ytboi2dgnbv"

struct world {
	struct buf tbs;
	uint8_t nonce[COMMITMENT_NONCE_BYTES], spki_sha256[SHA256_BYTES];
	struct leaf_view leaf;
	struct inspect_committed stored;
	struct inspect_faults faults;
};

static void
make_tbs(struct buf *out, uint8_t spki_sha256[static SHA256_BYTES])
{
	DEFER(der_writer_clear) struct der_writer w;
	const struct bytes spki = TEXT("\x30\x03\x02\x01\x05");
	size_t mark;

	der_writer_init(&w, 256);
	der_put(&w, spki);
	der_put(&w, TEXT("\x30\x00")); /* subject */
	mark = der_mark(&w);
	der_put_time(&w, ENDS_S);
	der_put_time(&w, BEGINS_S);
	der_wrap(&w, DER_SEQUENCE, mark);
	der_put(&w, TEXT("\x30\x00")); /* issuer */
	der_put(&w, TEXT("\x30\x00")); /* algorithm */
	der_put_unsigned(&w, TEXT(SERIAL));
	der_put(&w, TEXT("\xa0\x03\x02\x01\x02"));
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
	sha256(spki, spki_sha256);
}

static void
world_init(struct world *world)
{
	*world = (struct world){.nonce = {1, 2, 3}};
	make_tbs(&world->tbs, world->spki_sha256);
	world->leaf = (struct leaf_view){.seq = 5,
	    .event = LEAF_ENROLL_OK,
	    .subject = TEXT("b:" BATCH "/h:" HANDLE),
	    .has_commitment = true};
	leaf_commit(world->leaf.commitment, world->nonce, buf_bytes(&world->tbs));
	world->stored = (struct inspect_committed){.seq = 5,
	    .kind = INSPECT_CERTIFICATE_BODY,
	    .nonce = bytes_of(world->nonce, sizeof world->nonce),
	    .body = buf_bytes(&world->tbs),
	    .serial = TEXT(SERIAL),
	    .issuer = TEXT("12345678"),
	    .handle = TEXT(HANDLE),
	    .row_issuer = TEXT("12345678"),
	    .spki_sha256 = bytes_of(world->spki_sha256, SHA256_BYTES),
	    .not_before_s = BEGINS_S,
	    .not_after_s = ENDS_S,
	    .is_device = true,
	    .batch = TEXT(BATCH)};
}

static void
world_clear(struct world *world)
{
	buf_clear_public(&world->tbs);
	inspect_faults_clear(&world->faults);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

/* One fault of leaf 5, or none. */
static void
judges(struct world *world, int what, bool missing)
{
	inspect_committed_judge(&world->stored, &world->leaf, &world->faults);
	assert_int_equal(world->faults.count, what < 0 ? 0 : 1);
	if (what < 0)
		return;
	assert_int_equal(world->faults.list[0].what, what);
	assert_int_equal(world->faults.list[0].seq, 5);
	assert_int_equal(world->faults.list[0].missing, missing);
}

static void
rows_that_fit_are_no_fault(void **state)
{
	static const struct {
		enum leaf_event event;
		struct bytes subject;
	} LEAVES[] = {
	    {LEAF_ENROLL_OK, BYTES_LITERAL("b:" BATCH "/h:" HANDLE)},
	    {LEAF_ENROLL_REPLACE, BYTES_LITERAL("b:" BATCH "/h:" HANDLE "/h:aaaaaaaaaaaaaaaa")},
	    {LEAF_RENEW_OK, BYTES_LITERAL("h:" HANDLE "/h:aaaaaaaaaaaaaaaa")},
	    {LEAF_CERT_ISSUE, BYTES_LITERAL("p:aaaaaaaaaaaaaaaa/h:" HANDLE)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(LEAVES); i++) {
		DEFER(world_clear) struct world world;

		world_init(&world);
		world.leaf.event = LEAVES[i].event;
		world.leaf.subject = LEAVES[i].subject;
		judges(&world, -1, false);
	}
}

static void
a_body_that_is_another_is_named(void **state)
{
	DEFER(world_clear) struct world body, nonce, serial, none, adopted;

	(void)state;
	world_init(&body);
	body.tbs.data[body.tbs.len - 1] ^= 1;
	judges(&body, INSPECT_CERTIFICATE_BODY, false);
	world_init(&nonce);
	nonce.nonce[31] ^= 1;
	judges(&nonce, INSPECT_CERTIFICATE_BODY, false);
	world_init(&serial);
	serial.stored.serial = TEXT("@0000000000000000000");
	judges(&serial, INSPECT_CERTIFICATE_BODY, false);
	world_init(&none); /* a leaf that commits to nothing */
	none.leaf.has_commitment = false;
	judges(&none, INSPECT_CERTIFICATE_BODY, false);
	world_init(&adopted);
	adopted.stored.kind = INSPECT_CERTIFICATE_ADOPTION;
	adopted.nonce[0] ^= 1;
	judges(&adopted, INSPECT_CERTIFICATE_ADOPTION, false);
}

static void
what_is_no_certificate_is_another_body(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	for (size_t len = 0; len < world.tbs.len; len++) {
		inspect_faults_clear(&world.faults);
		world.stored.body = bytes_of(world.tbs.data, len);
		leaf_commit(world.leaf.commitment, world.nonce, world.stored.body);
		judges(&world, INSPECT_CERTIFICATE_BODY, false);
	}
}

static void
each_member_of_the_certificates_row_counts(void **state)
{
	for (int member = 0; member < 5; member++) {
		DEFER(world_clear) struct world world;

		(void)state;
		world_init(&world);
		if (member == 0)
			world.stored.handle = TEXT("aaaaaaaaaaaaaaaa");
		if (member == 1)
			world.stored.row_issuer = TEXT("12345679");
		if (member == 2)
			world.stored.spki_sha256 = TEXT(SERIAL);
		world.stored.not_before_s += member == 3 ? 1 : 0;
		world.stored.not_after_s += member == 4 ? 1 : 0;
		judges(&world, INSPECT_CERTIFICATE, false);
	}
}

static void
a_row_is_missed_unless_the_keeper_refused_the_certificate(void **state)
{
	DEFER(world_clear) struct world missing, aborted, other;

	(void)state;
	world_init(&missing);
	missing.stored.handle = (struct bytes){0};
	judges(&missing, INSPECT_CERTIFICATE, true);
	world_init(&aborted);
	aborted.stored.handle = (struct bytes){0};
	aborted.stored.aborted = true;
	judges(&aborted, -1, false);
	world_init(&other); /* no device's */
	other.stored.handle = (struct bytes){0};
	other.leaf.event = LEAF_CERT_ISSUE;
	judges(&other, -1, false);
}

static void
a_device_is_of_the_batch_that_the_leaf_says(void **state)
{
	DEFER(world_clear) struct world moved, gone, unlinkable;

	(void)state;
	world_init(&moved);
	moved.stored.batch = TEXT("aaaaaaaaaaaaaaaa");
	judges(&moved, INSPECT_DEVICE, false);
	world_init(&gone);
	gone.stored.batch = (struct bytes){0};
	judges(&gone, INSPECT_DEVICE, true);
	world_init(&unlinkable); /* a pseudonym is of no device */
	unlinkable.stored.batch = (struct bytes){0};
	unlinkable.stored.is_device = false;
	unlinkable.leaf.event = LEAF_ROTATE_OK;
	unlinkable.leaf.subject = TEXT("h:" HANDLE);
	judges(&unlinkable, -1, false);
}

static void
a_request_is_what_the_second_commitment_says(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	world.leaf = (struct leaf_view){
	    .seq = 5, .event = LEAF_DISCLOSURE_SUBMIT, .has_second_commitment = true};
	world.stored.kind = INSPECT_DISCLOSURE;
	world.stored.body = TEXT("who");
	leaf_commit(world.leaf.second_commitment, world.nonce, world.stored.body);
	judges(&world, -1, false);
	world.stored.body = TEXT("whom");
	judges(&world, INSPECT_DISCLOSURE, false);
}

/* ---- revocations ---- */

static void
a_leaf_that_revokes_names_a_certificate_for_ever(void **state)
{
	static const enum leaf_event OTHERS[] = {
	    LEAF_CERT_HOLD, LEAF_CERT_RELEASE, LEAF_DEVICE_REVOKE, LEAF_ENROLL_OK};
	struct leaf_view leaf = {.event = LEAF_CERT_REVOKE, .subject = TEXT("h:" HANDLE)};

	(void)state;
	assert_true(bytes_equal(inspect_revoked_handle(&leaf), TEXT(HANDLE)));
	leaf.event = LEAF_CERT_SUPERSEDE;
	assert_true(bytes_equal(inspect_revoked_handle(&leaf), TEXT(HANDLE)));
	for (size_t i = 0; i < COUNT(OTHERS); i++) {
		leaf.event = OTHERS[i];
		assert_int_equal(inspect_revoked_handle(&leaf).len, 0);
	}
	leaf = (struct leaf_view){.event = LEAF_CERT_REVOKE, .subject = TEXT("h:")};
	assert_int_equal(inspect_revoked_handle(&leaf).len, 0);
}

static void
a_revocation_is_final_and_has_the_leafs_reason(void **state)
{
	const struct leaf_view leaf = {.event = LEAF_CERT_REVOKE, .code = TEXT("KEY_COMPROMISE")};

	(void)state;
	assert_true(inspect_revocation_fits(&leaf, TEXT("revoked"), 1));
	assert_false(inspect_revocation_fits(&leaf, TEXT("revoked"), 4));
	assert_false(inspect_revocation_fits(&leaf, TEXT("held"), 1));
	assert_false(inspect_revocation_fits(&leaf, (struct bytes){0}, 0));
}

static void
a_restored_backup_accounts_for_what_it_lost(void **state)
{
	struct leaf_view leaf = {.seq = 1000, .event = LEAF_BACKUP_RESTORE, .count = 100};

	(void)state;
	assert_in_range(inspect_restored_from(&leaf), 800, 900);
	leaf.count = 1000000;
	assert_int_equal(inspect_restored_from(&leaf), 1);
	leaf.event = LEAF_SVC_START;
	assert_int_equal(inspect_restored_from(&leaf), 0);
}

/* ---- the chain of changes ---- */

static void
each_member_of_a_change_is_in_the_chain(void **state)
{
	static const uint8_t ISSUER[STATUS_ISSUER_BYTES] = {1}, OTHER[STATUS_ISSUER_BYTES] = {2};
	uint8_t before[SHA256_BYTES] = {7}, hash[SHA256_BYTES];
	struct status_line line = {.state = STATUS_REVOKED, .at_s = BEGINS_S, .reason = 1};
	char text[STATUS_LINE_MAX + 1];
	struct inspect_change good;

	(void)state;
	memcpy(line.issuer, ISSUER, sizeof line.issuer);
	memcpy(line.serial, SERIAL, sizeof line.serial);
	status_line_encode(&line, text);
	memcpy(hash, before, sizeof hash);
	status_chain(hash, bytes_of_text(text));
	good = (struct inspect_change){.seq = 2,
	    .issuer = bytes_of(ISSUER, sizeof ISSUER),
	    .serial = TEXT(SERIAL),
	    .state = TEXT("revoked"),
	    .at_s = BEGINS_S,
	    .reason = 1,
	    .hash = bytes_of(hash, sizeof hash),
	    .before = bytes_of(before, sizeof before)};
	for (int member = 0; member < 9; member++) {
		DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
		struct inspect_change change = good;

		if (member == 1)
			change.issuer = bytes_of(OTHER, sizeof OTHER);
		if (member == 2)
			change.serial = TEXT("@0000000000000000000");
		if (member == 3)
			change.state = TEXT("held");
		if (member == 4)
			change.state = TEXT("lost");
		change.at_s += member == 5 ? 1 : 0;
		change.reason += member == 6 ? 1 : 0;
		if (member == 7)
			change.hash = change.before;
		if (member == 8)
			change.before = (struct bytes){0}; /* the row before is not there */
		inspect_change_judge(&change, &faults);
		assert_int_equal(faults.count, member == 0 ? 0 : 1);
		if (member == 0)
			continue;
		assert_int_equal(faults.list[0].what, INSPECT_STATUS_CHANGE);
		assert_int_equal(faults.list[0].seq, member == 8 ? 1 : 2);
		assert_int_equal(faults.list[0].missing, member == 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_that_fit_are_no_fault),
	    cmocka_unit_test(a_body_that_is_another_is_named),
	    cmocka_unit_test(what_is_no_certificate_is_another_body),
	    cmocka_unit_test(each_member_of_the_certificates_row_counts),
	    cmocka_unit_test(a_row_is_missed_unless_the_keeper_refused_the_certificate),
	    cmocka_unit_test(a_device_is_of_the_batch_that_the_leaf_says),
	    cmocka_unit_test(a_request_is_what_the_second_commitment_says),
	    cmocka_unit_test(a_leaf_that_revokes_names_a_certificate_for_ever),
	    cmocka_unit_test(a_revocation_is_final_and_has_the_leafs_reason),
	    cmocka_unit_test(a_restored_backup_accounts_for_what_it_lost),
	    cmocka_unit_test(each_member_of_a_change_is_in_the_chain),
	};

	return cmocka_run_group_tests_name("inspect_rows", tests, NULL, NULL);
}

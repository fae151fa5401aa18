#include "cmocka_all.h"

#include "authorities.h"

static void
every_certificate_leads_to_the_authority_that_signed_it(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};

	(void)state;
	authorities_init(&authorities);
	for (int kind = ISSUER_DEVICE_CA; kind < ISSUER_KIND_COUNT; kind++) {
		const struct issuer *issuer =
		    issuers_active(authorities.issuers, (enum issuer_kind)kind);

		assert_ptr_equal(
		    issuers_verify(authorities.issuers, &issuer->certificate), issuer->parent);
		assert_ptr_equal(issuers_find(authorities.issuers, issuer->id), issuer);
	}
}

static void
the_same_names_under_other_keys_lead_nowhere(void **state)
{
	DEFER(authorities_clear) struct authorities ours = {0};
	DEFER(authorities_clear) struct authorities theirs = {0};
	DEFER(buf_clear_public) struct buf forged = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	const struct issuer *their_root;
	struct certificate certificate;
	struct error err = {0};

	(void)state;
	authorities_init(&ours);
	authorities_init(&theirs);
	assert_null(issuers_verify(
	    ours.issuers, &issuers_active(theirs.issuers, ISSUER_DEVICE_CA)->certificate));

	/* Our own TBS, key identifiers and all, signed by a root of the same name. */
	their_root = issuers_active(theirs.issuers, ISSUER_DEVICE_ROOT);
	certificate = issuers_active(ours.issuers, ISSUER_DEVICE_CA)->certificate;
	assert_true(ceremony_sign(
	    theirs.ceremony.roots, their_root->id, certificate.tbs, &signature, &err));
	certificate_assemble(certificate.tbs, buf_bytes(&signature), &forged);
	assert_true(certificate_parse(buf_bytes(&forged), &certificate, &err));
	assert_null(issuers_verify(ours.issuers, &certificate));
}

static void
the_chain_leaves_the_root_out(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	issuer_chain_pem(issuers_active(authorities.issuers, ISSUER_DEVICE_CA), &pem);
	assert_true(pem_decode(buf_bytes(&pem), "CERTIFICATE", &der, &err));
	assert_true(bytes_equal(
	    buf_bytes(&der), buf_bytes(&authorities.ceremony.certificates[ISSUER_DEVICE_CA])));
	buf_truncate(&pem, 0);
	issuer_chain_pem(issuers_active(authorities.issuers, ISSUER_DEVICE_ROOT), &pem);
	assert_int_equal(pem.len, 0);
}

static void
an_incomplete_set_is_refused(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	const struct buf *certificates;
	struct issuer_row rows[ISSUER_KIND_COUNT];
	struct issuers *issuers = NULL;
	uint8_t unknown[ISSUER_ID_BYTES] = {0};

	(void)state;
	authorities_init(&authorities);
	certificates = authorities.ceremony.certificates;
	for (int broken = 0; broken < 3; broken++) {
		struct error err = {0};

		for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++)
			rows[kind] = (struct issuer_row){.kind = (enum issuer_kind)kind,
			    .certificate = buf_bytes(&certificates[kind]),
			    .shard_count = 1,
			    .state = ISSUER_ACTIVE};
		if (broken == 0)
			rows[ISSUER_OPERATORS_CA].state = ISSUER_ROLLED;
		else if (broken == 1)
			rows[ISSUER_DEVICE_CA].parent = bytes_of(unknown, sizeof unknown);
		else
			rows[ISSUER_DEVICE_CA].certificate.len--;
		assert_false(issuers_new(rows, COUNT(rows), TEST_HTTP_URL, &issuers, &err));
		assert_int_equal(err.code, E_CONFIG_INVALID);
		assert_null(issuers);
	}
}

/* Ours, and beside them another Device CA that takes over; its root is no longer the active one. */
static void
a_set_takes_up_an_authority_and_keeps_the_others_where_they_are(void **state)
{
	DEFER(authorities_clear) struct authorities ours = {0};
	DEFER(authorities_clear) struct authorities theirs = {0};
	uint8_t ids[2][ISSUER_KIND_COUNT][ISSUER_ID_BYTES];
	struct issuer_row rows[ISSUER_KIND_COUNT + 2], other[ISSUER_KIND_COUNT];
	const struct issuer *old, *next;
	struct error err = {0};

	(void)state;
	authorities_init(&ours);
	authorities_init(&theirs);
	authorities_rows(&ours.ceremony, ids[0], rows);
	authorities_rows(&theirs.ceremony, ids[1], other);
	rows[ISSUER_KIND_COUNT] = other[ISSUER_DEVICE_ROOT];
	rows[ISSUER_KIND_COUNT].state = ISSUER_ROLLED;
	rows[ISSUER_KIND_COUNT + 1] = other[ISSUER_DEVICE_CA];
	rows[ISSUER_KIND_COUNT + 1].state = ISSUER_NEXT;
	old = issuers_active(ours.issuers, ISSUER_DEVICE_CA);

	assert_true(issuers_update(ours.issuers, rows, COUNT(rows), 7, &err));
	assert_int_equal(issuers_version(ours.issuers), 7);
	assert_int_equal(issuers_count(ours.issuers), COUNT(rows));
	next = issuers_find(ours.issuers, ids[1][ISSUER_DEVICE_CA]);
	assert_non_null(next);
	assert_int_equal(issuer_state(next), ISSUER_NEXT);
	assert_ptr_equal(issuers_active(ours.issuers, ISSUER_DEVICE_CA), old);
	assert_ptr_equal(issuers_verify(ours.issuers, &next->certificate), next->parent);

	rows[ISSUER_DEVICE_CA].state = ISSUER_ROLLED;
	rows[ISSUER_KIND_COUNT + 1].state = ISSUER_ACTIVE;
	assert_true(issuers_update(ours.issuers, rows, COUNT(rows), 8, &err));
	assert_int_equal(issuers_count(ours.issuers), COUNT(rows));
	assert_ptr_equal(issuers_active(ours.issuers, ISSUER_DEVICE_CA), next);
	assert_int_equal(issuer_state(old), ISSUER_ROLLED);
	assert_ptr_equal(issuers_find(ours.issuers, ids[0][ISSUER_DEVICE_CA]), old);

	rows[ISSUER_KIND_COUNT + 1].state = ISSUER_RETIRED; /* none would be active */
	assert_false(issuers_update(ours.issuers, rows, COUNT(rows), 9, &err));
	assert_int_equal(err.code, E_CONFIG_INVALID);
	assert_int_equal(issuers_version(ours.issuers), 8);
	assert_ptr_equal(issuers_active(ours.issuers, ISSUER_DEVICE_CA), next);
	assert_int_equal(issuer_state(next), ISSUER_ACTIVE);
}

/* Made before there was the unlinkable mode. */
static void
an_installation_without_the_unlinkable_mode_has_all_the_rest(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(issuers_free) struct issuers *issuers = NULL;
	struct issuer_row rows[ISSUER_KIND_COUNT];
	uint8_t ids[ISSUER_KIND_COUNT][ISSUER_ID_BYTES];
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	authorities_rows(&authorities.ceremony, ids, rows);
	assert_true(issuers_new(rows, ISSUER_BIRTH_CA, TEST_HTTP_URL, &issuers, &err));
	assert_non_null(issuers_for_device(issuers, profile_find(PROFILE_DEVICE)));
	assert_null(issuers_for_device(issuers, profile_find(PROFILE_BIRTH)));
	assert_null(issuers_active(issuers, ISSUER_PSEUDONYM_CA));
	assert_int_equal(issuers_for_device(authorities.issuers, profile_find(PROFILE_BIRTH))->kind,
	    ISSUER_BIRTH_CA);
}

static void
kinds_have_the_names_of_the_schema(void **state)
{
	enum issuer_kind kind;
	enum issuer_state life;

	(void)state;
	for (int i = 0; i < ISSUER_STATE_COUNT; i++) {
		assert_true(issuer_state_of(issuer_state_name((enum issuer_state)i), &life));
		assert_int_equal(life, i);
	}
	assert_false(issuer_state_of("asleep", &life));
	assert_string_equal(issuer_kind_name(ISSUER_SERVICE_CA), "service-ca");
	for (int i = 0; i < ISSUER_KIND_COUNT; i++) {
		assert_true(issuer_kind_of(issuer_kind_name((enum issuer_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(issuer_kind_of("death-ca", &kind));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_certificate_leads_to_the_authority_that_signed_it),
	    cmocka_unit_test(the_same_names_under_other_keys_lead_nowhere),
	    cmocka_unit_test(the_chain_leaves_the_root_out),
	    cmocka_unit_test(an_incomplete_set_is_refused),
	    cmocka_unit_test(a_set_takes_up_an_authority_and_keeps_the_others_where_they_are),
	    cmocka_unit_test(an_installation_without_the_unlinkable_mode_has_all_the_rest),
	    cmocka_unit_test(kinds_have_the_names_of_the_schema),
	};

	return cmocka_run_group_tests_name("issuer", tests, NULL, NULL);
}

#include "tests/support/cmocka_all.h"

#include <sodium.h>

#include "known.h"
#include "proof/cosignature.h"
#include "proof/tlog_policy.h"

#define WITNESSES 5

/* "witness w1 <vkey>" and so on; the seed of the i-th is all i. */
static void
witness_key(int i, struct note_key *out, uint8_t seed[static NOTE_SEED_BYTES])
{
	uint8_t public_key[NOTE_PUBLIC_BYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	struct error err = {0};
	char name[40];

	memset(seed, i, NOTE_SEED_BYTES);
	assert_int_equal(crypto_sign_seed_keypair(public_key, secret_key, seed), 0);
	snprintf(name, sizeof name, "witness.example/w%d", i);
	assert_true(note_cosigner_init(out, name, public_key, &err));
}

/* A policy of the five, and what follows. */
static void
policy_text(const char *rest, struct buf *out)
{
	buf_append_text(out, "# ours\n \t# too\n\nlog " KNOWN_VKEY " https://log.example/\n");
	for (int i = 1; i <= WITNESSES; i++) {
		DEFER(buf_clear_public) struct buf vkey = {0};
		uint8_t seed[NOTE_SEED_BYTES];
		struct note_key key;

		witness_key(i, &key, seed);
		note_key_encode(&key, &vkey);
		buf_append_format(
		    out, "\twitness w%d  %s http://127.0.0.1:%d \n", i, buf_text(&vkey), i);
	}
	buf_append_text(out, rest);
}

static void
parse_good(const char *rest, struct tlog_policy *out)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	policy_text(rest, &text);
	assert_true(tlog_policy_parse(buf_bytes(&text), out, &err));
}

static void
its_lines_are_read(void **state)
{
	struct tlog_policy policy;

	(void)state;
	parse_good("group g any w1 w2\nquorum g\n", &policy);
	assert_int_equal(policy.log_count, 1);
	assert_int_equal(policy.witness_count, WITNESSES);
	assert_int_equal(policy.node_count, WITNESSES + 1);
	assert_string_equal(policy.nodes[2].name, "w3");
	assert_string_equal(policy.nodes[2].url, "http://127.0.0.1:3");
	assert_non_null(tlog_policy_log(&policy, bytes_of_text(KNOWN_ORIGIN)));
	assert_null(tlog_policy_log(&policy, bytes_of_text("moniker.example/node1-202")));
}

/* Whom it takes: bit i of a row's mask is witness i + 1. */
static void
a_quorum_is_what_the_policy_says(void **state)
{
	static const struct {
		const char *rest;
		const char *enough[4], *not_enough[4]; /* digits of the witnesses */
	} ROWS[] = {
	    {"quorum none\n", {"", "1"}, {NULL}},
	    {"quorum w3\n", {"3", "123"}, {"", "1", "1245"}},
	    {"group g any w1 w2\nquorum g\n", {"1", "2", "12"}, {"", "345"}},
	    {"group g all w1 w2\nquorum g\n", {"12", "12345"}, {"", "1", "2345"}},
	    {"group g 2 w1 w2 w3\nquorum g\n", {"12", "13", "23", "123"}, {"1", "145", ""}},
	    {"group x 2 w1 w2 w3\ngroup y any w4 w5\ngroup xy all x y\nquorum xy\n",
		{"124", "235", "12345"}, {"123", "145", "45", "12"}},
	    {"group x any w1\ngroup y any w2\nquorum x\n", {"1"}, {"2"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct tlog_policy policy;

		parse_good(ROWS[i].rest, &policy);
		for (size_t k = 0; k < 8; k++) {
			const bool want = k < 4;
			const char *who = want ? ROWS[i].enough[k] : ROWS[i].not_enough[k - 4];
			uint64_t bits = 0;

			if (who == NULL)
				continue;
			for (; *who != '\0'; who++)
				bits |= UINT64_C(1) << (*who - '1');
			assert_int_equal(tlog_policy_is_quorum(&policy, bits), want);
		}
	}
}

static void
what_is_no_policy_is_refused_with_its_line(void **state)
{
	static const char *const ROWS[] = {
	    "",                                           /* no quorum */
	    "quorum w1",                                  /* no end of line */
	    "quorum w1\nquorum w1\n",                     /* two */
	    "quorum w9\n",                                /* not defined */
	    "quorum g\ngroup g any w1\n",                 /* not yet */
	    "group g any\nquorum g\n",                    /* without members */
	    "group g any w1 w1\nquorum g\n",              /* twice in one */
	    "group g any w1\ngroup h any w1\nquorum h\n", /* in two */
	    "group g any none\nquorum g\n",               /* not a name */
	    "group none any w1\nquorum none\n",
	    "group w1 any w2\nquorum w1\n", /* taken */
	    "group g 0 w1\nquorum g\n",
	    "group g 3 w1 w2\nquorum g\n",
	    "group g 01 w1 w2\nquorum g\n",
	    "group g some w1 w2\nquorum g\n",
	    "quorum w1 w2\n",
	    "quorum\n",
	    "quarum w1\n",
	    "quorum w1\nquorum w1\r\n",
	    "quorum w1\n# \x7f\n",
	    "witness v " KNOWN_VKEY "\nquorum w1\n",   /* a log's key */
	    "log " KNOWN_WITNESS_VKEY "\nquorum w1\n", /* a witness's */
	    "log " KNOWN_VKEY "\nquorum w1\n",         /* the same again */
	    "log " KNOWN_VKEY " a b\nquorum w1\n",
	    "witness v\nquorum w1\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};
		struct tlog_policy policy;
		struct error err = {0};

		policy_text(ROWS[i], &text);
		assert_false(tlog_policy_parse(buf_bytes(&text), &policy, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		if (i > 0)
			assert_non_null(strstr(err.detail, "line "));
	}
}

static void
one_key_does_not_count_for_two_witnesses(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf rest = {0};
	DEFER(buf_clear_public) struct buf vkey = {0};
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key, again;
	struct tlog_policy policy;
	struct error err = {0};

	(void)state;
	witness_key(1, &key, seed);
	assert_true(note_cosigner_init(&again, "another.example/name", key.public_key, &err));
	note_key_encode(&again, &vkey);
	buf_append_format(&rest, "witness w6 %s\ngroup g 2 w1 w6\nquorum g\n", buf_text(&vkey));
	policy_text(buf_text(&rest), &text);
	assert_false(tlog_policy_parse(buf_bytes(&text), &policy, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

static void
logs_alone_need_no_quorum(void **state)
{
	struct tlog_policy policy;
	struct error err = {0};
	uint64_t cosigned = 1;

	(void)state;
	assert_true(tlog_policy_parse(bytes_of_text("log " KNOWN_VKEY "\n"), &policy, &err));
	assert_true(tlog_policy_check(&policy, bytes_of_text(KNOWN_NOTE), &cosigned, &err));
	assert_int_equal(cosigned, 0);
}

static void
a_note_has_the_quorum_that_cosigned_it(void **state)
{
	struct tlog_policy policy;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};
	uint64_t cosigned = 0;

	(void)state;
	parse_good("group g 2 w1 w2 w3\nquorum g\n", &policy);
	buf_append_text(&note, KNOWN_NOTE);
	for (int i = 2; i <= 3; i++) {
		uint8_t seed[NOTE_SEED_BYTES];
		struct note_key key;

		assert_false(tlog_policy_check(&policy, buf_bytes(&note), &cosigned, &err));
		assert_int_equal(err.code, E_BAD_PROOF);
		err = (struct error){0};
		witness_key(i, &key, seed);
		cosignature_sign(&key, seed, bytes_of_text(KNOWN_CHECKPOINT), 1, &note);
	}
	assert_true(tlog_policy_check(&policy, buf_bytes(&note), &cosigned, &err));
	assert_int_equal(cosigned, 6);
}

/* The words of a witness about another checkpoint. */
static void
a_wrong_cosignature_counts_for_nothing(void **state)
{
	struct tlog_policy policy;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};
	uint64_t cosigned = 0;
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;

	(void)state;
	parse_good("quorum w1\n", &policy);
	witness_key(1, &key, seed);
	buf_append_text(&note, KNOWN_NOTE);
	cosignature_sign(&key, seed, bytes_of_text(KNOWN_ORIGIN "\n4\nAAAA\n"), 1, &note);
	assert_false(tlog_policy_check(&policy, buf_bytes(&note), &cosigned, &err));
	assert_int_equal(cosigned, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(its_lines_are_read),
	    cmocka_unit_test(a_quorum_is_what_the_policy_says),
	    cmocka_unit_test(what_is_no_policy_is_refused_with_its_line),
	    cmocka_unit_test(one_key_does_not_count_for_two_witnesses),
	    cmocka_unit_test(logs_alone_need_no_quorum),
	    cmocka_unit_test(a_note_has_the_quorum_that_cosigned_it),
	    cmocka_unit_test(a_wrong_cosignature_counts_for_nothing),
	};

	return cmocka_run_group_tests_name("proof/tlog_policy", tests, NULL, NULL);
}

#include "tests/support/signed_log.h"

#include "base/text.h"
#include "proof/log_chain.h"

#define ROOT "sYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E="
#define OTHER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* What was told, a line each: "kind name: text". */
struct told {
	struct buf text;
};

static void
tell(void *context, const char *name, enum verify_kind kind, const char *text)
{
	struct told *told = context;

	buf_append_format(&told->text, "%s %s: %s\n",
	    kind == VERIFY_TAMPERED     ? "tampered"
	    : kind == VERIFY_INCOMPLETE ? "incomplete"
					: "notice",
	    name, text);
}

/* A log with a first leaf that continues `before` (or NULL) and leaves that announce others. */
struct given {
	const char *name;
	int64_t began_s;
	uint64_t size;
	const char *before;
	int64_t before_size;
	const char *before_root;
	const char *announces[3];
};

static void
take_leaf(struct log_chain *chain, int log, struct leaf leaf)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct leaf_view view;
	struct error err = {0};

	leaf.event = LEAF_LOG_OPEN;
	leaf.severity = 1;
	assert_true(leaf_encode(&leaf, &text, &err));
	assert_true(leaf_parse(buf_bytes(&text), &view, &err));
	log_chain_opened(chain, log, &view, buf_bytes(&text));
}

static void
add(struct log_chain *chain, const struct given *given)
{
	const int log = log_chain_add(chain, given->name);
	struct verify_result result = {
	    .checkpoint.size = given->size, .first_at_s = given->began_s};
	struct leaf first = {.seq = 0};
	DEFER(buf_clear_public) struct buf root = {0};

	assert_true(log >= 0);
	assert_true(base64_decode(bytes_of_text(ROOT), &root));
	memcpy(result.checkpoint.root, root.data, SHA256_BYTES);
	if (given->before != NULL) {
		first.details[0] = (struct leaf_detail){.key = "log", .text = given->before};
		first.details[1] =
		    (struct leaf_detail){.key = "size", .number = given->before_size};
		first.details[2] = (struct leaf_detail){.key = "root", .text = given->before_root};
	}
	take_leaf(chain, log, first);
	for (int i = 0; i < 3 && given->announces[i] != NULL; i++) {
		struct leaf leaf = {.seq = i + 1};

		snprintf(leaf.subject, sizeof leaf.subject, "log:%s", given->announces[i]);
		take_leaf(chain, log, leaf);
	}
	log_chain_verified(chain, log, &result);
}

#define A26                                       \
	{                                         \
		"a-2026", 10, 100, NULL, 0, NULL, \
		{                                 \
			"a-2027"                  \
		}                                 \
	}
#define A27                                            \
	{                                              \
		"a-2027", 20, 50, "a-2026", 100, ROOT, \
		{                                      \
			NULL                           \
		}                                      \
	}

static void
logs_are_held_against_each_other(void **state)
{
	static const struct {
		struct given logs[4];
		const char *told;
	} ROWS[] = {
	    {{A26}, "notice a-2026: it announces a-2027, which is not here\n"},
	    {{A26, A27}, ""},
	    {{A27, A26}, ""}, /* in whatever order */
	    {{A26, {"a-2027", 20, 50, "a-2026", 100, ROOT, {"a-2028"}},
		 {"a-2028", 30, 9, "a-2027", 50, ROOT, {NULL}}},
		""},
	    /* another node's, which continues none */
	    {{{"a-2026", 10, 100, NULL, 0, NULL, {"b-2026"}},
		 {"b-2026", 15, 5, NULL, 0, NULL, {NULL}}},
		""},
	    /* nobody announces it */
	    {{{"a-2026", 10, 100, NULL, 0, NULL, {NULL}}, A27},
		"tampered a-2027: no other log announces it\n"},
	    {{A26, A27, {"x-2026", 12, 5, NULL, 0, NULL, {NULL}}},
		"tampered x-2026: no other log announces it\n"},
	    /* but itself, or one that nobody announces */
	    {{A26, A27, {"x-2026", 12, 5, NULL, 0, NULL, {"x-2026"}}},
		"tampered x-2026: no other log announces it\n"},
	    {{A26, A27, {"x-2026", 12, 5, NULL, 0, NULL, {"y-2026"}},
		 {"y-2026", 13, 5, NULL, 0, NULL, {"x-2026"}}},
		"tampered x-2026: no other log announces it\n"
		"tampered y-2026: no other log announces it\n"},
	    /* what it continues ended otherwise */
	    {{A26, {"a-2027", 20, 50, "a-2026", 101, ROOT, {NULL}}},
		"tampered a-2027: it continues a-2026, which ended with 101 leaves and has 100\n"},
	    {{A26, {"a-2027", 20, 50, "a-2026", 99, ROOT, {NULL}}},
		"tampered a-2027: it continues a-2026, which ended with 99 leaves and has 100\n"},
	    {{A26, {"a-2027", 20, 50, "a-2026", 100, OTHER, {NULL}}},
		"tampered a-2027: it continues a-2026, which had another root then\n"},
	    {{A27}, "incomplete a-2027: it continues a-2026, which is not here\n"},
	    /* what it says is of no form */
	    {{A26, {"a-2027", 20, 50, "a-2026", 100, "AAAA", {NULL}}},
		"tampered a-2027: its first leaf does not say what it continues\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(log_chain_free) struct log_chain *chain = log_chain_new();
		struct told told = {0};
		const char *text;

		for (size_t k = 0; k < 4 && ROWS[i].logs[k].name != NULL; k++)
			add(chain, &ROWS[i].logs[k]);
		assert_int_equal(log_chain_check(chain, tell, &told),
		    ROWS[i].told[0] == '\0' || strncmp(ROWS[i].told, "notice", 6) == 0);
		text = buf_text(&told.text);
		assert_string_equal(text, ROWS[i].told);
		buf_clear_public(&told.text);
	}
}

static void
a_first_leaf_says_it_or_nothing(void **state)
{
	static const struct {
		const char *details;
		bool good, continues;
	} ROWS[] = {
	    {"", true, false},
	    {",\"d\":{\"log\":\"a-2026\",\"size\":7,\"root\":\"" ROOT "\"}", true, true},
	    {",\"d\":{\"log\":\"a-2026\",\"size\":07,\"root\":\"" ROOT "\"}", false, false},
	    {",\"d\":{\"log\":\"a-2026\",\"size\":7}", false, false},
	    {",\"d\":{\"size\":7,\"log\":\"a-2026\",\"root\":\"" ROOT "\"}", false, false},
	    {",\"d\":{\"log\":\"a-2026\",\"size\":7,\"root\":\"" ROOT "\",\"x\":1}", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};
		struct log_opening opening;
		struct error err = {0};

		buf_append_format(&text, "{\"seq\":0%s}", ROWS[i].details);
		assert_int_equal(log_opening_parse(buf_bytes(&text), &opening, &err), ROWS[i].good);
		assert_int_equal(opening.continues, ROWS[i].continues);
		assert_int_equal(opening.size, ROWS[i].continues ? 7 : 0);
	}
}

static void
there_is_an_end_to_logs(void **state)
{
	DEFER(log_chain_free) struct log_chain *chain = log_chain_new();

	(void)state;
	for (int i = 0; i < LOG_CHAIN_MAX; i++) {
		char name[16];

		snprintf(name, sizeof name, "a-%d", i);
		assert_int_equal(log_chain_add(chain, name), i);
		assert_int_equal(log_chain_add(chain, name), -1);
	}
	assert_int_equal(log_chain_add(chain, "one-more"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(logs_are_held_against_each_other),
	    cmocka_unit_test(a_first_leaf_says_it_or_nothing),
	    cmocka_unit_test(there_is_an_end_to_logs),
	};

	return cmocka_run_group_tests_name("proof/log_chain", tests, NULL, NULL);
}

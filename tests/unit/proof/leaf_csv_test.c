#include "tests/support/cmocka_all.h"

#include "proof/leaf_csv.h"

static void
encode(const struct leaf *leaf, struct buf *out)
{
	struct error err = {0};

	assert_true(leaf_encode(leaf, out, &err));
}

static void
a_leaf_is_a_line_with_its_values_in_order(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf line = {0};
	struct leaf leaf = {.seq = 7,
	    .sequenced_at_s = 1767225600,
	    .event = LEAF_CONFIG_CHANGE,
	    .code = "BAD_PROOF",
	    .severity = 3,
	    .failure = true,
	    .at_s = 1767225599,
	    .actor = "system:node1",
	    .subject = "b:x",
	    .count = 2,
	    .window_s = 60,
	    .details = {{.key = "limits", .number = 4}, {.key = "why", .text = "LOST"}}};

	(void)state;
	encode(&leaf, &text);
	leaf_csv_append(7, buf_bytes(&text), &line);
	assert_octets_text(buf_bytes(&line),
	    "7,2026-01-01T00:00:00Z,config.change,BAD_PROOF,3,failure,2025-12-31T23:59:59Z,"
	    "system:node1,b:x,,,2,60,\"{\"\"limits\"\":4,\"\"why\"\":\"\"LOST\"\"}\"\r\n");
}

static void
what_is_left_out_of_a_leaf_is_an_empty_cell(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf line = {0};
	const struct leaf leaf = {.event = LEAF_SVC_HEARTBEAT, .severity = 1};

	(void)state;
	encode(&leaf, &text);
	leaf_csv_append(0, buf_bytes(&text), &line);
	assert_octets_text(buf_bytes(&line),
	    "0,1970-01-01T00:00:00Z,svc.heartbeat,OK,1,success,1970-01-01T00:00:00Z,,,,,,,\r\n");
}

/* Base64 may begin with a plus sign, and a spreadsheet would take that for a formula. */
static void
no_cell_is_a_formula(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf line = {0};
	struct leaf leaf = {.event = LEAF_SVC_HEARTBEAT,
	    .severity = 1,
	    .actor = "=1+1",
	    .subject = "@a",
	    .has_commitment = true,
	    .commitment = {0xf8}};

	(void)state;
	encode(&leaf, &text);
	leaf_csv_append(0, buf_bytes(&text), &line);
	assert_octets_text(buf_bytes(&line),
	    "0,1970-01-01T00:00:00Z,svc.heartbeat,OK,1,success,1970-01-01T00:00:00Z,'=1+1,'@a,"
	    "'+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,,,,\r\n");
}

static void
what_is_no_leaf_is_its_number_alone(void **state)
{
	DEFER(buf_clear_public) struct buf line = {0};
	size_t commas = 0, columns = 0;

	(void)state;
	leaf_csv_append(5, bytes_of_text("=cmd,\"\r\n"), &line);
	assert_octets_text(buf_bytes(&line), "5,,,,,,,,,,,,,\r\n");
	for (const char *c = LEAF_CSV_HEAD; *c != '\0'; c++)
		columns += *c == ',';
	for (size_t i = 0; i < line.len; i++)
		commas += line.data[i] == ',';
	assert_int_equal(commas, columns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_leaf_is_a_line_with_its_values_in_order),
	    cmocka_unit_test(what_is_left_out_of_a_leaf_is_an_empty_cell),
	    cmocka_unit_test(no_cell_is_a_formula),
	    cmocka_unit_test(what_is_no_leaf_is_its_number_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

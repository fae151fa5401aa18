#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include "base/der.h"
#include "base/mem.h"

#define DER(text) BYTES_LITERAL(text)

static void
elements_come_off_in_order_and_are_borrowed(void **state)
{
	static const uint8_t INPUT[] = {
	    0x30, 0x0b, 0x02, 0x01, 0x05, 0x01, 0x01, 0xff, 0x04, 0x03, 1, 2, 3, 0x05, 0x00};
	struct der der = der_of(bytes_of(INPUT, sizeof INPUT));
	struct der inner = der_enter(&der, DER_SEQUENCE);
	struct bytes octets;

	(void)state;
	assert_int_equal(der_peek(&inner), DER_INTEGER);
	assert_int_equal(der_take_int(&inner), 5);
	assert_true(der_take_bool(&inner));
	octets = der_take(&inner, DER_OCTET_STRING);
	assert_ptr_equal(octets.data, INPUT + 10);
	assert_int_equal(octets.len, 3);
	assert_true(der_end(&inner));
	assert_int_equal(der_peek(&inner), 0);
	assert_false(der_end(&der));
	assert_int_equal(der_take_whole(&der, DER_NULL).len, 2);
	assert_true(der_end(&der));
}

static void
any_element_is_given_whole_with_its_tag_and_contents(void **state)
{
	static const struct bytes INPUT = DER("\xa3\x02\x05\x00");
	struct der der = der_of(INPUT);
	struct bytes contents;
	int tag = 0;

	(void)state;
	assert_true(bytes_equal(der_take_any(&der, &tag, &contents), INPUT));
	assert_int_equal(tag, DER_CONTEXT_CONSTRUCTED(3));
	assert_int_equal(contents.len, 2);
	assert_true(der_end(&der));
}

/* clang-format off */
static const struct bad { const char *why; struct bytes der; } BAD[] = {
	{"nothing",                         DER("")},
	{"tag alone",                       DER("\x04")},
	{"end of contents",                 DER("\x00\x00")},
	{"multi-octet tag",                 DER("\x1f\x22\x00")},
	{"constructed multi-octet tag",     DER("\xbf\x22\x00")},
	{"indefinite length",               DER("\x30\x80\x00\x00")},
	{"reserved length",                 DER("\x04\xff\x00")},
	{"length longer than the input",    DER("\x04\x02\x00")},
	{"length octets missing",           DER("\x04\x82\x01")},
	{"long form of a short length",     DER("\x04\x81\x01\x00")},
	{"long form of zero",               DER("\x04\x81\x00")},
	{"leading zero in the length",      DER("\x04\x82\x00\x01\x00")},
	{"five length octets",              DER("\x04\x85\x01\x00\x00\x00\x00")},
	{"almost four gigabytes",           DER("\x04\x84\xff\xff\xff\xff\x00")},
};
/* clang-format on */

static void
what_is_not_der_fails_and_reads_nothing_beyond(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++) {
		/* On the heap, and not a literal, so that the sanitizer sees an octet too many. */
		DEFER(mem_free) uint8_t *copy = xcalloc(1, BAD[i].der.len);
		struct der der;
		struct bytes contents = DER("x");
		int tag = 7;

		memcpy(copy, BAD[i].der.data, BAD[i].der.len);
		der = der_of(bytes_of(copy, BAD[i].der.len));
		assert_int_equal(der_take_any(&der, &tag, &contents).len, 0);
		if (der.ok)
			fail_msg("accepted: %s", BAD[i].why);
		assert_int_equal(tag, 0);
		assert_int_equal(contents.len, 0);
		assert_int_equal(der_peek(&der), 0);
		assert_false(der_end(&der));
	}
}

static void
minimal_long_lengths_are_taken(void **state)
{
	static const size_t LENGTHS[] = {127, 128, 255, 256, 65535, 65536};

	(void)state;
	for (size_t i = 0; i < COUNT(LENGTHS); i++) {
		DEFER(der_writer_clear) struct der_writer w;
		DEFER(mem_free) uint8_t *octets = xcalloc(1, LENGTHS[i]);
		struct der der;

		der_writer_init(&w, 16);
		der_put_element(&w, DER_OCTET_STRING, bytes_of(octets, LENGTHS[i]));
		der = der_of(der_written(&w));
		assert_int_equal(der_take(&der, DER_OCTET_STRING).len, LENGTHS[i]);
		assert_true(der_end(&der));
	}
}

/* Reads the record of the test below; true only when all of it is there. */
static bool
read_record(struct bytes input)
{
	struct der der = der_of(input);
	struct der record = der_enter(&der, DER_SEQUENCE);
	struct der inner;

	(void)der_take_int(&record);
	inner = der_enter(&record, DER_CONTEXT_CONSTRUCTED(0));
	(void)der_take_bits(&inner);
	(void)der_take_time(&record);
	(void)der_take(&record, DER_OCTET_STRING);
	return der_end(&der) && der_end(&record) && der_end(&inner);
}

static void
a_record_cut_at_any_octet_or_with_one_more_fails(void **state)
{
	static const struct bytes RECORD = DER("\x30\x81\x9c"
					       "\x02\x01\x07"
					       "\xa0\x04\x03\x02\x00\xaa"
					       "\x17\x0d"
					       "260101000000Z"
					       "\x04\x81\x81");
	uint8_t whole[160] = {0};
	const size_t len = 3 + 0x9c;

	(void)state;
	memcpy(whole, RECORD.data, RECORD.len);
	assert_true(read_record(bytes_of(whole, len)));
	assert_false(read_record(bytes_of(whole, len + 1)));
	for (size_t cut = 0; cut < len; cut++) {
		DEFER(mem_free) uint8_t *copy = xcalloc(1, cut);

		memcpy(copy, whole, cut);
		assert_false(read_record(bytes_of(copy, cut)));
	}
}

static void
a_failed_reader_stays_failed(void **state)
{
	struct der der = der_of(bytes_of("\x02\x01\x05\x02\x01\x06", 6));
	struct der inner;

	(void)state;
	assert_int_equal(der_take(&der, DER_OCTET_STRING).len, 0);
	assert_int_equal(der_take_int(&der), 0);
	assert_int_equal(der_take_any(&der, NULL, NULL).len, 0);
	assert_int_equal(der_take_whole(&der, DER_INTEGER).len, 0);
	inner = der_enter(&der, DER_SEQUENCE);
	assert_false(inner.ok);
	assert_false(der_end(&inner));
	assert_false(der_end(&der));
}

static const struct integer {
	struct bytes der;
	bool ok_unsigned, ok_int;
	int64_t value;
} INTEGERS[] = {
    {DER("\x02\x01\x00"), true, true, 0},
    {DER("\x02\x01\x7f"), true, true, 127},
    {DER("\x02\x02\x00\x80"), true, true, 128},
    {DER("\x02\x02\x01\x00"), true, true, 256},
    {DER("\x02\x08\x7f\xff\xff\xff\xff\xff\xff\xff"), true, true, INT64_MAX},
    {DER("\x02\x09\x00\x80\x00\x00\x00\x00\x00\x00\x00"), true, false, 0},
    {DER("\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00"), true, false, 0},
    {DER("\x02\x00"), false, false, 0},
    {DER("\x02\x01\x80"), false, false, 0},
    {DER("\x02\x01\xff"), false, false, 0},
    {DER("\x02\x02\x00\x00"), false, false, 0},
    {DER("\x02\x02\x00\x7f"), false, false, 0},
    {DER("\x02\x02\xff\x80"), false, false, 0},
    {DER("\x0a\x01\x05"), false, false, 0},
};

static void
integers_are_minimal_and_not_negative(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(INTEGERS); i++) {
		struct der a = der_of(INTEGERS[i].der);
		struct der b = der_of(INTEGERS[i].der);
		const struct bytes magnitude = der_take_unsigned(&a);

		assert_int_equal(der_end(&a), INTEGERS[i].ok_unsigned);
		assert_int_equal(magnitude.len > 0, INTEGERS[i].ok_unsigned);
		assert_true(der_take_int(&b) == INTEGERS[i].value);
		assert_int_equal(der_end(&b), INTEGERS[i].ok_int);
	}
}

static void
booleans_and_bit_strings_have_one_spelling(void **state)
{
	static const struct bytes BAD_BOOLEANS[] = {
	    DER("\x01\x01\x01"), DER("\x01\x01\xfe"), DER("\x01\x00"), DER("\x01\x02\xff\xff")};
	static const struct bytes BAD_BITS[] = {DER("\x03\x00"), DER("\x03\x02\x01\x80"),
	    DER("\x03\x02\x08\x80"), DER("\x23\x02\x00\x80")};
	struct der der = der_of(bytes_of("\x01\x01\x00\x03\x01\x00\x03\x02\x00\x80", 10));

	(void)state;
	assert_false(der_take_bool(&der));
	assert_int_equal(der_take_bits(&der).len, 0);
	assert_int_equal(der_take_bits(&der).len, 1);
	assert_true(der_end(&der));
	for (size_t i = 0; i < COUNT(BAD_BOOLEANS); i++) {
		der = der_of(BAD_BOOLEANS[i]);
		assert_false(der_take_bool(&der));
		assert_false(der.ok);
	}
	for (size_t i = 0; i < COUNT(BAD_BITS); i++) {
		der = der_of(BAD_BITS[i]);
		assert_int_equal(der_take_bits(&der).len, 0);
		assert_false(der.ok);
	}
}

/* clang-format off */
static const struct timed { struct bytes der; int64_t at_s; /* -1: refused */ } TIMES[] = {
	{DER("\x17\x0d" "700101000000Z"),       0},
	{DER("\x17\x0d" "991231235959Z"),       946684799}, /* 1999 */
	{DER("\x17\x0d" "000229000000Z"),       951782400},
	{DER("\x17\x0d" "491231235959Z"),       2524607999},
	{DER("\x18\x0f" "20500101000000Z"),     2524608000},
	{DER("\x18\x0f" "20520229000000Z"),     2592777600},
	{DER("\x18\x0f" "99991231235959Z"),     253402300799},
	{DER("\x17\x0d" "500101000000Z"),       -1}, /* 1950 */
	{DER("\x17\x0d" "691231235959Z"),       -1}, /* 1969 */
	{DER("\x18\x0f" "20491231235959Z"),     -1}, /* UTCTime is required */
	{DER("\x18\x0f" "19700101000000Z"),     -1},
	{DER("\x17\x0d" "230229000000Z"),       -1}, /* no leap year */
	{DER("\x18\x0f" "21000229000000Z"),     -1}, /* nor this */
	{DER("\x17\x0d" "260431000000Z"),       -1}, /* 31 April */
	{DER("\x17\x0d" "261301000000Z"),       -1},
	{DER("\x17\x0d" "260001000000Z"),       -1},
	{DER("\x17\x0d" "260100000000Z"),       -1},
	{DER("\x17\x0d" "260101240000Z"),       -1},
	{DER("\x17\x0d" "260101006000Z"),       -1},
	{DER("\x17\x0d" "260101000060Z"),       -1}, /* leap second */
	{DER("\x17\x0b" "2601010000Z"),         -1}, /* no seconds */
	{DER("\x17\x11" "260101000000+0000"),   -1},
	{DER("\x17\x0d" "260101000000z"),       -1},
	{DER("\x17\x0c" "260101000000"),        -1},
	{DER("\x17\x0d" "2601 1000000Z"),       -1},
	{DER("\x17\x0d" "-60101000000Z"),       -1},
	{DER("\x18\x11" "20500101000000.5Z"),   -1}, /* fraction */
	{DER("\x18\x0d" "500101000000Z"),       -1}, /* the other's form */
	{DER("\x17\x0f" "20500101000000Z"),     -1}, /* the other's form */
	{DER("\x13\x0d" "260101000000Z"),       -1}, /* PrintableString */
	{DER("\x17\x00"),                       -1},
	{DER(""), -1},
};
/* clang-format on */

static void
times_have_the_forms_of_rfc_5280_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(TIMES); i++) {
		struct der der = der_of(TIMES[i].der);
		const int64_t at_s = der_take_time(&der);

		assert_true(at_s == (TIMES[i].at_s < 0 ? 0 : TIMES[i].at_s));
		assert_int_equal(der_end(&der), TIMES[i].at_s >= 0);
	}
}

/* clang-format off */
static const struct unread { const char *why; struct bytes der; bool good; } UNREAD[] = {
	{"nothing",                          DER(""), true},
	{"two elements",                     DER("\x05\x00\x30\x00"), true},
	{"application and private",          DER("\x41\x01\x80\xe1\x02\x05\x00"), true},
	{"a string",                         DER("\x0c\x01\xff"), true},
	{"a trailing octet",                 DER("\x05\x00\x30"), false},
	{"a broken element inside",          DER("\x30\x03\x04\x02\x00"), false},
	{"a broken element inside another's", DER("\xa0\x02\x04\x81"), false},
	{"a constructed string",             DER("\x2c\x03\x0c\x01\x61"), false},
	{"a constructed OCTET STRING",       DER("\x24\x03\x04\x01\x61"), false},
	{"a primitive SEQUENCE",             DER("\x10\x00"), false},
	{"a primitive SET",                  DER("\x11\x00"), false},
	{"TRUE",                             DER("\x01\x01\xff"), true},
	{"TRUE otherwise",                   DER("\x01\x01\x01"), false},
	{"BOOLEAN of two",                   DER("\x01\x02\x00\x00"), false},
	{"a negative INTEGER",               DER("\x02\x01\xff"), true},
	{"a padded INTEGER",                 DER("\x02\x02\x00\x7f"), false},
	{"a padded negative INTEGER",        DER("\x02\x02\xff\x80"), false},
	{"an empty INTEGER",                 DER("\x02\x00"), false},
	{"a padded ENUMERATED",              DER("\x0a\x02\x00\x01"), false},
	{"no bits",                          DER("\x03\x01\x00"), true},
	{"one bit",                          DER("\x03\x02\x07\x80"), true},
	{"no bits, seven unused",            DER("\x03\x01\x07"), false},
	{"eight unused bits",                DER("\x03\x02\x08\x00"), false},
	{"an unused bit that is set",        DER("\x03\x02\x07\xc0"), false},
	{"an empty BIT STRING",              DER("\x03\x00"), false},
	{"NULL of something",                DER("\x05\x01\x00"), false},
	{"an OID",                           DER("\x06\x04\x2a\x86\x48\x03"), true},
	{"an empty OID",                     DER("\x06\x00"), false},
	{"an OID cut short",                 DER("\x06\x02\x2a\x86"), false},
	{"an OID with leading zeros",        DER("\x06\x03\x2a\x80\x01"), false},
};
/* clang-format on */

static void
elements_that_nobody_reads_are_der_all_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(UNREAD); i++)
		if (der_well_formed(UNREAD[i].der) != UNREAD[i].good)
			fail_msg("%s", UNREAD[i].why);
}

static void
nesting_is_bounded(void **state)
{
	DEFER(der_writer_clear) struct der_writer w;

	(void)state;
	der_writer_init(&w, 64);
	for (int depth = 0; depth < DER_DEPTH_MAX; depth++)
		der_wrap(&w, DER_SEQUENCE, 0);
	assert_true(der_well_formed(der_written(&w)));
	der_wrap(&w, DER_SEQUENCE, 0);
	assert_false(der_well_formed(der_written(&w)));
}

static void
an_expected_element_is_exactly_that(void **state)
{
	static const struct bytes WANT = DER("\x06\x03\x55\x1d\x0f");
	struct der der = der_of(WANT);

	(void)state;
	der_expect(&der, WANT);
	assert_true(der_end(&der));
	der_expect(&der, WANT);
	assert_false(der.ok);
	der = der_of(bytes_of("\x06\x03\x55\x1d\x0e", 5));
	der_expect(&der, WANT);
	assert_false(der.ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(elements_come_off_in_order_and_are_borrowed),
	    cmocka_unit_test(any_element_is_given_whole_with_its_tag_and_contents),
	    cmocka_unit_test(what_is_not_der_fails_and_reads_nothing_beyond),
	    cmocka_unit_test(minimal_long_lengths_are_taken),
	    cmocka_unit_test(a_record_cut_at_any_octet_or_with_one_more_fails),
	    cmocka_unit_test(a_failed_reader_stays_failed),
	    cmocka_unit_test(integers_are_minimal_and_not_negative),
	    cmocka_unit_test(booleans_and_bit_strings_have_one_spelling),
	    cmocka_unit_test(times_have_the_forms_of_rfc_5280_alone),
	    cmocka_unit_test(elements_that_nobody_reads_are_der_all_the_same),
	    cmocka_unit_test(nesting_is_bounded),
	    cmocka_unit_test(an_expected_element_is_exactly_that),
	};

	return cmocka_run_group_tests_name("der", tests, NULL, NULL);
}

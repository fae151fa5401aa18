/* CRLs that the real keeper does not sign. */
#include "attack.h"

#include <time.h>

#include "keeper/crl_numbers.h"

struct list { /* whole elements of a TBSCertList without entries */
	struct tlv version, algorithm, issuer, times, number, point, more;
	uint8_t key[ISSUER_ID_BYTES];
};

static struct tlv
number_of(uint64_t number)
{
	uint8_t octets[8];
	size_t from = 0;

	for (int i = 0; i < 8; i++)
		octets[i] = (uint8_t)(number >> (56 - 8 * i));
	while (from < 7 && octets[from] == 0 && (octets[from + 1] & 0x80) == 0)
		from++;
	return tlv_extension(0x14, false, tlv_of(DER_INTEGER, octets + from, 8 - from));
}

static struct tlv
point_of(const char *url, bool critical)
{
	return tlv_extension(0x1c, critical, tlv_wrap(DER_SEQUENCE, tlv_point(url)));
}

static struct tlv
base_of(const char *octets, size_t len, bool critical)
{
	return tlv_extension(0x1b, critical, tlv_of(DER_INTEGER, octets, len));
}

static struct tlv
freshest_of(const char *url)
{
	return tlv_extension(
	    0x2e, false, tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SEQUENCE, tlv_point(url))));
}

static struct tlv
times_from_now(int64_t this_s, int64_t next_s)
{
	const int64_t now_s = (int64_t)time(NULL);

	return tlv_times(now_s + this_s, now_s + next_s);
}

static void
list_init(const struct attack *attack, uint64_t number, struct list *out)
{
	*out = (struct list){.version = tlv_of(DER_INTEGER, "\1", 1),
	    .algorithm = tlv_ecdsa_sha256(),
	    .issuer = tlv_name(DER_UTF8_STRING, ISSUER_NAME),
	    .times = times_from_now(0, DAY_S),
	    .number = number_of(number),
	    .point = point_of(CRL_URL, true)};
	memcpy(out->key, attack->issuer, ISSUER_ID_BYTES);
}

static void
say_list(const struct list *list, int fd)
{
	DEFER(buf_clear_public) struct buf begin = {0};
	struct tlv extensions = tlv_extension(0x23, false, tlv_authority_key(KEY_FILL));
	struct tlv whole = list->version;

	tlv_add(&extensions, list->number);
	tlv_add(&extensions, list->point);
	tlv_add(&extensions, list->more);
	extensions = tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_wrap(DER_SEQUENCE, extensions));
	tlv_add(&whole, list->algorithm);
	tlv_add(&whole, list->issuer);
	tlv_add(&whole, list->times);
	tlv_add(&whole, extensions);
	whole = tlv_wrap(DER_SEQUENCE, whole);
	buf_append(&begin, bytes_of(list->key, ISSUER_ID_BYTES));
	buf_append(&begin, bytes_of(whole.data, whole.len - extensions.len));
	attack_say(fd, WIRE_CRL_BEGIN, buf_bytes(&begin));
	attack_say(fd, WIRE_CRL_END, tlv_bytes(&extensions));
}

static void
honest_list(const char *what, const struct attack *attack, uint64_t number, int fd)
{
	DEFER(answer_clear) struct answer answer = {0};
	struct list list;

	list_init(attack, number, &list);
	say_list(&list, fd);
	attack_hear(fd, &answer);
	if (answer.type != WIRE_SIGNATURE)
		fail_msg("after \"%s\" an honest CRL is refused: %s", what, answer.detail);
}

/* clang-format off */
#define CHANGE(name, ...) static void name(struct list *l) { __VA_ARGS__; }

CHANGE(same_number,     l->number = number_of(1000))
CHANGE(lower_number,    l->number = number_of(999))
CHANGE(number_zero,     l->number = number_of(0))
CHANGE(number_negative, l->number = number_of(UINT64_MAX))
CHANGE(number_last,     l->number = number_of(INT64_MAX))
CHANGE(number_far,      l->number = number_of(((uint64_t)time(NULL) + 11 * UINT64_C(31536000)) * CRL_NUMBERS_PER_S))
CHANGE(no_number,       l->number.len = 0)
CHANGE(too_old,         l->times = times_from_now(-3700, DAY_S))
CHANGE(ahead,           l->times = times_from_now(400, DAY_S))
CHANGE(backward,        l->times = times_from_now(0, -1))
CHANGE(for_ever,        l->times = times_from_now(0, 11 * DAY_S))
CHANGE(no_next_update,  l->times = tlv_time((int64_t)time(NULL)))
CHANGE(another_issuer,  l->issuer = tlv_name(DER_UTF8_STRING, "Service CA"))
CHANGE(another_key,     l->key[0] ^= 1)
CHANGE(another_shard,   l->point = point_of(CRL_PREFIX "0001.crl", true))
CHANGE(another_url,     l->point = point_of("http://evil.example/0000.crl", true))
CHANGE(point_ignorable, l->point = point_of(CRL_URL, false))
CHANGE(no_point,        l->point.len = 0)
CHANGE(version_1,       l->version.len = 0)
CHANGE(certificate,     l->version = tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_of(DER_INTEGER, "\2", 1)))
CHANGE(delta_again,     l->number = number_of(1000); l->more = base_of("\1", 1, true))
CHANGE(base_ignorable,  l->more = base_of("\1", 1, false))
CHANGE(base_later,      l->more = base_of("\x7f\xff\xff\xff", 4, true))
CHANGE(fresher_delta,   l->more = base_of("\1", 1, true); tlv_add(&l->more, freshest_of(DELTA_URL)))
CHANGE(fresh_elsewhere, l->more = freshest_of("http://evil.example/0000/delta.crl"))
CHANGE(fresh_critical,  l->more = tlv_extension(0x2e, true, tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SEQUENCE, tlv_point(DELTA_URL)))))
CHANGE(sha384,          l->algorithm = tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x04\x03\x03", 8)))

static const struct row { const char *what; void (*change)(struct list *list); const char *why; } ROWS[] = {
	{"the same number again",           same_number,     "number 1000 is not above 1000"},
	{"a lower number",                  lower_number,    "number 999 is not above 1000"},
	{"number 0",                        number_zero,     "number 0 is not above 1000"},
	{"a negative number",               number_negative, "cRLNumber is not the one allowed"},
	{"the last number there is",        number_last,     "leaves no room"},
	{"a number of eleven years ahead",  number_far,      "leaves no room"},
	{"no number",                       no_number,       "cRLNumber is missing"},
	{"thisUpdate more than an hour ago", too_old,        "thisUpdate is not near now"},
	{"thisUpdate ahead",                ahead,           "thisUpdate is not near now"},
	{"nextUpdate before thisUpdate",    backward,        "nextUpdate not near it"},
	{"nextUpdate in eleven days",       for_ever,        "nextUpdate not near it"},
	{"no nextUpdate",                   no_next_update,  "not a TBSCertList of version 2"},
	{"another issuer's name",           another_issuer,  "the issuer's name is another"},
	{"a key that is not here",          another_key,     "no key of this issuer is here"},
	{"a shard that the issuer has not", another_shard,   "issuingDistributionPoint is not the one allowed"},
	{"a foreign distribution point",    another_url,     "issuingDistributionPoint is not the one allowed"},
	{"an IDP that may be ignored",      point_ignorable, "issuingDistributionPoint must be critical"},
	{"no IDP",                          no_point,        "issuingDistributionPoint is missing"},
	{"version 1",                       version_1,       "not a TBSCertList of version 2"},
	{"a TBSCertificate's beginning",    certificate,     "not a TBSCertList of version 2"},
	{"a second delta of a number",      delta_again,     "number 1000 is not above"},
	{"a delta that looks like a full CRL", base_ignorable, "deltaCRLIndicator must be critical"},
	{"a delta to a later base",         base_later,      "its base is not before it"},
	{"a delta that names a delta",      fresher_delta,   "freshestCRL must not be there"},
	{"a delta that is found elsewhere", fresh_elsewhere, "freshestCRL is not the one allowed"},
	{"a critical freshestCRL",          fresh_critical,  "freshestCRL must not be critical"},
	{"ecdsa-with-SHA384",               sha384,          "the signature algorithm is not ecdsa-with-SHA256"},
};
/* clang-format on */

static void
a_crl_that_is_not_allowed_is_refused_by_name(void **state)
{
	DEFER(attack_clear) struct attack attack;
	uint64_t number = 1000;

	(void)state;
	attack_init(&attack);
	honest_list("the start", &attack, number, attack.fds[1]);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		int fd = attack.fds[1 + i % CONTROL_STATELESS];
		struct list list;

		list_init(&attack, number + 1, &list);
		ROWS[i].change(&list);
		say_list(&list, fd);
		assert_refused(ROWS[i].what, fd, "KEEPER_REFUSED", ROWS[i].why);
		attack_honest(ROWS[i].what, &attack); /* certificates go on, */
		if (i >= 3)
			honest_list(ROWS[i].what, &attack, ++number, fd); /* and so do CRLs */
	}
}

/* Signed once with the number of its full CRL, and never the other way round after a kill. */
static void
a_delta_goes_with_its_full_crl(void **state)
{
	DEFER(attack_clear) struct attack attack;
	DEFER(answer_clear) struct answer answer = {0};
	struct list list;

	(void)state;
	attack_init(&attack);
	honest_list("the start", &attack, 7, attack.fds[1]);
	list_init(&attack, 7, &list);
	list.more = base_of("\3", 1, true);
	say_list(&list, attack.fds[2]);
	attack_hear(attack.fds[2], &answer);
	assert_int_equal(answer.type, WIRE_SIGNATURE);
	attack_kill(&attack);
	attack_start(&attack);
	say_list(&list, attack.fds[1]);
	assert_refused(
	    "the delta again", attack.fds[1], "KEEPER_REFUSED", "number 7 is not above 7");
	list_init(&attack, 7, &list);
	say_list(&list, attack.fds[1]);
	assert_refused(
	    "the full CRL again", attack.fds[1], "KEEPER_REFUSED", "number 7 is not above 7");
	list_init(&attack, 8, &list);
	list.more = freshest_of(DELTA_URL);
	say_list(&list, attack.fds[1]);
	answer_clear(&answer);
	attack_hear(attack.fds[1], &answer);
	assert_int_equal(answer.type, WIRE_SIGNATURE);
}

static void
a_number_that_was_given_is_not_given_again_after_a_kill(void **state)
{
	DEFER(attack_clear) struct attack attack;
	struct list list;

	(void)state;
	attack_init(&attack);
	honest_list("the start", &attack, 7, attack.fds[1]);
	attack_kill(&attack);
	attack_start(&attack);
	list_init(&attack, 7, &list);
	say_list(&list, attack.fds[1]);
	assert_refused(
	    "the number again", attack.fds[1], "KEEPER_REFUSED", "number 7 is not above 7");
	honest_list("a kill", &attack, 8, attack.fds[1]);
	attack_honest("a kill", &attack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_crl_that_is_not_allowed_is_refused_by_name),
	    cmocka_unit_test(a_delta_goes_with_its_full_crl),
	    cmocka_unit_test(a_number_that_was_given_is_not_given_again_after_a_kill),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

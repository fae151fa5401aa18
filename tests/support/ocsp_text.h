/* ocsp_text: OCSP requests written by hand (der_text.h), for tests and corpora. */
#ifndef TESTS_SUPPORT_OCSP_TEXT_H
#define TESTS_SUPPORT_OCSP_TEXT_H

/* A request of these parts: version and requestor, requestList, extensions, what follows. */
#define OCSP_TEXT(before, requests, extensions, after) \
	"30(30(" before "30(" requests ")" extensions ")" after ")"
#define OCSP_TEXT_EXTENSIONS(list) "a2(30(" list "))"

#define NAME_HASH "0102030405060708090a0b0c0d0e0f1011121314"
#define KEY_HASH "2122232425262728292a2b2c2d2e2f3031323334"
#define HASHES "04(" NAME_HASH ")04(" KEY_HASH ")"
#define SHA1 "30(06(2b0e03021a)0500)"
#define SERIAL "02(4142)"
#define CERTID "30(" SHA1 HASHES SERIAL ")"
#define ONE "30(" CERTID ")"
#define OCTETS_16 "000102030405060708090a0b0c0d0e0f"
#define OCTETS_128 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16

#define NONCE_OF(value) "30(06(2b0601050507300102)04(" value "))"
#define NONCE NONCE_OF("04(" OCTETS_16 ")")
#define ACCEPTABLE(value) "30(06(2b0601050507300104)04(" value "))"
#define BASIC "06(2b0601050507300101)"
#define OTHER "06(2a030405)"
#define CRITICAL "0101ff"

/* clang-format off */
static const struct ocsp_text {
	const char *what, *text;
	int count, nonce_len; /* count 0: refused */
} OCSP_TEXTS[] = {
	{"one certificate",                   OCSP_TEXT("", ONE, "", ""), 1, 0},
	{"two certificates",                  OCSP_TEXT("", ONE ONE, "", ""), 2, 0},
	{"version 1, written out",            OCSP_TEXT("a0(020100)", ONE, "", ""), 1, 0},
	{"a requestor's name",                OCSP_TEXT("a1(86(687474703a2f2f61))", ONE, "", ""), 1, 0},
	{"a nonce of 16 octets",              OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE), ""), 1, 16},
	{"a nonce of 1 octet",                OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE_OF("04010a")), ""), 1, 1},
	{"a nonce of 128 octets",             OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE_OF("04(" OCTETS_128 ")")), ""), 1, 128},
	{"a critical nonce",                  OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS("30(06(2b0601050507300102)" CRITICAL "04(04(" OCTETS_16 ")))"), ""), 1, 16},
	{"acceptable responses",              OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(ACCEPTABLE("30(" BASIC OTHER ")")), ""), 1, 0},
	{"an unknown extension",              OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS("30(" OTHER "04())"), ""), 1, 0},
	{"one that says it is not critical",  OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS("30(" OTHER "01010004())"), ""), 1, 0},
	{"an extension of one identifier",    OCSP_TEXT("", "30(" CERTID "a0(30(30(" OTHER "04()))))", "", ""), 1, 0},
	{"a hash without parameters",         OCSP_TEXT("", "30(30(30(06(2b0e03021a))" HASHES SERIAL "))", "", ""), 1, 0},
	{"a hash that is not computed here",  OCSP_TEXT("", "30(30(30(06(2a030405))040101 0400" SERIAL "))", "", ""), 1, 0},
	{"a negative serial number",          OCSP_TEXT("", "30(30(" SHA1 HASHES "02(ff42)))", "", ""), 1, 0},
	{"a signature, by whomever",          OCSP_TEXT("", ONE, "", "a0(30(30(" OTHER ")03(0001)))"), 1, 0},
	{"a signature with certificates",     OCSP_TEXT("", ONE, "", "a0(30(30(" OTHER ")03(0001)a0(30())))"), 1, 0},

	{"no certificate",                    OCSP_TEXT("", "", "", ""), 0, 0},
	{"version 2",                         OCSP_TEXT("a0(020101)", ONE, "", ""), 0, 0},
	{"two versions",                      OCSP_TEXT("a0(020100020100)", ONE, "", ""), 0, 0},
	{"an empty requestor",                OCSP_TEXT("a100", ONE, "", ""), 0, 0},
	{"a requestor that is not DER",       OCSP_TEXT("a1028680", ONE, "", ""), 0, 0},
	{"an empty nonce",                    OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE_OF("0400")), ""), 0, 0},
	{"a nonce of 129 octets",             OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE_OF("04(" OCTETS_128 "aa)")), ""), 0, 0},
	{"a nonce that is no OCTET STRING",   OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE_OF("01020304")), ""), 0, 0},
	{"octets after the nonce",            OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE_OF("04010a0500")), ""), 0, 0},
	{"two nonces",                        OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE NONCE), ""), 0, 0},
	{"no basic response is acceptable",   OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(ACCEPTABLE("30(" OTHER ")")), ""), 0, 0},
	{"acceptable responses that are none", OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(ACCEPTABLE("0500")), ""), 0, 0},
	{"a critical extension of nobody's",  OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS("30(" OTHER CRITICAL "04())"), ""), 0, 0},
	{"a critical one of one identifier",  OCSP_TEXT("", "30(" CERTID "a0(30(30(" OTHER CRITICAL "04()))))", "", ""), 0, 0},
	{"a critical nonce of one identifier", OCSP_TEXT("", "30(" CERTID "a0(30(30(06(2b0601050507300102)" CRITICAL "04(04(" OCTETS_16 "))))))", "", ""), 0, 0},
	{"an extension without a value",      OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS("30(" OTHER ")"), ""), 0, 0},
	{"an extension of half an OID",       OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS("30(06(2a03fd)04())"), ""), 0, 0},
	{"no extension where some should be", OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(""), ""), 0, 0},
	{"an empty serial number",            OCSP_TEXT("", "30(30(" SHA1 HASHES "0200))", "", ""), 0, 0},
	{"a serial number not minimal",       OCSP_TEXT("", "30(30(" SHA1 HASHES "02(0042)))", "", ""), 0, 0},
	{"a name hash too short",             OCSP_TEXT("", "30(30(" SHA1 "04(0102)04(" KEY_HASH ")" SERIAL "))", "", ""), 0, 0},
	{"a key hash too long",               OCSP_TEXT("", "30(30(" SHA1 "04(" NAME_HASH ")04(" KEY_HASH "00)" SERIAL "))", "", ""), 0, 0},
	{"parameters of a hash",              OCSP_TEXT("", "30(30(30(06(2b0e03021a)020101)" HASHES SERIAL "))", "", ""), 0, 0},
	{"parameters of a hash of nobody's",  OCSP_TEXT("", "30(30(30(06(2a030405)2800)" HASHES SERIAL "))", "", ""), 0, 0},
	{"an identifier too long",            OCSP_TEXT("", "30(30(30(06(2a030405))04(" OCTETS_128 OCTETS_128 ")0400" SERIAL "))", "", ""), 0, 0},
	{"something after an identifier",     OCSP_TEXT("", "30(" CERTID "0500)", "", ""), 0, 0},
	{"something after the list",          OCSP_TEXT("", ONE, "0500", ""), 0, 0},
	{"something after the request",       OCSP_TEXT("", ONE, "", "0500"), 0, 0},
	{"a signature of nothing",            OCSP_TEXT("", ONE, "", "a0(30())"), 0, 0},
	{"a signature that is not DER",       OCSP_TEXT("", ONE, "", "a0(30(30(30800000)0300))"), 0, 0},
};
/* clang-format on */

#endif

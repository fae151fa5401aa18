#include "ca/oid.h"

const struct bytes OID_COMMON_NAME = BYTES_LITERAL("\x55\x04\x03");

const struct bytes OID_SUBJECT_KEY_IDENTIFIER = BYTES_LITERAL("\x55\x1d\x0e");
const struct bytes OID_KEY_USAGE = BYTES_LITERAL("\x55\x1d\x0f");
const struct bytes OID_SUBJECT_ALT_NAME = BYTES_LITERAL("\x55\x1d\x11");
const struct bytes OID_BASIC_CONSTRAINTS = BYTES_LITERAL("\x55\x1d\x13");
const struct bytes OID_CRL_NUMBER = BYTES_LITERAL("\x55\x1d\x14");
const struct bytes OID_REASON_CODE = BYTES_LITERAL("\x55\x1d\x15");
const struct bytes OID_DELTA_CRL_INDICATOR = BYTES_LITERAL("\x55\x1d\x1b");
const struct bytes OID_ISSUING_DISTRIBUTION_POINT = BYTES_LITERAL("\x55\x1d\x1c");
const struct bytes OID_CRL_DISTRIBUTION_POINTS = BYTES_LITERAL("\x55\x1d\x1f");
const struct bytes OID_AUTHORITY_KEY_IDENTIFIER = BYTES_LITERAL("\x55\x1d\x23");
const struct bytes OID_EXTENDED_KEY_USAGE = BYTES_LITERAL("\x55\x1d\x25");
const struct bytes OID_FRESHEST_CRL = BYTES_LITERAL("\x55\x1d\x2e");
const struct bytes OID_AUTHORITY_INFO_ACCESS = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x01\x01");

const struct bytes OID_CHALLENGE_PASSWORD = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07");
const struct bytes OID_EST_IDENTITY_LINKING =
    BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3a");
const struct bytes OID_DATA = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
const struct bytes OID_SIGNED_DATA = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
const struct bytes OID_EC_PUBLIC_KEY = BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x02\x01");
const struct bytes OID_SECP256R1 = BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x03\x01\x07");
const struct bytes OID_ECDSA_SHA256 = BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02");

const struct bytes OID_SERVER_AUTH = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x01");
const struct bytes OID_CLIENT_AUTH = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x02");
/* 2.25 and a random UUID (ITU-T X.667): 243892281092800931247565613106880441676 */
const struct bytes OID_STATUS_SIGNING = BYTES_LITERAL(
    "\x69\x82\xee\xfb\xf8\xf6\xc7\xa8\x92\xa3\x87\xa6\x92\xe2\xb6\x99\xea\x97\xda\x4c");
const struct bytes OID_OCSP_SIGNING = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x09");
const struct bytes OID_AD_OCSP = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01");
const struct bytes OID_AD_CA_ISSUERS = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x02");

const struct bytes OID_OCSP_BASIC = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x01");
const struct bytes OID_OCSP_NONCE = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x02");
const struct bytes OID_OCSP_RESPONSE = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x04");
const struct bytes OID_OCSP_NOCHECK = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x05");

const struct bytes OID_SHA1 = BYTES_LITERAL("\x2b\x0e\x03\x02\x1a");
const struct bytes OID_SHA256 = BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01");
const struct bytes OID_SHA384 = BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x02");
const struct bytes OID_SHA512 = BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x03");

const struct bytes ALGORITHM_ECDSA_SHA256 =
    BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");

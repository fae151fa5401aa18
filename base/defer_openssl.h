/* defer_openssl: DEFER() for the OpenSSL types we own. */
#ifndef BASE_DEFER_OPENSSL_H
#define BASE_DEFER_OPENSSL_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/defer.h"

DEFER_DECLARE(EVP_PKEY, EVP_PKEY_free)
DEFER_DECLARE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFER_DECLARE(EVP_MD_CTX, EVP_MD_CTX_free)
DEFER_DECLARE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFER_DECLARE(OSSL_PARAM, OSSL_PARAM_free)
DEFER_DECLARE(BIGNUM, BN_free)
DEFER_DECLARE(X509, X509_free)

#endif

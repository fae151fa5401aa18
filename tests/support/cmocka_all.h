/* cmocka_all: cmocka with the headers it wants before itself, and octets as a thing to compare. */
#ifndef TESTS_SUPPORT_CMOCKA_ALL_H
#define TESTS_SUPPORT_CMOCKA_ALL_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
/* clang-format on */

#include "base/bytes.h"

/* Octets of a string literal with NULs inside, for table rows. */
#define OCTETS(literal) BYTES_LITERAL(literal)

#define assert_octets(actual, expected)                                                   \
	do {                                                                              \
		const struct bytes actual_ = (actual);                                    \
		const struct bytes expected_ = (expected);                                \
                                                                                          \
		assert_int_equal(actual_.len, expected_.len);                             \
		if (expected_.len > 0)                                                    \
			assert_memory_equal(actual_.data, expected_.data, expected_.len); \
	} while (0)
#define assert_octets_text(actual, text) assert_octets(actual, bytes_of_text(text))

#endif

/* cmocka_all: cmocka with the headers it wants before itself. */
#ifndef TESTS_UNIT_CA_CMOCKA_ALL_H
#define TESTS_UNIT_CA_CMOCKA_ALL_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
/* clang-format on */

#endif

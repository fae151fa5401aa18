/*
 * leaf_rules: what the writer and the reader of leaves both keep to.
 *
 * Values of these classes need no escapes, so nothing can be injected.
 */
#ifndef PROOF_LEAF_RULES_H
#define PROOF_LEAF_RULES_H

#include "proof/leaf.h"

#define LEAF_CODE_MAX (sizeof((struct leaf *)0)->code - 1) /* characters of `rc` */
#define LEAF_KEY_MAX 24                                    /* characters of a key in `d` */
#define LEAF_SEVERITY_MAX 6
#define LEAF_TIME_MAX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

enum leaf_class {
	LEAF_IS_VALUE = 1, /* [A-Za-z0-9._:/@+=-] */
	LEAF_IS_CODE = 2,  /* [A-Z0-9_], reason codes */
	LEAF_IS_KEY = 4,   /* [a-z_] */
};

/* How many octets in front are of this class. */
size_t leaf_run(struct bytes text, enum leaf_class class);

#endif

/* json_out: a JSON document as text. */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include <jansson.h>

#include "base/buf.h"

/* Appends the document without white space, in one pass. */
void json_write(struct buf *out, const json_t *document);

#endif

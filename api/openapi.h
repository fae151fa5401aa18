/* openapi: the description of the API, api/openapi.yaml as it was built in. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "base/bytes.h"

extern const struct bytes OPENAPI;
extern const char OPENAPI_TAG[]; /* identifies the content: hex */

#endif

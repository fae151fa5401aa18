/*
 * blind_tags: hardware tags on the caller's own machine: the service sees points that say nothing
 * of the hardware ids.
 */
#ifndef CMD_BLIND_TAGS_H
#define CMD_BLIND_TAGS_H

#include "cmd/http_client.h"
#include "keeper/client.h"
#include "provisioning/hwid.h"

#define BLIND_TAGS_MAX KEEPER_POINTS_MAX

/* "mac48=02:42:ac:11:00:02". E_HARDWARE_ID_INVALID */
MUST_CHECK bool blind_tags_parse(const char *text, struct hwid *out, struct error *err);

/*
 * The tags of 1 to BLIND_TAGS_MAX hardware ids, by POST /v1/hardware-tags/evaluate. Waits as long
 * as the service asks it to. E_TAG_INVALID   the service's answer holds what is no point
 */
MUST_CHECK bool blind_tags_make(struct http_client *client, const struct hwid *ids, size_t count,
    uint8_t (*out_tags)[TAG_BYTES], int *out_kid, struct error *err);

#endif

/* client_link: what the service asks of the keeper for the unlinkable mode. */
#ifndef KEEPER_CLIENT_LINK_H
#define KEEPER_CLIENT_LINK_H

#include "keeper/client.h"
#include "keeper/link.h"

/*
 * A device by its number, or by the link beside the serial
 * number of one of its certificates, and what is asked for. The link that comes back is a new one
 * of the same device, for `serial`; slots are by epoch, then place.
 * E_KEEPER_REFUSED   the link does not open, or this installation has no keys for it
 */
struct keeper_link_request {
	int64_t device;           /* used when link is NULL */
	const uint8_t *link;      /* LINK_BYTES, or NULL */
	const uint8_t *of_serial; /* LINK_SERIAL_BYTES: whose link it is */
	const uint8_t *serial;    /* LINK_SERIAL_BYTES: for whom the new one is */
	uint32_t first_epoch;
	uint8_t epoch_count, place_count; /* at most KEEPER_SLOTS_MAX slots */
};
#define KEEPER_SLOTS_MAX 64
struct keeper_linked {
	uint8_t block[LINK_BLOCK_BYTES];
	uint8_t link[LINK_BYTES];
	uint8_t slots[KEEPER_SLOTS_MAX][LINK_SLOT_BYTES];
};
MUST_CHECK bool keeper_link(struct keeper_client *client, const struct keeper_link_request *request,
    struct keeper_linked *out, struct error *err);

#endif

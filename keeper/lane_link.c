/* The unlinkable mode's one request: from a device, or a link of it, to all that is its own. */
#include <sodium.h>
#include <stdio.h>

#include "keeper/lane.h"
#include "keeper/link.h"

struct link_request {
	uint64_t device;
	const uint8_t *serial; /* that the new link is for */
	uint32_t first_epoch;
	unsigned epoch_count, place_count;
};

static bool
open_link(const struct keeper_core *core, const uint8_t *serial, const uint8_t *link,
    uint64_t *out_device, struct error *err)
{
	const struct secret *key;
	char name[16];

	(void)snprintf(name, sizeof name, "link:%u", link[0]);
	key = keyring_find(core->ring, name);
	if (key == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no link key %u is here", link[0]);
	return link_open(link, secret_bytes(key), serial, out_device, err);
}

static bool
take_source(
    const struct keeper_core *core, struct reader *reader, uint64_t *out_device, struct error *err)
{
	const uint8_t source = reader_u8(reader);
	struct bytes serial, link;

	if (source == WIRE_LINK_FROM_DEVICE) {
		*out_device = reader_u64(reader);
		return true;
	}
	serial = reader_bytes(reader, LINK_SERIAL_BYTES);
	link = reader_bytes(reader, LINK_BYTES);
	if (source != WIRE_LINK_FROM_LINK || !reader->ok)
		return error_set(err, E_BAD_SYNTAX, "link: its source is malformed");
	return open_link(core, serial.data, link.data, out_device, err);
}

static bool
take_request(
    const struct keeper_core *core, struct bytes body, struct link_request *out, struct error *err)
{
	struct reader reader = reader_of(body);

	if (!take_source(core, &reader, &out->device, err))
		return false;
	out->serial = reader_bytes(&reader, LINK_SERIAL_BYTES).data;
	out->first_epoch = reader_u32(&reader);
	out->epoch_count = reader_u8(&reader);
	out->place_count = reader_u8(&reader);
	if (!reader_done(&reader) || out->epoch_count * out->place_count > WIRE_LINK_SLOTS_MAX)
		return error_set(err, E_BAD_SYNTAX, "link: malformed");
	return true;
}

bool
lane_link(struct lane *lane, struct bytes body, struct error *err)
{
	const struct keeper_core *core = lane->core;
	struct link_request request = {0};
	struct bytes block;

	if (core->link.secret == NULL || core->block.secret == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no link and block keys are here");
	if (!take_request(core, body, &request, err))
		return false;
	block = secret_bytes(core->block.secret);
	buf_truncate(&lane->out, 0);
	link_block(buf_extend(&lane->out, LINK_BLOCK_BYTES), block, request.device);
	link_seal(buf_extend(&lane->out, LINK_BYTES), core->link.kid,
	    secret_bytes(core->link.secret), request.serial, request.device);
	for (unsigned epoch = 0; epoch < request.epoch_count; epoch++)
		for (unsigned place = 0; place < request.place_count; place++)
			link_slot(buf_extend(&lane->out, LINK_SLOT_BYTES), block, request.device,
			    request.first_epoch + epoch, (uint8_t)place);
	sodium_memzero(&request.device, sizeof request.device);
	return lane_answer(lane, WIRE_LINKED, err);
}

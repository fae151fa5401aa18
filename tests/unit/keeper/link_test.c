#include "served.h"

#include "keeper/client_link.h"

enum { KEY_LINK = 8, KEY_OLD = 9, KEY_BLOCK = 10 }; /* as served_write_ring() fills them */

static struct bytes
key_of(uint8_t out[static LINK_KEY_BYTES], uint8_t value)
{
	memset(out, value, LINK_KEY_BYTES);
	return bytes_of(out, LINK_KEY_BYTES);
}

static const uint8_t ONE[LINK_SERIAL_BYTES] = {0x40, 1}, OTHER[LINK_SERIAL_BYTES] = {0x40, 2};

static void
a_link_opens_for_its_certificate_and_is_another_each_time(void **state)
{
	uint8_t octets[LINK_KEY_BYTES], first[LINK_BYTES], second[LINK_BYTES];
	struct bytes key = key_of(octets, KEY_LINK);
	uint64_t device = 0;
	struct error err = {0};

	(void)state;
	link_seal(first, 1, key, ONE, UINT64_C(0x0123456789abcdef));
	link_seal(second, 1, key, ONE, UINT64_C(0x0123456789abcdef));
	assert_memory_not_equal(first, second, LINK_BYTES);
	assert_memory_not_equal(first + 25, second + 25, LINK_BYTES - 25);
	assert_true(link_open(first, key, ONE, &device, &err));
	assert_true(device == UINT64_C(0x0123456789abcdef));
	assert_false(link_open(first, key, OTHER, &device, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
}

static void
no_bit_of_a_link_can_be_flipped(void **state)
{
	uint8_t octets[LINK_KEY_BYTES], link[LINK_BYTES];
	struct bytes key = key_of(octets, KEY_LINK);

	(void)state;
	link_seal(link, 1, key, ONE, 7);
	for (size_t bit = 0; bit < 8 * LINK_BYTES; bit++) {
		uint64_t device = 0;
		struct error err = {0};

		link[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(link_open(link, key, ONE, &device, &err));
		link[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Computed with Python's hashlib. */
static void
blocks_and_slots_are_what_they_are_said_to_be(void **state)
{
	static const char block_hex[] =
	    "b630f70de994dc4b3a86535f1cdcc2121872ac32e23fbf20127d22968587516b";
	static const char slot_hex[] = "46f574ad1a24b7426c87bab0ad249128";
	uint8_t octets[LINK_KEY_BYTES], block[LINK_BLOCK_BYTES], slot[LINK_SLOT_BYTES];
	char text[2 * LINK_BLOCK_BYTES + 1];
	struct bytes key = key_of(octets, KEY_BLOCK);

	(void)state;
	link_block(block, key, 7);
	hex_encode(text, bytes_of(block, sizeof block));
	assert_string_equal(text, block_hex);
	link_slot(slot, key, 7, 2943, 3);
	hex_encode(text, bytes_of(slot, sizeof slot));
	assert_string_equal(text, slot_hex);
}

/* ---- the request ---- */

static void
one_device_is_the_same_by_its_number_and_by_any_link(void **state)
{
	DEFER(served_clear) struct served served;
	struct keeper_link_request request = {
	    .device = 7, .serial = ONE, .first_epoch = 2943, .epoch_count = 3, .place_count = 4};
	struct keeper_linked born, again, foreign;
	uint8_t octets[LINK_KEY_BYTES], old[LINK_BYTES];
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	assert_ok(keeper_link(served.client, &request, &born, &err), &err);
	request.link = born.link;
	request.of_serial = ONE;
	request.serial = OTHER;
	assert_ok(keeper_link(served.client, &request, &again, &err), &err);
	assert_memory_equal(born.block, again.block, LINK_BLOCK_BYTES);
	assert_memory_equal(born.slots, again.slots, 12 * LINK_SLOT_BYTES);
	assert_memory_not_equal(born.link, again.link, LINK_BYTES);

	link_seal(old, 1, key_of(octets, KEY_OLD), ONE, 7); /* of a key before the newest */
	request.link = old;
	assert_ok(keeper_link(served.client, &request, &again, &err), &err);
	assert_memory_equal(born.block, again.block, LINK_BLOCK_BYTES);
	assert_int_equal(again.link[0], 2);

	request.link = NULL;
	request.device = 8;
	assert_ok(keeper_link(served.client, &request, &foreign, &err), &err);
	assert_memory_not_equal(born.block, foreign.block, LINK_BLOCK_BYTES);
	for (size_t i = 0; i < 12; i++)
		for (size_t k = 0; k < 12; k++) {
			assert_memory_not_equal(born.slots[i], foreign.slots[k], LINK_SLOT_BYTES);
			assert_true(
			    i == k || memcmp(born.slots[i], born.slots[k], LINK_SLOT_BYTES) != 0);
		}
}

static void
what_is_no_link_is_refused_and_the_channel_goes_on(void **state)
{
	DEFER(served_clear) struct served served;
	struct keeper_link_request request = {.device = 7, .serial = ONE};
	struct keeper_linked linked, other;
	uint8_t moved[LINK_BYTES];
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	assert_ok(keeper_link(served.client, &request, &linked, &err), &err);
	request.link = linked.link;
	request.of_serial = OTHER; /* moved to another row */
	assert_false(keeper_link(served.client, &request, &other, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	memcpy(moved, linked.link, sizeof moved);
	moved[0] = 99; /* a key that there is not */
	request.link = moved;
	request.of_serial = ONE;
	err = (struct error){0};
	assert_false(keeper_link(served.client, &request, &other, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	request.link = linked.link;
	err = (struct error){0};
	assert_ok(keeper_link(served.client, &request, &other, &err), &err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_link_opens_for_its_certificate_and_is_another_each_time),
	    cmocka_unit_test(no_bit_of_a_link_can_be_flipped),
	    cmocka_unit_test(blocks_and_slots_are_what_they_are_said_to_be),
	    cmocka_unit_test(one_device_is_the_same_by_its_number_and_by_any_link),
	    cmocka_unit_test(what_is_no_link_is_refused_and_the_channel_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A sealed record that parses has one spelling: its parts, put together again, are the input. What
 * one role sees of it has its own group alone. A seat set writes itself again. */
#include "provisioning/escrow.h"
#include "tests/fuzz/fuzz.h"

static void
put_groups(const struct escrow_view *view, struct buf *out)
{
	for (size_t g = 0; g < view->group_count; g++) {
		const struct escrow_group *group = &view->groups[g];

		MUST(group->k >= 1 && group->k <= group->n && group->n <= SEAT_NUMBER_MAX);
		buf_append_u8(out, group->group);
		buf_append_u8(out, group->k);
		buf_append_u8(out, group->n);
		for (size_t i = 0; i < group->n; i++) {
			buf_append_u8(out, group->places[i].seat);
			buf_append_u8(out, group->places[i].x);
			buf_append(out, group->places[i].sealed);
		}
	}
}

static void
try_record(struct bytes input)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct escrow_view view;
	struct error err = {0};

	if (!fuzz_verdict(escrow_parse(input, &view, &err), &err)) {
		MUST(err.code == E_ESCROW_UNREADABLE);
		return;
	}
	MUST(view.group_count >= 2 && view.group_count <= ESCROW_GROUPS_MAX);
	MUST(fuzz_inside(view.ciphertext, input) && fuzz_inside(view.nonce, input));
	buf_append(&again, view.header);
	buf_append(&again, view.ciphertext);
	put_groups(&view, &again);
	MUST(bytes_equal(buf_bytes(&again), input));
}

/* What one role sees of a record: the same group as in the whole. */
static void
try_part(struct bytes input)
{
	const size_t head = input.len < ESCROW_HEADER_BYTES ? input.len : ESCROW_HEADER_BYTES;
	struct escrow_view view;
	struct error err = {0};

	if (!fuzz_verdict(escrow_parse_part(bytes_of(input.data, head),
			      bytes_of(input.data + head, input.len - head), &view, &err),
		&err)) {
		MUST(err.code == E_ESCROW_UNREADABLE);
		return;
	}
	MUST(view.group_count == 1 && view.ciphertext.len == 0);
	MUST(view.groups[0].octets.len == input.len - head);
	for (size_t i = 0; i < view.groups[0].n; i++)
		MUST(fuzz_inside(view.groups[0].places[i].sealed, view.groups[0].octets));
}

static void
try_set(struct bytes input)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct seat_set set;
	struct error err = {0};

	if (!fuzz_verdict(seat_set_parse(input, &set, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	MUST(set.number > 0 && set.count >= 2 && set.count <= SEAT_SET_MAX);
	seat_set_encode(&set, &again);
	MUST(bytes_equal(buf_bytes(&again), input));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_record(bytes_of(data, size));
	try_part(bytes_of(data, size));
	try_set(bytes_of(data, size));
	return 0;
}

#include "provisioning/seat_set.h"

#include <stdlib.h>

#include "base/text.h"

#define HEAD "moniker-seat-set/1\nnumber "
#define KEY_TEXT_LEN BASE64_TEXT_LEN(SEAT_KEY_BYTES)

static const char *const ROLES[] = {[SEAT_LEGAL] = "legal", [SEAT_OFFICER] = "officer"};

const char *
seat_role_name(enum seat_role role)
{
	return ROLES[role];
}

bool
seat_role_of(struct bytes name, enum seat_role *out)
{
	for (int role = SEAT_LEGAL; role < SEAT_ROLE_END; role++)
		if (bytes_equal(name, bytes_of_text(ROLES[role]))) {
			*out = (enum seat_role)role;
			return true;
		}
	return false;
}

/* ---- one seat ---- */

void
seat_encode(const struct seat *seat, struct buf *out)
{
	buf_append_format(out, "%s %d ", seat_role_name(seat->role), seat->number);
	base64_encode(out, bytes_of(seat->public_key, SEAT_KEY_BYTES));
	buf_append_u8(out, '\n');
}

/* Takes what stands before `end`, and `end` itself, off the front. */
static bool
take_until(struct bytes *rest, char end, struct bytes *out)
{
	const uint8_t *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;

	if (at == NULL)
		return false;
	*out = bytes_of(rest->data, (size_t)(at - rest->data));
	*rest = bytes_of(at + 1, rest->len - out->len - 1);
	return true;
}

/* Decimal without leading zeros, 1 to `max`. */
static bool
take_number(struct bytes text, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (text.len == 0 || text.len > 10 || text.data[0] == '0')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= max;
}

static bool
take_seat(struct bytes *rest, struct seat *out)
{
	DEFER(buf_clear_public) struct buf key = {0};
	struct bytes role, number, text;
	uint32_t value = 0;

	if (!take_until(rest, ' ', &role) || !seat_role_of(role, &out->role) ||
	    !take_until(rest, ' ', &number) || !take_number(number, SEAT_NUMBER_MAX, &value) ||
	    !take_until(rest, '\n', &text) || text.len != KEY_TEXT_LEN ||
	    !base64_decode(text, &key) || key.len != SEAT_KEY_BYTES)
		return false;
	out->number = (int)value;
	memcpy(out->public_key, key.data, SEAT_KEY_BYTES);
	return true;
}

bool
seat_parse(struct bytes line, struct seat *out, struct error *err)
{
	return (take_seat(&line, out) && line.len == 0) ||
	       error_set(err, E_BAD_SYNTAX, "not a seat: role, number and key in one line");
}

/* ---- the set ---- */

static int
compare_seats(const void *a, const void *b)
{
	const struct seat *one = a, *other = b;

	return one->role != other->role ? (int)one->role - (int)other->role
					: one->number - other->number;
}

/* Sorted: by role and number, each once; no key is in two places. */
static bool
check(const struct seat_set *set, struct error *err)
{
	bool has[SEAT_ROLE_END] = {false};

	for (size_t i = 0; i < set->count; i++) {
		has[set->seats[i].role] = true;
		if (i > 0 && compare_seats(&set->seats[i - 1], &set->seats[i]) >= 0)
			return error_set(err, E_BAD_SYNTAX, "a seat is there twice, or misplaced");
		for (size_t k = 0; k < i; k++)
			if (memcmp(set->seats[k].public_key, set->seats[i].public_key,
				SEAT_KEY_BYTES) == 0)
				return error_set(err, E_BAD_SYNTAX, "two seats have one key");
	}
	for (int role = SEAT_LEGAL; role < SEAT_ROLE_END; role++)
		if (!has[role])
			return error_set(err, E_BAD_SYNTAX, "the role %s has no seat", ROLES[role]);
	return true;
}

bool
seat_set_make(uint32_t number, const struct seat *seats, size_t count, struct seat_set *out,
    struct error *err)
{
	if (count == 0 || count > SEAT_SET_MAX || number == 0)
		return error_set(
		    err, E_BAD_SYNTAX, "not 1 to %d seats, or no number", SEAT_SET_MAX);
	out->number = number;
	out->count = count;
	memcpy(out->seats, seats, count * sizeof *seats);
	qsort(out->seats, count, sizeof *out->seats, compare_seats);
	return check(out, err);
}

void
seat_set_encode(const struct seat_set *set, struct buf *out)
{
	buf_append_format(out, HEAD "%u\n", (unsigned)set->number);
	for (size_t i = 0; i < set->count; i++)
		seat_encode(&set->seats[i], out);
}

bool
seat_set_parse(struct bytes text, struct seat_set *out, struct error *err)
{
	static const struct bytes head = BYTES_LITERAL(HEAD);
	struct bytes rest, number;

	if (text.len > SEAT_SET_TEXT_MAX || text.len < head.len ||
	    memcmp(text.data, head.data, head.len) != 0)
		return error_set(err, E_BAD_SYNTAX, "not a seat set of version 1");
	rest = bytes_of(text.data + head.len, text.len - head.len);
	if (!take_until(&rest, '\n', &number) || !take_number(number, UINT32_MAX, &out->number))
		return error_set(err, E_BAD_SYNTAX, "the seat set has no number");
	for (out->count = 0; rest.len > 0; out->count++)
		if (out->count == SEAT_SET_MAX || !take_seat(&rest, &out->seats[out->count]))
			return error_set(err, E_BAD_SYNTAX,
			    "seat %zu of the set is malformed, or "
			    "one too many",
			    out->count + 1);
	return check(out, err);
}

const struct seat *
seat_set_find(const struct seat_set *set, enum seat_role role, int number)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->seats[i].role == role && set->seats[i].number == number)
			return &set->seats[i];
	return NULL;
}

#include "provisioning/escrow.h"

#include <assert.h>
#include <sodium.h>

#include "base/reader.h"
#include "base/text.h"

#define VERSION 1
#define SUITE 1 /* X25519 sealed box, XChaCha20-Poly1305-IETF, XOR between groups */
#define COMMIT_CONTEXT "moniker-escrow"
#define DAY_TEXT_LEN 10 /* of an RFC 3339 time */
#define HWID_TYPE_AT 13 /* in a message of hwid.h */
#define HWID_VALUE_AT 16

static_assert(
    ESCROW_CIPHERTEXT_BYTES == ESCROW_PLAIN_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    "libsodium's tag");
static_assert(ESCROW_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "its nonce");
static_assert(ESCROW_SEALED_SHARE_BYTES == ESCROW_SHARE_BYTES + crypto_box_SEALBYTES, "its seal");

/* ---- what both sides make ---- */

void
escrow_commit(uint8_t out[static ESCROW_COMMITMENT_BYTES],
    const uint8_t key[static ESCROW_KEY_BYTES], struct bytes id)
{
	uint8_t message[sizeof COMMIT_CONTEXT - 1 + ESCROW_ID_BYTES];

	memcpy(message, COMMIT_CONTEXT, sizeof COMMIT_CONTEXT - 1);
	memcpy(message + sizeof COMMIT_CONTEXT - 1, id.data, ESCROW_ID_BYTES);
	(void)crypto_generichash(
	    out, ESCROW_COMMITMENT_BYTES, message, sizeof message, key, ESCROW_KEY_BYTES);
}

static void
put_u32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

void
escrow_share_encode(uint8_t out[static ESCROW_SHARE_BYTES], const struct escrow_group *group,
    const struct escrow_place *place, struct bytes id, uint32_t seat_set,
    const uint8_t share[static ESCROW_KEY_BYTES])
{
	const uint8_t head[] = {
	    'E', 'S', VERSION, group->group, place->seat, place->x, group->k, group->n};

	memcpy(out, head, sizeof head);
	memcpy(out + 8, id.data, ESCROW_ID_BYTES);
	memcpy(out + 24, share, ESCROW_KEY_BYTES);
	put_u32(out + 56, seat_set);
	put_u32(out + 60, 0);
}

/* ---- the plaintext ---- */

struct plain {
	uint8_t octets[ESCROW_PLAIN_BYTES];
	size_t len;
};

static void
plain_clear(struct plain *plain)
{
	sodium_memzero(plain, sizeof *plain);
}
DEFER_DECLARE_CLEAR(struct plain, plain_clear)

/* As much of `value` as fits: sodium_pad() needs an octet of its own. */
static void
plain_add(struct plain *plain, enum escrow_field field, struct bytes value)
{
	const size_t left = ESCROW_PLAIN_BYTES - 1 - plain->len;
	size_t len = value.len;

	if (left < 3 || len == 0)
		return;
	if (len > left - 2) /* not within a character of UTF-8 */
		for (len = left - 2; len > 0 && (value.data[len] & 0xc0) == 0x80;)
			len--;
	plain->octets[plain->len++] = (uint8_t)field;
	plain->octets[plain->len++] = (uint8_t)len;
	memcpy(plain->octets + plain->len, value.data, len);
	plain->len += len;
}

/* The message without what all of them begin with. */
static void
plain_add_hardware(struct plain *plain, struct bytes message)
{
	uint8_t value[1 + HWID_MESSAGE_MAX - HWID_VALUE_AT];
	const size_t len = message.len - HWID_VALUE_AT;

	assert(message.len > HWID_VALUE_AT && message.len <= HWID_MESSAGE_MAX);
	value[0] = message.data[HWID_TYPE_AT];
	memcpy(value + 1, message.data + HWID_VALUE_AT, len);
	plain_add(plain, ESCROW_HARDWARE_ID, bytes_of(value, 1 + len));
	sodium_memzero(value, sizeof value);
}

/* The model comes last: what is long may be cut, the rest always fits. */
static void
plain_fill(struct plain *plain, const struct escrow_identity *identity)
{
	char day[TIME_TEXT_LEN + 1];
	size_t padded = 0;

	for (size_t i = 0; i < identity->hardware_id_count; i++)
		plain_add_hardware(plain, identity->hardware_ids[i]);
	time_encode(day, identity->now_s);
	plain_add(plain, ESCROW_DAY, bytes_of(day, DAY_TEXT_LEN));
	plain_add(plain, ESCROW_STATION, identity->station);
	plain_add(plain, ESCROW_MODEL, identity->model);
	(void)sodium_pad(
	    &padded, plain->octets, plain->len, ESCROW_PLAIN_BYTES, ESCROW_PLAIN_BYTES);
	assert(padded == ESCROW_PLAIN_BYTES);
}

/* ---- seal ---- */

enum { ROLES = SEAT_ROLE_END - 1 };

/* One draw, so that a repeatable source gives no two parts alike. */
struct drawn {
	uint8_t key[ESCROW_KEY_BYTES];
	uint8_t halves[ROLES][ESCROW_KEY_BYTES]; /* all but the last are random, their XOR is key */
	uint8_t id[ESCROW_ID_BYTES];
	uint8_t nonce[ESCROW_NONCE_BYTES];
};

static void
drawn_clear(struct drawn *drawn)
{
	sodium_memzero(drawn, sizeof *drawn);
}
DEFER_DECLARE_CLEAR(struct drawn, drawn_clear)

static void
draw(struct drawn *drawn, const struct rng *rng)
{
	uint8_t *last = drawn->halves[ROLES - 1];

	rng_fill(rng, (uint8_t *)drawn, sizeof *drawn);
	memcpy(last, drawn->key, ESCROW_KEY_BYTES);
	for (size_t role = 0; role + 1 < ROLES; role++)
		for (size_t i = 0; i < ESCROW_KEY_BYTES; i++)
			last[i] ^= drawn->halves[role][i];
}

static void
append_header(const struct drawn *drawn, uint32_t seat_set, struct buf *out)
{
	uint8_t commitment[ESCROW_COMMITMENT_BYTES];
	const struct bytes id = bytes_of(drawn->id, ESCROW_ID_BYTES);

	escrow_commit(commitment, drawn->key, id);
	buf_append_text(out, "ESC1");
	buf_append_u8(out, VERSION);
	buf_append_u8(out, SUITE);
	buf_append_u8(out, ROLES);
	buf_append_u8(out, 0);
	buf_append(out, id);
	buf_append_u32(out, seat_set);
	buf_append(out, bytes_of(commitment, sizeof commitment));
	buf_append(out, bytes_of(drawn->nonce, ESCROW_NONCE_BYTES));
	buf_append_u16(out, ESCROW_CIPHERTEXT_BYTES);
}

static bool
append_ciphertext(const struct escrow_identity *identity, const struct drawn *drawn,
    size_t header_at, struct buf *out, struct error *err)
{
	DEFER(plain_clear) struct plain plain = {0};
	uint8_t *ciphertext = buf_extend(out, ESCROW_CIPHERTEXT_BYTES);

	plain_fill(&plain, identity);
	return crypto_aead_xchacha20poly1305_ietf_encrypt(ciphertext, NULL, plain.octets,
		   ESCROW_PLAIN_BYTES, out->data + header_at, ESCROW_HEADER_BYTES, NULL,
		   drawn->nonce, drawn->key) == 0 ||
	       error_set(err, E_INTERNAL, "the identity record cannot be encrypted");
}

static bool
append_share(const struct escrow_group *group, const struct seat *seat, const struct drawn *drawn,
    uint32_t seat_set, struct buf *out, struct error *err)
{
	/* k = 1: each has the whole half, and x only counts the places. */
	const struct escrow_place place = {
	    .seat = (uint8_t)seat->number, .x = (uint8_t)seat->number};
	uint8_t share[ESCROW_SHARE_BYTES];
	bool sealed;

	buf_append_u8(out, place.seat);
	buf_append_u8(out, place.x);
	escrow_share_encode(share, group, &place, bytes_of(drawn->id, ESCROW_ID_BYTES), seat_set,
	    drawn->halves[group->group - 1]);
	sealed = crypto_box_seal(buf_extend(out, ESCROW_SEALED_SHARE_BYTES), share, sizeof share,
		     seat->public_key) == 0;
	sodium_memzero(share, sizeof share);
	return sealed ||
	       error_set(err, E_INTERNAL, "seat %s %d has a key that nothing is sealed to",
		   seat_role_name(seat->role), seat->number);
}

static bool
append_group(enum seat_role role, const struct seat_set *set, const struct drawn *drawn,
    struct buf *out, struct error *err)
{
	struct escrow_group group = {.group = (uint8_t)role, .k = 1};

	for (size_t i = 0; i < set->count; i++)
		if (set->seats[i].role == role)
			group.n++;
	buf_append_u8(out, group.group);
	buf_append_u8(out, group.k);
	buf_append_u8(out, group.n);
	for (size_t i = 0; i < set->count; i++)
		if (set->seats[i].role == role &&
		    !append_share(&group, &set->seats[i], drawn, set->number, out, err))
			return false;
	return true;
}

bool
escrow_seal(const struct escrow_identity *identity, const struct seat_set *set,
    const struct rng *rng, struct buf *out, struct error *err)
{
	DEFER(drawn_clear) struct drawn drawn = {0};
	const size_t header_at = out->len;

	draw(&drawn, rng);
	append_header(&drawn, set->number, out);
	if (!append_ciphertext(identity, &drawn, header_at, out, err))
		return false;
	for (int role = SEAT_LEGAL; role < SEAT_ROLE_END; role++)
		if (!append_group((enum seat_role)role, set, &drawn, out, err))
			return false;
	return true;
}

/* ---- parse ---- */

/* Places in ascending order, so that there is one spelling. */
static bool
read_group(struct reader *reader, uint8_t before, struct escrow_group *out)
{
	const uint8_t *start = reader->rest.data;
	uint8_t seat = 0, x = 0;

	*out = (struct escrow_group){
	    .group = reader_u8(reader), .k = reader_u8(reader), .n = reader_u8(reader)};
	if (out->group <= before || out->k == 0 || out->k > out->n || out->n > SEAT_NUMBER_MAX)
		return false;
	for (size_t i = 0; i < out->n; i++) {
		struct escrow_place *place = &out->places[i];

		place->seat = reader_u8(reader);
		place->x = reader_u8(reader);
		place->sealed = reader_bytes(reader, ESCROW_SEALED_SHARE_BYTES);
		if (place->seat <= seat || place->x <= x)
			return false;
		seat = place->seat;
		x = place->x;
	}
	out->octets = bytes_of(start, (size_t)(reader->rest.data - start));
	return reader->ok;
}

static bool
read_header(struct reader *reader, struct escrow_view *out)
{
	static const uint8_t start[] = {'E', 'S', 'C', '1', VERSION, SUITE};
	bool good = bytes_equal(reader_bytes(reader, sizeof start), bytes_of(start, sizeof start));

	out->group_count = reader_u8(reader);
	good = reader_u8(reader) == 0 && good;
	out->id = reader_bytes(reader, ESCROW_ID_BYTES);
	out->seat_set = reader_u32(reader);
	out->commitment = reader_bytes(reader, ESCROW_COMMITMENT_BYTES);
	out->nonce = reader_bytes(reader, ESCROW_NONCE_BYTES);
	return reader_u16(reader) == ESCROW_CIPHERTEXT_BYTES && reader->ok && good &&
	       out->group_count >= 2 && out->group_count <= ESCROW_GROUPS_MAX;
}

bool
escrow_parse(struct bytes record, struct escrow_view *out, struct error *err)
{
	struct reader reader = reader_of(record);
	uint8_t before = 0;

	if (!read_header(&reader, out))
		return error_set(err, E_ESCROW_UNREADABLE, "not a sealed record of version 1");
	out->header = bytes_of(record.data, ESCROW_HEADER_BYTES);
	out->ciphertext = reader_bytes(&reader, ESCROW_CIPHERTEXT_BYTES);
	for (size_t i = 0; i < out->group_count; i++) {
		if (!read_group(&reader, before, &out->groups[i]))
			return error_set(err, E_ESCROW_UNREADABLE,
			    "group %zu of the record is malformed", i + 1);
		before = out->groups[i].group;
	}
	return reader_done(&reader) ||
	       error_set(err, E_ESCROW_UNREADABLE, "octets follow the sealed record");
}

bool
escrow_parse_part(
    struct bytes header, struct bytes group, struct escrow_view *out, struct error *err)
{
	struct reader head = reader_of(header), rest = reader_of(group);

	if (!read_header(&head, out) || !reader_done(&head) ||
	    !read_group(&rest, 0, &out->groups[0]) || !reader_done(&rest))
		return error_set(err, E_ESCROW_UNREADABLE, "not one role's part of a record");
	out->header = header;
	out->ciphertext = (struct bytes){0};
	out->group_count = 1;
	return true;
}

const struct escrow_group *
escrow_find_group(const struct escrow_view *view, enum seat_role role)
{
	for (size_t g = 0; g < view->group_count; g++)
		if (view->groups[g].group == role)
			return &view->groups[g];
	return NULL;
}

const struct escrow_place *
escrow_find_place(
    const struct escrow_view *view, enum seat_role role, int seat, const struct escrow_group **out)
{
	*out = escrow_find_group(view, role);
	for (size_t i = 0; *out != NULL && i < (*out)->n; i++)
		if ((*out)->places[i].seat == seat)
			return &(*out)->places[i];
	return NULL;
}

/* ---- what can be seen of a record that somebody else has sealed ---- */

static bool
group_fits(const struct escrow_group *group, enum seat_role role, const struct seat_set *set)
{
	size_t n = 0;

	if (group->group != role || group->k != 1)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		if (set->seats[i].role != role)
			continue;
		if (n == group->n || group->places[n].seat != set->seats[i].number ||
		    group->places[n].x != group->places[n].seat)
			return false;
		n++;
	}
	return n == group->n;
}

bool
escrow_fits(const struct escrow_view *view, const struct seat_set *set, struct error *err)
{
	bool fits = view->group_count == ROLES;

	if (view->seat_set != set->number)
		return error_set_field(err, E_SEAT_SET_CHANGED, "/sealed",
		    "it is sealed to set %u, in force is %u: read /v1/seat-sets and seal again",
		    (unsigned)view->seat_set, (unsigned)set->number);
	for (size_t i = 0; fits && i < ROLES; i++)
		fits = group_fits(&view->groups[i], (enum seat_role)(SEAT_LEGAL + i), set);
	return fits || error_set_field(err, E_SEALED_INVALID, "/sealed",
			   "it is not sealed to each seat of the set, and to no other");
}

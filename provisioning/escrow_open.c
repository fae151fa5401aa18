#include "provisioning/escrow_open.h"

#include <sodium.h>

#include "base/reader.h"

void
seat_key_clear(struct seat_key *key)
{
	secret_free(key->secret);
	key->secret = NULL;
}

void
escrow_share_clear(struct escrow_share *share)
{
	sodium_memzero(share, sizeof *share);
}

/* ---- one share ---- */

/* All but the half itself is known: what is there must be what would be written. */
static bool
share_fits(const struct escrow_view *view, const struct escrow_group *group,
    const struct escrow_place *place, const uint8_t plain[static ESCROW_SHARE_BYTES])
{
	uint8_t expected[ESCROW_SHARE_BYTES];
	bool fits;

	escrow_share_encode(expected, group, place, view->id, view->seat_set, plain + 24);
	fits = sodium_memcmp(expected, plain, sizeof expected) == 0;
	sodium_memzero(expected, sizeof expected);
	return fits;
}

bool
escrow_share_open(const struct escrow_view *view, const struct seat_key *key, struct bytes resealed,
    struct escrow_share *out, struct error *err)
{
	const struct escrow_group *group = NULL;
	const struct escrow_place *place =
	    escrow_find_place(view, key->seat.role, key->seat.number, &group);
	const char *role = seat_role_name(key->seat.role);
	uint8_t plain[ESCROW_SHARE_BYTES];
	bool good;

	if (place == NULL)
		return error_set(err, E_ESCROW_UNREADABLE, "seat %s %d has no share in the record",
		    role, key->seat.number);
	if (group->k != 1)
		return error_set(
		    err, E_ESCROW_UNREADABLE, "the record wants %d seats of one role", group->k);
	if (resealed.len == 0)
		resealed = place->sealed;
	good = resealed.len == ESCROW_SEALED_SHARE_BYTES &&
	       crypto_box_seal_open(plain, resealed.data, resealed.len, key->seat.public_key,
		   secret_bytes(key->secret).data) == 0 &&
	       share_fits(view, group, place, plain);
	if (good) {
		out->group = group->group;
		memcpy(out->octets, plain + 24, ESCROW_KEY_BYTES);
	}
	sodium_memzero(plain, sizeof plain);
	return good || error_set(err, E_ESCROW_UNREADABLE,
			   "the share of seat %s %d does not open, or is of another record", role,
			   key->seat.number);
}

bool
escrow_share_reseal(const struct escrow_view *view, const struct escrow_share *share,
    const struct seat *to, struct buf *out, struct error *err)
{
	const struct escrow_group *group = NULL;
	const struct escrow_place *place = escrow_find_place(view, to->role, to->number, &group);
	uint8_t plain[ESCROW_SHARE_BYTES];
	bool sealed;

	if (place == NULL || group->group != share->group)
		return error_set(err, E_ESCROW_UNREADABLE, "the record has no seat %s %d",
		    seat_role_name(to->role), to->number);
	escrow_share_encode(plain, group, place, view->id, view->seat_set, share->octets);
	sealed = crypto_box_seal(buf_extend(out, ESCROW_SEALED_SHARE_BYTES), plain, sizeof plain,
		     to->public_key) == 0;
	sodium_memzero(plain, sizeof plain);
	return sealed || error_set(err, E_INTERNAL, "the new seat's key cannot be sealed to");
}

/* ---- the record ---- */

/* Exactly one share of each group. */
static bool
combine(const struct escrow_view *view, const struct escrow_share *shares, size_t count,
    uint8_t key[static ESCROW_KEY_BYTES])
{
	memset(key, 0, ESCROW_KEY_BYTES);
	for (size_t g = 0; g < view->group_count; g++) {
		const struct escrow_share *found = NULL;

		for (size_t i = 0; i < count && found == NULL; i++)
			if (shares[i].group == view->groups[g].group)
				found = &shares[i];
		if (found == NULL)
			return false;
		for (size_t i = 0; i < ESCROW_KEY_BYTES; i++)
			key[i] ^= found->octets[i];
	}
	return true;
}

static bool
decrypt(const struct escrow_view *view, const uint8_t key[static ESCROW_KEY_BYTES], struct buf *out,
    struct error *err)
{
	uint8_t commitment[ESCROW_COMMITMENT_BYTES];
	const size_t before = out->len;
	uint8_t *plain;
	size_t len = 0;

	escrow_commit(commitment, key, view->id);
	if (sodium_memcmp(commitment, view->commitment.data, sizeof commitment) != 0)
		return error_set(
		    err, E_ESCROW_UNREADABLE, "the shares do not make the key of this record");
	plain = buf_extend(out, ESCROW_PLAIN_BYTES);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, view->ciphertext.data,
		view->ciphertext.len, view->header.data, view->header.len, view->nonce.data,
		key) != 0 ||
	    sodium_unpad(&len, plain, ESCROW_PLAIN_BYTES, ESCROW_PLAIN_BYTES) != 0) {
		sodium_memzero(plain, ESCROW_PLAIN_BYTES);
		buf_truncate(out, before);
		return error_set(err, E_ESCROW_UNREADABLE, "the record was changed");
	}
	sodium_memzero(plain + len, ESCROW_PLAIN_BYTES - len);
	buf_truncate(out, before + len);
	return true;
}

bool
escrow_open(const struct escrow_view *view, const struct escrow_share *shares, size_t count,
    struct buf *out, struct error *err)
{
	uint8_t key[ESCROW_KEY_BYTES];
	bool opened;

	if (!combine(view, shares, count, key))
		return error_set(err, E_ESCROW_UNREADABLE, "a share of each role is needed");
	opened = decrypt(view, key, out, err);
	sodium_memzero(key, sizeof key);
	return opened;
}

bool
escrow_next(struct bytes *rest, struct escrow_value *out, struct error *err)
{
	struct reader reader = reader_of(*rest);

	if (rest->len == 0)
		return false;
	*out = (struct escrow_value){.field = (enum escrow_field)reader_u8(&reader)};
	out->value = reader_bytes(&reader, reader_u8(&reader));
	if (out->field == ESCROW_HARDWARE_ID && out->value.len > 1) {
		out->hardware_type = out->value.data[0];
		out->value = bytes_of(out->value.data + 1, out->value.len - 1);
	}
	*rest = reader.rest;
	if (reader.ok && out->field >= ESCROW_HARDWARE_ID && out->field < ESCROW_FIELD_END)
		return true;
	(void)!error_set(err, E_ESCROW_UNREADABLE, "a field of the record is malformed");
	return false;
}

#include "ca/status_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	PART_COUNT = 256, /* tables; each grows on its own, so that growth needs little room */
	ROOM_MIN = 8,
	DAY_S = 86400,
};

/* The serial's last octets are random and ours: they are the hash. */
struct slot {
	uint8_t serial[SERIAL_BYTES];
	uint32_t at_s;
	uint16_t not_after_day; /* since 1970; 0: not known */
	uint8_t issuer;         /* index into issuers[] */
	uint8_t state : 2;      /* CERTIFICATE_CLEAR: nothing is here */
	uint8_t reason : 6;
};
_Static_assert(sizeof(struct slot) == 28, "34 to 42 MB for 1,000,000");

struct part {
	struct slot *slots;
	uint32_t room, count;
};

struct status_set {
	struct part parts[PART_COUNT];
	uint8_t issuers[STATUS_SET_ISSUERS_MAX][ISSUER_ID_BYTES];
	size_t issuer_count;
	size_t counts[CERTIFICATE_REVOKED + 1];
};

static const char *const STATE_NAMES[] = {
    [CERTIFICATE_CLEAR] = "good",
    [CERTIFICATE_HELD] = "held",
    [CERTIFICATE_REVOKED] = "revoked",
};

const char *
certificate_state_name(enum certificate_state state)
{
	return STATE_NAMES[state];
}

bool
certificate_state_of(const char *name, enum certificate_state *out)
{
	for (size_t i = 0; i < COUNT(STATE_NAMES); i++) {
		if (strcmp(STATE_NAMES[i], name) == 0) {
			*out = (enum certificate_state)i;
			return true;
		}
	}
	return false;
}

struct status_set *
status_set_new(void)
{
	return xcalloc(1, sizeof(struct status_set));
}

void
status_set_free(struct status_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < PART_COUNT; i++)
		free(set->parts[i].slots);
	free(set);
}

/* ---- one table: linear probing ---- */

static size_t
part_of(const uint8_t *serial)
{
	return serial[SERIAL_BYTES - 1];
}

static uint32_t
home_of(const struct part *part, const uint8_t *serial)
{
	uint32_t hash;

	memcpy(&hash, serial + SERIAL_BYTES - 5, sizeof hash);
	return (uint32_t)((uint64_t)hash * part->room >> 32);
}

static uint32_t
next_of(const struct part *part, uint32_t at)
{
	return at + 1 == part->room ? 0 : at + 1;
}

/* The entry's slot, or the empty one where it would be. The table has an empty slot. */
static uint32_t
seek(const struct part *part, const uint8_t *serial, uint8_t issuer)
{
	uint32_t at = home_of(part, serial);

	while (part->slots[at].state != CERTIFICATE_CLEAR &&
	       (part->slots[at].issuer != issuer ||
		   memcmp(part->slots[at].serial, serial, SERIAL_BYTES) != 0))
		at = next_of(part, at);
	return at;
}

static void
part_resize(struct part *part, size_t room)
{
	struct part old = *part;

	part->room = (uint32_t)room;
	part->slots = xcalloc(room, sizeof *part->slots);
	for (uint32_t i = 0; i < old.room; i++) {
		const struct slot *slot = &old.slots[i];

		if (slot->state != CERTIFICATE_CLEAR)
			part->slots[seek(part, slot->serial, slot->issuer)] = *slot;
	}
	free(old.slots);
}

/* At most five sixths full: then a search that finds nothing looks at 18 slots on average. */
static size_t
room_for(size_t count)
{
	return count + count / 5 + ROOM_MIN;
}

static void
part_make_room(struct part *part)
{
	if (room_for(part->count) > part->room)
		part_resize(part, room_for(part->count + part->count / 4));
}

/* Closes the gap: what stands behind `at` moves up, unless it stands at or after its home there. */
static void
part_remove(struct part *part, uint32_t at)
{
	uint32_t gap = at;

	for (uint32_t i = next_of(part, at); part->slots[i].state != CERTIFICATE_CLEAR;
	     i = next_of(part, i)) {
		const uint32_t home = home_of(part, part->slots[i].serial);
		const bool stays = gap <= i ? (gap < home && home <= i) : (gap < home || home <= i);

		if (stays)
			continue;
		part->slots[gap] = part->slots[i];
		gap = i;
	}
	part->slots[gap].state = CERTIFICATE_CLEAR;
	part->count--;
}

/* ---- issuers ---- */

static bool
issuer_find(const struct status_set *set, const uint8_t *id, uint8_t *out)
{
	for (size_t i = 0; i < set->issuer_count; i++) {
		if (memcmp(set->issuers[i], id, ISSUER_ID_BYTES) == 0) {
			*out = (uint8_t)i;
			return true;
		}
	}
	return false;
}

static bool
issuer_add(struct status_set *set, const uint8_t *id, uint8_t *out)
{
	if (issuer_find(set, id, out))
		return true;
	if (set->issuer_count == STATUS_SET_ISSUERS_MAX)
		return false;
	*out = (uint8_t)set->issuer_count;
	memcpy(set->issuers[set->issuer_count++], id, ISSUER_ID_BYTES);
	return true;
}

/* ---- the set ---- */

static void
slot_fill(struct slot *slot, const struct status_entry *entry, uint8_t issuer)
{
	const int64_t day = (entry->not_after_s + DAY_S - 1) / DAY_S;

	memcpy(slot->serial, entry->serial, SERIAL_BYTES);
	slot->issuer = issuer;
	slot->state = (uint8_t)(entry->state & 3);
	slot->reason = (uint8_t)((unsigned)entry->reason & 63);
	slot->at_s = entry->at_s < 0            ? 0
		     : entry->at_s > UINT32_MAX ? UINT32_MAX
						: (uint32_t)entry->at_s;
	slot->not_after_day = day < 0 ? 0 : day > UINT16_MAX ? UINT16_MAX : (uint16_t)day;
}

static void
slot_read(const struct status_set *set, const struct slot *slot, struct status_entry *out)
{
	memcpy(out->serial, slot->serial, SERIAL_BYTES);
	memcpy(out->issuer, set->issuers[slot->issuer], ISSUER_ID_BYTES);
	out->state = (enum certificate_state)slot->state;
	out->reason = (enum reason)slot->reason;
	out->at_s = slot->at_s;
	out->not_after_s = (int64_t)slot->not_after_day * DAY_S;
}

void
status_set_reserve(struct status_set *set, size_t count)
{
	/* Chance fills one a little more than the other. */
	const size_t room = room_for(count / PART_COUNT + count / PART_COUNT / 32);

	for (size_t i = 0; i < PART_COUNT; i++)
		if (room > set->parts[i].room)
			part_resize(&set->parts[i], room);
}

static void
put_clear(struct status_set *set, const struct status_entry *entry)
{
	struct part *part = &set->parts[part_of(entry->serial)];
	uint8_t issuer;
	uint32_t at;

	if (part->count == 0 || !issuer_find(set, entry->issuer, &issuer))
		return;
	at = seek(part, entry->serial, issuer);
	if (part->slots[at].state != CERTIFICATE_HELD)
		return;
	set->counts[CERTIFICATE_HELD]--;
	part_remove(part, at);
}

bool
status_set_put(struct status_set *set, const struct status_entry *entry)
{
	struct part *part = &set->parts[part_of(entry->serial)];
	struct slot *slot;
	uint16_t month;
	uint8_t issuer;

	if (!serial_month(entry->serial, &month))
		return false;
	if (entry->state == CERTIFICATE_CLEAR) {
		put_clear(set, entry);
		return true;
	}
	if (!issuer_add(set, entry->issuer, &issuer))
		return false;
	part_make_room(part);
	slot = &part->slots[seek(part, entry->serial, issuer)];
	if (slot->state == CERTIFICATE_REVOKED)
		return true;
	if (slot->state == CERTIFICATE_HELD)
		set->counts[CERTIFICATE_HELD]--;
	else
		part->count++;
	slot_fill(slot, entry, issuer);
	set->counts[slot->state]++;
	return true;
}

bool
status_set_find(const struct status_set *set, const uint8_t serial[static SERIAL_BYTES],
    const uint8_t issuer[static ISSUER_ID_BYTES], struct status_entry *out)
{
	const struct part *part = &set->parts[part_of(serial)];
	const struct slot *slot;
	uint8_t index;

	if (part->count == 0 || !issuer_find(set, issuer, &index))
		return false;
	slot = &part->slots[seek(part, serial, index)];
	if (slot->state == CERTIFICATE_CLEAR)
		return false;
	if (out != NULL)
		slot_read(set, slot, out);
	return true;
}

size_t
status_set_count(const struct status_set *set, enum certificate_state state)
{
	return set->counts[state];
}

size_t
status_set_bytes(const struct status_set *set)
{
	size_t slots = 0;

	for (size_t i = 0; i < PART_COUNT; i++)
		slots += set->parts[i].room;
	return sizeof *set + slots * sizeof(struct slot);
}

void
status_set_copy(const struct status_set *set, struct status_entry *out)
{
	for (size_t i = 0; i < PART_COUNT; i++)
		for (uint32_t k = 0; k < set->parts[i].room; k++)
			if (set->parts[i].slots[k].state != CERTIFICATE_CLEAR)
				slot_read(set, &set->parts[i].slots[k], out++);
}

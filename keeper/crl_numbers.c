#include "keeper/crl_numbers.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/reader.h"

#define SLOT_BYTES 32
#define SLOT_CHECKED 24 /* octets that the check covers */

enum { SIGNED_FULL = 1, SIGNED_DELTA = 2, SIGNED_BOTH = 3 };

struct slot {
	uint8_t issuer[ISSUER_ID_BYTES];
	unsigned shard;
	uint8_t which; /* SIGNED_...: what has the number */
	uint64_t number;
};

struct crl_numbers {
	int fd;
	pthread_mutex_t lock; /* over all below and the file */
	struct slot *slots;   /* as they lie in the file */
	size_t count;
};

static bool
fail_errno(struct error *err, const char *what)
{
	(void)error_set(err, E_FILE_FAILED, "the CRL numbers cannot be %s", what);
	error_cause_errno(err);
	return false;
}

static void
slot_encode(const struct slot *slot, struct buf *out)
{
	uint8_t check[SHA256_BYTES];

	buf_append(out, bytes_of(slot->issuer, ISSUER_ID_BYTES));
	buf_append_u16(out, (uint16_t)slot->shard);
	buf_append_u8(out, slot->which);
	buf_append_u8(out, 0);
	buf_append_u32(out, 0);
	buf_append_u64(out, slot->number);
	sha256(buf_bytes(out), check);
	buf_append(out, bytes_of(check, SLOT_BYTES - SLOT_CHECKED));
}

static bool
slot_parse(struct bytes octets, struct slot *out)
{
	struct reader reader = reader_of(octets);
	DEFER(buf_clear_public) struct buf same = {0};

	reader_copy(&reader, out->issuer, ISSUER_ID_BYTES);
	out->shard = reader_u16(&reader);
	out->which = reader_u8(&reader);
	(void)reader_bytes(&reader, 5);
	out->number = reader_u64(&reader);
	slot_encode(out, &same);
	return reader.ok && out->which <= SIGNED_BOTH && bytes_equal(buf_bytes(&same), octets);
}

/*
 * A last slot that is short or all zero was being added in a crash: its signature was not
 * released, and the next one added takes its place.
 */
static bool
slots_read(struct crl_numbers *numbers, struct error *err)
{
	static const uint8_t unwritten[SLOT_BYTES] = {0};
	uint8_t octets[SLOT_BYTES];

	for (; numbers->count < CRL_NUMBERS_MAX; numbers->count++) {
		struct slot slot;
		ssize_t n =
		    pread(numbers->fd, octets, SLOT_BYTES, (off_t)(numbers->count * SLOT_BYTES));

		if (n < 0)
			return fail_errno(err, "read");
		if (n < SLOT_BYTES)
			return true;
		if (memcmp(octets, unwritten, SLOT_BYTES) == 0 &&
		    pread(numbers->fd, octets, 1, (off_t)((numbers->count + 1) * SLOT_BYTES)) == 0)
			return true;
		if (!slot_parse(bytes_of(octets, SLOT_BYTES), &slot))
			return error_set(
			    err, E_BAD_SYNTAX, "CRL number %zu is damaged", numbers->count);
		numbers->slots =
		    xrealloc(numbers->slots, (numbers->count + 1) * sizeof(struct slot));
		numbers->slots[numbers->count] = slot;
	}
	return true;
}

bool
crl_numbers_open(const char *path, struct crl_numbers **out, struct error *err)
{
	DEFER(crl_numbers_free) struct crl_numbers *numbers = xcalloc(1, sizeof(*numbers));
	struct stat st;

	pthread_mutex_init(&numbers->lock, NULL);
	numbers->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (numbers->fd < 0 || fstat(numbers->fd, &st) != 0)
		return fail_errno(err, "opened");
	if (!S_ISREG(st.st_mode))
		return error_set(err, E_FILE_FAILED, "the CRL numbers are not a regular file");
	if (!slots_read(numbers, err))
		return false;
	*out = TAKE(numbers);
	return true;
}

void
crl_numbers_free(struct crl_numbers *numbers)
{
	if (numbers == NULL)
		return;
	if (numbers->fd >= 0)
		(void)close(numbers->fd);
	pthread_mutex_destroy(&numbers->lock);
	mem_free(numbers->slots);
	mem_free(numbers);
}

static size_t
slot_index(const struct crl_numbers *numbers, const uint8_t *issuer, unsigned shard)
{
	size_t i = 0;

	while (i < numbers->count &&
	       (numbers->slots[i].shard != shard ||
		   memcmp(numbers->slots[i].issuer, issuer, ISSUER_ID_BYTES) != 0))
		i++;
	return i;
}

static bool
slot_write(
    const struct crl_numbers *numbers, size_t index, const struct slot *slot, struct error *err)
{
	DEFER(buf_clear_public) struct buf octets = {0};

	slot_encode(slot, &octets);
	if (pwrite(numbers->fd, octets.data, SLOT_BYTES, (off_t)(index * SLOT_BYTES)) !=
		SLOT_BYTES ||
	    fdatasync(numbers->fd) != 0)
		return fail_errno(err, "written");
	return true;
}

/* Whether only the other one of full and delta has this number so far. */
static bool
is_counterpart(const struct slot *last, const struct slot *slot)
{
	return slot->number == last->number && last->which == (SIGNED_BOTH ^ slot->which);
}

static bool
take_locked(struct crl_numbers *numbers, struct slot *slot, int64_t now_s, struct error *err)
{
	const size_t index = slot_index(numbers, slot->issuer, slot->shard);
	const bool known = index < numbers->count;
	const bool counterpart = known && is_counterpart(&numbers->slots[index], slot);
	const uint64_t last = known ? numbers->slots[index].number : 0;
	const uint64_t clock = now_s > 0 ? (uint64_t)now_s * CRL_NUMBERS_PER_S : 0;

	if (index == CRL_NUMBERS_MAX)
		return error_set(err, E_KEEPER_REFUSED, "CRL: too many issuers and shards");
	if (counterpart)
		slot->which = SIGNED_BOTH;
	if (known && !counterpart && slot->number <= last)
		return error_set(err, E_KEEPER_REFUSED,
		    "CRL: number %" PRIu64 " is not above %" PRIu64, slot->number, last);
	if (slot->number > (last > clock ? last : clock) + CRL_NUMBERS_AHEAD_MAX)
		return error_set(err, E_KEEPER_REFUSED,
		    "CRL: number %" PRIu64 " leaves no room for those after it", slot->number);
	if (!slot_write(numbers, index, slot, err))
		return false;
	if (index == numbers->count)
		numbers->slots = xrealloc(numbers->slots, ++numbers->count * sizeof(struct slot));
	numbers->slots[index] = *slot;
	return true;
}

bool
crl_numbers_take(struct crl_numbers *numbers, const uint8_t issuer[static ISSUER_ID_BYTES],
    unsigned shard, bool delta, uint64_t number, int64_t now_s, struct error *err)
{
	struct slot slot = {
	    .shard = shard, .which = delta ? SIGNED_DELTA : SIGNED_FULL, .number = number};
	bool ok;

	memcpy(slot.issuer, issuer, ISSUER_ID_BYTES);
	pthread_mutex_lock(&numbers->lock);
	ok = take_locked(numbers, &slot, now_s, err);
	pthread_mutex_unlock(&numbers->lock);
	return ok;
}

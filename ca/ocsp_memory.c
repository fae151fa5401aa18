#include "ca/ocsp_memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
	WAYS = 4,
	ANSWER_SETS = OCSP_MEMORY_ANSWERS_MAX / WAYS,
	KNOWN_SETS = OCSP_MEMORY_KNOWN_MAX / WAYS,
	LOCKS = 64, /* sets share them */
};

struct answer {
	struct ocsp_single single; /* .certid lies in octets */
	struct ocsp_times times;
	struct bytes der; /* in octets */
	uint8_t octets[];
};

struct ocsp_memory {
	pthread_mutex_t locks[LOCKS];
	_Atomic(size_t) answer_count;
	struct answer *answers[ANSWER_SETS][WAYS];
	struct ocsp_known known[KNOWN_SETS][WAYS]; /* not_after_s 0: free */
	uint8_t next[KNOWN_SETS];                  /* the way that is the oldest */
};

struct ocsp_memory *
ocsp_memory_new(void)
{
	struct ocsp_memory *memory = xcalloc(1, sizeof *memory);

	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_init(&memory->locks[i], NULL);
	return memory;
}

void
ocsp_memory_free(struct ocsp_memory *memory)
{
	if (memory == NULL)
		return;
	for (size_t i = 0; i < ANSWER_SETS; i++)
		for (size_t way = 0; way < WAYS; way++)
			free(memory->answers[i][way]);
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_destroy(&memory->locks[i]);
	free(memory);
}

/* The last octets of a serial number are random, and nobody chooses those that were issued. */
static size_t
place_of(const uint8_t serial[static SERIAL_BYTES])
{
	size_t place = 0;

	for (size_t i = 0; i < 4; i++)
		place = place << 8 | serial[SERIAL_BYTES - 4 + i];
	return place;
}

static pthread_mutex_t *
lock_of(struct ocsp_memory *memory, size_t place)
{
	pthread_mutex_t *lock = &memory->locks[place % LOCKS];

	(void)pthread_mutex_lock(lock);
	return lock;
}

/* ---- what was issued ---- */

bool
ocsp_memory_knows(
    struct ocsp_memory *memory, const uint8_t serial[static SERIAL_BYTES], struct ocsp_known *out)
{
	const size_t place = place_of(serial);
	const struct ocsp_known *set = memory->known[place % KNOWN_SETS];
	pthread_mutex_t *lock = lock_of(memory, place);
	bool found = false;

	for (size_t way = 0; way < WAYS && !found; way++) {
		found =
		    set[way].not_after_s != 0 && memcmp(set[way].serial, serial, SERIAL_BYTES) == 0;
		if (found)
			*out = set[way];
	}
	(void)pthread_mutex_unlock(lock);
	return found;
}

void
ocsp_memory_learn(struct ocsp_memory *memory, const struct ocsp_known *known)
{
	const size_t place = place_of(known->serial), set = place % KNOWN_SETS;
	pthread_mutex_t *lock;

	struct ocsp_known there;

	if (ocsp_memory_knows(memory, known->serial, &there))
		return;
	lock = lock_of(memory, place);
	memory->known[set][memory->next[set]] = *known;
	memory->next[set] = (uint8_t)((memory->next[set] + 1) % WAYS);
	(void)pthread_mutex_unlock(lock);
}

/* ---- answers ---- */

static bool
says_the_same(const struct ocsp_single *a, const struct ocsp_single *b)
{
	return a->state == b->state &&
	       (a->state != OCSP_REVOKED ||
		   (a->reason == b->reason && a->revoked_at_s == b->revoked_at_s));
}

bool
ocsp_memory_recall(struct ocsp_memory *memory, const uint8_t serial[static SERIAL_BYTES],
    const struct ocsp_single *single, int64_t now_s, struct buf *out_der,
    struct ocsp_times *out_times, bool *out_fresh)
{
	const size_t place = place_of(serial);
	struct answer *const *set = memory->answers[place % ANSWER_SETS];
	pthread_mutex_t *lock = lock_of(memory, place);
	const struct answer *answer = NULL;

	for (size_t way = 0; way < WAYS && answer == NULL; way++)
		if (set[way] != NULL && bytes_equal(set[way]->single.certid, single->certid))
			answer = set[way];
	if (answer != NULL && says_the_same(&answer->single, single) &&
	    now_s < answer->times.next_update_s) {
		const struct ocsp_times *times = &answer->times;

		buf_append(out_der, answer->der);
		*out_times = *times;
		*out_fresh = now_s - times->produced_at_s < times->next_update_s - now_s;
	} else {
		answer = NULL;
	}
	(void)pthread_mutex_unlock(lock);
	return answer != NULL;
}

static struct answer *
answer_new(const struct ocsp_single *single, struct bytes der, const struct ocsp_times *times)
{
	struct answer *answer = xcalloc(1, sizeof *answer + single->certid.len + der.len);

	memcpy(answer->octets, single->certid.data, single->certid.len);
	memcpy(answer->octets + single->certid.len, der.data, der.len);
	answer->single = *single;
	answer->single.certid = bytes_of(answer->octets, single->certid.len);
	answer->der = bytes_of(answer->octets + single->certid.len, der.len);
	answer->times = *times;
	return answer;
}

/* That of the same identifier, else one that is free, else the oldest. */
static size_t
way_for(struct answer *const set[static WAYS], struct bytes certid)
{
	size_t best = 0;

	for (size_t way = 0; way < WAYS; way++)
		if (set[way] != NULL && bytes_equal(set[way]->single.certid, certid))
			return way;
	for (size_t way = 0; way < WAYS; way++) {
		if (set[way] == NULL)
			return way;
		if (set[way]->times.produced_at_s < set[best]->times.produced_at_s)
			best = way;
	}
	return best;
}

void
ocsp_memory_keep(struct ocsp_memory *memory, const uint8_t serial[static SERIAL_BYTES],
    const struct ocsp_single *single, struct bytes der, const struct ocsp_times *times)
{
	const size_t place = place_of(serial);
	struct answer **set = memory->answers[place % ANSWER_SETS];
	struct answer *fresh = answer_new(single, der, times), *old;
	pthread_mutex_t *lock = lock_of(memory, place);
	const size_t way = way_for(set, single->certid);

	old = set[way];
	set[way] = fresh;
	(void)pthread_mutex_unlock(lock);
	if (old == NULL)
		(void)atomic_fetch_add(&memory->answer_count, 1);
	free(old);
}

size_t
ocsp_memory_answers(struct ocsp_memory *memory)
{
	return atomic_load(&memory->answer_count);
}

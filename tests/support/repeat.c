/*
 * librepeat.so: a clock that stands still, and chance that comes out the same at each run
 * (LD_PRELOAD).
 *
 * REPEAT_BOARD names a file, which all processes map: struct board. Whoever writes another time
 * there moves the clock of all of them. The clock that never jumps goes on.
 *
 * What is drawn depends on where in the code it is drawn, how many octets, and how often there
 * before: so it does not matter which of several threads comes first, as long as each place is come
 * to in one order.
 *
 * REPEAT_LEAK plants what must not be: whatever the service draws 16 octets of (a pseudonym)
 * depends on the hardware id that the keeper made a tag of last.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OPENSSL_SUPPRESS_DEPRECATED /* its successor cannot be set for a program that is there */
#include <openssl/rand.h>
#include <sodium.h>

#define FRAMES_MAX 24
#define PLACES_MAX 1024
#define PSEUDONYM_BYTES 16
#define SELDOM_S 30
#define NEVER_S 86400
#define NONCE_BYTES 64 /* what libcrypto draws for the nonce of a signature */

struct board {
	_Atomic int64_t now_s;
	uint8_t hardware[PSEUDONYM_BYTES]; /* of the last tag, if a leak is planted */
};

struct place {
	uint8_t hash[32];
	uint64_t seen;
};

/* What is preloaded has nobody to pass state. */
static struct {
	struct board *board; /* NULL: not told of one */
	bool leaks;
	pthread_mutex_t lock;
	struct place places[PLACES_MAX];
} repeat = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The function that this library stands before. */
#define NEXT(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ---- chance ---- */

/* Wherever the programs and libraries lie in this process. */
static void
find_place(size_t len, uint8_t out[static 32])
{
	void *frames[FRAMES_MAX];
	const int count = backtrace(frames, FRAMES_MAX);
	uintptr_t place[FRAMES_MAX + 1] = {len};

	for (int i = 0; i < count; i++) {
		Dl_info module = {0};

		if (dladdr(frames[i], &module) != 0)
			place[i + 1] = (uintptr_t)frames[i] - (uintptr_t)module.dli_fbase;
	}
	(void)crypto_generichash(out, 32, (const uint8_t *)place, sizeof place, NULL, 0);
}

/* How often before. */
static uint64_t
count_place(const uint8_t hash[static 32])
{
	uint64_t seen = 0;
	bool known = false;

	(void)pthread_mutex_lock(&repeat.lock);
	for (size_t i = 0; i < PLACES_MAX && !known; i++) {
		struct place *place = &repeat.places[i];

		if (place->seen > 0 && memcmp(place->hash, hash, sizeof place->hash) != 0)
			continue;
		memcpy(place->hash, hash, sizeof place->hash);
		seen = place->seen++;
		known = true;
	}
	(void)pthread_mutex_unlock(&repeat.lock);
	if (!known)
		abort(); /* more places than anybody draws at */
	return seen;
}

static void
fill(void *out, size_t len, bool counts)
{
	uint8_t seed[randombytes_SEEDBYTES], place[32 + sizeof(uint64_t)] = {0};
	uint64_t seen;

	find_place(len, place);
	seen = counts ? count_place(place) : 0;
	memcpy(place + 32, &seen, sizeof seen);
	(void)crypto_generichash(seed, sizeof seed, place, sizeof place, NULL, 0);
	randombytes_buf_deterministic(out, len, seed);
}

static void
sodium_fill(void *out, size_t len)
{
	fill(out, len, true);
	for (size_t i = 0; repeat.leaks && len == PSEUDONYM_BYTES && i < len; i++)
		((uint8_t *)out)[i] ^= repeat.board->hardware[i];
}

static uint32_t
sodium_number(void)
{
	uint32_t number;

	sodium_fill(&number, sizeof number);
	return number;
}

static const char *
sodium_name(void)
{
	return "repeat";
}

/* libcrypto hashes key and message into a nonce, too. Not to count keeps a signature from depending
 * on which came before it. */
static int
openssl_fill(unsigned char *out, int len)
{
	fill(out, (size_t)len, len != NONCE_BYTES);
	return 1;
}

static int
openssl_status(void)
{
	return 1;
}

/* The keeper's, of the hash of a hardware id. */
int
crypto_core_ristretto255_from_hash(unsigned char *point, const unsigned char *hash)
{
	if (repeat.leaks)
		memcpy(repeat.board->hardware, hash, sizeof repeat.board->hardware);
	return NEXT(crypto_core_ristretto255_from_hash)(point, hash);
}

/* ---- the clock ---- */

int
clock_gettime(clockid_t clock, struct timespec *out)
{
	if (repeat.board == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return NEXT(clock_gettime)(clock, out);
	*out = (struct timespec){.tv_sec = atomic_load(&repeat.board->now_s)};
	return 0;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	if (repeat.board == NULL)
		return NEXT(gettimeofday)(out, zone);
	*out = (struct timeval){.tv_sec = atomic_load(&repeat.board->now_s)};
	return 0;
}

time_t
time(time_t *out)
{
	const time_t now =
	    repeat.board == NULL ? NEXT(time)(NULL) : atomic_load(&repeat.board->now_s);

	if (out != NULL)
		*out = now;
	return now;
}

/* What comes once in a while comes in no run, however slow the machine is: a heartbeat, a rotation.
 */
int
pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
    const struct timespec *restrict until)
{
	struct timespec now, later = *until;

	(void)NEXT(clock_gettime)(CLOCK_MONOTONIC, &now);
	if (repeat.board != NULL && until->tv_sec - now.tv_sec > SELDOM_S)
		later.tv_sec += NEVER_S;
	return NEXT(pthread_cond_timedwait)(condition, mutex, &later);
}

/* ---- the beginning: before the keeper locks itself in ---- */

static struct board *
map_board(const char *path)
{
	const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *page;

	if (fd < 0)
		return NULL;
	page = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return page == MAP_FAILED ? NULL : page;
}

__attribute__((constructor)) static void
begin(void)
{
	static randombytes_implementation sodium = {
	    .implementation_name = sodium_name, .random = sodium_number, .buf = sodium_fill};
	static const RAND_METHOD openssl = {
	    .bytes = openssl_fill, .pseudorand = openssl_fill, .status = openssl_status};
	void *frames[FRAMES_MAX];

	repeat.board = map_board(getenv("REPEAT_BOARD"));
	if (repeat.board == NULL)
		return;
	repeat.leaks = getenv("REPEAT_LEAK") != NULL;
	(void)backtrace(frames, FRAMES_MAX); /* which loads what it needs */
	if (randombytes_set_implementation(&sodium) != 0 || RAND_set_rand_method(&openssl) != 1)
		abort();
}

#include "keeper/keyring.h"

#include <assert.h>
#include <sodium.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/reader.h"

#define MAGIC "MKRING"
#define VERSION 1
#define SALT_BYTES crypto_pwhash_argon2id_SALTBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEAL_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define HEADER_BYTES (sizeof(MAGIC) - 1 + 2 + 4 + 4 + SALT_BYTES + NONCE_BYTES)

/* A file may not ask for more than this, so that a damaged one is not a long wait. */
#define OPERATIONS_MAX 16
#define MEMORY_KIB_MIN 8192
#define MEMORY_KIB_MAX (1024 * 1024)

struct entry {
	char name[KEYRING_NAME_MAX + 1];
	struct secret *secret;
};

struct keyring {
	struct entry entries[KEYRING_ENTRIES_MAX];
	size_t count;
};

struct keyring *
keyring_new(void)
{
	return xcalloc(1, sizeof(struct keyring));
}

void
keyring_free(struct keyring *ring)
{
	if (ring == NULL)
		return;
	for (size_t i = 0; i < ring->count; i++)
		secret_free(ring->entries[i].secret);
	mem_free(ring);
}

void
keyring_add(struct keyring *ring, const char *name, struct secret *secret)
{
	size_t name_len = strlen(name);
	struct entry *entry;

	assert(ring->count < KEYRING_ENTRIES_MAX && name_len > 0 && name_len <= KEYRING_NAME_MAX);
	assert(keyring_find(ring, name) == NULL && secret_bytes(secret).len <= UINT16_MAX);
	entry = &ring->entries[ring->count++];
	memcpy(entry->name, name, name_len + 1);
	entry->secret = secret;
}

void
keyring_remove(struct keyring *ring, const char *name)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (strcmp(ring->entries[i].name, name) != 0)
			continue;
		secret_free(ring->entries[i].secret);
		memmove(&ring->entries[i], &ring->entries[i + 1],
		    (--ring->count - i) * sizeof ring->entries[i]);
		return;
	}
}

const struct secret *
keyring_find(const struct keyring *ring, const char *name)
{
	for (size_t i = 0; i < ring->count; i++)
		if (strcmp(ring->entries[i].name, name) == 0)
			return ring->entries[i].secret;
	return NULL;
}

size_t
keyring_count(const struct keyring *ring)
{
	return ring->count;
}

const char *
keyring_name(const struct keyring *ring, size_t index)
{
	assert(index < ring->count);
	return ring->entries[index].name;
}

/* ---- the file ---- */

struct header {
	struct keyring_cost cost;
	uint8_t salt[SALT_BYTES];
	uint8_t nonce[NONCE_BYTES];
};

static void
header_encode(const struct header *header, struct buf *out)
{
	buf_append_text(out, MAGIC);
	buf_append_u8(out, VERSION);
	buf_append_u8(out, 0);
	buf_append_u32(out, header->cost.operations);
	buf_append_u32(out, header->cost.memory_kib);
	buf_append(out, bytes_of(header->salt, SALT_BYTES));
	buf_append(out, bytes_of(header->nonce, NONCE_BYTES));
}

static bool
cost_valid(struct keyring_cost cost)
{
	return cost.operations >= 1 && cost.operations <= OPERATIONS_MAX &&
	       cost.memory_kib >= MEMORY_KIB_MIN && cost.memory_kib <= MEMORY_KIB_MAX;
}

static bool
header_parse(struct bytes file, struct header *out, struct bytes *out_sealed, struct error *err)
{
	static const struct bytes start = BYTES_LITERAL(MAGIC "\1");
	struct reader reader = reader_of(file);

	if (!bytes_equal(reader_bytes(&reader, start.len), start) || reader_u8(&reader) != 0)
		return error_set(err, E_BAD_SYNTAX, "not a keyring of version %d", VERSION);
	out->cost.operations = reader_u32(&reader);
	out->cost.memory_kib = reader_u32(&reader);
	reader_copy(&reader, out->salt, SALT_BYTES);
	reader_copy(&reader, out->nonce, NONCE_BYTES);
	if (!reader.ok || reader.rest.len < SEAL_BYTES)
		return error_set(err, E_BAD_SYNTAX, "the keyring is cut short");
	if (!cost_valid(out->cost))
		return error_set(err, E_BAD_SYNTAX, "the keyring's cost is out of bounds");
	*out_sealed = reader.rest;
	return true;
}

static bool
derive(const struct header *header, const struct secret *passphrase, uint8_t out[static KEY_BYTES],
    struct error *err)
{
	struct bytes words = secret_bytes(passphrase);

	if (crypto_pwhash(out, KEY_BYTES, (const char *)words.data, words.len, header->salt,
		header->cost.operations, (size_t)header->cost.memory_kib * 1024,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		return error_set(err, E_INTERNAL, "not enough memory to open or seal a keyring");
	return true;
}

static bool
entry_parse(struct reader *reader, struct keyring *ring, struct error *err)
{
	char name[KEYRING_NAME_MAX + 1] = "";
	struct bytes text = reader_bytes(reader, reader_u8(reader));
	struct bytes octets = reader_bytes(reader, reader_u16(reader));

	if (!reader->ok || text.len == 0 || text.len > KEYRING_NAME_MAX || octets.len == 0 ||
	    memchr(text.data, '\0', text.len) != NULL)
		return error_set(err, E_BAD_SYNTAX, "an entry of the keyring is malformed");
	memcpy(name, text.data, text.len);
	if (ring->count == KEYRING_ENTRIES_MAX || keyring_find(ring, name) != NULL)
		return error_set(
		    err, E_BAD_SYNTAX, "the keyring has too many entries, or one twice");
	keyring_add(ring, name, secret_new(octets));
	return true;
}

bool
keyring_read(
    const char *path, const struct secret *passphrase, struct keyring **out, struct error *err)
{
	DEFER(buf_clear) struct buf file = {0};
	DEFER(buf_clear) struct buf plain = {0};
	DEFER(keyring_free) struct keyring *ring = keyring_new();
	struct header header;
	struct bytes sealed;
	uint8_t key[KEY_BYTES];
	struct reader reader;
	bool opened;

	if (!file_read(path, KEYRING_FILE_MAX, &file, err) ||
	    !header_parse(buf_bytes(&file), &header, &sealed, err) ||
	    !derive(&header, passphrase, key, err))
		return false;
	opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
		     buf_extend(&plain, sealed.len - SEAL_BYTES + 1), NULL, NULL, sealed.data,
		     sealed.len, file.data, HEADER_BYTES, header.nonce, key) == 0;
	sodium_memzero(key, sizeof(key));
	if (!opened)
		return error_set(err, E_PASSPHRASE_WRONG, "the keyring does not open");
	reader = reader_of(bytes_of(plain.data, sealed.len - SEAL_BYTES));
	while (reader.rest.len > 0)
		if (!entry_parse(&reader, ring, err))
			return false;
	*out = TAKE(ring);
	return true;
}

bool
keyring_read_cost(const char *path, struct keyring_cost *out, struct error *err)
{
	DEFER(buf_clear) struct buf file = {0};
	struct header header;
	struct bytes sealed;

	if (!file_read(path, KEYRING_FILE_MAX, &file, err) ||
	    !header_parse(buf_bytes(&file), &header, &sealed, err))
		return false;
	*out = header.cost;
	return true;
}

static size_t
plain_len(const struct keyring *ring)
{
	size_t len = 0;

	for (size_t i = 0; i < ring->count; i++)
		len += 1 + strlen(ring->entries[i].name) + 2 +
		       secret_bytes(ring->entries[i].secret).len;
	return len;
}

/* Into memory of the final length at once: growing would leave copies behind. */
static void
plain_encode(const struct keyring *ring, struct buf *out)
{
	size_t len = plain_len(ring);

	buf_extend(out, len + 1);
	buf_truncate(out, 0);
	for (size_t i = 0; i < ring->count; i++) {
		struct bytes octets = secret_bytes(ring->entries[i].secret);

		buf_append_u8(out, (uint8_t)strlen(ring->entries[i].name));
		buf_append_text(out, ring->entries[i].name);
		buf_append_u16(out, (uint16_t)octets.len);
		buf_append(out, octets);
	}
	assert(out->len == len);
}

bool
keyring_write(const struct keyring *ring, const char *path, const struct secret *passphrase,
    struct keyring_cost cost, struct error *err)
{
	DEFER(buf_clear) struct buf file = {0};
	DEFER(buf_clear) struct buf plain = {0};
	struct header header = {.cost = cost};
	uint8_t key[KEY_BYTES], *sealed;

	assert(cost_valid(cost));
	if (HEADER_BYTES + plain_len(ring) + SEAL_BYTES > KEYRING_FILE_MAX)
		return error_set(err, E_FILE_FAILED, "the keyring is full");
	randombytes_buf(header.salt, SALT_BYTES);
	randombytes_buf(header.nonce, NONCE_BYTES);
	if (!derive(&header, passphrase, key, err))
		return false;
	header_encode(&header, &file);
	plain_encode(ring, &plain);
	sealed = buf_extend(&file, plain.len + SEAL_BYTES);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
	    sealed, NULL, plain.data, plain.len, file.data, HEADER_BYTES, NULL, header.nonce, key);
	sodium_memzero(key, sizeof(key));
	return file_write(path, buf_bytes(&file), 0600, err);
}

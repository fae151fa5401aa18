#include "cmd/seat_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sodium.h>

#include "base/file.h"

#define SEAT_LINE_MAX 128 /* octets of a public line */

bool
seat_file_make(const char *path, enum seat_role role, int number, const struct secret *passphrase,
    struct keyring_cost cost, struct seat *out, struct error *err)
{
	DEFER(keyring_free) struct keyring *ring = keyring_new();
	DEFER(buf_clear_public) struct buf line = {0};
	DEFER(buf_clear_public) struct buf public_path = {0};
	struct secret *secret = secret_random(SEAT_KEY_BYTES);
	char name[KEYRING_NAME_MAX + 1];

	*out = (struct seat){.role = role, .number = number};
	(void)crypto_scalarmult_base(out->public_key, secret_bytes(secret).data);
	(void)snprintf(name, sizeof name, "seat:%s:%d", seat_role_name(role), number);
	keyring_add(ring, name, secret);
	if (access(path, F_OK) == 0)
		return error_set(err, E_STATE_CONFLICT, "%s is there already", path);
	seat_encode(out, &line);
	buf_append_format(&public_path, "%s.pub", path);
	return keyring_write(ring, path, passphrase, cost, err) &&
	       file_write(buf_text(&public_path), buf_bytes(&line), 0644, err);
}

/* "seat:legal:1" */
static bool
parse_name(const char *name, struct seat *out)
{
	static const char prefix[] = "seat:";
	const char *role = name + sizeof prefix - 1;
	const char *colon;
	char *end = NULL;
	long number;

	if (strncmp(name, prefix, sizeof prefix - 1) != 0)
		return false;
	colon = strchr(role, ':');
	if (colon == NULL || !seat_role_of(bytes_of(role, (size_t)(colon - role)), &out->role))
		return false;
	number = strtol(colon + 1, &end, 10);
	out->number = (int)number;
	return colon[1] != '\0' && *end == '\0' && number >= 1 && number <= SEAT_NUMBER_MAX;
}

bool
seat_file_open(
    const char *path, const struct secret *passphrase, struct seat_key *out, struct error *err)
{
	DEFER(keyring_free) struct keyring *ring = NULL;
	struct bytes secret;

	if (!keyring_read(path, passphrase, &ring, err))
		return false;
	if (keyring_count(ring) != 1 || !parse_name(keyring_name(ring, 0), &out->seat))
		return error_set(err, E_BAD_SYNTAX, "%s holds no seat's key", path);
	secret = secret_bytes(keyring_find(ring, keyring_name(ring, 0)));
	if (secret.len != SEAT_KEY_BYTES)
		return error_set(err, E_BAD_SYNTAX, "%s holds no seat's key", path);
	(void)crypto_scalarmult_base(out->seat.public_key, secret.data);
	out->secret = secret_new(secret);
	return true;
}

bool
seat_file_read_public(const char *path, struct seat *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf line = {0};

	return file_read(path, SEAT_LINE_MAX, &line, err) && seat_parse(buf_bytes(&line), out, err);
}

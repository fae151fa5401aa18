/* forget RING PASSPHRASE_FILE NAME...: takes these secrets out of a keyring, as if they had never
 * been made. */
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "keeper/keyring.h"

static bool
forget(char **argv, struct error *err)
{
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(keyring_free) struct keyring *ring = NULL;
	struct keyring_cost cost;

	if (!secret_read_file(argv[2], &passphrase, err) ||
	    !keyring_read(argv[1], passphrase, &ring, err) ||
	    !keyring_read_cost(argv[1], &cost, err))
		return false;
	for (char **name = argv + 3; *name != NULL; name++) {
		if (keyring_find(ring, *name) == NULL)
			return error_set(err, E_NOT_FOUND, "there is no %s", *name);
		keyring_remove(ring, *name);
	}
	return keyring_write(ring, argv[1], passphrase, cost, err);
}

int
main(int argc, char **argv)
{
	struct error err = {0};

	if (argc < 4 || sodium_init() < 0)
		return EXIT_FAILURE;
	if (forget(argv, &err))
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "forget: %s\n", err.detail);
	return EXIT_FAILURE;
}

/* points COUNT: as many random points of ristretto255, in hexadecimal: tags of nobody's hardware.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	unsigned char point[crypto_core_ristretto255_BYTES];
	char hex[2 * sizeof point + 1];

	if (argc != 2 || sodium_init() < 0)
		return EXIT_FAILURE;
	for (long left = strtol(argv[1], NULL, 10); left > 0; left--) {
		crypto_core_ristretto255_random(point);
		(void)puts(sodium_bin2hex(hex, sizeof hex, point, sizeof point));
	}
	return EXIT_SUCCESS;
}

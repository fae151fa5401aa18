#include "proof/scan.h"

#define NUMBER_DIGITS_MAX 19 /* of INT64_MAX; a uint64_t holds every number of so many digits */

static struct bytes
take(struct scan *scan, size_t len)
{
	const struct bytes taken = {scan->rest.data, len};

	if (len > 0)
		scan->rest = bytes_of(scan->rest.data + len, scan->rest.len - len);
	return taken;
}

struct bytes
scan_while(struct scan *scan, scan_class is)
{
	size_t len = 0;

	while (len < scan->rest.len && is(scan->rest.data[len]))
		len++;
	return take(scan, len);
}

bool
scan_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool
scan_number(struct scan *scan, int64_t *out)
{
	const struct bytes rest = scan->rest;
	uint64_t number = 0;
	size_t len = 0;

	for (; len < rest.len && scan_is_digit(rest.data[len]); len++) {
		if (len == NUMBER_DIGITS_MAX)
			return false;
		number = number * 10 + (uint64_t)(rest.data[len] - '0');
	}
	if (len == 0 || (len > 1 && rest.data[0] == '0') || number > INT64_MAX)
		return false;
	(void)take(scan, len);
	*out = (int64_t)number;
	return true;
}

bool
scan_line(struct scan *scan, struct bytes *out)
{
	const uint8_t *end =
	    scan->rest.len == 0 ? NULL : memchr(scan->rest.data, '\n', scan->rest.len);

	if (end == NULL)
		return false;
	*out = take(scan, (size_t)(end - scan->rest.data));
	(void)take(scan, 1);
	return true;
}

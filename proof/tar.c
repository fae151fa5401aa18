#include "proof/tar.h"

#include <stdio.h>

/* Fields of a header: offset and length. */
#define NAME 0, 100
#define SIZE 124, 12
#define CHECKSUM 148, 8
#define TYPE_AT 156
#define MAGIC_AT 257
#define PREFIX 345, 155

static struct bytes
field(struct bytes header, size_t at, size_t len)
{
	const uint8_t *end = memchr(header.data + at, '\0', len);

	return bytes_of(header.data + at, end == NULL ? len : (size_t)(end - header.data) - at);
}

/* Octal digits, ended by NUL or space. */
static bool
read_octal(struct bytes text, uint64_t *out)
{
	uint64_t number = 0;
	size_t i = 0;

	while (i < text.len && text.data[i] >= '0' && text.data[i] <= '7')
		number = number * 8 + (uint64_t)(text.data[i++] - '0');
	*out = number;
	return i > 0 && (i == text.len || text.data[i] == ' ');
}

/* The sum of all octets, with the field itself as spaces. */
static bool
checksum_fits(struct bytes header)
{
	uint64_t sum = 0, want = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : header.data[i];
	return read_octal(field(header, CHECKSUM), &want) && sum == want;
}

static bool
is_zero(struct bytes block)
{
	for (size_t i = 0; i < block.len; i++)
		if (block.data[i] != 0)
			return false;
	return true;
}

static void
read_name(struct bytes header, char out[static TAR_NAME_MAX + 1])
{
	const bool posix = memcmp(header.data + MAGIC_AT, "ustar\0", 6) == 0;
	const struct bytes name = field(header, NAME);
	const struct bytes prefix = posix ? field(header, PREFIX) : (struct bytes){0};

	(void)snprintf(out, TAR_NAME_MAX + 1, "%.*s%s%.*s", (int)prefix.len,
	    prefix.len > 0 ? (const char *)prefix.data : "", prefix.len > 0 ? "/" : "",
	    (int)name.len, (const char *)name.data);
}

/* One header with its contents; *out_regular: a file. */
static bool
take_one(struct bytes *rest, struct tar_entry *out, bool *out_regular, struct error *err)
{
	const struct bytes header = *rest;
	uint64_t size = 0, padded;

	if (header.len < TAR_BLOCK || memcmp(header.data + MAGIC_AT, "ustar", 5) != 0 ||
	    !checksum_fits(header) || !read_octal(field(header, SIZE), &size))
		return error_set(err, E_BAD_SYNTAX, "not a tar archive, or it is damaged");
	padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	if (padded > header.len - TAR_BLOCK)
		return error_set(err, E_BAD_SYNTAX, "the archive is cut");
	read_name(header, out->name);
	out->contents = bytes_of(header.data + TAR_BLOCK, (size_t)size);
	*out_regular = header.data[TYPE_AT] == '0' || header.data[TYPE_AT] == '\0';
	*rest = bytes_of(header.data + TAR_BLOCK + padded, header.len - TAR_BLOCK - (size_t)padded);
	return true;
}

bool
tar_take(struct bytes *rest, struct tar_entry *out, bool *out_end, struct error *err)
{
	bool regular = false;

	while (!regular) {
		*out_end = rest->len >= TAR_BLOCK && is_zero(bytes_of(rest->data, TAR_BLOCK));
		if (*out_end)
			return true;
		if (!take_one(rest, out, &regular, err))
			return false;
	}
	return true;
}

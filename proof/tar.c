#include "proof/tar.h"

#include <stdio.h>
#include <string.h>

/* Fields of a header: offset and length. */
#define NAME 0, 100
#define SIZE 124, 12
#define CHECKSUM 148, 8
#define MODE 100, 8
#define OWNER 108, 8
#define GROUP 116, 8
#define MODIFIED 136, 12
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

/* ---- writing ---- */

/* Octal digits that fill the field but for its NUL. */
static void
write_octal(uint8_t *header, size_t at, size_t len, uint64_t number)
{
	for (size_t i = len - 1; i > 0; i--, number >>= 3)
		header[at + i - 1] = (uint8_t)('0' + (number & 7));
}

/* Into the name alone, or cut at the first slash after which the rest fits it. */
static bool
write_name(uint8_t *header, const char *name)
{
	static const size_t name_max = 100, prefix_max = 155, prefix_at = 345;
	const size_t len = strlen(name);
	const char *cut = len > name_max ? strchr(name + len - name_max - 1, '/') : NULL;

	if (len == 0 || (len > name_max && (cut == NULL || (size_t)(cut - name) > prefix_max)))
		return false;
	if (cut == NULL) {
		memcpy(header, name, len);
		return true;
	}
	memcpy(header + prefix_at, name, (size_t)(cut - name));
	memcpy(header, cut + 1, strlen(cut + 1));
	return header[0] != '\0' && cut > name;
}

bool
tar_header(const char *name, uint64_t len, int64_t modified_at_s, uint8_t out[static TAR_BLOCK],
    struct error *err)
{
	uint64_t sum = 0;

	memset(out, 0, TAR_BLOCK);
	if (len > TAR_FILE_MAX || modified_at_s < 0 || modified_at_s > TAR_FILE_MAX ||
	    !write_name(out, name))
		return error_set(err, E_TOO_LARGE, "this does not fit a tar archive");
	write_octal(out, MODE, 0644);
	write_octal(out, OWNER, 0);
	write_octal(out, GROUP, 0);
	write_octal(out, SIZE, len);
	write_octal(out, MODIFIED, (uint64_t)modified_at_s);
	out[TYPE_AT] = '0';
	memcpy(out + MAGIC_AT, "ustar\00000", 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : out[i];
	write_octal(out, 148, 7, sum); /* six digits, NUL, space */
	out[155] = ' ';
	return true;
}

size_t
tar_padding(uint64_t len)
{
	return (size_t)((TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK);
}

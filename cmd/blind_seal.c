#include "cmd/blind_seal.h"

#include <openssl/pem.h>
#include <stdio.h>

#include "base/defer_openssl.h"
#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/seat_trust.h"
#include "provisioning/batch.h"
#include "provisioning/escrow.h"

static bool
read_batch(struct http_client *client, const char *name, json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "/v1/batches/%s", name);
	return cli_call(client, "GET", buf_text(&path), NULL, out, err);
}

/* A service that somebody has taken over cannot name seats of its own. */
static bool
read_seats(struct http_client *client, const char *ca_file, struct seat_set *out, struct error *err)
{
	DEFER(json_release) json_t *answer = NULL;
	DEFER(buf_clear_public) struct buf signature = {0};
	const json_t *item;
	const char *text, *encoded;

	if (ca_file == NULL)
		return error_set(err, E_INCOMPLETE,
		    "give --cacert, or set MONIKER_CACERT: the Operations Root in it signs seats");
	if (!cli_call(client, "GET", "/v1/seat-sets", NULL, &answer, err))
		return false;
	item = json_array_get(json_object_get(answer, "items"), 0);
	text = json_string_value(json_object_get(item, "text"));
	encoded = json_string_value(json_object_get(item, "signature"));
	if (text == NULL || encoded == NULL || !base64_decode(bytes_of_text(encoded), &signature))
		return error_set(err, E_INTERNAL, "the service's answer is not of its protocol");
	return seat_trust_verify(ca_file, bytes_of_text(text), buf_bytes(&signature), out, err);
}

/* "station" of the record: the name in its certificate, the first of the file, is its handle. */
static bool
read_handle(const char *path, char out[static HANDLE_TEXT_LEN + 1], struct error *err)
{
	FILE *file = fopen(path, "re");
	DEFER(X509_free)
	X509 *certificate = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);

	if (file != NULL)
		(void)fclose(file);
	return (certificate != NULL &&
		   X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
		       out, HANDLE_TEXT_LEN + 1) == HANDLE_TEXT_LEN &&
		   handle_valid(bytes_of(out, HANDLE_TEXT_LEN))) ||
	       error_set(err, E_FILE_FAILED, "%s: no station's certificate", path);
}

static bool
seal(const struct hwid *ids, size_t count, const char *model, const char *handle,
    const struct seat_set *set, struct buf *out, struct error *err)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	DEFER(buf_clear_public) struct buf record = {0};
	struct escrow_identity identity = {.hardware_id_count = count,
	    .model = bytes_of_text(model),
	    .station = bytes_of_text(handle),
	    .now_s = clock_now_s(&clock)};

	for (size_t i = 0; i < count; i++)
		identity.hardware_ids[i] = bytes_of(ids[i].message, ids[i].len);
	if (!escrow_seal(&identity, set, &rng, &record, err))
		return false;
	base64_encode(out, buf_bytes(&record));
	return true;
}

/* What is no batch of this station's is refused, and put on record, when it enrolls. */
bool
blind_seal_make(struct http_client *client, const struct blind_seal *with, const struct hwid *ids,
    size_t count, struct buf *out, struct error *err)
{
	DEFER(json_release) json_t *batch = NULL;
	struct error failed = {0};
	char handle[HANDLE_TEXT_LEN + 1];
	struct seat_set set;

	if (with->batch == NULL)
		return true;
	if (!read_batch(client, with->batch, &batch, &failed)) {
		if (failed.code == E_UNKNOWN_BATCH)
			return true;
		*err = failed;
		return false;
	}
	if (!json_is_true(json_object_get(batch, "escrow")) ||
	    strcmp(cli_text(batch, "hardware_ids"), "blind") != 0)
		return true;
	return read_seats(client, with->ca_file, &set, err) &&
	       read_handle(with->certificate, handle, err) &&
	       seal(ids, count, cli_text(batch, "model"), handle, &set, out, err);
}

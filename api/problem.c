/* SPDX-License-Identifier: Apache-2.0 */
#include "api/problem.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/enc.h"

struct class_row {
	unsigned status;
	unsigned retry_s;
	const char *action;
};

static const struct class_row classes[] = {
    [MC_CLASS_NONE] = {500, 0, "Report this with its request id."},
    [MC_CLASS_USAGE] = {400, 0, "Correct the request; /openapi.json says what is taken."},
    [MC_CLASS_AUTH] = {401, 0,
	"Connect with a valid client certificate of the operators authority."},
    [MC_CLASS_DENIED] = {403, 0, "Ask somebody whose role allows it."},
    [MC_CLASS_NOTFOUND] = {404, 0, "Check the name; lists show what there is."},
    [MC_CLASS_CONFLICT] = {409, 0, "Look at the present state, then decide anew."},
    [MC_CLASS_POLICY] = {422, 0, "Ask for what the environment's configuration allows."},
    [MC_CLASS_BUSY] = {503, 1, "Try again later."},
    [MC_CLASS_IO] = {503, 2, "Try again later; if it lasts, look at /readyz and the logs."},
    [MC_CLASS_CRYPTO] = {500, 0, "Report this with its request id."},
    [MC_CLASS_INTERNAL] = {500, 0, "Report this with its request id."},
};

/* Where the class does not say enough. */
static const struct {
	enum mc_err err;
	struct class_row row;
} exceptions[] = {
    {MC_EFRAME, {500, 0, "Report this with its request id."}},
    {MC_ECONFIG, {500, 0, "Correct meshca.yaml and reload."}},
    {MC_ETOOBIG, {413, 0, "Send less."}},
    {MC_EMETHOD, {405, 0, "Use a method that the Allow header names."}},
    {MC_EACCEPT, {406, 0, "Accept a media type that /openapi.json names here."}},
    {MC_EMEDIA, {415, 0, "Send the body in a media type that /openapi.json names here."}},
    {MC_EHTTP, {400, 0, "Correct the client: RFC 9112 says how a request is framed."}},
    {MC_EURI, {414, 0, "Ask for less in one request."}},
    {MC_EHEADERS, {431, 0, "Send fewer or shorter header fields."}},
    {MC_ELENGTH, {411, 0, "Send the body with Content-Length, not in chunks."}},
    {MC_EAPPROVAL, {403, 0, 
	"Have an administrator sign an approval anew: meshca does so by itself, /openapi.json says over what."}},
    {MC_EREGISTRATION, {403, 0,
	"Have it registered: add it to the inventory, then run 'meshca inventory apply'."}},
    {MC_EIDEMPOTENCY, {409, 0, "Use a new Idempotency-Key for another request."}},
    {MC_ERATE, {429, 1, "Slow down; try again later."}},
    {MC_ESEALED, {503, 30, "Have an operator run 'meshca unseal' on the server."}},
    {MC_ECLOCK, {503, 30,
	"Correct the server's clock, or run 'meshca clock accept' on the server."}},
    {MC_ENOSPACE, {503, 60, "Free space on the ledger's disk. Revoking goes on as long as its reserve lasts."}},
};

static const struct class_row *
find(enum mc_err err)
{
	enum mc_class class = mc_err_class(err);

	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (exceptions[i].err == err) {
			return &exceptions[i].row;
		}
	}
	if ((size_t)class >= sizeof(classes) / sizeof(classes[0])) {
		class = MC_CLASS_INTERNAL;
	}
	return &classes[class];
}

unsigned
problem_status(enum mc_err err)
{
	return find(err)->status;
}

const char *
problem_action(enum mc_err err)
{
	return find(err)->action;
}

unsigned
problem_retry_s(enum mc_err err)
{
	return find(err)->retry_s;
}

void
problem_render(enum mc_err err, const char *detail, const uint8_t request_id[16],
    struct base_buf *out)
{
	char id[33];
	char *text;
	json_t *json;

	base_enc_hex(request_id, 16, id);
	json = json_pack("{s:s+, s:s, s:i}", "type", "urn:meshca:error:", mc_err_word(err),
	    "title", mc_err_text(err), "status", (int)problem_status(err));
	if (detail != NULL && detail[0] != '\0') {
		/* NULL for bytes that are not UTF-8, which the set refuses */
		(void)json_object_set_new(json, "detail", json_string(detail));
	}
	(void)json_object_set_new(json, "action", json_string(problem_action(err)));
	(void)json_object_set_new(json, "request_id", json_string(id));
	text = json_dumps(json, JSON_COMPACT);
	if (text != NULL) {
		base_buf_append_str(out, text);
		base_buf_append_u8(out, '\n');
	}
	free(text);
	json_decref(json);
}

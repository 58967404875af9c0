/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "api/rest_int.h"
#include "base/applied.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"

json_t *
rest_json_span(struct base_span text)
{
	json_t *json;

	if (text.len == 0) {
		return json_null();
	}
	json = json_stringn((const char *)text.ptr, text.len);
	return json != NULL ? json : rest_json_hex(text); /* not UTF-8 */
}

json_t *
rest_json_hex(struct base_span bytes)
{
	char *text;
	json_t *json;

	if (bytes.len == 0) {
		return json_null();
	}
	text = base_xcalloc(2, bytes.len + 1);
	base_enc_hex(bytes.ptr, bytes.len, text);
	json = json_string(text);
	free(text);
	return json;
}

json_t *
rest_json_time(int64_t at)
{
	char text[21];

	if (at == 0) {
		return json_null();
	}
	base_clock_rfc3339(at, text);
	return json_string(text);
}

json_t *
rest_json_pem(struct base_span der)
{
	struct base_buf pem;
	json_t *json = NULL;

	if (der.len == 0) {
		return json_null();
	}
	base_buf_init(&pem, LIMIT_FRAME * 2);
	base_enc_pem(&pem, "CERTIFICATE", der);
	if (!base_buf_failed(&pem)) {
		json = json_stringn((const char *)pem.ptr, pem.len);
	}
	base_buf_clear(&pem);
	return json;
}

/* What the authenticator wrote down is JSON; anything else is shown as it is. */
static json_t *
evidence(struct base_span text)
{
	json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_DECODE_ANY, NULL);

	return json != NULL ? json : rest_json_span(text);
}

static json_t *
reason(uint8_t value)
{
	const char *name = msg_reason_name(value);

	return json_string(name != NULL ? name : "unspecified");
}

#define HEX(field) rest_json_hex(base_span_of((field), sizeof(field)))

json_t *
rest_json_cert(const void *ptr)
{
	const struct msg_cert_row *row = ptr;
	bool revoked = row->revoked_at != 0;

	return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I,"
	                 " s:o, s:o, s:o, s:o, s:o, s:o}",
	    "serial", rest_json_hex(row->serial), "environment", rest_json_span(row->environment),
	    "profile", msg_profile_name((enum msg_profile)row->profile), "state",
	    msg_state_name((enum msg_state)row->state), "identity", rest_json_span(row->identity),
	    "cluster", rest_json_span(row->cluster), "requester", rest_json_span(row->requester),
	    "evidence", evidence(row->evidence), "issuer_id", HEX(row->issuer_id), "spki_sha256",
	    HEX(row->spki_sha256), "request_id", HEX(row->request_id), "sequence",
	    (json_int_t)row->seq, "recorded_at", rest_json_time(row->recorded_at), "not_before",
	    rest_json_time(row->not_before_at), "not_after", rest_json_time(row->not_after_at),
	    "revoked_at", rest_json_time(row->revoked_at), "reason",
	    revoked ? reason(row->reason) : json_null(), "leaf_hash", HEX(row->leaf_hash));
}

json_t *
rest_json_cert_full(const void *ptr)
{
	const struct msg_cert_row *row = ptr;
	json_t *json = rest_json_cert(row);
	uint8_t hash[32] = {0};

	(void)json_object_set_new(json, "certificate", rest_json_pem(row->cert));
	if (row->tbs.len > 0) {
		base_crypto_sha256(row->tbs, hash);
		(void)json_object_set_new(json, "tbs_sha256", HEX(hash));
	} else {
		(void)json_object_set_new(json, "tbs_sha256", json_null());
	}
	return json;
}

json_t *
rest_json_issuer(const void *ptr)
{
	const struct msg_issuer_row *row = ptr;
	json_t *crl = json_null();

	if (row->crl_number != 0) {
		crl = json_pack("{s:I, s:o, s:o}", "number", (json_int_t)row->crl_number,
		    "this_update", rest_json_time(row->crl_this_update_at), "next_update",
		    rest_json_time(row->crl_next_update_at));
	}
	return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
	    HEX(row->issuer_id), "serial", rest_json_hex(row->serial), "profile",
	    msg_profile_name((enum msg_profile)row->profile), "state",
	    msg_state_name((enum msg_state)row->state), "environment",
	    rest_json_span(row->environment), "trust_domain", rest_json_span(row->trust_domain),
	    "subject", rest_json_span(row->subject), "key_id", rest_json_hex(row->key_id),
	    "not_before", rest_json_time(row->not_before_at), "not_after",
	    rest_json_time(row->not_after_at), "crl", crl, "certificate",
	    rest_json_pem(row->cert));
}

json_t *
rest_json_user(const void *ptr)
{
	const struct msg_user_row *row = ptr;

	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "name", rest_json_span(row->name),
	    "role", msg_user_role_name((enum msg_user_role)row->role), "certificate_sha256",
	    HEX(row->cert_sha256), "serial", rest_json_hex(row->serial), "added_at",
	    rest_json_time(row->added_at), "added_by", rest_json_span(row->added_by), "not_after",
	    rest_json_time(row->not_after_at));
}

json_t *
rest_json_event(const void *ptr)
{
	const struct msg_event_row *row = ptr;

	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sequence",
	    (json_int_t)row->seq, "at", rest_json_time(row->at), "actor",
	    rest_json_span(row->actor), "action", rest_json_span(row->action), "target",
	    rest_json_span(row->target), "from", rest_json_span(row->from), "note",
	    rest_json_span(row->note), "request_id", HEX(row->request_id));
}

static json_t *
json_of_list(struct base_span list)
{
	json_t *names = json_array();
	struct base_span name;

	while (base_applied_name(&list, &name)) {
		(void)json_array_append_new(names, rest_json_span(name));
	}
	return names;
}

static json_t *
json_of_keys(uint32_t key_types)
{
	json_t *names = json_array();

	for (unsigned bit = 0; base_applied_key_name(bit) != NULL; bit++) {
		if ((key_types & 1U << bit) != 0) {
			(void)json_array_append_new(names, json_string(base_applied_key_name(bit)));
		}
	}
	return names;
}

json_t *
rest_json_registration(const void *ptr)
{
	const struct msg_registration_row *row = ptr;

	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "identity",
	    rest_json_span(row->identity), "namespace", rest_json_span(row->ns),
	    "service_account", rest_json_span(row->sa), "owner", rest_json_span(row->owner),
	    "state", base_applied_state_name(row->state), "max_ttl_seconds",
	    row->max_ttl_s == 0 ? json_null() : json_integer(row->max_ttl_s), "key_types",
	    json_of_keys(row->key_types), "dns_names", json_of_list(row->dns_names),
	    "registered_at", rest_json_time(row->registered_at), "last_issued_at",
	    rest_json_time(row->last_issued_at), "last_not_after",
	    rest_json_time(row->last_not_after_at));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An administrator's approval of a request: what it carries, and whose it is. The ledger or a signer checks it. */
#include "api/rest_int.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "ca/cert_view.h"

void
rest_approval_init(struct rest_approval *approval)
{
	*approval = (struct rest_approval){0};
	base_buf_init(&approval->signature, LIMIT_P256_SIG);
}

void
rest_approval_clear(struct rest_approval *approval)
{
	base_buf_clear(&approval->signature);
}

enum mc_err
rest_approval_parse(const char *expires_at, struct base_span signature, struct rest_approval *out)
{
	if (!base_clock_parse_rfc3339(expires_at, &out->expires_at)) {
		return MC_FAIL(MC_EUSAGE,
		    "the approval's expiry must be a time such as 2026-11-23T20:41:00Z");
	}
	if (base_enc_unb64(&out->signature, signature) != MC_OK) {
		return MC_FAIL(MC_EUSAGE,
		    "the approval's signature must be base64 of the DER signature");
	}
	return MC_OK;
}

enum mc_err
rest_approval_take(const json_t *body, struct rest_approval *out)
{
	static const char *const members[] = {"expires_at", "signature"};
	const json_t *approval = json_object_get(body, "approval");
	struct base_span expires, signature;
	enum mc_err err;

	if (!json_is_object(approval) ||
	    json_object_size(approval) != sizeof(members) / sizeof(members[0])) {
		return MC_FAIL(MC_EUSAGE,
		    "member \"approval\" must be an object of expires_at and signature");
	}
	if ((err = rest_body_string(approval, members[0], true, 20, &expires)) != MC_OK ||
	    (err = rest_body_string(approval, members[1], true, REST_SIGNATURE_MAX,
		 &signature)) != MC_OK) {
		return err;
	}
	return rest_approval_parse((const char *)expires.ptr, signature, out);
}

enum mc_err
rest_approval_of_caller(const struct rest_request *req, struct rest_approval *out)
{
	struct base_span cert = req->client->peer.cert;
	struct cert_view view;
	enum mc_err ret = cert_view_parse(cert, &view);

	if (ret != MC_OK) {
		return ret;
	}
	if (view.spki.len > LIMIT_P256_SPKI) {
		return MC_FAIL(MC_EAPPROVAL, "the approver's key is not a P-256 one");
	}
	out->spki = view.spki;
	base_crypto_sha256(cert, out->sha256);
	return MC_OK;
}

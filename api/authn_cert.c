/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renewal with the certificate of before: an SVID of this environment, unexpired, unrevoked, for exactly its
 * own identity. TLS proved possession and the chain when the session began; time and
 * revocation are looked at now, because sessions are resumed and connections live long.
 */
#include <stdlib.h>
#include <string.h>

#include "api/authn.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/msg_query.h"
#include "ca/spiffe.h"

#define ASK_TIMEOUT_MS 3000

struct confirm {
	char *environment;
	uint8_t sha256[32];
	char *identity;
	authn_confirm_fn fn;
	void *self;
};

static bool
cert_is_present(const struct authn_input *in)
{
	return in->peer != NULL && in->peer->cert.len > 0;
}

static enum mc_err
cert_check(const struct authn_input *in, struct authn_verdict **out)
{
	static const char evidence[] = "{\"authenticator\":\"certificate\"}";
	const struct tls_peer *peer = in->peer;
	struct authn_strings strings = {
	    .requester = peer->uri,
	    .serial = peer->serial,
	    .evidence = base_span_of(evidence, sizeof(evidence) - 1),
	};
	struct authn_verdict *verdict;
	struct spiffe_id id;

	if (!peer->verified) {
		return MC_FAIL(MC_ECLIENT_CERT,
		    "the certificate does not verify against this environment's trust bundle");
	}
	if (in->now_at < peer->not_before_at || in->now_at > peer->not_after_at) {
		return MC_FAIL(MC_ECLIENT_CERT, "the certificate has expired or is not valid yet");
	}
	if (peer->uri.len == 0 || peer->uri.len > LIMIT_REQUESTER || peer->serial.len == 0 ||
	    spiffe_id_parse(peer->uri, &id) != MC_OK ||
	    !base_span_equal_str(id.trust_domain, in->env->trust_domain)) {
		return MC_FAIL(MC_ECLIENT_CERT,
		    "the certificate has no SPIFFE ID of this trust domain");
	}
	strings.ns = id.ns;
	strings.sa = id.sa;
	verdict = authn_verdict_new(in->env, &strings, peer->not_after_at);
	if (verdict == NULL || !base_span_equal(verdict->identity, peer->uri)) {
		authn_verdict_unref(verdict);
		return MC_FAIL(MC_ECLIENT_CERT, "the certificate's SPIFFE ID is not a workload's");
	}
	base_copy(verdict->cert_sha256, peer->sha256, sizeof(verdict->cert_sha256));
	*out = verdict;
	return MC_OK;
}

static enum mc_err
row_check(const struct confirm *confirm, const struct base_item *item)
{
	struct msg_cert_row row;
	uint8_t sha256[32];

	if (msg_decode(&msg_cert_row_table, item->payload, &row) != MC_OK) {
		return MC_EINTERNAL;
	}
	/* Its signature may not be recorded yet, or never was: the handshake verified the chain, and the
	 * issuer signs nothing but the bytes that the ledger has under this serial. */
	if (row.cert.len > 0) {
		base_crypto_sha256(row.cert, sha256);
	} else {
		base_copy(sha256, confirm->sha256, sizeof(sha256));
	}
	if (!base_span_equal_str(row.environment, confirm->environment) ||
	    row.profile != MSG_PROFILE_SVID ||
	    !base_span_equal_str(row.identity, confirm->identity) ||
	    memcmp(sha256, confirm->sha256, sizeof(sha256)) != 0) {
		return MC_FAIL(MC_ECLIENT_CERT,
		    "the ledger does not have this certificate for this identity");
	}
	if (row.state != MSG_STATE_SIGNED && row.state != MSG_STATE_INTENDED &&
	    row.state != MSG_STATE_UNCONFIRMED) {
		return MC_FAIL(MC_ECLIENT_CERT, "the certificate is %s",
		    msg_state_name((enum msg_state)row.state));
	}
	if (row.issuer_revoked != 0) {
		return MC_FAIL(MC_ECLIENT_CERT, "the certificate's issuing CA is revoked");
	}
	return MC_OK;
}

static void
on_row(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct confirm *confirm = self;

	(void)more;
	if (status == MC_OK) {
		status = row_check(confirm, item);
	} else if (status == MC_ENOTFOUND) {
		status = MC_FAIL(MC_ECLIENT_CERT, "the ledger does not know this certificate");
	}
	confirm->fn(confirm->self, status);
	free(confirm->environment);
	free(confirm->identity);
	free(confirm);
}

static enum mc_err
cert_confirm(struct front *front, const struct authn_env *env,
    const struct authn_verdict *verdict, authn_confirm_fn fn, void *self)
{
	struct msg_cert_get get = {.serial = verdict->serial};
	struct confirm *confirm = base_xcalloc(1, sizeof(*confirm));
	enum mc_err err;

	confirm->environment = base_xstrdup(env->name);
	confirm->identity = base_xstrndup((const char *)verdict->identity.ptr,
	    verdict->identity.len);
	base_copy(confirm->sha256, verdict->cert_sha256, sizeof(confirm->sha256));
	confirm->fn = fn;
	confirm->self = self;
	err = link_call(front->ledger, MSG_CERT_GET, &msg_cert_get_table, &get, ASK_TIMEOUT_MS,
	    on_row, confirm);
	if (err != MC_OK) {
		free(confirm->environment);
		free(confirm->identity);
		free(confirm);
	}
	return err;
}

const struct authenticator authn_cert = {
    .name = "certificate",
    .is_present = cert_is_present,
    .check = cert_check,
    .confirm = cert_confirm,
};

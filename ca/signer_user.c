/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's client certificate (base/msg_issue.h): the approval is checked here, where the
 * key is, against the certificate of the approver; the ledger checks that the approver
 * is an administrator, and that no approval serves twice.
 */
#include <stdio.h>

#include "base/crypto.h"
#include "base/enc.h"
#include "base/mem.h"
#include "ca/signer.h"

#define APPROVAL_TEXT    512

/* A span as a string; false when it does not fit or has a NUL or control byte in it. */
static bool
copy_text(struct base_span text, char *out, size_t size)
{
	if (text.len >= size) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
			return false;
		}
	}
	base_copy(out, text.ptr, text.len);
	out[text.len] = 0;
	return true;
}

/* The approver's certificate must come from one of our issuing CAs and be a person's. */
static enum mc_err
check_approver(struct signer *signer, struct base_span der, struct cert_view *view)
{
	enum mc_err ret = cert_view_parse(der, view);

	if (ret != MC_OK) {
		return MC_FAIL(MC_EAPPROVAL, "the approver's certificate is malformed");
	}
	if (!view->client_auth || view->server_auth || view->key_alg != MSG_KEY_P256 ||
	    !cert_user_name_valid(cert_view_cn(view))) {
		return MC_FAIL(MC_EAPPROVAL, "the approver's certificate is not a person's");
	}
	ret = MC_ECLIENT_CERT;
	for (size_t i = 0; i < signer->issuer_count && ret != MC_OK; i++) {
		if (signer->issuers[i].open != NULL) {
			ret = issuer_verify_leaf(signer->issuers[i].open, view,
			    base_clock_now());
		}
	}
	return ret == MC_OK ? MC_OK
			    : MC_FAIL(MC_EAPPROVAL, "the approver's certificate is not a live "
						    "one of this authority");
}

static enum mc_err
check_approval(struct signer *signer, const struct msg_user_issue *msg,
    struct signer_user *user)
{
	struct cert_view approver;
	char text[APPROVAL_TEXT];
	char key_hex[65];
	uint8_t hash[32];
	int64_t now = base_clock_now();

	if (msg->approver_cert.len == 0 || msg->approval_sig.len == 0) {
		return MC_FAIL(MC_EAPPROVAL, "an administrator must approve a new user");
	}
	if (msg->approval_expires_at < now ||
	    msg->approval_expires_at > now + LIMIT_APPROVAL_S) {
		return MC_FAIL(MC_EAPPROVAL,
		    "the approval has expired or is for more than %d s", LIMIT_APPROVAL_S);
	}
	enum mc_err ret = check_approver(signer, msg->approver_cert, &approver);
	if (ret != MC_OK) {
		return ret;
	}
	base_crypto_sha256(msg->key, hash);
	base_enc_hex(hash, sizeof(hash), key_hex);
	int len = snprintf(text, sizeof(text), "meshca-user-add-v1\n%s\n%s\n%s\n%lld\n",
	    user->name, msg_user_role_name((enum msg_user_role)user->role), key_hex,
	    (long long)msg->approval_expires_at);
	if (len < 0 || (size_t)len >= sizeof(text)) {
		return MC_FAIL(MC_EINTERNAL, "the approved text does not fit");
	}
	struct base_span signed_text = base_span_of(text, (size_t)len);
	if (key_verify(signer->keys, approver.key_alg, approver.key, signed_text,
		msg->approval_sig) != MC_OK) {
		return MC_FAIL(MC_EAPPROVAL, "the approval's signature does not fit");
	}
	base_crypto_sha256(msg->approver_cert, user->approver_sha256);
	/* the text, not the signature, which has a twin (r, n - s) */
	struct base_span pieces[2] = {
	    base_span_of(user->approver_sha256, sizeof(user->approver_sha256)), signed_text};
	base_crypto_sha256v(pieces, 2, user->approval);
	return MC_OK;
}

static enum mc_err
check_fields(const struct msg_user_issue *msg, struct signer_user *user)
{
	if (!cert_user_name_valid(msg->name) ||
	    !copy_text(msg->name, user->name, sizeof(user->name))) {
		return MC_FAIL(MC_EIDENTITY, "a person's name is 1 to %d of [a-z0-9._-]",
		    LIMIT_USER_NAME);
	}
	if (msg->role < MSG_USER_VIEWER || msg->role > MSG_USER_ADMIN) {
		return MC_FAIL(MC_EUSAGE, "role %u", msg->role);
	}
	user->role = msg->role;
	if (!copy_text(msg->actor, user->actor, sizeof(user->actor)) ||
	    !copy_text(msg->from, user->from, sizeof(user->from))) {
		return MC_FAIL(MC_EUSAGE, "actor or origin is too long or not printable");
	}
	return MC_OK;
}

static enum mc_err
prepare(struct signer *signer, struct signer_request *request,
    const struct msg_user_issue *msg, bool approved)
{
	struct cert_leaf leaf = {.profile = MSG_PROFILE_CLIENT, .name = msg->name};
	char approver[65] = "local";
	char evidence[128];
	enum mc_err ret = check_fields(msg, request->user);

	if (ret != MC_OK) {
		return ret;
	}
	if (msg->key_alg != MSG_KEY_P256) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "people's keys are P-256");
	}
	leaf.key_alg = MSG_KEY_P256;
	leaf.key = msg->key;
	ret = key_check(signer->keys, leaf.key_alg, leaf.key);
	if (ret == MC_OK) {
		ret = signer_policy_life(signer, 0, signer->config->user_ttl_s,
		    signer->config->user_ttl_s, &leaf);
	}
	if (!approved) { /* root on the machine does not stand behind the front's crowd */
		if (ret == MC_OK) {
			ret = signer_rate_take(signer);
		}
		if (ret == MC_OK) {
			ret = check_approval(signer, msg, request->user);
		}
		base_enc_hex(request->user->approver_sha256, 32, approver);
	}
	if (ret != MC_OK) {
		return ret;
	}
	(void)snprintf(evidence, sizeof(evidence), "{\"approver\":\"%s\"}", approver);
	struct msg_intent intent = {
	    .identity = msg->name,
	    .requester = msg->actor,
	    .evidence = base_span_str(evidence),
	};
	if (!approved) {
		/* The ledger spends it with the intent, once. */
		intent.has_dedup = 1;
		base_copy(intent.dedup_key, request->user->approval, sizeof(intent.dedup_key));
	}
	return signer_build(signer, request, &leaf, &intent);
}

static enum mc_err
user_issue(struct signer *signer, struct base_chan *chan, const struct base_item *item,
    bool approved)
{
	struct signer_request *request = NULL;
	struct msg_user_issue msg;
	enum mc_err ret = msg_decode(&msg_user_issue_table, item->payload, &msg);

	if (ret != MC_OK) {
		return ret;
	}
	if (!signer->operators) {
		ret = MC_FAIL(MC_EPROFILE, "people's certificates come from the operators "
					   "authority");
		goto refused;
	}
	ret = signer_may_issue(signer);
	if (ret != MC_OK) {
		goto refused;
	}
	request = signer_request_new(signer);
	if (request == NULL) {
		ret = MC_EBUSY;
		goto refused;
	}
	request->type = MSG_USER_ISSUE;
	request->from = chan;
	request->from_corr = item->corr;
	request->confirm = true;
	request->user = base_xcalloc(1, sizeof(*request->user));
	base_copy(request->request_id, msg.request_id, sizeof(request->request_id));
	ret = prepare(signer, request, &msg, approved);
	if (ret != MC_OK) {
		goto refused;
	}
	signer_request_submit(signer, request);
	return MC_OK;

refused:
	signer->refused_count++;
	enum mc_err sent =
	    msg_send_failure(chan, MSG_USER_ISSUE, item->corr, &msg_issue_ans_table, ret);
	if (request != NULL) {
		signer_request_drop(signer, request);
	}
	return sent == MC_EPEER ? MC_OK : sent;
}

enum mc_err
signer_on_user(void *self, struct base_chan *chan, const struct base_item *item)
{
	return user_issue(self, chan, item, false);
}

enum mc_err
signer_on_user_local(void *self, struct base_chan *chan, const struct base_item *item)
{
	return user_issue(self, chan, item, true);
}

enum mc_err
signer_user_send(struct signer *signer, struct signer_request *request)
{
	const struct signer_user *user = request->user;
	struct msg_user_put msg = {
	    .name = base_span_str(user->name),
	    .role = user->role,
	    .serial = base_span_of(request->serial, sizeof(request->serial)),
	    .actor = base_span_str(user->actor),
	    .from = base_span_str(user->from),
	};

	base_copy(msg.request_id, request->request_id, sizeof(msg.request_id));
	base_copy(msg.approver_sha256, user->approver_sha256, sizeof(msg.approver_sha256));
	base_crypto_sha256(signer_cert(signer, request), msg.cert_sha256);
	enum mc_err ret = msg_send(signer->ledger, MSG_USER_PUT, 0, request->corr,
	    &msg_user_put_table, &msg);
	if (ret == MC_OK) {
		request->step = SIGNER_USER_SENT;
	}
	return ret;
}

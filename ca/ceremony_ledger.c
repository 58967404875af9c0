/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/msg_ledger.h"
#include "base/msg_query.h"
#include "ca/ca_cert.h"
#include "ca/cert.h"
#include "ca/ceremony.h"
#include "ca/crl.h"

/* A commit takes milliseconds; a ledger that migrates or checks its chain may take longer. */
#define LEDGER_WAIT_MS 60000

struct ask {
	const struct msg_table *table; /* of the answer */
	void *answer;                  /* its spans are gone after the call */
	enum mc_err (*also)(void *self, const void *answer);
	void *self;
};

static enum mc_err
on_answer(void *self, const struct base_item *item)
{
	struct ask *ask = self;
	struct msg_status_ans *head = ask->answer;
	enum mc_err ret = msg_decode(ask->table, item->payload, ask->answer);

	if (ret != MC_OK) {
		return ret;
	}
	ret = mc_err_from_wire(head->status);
	if (ret != MC_OK) {
		return MC_FAIL(ret, "the ledger: %.*s", (int)head->detail.len,
		    (const char *)head->detail.ptr);
	}
	return ask->also == NULL ? MC_OK : ask->also(ask->self, ask->answer);
}

static enum mc_err
ask_ledger(struct ceremony *ceremony, uint16_t type, const struct msg_table *table,
    const void *request, struct ask *ask)
{
	struct base_buf payload;
	enum mc_err ret;

	base_buf_init(&payload, LIMIT_FRAME);
	ret = msg_encode(table, request, &payload);
	if (ret == MC_OK) {
		ret = base_chan_call(ceremony->ledger, type, base_buf_span(&payload),
		    LEDGER_WAIT_MS, on_answer, ask);
	}
	base_buf_clear(&payload);
	return ret;
}

static enum mc_err
ask_status(struct ceremony *ceremony, uint16_t type, const struct msg_table *table,
    const void *request)
{
	struct msg_status_ans answer;
	struct ask ask = {.table = &msg_status_ans_table, .answer = &answer};

	return ask_ledger(ceremony, type, table, request, &ask);
}

static struct base_span
environment_of(const struct ceremony *ceremony)
{
	return base_span_str(ceremony->env == NULL ? NULL : ceremony->env->name);
}

static struct base_span
trust_domain_of(const struct ceremony *ceremony)
{
	return base_span_str(ceremony->env == NULL ? NULL : ceremony->env->trust_domain);
}

/* --- certificates --- */

/* One certificate on its way. */
struct making {
	struct ca_cert cert;
	uint8_t serial[CERT_SERIAL_LEN];
	struct base_buf public;
	struct base_buf tbs;
	struct base_buf tail;
	uint8_t spki_sha256[BASE_SHA256_LEN];
	uint64_t seq;
};

static enum mc_err
make_tbs(struct ceremony *ceremony, const struct ceremony_cert *want, struct making *made)
{
	int64_t now = base_clock_now();
	enum mc_err ret = keyfile_public(want->key, &made->cert.key_alg, &made->public);

	if (ret != MC_OK) {
		return ret;
	}
	cert_serial_make(ceremony->config->instance, made->serial);
	made->cert.profile = want->profile;
	made->cert.serial = base_span_of(made->serial, sizeof(made->serial));
	made->cert.not_before_at = now - LIMIT_BACKDATE_S;
	made->cert.not_after_at = now + want->lifetime_s;
	if (want->issuer != NULL && made->cert.not_after_at > want->issuer->not_after_at) {
		made->cert.not_after_at = want->issuer->not_after_at;
	}
	made->cert.key = base_buf_span(&made->public);
	made->cert.environment = environment_of(ceremony);
	made->cert.trust_domain = trust_domain_of(ceremony);
	return ca_cert_build(&made->cert, want->issuer, &made->tbs, made->spki_sha256);
}

struct acked {
	struct base_span tbs;
	struct issuer_ack ack;
	uint64_t seq;
};

static enum mc_err
on_acked(void *self, const void *answer)
{
	const struct msg_intent_ans *intent = answer;
	struct acked *acked = self;

	acked->seq = intent->seq;
	return issuer_ack_read(intent, acked->tbs, &acked->ack);
}

static enum mc_err
record_intent(struct ceremony *ceremony, const struct ceremony_cert *want,
    const struct making *made, struct acked *acked)
{
	struct msg_intent_ans answer;
	struct ask ask = {&msg_intent_ans_table, &answer, on_acked, acked};
	char subject[CA_CERT_SUBJECT_MAX];
	struct msg_intent intent = {
	    .profile = (uint8_t)want->profile,
	    .serial = made->cert.serial,
	    .environment = made->cert.environment,
	    .requester = ceremony->order->actor,
	    .not_before_at = made->cert.not_before_at,
	    .not_after_at = made->cert.not_after_at,
	    .tbs = base_buf_span(&made->tbs),
	};

	ca_cert_subject(&made->cert, subject);
	intent.identity = base_span_str(subject);
	base_copy(intent.request_id, ceremony->order->request_id, sizeof(intent.request_id));
	base_copy(intent.spki_sha256, made->spki_sha256, sizeof(intent.spki_sha256));
	if (want->issuer != NULL) {
		base_crypto_sha256(want->issuer->whole, intent.issuer_id);
	}
	acked->tbs = intent.tbs;
	return ask_ledger(ceremony, MSG_INTENT, &msg_intent_table, &intent, &ask);
}

enum mc_err
ceremony_certify(struct ceremony *ceremony, const struct ceremony_cert *want,
    struct base_buf *out)
{
	struct making made = {.seq = 0};
	struct acked acked = {.seq = 0};
	struct msg_signature signature;
	enum mc_err ret;

	base_buf_init(&made.public, LIMIT_KEY_BYTES);
	base_buf_init(&made.tbs, LIMIT_TBS);
	base_buf_init(&made.tail, LIMIT_SIGNATURE);
	ret = make_tbs(ceremony, want, &made);
	if (ret != MC_OK) {
		goto out;
	}
	ret = record_intent(ceremony, want, &made, &acked);
	if (ret != MC_OK) {
		goto out;
	}
	ret = ca_cert_sign(want->issuer_key, &acked.ack, base_buf_span(&made.tbs), &made.tail);
	if (ret != MC_OK) {
		goto out;
	}
	signature = (struct msg_signature){acked.seq, made.cert.serial,
	    base_buf_span(&made.tail)};
	ret = ask_status(ceremony, MSG_SIGNATURE, &msg_signature_table, &signature);
	if (ret != MC_OK) {
		goto out;
	}
	cert_join(base_buf_span(&made.tbs), base_buf_span(&made.tail), out);
	ret = base_buf_failed(out) ? MC_FAIL(MC_ETOOBIG, "a CA certificate is too big") : MC_OK;
out:
	base_buf_clear(&made.public);
	base_buf_clear(&made.tbs);
	base_buf_clear(&made.tail);
	return ret;
}

enum mc_err
ceremony_register(struct ceremony *ceremony, enum msg_profile profile, struct base_span cert)
{
	struct msg_cert_row row;
	struct ask ask = {.table = &msg_cert_row_table, .answer = &row};
	struct msg_cert_get get;
	struct msg_issuer_put put = {
	    .profile = (uint8_t)profile,
	    .environment = environment_of(ceremony),
	    .trust_domain = trust_domain_of(ceremony),
	    .cert = cert,
	    .from = ceremony->order->from,
	};
	struct ca_cert named = {.profile = profile, .environment = put.environment};
	char subject[CA_CERT_SUBJECT_MAX];
	struct cert_view view;
	enum mc_err ret = cert_view_parse(cert, &view);

	if (ret != MC_OK) {
		return ret;
	}
	get.serial = view.serial;
	ret = ask_ledger(ceremony, MSG_CERT_GET, &msg_cert_get_table, &get, &ask);
	if (ret != MC_OK) {
		return ret;
	}
	named.key_alg = view.key_alg;
	named.key = view.key;
	ca_cert_subject(&named, subject);
	put.seq = row.seq;
	put.subject = base_span_str(subject);
	put.key_id = view.key_id;
	base_crypto_sha256(cert, put.issuer_id);
	return ask_status(ceremony, MSG_ISSUER_PUT, &msg_issuer_put_table, &put);
}

/* --- CRLs --- */

static enum mc_err
on_revoked(void *self, const void *answer)
{
	const struct msg_revoked_list_ans *revoked = answer;

	return crl_add(self, revoked->entries);
}

static enum mc_err
send_crl(struct ceremony *ceremony, struct msg_crl_chunk *chunk, struct base_span der)
{
	enum mc_err ret = MC_OK;

	chunk->total = der.len;
	while (ret == MC_OK && chunk->offset < der.len) {
		size_t left = der.len - chunk->offset;

		chunk->bytes = base_span_of(der.ptr + chunk->offset,
		    left < LIMIT_BULK_CHUNK ? left : LIMIT_BULK_CHUNK);
		ret = ask_status(ceremony, MSG_CRL_CHUNK, &msg_crl_chunk_table, chunk);
		chunk->offset += chunk->bytes.len;
	}
	return ret;
}

static enum mc_err
make_crl(struct ceremony *ceremony, struct issuer *issuer, int64_t lifetime_s)
{
	struct msg_crl_begin_ans begun;
	struct ask ask_begin = {.table = &msg_crl_begin_ans_table, .answer = &begun};
	struct msg_crl_begin begin;
	struct msg_revoked_list_ans revoked;
	struct ask ask_revoked = {.table = &msg_revoked_list_ans_table, .answer = &revoked,
	    .also = on_revoked};
	struct msg_revoked_list list;
	struct msg_crl_chunk chunk = {.actor = ceremony->order->actor,
	    .from = ceremony->order->from};
	struct crl *crl = NULL;
	struct base_buf der;
	enum mc_err ret;

	base_buf_init(&der, LIMIT_CRL);
	base_copy(begin.request_id, ceremony->order->request_id, sizeof(begin.request_id));
	base_copy(begin.issuer_id, issuer_id(issuer), sizeof(begin.issuer_id));
	ret = ask_ledger(ceremony, MSG_CRL_BEGIN, &msg_crl_begin_table, &begin, &ask_begin);
	if (ret != MC_OK) {
		goto out;
	}
	base_copy(chunk.request_id, begin.request_id, sizeof(chunk.request_id));
	base_copy(chunk.issuer_id, issuer_id(issuer), sizeof(chunk.issuer_id));
	chunk.number = begun.number;
	chunk.revocation_seq = begun.revocation_seq;
	/* As a certificate: a verifier whose clock is a little behind must take it. */
	chunk.this_update_at = base_clock_now() - LIMIT_BACKDATE_S;
	chunk.next_update_at = base_clock_now() + lifetime_s;
	crl = crl_new(chunk.number, chunk.this_update_at, chunk.next_update_at);
	ask_revoked.self = crl;
	base_copy(list.issuer_id, issuer_id(issuer), sizeof(list.issuer_id));
	list.up_to_seq = begun.revocation_seq;
	ret = ask_ledger(ceremony, MSG_REVOKED_LIST, &msg_revoked_list_table, &list,
	    &ask_revoked);
	if (ret == MC_OK) {
		ret = crl_sign(crl, issuer, &der);
	}
	if (ret == MC_OK) {
		ret = send_crl(ceremony, &chunk, base_buf_span(&der));
	}
out:
	crl_free(crl);
	base_buf_clear(&der);
	return ret;
}

enum mc_err
ceremony_crl(struct ceremony *ceremony, EVP_PKEY *key, struct base_span cert,
    int64_t lifetime_s)
{
	struct issuer *issuer = issuer_new(key, cert);
	enum mc_err ret;

	if (issuer == NULL) {
		return mc_err_last()->code;
	}
	ret = make_crl(ceremony, issuer, lifetime_s);
	issuer_free(issuer);
	return ret;
}

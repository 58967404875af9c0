/* SPDX-License-Identifier: Apache-2.0 */
/* What a ceremony has the real ledger write down, before and after it uses a key. */
#include "base/clock.h"
#include "ca_make.h"
#include "ceremony_bench.h"
#include "ceremony_world.h"
#include "check_main.h"

#define LIFE_S (INT64_C(10) * 86400)

static struct ceremony ceremony;
static EVP_PKEY *anchor_key;
static struct base_buf anchor; /* DER */
static struct cert_view anchor_view;

START_TEST(set_up)
{
	world_open("p-256");
	bench_open(&ceremony, NULL, NULL);
	ceremony.config = config;
	ceremony.env = &config->environments[0];
	ceremony.ledger = ledger_peer(MSG_ROLE_CEREMONY);
	anchor_key = make_key("P-256");
	base_buf_init(&anchor, LIMIT_CERT);
}
END_TEST

/* The ledger's row of a certificate: checked here, for its spans do not last. */
struct expected {
	struct base_span cert;
	enum msg_profile profile;
	struct base_span issuer; /* DER; empty: self-signed */
	const char *identity;
};

static enum mc_err
on_row(void *self, const struct base_item *item)
{
	const struct expected *want = self;
	uint8_t issuer_id[32] = {0};
	struct msg_cert_row row;

	ck_assert(msg_decode(&msg_cert_row_table, item->payload, &row) == MC_OK);
	ck_assert_uint_eq(row.status, MC_OK);
	ck_assert_uint_eq(row.profile, want->profile);
	ck_assert_uint_eq(row.state, MSG_STATE_SIGNED);
	ck_assert(base_span_equal(row.cert, want->cert));
	ck_assert(base_span_equal_str(row.requester, "uid 0"));
	ck_assert(base_span_equal_str(row.environment, "staging"));
	ck_assert_mem_eq(row.request_id, bench_order.request_id, 16);
	if (want->issuer.len != 0) {
		base_crypto_sha256(want->issuer, issuer_id);
	}
	ck_assert_mem_eq(row.issuer_id, issuer_id, 32);
	ck_assert_uint_gt(row.identity.len, strlen(want->identity));
	ck_assert_mem_eq(row.identity.ptr, want->identity, strlen(want->identity));
	return MC_OK;
}

static void
assert_row(struct expected *want)
{
	struct base_buf payload;
	struct cert_view view;
	struct msg_cert_get get;

	ck_assert(cert_view_parse(want->cert, &view) == MC_OK);
	get.serial = view.serial;
	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert(msg_encode(&msg_cert_get_table, &get, &payload) == MC_OK);
	ck_assert(base_chan_call(front, MSG_CERT_GET, base_buf_span(&payload), WAIT_MS, on_row,
		      want) == MC_OK);
	base_buf_clear(&payload);
}

START_TEST(self_signed)
{
	struct ceremony_cert want = {.profile = MSG_PROFILE_ENVIRONMENT, .key = anchor_key,
	    .lifetime_s = LIFE_S, .issuer_key = anchor_key};
	int64_t before = base_clock_now();

	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &anchor), MC_OK);
	ck_assert_int_eq(cert_view_parse(base_buf_span(&anchor), &anchor_view), MC_OK);
	ck_assert_int_eq(anchor_view.not_after_at - anchor_view.not_before_at,
	    LIFE_S + LIMIT_BACKDATE_S);
	ck_assert_int_ge(anchor_view.not_before_at, before - LIMIT_BACKDATE_S);
	ck_assert_int_le(anchor_view.not_before_at, base_clock_now() - LIMIT_BACKDATE_S);
	ck_assert_uint_eq(anchor_view.serial.ptr[0], config->instance);
	X509 *x509 = parse(base_buf_span(&anchor));
	ck_assert_int_eq(X509_verify(x509, anchor_key), 1);
	X509_free(x509);
	struct expected row = {.cert = base_buf_span(&anchor), .profile = MSG_PROFILE_ENVIRONMENT,
	    .identity = "CN="};
	assert_row(&row);
}
END_TEST

/* An issuer that the ledger does not know certifies nothing. */
START_TEST(not_yet_registered)
{
	EVP_PKEY *key = make_key("P-256");
	struct ceremony_cert want = {.profile = MSG_PROFILE_ISSUING, .key = key,
	    .lifetime_s = 86400, .issuer_key = anchor_key, .issuer = &anchor_view};
	struct base_buf der;

	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_EPOLICY);
	ck_assert_uint_eq(der.len, 0);
	base_buf_clear(&der);
	EVP_PKEY_free(key);
}
END_TEST

/* No certificate outlives its issuer. */
START_TEST(issued)
{
	static const struct {
		int64_t lifetime_s;
		bool clamped;
	} cases[] = {{86400, false}, {LIFE_S + 86400, true}};

	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *key = make_key("P-256");
		struct ceremony_cert want = {.profile = MSG_PROFILE_ISSUING, .key = key,
		    .lifetime_s = cases[i].lifetime_s, .issuer_key = anchor_key,
		    .issuer = &anchor_view};
		struct cert_view view;
		struct base_buf der;

		base_buf_init(&der, LIMIT_CERT);
		ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_OK);
		ck_assert_int_eq(cert_view_parse(base_buf_span(&der), &view), MC_OK);
		if (cases[i].clamped) {
			ck_assert_int_eq(view.not_after_at, anchor_view.not_after_at);
		} else {
			ck_assert_int_eq(view.not_after_at - view.not_before_at,
			    86400 + LIMIT_BACKDATE_S);
		}
		X509 *x509 = parse(base_buf_span(&der));
		ck_assert_int_eq(X509_verify(x509, anchor_key), 1);
		X509_free(x509);
		struct expected row = {.cert = base_buf_span(&der), .profile = MSG_PROFILE_ISSUING,
		    .issuer = base_buf_span(&anchor), .identity = "CN="};
		assert_row(&row);
		base_buf_clear(&der);
		EVP_PKEY_free(key);
	}
}
END_TEST

/* What fails gives nothing. */
START_TEST(not_certified)
{
	struct ceremony_cert want = {.profile = MSG_PROFILE_ENVIRONMENT, .key = anchor_key,
	    .lifetime_s = -LIMIT_BACKDATE_S, .issuer_key = anchor_key};
	struct base_buf der;

	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_EISSUER_LIFE);
	want.lifetime_s = LIFE_S;
	want.profile = MSG_PROFILE_SVID; /* leaves are no ceremony's */
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_EPROFILE);
	want.profile = MSG_PROFILE_ISSUING; /* without an issuer */
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_EPROFILE);
	ck_assert_uint_eq(der.len, 0);
	base_buf_clear(&der);
	base_buf_init(&der, 64);
	want.profile = MSG_PROFILE_ENVIRONMENT;
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_ETOOBIG);
	base_buf_clear(&der);
}
END_TEST

START_TEST(registered)
{
	struct make_ca *foreign = make_ca("P-256", "cluster.local", base_clock_now() + 86400);
	struct base_span cert = base_buf_span(&anchor);

	ck_assert_int_eq(ceremony_register(&ceremony, MSG_PROFILE_ENVIRONMENT,
			     base_span_str("none")), MC_EENCODING);
	ck_assert_int_eq(ceremony_register(&ceremony, MSG_PROFILE_ENVIRONMENT,
			     make_ca_der(foreign)), MC_ENOTFOUND);
	ck_assert_int_eq(ceremony_register(&ceremony, MSG_PROFILE_LINEAGE, cert), MC_EPOLICY);
	ck_assert_int_eq(ceremony_register(&ceremony, MSG_PROFILE_ENVIRONMENT, cert), MC_OK);
	assert_bundle(cert);
	ck_assert_int_eq(ceremony_register(&ceremony, MSG_PROFILE_ENVIRONMENT, cert), MC_OK);
	assert_bundle(cert); /* and not twice */
	make_ca_free(foreign);
}
END_TEST

static int64_t
crl_number(X509_CRL *crl)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	int64_t value = ASN1_INTEGER_get(number);

	ASN1_INTEGER_free(number);
	return value;
}

START_TEST(crls)
{
	EVP_PKEY *other = make_key("P-256");
	struct base_span cert = base_buf_span(&anchor);
	int64_t last = 0;

	ck_assert_int_eq(ceremony_crl(&ceremony, other, cert, 3600), MC_EPROFILE);
	for (int i = 0; i < 2; i++) {
		int64_t before = base_clock_now();
		ck_assert_int_eq(ceremony_crl(&ceremony, anchor_key, cert, 3600), MC_OK);
		int64_t after = base_clock_now();
		X509_CRL *crl = crl_of(cert);
		ck_assert_int_eq(X509_CRL_verify(crl, anchor_key), 1);
		ck_assert_int_gt(crl_number(crl), last);
		last = crl_number(crl);
		const ASN1_TIME *from = X509_CRL_get0_lastUpdate(crl);
		const ASN1_TIME *to = X509_CRL_get0_nextUpdate(crl);
		ck_assert_int_ge(ASN1_TIME_cmp_time_t(from, before - LIMIT_BACKDATE_S), 0);
		ck_assert_int_le(ASN1_TIME_cmp_time_t(from, after - LIMIT_BACKDATE_S), 0);
		ck_assert_int_ge(ASN1_TIME_cmp_time_t(to, before + 3600), 0);
		ck_assert_int_le(ASN1_TIME_cmp_time_t(to, after + 3600), 0);
		X509_CRL_free(crl);
	}
	EVP_PKEY_free(other);
}
END_TEST

/* Without its ledger a ceremony uses no key. */
START_TEST(no_ledger)
{
	struct ceremony_cert want = {.profile = MSG_PROFILE_ENVIRONMENT, .key = anchor_key,
	    .lifetime_s = LIFE_S, .issuer_key = anchor_key};
	struct base_buf der;
	int pair[2];

	base_chan_free(ceremony.ledger);
	ck_assert(base_chan_pair(pair) == MC_OK);
	close(pair[0]);
	ceremony.ledger = base_chan_new(NULL, pair[1], NULL, NULL, NULL);
	base_buf_init(&der, LIMIT_CERT);
	ck_assert_int_eq(ceremony_certify(&ceremony, &want, &der), MC_EPEER);
	ck_assert_uint_eq(der.len, 0);
	ck_assert_int_eq(ceremony_register(&ceremony, MSG_PROFILE_ENVIRONMENT,
			     base_buf_span(&anchor)), MC_EPEER);
	ck_assert_int_eq(ceremony_crl(&ceremony, anchor_key, base_buf_span(&anchor), 3600),
	    MC_EPEER);
	base_buf_clear(&der);
}
END_TEST

START_TEST(tear_down)
{
	bench_close(&ceremony);
	base_buf_clear(&anchor);
	EVP_PKEY_free(anchor_key);
	world_close();
}
END_TEST

CHECK_MAIN("ca_ceremony_ledger", set_up, self_signed, not_yet_registered, registered, issued,
    not_certified, crls, no_ledger, tear_down)

/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates read back: OpenSSL's, field by field; and each way to be none. */
#include "ca/cert_view.h"

#include "ca/der.h"
#include "ca/oid.h"
#include "ca/spki.h"
#include "ca_make.h"
#include "check_main.h"

#define NOW 1795000000 /* 2026-11-18 */

/* A certificate with a knob for each field, in hex; NULL: as it should be. */
struct knobs {
	const char *version;
	const char *serial;
	const char *inner_alg, *outer_alg;
	const char *validity;
	const char *spki;
	const char *subject;
	const char *extensions; /* the extensions themselves */
	const char *after_list; /* in their [3] */
	const char *after_extensions;
	const char *signature;
	const char *after;      /* in the outer SEQUENCE */
	size_t serial_len;      /* instead of serial: so many bytes 0x11 */
	size_t padding;         /* an unknown extension of this many bytes */
	bool no_extensions;
};

static void
hex(struct base_buf *out, const char *text)
{
	for (size_t i = 0; text[i] != 0; i += 2) {
		char two[3] = {text[i], text[i + 1], 0};
		base_buf_append_u8(out, (uint8_t)strtoul(two, NULL, 16));
	}
}

#define OR(knob, usual) hex(out, knobs->knob != NULL ? knobs->knob : (usual))
#define ECDSA_256 "300a06082a8648ce3d040302"
#define ECDSA_384 "300a06082a8648ce3d040303"
#define CN(name_hex) "300f310d300b0603550403" name_hex /* of 4 bytes */

static struct make_public leaf_key;

static void
put_extensions(struct base_buf *out, const struct knobs *knobs)
{
	static const uint8_t zeros[LIMIT_CERT];
	size_t explicit = der_begin(out, DER_CONSTRUCTED(3));
	size_t list = der_begin(out, DER_SEQUENCE);

	OR(extensions, "");
	if (knobs->padding != 0) {
		size_t ext = der_begin(out, DER_SEQUENCE);
		hex(out, "0603550463");
		der_put(out, DER_OCTET_STRING, base_span_of(zeros, knobs->padding));
		der_end(out, ext);
	}
	der_end(out, list);
	OR(after_list, "");
	der_end(out, explicit);
}

static void
put_cert(struct base_buf *out, const struct knobs *knobs)
{
	uint8_t serial[64];
	size_t cert = der_begin(out, DER_SEQUENCE);
	size_t tbs = der_begin(out, DER_SEQUENCE);

	memset(serial, 0x11, sizeof(serial));
	OR(version, "a003020102");
	if (knobs->serial_len != 0) {
		der_put(out, DER_INTEGER, base_span_of(serial, knobs->serial_len));
	} else {
		OR(serial, "02020100");
	}
	OR(inner_alg, ECDSA_256);
	hex(out, CN("0c0474657374"));
	if (knobs->validity != NULL) {
		hex(out, knobs->validity);
	} else {
		size_t validity = der_begin(out, DER_SEQUENCE);
		der_put_time(out, NOW);
		der_put_time(out, NOW + 86400);
		der_end(out, validity);
	}
	OR(subject, "3000");
	if (knobs->spki != NULL) {
		hex(out, knobs->spki);
	} else {
		spki_put(out, leaf_key.alg, leaf_key.key);
	}
	if (!knobs->no_extensions) {
		put_extensions(out, knobs);
	}
	OR(after_extensions, "");
	der_end(out, tbs);
	OR(outer_alg, ECDSA_256);
	OR(signature, "03020001");
	OR(after, "");
	der_end(out, cert);
}

static struct base_buf bytes; /* of the last one: views point into it */
static struct cert_view view;

static enum mc_err
read_cert(const struct knobs *knobs)
{
	base_buf_reset(&bytes);
	put_cert(&bytes, knobs);
	ck_assert(!base_buf_failed(&bytes));
	memset(&view, 0x5a, sizeof(view));
	const struct cert_view before = view;
	enum mc_err ret = cert_view_parse(base_buf_span(&bytes), &view);
	if (ret != MC_OK) {
		ck_assert_int_eq(ret, MC_EENCODING);
		ck_assert_mem_eq(&view, &before, sizeof(view)); /* untouched */
	}
	return ret;
}

#define READ(code, ...) \
	ck_assert_int_eq(read_cert(&(const struct knobs){__VA_ARGS__}), code)
#define REFUSED(...) READ(MC_EENCODING, __VA_ARGS__)

static void
open_keys(void)
{
	EVP_PKEY *key = make_key("P-256");

	leaf_key = make_public(key);
	EVP_PKEY_free(key);
	base_buf_init(&bytes, 1 << 16);
}

static void
close_keys(void)
{
	make_public_free(&leaf_key);
	base_buf_clear(&bytes);
}

/* An issuing CA by OpenSSL, and what OpenSSL says of it. */
START_TEST(test_of_openssl)
{
	struct make_ca *ca = make_ca("RSA", "cluster.local", NOW + 86400);
	struct base_span der = make_ca_der(ca);
	struct make_public pub = make_public(ca->key);
	static const uint8_t uri[] = "spiffe://cluster.local";

	ck_assert_int_eq(cert_view_parse(der, &view), MC_OK);
	ck_assert(base_span_equal(view.whole, der));
	ck_assert(base_span_equal(view.serial, base_span_of("\x4d", 1)));
	ck_assert(base_span_equal(view.issuer, view.subject));
	ck_assert_int_eq(view.not_before_at, NOW - 99 * 86400);
	ck_assert_int_eq(view.not_after_at, NOW + 86400);
	ck_assert_int_eq(view.key_alg, MSG_KEY_RSA);
	ck_assert(base_span_equal(view.key, pub.key));
	ck_assert(view.ca && !view.server_auth && !view.client_auth);
	ck_assert_uint_eq(view.key_usage, CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN);
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(ca->cert);
	ck_assert(base_span_equal(view.key_id, base_span_of(ASN1_STRING_get0_data(id),
						   (size_t)ASN1_STRING_length(id))));
	ck_assert_uint_eq(view.issuer_key_id.len, 0);
	ck_assert_uint_eq(view.san.len, 2 + sizeof(uri) - 1);
	ck_assert_mem_eq(view.san.ptr + 2, uri, sizeof(uri) - 1);
	const ASN1_BIT_STRING *signature;
	X509_get0_signature(&signature, NULL, ca->cert);
	ck_assert(base_span_equal(view.signature,
	    base_span_of(ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature))));
	unsigned char *tbs = NULL;
	int len = i2d_re_X509_tbs(ca->cert, &tbs);
	ck_assert(base_span_equal(view.tbs, base_span_of(tbs, (size_t)len)));
	OPENSSL_free(tbs);
	/* cut anywhere, or with a byte more, it is none */
	for (size_t cut = 0; cut < der.len; cut++) {
		uint8_t *exact = malloc(cut + 1);
		memcpy(exact, der.ptr, cut);
		ck_assert_int_eq(cert_view_parse(base_span_of(exact, cut), &view), MC_EENCODING);
		free(exact);
	}
	uint8_t *more = calloc(1, der.len + 1);
	memcpy(more, der.ptr, der.len);
	ck_assert_int_eq(cert_view_parse(base_span_of(more, der.len + 1), &view), MC_EENCODING);
	free(more);
	make_public_free(&pub);
	make_ca_free(ca);
}
END_TEST

START_TEST(test_fields)
{
	open_keys();
	READ(MC_OK, .version = NULL);
	ck_assert_uint_eq(view.key_usage, 0);
	ck_assert(!view.ca && view.key_id.len == 0 && view.san.len == 0);
	ck_assert(base_span_equal(view.serial, base_span_of("\x01\x00", 2)));
	ck_assert_uint_eq(view.issuer.len, 17);
	ck_assert(base_span_equal(view.subject, base_span_of("\x30\x00", 2)));

	REFUSED(.version = "");               /* v1 */
	REFUSED(.version = "a003020101");     /* v2 */
	REFUSED(.version = "a003020103");
	REFUSED(.version = "a0060201020201" "02");
	READ(MC_OK, .serial = "02020080");
	ck_assert(base_span_equal(view.serial, base_span_of("\x80", 1))); /* no sign byte */
	REFUSED(.serial = "020180");          /* negative */
	REFUSED(.serial = "02020001");        /* not minimal */
	REFUSED(.serial = "0200");
	READ(MC_OK, .serial_len = LIMIT_SERIAL);
	ck_assert_uint_eq(view.serial.len, LIMIT_SERIAL);
	REFUSED(.serial_len = LIMIT_SERIAL + 1);
	REFUSED(.inner_alg = ECDSA_384);
	REFUSED(.outer_alg = ECDSA_384);
	READ(MC_OK, .inner_alg = ECDSA_384, .outer_alg = ECDSA_384);
	REFUSED(.validity = "3000");
	REFUSED(.validity = "301e170d3236313131383030303030305a170d323631313138303030303030");
	/* a third time */
	REFUSED(.validity = "302d170d3236313131383030303030305a170d3236313131393030303030305a"
			    "170d3236313131393030303030305a");
	REFUSED(.spki = "3000");
	REFUSED(.spki = "302a300506032b6570032100" /* Ed25519 */
			"0000000000000000000000000000000000000000000000000000000000000000");
	REFUSED(.no_extensions = true);
	REFUSED(.after_list = "0500");
	REFUSED(.after_extensions = "0500");
	REFUSED(.signature = "03020101");     /* one bit left out */
	REFUSED(.signature = "");
	REFUSED(.after = "0500");
	REFUSED(.subject = "0500");
	close_keys();
}
END_TEST

#define USAGE "300b0603551d0f0404030205a0"

START_TEST(test_extensions)
{
	open_keys();
	READ(MC_OK, .extensions = "300f0603551d130101ff040530030101ff");
	ck_assert(view.ca);
	READ(MC_OK, .extensions = "30090603551d1304023000");
	ck_assert(!view.ca);
	READ(MC_OK, .extensions = "300f0603551d13040830060101ff020100");
	ck_assert(view.ca);
	REFUSED(.extensions = "300c0603551d13040530030101" "00"); /* FALSE written out */
	REFUSED(.extensions = "300c0603551d13040530030101" "01"); /* neither */
	REFUSED(.extensions = "300f0603551d1304083006" "0101ff" "020180"); /* path length -128 */
	REFUSED(.extensions = "30110603551d13040a3008" "0101ff" "020100" "0500");
	REFUSED(.extensions = "300b0603551d1304043000" "0500");

	READ(MC_OK, .extensions = USAGE);
	ck_assert_uint_eq(view.key_usage, CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT);
	REFUSED(.extensions = USAGE USAGE); /* twice */
	REFUSED(.extensions = "300d0603551d0f0406030205a00500");
	REFUSED(.extensions = "300b0603551d0f0404030200a0"); /* bits at the end that are not there */

	READ(MC_OK, .extensions = "301d0603551d250416301406082b0601050507030106082b06010505070302");
	ck_assert(view.server_auth && view.client_auth);
	READ(MC_OK, .extensions = "30130603551d25040c300a06082b06010505070302");
	ck_assert(!view.server_auth && view.client_auth);
	READ(MC_OK, .extensions = "30130603551d25040c300a06082b06010505070301");
	ck_assert(view.server_auth && !view.client_auth);
	READ(MC_OK, .extensions = "30130603551d25040c300a06082b06010505070303"); /* code signing */
	ck_assert(!view.server_auth && !view.client_auth);
	REFUSED(.extensions = "300b0603551d25040430020500");

	READ(MC_OK, .extensions = "300c0603551d110405300382" "0161");
	ck_assert(base_span_equal(view.san, base_span_of("\x82\x01\x61", 3)));
	REFUSED(.extensions = "30090603551d1104023000"); /* no name */
	READ(MC_OK, .extensions = "300b0603551d0e040404020102");
	ck_assert(base_span_equal(view.key_id, base_span_of("\x01\x02", 2)));
	REFUSED(.extensions = "30090603551d0e04020400");
	READ(MC_OK, .extensions = "300d0603551d23040630048002" "0304");
	ck_assert(base_span_equal(view.issuer_key_id, base_span_of("\x03\x04", 2)));
	/* with an issuer's name and serial beside it */
	REFUSED(.extensions = "30100603551d230409300780020304820105");

	/* what we never issue: skipped, but not where it is critical */
	READ(MC_OK, .extensions = "30090603551d1e04023000");
	REFUSED(.extensions = "300c0603551d1e0101ff04023000");
	REFUSED(.extensions = "300c0603551d1e01010004023000"); /* FALSE written out */
	REFUSED(.extensions = "300b0603551d1e040230000500");
	REFUSED(.extensions = "30070603551d1e0500");
	REFUSED(.extensions = "0500");
	REFUSED(.extensions = "0000");
	close_keys();
}
END_TEST

START_TEST(test_limit)
{
	size_t padding = LIMIT_CERT - 300; /* so that all lengths have their final width */

	open_keys();
	READ(MC_OK, .padding = padding);
	padding += LIMIT_CERT - bytes.len;
	READ(MC_OK, .padding = padding);
	ck_assert_uint_eq(bytes.len, LIMIT_CERT);
	REFUSED(.padding = padding + 1);
	close_keys();
}
END_TEST

START_TEST(test_cn)
{
	static const char *const NONE[] = {
	    "3000",
	    "300f310d300b060355040a0c0474657374",                               /* O */
	    "301e310d300b06035504030c0474657374310d300b06035504030c0474657374", /* two RDNs */
	    "301c311a300b06035504030c0474657374300b06035504030c0474657374",     /* two in one */
	    "3011310f300d06035504030c04746573740500",
	    "3009310730050603550403",
	};

	open_keys();
	READ(MC_OK, .subject = CN("0c0474657374"));
	ck_assert(base_span_equal_str(cert_view_cn(&view), "test"));
	READ(MC_OK, .subject = CN("130474657374"));
	ck_assert(base_span_equal_str(cert_view_cn(&view), "test"));
	for (size_t i = 0; i < sizeof(NONE) / sizeof(NONE[0]); i++) {
		READ(MC_OK, .subject = NONE[i]);
		ck_assert_msg(cert_view_cn(&view).len == 0, "%zu", i);
	}
	close_keys();
}
END_TEST

CHECK_MAIN("ca_cert_view", test_of_openssl, test_fields, test_extensions, test_limit, test_cn)

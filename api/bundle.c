/* SPDX-License-Identifier: Apache-2.0 */
#include "api/bundle.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/rd.h"
#include "ca/der.h"

static bool
next_anchor(struct base_rd *rd, struct base_span *out)
{
	uint32_t len;

	if (rd->left == 0 || rd->failed) {
		return false;
	}
	len = base_rd_le32(rd);
	*out = base_rd_bytes(rd, len);
	return !rd->failed;
}

enum mc_err
bundle_pem(const struct msg_bundle_ans *bundle, struct base_buf *out)
{
	struct base_rd rd;
	struct base_span der;

	base_rd_init(&rd, bundle->anchors);
	while (next_anchor(&rd, &der)) {
		base_enc_pem(out, "CERTIFICATE", der);
	}
	if (!base_rd_done(&rd)) {
		return MC_FAIL(MC_EFRAME, "a bundle's anchors are malformed");
	}
	return MC_OK;
}

/* The subjectPublicKeyInfo of a certificate (RFC 5280 4.1): algorithm OID, named curve's OID (empty for
 * RSA), and the bits. */
static bool
find_key(struct base_span cert, struct base_span *algorithm, struct base_span *curve,
    struct base_span *bits)
{
	struct der_rd top, outer, tbs, spki, alg;
	struct der_tlv tlv;

	der_rd_init(&top, cert);
	if (!der_rd_enter(&top, DER_SEQUENCE, &outer) || !der_rd_enter(&outer, DER_SEQUENCE, &tbs) ||
	    !der_rd_take(&tbs, DER_CONSTRUCTED(0), &tlv) || !der_rd_take(&tbs, DER_INTEGER, &tlv)) {
		return false;
	}
	/* signature, issuer, validity, subject */
	for (int i = 0; i < 4; i++) {
		if (!der_rd_take(&tbs, DER_SEQUENCE, &tlv)) {
			return false;
		}
	}
	if (!der_rd_enter(&tbs, DER_SEQUENCE, &spki) || !der_rd_enter(&spki, DER_SEQUENCE, &alg) ||
	    !der_rd_take(&alg, DER_OID, &tlv)) {
		return false;
	}
	*algorithm = tlv.body;
	*curve = base_span_of(NULL, 0);
	if (der_rd_peek(&alg) == DER_OID && der_rd_take(&alg, DER_OID, &tlv)) {
		*curve = tlv.body;
	}
	return der_rd_bits(&spki, bits);
}

static void
set_b64url(json_t *jwk, const char *name, struct base_span bytes)
{
	struct base_buf text;

	base_buf_init(&text, 2 * LIMIT_FRAME);
	base_enc_b64url(&text, bytes);
	(void)json_object_set_new(jwk, name, json_stringn((const char *)text.ptr, text.len));
	base_buf_clear(&text);
}

/* RFC 7518 6.3.1: modulus and exponent, big-endian without leading zeros. */
static bool
set_rsa(json_t *jwk, struct base_span bits)
{
	struct der_rd top, key;
	struct base_span n, e;

	der_rd_init(&top, bits);
	if (!der_rd_enter(&top, DER_SEQUENCE, &key) || !der_rd_uint(&key, &n) ||
	    !der_rd_uint(&key, &e)) {
		return false;
	}
	(void)json_object_set_new(jwk, "kty", json_string("RSA"));
	set_b64url(jwk, "n", n);
	set_b64url(jwk, "e", e);
	return true;
}

/* RFC 7518 6.2.1: the coordinates, each as long as the field. */
static bool
set_ec(json_t *jwk, const char *curve, size_t field_len, struct base_span bits)
{
	if (bits.len != 1 + 2 * field_len || bits.ptr[0] != 4) {
		return false;
	}
	(void)json_object_set_new(jwk, "kty", json_string("EC"));
	(void)json_object_set_new(jwk, "crv", json_string(curve));
	set_b64url(jwk, "x", base_span_of(bits.ptr + 1, field_len));
	set_b64url(jwk, "y", base_span_of(bits.ptr + 1 + field_len, field_len));
	return true;
}

static bool
set_key(json_t *jwk, struct base_span cert)
{
	static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	static const uint8_t ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	static const uint8_t p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
	struct base_span algorithm, curve, bits;

	if (!find_key(cert, &algorithm, &curve, &bits)) {
		return false;
	}
	if (base_span_equal(algorithm, base_span_of(rsa, sizeof(rsa)))) {
		return set_rsa(jwk, bits);
	}
	if (!base_span_equal(algorithm, base_span_of(ec, sizeof(ec)))) {
		return false;
	}
	if (base_span_equal(curve, base_span_of(p256, sizeof(p256)))) {
		return set_ec(jwk, "P-256", 32, bits);
	}
	if (base_span_equal(curve, base_span_of(p384, sizeof(p384)))) {
		return set_ec(jwk, "P-384", 48, bits);
	}
	return false;
}

static json_t *
jwk_of(struct base_span cert)
{
	json_t *jwk = json_pack("{s:s}", "use", "x509-svid");
	struct base_buf text;

	if (!set_key(jwk, cert)) {
		json_decref(jwk);
		return NULL;
	}
	base_buf_init(&text, 2 * LIMIT_FRAME);
	base_enc_b64(&text, cert);
	(void)json_object_set_new(jwk, "x5c",
	    json_pack("[s#]", (const char *)text.ptr, (int)text.len));
	base_buf_clear(&text);
	return jwk;
}

enum mc_err
bundle_spiffe(const struct msg_bundle_ans *bundle, struct base_buf *out)
{
	enum mc_err ret = MC_EINTERNAL;
	json_t *keys = json_array();
	json_t *root = json_pack("{s:O, s:I, s:i}", "keys", keys, "spiffe_sequence",
	    (json_int_t)bundle->sequence, "spiffe_refresh_hint", BUNDLE_REFRESH_HINT_S);
	struct base_span der;
	struct base_rd rd;
	char *text = NULL;

	base_rd_init(&rd, bundle->anchors);
	while (next_anchor(&rd, &der)) {
		json_t *jwk = jwk_of(der);

		if (jwk == NULL) {
			ret = MC_FAIL(MC_EENCODING, "an anchor's public key has no JWK form");
			goto out;
		}
		(void)json_array_append_new(keys, jwk);
	}
	if (!base_rd_done(&rd)) {
		ret = MC_FAIL(MC_EFRAME, "a bundle's anchors are malformed");
		goto out;
	}
	text = json_dumps(root, JSON_COMPACT);
	if (text == NULL) {
		goto out;
	}
	base_buf_append_str(out, text);
	base_buf_append_u8(out, '\n');
	ret = MC_OK;
out:
	free(text);
	json_decref(keys);
	json_decref(root);
	return ret;
}

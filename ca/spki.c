/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/oid.h"
#include "ca/spki.h"

#define POINT_P256 65
#define POINT_P384 97

static const struct base_span exponent = {(const uint8_t *)"\x01\x00\x01", 3};

static void
put_rsa_key(struct base_buf *out, struct base_span modulus)
{
	size_t mark = der_begin(out, DER_SEQUENCE);

	der_put_uint(out, modulus);
	der_put_uint(out, exponent);
	der_end(out, mark);
}

void
spki_put_key_bits(struct base_buf *out, enum msg_key_alg alg, struct base_span key)
{
	if (alg == MSG_KEY_RSA) {
		put_rsa_key(out, key);
	} else {
		base_buf_append_span(out, key);
	}
}

void
spki_put(struct base_buf *out, enum msg_key_alg alg, struct base_span key)
{
	size_t spki = der_begin(out, DER_SEQUENCE);
	size_t algorithm = der_begin(out, DER_SEQUENCE);

	if (alg == MSG_KEY_RSA) {
		der_put(out, DER_OID, oid_rsa);
		der_put_null(out);
	} else {
		der_put(out, DER_OID, oid_ec_public_key);
		der_put(out, DER_OID, alg == MSG_KEY_P384 ? oid_p384 : oid_p256);
	}
	der_end(out, algorithm);
	size_t bits = der_begin(out, DER_BIT_STRING);
	base_buf_append_u8(out, 0);
	spki_put_key_bits(out, alg, key);
	der_end(out, bits);
	der_end(out, spki);
}

static enum mc_err
parse_ec(struct der_rd *algorithm, struct base_span bits, enum msg_key_alg *alg,
    struct base_span *key)
{
	struct base_span curve;
	enum msg_key_alg found = MSG_KEY_INVALID;

	if (!der_rd_oid(algorithm, &curve)) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "the EC key's curve is not a named one");
	}
	if (base_span_equal(curve, oid_p256)) {
		found = MSG_KEY_P256;
	} else if (base_span_equal(curve, oid_p384)) {
		found = MSG_KEY_P384;
	} else {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "the EC curve is neither P-256 nor P-384");
	}
	if (bits.len != (found == MSG_KEY_P256 ? POINT_P256 : POINT_P384) ||
	    bits.ptr[0] != 4) {
		return MC_FAIL(MC_ECSR_DER, "the EC point is not in uncompressed form");
	}
	*alg = found;
	*key = bits;
	return MC_OK;
}

static enum mc_err
parse_rsa(struct der_rd *algorithm, struct base_span bits, enum msg_key_alg *alg,
    struct base_span *key)
{
	struct der_rd rd, rsa;
	struct der_tlv null;
	struct base_span modulus, e;

	/* RFC 3279 2.3.1: the parameters are NULL */
	if (!der_rd_take(algorithm, DER_NULL, &null) || null.body.len != 0) {
		return MC_FAIL(MC_ECSR_DER, "RSA parameters are not NULL");
	}
	der_rd_init(&rd, bits);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &rsa) || !der_rd_done(&rd) ||
	    !der_rd_uint(&rsa, &modulus) || !der_rd_uint(&rsa, &e) || !der_rd_done(&rsa)) {
		return MC_FAIL(MC_ECSR_DER, "the RSA key is malformed");
	}
	if (modulus.len > LIMIT_RSA_BYTES) {
		return MC_FAIL(MC_ECSR_KEY_SIZE, "RSA keys may have 2048 to 4096 bits");
	}
	if (!base_span_equal(e, exponent)) {
		return MC_FAIL(MC_ECSR_KEY_WEAK, "the RSA exponent is not 65537");
	}
	*alg = MSG_KEY_RSA;
	*key = modulus;
	return MC_OK;
}

enum mc_err
spki_parse(struct der_rd *rd, enum msg_key_alg *alg, struct base_span *key)
{
	struct der_rd spki, algorithm;
	struct base_span oid;
	struct base_span bits;
	enum msg_key_alg found_alg = MSG_KEY_INVALID;
	struct base_span found_key = {NULL, 0};
	enum mc_err ret;

	if (!der_rd_enter(rd, DER_SEQUENCE, &spki) ||
	    !der_rd_enter(&spki, DER_SEQUENCE, &algorithm) ||
	    !der_rd_oid(&algorithm, &oid) || !der_rd_bits(&spki, &bits) ||
	    !der_rd_done(&spki)) {
		return MC_FAIL(MC_ECSR_DER, "the SubjectPublicKeyInfo is malformed");
	}
	if (base_span_equal(oid, oid_ec_public_key)) {
		ret = parse_ec(&algorithm, bits, &found_alg, &found_key);
	} else if (base_span_equal(oid, oid_rsa)) {
		ret = parse_rsa(&algorithm, bits, &found_alg, &found_key);
	} else {
		char text[64];
		der_oid_text(oid, text, sizeof(text));
		return MC_FAIL(MC_ECSR_KEY_TYPE, "key algorithm %s", text);
	}
	if (ret != MC_OK) {
		return ret;
	}
	if (!der_rd_done(&algorithm)) {
		return MC_FAIL(MC_ECSR_DER, "bytes follow the key's parameters");
	}
	*alg = found_alg;
	*key = found_key;
	return MC_OK;
}

static struct base_span
signature_oid(enum msg_key_alg alg)
{
	if (alg == MSG_KEY_RSA) {
		return oid_sha256_with_rsa;
	}
	return alg == MSG_KEY_P384 ? oid_ecdsa_sha384 : oid_ecdsa_sha256;
}

void
spki_put_signature_alg(struct base_buf *out, enum msg_key_alg alg)
{
	size_t mark = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, signature_oid(alg));
	if (alg == MSG_KEY_RSA) { /* RFC 4055 section 5: NULL; RFC 5758 3.2: absent */
		der_put_null(out);
	}
	der_end(out, mark);
}

bool
spki_signature_alg_matches(struct der_rd *rd, enum msg_key_alg alg)
{
	struct der_rd algorithm;
	struct base_span oid;
	struct der_tlv null;

	if (!der_rd_enter(rd, DER_SEQUENCE, &algorithm) ||
	    !der_rd_oid(&algorithm, &oid) ||
	    !base_span_equal(oid, signature_oid(alg))) {
		return false;
	}
	if (alg == MSG_KEY_RSA &&
	    (!der_rd_take(&algorithm, DER_NULL, &null) || null.body.len != 0)) {
		return false;
	}
	return der_rd_done(&algorithm);
}

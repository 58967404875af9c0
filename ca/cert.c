/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/crypto.h"
#include "ca/cert.h"
#include "ca/der.h"
#include "ca/oid.h"
#include "ca/spki.h"

#define KEY_BITS_MAX (LIMIT_KEY_BYTES + 64)

enum names { NAMES_INVALID = 0, NAMES_URI, NAMES_DNS, NAMES_CN };

struct profile {
	enum msg_profile id;
	enum names names;
	bool server_auth;
	bool client_auth;
};

static const struct profile profiles[] = {
    /* X509-SVID 4.4: both purposes */
    {MSG_PROFILE_SVID, NAMES_URI, true, true},
    {MSG_PROFILE_SERVER, NAMES_DNS, true, false},
    {MSG_PROFILE_CLIENT, NAMES_CN, false, true},
};

static const struct profile *
profile_find(enum msg_profile id)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (profiles[i].id == id) {
			return &profiles[i];
		}
	}
	return NULL;
}

void
cert_serial_make(uint8_t instance, uint8_t serial[CERT_SERIAL_LEN])
{
	uint64_t ms = (uint64_t)(base_clock_now_us() / 1000);
	size_t at = 0;

	serial[at++] = instance;
	for (unsigned shift = 8 * CERT_SERIAL_TIME_LEN; shift > 0; shift -= 8) {
		serial[at++] = (uint8_t)(ms >> (shift - 8));
	}
	base_crypto_nonce(serial + at, CERT_SERIAL_LEN - at);
}

void
cert_key_id(enum msg_key_alg alg, struct base_span key, uint8_t id[CERT_KEY_ID_LEN])
{
	uint8_t digest[BASE_SHA256_LEN];
	struct base_buf bits;

	if (alg != MSG_KEY_RSA) {
		base_crypto_sha256(key, digest);
	} else {
		base_buf_init(&bits, KEY_BITS_MAX);
		spki_put_key_bits(&bits, alg, key);
		base_crypto_sha256(base_buf_span(&bits), digest);
		base_buf_clear(&bits);
	}
	for (size_t i = 0; i < CERT_KEY_ID_LEN; i++) {
		id[i] = digest[i];
	}
}

static bool
is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
cert_dns_valid(struct base_span name)
{
	size_t label = 0;
	bool letter = false; /* in the last label */

	if (name.len == 0 || name.len > LIMIT_DNS_NAME) {
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		if (c == '.') {
			if (label == 0 || name.ptr[i - 1] == '-') {
				return false;
			}
			label = 0;
			letter = false;
			continue;
		}
		if ((!is_alnum(c) && (c != '-' || label == 0)) || ++label > 63) {
			return false;
		}
		letter |= c >= 'a' && c <= 'z';
	}
	return label != 0 && name.ptr[name.len - 1] != '-' && letter;
}

bool
cert_user_name_valid(struct base_span name)
{
	if (name.len == 0 || name.len > LIMIT_USER_NAME || !is_alnum(name.ptr[0])) {
		return false;
	}
	for (size_t i = 1; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		if (!is_alnum(c) && c != '.' && c != '_' && c != '-') {
			return false;
		}
	}
	return true;
}

/* Only the fields of the leaf's own profile may be set: a mixed one is a caller's bug that
 * must not become a certificate. */
static enum mc_err
check_names(const struct cert_leaf *leaf, enum names names)
{
	bool has_id = leaf->id.trust_domain.len + leaf->id.ns.len + leaf->id.sa.len != 0;

	if ((names != NAMES_URI && has_id) || (names != NAMES_DNS && leaf->dns_count != 0) ||
	    (names != NAMES_CN && leaf->name.len != 0)) {
		return MC_FAIL(MC_EPROFILE, "a %s certificate with another profile's names",
		    msg_profile_name(leaf->profile));
	}
	if (names == NAMES_DNS && (leaf->dns_count == 0 || leaf->dns_count > LIMIT_DNS_NAMES)) {
		return MC_FAIL(MC_EIDENTITY, "%zu DNS names where 1 to %d may be",
		    leaf->dns_count, LIMIT_DNS_NAMES);
	}
	for (size_t i = 0; i < leaf->dns_count; i++) {
		if (!cert_dns_valid(leaf->dns[i])) {
			return MC_FAIL(MC_EIDENTITY, "DNS name number %zu is not one", i + 1);
		}
	}
	if (names == NAMES_CN && !cert_user_name_valid(leaf->name)) {
		return MC_FAIL(MC_EIDENTITY, "a person's name is 1 to %d of [a-z0-9._-]",
		    LIMIT_USER_NAME);
	}
	return MC_OK;
}

static enum mc_err
check_frame(const struct cert_leaf *leaf, const struct cert_view *issuer)
{
	if (leaf->serial.len != CERT_SERIAL_LEN || leaf->serial.ptr[0] == 0 ||
	    leaf->serial.ptr[0] > 0x7f) {
		return MC_FAIL(MC_EPROFILE, "the serial number has not our form");
	}
	if (!issuer->ca || (issuer->key_usage & CERT_KU_CERT_SIGN) == 0 ||
	    issuer->key_id.len == 0) {
		return MC_FAIL(MC_EPROFILE, "the issuer is not a CA");
	}
	if (leaf->not_before_at >= leaf->not_after_at ||
	    leaf->not_after_at > issuer->not_after_at) {
		return MC_FAIL(MC_EISSUER_LIFE, "the life would not be inside the issuer's");
	}
	return MC_OK;
}

static size_t
ext_begin(struct base_buf *out, struct base_span oid, bool critical, size_t *value)
{
	size_t ext = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, oid);
	if (critical) {
		der_put_true(out);
	}
	*value = der_begin(out, DER_OCTET_STRING);
	return ext;
}

static void
ext_end(struct base_buf *out, size_t ext, size_t value)
{
	der_end(out, value);
	der_end(out, ext);
}

static enum mc_err
put_san(struct base_buf *out, const struct cert_leaf *leaf)
{
	size_t value;
	/* RFC 5280 4.2.1.6: critical, because the subject is empty */
	size_t ext = ext_begin(out, oid_subject_alt_name, true, &value);
	size_t names = der_begin(out, DER_SEQUENCE);

	if (leaf->profile == MSG_PROFILE_SVID) {
		size_t uri = der_begin(out, DER_CONTEXT(6));
		enum mc_err ret = spiffe_id_make(&leaf->id, out);
		if (ret != MC_OK) {
			return ret;
		}
		der_end(out, uri);
	}
	for (size_t i = 0; i < leaf->dns_count; i++) {
		der_put(out, DER_CONTEXT(2), leaf->dns[i]);
	}
	der_end(out, names);
	ext_end(out, ext, value);
	return MC_OK;
}

static void
put_usage(struct base_buf *out, const struct profile *profile, enum msg_key_alg alg)
{
	unsigned usage = CERT_KU_DIGITAL_SIGNATURE;
	size_t value;

	if (alg == MSG_KEY_RSA) { /* RFC 8017 keys may also transport keys, in TLS 1.2 */
		usage |= CERT_KU_KEY_ENCIPHERMENT;
	}
	size_t ext = ext_begin(out, oid_key_usage, true, &value);
	der_put_named_bits(out, usage);
	ext_end(out, ext, value);

	ext = ext_begin(out, oid_ext_key_usage, false, &value);
	size_t purposes = der_begin(out, DER_SEQUENCE);
	if (profile->server_auth) {
		der_put(out, DER_OID, oid_server_auth);
	}
	if (profile->client_auth) {
		der_put(out, DER_OID, oid_client_auth);
	}
	der_end(out, purposes);
	ext_end(out, ext, value);

	ext = ext_begin(out, oid_basic_constraints, true, &value);
	der_end(out, der_begin(out, DER_SEQUENCE)); /* cA FALSE is the default */
	ext_end(out, ext, value);
}

static void
put_key_ids(struct base_buf *out, const struct cert_leaf *leaf,
    const struct cert_view *issuer)
{
	uint8_t id[CERT_KEY_ID_LEN];
	size_t value;

	cert_key_id(leaf->key_alg, leaf->key, id);
	size_t ext = ext_begin(out, oid_subject_key_id, false, &value);
	der_put(out, DER_OCTET_STRING, base_span_of(id, sizeof(id)));
	ext_end(out, ext, value);

	ext = ext_begin(out, oid_authority_key_id, false, &value);
	size_t fields = der_begin(out, DER_SEQUENCE);
	der_put(out, DER_CONTEXT(0), issuer->key_id);
	der_end(out, fields);
	ext_end(out, ext, value);
}

static enum mc_err
put_extensions(struct base_buf *out, const struct cert_leaf *leaf,
    const struct profile *profile, const struct cert_view *issuer)
{
	size_t explicit = der_begin(out, DER_CONSTRUCTED(3));
	size_t list = der_begin(out, DER_SEQUENCE);

	if (profile->names != NAMES_CN) {
		enum mc_err ret = put_san(out, leaf);
		if (ret != MC_OK) {
			return ret;
		}
	}
	put_usage(out, profile, leaf->key_alg);
	put_key_ids(out, leaf, issuer);
	der_end(out, list);
	der_end(out, explicit);
	return MC_OK;
}

static void
put_subject(struct base_buf *out, const struct cert_leaf *leaf)
{
	size_t name = der_begin(out, DER_SEQUENCE);

	if (leaf->name.len != 0) {
		size_t rdn = der_begin(out, DER_SET);
		size_t attr = der_begin(out, DER_SEQUENCE);
		der_put(out, DER_OID, oid_common_name);
		der_put(out, DER_UTF8_STRING, leaf->name);
		der_end(out, attr);
		der_end(out, rdn);
	}
	der_end(out, name);
}

enum mc_err
cert_leaf_build(const struct cert_leaf *leaf, const struct cert_view *issuer,
    struct base_buf *out, uint8_t spki_sha256[32])
{
	const struct profile *profile = profile_find(leaf->profile);

	if (profile == NULL) {
		return MC_FAIL(MC_EPROFILE, "profile %d is not one of a leaf",
		    (int)leaf->profile);
	}
	enum mc_err ret = check_names(leaf, profile->names);
	if (ret == MC_OK) {
		ret = check_frame(leaf, issuer);
	}
	if (ret != MC_OK) {
		return ret;
	}
	size_t tbs = der_begin(out, DER_SEQUENCE);
	size_t version = der_begin(out, DER_CONSTRUCTED(0));
	der_put_u64(out, 2); /* v3 */
	der_end(out, version);
	der_put_uint(out, leaf->serial);
	spki_put_signature_alg(out, issuer->key_alg);
	base_buf_append_span(out, issuer->subject); /* byte for byte */
	size_t validity = der_begin(out, DER_SEQUENCE);
	der_put_time(out, leaf->not_before_at);
	der_put_time(out, leaf->not_after_at);
	der_end(out, validity);
	put_subject(out, leaf);
	size_t spki = out->len;
	spki_put(out, leaf->key_alg, leaf->key);
	if (!base_buf_failed(out)) {
		base_crypto_sha256(base_span_of(out->ptr + spki, out->len - spki),
		    spki_sha256);
	}
	ret = put_extensions(out, leaf, profile, issuer);
	if (ret != MC_OK) {
		return ret;
	}
	der_end(out, tbs);
	return base_buf_failed(out) ? MC_FAIL(MC_ETOOBIG, "the certificate is too big")
				    : MC_OK;
}

void
cert_join(struct base_span tbs, struct base_span tail, struct base_buf *out)
{
	der_put_header(out, DER_SEQUENCE, tbs.len + tail.len);
	base_buf_append_span(out, tbs);
	base_buf_append_span(out, tail);
}

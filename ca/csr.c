/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "ca/csr.h"
#include "ca/der.h"
#include "ca/key.h"
#include "ca/oid.h"
#include "ca/spki.h"

/* --- scan --- */

static enum mc_err
bad_der(const char *what)
{
	return MC_FAIL(MC_ECSR_DER, "%s", what);
}

static void
note_unknown(struct csr *csr, struct base_span oid)
{
	if (csr->unknown.len == 0) {
		csr->unknown = oid;
	}
}

static void
classify_only_attribute(struct csr *csr, struct base_span type, const struct der_tlv *value)
{
	if (value->tag != DER_PRINTABLE_STRING && value->tag != DER_UTF8_STRING) {
		return;
	}
	if (base_span_equal(type, oid_organization) && value->body.len == 0) {
		csr->subject = CSR_SUBJECT_EMPTY_O;
	} else if (base_span_equal(type, oid_common_name)) {
		csr->subject = CSR_SUBJECT_CN;
		csr->cn = value->body;
	}
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { OID, value } (RFC 5280 4.1.2.4). What is
 * neither empty nor one RDN with one O or CN is only classified: csr_check() refuses it. */
static enum mc_err
scan_subject(struct der_rd *info, struct csr *csr)
{
	struct der_rd name, rdn, attr;
	struct base_span oid;
	struct der_tlv value;

	if (!der_rd_enter(info, DER_SEQUENCE, &name)) {
		return bad_der("the subject is not a Name");
	}
	csr->subject = CSR_SUBJECT_EMPTY;
	while (der_rd_peek(&name) != 0) {
		bool first = csr->subject == CSR_SUBJECT_EMPTY;
		csr->subject = CSR_SUBJECT_OTHER;
		if (!der_rd_enter(&name, DER_SET, &rdn) || der_rd_peek(&rdn) == 0) {
			return bad_der("the subject is not a Name");
		}
		while (der_rd_peek(&rdn) != 0) {
			if (!der_rd_enter(&rdn, DER_SEQUENCE, &attr) ||
			    !der_rd_oid(&attr, &oid) || !der_rd_next(&attr, &value) ||
			    !der_rd_done(&attr)) {
				return bad_der("the subject is not a Name");
			}
			if (first && der_rd_peek(&rdn) == 0) {
				classify_only_attribute(csr, oid, &value);
			}
			first = false;
		}
		if (!der_rd_done(&rdn)) {
			return bad_der("the subject is not a Name");
		}
	}
	return der_rd_done(&name) ? MC_OK : bad_der("the subject is not a Name");
}

/* GeneralNames (RFC 5280 4.2.1.6). */
static enum mc_err
scan_san(struct base_span value, struct csr *csr)
{
	struct der_rd rd, names;
	struct der_tlv name;

	der_rd_init(&rd, value);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &names) || !der_rd_done(&rd) ||
	    der_rd_peek(&names) == 0) {
		return bad_der("the subjectAltName is not a list of names");
	}
	csr->has_san = true;
	while (der_rd_next(&names, &name)) {
		if (name.tag == DER_CONTEXT(6)) {
			if (csr->uri_count++ == 0) {
				csr->uri = name.body;
			}
		} else if (name.tag == DER_CONTEXT(2)) {
			if (csr->dns_count < LIMIT_DNS_NAMES) {
				csr->dns[csr->dns_count] = name.body;
			}
			csr->dns_count++;
		} else {
			csr->other_name_count++;
		}
	}
	return der_rd_done(&names) ? MC_OK
				   : bad_der("the subjectAltName is not a list of names");
}

static enum mc_err
scan_key_usage(struct base_span value, struct csr *csr)
{
	struct der_rd rd;

	der_rd_init(&rd, value);
	if (!der_rd_named_bits(&rd, &csr->key_usage) || !der_rd_done(&rd)) {
		return bad_der("the keyUsage is not a bit list");
	}
	return MC_OK;
}

static enum mc_err
scan_ext_key_usage(struct base_span value, struct csr *csr)
{
	struct der_rd rd, list;
	struct base_span oid;

	der_rd_init(&rd, value);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &list) || !der_rd_done(&rd) ||
	    der_rd_peek(&list) == 0) {
		return bad_der("the extKeyUsage is not a list of purposes");
	}
	while (der_rd_peek(&list) != 0) {
		if (!der_rd_oid(&list, &oid)) {
			return bad_der("the extKeyUsage is not a list of purposes");
		}
		if (!base_span_equal(oid, oid_server_auth) &&
		    !base_span_equal(oid, oid_client_auth)) {
			csr->eku_other = true;
		}
	}
	return der_rd_done(&list) ? MC_OK
				  : bad_der("the extKeyUsage is not a list of purposes");
}

/* The extensions that we tolerate, and what reads each. */
static const struct {
	const struct base_span *oid;
	enum mc_err (*scan)(struct base_span value, struct csr *csr);
} extensions[] = {
    {&oid_subject_alt_name, scan_san},
    {&oid_key_usage, scan_key_usage},
    {&oid_ext_key_usage, scan_ext_key_usage},
};
#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

/* Extensions ::= SEQUENCE OF SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } */
static enum mc_err
scan_extensions(struct der_rd *set, struct csr *csr)
{
	struct der_rd list, ext;
	struct base_span oid;
	struct der_tlv value;
	bool seen[EXTENSION_COUNT] = {false};

	if (!der_rd_enter(set, DER_SEQUENCE, &list)) {
		return bad_der("the extensionRequest is not a list of extensions");
	}
	while (der_rd_peek(&list) != 0) {
		bool critical = true;
		if (!der_rd_enter(&list, DER_SEQUENCE, &ext) ||
		    !der_rd_oid(&ext, &oid) ||
		    (der_rd_peek(&ext) == DER_BOOLEAN && !der_rd_bool(&ext, &critical)) ||
		    !der_rd_take(&ext, DER_OCTET_STRING, &value) || !der_rd_done(&ext)) {
			return bad_der("an extension is malformed");
		}
		if (!critical) {
			return bad_der("an extension encodes its default, critical FALSE");
		}
		size_t i = 0;
		while (i < EXTENSION_COUNT && !base_span_equal(oid, *extensions[i].oid)) {
			i++;
		}
		if (i == EXTENSION_COUNT) {
			note_unknown(csr, oid);
			continue;
		}
		if (seen[i]) {
			return bad_der("an extension comes twice");
		}
		seen[i] = true;
		enum mc_err ret = extensions[i].scan(value.body, csr);
		if (ret != MC_OK) {
			return ret;
		}
	}
	return der_rd_done(&list) ? MC_OK
				  : bad_der("the extensionRequest is not a list of extensions");
}

/* [0] IMPLICIT SET OF Attribute (RFC 2986 4.1). Some encoders leave out the empty set;
 * OpenSSL takes that, and so do we. */
static enum mc_err
scan_attributes(struct der_rd *info, struct csr *csr)
{
	struct der_rd attrs, attr, set;
	struct base_span oid;
	bool seen = false;

	if (der_rd_peek(info) == 0) {
		return MC_OK;
	}
	if (!der_rd_enter(info, DER_CONSTRUCTED(0), &attrs)) {
		return bad_der("the attributes are malformed");
	}
	while (der_rd_peek(&attrs) != 0) {
		if (!der_rd_enter(&attrs, DER_SEQUENCE, &attr) ||
		    !der_rd_oid(&attr, &oid) ||
		    !der_rd_enter(&attr, DER_SET, &set) || !der_rd_done(&attr)) {
			return bad_der("an attribute is malformed");
		}
		if (!base_span_equal(oid, oid_extension_request)) {
			note_unknown(csr, oid);
			continue;
		}
		if (seen) {
			return bad_der("the extensionRequest comes twice");
		}
		seen = true;
		enum mc_err ret = scan_extensions(&set, csr);
		if (ret != MC_OK) {
			return ret;
		}
		if (!der_rd_done(&set)) {
			return bad_der("the extensionRequest has more than one value");
		}
	}
	return der_rd_done(&attrs) ? MC_OK : bad_der("the attributes are malformed");
}

static enum mc_err
scan_info(struct der_rd *request, struct csr *csr)
{
	struct der_rd info;
	struct der_tlv whole;
	uint64_t version;

	if (!der_rd_take(request, DER_SEQUENCE, &whole)) {
		return bad_der("no CertificationRequestInfo");
	}
	csr->info = whole.whole;
	der_rd_init(&info, whole.body);
	if (!der_rd_u64(&info, &version) || version != 0) {
		return bad_der("the version is not 0");
	}
	enum mc_err ret = scan_subject(&info, csr);
	if (ret != MC_OK) {
		return ret;
	}
	ret = spki_parse(&info, &csr->key_alg, &csr->key);
	if (ret != MC_OK) {
		return ret;
	}
	ret = scan_attributes(&info, csr);
	if (ret != MC_OK) {
		return ret;
	}
	return der_rd_done(&info) ? MC_OK : bad_der("bytes follow the attributes");
}

enum mc_err
csr_parse(struct base_span der, struct csr *out)
{
	struct der_rd rd, request;
	struct csr csr = {.subject = CSR_SUBJECT_INVALID};

	if (der.len > LIMIT_CSR_DER) {
		return MC_FAIL(MC_ECSR_DER, "%zu bytes are above %d", der.len, LIMIT_CSR_DER);
	}
	der_rd_init(&rd, der);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &request)) {
		return bad_der("not one SEQUENCE");
	}
	if (!der_rd_done(&rd)) {
		return bad_der("bytes follow the request");
	}
	enum mc_err ret = scan_info(&request, &csr);
	if (ret != MC_OK) {
		return ret;
	}
	csr.signature_alg_ok = spki_signature_alg_matches(&request, csr.key_alg);
	if (!der_rd_bits(&request, &csr.signature) || !der_rd_done(&request)) {
		return bad_der("the signature is malformed");
	}
	*out = csr;
	return MC_OK;
}

/* --- policy --- */

static enum mc_err
check_extensions(const struct csr *csr)
{
	const unsigned tolerated = 1u << 0 | 1u << 2; /* digitalSignature, keyEncipherment */
	char oid[64];

	if (csr->unknown.len != 0) {
		der_oid_text(csr->unknown, oid, sizeof(oid));
		return MC_FAIL(MC_ECSR_EXTENSION, "attribute or extension %s", oid);
	}
	if ((csr->key_usage & ~tolerated) != 0) {
		return MC_FAIL(MC_ECSR_EXTENSION,
		    "keyUsage asks for more than digitalSignature and keyEncipherment");
	}
	if (csr->eku_other) {
		return MC_FAIL(MC_ECSR_EXTENSION,
		    "extKeyUsage asks for more than serverAuth and clientAuth");
	}
	return MC_OK;
}

static bool
key_allowed(const struct csr *csr, const struct csr_policy *policy)
{
	switch (csr->key_alg) {
	case MSG_KEY_P256:
		return policy->p256;
	case MSG_KEY_P384:
		return policy->p384;
	case MSG_KEY_RSA:
		return policy->rsa;
	case MSG_KEY_INVALID:
		break;
	}
	return false;
}

static enum mc_err
check_svid(const struct csr *csr, const struct csr_policy *policy)
{
	if (csr->subject != CSR_SUBJECT_EMPTY && csr->subject != CSR_SUBJECT_EMPTY_O) {
		return MC_FAIL(MC_ECSR_SUBJECT, "leave the subject empty");
	}
	/* X509-SVID section 2: exactly one URI SAN */
	if (csr->uri_count != 1 || csr->dns_count != 0 || csr->other_name_count != 0) {
		return MC_FAIL(MC_ECSR_SAN,
		    "%u URIs, %u DNS names, %u others where one URI must be", csr->uri_count,
		    csr->dns_count, csr->other_name_count);
	}
	if (!base_span_equal(csr->uri, policy->identity)) {
		return MC_FAIL(MC_ECSR_SAN, "the URI is not the caller's identity, %.*s",
		    (int)policy->identity.len, (const char *)policy->identity.ptr);
	}
	return MC_OK;
}

static bool
listed(const struct csr_policy *policy, struct base_span name)
{
	for (size_t i = 0; i < policy->dns_count; i++) {
		if (base_span_equal(policy->dns[i], name)) {
			return true;
		}
	}
	return false;
}

static enum mc_err
check_server(const struct csr *csr, const struct csr_policy *policy)
{
	if (csr->subject == CSR_SUBJECT_OTHER ||
	    (csr->subject == CSR_SUBJECT_CN && !listed(policy, csr->cn))) {
		return MC_FAIL(MC_ECSR_SUBJECT,
		    "leave the subject empty, or one CN that is among the names asked for");
	}
	if (csr->uri_count != 0 || csr->other_name_count != 0 ||
	    csr->dns_count > LIMIT_DNS_NAMES) {
		return MC_FAIL(MC_ECSR_SAN, "at most %d names, all DNS", LIMIT_DNS_NAMES);
	}
	for (unsigned i = 0; i < csr->dns_count; i++) {
		if (!listed(policy, csr->dns[i])) {
			return MC_FAIL(MC_ECSR_SAN,
			    "DNS name number %u is not among the names asked for", i + 1);
		}
	}
	return MC_OK;
}

static enum mc_err
check_client(const struct csr *csr, const struct csr_policy *policy)
{
	if (csr->subject == CSR_SUBJECT_OTHER ||
	    (csr->subject == CSR_SUBJECT_CN && !base_span_equal(csr->cn, policy->identity))) {
		return MC_FAIL(MC_ECSR_SUBJECT,
		    "leave the subject empty, or one CN that is the user's name");
	}
	if (csr->has_san) {
		return MC_FAIL(MC_ECSR_SAN, "a person's certificate carries no such names");
	}
	return MC_OK;
}

enum mc_err
csr_check(const struct csr *csr, const struct csr_policy *policy)
{
	if (!key_allowed(csr, policy)) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "%s keys are not allowed here",
		    key_alg_name(csr->key_alg));
	}
	if (!csr->signature_alg_ok) {
		return MC_FAIL(MC_ECSR_SIGNATURE,
		    "the signature algorithm is not the one we take for a %s key",
		    key_alg_name(csr->key_alg));
	}
	enum mc_err ret = check_extensions(csr);
	if (ret != MC_OK) {
		return ret;
	}
	if (policy->profile == MSG_PROFILE_SVID) {
		return check_svid(csr, policy);
	}
	if (policy->profile == MSG_PROFILE_SERVER) {
		return check_server(csr, policy);
	}
	if (policy->profile == MSG_PROFILE_CLIENT) {
		return check_client(csr, policy);
	}
	return MC_FAIL(MC_EPROFILE, "no CSR serves this profile");
}

/* --- proof of possession --- */

struct csr_verifier {
	struct key_importer *keys;
};

void
csr_verifier_free(struct csr_verifier *verifier)
{
	if (verifier != NULL) {
		key_importer_free(verifier->keys);
		free(verifier);
	}
}

struct csr_verifier *
csr_verifier_new(void)
{
	struct csr_verifier *verifier = base_xcalloc(1, sizeof(*verifier));

	verifier->keys = key_importer_new();
	return verifier;
}

enum mc_err
csr_verifier_verify(struct csr_verifier *verifier, const struct csr *csr)
{
	return key_verify(verifier->keys, csr->key_alg, csr->key, csr->info, csr->signature);
}

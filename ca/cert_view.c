/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/cert_view.h"
#include "ca/der.h"
#include "ca/oid.h"
#include "ca/spki.h"

static enum mc_err
bad(const char *what)
{
	return MC_FAIL(MC_EENCODING, "certificate: %s", what);
}

static bool
scan_basic_constraints(struct base_span value, struct cert_view *view)
{
	struct der_rd rd, fields;
	uint64_t path_len;

	der_rd_init(&rd, value);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &fields) || !der_rd_done(&rd)) {
		return false;
	}
	if (der_rd_peek(&fields) == DER_BOOLEAN &&
	    (!der_rd_bool(&fields, &view->ca) || !view->ca)) {
		return false; /* DER leaves the default FALSE out */
	}
	if (der_rd_peek(&fields) == DER_INTEGER && !der_rd_u64(&fields, &path_len)) {
		return false;
	}
	return der_rd_done(&fields);
}

static bool
scan_key_usage(struct base_span value, struct cert_view *view)
{
	struct der_rd rd;

	der_rd_init(&rd, value);
	return der_rd_named_bits(&rd, &view->key_usage) && der_rd_done(&rd);
}

static bool
scan_ext_key_usage(struct base_span value, struct cert_view *view)
{
	struct der_rd rd, list;
	struct base_span oid;

	der_rd_init(&rd, value);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &list) || !der_rd_done(&rd)) {
		return false;
	}
	while (der_rd_peek(&list) != 0) {
		if (!der_rd_oid(&list, &oid)) {
			return false;
		}
		view->server_auth |= base_span_equal(oid, oid_server_auth);
		view->client_auth |= base_span_equal(oid, oid_client_auth);
	}
	return der_rd_done(&list);
}

static bool
scan_subject_alt_name(struct base_span value, struct cert_view *view)
{
	struct der_rd rd;
	struct der_tlv names;

	der_rd_init(&rd, value);
	if (!der_rd_take(&rd, DER_SEQUENCE, &names) || !der_rd_done(&rd)) {
		return false;
	}
	view->san = names.body;
	return names.body.len != 0;
}

static bool
scan_subject_key_id(struct base_span value, struct cert_view *view)
{
	struct der_rd rd;
	struct der_tlv id;

	der_rd_init(&rd, value);
	if (!der_rd_take(&rd, DER_OCTET_STRING, &id) || !der_rd_done(&rd)) {
		return false;
	}
	view->key_id = id.body;
	return id.body.len != 0;
}

static bool
scan_authority_key_id(struct base_span value, struct cert_view *view)
{
	struct der_rd rd, fields;
	struct der_tlv id;

	der_rd_init(&rd, value);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &fields) || !der_rd_done(&rd) ||
	    !der_rd_take(&fields, DER_CONTEXT(0), &id) || !der_rd_done(&fields)) {
		return false;
	}
	view->issuer_key_id = id.body;
	return true;
}

static const struct {
	const struct base_span *oid;
	bool (*scan)(struct base_span value, struct cert_view *view);
} extensions[] = {
    {&oid_basic_constraints, scan_basic_constraints},
    {&oid_key_usage, scan_key_usage},
    {&oid_ext_key_usage, scan_ext_key_usage},
    {&oid_subject_alt_name, scan_subject_alt_name},
    {&oid_subject_key_id, scan_subject_key_id},
    {&oid_authority_key_id, scan_authority_key_id},
};
#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

static enum mc_err
scan_extensions(struct der_rd *tbs, struct cert_view *view)
{
	struct der_rd explicit, list, ext;
	struct base_span oid;
	struct der_tlv value;
	bool seen[EXTENSION_COUNT] = {false};

	if (!der_rd_enter(tbs, DER_CONSTRUCTED(3), &explicit) ||
	    !der_rd_enter(&explicit, DER_SEQUENCE, &list) || !der_rd_done(&explicit)) {
		return bad("no extensions");
	}
	while (der_rd_peek(&list) != 0) {
		bool critical = false;
		if (!der_rd_enter(&list, DER_SEQUENCE, &ext) ||
		    !der_rd_oid(&ext, &oid) ||
		    (der_rd_peek(&ext) == DER_BOOLEAN &&
			(!der_rd_bool(&ext, &critical) || !critical)) ||
		    !der_rd_take(&ext, DER_OCTET_STRING, &value) || !der_rd_done(&ext)) {
			return bad("an extension is malformed");
		}
		size_t i = 0;
		while (i < EXTENSION_COUNT && !base_span_equal(oid, *extensions[i].oid)) {
			i++;
		}
		if (i == EXTENSION_COUNT) {
			if (critical) {
				return bad("an unknown critical extension");
			}
			continue;
		}
		if (seen[i] || !extensions[i].scan(value.body, view)) {
			return bad("an extension is malformed or comes twice");
		}
		seen[i] = true;
	}
	return der_rd_done(&list) ? MC_OK : bad("the extensions are malformed");
}

static enum mc_err
scan_tbs(struct der_rd *cert, struct cert_view *view, struct base_span *inner_alg)
{
	struct der_rd tbs, version, validity, spki;
	struct der_tlv whole, alg, issuer, subject, key;
	uint64_t v;

	if (!der_rd_take(cert, DER_SEQUENCE, &whole)) {
		return bad("no TBSCertificate");
	}
	view->tbs = whole.whole;
	der_rd_init(&tbs, whole.body);
	if (!der_rd_enter(&tbs, DER_CONSTRUCTED(0), &version) || !der_rd_u64(&version, &v) ||
	    v != 2 || !der_rd_done(&version)) {
		return bad("it is not version 3");
	}
	if (!der_rd_uint(&tbs, &view->serial) || view->serial.len > LIMIT_SERIAL ||
	    !der_rd_take(&tbs, DER_SEQUENCE, &alg) ||
	    !der_rd_take(&tbs, DER_SEQUENCE, &issuer) ||
	    !der_rd_enter(&tbs, DER_SEQUENCE, &validity) ||
	    !der_rd_time(&validity, &view->not_before_at) ||
	    !der_rd_time(&validity, &view->not_after_at) || !der_rd_done(&validity) ||
	    !der_rd_take(&tbs, DER_SEQUENCE, &subject) ||
	    !der_rd_take(&tbs, DER_SEQUENCE, &key)) {
		return bad("a basic field is malformed");
	}
	view->issuer = issuer.whole;
	view->subject = subject.whole;
	view->spki = key.whole;
	*inner_alg = alg.whole;
	der_rd_init(&spki, key.whole);
	if (spki_parse(&spki, &view->key_alg, &view->key) != MC_OK) {
		return bad("its key is not of a type that we certify");
	}
	enum mc_err ret = scan_extensions(&tbs, view);
	if (ret != MC_OK) {
		return ret;
	}
	return der_rd_done(&tbs) ? MC_OK : bad("bytes follow the extensions");
}

enum mc_err
cert_view_parse(struct base_span der, struct cert_view *out)
{
	struct cert_view view = {.whole = der};
	struct der_rd rd, cert;
	struct der_tlv alg;
	struct base_span inner_alg;

	der_rd_init(&rd, der);
	if (der.len > LIMIT_CERT || !der_rd_enter(&rd, DER_SEQUENCE, &cert) ||
	    !der_rd_done(&rd)) {
		return bad("not one SEQUENCE");
	}
	enum mc_err ret = scan_tbs(&cert, &view, &inner_alg);
	if (ret != MC_OK) {
		return ret;
	}
	if (!der_rd_take(&cert, DER_SEQUENCE, &alg) || !der_rd_bits(&cert, &view.signature) ||
	    !der_rd_done(&cert)) {
		return bad("the signature is malformed");
	}
	/* RFC 5280 4.1.1.2: the same as inside */
	if (!base_span_equal(alg.whole, inner_alg)) {
		return bad("its two signature algorithms differ");
	}
	view.signature_alg = alg.whole;
	*out = view;
	return MC_OK;
}

struct base_span
cert_view_cn(const struct cert_view *view)
{
	struct der_rd rd, name, rdn, attr;
	struct base_span oid;
	struct der_tlv value;

	der_rd_init(&rd, view->subject);
	if (!der_rd_enter(&rd, DER_SEQUENCE, &name) || !der_rd_enter(&name, DER_SET, &rdn) ||
	    !der_rd_done(&name) || !der_rd_enter(&rdn, DER_SEQUENCE, &attr) ||
	    !der_rd_done(&rdn) || !der_rd_oid(&attr, &oid) ||
	    !base_span_equal(oid, oid_common_name) || !der_rd_next(&attr, &value) ||
	    !der_rd_done(&attr)) {
		return base_span_of(NULL, 0);
	}
	return value.body;
}

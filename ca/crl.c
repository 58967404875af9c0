/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/rd.h"
#include "ca/crl.h"
#include "ca/der.h"
#include "ca/oid.h"
#include "ca/spki.h"

struct crl {
	uint64_t number;
	int64_t this_update_at;
	int64_t next_update_at;
	struct base_buf entries; /* DER of the revokedCertificates' elements */
};

void
crl_free(struct crl *crl)
{
	if (crl != NULL) {
		base_buf_clear(&crl->entries);
		free(crl);
	}
}

struct crl *
crl_new(uint64_t number, int64_t this_update_at, int64_t next_update_at)
{
	struct crl *crl = base_xcalloc(1, sizeof(*crl));

	crl->number = number;
	crl->this_update_at = this_update_at;
	crl->next_update_at = next_update_at;
	base_buf_init(&crl->entries, LIMIT_CRL);
	return crl;
}

static void
put_entry(struct base_buf *out, struct base_span serial, int64_t revoked_at, uint8_t reason)
{
	size_t entry = der_begin(out, DER_SEQUENCE);

	der_put_uint(out, serial);
	der_put_time(out, revoked_at);
	if (reason != MSG_REASON_UNSPECIFIED) {
		size_t list = der_begin(out, DER_SEQUENCE);
		size_t ext = der_begin(out, DER_SEQUENCE);
		der_put(out, DER_OID, oid_crl_reason);
		size_t value = der_begin(out, DER_OCTET_STRING);
		der_put(out, DER_ENUMERATED, base_span_of(&reason, 1));
		der_end(out, value);
		der_end(out, ext);
		der_end(out, list);
	}
	der_end(out, entry);
}

enum mc_err
crl_add(struct crl *crl, struct base_span entries)
{
	struct base_rd rd;

	base_rd_init(&rd, entries);
	while (!rd.failed && rd.left > 0) {
		struct base_span serial = base_rd_bytes(&rd, base_rd_u8(&rd));
		int64_t revoked_at = (int64_t)base_rd_le64(&rd);
		uint8_t reason = base_rd_u8(&rd);
		if (rd.failed || serial.len == 0 || serial.len > LIMIT_SERIAL ||
		    msg_reason_name(reason) == NULL) {
			return MC_FAIL(MC_EFRAME, "an entry of a revocation list is malformed");
		}
		/* thisUpdate is backdated; a list does not know what comes after its own time */
		put_entry(&crl->entries, serial,
		    revoked_at < crl->this_update_at ? revoked_at : crl->this_update_at, reason);
	}
	return base_buf_failed(&crl->entries)
	    ? MC_FAIL(MC_ETOOBIG, "the CRL is above %d bytes", LIMIT_CRL)
	    : MC_OK;
}

static void
put_extensions(const struct crl *crl, const struct cert_view *issuer, struct base_buf *out)
{
	size_t explicit = der_begin(out, DER_CONSTRUCTED(0));
	size_t list = der_begin(out, DER_SEQUENCE);

	size_t ext = der_begin(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid_authority_key_id);
	size_t value = der_begin(out, DER_OCTET_STRING);
	size_t fields = der_begin(out, DER_SEQUENCE);
	der_put(out, DER_CONTEXT(0), issuer->key_id);
	der_end(out, fields);
	der_end(out, value);
	der_end(out, ext);

	ext = der_begin(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid_crl_number);
	value = der_begin(out, DER_OCTET_STRING);
	der_put_u64(out, crl->number);
	der_end(out, value);
	der_end(out, ext);

	der_end(out, list);
	der_end(out, explicit);
}

static void
put_tbs(const struct crl *crl, const struct cert_view *issuer, struct base_buf *out)
{
	size_t tbs = der_begin(out, DER_SEQUENCE);

	der_put_u64(out, 1); /* v2 */
	spki_put_signature_alg(out, issuer->key_alg);
	base_buf_append_span(out, issuer->subject);
	der_put_time(out, crl->this_update_at);
	der_put_time(out, crl->next_update_at);
	if (crl->entries.len != 0) { /* RFC 5280 5.1.2.6: absent when there are none */
		der_put(out, DER_SEQUENCE, base_buf_span(&crl->entries));
	}
	put_extensions(crl, issuer, out);
	der_end(out, tbs);
}

enum mc_err
crl_sign(struct crl *crl, struct issuer *issuer, struct base_buf *out)
{
	struct base_buf tbs, tail;
	enum mc_err ret = MC_EINTERNAL;

	base_buf_init(&tbs, LIMIT_CRL);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	put_tbs(crl, issuer_cert(issuer), &tbs);
	if (base_buf_failed(&tbs) || base_buf_failed(&crl->entries)) {
		ret = MC_FAIL(MC_ETOOBIG, "the CRL is above %d bytes", LIMIT_CRL);
		goto out;
	}
	ret = issuer_sign_crl(issuer, base_buf_span(&tbs), &tail);
	if (ret != MC_OK) {
		goto out;
	}
	der_put_header(out, DER_SEQUENCE, tbs.len + tail.len);
	base_buf_append_span(out, base_buf_span(&tbs));
	base_buf_append_span(out, base_buf_span(&tail));
	if (base_buf_failed(out)) {
		ret = MC_FAIL(MC_ETOOBIG, "the CRL is above its buffer's limit");
	}
out:
	base_buf_clear(&tbs);
	base_buf_clear(&tail);
	return ret;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/name.h"
#include "ca/spiffe.h"

static const char scheme[] = "spiffe://";

static bool
is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
spiffe_trust_domain_valid(struct base_span name)
{
	if (name.len == 0 || name.len > LIMIT_TRUST_DOMAIN) {
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		if (!is_alnum(c) && c != '.' && c != '-' && c != '_') {
			return false;
		}
	}
	return true;
}

bool
spiffe_ns_valid(struct base_span ns)
{
	return base_name_is_label(ns);
}

bool
spiffe_sa_valid(struct base_span sa)
{
	return base_name_is_subdomain(sa);
}

static enum mc_err
id_check(const struct spiffe_id *id)
{
	if (!spiffe_trust_domain_valid(id->trust_domain)) {
		return MC_FAIL(MC_ESPIFFE_ID, "the trust domain is not 1 to 255 of [a-z0-9.-_]");
	}
	if (!spiffe_ns_valid(id->ns)) {
		return MC_FAIL(MC_ESPIFFE_ID, "the namespace is not a Kubernetes namespace");
	}
	if (!spiffe_sa_valid(id->sa)) {
		return MC_FAIL(MC_ESPIFFE_ID,
		    "the service account is not a Kubernetes name");
	}
	return MC_OK;
}

enum mc_err
spiffe_id_make(const struct spiffe_id *id, struct base_buf *out)
{
	enum mc_err ret = id_check(id);

	if (ret != MC_OK) {
		return ret;
	}
	base_buf_append_str(out, scheme);
	base_buf_append_span(out, id->trust_domain);
	base_buf_append_str(out, "/ns/");
	base_buf_append_span(out, id->ns);
	base_buf_append_str(out, "/sa/");
	base_buf_append_span(out, id->sa);
	return MC_OK;
}

/* The text up to the next '/', which is consumed; false when there is no '/' but one was
 * needed, or one follows where the URI must end. */
static bool
segment(struct base_span *rest, bool last, struct base_span *out)
{
	const uint8_t *slash = rest->len == 0 ? NULL : memchr(rest->ptr, '/', rest->len);

	if ((slash == NULL) != last) {
		return false;
	}
	*out = *rest;
	if (slash != NULL) {
		out->len = (size_t)(slash - rest->ptr);
		rest->ptr = slash + 1;
		rest->len -= out->len + 1;
	}
	return true;
}

enum mc_err
spiffe_id_parse(struct base_span uri, struct spiffe_id *out)
{
	struct spiffe_id id;
	struct base_span ns_word, sa_word;
	struct base_span prefix = base_span_str(scheme);

	if (uri.len > LIMIT_SPIFFE_ID) {
		return MC_FAIL(MC_ESPIFFE_ID, "longer than %d bytes", LIMIT_SPIFFE_ID);
	}
	if (uri.len < prefix.len ||
	    !base_span_equal(base_span_of(uri.ptr, prefix.len), prefix)) {
		return MC_FAIL(MC_ESPIFFE_ID, "does not begin with spiffe://");
	}
	struct base_span rest = base_span_of(uri.ptr + prefix.len, uri.len - prefix.len);
	if (!segment(&rest, false, &id.trust_domain) || !segment(&rest, false, &ns_word) ||
	    !segment(&rest, false, &id.ns) || !segment(&rest, false, &sa_word) ||
	    !segment(&rest, true, &id.sa) || !base_span_equal_str(ns_word, "ns") ||
	    !base_span_equal_str(sa_word, "sa")) {
		return MC_FAIL(MC_ESPIFFE_ID,
		    "is not of the form spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT");
	}
	enum mc_err ret = id_check(&id);
	if (ret == MC_OK) {
		*out = id;
	}
	return ret;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/applied.h"

#include <stdio.h>
#include <string.h>

#include "base/enc.h"
#include "base/name.h"
#include "base/utf8.h"

#define HEADING "meshca-inventory-v1"
#define OWNER_MAX LIMIT_K8S_NAME

/* --- words --- */

static const char *const STATES[] = {"invalid", "active", "suspended", "retired"};
static const char *const KEYS[BASE_APPLIED_KEY_TYPES] = {"p-256", "p-384", "rsa-2048", "rsa-3072",
    "rsa-4096"};

const char *
base_applied_state_name(uint8_t state)
{
	return STATES[state < sizeof(STATES) / sizeof(STATES[0]) ? state : 0];
}

const char *
base_applied_key_name(unsigned bit)
{
	return bit < BASE_APPLIED_KEY_TYPES ? KEYS[bit] : NULL;
}

uint32_t
base_applied_key_bit(struct base_span name)
{
	for (unsigned bit = 0; bit < BASE_APPLIED_KEY_TYPES; bit++) {
		if (base_span_equal_str(name, KEYS[bit])) {
			return 1U << bit;
		}
	}
	return 0;
}

uint32_t
base_applied_key_of(enum msg_key_alg alg, struct base_span key)
{
	char name[32];

	switch (alg) {
	case MSG_KEY_P256:
		return base_applied_key_bit(base_span_str("p-256"));
	case MSG_KEY_P384:
		return base_applied_key_bit(base_span_str("p-384"));
	case MSG_KEY_RSA:
		(void)snprintf(name, sizeof(name), "rsa-%zu", 8 * key.len);
		return base_applied_key_bit(base_span_str(name));
	case MSG_KEY_INVALID:
		break;
	}
	return 0;
}

/* --- pieces --- */

/* Takes what comes before the first `end`, which is dropped. False: it does not come. */
static bool
take(struct base_span *rest, char end, struct base_span *out)
{
	const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, end, rest->len);
	size_t len;

	if (at == NULL) {
		return false;
	}
	len = (size_t)(at - rest->ptr);
	*out = base_span_of(rest->ptr, len);
	*rest = base_span_of(at + 1, rest->len - len - 1);
	return true;
}

/* The next item of a comma-separated list; the last has no comma behind it. */
static bool
take_item(struct base_span *list, struct base_span *out)
{
	if (list->len == 0) {
		return false;
	}
	if (!take(list, ',', out)) {
		*out = *list;
		*list = base_span_of(NULL, 0);
	}
	return true;
}

/* Decimal, without sign and leading zeros. */
static bool
number(struct base_span text, int64_t max, int64_t *out)
{
	int64_t value = 0;

	if (text.len == 0 || text.len > 10 || (text.len > 1 && text.ptr[0] == '0')) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return false;
		}
		value = value * 10 + (text.ptr[i] - '0');
	}
	*out = value;
	return value <= max;
}

static bool
is_owner(struct base_span text)
{
	char copy[OWNER_MAX + 1];
	size_t at = 0;

	if (text.len > OWNER_MAX) {
		return false;
	}
	base_span_copy_str(text, copy, sizeof(copy));
	while (copy[at] != '\0') {
		size_t len = base_utf8_len(copy + at);

		if (len == 0) {
			return false;
		}
		at += len;
	}
	return at == text.len;
}

static bool
state_of(struct base_span name, enum base_applied_state *out)
{
	for (int i = BASE_APPLIED_ACTIVE; i <= BASE_APPLIED_RETIRED; i++) {
		if (base_span_equal_str(name, STATES[i])) {
			*out = (enum base_applied_state)i;
			return true;
		}
	}
	return false;
}

static bool
keys_of(struct base_span list, uint32_t *out)
{
	/* An empty last item would otherwise be no item. */
	bool sound = list.len == 0 || list.ptr[list.len - 1] != ',';
	struct base_span name;

	*out = 0;
	while (sound && take_item(&list, &name)) {
		uint32_t bit = base_applied_key_bit(name);

		sound = bit > *out; /* in their order, so each once */
		*out |= bit;
	}
	return sound;
}

static bool
are_names(struct base_span list)
{
	bool sound = list.len == 0 || list.ptr[list.len - 1] != ',';
	struct base_span name;
	unsigned count = 0;

	while (sound && take_item(&list, &name)) {
		sound = base_name_is_subdomain(name) && ++count <= LIMIT_DNS_NAMES;
	}
	return sound;
}

/* --- a row --- */

/* NULL, or what is wrong. */
static const char *
row_parse(struct base_span line, struct base_applied_row *out)
{
	struct base_span state, ttl, keys;

	if (!take(&line, '\t', &out->namespace) || !take(&line, '\t', &out->account) ||
	    !take(&line, '\t', &state) || !take(&line, '\t', &ttl) ||
	    !take(&line, '\t', &keys) || !take(&line, '\t', &out->dns_names)) {
		return "a registration has seven fields";
	}
	out->owner = line;
	if (!base_name_is_label(out->namespace)) {
		return "the namespace is no RFC 1123 label";
	}
	if (!base_name_is_subdomain(out->account)) {
		return "the service account is no RFC 1123 name";
	}
	if (!state_of(state, &out->state)) {
		return "the state is not active, suspended or retired";
	}
	if (!number(ttl, BASE_APPLIED_TTL_MAX, &out->max_ttl_s)) {
		return "the longest lifetime is no number of seconds";
	}
	if (!keys_of(keys, &out->key_types)) {
		return "the key types are not some of p-256,p-384,rsa-2048,rsa-3072,rsa-4096";
	}
	if (!are_names(out->dns_names)) {
		return "the DNS names are no RFC 1123 names, or too many";
	}
	return is_owner(out->owner) ? NULL : "the owner is no printable text";
}

static int
order(struct base_span a, struct base_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int sign = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

	return sign != 0 ? sign : (a.len > b.len) - (a.len < b.len);
}

int
base_applied_order(const struct base_applied_row *a, const struct base_applied_row *b)
{
	int sign = order(a->namespace, b->namespace);

	return sign != 0 ? sign : order(a->account, b->account);
}

bool
base_applied_next(struct base_span *rows, struct base_applied_row *out)
{
	struct base_span line;

	return take(rows, '\n', &line) && row_parse(line, out) == NULL;
}

bool
base_applied_name(struct base_span *names, struct base_span *out)
{
	return take_item(names, out);
}

/* --- a document --- */

static enum mc_err
rows_parse(struct base_span *rest, struct base_applied *out)
{
	const uint8_t *start = rest->ptr;
	struct base_applied_row rows[2] = {0};

	for (uint32_t i = 0; i < out->count; i++) {
		struct base_applied_row *row = &rows[i & 1];
		struct base_span line;
		const char *wrong = "there are fewer registrations than it says";

		if (take(rest, '\n', &line)) {
			wrong = row_parse(line, row);
		}
		if (wrong == NULL && i > 0 && base_applied_order(&rows[(i - 1) & 1], row) >= 0) {
			wrong = "registrations are not sorted, or one is there twice";
		}
		if (wrong != NULL) {
			return MC_FAIL(MC_EUSAGE, "line %u: %s", i + 6, wrong);
		}
	}
	out->rows = base_span_of(start, (size_t)(rest->ptr - start));
	return MC_OK;
}

/* "name TAB value" in a line of its own. */
static bool
head_value(struct base_span *rest, const char *name, struct base_span *out)
{
	struct base_span key;

	return take(rest, '\n', out) && take(out, '\t', &key) && base_span_equal_str(key, name);
}

static enum mc_err
head_parse(struct base_span *rest, struct base_applied *out)
{
	struct base_span text;
	int64_t count = 0;

	if (!take(rest, '\n', &text) || !base_span_equal_str(text, HEADING)) {
		return MC_FAIL(MC_EUSAGE, "line 1: it is not %s", HEADING);
	}
	if (!head_value(rest, "environment", &out->environment) ||
	    !base_name_is_label(out->environment)) {
		return MC_FAIL(MC_EUSAGE, "line 2: no environment's name");
	}
	if (!head_value(rest, "trust-domain", &out->trust_domain) ||
	    out->trust_domain.len > LIMIT_TRUST_DOMAIN || out->trust_domain.len == 0) {
		return MC_FAIL(MC_EUSAGE, "line 3: no trust domain");
	}
	if (!head_value(rest, "registration", &text) ||
	    !(base_span_equal_str(text, "open") || base_span_equal_str(text, "registered-only"))) {
		return MC_FAIL(MC_EUSAGE, "line 4: registration is open or registered-only");
	}
	out->registered_only = text.len != strlen("open");
	if (!head_value(rest, "registrations", &text) ||
	    !number(text, LIMIT_REGISTRATIONS, &count)) {
		return MC_FAIL(MC_EUSAGE, "line 5: no number of registrations up to %d",
		    LIMIT_REGISTRATIONS);
	}
	out->count = (uint32_t)count;
	return MC_OK;
}

enum mc_err
base_applied_parse(struct base_span document, struct base_applied *out)
{
	struct base_span rest = document;
	enum mc_err ret;

	*out = (struct base_applied){0};
	if (document.len > LIMIT_APPLIED) {
		return MC_FAIL(MC_ETOOBIG, "an applied inventory has at most %d bytes",
		    LIMIT_APPLIED);
	}
	ret = head_parse(&rest, out);
	if (ret == MC_OK) {
		ret = rows_parse(&rest, out);
	}
	if (ret == MC_OK && (rest.len < 3 || rest.ptr[0] != '{' ||
	    memcmp(rest.ptr + rest.len - 2, "}\n", 2) != 0)) {
		ret = MC_FAIL(MC_EUSAGE, "line %u: the inventory is no JSON object and a newline",
		    out->count + 6);
	}
	out->inventory = rest;
	return ret;
}

/* --- writing --- */

void
base_applied_put_head(struct base_buf *out, const struct base_applied *head)
{
	base_buf_append_str(out, HEADING "\nenvironment\t");
	base_buf_append_span(out, head->environment);
	base_buf_append_str(out, "\ntrust-domain\t");
	base_buf_append_span(out, head->trust_domain);
	base_buf_appendf(out, "\nregistration\t%s\nregistrations\t%u\n",
	    head->registered_only ? "registered-only" : "open", head->count);
}

void
base_applied_put_row(struct base_buf *out, const struct base_applied_row *row)
{
	const char *comma = "";

	base_buf_append_span(out, row->namespace);
	base_buf_append_u8(out, '\t');
	base_buf_append_span(out, row->account);
	base_buf_appendf(out, "\t%s\t%lld\t", base_applied_state_name((uint8_t)row->state),
	    (long long)row->max_ttl_s);
	for (unsigned bit = 0; bit < BASE_APPLIED_KEY_TYPES; bit++) {
		if ((row->key_types & 1U << bit) != 0) {
			base_buf_appendf(out, "%s%s", comma, KEYS[bit]);
			comma = ",";
		}
	}
	base_buf_append_u8(out, '\t');
	base_buf_append_span(out, row->dns_names);
	base_buf_append_u8(out, '\t');
	base_buf_append_span(out, row->owner);
	base_buf_append_u8(out, '\n');
}

static bool
is_zero(const uint8_t hash[32])
{
	uint8_t any = 0;

	for (unsigned i = 0; i < 32; i++) {
		any |= hash[i];
	}
	return any == 0;
}

void
base_applied_approval(struct base_buf *out, const struct base_applied_change *change)
{
	char hex[65];

	base_enc_hex(change->sha256, 32, hex);
	base_buf_append_str(out, "meshca-inventory-apply-v1\n");
	base_buf_append_span(out, change->environment);
	base_buf_appendf(out, "\n%s\n", hex);
	base_enc_hex(change->replaces, 32, hex);
	base_buf_appendf(out, "%s\n", is_zero(change->replaces) ? "none" : hex);
}

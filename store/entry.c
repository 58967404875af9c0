/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/mem.h"
#include "store/store.h"

#define DER_SEQUENCE 0x30
#define DER_BIT_STRING 0x03

static uint8_t *
put_le64(uint8_t *to, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		*to++ = (uint8_t)(value >> (8 * i));
	}
	return to;
}

static uint8_t *
put_bytes(uint8_t *to, const void *from, size_t len)
{
	base_copy(to, from, len);
	return to + len;
}

static void
entry_fixed(const struct store_entry *entry, uint8_t out[STORE_ENTRY_FIXED])
{
	static const char TAG[] = "meshca-intent-v1";
	static const uint8_t NONE[32];
	const struct msg_intent *intent = entry->intent;
	bool dedup = intent->has_dedup != 0;
	uint8_t *to = put_bytes(out, TAG, sizeof(TAG));

	to = put_le64(to, entry->seq);
	to = put_le64(to, (uint64_t)entry->recorded_at);
	*to++ = intent->profile;
	to = put_bytes(to, intent->issuer_id, 32);
	to = put_bytes(to, intent->spki_sha256, 32);
	to = put_bytes(to, intent->request_id, 16);
	to = put_le64(to, (uint64_t)intent->not_before_at);
	to = put_le64(to, (uint64_t)intent->not_after_at);
	*to++ = dedup ? 1 : 0;
	to = put_bytes(to, dedup ? intent->dedup_key : NONE, 32);
	(void)put_bytes(to, dedup ? intent->dedup_body : NONE, 32);
}

void
store_entry_hash(const struct store_entry *entry, const uint8_t prev[32], uint8_t leaf[32])
{
	const struct msg_intent *intent = entry->intent;
	const struct base_span vars[] = { intent->serial, intent->environment,
		intent->cluster, intent->identity, intent->requester, intent->evidence,
		intent->tbs };
	enum { VARS = sizeof(vars) / sizeof(vars[0]) };
	struct base_span pieces[2 + 2 * VARS];
	uint8_t fixed[STORE_ENTRY_FIXED];
	uint8_t lens[VARS][4];

	entry_fixed(entry, fixed);
	pieces[0] = base_span_of(prev, 32);
	pieces[1] = base_span_of(fixed, sizeof(fixed));
	for (size_t i = 0; i < VARS; i++) {
		for (unsigned j = 0; j < 4; j++) {
			lens[i][j] = (uint8_t)(vars[i].len >> (8 * j));
		}
		pieces[2 + 2 * i] = base_span_of(lens[i], 4);
		pieces[3 + 2 * i] = vars[i];
	}
	base_crypto_sha256v(pieces, sizeof(pieces) / sizeof(pieces[0]), leaf);
}

void
store_cert_assemble(struct base_buf *out, struct base_span tbs, struct base_span tail)
{
	size_t len = tbs.len + tail.len;

	base_buf_append_u8(out, DER_SEQUENCE);
	if (len < 0x80) {
		base_buf_append_u8(out, (uint8_t)len);
	} else if (len < 0x100) {
		base_buf_append_u8(out, 0x81);
		base_buf_append_u8(out, (uint8_t)len);
	} else {
		base_buf_append_u8(out, 0x82);
		base_buf_append_u8(out, (uint8_t)(len >> 8));
		base_buf_append_u8(out, (uint8_t)len);
	}
	base_buf_append_span(out, tbs);
	base_buf_append_span(out, tail);
}

/* Takes one DER value with this tag off the front; false when it is not there. */
static bool
der_skip(struct base_span *in, uint8_t tag)
{
	size_t head = 2;
	size_t len;

	if (in->len < 2 || in->ptr[0] != tag) {
		return false;
	}
	len = in->ptr[1];
	if (len == 0x81 && in->len >= 3 && in->ptr[2] >= 0x80) {
		head = 3;
		len = in->ptr[2];
	} else if (len == 0x82 && in->len >= 4 && in->ptr[2] != 0) {
		head = 4;
		len = ((size_t)in->ptr[2] << 8) | in->ptr[3];
	} else if (len >= 0x80) {
		return false;
	}
	if (len == 0 || len > in->len - head) {
		return false;
	}
	in->ptr += head + len;
	in->len -= head + len;
	return true;
}

bool
store_tail_ok(struct base_span tail)
{
	return tail.len <= LIMIT_SIGNATURE && der_skip(&tail, DER_SEQUENCE) &&
	    der_skip(&tail, DER_BIT_STRING) && tail.len == 0;
}

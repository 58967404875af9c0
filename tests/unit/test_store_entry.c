/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "store_fixture.h"

#include "check_main.h"

/* The entry written out once more from its description in store.h. */
static void
entry_by_hand(const struct store_entry *entry, struct base_buf *out)
{
	const struct msg_intent *m = entry->intent;
	const struct base_span spans[] = { m->serial, m->environment, m->cluster, m->identity,
		m->requester, m->evidence, m->tbs };

	base_buf_append(out, "meshca-intent-v1", 17);
	base_buf_append_le64(out, entry->seq);
	base_buf_append_le64(out, (uint64_t)entry->recorded_at);
	base_buf_append_u8(out, m->profile);
	base_buf_append(out, m->issuer_id, 32);
	base_buf_append(out, m->spki_sha256, 32);
	base_buf_append(out, m->request_id, 16);
	base_buf_append_le64(out, (uint64_t)m->not_before_at);
	base_buf_append_le64(out, (uint64_t)m->not_after_at);
	base_buf_append_u8(out, m->has_dedup);
	base_buf_append(out, m->dedup_key, 32);
	base_buf_append(out, m->dedup_body, 32);
	for (unsigned i = 0; i < 7; i++) {
		base_buf_append_le32(out, (uint32_t)spans[i].len);
		base_buf_append_span(out, spans[i]);
	}
}

START_TEST(hash_is_over_the_documented_bytes)
{
	struct fix fix = { 0 };
	struct fix_intent leaf;
	struct store_entry entry = { 42, FIX_NOW, &leaf.msg };
	struct base_buf bytes;
	uint8_t prev[32];
	uint8_t want[32];
	uint8_t have[32];

	fix_intent_make(&fix, &leaf, MSG_PROFILE_SVID, "spiffe://x/y");
	leaf.msg.has_dedup = 1;
	memset(leaf.msg.dedup_key, 3, 32);
	memset(prev, 9, 32);
	base_buf_init(&bytes, 4096);
	base_buf_append(&bytes, prev, 32);
	entry_by_hand(&entry, &bytes);
	ck_assert_uint_eq(bytes.len, 32 + STORE_ENTRY_FIXED + 7 * 4 + leaf.msg.serial.len +
	        leaf.msg.environment.len + leaf.msg.cluster.len + leaf.msg.identity.len +
	        leaf.msg.requester.len + leaf.msg.evidence.len + leaf.msg.tbs.len);
	base_crypto_sha256(base_buf_span(&bytes), want);
	store_entry_hash(&entry, prev, have);
	ck_assert_mem_eq(have, want, 32);
	base_buf_clear(&bytes);
}
END_TEST

START_TEST(certificate_is_a_sequence_of_any_size)
{
	static const uint8_t TBS[LIMIT_TBS];
	const size_t sizes[] = { 10, 119, 120, 200, 247, 248, 600, LIMIT_TBS };
	const struct base_span tail = base_span_of(FIX_TAIL, 8);

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = sizes[i] + tail.len;
		size_t head = len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
		struct base_buf out;

		base_buf_init(&out, LIMIT_CERT);
		store_cert_assemble(&out, base_span_of(TBS, sizes[i]), tail);
		ck_assert_uint_eq(out.len, head + len);
		ck_assert_uint_eq(out.ptr[0], 0x30);
		ck_assert(head != 2 || out.ptr[1] == len);
		ck_assert(head != 3 || (out.ptr[1] == 0x81 && out.ptr[2] == len));
		ck_assert(head != 4 ||
		    (out.ptr[1] == 0x82 && out.ptr[2] == len >> 8 &&
		        out.ptr[3] == (len & 0xff)));
		ck_assert_mem_eq(out.ptr + out.len - tail.len, tail.ptr, tail.len);
		base_buf_clear(&out);
	}
}
END_TEST

START_TEST(tail_is_two_der_values_and_nothing_else)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool ok;
	} CASES[] = {
		{ FIX_TAIL, 8, true },
		{ "", 0, false },
		{ FIX_TAIL, 7, false },
		{ FIX_TAIL "x", 9, false },
		{ "\x30\x02\x05\x00", 4, false },
		{ "\x03\x02\x00\x01\x30\x02\x05\x00", 8, false },
		{ "\x30\x81\x02\x05\x00\x03\x02\x00\x01", 9, false },
		{ "\x30\x00\x03\x02\x00\x01", 6, false },
		{ "\x30\x80\x05\x00\x03\x02\x00\x01", 8, false },
		{ "\x30\x82\x00\x02\x05\x00\x03\x02\x00\x01", 10, false },
	};

	for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_msg(store_tail_ok(base_span_of(CASES[i].bytes, CASES[i].len)) ==
		        CASES[i].ok,
		    "case %u", i);
	}
}
END_TEST

CHECK_MAIN("store_entry", hash_is_over_the_documented_bytes,
    certificate_is_a_sequence_of_any_size, tail_is_two_der_values_and_nothing_else)

/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/der.h"

#include <openssl/asn1.h>
#include <string.h>

#include "check_main.h"

#define SPAN(...) \
	base_span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool
reads(struct base_span bytes)
{
	struct der_rd rd;
	struct der_tlv tlv;

	der_rd_init(&rd, bytes);
	return der_rd_next(&rd, &tlv) && der_rd_done(&rd);
}

START_TEST(test_lengths)
{
	static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct base_buf nested, flat;
		base_buf_init(&nested, 1 << 20);
		base_buf_init(&flat, 1 << 20);
		uint8_t *body = calloc(1, lengths[i] + 1);
		size_t outer = der_begin(&nested, DER_SEQUENCE);
		size_t inner = der_begin(&nested, DER_OCTET_STRING);
		base_buf_append(&nested, body, lengths[i]);
		der_end(&nested, inner);
		der_end(&nested, outer);
		der_put(&flat, DER_OCTET_STRING, base_span_of(body, lengths[i]));
		struct der_rd rd, in;
		struct der_tlv tlv;
		der_rd_init(&rd, base_buf_span(&nested));
		ck_assert(der_rd_enter(&rd, DER_SEQUENCE, &in) && der_rd_done(&rd));
		ck_assert(der_rd_take(&in, DER_OCTET_STRING, &tlv) && der_rd_done(&in));
		ck_assert(base_span_equal(tlv.whole, base_buf_span(&flat)));
		ck_assert_uint_eq(tlv.body.len, lengths[i]);
		free(body);
		base_buf_clear(&nested);
		base_buf_clear(&flat);
	}
}
END_TEST

START_TEST(test_ceiling)
{
	struct base_buf out;

	base_buf_init(&out, 130);
	size_t mark = der_begin(&out, DER_SEQUENCE);
	uint8_t body[128] = {0};
	base_buf_append(&out, body, sizeof(body));
	der_end(&out, mark); /* the longer length does not fit */
	ck_assert(base_buf_failed(&out));
	base_buf_clear(&out);
}
END_TEST

START_TEST(test_malformed)
{
	ck_assert(reads(SPAN(0x04, 0x01, 0x00)));
	ck_assert(!reads(SPAN(0x04)));
	ck_assert(!reads(SPAN(0x04, 0x01)));
	ck_assert(!reads(SPAN(0x04, 0x00, 0x00)));             /* trailing */
	ck_assert(!reads(SPAN(0x30, 0x80, 0x00, 0x00)));       /* indefinite */
	ck_assert(!reads(SPAN(0x04, 0x81, 0x01, 0x00)));       /* long form of a short length */
	ck_assert(!reads(SPAN(0x04, 0x82, 0x00, 0x01, 0x00))); /* leading zero */
	ck_assert(!reads(SPAN(0x04, 0x84, 0xff, 0xff, 0xff, 0xff)));
	ck_assert(!reads(SPAN(0x04, 0x85, 0x00, 0x00, 0x00, 0x00, 0x01)));
	ck_assert(!reads(SPAN(0x04, 0xff, 0x00)));
	ck_assert(!reads(SPAN(0x1f, 0x81, 0x00, 0x00))); /* multi-byte tag */
	ck_assert(!reads(SPAN(0x00, 0x00)));             /* end of contents */
	ck_assert(!reads(base_span_of(NULL, 0)));
}
END_TEST

static bool
uint_is(struct base_span bytes, uint64_t value)
{
	struct der_rd rd;
	uint64_t got;

	der_rd_init(&rd, bytes);
	return der_rd_u64(&rd, &got) && der_rd_done(&rd) && got == value;
}

static bool
uint_bad(struct base_span bytes)
{
	struct der_rd rd;
	struct base_span got;

	der_rd_init(&rd, bytes);
	return !der_rd_uint(&rd, &got) && rd.failed;
}

START_TEST(test_integers)
{
	static const uint64_t values[] = {0, 1, 127, 128, 255, 256, 32767, 32768, UINT32_MAX,
	    INT64_MAX, UINT64_MAX};
	struct base_buf out;

	base_buf_init(&out, 64);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		base_buf_reset(&out);
		der_put_u64(&out, values[i]);
		ck_assert(uint_is(base_buf_span(&out), values[i]));
		ASN1_INTEGER *integer = ASN1_INTEGER_new();
		unsigned char *der = NULL;
		ASN1_INTEGER_set_uint64(integer, values[i]);
		int len = i2d_ASN1_INTEGER(integer, &der);
		ck_assert(base_span_equal(base_buf_span(&out), base_span_of(der, (size_t)len)));
		OPENSSL_free(der);
		ASN1_INTEGER_free(integer);
	}
	ck_assert(uint_bad(SPAN(0x02, 0x00)));
	ck_assert(uint_bad(SPAN(0x02, 0x01, 0x80)));       /* negative */
	ck_assert(uint_bad(SPAN(0x02, 0x02, 0x00, 0x7f))); /* not minimal */
	ck_assert(uint_bad(SPAN(0x0a, 0x01, 0x01)));
	ck_assert(!uint_is(SPAN(0x02, 0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 0)); /* too long */
	base_buf_clear(&out);
}
END_TEST

START_TEST(test_named_bits)
{
	struct base_buf out;

	base_buf_init(&out, 64);
	for (unsigned mask = 0; mask < 0x10000; mask += 3) {
		struct der_rd rd;
		unsigned got = ~mask;
		base_buf_reset(&out);
		der_put_named_bits(&out, mask);
		der_rd_init(&rd, base_buf_span(&out));
		ck_assert(der_rd_named_bits(&rd, &got) && der_rd_done(&rd));
		ck_assert_uint_eq(got, mask);
	}
	static const uint8_t bad[][5] = {
	    {0x03, 0x02, 0x06, 0x80, 0}, /* a trailing zero bit counted */
	    {0x03, 0x02, 0x07, 0xc0, 0}, /* an unused bit set */
	    {0x03, 0x02, 0x08, 0x80, 0}, {0x03, 0x01, 0x01, 0, 0}, {0x03, 0x00, 0, 0, 0},
	    {0x03, 0x03, 0x00, 0x80, 0x00}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct der_rd rd;
		unsigned got;
		der_rd_init(&rd, base_span_of(bad[i], 2u + bad[i][1]));
		ck_assert_msg(!der_rd_named_bits(&rd, &got), "%zu", i);
	}
	base_buf_clear(&out);
}
END_TEST

START_TEST(test_times)
{
	struct base_buf out;

	base_buf_init(&out, 64);
	/* every day from 1950 to 2100 with a wandering time of day, against OpenSSL */
	int64_t odd = 0;
	for (int64_t at = -631152000; at < 4102444800; at += 86400) {
		struct der_rd rd;
		int64_t got;
		odd = (odd + 7919) % 86400;
		base_buf_reset(&out);
		der_put_time(&out, at + odd);
		const unsigned char *p = out.ptr;
		ASN1_TIME *time = d2i_ASN1_TIME(NULL, &p, (long)out.len);
		ck_assert_ptr_nonnull(time);
		ck_assert_int_eq(ASN1_TIME_cmp_time_t(time, at + odd), 0);
		ASN1_TIME_free(time);
		der_rd_init(&rd, base_buf_span(&out));
		ck_assert(der_rd_time(&rd, &got));
		ck_assert(got == at + odd);
	}
	base_buf_reset(&out);
	der_put_time(&out, INT64_C(253402300799));
	ck_assert(memcmp(out.ptr + 2, "99991231235959Z", 15) == 0);
	base_buf_reset(&out);
	der_put_time(&out, INT64_C(253402300800));
	ck_assert(base_buf_failed(&out));

	static const char *const bad[] = {"\x17\x0d" "260230000000Z", "\x17\x0d" "261301000000Z",
	    "\x17\x0d" "260101240000Z", "\x17\x0d" "260101006000Z", "\x17\x0d" "260101000060Z",
	    "\x17\x0b" "2601010000Z", "\x17\x0d" "2601010000000", "\x18\x0f" "20260101000000Z",
	    "\x17\x0d" "26010100000aZ", "\x16\x0d" "260101000000Z", "\x17\x0d" "250229000000Z"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct der_rd rd;
		int64_t got;
		der_rd_init(&rd, base_span_str(bad[i]));
		ck_assert_msg(!der_rd_time(&rd, &got), "%s", bad[i] + 2);
	}
	base_buf_clear(&out);
}
END_TEST

START_TEST(test_depth_and_bool)
{
	uint8_t deep[2 * DER_DEPTH_MAX + 2];
	struct der_rd rd;
	size_t entered = 0;
	bool value;

	for (size_t i = 0; i < sizeof(deep); i += 2) {
		deep[i] = DER_SEQUENCE;
		deep[i + 1] = (uint8_t)(sizeof(deep) - i - 2);
	}
	der_rd_init(&rd, base_span_of(deep, sizeof(deep)));
	struct der_rd inner;
	while (der_rd_enter(&rd, DER_SEQUENCE, &inner)) {
		rd = inner;
		entered++;
	}
	ck_assert_uint_lt(entered, DER_DEPTH_MAX);
	ck_assert(rd.failed);
	der_rd_init(&rd, SPAN(0x01, 0x01, 0x01));
	ck_assert(!der_rd_bool(&rd, &value));
	der_rd_init(&rd, SPAN(0x01, 0x01, 0xff));
	ck_assert(der_rd_bool(&rd, &value) && value);
}
END_TEST

static bool
oid_ok(struct base_span bytes)
{
	struct der_rd rd;
	struct base_span oid;

	der_rd_init(&rd, bytes);
	return der_rd_oid(&rd, &oid) && der_rd_done(&rd);
}

START_TEST(test_oid)
{
	ck_assert(oid_ok(SPAN(0x06, 0x03, 0x55, 0x1d, 0x11)));
	ck_assert(oid_ok(SPAN(0x06, 0x02, 0x81, 0x00)));
	ck_assert(!oid_ok(SPAN(0x06, 0x00)));
	ck_assert(!oid_ok(SPAN(0x06, 0x02, 0x55, 0x9d)));       /* the last arc is cut */
	ck_assert(!oid_ok(SPAN(0x06, 0x03, 0x55, 0x80, 0x01))); /* an arc with a leading zero */
	ck_assert(!oid_ok(SPAN(0x04, 0x01, 0x55)));
}
END_TEST

START_TEST(test_oid_text)
{
	char text[32];

	der_oid_text(SPAN(0x55, 0x1d, 0x11), text, sizeof(text));
	ck_assert_str_eq(text, "2.5.29.17");
	der_oid_text(SPAN(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07), text,
	    sizeof(text));
	ck_assert_str_eq(text, "1.2.840.113549.1.9.7");
	der_oid_text(SPAN(0x88, 0x37, 0x03), text, sizeof(text));
	ck_assert_str_eq(text, "2.999.3");
	der_oid_text(SPAN(0x88), text, sizeof(text));
	ck_assert_str_eq(text, "?");
	der_oid_text(SPAN(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d), text, 8);
	ck_assert_uint_lt(strlen(text), 8);
}
END_TEST

CHECK_MAIN("ca_der", test_lengths, test_ceiling, test_malformed, test_integers,
    test_named_bits, test_times, test_depth_and_bool, test_oid,
    test_oid_text)

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ca/der.h"

#define LENGTH_BYTES_MAX 4 /* of a long-form length that we read or write */

static size_t
length_bytes(size_t len)
{
	size_t n = 0;

	if (len < 0x80) {
		return 0;
	}
	for (size_t rest = len; rest != 0; rest >>= 8) {
		n++;
	}
	return n;
}

size_t
der_begin(struct base_buf *out, uint8_t tag)
{
	base_buf_append_u8(out, tag);
	base_buf_append_u8(out, 0);
	return out->len;
}

void
der_end(struct base_buf *out, size_t mark)
{
	if (base_buf_failed(out)) {
		return;
	}
	size_t len = out->len - mark;
	size_t extra = length_bytes(len);
	if (extra == 0) {
		out->ptr[mark - 1] = (uint8_t)len;
		return;
	}
	if (extra > LENGTH_BYTES_MAX || base_buf_reserve(out, extra) == NULL) {
		out->failed = true;
		return;
	}
	memmove(out->ptr + mark + extra, out->ptr + mark, len);
	out->ptr[mark - 1] = (uint8_t)(0x80 | extra);
	for (size_t i = 0; i < extra; i++) {
		out->ptr[mark + i] = (uint8_t)(len >> (8 * (extra - 1 - i)));
	}
}

void
der_put_header(struct base_buf *out, uint8_t tag, size_t body_len)
{
	size_t extra = length_bytes(body_len);

	if (extra > LENGTH_BYTES_MAX) {
		out->failed = true;
		return;
	}
	base_buf_append_u8(out, tag);
	if (extra == 0) {
		base_buf_append_u8(out, (uint8_t)body_len);
		return;
	}
	base_buf_append_u8(out, (uint8_t)(0x80 | extra));
	while (extra-- > 0) {
		base_buf_append_u8(out, (uint8_t)(body_len >> (8 * extra)));
	}
}

void
der_put(struct base_buf *out, uint8_t tag, struct base_span body)
{
	der_put_header(out, tag, body.len);
	base_buf_append_span(out, body);
}

void
der_put_true(struct base_buf *out)
{
	base_buf_append(out, "\x01\x01\xff", 3);
}

void
der_put_null(struct base_buf *out)
{
	base_buf_append(out, "\x05\x00", 2);
}

void
der_put_uint(struct base_buf *out, struct base_span big_endian)
{
	while (big_endian.len > 0 && big_endian.ptr[0] == 0) {
		big_endian.ptr++;
		big_endian.len--;
	}
	bool sign = big_endian.len == 0 || (big_endian.ptr[0] & 0x80) != 0;
	der_put_header(out, DER_INTEGER, big_endian.len + (sign ? 1 : 0));
	if (sign) {
		base_buf_append_u8(out, 0);
	}
	base_buf_append_span(out, big_endian);
}

void
der_put_u64(struct base_buf *out, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(value >> (8 * (7 - i)));
	}
	der_put_uint(out, base_span_of(bytes, sizeof(bytes)));
}

void
der_put_bits(struct base_buf *out, struct base_span bytes)
{
	der_put_header(out, DER_BIT_STRING, bytes.len + 1);
	base_buf_append_u8(out, 0);
	base_buf_append_span(out, bytes);
}

void
der_put_named_bits(struct base_buf *out, unsigned mask)
{
	uint8_t bytes[2] = {0, 0};
	size_t used = 0; /* bits up to the last one set */

	for (unsigned bit = 0; bit < 16; bit++) {
		if ((mask & (1u << bit)) != 0) {
			bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | (0x80u >> (bit % 8)));
			used = bit + 1;
		}
	}
	size_t len = (used + 7) / 8;
	der_put_header(out, DER_BIT_STRING, len + 1);
	base_buf_append_u8(out, (uint8_t)(len * 8 - used));
	base_buf_append(out, bytes, len);
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back: gmtime_r and timegm
 * without their locale and time zone files. */
static int64_t
days_from_date(int64_t year, unsigned month, unsigned day)
{
	static const unsigned before[12] = {
	    0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64_t y = year - (month <= 2 ? 1 : 0); /* leap days counted up to last March */

	return (year - 1970) * 365 + (y / 4 - y / 100 + y / 400) -
	    (1969 / 4 - 1969 / 100 + 1969 / 400) + before[month - 1] + (day - 1);
}

static bool
leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned
month_days(int64_t year, unsigned month)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && leap(year) ? 29 : days[month - 1];
}

#define AT_1950 (-631152000LL)
#define AT_2050 2524608000LL
#define AT_9999 253402300799LL

void
der_put_time(struct base_buf *out, int64_t at)
{
	if (at < AT_1950 || at > AT_9999) {
		out->failed = true;
		return;
	}
	int64_t days = at / 86400 - (at % 86400 < 0 ? 1 : 0);
	unsigned second = (unsigned)(at - days * 86400);
	int64_t year = 1970 + days / 366 - (days < 0 ? 2 : 0); /* never too late */
	while (days_from_date(year + 1, 1, 1) <= days) {
		year++;
	}
	unsigned left = (unsigned)(days - days_from_date(year, 1, 1));
	unsigned month = 1;
	while (left >= month_days(year, month)) {
		left -= month_days(year, month);
		month++;
	}
	uint8_t digits[14];
	unsigned fields[6] = {(unsigned)(year / 100), (unsigned)(year % 100), month, left + 1,
	    second / 3600, second / 60 % 60};
	for (size_t i = 0; i < 6; i++) {
		digits[2 * i] = (uint8_t)('0' + fields[i] / 10);
		digits[2 * i + 1] = (uint8_t)('0' + fields[i] % 10);
	}
	digits[12] = (uint8_t)('0' + second % 60 / 10);
	digits[13] = (uint8_t)('0' + second % 60 % 10);
	bool utc = at < AT_2050;
	der_put_header(out, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, utc ? 13 : 15);
	base_buf_append(out, utc ? digits + 2 : digits, utc ? 12 : 14);
	base_buf_append_u8(out, 'Z');
}

void
der_rd_init(struct der_rd *rd, struct base_span bytes)
{
	*rd = (struct der_rd){.ptr = bytes.ptr, .left = bytes.len};
}

static bool
fail(struct der_rd *rd)
{
	rd->failed = true;
	rd->left = 0;
	return false;
}

bool
der_rd_next(struct der_rd *rd, struct der_tlv *out)
{
	if (rd->failed || rd->left == 0) {
		return false;
	}
	if (rd->left < 2 || (rd->ptr[0] & 0x1f) == 0x1f || rd->ptr[0] == 0) {
		return fail(rd); /* multi-byte tags do not occur in what we read */
	}
	size_t header = 2;
	size_t len = rd->ptr[1];
	if (len >= 0x80) {
		size_t bytes = len & 0x7f;
		if (bytes == 0 || bytes > LENGTH_BYTES_MAX || rd->left - 2 < bytes) {
			return fail(rd);
		}
		len = 0;
		for (size_t i = 0; i < bytes; i++) {
			len = len << 8 | rd->ptr[2 + i];
		}
		if (length_bytes(len) != bytes) {
			return fail(rd); /* X.690 10.1: minimal */
		}
		header += bytes;
	}
	if (rd->left - header < len) {
		return fail(rd);
	}
	out->tag = rd->ptr[0];
	out->body = base_span_of(rd->ptr + header, len);
	out->whole = base_span_of(rd->ptr, header + len);
	rd->ptr += header + len;
	rd->left -= header + len;
	return true;
}

bool
der_rd_take(struct der_rd *rd, uint8_t tag, struct der_tlv *out)
{
	if (der_rd_peek(rd) != tag) {
		return fail(rd);
	}
	return der_rd_next(rd, out);
}

bool
der_rd_enter(struct der_rd *rd, uint8_t tag, struct der_rd *inner)
{
	struct der_tlv tlv;

	*inner = (struct der_rd){.failed = true};
	if (rd->depth + 1 >= DER_DEPTH_MAX || !der_rd_take(rd, tag, &tlv)) {
		return fail(rd);
	}
	der_rd_init(inner, tlv.body);
	inner->depth = rd->depth + 1;
	return true;
}

uint8_t
der_rd_peek(const struct der_rd *rd)
{
	return rd->failed || rd->left == 0 ? 0 : rd->ptr[0];
}

bool
der_rd_done(const struct der_rd *rd)
{
	return !rd->failed && rd->left == 0;
}

bool
der_rd_uint(struct der_rd *rd, struct base_span *out)
{
	struct der_tlv tlv;

	if (!der_rd_take(rd, DER_INTEGER, &tlv)) {
		return false;
	}
	const uint8_t *p = tlv.body.ptr;
	size_t len = tlv.body.len;
	if (len == 0 || (p[0] & 0x80) != 0 || (len > 1 && p[0] == 0 && (p[1] & 0x80) == 0)) {
		return fail(rd);
	}
	size_t sign = len > 1 && p[0] == 0 ? 1 : 0;
	*out = base_span_of(p + sign, len - sign);
	return true;
}

bool
der_rd_u64(struct der_rd *rd, uint64_t *out)
{
	struct base_span bytes;
	uint64_t value = 0;

	if (!der_rd_uint(rd, &bytes)) {
		return false;
	}
	if (bytes.len > sizeof(value)) {
		return fail(rd);
	}
	for (size_t i = 0; i < bytes.len; i++) {
		value = value << 8 | bytes.ptr[i];
	}
	*out = value;
	return true;
}

bool
der_rd_oid(struct der_rd *rd, struct base_span *out)
{
	struct der_tlv tlv;
	bool first = true; /* byte of an arc */

	if (!der_rd_take(rd, DER_OID, &tlv)) {
		return false;
	}
	for (size_t i = 0; i < tlv.body.len; i++) {
		if (first && tlv.body.ptr[i] == 0x80) {
			return fail(rd);
		}
		first = (tlv.body.ptr[i] & 0x80) == 0;
	}
	if (tlv.body.len == 0 || !first) {
		return fail(rd);
	}
	*out = tlv.body;
	return true;
}

bool
der_rd_bits(struct der_rd *rd, struct base_span *out)
{
	struct der_tlv tlv;

	if (!der_rd_take(rd, DER_BIT_STRING, &tlv)) {
		return false;
	}
	if (tlv.body.len == 0 || tlv.body.ptr[0] != 0) {
		return fail(rd);
	}
	*out = base_span_of(tlv.body.ptr + 1, tlv.body.len - 1);
	return true;
}

bool
der_rd_named_bits(struct der_rd *rd, unsigned *mask)
{
	struct der_tlv tlv;

	if (!der_rd_take(rd, DER_BIT_STRING, &tlv)) {
		return false;
	}
	size_t len = tlv.body.len;
	if (len == 0 || len > 3 || tlv.body.ptr[0] > 7 || (len == 1 && tlv.body.ptr[0] != 0)) {
		return fail(rd);
	}
	unsigned unused = tlv.body.ptr[0];
	/* The last bit that is not declared unused must be set, all unused ones clear. */
	if (len > 1 && (tlv.body.ptr[len - 1] & ((2u << unused) - 1)) != 1u << unused) {
		return fail(rd);
	}
	unsigned bits = 0;
	for (unsigned bit = 0; bit < 8 * (len - 1); bit++) {
		if ((tlv.body.ptr[1 + bit / 8] & (0x80u >> (bit % 8))) != 0) {
			bits |= 1u << bit;
		}
	}
	*mask = bits;
	return true;
}

bool
der_rd_bool(struct der_rd *rd, bool *out)
{
	struct der_tlv tlv;

	if (!der_rd_take(rd, DER_BOOLEAN, &tlv)) {
		return false;
	}
	if (tlv.body.len != 1 || (tlv.body.ptr[0] != 0 && tlv.body.ptr[0] != 0xff)) {
		return fail(rd);
	}
	*out = tlv.body.ptr[0] != 0;
	return true;
}

/* fields: century, year, month, day, hour, minute, second. */
static bool
is_real_moment(int64_t year, const unsigned fields[7])
{
	return fields[2] >= 1 && fields[2] <= 12 && fields[3] >= 1 &&
	    fields[3] <= month_days(year, fields[2]) && fields[4] <= 23 && fields[5] <= 59 &&
	    fields[6] <= 59;
}

bool
der_rd_time(struct der_rd *rd, int64_t *at)
{
	struct der_tlv tlv;

	if (!der_rd_next(rd, &tlv)) {
		return fail(rd);
	}
	bool utc = tlv.tag == DER_UTC_TIME;
	if ((!utc && tlv.tag != DER_GENERALIZED_TIME) || tlv.body.len != (utc ? 13 : 15) ||
	    tlv.body.ptr[tlv.body.len - 1] != 'Z') {
		return fail(rd);
	}
	unsigned fields[7] = {0}; /* century, year, month, day, hour, minute, second */
	for (size_t i = 0; i + 1 < tlv.body.len; i++) {
		unsigned digit = (unsigned)tlv.body.ptr[i] - '0';
		if (digit > 9) {
			return fail(rd);
		}
		size_t field = i / 2 + (utc ? 1 : 0);
		fields[field] = fields[field] * 10 + digit;
	}
	if (utc) {
		fields[0] = fields[1] >= 50 ? 19 : 20; /* RFC 5280 4.1.2.5.1 */
	}
	int64_t year = (int64_t)fields[0] * 100 + fields[1];
	if (year < (utc ? 1950 : 2050) || !is_real_moment(year, fields)) {
		return fail(rd);
	}
	*at = days_from_date(year, fields[2], fields[3]) * 86400 + fields[4] * 3600 +
	    fields[5] * 60 + fields[6];
	return true;
}

void
der_oid_text(struct base_span oid, char *out, size_t size)
{
	uint64_t arc = 0;
	size_t used = 0;
	bool first = true;

	for (size_t i = 0; i < oid.len; i++) {
		if (arc > UINT32_MAX) {
			break;
		}
		arc = arc << 7 | (oid.ptr[i] & 0x7f);
		if ((oid.ptr[i] & 0x80) != 0) {
			continue;
		}
		uint64_t top = arc < 80 ? arc / 40 : 2;
		int n = first ? snprintf(out + used, size - used, "%llu.%llu",
			    (unsigned long long)top, (unsigned long long)(arc - top * 40))
			      : snprintf(out + used, size - used, ".%llu",
			    (unsigned long long)arc);
		if (n < 0 || (size_t)n >= size - used) {
			return;
		}
		used += (size_t)n;
		first = false;
		arc = 0;
	}
	if (first) {
		snprintf(out, size, "?");
	}
}

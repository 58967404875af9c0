/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define PEM_COLUMNS 64 /* RFC 7468 section 2 */
#define PEM_LABEL_MAX 64

static const char HEX[] = "0123456789abcdef";
static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char B64URL[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base_enc_hex(const uint8_t *ptr, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = HEX[ptr[i] >> 4];
		out[2 * i + 1] = HEX[ptr[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
nibble(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

enum mc_err
base_enc_unhex(struct base_span text, uint8_t *out, size_t max, size_t *out_len)
{
	if (text.len % 2 != 0 || text.len / 2 > max) {
		return MC_FAIL(MC_EENCODING, "%zu hex digits", text.len);
	}
	for (size_t i = 0; i < text.len / 2; i++) {
		int high = nibble(text.ptr[2 * i]);
		int low = nibble(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0) {
			return MC_FAIL(MC_EENCODING, "no hex digit at byte %zu", 2 * i);
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	*out_len = text.len / 2;
	return MC_OK;
}

static void
b64_encode(struct base_buf *out, struct base_span bytes, const char *alphabet, bool pad)
{
	size_t tail = bytes.len % 3;
	size_t len = bytes.len / 3 * 4 + (tail == 0 ? 0 : pad ? 4 : tail + 1);
	uint8_t *to;
	size_t i = 0;

	if (bytes.len > SIZE_MAX / 4) {
		out->failed = true;
		return;
	}
	to = base_buf_reserve(out, len);
	if (to == NULL) {
		return;
	}
	for (; i + 3 <= bytes.len; i += 3) {
		uint32_t group = (uint32_t)bytes.ptr[i] << 16 |
		    (uint32_t)bytes.ptr[i + 1] << 8 | bytes.ptr[i + 2];

		*to++ = (uint8_t)alphabet[group >> 18];
		*to++ = (uint8_t)alphabet[group >> 12 & 63];
		*to++ = (uint8_t)alphabet[group >> 6 & 63];
		*to++ = (uint8_t)alphabet[group & 63];
	}
	if (tail > 0) {
		uint32_t group = (uint32_t)bytes.ptr[i] << 16;

		if (tail == 2) {
			group |= (uint32_t)bytes.ptr[i + 1] << 8;
		}
		*to++ = (uint8_t)alphabet[group >> 18];
		*to++ = (uint8_t)alphabet[group >> 12 & 63];
		if (tail == 2) {
			*to++ = (uint8_t)alphabet[group >> 6 & 63];
		}
		for (; pad && tail < 3; tail++) {
			*to++ = '=';
		}
	}
}

void
base_enc_b64(struct base_buf *out, struct base_span bytes)
{
	b64_encode(out, bytes, B64, true);
}

void
base_enc_b64url(struct base_buf *out, struct base_span bytes)
{
	b64_encode(out, bytes, B64URL, false);
}

/* What an ASCII character stands for, in 6 bits, and why it may not: each alphabet has two
 * characters that the other has not, and most bytes are in neither. */
#define ONLY_B64 0x40
#define ONLY_URL 0x80
static const uint8_t SEXTETS[128] = {
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0x7e, 0xc0, 0xbe, 0xc0, 0x7f,
	0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
	0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0xc0, 0xc0, 0xc0, 0xc0, 0xbf,
	0xc0, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
	0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
};

static uint8_t
sextet(uint8_t c)
{
	return c < sizeof(SEXTETS) ? SEXTETS[c] : ONLY_B64 | ONLY_URL;
}

/* Decodes text without padding; bad is what a character must not have. */
static enum mc_err
b64_decode(struct base_buf *out, struct base_span text, uint8_t bad)
{
	size_t tail = text.len % 4;
	const uint8_t *from = text.ptr;
	const uint8_t *end = from + (text.len - tail);
	uint32_t group = 0;
	uint8_t seen = 0;
	uint8_t *to;

	if (tail == 1) {
		return MC_FAIL(MC_EENCODING, "%zu base64 characters", text.len);
	}
	to = base_buf_reserve(out, text.len / 4 * 3 + (tail == 0 ? 0 : tail - 1));
	if (to == NULL) {
		return MC_FAIL(MC_ETOOBIG, "base64 text of %zu characters", text.len);
	}
	for (; from < end; from += 4, to += 3) {
		uint8_t a = sextet(from[0]);
		uint8_t b = sextet(from[1]);
		uint8_t c = sextet(from[2]);
		uint8_t d = sextet(from[3]);

		seen |= a | b | c | d;
		group = (uint32_t)(a & 63) << 18 | (uint32_t)(b & 63) << 12 |
		    (uint32_t)(c & 63) << 6 | (uint32_t)(d & 63);
		to[0] = (uint8_t)(group >> 16);
		to[1] = (uint8_t)(group >> 8);
		to[2] = (uint8_t)group;
	}
	group = 0;
	for (size_t i = 0; i < tail; i++) {
		seen |= sextet(from[i]);
		group = group << 6 | (sextet(from[i]) & 63);
	}
	if ((seen & bad) != 0) {
		return MC_FAIL(MC_EENCODING, "a character that is not of base64");
	}
	if ((tail == 2 && (group & 15) != 0) || (tail == 3 && (group & 3) != 0)) {
		return MC_FAIL(MC_EENCODING, "trailing bits of base64 text are not zero");
	}
	if (tail == 2) {
		to[0] = (uint8_t)(group >> 4);
	} else if (tail == 3) {
		to[0] = (uint8_t)(group >> 10);
		to[1] = (uint8_t)(group >> 2);
	}
	return MC_OK;
}

enum mc_err
base_enc_unb64(struct base_buf *out, struct base_span text)
{
	size_t start = out->len;
	enum mc_err ret;

	if (text.len % 4 != 0) {
		return MC_FAIL(MC_EENCODING, "base64 text of %zu characters", text.len);
	}
	for (int i = 0; i < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; i++) {
		text.len--;
	}
	ret = b64_decode(out, text, ONLY_URL);
	if (ret != MC_OK) {
		out->len = start;
	}
	return ret;
}

enum mc_err
base_enc_unb64url(struct base_buf *out, struct base_span text)
{
	size_t start = out->len;
	enum mc_err ret = b64_decode(out, text, ONLY_B64);

	if (ret != MC_OK) {
		out->len = start;
	}
	return ret;
}

void
base_enc_pem(struct base_buf *out, const char *label, struct base_span der)
{
	const size_t step = PEM_COLUMNS / 4 * 3;

	base_buf_appendf(out, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < der.len; at += step) {
		size_t left = der.len - at;

		base_enc_b64(out, base_span_of(der.ptr + at, left < step ? left : step));
		base_buf_append_u8(out, '\n');
	}
	base_buf_appendf(out, "-----END %s-----\n", label);
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_blank(struct base_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_space(text.ptr[i])) {
			return false;
		}
	}
	return true;
}

/* Finds a boundary that is a line of its own, trailing white space allowed (RFC 7468 section 2).
 * *at is where it begins; *after where the next line does. */
static bool
find_boundary(struct base_span text, const char *boundary, size_t *at, size_t *after)
{
	size_t len = strlen(boundary);
	size_t from = 0;

	while (from < text.len) {
		const uint8_t *hit = memmem(text.ptr + from, text.len - from, boundary, len);
		size_t start;
		size_t end;

		if (hit == NULL) {
			return false;
		}
		start = (size_t)(hit - text.ptr);
		end = start + len;
		while (end < text.len && is_space(text.ptr[end]) && text.ptr[end] != '\n') {
			end++;
		}
		if ((start == 0 || text.ptr[start - 1] == '\n') &&
		    (end == text.len || text.ptr[end] == '\n')) {
			*at = start;
			*after = end == text.len ? end : end + 1;
			return true;
		}
		from = start + 1;
	}
	return false;
}

/* Decodes the lines between the boundaries; only line ends may interrupt them. */
static enum mc_err
pem_body(struct base_buf *out, struct base_span body)
{
	struct base_buf joined;
	enum mc_err ret = MC_EINTERNAL;
	const uint8_t *at = body.ptr;
	const uint8_t *end = body.ptr + body.len;
	uint8_t *room;

	base_buf_init(&joined, body.len);
	room = base_buf_reserve(&joined, body.len);
	joined.len = 0;
	while (room != NULL && at < end) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		const uint8_t *next = stop != NULL ? stop + 1 : end;
		size_t len = (size_t)((stop != NULL ? stop : end) - at);

		if (len > 0 && at[len - 1] == '\r') {
			len--;
		}
		if (len == 0) {
			ret = MC_FAIL(MC_EENCODING, "an empty line inside a PEM block");
			goto out;
		}
		base_copy(room + joined.len, at, len);
		joined.len += len;
		at = next;
	}
	if (joined.len == 0) {
		ret = MC_FAIL(MC_EENCODING, "an empty PEM block");
		goto out;
	}
	ret = base_enc_unb64(out, base_buf_span(&joined));
out:
	base_buf_clear(&joined);
	return ret;
}

enum mc_err
base_enc_unpem(struct base_buf *out, const char *label, struct base_span text,
    struct base_span *rest)
{
	char boundary[PEM_LABEL_MAX + 32];
	struct base_span body;
	struct base_span tail;
	size_t begin;
	size_t after;
	size_t end;
	enum mc_err ret;

	(void)snprintf(boundary, sizeof(boundary), "-----BEGIN %.64s-----", label);
	if (!find_boundary(text, boundary, &begin, &after)) {
		return MC_FAIL(MC_ENOTFOUND, "no PEM block of type %s", label);
	}
	body = base_span_of(text.ptr + after, text.len - after);
	(void)snprintf(boundary, sizeof(boundary), "-----END %.64s-----", label);
	if (!find_boundary(body, boundary, &end, &after)) {
		return MC_FAIL(MC_EENCODING, "a PEM block of type %s without its end", label);
	}
	tail = base_span_of(body.ptr + after, body.len - after);
	body.len = end;
	if (rest == NULL && (!is_blank(base_span_of(text.ptr, begin)) || !is_blank(tail))) {
		return MC_FAIL(MC_EENCODING, "more than one PEM block of type %s", label);
	}
	ret = pem_body(out, body);
	if (ret == MC_OK && rest != NULL) {
		*rest = tail;
	}
	return ret;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER (X.690) by hand: what the hot path reads and writes is small and fixed, and
 * OpenSSL 3.0's templates cost more than the signature.
 *
 * The writer goes forward through a base_buf, whose sticky error stands for the whole
 * encoding. The reader accepts single-byte tags with definite, minimal lengths only.
 */
#ifndef CA_DER_H
#define CA_DER_H

#include "base/buf.h"
#include "base/span.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
#define DER_CONTEXT(n)     (0x80u | (n)) /* [n] IMPLICIT, primitive */
#define DER_CONSTRUCTED(n) (0xa0u | (n)) /* [n] EXPLICIT or constructed */

/* --- writer --- */

/* Opens a TLV whose length is not known yet. Returns the mark for der_end(). Nested
 * TLVs are closed in reverse order. */
size_t der_begin(struct base_buf *out, uint8_t tag);
/* Closes it: writes the minimal length, moving the content by at most 4 bytes. */
void der_end(struct base_buf *out, size_t mark);

void der_put(struct base_buf *out, uint8_t tag, struct base_span body);
/* Tag and length of a TLV whose body_len bytes the caller appends next. */
void der_put_header(struct base_buf *out, uint8_t tag, size_t body_len);
void der_put_true(struct base_buf *out);
void der_put_null(struct base_buf *out);
/* Non-negative INTEGER from big-endian bytes; leading zeros are dropped, a sign byte is
 * added where needed. Empty is 0. */
void der_put_uint(struct base_buf *out, struct base_span big_endian);
void der_put_u64(struct base_buf *out, uint64_t value);
/* BIT STRING of whole bytes. */
void der_put_bits(struct base_buf *out, struct base_span bytes);
/* Named-bit list (X.690 11.2.2: trailing zero bits are dropped); bit 0 of the mask is
 * ASN.1 bit 0, at most 16 bits. */
void der_put_named_bits(struct base_buf *out, unsigned mask);
/* RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. A time before 1950
 * or after 9999 sets the sticky error. */
void der_put_time(struct base_buf *out, int64_t at);

/* --- reader --- */

#define DER_DEPTH_MAX 12 /* a certificate needs 8 */

/* Reads the TLVs of one level. A failure is sticky for this level; every function then
 * returns false. */
struct der_rd {
	const uint8_t *ptr;
	size_t left;
	unsigned depth;
	bool failed;
};

struct der_tlv {
	uint8_t tag;
	struct base_span body;
	struct base_span whole; /* header and body */
};

void der_rd_init(struct der_rd *rd, struct base_span bytes);
/* The next TLV; false at the end or on malformed bytes (then failed is set). */
bool der_rd_next(struct der_rd *rd, struct der_tlv *out);
/* The next TLV, which must be there and have this tag. */
bool der_rd_take(struct der_rd *rd, uint8_t tag, struct der_tlv *out);
/* The same, and a reader over its body, one level deeper (at most DER_DEPTH_MAX). */
bool der_rd_enter(struct der_rd *rd, uint8_t tag, struct der_rd *inner);
/* Tag of the next TLV, 0 at the end. */
uint8_t der_rd_peek(const struct der_rd *rd);
/* True when nothing failed and every byte was consumed. */
bool der_rd_done(const struct der_rd *rd);

/* Body of a positive or zero INTEGER: minimal, not negative. The view loses its sign
 * byte; zero gives the one byte 0. */
bool der_rd_uint(struct der_rd *rd, struct base_span *out);
/* The same where the value fits 64 bits. */
bool der_rd_u64(struct der_rd *rd, uint64_t *out);
/* Body of an OBJECT IDENTIFIER whose arcs are minimal and complete (X.690 8.19.2). */
bool der_rd_oid(struct der_rd *rd, struct base_span *out);
/* BIT STRING of whole bytes (no unused bits). */
bool der_rd_bits(struct der_rd *rd, struct base_span *out);
/* Named-bit list of at most 16 bits, minimal; the mask as der_put_named_bits takes it. */
bool der_rd_named_bits(struct der_rd *rd, unsigned *mask);
/* BOOLEAN: 00 or ff, nothing else (X.690 11.1). */
bool der_rd_bool(struct der_rd *rd, bool *out);
/* UTCTime or GeneralizedTime in RFC 5280's only form (seconds, Z). */
bool der_rd_time(struct der_rd *rd, int64_t *at);

/* Dotted text of an OID's body for messages ("2.5.29.17"), cut to size; "?" when it is
 * malformed. */
void der_oid_text(struct base_span oid, char *out, size_t size);

#endif

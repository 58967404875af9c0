/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf by hand: fields, and the entries of a google.protobuf.Struct. */
#ifndef TESTS_STRUCT_MAKE_H
#define TESTS_STRUCT_MAKE_H

#include "base/buf.h"

#define MAKE_STRUCT_MAX (70 * 1024)

static inline void
make_varint(struct base_buf *out, size_t n)
{
	for (; n > 127; n >>= 7) {
		base_buf_append_u8(out, (uint8_t)(n | 128));
	}
	base_buf_append_u8(out, (uint8_t)n);
}

static inline void
make_field(struct base_buf *out, unsigned number, struct base_span bytes)
{
	make_varint(out, number << 3 | 2);
	make_varint(out, bytes.len);
	base_buf_append_span(out, bytes);
}

/* Appends an entry whose value is the Value given. */
static inline void
make_entry(struct base_buf *out, const char *key, struct base_span value)
{
	struct base_buf body;

	base_buf_init(&body, MAKE_STRUCT_MAX);
	make_field(&body, 1, base_span_str(key));
	make_field(&body, 2, value);
	make_field(out, 1, base_buf_span(&body));
	base_buf_clear(&body);
}

static inline void
make_string_entry(struct base_buf *out, const char *key, const char *text)
{
	struct base_buf value;

	base_buf_init(&value, MAKE_STRUCT_MAX);
	make_field(&value, 3, base_span_str(text));
	make_entry(out, key, base_buf_span(&value));
	base_buf_clear(&value);
}

#endif

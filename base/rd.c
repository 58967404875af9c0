/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

void
base_rd_init(struct base_rd *rd, struct base_span bytes)
{
	*rd = (struct base_rd){.ptr = bytes.ptr, .left = bytes.len};
}

struct base_span
base_rd_bytes(struct base_rd *rd, size_t len)
{
	struct base_span span = {rd->ptr, len};

	if (rd->failed || len > rd->left) {
		rd->failed = true;
		return base_span_of(NULL, 0);
	}
	if (len > 0) {
		rd->ptr += len;
		rd->left -= len;
	}
	return span;
}

static uint64_t
read_le(struct base_rd *rd, size_t width)
{
	struct base_span span = base_rd_bytes(rd, width);
	uint64_t value = 0;

	for (size_t i = span.len; i > 0; i--) {
		value = value << 8 | span.ptr[i - 1];
	}
	return value;
}

uint8_t
base_rd_u8(struct base_rd *rd)
{
	return (uint8_t)read_le(rd, 1);
}

uint16_t
base_rd_le16(struct base_rd *rd)
{
	return (uint16_t)read_le(rd, 2);
}

uint32_t
base_rd_le32(struct base_rd *rd)
{
	return (uint32_t)read_le(rd, 4);
}

uint64_t
base_rd_le64(struct base_rd *rd)
{
	return read_le(rd, 8);
}

bool
base_rd_done(const struct base_rd *rd)
{
	return !rd->failed && rd->left == 0;
}

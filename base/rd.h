/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded reader, with a sticky error: every read after the first failure
 * yields zero or the empty view; the caller checks once, with base_rd_done().
 */
#ifndef BASE_RD_H
#define BASE_RD_H

#include "base/err.h"
#include "base/span.h"

struct base_rd {
	const uint8_t *ptr;
	size_t left;
	bool failed;
};

void base_rd_init(struct base_rd *rd, struct base_span bytes);
uint8_t base_rd_u8(struct base_rd *rd);
uint16_t base_rd_le16(struct base_rd *rd);
uint32_t base_rd_le32(struct base_rd *rd);
uint64_t base_rd_le64(struct base_rd *rd);
/* The next len bytes, still owned by whoever owns the input. */
struct base_span base_rd_bytes(struct base_rd *rd, size_t len);
/* True when nothing failed and every byte was consumed. */
bool base_rd_done(const struct base_rd *rd);

#endif

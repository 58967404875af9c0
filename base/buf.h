/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growable byte buffer. None exists without a stated ceiling.
 *
 * Appends have a sticky error: after the first that would pass the ceiling all
 * later ones do nothing, and base_buf_failed() says so once at the end.
 * Memory is wiped when it is released, so a buffer may hold a secret.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct base_buf {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max;  /* ceiling in bytes */
	bool failed; /* the sticky error */
};

void base_buf_init(struct base_buf *buf, size_t max);
/* Releases the memory and leaves an empty buffer with the same ceiling. */
void base_buf_clear(struct base_buf *buf);
/* Empties it and forgets the sticky error; keeps the memory for reuse. */
void base_buf_reset(struct base_buf *buf);
bool base_buf_failed(const struct base_buf *buf);
struct base_span base_buf_span(const struct base_buf *buf);

void base_buf_append(struct base_buf *buf, const void *ptr, size_t len);
void base_buf_append_span(struct base_buf *buf, struct base_span span);
void base_buf_append_str(struct base_buf *buf, const char *str);
void base_buf_append_u8(struct base_buf *buf, uint8_t value);
/* Little-endian, as everything between our processes. */
void base_buf_append_le16(struct base_buf *buf, uint16_t value);
void base_buf_append_le32(struct base_buf *buf, uint32_t value);
void base_buf_append_le64(struct base_buf *buf, uint64_t value);
void base_buf_appendf(struct base_buf *buf, const char *fmt, ...) MC_PRINTF(2, 3);
/* Room for len bytes that the caller fills at once; NULL after a sticky error. */
uint8_t *base_buf_reserve(struct base_buf *buf, size_t len);
/* Drops the first n bytes (n <= len). */
void base_buf_consume(struct base_buf *buf, size_t n);
/* The bytes as a NUL-terminated heap string that the caller frees with free();
 * the buffer is empty afterwards in any case. NULL after a sticky error. */
char *base_buf_take_str(struct base_buf *buf);

#endif

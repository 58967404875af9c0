/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST 256 /* bytes of the first allocation */

void
base_buf_init(struct base_buf *buf, size_t max)
{
	*buf = (struct base_buf){.max = max};
}

void
base_buf_clear(struct base_buf *buf)
{
	base_freezero(buf->ptr, buf->cap);
	base_buf_init(buf, buf->max);
}

void
base_buf_reset(struct base_buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

bool
base_buf_failed(const struct base_buf *buf)
{
	return buf->failed;
}

struct base_span
base_buf_span(const struct base_buf *buf)
{
	return base_span_of(buf->ptr, buf->len);
}

/* Moves to a larger block by hand: realloc would leave unwiped copies behind. */
static void
grow(struct base_buf *buf, size_t cap)
{
	uint8_t *ptr = base_xcalloc(cap, 1);

	base_copy(ptr, buf->ptr, buf->len);
	base_freezero(buf->ptr, buf->cap);
	buf->ptr = ptr;
	buf->cap = cap;
}

uint8_t *
base_buf_reserve(struct base_buf *buf, size_t len)
{
	uint8_t *room;

	if (buf->failed || buf->len > buf->max || len > buf->max - buf->len) {
		buf->failed = true;
		return NULL;
	}
	if (buf->ptr == NULL || len > buf->cap - buf->len) {
		size_t cap = buf->cap == 0 ? BUF_FIRST : buf->cap;

		while (cap - buf->len < len) {
			cap = cap > buf->max / 2 ? buf->max : cap * 2;
		}
		grow(buf, cap);
	}
	room = buf->ptr + buf->len;
	buf->len += len;
	return room;
}

void
base_buf_append(struct base_buf *buf, const void *ptr, size_t len)
{
	uint8_t *room = base_buf_reserve(buf, len);

	if (room != NULL) {
		base_copy(room, ptr, len);
	}
}

void
base_buf_append_span(struct base_buf *buf, struct base_span span)
{
	base_buf_append(buf, span.ptr, span.len);
}

void
base_buf_append_str(struct base_buf *buf, const char *str)
{
	base_buf_append_span(buf, base_span_str(str));
}

void
base_buf_append_u8(struct base_buf *buf, uint8_t value)
{
	base_buf_append(buf, &value, 1);
}

static void
append_le(struct base_buf *buf, uint64_t value, size_t width)
{
	uint8_t *room = base_buf_reserve(buf, width);

	if (room == NULL) {
		return;
	}
	for (size_t i = 0; i < width; i++) {
		room[i] = (uint8_t)(value >> (8 * i));
	}
}

void
base_buf_append_le16(struct base_buf *buf, uint16_t value)
{
	append_le(buf, value, 2);
}

void
base_buf_append_le32(struct base_buf *buf, uint32_t value)
{
	append_le(buf, value, 4);
}

void
base_buf_append_le64(struct base_buf *buf, uint64_t value)
{
	append_le(buf, value, 8);
}

void
base_buf_appendf(struct base_buf *buf, const char *fmt, ...)
{
	va_list args;
	int need;

	va_start(args, fmt);
	need = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (need < 0) {
		buf->failed = true;
		return;
	}
	/* vsnprintf wants a place for its NUL, which is not part of the content. */
	if (base_buf_reserve(buf, (size_t)need) == NULL) {
		return;
	}
	if (buf->cap == buf->len) {
		grow(buf, buf->cap + 1);
	}
	va_start(args, fmt);
	(void)vsnprintf((char *)buf->ptr + buf->len - need, (size_t)need + 1, fmt, args);
	va_end(args);
}

void
base_buf_consume(struct base_buf *buf, size_t n)
{
	if (n >= buf->len) {
		buf->len = 0;
		return;
	}
	memmove(buf->ptr, buf->ptr + n, buf->len - n);
	buf->len -= n;
}

char *
base_buf_take_str(struct base_buf *buf)
{
	char *str;

	if (buf->failed) {
		base_buf_clear(buf);
		return NULL;
	}
	if (buf->ptr == NULL || buf->cap == buf->len) {
		grow(buf, buf->len + 1);
	}
	buf->ptr[buf->len] = '\0';
	str = (char *)buf->ptr;
	base_buf_init(buf, buf->max);
	return str;
}

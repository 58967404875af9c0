/* SPDX-License-Identifier: Apache-2.0 */
/* A view of bytes that somebody else owns. Passed and returned by value. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct base_span {
	const uint8_t *ptr; /* may be NULL when len is 0 */
	size_t len;
};

/* View of a NUL-terminated string without its NUL; NULL gives the empty view. */
struct base_span base_span_str(const char *str);
struct base_span base_span_of(const void *ptr, size_t len);
/* Byte equality. Not constant-time: for secrets use base_crypto_equal. */
bool base_span_equal(struct base_span a, struct base_span b);
bool base_span_equal_str(struct base_span a, const char *str);
/* The bytes as a NUL-terminated string in out, which holds size; cut at size - 1 and at a NUL. */
void base_span_copy_str(struct base_span span, char *out, size_t size);

#endif

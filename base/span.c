/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <string.h>

struct base_span
base_span_of(const void *ptr, size_t len)
{
	struct base_span span = {ptr, len};

	return span;
}

struct base_span
base_span_str(const char *str)
{
	return base_span_of(str, str == NULL ? 0 : strlen(str));
}

bool
base_span_equal(struct base_span a, struct base_span b)
{
	if (a.len != b.len) {
		return false;
	}
	return a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0;
}

bool
base_span_equal_str(struct base_span a, const char *str)
{
	return base_span_equal(a, base_span_str(str));
}

void
base_span_copy_str(struct base_span span, char *out, size_t size)
{
	size_t len = span.len < size ? span.len : size - 1;

	if (len > 0) {
		memcpy(out, span.ptr, len);
	}
	out[len] = '\0';
}

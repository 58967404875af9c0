/* SPDX-License-Identifier: Apache-2.0 */
/* What passes the guard does not depend on how the bytes came, and is never more than it may be. */
#include "api/http_guard.h"
#include "base/limits.h"
#include "tests/fuzz/fuzz.h"

static void
feed(struct base_span input, size_t piece, struct base_buf *out)
{
	struct http_guard guard;

	http_guard_init(&guard);
	for (size_t at = 0; at < input.len; at += piece) {
		size_t len = piece < input.len - at ? piece : input.len - at;
		size_t before = out->len;

		http_guard_feed(&guard, base_span_of(input.ptr + at, len), out);
		FUZZ_HOLDS(out->len - before <= len + LIMIT_HTTP_HEAD);
	}
	FUZZ_HOLDS(!base_buf_failed(out));
	http_guard_clear(&guard);
}

static void
ask_verdict(const struct base_buf *out)
{
	char *text = strndup((const char *)out->ptr, out->len);
	char *method = text == NULL ? NULL : strsep(&text, " ");
	char *target = text == NULL ? NULL : strsep(&text, " ");

	if (method != NULL && target != NULL) {
		(void)http_guard_verdict(method, target);
	}
	free(method);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_span input = base_span_of(data, size);
	size_t piece = 1 + fuzz_choice(&input, 64);
	struct base_buf whole, pieces;

	base_buf_init(&whole, input.len + LIMIT_HTTP_HEAD);
	base_buf_init(&pieces, input.len + LIMIT_HTTP_HEAD);
	if (input.len > 0) {
		feed(input, input.len, &whole);
		feed(input, piece, &pieces);
		FUZZ_HOLDS(base_span_equal(base_buf_span(&whole), base_buf_span(&pieces)));
		if (whole.len > 0) {
			ask_verdict(&whole);
		}
	}
	base_buf_clear(&whole);
	base_buf_clear(&pieces);
	return 0;
}

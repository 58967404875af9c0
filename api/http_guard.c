/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"

#define STRINGIFY(x) #x
#define NUMBER(x)    STRINGIFY(x)

#define METHOD_MAX         20
#define LENGTH_DIGITS      18        /* fits every integer type that reads it later */
#define REFUSED_METHOD     "refused" /* in lower case, which no client gets through */
#define UPPER              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS             "0123456789"
#define FIELD_NAME         UPPER "abcdefghijklmnopqrstuvwxyz" DIGITS "!#$%&'*+-.^_`|~"

enum refusal {
	PASSES = 0,
	BAD_LINE_END,
	BAD_REQUEST_LINE,
	BAD_METHOD,
	BAD_TARGET,
	BAD_VERSION,
	BAD_FIELD,
	BAD_HOST,
	TWO_LENGTHS,
	BAD_LENGTH,
	LENGTH_AND_CODING,
	CODING,
	LONG_LINE,
	LONG_HEAD,
	MANY_FIELDS
};

static const struct {
	enum mc_err err;
	const char *detail;
} refusals[] = {
    [BAD_LINE_END] = {MC_EHTTP, "a line of the request head does not end in CR LF"},
    [BAD_REQUEST_LINE] = {MC_EHTTP, "the first line is not METHOD TARGET HTTP/1.1"},
    [BAD_METHOD] = {MC_EHTTP, "the method is not a word of 1 to " NUMBER(METHOD_MAX)
	    " capital letters"},
    [BAD_TARGET] = {MC_EHTTP, "the request target has bytes that must be percent-encoded"},
    [BAD_VERSION] = {MC_EHTTP, "this port speaks HTTP/1.1"},
    [BAD_FIELD] = {MC_EHTTP, "a header field is not NAME: VALUE on one line"},
    [BAD_HOST] = {MC_EHTTP, "there must be one Host field"},
    [TWO_LENGTHS] = {MC_EHTTP, "Content-Length is given twice"},
    [BAD_LENGTH] = {MC_EHTTP, "Content-Length is not a number of bytes"},
    [LENGTH_AND_CODING] = {MC_EHTTP, "Content-Length and Transfer-Encoding exclude each other"},
    [CODING] = {MC_ELENGTH, "Transfer-Encoding is not taken here; send Content-Length"},
    [LONG_LINE] = {MC_EURI, "the request line may have " NUMBER(LIMIT_HTTP_LINE) " bytes"},
    [LONG_HEAD] = {MC_EHEADERS, "the request head may have " NUMBER(LIMIT_HTTP_HEAD) " bytes"},
    [MANY_FIELDS] = {MC_EHEADERS, "the request may have " NUMBER(LIMIT_HTTP_FIELDS)
	    " header fields"},
};

/* What the fields of one head said. */
struct fields {
	unsigned count;
	unsigned hosts;
	unsigned lengths;
	bool coding;
	uint64_t length;
};

/* Length of the prefix of text that has only bytes of set. */
static size_t
prefix(struct base_span text, const char *set)
{
	size_t n = 0;

	while (n < text.len && text.ptr[n] != '\0' && strchr(set, text.ptr[n]) != NULL) {
		n++;
	}
	return n;
}

static struct base_span
after(struct base_span text, size_t n)
{
	return base_span_of(text.ptr + n, text.len - n);
}

static bool
is_name(struct base_span name, const char *want)
{
	return name.len == strlen(want) &&
	    strncasecmp((const char *)name.ptr, want, name.len) == 0;
}

/* RFC 9112 3: the version begins at the last space, so that a space in the target is found. */
static enum refusal
check_request_line(struct base_span line, bool *is_http11)
{
	size_t method_len = prefix(line, UPPER);
	struct base_span target;
	struct base_span version;
	size_t space;

	if (method_len == 0 || method_len > METHOD_MAX) {
		return BAD_METHOD;
	}
	if (method_len == line.len || line.ptr[method_len] != ' ') {
		return memchr(line.ptr, ' ', line.len) != NULL ? BAD_METHOD : BAD_REQUEST_LINE;
	}
	target = after(line, method_len + 1);
	for (space = target.len; space > 0 && target.ptr[space - 1] != ' '; space--) {
	}
	if (space < 2) {
		return BAD_REQUEST_LINE;
	}
	version = after(target, space);
	target.len = space - 1;
	for (size_t i = 0; i < target.len; i++) {
		if (target.ptr[i] <= ' ' || target.ptr[i] >= 0x7f) {
			return BAD_TARGET;
		}
	}
	*is_http11 = base_span_equal_str(version, "HTTP/1.1");
	if (*is_http11 || base_span_equal_str(version, "HTTP/1.0")) {
		return PASSES;
	}
	return version.len == 8 && memcmp(version.ptr, "HTTP/", 5) == 0 && version.ptr[6] == '.' &&
		prefix(after(version, 5), DIGITS) == 1 && prefix(after(version, 7), DIGITS) == 1
	    ? BAD_VERSION
	    : BAD_REQUEST_LINE;
}

static enum refusal
take_length(struct base_span value, struct fields *fields)
{
	if (fields->lengths++ > 0) {
		return TWO_LENGTHS;
	}
	if (value.len == 0 || value.len > LENGTH_DIGITS || prefix(value, DIGITS) != value.len) {
		return BAD_LENGTH;
	}
	for (size_t i = 0; i < value.len; i++) {
		fields->length = fields->length * 10 + (uint64_t)(value.ptr[i] - '0');
	}
	return PASSES;
}

/* RFC 9112 5: no space before the colon, no folded lines, no control bytes. */
static enum refusal
take_field(struct base_span line, struct fields *fields)
{
	struct base_span name = base_span_of(line.ptr, prefix(line, FIELD_NAME));
	struct base_span value;

	if (name.len == 0 || name.len == line.len || line.ptr[name.len] != ':') {
		return BAD_FIELD;
	}
	value = after(line, name.len + 1);
	for (size_t i = 0; i < value.len; i++) {
		if ((value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 0x7f) {
			return BAD_FIELD;
		}
	}
	value = after(value, prefix(value, " \t"));
	while (value.len > 0 && strchr(" \t", value.ptr[value.len - 1]) != NULL) {
		value.len--;
	}
	if (++fields->count > LIMIT_HTTP_FIELDS) {
		return MANY_FIELDS;
	}
	if (is_name(name, "host")) {
		fields->hosts++;
	} else if (is_name(name, "transfer-encoding")) {
		fields->coding = true;
	} else if (is_name(name, "content-length")) {
		return take_length(value, fields);
	}
	return PASSES;
}

/* The next line of head at *at, without its end; *at moves past it. */
static bool
next_line(struct base_span head, size_t *at, struct base_span *out)
{
	const uint8_t *start = head.ptr + *at;
	const uint8_t *end = memchr(start, '\n', head.len - *at);
	size_t len;

	if (end == NULL || end == start || end[-1] != '\r') {
		return false;
	}
	len = (size_t)(end - start) - 1;
	*out = base_span_of(start, len);
	*at += len + 2;
	return memchr(start, '\r', len) == NULL;
}

/* A whole head, with the empty line that ends it. */
static enum refusal
check_head(struct base_span head, uint64_t *body_len)
{
	struct fields fields = {0};
	struct base_span line;
	bool is_http11 = false;
	size_t at = 0;
	enum refusal ret;

	if (!next_line(head, &at, &line)) {
		return BAD_LINE_END;
	}
	ret = check_request_line(line, &is_http11);
	while (ret == PASSES && at < head.len) {
		if (!next_line(head, &at, &line)) {
			return BAD_LINE_END;
		}
		if (line.len > 0) {
			ret = take_field(line, &fields);
		}
	}
	if (ret != PASSES) {
		return ret;
	}
	if (fields.coding) {
		return fields.lengths > 0 ? LENGTH_AND_CODING : CODING;
	}
	*body_len = fields.length;
	return fields.hosts == 1 || (!is_http11 && fields.hosts == 0) ? PASSES : BAD_HOST;
}

static void
refuse(struct http_guard *guard, enum refusal why, struct base_buf *out)
{
	guard->refused = true;
	base_buf_clear(&guard->head);
	base_buf_appendf(out, REFUSED_METHOD " /%d HTTP/1.1\r\nHost: meshca\r\n"
			      "Connection: close\r\n\r\n", (int)why);
}

/* True when the line that just ended is the empty one. A head may end in bare LFs: it is refused
 * then, at once instead of when more comes. */
static bool
is_end(struct base_span head)
{
	size_t n = head.len;

	return (n >= 2 && head.ptr[n - 2] == '\n') ||
	    (n >= 3 && head.ptr[n - 2] == '\r' && head.ptr[n - 3] == '\n');
}

/* Takes one line, or its part that came, and checks the head when it is whole. Returns how many bytes
 * it took. */
static size_t
take_head(struct http_guard *guard, struct base_span in, struct base_buf *out)
{
	const uint8_t *lf = memchr(in.ptr, '\n', in.len);
	size_t n = lf == NULL ? in.len : (size_t)(lf - in.ptr) + 1;
	bool first = memchr(guard->head.ptr == NULL ? (const uint8_t *)"" : guard->head.ptr, '\n',
			 guard->head.len) == NULL;
	enum refusal why;

	if (first && guard->head.len + n > LIMIT_HTTP_LINE) {
		refuse(guard, LONG_LINE, out);
		return n;
	}
	if (guard->head.len + n > LIMIT_HTTP_HEAD) {
		refuse(guard, LONG_HEAD, out);
		return n;
	}
	base_buf_append(&guard->head, in.ptr, n);
	if (lf == NULL) {
		return n;
	}
	if (first && guard->head.len == 2 && guard->head.ptr[0] == '\r') {
		base_buf_reset(&guard->head); /* RFC 9112 2.2: an empty line before a request */
		return n;
	}
	if (!is_end(base_buf_span(&guard->head))) {
		return n;
	}
	why = check_head(base_buf_span(&guard->head), &guard->body_left);
	if (why != PASSES) {
		refuse(guard, why, out);
		return n;
	}
	base_buf_append_span(out, base_buf_span(&guard->head));
	base_buf_clear(&guard->head);
	return n;
}

void
http_guard_init(struct http_guard *guard)
{
	*guard = (struct http_guard){.body_left = 0};
	base_buf_init(&guard->head, LIMIT_HTTP_HEAD);
}

void
http_guard_clear(struct http_guard *guard)
{
	base_buf_clear(&guard->head);
}

void
http_guard_feed(struct http_guard *guard, struct base_span in, struct base_buf *out)
{
	while (in.len > 0 && !guard->refused) {
		size_t n;

		if (guard->body_left > 0) {
			n = in.len < guard->body_left ? in.len : (size_t)guard->body_left;
			base_buf_append(out, in.ptr, n);
			guard->body_left -= n;
		} else {
			n = take_head(guard, in, out);
		}
		in = after(in, n);
	}
}

enum mc_err
http_guard_verdict(const char *method, const char *target)
{
	unsigned long why;

	if (strcmp(method, REFUSED_METHOD) != 0) {
		return MC_OK;
	}
	why = strtoul(target + 1, NULL, 10);
	if (why == 0 || why >= sizeof(refusals) / sizeof(refusals[0])) {
		return MC_FAIL(MC_EINTERNAL, "refusal %lu", why);
	}
	return MC_FAIL(refusals[why].err, "%s", refusals[why].detail);
}

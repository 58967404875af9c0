/* SPDX-License-Identifier: Apache-2.0 */
#include "api/struct_reader.h"

#include <string.h>

#include "base/buf.h"
#include "tests/unit/check_main.h"

#define MAX (70 * 1024)

static void
varint(struct base_buf *out, size_t n)
{
	for (; n > 127; n >>= 7) {
		base_buf_append_u8(out, (uint8_t)(n | 128));
	}
	base_buf_append_u8(out, (uint8_t)n);
}

static void
field(struct base_buf *out, unsigned number, struct base_span bytes)
{
	varint(out, number << 3 | 2);
	varint(out, bytes.len);
	base_buf_append_span(out, bytes);
}

/* Appends an entry whose value is the Value given. */
static void
entry(struct base_buf *out, const char *key, struct base_span value)
{
	struct base_buf body;

	base_buf_init(&body, MAX);
	field(&body, 1, base_span_str(key));
	field(&body, 2, value);
	field(out, 1, base_buf_span(&body));
	base_buf_clear(&body);
}

static void
string_entry(struct base_buf *out, const char *key, const char *text)
{
	struct base_buf value;

	base_buf_init(&value, MAX);
	field(&value, 3, base_span_str(text));
	entry(out, key, base_buf_span(&value));
	base_buf_clear(&value);
}

START_TEST(finds_strings)
{
	struct struct_member members[] = {{.key = "ImpersonatedIdentity"}, {.key = "CertSigner"}};
	struct base_buf in;

	base_buf_init(&in, MAX);
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), members, 2), MC_OK);
	ck_assert(!members[0].found && !members[1].found);
	string_entry(&in, "CertSigner", "");
	string_entry(&in, "Foreign", "x");
	string_entry(&in, "ImpersonatedIdentity", "spiffe://a/ns/b/sa/c");
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), members, 2), MC_OK);
	ck_assert(base_span_equal_str(members[0].value, "spiffe://a/ns/b/sa/c"));
	ck_assert(members[1].found && members[1].value.len == 0);
	base_buf_clear(&in);
}
END_TEST

START_TEST(refuses)
{
	struct struct_member once[] = {{.key = "A"}};
	struct struct_member number[] = {{.key = "A"}};
	struct base_buf in;

	base_buf_init(&in, MAX);
	string_entry(&in, "A", "1");
	string_entry(&in, "A", "2");
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), once, 1), MC_EENCODING);
	base_buf_reset(&in);
	entry(&in, "A", base_span_of("\x20\x01", 2)); /* bool_value */
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), number, 1), MC_EENCODING);
	base_buf_clear(&in);

	static const struct {
		const char *bytes;
		size_t len;
	} broken[] = {{"\x0a", 1}, {"\x0a\x05\x0a", 3}, {"\x0b", 1}, {"\x0c", 1}, {"\x00\x01", 2},
	    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, {"\x0a\xff\xff\xff\xff\xff", 6},
	    {"\x09\x01\x02", 3}, {"\x0d\x01", 2}};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct struct_member member[] = {{.key = "A"}};

		ck_assert_msg(struct_reader_find(base_span_of(broken[i].bytes, broken[i].len),
		    member, 1) == MC_EENCODING, "%zu", i);
	}
}
END_TEST

/* A list in a list, as deep as 64 KiB go: stepped over by its length. */
START_TEST(depth_costs_nothing)
{
	struct struct_member members[] = {{.key = "A"}};
	struct base_buf in;
	struct base_buf value;

	base_buf_init(&value, MAX);
	base_buf_init(&in, MAX);
	while (value.len < 60000) {
		struct base_buf next;

		base_buf_init(&next, MAX);
		/* Value.list_value = 6 { ListValue.values = 1 { ... } }, prepended in bulk */
		field(&next, 1, base_buf_span(&value));
		base_buf_reset(&value);
		field(&value, 6, base_buf_span(&next));
		base_buf_clear(&next);
	}
	entry(&in, "Foreign", base_buf_span(&value));
	string_entry(&in, "A", "found");
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), members, 1), MC_OK);
	ck_assert(base_span_equal_str(members[0].value, "found"));
	base_buf_clear(&in);
	base_buf_clear(&value);
}
END_TEST

CHECK_MAIN("api_struct_reader", finds_strings, refuses, depth_costs_nothing)

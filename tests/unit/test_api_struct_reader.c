/* SPDX-License-Identifier: Apache-2.0 */
#include "api/struct_reader.h"

#include <string.h>

#include "base/buf.h"
#include "tests/unit/check_main.h"
#include "tests/unit/struct_make.h"

START_TEST(finds_strings)
{
	struct struct_member members[] = {{.key = "ImpersonatedIdentity"}, {.key = "CertSigner"}};
	struct base_buf in;

	base_buf_init(&in, MAKE_STRUCT_MAX);
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), members, 2), MC_OK);
	ck_assert(!members[0].found && !members[1].found);
	make_string_entry(&in, "CertSigner", "");
	make_string_entry(&in, "Foreign", "x");
	make_string_entry(&in, "ImpersonatedIdentity", "spiffe://a/ns/b/sa/c");
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

	base_buf_init(&in, MAKE_STRUCT_MAX);
	make_string_entry(&in, "A", "1");
	make_string_entry(&in, "A", "2");
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), once, 1), MC_EENCODING);
	base_buf_reset(&in);
	make_entry(&in, "A", base_span_of("\x20\x01", 2)); /* bool_value */
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

	base_buf_init(&value, MAKE_STRUCT_MAX);
	base_buf_init(&in, MAKE_STRUCT_MAX);
	while (value.len < 60000) {
		struct base_buf next;

		base_buf_init(&next, MAKE_STRUCT_MAX);
		/* Value.list_value = 6 { ListValue.values = 1 { ... } }, prepended in bulk */
		make_field(&next, 1, base_buf_span(&value));
		base_buf_reset(&value);
		make_field(&value, 6, base_buf_span(&next));
		base_buf_clear(&next);
	}
	make_entry(&in, "Foreign", base_buf_span(&value));
	make_string_entry(&in, "A", "found");
	ck_assert_int_eq(struct_reader_find(base_buf_span(&in), members, 1), MC_OK);
	ck_assert(base_span_equal_str(members[0].value, "found"));
	base_buf_clear(&in);
	base_buf_clear(&value);
}
END_TEST

CHECK_MAIN("api_struct_reader", finds_strings, refuses, depth_costs_nothing)

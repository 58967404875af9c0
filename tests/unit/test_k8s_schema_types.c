/* SPDX-License-Identifier: Apache-2.0 */
/* What the types of the schema take, and the words that its tables are made of. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "check_main.h"
#include "k8s/schema.h"

struct row {
	enum k8s_type type;
	const char *good; /* apart by blanks; K8S_TEXT is tested by itself */
	const char *bad;
};

static const struct row ROWS[] = {
	{K8S_LABEL, "a 0 a-b 9a a1", "A a_b -a a- a.b a/b *"},
	{K8S_NAME, "a a.b a-b.c9 0.1", "A a..b .a a. a-.b a.-b a_b"},
	{K8S_HOST, "a.example shop.a.example 1.2 xn--a.example", "a a.example. *.example A.example a..b a.-b a.b:1 .a.b"},
	{K8S_PATH, "/ /a /a/ /a/b /a/* /* /a/{*} /{**} /a/{*}/b /a/{**}/b /{*}/{**}/ /a.b~c!d$e&f'(g)+,;=:@%20-_",
	    "a a/b * /a* /*a /a/*/b /{a} /a/{*}x /{**}/{*} /{**}/{**} /{*}/* /a//b /a?b /a#b /{*}{*} //"},
	{K8S_FILE_PATH, "/ /a /healthz/ready /a/ /a.b", "a /* /a/* /{*} /a?b //"},
	{K8S_URL, "https://a https://a.example https://a.example:8443/keys https://a.example/a/b%20c*",
	    "http://a https:// https://a.example/?q https://a#b https://A https://a:b https://me@a https://a:1:2"},
	{K8S_CIDR, "0.0.0.0/0 192.0.2.0/24 255.255.255.255/32 ::/0 2001:db8::/32 ::1/128 1:2:3:4:5:6:7:8/127",
	    "192.0.2.0 192.0.2.0/33 256.0.0.0/8 1.2.3/8 01.2.3.4/8 ::/129 2001:DB8::/32 g::/8 1.2.3.4/-1 1.2.3.4/08"},
	{K8S_DATE, "2027-03-31 0000-01-01 2027-12-09", "2027-13-01 2027-00-01 2027-01-32 2027-01-00 27-01-01 2027-1-1"},
	{K8S_DURATION, "1h 30m 5s 500ms 1h30m 1h2m3s4ms 0s", "5 1d 1s1m -1s 1.5s 1us s 5S 1h1h"},
	{K8S_QUANTITY, "0 1 250m 0.5 1.25Gi 2k 3M 4G 5T 6Ki 7Mi 8Ti", "1K 1mi .5 1. -1 1e3 1Pi m Mi"},
	{K8S_PERCENT, "0 9 99 100 99.9 100.0 0.001", "101 100.1 -1 .5 5. 007 1e1 50%"},
	{K8S_RATIO, "0.5 0.01 0.999 0.10", "0 1 0.0 1.0 .5 0. 0.00 00.5 0,5"},
	{K8S_WORD, "a A-b/c:d ~ ! x=y", "\xc3\xa4"},
	{K8S_VERSION, "1.31 1.31.0 0.0 10.20.30", "1 1. v1.31 1.31.0.1 1.31-rc 1..2"},
	{K8S_DIGEST, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde "
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0 "
	    "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"},
};

static void
each_word(const struct k8s_schema *schema, enum k8s_type type, const char *words, bool good)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");
		char *word = base_xasprintf("%.*s", (int)len, words);

		ck_assert_msg(k8s_schema_matches(schema, type, word) == good, "%s %s", K8S_TYPES[type].name, word);
		free(word);
		words += len + strspn(words + len, " ");
	}
}

START_TEST(test_patterns)
{
	struct k8s_schema *schema = k8s_schema_new();

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		each_word(schema, ROWS[i].type, ROWS[i].good, true);
		each_word(schema, ROWS[i].type, ROWS[i].bad, false);
	}
	k8s_schema_free(schema);
}
END_TEST

START_TEST(test_text)
{
	static const char *const GOOD[] = {"a", "two words", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"#:"};
	static const char *const BAD[] = {" a", "a ", "\ta", "a\nb", "a\tb", "\x7f", "a\x1b[2J", "\xc2\x85", "\xff",
	    "a\xc3", "\xef\xbf\xbe", "a\xef\xbf\xbf", "\xed\xa0\x80", " "};
	struct k8s_schema *schema = k8s_schema_new();

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		ck_assert_msg(k8s_schema_matches(schema, K8S_TEXT, GOOD[i]), "%zu", i);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		ck_assert_msg(!k8s_schema_matches(schema, K8S_TEXT, BAD[i]), "%zu", i);
	}
	k8s_schema_free(schema);
}
END_TEST

/* No type takes nothing, a line end at the end, or a blank. */
START_TEST(test_nothing_and_line_ends)
{
	struct k8s_schema *schema = k8s_schema_new();

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char *word = base_xasprintf("%.*s\n", (int)strcspn(ROWS[i].good, " "), ROWS[i].good);

		ck_assert_msg(!k8s_schema_matches(schema, ROWS[i].type, ""), "%zu", i);
		ck_assert_msg(!k8s_schema_matches(schema, ROWS[i].type, word), "%zu", i);
		word[strlen(word) - 1] = ' ';
		ck_assert_msg(!k8s_schema_matches(schema, ROWS[i].type, word), "%zu", i);
		free(word);
	}
	k8s_schema_free(schema);
}
END_TEST

/* Exactly so many characters, not bytes. */
START_TEST(test_lengths)
{
	static const struct {
		enum k8s_type type;
		size_t most;
		const char *begin, *unit, *end;
	} LONGEST[] = {
		{K8S_LABEL, 63, "a", "-", "a"},
		{K8S_NAME, 253, "a", "b", "a"},
		{K8S_HOST, 253, "a.", "b.", "c"},
		{K8S_TEXT, 1024, "\xc3\xa4", "\xe2\x82\xac", "a"},
		{K8S_WORD, 256, "a", "b", "c"},
		{K8S_PATH, 1024, "/", "a", "a"},
		{K8S_FILE_PATH, 1024, "/", "a", "a"},
		{K8S_URL, 2048, "https://a/", "b", "c"},
		{K8S_DURATION, 32, "1", "0", "s"},
		{K8S_QUANTITY, 32, "1", "0", "m"},
		{K8S_PERCENT, 16, "0.", "0", "1"},
		{K8S_RATIO, 16, "0.", "0", "1"},
		{K8S_VERSION, 32, "1.", "0", "1"},
		{K8S_CIDR, 64, "1:", ":", "/0"},
	};
	struct k8s_schema *schema = k8s_schema_new();

	for (size_t i = 0; i < sizeof(LONGEST) / sizeof(LONGEST[0]); i++) {
		bool wide = LONGEST[i].type == K8S_TEXT, pairs = LONGEST[i].type == K8S_HOST;
		size_t around = wide ? 2 : strlen(LONGEST[i].begin) + strlen(LONGEST[i].end);
		size_t units = (LONGEST[i].most - around) / (pairs ? 2 : 1);

		ck_assert_uint_eq(K8S_TYPES[LONGEST[i].type].max_len, LONGEST[i].most);
		for (size_t over = 0; over < 2; over++) {
			struct base_buf buf;
			char *text;

			base_buf_init(&buf, 8192);
			base_buf_append_str(&buf, LONGEST[i].begin);
			for (size_t k = 0; k < units + over; k++) {
				base_buf_append_str(&buf, LONGEST[i].unit);
			}
			base_buf_append_str(&buf, LONGEST[i].end);
			text = base_buf_take_str(&buf);
			ck_assert_msg(k8s_schema_matches(schema, LONGEST[i].type, text) == (over == 0),
			    "%s: %zu characters", K8S_TYPES[LONGEST[i].type].name, LONGEST[i].most + over);
			free(text);
		}
	}
	k8s_schema_free(schema);
}
END_TEST

/* Every type has its words for messages; one that has a pattern has a length. */
START_TEST(test_infos)
{
	for (int type = K8S_TYPE_INVALID + 1; type < K8S_TYPE_COUNT; type++) {
		ck_assert_ptr_nonnull(K8S_TYPES[type].name);
		ck_assert_ptr_nonnull(K8S_TYPES[type].words);
		ck_assert((K8S_TYPES[type].pattern != NULL) == (K8S_TYPES[type].max_len > 0));
	}
}
END_TEST

START_TEST(test_kinds)
{
	static const char *const NAMES[] = {"Mesh", "Environment", "Service", "DataService", "Gateway",
	    "ExternalService", "IdentityProvider"};

	for (int kind = K8S_MESH; kind < K8S_KIND_COUNT; kind++) {
		ck_assert_int_eq((int)k8s_kind_of(NAMES[kind - 1]), kind);
	}
	ck_assert_int_eq((int)k8s_kind_of("service"), K8S_INVALID);
	ck_assert_int_eq((int)k8s_kind_of("Services"), K8S_INVALID);
	ck_assert_int_eq((int)k8s_kind_of(""), K8S_INVALID);
}
END_TEST

START_TEST(test_fields)
{
	const struct k8s_field *field = k8s_map_field(&K8S_META_NAMESPACED, "namespace");

	ck_assert_ptr_nonnull(field);
	ck_assert_str_eq(field->name, "namespace");
	ck_assert_ptr_null(k8s_map_field(&K8S_META_CLUSTER, "namespace"));
	ck_assert_ptr_null(k8s_map_field(&K8S_META_CLUSTER, "nam"));
	ck_assert_ptr_null(k8s_map_field(&K8S_META_CLUSTER, ""));
}
END_TEST

START_TEST(test_words)
{
	static const char *const WORDS[] = {"a", "bc", "", "d"};
	const char *word;
	size_t len;

	for (size_t i = 0; i < 4; i++) {
		ck_assert(k8s_word_nth("a|bc||d", i, &word, &len));
		ck_assert_uint_eq(len, strlen(WORDS[i]));
		ck_assert_int_eq(strncmp(word, WORDS[i], len), 0);
	}
	ck_assert(!k8s_word_nth("a|bc||d", 4, &word, &len));
	ck_assert(k8s_word_nth("Bearer ", 0, &word, &len) && len == 7);
	ck_assert(!k8s_word_nth("a", 1, &word, &len));
	ck_assert(k8s_word_in("a|bc", "a") && k8s_word_in("a|bc", "bc"));
	ck_assert(!k8s_word_in("a|bc", "b") && !k8s_word_in("a|bc", "bcd"));
	ck_assert(!k8s_word_in("a|bc", "a|bc") && !k8s_word_in("a|bc", ""));
}
END_TEST

START_TEST(test_ranges)
{
	int64_t min, max;

	k8s_range_bounds("1..65535", &min, &max);
	ck_assert_int_eq(min, 1);
	ck_assert_int_eq(max, 65535);
	k8s_range_bounds("-5..0", &min, &max);
	ck_assert_int_eq(min, -5);
	ck_assert_int_eq(max, 0);
}
END_TEST

CHECK_MAIN("k8s_schema_types", test_patterns, test_text, test_nothing_and_line_ends, test_lengths, test_infos,
    test_kinds, test_fields, test_words, test_ranges)

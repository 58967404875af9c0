/* SPDX-License-Identifier: Apache-2.0 */
#include "base/applied.h"

#include <string.h>

#include "base/mem.h"
#include "check_main.h"

#define HEAD                                                                           \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tcluster.local\n"  \
	"registration\tregistered-only\nregistrations\t"
#define CART "shop\tcart\tactive\t3600\tp-256,rsa-2048\tcart.shop.svc,www.example.com\tteam é\n"
#define DESK "shop\tdesk\tretired\t0\t\t\t\n"
#define JSON "{\"environment\":{}}\n"

static enum mc_err
parse(const char *text)
{
	struct base_applied applied;

	return base_applied_parse(base_span_str(text), &applied);
}

START_TEST(reads_what_it_writes)
{
	const char *text = HEAD "2\n" CART DESK JSON;
	struct base_applied applied;
	struct base_applied_row row;
	struct base_span rows;
	struct base_span names;
	struct base_span name;
	struct base_buf out;

	ck_assert_int_eq(base_applied_parse(base_span_str(text), &applied), MC_OK);
	ck_assert(base_span_equal_str(applied.environment, "production"));
	ck_assert(base_span_equal_str(applied.trust_domain, "cluster.local"));
	ck_assert(applied.registered_only);
	ck_assert_uint_eq(applied.count, 2);
	ck_assert(base_span_equal_str(applied.inventory, JSON));
	base_buf_init(&out, 4096);
	base_applied_put_head(&out, &applied);
	rows = applied.rows;
	ck_assert(base_applied_next(&rows, &row));
	ck_assert_int_eq(row.state, BASE_APPLIED_ACTIVE);
	ck_assert_int_eq(row.max_ttl_s, 3600);
	ck_assert_uint_eq(row.key_types, 1U | 4U);
	names = row.dns_names;
	ck_assert(base_applied_name(&names, &name));
	ck_assert(base_span_equal_str(name, "cart.shop.svc"));
	ck_assert(base_applied_name(&names, &name));
	ck_assert(!base_applied_name(&names, &name));
	base_applied_put_row(&out, &row);
	ck_assert(base_applied_next(&rows, &row));
	ck_assert_int_eq(row.state, BASE_APPLIED_RETIRED);
	ck_assert_uint_eq(row.key_types, 0);
	base_applied_put_row(&out, &row);
	ck_assert(!base_applied_next(&rows, &row));
	base_buf_append_span(&out, applied.inventory);
	ck_assert(base_span_equal_str(base_buf_span(&out), text));
	base_buf_clear(&out);
	ck_assert_int_eq(parse(HEAD "0\n" JSON), MC_OK);
}
END_TEST

START_TEST(refuses_all_else_and_says_where)
{
	static const struct {
		const char *text;
		const char *said;
	} CASES[] = {
		{"", "line 1"},
		{"meshca-inventory-v2\n", "line 1"},
		{"meshca-inventory-v1\nenvironment\tPROD\n", "line 2"},
		{"meshca-inventory-v1\nenvironment\tprod\ntrust-domain\t\n", "line 3"},
		{"meshca-inventory-v1\nenvironment\tprod\ntrust-domain\tx\nregistration\tclosed\n",
		    "line 4"},
		{HEAD "01\n" CART JSON, "line 5"},
		{HEAD "-1\n" CART JSON, "line 5"},
		{HEAD "16385\n" CART JSON, "line 5"},
		{HEAD "99999999999\n" CART JSON, "line 5"},
		{HEAD "2\n" CART, "line 7: there are fewer"},
		{HEAD "2\n" CART JSON, "line 7: a registration has seven"},
		{HEAD "2\n" DESK CART JSON, "line 7: registrations are not sorted"},
		{HEAD "2\n" CART CART JSON, "line 7: registrations are not sorted"},
		{HEAD "1\n" CART DESK JSON, "line 7: the inventory"},
		{HEAD "1\n" CART "{}", "line 7: the inventory"},
		{HEAD "1\n" CART, "line 7: the inventory"},
		{HEAD "1\nshop.x\tcart\tactive\t0\t\t\t\n" JSON, "namespace"},
		{HEAD "1\nshop\tcart/../x\tactive\t0\t\t\t\n" JSON, "service account"},
		{HEAD "1\nshop\tcart\tinvalid\t0\t\t\t\n" JSON, "state"},
		{HEAD "1\nshop\tcart\tactive\t315360001\t\t\t\n" JSON, "lifetime"},
		{HEAD "1\nshop\tcart\tactive\t\t\t\t\n" JSON, "lifetime"},
		{HEAD "1\nshop\tcart\tactive\t0\tp-521\t\t\n" JSON, "key types"},
		{HEAD "1\nshop\tcart\tactive\t0\tp-256,p-256\t\t\n" JSON, "key types"},
		{HEAD "1\nshop\tcart\tactive\t0\trsa-2048,p-256\t\t\n" JSON, "key types"},
		{HEAD "1\nshop\tcart\tactive\t0\tp-256,\t\t\n" JSON, "key types"},
		{HEAD "1\nshop\tcart\tactive\t0\t\t*.shop\t\n" JSON, "DNS names"},
		{HEAD "1\nshop\tcart\tactive\t0\t\ta,,b\t\n" JSON, "DNS names"},
		{HEAD "1\nshop\tcart\tactive\t0\t\ta,\t\n" JSON, "DNS names"},
		{HEAD "1\nshop\tcart\tactive\t0\t\ta,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\t\n" JSON,
		    "DNS names"},
		{HEAD "1\nshop\tcart\tactive\t0\t\t\t\x1b[2J\n" JSON, "owner"},
		{HEAD "1\nshop\tcart\tactive\t0\t\t\t\xff\n" JSON, "owner"},
		{HEAD "1\nshop\tcart\tactive\t0\t\t\ta\tb\n" JSON, "owner"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_msg(parse(CASES[i].text) == MC_EUSAGE, "case %zu is taken", i);
		ck_assert_msg(strstr(mc_err_last()->detail, CASES[i].said) != NULL,
		    "case %zu: %s", i, mc_err_last()->detail);
	}
}
END_TEST

START_TEST(a_nul_hides_nothing)
{
	static const char TEXT[] = HEAD "1\nshop\tcart\tactive\t0\t\t\tteam\0x\n" JSON;
	struct base_applied applied;

	ck_assert_int_eq(base_applied_parse(base_span_of(TEXT, sizeof(TEXT) - 1), &applied),
	    MC_EUSAGE);
}
END_TEST

START_TEST(has_a_longest_size)
{
	uint8_t *big = base_xcalloc(1, LIMIT_APPLIED + 1);
	struct base_applied applied;

	ck_assert_int_eq(base_applied_parse(base_span_of(big, LIMIT_APPLIED + 1), &applied),
	    MC_ETOOBIG);
	free(big);
}
END_TEST

START_TEST(an_approval_is_over_environment_and_hash)
{
	struct base_applied_change change = {.environment = base_span_str("production")};
	struct base_buf out;

	memset(change.sha256, 0xab, sizeof(change.sha256));
	base_buf_init(&out, 512);
	base_applied_approval(&out, &change);
	ck_assert(base_span_equal_str(base_buf_span(&out),
	    "meshca-inventory-apply-v1\nproduction\n"
	    "abababababababababababababababababababababababababababababababab\nnone\n"));
	base_buf_reset(&out);
	change.replaces[31] = 1;
	base_applied_approval(&out, &change);
	ck_assert(base_span_equal_str(base_buf_span(&out),
	    "meshca-inventory-apply-v1\nproduction\n"
	    "abababababababababababababababababababababababababababababababab\n"
	    "0000000000000000000000000000000000000000000000000000000000000001\n"));
	base_buf_clear(&out);
}
END_TEST

CHECK_MAIN("base_applied", reads_what_it_writes, refuses_all_else_and_says_where,
    a_nul_hides_nothing, has_a_longest_size, an_approval_is_over_environment_and_hash)

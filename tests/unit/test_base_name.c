/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <string.h>

#include "check_main.h"

static bool
label(const char *text)
{
	return base_name_is_label(base_span_str(text));
}

static bool
subdomain(const char *text)
{
	return base_name_is_subdomain(base_span_str(text));
}

START_TEST(labels_are_those_of_rfc_1123)
{
	char longest[65];

	memset(longest, 'a', 64);
	longest[64] = '\0';
	ck_assert(!label(longest));
	longest[63] = '\0';
	ck_assert(label(longest));
	ck_assert(label("a") && label("0") && label("a-b"));
	ck_assert(!label("") && !label("-a") && !label("a-") && !label("a.b") && !label("A"));
	ck_assert(!label("a_b") && !label("\xc3\xa9") && !label("a b"));
	ck_assert(!base_name_is_label(base_span_of("a\0b", 3)));
}
END_TEST

START_TEST(subdomains_are_labels_and_dots)
{
	char longest[255];

	for (size_t i = 0; i < 254; i++) {
		longest[i] = i % 2 == 0 ? 'a' : '.';
	}
	longest[254] = '\0';
	ck_assert(!subdomain(longest));
	longest[253] = '\0';
	ck_assert(subdomain(longest));
	ck_assert(subdomain("a") && subdomain("a.b") && subdomain("istiod.istio-system.svc"));
	ck_assert(!subdomain("") && !subdomain(".") && !subdomain("a.") && !subdomain(".a"));
	ck_assert(!subdomain("a..b") && !subdomain("*.a") && !subdomain("a.-b"));
}
END_TEST

CHECK_MAIN("base_name", labels_are_those_of_rfc_1123, subdomains_are_labels_and_dots)

/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/spiffe.h"

#include <string.h>

#include "check_main.h"

START_TEST(test_round_trip)
{
	struct spiffe_id id, again;
	struct base_buf out;
	const char *uri = "spiffe://td_1.example-x/ns/kube-system/sa/a.b-c";

	base_buf_init(&out, LIMIT_SPIFFE_ID);
	ck_assert_int_eq(spiffe_id_parse(base_span_str(uri), &id), MC_OK);
	ck_assert(base_span_equal_str(id.trust_domain, "td_1.example-x"));
	ck_assert(base_span_equal_str(id.ns, "kube-system"));
	ck_assert(base_span_equal_str(id.sa, "a.b-c"));
	ck_assert_int_eq(spiffe_id_make(&id, &out), MC_OK);
	ck_assert(base_span_equal_str(base_buf_span(&out), uri));
	ck_assert_int_eq(spiffe_id_parse(base_buf_span(&out), &again), MC_OK);
	base_buf_clear(&out);
}
END_TEST

START_TEST(test_refused)
{
	static const char *const bad[] = {
	    "", "spiffe://", "spiffe:///ns/a/sa/b", "SPIFFE://td/ns/a/sa/b",
	    "https://td/ns/a/sa/b", "spiffe://td", "spiffe://td/", "spiffe://td/ns/a/sa/b/",
	    "spiffe://td/ns/a/sa/b/c", "spiffe://td/ns/a/sa", "spiffe://td/ns//sa/b",
	    "spiffe://td//ns/a/sa/b", "spiffe://td/ns/./sa/b", "spiffe://td/ns/a/sa/..",
	    "spiffe://Td/ns/a/sa/b", "spiffe://td:8080/ns/a/sa/b", "spiffe://u@td/ns/a/sa/b",
	    "spiffe://td/ns/a/sa/b?q", "spiffe://td/ns/a/sa/b#f", "spiffe://td/ns/%61/sa/b",
	    "spiffe://td/ns/A/sa/b", "spiffe://td/ns/a/sa/B", "spiffe://td/ns/-a/sa/b",
	    "spiffe://td/ns/a-/sa/b", "spiffe://td/ns/a.b/sa/b", "spiffe://td/ns/a/sa/b.",
	    "spiffe://td/ns/a/sa/.b", "spiffe://td/ns/a/sa/b..c", "spiffe://td/ns/a/sa/b ",
	    "spiffe://td/na/a/sa/b", "spiffe://td/ns/a/sb/b", "spiffe://t\xc3\xa9/ns/a/sa/b",
	};
	struct spiffe_id id;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(spiffe_id_parse(base_span_str(bad[i]), &id) == MC_ESPIFFE_ID,
		    "%s", bad[i]);
	}
	ck_assert_int_eq(spiffe_id_parse(base_span_of("spiffe://td/ns/a\0/sa/b", 22), &id),
	    MC_ESPIFFE_ID);
}
END_TEST

START_TEST(test_lengths)
{
	char text[300];

	memset(text, 'a', sizeof(text));
	ck_assert(spiffe_trust_domain_valid(base_span_of(text, 255)));
	ck_assert(!spiffe_trust_domain_valid(base_span_of(text, 256)));
	ck_assert(spiffe_ns_valid(base_span_of(text, 63)));
	ck_assert(!spiffe_ns_valid(base_span_of(text, 64)));
	ck_assert(spiffe_sa_valid(base_span_of(text, 253)));
	ck_assert(!spiffe_sa_valid(base_span_of(text, 254)));
}
END_TEST

CHECK_MAIN("ca_spiffe", test_round_trip, test_refused, test_lengths)

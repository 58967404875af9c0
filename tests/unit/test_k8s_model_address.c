/* SPDX-License-Identifier: Apache-2.0 */
/* Address ranges, and who comes to a plaintext port by them. */
#include "check_main.h"
#include "model_make.h"

#include "k8s/model_int.h"

static const struct sample SAMPLES[] = {
	{"MCA1031", IN("shop", "a") "  ports: [{name: raw, protocol: tcp, port: 80, plaintext: {reason: old}}]\n",
	    "raw of shop/a takes connections without mTLS, and no rule is for callers without an identity"},
	{"MCA1041", FROM("192.0.2.1/24"), "192.0.2.1/24 has bits behind its prefix"},
	{"MCA1041", FROM("10.0.0.128/24"), "10.0.0.128/24 has bits behind its prefix"},
	{"MCA1041", FROM("2001:db8::1/64"), "2001:db8::1/64 has bits behind its prefix"},
	{"MCA1041", FROM(":::/0"), ":::/0 is no address range"},
	{"MCA1041", FROM("1:2:3:4:5:6:7:8:9/64"), "1:2:3:4:5:6:7:8:9/64 is no address range"},
	{"MCA1041", FROM("::ffff:c000:200/120"), "an IPv4 address in disguise"},
	{"MCA1041", INGRESS("public") "  clientRanges: {allow: [192.0.2.0/24, 198.51.100.9/24]}\n",
	    "clientRanges.allow of edge/public: 198.51.100.9/24 has bits behind its prefix"},
	{"MCA1041", INGRESS("public") "  clientRanges: {deny: [\":::/0\"]}\n",
	    "clientRanges.deny of edge/public: :::/0 is no address range"},
	{"MCA1041", INGRESS("public") "  clientRanges: {admin: {paths: [/a], allow: [\"::ffff:c000:200/120\"]}}\n",
	    "clientRanges.admin.allow of edge/public: ::ffff:c000:200/120 is an IPv4 address in disguise"},
	{"MCA1041", INGRESS("public") "  waf: {backend: coraza-wasm, failure: closed, imageRanges: [\"2001:db8::1/64\"]}\n",
	    "waf.imageRanges of edge/public: 2001:db8::1/64 has bits behind its prefix"},
	{"MCA1042", FROM("0.0.0.0/0"), "raw of shop/a lets in 0.0.0.0/0 without an identity"},
	{"MCA1042", FROM("128.0.0.0/1"), "raw of shop/a lets in 128.0.0.0/1 without an identity"},
	{"MCA1042", FROM("::/0"), "raw of shop/a lets in ::/0 without an identity"},
	{"MCA1042", FROM("2000::/3"), "raw of shop/a lets in 2000::/3 without an identity"},
	{"MCA1043", FROM_PODS("two"), "raw of shop/a lets in pods of two without an identity, and two is the mesh's"},
	{"MCA1043", FROM_PODS("shop"), "raw of shop/a lets in pods of shop without an identity, and shop is the mesh's"},
	{"MCA1044", FROM_PODS("batch") HEAD "Environment\nmetadata: {name: open}\nspec:\n  clusters: [{name: two}]\n"
	    "  istio: {revisions: [{name: a}], tag: a}\n  policies: {networkPolicy: false}\n",
	    "without NetworkPolicy whoever has their addresses gets in"},
	{"MCA1042", FROM("10.0.0.0/7"), "lets in 10.0.0.0/7"},
	{"MCA1042", FROM("2000::/15"), "lets in 2000::/15"},
	{"MCA1043", IN("shop", "a") "  ports: [{name: raw, protocol: tcp, port: 80, plaintext: {reason: old, "
	    "callers: [{addresses: [10.0.0.0/16], pods: {namespace: edge}}]}}]\n" INGRESS("public"),
	    "raw of shop/a lets in pods of edge without an identity"},
};

static const struct sample SOUND_ONES[] = {
	{"", FROM("198.51.100.7/32"), NULL},
	{"", FROM("2001::/16\", \"2001:db8::1/128\", \"10.0.0.0/8"), NULL},
	{"", FROM_PODS("batch"), NULL},
	{"", INGRESS("public") "  clientRanges: {allow: [0.0.0.0/0, \"::/0\"], deny: [10.0.0.0/8, \"2001:db8::/32\"]}\n"
	    "  waf: {backend: coraza-wasm, failure: closed, imageRanges: [203.0.113.7/32]}\n", NULL},
	{"", FROM_PODS("istio-system"), NULL}, /* no proxies there, so no identities */
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

/* The schema lets most of these through: what they mean is for this check. */
START_TEST(test_ranges)
{
	static const struct {
		const char *range, *fix; /* NULL: sound */
	} ROWS[] = {
	    {"192.0.2.0/24", NULL},
	    {"192.0.2.128/25", NULL},
	    {"192.0.2.64/25", "write 192.0.2.0/25, or a longer prefix"},
	    {"192.0.2.1/31", "write 192.0.2.0/31, or a longer prefix"},
	    {"192.0.2.1/32", NULL},
	    {"192.0.2.1/33", "write a range such as"},
	    {"0.0.0.0/0", NULL},
	    {"1.0.0.0/0", "write 0.0.0.0/0, or a longer prefix"},
	    {"192.0.2.0", "write a range such as"},
	    {"192.0.2/24", "write a range such as"},
	    {"2001:db8::/32", NULL},
	    {"2001:db8:8000::/32", "write 2001:db8::/32, or a longer prefix"},
	    {"2001:db8::1/128", NULL},
	    {"2001:db8::1/129", "write a range such as"},
	    {"::ffff:0:0/96", "write it as IPv4"},
	    {"::fffe:0:0/96", NULL},
	    /* one more than the longest text of an address */
	    {"0000:0000:0000:0000:0000:0000:0000:000000000000/64", "write a range such as"},
	};

	begin();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct base_arena *arena = k8s_inventory_arena(inventory);
		struct k8s_findings *findings = k8s_findings_new(arena);
		struct k8s_model small = {.arena = arena, .findings = findings};
		struct base_tree_build *list = base_tree_list(arena, model->origin);

		k8s_push_str(&small, list, ROWS[i].range, model->origin);
		k8s_model_check_ranges(&small, base_tree_done(list), "here");
		ck_assert_msg(k8s_findings_count(findings) == (ROWS[i].fix == NULL ? 0 : 1), "%s",
		    ROWS[i].range);
		if (ROWS[i].fix != NULL) {
			ck_assert_msg(strstr(k8s_findings_get(findings, 0)->fix, ROWS[i].fix) != NULL, "%s: %s",
			    ROWS[i].range, k8s_findings_get(findings, 0)->fix);
		}
	}
	end();
}
END_TEST

START_TEST(test_no_ranges)
{
	struct k8s_model small;

	begin();
	small = (struct k8s_model){.arena = k8s_inventory_arena(inventory), .findings = found};
	k8s_model_check_ranges(&small, NULL, "here");
	k8s_model_check_ranges(&small, base_tree_at(model, "mesh.name"), "here");
	ck_assert_uint_eq(k8s_findings_count(found), 1); /* what the sample mesh has: a shared port */
	end();
}
END_TEST

/* One rule for each port that names callers, with each address once. */
START_TEST(test_callers_without_identity)
{
	const struct base_tree *old, *raw;

	begin();
	old = named(model, "services", "old");
	ck_assert_uint_eq(base_tree_get(old, "byAddress")->count, 2);
	ck_assert_uint_eq(base_tree_get(old, "allow")->count, 0);
	raw = named(old, "byAddress", "by-address-raw");
	ck_assert_str_eq(shown(raw, "ports"), "['8181']");
	ck_assert_str_eq(shown(raw, "ipBlocks"), "['192.0.2.0/24','198.51.100.7/32','10.1.0.0/16']");
	ck_assert_str_eq(text_at(raw, "reason"), "scales");
	ck_assert_str_eq(text_at(raw, "declared"), "raw");
	ck_assert_uint_eq(base_tree_get(named(model, "services", "cart"), "byAddress")->count, 0);
	end();
}
END_TEST

#define NO_CALLERS IN("shop", "a") "  ports: [{name: raw, protocol: tcp, port: 80, plaintext: {reason: old}}]\n"

/* Without callers nobody is let in; where nothing refuses, nobody has to be named. */
START_TEST(test_plaintext_without_callers)
{
	begin_small("", NO_CALLERS);
	ck_assert_str_eq(shown(named(model, "services", "a"), "byAddress"), "[]");
	ck_assert_ptr_nonnull(finding(found, "MCA1031", "raw of shop/a"));
	end();
	/* one of two still refuses */
	begin_small("  namespaces: [{name: shop, enforcement: observe}]\n", NO_CALLERS);
	ck_assert_ptr_nonnull(finding(found, "MCA1031", "raw of shop/a"));
	end();
	begin_small("    networkPolicy: false\n", NO_CALLERS);
	ck_assert_ptr_nonnull(finding(found, "MCA1031", "raw of shop/a"));
	end();
	begin_small("    networkPolicy: false\n  namespaces: [{name: shop, enforcement: observe}]\n", NO_CALLERS);
	ck_assert_uint_eq(k8s_findings_count(found), 0);
	end();
}
END_TEST

CHECK_MAIN("k8s_model_address", test_findings, test_ranges, test_no_ranges, test_callers_without_identity,
    test_plaintext_without_callers)

/* SPDX-License-Identifier: Apache-2.0 */
/* Every lint of inventories and environments as wholes, with an inventory that has this one fault. */
#include "lint_make.h"

static const struct sample SAMPLES[] = {
	{"MCA0101", "", "", SECOND "  clusters: [{name: one}]\n  istio: {revisions: [{name: a}], tag: a}\n",
	    "environment development's"},
	{"MCA0107", "", "  onCall: \"token=abcdefgh\"\n", NULL, "a password"},
	{"MCA0107", "", "  onCall: ghp_abcdefghijklmnopqrstuvwx\n", NULL, "a token"},
	{"MCA0107", "", "  onCall: \"x AKIAABCDEFGHIJKLMNOP\"\n", NULL, "AWS"},
	{"MCA0107", "", "  onCall: \"https://me:hunter2@pager.example\"\n", NULL, "URL"},
	{"MCA0107", "", "  onCall: eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.\n", NULL, "a token"},
	{"MCA0107", "", "  onCall: \"-----BEGIN PRIVATE KEY-----\"\n", NULL, "PEM"},
	{"MCA0114", "", "", HEAD "Service\nmetadata: {name: cart, namespace: other}\nspec:\n  owner: team\n"
	    "  workload: {selector: {app: cart}}\n  ports: [{name: http, protocol: http, port: 80}]\n",
	    "no namespace other"},
	{"MCA0114", "  namespaces: [{name: shup}]\n", "", NULL, "no namespace shup"},
	{"MCA0115", "  istio: {revisions: [{name: a}], tag: b}\n", "", NULL, "the tag b"},
	{"MCA0116", "  policies: {networkPolicy: false}\n", "", NULL, "without NetworkPolicy"},
	{"MCA0117", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tcp\n  port: 25\n---\n" EXTERNAL("b")
	    "  hosts: [b.example]\n  protocol: tcp\n  port: 25\n", "cart calls a and b, both TCP on port 25"},
	{"MCA0118", "", "", EXTERNAL("a") "  hosts: [a.example]\n---\n" EXTERNAL("b") "  hosts: [a.example]\n",
	    "a.example is a's"},
	{"MCA0118", "", "", EXTERNAL("a") "  hosts: [a.example]\n---\n" EXTERNAL("b")
	    "  hosts: [a.example]\n  port: 8443\n", "a.example is a's"},
	{"MCA0128", "  policies: {mtls: PERMISSIVE}\n", "", NULL, "without mTLS"},
	{"MCA0128", "  namespaces: [{name: shop, mtls: PERMISSIVE}]\n", "", NULL, "without mTLS in production"},
	{"MCA0131", "", "", HEAD "DataService\nmetadata: {name: cart, namespace: shop}\nspec:\n"
	    "  owner: team\n  maxConnections: 9\n  workload: {selector: {app: db}}\n  engine: other\n" DATA_PORTS,
	    "shop/cart is a Service, too (cart.yaml:"},
	{"MCA0131", "", "", DATA("other") "  ports: [{name: db, port: 1, host: cart}]\n", "is a Service, too"},
	{"MCA0132", "", "", HEAD "Gateway\nmetadata: {name: public, namespace: istio-system}\nspec:\n"
	    "  selector: {app: edge}\n  direction: egress\n", "Istio's own namespace"},
	{"MCA0132", "", "", HEAD "Gateway\nmetadata: {name: public, namespace: meshca}\nspec:\n"
	    "  selector: {app: edge}\n  direction: egress\n", "the authority's own namespace"},
	{"MCA0133", "", "", HEAD "DataService\nmetadata: {name: db, namespace: bare}\nspec:\n"
	    "  owner: team\n  maxConnections: 9\n  workload: {selector: {app: db}}\n  engine: other\n" DATA_PORTS,
	    "pods of bare/db have no proxy"},
	{"MCA0133", "", "", HEAD "Gateway\nmetadata: {name: out, namespace: bare}\nspec:\n"
	    "  selector: {app: edge}\n  direction: egress\n", "pods of bare/out have no proxy"},
	{"MCA0107", "", "  onCall: \"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.x\"\n", NULL, "a token"},
	{"MCA0107", "", "  onCall: \"db_password: hunter2\"\n", NULL, "a password"},
};
#define SAMPLE_COUNT (sizeof(SAMPLES) / sizeof(SAMPLES[0]))

START_TEST(test_each_fault_is_found)
{
	expect_found(SAMPLES, SAMPLE_COUNT);
}
END_TEST

/* What is sound has no finding, though it is near the faults above. */
START_TEST(test_nothing_is_found_in_sound_ones)
{
	static const struct sample SOUND[] = {
		{"", "", "", NULL, ""},
		{"", "", "  onCall: secrets-team\n", NULL, ""},
		{"", "", "  onCall: \"password: see the wiki\"\n  gatewayPaths: [\"/v1/token:refresh2\"]\n", NULL, ""},
		{"", "", "", SECOND "  clusters: [{name: two}]\n  istio: {revisions: [{name: a}], tag: a}\n", ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example]\n---\n"
		     EXTERNAL("b") "  hosts: [b.example]\n  port: 444\n", ""},
		{"", "", "", EXTERNAL("a") "  hosts: [a.example]\n  protocol: tcp\n  port: 25\n---\n"
		     EXTERNAL("b") "  hosts: [b.example]\n  protocol: tcp\n  port: 26\n", ""},
	};

	expect_sound(SOUND, sizeof(SOUND) / sizeof(SOUND[0]));
}
END_TEST

START_TEST(test_every_code_has_a_sample)
{
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const char *code = k8s_lint_nth(i)->code;
		bool found = strcmp(code, "MCA0100") < 0 || strcmp(code, "MCA1000") > 0 ||
		    strstr(DOCUMENT_CODES, code) != NULL;

		for (size_t j = 0; j < SAMPLE_COUNT; j++) {
			found = found || strcmp(SAMPLES[j].code, code) == 0;
		}
		ck_assert_msg(found, "%s has no sample", code);
	}
}
END_TEST

/* A text that looks like a secret is not said again. */
START_TEST(test_secrets_are_not_repeated)
{
	static const struct sample SAMPLE = {"MCA0107", "", "  onCall: \"token=abcdefgh\"\n", NULL, ""};
	struct k8s_inventory *inventory = inventory_new(&SAMPLE);
	const struct k8s_finding *one = find(inventory, &SAMPLE);

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_null(strstr(one->what, "abcdefgh"));
	ck_assert_ptr_null(strstr(one->fix, "abcdefgh"));
	k8s_inventory_free(inventory);
}
END_TEST

CHECK_MAIN("k8s_inventory_lint", test_each_fault_is_found, test_nothing_is_found_in_sound_ones,
    test_every_code_has_a_sample, test_secrets_are_not_repeated)

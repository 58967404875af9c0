/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories from texts: what is taken, what is refused and how it is told. */
#include "inventory_make.h"

#include <stdlib.h>

#include "base/mem.h"

/* Texts named a.yaml, b.yaml and so on. */
static struct k8s_inventory *
from_texts(const char *const *texts, size_t count)
{
	static const char *const NAMES[] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml"};
	struct k8s_file files[4];

	ck_assert_uint_le(count, 4);
	for (size_t i = 0; i < count; i++) {
		files[i] = (struct k8s_file){NAMES[i], base_span_str(texts[i])};
	}
	return k8s_inventory_from(files, count);
}

static const struct {
	const char *text;
	const char *code;
	int line;
	const char *what;
} BAD[] = {
	{"a: [1\n", "MCA0001", 2, "not YAML"},
	{"a: &x 1\n", "MCA0001", 1, "anchors"},
	{"a: 1\nb: 2\na: 3\n", "MCA0001", 3, "is already set on line 1"},
	{SERVICE("cart") "---\n" SERVICE("cart"), "MCA0010", 9, "Service shop/cart is in d.yaml:1"},
	{MESH, "MCA0010", 1, "Mesh shop is in a.yaml:1"},
	{HEAD "Mesh\nmetadata: {name: other}\nspec: {namespaces: [{name: shop}]}\n", "MCA0011", 1,
	    "the first is in d.yaml:1"},
	{SERVICE("cart") "  environments: {productoin: {timeout: 1s}}\n", "MCA0013", 8,
	    "productoin"},
	{HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec:\n"
	    "  workload: {selector: {app: a}}\n"
	    "  ports: [{name: http, protocol: http, port: 80}]\n", "MCA0012", 5,
	    "Service shop/cart in production has no spec.owner"},
};

START_TEST(test_faults_are_placed)
{
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		const char *texts[] = {MESH, ENVIRONMENT("production"), "# nothing\n", BAD[i].text};
		struct k8s_inventory *inventory = from_texts(texts, 4);

		if (strcmp(BAD[i].code, "MCA0011") == 0) {
			expect_at(inventory, BAD[i].code, "a.yaml", BAD[i].line, BAD[i].what);
		} else {
			expect_at(inventory, BAD[i].code, "d.yaml", BAD[i].line, BAD[i].what);
		}
		ck_assert_ptr_null(k8s_inventory_resolve(inventory, "production"));
		k8s_inventory_free(inventory);
	}
}
END_TEST

START_TEST(test_mesh_is_needed)
{
	const char *texts[] = {ENVIRONMENT("production")};
	struct k8s_inventory *inventory = from_texts(texts, 1);

	expect_at(inventory, "MCA0011", "inventory", 0, "no document is of kind Mesh");
	k8s_inventory_free(inventory);
}
END_TEST

START_TEST(test_environment_is_missed)
{
	const char *texts[] = {MESH, SERVICE("cart")};
	struct k8s_inventory *inventory = from_texts(texts, 2);

	expect_at(inventory, "MCA0014", "inventory", 0, "no document is of kind Environment");
	ck_assert(!k8s_findings_have_error(k8s_inventory_findings(inventory)));
	k8s_inventory_free(inventory);
}
END_TEST

/* While the Mesh itself is in doubt, nobody is told that its defaults are missing. */
START_TEST(test_no_fault_follows_from_another)
{
	const char *texts[] = {HEAD "Mesh\nmetadata: {name: shop}\nspec: {namespacs: []}\n",
	    HEAD "Service\nmetadata: {name: cart, namespace: shop}\nspec: {environments: {x: {}}}\n"};
	struct k8s_inventory *inventory = from_texts(texts, 2);
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0003");
	k8s_inventory_free(inventory);
}
END_TEST

/* What is there but cannot be read is not said to be missing. */
START_TEST(test_unreadable_mesh_is_not_missing)
{
	const char *texts[] = {MESH "bad: [\n", ENVIRONMENT("production")};
	struct k8s_inventory *inventory = from_texts(texts, 2);
	struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_uint_eq(k8s_findings_count(findings), 1);
	ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0001");
	k8s_inventory_free(inventory);
}
END_TEST

/* However wrong an inventory is, what is kept of it is bounded. */
START_TEST(test_findings_have_a_ceiling)
{
	size_t size = (size_t)LIMIT_FINDINGS * 20;
	char *text = base_xcalloc(1, size);
	size_t len = (size_t)snprintf(text, size, "%s", SERVICE("cart"));
	const char *texts[] = {MESH, text};
	struct k8s_inventory *inventory;

	for (int i = 0; i <= LIMIT_FINDINGS; i++) {
		len += (size_t)snprintf(text + len, size - len, "  x%d: 1\n", i);
	}
	inventory = from_texts(texts, 2);
	/* and a warning: there is no Environment */
	ck_assert_uint_eq(k8s_findings_count(k8s_inventory_findings(inventory)), LIMIT_FINDINGS + 1);
	ck_assert(k8s_findings_have_error(k8s_inventory_findings(inventory)));
	k8s_inventory_free(inventory);
	free(text);
}
END_TEST

CHECK_MAIN("k8s_inventory", test_faults_are_placed, test_mesh_is_needed, test_environment_is_missed, test_no_fault_follows_from_another, test_unreadable_mesh_is_not_missing, test_findings_have_a_ceiling)

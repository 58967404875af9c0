/* SPDX-License-Identifier: Apache-2.0 */
/* A mesh as it is applied, and what two copies differ in. */
#include <string.h>

#include "base/applied.h"
#include "check_main.h"
#include "k8s/applied.h"
#include "k8s/lint.h"

#define DOC "---\napiVersion: meshca.dev/v1alpha1\nkind: "
#define ID(name) "spiffe://shop.example/ns/" name

static const char MESH[] =
	DOC "Mesh\nmetadata: {name: shop}\nspec: {namespaces: [{name: shop, injection: true}]}\n";

static const char ENVIRONMENT[] =
	DOC "Environment\nmetadata: {name: production}\nspec:\n  trustDomain: shop.example\n"
	"  clusters: [{name: one}]\n"
	"  istio: {revisions: [{name: a, tag: stable}, {name: b}], tag: stable}\n";

static const char OPEN[] =
	DOC "Environment\nmetadata: {name: production}\nspec:\n  trustDomain: shop.example\n"
	"  registration: open\n  clusters: [{name: one}]\n"
	"  istio: {revisions: [{name: a, tag: stable}, {name: b}], tag: stable}\n";

#define SERVICE(name, more)                                                            \
	DOC "Service\nmetadata: {name: " name ", namespace: shop}\nspec:\n  owner: team\n"  \
	"  workload: {selector: {app: " name "}}\n"                                        \
	"  ports: [{name: http, protocol: http, port: 80}]\n" more

static const char CART[] = SERVICE("cart",
    "  identity: {maxTtl: 2h, keyTypes: [rsa-2048, p-256], dnsNames: [cart.shop.svc]}\n");
static const char CART_SUSPENDED[] = SERVICE("cart", "  identity: {state: suspended}\n");
static const char DESK[] = SERVICE("desk", "");

/* Two registrations in shop-eu, and what comes before them. */
#define SHOPS(count, before)                                                                  \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tshop.example\n"  \
	"registration\tregistered-only\nregistrations\t" count "\n" before   \
	"shop-eu\tdesk\tactive\t0\t\t\t\nshop-eu\tmill\tactive\t0\t\t\t\n"

static struct k8s_inventory *
read_all(const char *environment, const char *service)
{
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(MESH)},
	    {"environment.yaml", base_span_str(environment)}, {"service.yaml", base_span_str(service)}};
	struct k8s_inventory *inventory = k8s_inventory_from(files, 3);
	const struct k8s_findings *findings = k8s_inventory_findings(inventory);

	ck_assert_msg(!k8s_findings_have_error(findings), "%s",
	    k8s_findings_count(findings) > 0 ? k8s_findings_get(findings, 0)->what : "");
	return inventory;
}

static void
write_all(const char *environment, const char *service, struct base_buf *out)
{
	struct k8s_inventory *inventory = read_all(environment, service);
	struct base_arena *arena = k8s_inventory_arena(inventory);
	const struct base_tree *resolved = k8s_inventory_resolve(inventory, "production");

	base_buf_init(out, LIMIT_APPLIED);
	ck_assert_msg(k8s_applied_write(resolved, k8s_model_derive(arena, resolved, NULL), out) ==
	    MC_OK, "%s", mc_err_last()->detail);
	k8s_inventory_free(inventory);
}

START_TEST(writes_identities_and_istiod)
{
	struct base_applied head;
	struct base_applied_row row;
	struct base_span rows;
	struct base_buf out;

	write_all(ENVIRONMENT, CART, &out);
	ck_assert_int_eq(base_applied_parse(base_buf_span(&out), &head), MC_OK);
	ck_assert(base_span_equal_str(head.environment, "production"));
	ck_assert(base_span_equal_str(head.trust_domain, "shop.example"));
	ck_assert(head.registered_only);
	rows = head.rows;
	ck_assert(base_applied_next(&rows, &row));
	ck_assert(base_span_equal_str(row.namespace, "istio-system"));
	ck_assert(base_span_equal_str(row.account, "istiod"));
	ck_assert(base_span_equal_str(row.dns_names, "istiod.istio-system.svc,"
	    "istiod-a.istio-system.svc,istiod-b.istio-system.svc"));
	ck_assert(base_applied_next(&rows, &row)); /* Prometheus is in every mesh */
	ck_assert(base_span_equal_str(row.namespace, "monitoring"));
	ck_assert(base_applied_next(&rows, &row));
	ck_assert(base_span_equal_str(row.account, "cart"));
	ck_assert(base_span_equal_str(row.owner, "team"));
	ck_assert_int_eq(row.state, BASE_APPLIED_ACTIVE);
	ck_assert_int_eq(row.max_ttl_s, 7200);
	ck_assert_uint_eq(row.key_types, 1U | 4U);
	ck_assert(base_span_equal_str(row.dns_names, "cart.shop.svc"));
	ck_assert(!base_applied_next(&rows, &row));
	base_buf_clear(&out);
}
END_TEST

static const char *
at(const struct base_tree *list, uint32_t i, const char *key)
{
	ck_assert_uint_lt(i, list->count);
	return base_tree_str(list->items[i], key, "-");
}

START_TEST(istiod_that_is_described_has_its_names_too)
{
	static const char ISTIOD[] = DOC "Service\nmetadata: {name: istiod, namespace: istio-system}\n"
	    "spec:\n  owner: team\n  workload: {selector: {app: istiod}}\n"
	    "  ports: [{name: grpc, protocol: grpc, port: 15010}]\n"
	    "  identity: {dnsNames: [istiod.example.com]}\n";
	struct base_applied head;
	struct base_applied_row row;
	struct base_span rows;
	struct base_buf out;
	unsigned found = 0;

	write_all(ENVIRONMENT, ISTIOD, &out);
	ck_assert_int_eq(base_applied_parse(base_buf_span(&out), &head), MC_OK);
	rows = head.rows;
	while (base_applied_next(&rows, &row)) {
		if (base_span_equal_str(row.account, "istiod")) {
			found++;
			ck_assert(base_span_equal_str(row.dns_names,
			    "istiod.example.com,istiod.istio-system.svc,"
			    "istiod-a.istio-system.svc,istiod-b.istio-system.svc"));
		}
	}
	ck_assert_uint_eq(found, 1);
	base_buf_clear(&out);
}
END_TEST

START_TEST(tells_registrations_and_values_apart)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *diff;
	const struct base_tree *rows;
	struct base_buf old;
	struct base_buf new;

	write_all(ENVIRONMENT, CART, &old);
	write_all(OPEN, CART_SUSPENDED, &new);
	diff = k8s_applied_diff(arena, base_buf_span(&old), base_buf_span(&new));
	ck_assert_ptr_nonnull(diff);
	ck_assert_str_eq(base_tree_str(base_tree_get(diff, "registration"), "old", ""),
	    "registered-only");
	ck_assert_str_eq(base_tree_str(base_tree_get(diff, "registration"), "new", ""), "open");
	rows = base_tree_get(diff, "registrations");
	ck_assert_uint_eq(rows->count, 1);
	ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/cart"));
	ck_assert_str_eq(at(rows, 0, "old"),
	    "active, at most 7200 s, p-256 keys, rsa-2048 keys, names cart.shop.svc, of team");
	ck_assert_str_eq(at(rows, 0, "new"), "suspended, of team");
	rows = base_tree_get(diff, "values");
	ck_assert_str_eq(at(rows, 0, "path"), "environment.registration");
	ck_assert_str_eq(at(rows, 0, "old"), "\"registered-only\"");
	ck_assert_str_eq(at(rows, 1, "path"), "services.shop/cart.identity.state");
	base_buf_clear(&new);
	/* One comes, one goes. */
	write_all(ENVIRONMENT, DESK, &new);
	diff = k8s_applied_diff(arena, base_buf_span(&old), base_buf_span(&new));
	ck_assert_ptr_null(base_tree_get(diff, "registration"));
	rows = base_tree_get(diff, "registrations");
	ck_assert_uint_eq(rows->count, 2);
	ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/cart"));
	ck_assert_str_eq(at(rows, 0, "new"), "-");
	ck_assert_str_eq(at(rows, 1, "identity"), ID("shop/sa/desk"));
	ck_assert_str_eq(at(rows, 1, "old"), "-");
	/* Nothing was applied before. */
	diff = k8s_applied_diff(arena, base_span_of(NULL, 0), base_buf_span(&new));
	ck_assert_str_eq(base_tree_str(base_tree_get(diff, "registration"), "old", "-"), "-");
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 3);
	/* The same. */
	diff = k8s_applied_diff(arena, base_buf_span(&new), base_buf_span(&new));
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 0);
	ck_assert_uint_eq(base_tree_get(diff, "values")->count, 0);
	ck_assert_ptr_null(k8s_applied_diff(arena, base_span_str("x"), base_buf_span(&new)));
	/* What another program wrote behind the registrations, and nobody can read. */
	diff = k8s_applied_diff(arena, base_span_str(SHOPS("2", "") "{: bad :}\n"), base_buf_span(&new));
	ck_assert_ptr_nonnull(diff);
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 5);
	/* shop comes before shop-eu in a document, and spiffe://.../shop-eu/ before shop/. */
	diff = k8s_applied_diff(arena, base_span_str(SHOPS("3", "shop\tcart\tactive\t0\t\t\t\n") "{}\n"),
	    base_span_str(SHOPS("2", "") "{}\n"));
	rows = base_tree_get(diff, "registrations");
	ck_assert_uint_eq(rows->count, 1);
	ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/cart"));
	ck_assert_str_eq(at(rows, 0, "new"), "-");
	base_buf_clear(&old);
	base_buf_clear(&new);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_applied", writes_identities_and_istiod,
    istiod_that_is_described_has_its_names_too, tells_registrations_and_values_apart)

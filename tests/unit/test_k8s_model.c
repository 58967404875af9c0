/* SPDX-License-Identifier: Apache-2.0 */
/* The model of an environment as a whole. */
#include "check_main.h"
#include "model_make.h"

START_TEST(test_parts)
{
	static const char *const PARTS[] = {"version", "mesh", "environment", "namespaces", "services", "dataServices",
	    "gateways", "externals", "identities", "edges", "evidence"};

	begin();
	ck_assert_uint_eq(model->count, sizeof(PARTS) / sizeof(PARTS[0]));
	for (uint32_t i = 0; i < model->count; i++) {
		ck_assert_str_eq(model->entries[i].key, PARTS[i]);
	}
	ck_assert_int_eq(base_tree_int(model, "version", 0), K8S_MODEL_VERSION);
	end();
}
END_TEST

/* The same every time, whether or not anybody wants the findings. */
START_TEST(test_again)
{
	const struct base_tree *resolved, *again;

	begin();
	resolved = k8s_inventory_resolve(inventory, "production");
	again = k8s_model_derive(k8s_inventory_arena(inventory), resolved, NULL);
	ck_assert_ptr_ne(again, model);
	ck_assert(base_tree_equal(again, model));
	end();
}
END_TEST

/* An environment is a mesh and what is said of one of its environments. */
START_TEST(test_refused)
{
	static const char *const KEYS[] = {"mesh", "environment"};

	begin();
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		const struct base_tree *resolved = k8s_inventory_resolve(inventory, "production");
		struct base_tree_build *map = base_tree_map(k8s_inventory_arena(inventory), resolved->origin);

		for (uint32_t j = 0; j < resolved->count; j++) {
			if (strcmp(resolved->entries[j].key, KEYS[i]) != 0) {
				base_tree_put(map, resolved->entries[j].key, resolved->entries[j].value);
			}
		}
		ck_assert_ptr_null(k8s_model_derive(k8s_inventory_arena(inventory), base_tree_done(map), found));
		ck_assert_int_eq(mc_err_last()->code, MC_EUSAGE);
	}
	end();
}
END_TEST

/* The environment's trust domain, else the mesh's; and what holds without a word. */
START_TEST(test_defaults)
{
	const struct base_tree *resolved;
	struct base_tree_build *map, *mesh;

	begin();
	resolved = k8s_inventory_resolve(inventory, "production");
	mesh = base_tree_map(k8s_inventory_arena(inventory), resolved->origin);
	base_tree_put(mesh, "trustDomain", base_tree_string(k8s_inventory_arena(inventory), "mesh.example", resolved->origin));
	map = base_tree_map(k8s_inventory_arena(inventory), resolved->origin);
	base_tree_put(map, "mesh", base_tree_done(mesh));
	base_tree_put(map, "environment",
	    base_tree_done(base_tree_map(k8s_inventory_arena(inventory), resolved->origin)));
	model = k8s_model_derive(k8s_inventory_arena(inventory), base_tree_done(map), found);
	ck_assert_ptr_nonnull(model);
	ck_assert_str_eq(text_at(model, "environment.trustDomain"), "mesh.example");
	ck_assert_str_eq(text_at(model, "environment.mtls"), "STRICT");
	ck_assert_str_eq(text_at(model, "environment.faultsAllowed"), "false");
	ck_assert_str_eq(text_at(model, "mesh.istio.namespace"), "istio-system");
	end();
}
END_TEST

/* Each token is held against the provider that its service names. */
START_TEST(test_providers)
{
	begin_small("", SERVICE("a") "  gatewayPaths: [/a]\n  jwt: {provider: robots, rules: [{paths: [/a]}]}\n" PROVIDER
	    HEAD "IdentityProvider\nmetadata: {name: robots}\nspec:\n  issuer: https://robots.example\n"
	    "  jwksUri: https://robots.example/keys\n  audiences: [shop]\n" INGRESS("public"));
	ck_assert_str_eq(text_at(named(model, "services", "a"), "jwt.issuer"), "https://robots.example");
	end();
}
END_TEST

CHECK_MAIN("k8s_model", test_parts, test_again, test_refused, test_defaults, test_providers)

/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of a resolved environment: what it depends on, and what not. */
#include "resolve_make.h"

#include "base/crypto.h"
#include "base/enc.h"
#include "base/yaml.h"

static const char *
hash_of(struct base_arena *arena, const struct k8s_file *files, size_t count, const char *name)
{
	struct k8s_inventory *inventory = k8s_inventory_from(files, count);
	const struct base_tree *all = k8s_inventory_resolve(inventory, name);
	const char *hash;

	report(inventory);
	ck_assert_ptr_nonnull(all);
	hash = k8s_inventory_hash(arena, all);
	k8s_inventory_free(inventory);
	return hash;
}

#define OTHER HEAD "Service\nmetadata: {name: other, namespace: shop}\nspec:\n  owner: team\n" \
	"  workload: {selector: {app: o}}\n  ports: [{name: http, protocol: http, port: 80}]\n"

START_TEST(test_hash)
{
	static const char MESH_TEXT[] = MESH_START;
	static const char PRODUCTION[] = ENVIRONMENT_START("production");
	static const char DEVELOPMENT[] = ENVIRONMENT_START("development");
	static const char CART[] = SERVICE_START "  timeout: 3s\n";
	static const char CART_AGAIN[] = HEAD "Service\nmetadata: {namespace: shop, name: cart}\nspec:\n"
	    "  timeout: 3s\n  # a comment\n"
	    "  ports: [{port: 80, name: http, protocol: http}]\n"
	    "  owner: \"team\"\n  workload: {selector: {app: a}}\n";
	static const char CART_DEFAULT[] = SERVICE_START
	    "  timeout: 3s\n  environments: {development: {timeout: 9s}}\n";
	static const char CART_CHANGED[] = SERVICE_START "  timeout: 4s\n";
	const struct k8s_file files[] = {{"a", base_span_str(MESH_TEXT)},
	    {"b", base_span_str(PRODUCTION)}, {"c", base_span_str(DEVELOPMENT)},
	    {"d", base_span_str(CART)}, {"e", base_span_str(OTHER)}};
	const struct k8s_file shuffled[] = {{"a", base_span_str(OTHER)},
	    {"b", base_span_str(CART_AGAIN)}, {"c", base_span_str(PRODUCTION)},
	    {"x", base_span_str(MESH_TEXT)}};
	const struct k8s_file elsewhere[] = {files[0], files[1], files[2],
	    {"d", base_span_str(CART_DEFAULT)}, files[4]};
	const struct k8s_file changed[] = {files[0], files[1], files[2],
	    {"d", base_span_str(CART_CHANGED)}, files[4]};
	struct base_arena *arena = base_arena_new();
	const char *hash = hash_of(arena, files, 5, "production");

	ck_assert_uint_eq(strlen(hash), 64);
	ck_assert_uint_eq(strspn(hash, "0123456789abcdef"), 64);
	ck_assert_str_eq(hash_of(arena, shuffled, 4, "production"), hash);
	ck_assert_str_eq(hash_of(arena, elsewhere, 5, "production"), hash);
	ck_assert_str_ne(hash_of(arena, elsewhere, 5, "development"),
	    hash_of(arena, files, 5, "development"));
	ck_assert_str_ne(hash_of(arena, changed, 5, "production"), hash);
	base_arena_free(arena);
}
END_TEST

/* The form is JSON on one line with sorted keys, so that other programs can have the same hash. */
START_TEST(test_form)
{
	static const struct {
		const char *tree, *form;
	} ROWS[] = {
		{"{b: 1, a: [x, {d: true, c: null}], ab: 0.5}", "{\"a\":[\"x\",{\"c\":null,\"d\":true}],\"ab\":0.5,\"b\":1}"},
		{"{}", "{}"},
		{"[]", "[]"},
		{"{B: 1, a: 2, \"\": 3}", "{\"\":3,\"B\":1,\"a\":2}"},
		{"{a: \"1\"}", "{\"a\":\"1\"}"},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct base_arena *arena = base_arena_new();
		const struct base_tree *tree = base_yaml_read(arena, "t", NULL, base_span_str(ROWS[i].tree));
		uint8_t digest[BASE_SHA256_LEN];
		char hex[2 * BASE_SHA256_LEN + 1] = "";

		base_crypto_sha256(base_span_str(ROWS[i].form), digest);
		base_enc_hex(digest, sizeof(digest), hex);
		ck_assert_str_eq(k8s_inventory_hash(arena, tree->items[0]), hex);
		base_arena_free(arena);
	}
}
END_TEST

/* Lists are what they are in their order; a number is no text. */
START_TEST(test_what_differs)
{
	static const char *const TREES[] = {"[1, 2]", "[2, 1]", "[\"1\", 2]", "{a: [1, 2]}", "{a: {\"1\": 2}}", "[[1], 2]",
	    "[1, [2]]"};
	enum { COUNT = sizeof(TREES) / sizeof(TREES[0]) };
	struct base_arena *arena = base_arena_new();
	const char *hashes[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		hashes[i] = k8s_inventory_hash(arena,
		    base_yaml_read(arena, "t", NULL, base_span_str(TREES[i]))->items[0]);
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(hashes[i], hashes[j]);
		}
	}
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_inventory_hash", test_hash, test_form, test_what_differs)

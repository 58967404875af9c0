/* SPDX-License-Identifier: Apache-2.0 */
/* Where every field of an object comes from. */
#include "check_main.h"
#include "generate_make.h"

START_TEST(test_explain)
{
	static const char *const fields[] = {"apiVersion", "kind", "metadata.name",
	    "metadata.namespace", "metadata.annotations.argocd.argoproj.io/sync-wave",
	    "spec.selector.app", "spec.ports[0].name", "spec.ports[0].port"};
	const struct base_tree *files, *rows;

	begin();
	files = sample();
	rows = k8s_generate_explain(arena, files, "Service", "shop", "cart");
	ck_assert_ptr_nonnull(rows);
	ck_assert_uint_eq(rows->count, sizeof(fields) / sizeof(fields[0]));
	for (uint32_t i = 0; i < rows->count; i++) {
		ck_assert_str_eq(base_tree_str(rows->items[i], "field", ""), fields[i]);
	}
	/* written by the template */
	ck_assert_ptr_nonnull(strstr(base_tree_str(rows->items[1], "template", ""), "service.yaml:5"));
	ck_assert_ptr_null(base_tree_get(rows->items[1], "inventory"));
	/* placed by the template, said by the model */
	ck_assert_str_eq(base_tree_str(rows->items[7], "value", ""), "8080");
	ck_assert_ptr_nonnull(strstr(base_tree_str(rows->items[7], "template", ""), "service.yaml:14"));
	ck_assert_str_eq(base_tree_str(rows->items[7], "inventory", ""), "t:9");
	ck_assert_ptr_null(k8s_generate_explain(arena, files, "Service", "pay", "cart"));
	ck_assert_int_eq(mc_err_last()->code, MC_ENOTFOUND);
	ck_assert_ptr_nonnull(k8s_generate_explain(arena, files, "Namespace", NULL, "pay"));
	ck_assert_ptr_nonnull(k8s_generate_explain(arena, files, "Deployment", "pay", "card"));
	end();
}
END_TEST

static const struct base_tree *
tree_of(const char *value, const struct base_origin *at)
{
	return base_tree_string(arena, value, at);
}

/* A derived value has several causes; the template is none of them, and the layer is the first cause's. */
START_TEST(test_causes)
{
	const struct base_origin mesh = {.file = "mesh.yaml", .line = 3, .layer = "Mesh"};
	const struct base_origin whole = {.file = "built-in", .layer = "built-in", .also = &mesh};
	const struct base_origin placed = {.file = "tree.yaml", .line = 7, .layer = "template", .also = &whole};
	struct base_tree_build *object, *metadata, *file, *files, *documents, *list;
	const struct base_tree *rows;

	begin();
	metadata = base_tree_map(arena, &gen_here);
	base_tree_put(metadata, "name", tree_of("a", &gen_here));
	list = base_tree_list(arena, &gen_here);
	base_tree_push(list, tree_of("one", &placed));
	base_tree_push(list, tree_of("two", &mesh));
	object = base_tree_map(arena, &placed);
	base_tree_put_at(object, "apiVersion", tree_of("v1", &gen_here), &placed);
	base_tree_put_at(object, "kind", tree_of("Node", &gen_here), &placed);
	base_tree_put(object, "metadata", base_tree_done(metadata));
	base_tree_put_at(object, "list", base_tree_done(list), &placed);
	base_tree_put(object, "none", base_tree_done(base_tree_map(arena, &mesh)));
	documents = base_tree_list(arena, &gen_here);
	base_tree_push(documents, base_tree_done(object));
	file = base_tree_map(arena, &gen_here);
	base_tree_put(file, "kind", tree_of("objects", &gen_here));
	base_tree_put(file, "documents", base_tree_done(documents));
	files = base_tree_list(arena, &gen_here);
	base_tree_push(files, base_tree_done(file));
	rows = k8s_generate_explain(arena, base_tree_done(files), "Node", NULL, "a");
	ck_assert_ptr_nonnull(rows);
	ck_assert_uint_eq(rows->count, 6);
	ck_assert_str_eq(base_tree_str(rows->items[3], "field", ""), "list[0]");
	ck_assert_str_eq(base_tree_str(rows->items[3], "template", ""), "tree.yaml:7");
	ck_assert_str_eq(base_tree_str(rows->items[3], "inventory", ""), "built-in, mesh.yaml:3");
	ck_assert_str_eq(base_tree_str(rows->items[3], "layer", ""), "built-in");
	ck_assert_str_eq(base_tree_str(rows->items[4], "field", ""), "list[1]");
	ck_assert_str_eq(base_tree_str(rows->items[4], "layer", ""), "Mesh");
	/* an empty map is a value, too; its entry is no template's, so the line is that of the closest one above */
	ck_assert_str_eq(base_tree_str(rows->items[5], "field", ""), "none");
	ck_assert_str_eq(base_tree_str(rows->items[5], "template", ""), "tree.yaml:7");
	ck_assert_str_eq(base_tree_str(rows->items[5], "inventory", ""), "mesh.yaml:3");
	end();
}
END_TEST

/* Whose kind, namespace and name are not all these is another object. */
START_TEST(test_others)
{
	static const char *const ROWS[][3] = {{"Service", "shop", "order"}, {"Pod", "shop", "cart"},
	    {"Service", "pay", "cart"}, {"Service", "shop", "none"}, {"Service", NULL, "cart"},
	    {"Namespace", "shop", "shop"}, {"Kustomization", NULL, ""}};
	const struct base_tree *files;

	begin();
	files = sample();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct base_tree *rows =
		    k8s_generate_explain(arena, files, ROWS[i][0], ROWS[i][1], ROWS[i][2]);

		ck_assert((rows != NULL) == (i == 0));
		ck_assert(rows != NULL || mc_err_last()->code == MC_ENOTFOUND);
	}
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_explain", test_explain, test_causes, test_others)

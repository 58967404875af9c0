/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/generate.h"

#include "check_main.h"
#include "generate_make.h"

START_TEST(test_files)
{
	static const char *const paths[] = {"MANIFEST.json", "cluster/kustomization.yaml",
	    "cluster/namespaces.yaml", "kustomization.yaml", "namespaces/kustomization.yaml",
	    "namespaces/pay/kustomization.yaml", "namespaces/pay/services/card.yaml",
	    "namespaces/pay/services/kustomization.yaml", "namespaces/shop/kustomization.yaml",
	    "namespaces/shop/services/cart.yaml", "namespaces/shop/services/kustomization.yaml",
	    "namespaces/shop/services/order.yaml", "workloads/kustomization.yaml",
	    "workloads/pay/card.yaml", "workloads/pay/kustomization.yaml", "workloads/shop/cart.yaml",
	    "workloads/shop/kustomization.yaml", "workloads/shop/order.yaml"};
	const struct base_tree *files;

	begin();
	files = sample();
	ck_assert_uint_eq(files->count, sizeof(paths) / sizeof(paths[0]));
	for (uint32_t i = 0; i < files->count; i++) {
		ck_assert_str_eq(base_tree_str(files->items[i], "path", ""), paths[i]);
	}
	/* one file from two entries, sorted, with the wave beside what was there */
	ck_assert_str_eq(text_of(files, "cluster/namespaces.yaml"),
	    HEAD
	    "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: pay\n  annotations:\n"
	    "    meshca.dev/owners: \"yes\"\n    argocd.argoproj.io/sync-wave: \"-50\"\n"
	    "---\n"
	    "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations:\n"
	    "    meshca.dev/owners: \"team a, team b\"\n    argocd.argoproj.io/sync-wave: \"-50\"\n");
	ck_assert_ptr_nonnull(strstr(text_of(files, "namespaces/shop/services/cart.yaml"),
	    "  namespace: shop\n  annotations:\n    argocd.argoproj.io/sync-wave: \"-30\"\nspec:\n"));
	ck_assert_ptr_null(strstr(text_of(files, "workloads/shop/cart.yaml"), "sync-wave"));
	end();
}
END_TEST

/* The same bytes every time, and sorted by path. */
START_TEST(test_again)
{
	const struct base_tree *one, *two;

	begin();
	one = sample();
	two = sample();
	ck_assert_uint_eq(one->count, two->count);
	for (uint32_t i = 0; i < one->count; i++) {
		ck_assert_str_eq(base_tree_str(one->items[i], "path", ""), base_tree_str(two->items[i], "path", ""));
		ck_assert_str_eq(base_tree_str(one->items[i], "text", ""), base_tree_str(two->items[i], "text", ""));
		ck_assert(i == 0 || strcmp(base_tree_str(one->items[i - 1], "path", ""),
				       base_tree_str(one->items[i], "path", "")) < 0);
	}
	end();
}
END_TEST

START_TEST(test_kinds)
{
	static const char *const ROWS[][2] = {{"MANIFEST.json", "manifest"}, {"kustomization.yaml", "kustomization"},
	    {"namespaces/shop/services/cart.yaml", "objects"}, {"workloads/shop/cart.yaml", "patches"}};
	const struct base_tree *files;

	begin();
	files = sample();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		for (uint32_t j = 0; j < files->count; j++) {
			if (strcmp(base_tree_str(files->items[j], "path", ""), ROWS[i][0]) == 0) {
				ck_assert_str_eq(base_tree_str(files->items[j], "kind", ""), ROWS[i][1]);
				ck_assert_uint_eq(base_tree_get(files->items[j], "documents")->count, 1);
			}
		}
	}
	end();
}
END_TEST

#define OBJECT(text) "- path: a.yaml\n  wave: 1\n  objects:\n    - " text "\n"
#define OTHER(kind) "{apiVersion: v1, kind: " kind ", metadata: {name: b, namespace: a}}"

/* An object is there once, wherever it stands; a patch of it may stand beside it. */
START_TEST(test_twice)
{
	char *folder = folder_make();
	const struct base_tree *files;

	refused(OBJECT(POD("b")) OBJECT(POD("c")) OBJECT(POD("b")), "is there already, from line 4 of");
	refused("- {path: one/a.yaml, wave: 1, objects: [" POD("b") "]}\n"
		"- {path: two/b.yaml, wave: 1, objects: [" POD("b") "]}\n", "Pod a/b is there already");
	begin();
	folder_put(folder, "tree.yaml", "- {path: one/a.yaml, wave: 1, objects: [" POD("b") ", " OTHER("Secret") "]}\n"
	    "- {path: two/b.yaml, patches: [" POD("b") "]}\n- {path: two/c.yaml, patches: [" POD("b") "]}\n");
	files = files_of(folder, read_text("a: b\n"));
	ck_assert_msg(files != NULL, "%s", mc_err_last()->detail);
	end();
	folder_drop(folder);
}
END_TEST

static const struct base_tree *
document(size_t len)
{
	struct base_tree_build *documents = base_tree_list(arena, &gen_here);
	char *text = base_xcalloc(1, len + 1);

	memset(text, 'a', len);
	base_tree_push(documents, base_tree_string(arena, text, &gen_here));
	free(text);
	return base_tree_done(documents);
}

/* What cannot be read again is not written. */
START_TEST(test_too_large)
{
	const struct base_tree *file;

	begin();
	file = gen_file(arena, "a.yaml", GEN_KIND_OBJECTS, document(LIMIT_YAML - strlen(HEAD) - 1));
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(strlen(base_tree_str(file, "text", "")), LIMIT_YAML);
	ck_assert_str_eq(base_tree_str(file, "path", ""), "a.yaml");
	ck_assert_ptr_null(gen_file(arena, "a.yaml", GEN_KIND_OBJECTS, document(LIMIT_YAML - strlen(HEAD))));
	ck_assert_int_eq(mc_err_last()->code, MC_ETOOBIG);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "a.yaml is larger than"));
	end();
}
END_TEST

/* Both ways the buffer holds nothing afterwards. */
START_TEST(test_text)
{
	const struct base_tree *documents, *file;
	struct base_buf buf;

	begin();
	documents = base_tree_done(base_tree_list(arena, &gen_here));
	base_buf_init(&buf, 4);
	base_buf_append_str(&buf, "text");
	file = gen_file_of_text(arena, "a", GEN_KIND_MANIFEST, documents, &buf);
	ck_assert_str_eq(base_tree_str(file, "text", ""), "text");
	ck_assert_ptr_eq(base_tree_get(file, "documents"), documents);
	ck_assert_ptr_null(buf.ptr);
	base_buf_append_str(&buf, "tex");
	base_buf_append_str(&buf, "ts");
	ck_assert_ptr_null(gen_file_of_text(arena, "a", GEN_KIND_MANIFEST, documents, &buf));
	ck_assert_int_eq(mc_err_last()->code, MC_ETOOBIG);
	ck_assert_ptr_null(buf.ptr);
	end();
}
END_TEST

CHECK_MAIN("k8s_generate", test_files, test_again, test_kinds, test_twice, test_too_large, test_text)

/* SPDX-License-Identifier: Apache-2.0 */
/* A kustomization.yaml for every folder. */
#include "check_main.h"
#include "generate_make.h"

START_TEST(test_kustomizations)
{
	const struct base_tree *files;

	begin();
	files = sample();
	/* patches are for the users' kustomizations, not for this one */
	ck_assert_str_eq(text_of(files, "kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
		 "resources:\n- cluster\n- namespaces\n");
	ck_assert_str_eq(text_of(files, "namespaces/shop/services/kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
		 "resources:\n- cart.yaml\n- order.yaml\n");
	ck_assert_str_eq(text_of(files, "workloads/kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
		 "components:\n- pay\n- shop\n");
	ck_assert_str_eq(text_of(files, "workloads/pay/kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
		 "patches:\n- path: card.yaml\n  target:\n    group: apps\n    version: v1\n"
		 "    kind: Deployment\n    name: card\n    namespace: pay\n");
	end();
}
END_TEST

START_TEST(test_refused)
{
	refused("- {path: a.yaml, patches: [" POD("b") ", " POD("c") "]}\n", "more than one patch");
	refused("- {path: a.yaml, patches: [" POD("b") "]}\n- {path: a.yaml, wave: 1, objects: [" POD("c") "]}\n",
	    "more than one patch, or objects beside it");
	refused("- {path: a.yaml, patches: [" POD("c") "]}\n- {path: a.yaml, wave: 1, objects: [" POD("b") "]}\n",
	    "more than one patch, or objects beside it");
	refused("- {path: a/a.yaml, patches: [" POD("b") "]}\n"
		"- {path: a/b.yaml, wave: 1, objects: [" POD("c") "]}\n",
	    "patches and objects in or below one folder");
	refused("- {path: a/a.yaml, patches: [" POD("b") "]}\n"
		"- {path: a/b/b.yaml, wave: 1, objects: [" POD("c") "]}\n",
	    "patches and objects in or below one folder");
}
END_TEST

/* 512 pods from loops within loops; in eight folders they pass. */
START_TEST(test_folder_ceiling)
{
#define LOOP(as, body) "{\"@each\": many, \"@as\": " as ", \"@do\": " body "}"
#define PODS LOOP("mx", LOOP("my", LOOP("mz", POD("\"p@{mx}@{my}@{mz}\""))))
	refused("- path: a/a.yaml\n  wave: 1\n  objects: " PODS "\n", "512 objects in one folder");
	char *folder = folder_make();
	const struct base_tree *files;

	begin();
	folder_put(folder, "tree.yaml",
	    "- " LOOP("mx", "{path: \"a/@{mx}/a.yaml\", wave: 1, objects: " LOOP("my", LOOP("mz",
		POD("\"p@{mx}@{my}@{mz}\""))) "}") "\n");
	files = files_of(folder, read_text("many: [0, 1, 2, 3, 4, 5, 6, 7]\n"));
	ck_assert_msg(files != NULL, "%s", mc_err_last()->detail);
	ck_assert_uint_eq(files->count, 1 + 1 + 1 + 8 + 8);
	end();
	folder_drop(folder);
}
END_TEST

/* Rows of one file of this many pods. */
static struct gen_objects
pods(size_t count)
{
	struct gen_objects objects = {.rows = base_xcalloc(count, sizeof(struct gen_object)), .count = count};

	for (size_t i = 0; i < count; i++) {
		objects.rows[i] = (struct gen_object){.path = "a/pods.yaml", .group = "", .version = "v1", .kind = "Pod",
		    .namespace = "a", .name = "p", .at = &gen_here, .tree = read_text("a: b\n")};
	}
	return objects;
}

START_TEST(test_exact_ceiling)
{
	struct gen_objects objects;
	struct base_tree_build *files;
	const struct base_tree *made;

	begin();
	objects = pods(LIMIT_FOLDER_OBJECTS - 1);
	files = base_tree_list(arena, &gen_here);
	ck_assert(gen_kustomize(arena, &objects, files));
	made = base_tree_done(files);
	ck_assert_uint_eq(made->count, 2);
	/* from below */
	ck_assert_str_eq(base_tree_str(made->items[0], "path", ""), "a/kustomization.yaml");
	ck_assert_str_eq(base_tree_str(made->items[1], "path", ""), "kustomization.yaml");
	free(objects.rows);
	objects = pods(LIMIT_FOLDER_OBJECTS);
	ck_assert(!gen_kustomize(arena, &objects, base_tree_list(arena, &gen_here)));
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "500 objects in one folder, 499 at most"));
	free(objects.rows);
	end();
}
END_TEST

static const struct base_tree *
made_of(const char *tree)
{
	char *folder = folder_make();
	const struct base_tree *files;

	folder_put(folder, "tree.yaml", tree);
	files = files_of(folder, read_text("a: b\n"));
	ck_assert_msg(files != NULL, "%s", mc_err_last()->detail);
	folder_drop(folder);
	return files;
}

/* A target says just what the patch says: an empty group would match nothing. */
START_TEST(test_targets)
{
	const struct base_tree *files;

	begin();
	files = made_of("- {path: a.yaml, patches: [{apiVersion: v1, kind: Node, metadata: {name: node}}]}\n");
	ck_assert_str_eq(text_of(files, "kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
		 "patches:\n- path: a.yaml\n  target:\n    version: v1\n    kind: Node\n    name: node\n");
	end();
}
END_TEST

/* A folder whose name begins like another's is another; patches are named where nothing but patches is. */
START_TEST(test_folders)
{
	const struct base_tree *files;

	begin();
	files = made_of("- {path: a/a.yaml, wave: 1, objects: [" POD("one") "]}\n"
			"- {path: a-b/a.yaml, wave: 1, objects: [" POD("two") "]}\n"
			"- {path: a.yaml, wave: 1, objects: [" POD("three") "]}\n"
			"- {path: p/q/a.yaml, patches: [" POD("four") "]}\n");
	ck_assert_str_eq(text_of(files, "kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
		 "resources:\n- a-b\n- a.yaml\n- a\n");
	ck_assert_str_eq(text_of(files, "a/kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- a.yaml\n");
	ck_assert_str_eq(text_of(files, "p/kustomization.yaml"),
	    HEAD "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncomponents:\n- q\n");
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_kustomize", test_kustomizations, test_refused, test_folder_ceiling, test_exact_ceiling,
    test_targets, test_folders)

/* SPDX-License-Identifier: Apache-2.0 */
/* What the root template gives: objects with their files and waves, each checked. */
#include <stdio.h>

#include "check_main.h"
#include "generate_make.h"

#include "k8s/generate_disk.h"

/* The origin of a value is the model's line, that of its entry the template's. */
START_TEST(test_origins_are_kept)
{
	const struct base_tree *files, *documents, *metadata;

	begin();
	files = sample();
	documents = base_tree_get(files->items[9], "documents");
	ck_assert_str_eq(base_tree_str(files->items[9], "path", ""),
	    "namespaces/shop/services/cart.yaml");
	metadata = base_tree_get(documents->items[0], "metadata");
	ck_assert_str_eq(metadata->entries[0].key, "name");
	ck_assert_int_eq(metadata->entries[0].value->origin->line, 9);
	ck_assert_str_eq(metadata->entries[0].value->origin->file, "t");
	ck_assert_ptr_nonnull(strstr(metadata->entries[0].origin->file, "service.yaml"));
	ck_assert_int_eq(metadata->entries[0].origin->line, 7);
	/* the wave's line in tree.yaml */
	ck_assert_str_eq(metadata->entries[2].key, "annotations");
	ck_assert_ptr_nonnull(strstr(metadata->entries[2].origin->file, "tree.yaml"));
	ck_assert_int_eq(metadata->entries[2].origin->line, 19);
	end();
}
END_TEST

static const char *
repeated(const char *text, size_t count, const char *end_text)
{
	struct base_buf buf;
	char *all;
	const char *copy;

	base_buf_init(&buf, LIMIT_YAML);
	for (size_t i = 0; i < count; i++) {
		base_buf_append_str(&buf, text);
	}
	base_buf_append_str(&buf, end_text);
	all = base_buf_take_str(&buf);
	copy = base_arena_strdup(arena, all);
	free(all);
	return copy;
}

static bool
is_taken(const char *yaml)
{
	struct gen_objects objects = {0};
	bool taken = gen_objects_collect(arena, read_text(yaml), &objects);

	ck_assert(taken || mc_err_last()->code == MC_ECONFIG);
	free(objects.rows);
	return taken;
}

static bool
path_is_taken(const char *path)
{
	return is_taken(base_arena_printf(arena, "- {path: %s, wave: 1, objects: [" POD("b") "]}\n", path));
}

START_TEST(test_refused_files)
{
	static const char *const bad[] = {"a", "/a.yaml", "../a.yaml", "b/../a.yaml", ".a.yaml",
	    "a//b.yaml", ".yaml", "a/.yaml", "kustomization.yaml", "b/kustomization.yaml",
	    "b.yaml/c.yaml", "a b.yaml", "-a.yaml", "a.json", "a/-b.yaml", "a.yaml/", "a/b.yamL"};
	char tree[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(tree, sizeof(tree), "- {path: \"%s\", wave: 1, objects: [" POD("b") "]}\n",
		    bad[i]);
		refused(tree, "give one below the environment's folder");
	}
	refused("{path: a.yaml, wave: 1, objects: []}\n", "must give a list of files");
	refused("- {path: a.yaml, wave: 1, objects: []}\n", "gives no object");
	refused("- {wave: 1, objects: []}\n", "path missing");
	refused("- text\n", "path missing");
	refused("- {path: a.yaml, objects: []}\n", "wave must be a number");
	refused("- {path: a.yaml, wave: \"1\", objects: []}\n", "wave must be a number");
	refused("- {path: a.yaml, wave: 10001, objects: []}\n", "wave must be a number");
	refused("- {path: a.yaml, wave: -10001, objects: []}\n", "wave must be a number");
	refused("- {path: a.yaml, wave: 1, objects: {}}\n", "objects and patches are lists");
	refused("- {path: a.yaml, wave: 1, object: []}\n", "no key object");
	refused("- {path: a.yaml, wave: 1, patches: [" POD("b") "]}\n", "patches have no wave");
	refused("- {path: a.yaml, objects: [], patches: [" POD("b") "]}\n", "patches have no wave");
}
END_TEST

/* Names of files as long as file systems take them, and as deep as we read folders. */
START_TEST(test_longest_paths)
{
	const char *most, *deep;

	begin();
	ck_assert(path_is_taken(repeated("a", 195, ".yaml")));
	ck_assert(!path_is_taken(repeated("a", 196, ".yaml")));
	ck_assert(path_is_taken(repeated("a", 200, "/b.yaml")));
	ck_assert(!path_is_taken(repeated("a", 201, "/b.yaml")));
	most = repeated(repeated("a", 99, "/"), 9, repeated("b", 95, ".yaml"));
	ck_assert_uint_eq(strlen(most), 1000);
	ck_assert(path_is_taken(most));
	ck_assert(!path_is_taken(base_arena_printf(arena, "c%s", most)));
	deep = repeated("a/", GEN_DISK_DEPTH, "b.yaml");
	ck_assert(path_is_taken(deep));
	ck_assert(!path_is_taken(base_arena_printf(arena, "a/%s", deep)));
	ck_assert(path_is_taken("a.b_c-D/9.yaml"));
	end();
}
END_TEST

START_TEST(test_waves)
{
	begin();
	ck_assert(is_taken("- {path: a.yaml, wave: 10000, objects: [" POD("b") "]}\n"));
	ck_assert(is_taken("- {path: a.yaml, wave: -10000, objects: [" POD("b") "]}\n"));
	ck_assert(is_taken("- {path: a.yaml, patches: [" POD("b") "]}\n"));
	end();
}
END_TEST

START_TEST(test_refused_objects)
{
#define OBJECT(text) "- path: a.yaml\n  wave: 1\n  objects:\n    - " text "\n"
	refused(OBJECT("[]"), "an object that is no map");
	refused(OBJECT("{kind: Pod, metadata: {name: b, namespace: a}}"), "without apiVersion or kind");
	refused(OBJECT("{apiVersion: v1, metadata: {name: b, namespace: a}}"), "or kind");
	refused(OBJECT("{apiVersion: v1, kind: \"\", metadata: {name: b, namespace: a}}"), "or kind");
	refused(OBJECT("{apiVersion: v1, kind: Pod}"), "Pod without metadata.name");
	refused(OBJECT("{apiVersion: v1, kind: Pod, metadata: {name: 1}}"), "without metadata.name");
	refused(OBJECT("{apiVersion: v1, kind: Pod, metadata: {name: b}}"),
	    "tree.yaml:4: Pod b without metadata.namespace");
	refused(OBJECT("{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: 3}}"),
	    "metadata.namespace must be a string");
	refused(OBJECT("{apiVersion: v1, kind: Namespace, metadata: {name: b, namespace: a}}"),
	    "Namespace b has no namespace in Kubernetes");
	refused(OBJECT("{apiVersion: cert-manager.io/v1, kind: ClusterIssuer,"
		       " metadata: {name: b, namespace: a}}"),
	    "ClusterIssuer b has no namespace");
	refused(OBJECT("{apiVersion: example.com/v1, kind: Namespace, metadata: {name: b}}"),
	    "Namespace b without metadata.namespace");
	refused(OBJECT("{apiVersion: v1, kind: List, metadata: {name: b, namespace: a}, items: []}"),
	    "a List");
	refused(OBJECT("{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: a,"
		       " annotations: {argocd.argoproj.io/sync-wave: \"3\"}}}"),
	    "the file's wave says it");
	refused(OBJECT("{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: a, annotations: []}}"),
	    "annotations must be a map");
}
END_TEST

START_TEST(test_identity)
{
	struct gen_object object = {0};

	begin();
	ck_assert(gen_object_identify(arena, read_text("{apiVersion: apps/v1, kind: Deployment, "
	    "metadata: {name: b, namespace: a}}\n"), &object));
	ck_assert_str_eq(object.group, "apps");
	ck_assert_str_eq(object.version, "v1");
	ck_assert_str_eq(object.kind, "Deployment");
	ck_assert_str_eq(object.namespace, "a");
	ck_assert_str_eq(object.name, "b");
	ck_assert(gen_object_identify(arena, read_text("{apiVersion: v1, kind: Node, metadata: {name: node}}\n"), &object));
	ck_assert_str_eq(object.group, "");
	ck_assert_str_eq(object.version, "v1");
	ck_assert_str_eq(object.namespace, "");
	end();
}
END_TEST

/* Objects get their file's wave beside what they have; patches stay as they are. */
START_TEST(test_wave_annotation)
{
	struct gen_objects objects = {0};
	const struct base_tree *metadata;

	begin();
	ck_assert(gen_objects_collect(arena, read_text("- path: a.yaml\n  wave: -7\n  objects:\n"
	    "    - {apiVersion: v1, kind: Pod, metadata: {name: b, annotations: {own: word}, namespace: a}, spec: {}}\n"
	    "- {path: b.yaml, patches: [" POD("c") "]}\n"), &objects));
	ck_assert_uint_eq(objects.count, 2);
	ck_assert_uint_eq(objects.rows[0].tree->count, 4);
	metadata = base_tree_get(objects.rows[0].tree, "metadata");
	ck_assert_uint_eq(metadata->count, 3);
	ck_assert_str_eq(metadata->entries[1].key, "annotations"); /* in its place */
	ck_assert_uint_eq(metadata->entries[1].value->count, 2);
	ck_assert_str_eq(base_tree_str(metadata->entries[1].value, "own", ""), "word");
	ck_assert_str_eq(base_tree_str(metadata->entries[1].value, "argocd.argoproj.io/sync-wave", ""), "-7");
	ck_assert_int_eq(base_tree_get(metadata->entries[1].value, "argocd.argoproj.io/sync-wave")->kind,
	    BASE_TREE_STRING);
	ck_assert(!objects.rows[0].patch && objects.rows[1].patch);
	ck_assert_ptr_null(base_tree_at(objects.rows[1].tree, "metadata.annotations"));
	ck_assert_str_eq(objects.rows[1].path, "b.yaml");
	free(objects.rows);
	end();
}
END_TEST

/* Every row is found: the table is sorted. */
START_TEST(test_cluster_scope)
{
	static const char *const scoped[][2] = {{"", "Namespace"}, {"", "Node"}, {"", "PersistentVolume"},
	    {"admissionregistration.k8s.io", "MutatingAdmissionPolicy"},
	    {"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"},
	    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration"},
	    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy"},
	    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"},
	    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"},
	    {"apiextensions.k8s.io", "CustomResourceDefinition"}, {"apiregistration.k8s.io", "APIService"},
	    {"argoproj.io", "ClusterAnalysisTemplate"}, {"cert-manager.io", "ClusterIssuer"},
	    {"certificates.k8s.io", "CertificateSigningRequest"}, {"certificates.k8s.io", "ClusterTrustBundle"},
	    {"chaos-mesh.org", "RemoteCluster"}, {"flowcontrol.apiserver.k8s.io", "FlowSchema"},
	    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"},
	    {"gateway.networking.k8s.io", "GatewayClass"}, {"networking.k8s.io", "IngressClass"},
	    {"node.k8s.io", "RuntimeClass"}, {"rbac.authorization.k8s.io", "ClusterRole"},
	    {"rbac.authorization.k8s.io", "ClusterRoleBinding"}, {"scheduling.k8s.io", "PriorityClass"},
	    {"storage.k8s.io", "CSIDriver"}, {"storage.k8s.io", "StorageClass"},
	    {"storage.k8s.io", "VolumeAttachment"}};

	for (size_t i = 0; i < sizeof(scoped) / sizeof(scoped[0]); i++) {
		ck_assert_msg(gen_object_is_cluster_scoped(scoped[i][0], scoped[i][1]), "%s", scoped[i][1]);
	}
	ck_assert(!gen_object_is_cluster_scoped("", "Service"));
	ck_assert(!gen_object_is_cluster_scoped("networking.istio.io", "Gateway"));
	ck_assert(!gen_object_is_cluster_scoped("argoproj.io", "AppProject"));
}
END_TEST

CHECK_MAIN("k8s_generate_object", test_origins_are_kept, test_refused_files, test_longest_paths, test_waves,
    test_refused_objects, test_identity, test_wave_annotation, test_cluster_scope)

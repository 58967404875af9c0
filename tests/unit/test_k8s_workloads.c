/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/workloads.h"

#include "check_main.h"
#include "folder_make.h"

#include "base/yaml.h"

static struct base_arena *arena;
static char *folder;

static const struct base_tree *
read_text(const char *text)
{
	const struct base_tree *documents = base_yaml_read(arena, "t", NULL, base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	return documents->items[0];
}

static const char MODEL[] =
    "services:\n"
    "- name: order\n"
    "  namespace: shop\n"
    "  serviceAccount: order\n"
    "  selector: {app: order}\n"
    "  workload: {kind: Deployment, name: order}\n"
    "  ports:\n"
    "  - {name: http-web, declared: web, port: 80, workloadPort: 8080}\n";

static const char PATCH[] =
    "[{kind: patches, documents: [{apiVersion: apps/v1, kind: Deployment,"
    " metadata: {name: order, namespace: shop}, spec: {template: {}}}]},"
    " {kind: objects, documents: [{apiVersion: apps/v1, kind: Deployment,"
    " metadata: {name: other, namespace: shop}, spec: {template: {}}}]}]\n";

static const char WORKLOAD[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: order, namespace: shop}\n"
    "spec:\n"
    "  template:\n"
    "    metadata: {labels: {app: order, tier: web}}\n"
    "    spec:\n"
    "      serviceAccountName: order\n"
    "      containers:\n"
    "      - name: app\n"
    "        ports: [{name: web, containerPort: 8080}]\n";

/* The workload with one piece of its text replaced. */
static char *
changed(const char *from, const char *to)
{
	const char *at = strstr(WORKLOAD, from);

	ck_assert_ptr_nonnull(at);
	return base_xasprintf("%.*s%s%s", (int)(at - WORKLOAD), WORKLOAD, to, at + strlen(from));
}

static void
begin(void)
{
	arena = base_arena_new();
	folder = folder_make();
}

static void
end(void)
{
	base_arena_free(arena);
	folder_drop(folder);
}

/* What is found: every "what" on a line; NULL: the folder could not be read. */
static const char *
found(void)
{
	const struct base_tree *list =
	    k8s_workloads_check(arena, folder, read_text(PATCH), read_text(MODEL));
	const char *all = "";

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		ck_assert_str_ne(base_tree_str(list->items[i], "at", ""), "");
		all = base_arena_printf(arena, "%s%s\n", all, base_tree_str(list->items[i], "what", ""));
	}
	return list == NULL ? NULL : all;
}

static void
finds(const char *from, const char *to, const char *what)
{
	char *text = changed(from, to);
	const char *all;

	begin();
	folder_put(folder, "deep/order.yaml", text);
	all = found();
	ck_assert_msg(all != NULL && strstr(all, what) != NULL, "%s: %s", what, all);
	ck_assert_ptr_eq(strchr(all, '\n') + 1, all + strlen(all)); /* and nothing else */
	end();
	free(text);
}

START_TEST(test_agreement)
{
	begin();
	folder_put(folder, "deep/order.yml", WORKLOAD);
	folder_put(folder, "notes.txt", "not: [yaml\n");
	folder_put(folder, "kustomization.yaml", "resources: [deep]\n");
	ck_assert_str_eq(found(), "");
	end();
}
END_TEST

START_TEST(test_disagreement)
{
	finds("name: order, namespace", "name: orders, namespace",
	    "the patch for Deployment shop/order matches nothing; name the workload so");
	finds("kind: Deployment", "kind: StatefulSet", "matches nothing");
	finds("apps/v1", "argoproj.io/v1", "matches nothing");
	finds(", namespace: shop", "", "this workload lacks metadata.namespace");
	finds("app: order", "app: orders", "the label app: orders, the selector in the inventory says order");
	finds("app: order, ", "", "the label app: (none)");
	finds("serviceAccountName: order", "restartPolicy: Always",
	    "runs as the account default, the inventory says order");
	finds("containerPort: 8080", "containerPort: 8081",
	    "no container declares the port 8080, which is web");
	finds("      containers:", "      securityContext: {runAsUser: 1337}\n      containers:",
	    "Deployment order runs as user 1337");
	finds("      - name: app\n", "      - name: app\n        securityContext: {runAsUser: 1337}\n",
	    "Deployment order runs as user 1337");
	finds("{name: web", "{name: rest", "the port 8080 is called rest, in the inventory web");
}
END_TEST

START_TEST(test_accepted_names)
{
	static const char *const ports[] = {"{name: http-web, ", "{"};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		char *text = changed("{name: web, ", ports[i]);

		begin();
		folder_put(folder, "a.yaml", text);
		ck_assert_str_eq(found(), "");
		end();
		free(text);
	}
}
END_TEST

START_TEST(test_unreadable)
{
	begin();
	folder_put(folder, "a.yaml", "a: [\n");
	ck_assert_ptr_null(found());
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_ptr_null(k8s_workloads_check(arena, "/tmp/meshca-no-such-folder", read_text(PATCH),
	    read_text(MODEL)));
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
	end();
}
END_TEST

CHECK_MAIN("k8s_workloads", test_agreement, test_disagreement, test_accepted_names, test_unreadable)

/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/workloads.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/yaml.h"
#include "k8s/generate_int.h"

#define PROXY_USER "1337"

struct check {
	struct base_arena *arena;
	struct gen_objects workloads; /* with a pod template; Argo CD's Applications */
	struct base_tree_build *found;
};

static void
tell(struct check *check, const struct base_origin *at, const char *what)
{
	struct base_tree_build *row = base_tree_map(check->arena, &gen_here);
	const char *place = at->line > 0
	    ? base_arena_printf(check->arena, "%s:%d", at->file, at->line)
	    : at->file;

	base_tree_put(row, "at", base_tree_string(check->arena, place, &gen_here));
	base_tree_put(row, "what", base_tree_string(check->arena, what, &gen_here));
	base_tree_push(check->found, base_tree_done(row));
}

/* --- reading --- */
static void
keep_workloads(struct check *check, const struct base_tree *documents)
{
	for (uint32_t i = 0; i < documents->count; i++) {
		struct gen_object row = {0};

		if (!gen_object_identify(check->arena, documents->items[i], &row) ||
		    (base_tree_at(row.tree, "spec.template") == NULL &&
			strcmp(row.kind, "Application") != 0)) {
			continue;
		}
		check->workloads.rows = base_xreallocarray(check->workloads.rows,
		    check->workloads.count + 1, sizeof(row));
		check->workloads.rows[check->workloads.count++] = row;
	}
}

static bool
read_file(struct check *check, const char *path)
{
	const struct base_tree *documents = NULL;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char *text = NULL;
	size_t len = 0;

	if (fd < 0) {
		(void)MC_FAIL(MC_EIO, "%.200s: %s", path, strerror(errno));
		return false;
	}
	if (base_proc_read_all(fd, LIMIT_YAML, &text, &len) == MC_OK) {
		documents = base_yaml_read(check->arena, base_arena_strdup(check->arena, path), NULL,
		    base_span_of(text, len));
		free(text);
	}
	(void)close(fd);
	if (documents != NULL) {
		keep_workloads(check, documents);
	}
	return documents != NULL;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool
is_yaml(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static bool
read_folder(struct check *check, const char *dir)
{
	char *copy = base_xstrdup(dir);
	char *const paths[] = {copy, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	FTSENT *entry;
	bool done = walk != NULL;
	size_t count = 0;

	while (done && (entry = fts_read(walk)) != NULL) {
		if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR ||
		    entry->fts_info == FTS_NS) {
			(void)MC_FAIL(MC_EIO, "%.200s: %s", entry->fts_path, strerror(entry->fts_errno));
			done = false;
		} else if (entry->fts_info == FTS_F && is_yaml(entry->fts_name)) {
			done = ++count <= LIMIT_INVENTORY_FILES && read_file(check, entry->fts_path);
		}
	}
	if (walk == NULL) {
		(void)MC_FAIL(MC_EIO, "%.200s: %s", dir, strerror(errno));
	} else {
		(void)fts_close(walk);
	}
	free(copy);
	return done;
}

/* --- patches --- */
static bool
matches(const struct gen_object *patch, const struct gen_object *workload)
{
	return strcmp(patch->group, workload->group) == 0 &&
	    strcmp(patch->kind, workload->kind) == 0 && strcmp(patch->name, workload->name) == 0 &&
	    (*patch->namespace == '\0' || strcmp(patch->namespace, workload->namespace) == 0);
}

static void
check_patch(struct check *check, const struct base_tree *tree)
{
	const struct gen_object *near = NULL;
	struct gen_object patch = {0};

	if (!gen_object_identify(check->arena, tree, &patch)) {
		return;
	}
	for (size_t i = 0; i < check->workloads.count; i++) {
		const struct gen_object *workload = &check->workloads.rows[i];

		if (matches(&patch, workload)) {
			return;
		}
		if (*workload->namespace == '\0' && strcmp(patch.name, workload->name) == 0) {
			near = workload;
		}
	}
	tell(check, near == NULL ? patch.at : near->at, base_arena_printf(check->arena,
		"the patch for %s %s/%s matches nothing%s", patch.kind, patch.namespace, patch.name,
		near == NULL ? "; name the workload so, or correct the inventory"
			     : "; this workload lacks metadata.namespace"));
}

static void
check_patches(struct check *check, const struct base_tree *files)
{
	for (uint32_t i = 0; i < files->count; i++) {
		const struct base_tree *documents = base_tree_get(files->items[i], "documents");

		if (strcmp(base_tree_str(files->items[i], "kind", ""), GEN_KIND_PATCHES) != 0) {
			continue;
		}
		for (uint32_t j = 0; j < documents->count; j++) {
			check_patch(check, documents->items[j]);
		}
	}
}

/* --- services --- */
static void
check_selector(struct check *check, const struct gen_object *workload,
    const struct base_tree *service, const struct base_tree *template)
{
	const struct base_tree *labels = base_tree_at(template, "metadata.labels");
	const struct base_tree *selector = base_tree_get(service, "selector");

	for (uint32_t i = 0; selector != NULL && i < selector->count; i++) {
		const char *key = selector->entries[i].key;
		const char *want = selector->entries[i].value->text;
		const char *have = base_tree_str(labels, key, NULL);

		if (have == NULL || strcmp(have, want) != 0) {
			tell(check, workload->at, base_arena_printf(check->arena,
				"%s %s: pods have the label %s: %s, the selector in the inventory says %s",
				workload->kind, workload->name, key, have == NULL ? "(none)" : have, want));
		}
	}
}

static void
check_account(struct check *check, const struct gen_object *workload,
    const struct base_tree *service, const struct base_tree *template)
{
	const char *want = base_tree_str(service, "serviceAccount", NULL);
	const char *have =
	    base_tree_str(base_tree_get(template, "spec"), "serviceAccountName", "default");

	if (want != NULL && strcmp(want, have) != 0) {
		tell(check, workload->at, base_arena_printf(check->arena,
			"%s %s: runs as the account %s, the inventory says %s", workload->kind,
			workload->name, have, want));
	}
}

/* The port that a container declares with this number; else NULL. */
static const struct base_tree *
container_port(const struct base_tree *template, int64_t number)
{
	const struct base_tree *spec = base_tree_get(template, "spec");
	const struct base_tree *lists[] = {
	    base_tree_get(spec, "containers"), base_tree_get(spec, "initContainers")};

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		for (uint32_t i = 0; lists[l] != NULL && i < lists[l]->count; i++) {
			const struct base_tree *ports = base_tree_get(lists[l]->items[i], "ports");

			for (uint32_t j = 0; ports != NULL && j < ports->count; j++) {
				if (base_tree_int(ports->items[j], "containerPort", 0) == number) {
					return ports->items[j];
				}
			}
		}
	}
	return NULL;
}

static void
check_port(struct check *check, const struct gen_object *workload, const struct base_tree *port,
    const struct base_tree *template)
{
	int64_t number = base_tree_int(port, "workloadPort", 0);
	const struct base_tree *declared = container_port(template, number);
	const char *want = base_tree_str(port, "declared", "");
	const char *have = base_tree_str(declared, "name", want);

	if (declared == NULL) {
		tell(check, workload->at, base_arena_printf(check->arena,
			"%s %s: no container declares the port %lld, which is %s in the inventory",
			workload->kind, workload->name, (long long)number, want));
	} else if (strcmp(have, want) != 0 && strcmp(have, base_tree_str(port, "name", "")) != 0) {
		tell(check, declared->origin, base_arena_printf(check->arena,
			"%s %s: the port %lld is called %s, in the inventory %s", workload->kind,
			workload->name, (long long)number, have, want));
	}
}

/* What runs as the proxy's user is not caught by the rules that lead traffic through the proxy
 * (istio: tools/istio-iptables, --proxy-uid). */
static void
check_user(struct check *check, const struct gen_object *workload, const struct base_tree *owner)
{
	const struct base_tree *user =
	    base_tree_get(base_tree_get(owner, "securityContext"), "runAsUser");

	if (user != NULL && base_tree_is_scalar(user) && strcmp(user->text, PROXY_USER) == 0) {
		tell(check, user->origin, base_arena_printf(check->arena,
			"%s %s runs as user " PROXY_USER ", the proxy's: its traffic goes around the proxy",
			workload->kind, workload->name));
	}
}

static void
check_users(struct check *check, const struct gen_object *workload,
    const struct base_tree *template)
{
	const struct base_tree *spec = base_tree_get(template, "spec");
	const struct base_tree *lists[] = {
	    base_tree_get(spec, "containers"), base_tree_get(spec, "initContainers")};

	check_user(check, workload, spec);
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		for (uint32_t i = 0; lists[l] != NULL && i < lists[l]->count; i++) {
			check_user(check, workload, lists[l]->items[i]);
		}
	}
}

static void
check_service(struct check *check, const struct base_tree *service)
{
	const struct base_tree *wanted = base_tree_get(service, "workload");
	const struct base_tree *ports = base_tree_get(service, "ports");
	const char *kind = base_tree_str(wanted, "kind", "");
	const char *name = base_tree_str(wanted, "name", "");
	const char *namespace = base_tree_str(service, "namespace", "");

	for (size_t i = 0; i < check->workloads.count; i++) {
		const struct gen_object *workload = &check->workloads.rows[i];
		const struct base_tree *template = base_tree_at(workload->tree, "spec.template");

		if (strcmp(workload->kind, kind) != 0 || strcmp(workload->name, name) != 0 ||
		    strcmp(workload->namespace, namespace) != 0) {
			continue;
		}
		check_selector(check, workload, service, template);
		check_account(check, workload, service, template);
		check_users(check, workload, template);
		for (uint32_t j = 0; ports != NULL && j < ports->count; j++) {
			check_port(check, workload, ports->items[j], template);
		}
	}
}

const struct base_tree *
k8s_workloads_check(struct base_arena *arena, const char *dir, const struct base_tree *files,
    const struct base_tree *model)
{
	static const char *const lists[] = {"services", "dataServices"};
	struct check check = {.arena = arena, .found = base_tree_list(arena, &gen_here)};
	bool done = read_folder(&check, dir);

	if (done) {
		check_patches(&check, files);
	}
	for (size_t l = 0; done && l < sizeof(lists) / sizeof(lists[0]); l++) {
		const struct base_tree *services = base_tree_get(model, lists[l]);

		for (uint32_t i = 0; services != NULL && i < services->count; i++) {
			check_service(&check, services->items[i]);
		}
	}
	free(check.workloads.rows);
	return done ? base_tree_done(check.found) : NULL;
}

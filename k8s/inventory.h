/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: a folder of YAML documents that describe a mesh, read, checked against the
 * schema, and resolved for one environment. Works on files alone; no network, no ledger.
 */
#ifndef K8S_INVENTORY_H
#define K8S_INVENTORY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "base/tree.h"

#define K8S_API_VERSION "meshca.dev/v1alpha1"

enum k8s_kind {
	K8S_INVALID = 0,
	K8S_MESH,
	K8S_ENVIRONMENT,
	K8S_SERVICE,
	K8S_DATA_SERVICE,
	K8S_GATEWAY,
	K8S_EXTERNAL_SERVICE,
	K8S_IDENTITY_PROVIDER,
	K8S_KIND_COUNT
};

/* What was found wrong or doubtful. Sorted by file, line, code. */
enum k8s_severity { K8S_SEVERITY_INVALID = 0, K8S_ERROR, K8S_WARNING, K8S_NOTE };

struct k8s_finding {
	enum k8s_severity severity;
	const char *code; /* "MCA0012": an interface, never reused (lint_list.h) */
	const struct base_origin *at;
	const char *what; /* one sentence with the names in it */
	const char *fix;  /* what to write instead */
};

struct k8s_findings; /* grows; lives in the inventory's arena */
size_t k8s_findings_count(const struct k8s_findings *findings);
/* i is below the count. */
const struct k8s_finding *k8s_findings_get(const struct k8s_findings *findings, size_t i);
/* Also of those that were not kept, past LIMIT_FINDINGS. */
bool k8s_findings_have_error(const struct k8s_findings *findings);

struct k8s_inventory;

/* NULL is fine. */
void k8s_inventory_free(struct k8s_inventory *inventory);
/* Reads every *.yaml and *.yml below dir (names that begin with a dot are not looked at, links are
 * refused; folders of at most LIMIT_INVENTORY_DEPTH levels, dir being the first; at most
 * LIMIT_INVENTORY_FILES of LIMIT_YAML bytes, LIMIT_INVENTORY bytes together), in the order of paths, and
 * holds each document against the schema. Never NULL: what is wrong, unreadable files
 * included, is among the findings, and documents with an error are left out. */
struct k8s_inventory *k8s_inventory_read(const char *dir) MC_DEALLOC(k8s_inventory_free);
/* The same from texts, for the copy that the ledger holds. Names and texts are copied. */
struct k8s_file {
	const char *path; /* relative to the folder */
	struct base_span text;
};
struct k8s_inventory *k8s_inventory_from(const struct k8s_file *files, size_t count)
    MC_DEALLOC(k8s_inventory_free);

struct base_arena *k8s_inventory_arena(struct k8s_inventory *inventory);
struct k8s_findings *k8s_inventory_findings(struct k8s_inventory *inventory);
/* All lints over the documents and over every environment resolved; adds to the findings.
 * at: RFC 3339 date for what expires, in seconds since 1970. */
void k8s_inventory_lint(struct k8s_inventory *inventory, int64_t at);

/* Documents of a kind as they were written, sorted by namespace and name. A LIST. */
const struct base_tree *k8s_inventory_documents(const struct k8s_inventory *inventory,
    enum k8s_kind kind);
/* Environment names, sorted. */
size_t k8s_inventory_environment_count(const struct k8s_inventory *inventory);
const char *k8s_inventory_environment(const struct k8s_inventory *inventory, size_t i);
bool k8s_inventory_has_environment(const struct k8s_inventory *inventory, const char *name);

/*
 * One environment with everything merged: built-in defaults, Mesh, Environment, the document,
 * its own spec.environments.NAME, in this order. Maps merge, lists whose schema names a key merge
 * by it, other lists replace, null removes. Every value keeps the origin and layer it came from.
 * A MAP:
 *   mesh, environment           the merged spec, with name
 *   services, dataServices, gateways, externalServices, identityProviders
 *                               LISTs of merged specs, with name and namespace
 * What was used up is not there: spec.defaults, spec.environments. A route's retries are whole:
 * the service's with what differs, and its built-in defaults.
 * NULL with MC_ENOTFOUND recorded when there is no such environment, and when there is an error
 * among the findings (MC_EPOLICY).
 */
const struct base_tree *k8s_inventory_resolve(struct k8s_inventory *inventory,
    const char *environment);
/* SHA-256 of the resolved environment in its one written form (JSON on one line, keys sorted bytewise), 64 hex
 * digits in the arena. NULL with MC_ETOOBIG recorded when that is above four times LIMIT_INVENTORY. */
const char *k8s_inventory_hash(struct base_arena *arena, const struct base_tree *resolved);

/* The schema as JSON Schema 2020-12: one document for all kinds. */
const struct base_tree *k8s_schema_json(struct base_arena *arena);
/* docs/inventory.md, from the same table. */
void k8s_schema_markdown(struct base_buf *out);

#endif

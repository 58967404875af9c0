/* SPDX-License-Identifier: Apache-2.0 */
/* A draft while it is made: from Services and observed edges (import.c), from policies
 * (import_policy.c). */
#ifndef K8S_IMPORT_INT_H
#define K8S_IMPORT_INT_H

#include "base/tree.h"

struct k8s_import_caller {
	const char *namespace;
	const char *name;
	const struct base_tree *ports;   /* names; NULL: all */
	const struct base_tree *methods; /* NULL: all */
	const struct base_tree *paths;
};

/* A Kubernetes Service that will be a document. */
struct k8s_import_draft {
	const char *namespace;
	const char *name;
	const char *account; /* NULL: not known */
	const char *engine;  /* NULL: no data service */
	const struct base_tree *object;
	const struct base_tree *ports; /* of the object: those that speak TCP */
	struct k8s_import_caller *callers;
	size_t caller_count;
};

struct k8s_import {
	struct base_arena *arena;
	struct k8s_import_draft *drafts;
	size_t count;
	const struct base_tree **policies;
	size_t policy_count;
	struct base_tree_build *accounts; /* "namespace/name": known ServiceAccounts */
	struct base_tree_build *notes;
	struct base_tree_build *told; /* by text: notes that are there */
};

/* What people must see to. Each text once. Takes text,
 * which is the arena's; names in it are as others wrote them. */
void k8s_import_note(struct k8s_import *import, char *text);
/* Each caller once for the same ports, methods and paths. seen: only that there is such a call; nothing is added to
 * what a policy says of this caller. */
void k8s_import_add_caller(struct k8s_import *import, struct k8s_import_draft *draft,
    const struct k8s_import_caller *caller, bool seen);
/* The service that runs as an account: by what was seen, else by its name. The account itself, with a note, when
 * there is no such service. */
const char *k8s_import_service_of(struct k8s_import *import, const char *namespace,
    const char *account);
/* "TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT", with or without spiffe://; false for anything else, patterns of
 * namespaces and accounts included. */
bool k8s_import_split_principal(struct k8s_import *import, const char *principal,
    const char **namespace, const char **account);
/* NULL for NULL. The text is copied. */
const struct base_tree *k8s_import_text(struct k8s_import *import, const char *text);
bool k8s_import_is_list(const struct base_tree *node);

/* An AuthorizationPolicy: its callers go into the drafts that it selects. What a draft cannot say
 * is noted, and so is what it says less strictly. */
void k8s_import_policy(struct k8s_import *import, const struct base_tree *policy);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts of inventory documents from what runs already. */
#ifndef K8S_IMPORT_H
#define K8S_IMPORT_H

#include "base/tree.h"

/*
 * objects: LIST of what `kubectl get -o json` printed: Services, ServiceAccounts,
 * AuthorizationPolicies, alone or in Lists; other kinds are left out.
 * edges: LIST of answers of Prometheus' query API about istio_requests_total or
 * istio_tcp_connections_opened_total, with source_* and destination_* labels.
 * Returns a MAP {documents: LIST, notes: LIST of texts}: one Mesh, a Service or DataService for
 * each Kubernetes Service with a selector, with calls and accepts from policies and edges; notes
 * say what could not be told. It is in the arena, and shares the memory of objects. Sorted, so that
 * the same input gives the same draft. A draft is for people to finish: lints name what is missing.
 * NULL with MC_EUSAGE recorded when a tree is neither.
 */
const struct base_tree *k8s_import(struct base_arena *arena, const struct base_tree *objects,
    const struct base_tree *edges);

#endif

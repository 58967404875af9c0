/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users' own workloads against what is generated for them. Deployments are theirs; a patch
 * that matches none of them, or a Service whose selector no pod has, fails only in the cluster.
 */
#ifndef K8S_WORKLOADS_H
#define K8S_WORKLOADS_H

#include "base/tree.h"

/*
 * Reads every *.yaml and *.yml below dir (links are not followed) and returns a LIST of MAPs
 * {at: "file:line", what}: patches among the files that match no workload, and workloads whose
 * pod template disagrees with the model about labels, service account or ports, or runs as the
 * proxy's user. Empty: all is well. NULL with MC_ECONFIG or MC_EIO recorded when the folder or a file cannot be read.
 */
const struct base_tree *k8s_workloads_check(struct base_arena *arena, const char *dir,
    const struct base_tree *files, const struct base_tree *model);

#endif

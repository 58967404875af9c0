/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structural templates: YAML trees whose reserved keys place values of the model. Works on the
 * parsed tree, never on text, so indentation and quoting cannot go wrong. The language is frozen
 * and described whole in k8s/templates/README.md: no arithmetic, no functions, no recursion.
 */
#ifndef K8S_TEMPLATE_H
#define K8S_TEMPLATE_H

#include "base/tree.h"

struct k8s_templates;

/* NULL is fine. */
void k8s_templates_free(struct k8s_templates *templates);
/* The built-in templates; a file of the same relative path below dir (may be NULL) shadows one.
 * Files of dir are regular ones that end in .yaml, of at most LIMIT_YAML bytes and one document, in
 * folders of at most eight levels, dir being one; names that begin with a dot and other endings are not looked at, and
 * links are not followed. Parses every file and checks its control words, the names that it
 * uses, and what it includes: at most LIMIT_TEMPLATE_DEPTH files within each other, none within
 * itself. Returns NULL with MC_ECONFIG recorded ("template:line: what; what to do"). */
struct k8s_templates *k8s_templates_open(const char *dir) MC_DEALLOC(k8s_templates_free);
/* A LIST of MAPs {path, sha256, changed}: files of dir that shadow a built-in one; changed is
 * true when the hash that the shadow names on its first line ("# shadows SHA-256 of the built-in
 * file") is not that of today's built-in. */
const struct base_tree *k8s_templates_shadows(struct k8s_templates *templates,
    struct base_arena *arena);
/* A LIST of the paths of files of dir that nothing uses: neither tree.yaml nor mesh-config.yaml
 * includes them, directly or through others. A shadow at a wrong path is one. */
const struct base_tree *k8s_templates_unused(struct k8s_templates *templates,
    struct base_arena *arena);
/* The built-in templates: a LIST of MAPs {path, sha256} sorted by path. */
const struct base_tree *k8s_templates_list(struct base_arena *arena);

/* Evaluates the template file at path with the model's top-level keys as names. Every node of the
 * result has the origin of the value it came from, and every entry that of the template line that
 * placed it (their layer is "template"). The result lives in the arena and shares the memory of the
 * templates and of the model: free the arena first. Returns NULL with MC_ECONFIG recorded: template and line,
 * and the inventory line of the value at fault; also for a text of LIMIT_YAML bytes, and when the
 * arena grows by more than LIMIT_TEMPLATE_RESULT. */
const struct base_tree *k8s_templates_evaluate(struct k8s_templates *templates,
    struct base_arena *arena, const char *path, const struct base_tree *model);

#endif

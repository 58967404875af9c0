/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every finding, once: number, C name, severity, trap in traps.yaml (or NULL), why it matters.
 * Included several times with K8S_LINT_ROW defined; no include guard on purpose. Numbers are an
 * interface: never reused. 00xx reading and schema, 01xx documents and environments, 10xx the
 * graph of calls.
 */
K8S_LINT_ROW(1, LINT_YAML, K8S_ERROR, NULL, "A file cannot be read as YAML.")
K8S_LINT_ROW(2, LINT_FILES, K8S_ERROR, NULL, "The folder cannot be read, or holds too much.")
K8S_LINT_ROW(3, LINT_KEY_UNKNOWN, K8S_ERROR, NULL,
    "A key that nobody reads is a setting that somebody believes in.")
K8S_LINT_ROW(4, LINT_KEY_MISSING, K8S_ERROR, NULL, "A required key is not there.")
K8S_LINT_ROW(5, LINT_TYPE, K8S_ERROR, NULL, "A value has another type than its key.")
K8S_LINT_ROW(6, LINT_VALUE, K8S_ERROR, NULL, "A value is not one that its key takes.")
K8S_LINT_ROW(7, LINT_ONE_OF, K8S_ERROR, NULL, "Exactly one of several keys must be there.")
K8S_LINT_ROW(8, LINT_ITEM_TWICE, K8S_ERROR, NULL,
    "Lists merge by this key, so an item may be there once.")
K8S_LINT_ROW(9, LINT_KIND, K8S_ERROR, NULL, "A document is of no kind that meshca reads.")
K8S_LINT_ROW(10, LINT_DOCUMENT_TWICE, K8S_ERROR, NULL,
    "Two documents of a kind have the same name.")
K8S_LINT_ROW(11, LINT_MESH_COUNT, K8S_ERROR, NULL, "An inventory describes exactly one mesh.")
K8S_LINT_ROW(12, LINT_MERGED_MISSING, K8S_ERROR, NULL,
    "Neither the document nor a default gives a value that is needed.")
K8S_LINT_ROW(13, LINT_ENVIRONMENT_UNKNOWN, K8S_ERROR, NULL,
    "An override names an environment that does not exist.")
#include "k8s/lint_model.h"

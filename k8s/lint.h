/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: what they are called, how they are collected. The list itself: lint_list.h. */
#ifndef K8S_LINT_H
#define K8S_LINT_H

#include "k8s/inventory.h"

enum k8s_lint {
	LINT_INVALID = 0,
#define K8S_LINT_ROW(number, name, severity, trap, text) name = number,
#include "k8s/lint_list.h"
#undef K8S_LINT_ROW
};

struct k8s_lint_info {
	const char *code; /* "MCA0012" */
	enum k8s_severity severity;
	const char *trap; /* id in traps.yaml; NULL: no trap of the mesh */
	const char *text; /* why it matters */
};

/* All codes in the order of the list. */
size_t k8s_lint_count(void);
const struct k8s_lint_info *k8s_lint_nth(size_t i);
/* Never NULL for a code of the list. */
const struct k8s_lint_info *k8s_lint_info(enum k8s_lint lint);
/* "error", "warning" or "note". */
const char *k8s_severity_word(enum k8s_severity severity);

struct k8s_findings *k8s_findings_new(struct base_arena *arena);
/* Adds one, unless the same code, place (file and line) and text is there already. at: NULL when it is
 * about no place, else it lives as long as the arena. fix is copied; findings may be NULL. What it says is cut
 * at 1,023 bytes, and what is no printable character in either text is shown as '?'. Past LIMIT_FINDINGS of one
 * severity only that there is an error is kept: warnings never hide an error. */
void k8s_findings_add(struct k8s_findings *findings, enum k8s_lint lint,
    const struct base_origin *at, const char *fix, const char *fmt, ...) MC_PRINTF(5, 6);
/* By file, line, code, text. */
void k8s_findings_sort(struct k8s_findings *findings);
struct base_arena *k8s_findings_arena(struct k8s_findings *findings);

/* File of a finding about the inventory as a whole: it has no line. */
#define K8S_LINT_WHOLE "inventory"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Findings and their codes. */
#include "k8s/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#define TEXT_MAX 1024

struct k8s_findings {
	struct base_arena *arena;
	struct k8s_finding **rows;
	size_t count;
	size_t cap;
	size_t kept[K8S_NOTE + 1]; /* of each severity */
	bool have_error;
};

static const struct row {
	enum k8s_lint lint;
	struct k8s_lint_info info;
} LINTS[] = {
#define K8S_LINT_ROW(number, name, severity, trap, text) {name, {NULL, severity, trap, text}},
#include "k8s/lint_list.h"
#undef K8S_LINT_ROW
};
#define LINT_COUNT (sizeof(LINTS) / sizeof(LINTS[0]))

/* Codes as text, made once. */
static char codes[LINT_COUNT][8];
static struct k8s_lint_info infos[LINT_COUNT];

static const struct k8s_lint_info *
info_nth(size_t i)
{
	if (infos[i].code == NULL) {
		infos[i] = LINTS[i].info;
		(void)snprintf(codes[i], sizeof(codes[i]), "MCA%04u",
		    (unsigned)LINTS[i].lint % 10000U);
		infos[i].code = codes[i];
	}
	return &infos[i];
}

size_t
k8s_lint_count(void)
{
	return LINT_COUNT;
}

const struct k8s_lint_info *
k8s_lint_nth(size_t i)
{
	return info_nth(i);
}

const struct k8s_lint_info *
k8s_lint_info(enum k8s_lint lint)
{
	for (size_t i = 0; i < LINT_COUNT; i++) {
		if (LINTS[i].lint == lint) {
			return info_nth(i);
		}
	}
	abort();
}

const char *
k8s_severity_word(enum k8s_severity severity)
{
	switch (severity) {
	case K8S_ERROR:
		return "error";
	case K8S_WARNING:
		return "warning";
	case K8S_NOTE:
		return "note";
	case K8S_SEVERITY_INVALID:
	default:
		abort();
	}
}

struct k8s_findings *
k8s_findings_new(struct base_arena *arena)
{
	struct k8s_findings *findings = base_arena_calloc(arena, 1, sizeof(*findings));

	findings->arena = arena;
	return findings;
}

static bool
is_known(const struct k8s_findings *findings, const struct k8s_finding *row)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct k8s_finding *other = findings->rows[i];

		if (other->code == row->code && other->at->line == row->at->line &&
		    strcmp(other->at->file, row->at->file) == 0 &&
		    strcmp(other->what, row->what) == 0) {
			return true;
		}
	}
	return false;
}

static void
append(struct k8s_findings *findings, struct k8s_finding *row)
{
	if (findings->count == findings->cap) {
		size_t cap = findings->cap == 0 ? 64 : findings->cap * 2;
		struct k8s_finding **rows =
		    base_arena_calloc(findings->arena, cap, sizeof(struct k8s_finding *));

		base_copy(rows, findings->rows,
		    findings->count * sizeof(struct k8s_finding *));
		findings->rows = rows;
		findings->cap = cap;
	}
	findings->rows[findings->count++] = row;
}

void
k8s_findings_add(struct k8s_findings *findings, enum k8s_lint lint,
    const struct base_origin *at, const char *fix, const char *fmt, ...)
{
	static const struct base_origin NOWHERE = {K8S_LINT_WHOLE, 0, NULL, NULL};
	const struct k8s_lint_info *info = k8s_lint_info(lint);
	struct k8s_finding *row;
	char text[TEXT_MAX];
	char *fixed;
	va_list args;

	if (findings == NULL) {
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	base_utf8_clean(text); /* precisions of formats cut names anywhere */
	row = base_arena_calloc(findings->arena, 1, sizeof(*row));
	row->severity = info->severity;
	row->code = info->code;
	row->at = at == NULL ? &NOWHERE : at;
	row->what = base_arena_strdup(findings->arena, text);
	fixed = base_arena_strdup(findings->arena, fix);
	base_utf8_clean(fixed);
	row->fix = fixed;
	findings->have_error = findings->have_error || row->severity == K8S_ERROR;
	if (findings->kept[row->severity] < LIMIT_FINDINGS && !is_known(findings, row)) {
		findings->kept[row->severity]++;
		append(findings, row);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct k8s_finding *x = *(struct k8s_finding *const *)a;
	const struct k8s_finding *y = *(struct k8s_finding *const *)b;
	int order = strcmp(x->at->file, y->at->file);

	if (order == 0) {
		order = (x->at->line > y->at->line) - (x->at->line < y->at->line);
	}
	if (order == 0) {
		order = strcmp(x->code, y->code);
	}
	return order != 0 ? order : strcmp(x->what, y->what);
}

void
k8s_findings_sort(struct k8s_findings *findings)
{
	if (findings->count > 0) {
		qsort(findings->rows, findings->count, sizeof(struct k8s_finding *), compare);
	}
}

struct base_arena *
k8s_findings_arena(struct k8s_findings *findings)
{
	return findings->arena;
}

size_t
k8s_findings_count(const struct k8s_findings *findings)
{
	return findings->count;
}

const struct k8s_finding *
k8s_findings_get(const struct k8s_findings *findings, size_t i)
{
	return findings->rows[i];
}

bool
k8s_findings_have_error(const struct k8s_findings *findings)
{
	return findings->have_error;
}

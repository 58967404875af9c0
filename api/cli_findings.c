/* SPDX-License-Identifier: Apache-2.0 */
/* How findings and trees are shown. */
#include <stdio.h>
#include <string.h>

#include "api/cli_mesh.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "k8s/lint.h"

#define INDENT 2

const struct base_origin CLI_HERE = {"meshca", 0, "built-in", NULL};

int
cli_print_json(const struct cli *cli, const struct base_tree *tree)
{
	struct base_buf out;
	enum mc_err err;

	base_buf_init(&out, LIMIT_RENDER);
	base_json_write(&out, tree, INDENT);
	base_buf_append_str(&out, "\n");
	err = base_buf_failed(&out)
	    ? MC_FAIL(MC_ETOOBIG, "more than %zu bytes to print", LIMIT_RENDER)
	    : cli_output(NULL, base_buf_span(&out));
	base_buf_clear(&out);
	return err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
}

void
cli_put_text(struct base_arena *arena, struct base_tree_build *map, const char *key,
    const char *text)
{
	if (text != NULL) {
		base_tree_put(map, key, base_tree_string(arena, text, &CLI_HERE));
	}
}

void
cli_put_place(struct base_arena *arena, struct base_tree_build *map, const struct base_origin *at)
{
	cli_put_text(arena, map, "file", at->file);
	base_tree_put(map, "line", base_tree_number(arena, at->line, &CLI_HERE));
	cli_put_text(arena, map, "layer", at->layer);
}

const struct base_tree *
cli_findings_tree(struct base_arena *arena, const struct k8s_findings *findings)
{
	struct base_tree_build *out = base_tree_map(arena, &CLI_HERE);
	struct base_tree_build *list = base_tree_list(arena, &CLI_HERE);
	int64_t counts[K8S_NOTE + 1] = {0};

	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);
		struct base_tree_build *row = base_tree_map(arena, &CLI_HERE);

		counts[one->severity]++;
		cli_put_text(arena, row, "severity", k8s_severity_word(one->severity));
		cli_put_text(arena, row, "code", one->code);
		cli_put_place(arena, row, one->at);
		cli_put_text(arena, row, "what", one->what);
		cli_put_text(arena, row, "fix", one->fix);
		base_tree_push(list, base_tree_done(row));
	}
	base_tree_put(out, "findings", base_tree_done(list));
	base_tree_put(out, "errors", base_tree_number(arena, counts[K8S_ERROR], &CLI_HERE));
	base_tree_put(out, "warnings", base_tree_number(arena, counts[K8S_WARNING], &CLI_HERE));
	base_tree_put(out, "notes", base_tree_number(arena, counts[K8S_NOTE], &CLI_HERE));
	return base_tree_done(out);
}

void
cli_print_findings(const char *dir, const struct k8s_findings *findings, FILE *out)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/') {
		len--;
	}
	for (size_t i = 0; i < k8s_findings_count(findings); i++) {
		const struct k8s_finding *one = k8s_findings_get(findings, i);

		if (strcmp(one->at->file, K8S_LINT_WHOLE) == 0 && one->at->line == 0) {
			(void)fprintf(out, "%.*s: ", (int)len, dir);
		} else if (one->at->line > 0) {
			(void)fprintf(out, "%.*s/%s:%d: ", (int)len, dir, one->at->file,
			    one->at->line);
		} else {
			(void)fprintf(out, "%.*s/%s: ", (int)len, dir, one->at->file);
		}
		(void)fprintf(out, "%s %s %s; %s\n", k8s_severity_word(one->severity), one->code,
		    one->what, one->fix);
	}
}

/* Midnight that a date begins with. */
bool
cli_date(const char *text, int64_t *out)
{
	char midnight[32];

	if (strlen(text) != 10) {
		return false;
	}
	(void)snprintf(midnight, sizeof(midnight), "%.10sT00:00:00Z", text);
	return base_clock_parse_rfc3339(midnight, out);
}

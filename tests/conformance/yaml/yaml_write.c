/* SPDX-License-Identifier: Apache-2.0 */
/* Reads JSON from standard input and writes it as the YAML that manifests are written in. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/proc.h"
#include "base/yaml.h"

int
main(void)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *list;
	struct base_buf out;
	char *text = NULL;
	size_t len = 0;
	int ret = EXIT_FAILURE;

	base_buf_init(&out, (size_t)LIMIT_YAML * 2);
	if (base_proc_read_all(STDIN_FILENO, LIMIT_YAML, &text, &len) != MC_OK) {
		goto out;
	}
	list = base_yaml_read(arena, "input", NULL, base_span_of((const uint8_t *)text, len));
	if (list == NULL) {
		goto out;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		base_yaml_write(&out, list->items[i]);
	}
	if (!base_buf_failed(&out) && fwrite(out.ptr, 1, out.len, stdout) == out.len &&
	    fflush(stdout) == 0) {
		ret = EXIT_SUCCESS;
	}
out:
	if (ret != EXIT_SUCCESS) {
		(void)fprintf(stderr, "yaml_write: %s\n", mc_err_last()->detail);
	}
	free(text);
	base_buf_clear(&out);
	base_arena_free(arena);
	return ret;
}

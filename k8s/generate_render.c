/* SPDX-License-Identifier: Apache-2.0 */
/* An environment's objects as one stream: what kustomize gives for its folder, only faster. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/generate_int.h"

#define JSON_INDENT 2

static void
write_stream(struct base_buf *out, const struct gen_objects *objects)
{
	for (size_t i = 0; i < objects->count; i++) {
		if (i > 0) {
			base_buf_append_str(out, "---\n");
		}
		base_yaml_write(out, objects->rows[i].tree);
	}
}

static void
write_list(struct base_buf *out, const struct gen_objects *objects)
{
	base_buf_append_str(out, "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n");
	for (size_t i = 0; i < objects->count; i++) {
		base_json_write(out, objects->rows[i].tree, JSON_INDENT);
		base_buf_append_str(out, i + 1 < objects->count ? ",\n" : "\n");
	}
	base_buf_append_str(out, "]}\n");
}

enum mc_err
k8s_generate_render(struct base_buf *out, const struct base_tree *files, bool json)
{
	struct base_arena *arena = base_arena_new();
	struct gen_objects objects = {0};
	enum mc_err ret = MC_EINTERNAL;

	for (uint32_t i = 0; i < files->count; i++) {
		const struct base_tree *documents = base_tree_get(files->items[i], "documents");

		if (strcmp(base_tree_str(files->items[i], "kind", ""), GEN_KIND_OBJECTS) != 0) {
			continue;
		}
		objects.rows = base_xreallocarray(objects.rows, objects.count + documents->count,
		    sizeof(*objects.rows));
		for (uint32_t j = 0; j < documents->count; j++) {
			struct gen_object *row = &objects.rows[objects.count++];

			*row = (struct gen_object){0};
			if (!gen_object_identify(arena, documents->items[j], row)) {
				ret = mc_err_last()->code;
				goto out;
			}
		}
	}
	gen_order_by_identity(&objects);
	if (json) {
		write_list(out, &objects);
	} else {
		write_stream(out, &objects);
	}
	ret = base_buf_failed(out) ? MC_FAIL(MC_ETOOBIG, "%zu objects take more than %zu bytes",
					 objects.count, out->max)
				   : MC_OK;
out:
	free(objects.rows);
	base_arena_free(arena);
	return ret;
}

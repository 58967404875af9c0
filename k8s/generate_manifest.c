/* SPDX-License-Identifier: Apache-2.0 */
/* MANIFEST.json: what was written, from what, by what; and the facts that a reviewer must see
 * when they change. One line for each file and fact, so that a diff shows them. */
#include "base/crypto.h"
#include "base/enc.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "k8s/generate_int.h"

const char *
gen_sha256(struct base_arena *arena, struct base_span bytes)
{
	char hex[2 * BASE_SHA256_LEN + 1];
	uint8_t digest[BASE_SHA256_LEN];

	base_crypto_sha256(bytes, digest);
	base_enc_hex(digest, sizeof(digest), hex);
	return base_arena_strdup(arena, hex);
}

static const struct base_tree *
hashes_of(struct base_arena *arena, const struct base_tree *files)
{
	struct base_tree_build *map = base_tree_map(arena, &gen_here);

	for (uint32_t i = 0; i < files->count; i++) {
		const char *text = base_tree_str(files->items[i], "text", "");

		base_tree_put(map, base_tree_str(files->items[i], "path", ""),
		    base_tree_string(arena, gen_sha256(arena, base_span_str(text)), &gen_here));
	}
	return base_tree_done(map);
}

static void
write_key(struct base_buf *buf, struct base_arena *arena, const char *key)
{
	base_json_write(buf, base_tree_string(arena, key, &gen_here), 0);
	base_buf_append_str(buf, ": ");
}

/* Lists and maps of the outermost map with one entry a line. */
static void
write_lines(struct base_buf *buf, struct base_arena *arena, const struct base_tree *manifest)
{
	base_buf_append_str(buf, "{\n");
	for (uint32_t i = 0; i < manifest->count; i++) {
		const struct base_tree *value = manifest->entries[i].value;
		bool map = value->kind == BASE_TREE_MAP;

		base_buf_append_str(buf, "  ");
		write_key(buf, arena, manifest->entries[i].key);
		if (base_tree_is_scalar(value) || value->count == 0) {
			base_json_write(buf, value, 0);
		} else {
			base_buf_append_str(buf, map ? "{\n" : "[\n");
			for (uint32_t j = 0; j < value->count; j++) {
				base_buf_append_str(buf, "    ");
				if (map) {
					write_key(buf, arena, value->entries[j].key);
				}
				base_json_write(buf, map ? value->entries[j].value : value->items[j], 0);
				base_buf_append_str(buf, j + 1 < value->count ? ",\n" : "\n");
			}
			base_buf_append_str(buf, map ? "  }" : "  ]");
		}
		base_buf_append_str(buf, i + 1 < manifest->count ? ",\n" : "\n");
	}
	base_buf_append_str(buf, "}\n");
}

const struct base_tree *
gen_manifest(struct base_arena *arena, const struct base_tree *files,
    const struct base_tree *resolved, const struct base_tree *model)
{
	struct base_tree_build *map = base_tree_map(arena, &gen_here);
	struct base_tree_build *documents = base_tree_list(arena, &gen_here);
	const char *inventory = k8s_inventory_hash(arena, resolved);
	const struct base_tree *manifest;
	struct base_buf text;

	if (inventory == NULL) {
		return NULL;
	}
	base_tree_put(map, "version", base_tree_number(arena, GEN_MANIFEST_VERSION, &gen_here));
	base_tree_put(map, "tool", base_tree_string(arena, "meshca " MESHCA_VERSION, &gen_here));
	base_tree_put(map, "environment", base_tree_at(resolved, "environment.name"));
	base_tree_put(map, "inventory", base_tree_string(arena, inventory, &gen_here));
	base_tree_put(map, "files", hashes_of(arena, files));
	base_tree_put(map, "facts", k8s_model_facts(arena, model));
	manifest = base_tree_done(map);
	base_tree_push(documents, manifest);
	base_buf_init(&text, LIMIT_YAML);
	write_lines(&text, arena, manifest);
	return gen_file_of_text(arena, GEN_MANIFEST, GEN_KIND_MANIFEST, base_tree_done(documents),
	    &text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is read is written so that it reads the same; a configuration of any bytes is taken or refused. */
#include "base/config.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "tests/fuzz/fuzz.h"

static void
same_again(struct base_arena *arena, const struct base_tree *node, bool json)
{
	const struct base_tree *again;
	struct base_buf text;

	base_buf_init(&text, LIMIT_YAML);
	if (json) {
		base_json_write(&text, node, 0);
	} else {
		base_yaml_write(&text, node);
	}
	if (!base_buf_failed(&text)) {
		again = base_yaml_read(arena, "again", NULL, base_buf_span(&text));
		FUZZ_HOLDS(again != NULL && again->count == 1);
		FUZZ_HOLDS(base_tree_equal(node, again->items[0]));
	}
	base_buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_span input = base_span_of(data, size);
	unsigned choice = fuzz_choice(&input, 3);
	struct base_arena *arena;
	const struct base_tree *documents;

	if (choice == 2) {
		config_free(config_parse("meshca.yaml", input));
		return 0;
	}
	arena = base_arena_new();
	documents = base_yaml_read(arena, "f", NULL, input);
	for (uint32_t i = 0; documents != NULL && i < documents->count; i++) {
		same_again(arena, documents->items[i], choice == 1);
	}
	base_arena_free(arena);
	return 0;
}

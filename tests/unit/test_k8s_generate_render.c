/* SPDX-License-Identifier: Apache-2.0 */
/* An environment's objects as one stream. */
#include "check_main.h"
#include "generate_make.h"

START_TEST(test_render)
{
	const struct base_tree *files, *documents;
	struct base_buf buf;
	char *text;

	begin();
	files = sample();
	base_buf_init(&buf, LIMIT_YAML);
	ck_assert_int_eq(k8s_generate_render(&buf, files, false), MC_OK);
	text = base_buf_take_str(&buf);
	documents = base_yaml_read(arena, "render", NULL, base_span_str(text));
	ck_assert_uint_eq(documents->count, 5);
	ck_assert_str_eq(base_tree_str(base_tree_get(documents->items[0], "metadata"), "name", ""),
	    "pay");
	ck_assert_str_eq(base_tree_str(documents->items[2], "kind", ""), "Service");
	ck_assert_str_eq(base_tree_str(base_tree_get(documents->items[4], "metadata"), "name", ""),
	    "order");
	free(text);
	base_buf_init(&buf, 100);
	ck_assert_int_eq(k8s_generate_render(&buf, files, false), MC_ETOOBIG);
	base_buf_clear(&buf);
	end();
}
END_TEST

static char *
rendered(const struct base_tree *files, bool json)
{
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	ck_assert_int_eq(k8s_generate_render(&buf, files, json), MC_OK);
	return base_buf_take_str(&buf);
}

/* A List, which kubectl takes; the same objects in the same order, and no patches. */
START_TEST(test_json)
{
	const struct base_tree *files, *documents, *items;
	char *json, *yaml;

	begin();
	files = sample();
	json = rendered(files, true);
	yaml = rendered(files, false);
	ck_assert_ptr_null(strstr(json, ",\n]")); /* which our reader would take, and kubectl would not */
	documents = base_yaml_read(arena, "json", NULL, base_span_str(json));
	ck_assert_msg(documents != NULL && documents->count == 1, "%s", json);
	ck_assert_str_eq(base_tree_str(documents->items[0], "kind", ""), "List");
	ck_assert_str_eq(base_tree_str(documents->items[0], "apiVersion", ""), "v1");
	items = base_tree_get(documents->items[0], "items");
	documents = base_yaml_read(arena, "yaml", NULL, base_span_str(yaml));
	ck_assert_uint_eq(items->count, documents->count);
	for (uint32_t i = 0; i < items->count; i++) {
		ck_assert(base_tree_equal(items->items[i], documents->items[i]));
		ck_assert_str_ne(base_tree_str(items->items[i], "kind", ""), "Deployment");
	}
	free(json);
	free(yaml);
	end();
}
END_TEST

#define FILES "- {kind: objects, documents: [{apiVersion: v1, kind: Secret, metadata: {name: b, namespace: x}}, " \
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: x}}]}\n" \
	"- {kind: objects, documents: [{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: x}}, " \
	"{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: x}}]}\n"

/* By group, kind, namespace and name, whatever file they are in. */
START_TEST(test_order)
{
	static const char *const NAMES[] = {"c", "a", "b", "a"};
	const struct base_tree *documents;
	char *text;

	begin();
	text = rendered(read_text(FILES), false);
	documents = base_yaml_read(arena, "yaml", NULL, base_span_str(text));
	ck_assert_uint_eq(documents->count, 4);
	for (uint32_t i = 0; i < documents->count; i++) {
		ck_assert_str_eq(base_tree_str(base_tree_get(documents->items[i], "metadata"), "name", ""), NAMES[i]);
	}
	free(text);
	text = rendered(read_text("[]\n"), true);
	ck_assert_str_eq(text, "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n]}\n");
	free(text);
	end();
}
END_TEST

START_TEST(test_not_objects)
{
	struct base_buf buf;

	begin();
	base_buf_init(&buf, LIMIT_YAML);
	ck_assert_int_eq(k8s_generate_render(&buf, read_text("- {kind: objects, documents: [{kind: Pod}]}\n"), false),
	    MC_ECONFIG);
	ck_assert_uint_eq(buf.len, 0);
	base_buf_clear(&buf);
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_render", test_render, test_json, test_order, test_not_objects)

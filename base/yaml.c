/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/mem.h"

struct builder {
	const char *path;
	struct base_yaml *root;
	struct base_yaml *open[LIMIT_YAML_DEPTH]; /* collections not yet ended */
	size_t depth;
	char *key; /* read, its value not yet */
	unsigned documents;
};

void
base_yaml_free(struct base_yaml *node)
{
	if (node == NULL) {
		return;
	}
	/* depth is bounded by LIMIT_YAML_DEPTH */
	for (size_t i = 0; i < node->count; i++) {
		base_yaml_free(node->items[i]);
	}
	free(node->items);
	free(node->key);
	free(node->text);
	free(node);
}

const struct base_yaml *
base_yaml_get(const struct base_yaml *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++) {
		if (map->items[i]->key != NULL && strcmp(map->items[i]->key, key) == 0) {
			return map->items[i];
		}
	}
	return NULL;
}

static bool
refuse(const struct builder *builder, size_t line, const char *what)
{
	(void)MC_FAIL(MC_ECONFIG, "%s:%zu: %s", builder->path, line, what);
	return false;
}

/* Takes over node, which the tree then owns; frees it on failure. */
static bool
add(struct builder *builder, struct base_yaml *node)
{
	struct base_yaml *parent;

	if (builder->depth == 0) {
		builder->root = node;
		return true;
	}
	parent = builder->open[builder->depth - 1];
	node->key = builder->key;
	builder->key = NULL;
	if (parent->count == LIMIT_YAML_ITEMS) {
		(void)refuse(builder, (size_t)node->line,
		    "too many entries; at most 1024 in one list or map");
		base_yaml_free(node);
		return false;
	}
	parent->items =
	    base_xreallocarray(parent->items, parent->count + 1, sizeof(*parent->items));
	parent->items[parent->count++] = node;
	return true;
}

static bool
take_key(struct builder *builder, const char *text, size_t line)
{
	const struct base_yaml *map = builder->open[builder->depth - 1];
	const struct base_yaml *twin = base_yaml_get(map, text);

	if (twin != NULL) {
		(void)MC_FAIL(MC_ECONFIG, "%s:%zu: %.64s is already set on line %d; remove one",
		    builder->path, line, text, twin->line);
		return false;
	}
	builder->key = base_xstrdup(text);
	return true;
}

static bool
wants_key(const struct builder *builder)
{
	return builder->depth > 0 &&
	    builder->open[builder->depth - 1]->kind == BASE_YAML_MAP && builder->key == NULL;
}

static bool
on_scalar(struct builder *builder, const yaml_event_t *event, size_t line)
{
	const char *text = (const char *)event->data.scalar.value;
	struct base_yaml *node;

	if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
		return refuse(builder, line, "anchors and tags are not taken; write the value plainly");
	}
	if (strlen(text) != event->data.scalar.length) {
		return refuse(builder, line, "a NUL inside a value; remove it");
	}
	if (wants_key(builder)) {
		return take_key(builder, text, line);
	}
	node = base_xcalloc(1, sizeof(*node));
	node->kind = BASE_YAML_SCALAR;
	node->line = (int)line;
	node->text = base_xstrdup(text);
	return add(builder, node);
}

static bool
on_open(struct builder *builder, enum base_yaml_kind kind, bool decorated, size_t line)
{
	struct base_yaml *node;

	if (decorated) {
		return refuse(builder, line, "anchors and tags are not taken; write the value plainly");
	}
	if (wants_key(builder)) {
		return refuse(builder, line, "a key must be a word; quote it or fix the indentation");
	}
	if (builder->depth == LIMIT_YAML_DEPTH) {
		return refuse(builder, line, "nested deeper than 16 levels; flatten it");
	}
	node = base_xcalloc(1, sizeof(*node));
	node->kind = kind;
	node->line = (int)line;
	if (!add(builder, node)) {
		return false;
	}
	builder->open[builder->depth++] = node;
	return true;
}

static bool
on_document(struct builder *builder, const yaml_event_t *event, size_t line)
{
	if (builder->documents++ > 0) {
		return refuse(builder, line, "a second document; keep one in this file");
	}
	if (event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end) {
		return refuse(builder, line, "tag directives are not taken; remove the %TAG line");
	}
	return true;
}

static bool
on_event(struct builder *builder, const yaml_event_t *event)
{
	size_t line = event->start_mark.line + 1;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(builder, event, line);
	case YAML_ALIAS_EVENT:
		return refuse(builder, line, "aliases are not taken; write the value again");
	case YAML_SCALAR_EVENT:
		return on_scalar(builder, event, line);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(builder, BASE_YAML_LIST,
		    event->data.sequence_start.anchor != NULL ||
			event->data.sequence_start.tag != NULL, line);
	case YAML_MAPPING_START_EVENT:
		return on_open(builder, BASE_YAML_MAP,
		    event->data.mapping_start.anchor != NULL ||
			event->data.mapping_start.tag != NULL, line);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return true;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	default:
		return true;
	}
}

static bool
on_syntax(const struct builder *builder, const yaml_parser_t *parser)
{
	const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_READER_ERROR) {
		/* the reader has no line: only an offset */
		(void)MC_FAIL(MC_ECONFIG, "%s:1: %s at byte %zu; save it as UTF-8 text",
		    builder->path, problem, parser->problem_offset);
	} else {
		(void)MC_FAIL(MC_ECONFIG, "%s:%zu: not YAML: %s; check indentation and quotes",
		    builder->path, line, problem);
	}
	return false;
}

static bool
run(struct builder *builder, yaml_parser_t *parser)
{
	bool ended = false;

	while (!ended) {
		yaml_event_t event;
		bool taken;

		if (yaml_parser_parse(parser, &event) == 0) {
			return on_syntax(builder, parser);
		}
		ended = event.type == YAML_STREAM_END_EVENT;
		taken = on_event(builder, &event);
		yaml_event_delete(&event);
		if (!taken) {
			return false;
		}
	}
	if (builder->root == NULL) {
		return refuse(builder, 1, "the file is empty; write at least state_dir and environments");
	}
	return true;
}

struct base_yaml *
base_yaml_parse(const char *path, struct base_span text)
{
	struct builder builder = {.path = path};
	yaml_parser_t parser;
	bool done;

	if (text.len > LIMIT_CONFIG) {
		(void)MC_FAIL(MC_ECONFIG, "%s:1: larger than 1 MiB; make it shorter", path);
		return NULL;
	}
	if (yaml_parser_initialize(&parser) == 0) {
		(void)MC_FAIL(MC_EINTERNAL, "yaml_parser_initialize");
		return NULL;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.ptr, text.len);
	done = run(&builder, &parser);
	yaml_parser_delete(&parser);
	free(builder.key);
	if (!done) {
		base_yaml_free(builder.root);
		return NULL;
	}
	return builder.root;
}

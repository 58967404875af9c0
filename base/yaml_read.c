/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/tree_int.h"
#include "base/yaml.h"
#include "base/yaml_int.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define SHOWN_NAME 100 /* bytes of the file's name in a message: its end tells more */

/* A list or map not yet ended. */
struct level {
	struct base_tree_build *build;
	const char *key; /* read, its value not yet */
	const struct base_origin *key_at;
};

struct reader {
	struct base_arena *arena;
	const char *name;
	const char *layer;
	struct level levels[LIMIT_YAML_DEPTH + 1]; /* the first is the list of documents */
	size_t depth; /* of the innermost */
	const struct base_origin *last; /* values of one line share their origin */
};

static bool
refuse(const struct reader *reader, size_t line, const char *subject, const char *what)
{
	size_t len = strlen(reader->name);
	const char *shown = len > SHOWN_NAME ? reader->name + len - SHOWN_NAME : reader->name;

	(void)MC_FAIL(MC_ECONFIG, "%s:%zu: %.40s%s%s", shown, line, subject,
	    *subject != '\0' ? " " : "", what);
	return false;
}

static const struct base_origin *
origin_at(struct reader *reader, size_t line)
{
	struct base_origin *origin;

	if (reader->last != NULL && reader->last->line == (int)line) {
		return reader->last;
	}
	origin = base_arena_calloc(reader->arena, 1, sizeof(*origin));
	origin->file = reader->name;
	origin->line = (int)line;
	origin->layer = reader->layer;
	reader->last = origin;
	return origin;
}

static struct level *
innermost(struct reader *reader)
{
	return &reader->levels[reader->depth];
}

static void
add(struct reader *reader, const struct base_tree *node)
{
	struct level *level = innermost(reader);

	if (level->key != NULL) {
		base_tree_put_at(level->build, level->key, node, level->key_at);
		level->key = NULL;
	} else {
		base_tree_push(level->build, node);
	}
}

static bool
wants_key(struct reader *reader)
{
	const struct level *level = innermost(reader);

	return level->key == NULL && base_tree_build_is_map(level->build);
}

/* Room for one more; checked when a value begins, so that no work is done for nothing. */
static bool
has_room(struct reader *reader, size_t line)
{
	char what[80];

	if (base_tree_build_count(innermost(reader)->build) < LIMIT_YAML_ITEMS) {
		return true;
	}
	(void)snprintf(what, sizeof(what), "too many entries; at most %d in one list or map",
	    LIMIT_YAML_ITEMS);
	return refuse(reader, line, "", what);
}

static bool
take_key(struct reader *reader, const char *text, bool plain, size_t line)
{
	struct level *level = innermost(reader);
	const struct base_tree_entry *twin = base_tree_build_find(level->build, text);
	const char *why = "must be a word; quote it or fix the indentation";

	if (plain && base_yaml_type(text, &why) != BASE_TREE_STRING) {
		char subject[64];

		(void)snprintf(subject, sizeof(subject), "a key (%.30s)", text);
		return refuse(reader, line, subject, why);
	}
	if (twin != NULL) {
		char what[64];

		(void)snprintf(what, sizeof(what), "is already set on line %d; remove one",
		    twin->origin->line);
		return refuse(reader, line, text, what);
	}
	level->key = base_arena_strdup(reader->arena, text);
	level->key_at = origin_at(reader, line);
	return has_room(reader, line);
}

static bool
on_scalar(struct reader *reader, const yaml_event_t *event, size_t line)
{
	const char *text = (const char *)event->data.scalar.value;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	enum base_tree_kind kind = BASE_TREE_STRING;
	const char *why = NULL;

	if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
		return refuse(reader, line, "",
		    "anchors and tags are not taken; write the value plainly");
	}
	if (strlen(text) != event->data.scalar.length) {
		return refuse(reader, line, "", "a NUL inside a value; remove it");
	}
	if (wants_key(reader)) {
		return take_key(reader, text, plain, line);
	}
	if (plain) {
		kind = base_yaml_type(text, &why);
	}
	if (kind == BASE_TREE_INVALID) {
		return refuse(reader, line, text, why);
	}
	if (!has_room(reader, line)) {
		return false;
	}
	add(reader, base_tree_scalar(reader->arena, kind, text, origin_at(reader, line)));
	return true;
}

static bool
on_open(struct reader *reader, enum base_tree_kind kind, bool decorated, size_t line)
{
	const struct base_origin *origin = origin_at(reader, line);

	if (decorated) {
		return refuse(reader, line, "",
		    "anchors and tags are not taken; write the value plainly");
	}
	if (wants_key(reader)) {
		return refuse(reader, line, "a key", "must be a word; quote it or fix the indentation");
	}
	if (reader->depth == LIMIT_YAML_DEPTH) {
		char what[64];

		(void)snprintf(what, sizeof(what), "nested deeper than %d levels; flatten it",
		    LIMIT_YAML_DEPTH);
		return refuse(reader, line, "", what);
	}
	if (!has_room(reader, line)) {
		return false;
	}
	reader->depth++;
	*innermost(reader) = (struct level){
	    .build = kind == BASE_TREE_MAP ? base_tree_map(reader->arena, origin)
					   : base_tree_list(reader->arena, origin)};
	return true;
}

static bool
on_document(const struct reader *reader, const yaml_event_t *event, size_t line)
{
	if (event->data.document_start.version_directive != NULL ||
	    event->data.document_start.tag_directives.start !=
		event->data.document_start.tag_directives.end) {
		return refuse(reader, line, "", "directives are not taken; remove the % line");
	}
	return true;
}

static bool
on_event(struct reader *reader, const yaml_event_t *event)
{
	size_t line = event->start_mark.line + 1;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(reader, event, line);
	case YAML_ALIAS_EVENT:
		return refuse(reader, line, "", "aliases are not taken; write the value again");
	case YAML_SCALAR_EVENT:
		return on_scalar(reader, event, line);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(reader, BASE_TREE_LIST, event->data.sequence_start.anchor != NULL ||
			event->data.sequence_start.tag != NULL, line);
	case YAML_MAPPING_START_EVENT:
		return on_open(reader, BASE_TREE_MAP, event->data.mapping_start.anchor != NULL ||
			event->data.mapping_start.tag != NULL, line);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: {
		const struct base_tree *node = base_tree_done(innermost(reader)->build);

		reader->depth--;
		add(reader, node);
		return true;
	}
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	default:
		return true;
	}
}

/* Line of this byte, from 1. */
static size_t
line_of(struct base_span text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at && i < text.len; i++) {
		line += text.ptr[i] == '\n' ? 1 : 0;
	}
	return line;
}

/* Where this character of a UTF-8 text begins. */
static size_t
byte_of(struct base_span text, size_t character)
{
	size_t at = 0;

	for (; at < text.len; at++) {
		bool begins = (text.ptr[at] & 0xc0) != 0x80;

		if (begins && character == 0) {
			break;
		}
		character -= begins ? 1 : 0;
	}
	return at;
}

static bool
on_syntax(const struct reader *reader, const yaml_parser_t *parser, struct base_span text)
{
	const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
	size_t line = parser->problem_mark.line + 1;
	size_t at = byte_of(text, parser->problem_mark.index);
	char what[160];

	if (parser->error == YAML_READER_ERROR) {
		/* the reader has no line: only an offset */
		(void)snprintf(what, sizeof(what), "%s (byte %zu); save it as UTF-8 text", problem,
		    parser->problem_offset);
		return refuse(reader, line_of(text, parser->problem_offset), "", what);
	}
	if (at < text.len && text.ptr[at] == '\t') {
		return refuse(reader, line, "", "a tab; indent with spaces");
	}
	(void)snprintf(what, sizeof(what), "not YAML: %s; check indentation and quotes", problem);
	return refuse(reader, line, "", what);
}

static bool
run(struct reader *reader, yaml_parser_t *parser, struct base_span text)
{
	bool ended = false;

	while (!ended) {
		yaml_event_t event;
		bool taken;

		if (yaml_parser_parse(parser, &event) == 0) {
			return on_syntax(reader, parser, text);
		}
		ended = event.type == YAML_STREAM_END_EVENT;
		taken = on_event(reader, &event);
		yaml_event_delete(&event);
		if (!taken) {
			return false;
		}
	}
	return true;
}

/* --- JSON (RFC 8259 section 7) --- */
/* Four hex digits after a backslash and u; -1: something else stands there. */
static long
escaped_unit(const unsigned char *p, size_t len)
{
	long unit = 0;

	if (len < 6 || p[0] != '\\' || p[1] != 'u') {
		return -1;
	}
	for (size_t i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef";
		int low = p[i] >= 'A' && p[i] <= 'F' ? p[i] + 0x20 : p[i];
		const char *digit = low != '\0' ? strchr(digits, low) : NULL;

		if (digit == NULL) {
			return -1;
		}
		unit = unit * 16 + (digit - digits);
	}
	return unit;
}

/* A character above U+FFFF is two escapes in JSON; YAML has one of eight digits for it. The text
 * may be changed because it is our copy. Returns the new length, 0 when it is not JSON. */
static size_t
join_surrogates(unsigned char *text, size_t len)
{
	bool quoted = false;
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		long high = quoted ? escaped_unit(text + i, len - i) : -1;
		long low = high >= 0xd800 && high < 0xdc00 && len - i > 6
		    ? escaped_unit(text + i + 6, len - i - 6)
		    : -1;

		if (low >= 0xdc00 && low < 0xe000) {
			char escape[11];

			(void)snprintf(escape, sizeof(escape), "\\U%08lX",
			    (unsigned long)(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
			base_copy(text + to, escape, 10);
			to += 10;
			i += 11;
			continue;
		}
		if (!quoted && text[i] != '"' &&
		    (text[i] == '\0' || strchr("{}[],:+-.0123456789eEtrufalsn \t\r\n", text[i]) == NULL)) {
			return 0;
		}
		if (quoted && text[i] == '\\' && i + 1 < len) {
			text[to++] = text[i++];
		} else if (text[i] == '"') {
			quoted = !quoted;
		}
		text[to++] = text[i];
	}
	return to;
}

/* NULL: the text can be read as it is. Else a copy that the caller frees, and its view. */
static unsigned char *
json_prepared(struct base_span *text)
{
	unsigned char *copy;
	size_t len;

	if (memmem(text->ptr, text->len, "\\ud", 3) == NULL &&
	    memmem(text->ptr, text->len, "\\uD", 3) == NULL) {
		return NULL;
	}
	copy = base_xcalloc(1, text->len);
	base_copy(copy, text->ptr, text->len);
	len = join_surrogates(copy, text->len);
	if (len == 0) {
		free(copy);
		return NULL;
	}
	*text = base_span_of(copy, len);
	return copy;
}

const struct base_tree *
base_yaml_read(struct base_arena *arena, const char *name, const char *layer,
    struct base_span text)
{
	struct reader reader = {.arena = arena, .name = name, .layer = layer};
	unsigned char *prepared;
	yaml_parser_t parser;
	bool done;

	if (text.ptr == NULL) {
		text = base_span_str(""); /* of a buffer that nothing was put into; libyaml aborts */
	}
	if (text.len > LIMIT_YAML) {
		(void)refuse(&reader, 1, "", "larger than " LIMIT_YAML_TEXT "; split it");
		return NULL;
	}
	if (text.len >= sizeof(BYTE_ORDER_MARK) - 1 &&
	    memcmp(text.ptr, BYTE_ORDER_MARK, sizeof(BYTE_ORDER_MARK) - 1) == 0) {
		/* as every reader does; some editors write one */
		text = base_span_of(text.ptr + sizeof(BYTE_ORDER_MARK) - 1,
		    text.len - (sizeof(BYTE_ORDER_MARK) - 1));
	}
	if (yaml_parser_initialize(&parser) == 0) {
		(void)MC_FAIL(MC_EINTERNAL, "yaml_parser_initialize");
		return NULL;
	}
	reader.levels[0].build = base_tree_list(arena, origin_at(&reader, 1));
	prepared = json_prepared(&text);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.ptr, text.len);
	done = run(&reader, &parser, text);
	yaml_parser_delete(&parser);
	free(prepared);
	return done ? base_tree_done(reader.levels[0].build) : NULL;
}

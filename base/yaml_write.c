/* SPDX-License-Identifier: Apache-2.0 */
/* YAML and JSON out. Both are written by hand: the emitter of libyaml folds and picks styles. */
#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "base/yaml_int.h"

#define KEY_PLAIN 512 /* bytes: readers look 1024 characters ahead for a key's colon */

/* --- scalars --- */
static bool
is_plain(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		char c = text[len];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
		bool inner = (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';

		if (!letter && !(len > 0 && inner)) {
			return false;
		}
	}
	return len > 0 && text[len - 1] != '.' && !base_yaml_is_word(text);
}

/* The code point at p and its length in bytes; 0 when it is not UTF-8 (RFC 3629). */
static size_t
utf8_at(const unsigned char *p, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = *p < 0x80 ? 1 : (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3
	    : (*p & 0xf8) == 0xf0			     ? 4
							     : 0;

	*code = len == 1 ? *p : len == 2 ? *p & 0x1fU : len == 3 ? *p & 0x0fU : *p & 0x07U;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
		*code = (*code << 6) | (p[i] & 0x3fU);
	}
	if (len > 1 && (*code < least[len] || *code > 0x10ffff ||
		(*code >= 0xd800 && *code < 0xe000))) {
		return 0;
	}
	return len;
}

/* Shown as it is by every reader: no control, no line separator, no mark of byte order. */
static bool
is_printable(uint32_t code)
{
	return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && code != 0x2028 &&
	    code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff;
}

static void
append_escape(struct base_buf *buf, uint32_t code)
{
	static const char shorts[] = "\"\"\\\\\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
		if (code == (unsigned char)shorts[i]) {
			base_buf_append_u8(buf, '\\');
			base_buf_append_u8(buf, (uint8_t)shorts[i + 1]);
			return;
		}
	}
	base_buf_appendf(buf, "\\u%04x", (unsigned)code);
}

/* The same for YAML and JSON. What is not UTF-8 makes the buffer fail. */
static void
append_quoted(struct base_buf *buf, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	base_buf_append_u8(buf, '"');
	while (*p != '\0') {
		uint32_t code;
		size_t len = utf8_at(p, &code);

		if (len == 0) {
			buf->failed = true;
			return;
		}
		if (code == '"' || code == '\\' || !is_printable(code)) {
			append_escape(buf, code);
		} else {
			base_buf_append(buf, p, len);
		}
		p += len;
	}
	base_buf_append_u8(buf, '"');
}

/* Several lines that a literal block gives back unchanged: the first line begins with neither
 * blank nor line end (the indentation is found by it), no line ends in a blank or begins with a
 * tab, nothing needs an escape, and at most one line end closes it. */
static bool
fits_block(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char before = '\n';

	if (strchr(text, '\n') == NULL || *p == ' ' || *p == '\n') {
		return false;
	}
	while (*p != '\0') {
		uint32_t code;
		size_t len = utf8_at(p, &code);
		bool ends = p[len] == '\0' || p[len] == '\n';

		if (len == 0 || (code != '\n' && code != '\t' && !is_printable(code)) ||
		    (code == '\t' && before == '\n') || ((code == ' ' || code == '\t') && ends) ||
		    (code == '\n' && before == '\n' && p[1] == '\0')) {
			return false;
		}
		before = *p;
		p += len;
	}
	return true;
}

static void
append_indent(struct base_buf *buf, size_t indent)
{
	uint8_t *room = base_buf_reserve(buf, indent);

	if (room != NULL && indent > 0) {
		memset(room, ' ', indent);
	}
}

/* From the "|" to the last line end. */
static void
append_block(struct base_buf *buf, const char *text, size_t indent)
{
	size_t len = strlen(text);

	base_buf_append_str(buf, text[len - 1] == '\n' ? "|\n" : "|-\n");
	while (*text != '\0') {
		size_t line = strcspn(text, "\n");

		if (line > 0) {
			append_indent(buf, indent);
			base_buf_append(buf, text, line);
		}
		base_buf_append_u8(buf, '\n');
		text += line + (text[line] == '\n' ? 1 : 0);
	}
}

static void
append_string(struct base_buf *buf, const char *text)
{
	if (is_plain(text)) {
		base_buf_append_str(buf, text);
	} else {
		append_quoted(buf, text);
	}
}

/* --- YAML --- */
static void write_node(struct base_buf *buf, const struct base_tree *node, size_t indent);

/* A scalar or an empty collection with its line end: what stands behind "key: " or "- ".
 * indent is that of a block's lines. */
static void
write_inline(struct base_buf *buf, const struct base_tree *node, size_t indent)
{
	switch (node->kind) {
	case BASE_TREE_NULL:
		base_buf_append_str(buf, "null");
		break;
	case BASE_TREE_BOOL:
	case BASE_TREE_INT:
	case BASE_TREE_FLOAT:
		base_buf_append_str(buf, node->text);
		break;
	case BASE_TREE_STRING:
		if (fits_block(node->text)) {
			append_block(buf, node->text, indent);
			return;
		}
		append_string(buf, node->text);
		break;
	case BASE_TREE_LIST:
		base_buf_append_str(buf, "[]");
		break;
	case BASE_TREE_MAP:
		base_buf_append_str(buf, "{}");
		break;
	case BASE_TREE_INVALID:
	default:
		buf->failed = true;
		break;
	}
	base_buf_append_u8(buf, '\n');
}

static bool
is_inline(const struct base_tree *node)
{
	return base_tree_is_scalar(node) || node->count == 0;
}

static void
write_entry(struct base_buf *buf, const struct base_tree_entry *entry, size_t indent)
{
	const struct base_tree *value = entry->value;
	bool list = value->kind == BASE_TREE_LIST;

	if (strlen(entry->key) > KEY_PLAIN) {
		base_buf_append_str(buf, "? ");
		append_string(buf, entry->key);
		base_buf_append_u8(buf, '\n');
		append_indent(buf, indent);
	} else {
		append_string(buf, entry->key);
	}
	base_buf_append_u8(buf, ':');
	if (is_inline(value)) {
		base_buf_append_u8(buf, ' ');
		write_inline(buf, value, indent + 2);
		return;
	}
	base_buf_append_u8(buf, '\n');
	append_indent(buf, list ? indent : indent + 2);
	write_node(buf, value, list ? indent : indent + 2);
}

/* A collection that is not empty; the first line's indentation is already there. */
static void
write_node(struct base_buf *buf, const struct base_tree *node, size_t indent)
{
	for (uint32_t i = 0; i < node->count && !base_buf_failed(buf); i++) {
		if (i > 0) {
			append_indent(buf, indent);
		}
		if (node->kind == BASE_TREE_MAP) {
			write_entry(buf, &node->entries[i], indent);
			continue;
		}
		base_buf_append_str(buf, "- ");
		if (is_inline(node->items[i])) {
			write_inline(buf, node->items[i], indent + 2);
		} else {
			write_node(buf, node->items[i], indent + 2);
		}
	}
}

void
base_yaml_write(struct base_buf *buf, const struct base_tree *node)
{
	if (is_inline(node)) {
		write_inline(buf, node, 2);
	} else {
		write_node(buf, node, 0);
	}
}

/* --- JSON --- */
static void
json_break(struct base_buf *buf, unsigned indent, size_t depth)
{
	if (indent > 0) {
		base_buf_append_u8(buf, '\n');
		append_indent(buf, indent * depth);
	}
}

static void
json_node(struct base_buf *buf, const struct base_tree *node, unsigned indent, size_t depth)
{
	bool map = node->kind == BASE_TREE_MAP;

	if (base_buf_failed(buf)) {
		return;
	}
	if (node->kind == BASE_TREE_STRING) {
		append_quoted(buf, node->text);
		return;
	}
	if (base_tree_is_scalar(node)) {
		base_buf_append_str(buf, node->kind == BASE_TREE_NULL ? "null" : node->text);
		return;
	}
	base_buf_append_u8(buf, map ? '{' : '[');
	for (uint32_t i = 0; i < node->count; i++) {
		if (i > 0) {
			base_buf_append_u8(buf, ',');
		}
		json_break(buf, indent, depth + 1);
		if (map) {
			append_quoted(buf, node->entries[i].key);
			base_buf_append_str(buf, indent > 0 ? ": " : ":");
		}
		json_node(buf, map ? node->entries[i].value : node->items[i], indent, depth + 1);
	}
	if (node->count > 0) {
		json_break(buf, indent, depth);
	}
	base_buf_append_u8(buf, map ? '}' : ']');
}

void
base_json_write(struct base_buf *buf, const struct base_tree *node, unsigned indent)
{
	json_node(buf, node, indent, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Templates as they are read (template_parse.c), checked and kept (template.c), and evaluated
 * (template_eval.c). */
#ifndef K8S_TEMPLATE_INT_H
#define K8S_TEMPLATE_INT_H

#include "base/span.h"
#include "k8s/template.h"

/* The built-in files, sorted by path: made by the build (cmake/EmbedFolder.cmake). */
struct k8s_builtin {
	const char *path;
	const unsigned char *text;
	size_t len;
};
extern const struct k8s_builtin k8s_builtins[];
extern const size_t k8s_builtin_count;

struct tmpl_path {
	const char *text; /* "a.b", for messages */
	const char *const *names;
	uint32_t count;
};

/* A piece of a scalar: literal text, or a value. */
struct tmpl_part {
	const char *literal; /* NULL: path */
	struct tmpl_path path;
};

enum tmpl_kind {
	TMPL_INVALID = 0,
	TMPL_LITERAL, /* a tree without anything to evaluate: shared by all results */
	TMPL_VALUE,   /* a lone "@{path}" */
	TMPL_TEXT,
	TMPL_LIST,
	TMPL_MAP,
	TMPL_EACH,
	TMPL_IF,
	TMPL_CONCAT,
	TMPL_INCLUDE
};

struct tmpl;

struct tmpl_entry {
	const struct tmpl *key; /* TMPL_LITERAL string or TMPL_TEXT */
	const struct tmpl *value;
	const struct base_origin *at;
	bool optional;
};

struct tmpl {
	enum tmpl_kind kind;
	const struct base_origin *at;
	const struct base_tree *literal; /* LITERAL; IF: what @equals says, or NULL */
	struct tmpl_path path;           /* VALUE, EACH, IF */
	const struct tmpl_part *parts;   /* TEXT */
	const struct tmpl *const *items; /* LIST, CONCAT; MAP: what @merge says */
	const struct tmpl_entry *entries; /* MAP */
	uint32_t part_count, item_count, entry_count;
	const char *name; /* EACH: bound name. INCLUDE: the file's path */
	const struct tmpl *then, *otherwise; /* IF; EACH: then is what @do says */
	const struct tmpl *with; /* INCLUDE: a MAP or LITERAL, or NULL */
};

struct tmpl_file {
	const char *path; /* relative, as @include names it */
	const char *shown; /* in messages */
	const struct tmpl *body;
	const char *const *arguments;
	uint32_t argument_count;
	bool has_arguments; /* begins with @arguments */
	bool builtin;       /* there is a built-in file of this path */
	const char *shadow_sha256; /* what a shadow's first line says, or NULL; of files of dir */
	bool from_dir;
	bool reached;  /* included, directly or not, by what is evaluated */
	bool visiting; /* on the way of the search for recursion */
	uint32_t depth; /* of includes below, once known; from 1 */
};

struct k8s_templates {
	struct base_arena *arena;
	struct tmpl_file *files; /* sorted by path */
	size_t count;
	size_t cap;
};

/* Reads one document into file->body and arguments, which share root's memory, and checks their
 * names as tmpl_check_names() does. False with MC_ECONFIG recorded; the file is then of no use. */
bool tmpl_parse(struct base_arena *arena, struct tmpl_file *file, const struct base_tree *root);
/* Called for every include in a body, those within @with too, until one call returns false.
 * tmpl_each_include then returns false, else true. */
typedef bool (*tmpl_include_fn)(void *self, const struct tmpl *include);
bool tmpl_each_include(const struct tmpl *node, tmpl_include_fn fn, void *self);
/* Each argument is used, and no @as takes a name that is bound. In a file with arguments each name
 * is bound: by an argument, or for an item of a list; without, it may be the model's. False with
 * MC_ECONFIG recorded. */
bool tmpl_check_names(const struct tmpl_file *file);
/* The file of this path; NULL: there is none. The files are sorted by then. */
struct tmpl_file *tmpl_find(const struct k8s_templates *templates, const char *path);

/* Records MC_ECONFIG as "file:line: what", with the end of a long file name. Always false. */
bool tmpl_refuse(const struct base_origin *at, const char *fmt, ...) MC_PRINTF(2, 3);
/* The last 60 bytes of a file name, enough to know it: a part of it, never a copy. */
const char *tmpl_shown(const char *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML in and out (libyaml).
 *
 * In: a strict subset, so that no two readers can differ about it: no anchors, aliases, tags,
 * directives or duplicate keys; bounded depth, width and size. A plain scalar is typed by the
 * YAML 1.2 core schema as Go and Kubernetes read it; the words that YAML 1.1 readers take for
 * booleans (yes, no, on, off, y, n) must be quoted. JSON is read too, being a subset.
 * Out: block style, one form for one tree, byte for byte.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/buf.h"
#include "base/tree.h"

/* Reads all documents of a text of at most LIMIT_YAML bytes. name goes into the origins and, with
 * layer (may be NULL), must live as long as the arena. Returns a LIST of the documents, or NULL
 * with MC_ECONFIG recorded as "name:line: what; what to do". */
const struct base_tree *base_yaml_read(struct base_arena *arena, const char *name,
    const char *layer, struct base_span text);

/* Appends one document. A string is plain only when it matches
 * [A-Za-z/][A-Za-z0-9_./-]* (not ending in ".", not a word some reader types), else quoted, or a
 * literal block "|" when it has line ends and nothing that a block would lose; nothing is folded.
 * Numbers are printed as they were typed. buf's sticky error tells when it grew past its ceiling. */
void base_yaml_write(struct base_buf *buf, const struct base_tree *node);
/* The same as JSON (sorted: false keeps file order). indent 0: one line. */
void base_json_write(struct base_buf *buf, const struct base_tree *node, unsigned indent);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How scalars look: shared by the reader and the writer, so that they agree. */
#ifndef BASE_YAML_INT_H
#define BASE_YAML_INT_H

#include "base/tree.h"

/* What a plain scalar is. BASE_TREE_INVALID when readers differ about it; *why then says what
 * it is and what to write. */
enum base_tree_kind base_yaml_type(const char *text, const char **why);
/* True when some reader, of YAML 1.1 or 1.2, takes this word for a boolean or null. */
bool base_yaml_is_word(const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers need of a tree under construction. */
#ifndef BASE_TREE_INT_H
#define BASE_TREE_INT_H

#include "base/tree.h"

/* Items or entries so far. */
uint32_t base_tree_build_count(const struct base_tree_build *build);
bool base_tree_build_is_map(const struct base_tree_build *build);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* YAML texts: read, refused, written. */
#ifndef TESTS_YAML_TEXT_H
#define TESTS_YAML_TEXT_H

#include <check.h>
#include <string.h>

#include "base/limits.h"
#include "base/yaml.h"

static inline const struct base_tree *
yaml_read_ok(struct base_arena *arena, const char *text)
{
	const struct base_tree *documents =
	    base_yaml_read(arena, "f", "Mesh", base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	return documents;
}

static inline void
yaml_refused(struct base_span text, const char *what)
{
	struct base_arena *arena = base_arena_new();

	ck_assert_msg(base_yaml_read(arena, "f", NULL, text) == NULL, "taken: %.*s", (int)text.len,
	    (const char *)text.ptr);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s is not in: %s", what,
	    mc_err_last()->detail);
	ck_assert_msg(strchr(mc_err_last()->detail, ';') != NULL, "no advice: %s",
	    mc_err_last()->detail);
	base_arena_free(arena);
}

static inline char *
yaml_written(const struct base_tree *node)
{
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	base_yaml_write(&buf, node);
	return base_buf_take_str(&buf);
}

#endif

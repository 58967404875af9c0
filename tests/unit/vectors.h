/* SPDX-License-Identifier: Apache-2.0 */
/* Project Wycheproof's vectors. They are not part of this repository: cmake -DMESHCA_VECTORS=FOLDER says where they are. */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The caller frees it. NULL: it is not here, and this says that nothing was tested; in CI that is a failure. */
static inline json_t *
vectors_load(const char *name)
{
	char path[1024];
	json_error_t error;
	json_t *root;

	snprintf(path, sizeof(path), "%s/wycheproof/%s", MESHCA_VECTORS, name);
	if (access(path, R_OK) != 0) {
		ck_assert_msg(getenv("CI") == NULL, "CI without %s: a skipped check is a failure", path);
		printf("SKIPPED: there is no %s\n", path);
		return NULL;
	}
	root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	return root;
}

#endif

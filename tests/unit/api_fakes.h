/* SPDX-License-Identifier: Apache-2.0 */
/* Front's own functions, for tests of its parts without the process around them. */
#ifndef TESTS_API_FAKES_H
#define TESTS_API_FAKES_H

#include <string.h>

#include "api/front.h"
#include "base/crypto.h"

__attribute__((weak)) struct front_env *
front_env_find(struct front *front, const char *name)
{
	for (size_t i = 0; i < front->env_count; i++) {
		if (strcmp(front->envs[i].config->name, name) == 0) {
			return &front->envs[i];
		}
	}
	return NULL;
}

__attribute__((weak)) void
front_request_id(uint8_t out[16])
{
	base_crypto_random(out, 16);
}

#endif

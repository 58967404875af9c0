/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Project Wycheproof's vectors for JWS and JWK. In scope: RS256, ES256, ES384. Every vector of
 * another algorithm (HMAC, RS384, RS512, PSS, ES512) must be refused, also where the
 * file calls it valid.
 */
#ifndef TESTS_JOSE_VECTORS_H
#define TESTS_JOSE_VECTORS_H

#include <jansson.h>
#include <string.h>

#include "api/jose.h"
#include "base/limits.h"
#include "tests/unit/check_main.h"
#include "tests/unit/vectors.h"

static inline bool
alg_in_scope(const json_t *jwk)
{
	const char *alg = json_string_value(json_object_get(jwk, "alg"));

	return alg == NULL || strcmp(alg, "RS256") == 0 || strcmp(alg, "ES256") == 0 ||
	    strcmp(alg, "ES384") == 0;
}

static inline bool
accepts(const json_t *set, const char *jws)
{
	char *text = json_dumps(set, 0);
	struct jose_keys *keys = jose_keys_read(base_span_str(text));
	struct base_buf payload;
	bool ok;

	base_buf_init(&payload, LIMIT_TOKEN);
	ok = keys != NULL && jose_verify(keys, base_span_str(jws), &payload) == MC_OK;
	base_buf_clear(&payload);
	jose_keys_free(keys);
	free(text);
	return ok;
}

/* Returns vectors run, and frees them; *accepted counts those that passed. */
static inline unsigned
vectors_run(json_t *root, unsigned *accepted)
{
	size_t i;
	size_t j;
	json_t *group;
	json_t *test;
	unsigned count = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_t *key = json_object_get(group, "public");
		json_t *set = json_object_get(key, "keys");

		if (key == NULL) {
			key = json_object_get(group, "private");
			set = json_object_get(key, "keys");
		}
		bool in_scope = set == NULL ? alg_in_scope(key) :
		    alg_in_scope(json_array_get(set, 0));
		json_t *keys = set != NULL ? json_incref(key) : json_pack("{s:[O]}", "keys", key);

		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			json_t *jws = json_object_get(test, "jws");
			char *text = json_is_string(jws) ? strdup(json_string_value(jws)) :
			    json_dumps(jws, 0);
			bool valid = in_scope && strcmp(json_string_value(json_object_get(test,
			    "result")), "valid") == 0;
			bool took = accepts(keys, text);

			ck_assert_msg(took == valid, "tcId %lld (%s): %s",
			    (long long)json_integer_value(json_object_get(test, "tcId")),
			    json_string_value(json_object_get(test, "comment")),
			    took ? "accepted" : "refused");
			*accepted += took;
			count++;
			free(text);
		}
		json_decref(keys);
	}
	json_decref(root);
	return count;
}

#endif

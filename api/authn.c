/* SPDX-License-Identifier: Apache-2.0 */
#include "api/authn.h"

#include <stdlib.h>

#include "api/jose.h"
#include "base/mem.h"
#include "ca/spiffe.h"

const struct authenticator *const authn_table[] = {&authn_jwt, &authn_cert, NULL};

struct authn_env *
authn_env_new(const struct config_environment *config)
{
	struct authn_env *env = base_xcalloc(1, sizeof(*env));

	env->refs = 1;
	env->name = base_xstrdup(config->name);
	env->trust_domain = base_xstrdup(config->trust_domain);
	env->clusters = base_xcalloc(config->cluster_count + 1, sizeof(*env->clusters));
	for (size_t i = 0; i < config->cluster_count; i++) {
		const struct config_cluster *from = &config->clusters[i];
		struct authn_cluster *to = &env->clusters[i];

		to->name = base_xstrdup(from->name);
		to->issuer = base_xstrdup(from->issuer);
		to->audience = base_xstrdup(from->audience);
		to->keys = jose_keys_read(base_span_str(from->jwks));
		env->cluster_count++;
		if (to->keys == NULL) {
			authn_env_unref(env);
			return NULL;
		}
	}
	return env;
}

struct authn_env *
authn_env_ref(struct authn_env *env)
{
	env->refs++;
	return env;
}

void
authn_env_unref(struct authn_env *env)
{
	if (env == NULL || --env->refs > 0) {
		return;
	}
	for (size_t i = 0; i < env->cluster_count; i++) {
		free(env->clusters[i].name);
		free(env->clusters[i].issuer);
		free(env->clusters[i].audience);
		jose_keys_free(env->clusters[i].keys);
	}
	free(env->clusters);
	free(env->name);
	free(env->trust_domain);
	free(env);
}

/* Copies from behind *at; returns where the copy is. */
static struct base_span
put(uint8_t **at, struct base_span span)
{
	struct base_span out = base_span_of(*at, span.len);

	base_copy(*at, span.ptr, span.len);
	*at += span.len;
	return out;
}

struct authn_verdict *
authn_verdict_new(const struct authn_env *env, const struct authn_strings *strings,
    int64_t expires_at)
{
	struct spiffe_id id = {.trust_domain = base_span_str(env->trust_domain),
	    .ns = strings->ns, .sa = strings->sa};
	struct authn_verdict *verdict = NULL;
	struct base_buf identity;
	uint8_t *at;

	base_buf_init(&identity, LIMIT_SPIFFE_ID);
	if (spiffe_id_make(&id, &identity) != MC_OK) {
		(void)!MC_FAIL(MC_EIDENTITY, "namespace or service account is not well-formed");
		goto out;
	}
	verdict = base_xcalloc(1, sizeof(*verdict) + identity.len + strings->ns.len +
	    strings->sa.len + strings->cluster.len + strings->requester.len +
	    strings->evidence.len + strings->serial.len);
	at = verdict->text;
	verdict->refs = 1;
	verdict->expires_at = expires_at;
	verdict->identity = put(&at, base_buf_span(&identity));
	verdict->ns = put(&at, strings->ns);
	verdict->sa = put(&at, strings->sa);
	verdict->cluster = put(&at, strings->cluster);
	verdict->requester = put(&at, strings->requester);
	verdict->evidence = put(&at, strings->evidence);
	verdict->serial = put(&at, strings->serial);
out:
	base_buf_clear(&identity);
	return verdict;
}

struct authn_verdict *
authn_verdict_ref(struct authn_verdict *verdict)
{
	verdict->refs++;
	return verdict;
}

void
authn_verdict_unref(struct authn_verdict *verdict)
{
	if (verdict != NULL && --verdict->refs == 0) {
		free(verdict);
	}
}

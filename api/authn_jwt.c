/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service-account tokens (Kubernetes projected tokens), verified here: the key set is chosen by
 * (environment, cluster) before the token is opened, issuer and audience are pinned.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "api/authn.h"
#include "api/jose.h"
#include "base/mem.h"

#define SUBJECT_PREFIX "system:serviceaccount:"
#define CLAIM_MAX LIMIT_K8S_NAME

struct subject {
	struct base_span ns;
	struct base_span sa;
};

static bool
jwt_is_present(const struct authn_input *in)
{
	return in->authorization.len > 0;
}

static enum mc_err
bearer_read(const struct authn_input *in, struct base_span *token)
{
	static const char scheme[] = "bearer ";
	size_t len = sizeof(scheme) - 1;

	/* RFC 9110 section 11.1: the scheme's case does not matter */
	if (in->authorization.len <= len ||
	    strncasecmp((const char *)in->authorization.ptr, scheme, len) != 0) {
		return MC_FAIL(MC_ETOKEN, "authorization is not a bearer token");
	}
	*token = base_span_of(in->authorization.ptr + len, in->authorization.len - len);
	if (token->len > LIMIT_TOKEN) {
		return MC_FAIL(MC_ETOKEN, "the token is above %d bytes", LIMIT_TOKEN);
	}
	return MC_OK;
}

static const struct authn_cluster *
cluster_find(const struct authn_input *in)
{
	if (in->cluster.len == 0) {
		return in->env->cluster_count == 1 ? &in->env->clusters[0] : NULL;
	}
	for (size_t i = 0; i < in->env->cluster_count; i++) {
		if (base_span_equal_str(in->cluster, in->env->clusters[i].name)) {
			return &in->env->clusters[i];
		}
	}
	return NULL;
}

static bool
audience_ok(const json_t *aud, const char *want)
{
	size_t i;
	const json_t *one;

	if (json_is_string(aud)) {
		return strcmp(json_string_value(aud), want) == 0;
	}
	json_array_foreach(aud, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), want) == 0) {
			return true;
		}
	}
	return false;
}

static enum mc_err
times_check(const json_t *claims, int64_t now_at, int64_t *expires_at)
{
	const json_t *exp = json_object_get(claims, "exp");
	const json_t *nbf = json_object_get(claims, "nbf");
	const json_t *iat = json_object_get(claims, "iat");

	if (!json_is_integer(exp) || (nbf != NULL && !json_is_integer(nbf)) ||
	    (iat != NULL && !json_is_integer(iat))) {
		return MC_FAIL(MC_ETOKEN, "exp, nbf or iat is missing or not a whole number");
	}
	if (json_integer_value(exp) <= now_at - AUTHN_SKEW_S) {
		return MC_FAIL(MC_ETOKEN, "the token has expired");
	}
	if (json_integer_value(nbf) > now_at + AUTHN_SKEW_S ||
	    json_integer_value(iat) > now_at + AUTHN_SKEW_S) {
		return MC_FAIL(MC_ETOKEN, "the token is not valid yet");
	}
	*expires_at = json_integer_value(exp);
	if (*expires_at < now_at + 1) {
		*expires_at = now_at + 1;
	}
	return MC_OK;
}

/* Exactly system:serviceaccount:NAMESPACE:ACCOUNT; the two names are checked with the identity. */
static enum mc_err
subject_read(const json_t *sub, struct subject *out)
{
	const char *text = json_string_value(sub);
	const char *colon;

	if (text == NULL || strncmp(text, SUBJECT_PREFIX, strlen(SUBJECT_PREFIX)) != 0) {
		return MC_FAIL(MC_ETOKEN, "the subject is not a service account");
	}
	text += strlen(SUBJECT_PREFIX);
	colon = strchr(text, ':');
	if (colon == NULL || strchr(colon + 1, ':') != NULL) {
		return MC_FAIL(MC_ETOKEN, "the subject is not a service account");
	}
	out->ns = base_span_of(text, (size_t)(colon - text));
	out->sa = base_span_str(colon + 1);
	return MC_OK;
}

/* A string member of a bound claim; NULL when there is none. */
static const char *
bound(const json_t *kube, const char *object, const char *name)
{
	return json_string_value(json_object_get(json_object_get(kube, object), name));
}

static enum mc_err
bound_check(const json_t *kube, const struct subject *subject)
{
	const char *ns = json_string_value(json_object_get(kube, "namespace"));
	const char *sa = bound(kube, "serviceaccount", "name");

	if (kube == NULL) {
		return MC_OK;
	}
	if (!json_is_object(kube) || ns == NULL || sa == NULL ||
	    !base_span_equal_str(subject->ns, ns) || !base_span_equal_str(subject->sa, sa)) {
		return MC_FAIL(MC_ETOKEN, "the bound claims do not agree with the subject");
	}
	return MC_OK;
}

static void
evidence_add(json_t *evidence, const char *key, const char *value)
{
	if (value != NULL) {
		json_object_set_new(evidence, key, json_stringn_nocheck(value,
		    strnlen(value, CLAIM_MAX)));
	}
}

/* The bound claims, as JSON that the caller frees. */
static char *
evidence_make(const json_t *claims, const json_t *kube)
{
	json_t *evidence = json_object();
	char *text;

	evidence_add(evidence, "authenticator", "jwt");
	evidence_add(evidence, "pod", bound(kube, "pod", "name"));
	evidence_add(evidence, "pod_uid", bound(kube, "pod", "uid"));
	evidence_add(evidence, "node", bound(kube, "node", "name"));
	evidence_add(evidence, "service_account_uid", bound(kube, "serviceaccount", "uid"));
	evidence_add(evidence, "jti", json_string_value(json_object_get(claims, "jti")));
	json_object_set_new(evidence, "exp", json_integer(json_integer_value(
	    json_object_get(claims, "exp"))));
	text = json_dumps(evidence, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(evidence);
	return text;
}

static enum mc_err
claims_check(const struct authn_input *in, const struct authn_cluster *cluster,
    const json_t *claims, struct authn_verdict **out)
{
	const json_t *kube = json_object_get(claims, "kubernetes.io");
	const char *iss = json_string_value(json_object_get(claims, "iss"));
	const json_t *sub = json_object_get(claims, "sub");
	struct subject subject;
	int64_t expires_at;
	char *evidence;
	enum mc_err ret;

	if (iss == NULL || strcmp(iss, cluster->issuer) != 0) {
		return MC_FAIL(MC_ETOKEN, "the issuer is not that of cluster %s", cluster->name);
	}
	if (!audience_ok(json_object_get(claims, "aud"), cluster->audience)) {
		return MC_FAIL(MC_ETOKEN, "the audience is not %s", cluster->audience);
	}
	ret = times_check(claims, in->now_at, &expires_at);
	if (ret == MC_OK) {
		ret = subject_read(sub, &subject);
	}
	if (ret == MC_OK) {
		ret = bound_check(kube, &subject);
	}
	if (ret != MC_OK) {
		return ret;
	}
	evidence = evidence_make(claims, kube);
	if (evidence == NULL || strlen(evidence) > LIMIT_EVIDENCE ||
	    json_string_length(sub) > LIMIT_REQUESTER) {
		ret = MC_FAIL(MC_ETOKEN, "the token's claims are too long");
	} else {
		struct authn_strings strings = {.ns = subject.ns, .sa = subject.sa,
		    .cluster = base_span_str(cluster->name),
		    .requester = base_span_str(json_string_value(sub)),
		    .evidence = base_span_str(evidence)};

		*out = authn_verdict_new(in->env, &strings, expires_at);
		ret = *out != NULL ? MC_OK : MC_FAIL(MC_ETOKEN,
		    "the subject's namespace or name is not well-formed");
	}
	free(evidence);
	return ret;
}

static enum mc_err
jwt_check(const struct authn_input *in, struct authn_verdict **out)
{
	const struct authn_cluster *cluster = cluster_find(in);
	struct base_span token;
	struct base_buf payload;
	json_t *claims = NULL;
	enum mc_err ret;

	base_buf_init(&payload, LIMIT_TOKEN);
	ret = bearer_read(in, &token);
	if (ret != MC_OK) {
		goto out;
	}
	if (cluster == NULL) {
		ret = MC_FAIL(MC_ETOKEN, "the clusterid header names no cluster of environment %s",
		    in->env->name);
		goto out;
	}
	ret = jose_verify(cluster->keys, token, &payload);
	if (ret != MC_OK) {
		goto out;
	}
	claims = json_loadb((const char *)payload.ptr, payload.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(claims)) {
		ret = MC_FAIL(MC_ETOKEN, "the payload is not one JSON object");
		goto out;
	}
	ret = claims_check(in, cluster, claims, out);
out:
	json_decref(claims);
	base_buf_clear(&payload);
	return ret;
}

const struct authenticator authn_jwt = {
    .name = "jwt",
    .on_worker = true,
    .is_present = jwt_is_present,
    .check = jwt_check,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ca/signer.h"

#define MILLION 1000000

struct issuer *
signer_active(const struct signer *signer)
{
	return signer->issuer_count == 0 ? NULL : signer->issuers[0].open;
}

enum mc_err
signer_may_issue(struct signer *signer)
{
	const struct issuer *issuer = signer_active(signer);

	if (!signer->started) {
		return MC_FAIL(MC_ENOTREADY, "the signer is starting");
	}
	if (issuer == NULL) {
		return MC_FAIL(MC_ESEALED, "environment %s is sealed: run meshca unseal %s",
		    signer->environment, signer->environment);
	}
	if (!base_clock_guard_ok(&signer->clock)) {
		return MC_FAIL(MC_ECLOCK,
		    "the clock jumped: set it right, or run: meshca clock accept");
	}
	if (base_clock_now() >= issuer_cert(issuer)->not_after_at) {
		return MC_FAIL(MC_EISSUER_LIFE, "the issuing CA has expired; run: meshca issuer "
						"rotate --environment %s", signer->environment);
	}
	return MC_OK;
}

enum mc_err
signer_rate_take(struct signer *signer)
{
	int64_t now = base_loop_now_us(signer->loop);
	int64_t full = (int64_t)signer->env->rate_burst * MILLION;
	int64_t passed = now - signer->tokens_at_us;

	if (passed > 10 * MILLION) {
		passed = 10 * MILLION; /* keeps the product far from overflow */
	}
	signer->tokens_u += passed * signer->env->rate_per_s;
	signer->tokens_at_us = now;
	if (signer->tokens_u > full) {
		signer->tokens_u = full;
	}
	if (signer->tokens_u < MILLION) {
		return MC_FAIL(MC_ERATE, "environment %s signs %u per second",
		    signer->environment, signer->env->rate_per_s);
	}
	signer->tokens_u -= MILLION;
	return MC_OK;
}

static bool
key_allowed(const struct signer *signer, enum msg_profile profile, enum msg_key_alg alg)
{
	switch (alg) {
	case MSG_KEY_P256: /* also what our own listeners use */
		return signer->env->leaf_p256 || profile != MSG_PROFILE_SVID;
	case MSG_KEY_P384:
		return signer->env->leaf_p384;
	case MSG_KEY_RSA:
		return signer->env->leaf_rsa;
	case MSG_KEY_INVALID:
		break;
	}
	return false;
}

static enum mc_err
check_key(struct signer *signer, const struct msg_issue *msg, struct cert_leaf *leaf)
{
	if (msg->key_alg > MSG_KEY_RSA) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "key algorithm %u", msg->key_alg);
	}
	leaf->key_alg = (enum msg_key_alg)msg->key_alg;
	leaf->key = msg->key;
	if (!key_allowed(signer, leaf->profile, leaf->key_alg)) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "%s keys are not allowed in environment %s",
		    key_alg_name(leaf->key_alg), signer->environment);
	}
	return key_check(signer->keys, leaf->key_alg, leaf->key);
}

enum mc_err
signer_dns_split(struct base_span names, struct base_span *out, size_t *count)
{
	size_t found = 0;

	while (names.len > 0) {
		const uint8_t *nul = memchr(names.ptr, 0, names.len);
		if (nul == NULL || found == LIMIT_DNS_NAMES) {
			return MC_FAIL(MC_EIDENTITY, "the list of DNS names is malformed or longer "
						     "than %d", LIMIT_DNS_NAMES);
		}
		size_t len = (size_t)(nul - names.ptr);
		out[found++] = base_span_of(names.ptr, len);
		names = base_span_of(nul + 1, names.len - len - 1);
	}
	*count = found;
	return MC_OK;
}

/* "*.suffix" stands for exactly one label before the suffix. */
static bool
name_matches(const char *pattern, struct base_span name)
{
	if (strncmp(pattern, "*.", 2) != 0) {
		return base_span_equal_str(name, pattern);
	}
	const uint8_t *dot = memchr(name.ptr, '.', name.len);
	if (dot == NULL || dot == name.ptr) {
		return false;
	}
	size_t label = (size_t)(dot - name.ptr);
	return base_span_equal_str(base_span_of(dot, name.len - label), pattern + 1);
}

static bool
any_matches(char *const *patterns, size_t count, struct base_span name)
{
	for (size_t i = 0; i < count; i++) {
		if (name_matches(patterns[i], name)) {
			return true;
		}
	}
	return false;
}

bool
signer_is_own_name(const struct signer *signer, struct base_span name)
{
	return any_matches(signer->env->dns_names, signer->env->dns_name_count, name);
}

/* The allow-list of the environment, and its own listener's names. */
static bool
server_name_allowed(const struct signer *signer, struct base_span name)
{
	const struct config_environment *env = signer->env;

	if (any_matches(env->server_names, env->server_name_count, name) ||
	    signer_is_own_name(signer, name)) {
		return true;
	}
	return signer->operators &&
	    any_matches(signer->config->rest_dns_names, signer->config->rest_dns_name_count,
		name);
}

static enum mc_err
policy_server(struct signer *signer, const struct msg_issue *msg, struct cert_leaf *leaf,
    struct base_span *dns)
{
	enum mc_err ret = signer_dns_split(msg->dns_names, dns, &leaf->dns_count);

	if (ret != MC_OK) {
		return ret;
	}
	leaf->dns = dns;
	if (leaf->dns_count == 0 || msg->ns.len != 0 || msg->sa.len != 0) {
		return MC_FAIL(MC_EIDENTITY, "a server certificate needs DNS names, and only them");
	}
	for (size_t i = 0; i < leaf->dns_count; i++) {
		/* before the name goes into a message */
		if (!cert_dns_valid(dns[i])) {
			return MC_FAIL(MC_EIDENTITY, "DNS name number %zu is not one", i + 1);
		}
		if (!server_name_allowed(signer, dns[i])) {
			return MC_FAIL(MC_EIDENTITY, "%.*s is not in %s of %s", (int)dns[i].len,
			    (const char *)dns[i].ptr,
			    signer->operators ? "rest.dns_names"
					      : "server.names or grpc.dns_names",
			    signer->environment);
		}
	}
	return signer_policy_life(signer, msg->ttl_s, signer->env->server_ttl_s,
	    signer->env->server_ttl_s, leaf);
}

static enum mc_err
policy_svid(struct signer *signer, const struct msg_issue *msg, struct cert_leaf *leaf)
{
	if (signer->operators) {
		return MC_FAIL(MC_EPROFILE, "the operators authority certifies no workloads");
	}
	if (msg->dns_names.len != 0) {
		return MC_FAIL(MC_EIDENTITY, "an SVID carries no DNS names");
	}
	leaf->id.trust_domain = base_span_str(signer->env->trust_domain);
	leaf->id.ns = msg->ns;
	leaf->id.sa = msg->sa;
	if (!spiffe_ns_valid(msg->ns) || !spiffe_sa_valid(msg->sa)) {
		return MC_FAIL(MC_EIDENTITY,
		    "namespace or service account is not a Kubernetes name");
	}
	return signer_policy_life(signer, msg->ttl_s, signer->env->svid_ttl_s,
	    signer->env->svid_max_ttl_s, leaf);
}

enum mc_err
signer_policy_leaf(struct signer *signer, const struct msg_issue *msg, struct cert_leaf *leaf,
    struct base_span *dns)
{
	enum mc_err ret = MC_EINTERNAL;

	*leaf = (struct cert_leaf){.profile = (enum msg_profile)msg->profile};
	if (msg->profile == MSG_PROFILE_SVID) {
		ret = policy_svid(signer, msg, leaf);
	} else if (msg->profile == MSG_PROFILE_SERVER) {
		ret = policy_server(signer, msg, leaf, dns);
	} else {
		return MC_FAIL(MC_EPROFILE, "profile %u is not issued here", msg->profile);
	}
	if (ret != MC_OK) {
		return ret;
	}
	return check_key(signer, msg, leaf);
}

enum mc_err
signer_policy_life(struct signer *signer, int64_t ttl_s, int64_t default_s, int64_t max_s,
    struct cert_leaf *leaf)
{
	int64_t now = base_clock_now();
	int64_t issuer_end = issuer_cert(signer_active(signer))->not_after_at;

	if (ttl_s > max_s) {
		return MC_FAIL(MC_ETTL, "%lld s asked for, at most %lld s are given",
		    (long long)ttl_s, (long long)max_s);
	}
	leaf->not_before_at = now - LIMIT_BACKDATE_S;
	leaf->not_after_at = now + (ttl_s > 0 ? ttl_s : default_s);
	if (leaf->not_after_at > issuer_end) {
		leaf->not_after_at = issuer_end;
	}
	return MC_OK;
}

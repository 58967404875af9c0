/* SPDX-License-Identifier: Apache-2.0 */
/* One claim at a time is wrong in a token that is good otherwise. */
#include "api/authn.h"
#include "tests/unit/check_main.h"
#include "tests/unit/token_make.h"

#define NOW 1800000000

/* Two clusters with one issuer and audience: only the keys differ. */
static EVP_PKEY *keys[2];
static struct authn_env *env;

static struct authn_env *
env_make(size_t cluster_count)
{
	static char name[] = "production";
	static char domain[] = "cluster.local";
	static char names[2][8] = {"east", "west"};
	static char issuer[] = "https://k8s";
	static char audience[] = "istio-ca";
	struct config_cluster clusters[2];
	struct config_environment config = {.name = name, .trust_domain = domain,
	    .clusters = clusters, .cluster_count = cluster_count};
	struct authn_env *out;

	for (size_t i = 0; i < 2; i++) {
		clusters[i] = (struct config_cluster){.name = names[i], .issuer = issuer,
		    .audience = audience, .jwks = token_jwks(keys[i])};
	}
	out = authn_env_new(&config);
	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < 2; i++) {
		free(clusters[i].jwks);
	}
	return out;
}

static void
start(void)
{
	keys[0] = EVP_EC_gen("P-256");
	keys[1] = EVP_EC_gen("P-256");
	env = env_make(2);
}

static void
stop(void)
{
	authn_env_unref(env);
	EVP_PKEY_free(keys[0]);
	EVP_PKEY_free(keys[1]);
}

static enum mc_err
check_header(const char *header, const char *cluster, struct authn_verdict **out)
{
	struct authn_input in = {.env = env, .authorization = base_span_str(header),
	    .cluster = base_span_str(cluster), .now_at = NOW};

	return authn_jwt.check(&in, out);
}

/* A token of cluster `signer` with these claims, shown as one of `cluster`. */
static enum mc_err
check(unsigned signer, const char *cluster, const char *claims, struct authn_verdict **out)
{
	char *token = token_make(keys[signer], claims);
	char *header = base_xasprintf("Bearer %s", token);
	enum mc_err ret = check_header(header, cluster, out);

	free(header);
	free(token);
	return ret;
}

#define ISS "\"iss\":\"https://k8s\""
#define AUD "\"aud\":[\"istio-ca\"]"
#define SUBJECT "\"sub\":\"" TOKEN_SUB "\""
#define TIMES "\"iat\":1799999990,\"nbf\":1799999990,\"exp\":1800003600"
#define KUBE "\"kubernetes.io\":{\"namespace\":\"ecotrack\"," \
	"\"serviceaccount\":{\"name\":\"order-service\",\"uid\":\"u-1\"}," \
	"\"pod\":{\"name\":\"order-0\",\"uid\":\"u-2\"},\"node\":{\"name\":\"node-3\"}}"
#define GOOD "{" ISS "," AUD "," SUBJECT "," TIMES ",\"jti\":\"j-4\"," KUBE "}"

START_TEST(a_good_token_says_who_and_what_was_seen)
{
	struct authn_verdict *verdict = NULL;

	start();
	ck_assert_int_eq(check(0, "east", GOOD, &verdict), MC_OK);
	ck_assert(base_span_equal_str(verdict->identity,
	    "spiffe://cluster.local/ns/ecotrack/sa/order-service"));
	ck_assert(base_span_equal_str(verdict->ns, "ecotrack"));
	ck_assert(base_span_equal_str(verdict->sa, "order-service"));
	ck_assert(base_span_equal_str(verdict->cluster, "east"));
	ck_assert(base_span_equal_str(verdict->requester, TOKEN_SUB));
	ck_assert(base_span_equal_str(verdict->evidence,
	    "{\"authenticator\":\"jwt\",\"pod\":\"order-0\",\"pod_uid\":\"u-2\",\"node\":\"node-3\","
	    "\"service_account_uid\":\"u-1\",\"jti\":\"j-4\",\"exp\":1800003600}"));
	ck_assert_int_eq(verdict->expires_at, NOW + 3600);
	authn_verdict_unref(verdict);
	/* one audience as a string; a token without bound claims, and without a time of issue */
	ck_assert_int_eq(check(0, "east", "{" ISS ",\"aud\":\"istio-ca\"," SUBJECT ","
	    "\"exp\":1800000001}", &verdict), MC_OK);
	authn_verdict_unref(verdict);
	ck_assert_int_eq(check(0, "east", "{" ISS ",\"aud\":[\"other\",\"istio-ca\"]," SUBJECT ","
	    TIMES "}", &verdict), MC_OK);
	authn_verdict_unref(verdict);
	stop();
}
END_TEST

START_TEST(each_claim_is_looked_at)
{
	static const struct {
		const char *claims;
		const char *word; /* of the refusal */
	} cases[] = {
	    {"{" AUD "," SUBJECT "," TIMES "," KUBE "}", "issuer"},
	    {"{\"iss\":\"https://k8s/\"," AUD "," SUBJECT "," TIMES "," KUBE "}", "issuer"},
	    {"{\"iss\":[\"https://k8s\"]," AUD "," SUBJECT "," TIMES "," KUBE "}", "issuer"},
	    {"{" ISS "," SUBJECT "," TIMES "," KUBE "}", "audience"},
	    {"{" ISS ",\"aud\":[]," SUBJECT "," TIMES "," KUBE "}", "audience"},
	    {"{" ISS ",\"aud\":[\"istio-ca2\"]," SUBJECT "," TIMES "," KUBE "}", "audience"},
	    {"{" ISS ",\"aud\":\"other\"," SUBJECT "," TIMES "," KUBE "}", "audience"},
	    /* times: 60 s of skew, not one second more */
	    {"{" ISS "," AUD "," SUBJECT "," KUBE "}", "exp"},
	    {"{" ISS "," AUD "," SUBJECT ",\"exp\":\"1800003600\"," KUBE "}", "exp"},
	    {"{" ISS "," AUD "," SUBJECT ",\"exp\":1799999940," KUBE "}", "expired"},
	    {"{" ISS "," AUD "," SUBJECT ",\"exp\":1800003600,\"nbf\":1800000061," KUBE "}", "yet"},
	    {"{" ISS "," AUD "," SUBJECT ",\"exp\":1800003600,\"iat\":1800000061," KUBE "}", "yet"},
	    {"{" ISS "," AUD "," SUBJECT ",\"exp\":1800003600,\"nbf\":true," KUBE "}", "nbf"},
	    /* the subject, strictly */
	    {"{" ISS "," AUD "," TIMES "," KUBE "}", "subject"},
	    {"{" ISS "," AUD ",\"sub\":\"ecotrack:order-service\"," TIMES "}", "subject"},
	    {"{" ISS "," AUD ",\"sub\":\"System:serviceaccount:ecotrack:order-service\"," TIMES "}",
		"subject"},
	    {"{" ISS "," AUD ",\"sub\":\"" TOKEN_SUB ":x\"," TIMES "}", "subject"},
	    {"{" ISS "," AUD ",\"sub\":\"system:serviceaccount:ecotrack\"," TIMES "}", "subject"},
	    {"{" ISS "," AUD ",\"sub\":\"system:serviceaccount::order-service\"," TIMES "}",
		"well-formed"},
	    {"{" ISS "," AUD ",\"sub\":\"system:serviceaccount:eco/track:order-service\"," TIMES "}",
		"well-formed"},
	    {"{" ISS "," AUD ",\"sub\":\"system:serviceaccount:ecotrack:..\"," TIMES "}",
		"well-formed"},
	    /* what Kubernetes bound it to is what it says */
	    {"{" ISS "," AUD "," SUBJECT "," TIMES ",\"kubernetes.io\":{\"namespace\":\"other\","
	     "\"serviceaccount\":{\"name\":\"order-service\"}}}", "bound"},
	    {"{" ISS "," AUD "," SUBJECT "," TIMES ",\"kubernetes.io\":{\"namespace\":\"ecotrack\","
	     "\"serviceaccount\":{\"name\":\"other\"}}}", "bound"},
	    {"{" ISS "," AUD "," SUBJECT "," TIMES ",\"kubernetes.io\":{}}", "bound"},
	    {"{" ISS "," AUD "," SUBJECT "," TIMES ",\"kubernetes.io\":\"ecotrack\"}", "bound"},
	    /* two members of one name: readers would differ about who it is */
	    {"{" ISS "," AUD "," SUBJECT "," SUBJECT "," TIMES "," KUBE "}", "JSON"},
	    {"[" "1" "]", "JSON"},
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct authn_verdict *verdict = NULL;

		ck_assert_msg(check(0, "east", cases[i].claims, &verdict) == MC_ETOKEN, "%s",
		    cases[i].claims);
		ck_assert_msg(strstr(mc_err_last()->detail, cases[i].word) != NULL, "%s: %s",
		    cases[i].claims, mc_err_last()->detail);
		ck_assert_ptr_null(verdict);
	}
	stop();
}
END_TEST

START_TEST(keys_are_those_of_the_cluster_that_is_named)
{
	struct authn_verdict *verdict = NULL;
	struct authn_env *both;

	start();
	ck_assert_int_eq(check(1, "west", GOOD, &verdict), MC_OK);
	ck_assert(base_span_equal_str(verdict->cluster, "west"));
	authn_verdict_unref(verdict);
	verdict = NULL;
	/* the other cluster's key does not serve, though issuer, audience and key id are equal */
	ck_assert_int_eq(check(1, "east", GOOD, &verdict), MC_ETOKEN);
	ck_assert_int_eq(check(0, "west", GOOD, &verdict), MC_ETOKEN);
	/* no cluster is guessed among several */
	ck_assert_int_eq(check(0, "north", GOOD, &verdict), MC_ETOKEN);
	ck_assert_int_eq(check(0, "eas", GOOD, &verdict), MC_ETOKEN);
	ck_assert_int_eq(check(0, "", GOOD, &verdict), MC_ETOKEN);
	ck_assert_ptr_null(verdict);
	/* the only one need not be named */
	both = env;
	env = env_make(1);
	ck_assert_int_eq(check(0, "", GOOD, &verdict), MC_OK);
	authn_verdict_unref(verdict);
	verdict = NULL;
	ck_assert_int_eq(check(0, "west", GOOD, &verdict), MC_ETOKEN);
	authn_env_unref(both);
	stop();
}
END_TEST

START_TEST(skew_keeps_no_verdict_for_longer)
{
	struct authn_verdict *verdict = NULL;

	start();
	/* one that expired within the skew serves now, and is not kept */
	ck_assert_int_eq(check(0, "east", "{" ISS "," AUD "," SUBJECT ",\"exp\":1799999941," KUBE "}",
	    &verdict), MC_OK);
	ck_assert_int_eq(verdict->expires_at, NOW + 1);
	authn_verdict_unref(verdict);
	stop();
}
END_TEST

START_TEST(other_credentials_are_none)
{
	struct authn_verdict *verdict = NULL;
	struct authn_input none = {0};
	char *token;
	char *header;

	start();
	ck_assert(!authn_jwt.is_present(&none));
	ck_assert_int_eq(check_header("Basic YTpi", "east", &verdict), MC_ETOKEN);
	ck_assert_int_eq(check_header("Bearer", "east", &verdict), MC_ETOKEN);
	ck_assert_int_eq(check_header("Bearer ", "east", &verdict), MC_ETOKEN);
	ck_assert_int_eq(check_header("Bearer a.b.c", "east", &verdict), MC_ETOKEN);
	header = base_xcalloc(1, LIMIT_TOKEN + 32);
	memset(header, 'a', LIMIT_TOKEN + 31);
	memcpy(header, "Bearer ", 7);
	ck_assert_int_eq(check_header(header, "east", &verdict), MC_ETOKEN);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "above"));
	free(header);
	ck_assert_ptr_null(verdict);
	/* the scheme's case does not matter (RFC 9110 11.1) */
	token = token_make(keys[0], GOOD);
	header = base_xasprintf("bEARER %s", token);
	ck_assert_int_eq(check_header(header, "east", &verdict), MC_OK);
	authn_verdict_unref(verdict);
	free(header);
	free(token);
	stop();
}
END_TEST

CHECK_MAIN("api_authn_jwt", a_good_token_says_who_and_what_was_seen, each_claim_is_looked_at,
    keys_are_those_of_the_cluster_that_is_named, skew_keeps_no_verdict_for_longer,
    other_credentials_are_none)

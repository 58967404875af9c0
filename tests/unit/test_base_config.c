/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include "base/mem.h"
#include "check_main.h"
#include "file_read.h"

#include <dirent.h>
#include <string.h>

static struct config *
parse_file(const char *name)
{
	char *path = base_xasprintf("%s/config/%s", TEST_DATA, name);
	char *text = slurp(path);
	struct config *config = config_parse("f", base_span_str(text));

	free(text);
	free(path);
	return config;
}

START_TEST(test_defaults)
{
	struct config *config = parse_file("good/minimal.yaml");
	const struct config_environment *env;

	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	ck_assert_uint_eq(config->instance, 1);
	ck_assert_str_eq(config->run_dir, "/var/lib/meshca/run");
	ck_assert_str_eq(config->ledger_path, "/var/lib/meshca/ledger/ledger.db");
	ck_assert_uint_eq(config->rest.port, 8443);
	ck_assert_uint_eq(config->probes.port, 15014);
	ck_assert_uint_eq(config->uid, 0);
	ck_assert_int_eq(config->log_level, CONFIG_LOG_INFO);
	ck_assert_uint_ge(config->front_workers, 1);
	env = config_environment(config, "production");
	ck_assert_ptr_nonnull(env);
	ck_assert_str_eq(env->trust_domain, "cluster.local");
	ck_assert_str_eq(env->key_dir, "/var/lib/meshca/keys/production");
	ck_assert_int_eq(env->ca_key, CONFIG_KEY_RSA4096);
	ck_assert_int_eq(env->issuing_key, CONFIG_KEY_P256);
	ck_assert_int_eq(env->svid_ttl_s, 86400);
	ck_assert_int_eq(env->svid_max_ttl_s, 7 * 86400);
	ck_assert(env->leaf_rsa && env->leaf_p256 && !env->leaf_p384);
	ck_assert_uint_eq(env->verify_sample, 64);
	/* the listener's own name may be certified */
	ck_assert_uint_eq(env->server_name_count, 1);
	ck_assert_str_eq(env->server_names[0], "localhost");
	ck_assert_ptr_eq(config_environment(config, CONFIG_OPERATORS), &config->operators);
	ck_assert_str_eq(config->operators.key_dir, "/var/lib/meshca/keys/operators");
	ck_assert_ptr_null(config_environment(config, "staging"));
	config_free(config);
}
END_TEST

START_TEST(test_every_key_lands)
{
	struct config *config = parse_file("good/full.yaml");
	const struct config_environment *env;

	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	ck_assert_uint_eq(config->instance, 127);
	ck_assert_str_eq(config->rest.host, "::1");
	ck_assert_uint_eq(config->front_uid, 1002);
	ck_assert_uint_eq(config->ledger_uid, 1003);
	ck_assert_uint_eq(config->keeper_uid, 1004);
	ck_assert_uint_eq(config->operators.uid, 1001);
	ck_assert_int_eq(config->operators.server_ttl_s, 2 * 86400);
	ck_assert_uint_eq(config->disk_reserve_mib, 128);
	env = &config->environments[0];
	ck_assert_uint_eq(env->uid, 1005);
	ck_assert_int_eq(env->issuing_key, CONFIG_KEY_RSA2048);
	ck_assert_int_eq(env->issuing_lifetime_s, 60 * 86400);
	ck_assert(!env->leaf_rsa && env->leaf_p256 && env->leaf_p384);
	ck_assert_int_eq(env->crl_lifetime_s, 90 * 60);
	ck_assert_int_eq(env->ca_crl_lifetime_s, 30 * 86400);
	ck_assert_uint_eq(env->server_name_count, 3);
	ck_assert_str_eq(env->server_names[1], "*.meshca.svc");
	ck_assert_str_eq(env->server_names[2], "meshca.meshca.svc");
	ck_assert_uint_eq(env->rate_burst, 200);
	ck_assert_uint_eq(env->cluster_count, 2);
	ck_assert_str_eq(env->clusters[0].audience, "sts");
	ck_assert_str_eq(env->clusters[1].name, "Kubernetes");
	ck_assert_str_eq(env->clusters[1].audience, "istio-ca");
	config_free(config);
}
END_TEST

/* Each bad/NAME.yaml is refused with a message that contains bad/NAME.expect. */
START_TEST(test_bad_files)
{
	char *folder = base_xasprintf("%s/config/bad", TEST_DATA);
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	unsigned seen = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);
		char *name, *path, *expect;

		if (len < 6 || strcmp(entry->d_name + len - 5, ".yaml") != 0) {
			continue;
		}
		name = base_xasprintf("bad/%s", entry->d_name);
		path = base_xasprintf("%s/%.*s.expect", folder, (int)len - 5, entry->d_name);
		expect = slurp(path);
		expect[strcspn(expect, "\n")] = '\0';
		ck_assert_msg(parse_file(name) == NULL, "%s was taken", name);
		ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
		ck_assert_msg(strstr(mc_err_last()->detail, expect) != NULL,
		    "%s: \"%s\" is not in \"%s\"", name, expect, mc_err_last()->detail);
		ck_assert_msg(strncmp(mc_err_last()->detail, "f:", 2) == 0 &&
			strchr(mc_err_last()->detail, ';') != NULL,
		    "%s: no line or no advice: %s", name, mc_err_last()->detail);
		free(expect);
		free(path);
		free(name);
		seen++;
	}
	ck_assert_uint_ge(seen, 40);
	(void)closedir(dir);
	free(folder);
}
END_TEST

CHECK_MAIN("base_config", test_defaults, test_every_key_lands, test_bad_files)

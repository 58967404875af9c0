/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

static char *
slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(base_proc_read_all(fd, LIMIT_CONFIG, &text, &len), MC_OK);
	(void)close(fd);
	return text;
}

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

/* --- files --- */
static char dir_path[] = "/tmp/meshca-config-XXXXXX";

static char *
put(const char *name, const char *text)
{
	char *path = base_xasprintf("%s/%s", dir_path, name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

static struct config *
two_environments(const char *audience)
{
	char *text = base_xasprintf(
	    "state_dir: /x\nenvironments:\n"
	    "- name: a\n  grpc: {listen: \"127.0.0.1:1\"}\n"
	    "  clusters: [{issuer: i, jwks_file: %s/a.json}]\n"
	    "- name: b\n  grpc: {listen: \"127.0.0.1:2\"}\n"
	    "  clusters: [{issuer: i, audience: %s, jwks_file: %s/b.json}]\n",
	    dir_path, audience, dir_path);
	struct config *config = config_parse("f", base_span_str(text));

	free(text);
	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	return config;
}

static enum mc_err
load(const char *audience, const char *a, const char *b)
{
	struct config *config = two_environments(audience);
	char *path_a = put("a.json", a), *path_b = put("b.json", b);
	enum mc_err err = config_load_files(config);

	free(path_a);
	free(path_b);
	config_free(config);
	return err;
}

START_TEST(test_shared_token_keys)
{
	static const char one[] = "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}]}";
	static const char both[] =
	    "{\"keys\": [{\"kty\":\"EC\", \"x\" : \"BBBB\", \"y\":\"C\"},"
	    " {\"e\":\"AQAB\", \"n\" :\n \"AAAA\"}]}";
	static const char other[] = "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"DDDD\",\"e\":\"AQAB\"}]}";

	ck_assert_int_eq(load("istio-ca", one, other), MC_OK);
	ck_assert_int_eq(load("istio-ca", one, one), MC_ECONFIG);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "b and a take the same tokens"));
	ck_assert_int_eq(load("istio-ca", one, both), MC_ECONFIG);
	ck_assert_int_eq(load("other", one, one), MC_OK);
	ck_assert_int_eq(load("other", one, "{\"keys\":[]}"), MC_ECONFIG);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "has no key"));
}
END_TEST

START_TEST(test_travel_with_files)
{
	struct config *config = two_environments("other"), *copy;
	char *a = put("a.json", "{\"n\":\"A\"}"), *b = put("b.json", "{\"x\":\"B\"}");
	int fd;

	ck_assert_int_eq(config_load_files(config), MC_OK);
	fd = config_to_memfd(config);
	ck_assert_int_ge(fd, 0);
	copy = config_from_fd(fd);
	ck_assert_ptr_nonnull(copy);
	ck_assert_mem_eq(copy->hash, config->hash, sizeof(config->hash));
	ck_assert_str_eq(copy->environments[1].clusters[0].jwks, "{\"x\":\"B\"}");
	config_free(copy);
	(void)close(fd);
	fd = base_proc_memfd("bad", "\1\0\0\0\2\0\0\0ab", 10);
	ck_assert_ptr_null(config_from_fd(fd));
	(void)close(fd);
	config_free(config);
	free(a);
	free(b);
}
END_TEST

START_TEST(test_read_refuses_a_file_that_others_write)
{
	char *good = base_xasprintf("%s/config/good/minimal.yaml", TEST_DATA);
	char *text = slurp(good), *path = put("meshca.yaml", text);
	struct config *config;

	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_ptr_null(config_read(path));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "chmod go-w"));
	ck_assert_int_eq(chmod(path, 0600), 0);
	config = config_read(path);
	ck_assert_ptr_nonnull(config);
	config_free(config);
	ck_assert_ptr_null(config_read("/nonexistent/meshca.yaml"));
	ck_assert_ptr_eq(strstr(mc_err_last()->detail, "/nonexistent/meshca.yaml: cannot be opened"),
	    mc_err_last()->detail);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "No such file"));
	ck_assert_ptr_null(config_read("/tmp"));
	free(path);
	free(text);
	free(good);
}
END_TEST

START_TEST(test_reference_is_the_document)
{
	char *path = base_xasprintf("%s/../../docs/configuration.md", TEST_DATA);
	char *page = slurp(path), *table;
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_CONFIG);
	config_reference(&buf);
	table = base_buf_take_str(&buf);
	ck_assert_msg(strstr(page, table) != NULL,
	    "docs/configuration.md is stale; put in what meshcad --reference prints");
	free(table);
	free(page);
	free(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_config");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (mkdtemp(dir_path) == NULL) {
		return 1;
	}
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_defaults);
	tcase_add_test(tcase, test_every_key_lands);
	tcase_add_test(tcase, test_bad_files);
	tcase_add_test(tcase, test_shared_token_keys);
	tcase_add_test(tcase, test_travel_with_files);
	tcase_add_test(tcase, test_read_refuses_a_file_that_others_write);
	tcase_add_test(tcase, test_reference_is_the_document);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	for (const char *const *name = (const char *const[]){"a.json", "b.json", "meshca.yaml", NULL};
	     *name != NULL; name++) {
		char *path = base_xasprintf("%s/%s", dir_path, *name);

		(void)unlink(path);
		free(path);
	}
	(void)rmdir(dir_path);
	return failed == 0 ? 0 : 1;
}

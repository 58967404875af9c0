/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's files, its way to the roles, and its reference. */
#include "base/config.h"

#include "check_main.h"
#include "file_read.h"
#include "folder_make.h"

#include <stdio.h>

static char *folder;

static struct config *
two_environments(const char *audience)
{
	char *text = base_xasprintf(
	    "state_dir: /x\nenvironments:\n"
	    "- name: a\n  grpc: {listen: \"127.0.0.1:1\"}\n"
	    "  clusters: [{issuer: i, jwks_file: %s/a.json}]\n"
	    "- name: b\n  grpc: {listen: \"127.0.0.1:2\"}\n"
	    "  clusters: [{issuer: i, audience: %s, jwks_file: %s/b.json}]\n",
	    folder, audience, folder);
	struct config *config = config_parse("f", base_span_str(text));

	free(text);
	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	return config;
}

/* Writes what is not NULL, and loads both. */
static enum mc_err
load(const char *audience, const char *a, const char *b)
{
	struct config *config;
	enum mc_err err;

	folder = folder_make();
	config = two_environments(audience);
	if (a != NULL) {
		folder_put(folder, "a.json", a);
	}
	if (b != NULL) {
		folder_put(folder, "b.json", b);
	}
	err = config_load_files(config);
	config_free(config);
	folder_drop(folder);
	return err;
}

static void
refused(enum mc_err err, const char *what)
{
	ck_assert_int_eq(err, MC_ECONFIG);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strstr(mc_err_last()->detail, what) != NULL, "%s is not in: %s", what,
	    mc_err_last()->detail);
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

/* Each refusal says which file, and what to do. */
START_TEST(test_a_jwks_that_is_none)
{
	struct base_buf keys;
	char *text;

	refused(load("other", "{\"n\":\"A\"}", NULL), "jwks_file: ");
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "b.json cannot be opened"));
	refused(load("other", "", "{\"n\":\"B\"}"), "a.json has no key");
	refused(load("other", "\"n\":", "{\"n\":\"B\"}"), "a.json has no key");
	refused(load("other", "\"n\": 5", "{\"n\":\"B\"}"), "a.json has no key");
	refused(load("other", "\"n\":\"cut", "{\"n\":\"B\"}"), "a.json has no key");
	refused(load("other", "\"e\":\"n\"", "{\"n\":\"B\"}"), "a.json has no key");
	/* 64 are taken, and the last of them counts; 65 are not */
	base_buf_init(&keys, LIMIT_CONFIG);
	for (unsigned i = 1; i < 64; i++) {
		base_buf_appendf(&keys, "{\"x\":\"K%u\"},\n", i);
	}
	base_buf_append_str(&keys, "{\"n\":\"SAME\"}");
	text = base_buf_take_str(&keys);
	ck_assert_int_eq(load("istio-ca", text, "{\"n\":\"B\"}"), MC_OK);
	refused(load("istio-ca", text, "{\"n\":\"SAME\"}"), "take the same tokens");
	base_buf_append_str(&keys, text);
	base_buf_append_str(&keys, ",{\"n\":\"MORE\"}");
	free(text);
	text = base_buf_take_str(&keys);
	refused(load("other", text, "{\"n\":\"B\"}"), "a.json has no key, or over 64");
	free(text);
}
END_TEST

/* A file of exactly the limit; one byte more; a folder. */
START_TEST(test_a_jwks_has_a_limit)
{
	char *text = base_xcalloc(1, LIMIT_CONFIG + 2);
	struct config *config;

	memset(text, ' ', LIMIT_CONFIG);
	memcpy(text, "\"n\":\"A\"", 7);
	ck_assert_int_eq(load("other", text, "{\"n\":\"B\"}"), MC_OK);
	text[LIMIT_CONFIG] = ' ';
	refused(load("other", text, "{\"n\":\"B\"}"), "larger than 1 MiB");
	free(text);
	folder = folder_make();
	folder_put(folder, "a.json/file", "x");
	config = two_environments("other");
	refused(config_load_files(config), "a.json cannot be read");
	config_free(config);
	folder_drop(folder);
}
END_TEST

/* Together they must fit the blob that they travel in, beside the configuration: 6 MiB. */
START_TEST(test_all_files_have_a_limit)
{
	char *text = base_xcalloc(1, LIMIT_CONFIG + 1);

	memset(text, ' ', LIMIT_CONFIG);
	memcpy(text, "\"n\":\"A\"", 7);
	folder = folder_make();
	folder_put(folder, "a.json", text);
	free(text);
	for (unsigned count = 6; count <= 7; count++) {
		struct config *config;
		struct base_buf buf;

		base_buf_init(&buf, LIMIT_CONFIG);
		base_buf_append_str(&buf, "state_dir: /x\nenvironments:\n"
		    "- name: a\n  grpc: {listen: \"127.0.0.1:1\"}\n  clusters:\n");
		for (unsigned i = 0; i < count; i++) {
			base_buf_appendf(&buf, "  - {name: c%u, issuer: i%u, jwks_file: %s/a.json}\n", i, i, folder);
		}
		config = config_parse("f", base_buf_span(&buf));
		ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
		if (count == 6) {
			int fd;

			ck_assert_int_eq(config_load_files(config), MC_OK);
			fd = config_to_memfd(config);
			ck_assert_int_ge(fd, 0);
			(void)close(fd);
		} else {
			refused(config_load_files(config), "larger than 6 MiB");
		}
		config_free(config);
		base_buf_clear(&buf);
	}
	folder_drop(folder);
}
END_TEST

/* What was there stays when a reload of a file fails. */
START_TEST(test_a_failed_load_keeps_what_was_loaded)
{
	struct config *config;

	folder = folder_make();
	folder_put(folder, "a.json", "{\"n\":\"A\"}");
	folder_put(folder, "b.json", "{\"n\":\"B\"}");
	config = two_environments("other");
	ck_assert_int_eq(config_load_files(config), MC_OK);
	folder_put(folder, "a.json", "nothing");
	refused(config_load_files(config), "a.json has no key");
	ck_assert_str_eq(config->environments[0].clusters[0].jwks, "{\"n\":\"A\"}");
	folder_put(folder, "a.json", "{\"n\":\"C\"}");
	ck_assert_int_eq(config_load_files(config), MC_OK);
	ck_assert_str_eq(config->environments[0].clusters[0].jwks, "{\"n\":\"C\"}");
	config_free(config);
	folder_drop(folder);
}
END_TEST

static struct config *
from_bytes(const void *bytes, size_t len)
{
	int fd = base_proc_memfd("blob", bytes, len);
	struct config *config;

	ck_assert_int_ge(fd, 0);
	config = config_from_fd(fd);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0); /* it stays the caller's */
	(void)close(fd);
	return config;
}

START_TEST(test_travel_with_files)
{
	struct config *config, *copy;
	char *blob;
	size_t len;
	int fd;

	folder = folder_make();
	folder_put(folder, "a.json", "{\"n\":\"A\"}");
	folder_put(folder, "b.json", "{\"x\":\"B\"}");
	config = two_environments("other");
	/* also before its files are loaded */
	fd = config_to_memfd(config);
	copy = config_from_fd(fd);
	ck_assert_ptr_nonnull(copy);
	ck_assert_ptr_null(copy->environments[0].clusters[0].jwks);
	config_free(copy);
	(void)close(fd);
	ck_assert_int_eq(config_load_files(config), MC_OK);
	fd = config_to_memfd(config);
	ck_assert_int_ge(fd, 0);
	/* sealed: who has it cannot change it for the others */
	ck_assert_int_lt(write(fd, "x", 1), 0);
	copy = config_from_fd(fd);
	ck_assert_ptr_nonnull(copy);
	ck_assert_mem_eq(copy->hash, config->hash, sizeof(config->hash));
	ck_assert_uint_eq(copy->text_len, config->text_len);
	ck_assert_str_eq(copy->environments[0].clusters[0].jwks, "{\"n\":\"A\"}");
	ck_assert_str_eq(copy->environments[1].clusters[0].jwks, "{\"x\":\"B\"}");
	config_free(copy);
	/* cut anywhere, longer by a byte, of another version */
	ck_assert_int_eq(base_proc_read_all(fd, LIMIT_CONFIG_BLOB, &blob, &len), MC_OK);
	(void)close(fd);
	for (size_t cut = 0; cut < len; cut += cut > len - 40 || cut < 12 ? 1 : 7) {
		ck_assert_msg(from_bytes(blob, cut) == NULL, "%zu of %zu bytes", cut, len);
	}
	copy = from_bytes(blob, len);
	ck_assert_ptr_nonnull(copy);
	config_free(copy);
	ck_assert_ptr_null(from_bytes(blob, len + 1)); /* its NUL */
	ck_assert_int_eq(mc_err_last()->code, MC_EFRAME);
	blob[0]++;
	ck_assert_ptr_null(from_bytes(blob, len));
	ck_assert_int_eq(mc_err_last()->code, MC_EFRAME);
	free(blob);
	ck_assert_ptr_null(from_bytes("\1\0\0\0\2\0\0\0ab", 10));
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	config_free(config);
	folder_drop(folder);
}
END_TEST

/* Whoever can write it is the authority. */
START_TEST(test_read_refuses_a_file_that_others_write)
{
	static const struct {
		mode_t mode;
		bool taken;
	} MODES[] = {{0600, true}, {0644, true}, {0444, true}, {0620, false}, {0602, false}, {0666, false}};
	char *good = base_xasprintf("%s/config/good/minimal.yaml", TEST_DATA);
	char *text = slurp(good), *path;

	folder = folder_make();
	path = base_xasprintf("%s/meshca.yaml", folder);
	folder_put(folder, "meshca.yaml", text);
	for (size_t i = 0; i < sizeof(MODES) / sizeof(MODES[0]); i++) {
		struct config *config;

		ck_assert_int_eq(chmod(path, MODES[i].mode), 0);
		config = config_read(path);
		ck_assert_msg((config != NULL) == MODES[i].taken, "%o", (unsigned)MODES[i].mode);
		ck_assert(config != NULL || strstr(mc_err_last()->detail, "chmod go-w") != NULL);
		config_free(config);
	}
	ck_assert_ptr_null(config_read("/nonexistent/meshca.yaml"));
	ck_assert_ptr_eq(strstr(mc_err_last()->detail, "/nonexistent/meshca.yaml: cannot be opened"),
	    mc_err_last()->detail);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "No such file"));
	ck_assert_ptr_null(config_read("/dev/null"));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "not a regular file"));
	ck_assert_ptr_null(config_read("/tmp"));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "not a regular file"));
	free(path);
	free(text);
	free(good);
	folder_drop(folder);
}
END_TEST

/* What it says is about the path that it was given, and a fault has its line. */
START_TEST(test_read_has_a_limit)
{
	char *text = base_xcalloc(1, LIMIT_CONFIG + 2), *path;

	folder = folder_make();
	path = base_xasprintf("%s/meshca.yaml", folder);
	memset(text, '#', LIMIT_CONFIG + 1);
	folder_put(folder, "meshca.yaml", text);
	ck_assert_ptr_null(config_read(path));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "larger than 1 MiB"));
	text[LIMIT_CONFIG] = '\0';
	folder_put(folder, "meshca.yaml", text); /* of exactly the limit it is read */
	ck_assert_ptr_null(config_read(path));
	ck_assert_ptr_null(strstr(mc_err_last()->detail, "larger than 1 MiB"));
	ck_assert_ptr_eq(strstr(mc_err_last()->detail, path), mc_err_last()->detail);
	free(path);
	free(text);
	folder_drop(folder);
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

CHECK_MAIN("base_config_load", test_shared_token_keys, test_a_jwks_that_is_none, test_a_jwks_has_a_limit,
    test_all_files_have_a_limit,    test_a_failed_load_keeps_what_was_loaded, test_travel_with_files,
    test_read_refuses_a_file_that_others_write, test_read_has_a_limit, test_reference_is_the_document)

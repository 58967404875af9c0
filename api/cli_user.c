/* SPDX-License-Identifier: Apache-2.0 */
/* People: add through the local socket or with an admin's approval, list, remove. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/cli.h"
#include "api/cli_admin.h"
#include "api/cli_approval.h"
#include "api/cli_crypto.h"
#include "api/cli_rest.h"
#include "api/cli_table.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "base/rd.h"

#define PEM_MAX (256 * 1024)

struct person {
	const char *name;
	const char *role;
	const char *dir;
	struct cli_key *key;
	struct base_buf public_key; /* as MSG_USER_ISSUE carries it */
	enum msg_key_alg alg;
	struct base_buf chain;   /* PEM: certificate, its issuer */
	struct base_buf anchors; /* PEM: the operators authority */
	char *url;
};

static void
person_clear(struct person *person)
{
	cli_key_free(person->key);
	base_buf_clear(&person->public_key);
	base_buf_clear(&person->chain);
	base_buf_clear(&person->anchors);
	free(person->url);
}

/* msg_user_issue.name: [a-z0-9][a-z0-9._-]{0,63}; it also names files. */
static bool
is_name(const char *name)
{
	static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	return len >= 1 && len <= LIMIT_USER_NAME && strspn(name, ALLOWED) == len &&
	    strchr("._-", name[0]) == NULL;
}

/* DIR/name.suffix, as cli_file_write wants it. */
static enum mc_err
write_file(const struct person *person, const char *suffix, unsigned mode,
    const struct base_buf *bytes)
{
	char *name = base_xasprintf("%s%s", person->name, suffix);
	enum mc_err ret = cli_file_write(person->dir, name, mode, base_buf_span(bytes));

	free(name);
	return ret;
}

/* Makes the key and writes it before anything is asked for: a certificate whose key could not be
 * kept would have to be revoked. An existing key is never replaced. */
static enum mc_err
key_make(struct person *person)
{
	char *path = base_xasprintf("%s/%s.key", person->dir, person->name);
	struct base_buf pem;
	enum mc_err ret = cli_file_dir(person->dir);

	base_buf_init(&pem, 16 * 1024);
	if (ret == MC_OK && access(path, F_OK) == 0) {
		ret = MC_FAIL(MC_ECONFLICT, "%s is there already; move it away first", path);
	}
	if (ret == MC_OK) {
		person->key = cli_key_generate(CLI_KEY_P256);
		ret = person->key == NULL ? MC_ECRYPTO : cli_key_pem(person->key, &pem);
	}
	if (ret == MC_OK) {
		ret = cli_key_public(person->key, &person->public_key, &person->alg);
	}
	if (ret == MC_OK) {
		ret = write_file(person, ".key", 0600, &pem);
	}
	base_buf_clear(&pem);
	free(path);
	return ret;
}

/* le32 length, DER, repeated: as PEM blocks. */
static enum mc_err
anchors_to_pem(struct base_span packed, struct base_buf *out)
{
	struct base_rd rd;

	base_rd_init(&rd, packed);
	while (rd.left > 0 && !rd.failed) {
		struct base_span der = base_rd_bytes(&rd, base_rd_le32(&rd));

		if (!rd.failed) {
			base_enc_pem(out, "CERTIFICATE", der);
		}
	}
	if (!base_rd_done(&rd) || out->len == 0) {
		return MC_FAIL(MC_EENCODING, "the daemon's answer holds no trust anchors");
	}
	return MC_OK;
}

/* Through the daemon's local socket: root on the machine needs no approval. */
static int
add_local(struct cli *cli, struct person *person)
{
	const struct msg_adm_user_add request = {
	    .name = base_span_str(person->name),
	    .role = (uint8_t)msg_user_role_parse(base_span_str(person->role)),
	    .key_alg = (uint8_t)person->alg,
	    .key = base_buf_span(&person->public_key),
	};
	struct cli_admin_answer answer = {.status = MC_EINTERNAL};
	struct config *config = cli_config(cli);
	enum mc_err err;
	int ret = CLI_OK;

	if (config == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	person->url = base_xasprintf("https://%s:%u",
	    config->rest_dns_name_count > 0 ? config->rest_dns_names[0] : "localhost",
	    (unsigned)config->rest.port);
	err = cli_admin_call(config, MSG_ADM_USER_ADD, &msg_adm_user_add_table, &request, &answer);
	config_free(config);
	if (err == MC_OK && answer.status != MC_OK) {
		ret = cli_fail_remote(cli, answer.status, base_buf_span(&answer.detail));
	} else if (err == MC_OK) {
		base_enc_pem(&person->chain, "CERTIFICATE", base_buf_span(&answer.cert));
		base_enc_pem(&person->chain, "CERTIFICATE", base_buf_span(&answer.issuer));
		err = anchors_to_pem(base_buf_span(&answer.anchors), &person->anchors);
	}
	cli_admin_answer_clear(&answer);
	return err == MC_OK ? ret : cli_fail_err(cli, err);
}

static json_t *
body_new(const struct person *person, const char *key_file)
{
	uint8_t hash[BASE_SHA256_LEN];
	char hex[2 * BASE_SHA256_LEN + 1];
	struct base_buf csr;
	struct base_buf what;
	json_t *approval = NULL;
	json_t *body = NULL;

	base_crypto_sha256(base_buf_span(&person->public_key), hash);
	base_enc_hex(hash, sizeof(hash), hex);
	base_buf_init(&csr, LIMIT_CSR_PEM);
	base_buf_init(&what, 1024);
	base_buf_appendf(&what, "meshca-user-add-v1\n%s\n%s\n%s\n", person->name, person->role, hex);
	if (cli_key_csr(person->key, NULL, NULL, 0, &csr) == MC_OK) {
		approval = cli_approval_json(key_file, &what);
	}
	if (approval != NULL) {
		body = json_pack("{s:s, s:s, s:s%, s:o}", "name", person->name, "role",
		    person->role, "csr", (const char *)csr.ptr, csr.len, "approval", approval);
	}
	base_buf_clear(&csr);
	base_buf_clear(&what);
	return body;
}

static int
add_rest(struct cli *cli, struct person *person)
{
	struct cli_rest_act act = {.method = "POST", .path = "/v1/users"};
	struct cli_client client;
	json_t *body = NULL;
	json_t *answer = NULL;
	enum mc_err err;
	int ret = cli_client_open(cli, false, &client);

	if (ret != CLI_OK) {
		return ret;
	}
	body = body_new(person, client.key);
	if (body == NULL) {
		ret = cli_fail_err(cli, mc_err_last()->code);
		goto out;
	}
	act.body = body;
	ret = cli_rest_call(cli, &client, &act, &answer);
	if (ret != CLI_OK) {
		goto out;
	}
	cli_json_chain(answer, &person->chain);
	person->url = base_xstrdup(client.url);
	err = cli_file_read(client.ca, PEM_MAX, &person->anchors);
	ret = err == MC_OK ? CLI_OK : cli_fail_err(cli, err);
out:
	json_decref(body);
	json_decref(answer);
	cli_client_clear(&client);
	return ret;
}

/* The client file: paths relative to it, or, with absolute set, from the root. */
static enum mc_err
write_client(const struct person *person, const char *dir, bool absolute)
{
	char *folder = absolute ? realpath(person->dir, NULL) : NULL;
	char *prefix = base_xasprintf("%s%s", folder == NULL ? "" : folder, folder == NULL ? "" : "/");
	char *cert = base_xasprintf("%s%s.crt", prefix, person->name);
	char *key = base_xasprintf("%s%s.key", prefix, person->name);
	char *ca = base_xasprintf("%soperators-ca.crt", prefix);
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "url", person->url, "cert", cert, "key",
	    key, "ca", ca);
	char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	enum mc_err ret = text == NULL
	    ? MC_FAIL(MC_EENCODING, "%s is not UTF-8", person->dir)
	    : cli_file_write(dir, "client.json", 0600, base_span_str(text));

	json_decref(object);
	free(text);
	free(ca);
	free(key);
	free(cert);
	free(prefix);
	free(folder);
	return ret;
}

/* Makes it what meshca uses without --client. */
static enum mc_err
write_default(const struct person *person)
{
	char *path = cli_client_default_path();
	char *slash;
	enum mc_err ret = MC_OK;

	if (path == NULL) {
		return MC_FAIL(MC_EIO, "--default needs a home directory");
	}
	for (char *at = path + 1; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
		*slash = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			ret = MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
		}
		*slash = '/';
	}
	if (ret == MC_OK) {
		*strrchr(path, '/') = '\0';
		ret = write_client(person, path, true);
	}
	free(path);
	return ret;
}

static enum mc_err
write_files(const struct cli *cli, const struct person *person)
{
	struct cli_cert cert;
	enum mc_err ret = cli_cert_check(base_buf_span(&person->chain),
	    base_buf_span(&person->anchors), person->key, NULL, &cert);

	if (ret == MC_OK) {
		ret = write_file(person, ".crt", 0644, &person->chain);
	}
	if (ret == MC_OK) {
		ret = cli_file_write(person->dir, "operators-ca.crt", 0644,
		    base_buf_span(&person->anchors));
	}
	if (ret == MC_OK) {
		ret = write_client(person, person->dir, false);
	}
	if (ret == MC_OK && cli_args_has(&cli->args, "--default")) {
		ret = write_default(person);
	}
	return ret;
}

int
cli_user_add(struct cli *cli)
{
	bool over_rest = cli_args_has(&cli->args, "--client") || cli_args_has(&cli->args, "--cert");
	struct person person = {.name = cli->args.operands[0],
	    .role = cli_args_get(&cli->args, "--role"),
	    .dir = cli_args_get(&cli->args, "--out")};
	char *key_path;
	enum mc_err err;
	int ret;

	if (!is_name(person.name)) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "a name is a-z, 0-9, '.', '_', '-', at most %d, not %s", LIMIT_USER_NAME,
		    person.name);
	}
	if (msg_user_role_parse(base_span_str(person.role)) == MSG_USER_INVALID) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "--role is viewer, operator or admin, not %s", person.role);
	}
	base_buf_init(&person.public_key, LIMIT_KEY_BYTES);
	base_buf_init(&person.chain, PEM_MAX);
	base_buf_init(&person.anchors, PEM_MAX);
	err = key_make(&person);
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
		goto out;
	}
	ret = over_rest ? add_rest(cli, &person) : add_local(cli, &person);
	if (ret != CLI_OK) {
		key_path = base_xasprintf("%s/%s.key", person.dir, person.name);
		(void)unlink(key_path);
		free(key_path);
		goto out;
	}
	err = write_files(cli, &person);
	if (err != MC_OK) {
		ret = cli_fail_err(cli, err);
		goto out;
	}
	cli_done(cli, "%s is %s; wrote %s/%s.key, %s.crt, operators-ca.crt and client.json",
	    person.name, person.role, person.dir, person.name, person.name);
out:
	person_clear(&person);
	return ret;
}

int
cli_user_list(struct cli *cli)
{
	static const char *const HEADINGS[] = {"NAME", "ROLE", "EXPIRES", "ADDED", "ADDED BY",
	    "SERIAL", NULL};
	const struct cli_rest_act act = {.method = "GET", .path = "/v1/users"};
	struct cli_client client;
	struct cli_table *table;
	json_t *list = NULL;
	const json_t *rows;
	int ret = cli_client_open(cli, false, &client);

	if (ret != CLI_OK) {
		return ret;
	}
	ret = cli_rest_call(cli, &client, &act, &list);
	cli_client_clear(&client);
	if (ret != CLI_OK) {
		return ret;
	}
	if (cli->json) {
		cli_json_print(list);
		json_decref(list);
		return CLI_OK;
	}
	table = cli_table_new(HEADINGS);
	rows = json_object_get(list, "users");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *const cells[] = {cli_json_text(row, "name"),
		    cli_json_text(row, "role"), cli_json_text(row, "not_after"),
		    cli_json_text(row, "added_at"), cli_json_text(row, "added_by"),
		    cli_json_text(row, "serial")};

		cli_table_row(table, cells);
	}
	cli_table_print(table, stdout);
	cli_table_free(table);
	json_decref(list);
	return CLI_OK;
}

static int
remove_rest(struct cli *cli, const struct cli_client *client, const char *name)
{
	struct cli_rest_act act = {.method = "POST"};
	struct base_buf what;
	json_t *approval;
	json_t *body;
	json_t *answer = NULL;
	char *path;
	int ret;

	base_buf_init(&what, 256);
	base_buf_appendf(&what, "meshca-user-remove-v1\n%s\n", name);
	approval = cli_approval_json(client->key, &what);
	base_buf_clear(&what);
	if (approval == NULL) {
		return cli_fail_err(cli, mc_err_last()->code);
	}
	body = json_pack("{s:o}", "approval", approval);
	path = base_xasprintf("/v1/users/%s/remove", name);
	act.body = body;
	act.path = path;
	ret = cli_rest_call(cli, client, &act, &answer);
	json_decref(answer);
	json_decref(body);
	free(path);
	return ret;
}

int
cli_user_remove(struct cli *cli)
{
	const char *name = cli->args.operands[0];
	struct cli_client client;
	int ret;

	if (!is_name(name)) {
		return cli_fail(cli, CLI_USAGE, "usage",
		    "a name is a-z, 0-9, '.', '_', '-', at most %d, not %s", LIMIT_USER_NAME, name);
	}
	ret = cli_client_open(cli, false, &client);
	if (ret != CLI_OK) {
		return ret;
	}
	ret = remove_rest(cli, &client, name);
	if (ret == CLI_OK) {
		cli_done(cli, "%s is removed, the certificate revoked", name);
	}
	cli_client_clear(&client);
	return ret;
}

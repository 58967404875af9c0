/* SPDX-License-Identifier: Apache-2.0 */
/* A person with a key, a certificate and a client file, and the server that the file names. */
#ifndef TESTS_CLI_WORLD_H
#define TESTS_CLI_WORLD_H

#include "cli_run.h"
#include "folder_make.h"
#include "rest_server.h"

struct cli_world {
	char *folder;
	char *client; /* the client file in it */
	struct make_ca *ca; /* of the server, and of the person */
	EVP_PKEY *key;      /* the person's */
	EVP_PKEY *server_key;
	struct rest_server *server;
};

static struct cli_world world;

/* A path in the folder; good until the fourth one after it. */
static inline const char *
world_path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", world.folder, name);
	return path;
}

static inline void
world_put_cert(const char *name, X509 *cert)
{
	char *pem = leaf_pem(cert);

	folder_put(world.folder, name, pem);
	free(pem);
}

static inline void
world_start(void)
{
	X509 *cert;
	char *pem;
	char *text;

	world = (struct cli_world){.folder = folder_make(),
	    .ca = make_ca("P-256", "cluster.local", time(NULL) + 86400),
	    .key = make_key("P-256"),
	    .server_key = make_key("P-256")};
	cert = leaf_make(world.ca, world.server_key, "IP:127.0.0.1", 3600);
	world.server = rest_server_new(world.server_key, cert, world.ca->cert);
	X509_free(cert);
	world_put_cert("ca.crt", world.ca->cert);
	cert = leaf_make(world.ca, world.key, NULL, 3600);
	world_put_cert("alice.crt", cert);
	X509_free(cert);
	pem = leaf_key_pem(world.key);
	folder_put(world.folder, "alice.key", pem);
	free(pem);
	text = base_xasprintf("{\"url\":\"https://127.0.0.1:%u\",\"cert\":\"alice.crt\","
			      "\"key\":\"alice.key\",\"ca\":\"ca.crt\"}",
	    world.server->port);
	folder_put(world.folder, "client.json", text);
	free(text);
	world.client = base_xasprintf("%s/client.json", world.folder);
}

static inline void
world_stop(void)
{
	rest_server_free(world.server);
	make_ca_free(world.ca);
	EVP_PKEY_free(world.key);
	EVP_PKEY_free(world.server_key);
	free(world.client);
	folder_drop(world.folder);
}

static inline bool
world_has(const char *name)
{
	return access(world_path(name), F_OK) == 0;
}

static inline unsigned
world_mode(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(world_path(name), &st), 0);
	return st.st_mode & 07777;
}

/* The caller frees it. */
static inline char *
world_read(const char *name)
{
	struct base_buf out;

	base_buf_init(&out, SAID_MAX);
	ck_assert_int_eq(cli_file_read(world_path(name), SAID_MAX, &out), MC_OK);
	return base_buf_take_str(&out);
}

/* The nth request from 0, which must have come; its line is checked. */
static inline const struct rest_seen *
world_asked(size_t n, const char *line)
{
	const struct rest_seen *seen = rest_server_seen(world.server, n);

	ck_assert_msg(seen != NULL, "no request %zu", n);
	ck_assert_str_eq(seen->line, line);
	return seen;
}

static inline bool
world_was_asked(void)
{
	return rest_server_seen(world.server, 0) != NULL;
}

#define ROUTES(...)                                                                          \
	rest_server_routes(world.server, (const struct rest_route[]){__VA_ARGS__, {.line = NULL}}, NULL)
#define OK(line_, body_) {.line = (line_), .status = 200, .body = (body_)}
#define PROBLEM(line_, status_, word_)                                                       \
	{.line = (line_), .status = (status_), .type = "application/problem+json",           \
	    .body = "{\"type\":\"urn:meshca:" word_ "\",\"title\":\"Title.\",\"detail\":"     \
		    "\"the detail\",\"action\":\"Act.\",\"request_id\":\"r1\"}"}
/* A verb that asks REST as the person does. */
#define AS_ALICE(...) CLI_RUN(__VA_ARGS__, "--client", world.client)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Documents against the schema: the example mesh, and documents with one fault each. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"

#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/lint.h"
#include "k8s/schema_parts.h"

/* Holds every document of a text against the schema; returns the number that pass. */
static size_t
check_text(struct base_arena *arena, const char *name, struct base_span text,
    struct k8s_findings *findings)
{
	struct k8s_schema *schema = k8s_schema_new();
	const struct base_tree *documents = base_yaml_read(arena, name, NULL, text);
	size_t good = 0;

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	for (uint32_t i = 0; i < documents->count; i++) {
		good += k8s_schema_check(schema, documents->items[i], findings) != K8S_INVALID;
	}
	k8s_schema_free(schema);
	return good;
}

static size_t
check_file(const char *path)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	char *text = base_xcalloc(1, 65536);
	FILE *file = fopen(path, "re");
	size_t good, len;

	ck_assert_msg(file != NULL, "%s", path);
	len = fread(text, 1, 65535, file);
	(void)fclose(file);
	good = check_text(arena, path, (struct base_span){(const uint8_t *)text, len}, findings);
	if (k8s_findings_count(findings) > 0) {
		const struct k8s_finding *one = k8s_findings_get(findings, 0);

		ck_abort_msg("%s:%d: %s %s; %s", one->at->file, one->at->line, one->code, one->what,
		    one->fix);
	}
	free(text);
	base_arena_free(arena);
	return good;
}

static size_t
check_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t good = 0;

	ck_assert_msg(dir != NULL, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		char *below = base_xasprintf("%s/%s", path, entry->d_name);
		const char *end = strrchr(entry->d_name, '.');

		if (end != NULL && strcmp(end, ".yaml") == 0) {
			good += check_file(below);
		} else if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			good += check_folder(below);
		}
		free(below);
	}
	(void)closedir(dir);
	return good;
}

START_TEST(test_example_is_good)
{
	ck_assert_uint_ge(check_folder(TEST_DATA "/../../k8s/examples/ecotrack"), 18);
}
END_TEST

#define HEAD(kind) "apiVersion: meshca.dev/v1alpha1\nkind: " kind "\n"
#define NAMED(kind) HEAD(kind) "metadata: {name: cart, namespace: shop}\nspec:\n"
#define WHO "  owner: team\n  onCall: pager\n  workload: {kind: Deployment, selector: {app: cart}}\n"
#define PORTS "  ports: [{name: http, protocol: http, port: 80, targetPort: 8080}]\n"
#define SERVICE NAMED("Service") WHO PORTS      /* eight lines */
#define PORT(port) NAMED("Service") WHO "  ports: [{name: http, protocol: http, port: " port "}]\n"
#define IN(part) SERVICE "  environments: {production: {" part "}}\n"

static const struct {
	const char *text;
	const char *code;
	int line;
	const char *what; /* whole; NULL: not looked at */
	const char *fix;  /* its beginning */
} FAULTS[] = {
	{"- a\n", "MCA0005", 1, "the document is a list", "write a map of apiVersion, kind, metadata, spec"},
	{"kind: Service\nmetadata: {name: a, namespace: b}\nspec: {}\n", "MCA0009", 1, "apiVersion is missing",
	    "write apiVersion: meshca.dev/v1alpha1"},
	{"apiVersion: meshca.dev/v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {}\n", "MCA0009", 1,
	    "apiVersion is meshca.dev/v1", NULL},
	{"apiVersion: meshca.dev/v1alpha1\nmetadata: {name: a}\nspec: {}\n", "MCA0009", 1, "kind is missing",
	    "write one of Mesh Environment"},
	{HEAD("Sevice") "metadata: {name: a}\nspec: {}\n", "MCA0009", 2, "kind is Sevice", NULL},
	{HEAD("Service") "metadata: {name: a, namespace: b}\n", "MCA0004", 1, "Service has no spec", "add spec: "},
	{HEAD("Service") "metadata: {name: Cart, namespace: shop}\nspec: {}\n", "MCA0006", 3,
	    "Service.metadata.name cannot be \"Cart\"", "write an RFC 1123 label"},
	{HEAD("Service") "metadata: {name: cart}\nspec: {}\n", "MCA0004", 3, "Service.metadata has no namespace",
	    "add namespace: Its namespace."},
	{HEAD("Mesh") "metadata: {name: cart, namespace: shop}\nspec: {}\n", "MCA0003", 3,
	    "Mesh.metadata has no key namespace", NULL},
	{SERVICE "status: {}\n", "MCA0003", 9, "Service has no key status", NULL},
	/* keys */
	{SERVICE "  timeot: 5s\n", "MCA0003", 9, "Service.spec has no key timeot", "write timeout"},
	{SERVICE "  nothingLikeIt: 5s\n", "MCA0003", 9, "Service.spec has no key nothingLikeIt",
	    "remove it; known here: owner onCall class"},
	{NAMED("Service") WHO "  ports: [{name: http, protocol: http, prot: 1, port: 80}]\n", "MCA0003", 8,
	    "Service.spec.ports[0] has no key prot", "write port"},
	{NAMED("Service") WHO "  ports: [{name: http, protocol: http, port: 80}, {name: b, protocol: http}]\n", "MCA0004",
	    8, "Service.spec.ports[1] has no port", "add port: Port of the Service."},
	/* types */
	{SERVICE "  timeout: [5s]\n", "MCA0005", 9, "Service.spec.timeout is a list", "write a duration such as"},
	{SERVICE "  timeout: 5\n", "MCA0005", 9, "Service.spec.timeout is an integer",
	    "write a duration such as 500ms, 30s, 1h30m; text is in quotes: \"5\""},
	{SERVICE "  objectives: {availability: 99.9}\n", "MCA0005", 9,
	    "Service.spec.objectives.availability is a number", NULL},
	{SERVICE "  retries: {attempts: two}\n", "MCA0005", 9, "Service.spec.retries.attempts is text",
	    "write an integer"},
	{SERVICE "  gatewayPaths: /a\n", "MCA0005", 9, "Service.spec.gatewayPaths is text", "write a list"},
	{SERVICE "  pool: 5\n", "MCA0005", 9, "Service.spec.pool is an integer", "write a map"},
	{SERVICE "  balancing: [RANDOM]\n", "MCA0005", 9, "Service.spec.balancing is a list", "write a text"},
	{NAMED("DataService") WHO "  ports: [{name: db, port: 1}]\n  headless: \"true\"\n", "MCA0005", 9,
	    "DataService.spec.headless is text", "write true or false"},
	/* values */
	{SERVICE "  timeout: 5 seconds\n", "MCA0006", 9, "Service.spec.timeout cannot be \"5 seconds\"", NULL},
	{SERVICE "  balancing: RANDOM_WALK\n", "MCA0006", 9, "Service.spec.balancing cannot be \"RANDOM_WALK\"",
	    "write one of LEAST_REQUEST LEAST_CONN ROUND_ROBIN RANDOM ("},
	{PORT("0"), "MCA0006", 8, "Service.spec.ports[0].port cannot be \"0\"", "write a number in 1..65535"},
	{PORT("65536"), "MCA0006", 8, "Service.spec.ports[0].port cannot be \"65536\"", NULL},
	{PORT("-1"), "MCA0006", 8, "Service.spec.ports[0].port cannot be \"-1\"", NULL},
	{PORT("18446744073709551617"), "MCA0006", 8, NULL, NULL},
	/* lists */
	{NAMED("Service") WHO "  ports: []\n", "MCA0005", 8, "Service.spec.ports is an empty list",
	    "write at least one item"},
	{SERVICE "  calls: [{service: a, methods: []}]\n", "MCA0005", 9,
	    "Service.spec.calls[0].methods is an empty list", NULL},
	{SERVICE "  gatewayPaths: [/a, b]\n", "MCA0006", 9, "Service.spec.gatewayPaths[1] cannot be \"b\"", NULL},
	{SERVICE "  routes: [{name: a}, {name: a}]\n", "MCA0008", 9, "routes: a is there twice", NULL},
	{SERVICE "  routes: [{name: a}, {name: b}, {name: a}]\n", "MCA0008", 9, "routes: a is there twice", NULL},
	/* exactly one of several */
	{SERVICE "  calls: [{service: a, data: b}]\n", "MCA0007", 9,
	    "Service.spec.calls[0] names 2 of service|data|external", "write exactly one of service|data|external"},
	{SERVICE "  calls: [{port: a}]\n", "MCA0007", 9, "Service.spec.calls[0] names 0 of service|data|external", NULL},
	{SERVICE "  calls: [{service: null}]\n", "MCA0007", 9, NULL, NULL},
	/* free keys */
	{NAMED("Service") "  workload: {selector: {app: cart, \"a b\": c}}\n" PORTS, "MCA0006", 5, "a b cannot be a key",
	    NULL},
	{NAMED("Service") "  workload: {selector: {app: 5}}\n" PORTS, "MCA0005", 5,
	    "Service.spec.workload.selector.app is an integer", NULL},
	{NAMED("Service") "  workload: {selector: [app]}\n" PORTS, "MCA0005", 5,
	    "Service.spec.workload.selector is a list", "write a map of names to texts"},
	{SERVICE "  jwt: {provider: a, rules: [{claims: {groups: []}}]}\n", "MCA0005", 9,
	    "Service.spec.jwt.rules[0].claims.groups is an empty list", NULL},
	{SERVICE "  jwt: {provider: a, rules: [{claims: {groups: a}}]}\n", "MCA0005", 9,
	    "Service.spec.jwt.rules[0].claims.groups is text", "write a list of at least one word"},
	{SERVICE "  jwt: {provider: a, rules: [{claims: {groups: [\"a b\"]}}]}\n", "MCA0006", 9,
	    "Service.spec.jwt.rules[0].claims.groups cannot be \"a b\"", NULL},
	{SERVICE "  environments: {Production: {}}\n", "MCA0006", 9, "Production cannot be a key", NULL},
	/* null takes away, but not what must be there */
	{NAMED("Service") "  workload: {selector: null}\n" PORTS, "MCA0005", 5,
	    "Service.spec.workload.selector is null", NULL},
	{NAMED("Service") WHO "  ports: [{name: a, protocol: http, port: null}]\n", "MCA0005", 8,
	    "Service.spec.ports[0].port is null", NULL},
	/* parts: nothing is required but keys that lists merge by, and lists that replace are whole */
	{IN("ports: [{port: 81}]"), "MCA0004", 9, "Service.spec.environments.production.ports[0] has no name", NULL},
	{IN("ports: [{name: null}]"), "MCA0005", 9, "Service.spec.environments.production.ports[0].name is null", NULL},
	{IN("accepts: [{namespace: a}]"), "MCA0004", 9, "Service.spec.environments.production.accepts[0] has no from",
	    NULL},
	{IN("accepts: [{from: null}]"), "MCA0005", 9, "Service.spec.environments.production.accepts[0].from is null",
	    NULL},
	{IN("environments: {}"), "MCA0003", 9, "Service.spec.environments.production has no key environments", NULL},
	{IN("timeout: 5"), "MCA0005", 9, "Service.spec.environments.production.timeout is an integer", NULL},
};

START_TEST(test_faults_are_named)
{
	for (size_t i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
		struct base_arena *arena = base_arena_new();
		struct k8s_findings *findings = k8s_findings_new(arena);
		const struct k8s_finding *one;

		ck_assert_msg(check_text(arena, "t.yaml", base_span_str(FAULTS[i].text), findings) == 0 &&
		    k8s_findings_have_error(findings), "%s was taken", FAULTS[i].text);
		one = k8s_findings_get(findings, 0);
		ck_assert_msg(strcmp(one->code, FAULTS[i].code) == 0 && one->at->line == FAULTS[i].line,
		    "%s line %d (%s), not %s line %d: %s", one->code, one->at->line, one->what,
		    FAULTS[i].code, FAULTS[i].line, FAULTS[i].text);
		ck_assert_msg(FAULTS[i].what == NULL || strcmp(one->what, FAULTS[i].what) == 0, "%s\n%s", one->what,
		    FAULTS[i].text);
		ck_assert_msg(one->fix[0] != '\0' && (FAULTS[i].fix == NULL ||
		    strncmp(one->fix, FAULTS[i].fix, strlen(FAULTS[i].fix)) == 0), "%s\n%s", one->fix, FAULTS[i].text);
		/* one fault is one finding, but for a version that is missing, as any key is */
		ck_assert_msg(k8s_findings_count(findings) == 1 || strstr(one->what, "apiVersion") != NULL, "%s\n%s", k8s_findings_get(findings, 1)->what,
		    FAULTS[i].text);
		base_arena_free(arena);
	}
}
END_TEST

static const char *const GOOD[] = {
	SERVICE,
	PORT("1"),
	PORT("65535"),
	SERVICE "  timeout: null\n  breaker: null\n  gatewayPaths: []\n  calls: []\n",
	SERVICE "  resources: {requests: {cpu: 2, memory: 512Mi}}\n", /* everybody writes cpu: 2 */
	SERVICE "  calls: [{service: a, data: null}]\n",
	IN("ports: [{name: http, port: null}], owner: null, workload: {selector: null}"),
	IN("routes: [{name: a, timeout: 1s}]"),
	IN(""),
	SERVICE "  routes: [{name: a, retries: {attempts: 0}}]\n",
	HEAD("Mesh") "metadata: {name: m}\nspec: {defaults: {service: {workload: {kind: StatefulSet}}}}\n",
};

START_TEST(test_good_ones_pass)
{
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		struct base_arena *arena = base_arena_new();
		struct k8s_findings *findings = k8s_findings_new(arena);

		ck_assert_msg(check_text(arena, "t.yaml", base_span_str(GOOD[i]), findings) == 1, "%s\n%s", GOOD[i],
		    k8s_findings_count(findings) > 0 ? k8s_findings_get(findings, 0)->what : "");
		ck_assert_uint_eq(k8s_findings_count(findings), 0);
		base_arena_free(arena);
	}
}
END_TEST

/* Several faults are several findings, and one that is wrong does not hide the next. */
START_TEST(test_all_faults_are_told)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);

	ck_assert_uint_eq(check_text(arena, "t.yaml", base_span_str(SERVICE
	    "  timeout: 5\n  balancing: X\n  nothing: 1\n  pool: {maxConnections: 0}\n---\n" SERVICE), findings), 1);
	ck_assert_uint_eq(k8s_findings_count(findings), 4);
	base_arena_free(arena);
}
END_TEST

START_TEST(test_kind_is_told)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_schema *schema = k8s_schema_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	const struct base_tree *documents = base_yaml_read(arena, "t.yaml", NULL,
	    base_span_str(SERVICE "---\n" HEAD("IdentityProvider") "metadata: {name: a}\nspec: {}\n"));

	ck_assert_int_eq((int)k8s_schema_check(schema, documents->items[0], findings), K8S_SERVICE);
	ck_assert_int_eq((int)k8s_schema_check(schema, documents->items[1], findings), K8S_IDENTITY_PROVIDER);
	k8s_schema_free(schema);
	k8s_schema_free(NULL);
	base_arena_free(arena);
}
END_TEST

/* Names from a file are shown as far as they help, and what could steer a terminal is not. */
START_TEST(test_shown_names_are_cut)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	char key[401] = "";
	char *text;

	for (size_t i = 0; i < 400; i++) {
		key[i] = 'k';
	}
	text = base_xasprintf(SERVICE "  %s: 1\n", key);
	ck_assert_uint_eq(check_text(arena, "t.yaml", base_span_str(text), findings), 0);
	free(text);
	text = base_xasprintf(NAMED("Service") "  workload: {selector: {%s: {%s: 1}}}\n" PORTS, key, key);
	ck_assert_uint_eq(check_text(arena, "t.yaml", base_span_str(text), findings), 0);
	free(text);
	ck_assert_uint_eq(check_text(arena, "t.yaml", base_span_str(SERVICE "  \"a\\e[2J\": 1\n"), findings), 0);
	ck_assert_uint_eq(k8s_findings_count(findings), 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_lt(strlen(k8s_findings_get(findings, i)->what), 300);
		ck_assert_ptr_null(strchr(k8s_findings_get(findings, i)->what, '\x1b'));
	}
	base_arena_free(arena);
}
END_TEST

/* A key that was meant: at most a third of it is wrong, and one more. */
START_TEST(test_nearest)
{
	static const struct {
		const char *name, *nearest;
	} ROWS[] = {{"timeot", "timeout"}, {"timeouts", "timeout"}, {"Owner", "owner"}, {"prots", "ports"},
	    {"timeout", "timeout"}, {"acepts", "accepts"}, {"retires", "retries"}, {"nothingLikeIt", NULL}, {"x", NULL},
	    {"ow", NULL}, {"zzz", NULL}, {"tmt", "jwt"}};
	char longer[101] = "";

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		ck_assert_pstr_eq(k8s_schema_nearest(&K8S_SERVICE_SPEC, ROWS[i].name), ROWS[i].nearest);
	}
	for (size_t i = 0; i < 100; i++) {
		longer[i] = 'o';
	}
	ck_assert_ptr_null(k8s_schema_nearest(&K8S_SERVICE_SPEC, longer));
}
END_TEST

/* Defaults are parts of documents, not documents. */
START_TEST(test_merged_defaults)
{
	struct base_arena *arena = base_arena_new();
	struct k8s_findings *findings = k8s_findings_new(arena);
	const struct base_tree *spec = base_yaml_read(arena, "t.yaml", NULL,
	    base_span_str("{namespaces: [{name: a}], defaults: {service: {timeout: 1s}}}"));

	ck_assert(k8s_schema_check_merged(K8S_KINDS[K8S_MESH].spec, spec->items[0], "Mesh m", findings));
	ck_assert_uint_eq(k8s_findings_count(findings), 0);
	base_arena_free(arena);
}
END_TEST

/* What the merged document must have is looked for in every part that is there. */
START_TEST(test_merged)
{
	static const struct {
		const char *spec, *what; /* NULL: all is there */
	} ROWS[] = {
		{"{owner: a, workload: {selector: {}}, ports: [{name: a, protocol: http, port: 1}]}", NULL},
		{"{workload: {selector: {}}, ports: [{name: a, protocol: http, port: 1}]}",
		    "X in y has no spec.owner, and no default gives one"},
		{"{owner: a, workload: {}, ports: [{name: a, protocol: http, port: 1}]}",
		    "X in y has no spec.workload.selector, and no default gives one"},
		{"{owner: a, workload: {selector: {}}, ports: [{name: a, protocol: http, port: 1}, {name: b, port: 1}]}",
		    "X in y has no spec.ports.protocol, and no default gives one"},
		{"{owner: a, workload: {selector: {}}, ports: [{name: a, protocol: http, port: 1}], jwt: {provider: a}}",
		    "X in y has no spec.jwt.rules, and no default gives one"},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct base_arena *arena = base_arena_new();
		struct k8s_findings *findings = k8s_findings_new(arena);
		const struct base_tree *spec = base_yaml_read(arena, "t.yaml", NULL, base_span_str(ROWS[i].spec));

		ck_assert_msg(k8s_schema_check_merged(&K8S_SERVICE_SPEC, spec->items[0], "X in y", findings) ==
		    (ROWS[i].what == NULL), "%s", ROWS[i].spec);
		ck_assert_uint_eq(k8s_findings_count(findings), ROWS[i].what == NULL ? 0 : 1);
		if (ROWS[i].what != NULL) {
			ck_assert_str_eq(k8s_findings_get(findings, 0)->code, "MCA0012");
			ck_assert_str_eq(k8s_findings_get(findings, 0)->what, ROWS[i].what);
		}
		base_arena_free(arena);
	}
}
END_TEST

CHECK_MAIN("k8s_schema_check", test_example_is_good, test_faults_are_named, test_good_ones_pass,
    test_all_faults_are_told, test_kind_is_told, test_shown_names_are_cut, test_nearest, test_merged,
    test_merged_defaults)

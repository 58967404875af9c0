/* SPDX-License-Identifier: Apache-2.0 */
/* Every finding of the graph, with a small mesh that has this one fault; those of the model stand with its sources. */
#include <glob.h>
#include <stdio.h>

#include "check_main.h"
#include "model_make.h"

#include "base/proc.h"

static const struct sample SAMPLES[] = {
	{"MCA1001", SERVICE("a") "  calls: [{service: b}]\n" SERVICE("b"),
	    "shop/a calls shop/b, which does not accept it"},
	{"MCA1002", SERVICE("a") SERVICE("b") "  accepts: [{from: a}]\n",
	    "shop/a is accepted by shop/b, but does not call it"},
	{"MCA1003", SERVICE("a") "  calls: [{service: b, methods: [GET]}]\n" SERVICE("b")
	    "  accepts: [{from: a, methods: [POST]}]\n", "nothing in common"},
	{"MCA1003", SERVICE("a") "  calls: [{service: b, paths: [/x/*]}]\n" SERVICE("b")
	    "  accepts: [{from: a, paths: [/y/*]}]\n", "nothing in common"},
	{"MCA1004", SERVICE("a") "  calls: [{service: b}]\n" SERVICE("b") PCI, "which does not accept it"},
	{"MCA1004", SERVICE("a") PCI SERVICE("b") "  accepts: [{from: a}]\n", "but does not call it"},
	{"MCA0106", FROM("0.0.0.0/0") PCI, "a is of class pci, and port raw takes plaintext"},
	{"MCA1005", SERVICE("a") "  calls: [{service: nobody}]\n", "no service is named nobody"},
	{"MCA1005", SERVICE("a") "  accepts: [{from: nobody}]\n", "no service is named nobody"},
	{"MCA1005", SERVICE("a") "  calls: [{external: x}]\n" EXTERNAL("x", "a"),
	    "no egress gateway is named out"},
	{"MCA1006", SERVICE("a") "  calls: [{service: b}]\n" IN("one", "b") HTTP IN("two", "b") HTTP,
	    "several namespaces have a service named b"},
	{"MCA1007", SERVICE("a") "  calls: [{service: b, methods: [GET, POST]}]\n" SERVICE("b")
	    "  accepts: [{from: a, methods: [GET]}]\n", "a asks shop/b for POST"},
	{"MCA1008", SERVICE("a") "  calls: [{service: b, methods: [GET]}]\n" TCP_SERVICE("b")
	    "  accepts: [{from: a}]\n", "no port that speaks HTTP"},
	{"MCA1008", TCP_SERVICE("a") "  gatewayPaths: [/a]\n" INGRESS("public"), "no port that speaks HTTP"},
	{"MCA1009", SERVICE("a") "  calls: [{service: b, port: grpc}]\n" SERVICE("b")
	    "  accepts: [{from: a}]\n", "shop/b has no port named grpc"},
	{"MCA1009", DB "  maxConnections: 9\n  backup: {serviceAccount: saver, port: copy}\n"
	    SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n", "shop/db has no port named copy"},
	{"MCA1010", SERVICE("a") "  calls: [{service: b}]\n  accepts: [{from: b}]\n" SERVICE("b")
	    "  calls: [{service: a}]\n  accepts: [{from: a}]\n", "a"},
	{"MCA1020", SERVICE("a") "  gatewayPaths: [/a]\n", "not clear at which ingress gateway"},
	{"MCA1020", SERVICE("a") "  gatewayPaths: [/a]\n" INGRESS("left") INGRESS("right"), "not clear"},
	{"MCA1020", SERVICE("a") "  gatewayPaths: [/a]\n  gateway: out\n" EGRESS("out"), "not clear"},
	{"MCA1024", SERVICE("a") PCI "  calls: [{external: x}]\n" SERVICE("b") "  calls: [{external: z}]\n"
	    EXTERNAL("x", "a") EXTERNAL("z", "b") EGRESS("out"), "through the same egress gateway out"},
	{"MCA1024", SERVICE("a") "  egressGateway: own\n  calls: [{external: x}]\n" EXTERNAL("x", "a")
	    EGRESS("out") EGRESS("own"), "a leaves through the egress gateway own"},
	{"MCA1032", SERVICE("a") HEAD "Service\nmetadata: {name: c, namespace: shop}\nspec:\n  owner: team\n"
	    "  workload: {selector: {role: b, app: a}}\n" HTTP, "the selector of shop/a chooses the pods of shop/c, too"},
	{"MCA1032", HEAD "Service\nmetadata: {name: a, namespace: shop}\nspec:\n  owner: team\n"
	    "  workload: {selector: {}}\n" HTTP, "the selector of shop/a is empty"},
	{"MCA1032", EGRESS("one") HEAD "Gateway\nmetadata: {name: out, namespace: two}\nspec:\n"
	    "  direction: egress\n  selector: {app: one}\n",
	    "the selector of edge/one chooses the pods of two/out, too"},
	{"MCA1033", INGRESS("public") "  waf: {backend: ext-authz, failure: closed}\n",
	    "judges requests of edge/public"},
	{"MCA1033", TCP_SERVICE("judge") INGRESS("public")
	    "  waf: {backend: ext-authz, failure: closed, service: judge}\n", "judges requests of edge/public"},
};

/* Near to the faults above, and none of them. */
static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  calls: [{service: b, methods: [GET]}]\n" SERVICE("b")
	    "  accepts: [{from: a}]\n", NULL},
	{"", SERVICE("a") "  calls: [{service: b, namespace: one}]\n" IN("one", "b") HTTP
	    "  accepts: [{from: a}]\n" IN("two", "b") HTTP, NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

/* The texts of all tests of k8s/; the caller clears it. */
static struct base_buf
test_texts(void)
{
	struct base_buf all;
	glob_t files;

	base_buf_init(&all, LIMIT_YAML);
	ck_assert_int_eq(glob(TEST_DATA "/../unit/test_k8s_*.c", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "re");
		char *text = NULL;
		size_t len = 0;

		ck_assert_msg(file != NULL, "%s", files.gl_pathv[i]);
		ck_assert_int_eq(base_proc_read_all(fileno(file), LIMIT_YAML, &text, &len), MC_OK);
		(void)fclose(file);
		base_buf_append(&all, text, len);
		free(text);
	}
	globfree(&files);
	base_buf_append_u8(&all, '\0');
	return all;
}

START_TEST(test_every_code_has_a_sample)
{
	struct base_buf all = test_texts();

	ck_assert(!base_buf_failed(&all));
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const char *code = k8s_lint_nth(i)->code;
		char *sample = base_xasprintf("{\"%s\", ", code);

		ck_assert_msg(strcmp(code, "MCA1000") < 0 || strstr((const char *)all.ptr, sample) != NULL,
		    "%s has no sample", code);
		free(sample);
	}
	base_buf_clear(&all);
}
END_TEST

CHECK_MAIN("k8s_model_lint", test_findings, test_every_code_has_a_sample)

/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for the whole environment. */
#include "check_main.h"
#include "model_make.h"

#define ENVIRONMENT(more) HEAD "Environment\nmetadata: {name: production}\nspec:\n  clusters: [{name: one}]\n" more

/* A Mesh and an Environment with these lines in their specs. */
static void
begin_mesh(const char *mesh, const char *environment)
{
	char *text = base_xasprintf("%s%s", HEAD "Mesh\nmetadata: {name: shop}\nspec:\n"
	    "  namespaces: [{name: shop, injection: true}, {name: one, injection: false}]\n", mesh);
	const struct k8s_file files[] = {{"mesh.yaml", base_span_str(text)},
	    {"production.yaml", base_span_str(environment)}};

	begin_of(files, 2);
	free(text);
}

#define ISTIO "  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n"

START_TEST(test_defaults)
{
	begin_mesh("", ENVIRONMENT(ISTIO));
	ck_assert_str_eq(text_at(model, "version"), "1");
	ck_assert_str_eq(text_at(model, "mesh.name"), "shop");
	ck_assert_str_eq(shown(model, "mesh.authority"), "{'namespace':'meshca','service':'meshca','serviceAccount':'meshca',"
	    "'address':'meshca.meshca.svc:15012','port':15012}");
	ck_assert_str_eq(text_at(model, "mesh.istio.namespace"), "istio-system");
	ck_assert_str_eq(text_at(model, "environment.trustDomain"), "cluster.local");
	ck_assert_str_eq(shown(model, "environment.trustDomainAliases"), "[]");
	ck_assert_str_eq(text_at(model, "environment.mtls"), "STRICT");
	ck_assert_str_eq(text_at(model, "environment.networkPolicy"), "true");
	ck_assert_str_eq(text_at(model, "environment.faultsAllowed"), "false");
	ck_assert_str_eq(text_at(model, "environment.meshMinVersion"), "TLSV1_2");
	ck_assert_str_eq(text_at(model, "environment.registry.REGISTRY_ONLY"), "true");
	ck_assert_str_eq(text_at(model, "environment.revision"), "stable");
	ck_assert_str_eq(shown(model, "environment.revisions"), "[{'name':'a','tag':'stable'}]");
	ck_assert_int_eq(base_tree_at(model, "environment.traceSampling")->kind == BASE_TREE_STRING, 0);
	end();
}
END_TEST

/* istiod must not be an authority beside this one. */
START_TEST(test_istiod)
{
	begin_mesh("", ENVIRONMENT(ISTIO "  trustDomain: shop.example\n  trustDomainAliases: [old.example]\n"
	    "  policies: {workloadTtl: 90m, rotateAt: \"0.7\"}\n"));
	ck_assert_str_eq(shown(model, "environment.istiod"),
	    "{'caAddress':'meshca.meshca.svc:15012','env':{'ENABLE_CA_SERVER':'false'},'trustDomain':'shop.example',"
	    "'trustDomainAliases':['old.example'],'proxyMetadata':{'SECRET_TTL':'1h30m0s',"
	    "'SECRET_GRACE_PERIOD_RATIO':'0.7','SECRET_GRACE_PERIOD_RATIO_JITTER':'0.01'}}");
	end();
}
END_TEST

START_TEST(test_own_words)
{
	begin_mesh("  trustDomain: mesh.example\n  authority: {namespace: pki, service: ca, serviceAccount: runner, port: 8443}\n"
		   "  istio: {namespace: istio, version: \"1.29\"}\n"
		   "  monitoring: {namespace: watch, serviceAccount: prometheus}\n",
	    ENVIRONMENT("  istio: {version: \"1.31\", revisions: [{name: a, tag: stable}], tag: stable}\n"
			"  policies: {mtls: PERMISSIVE, outbound: ALLOW_ANY, faults: allowed, meshMinVersion: \"1.3\"}\n"));
	ck_assert_str_eq(text_at(model, "mesh.authority.address"), "ca.pki.svc:8443");
	ck_assert_str_eq(text_at(model, "environment.istiod.caAddress"), "ca.pki.svc:8443");
	ck_assert_str_eq(text_at(model, "mesh.istio.namespace"), "istio");
	ck_assert_str_eq(text_at(model, "mesh.istio.version"), "1.31"); /* the environment's goes first */
	ck_assert_str_eq(shown(model, "mesh.monitoring"), "{'namespace':'watch','serviceAccount':'prometheus',"
	    "'principal':'mesh.example/ns/watch/sa/prometheus'}");
	ck_assert_str_eq(text_at(model, "environment.trustDomain"), "mesh.example");
	ck_assert_str_eq(text_at(model, "environment.mtls"), "PERMISSIVE");
	ck_assert_str_eq(text_at(model, "environment.outbound"), "ALLOW_ANY");
	ck_assert_ptr_null(base_tree_at(model, "environment.registry"));
	ck_assert_str_eq(text_at(model, "environment.faultsAllowed"), "true");
	ck_assert_str_eq(text_at(model, "environment.meshMinVersion"), "TLSV1_3");
	end();
}
END_TEST

/* What the authority writes: certificates where proxies are, istiod's own in its namespace alone. */
START_TEST(test_publications)
{
	const struct base_tree *list;

	begin_mesh("", ENVIRONMENT(ISTIO));
	list = base_tree_at(model, "environment.publish");
	ck_assert_uint_eq(list->count, 3);
	ck_assert_str_eq(text_at(list->items[0], "name"), "istio-ca-root-cert");
	ck_assert_str_eq(shown(list->items[0], "keys"), "['root-cert.pem']");
	ck_assert_str_eq(shown(list->items[0], "namespaces"), "['istio-system','shop']");
	ck_assert_str_eq(text_at(list->items[1], "name"), "istio-ca-crl");
	ck_assert_str_eq(text_at(list->items[2], "kind"), "Secret");
	ck_assert_str_eq(shown(list->items[2], "keys"), "['tls.crt','tls.key','ca.crt']");
	ck_assert_str_eq(text_at(list->items[2], "namespace"), "istio-system");
	ck_assert_ptr_null(base_tree_get(list->items[2], "namespaces"));
	end();
}
END_TEST

CHECK_MAIN("k8s_model_mesh", test_defaults, test_istiod, test_own_words, test_publications)

/* SPDX-License-Identifier: Apache-2.0 */
/* Data services: hosts, connections that are left alone, and who is who inside. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1018", SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n" DB
	    "  maxConnections: 20\n  idleTimeout: 30m\n", "after 30m of silence, but pools keep them 30m"},
	{"MCA1025", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: orders, access: write}]}]\n" KAFKA,
	    "asks nobody who they are"},
	{"MCA1026", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: ordres, access: write}]}]\n" KAFKA
	    "  authentication: scram-sha-512\n", "has no topic named ordres"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n" DB
	    "  maxConnections: 20\n  idleTimeout: 0s\n", NULL},
	{"", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: orders, access: write}]}]\n" KAFKA
	    "  authentication: scram-sha-512\n", NULL},
	{"", SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n" DB
	    "  maxConnections: 20\n  idleTimeout: 31m\n", NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

START_TEST(test_hosts)
{
	const struct base_tree *db, *all;

	begin();
	db = named(model, "dataServices", "db");
	ck_assert_uint_eq(base_tree_get(db, "hosts")->count, 3);
	all = named(db, "hosts", "db-all");
	ck_assert_str_eq(text_at(all, "host"), "db-all.data.svc.cluster.local");
	ck_assert_str_eq(text_at(named(db, "hosts", "db-rw"), "role"), "primary");
	ck_assert_uint_eq(base_tree_get(all, "ports")->count, 2);
	ck_assert_str_eq(text_at(base_tree_get(all, "ports")->items[0], "peer"), "true");
	ck_assert_str_eq(text_at(base_tree_get(all, "ports")->items[1], "monitoring"), "true");
	/* more than any pool keeps a connection */
	ck_assert_str_eq(text_at(named(db, "hosts", "db-rw"), "policy.connectionPool.tcp.idleTimeout"), "65m");
	ck_assert_str_eq(text_at(db, "idleTimeout"), "65m");
	/* a primary is alone: ejecting it ejects the database */
	ck_assert_ptr_null(base_tree_at(named(db, "hosts", "db-rw"), "policy.outlierDetection"));
	ck_assert_ptr_null(base_tree_at(all, "policy.outlierDetection"));
	ck_assert_str_eq(text_at(named(db, "hosts", "db-ro"), "policy.outlierDetection.interval"), "1s");
	ck_assert_ptr_null(base_tree_get(db, "headless"));
	ck_assert_str_eq(shown(db, "brokers"), "[]");
	end();
}
END_TEST

START_TEST(test_accounts)
{
	const struct base_tree *db;

	begin();
	db = named(model, "dataServices", "db");
	ck_assert_str_eq(shown(db, "backup"), "{'serviceAccount':'saver','principal':'shop.example/ns/data/sa/saver',"
	    "'port':5432,'workloadPort':5433}");
	ck_assert_str_eq(shown(db, "operator.principal"), "'shop.example/ns/ops/sa/keeper'");
	ck_assert_str_eq(text_at(db, "operator.namespace"), "ops");
	end();
	begin_small("", DB "  maxConnections: 20\n" SERVICE("a") "  calls: [{data: db, pool: {size: 1}}]\n");
	db = named(model, "dataServices", "db");
	ck_assert_ptr_null(base_tree_get(db, "backup"));
	ck_assert_ptr_null(base_tree_get(db, "operator"));
	end();
}
END_TEST

/* The inventory's own word counts, also that connections are never closed. */
START_TEST(test_idle)
{
	begin_small("", DB "  maxConnections: 20\n  idleTimeout: 0s\n  keepalive: {time: 7s}\n  connectTimeout: 2s\n"
	    "  headless: true\n");
	ck_assert_str_eq(text_at(named(model, "dataServices", "db"), "idleTimeout"), "0s");
	ck_assert_str_eq(text_at(named(model, "dataServices", "db"), "headless"), "true");
	ck_assert_str_eq(
	    text_at(base_tree_get(named(model, "dataServices", "db"), "hosts")->items[0],
		"policy.connectionPool.tcp.connectTimeout"), "2s");
	ck_assert_str_eq(
	    text_at(base_tree_get(named(model, "dataServices", "db"), "hosts")->items[0],
		"policy.connectionPool.tcp.tcpKeepalive.time"), "7s");
	end();
	begin_small("", DB "  maxConnections: 20\n  poolMaxLifetime: null\n");
	ck_assert_ptr_null(base_tree_get(named(model, "dataServices", "db"), "idleTimeout"));
	end();
}
END_TEST

#define BROKERS DATA("k", "kafka") "  brokers: 2\n  maxConnections: 9\n" \
	"  ports: [{name: k, port: 9092, role: any}, {name: peer, port: 9091, peer: true}]\n" \
	"  accepts: [{from: a, ports: [k]}, {from: a, namespace: one, ports: [k]}]\n  topics: [{name: orders}]\n"
#define USES(more) "  calls: [{data: k, " more "port: k, topics: [{name: orders, access: write}]}]\n"

/* Each broker has a Service of its own; a caller's name there says its namespace, too. */
START_TEST(test_brokers_and_users)
{
	const struct base_tree *k;

	begin_small("", SERVICE("a") USES("") IN("one", "a") HTTP USES("namespace: shop, ") BROKERS
	    "  authentication: scram-sha-512\n");
	k = named(model, "dataServices", "k");
	ck_assert_uint_eq(base_tree_get(k, "brokers")->count, 2);
	ck_assert_str_eq(text_at(named(k, "brokers", "k-1"), "host"), "k-1.shop.svc.cluster.local");
	ck_assert_str_eq(text_at(named(k, "brokers", "k-1"), "ordinal"), "1");
	ck_assert_str_eq(text_at(named(k, "brokers", "k-1"), "podName"), "k-1");
	ck_assert_ptr_null(base_tree_at(named(k, "brokers", "k-1"), "policy.outlierDetection"));
	ck_assert_uint_eq(base_tree_get(k, "users")->count, 2);
	ck_assert_str_eq(shown(named(k, "users", "shop.a"), "acls"), "[{'topic':'orders','access':'write'}]");
	ck_assert_str_eq(text_at(named(k, "users", "one.a"), "principal"), "cluster.local/ns/one/sa/a");
	ck_assert_str_eq(text_at(k, "authentication"), "scram-sha-512");
	end();
}
END_TEST

/* Where nobody is asked who they are, rights bind nobody: none is written. */
START_TEST(test_anonymous)
{
	const struct base_tree *k;

	begin_small("", SERVICE("a") USES("") KAFKA);
	k = named(model, "dataServices", "k");
	ck_assert_ptr_null(base_tree_get(k, "users"));
	ck_assert_ptr_null(base_tree_get(k, "authentication"));
	ck_assert_ptr_nonnull(finding(found, "MCA1025", "asks nobody who they are"));
	end();
	/* a topic that is not there gives no right */
	begin_small("", SERVICE("a") "  calls: [{data: k, port: k, topics: [{name: ordres, access: write}]}]\n" KAFKA
	    "  authentication: scram-sha-512\n");
	ck_assert_str_eq(shown(named(named(model, "dataServices", "k"), "users", "shop.a"), "acls"), "[]");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_data", test_findings, test_hosts, test_accounts, test_idle, test_brokers_and_users,
    test_anonymous)

/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of connections to data services. */
#include "check_main.h"
#include "model_make.h"

static const struct sample SAMPLES[] = {
	{"MCA1016", SERVICE("a") "  scaling: {max: 5}\n  rollout: {strategy: canary}\n"
	    "  calls: [{data: db, pool: {size: 2}}]\n" DB "  maxConnections: 19\n",
	    "may open 20 connections, but it takes 19"},
	{"MCA1016", SERVICE("a") "  scaling: {max: 5}\n  calls: [{data: db, pool: {size: 3}}]\n" DB
	    "  maxConnections: 20\n  reservedConnections: 6\n", "may open 15 connections, but it takes 14"},
	{"MCA1017", SERVICE("a") "  calls: [{data: db}]\n" DB "  maxConnections: 20\n",
	    "without saying how many connections"},
	/* callers of one host are added up */
	{"MCA1016", SERVICE("a") "  scaling: {max: 5}\n  calls: [{data: db, pool: {size: 2}}]\n" SERVICE("b")
	    "  scaling: {max: 5}\n  calls: [{data: db, pool: {size: 2}}]\n" DATA("db", "postgresql")
	    "  ports: [{name: db, port: 5432, role: primary}]\n  accepts: [{from: a, ports: [db]}, {from: b, ports: [db]}]\n"
	    "  maxConnections: 19\n", "may open 20 connections, but it takes 19"},
};

static const struct sample SOUND_ONES[] = {
	{"", SERVICE("a") "  scaling: {max: 5}\n  calls: [{data: db, pool: {size: 3}}]\n" DB
	    "  maxConnections: 20\n  reservedConnections: 5\n", NULL},
	{"", SERVICE("a") "  scaling: {max: 5}\n  rollout: {strategy: canary}\n"
	    "  calls: [{data: db, pool: {size: 2}}]\n" DB "  maxConnections: 20\n", NULL},
	/* Kafka's clients have no pools */
	{"", SERVICE("a") "  calls: [{data: k, port: k}]\n" KAFKA, NULL},
};

START_TEST(test_findings)
{
	FOUND(SAMPLES);
	SOUND(SOUND_ONES);
}
END_TEST

START_TEST(test_pools)
{
	const struct base_tree *db;

	begin();
	db = named(model, "dataServices", "db");
	ck_assert_str_eq(text_at(db, "poolTotal"), "42"); /* 7 in each of 6 pods */
	ck_assert_str_eq(shown(db, "pools"),
	    "[{'caller':'cart','namespace':'shop','port':'db','size':7,'replicas':6,'total':42}]");
	ck_assert_str_eq(shown(db, "poolTotals"),
	    "[{'host':'db-rw.data.svc.cluster.local','total':42,'limit':50}]");
	ck_assert_str_eq(text_at(named(db, "hosts", "db-rw"), "policy.connectionPool.tcp.maxConnections"), "7");
	/* nobody calls it, so nobody knows how large its pools are */
	ck_assert_ptr_null(base_tree_at(named(db, "hosts", "db-ro"), "policy.connectionPool.tcp.maxConnections"));
	end();
}
END_TEST

#define TWO_HOSTS DATA("db", "postgresql") "  maxConnections: 100\n  ports:\n" \
	"    - {name: rw, port: 5432, host: db-rw, role: primary}\n    - {name: ro, port: 5432, host: db-ro, role: replica}\n" \
	"  accepts: [{from: a, ports: [rw, ro]}, {from: b, ports: [rw]}]\n"
#define CALLER(name, max, calls) SERVICE(name) "  scaling: {max: " max "}\n  calls: [" calls "]\n"

/* Each host is a server of its own; the largest pool of a pod is every proxy's limit. */
START_TEST(test_each_host)
{
	const struct base_tree *db;

	begin_small("", TWO_HOSTS CALLER("a", "3", "{data: db, port: rw, pool: {size: 4}}, {data: db, port: ro, pool: {size: 9}}")
	    CALLER("b", "2", "{data: db, port: rw, pool: {size: 7}}"));
	db = named(model, "dataServices", "db");
	ck_assert_str_eq(shown(db, "poolTotals"),
	    "[{'host':'db-rw.shop.svc.cluster.local','total':26,'limit':100},"
	    "{'host':'db-ro.shop.svc.cluster.local','total':27,'limit':100}]");
	ck_assert_str_eq(text_at(db, "poolTotal"), "27");
	ck_assert_str_eq(text_at(named(db, "hosts", "db-rw"), "policy.connectionPool.tcp.maxConnections"), "7");
	ck_assert_str_eq(text_at(named(db, "hosts", "db-ro"), "policy.connectionPool.tcp.maxConnections"), "9");
	end();
}
END_TEST

/* Ports of one host are one server's. */
START_TEST(test_two_ports_of_a_host)
{
	begin_small("", DATA("db", "postgresql") "  maxConnections: 100\n  ports:\n"
	    "    - {name: rw, port: 5432, host: db-rw, role: primary}\n    - {name: rx, port: 5433, host: db-rw, role: primary}\n"
	    "  accepts: [{from: a, ports: [rw, rx]}]\n"
	    CALLER("a", "3", "{data: db, port: rw, pool: {size: 4}}, {data: db, port: rx, pool: {size: 5}}"));
	ck_assert_str_eq(shown(named(model, "dataServices", "db"), "poolTotals"),
	    "[{'host':'db-rw.shop.svc.cluster.local','total':27,'limit':100}]");
	end();
}
END_TEST

/* A limit that one caller's pool may pass would cut it off. */
START_TEST(test_unknown_pool)
{
	const struct base_tree *db;

	begin_small("", TWO_HOSTS CALLER("a", "3", "{data: db, port: rw, pool: {size: 4}}")
	    CALLER("b", "2", "{data: db, port: rw}"));
	db = named(model, "dataServices", "db");
	ck_assert_ptr_null(base_tree_at(named(db, "hosts", "db-rw"), "policy.connectionPool.tcp.maxConnections"));
	ck_assert_str_eq(text_at(db, "poolTotal"), "12");
	ck_assert_uint_eq(base_tree_get(db, "pools")->count, 1);
	end();
}
END_TEST

CHECK_MAIN("k8s_model_pool", test_findings, test_pools, test_each_host, test_two_ports_of_a_host,
    test_unknown_pool)

/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors that choose each other's pods. */
#include "graph_make.h"

#define CHOOSES(namespace, name, labels) DOC "Service\nmetadata: {name: " name ", namespace: " namespace "}\nspec:\n" \
	"  owner: team\n  workload: {selector: {" labels "}}\n  ports: [" HTTP "]\n"
#define DATA_CHOOSES(name, labels) DOC "DataService\nmetadata: {name: " name ", namespace: shop}\nspec:\n" \
	"  owner: team\n  engine: other\n  maxConnections: 9\n  workload: {selector: {" labels "}}\n" \
	"  ports: [{name: db, port: 1}]\n"
#define GATEWAY_CHOOSES(namespace, name, labels) DOC "Gateway\nmetadata: {name: " name ", namespace: " namespace "}\n" \
	"spec:\n  direction: egress\n  selector: {" labels "}\n"
#define SHARED(who, whose) "MCA1032 the selector of " who " chooses the pods of " whose \
	", too: whoever may call one may call both\n"

static void
expect(const char *documents, const char *findings)
{
	struct mesh mesh;
	const char *found;

	mesh_make(&mesh, documents);
	found = findings_of(&mesh);
	ck_assert_msg(strcmp(found, findings) == 0, "%s\n%s\nnot %s", documents, found, findings);
	mesh_drop(&mesh);
}

/* Whose labels are all among another's chooses the other's pods; of two that say the same, the later. */
START_TEST(test_shared)
{
	expect(CHOOSES("shop", "a", "app: x") CHOOSES("shop", "b", "app: x"), SHARED("shop/a", "shop/b"));
	expect(CHOOSES("shop", "a", "app: x") CHOOSES("shop", "b", "app: x, track: v"), SHARED("shop/a", "shop/b"));
	expect(CHOOSES("shop", "a", "app: x, track: v") CHOOSES("shop", "b", "app: x"), SHARED("shop/b", "shop/a"));
	expect(CHOOSES("shop", "a", "track: v, app: x") CHOOSES("shop", "b", "app: x, track: v"),
	    SHARED("shop/a", "shop/b"));
	expect(CHOOSES("shop", "a", "track: v") CHOOSES("shop", "b", "app: x, track: v"), SHARED("shop/a", "shop/b"));
	expect(CHOOSES("shop", "a", "app: x") DATA_CHOOSES("db", "app: x"), SHARED("shop/a", "shop/db"));
	expect(CHOOSES("shop", "a", "app: x") GATEWAY_CHOOSES("shop", "out", "app: x"), SHARED("shop/a", "shop/out"));
	expect(CHOOSES("shop", "a", "app: x") CHOOSES("shop", "b", "app: x") CHOOSES("shop", "c", "app: x, t: v"),
	    SHARED("shop/a", "shop/b") SHARED("shop/a", "shop/c") SHARED("shop/b", "shop/c"));
}
END_TEST

START_TEST(test_apart)
{
	expect(CHOOSES("shop", "a", "app: x") CHOOSES("other", "b", "app: x"), "");
	expect(CHOOSES("shop", "a", "app: x") CHOOSES("shop", "b", "app: v"), "");
	expect(CHOOSES("shop", "a", "app: x") CHOOSES("shop", "b", "name: x"), "");
	expect(CHOOSES("shop", "a", "app: x, track: v") CHOOSES("shop", "b", "app: x, track: z"), "");
	expect(CHOOSES("shop", "a", "app: x, t: v") CHOOSES("shop", "b", "app: x, u: v"), "");
	expect(CHOOSES("shop", "a", "app: x") GATEWAY_CHOOSES("edge", "out", "app: x"), "");
}
END_TEST

/* Istio looks for a gateway's pods in every namespace; each two are told once. */
START_TEST(test_gateways_anywhere)
{
	expect(GATEWAY_CHOOSES("edge", "in", "app: x") GATEWAY_CHOOSES("far", "out", "app: x"),
	    SHARED("edge/in", "far/out"));
	expect(GATEWAY_CHOOSES("edge", "in", "app: x") GATEWAY_CHOOSES("edge", "out", "app: x"),
	    SHARED("edge/in", "edge/out"));
	expect(GATEWAY_CHOOSES("edge", "in", "app: x, t: v") GATEWAY_CHOOSES("far", "out", "t: v"),
	    SHARED("far/out", "edge/in"));
	expect(GATEWAY_CHOOSES("edge", "in", "app: x") GATEWAY_CHOOSES("far", "out", "app: v"), "");
}
END_TEST

/* One without labels is told as that, not once for each of the others. */
START_TEST(test_empty)
{
	expect(CHOOSES("shop", "a", "") CHOOSES("shop", "b", "app: x"),
	    "MCA1032 the selector of shop/a is empty: it chooses all pods of the namespace\n");
	expect(DATA_CHOOSES("db", "") CHOOSES("shop", "b", "app: x"),
	    "MCA1032 the selector of shop/db is empty: it chooses all pods of the namespace\n");
	expect(GATEWAY_CHOOSES("edge", "out", ""),
	    "MCA1032 the selector of edge/out is empty: it chooses all pods of the namespace\n");
}
END_TEST

CHECK_MAIN("k8s_graph_selector", test_shared, test_apart, test_gateways_anywhere, test_empty)

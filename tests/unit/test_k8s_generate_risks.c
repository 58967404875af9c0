/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of facts means for whoever reviews it. */
#include "check_main.h"

#include "base/yaml.h"
#include "k8s/generate_int.h"

static struct base_arena *arena;

static void
begin(void)
{
	arena = base_arena_new();
}

static void
end(void)
{
	base_arena_free(arena);
}

static const struct base_tree *
read_text(const char *text)
{
	const struct base_tree *documents = base_yaml_read(arena, "t", NULL, base_span_str(text));

	ck_assert_msg(documents != NULL, "%s", mc_err_last()->detail);
	return documents->items[0];
}

static const char *
risks_of(const char *before, const char *after)
{
	const struct base_tree *risks = k8s_generate_risks(arena, read_text(before), read_text(after));
	const char *all = "";

	for (uint32_t i = 0; i < risks->count; i++) {
		all = base_arena_printf(arena, "%s%s %s\n", all,
		    base_tree_str(risks->items[i], "risk", ""), base_tree_str(risks->items[i], "text", ""));
	}
	return all;
}

#define FACT(class, key, value, strength)                                                         \
	"{class: " class ", key: " key ", value: " value ", strength: " strength "}"

START_TEST(test_risks)
{
	begin();
	ck_assert_str_eq(risks_of("[]", "[]"), "");
	ck_assert_str_eq(risks_of("[" FACT("mtls", "a", "STRICT", "2") "]",
			     "[" FACT("mtls", "a", "PERMISSIVE", "1") "]"),
	    "weakened mtls a: STRICT -> PERMISSIVE\n");
	ck_assert_str_eq(risks_of("[" FACT("mtls", "a", "PERMISSIVE", "1") "]",
			     "[" FACT("mtls", "a", "STRICT", "2") "]"),
	    "changed mtls a: PERMISSIVE -> STRICT\n");
	ck_assert_str_eq(risks_of("[" FACT("edge", "a", "x", "0") ", " FACT("edge", "b", "x", "0") "]",
			     "[" FACT("egress", "e", "psp", "0") ", " FACT("edge", "b", "x", "0") ", "
				 FACT("edge", "c", "x", "0") "]"),
	    "weakened new egress e: psp\nadded new edge c: x\nremoved no more edge a: x\n");
	ck_assert_str_eq(risks_of("[]", "[" FACT("stranger", "192.0.2.0/24 enters", "meters", "2") "]"),
	    "weakened new stranger 192.0.2.0/24 enters: meters\n");
	ck_assert_str_eq(risks_of("text", "[" FACT("fault", "a", "abort", "0") "]"),
	    "weakened new fault a: abort\n");
	/* an exception for a service that was there before opens it, whatever its class is called */
	ck_assert_str_eq(risks_of("[]", "[" FACT("mtls", "port", "PERMISSIVE", "1") ", "
				 FACT("mtls", "other", "STRICT", "2") "]"),
	    "weakened new mtls port: PERMISSIVE\nadded new mtls other: STRICT\n");
	end();
}
END_TEST

static const char *
risk_of_values(const char *class, const char *before, const char *after)
{
#define LIST "[{class: %s, key: a, strength: 2, value: \"%s\"}]"
	return risks_of(base_arena_printf(arena, LIST, class, before),
	    base_arena_printf(arena, LIST, class, after));
}

/* A value of conditions is weaker when it lets through what the old one did not. */
START_TEST(test_risks_of_conditions)
{
	static const struct {
		const char *before, *after, *risk;
	} ROWS[] = {
	    {"methods GET paths /a", "methods GET,POST paths /a", "weakened"},
	    {"methods GET,POST paths /a", "methods POST paths /a", "changed"},
	    {"methods GET paths /a", "methods any paths /a", "weakened"},
	    {"methods any paths /a", "methods GET paths /a", "changed"},
	    {"methods any paths /a/*", "methods any paths /a/b,/a/*", "changed"},
	    {"methods any paths /a/*", "methods any paths /a*", "weakened"},
	    {"methods any paths /a/*", "methods any paths /a/", "changed"},
	    {"methods any paths /a/*", "methods any paths /a", "weakened"},
	    {"methods any paths /a", "methods any paths any", "weakened"},
	    {"methods GET paths /a role x", "methods GET paths /a", "weakened"},
	    {"methods GET paths /a", "methods GET paths /a role x", "changed"},
	    {"methods GET paths /a; methods POST paths /b", "methods POST paths /b", "changed"},
	    {"methods GET paths /a; methods POST paths /b", "methods POST paths /a", "weakened"},
	    {"methods GET paths /a", "methods GET paths /a; methods GET paths /b", "weakened"},
	};

	begin();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const char *want = base_arena_printf(arena, "%s edge a: %s -> %s\n", ROWS[i].risk,
		    ROWS[i].before, ROWS[i].after);

		ck_assert_str_eq(risk_of_values("edge", ROWS[i].before, ROWS[i].after), want);
	}
	/* words that are no conditions */
	ck_assert_str_eq(risk_of_values("egress", "through a", "through b"),
	    "changed egress a: through a -> through b\n");
	ck_assert_str_eq(risk_of_values("guard", "scram-sha-256", "scram-sha-512"),
	    "changed guard a: scram-sha-256 -> scram-sha-512\n");
	end();
}
END_TEST

/* Several edges have one key: what both sides have is no change, in any order. */
START_TEST(test_risks_of_one_key)
{
	begin();
	ck_assert_str_eq(risks_of("[" FACT("edge", "a", "methods A", "2") ", " FACT("edge", "a", "methods C", "2") "]",
			     "[" FACT("edge", "a", "methods C", "2") ", " FACT("edge", "a", "methods B", "2") ", "
				 FACT("edge", "a", "methods A", "2") "]"),
	    "added new edge a: methods B\n");
	ck_assert_str_eq(risks_of("[" FACT("exposure", "a", "at one", "2") "]",
			     "[" FACT("exposure", "a", "at another", "2") ", "
				 FACT("exposure", "a", "at one", "2") "]"),
	    "weakened new exposure a: at another\n");
	end();
}
END_TEST

#define GUARD(key, of) "{class: guard, key: " key ", value: v, strength: 2, of: " of "}"

/* A guard that goes alone is missed; one that goes with what it guards is not. */
START_TEST(test_risks_of_guards)
{
	begin();
	ck_assert_str_eq(risks_of("[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]",
			     "[" FACT("identity", "s", "active", "0") "]"),
	    "weakened no more guard g: v\n");
	ck_assert_str_eq(risks_of("[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]", "[]"),
	    "removed no more identity s: active\n");
	ck_assert_str_eq(risks_of("[]", "[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]"),
	    "added new identity s: active\n");
	ck_assert_str_eq(risks_of("[" FACT("identity", "s", "active", "0") "]",
			     "[" GUARD("g", "s") ", " FACT("identity", "s", "active", "0") "]"),
	    "added new guard g: v\n");
	ck_assert_str_eq(risks_of("[" GUARD("g", "\"\"") "]", "[]"), "weakened no more guard g: v\n");
	end();
}
END_TEST

/* What opens by being there at all is a weakening when it comes, and none when it goes; a guard is the other way. */
START_TEST(test_risks_of_classes)
{
	static const struct {
		const char *class, *new, *gone;
	} ROWS[] = {
	    {"edge", "added", "removed"}, {"egress", "weakened", "removed"}, {"exception", "weakened", "removed"},
	    {"exposure", "weakened", "removed"}, {"fault", "weakened", "removed"}, {"guard", "added", "weakened"},
	    {"identity", "added", "removed"}, {"mtls", "added", "removed"}, {"principal", "weakened", "removed"},
	    {"stranger", "weakened", "removed"}, {"topic", "weakened", "removed"}, {"unheard", "added", "removed"},
	};

	begin();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const char *one = base_arena_printf(arena, "[{class: %s, key: a, value: v, strength: 2}]", ROWS[i].class);

		ck_assert_str_eq(risks_of("[]", one), base_arena_printf(arena, "%s new %s a: v\n", ROWS[i].new, ROWS[i].class));
		ck_assert_str_eq(risks_of(one, "[]"),
		    base_arena_printf(arena, "%s no more %s a: v\n", ROWS[i].gone, ROWS[i].class));
	}
	end();
}
END_TEST

#define OF(class, key, of) "{class: " class ", key: " key ", value: v, strength: 2, of: " of "}"

/* Hosts outside and namespaces have guards, too; what is no guard is told also of what is new as a whole. */
START_TEST(test_risks_of_what_is_guarded)
{
	begin();
	ck_assert_str_eq(risks_of("[" OF("guard", "g", "h") ", " FACT("egress", "h", "x", "2") "]",
			     "[" FACT("egress", "h", "x", "2") "]"), "weakened no more guard g: v\n");
	ck_assert_str_eq(risks_of("[" OF("guard", "g", "space") ", " FACT("mtls", "space", "STRICT", "2") "]",
			     "[" FACT("mtls", "space", "STRICT", "2") "]"), "weakened no more guard g: v\n");
	/* an edge of this name is not what is guarded */
	ck_assert_str_eq(risks_of("[" OF("guard", "g", "space") ", " FACT("edge", "space", "x", "2") "]",
			     "[" FACT("edge", "space", "x", "2") "]"), "");
	ck_assert_str_eq(risks_of("[]", "[" OF("exception", "e", "s") "]"), "weakened new exception e: v\n");
	ck_assert_str_eq(risks_of("[" OF("exception", "e", "s") "]", "[]"), "removed no more exception e: v\n");
	/* a manifest that others wrote */
	ck_assert_str_eq(risks_of("{a: b, c: d}", "[" FACT("edge", "space", "x", "2") "]"), "added new edge space: x\n");
	end();
}
END_TEST

/* The weakest first, then by what they say, whatever order they came in. */
START_TEST(test_order_of_risks)
{
	begin();
	ck_assert_str_eq(risks_of("[" FACT("identity", "z", "active", "0") ", " FACT("mtls", "m", "STRICT", "2") ", "
				 FACT("edge", "gone", "x", "2") "]",
			     "[" FACT("mtls", "m", "PERMISSIVE", "1") ", " FACT("topic", "b", "x", "2") ", "
				 FACT("identity", "z", "retired", "2") ", " FACT("edge", "c", "x", "2") ", "
				 FACT("topic", "a", "x", "2") "]"),
	    "weakened mtls m: STRICT -> PERMISSIVE\nweakened new topic a: x\nweakened new topic b: x\n"
	    "added new edge c: x\nremoved no more edge gone: x\nchanged identity z: active -> retired\n");
	end();
}
END_TEST

/* A limit is a number below nought: more of it is weaker; a value that is missing says nothing. */
START_TEST(test_risks_of_ranks)
{
	begin();
	ck_assert_str_eq(risks_of("[" FACT("guard", "a", "100", "-100") "]", "[" FACT("guard", "a", "200", "-200") "]"),
	    "weakened guard a: 100 -> 200\n");
	ck_assert_str_eq(risks_of("[" FACT("guard", "a", "200", "-200") "]", "[" FACT("guard", "a", "100", "-100") "]"),
	    "changed guard a: 200 -> 100\n");
	/* what has a rank is judged by it alone */
	ck_assert_str_eq(risks_of("[" FACT("guard", "a", "open when it fails", "0") "]",
			     "[" FACT("guard", "a", "closed when it fails", "2") "]"),
	    "changed guard a: open when it fails -> closed when it fails\n");
	ck_assert_str_eq(risks_of("[]", "[{class: edge, key: a}]"), "added new edge a\n");
	end();
}
END_TEST

CHECK_MAIN("k8s_generate_risks", test_risks, test_risks_of_conditions, test_risks_of_one_key, test_risks_of_guards,
    test_risks_of_classes, test_risks_of_what_is_guarded, test_order_of_risks, test_risks_of_ranks)

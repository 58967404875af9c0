/* SPDX-License-Identifier: Apache-2.0 */
/* Small things of the derivation: durations, origins, small trees, findings. */
#include "check_main.h"

#include "k8s/model_int.h"

static const struct base_origin HERE = {.file = "a.yaml", .line = 1};
static struct k8s_model model;

static void
begin(void)
{
	model = (struct k8s_model){.arena = base_arena_new(), .trust_domain = "shop.example"};
	model.findings = k8s_findings_new(model.arena);
}

static void
end(void)
{
	base_arena_free(model.arena);
}

START_TEST(test_durations)
{
	static const struct {
		const char *text;
		int64_t ms;
	} ROWS[] = {
	    {NULL, -1}, {"", -1}, {"0s", 0}, {"500ms", 500}, {"1m", 60000}, {"1ms", 1}, {"1m1ms", 60001},
	    {"1h30m", 5400000}, {"2h3m4s5ms", 7384005}, {"5", -1}, {"5d", -1}, {"s", -1}, {"-5s", -1},
	    {"1h-5m", -1}, {"1.5h", -1}, {"5s ", -1}, {"2147483647ms", INT32_MAX}, {"2147483648ms", -1},
	    {"99999999999999999999s", -1},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		ck_assert_msg(k8s_duration_ms(ROWS[i].text) == ROWS[i].ms, "%s: %jd", ROWS[i].text,
		    (intmax_t)k8s_duration_ms(ROWS[i].text));
	}
}
END_TEST

/* The largest unit that leaves no rest. */
START_TEST(test_duration_texts)
{
	static const struct {
		int64_t ms;
		const char *text;
	} ROWS[] = {{0, "0s"}, {1, "1ms"}, {1000, "1s"}, {1500, "1500ms"}, {59000, "59s"}, {60000, "1m"},
	    {3600000, "1h"}, {5400000, "90m"}, {3601000, "3601s"}, {172800000, "48h"}};

	begin();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		ck_assert_str_eq(k8s_duration_text(model.arena, ROWS[i].ms), ROWS[i].text);
		ck_assert_int_eq(k8s_duration_ms(k8s_duration_text(model.arena, ROWS[i].ms)), ROWS[i].ms);
	}
	ck_assert_str_eq(k8s_go_duration(&model, "24h"), "24h0m0s");
	ck_assert_str_eq(k8s_go_duration(&model, "90m"), "1h30m0s");
	ck_assert_str_eq(k8s_go_duration(&model, "3661s"), "1h1m1s");
	end();
}
END_TEST

START_TEST(test_names)
{
	begin();
	ck_assert_str_eq(k8s_principal(&model, "shop", "cart"), "shop.example/ns/shop/sa/cart");
	/* the cluster's DNS domain, which is not the trust domain */
	ck_assert_str_eq(k8s_service_host(&model, "shop", "cart"), "cart.shop.svc.cluster.local");
	end();
}
END_TEST

static const char *
places(const struct base_origin *at)
{
	const char *all = "";

	for (; at != NULL; at = at->also) {
		all = base_arena_printf(model.arena, "%s%s:%d ", all, at->file, at->line);
	}
	return all;
}

/* A place stands in a chain once; what is joined is left as it was. */
START_TEST(test_origins)
{
	const struct base_origin third = {.file = "c.yaml", .line = 3};
	const struct base_origin second = {.file = "b.yaml", .line = 2, .also = &third};
	const struct base_origin other_line = {.file = "a.yaml", .line = 2};
	const struct base_origin *joined;

	begin();
	ck_assert_ptr_eq(k8s_origin_join(model.arena, NULL, &HERE), &HERE);
	ck_assert_ptr_eq(k8s_origin_join(model.arena, &HERE, NULL), &HERE);
	ck_assert_ptr_eq(k8s_origin_join(model.arena, &HERE, &HERE), &HERE);
	joined = k8s_origin_join(model.arena, &HERE, &second);
	ck_assert_str_eq(places(joined), "a.yaml:1 b.yaml:2 c.yaml:3 ");
	ck_assert_str_eq(places(&HERE), "a.yaml:1 ");
	ck_assert_ptr_eq(k8s_origin_join(model.arena, joined, &third), joined);
	ck_assert_str_eq(places(k8s_origin_join(model.arena, &second, &HERE)), "b.yaml:2 c.yaml:3 a.yaml:1 ");
	ck_assert_str_eq(places(k8s_origin_join(model.arena, &HERE, &other_line)), "a.yaml:1 a.yaml:2 ");
	end();
}
END_TEST

/* What is not there puts nothing, so that a template can ask. */
START_TEST(test_what_is_not_there)
{
	struct base_tree_build *from, *build;
	const struct base_tree *source, *map;

	begin();
	from = base_tree_map(model.arena, &HERE);
	base_tree_put(from, "null", base_tree_scalar(model.arena, BASE_TREE_NULL, "null", &HERE));
	k8s_put_bool(&model, from, "no", false, &HERE);
	k8s_put_int(&model, from, "number", -7, &HERE);
	source = base_tree_done(from);
	build = base_tree_map(model.arena, &HERE);
	k8s_put_str(&model, build, "text", NULL, &HERE);
	k8s_put_flag(&model, build, "flag", false, &HERE);
	k8s_put_flag(&model, build, "set", true, &HERE);
	k8s_put_same(build, "null", source, "null");
	k8s_put_same(build, "missing", source, "missing");
	k8s_put_same(build, "nowhere", NULL, "number");
	k8s_put_same(build, "other", source, "number");
	map = base_tree_done(build);
	ck_assert_uint_eq(map->count, 2);
	ck_assert(base_tree_bool(map, "set", false));
	ck_assert_int_eq(base_tree_int(map, "other", 0), -7);
	ck_assert(!base_tree_bool(source, "no", true));
	end();
}
END_TEST

START_TEST(test_lists)
{
	struct base_tree_build *list, *build;
	const struct base_tree *map, *items;

	begin();
	list = base_tree_list(model.arena, &HERE);
	k8s_push_str(&model, list, "one", &HERE);
	build = base_tree_map(model.arena, &HERE);
	base_tree_put(build, "list", base_tree_done(list));
	k8s_put_str(&model, build, "text", "one", &HERE);
	map = base_tree_done(build);
	items = k8s_list_or_empty(&model, map, "list", &HERE);
	ck_assert_ptr_eq(items, base_tree_get(map, "list"));
	ck_assert(k8s_list_has(items, "one"));
	ck_assert(!k8s_list_has(items, "on"));
	ck_assert(!k8s_list_has(NULL, "one"));
	items = k8s_list_or_empty(&model, map, "text", &HERE);
	ck_assert_int_eq(items->kind, BASE_TREE_LIST);
	ck_assert_uint_eq(items->count, 0);
	ck_assert_uint_eq(k8s_list_or_empty(&model, NULL, "list", &HERE)->count, 0);
	end();
}
END_TEST

START_TEST(test_numbers)
{
	const struct base_tree *text;

	begin();
	ck_assert_ptr_null(k8s_number_of(&model, NULL));
	ck_assert_ptr_null(k8s_number_of(&model, base_tree_done(base_tree_list(model.arena, &HERE))));
	text = k8s_number_of(&model, base_tree_string(model.arena, "99.9", &HERE));
	ck_assert_int_eq(text->kind, BASE_TREE_FLOAT);
	ck_assert_str_eq(text->text, "99.9");
	text = k8s_number_of(&model, base_tree_string(model.arena, "100", &HERE));
	ck_assert_int_eq(text->kind, BASE_TREE_INT);
	end();
}
END_TEST

START_TEST(test_findings)
{
	const struct k8s_finding *one;

	begin();
	k8s_model_find(&model, LINT_PORT_SHARED, &HERE, "do this", "%s and %0600d", "a", 7);
	ck_assert_uint_eq(k8s_findings_count(model.findings), 1);
	one = k8s_findings_get(model.findings, 0);
	ck_assert_str_eq(one->code, "MCA1019");
	ck_assert_str_eq(one->fix, "do this");
	/* a sentence; what is longer is cut */
	ck_assert_uint_eq(strlen(one->what), 511);
	ck_assert_int_eq(strncmp(one->what, "a and 000", 9), 0);
	ck_assert_ptr_eq(one->at, &HERE);
	model.findings = NULL;
	k8s_model_find(&model, LINT_PORT_SHARED, &HERE, "do this", "nobody wants it");
	end();
}
END_TEST

CHECK_MAIN("k8s_model_parts", test_durations, test_duration_texts, test_names, test_origins, test_what_is_not_there,
    test_lists, test_numbers, test_findings)

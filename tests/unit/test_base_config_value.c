/* SPDX-License-Identifier: Apache-2.0 */
/* One value of the configuration at a time: what is taken, at its edges, and what is told of the rest. */
#include "base/config_int.h"

#include "base/mem.h"
#include "check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct config_at at = {"f", 3, "key"};
static const struct base_origin here = {.file = "f", .line = 3};

/* A place for a value of any kind. */
struct place {
	union {
		uint32_t number;
		uint8_t byte;
		int64_t seconds;
		char *text;
		char **names;
		struct config_address address;
		uid_t uid;
		enum config_key_alg alg;
		int level;
	};
	union {
		size_t count;
		gid_t gid;
	};
};

static struct config_key
key_of(enum config_kind kind, int64_t min, int64_t max)
{
	return (struct config_key){.name = "key", .kind = kind, .offset = 0,
	    .offset2 = offsetof(struct place, count), .min = min, .max = max};
}

static bool
set(const struct config_key *key, const char *text, struct place *place)
{
	struct base_arena *arena = base_arena_new();
	bool taken = config_value(&at, key, base_tree_string(arena, text, &here), place);

	base_arena_free(arena);
	return taken;
}

/* With where, which key, and what to write instead. */
static void
check_refused(const struct config_key *key, const char *text)
{
	struct place place = {.seconds = 0}, before = place;

	ck_assert_msg(!set(key, text, &place), "%s was taken", text);
	ck_assert_int_eq(mc_err_last()->code, MC_ECONFIG);
	ck_assert_msg(strncmp(mc_err_last()->detail, "f:3: key: ", 10) == 0 &&
		strchr(mc_err_last()->detail, ';') != NULL, "%s", mc_err_last()->detail);
	if (key->kind != CONFIG_T_DURATION) {
		ck_assert_mem_eq(&place, &before, sizeof(place));
	}
}

static void
check_texts(struct config_key key, const char *const *taken, const char *const *refused)
{
	for (; *taken != NULL; taken++) {
		struct place place = {.text = NULL};

		ck_assert_msg(set(&key, *taken, &place), "%s", mc_err_last()->detail);
		ck_assert_str_eq(place.text, *taken);
		free(place.text);
	}
	for (; *refused != NULL; refused++) {
		check_refused(&key, *refused);
	}
}

START_TEST(numbers_in_their_range)
{
	const struct config_key key = key_of(CONFIG_T_UINT, 5, 4294967295);
	const struct config_key small = key_of(CONFIG_T_INSTANCE, 1, 127);
	static const char *const BAD[] = {"4", "4294967296", "1000000000001", "99999999999999999999", "-5",
	    "+5", "", " 5", "5 ", "0x5", "5.0", "five"};
	struct place place = {.seconds = 0};

	ck_assert(set(&key, "5", &place));
	ck_assert_uint_eq(place.number, 5);
	ck_assert(set(&key, "4294967295", &place));
	ck_assert_uint_eq(place.number, 4294967295);
	ck_assert(set(&key, "007", &place)); /* the reader of the file refuses that before */
	ck_assert_uint_eq(place.number, 7);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		check_refused(&key, BAD[i]);
	}
	place.seconds = -1;
	ck_assert(set(&small, "127", &place));
	ck_assert_uint_eq(place.byte, 127);
	ck_assert_int_eq(place.seconds >> 8, -1); /* a byte, and none beside it */
	check_refused(&small, "0");
	check_refused(&small, "128");
}
END_TEST

START_TEST(durations_with_their_unit)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} GOOD[] = {{"10s", 10}, {"1m", 60}, {"2h", 7200}, {"365d", 31536000}, {"31536000s", 31536000}};
	static const char *const BAD[] = {"9s", "0s", "366d", "31536001s", "10", "s", "10 s", "10S", "10ms", "1w",
	    "1.5h", "-10s", "1000000000000d", "9999999999999999999d", ""};
	const struct config_key key = key_of(CONFIG_T_DURATION, 10, 31536000);

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		struct place place = {.seconds = 0};

		ck_assert_msg(set(&key, GOOD[i].text, &place), "%s", GOOD[i].text);
		ck_assert_int_eq(place.seconds, GOOD[i].seconds);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		check_refused(&key, BAD[i]);
	}
}
END_TEST

static char *
repeat(const char *what, size_t count, const char *end)
{
	char *text = base_xcalloc(1, strlen(what) * count + strlen(end) + 1);

	for (size_t i = 0; i < count; i++) {
		memcpy(text + i * strlen(what), what, strlen(what));
	}
	memcpy(text + count * strlen(what), end, strlen(end));
	return text;
}

START_TEST(texts_by_their_kind)
{
	char *n63 = repeat("a", 63, ""), *n64 = repeat("a", 64, "");
	char *d255 = repeat("abc.", 63, "def"), *d256 = repeat("abc.", 63, "defg");
	char *p1024 = repeat("/", 1024, ""), *p1025 = repeat("/", 1025, "");

	check_texts(key_of(CONFIG_T_LABEL, 0, 0), (const char *const[]){"a", "0", "a-b", n63, NULL},
	    (const char *const[]){"", "-a", "a-", "a.b", "A", "a_b", "a b", "\xc3\xbc", n64, NULL});
	check_texts(key_of(CONFIG_T_DOMAIN, 0, 0),
	    (const char *const[]){"cluster.local", "a", "a_b.c-d", "_", n63, d255, NULL},
	    (const char *const[]){"", ".", "a.", ".a", "a..b", "a.-b", "a-.b", "A.b", "a/b", n64, d256, NULL});
	check_texts(key_of(CONFIG_T_TEXT, 0, 5), (const char *const[]){"a", "!~\"#;", NULL},
	    (const char *const[]){"", "123456", "a b", "a\tb", "\x7f", "\xc3\xbc", NULL});
	check_texts(key_of(CONFIG_T_PATH, 0, 0), (const char *const[]){"/", "/a/..b", "/a b", p1024, NULL},
	    (const char *const[]){"", "a", "./a", "~/a", "/a/../b", "/../b", p1025, NULL});
	free(n63);
	free(n64);
	free(d255);
	free(d256);
	free(p1024);
	free(p1025);
}
END_TEST

/* What was there is the value's own: it goes when another takes its place, and stays when none does. */
START_TEST(a_text_replaces_the_one_before)
{
	const struct config_key key = key_of(CONFIG_T_PATH, 0, 0);
	struct place place = {.text = base_xstrdup("/first")};

	ck_assert(!set(&key, "second", &place));
	ck_assert_str_eq(place.text, "/first");
	ck_assert(set(&key, "/second", &place));
	ck_assert_str_eq(place.text, "/second");
	free(place.text);
}
END_TEST

START_TEST(addresses_have_ip_and_port)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} GOOD[] = {{"0.0.0.0:8443", "0.0.0.0", 8443}, {"127.0.0.1:1", "127.0.0.1", 1},
	    {"[::]:65535", "::", 65535}, {"[2001:db8::1]:80", "2001:db8::1", 80}};
	static const char *const BAD[] = {"", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536",
	    "1.2.3.4:80x", "1.2.3.4:-1", "1.2.3:80", "localhost:80", "::1:80", "[1.2.3.4]:80", "[::1:80", "[]:80",
	    "[::1]80", "1.2.3.4:80:90",
	    "1111111111111111111111111111111111111111111111111111111111111111111.2.3.4:80"};
	const struct config_key key = key_of(CONFIG_T_ADDRESS, 0, 0);

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		struct place place = {.seconds = 0};

		ck_assert_msg(set(&key, GOOD[i].text, &place), "%s", mc_err_last()->detail);
		ck_assert_str_eq(place.address.host, GOOD[i].host);
		ck_assert_uint_eq(place.address.port, GOOD[i].port);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		check_refused(&key, BAD[i]);
	}
}
END_TEST

/* No role runs as root because the file says so. */
START_TEST(users_other_than_root)
{
	const struct config_key key = {.name = "key", .kind = CONFIG_T_USER, .offset = 0,
	    .offset2 = offsetof(struct place, gid)};
	static const char *const BAD[] = {"", "0", "00", "root", "-1", "2147483647", "4294967296", "4294967295",
	    "1.5", "no-such-user"};
	struct place place = {.seconds = 0};

	ck_assert(set(&key, "2147483646", &place));
	ck_assert_uint_eq(place.uid, 2147483646);
	ck_assert_uint_eq(place.gid, 2147483646); /* nobody has it, so nobody has another group */
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		check_refused(&key, BAD[i]);
	}
}
END_TEST

START_TEST(words_of_a_list)
{
	static const struct {
		const char *word;
		enum config_key_alg alg;
	} ALGS[] = {{"p-256", CONFIG_KEY_P256}, {"p-384", CONFIG_KEY_P384}, {"rsa-2048", CONFIG_KEY_RSA2048},
	    {"rsa-3072", CONFIG_KEY_RSA3072}, {"rsa-4096", CONFIG_KEY_RSA4096}};
	static const struct {
		const char *word;
		int level;
	} LEVELS[] = {{"debug", CONFIG_LOG_DEBUG}, {"info", CONFIG_LOG_INFO}, {"warn", CONFIG_LOG_WARN},
	    {"error", CONFIG_LOG_ERROR}};
	const struct config_key alg = key_of(CONFIG_T_KEY_ALG, 0, 0), level = key_of(CONFIG_T_LOG_LEVEL, 0, 0);
	struct place place = {.seconds = 0};

	for (size_t i = 0; i < sizeof(ALGS) / sizeof(ALGS[0]); i++) {
		ck_assert(set(&alg, ALGS[i].word, &place));
		ck_assert_int_eq(place.alg, ALGS[i].alg);
	}
	for (size_t i = 0; i < sizeof(LEVELS) / sizeof(LEVELS[0]); i++) {
		ck_assert(set(&level, LEVELS[i].word, &place));
		ck_assert_int_eq(place.level, LEVELS[i].level);
	}
	check_refused(&alg, "rsa-1024");
	check_refused(&alg, "P-256");
	check_refused(&level, "warning");
	check_refused(&level, "");
}
END_TEST

static bool
set_list(const struct config_key *key, const char *const *items, size_t count, void *object)
{
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *list = base_tree_list(arena, &here);
	bool taken;

	for (size_t i = 0; i < count; i++) {
		base_tree_push(list, base_tree_string(arena, items[i], &here));
	}
	taken = config_value(&at, key, base_tree_done(list), object);
	base_arena_free(arena);
	return taken;
}

static void
names_free(struct place *place)
{
	for (size_t i = 0; i < place->count; i++) {
		free(place->names[i]);
	}
	free(place->names);
	*place = (struct place){.names = NULL};
}

START_TEST(names_and_patterns)
{
	static const char *const GOOD[] = {"a", "a.b", "x-1.example.com"};
	static const char *const PATTERNS[] = {"*.a", "a", "*.b.c"};
	static const char *const BAD[] = {"", "A.b", "a_b", "a.", "*", "a.*", "*a.b", "*.", "*.*.a"};
	struct config_key names = key_of(CONFIG_T_NAMES, 0, 3), patterns = key_of(CONFIG_T_PATTERNS, 0, 3);
	struct place place = {.names = NULL};

	ck_assert(set_list(&names, GOOD, 3, &place));
	ck_assert_uint_eq(place.count, 3);
	ck_assert_str_eq(place.names[2], "x-1.example.com");
	names_free(&place);
	ck_assert(set_list(&patterns, PATTERNS, 3, &place));
	ck_assert_str_eq(place.names[0], "*.a");
	names_free(&place);
	ck_assert(!set_list(&names, PATTERNS, 1, &place));
	ck_assert_uint_eq(place.count, 0);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		ck_assert_msg(!set_list(&patterns, &BAD[i], 1, &place), "%s", BAD[i]);
	}
	/* one too many; twice the same; none; no list */
	ck_assert(!set_list(&names, (const char *const[]){"a", "b", "c", "d"}, 4, &place));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "at most 3"));
	ck_assert_uint_eq(place.count, 0);
	ck_assert(!set_list(&names, (const char *const[]){"a", "b", "a"}, 3, &place));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "\"a\" is there twice"));
	names_free(&place);
	ck_assert(!set_list(&names, GOOD, 0, &place));
	check_refused(&names, "a");
}
END_TEST

START_TEST(key_types_that_leaves_may_have)
{
	static const char *const ALL[] = {"p-384", "rsa", "p-256"};
	static const char *const BAD[] = {"rsa-2048"};
	const struct config_key key = {.name = "key", .kind = CONFIG_T_KEY_TYPES};
	struct config_environment env = {.leaf_rsa = false};

	ck_assert(set_list(&key, ALL, 1, &env));
	ck_assert(env.leaf_p384 && !env.leaf_rsa && !env.leaf_p256);
	ck_assert(set_list(&key, ALL, 3, &env));
	ck_assert(env.leaf_p384 && env.leaf_rsa && env.leaf_p256);
	ck_assert(!set_list(&key, BAD, 1, &env));
}
END_TEST

/* A list where one value belongs, and a map in a list; the line is the item's. */
START_TEST(shapes_that_do_not_fit)
{
	const struct config_key number = key_of(CONFIG_T_UINT, 0, 9), names = key_of(CONFIG_T_NAMES, 0, 9);
	static const struct base_origin below = {.file = "f", .line = 8};
	struct base_arena *arena = base_arena_new();
	struct base_tree_build *list = base_tree_list(arena, &here);
	struct place place = {.names = NULL};

	ck_assert(!set_list(&number, (const char *const[]){"1"}, 1, &place));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "write one value"));
	base_tree_push(list, base_tree_done(base_tree_map(arena, &below)));
	ck_assert(!config_value(&at, &names, base_tree_done(list), &place));
	ck_assert_ptr_eq(strstr(mc_err_last()->detail, "f:8: key: "), mc_err_last()->detail);
	base_arena_free(arena);
}
END_TEST

/* As it would stand in the file: a list is separated by ", ". */
START_TEST(fallbacks_are_values)
{
	struct config_key names = key_of(CONFIG_T_NAMES, 0, 0), duration = key_of(CONFIG_T_DURATION, 1, 100);
	struct place place = {.names = NULL};

	names.fallback = "localhost, a.b";
	ck_assert(config_fallback(&at, &names, &place));
	ck_assert_uint_eq(place.count, 2);
	ck_assert_str_eq(place.names[0], "localhost");
	ck_assert_str_eq(place.names[1], "a.b");
	names_free(&place);
	duration.fallback = "1m";
	ck_assert(config_fallback(&at, &duration, &place));
	ck_assert_int_eq(place.seconds, 60);
	duration.fallback = "101s";
	ck_assert(!config_fallback(&at, &duration, &place));
}
END_TEST

/* Of the file as a whole there is no line. */
START_TEST(a_refusal_tells_where)
{
	const struct config_at whole = {"/etc/meshca.yaml", 0, NULL}, line = {"f", 7, NULL};

	ck_assert(!config_refuse(&whole, "is %s; write it", "empty"));
	ck_assert_str_eq(mc_err_last()->detail, "/etc/meshca.yaml: is empty; write it");
	ck_assert(!config_refuse(&line, "no map"));
	ck_assert_str_eq(mc_err_last()->detail, "f:7: no map");
	ck_assert(!config_refuse(&at, "%d", 5));
	ck_assert_str_eq(mc_err_last()->detail, "f:3: key: 5");
}
END_TEST

CHECK_MAIN("base_config_value", numbers_in_their_range, durations_with_their_unit, texts_by_their_kind,
    a_text_replaces_the_one_before, addresses_have_ip_and_port, users_other_than_root, words_of_a_list,
    names_and_patterns, key_types_that_leaves_may_have, shapes_that_do_not_fit, fallbacks_are_values,
    a_refusal_tells_where)

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys agrees with itself: defaults are values, and each key has a place of its own. */
#include "base/config_int.h"

#include "base/mem.h"
#include "check_main.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a struct that a key has taken, and by which. */
struct taken {
	const char *name; /* of the struct */
	size_t size;
	const struct config_key *by[1024];
};

static size_t
size_of(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_T_UINT:
		return sizeof(uint32_t);
	case CONFIG_T_INSTANCE:
		return sizeof(uint8_t);
	case CONFIG_T_DURATION:
		return sizeof(int64_t);
	case CONFIG_T_TEXT:
	case CONFIG_T_LABEL:
	case CONFIG_T_DOMAIN:
	case CONFIG_T_PATH:
		return sizeof(char *);
	case CONFIG_T_ADDRESS:
		return sizeof(struct config_address);
	case CONFIG_T_NAMES:
	case CONFIG_T_PATTERNS:
		return sizeof(char **);
	case CONFIG_T_USER:
		return sizeof(uid_t);
	case CONFIG_T_KEY_ALG:
		return sizeof(enum config_key_alg);
	case CONFIG_T_LOG_LEVEL:
		return sizeof(int);
	case CONFIG_T_KEY_TYPES: /* three places, which it knows */
	case CONFIG_T_SECTION:
	case CONFIG_T_OPERATORS:
	case CONFIG_T_ENVIRONMENTS:
	case CONFIG_T_CLUSTERS:
	case CONFIG_T_INVALID:
	default:
		return 0;
	}
}

static size_t
second_size_of(enum config_kind kind)
{
	return kind == CONFIG_T_NAMES || kind == CONFIG_T_PATTERNS ? sizeof(size_t) :
	    kind == CONFIG_T_USER ? sizeof(gid_t) : 0;
}

static void
take(struct taken *taken, const struct config_key *key, size_t offset, size_t size)
{
	ck_assert_msg(offset + size <= taken->size, "%s is outside of %s", key->name, taken->name);
	for (size_t i = offset; i < offset + size; i++) {
		ck_assert_msg(taken->by[i] == NULL, "%s and %s have one place in %s", key->name,
		    taken->by[i]->name, taken->name);
		taken->by[i] = key;
	}
}

/* Parses the default into a struct that is as large as any, and frees what it became. */
static void
check_fallback(const struct config_key *key)
{
	static union {
		struct config config;
		struct config_environment env;
		struct config_cluster cluster;
	} object;
	const struct config_at at = {"table", 1, key->name};
	char **names = NULL;
	size_t count = 0;

	memset(&object, 0, sizeof(object));
	ck_assert_msg(config_fallback(&at, key, &object), "%s", mc_err_last()->detail);
	if (key->kind == CONFIG_T_NAMES || key->kind == CONFIG_T_PATTERNS) {
		memcpy(&names, config_field(&object, key->offset), sizeof(names));
		memcpy(&count, config_field(&object, key->offset2), sizeof(count));
	} else if (key->kind >= CONFIG_T_TEXT && key->kind <= CONFIG_T_PATH) {
		memcpy(&names, config_field(&object, key->offset), sizeof(char *));
	}
	for (size_t i = 0; i < count; i++) {
		free(names[i]);
	}
	free(names);
}

static void
check_key(const struct config_key *key, struct taken *taken)
{
	bool nested = key->kind == CONFIG_T_SECTION || key->kind == CONFIG_T_OPERATORS ||
	    key->kind == CONFIG_T_ENVIRONMENTS || key->kind == CONFIG_T_CLUSTERS;

	ck_assert_msg(strspn(key->name, "abcdefghijklmnopqrstuvwxyz_") == strlen(key->name), "%s",
	    key->name);
	ck_assert_msg(nested == (key->table != NULL), "%s", key->name);
	ck_assert_msg(key->doc != NULL || key->kind == CONFIG_T_SECTION, "%s has no meaning", key->name);
	ck_assert_msg(!(key->required && key->fallback != NULL), "%s is required and has a default", key->name);
	ck_assert_msg(key->min <= key->max, "%s has no range", key->name);
	ck_assert_msg(key->kind != CONFIG_T_UINT || (key->min >= 0 && key->max <= UINT32_MAX), "%s", key->name);
	ck_assert_msg(key->kind != CONFIG_T_INSTANCE || (key->min >= 1 && key->max <= 127), "%s", key->name);
	/* a serial's first byte, a time and a text have ends; lists too */
	ck_assert_msg((key->kind != CONFIG_T_DURATION && key->kind != CONFIG_T_TEXT &&
		key->kind != CONFIG_T_NAMES && key->kind != CONFIG_T_PATTERNS) || key->max > 0,
	    "%s has no end", key->name);
	if (!nested) {
		take(taken, key, key->offset, size_of(key->kind));
		take(taken, key, key->offset2, second_size_of(key->kind));
	}
	if (key->fallback != NULL) {
		check_fallback(key);
	}
}

static void
check_table(const struct config_table *table, struct taken *taken)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct config_key *key = &table->keys[i];
		struct taken inner = {.name = "an environment", .size = sizeof(struct config_environment)};

		for (size_t k = 0; k < i; k++) {
			ck_assert_msg(strcmp(table->keys[k].name, key->name) != 0, "%s is there twice",
			    key->name);
		}
		check_key(key, taken);
		if (key->kind == CONFIG_T_SECTION) {
			check_table(key->table, taken);
		} else if (key->kind == CONFIG_T_CLUSTERS) {
			inner.name = "a cluster";
			inner.size = sizeof(struct config_cluster);
			check_table(key->table, &inner);
		} else if (key->table != NULL) {
			check_table(key->table, &inner);
		}
	}
}

START_TEST(every_key_has_a_place_and_a_default_that_is_one)
{
	struct taken top = {.name = "the configuration", .size = sizeof(struct config)};

	ck_assert_uint_le(sizeof(struct config), sizeof(top.by) / sizeof(top.by[0]));
	check_table(&config_table_top, &top);
}
END_TEST

static const struct config_key *
find(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->keys[i].name, name) == 0) {
			return &table->keys[i];
		}
	}
	return NULL;
}

/* The operators authority has no agents, so nothing of theirs. */
START_TEST(the_operators_have_no_agents)
{
	static const char *const AGENTS[] = {"name", "grpc", "svid", "rate", "clusters"};
	static const char *const BOTH[] = {"key_dir", "passphrase_file", "user", "ca_key", "issuing_key",
	    "ca_lifetime", "issuing_lifetime", "verify_sample", "crl", "server"};

	ck_assert_ptr_eq(find(&config_table_top, "operators")->table, &config_table_operators);
	ck_assert_ptr_eq(find(&config_table_top, "environments")->table, &config_table_environment);
	for (size_t i = 0; i < sizeof(AGENTS) / sizeof(AGENTS[0]); i++) {
		ck_assert_ptr_nonnull(find(&config_table_environment, AGENTS[i]));
		ck_assert_ptr_null(find(&config_table_operators, AGENTS[i]));
	}
	for (size_t i = 0; i < sizeof(BOTH) / sizeof(BOTH[0]); i++) {
		ck_assert_ptr_nonnull(find(&config_table_environment, BOTH[i]));
		ck_assert_ptr_nonnull(find(&config_table_operators, BOTH[i]));
	}
	/* they serve REST only, under names that its own section has */
	ck_assert_ptr_null(find(find(&config_table_operators, "server")->table, "names"));
}
END_TEST

CHECK_MAIN("base_config_table", every_key_has_a_place_and_a_default_that_is_one, the_operators_have_no_agents)

/* SPDX-License-Identifier: Apache-2.0 */
/* One value of meshca.yaml: text to typed field. Pure, but for user names. */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_int.h"
#include "base/mem.h"

bool
config_refuse(const struct config_at *at, const char *fmt, ...)
{
	char what[MC_ERR_DETAIL_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (at->line == 0) { /* of the file as a whole */
		(void)MC_FAIL(MC_ECONFIG, "%s: %s", at->path, what);
	} else {
		(void)MC_FAIL(MC_ECONFIG, "%s:%d: %s%s%s", at->path, at->line,
		    at->key != NULL ? at->key : "", at->key != NULL ? ": " : "", what);
	}
	return false;
}

void *
config_field(void *object, size_t offset)
{
	return (unsigned char *)object + offset;
}

void
config_names_add(char ***names, size_t *count, const char *name)
{
	*names = base_xreallocarray(*names, *count + 1, sizeof(**names));
	(*names)[(*count)++] = base_xstrdup(name);
}

/* Decimal digits up to *end; false when there is none or it passes 10^12. */
static bool
digits(const char *text, const char **end, int64_t *out)
{
	int64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (*p - '0');
		if (value > 1000000000000) {
			return false;
		}
	}
	if (p == text) {
		return false;
	}
	*end = p;
	*out = value;
	return true;
}

static bool
number(const struct config_at *at, const struct config_key *key, const char *text,
    int64_t *out)
{
	const char *end;

	if (!digits(text, &end, out) || *end != '\0' || *out < key->min || *out > key->max) {
		return config_refuse(at, "\"%.32s\" is not a number in range; write %lld to %lld",
		    text, (long long)key->min, (long long)key->max);
	}
	return true;
}

static bool
duration(const struct config_at *at, const struct config_key *key, const char *text,
    int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *end;
	int64_t value;

	if (digits(text, &end, &value) && end[0] != '\0' && end[1] == '\0') {
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (units[i].unit == *end) {
				*out = value * units[i].seconds;
				if (*out >= key->min && *out <= key->max) {
					return true;
				}
				return config_refuse(at,
				    "%.32s is out of range; write %llds to %lldd", text,
				    (long long)key->min, (long long)(key->max / 86400));
			}
		}
	}
	return config_refuse(at,
	    "\"%.32s\" is not a duration; write a number and s, m, h or d, like 24h", text);
}

static bool
text_is_printable(const char *text, int64_t max)
{
	size_t len = strlen(text);

	if (len == 0 || len > (size_t)max) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= 0x20 || text[i] > 0x7e) {
			return false;
		}
	}
	return true;
}

/* RFC 1123 labels joined by dots; underscore as SPIFFE-ID section 2.1 allows it when asked. */
static bool
is_dns(const char *name, size_t max, bool dots, bool underscore)
{
	size_t len = strlen(name), label = 0;

	if (len == 0 || len > max) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		bool edge = label == 0 || i + 1 == len || name[i + 1] == '.';

		if (name[i] == '.' && dots && label > 0 && i + 1 < len) {
			label = 0;
			continue;
		}
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
			(name[i] == '-' && !edge) || (name[i] == '_' && underscore)) ||
		    ++label > 63) {
			return false;
		}
	}
	return true;
}

static bool
set_text(const struct config_at *at, const struct config_key *key, const char *text,
    char **out)
{
	if (key->kind == CONFIG_T_LABEL && !is_dns(text, LIMIT_ENVIRONMENT, false, false)) {
		return config_refuse(at,
		    "\"%.64s\" is not a name; write a-z, 0-9 and inner -, at most 63", text);
	}
	if (key->kind == CONFIG_T_DOMAIN && !is_dns(text, LIMIT_TRUST_DOMAIN, true, true)) {
		return config_refuse(at,
		    "\"%.64s\" is not a trust domain; write lower-case labels and dots", text);
	}
	if (key->kind == CONFIG_T_TEXT && !text_is_printable(text, key->max)) {
		return config_refuse(at,
		    "empty, too long or with blanks; write 1 to %lld printable characters",
		    (long long)key->max);
	}
	if (key->kind == CONFIG_T_PATH &&
	    (text[0] != '/' || strlen(text) > 1024 || strstr(text, "/../") != NULL)) {
		return config_refuse(at, "\"%.64s\" is not an absolute path; begin it with /", text);
	}
	free(*out);
	*out = base_xstrdup(text);
	return true;
}

static bool
set_address(const struct config_at *at, const char *text, struct config_address *out)
{
	const char *colon = strrchr(text, ':'), *end;
	struct config_address address = {0};
	unsigned char binary[sizeof(struct in6_addr)];
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	int64_t port = 0;
	int family = AF_INET;

	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
		family = AF_INET6;
	}
	if (colon == NULL || len == 0 || len >= sizeof(address.host) ||
	    !digits(colon + 1, &end, &port) || *end != '\0' || port < 1 || port > 65535) {
		return config_refuse(at,
		    "\"%.64s\" is not an address; write IP:PORT, like 0.0.0.0:8443 or [::]:8443",
		    text);
	}
	base_copy(address.host, text, len);
	if (inet_pton(family, address.host, binary) != 1) {
		return config_refuse(at,
		    "\"%s\" is not an IP address; write one, like 0.0.0.0, or [::] for IPv6",
		    address.host);
	}
	address.port = (uint16_t)port;
	*out = address;
	return true;
}

static bool
set_user(const struct config_at *at, const char *text, uid_t *uid, gid_t *gid)
{
	const char *end;
	int64_t value;
	struct passwd *entry;

	if (digits(text, &end, &value) && *end == '\0' && value > 0 && value < 0x7fffffff) {
		entry = getpwuid((uid_t)value);
		*uid = (uid_t)value;
		*gid = entry != NULL ? entry->pw_gid : (gid_t)value;
		return true;
	}
	entry = getpwnam(text);
	if (entry == NULL || entry->pw_uid == 0) {
		return config_refuse(at,
		    "\"%.64s\" is no user other than root; write a user's name or number", text);
	}
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return true;
}

static bool
set_key_alg(const struct config_at *at, const char *text, enum config_key_alg *out)
{
	static const struct {
		const char *word;
		enum config_key_alg alg;
	} words[] = {{"p-256", CONFIG_KEY_P256}, {"p-384", CONFIG_KEY_P384},
	    {"rsa-2048", CONFIG_KEY_RSA2048}, {"rsa-3072", CONFIG_KEY_RSA3072},
	    {"rsa-4096", CONFIG_KEY_RSA4096}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*out = words[i].alg;
			return true;
		}
	}
	return config_refuse(at,
	    "\"%.32s\" is no key type; write p-256, p-384, rsa-2048, rsa-3072 or rsa-4096", text);
}

static bool
set_log_level(const struct config_at *at, const char *text, void *out)
{
	static const char *const words[] = {"debug", "info", "warn", "error"};

	for (int i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++) {
		if (strcmp(text, words[i]) == 0) {
			base_copy(out, &i, sizeof(i));
			return true;
		}
	}
	return config_refuse(at, "\"%.32s\" is no level; write debug, info, warn or error", text);
}

static bool
add_key_type(const struct config_at *at, const char *text, struct config_environment *env)
{
	if (strcmp(text, "rsa") == 0) {
		env->leaf_rsa = true;
	} else if (strcmp(text, "p-256") == 0) {
		env->leaf_p256 = true;
	} else if (strcmp(text, "p-384") == 0) {
		env->leaf_p384 = true;
	} else {
		return config_refuse(at, "\"%.32s\" is no key type; write rsa, p-256 or p-384", text);
	}
	return true;
}

static bool
add_name(const struct config_at *at, const struct config_key *key, const char *text,
    void *object)
{
	const char *name = text;
	char ***names = config_field(object, key->offset);
	size_t *count = config_field(object, key->offset2);

	if (key->kind == CONFIG_T_PATTERNS && strncmp(text, "*.", 2) == 0) {
		name += 2;
	}
	if (!is_dns(name, LIMIT_DNS_NAME, true, false)) {
		return config_refuse(at, "\"%.64s\" is not a DNS name; write it in lower case%s",
		    text, key->kind == CONFIG_T_PATTERNS ? ", or as *.suffix" : "");
	}
	for (size_t i = 0; i < *count; i++) {
		if (strcmp((*names)[i], text) == 0) {
			return config_refuse(at, "\"%.64s\" is there twice; remove one", text);
		}
	}
	config_names_add(names, count, text);
	return true;
}

static bool
is_list(enum config_kind kind)
{
	return kind == CONFIG_T_NAMES || kind == CONFIG_T_PATTERNS || kind == CONFIG_T_KEY_TYPES;
}

static bool
scalar(const struct config_at *at, const struct config_key *key, const char *text,
    void *object)
{
	void *field = config_field(object, key->offset);
	int64_t value;

	switch (key->kind) {
	case CONFIG_T_UINT:
		if (!number(at, key, text, &value)) {
			return false;
		}
		*(uint32_t *)field = (uint32_t)value;
		return true;
	case CONFIG_T_INSTANCE:
		if (!number(at, key, text, &value)) {
			return false;
		}
		*(uint8_t *)field = (uint8_t)value;
		return true;
	case CONFIG_T_DURATION:
		return duration(at, key, text, field);
	case CONFIG_T_TEXT:
	case CONFIG_T_LABEL:
	case CONFIG_T_DOMAIN:
	case CONFIG_T_PATH:
		return set_text(at, key, text, field);
	case CONFIG_T_ADDRESS:
		return set_address(at, text, field);
	case CONFIG_T_USER:
		return set_user(at, text, field, config_field(object, key->offset2));
	case CONFIG_T_KEY_ALG:
		return set_key_alg(at, text, field);
	case CONFIG_T_LOG_LEVEL:
		return set_log_level(at, text, field);
	case CONFIG_T_NAMES:
	case CONFIG_T_PATTERNS:
		return add_name(at, key, text, object);
	case CONFIG_T_KEY_TYPES:
		return add_key_type(at, text, object);
	case CONFIG_T_SECTION:
	case CONFIG_T_OPERATORS:
	case CONFIG_T_ENVIRONMENTS:
	case CONFIG_T_CLUSTERS:
	case CONFIG_T_INVALID:
	default:
		return config_refuse(at, "a bug: this key has no scalar form");
	}
}

bool
config_value(const struct config_at *at, const struct config_key *key,
    const struct base_tree *node, void *object)
{
	if (!is_list(key->kind)) {
		if (!base_tree_is_scalar(node)) {
			return config_refuse(at, "a list or map where one value belongs; write one value");
		}
		return scalar(at, key, node->text, object);
	}
	if (node->kind != BASE_TREE_LIST || node->count == 0) {
		return config_refuse(at, "not a list; write [a, b]");
	}
	if (key->max > 0 && node->count > (size_t)key->max) {
		return config_refuse(at, "too many; write at most %lld", (long long)key->max);
	}
	for (size_t i = 0; i < node->count; i++) {
		struct config_at item = {at->path, node->items[i]->origin->line, at->key};

		if (!base_tree_is_scalar(node->items[i])) {
			return config_refuse(&item, "not a plain value; write [a, b]");
		}
		if (!scalar(&item, key, node->items[i]->text, object)) {
			return false;
		}
	}
	return true;
}

bool
config_fallback(const struct config_at *at, const struct config_key *key, void *object)
{
	const char *rest = key->fallback;
	bool done = true;

	if (!is_list(key->kind)) {
		return scalar(at, key, rest, object);
	}
	while (done && rest != NULL) {
		const char *comma = strstr(rest, ", ");
		char *item = comma != NULL ? base_xstrndup(rest, (size_t)(comma - rest))
					   : base_xstrdup(rest);

		done = scalar(at, key, item, object);
		free(item);
		rest = comma != NULL ? comma + 2 : NULL;
	}
	return done;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the types of the schema accept, and the words that tables are made of. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "k8s/schema.h"

#define V4 "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SEGMENT "/[A-Za-z0-9._~!$&'()+,;=:@%-]+"

const struct k8s_type_info K8S_TYPES[K8S_TYPE_COUNT] = {
    [K8S_TEXT] = {"text", "^[^ \t\r\n]([^\t\r\n]*[^ \t\r\n])?$", 1024,
	"one line of printable text without blanks around it"},
    [K8S_LABEL] = {"label", "^" LABEL "$", LIMIT_K8S_NAMESPACE,
	"an RFC 1123 label: at most 63 of a-z, 0-9 and -, beginning and ending with a letter or "
	"digit"},
    [K8S_NAME] = {"name", "^" LABEL "(\\." LABEL ")*$", LIMIT_K8S_NAME,
	"an RFC 1123 name: at most 253 of a-z, 0-9, - and ."},
    [K8S_HOST] = {"host", "^" LABEL "(\\." LABEL ")+$", LIMIT_DNS_NAME,
	"a full DNS name in lower case, without wildcards and without a closing dot"},
    /* Templates only as whole segments, {**} last of them, and no * at the end beside them, as
     * AuthorizationPolicy takes them (istio: pkg/config/security, CheckValidPathTemplate). */
    [K8S_PATH] = {"path",
	"^((" SEGMENT ")*(/[*]?)?|(" SEGMENT "|/[{][*][}])*(/[{][*][*][}](" SEGMENT ")*)?/?)$", 1024,
	"a path such as /api/users, /api/users/* or /api/{*}/items; {*} and {**} are whole "
	"segments, {**} the last template, without * beside them"},
    [K8S_FILE_PATH] = {"probe path", "^(" SEGMENT ")*/?$", 1024, "a path without wildcards"},
    [K8S_URL] = {"URL",
	"^https://" LABEL "(\\." LABEL ")*(:[0-9]+)?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$", 2048,
	"an https:// URL without query"},
    [K8S_CIDR] = {"CIDR",
	"^(" V4 "(\\." V4 "){3}/(3[0-2]|[12]?[0-9])|[0-9a-f]*:[0-9a-f:]*/(12[0-8]|1[01][0-9]|"
	"[1-9]?[0-9]))$",
	64, "an address range such as 192.0.2.0/24 or 2001:db8::/32"},
    [K8S_DATE] = {"date", "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", 10,
	"a date such as 2027-03-31"},
    [K8S_DURATION] = {"duration", "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", 32,
	"a duration such as 500ms, 30s, 1h30m"},
    [K8S_QUANTITY] = {"quantity", "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", 32,
	"a quantity such as 250m, 2, 512Mi"},
    [K8S_PERCENT] = {"percent", "^(100(\\.0+)?|[1-9]?[0-9](\\.[0-9]+)?)$", 16,
	"a number from 0 to 100 in quotes, such as \"99.9\""},
    [K8S_RATIO] = {"ratio", "^0\\.[0-9]*[1-9][0-9]*$", 16,
	"a number between 0 and 1 in quotes, such as \"0.5\""},
    [K8S_WORD] = {"word", "^[!-~]+$", 256, "printable ASCII without blanks"},
    [K8S_VERSION] = {"version", "^[0-9]+\\.[0-9]+(\\.[0-9]+)?$", 32,
	"a version in quotes, such as \"1.31\""},
    [K8S_DIGEST] = {"SHA-256", "^[0-9a-f]{64}$", 64, "64 hex digits in lower case"},
    [K8S_INT] = {"integer", NULL, 0, "an integer"},
    [K8S_BOOL] = {"boolean", NULL, 0, "true or false"},
    [K8S_ENUM] = {"one of", NULL, 0, "one of some words"},
    [K8S_MAP] = {"map", NULL, 0, "a map"},
    [K8S_TEXTS] = {"map of texts", NULL, 0, "a map of names to texts"},
    [K8S_WORDS] = {"map of lists", NULL, 0, "a map of names to lists of words"},
    [K8S_EACH] = {"map by environment", NULL, 0, "a map of environment names to overrides"},
};

enum k8s_kind
k8s_kind_of(const char *name)
{
	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		if (strcmp(K8S_KINDS[kind].name, name) == 0) {
			return (enum k8s_kind)kind;
		}
	}
	return K8S_INVALID;
}

const struct k8s_field *
k8s_map_field(const struct k8s_map *map, const char *name)
{
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		if (strcmp(field->name, name) == 0) {
			return field;
		}
	}
	return NULL;
}

bool
k8s_word_nth(const char *words, size_t i, const char **word, size_t *len)
{
	const char *begin = words;

	while (i > 0) {
		begin = strchr(begin, '|');
		if (begin == NULL) {
			return false;
		}
		begin++;
		i--;
	}
	*word = begin;
	*len = strcspn(begin, "|");
	return true;
}

bool
k8s_word_in(const char *words, const char *word)
{
	const char *at;
	size_t len;

	for (size_t i = 0; k8s_word_nth(words, i, &at, &len); i++) {
		if (strlen(word) == len && strncmp(at, word, len) == 0) {
			return true;
		}
	}
	return false;
}

void
k8s_range_bounds(const char *range, int64_t *min, int64_t *max)
{
	char *end;

	*min = strtoll(range, &end, 10);
	*max = strtoll(end + strspn(end, "."), NULL, 10);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* docs/inventory.md, from the schema's table. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

#define MAPS_MAX 96

struct doc {
	struct base_buf *out;
	const struct k8s_map *maps[MAPS_MAX]; /* in the order they are met */
	size_t count;
};

static const char INTRO[] =
    "<!-- Made from the table in k8s/schema_*.c, which a test holds it to. -->\n"
    "# The inventory\n\n"
    "A folder of YAML documents. Every `*.yaml` and `*.yml` below it is read, but for names that "
    "begin with a dot; links are\n"
    "refused. How documents are spread over files is yours to choose (one file per service "
    "suits CODEOWNERS). Each has\n"
    "`apiVersion: " K8S_API_VERSION "`, `kind`, `metadata` and `spec`. YAML is read strictly: no "
    "anchors, aliases, tags,\n"
    "duplicate or unknown keys. Secrets are never in it: only\n"
    "names of Kubernetes Secrets.\n\n"
    "`meshca inventory schema` prints the same as JSON Schema 2020-12; `meshca inventory lint "
    "DIR` checks a folder.\n"
    "`meshca inventory import` drafts documents from `kubectl get serviceaccounts,services,"
    "authorizationpolicies -A -o json`\n"
    "and from Prometheus' answer to `sum by (source_principal, source_workload, "
    "source_workload_namespace,\n"
    "destination_principal, destination_service_name, destination_service_namespace) "
    "(increase(istio_requests_total[7d]))`.\n"
    "`meshca inventory apply DIR --environment NAME` registers an environment's identities with the "
    "authority\n"
    "([registration.md](registration.md)).\n\n"
    "## Where a value comes from\n\n"
    "Later wins: built-in default, Mesh (`spec.defaults`), Environment (`spec.defaults`), the "
    "document, the document's\n"
    "`spec.environments.NAME`. Maps merge. Lists whose items have a key (marked *by name*) "
    "merge by it; other lists replace.\n"
    "`null` removes a value, and its default with it. `meshca inventory show DIR --resolved "
    "NAME` tells where each value comes\n"
    "from.\n\n"
    "A key marked *required* is in every document; one marked *needed* comes from the document "
    "or from defaults.\n";

static void
note_map(struct doc *doc, const struct k8s_map *map)
{
	for (size_t i = 0; i < doc->count; i++) {
		if (doc->maps[i] == map) {
			return;
		}
	}
	if (doc->count == MAPS_MAX) {
		abort();
	}
	doc->maps[doc->count++] = map;
}

static void
put_link(struct doc *doc, const char *name)
{
	base_buf_appendf(doc->out, "[%s](#", name);
	for (const char *p = name; *p != '\0'; p++) {
		base_buf_append_u8(doc->out, (uint8_t)tolower((unsigned char)*p));
	}
	base_buf_append_str(doc->out, ")");
}

static void
put_words(struct doc *doc, const char *words, const char *between)
{
	const char *word;
	size_t len;

	for (size_t i = 0; k8s_word_nth(words, i, &word, &len); i++) {
		base_buf_appendf(doc->out, "%s`%.*s`", i == 0 ? "" : between, (int)len, word);
	}
}

static void
put_type(struct doc *doc, const struct k8s_field *field)
{
	if ((field->flags & K8S_LIST) != 0) {
		base_buf_append_str(doc->out, "list of ");
	}
	if (field->type == K8S_ENUM) {
		put_words(doc, field->range, ", ");
	} else if (field->type == K8S_INT) {
		base_buf_append_str(doc->out, field->range);
	} else if (field->type == K8S_MAP) {
		put_link(doc, field->map->name);
		note_map(doc, field->map);
		if ((field->flags & K8S_LIST) != 0 && field->map->key != NULL) {
			base_buf_appendf(doc->out, " by `%s`", field->map->key);
		}
	} else if (field->type == K8S_EACH) {
		base_buf_append_str(doc->out, "map of environments to parts of this");
	} else {
		base_buf_append_str(doc->out, K8S_TYPES[field->type].name);
	}
}

static void
put_fields(struct doc *doc, const struct k8s_map *map)
{
	base_buf_append_str(doc->out, "\n| key | value | default | what |\n|---|---|---|---|\n");
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		base_buf_appendf(doc->out, "| `%s` | ", field->name);
		put_type(doc, field);
		base_buf_append_str(doc->out, " | ");
		if ((field->flags & K8S_REQUIRED) != 0) {
			base_buf_append_str(doc->out, "*required*");
		} else if (field->fallback != NULL) {
			put_words(doc, field->fallback, ", ");
		} else if ((field->flags & K8S_NEEDED) != 0) {
			base_buf_append_str(doc->out, "*needed*");
		}
		base_buf_appendf(doc->out, " | %s |\n", field->doc);
	}
}

static void
put_types(struct doc *doc)
{
	base_buf_append_str(doc->out, "\n## Types\n\n| type | what |\n|---|---|\n");
	for (int type = K8S_TYPE_INVALID + 1; type < K8S_TYPE_COUNT; type++) {
		if (K8S_TYPES[type].pattern != NULL) {
			base_buf_appendf(doc->out, "| %s | %s |\n", K8S_TYPES[type].name,
			    K8S_TYPES[type].words);
		}
	}
}

static void
put_findings(struct doc *doc)
{
	base_buf_append_str(doc->out,
	    "\n## Findings\n\nWhat `meshca inventory lint` says; it fails on errors. Codes are never "
	    "reused.\n\n"
	    "| code | severity | why it matters |\n|---|---|---|\n");
	for (size_t i = 0; i < k8s_lint_count(); i++) {
		const struct k8s_lint_info *info = k8s_lint_nth(i);

		base_buf_appendf(doc->out, "| %s | %s | %s |\n", info->code,
		    k8s_severity_word(info->severity), info->text);
	}
}

void
k8s_schema_markdown(struct base_buf *out)
{
	struct doc *doc = &(struct doc){.out = out};
	size_t kinds;

	base_buf_append_str(out, INTRO);
	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		note_map(doc, K8S_KINDS[kind].spec);
	}
	kinds = doc->count;
	for (size_t i = 0; i < doc->count; i++) {
		base_buf_appendf(out, "\n%s %s\n\n%s\n", i < kinds ? "##" : "###",
		    doc->maps[i]->name, doc->maps[i]->doc);
		if (doc->maps[i]->one_of != NULL) {
			base_buf_append_str(out, "\nExactly one of ");
			put_words(doc, doc->maps[i]->one_of, ", ");
			base_buf_append_str(out, ".\n");
		}
		put_fields(doc, doc->maps[i]);
		if (i + 1 == kinds) {
			base_buf_append_str(out, "\n## Parts\n");
		}
	}
	put_types(doc);
	put_findings(doc);
}

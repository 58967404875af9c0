/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address ranges, and who may come to a plaintext port without an identity: by the address of the
 * connection, since nothing else is known of such a caller. Rules by principal never match it.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "k8s/model_int.h"

/* Shorter prefixes are no limit; two halves of the internet are as good as the whole. */
#define WIDE_V4 8
#define WIDE_V6 16

struct range {
	int family;
	uint8_t address[sizeof(struct in6_addr)];
	size_t size;
	unsigned prefix;
};

/* The schema has seen digits and a slash; whether they are an address, inet_pton knows. */
static bool
range_read(const char *text, struct range *out)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	size_t len = slash == NULL ? sizeof(address) : (size_t)(slash - text);
	struct range range = {.family = strchr(text, ':') == NULL ? AF_INET : AF_INET6};

	if (len >= sizeof(address)) {
		return false;
	}
	base_copy(address, text, len);
	address[len] = '\0';
	range.size = range.family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	range.prefix = (unsigned)strtoul(slash + 1, NULL, 10);
	if (inet_pton(range.family, address, range.address) != 1 || range.prefix > 8 * range.size) {
		return false;
	}
	*out = range;
	return true;
}

/* Clears what is behind the prefix; true when something was there. */
static bool
range_trim(struct range *range)
{
	bool any = false;

	for (size_t i = 0; i < range->size; i++) {
		unsigned kept = range->prefix <= 8 * i ? 0 : range->prefix - 8 * (unsigned)i;
		uint8_t mask = (uint8_t)(kept >= 8 ? 0xffu : 0xff00u >> kept);

		any = any || (range->address[i] & (uint8_t)~mask) != 0;
		range->address[i] &= mask;
	}
	return any;
}

static bool
is_mapped(const struct range *range)
{
	static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

	return range->family == AF_INET6 && memcmp(range->address, MAPPED, sizeof(MAPPED)) == 0;
}

/* False, with a finding, when a range is not what it says. */
static bool
check_written(struct k8s_model *model, const struct base_tree *item, const char *where,
    struct range *range)
{
	char shown[INET6_ADDRSTRLEN];

	if (!range_read(item->text, range)) {
		k8s_model_find(model, LINT_ADDRESS_INVALID, item->origin,
		    "write a range such as 192.0.2.0/24 or 2001:db8::/32", "%s: %s is no address range",
		    where, item->text);
		return false;
	}
	if (is_mapped(range)) {
		k8s_model_find(model, LINT_ADDRESS_INVALID, item->origin, "write it as IPv4",
		    "%s: %s is an IPv4 address in disguise, which proxies and networks read differently",
		    where, item->text);
		return false;
	}
	if (range_trim(range)) {
		(void)inet_ntop(range->family, range->address, shown, sizeof(shown));
		k8s_model_find(model, LINT_ADDRESS_INVALID, item->origin,
		    base_arena_printf(model->arena, "write %s/%u, or a longer prefix", shown,
			range->prefix),
		    "%s: %s has bits behind its prefix", where, item->text);
		return false;
	}
	return true;
}

void
k8s_model_check_ranges(struct k8s_model *model, const struct base_tree *list, const char *where)
{
	struct range range;

	for (size_t i = 0; list != NULL && list->kind == BASE_TREE_LIST && i < list->count; i++) {
		(void)check_written(model, list->items[i], where, &range);
	}
}

static void
check_caller(struct k8s_model *model, const struct base_tree *item, const char *where)
{
	struct range range;

	if (check_written(model, item, where, &range) &&
	    range.prefix < (range.family == AF_INET ? WIDE_V4 : WIDE_V6)) {
		k8s_model_find(model, LINT_ADDRESS_WIDE, item->origin,
		    "name the addresses that its callers really have",
		    "%s lets in %s without an identity", where, item->text);
	}
}

/* NetworkPolicy is all that tells these pods from others at the same addresses. */
static void
check_pods(struct k8s_model *model, const struct base_tree *pods, const char *where)
{
	const struct base_tree *policies = base_tree_get(model->environment, "policies");
	const char *name = base_tree_str(pods, "namespace", "");
	const struct k8s_space *space = k8s_model_space(model, name);

	if (space != NULL && strcmp(space->kind, "system") != 0 &&
	    strcmp(space->kind, "monitoring") != 0) {
		k8s_model_find(model, LINT_CALLER_PODS, pods->origin,
		    "let them have a proxy, calls and accepts, or take the namespace out of the mesh",
		    "%s lets in pods of %s without an identity, and %s is the mesh's", where, name, name);
	}
	if (!base_tree_bool(policies, "networkPolicy", true)) {
		k8s_model_find(model, LINT_CALLER_NETWORK, pods->origin,
		    "write networkPolicy: true in the environment's policies",
		    "%s is for pods of %s, but without NetworkPolicy whoever has their addresses gets in",
		    where, name);
	}
}

static bool
refuses(struct k8s_model *model, const struct k8s_node *node)
{
	const struct base_tree *policies = base_tree_get(model->environment, "policies");

	return base_tree_bool(policies, "networkPolicy", true) ||
	    strcmp(k8s_model_space(model, node->namespace)->enforcement, "observe") != 0;
}

void
k8s_model_check_plaintext(struct k8s_model *model, const struct k8s_node *node,
    const struct k8s_port *port)
{
	const struct base_tree *plain = base_tree_get(port->spec, "plaintext");
	const struct base_tree *callers = k8s_list_or_empty(model, plain, "callers", plain->origin);
	const char *where = base_arena_printf(model->arena, "%s of %s/%s", port->declared,
	    node->namespace, node->name);

	if (callers->count == 0 && refuses(model, node)) {
		k8s_model_find(model, LINT_PLAINTEXT_REFUSED, plain->origin,
		    "name them in callers: by address, or remove plaintext",
		    "%s takes connections without mTLS, and no rule is for callers without an identity",
		    where);
	}
	for (size_t i = 0; i < callers->count; i++) {
		const struct base_tree *addresses = k8s_list_or_empty(model, callers->items[i],
		    "addresses", callers->items[i]->origin);
		const struct base_tree *pods = base_tree_get(callers->items[i], "pods");

		for (size_t j = 0; j < addresses->count; j++) {
			check_caller(model, addresses->items[j], where);
		}
		if (pods != NULL && pods->kind == BASE_TREE_MAP) {
			check_pods(model, pods, where);
		}
	}
}

/* Addresses of all callers, each once. */
static const struct base_tree *
ip_blocks(struct k8s_model *model, const struct base_tree *callers)
{
	struct base_tree_build *list = base_tree_list(model->arena, callers->origin);
	struct k8s_index *seen = k8s_index_new(model->arena);

	for (size_t i = 0; i < callers->count; i++) {
		const struct base_tree *addresses = k8s_list_or_empty(model, callers->items[i],
		    "addresses", callers->items[i]->origin);

		for (size_t j = 0; j < addresses->count; j++) {
			const char *text = addresses->items[j]->text;

			if (k8s_index_get(seen, text) == NULL) {
				k8s_index_put(seen, text, seen);
				base_tree_push(list, addresses->items[j]);
			}
		}
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_model_by_address(struct k8s_model *model, const struct k8s_node *node)
{
	struct base_tree_build *list = base_tree_list(model->arena, node->origin);

	for (size_t i = 0; i < node->port_count; i++) {
		const struct k8s_port *port = &node->ports[i];
		const struct base_tree *plain = base_tree_get(port->spec, "plaintext");
		struct base_tree_build *map, *ports;
		const struct base_tree *callers;

		if (plain == NULL || plain->kind != BASE_TREE_MAP) {
			continue;
		}
		callers = k8s_list_or_empty(model, plain, "callers", plain->origin);
		if (callers->count == 0) {
			continue;
		}
		map = base_tree_map(model->arena, callers->origin);
		ports = base_tree_list(model->arena, port->spec->origin);
		k8s_put_str(model, map, "name",
		    base_arena_printf(model->arena, "by-address-%s", port->declared), port->spec->origin);
		k8s_put_str(model, map, "declared", port->declared, port->spec->origin);
		k8s_push_str(model, ports,
		    base_arena_printf(model->arena, "%" PRId64, port->workload), port->spec->origin);
		base_tree_put(map, "ports", base_tree_done(ports));
		base_tree_put(map, "ipBlocks", ip_blocks(model, callers));
		k8s_put_same(map, "reason", plain, "reason");
		base_tree_push(list, base_tree_done(map));
	}
	return base_tree_done(list);
}

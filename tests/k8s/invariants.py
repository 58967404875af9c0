# SPDX-License-Identifier: Apache-2.0
"""What holds in every generated tree, whatever the inventory and the templates say.

    invariants.py DIR/environments/NAME [--crds DIR] [--registered NAMESPACE/ACCOUNT ...]

Each invariant is a function of a Tree that yields (object, what is wrong). tests/k8s/test_invariants.py proves that
each one finds what it is there for.
"""
import argparse
import copy
import pathlib
import re
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CRDS = ROOT.parent / "shared/crds"
FOLDER_OBJECTS = 500  # LIMIT_FOLDER_OBJECTS
ISTIO_CRDS = "istio-1.31"  # of several versions in the folder, the one that manifests are for
WAVE = "argocd.argoproj.io/sync-wave"
INVARIANTS = []

# Kinds of Kubernetes itself that we write, and whether they have a namespace.
BUILT_IN = {
    ("", "ConfigMap"): True, ("", "Namespace"): False, ("", "Service"): True, ("", "ServiceAccount"): True,
    ("", "ResourceQuota"): True, ("", "LimitRange"): True,
    ("apps", "Deployment"): True, ("batch", "CronJob"): True, ("batch", "Job"): True,
    ("autoscaling", "HorizontalPodAutoscaler"): True, ("policy", "PodDisruptionBudget"): True,
    ("networking.k8s.io", "NetworkPolicy"): True,
    ("rbac.authorization.k8s.io", "Role"): True, ("rbac.authorization.k8s.io", "RoleBinding"): True,
    ("rbac.authorization.k8s.io", "ClusterRole"): False, ("rbac.authorization.k8s.io", "ClusterRoleBinding"): False,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): False,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): False,
    ("scheduling.k8s.io", "PriorityClass"): False,
}

# Deprecated words of Istio: key of the map they stand in, and the word (None: the key itself is old).
OLD_NAMES = {("simple", "LEAST_CONN"), ("consecutiveErrors", None), ("mirrorPercent", None), ("mirror_percent", None),
             ("allowOrigin", None), ("warmupDurationSecs", None), ("minimumRingSize", None), ("percent", None),
             ("verifyCertificateAtClient", None)}
ISTIO_GROUPS = {"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"}


class Loader(yaml.CSafeLoader):
    """YAML without the value tag, which a bare = of a definition would get."""


Loader.yaml_implicit_resolvers = {first: [(tag, match) for tag, match in rows if tag != "tag:yaml.org,2002:value"]
                                  for first, rows in yaml.CSafeLoader.yaml_implicit_resolvers.items()}


def load_all(text):
    return [one for one in yaml.load_all(text, Loader) if one is not None]


def group_of(thing):
    return thing["apiVersion"].rpartition("/")[0]


def version_of(thing):
    return thing["apiVersion"].rpartition("/")[2]


def shown(thing):
    metadata = thing.get("metadata", {})
    return "/".join(part for part in (thing.get("kind"), metadata.get("namespace"), metadata.get("name")) if part)


class Definitions:
    """CustomResourceDefinitions: scope and strict schema of (group, version, kind)."""

    def __init__(self, folder):
        self.schemas, self.namespaced, self.validators = {}, {}, {}
        for path in sorted(pathlib.Path(folder).glob("*.yaml")):
            if path.name.startswith("istio-") and not path.name.startswith(ISTIO_CRDS):
                continue
            for definition in load_all(path.read_text()):
                if definition.get("kind") != "CustomResourceDefinition":
                    continue
                spec = definition["spec"]
                kind = (spec["group"], spec["names"]["kind"])
                self.namespaced[kind] = spec["scope"] == "Namespaced"
                for version in spec["versions"]:
                    if version["served"]:
                        self.schemas[kind[0], version["name"], kind[1]] = version["schema"]["openAPIV3Schema"]

    def validator(self, key):
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft7Validator(strict(copy.deepcopy(self.schemas[key])))
        return self.validators[key]


def strict(schema, top=True):
    """Refuses fields that the definition does not have, where the API server would silently drop them."""
    if isinstance(schema, list):
        return [strict(one, False) for one in schema]
    if not isinstance(schema, dict):
        return schema
    for key in ("properties", "patternProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = {name: strict(one, False) for name, one in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            schema[key] = strict(schema[key], False)
    if top:
        schema.get("properties", {}).update(metadata={"type": "object"}, apiVersion={"type": "string"},
                                            kind={"type": "string"})
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    schema.pop("format", None)
    return schema


class Tree:
    """The folder of one environment."""

    def __init__(self, folder=None, registered=None, definitions=None, objects=(), patches=()):
        self.objects, self.patches = list(objects), list(patches)
        self.texts, self.counts = {}, {}
        self.registered, self.definitions = registered, definitions
        for path in sorted(pathlib.Path(folder).rglob("*.yaml")) if folder else ():
            self.read(path, pathlib.Path(folder))

    def read(self, path, folder):
        text = path.read_text()
        self.texts[str(path.relative_to(folder))] = text
        if path.name == "kustomization.yaml":
            return
        things = load_all(text)
        component = yaml.safe_load((path.parent / "kustomization.yaml").read_text())["kind"] == "Component"
        (self.patches if component else self.objects).extend(things)
        name = str(path.parent.relative_to(folder))
        self.counts[name] = self.counts.get(name, 0) + len(things)

    def of(self, kind, group=None):
        return [one for one in self.objects if one["kind"] == kind and group in (None, group_of(one))]

    def spec(self, kind):
        return [(one, one.get("spec") or {}) for one in self.of(kind)]


def invariant(function):
    INVARIANTS.append(function)
    return function


def walk(node, key=None):
    """Every (key, value) of maps below, whatever the depth."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield name, value
            yield from walk(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value, key)


# --- of every object ---
@invariant
def namespace_exactly_on_namespaced_kinds(tree):
    for one in tree.objects:
        kind = group_of(one), one["kind"]
        namespaced = BUILT_IN.get(kind, tree.definitions.namespaced.get(kind) if tree.definitions else None)
        if namespaced is None:
            if tree.definitions:
                yield one, "no definition says whether the kind has a namespace"
        elif namespaced != bool(one["metadata"].get("namespace")):
            yield one, "needs metadata.namespace" if namespaced else "has no namespace in Kubernetes"


@invariant
def schema_of_every_object(tree):
    for one in tree.objects if tree.definitions else ():
        key = group_of(one), version_of(one), one["kind"]
        if (key[0], key[2]) in BUILT_IN:
            continue
        if key not in tree.definitions.schemas:
            yield one, f"there is no definition of {'/'.join(key)}"
            continue
        for error in tree.definitions.validator(key).iter_errors(one):
            yield one, f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


@invariant
def folders_are_small(tree):
    for name, count in tree.counts.items():
        if count >= FOLDER_OBJECTS:
            yield name, f"{count} objects"


@invariant
def no_certificate_bytes(tree):
    for name, text in tree.texts.items():
        if re.search(r"-----BEGIN [A-Z ]*(CERTIFICATE|KEY|CRL)", text) or "LS0tLS1CRUdJTi" in text:
            yield name, "PEM in Git"
    for one in tree.of("Secret", ""):
        yield one, "a Secret in Git"


@invariant
def every_object_has_a_wave(tree):
    for one in tree.objects:
        if not re.fullmatch(r"-?\d+", str((one["metadata"].get("annotations") or {}).get(WAVE, ""))):
            yield one, f"no {WAVE}"


@invariant
def no_old_names(tree):
    for one in tree.objects:
        if group_of(one) in ISTIO_GROUPS:
            for key, value in walk(one.get("spec")):
                if (key, None) in OLD_NAMES or (isinstance(value, str) and (key, value) in OLD_NAMES):
                    yield one, f"{key}: {value} is deprecated"


# --- identities ---
def pod_specs(tree):
    for one in tree.objects + tree.patches:
        template = (one.get("spec") or {}).get("template") or {}
        if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Rollout", "Job"):
            yield one, template.get("spec") or {}


def injected_namespaces(tree):
    return {one["metadata"]["name"] for one in tree.of("Namespace")
            if {"istio.io/rev", "istio-injection"} & set(one["metadata"].get("labels") or {})}


@invariant
def accounts_are_registered(tree):
    """Of patched workloads, and of accounts in namespaces with injection."""
    if tree.registered is None:
        return
    injected = injected_namespaces(tree)
    for one, spec in pod_specs(tree):
        namespace = one["metadata"].get("namespace", "")
        account = spec.get("serviceAccountName")
        if account is None:
            if one in tree.objects:
                yield one, "runs as the account default"
        elif (namespace, account) not in tree.registered:
            yield one, f"the account {namespace}/{account} is not registered"
    for one in tree.of("ServiceAccount", ""):
        pair = one["metadata"].get("namespace", ""), one["metadata"]["name"]
        if pair[0] in injected and pair not in tree.registered:
            yield one, "the account is not registered"


# --- traffic ---
@invariant
def every_route_has_a_name(tree):
    for one, spec in tree.spec("VirtualService"):
        names = [route.get("name") for route in spec.get("http", [])]
        if None in names or "" in names:
            yield one, "a route without a name: patches and filters cannot find it"
        if len(set(names)) != len(names):
            yield one, "two routes of one name"


@invariant
def one_sidecar_without_selector(tree):
    seen = set()
    for one, spec in tree.spec("Sidecar"):
        if "workloadSelector" not in spec:
            if one["metadata"].get("namespace", "") in seen:
                yield one, "a second Sidecar without a selector in the namespace"
            seen.add(one["metadata"].get("namespace", ""))


@invariant
def destination_rules_say_who_sees_them(tree):
    for one, spec in tree.spec("DestinationRule"):
        if not spec.get("exportTo"):
            yield one, "without exportTo"


@invariant
def originated_tls_is_pinned(tree):
    for one, spec in tree.spec("DestinationRule"):
        for key, value in walk(spec):
            if key == "tls" and isinstance(value, dict) and value.get("mode") in ("SIMPLE", "MUTUAL"):
                if not value.get("subjectAltNames") or not value.get("sni"):
                    yield one, "TLS without sni and subjectAltNames checks no name"


@invariant
def payments_are_never_retried(tree):
    """A route that takes a method that is not idempotent has no retry policy."""
    for one, spec in tree.spec("VirtualService"):
        for route in spec.get("http", []):
            methods = {match.get("method", {}).get("exact") for match in route.get("match", [{}])}
            safe = methods <= {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
            if not safe and (route.get("retries") or {}).get("attempts") != 0:
                whole = route.get("name", "")
                if any(re.search(r"POST|PATCH", str(method)) for method in methods):
                    yield one, f"the route {whole} retries {sorted(map(str, methods))}"


@invariant
def filters_have_a_selector(tree):
    for one, spec in tree.spec("EnvoyFilter"):
        if not (spec.get("workloadSelector") or spec.get("targetRefs")):
            yield one, "for every proxy of the namespace, or of the mesh"


# --- authorization ---
HTTP_FIELDS = {"methods", "notMethods", "paths", "notPaths", "hosts", "notHosts"}


def operations(rule):
    return [to.get("operation") or {} for to in rule.get("to", [])]


@invariant
def deny_rules_name_what_they_deny(tree):
    for one, spec in tree.spec("AuthorizationPolicy"):
        for rule in spec.get("rules", []) if spec.get("action") == "DENY" else ():
            for operation in operations(rule):
                if HTTP_FIELDS & set(operation) and not operation.get("ports"):
                    yield one, "a DENY with HTTP fields and no ports refuses every connection that is not HTTP"


@invariant
def gateway_hosts_in_both_forms(tree):
    gateways = {tuple(sorted((spec.get("selector") or {}).items())) for _, spec in tree.spec("Gateway")}
    for one, spec in tree.spec("AuthorizationPolicy"):
        labels = tuple(sorted(((spec.get("selector") or {}).get("matchLabels") or {}).items()))
        if labels not in gateways:
            continue
        for rule in spec.get("rules", []):
            for operation in operations(rule):
                hosts = operation.get("hosts") or []
                for host in hosts:
                    if not host.endswith(":*") and f"{host}:*" not in hosts:
                        yield one, f"{host} without {host}:*"


@invariant
def tokens_have_a_rule_and_one_place(tree):
    demanding = {}
    for one, spec in tree.spec("AuthorizationPolicy"):
        labels = (spec.get("selector") or {}).get("matchLabels") or {}
        if any(key in ("requestPrincipals", "notRequestPrincipals") for key, _ in walk(spec)):
            demanding.setdefault(one["metadata"].get("namespace", ""), []).append(labels)
    for one, spec in tree.spec("RequestAuthentication"):
        labels = (spec.get("selector") or {}).get("matchLabels") or {}
        if labels not in demanding.get(one["metadata"].get("namespace", ""), []):
            yield one, "no policy demands a token: requests without one pass"
        for rule in spec.get("jwtRules", []):
            places = sum(len(rule.get(key) or []) for key in ("fromHeaders", "fromParams", "fromCookies"))
            if places != 1:
                yield one, f"a token in {places or 'unsaid'} places"
            if not rule.get("audiences"):
                yield one, "any audience is taken"


@invariant
def no_principal_is_a_wildcard(tree):
    for one, spec in tree.spec("AuthorizationPolicy"):
        if spec.get("action", "ALLOW") != "ALLOW":
            continue
        for key, value in walk(spec):
            if key in ("principals", "namespaces") and any(str(each).strip() in ("*", "") for each in value or []):
                yield one, f"{key}: anybody"


def labels_of(spec):
    return (spec.get("selector") or {}).get("matchLabels") or {}


@invariant
def namespaces_with_rules_deny_the_rest(tree):
    """A workload without an ALLOW policy takes everybody; an empty policy of the namespace takes nobody."""
    denying = {one["metadata"].get("namespace", "") for one, spec in tree.spec("AuthorizationPolicy") if spec == {}}
    for one in tree.of("Namespace"):
        if one["metadata"]["name"] in injected_namespaces(tree) - denying:
            yield one, "injected, and nothing denies by default"
    for one, spec in tree.spec("AuthorizationPolicy"):
        if spec != {} and one["metadata"].get("namespace", "") not in denying:
            yield one, "its namespace does not deny by default"


@invariant
def gateways_know_their_principals(tree):
    """A gateway knows who calls only behind a server of ISTIO_MUTUAL."""
    for one, spec in tree.spec("AuthorizationPolicy"):
        for rule in spec.get("rules", []):
            ports = {str(port) for operation in operations(rule) for port in operation.get("ports", [])}
            if not any(key == "principals" for key, _ in walk(rule)):
                continue
            for gateway, its in tree.spec("Gateway"):
                if its.get("selector") != labels_of(spec) or not labels_of(spec):
                    continue
                for server in its.get("servers", []):
                    mutual = (server.get("tls") or {}).get("mode") == "ISTIO_MUTUAL"
                    if str(server["port"]["number"]) in ports and not mutual:
                        yield one, f"principals at {gateway['metadata']['name']}, which asks for no certificate"


def sources(rule):
    return [row.get("source") or {} for row in rule.get("from", [])]


def exempt_ports(tree):
    """(namespace, labels of the workload, port) that takes connections without mTLS."""
    return {(one["metadata"].get("namespace", ""), tuple(sorted(labels_of(spec).items())), str(port))
            for one, spec in tree.spec("PeerAuthentication") for port, rule in (spec.get("portLevelMtls") or {}).items()
            if rule.get("mode") != "STRICT"}


@invariant
def addresses_enter_plaintext_ports_only(tree):
    """Who shows no identity is let in by the address of its connection, to ports that are exempt from mTLS; an address
    never stands in for an identity, and a header never for an address (but at gateways, which count their proxies)."""
    exempt = exempt_ports(tree)
    gateways = {tuple(sorted((spec.get("selector") or {}).items())) for _, spec in tree.spec("Gateway")}
    for one, spec in tree.spec("AuthorizationPolicy"):
        labels = tuple(sorted(labels_of(spec).items()))
        for rule in spec.get("rules", []) if spec.get("action", "ALLOW") == "ALLOW" else ():
            if any("remoteIpBlocks" in source for source in sources(rule)) and labels not in gateways:
                yield one, "lets in by X-Forwarded-For, which any caller writes"
            if not any("ipBlocks" in source for source in sources(rule)):
                continue
            if any(source.get("notPrincipals") != ["*"] for source in sources(rule)):
                yield one, "an address stands in for an edge"
            ports = {str(port) for operation in operations(rule) for port in operation.get("ports", [])}
            if not labels or not ports or any(not operation.get("ports") for operation in operations(rule)):
                yield one, "by address to more than a port of a workload"
            for port in sorted(ports):
                if labels and (one["metadata"].get("namespace", ""), labels, port) not in exempt:
                    yield one, f"by address to port {port}, which takes mTLS only"


@invariant
def networks_open_to_addresses_that_rules_know(tree):
    known = {(one["metadata"].get("namespace", ""), tuple(sorted(labels_of(spec).items())), block, str(port))
             for one, spec in tree.spec("AuthorizationPolicy") for rule in spec.get("rules", [])
             for source in sources(rule) for block in source.get("ipBlocks", [])
             for operation in operations(rule) for port in operation.get("ports", [])}
    for one, spec in tree.spec("NetworkPolicy"):
        labels = tuple(sorted(((spec.get("podSelector") or {}).get("matchLabels") or {}).items()))
        for rule in spec.get("ingress") or []:
            for cidr in [peer["ipBlock"]["cidr"] for peer in rule.get("from", []) if "ipBlock" in peer]:
                for port in [str(port.get("port")) for port in rule.get("ports") or [{}]]:
                    if (one["metadata"].get("namespace", ""), labels, cidr, port) not in known:
                        yield one, f"{cidr} may come to port {port}, which no rule allows"
def modes(kind, spec):
    """Of what is for listeners of some modes only; None: of all."""
    if kind == "Telemetry":
        return [(rule.get("match") or {}).get("mode") for rule in spec.get("accessLogging") or []]
    return [match.get("mode") for match in spec.get("match") or []]


@invariant
def gateways_listen_as_clients(tree):
    """To Istio a gateway's listeners are of mode CLIENT: what is for SERVER never meets a request there."""
    gateways = [spec.get("selector") for _, spec in tree.spec("Gateway") if spec.get("selector")]
    for kind in ("Telemetry", "TrafficExtension", "WasmPlugin"):
        for one, spec in tree.spec(kind):
            if labels_of(spec) in gateways and "SERVER" in modes(kind, spec):
                yield one, "mode SERVER at a gateway, where it does nothing"


@invariant
def gateways_log_what_they_refuse(tree):
    logging = [labels_of(spec) for _, spec in tree.spec("Telemetry") if spec.get("accessLogging")]
    for one, spec in tree.spec("Gateway") if logging else ():
        if spec.get("selector") not in logging:
            yield one, "no Telemetry logs refusals of its pods"


def hosts_of(server):
    """Without the namespaces that may bind to them."""
    return {host.rpartition("/")[2] for host in server.get("hosts") or []}


@invariant
def gateways_say_who_binds_to_a_host(tree):
    """Or a route of any namespace of the cluster could take requests that come to it, and those that leave."""
    for one, spec in tree.spec("Gateway"):
        for host in (host for server in spec.get("servers") or [] for host in server.get("hosts") or []):
            if host.partition("/")[0] in ("*", host):
                yield one, f"{host} may be bound from every namespace"


def bound(tree):
    """Every (VirtualService, its spec, server) where a Gateway's server has one of its hosts."""
    gateways = {f"{one['metadata'].get('namespace')}/{one['metadata']['name']}": spec for one, spec in tree.spec("Gateway")}
    for one, spec in tree.spec("VirtualService"):
        for gateway in spec.get("gateways") or []:
            for server in gateways.get(gateway, {}).get("servers") or []:
                if hosts_of(server) & set(spec.get("hosts") or []):
                    yield one, spec, server


@invariant
def plaintext_only_redirects(tree):
    """Where a host is served over TLS, its routes at a port without TLS lead nowhere but there."""
    secure = {host for _, spec in tree.spec("Gateway") for server in spec.get("servers") or []
              if server["port"]["protocol"] == "HTTPS" for host in hosts_of(server)}
    for one, spec, server in bound(tree):
        if server["port"]["protocol"] != "HTTP" or not secure & set(spec["hosts"]) or (
                server.get("tls") or {}).get("httpsRedirect"):
            continue
        for route in spec.get("http") or []:
            ports = {match.get("port") for match in route.get("match") or [{}]}
            if "redirect" not in route and ports & {None, server["port"]["number"]}:
                yield one, f"the route {route.get('name')} is served at port {server['port']['number']} without TLS"


@invariant
def first_legs_meet_a_server(tree):
    """What a caller's proxy asks an egress gateway for is a host of one of its servers."""
    mutual = {host for _, spec in tree.spec("Gateway") for server in spec.get("servers") or []
              if (server.get("tls") or {}).get("mode") == "ISTIO_MUTUAL" for host in hosts_of(server)}
    for one, spec in tree.spec("DestinationRule"):
        for subset in spec.get("subsets") or []:
            tls = (subset.get("trafficPolicy") or {}).get("tls") or {}
            if tls.get("mode") == "ISTIO_MUTUAL" and tls.get("sni") and tls["sni"] not in mutual:
                yield one, f"no server of a gateway is for {tls['sni']}"


@invariant
def monitoring_reaches_the_agent(tree):
    """Under STRICT the applications' own ports are shut to it: merged metrics are at 15020."""
    injected = injected_namespaces(tree)
    for one, spec in tree.spec("NetworkPolicy"):
        if one["metadata"].get("namespace", "") not in injected or not (spec.get("podSelector") or {}):
            continue
        ports = {port.get("port") for rule in spec.get("ingress") or [] for port in rule.get("ports") or []}
        if 15020 not in ports:
            yield one, "nobody reaches the agent's metrics"


@invariant
def authority_publishes_what_proxies_read(tree):
    """istio-ca-crl must be there when a proxy starts; nobody but the authority writes it."""
    for one in tree.of("ConfigMap", ""):
        data = one.get("data") or {}
        if one["metadata"]["name"] == "meshca-published":
            for namespace in injected_namespaces(tree):
                if f"ConfigMap.istio-ca-crl.namespace.{namespace}" not in data:
                    yield one, f"no istio-ca-crl for {namespace}"


def stage(one):
    """Of what must be there before something else is; None: its place does not matter."""
    kind, spec = one["kind"], one.get("spec") or {}
    if kind == "AuthorizationPolicy":
        return 6 if spec == {} else 4 if spec.get("action", "ALLOW") == "ALLOW" else None
    if kind == "PeerAuthentication":
        return 5 if (spec.get("mtls") or {}).get("mode") == "STRICT" else None
    if kind == "NetworkPolicy":
        return 4 if spec.get("podSelector") else 6
    return {"Namespace": 0, "ServiceAccount": 1, "Service": 2, "Sidecar": 3}.get(kind)


@invariant
def stages_come_in_their_order(tree):
    """Identities, Services, Sidecars, what is allowed, STRICT, and then what refuses the rest: applied in another
    order, a mesh refuses itself meanwhile. Within a wave kinds have an order of their own."""
    waves = {}
    for one in tree.objects:
        text = str((one["metadata"].get("annotations") or {}).get(WAVE, ""))
        if stage(one) is not None and re.fullmatch(r"-?\d+", text):
            waves.setdefault(stage(one), []).append((int(text), shown(one)))
    last = None
    for number in sorted(waves):
        if last is not None and min(waves[number])[0] < last[0]:
            yield min(waves[number])[1], f"before {last[1]}"
        last = max(waves[number])


def breaches(tree):
    """Every (name of the invariant, object, what is wrong)."""
    return [(check.__name__, one if isinstance(one, str) else shown(one), what)
            for check in INVARIANTS for one, what in check(tree)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--crds", default=CRDS)
    parser.add_argument("--registered", nargs="*", help="NAMESPACE/ACCOUNT; without it accounts are not looked at")
    args = parser.parse_args()
    registered = None if args.registered is None else {tuple(one.split("/")) for one in args.registered}
    found = breaches(Tree(args.folder, registered, Definitions(args.crds)))
    for name, one, what in found:
        print(f"{one}: {what} ({name})")
    print(f"{len(found)} breaches of {len(INVARIANTS)} invariants")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

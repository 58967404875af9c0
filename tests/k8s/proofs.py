# SPDX-License-Identifier: Apache-2.0
"""A generated tree has what the model of its environment says.

Each proof is a function of a Tree and the model (`meshca manifests model`) that yields (object, what is wrong).
tests/k8s/test_proofs.py takes objects away and weakens them, one after the other, and sees proofs fail.
"""
import json

PROOFS = {}


def proof(function):
    PROOFS[function.__name__] = function
    return function


class Index:
    """Objects by kind, namespace and name; one that is not there is an empty map and a finding."""

    def __init__(self, tree):
        self.things = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one
                       for one in tree.objects + tree.patches}
        self.found = []

    def get(self, kind, namespace, name):
        thing = self.things.get((kind, namespace, name))
        if thing is None:
            self.found.append((f"{kind}/{namespace}/{name}", "is not there"))
        return thing or {}

    def spec(self, kind, namespace, name):
        return self.get(kind, namespace, name).get("spec") or {}

    def of(self, kind, namespace=None):
        return [one for key, one in sorted(self.things.items()) if key[0] == kind and namespace in (None, key[1])]

    def same(self, where, have, want):
        if have != want:
            self.found.append((where, f"has {have!r}, not {want!r}"))


def at(node, *path):
    for key in path:
        if isinstance(node, list):
            node = node[key] if len(node) > key else None
        else:
            node = (node or {}).get(key)
    return node


def callees(model):
    return model["services"] + model["dataServices"]


def ours(model):
    """Namespaces with workloads of the mesh."""
    return [one for one in model["namespaces"] if one.get("injected") and one.get("create")]


def policy_of(spec):
    return {key: at(spec, "trafficPolicy", key) for key in ("connectionPool", "outlierDetection")}


def pins(model, one):
    """Names that a callee's certificate may have: its own, and the same of trust domains that the mesh had before."""
    return [one["spiffeId"]] + [f"spiffe://{alias}/ns/{one['namespace']}/sa/{one['serviceAccount']}"
                                for alias in model["environment"]["trustDomainAliases"]]


# --- identities, injection ---
@proof
def namespaces_inject(tree, model):
    index = Index(tree)
    for one in ours(model):
        labels = at(index.get("Namespace", "", one["name"]), "metadata", "labels") or {}
        index.same(one["name"], labels.get("istio.io/rev"), one["revision"])
        index.same(one["name"], labels.get("pod-security.kubernetes.io/enforce"), one.get("podSecurity", "baseline"))
    return index.found


@proof
def workloads_have_their_account_and_proxy(tree, model):
    index = Index(tree)
    for service in callees(model):
        if service.get("operator"):
            continue  # who makes its pods, gives them what they have
        template = at(index.spec(service["workload"]["kind"], service["namespace"], service["workload"]["name"]),
                      "template")
        index.same(service["name"], at(template, "spec", "serviceAccountName"), service["serviceAccount"])
        notes = at(template, "metadata", "annotations") or {}
        index.same(service["name"], [notes.get("sidecar.istio.io/" + key) for key in (
            "proxyCPU", "proxyMemory", "proxyCPULimit", "proxyMemoryLimit")],
            [service["proxy"][of][key] for of in ("requests", "limits") for key in ("cpu", "memory")])
    for gateway in model["gateways"]:
        template = at(index.spec("Deployment", gateway["namespace"], gateway["name"]), "template")
        index.same(gateway["name"], at(template, "spec", "serviceAccountName"), gateway["serviceAccount"])
    return index.found


@proof
def agents_ask_for_what_they_are_registered_for(tree, model):
    index = Index(tree)
    for one in model["services"] + [data for data in model["dataServices"] if not data.get("operator")]:
        notes = at(index.spec(one["workload"]["kind"], one["namespace"], one["workload"]["name"]),
                   "template", "metadata", "annotations") or {}
        config = json.loads(notes.get("proxy.istio.io/config", "{}"))
        index.same(one["name"], at(config, "proxyMetadata", "SECRET_TTL"), one.get("certificateTtl"))
        index.same(one["name"], config.get("holdApplicationUntilProxyStarts"), True)
    return index.found


@proof
def probes_go_through_the_agent(tree, model):
    index = Index(tree)
    for service in model["services"]:
        if service.get("probes"):
            notes = at(index.spec(service["workload"]["kind"], service["namespace"], service["workload"]["name"]),
                       "template", "metadata", "annotations") or {}
            index.same(service["name"], notes.get("sidecar.istio.io/rewriteAppHTTPProbers"), "true")
    return index.found


@proof
def every_identity_has_its_account(tree, model):
    """The SPIFFE ID is of trust domain, namespace and account, nothing else."""
    index = Index(tree)
    domain = model["environment"]["trustDomain"]
    made = {one["name"] for one in ours(model)}
    for one in model["identities"]:
        index.same(one["name"], one["spiffeId"],
                   f"spiffe://{domain}/ns/{one['namespace']}/sa/{one['serviceAccount']}")
        if one["namespace"] in made and one["kind"] in ("service", "data", "gateway", "backup"):
            account = index.get("ServiceAccount", one["namespace"], one["serviceAccount"])
            index.same(one["name"], account.get("automountServiceAccountToken"), False)
    return index.found


# --- the authority's place ---
@proof
def istiod_is_told(tree, model):
    index = Index(tree)
    want, data = model["environment"]["istiod"], index.get("ConfigMap", "istio-system", "meshca-istiod-values")
    data = data.get("data") or {}
    index.same("caAddress", data.get("global.caAddress"), want["caAddress"])
    index.same("trustDomain", data.get("meshConfig.trustDomain"), model["environment"]["trustDomain"])
    for key, value in want["env"].items():
        index.same(key, data.get("pilot.env." + key), value)
    for key, value in want["proxyMetadata"].items():
        index.same(key, data.get("meshConfig.defaultConfig.proxyMetadata." + key), value)
    hours = at(model, "environment", "workloadTtl")
    index.same("SECRET_TTL", want["proxyMetadata"]["SECRET_TTL"], hours + "0m0s")
    index.same("SECRET_GRACE_PERIOD_RATIO", want["proxyMetadata"]["SECRET_GRACE_PERIOD_RATIO"],
               model["environment"]["rotateAt"])
    return index.found


@proof
def what_the_authority_publishes_is_listed(tree, model):
    index = Index(tree)
    data = index.get("ConfigMap", "meshca", "meshca-published").get("data") or {}
    for one in model["environment"]["publish"]:
        for key in one["keys"]:
            index.same(one["name"], data.get(f"{one['kind']}.{one['name']}.key.{key}"), "needed")
        for name in one.get("namespaces", ()):
            index.same(one["name"], data.get(f"{one['kind']}.{one['name']}.namespace.{name}"), "needed")
    return index.found


@proof
def the_authority_can_be_reached(tree, model):
    index = Index(tree)
    authority = model["mesh"]["authority"]
    where = authority["namespace"], authority["service"]
    ports = [port["port"] for port in index.spec("Service", *where).get("ports", [])]
    index.same("Service", authority["port"] in ports, True)
    account = index.get("ServiceAccount", authority["namespace"], authority["serviceAccount"])
    index.same("ServiceAccount", account.get("automountServiceAccountToken"), False)
    if not model["environment"]["networkPolicy"]:
        return index.found
    spec = index.spec("NetworkPolicy", *where)
    admitted = {}
    for space, _, ports in peers(spec.get("ingress", []), "from"):
        for port in ports:
            admitted.setdefault(port, set()).add(space)
    index.same("NetworkPolicy", {one["name"] for one in ours(model)} <= admitted.get(authority["port"], set()), True)
    index.same("NetworkPolicy", at(spec, "podSelector", "matchLabels"), index.spec("Service", *where).get("selector"))
    people = [rule for rule in spec.get("ingress", []) if "from" not in rule]  # who has a certificate of theirs
    index.same("NetworkPolicy", [port["port"] for rule in people for port in rule["ports"]], [8443])
    index.same("NetworkPolicy", None in {space for row in admitted.values() for space in row}, False)
    return index.found


# --- mutual TLS ---
@proof
def namespaces_take_mutual_tls_only(tree, model):
    index = Index(tree)
    for name in [one["name"] for one in ours(model)] + [model["mesh"]["istio"]["namespace"]]:
        mode = at(index.spec("PeerAuthentication", name, "default"), "mtls", "mode")
        index.same(name, mode, model["environment"]["mtls"])
    declared = {(one["namespace"], port["workloadPort"]) for one in callees(model) for port in one["ports"]
                if port.get("plaintext")}
    for one in index.of("PeerAuthentication"):
        for port, rule in (at(one, "spec", "portLevelMtls") or {}).items():
            if rule.get("mode") != "STRICT" and (one["metadata"]["namespace"], int(port)) not in declared:
                index.found.append((one["metadata"]["name"], f"port {port} is plaintext, and nobody says why"))
    return index.found


@proof
def callers_pin_the_callee(tree, model):
    index = Index(tree)
    if model["environment"]["mtls"] != "STRICT":
        return []  # callees may be without a proxy still: Istio finds out by itself
    for service in callees(model):
        names = [one["name"] for one in service.get("hosts", []) + service.get("brokers", [])] or [service["name"]]
        for name in names:
            tls = at(index.spec("DestinationRule", service["namespace"], name), "trafficPolicy", "tls") or {}
            index.same(name, (tls.get("mode"), tls.get("subjectAltNames")), ("ISTIO_MUTUAL", pins(model, service)))
    return index.found


# --- traffic ---
@proof
def services_have_their_routes(tree, model):
    index = Index(tree)
    for service in model["services"]:
        rows = [(service["name"], service["routes"])]
        rows += [(f"{service['name']}-{one['gateway']['name']}", one["routes"]) for one in service["exposed"]]
        for name, routes in rows:
            have = {route["name"]: route for route in
                    index.spec("VirtualService", service["namespace"], name).get("http", [])}
            index.same(name, list(have), [route["name"] for route in routes])
            for route in routes:
                for key in ("match", "timeout", "retries", "fault"):
                    index.same(f"{name} {route['name']} {key}", at(have.get(route["name"]), key), route.get(key))
                index.same(f"{name} {route['name']}", at(have.get(route["name"]), "route"), route["destinations"])
                if route["retries"]["attempts"] and not route.get("idempotent"):
                    index.found.append((name, f"the route {route['name']} is retried and not idempotent"))
        index.same(f"{service['name']} tcp", index.spec("VirtualService", service["namespace"], service["name"]).get(
            "tcp", []), [{"match": [{"port": route["port"]}], "route": [{"destination": route["destination"]}]}
                         for route in service["tcpRoutes"]])
    return index.found


@proof
def services_have_their_ports(tree, model):
    index = Index(tree)
    for service in callees(model):
        for host in service.get("hosts") or [service]:
            if service.get("generate"):
                spec = index.spec("Service", service["namespace"], host["name"])
                index.same(host["name"], [(port["name"], port["port"], port["appProtocol"])
                                          for port in spec.get("ports", [])],
                           [(port["name"], port["port"], port["appProtocol"]) for port in host["ports"]])
        for broker in service.get("brokers", []) if service.get("generate") else ():
            index.get("Service", service["namespace"], broker["name"])
    return index.found


@proof
def services_balance_pool_and_eject(tree, model):
    index = Index(tree)
    for service in model["services"]:
        spec = index.spec("DestinationRule", service["namespace"], service["name"])
        balancer = at(spec, "trafficPolicy", "loadBalancer", "simple")
        index.same(service["name"], balancer, service["policy"]["loadBalancer"]["simple"])
        index.same(service["name"], policy_of(spec), {
            key: service["policy"].get(key) for key in ("connectionPool", "outlierDetection")})
        index.same(service["name"], [one["name"] for one in spec.get("subsets", [])],
                   [one["name"] for one in service["subsets"]])
    return index.found


@proof
def card_data_is_never_retried(tree, model):
    index = Index(tree)
    for service in model["services"]:
        if service["class"] == "pci" and service["routes"]:  # without HTTP nothing can be retried
            for route in index.spec("VirtualService", service["namespace"], service["name"]).get("http", [{}]):
                index.same(service["name"], at(route, "retries", "attempts"), 0)
    for external in model["externals"]:
        if external.get("pci") and external["layer"] == "http":
            for host in external["hosts"]:
                for namespace, name in ((external["namespace"], f"{external['name']}-{host['host']}"),
                                        (external["gateway"]["namespace"],
                                         f"{external['namespace']}-{external['name']}-{host['host']}")):
                    for route in index.spec("VirtualService", namespace, name).get("http", [{}]):
                        index.same(name, at(route, "retries", "attempts"), 0)
    return index.found


@proof
def callers_wait_for_their_callees(tree, model):
    """Seconds that a call may take, and those that the routes of the callees may."""
    index = Index(tree)

    def longest(namespace, name):
        routes = index.spec("VirtualService", namespace, name).get("http") or [{}]
        return max(float((route.get("timeout") or "0s").rstrip("s")) for route in routes)
    for caller in model["services"]:
        own = longest(caller["namespace"], caller["name"])
        index.same(caller["name"], own > 0, any("timeout" in route for route in caller["routes"]))
        for callee in caller["callees"]:
            if callee["kind"] == "service" and longest(callee["namespace"], callee["name"]) > own:
                index.found.append((caller["name"], f"waits {own} s, less than {callee['name']}"))
    return index.found


@proof
def rollouts_are_analysed(tree, model):
    index = Index(tree)
    for service in model["services"]:
        if not at(service, "rollout", "canary"):
            continue
        rollout = index.spec("Rollout", service["namespace"], service["workload"]["name"])
        canary = at(rollout, "strategy", "canary") or {}
        named = {one["templateName"] for one in at(canary, "analysis", "templates") or []}
        for step in canary.get("steps", []):
            named |= {one["templateName"] for one in at(step, "analysis", "templates") or []}
        index.same(service["name"], named, {service["name"], service["name"] + "-gate"})
        for name in sorted({service["name"], service["name"] + "-gate"}):
            index.same(name, sorted(metric["name"] for metric in index.spec(
                "AnalysisTemplate", service["namespace"], name).get("metrics", [])), ["latency", "success-rate"])
    return index.found


@proof
def rollouts_shift_weights(tree, model):
    """The rollout shifts weights of routes that there are, between subsets that there are."""
    index = Index(tree)
    for service in model["services"]:
        if not at(service, "rollout", "canary"):
            continue
        namespace, name = service["namespace"], service["name"]
        canary = at(index.spec("Rollout", namespace, service["workload"]["name"]), "strategy", "canary") or {}
        istio = at(canary, "trafficRouting", "istio") or {}
        index.same(name, [step["setWeight"] for step in canary.get("steps", []) if "setWeight" in step],
                   [step["weight"] for step in service["rollout"]["steps"]])
        subsets = {one["name"] for one in index.spec("DestinationRule", namespace, name).get("subsets", [])}
        index.same(name, subsets, {at(istio, "destinationRule", key) for key in (
            "stableSubsetName", "canarySubsetName")})
        want = [name] + [f"{name}-{one['gateway']['name']}" for one in service["exposed"]]
        index.same(name, [one["name"] for one in istio.get("virtualServices", [])], want)
        for one in istio.get("virtualServices", []):
            routes = {route["name"] for route in index.spec("VirtualService", namespace, one["name"]).get("http", [])}
            index.same(one["name"], set(one["routes"]) <= routes, True)
    return index.found


def ignored(model):
    """(kind, namespace, name, what) that somebody else writes while the mesh runs: rollouts and autoscalers."""
    for service in model["services"]:
        space, name = service["namespace"], service["name"]
        if at(service, "rollout", "canary"):
            for each in [name] + [f"{name}-{one['gateway']['name']}" for one in service["exposed"]]:
                yield "VirtualService", space, each, ".spec.http[].route[].weight"
            yield "DestinationRule", space, name, '.spec.subsets[].labels."rollouts-pod-template-hash"'
        if at(service, "rollout", "blueGreen"):
            yield "Service", space, name, '.spec.selector."rollouts-pod-template-hash"'
        if service.get("scaling"):
            yield service["workload"]["kind"], space, service["workload"]["name"], "/spec/replicas"


@proof
def delivery_leaves_what_others_own(tree, model):
    """Exactly that: whatever else Argo CD ignored, nobody would put right."""
    index = Index(tree)
    name = f"{model['mesh']['name']}-{model['environment']['name']}"
    if model["mesh"].get("delivery") != "argo-cd":
        index.same("Application", index.of("Application"), [])
        return index.found
    spec = index.spec("Application", "", name)
    index.same(name, "RespectIgnoreDifferences=true" in (at(spec, "syncPolicy", "syncOptions") or []), True)
    have = [(row["kind"], row["namespace"], row["name"], path) for row in spec.get("ignoreDifferences", [])
            for path in row.get("jqPathExpressions", []) + row.get("jsonPointers", [])]
    index.same(name, sorted(have), sorted(ignored(model)))
    return index.found


@proof
def faults_end(tree, model):
    """A fault's last day stands on its object, where the admission policy asks for it."""
    index = Index(tree)
    for service in model["services"]:
        for name, routes in [(service["name"], service["routes"])] + [
                (f"{service['name']}-{one['gateway']['name']}", one["routes"]) for one in service["exposed"]]:
            want = {"meshca.dev/fault-expires." + row["name"]: row["faultExpires"] for row in routes if row.get("fault")}
            notes = at(index.get("VirtualService", service["namespace"], name), "metadata", "annotations") or {}
            index.same(name, {key: value for key, value in notes.items() if key.startswith("meshca.dev/fault-")}, want)
    return index.found


@proof
def faults_are_fenced(tree, model):
    index = Index(tree)
    name = "meshca-faults-" + model["environment"]["name"]
    spec = index.spec("ValidatingAdmissionPolicy", "", name)
    index.same(name, spec.get("failurePolicy"), "Fail")
    index.same(name, any("fault" in one["expression"] for one in spec.get("validations", [])), True)
    guarded = at(spec, "matchConstraints", "namespaceSelector", "matchExpressions", 0, "values") or []
    index.same(name, {one["name"] for one in ours(model)} <= set(guarded), True)
    binding = index.spec("ValidatingAdmissionPolicyBinding", "", name)
    index.same(name, (binding.get("policyName"), "Deny" in binding.get("validationActions", [])), (name, True))
    if not model["environment"]["faultsAllowed"]:
        for one in index.of("VirtualService"):
            if any("fault" in route for route in one["spec"].get("http", [])):
                index.found.append((one["metadata"]["name"], "injects a fault"))
    return index.found


# --- authorization ---
def principals_of(spec):
    return [at(row, "source", "principals") or [] for rule in spec.get("rules", []) for row in rule.get("from", [])]


@proof
def one_allow_for_each_edge(tree, model):
    index = Index(tree)
    for service in callees(model) + [one for one in model["gateways"] if one.get("egress")]:
        for allow in service["allow"]:
            name = f"{service['name']}-{allow['name']}"
            spec = index.spec("AuthorizationPolicy", service["namespace"], name)
            index.same(name, (spec.get("action"), at(spec, "selector", "matchLabels")), (
                "ALLOW", service["selector"]))
            for have in principals_of(spec) or [None]:
                index.same(name, have, allow["principals"])
            for rule in spec.get("rules", []):
                index.same(name, [at(to, "operation", "ports") for to in rule.get("to", [])], [allow["ports"]])
                if allow.get("sni"):  # of connections whose inside the gateway does not see
                    index.same(name, rule.get("when"), [{"key": "connection.sni", "values": allow["sni"]}])
                for key in ("methods", "paths"):
                    if allow.get(key) and not allow.get("jwt"):
                        index.same(name, at(rule, "to", 0, "operation", key), allow[key])
            for row, rule in zip(at(allow, "jwt", "rules") or [], spec.get("rules", [])):
                for key in ("methods", "paths"):
                    index.same(name, at(rule, "to", 0, "operation", key), row.get(key))
    return index.found


@proof
def nobody_else_is_allowed(tree, model):
    index = Index(tree)
    for one in ours(model):
        if one["enforce"]:
            deny = index.get("AuthorizationPolicy", one["name"], "deny-all")
            index.same("deny-all", (deny != {} and not at(deny, "spec", "rules"), at(deny, "spec", "selector")), (
                True, None))
    known = {(one["namespace"], f"{one['name']}-{allow['name']}")
             for one in callees(model) + model["gateways"] for allow in one["allow"] + one.get("byAddress", [])}
    known |= {(one["namespace"], one["name"] + "-solver") for one in solved(model)}
    for one in index.of("AuthorizationPolicy"):
        key = one["metadata"]["namespace"], one["metadata"]["name"]
        if at(one, "spec", "action") == "ALLOW" and at(one, "spec", "rules") and key not in known:
            index.found.append((key, "allows without an edge"))
    return index.found


@proof
def addresses_enter_their_port(tree, model):
    """Callers without an identity: the addresses of the model, to that port of that workload, and nobody with one."""
    index = Index(tree)
    for service in callees(model):
        plain = {str(port["workloadPort"]) for port in service["ports"] if port.get("plaintext")}
        for rule in service["byAddress"]:
            name = f"{service['name']}-{rule['name']}"
            spec = index.spec("AuthorizationPolicy", service["namespace"], name)
            index.same(name, spec, {
                "selector": {"matchLabels": service["selector"]}, "action": "ALLOW", "rules": [{
                    "from": [{"source": {"ipBlocks": rule["ipBlocks"], "notPrincipals": ["*"]}}],
                    "to": [{"operation": {"ports": rule["ports"]}}]}]})
            index.same(name, set(rule["ports"]) <= plain, True)
        if plain:
            index.same(service["name"], index.spec("PeerAuthentication", service["namespace"], service["name"]), {
                "selector": {"matchLabels": service["selector"]}, "mtls": {"mode": service["mtls"]},
                "portLevelMtls": {port: {"mode": "PERMISSIVE"} for port in plain}})
    return index.found


@proof
def tokens_are_demanded(tree, model):
    index = Index(tree)
    for service in model["services"]:
        for allow in service["allow"]:
            if not allow.get("jwt"):
                continue
            rules = at(index.spec("RequestAuthentication", service["namespace"], service["name"]), "jwtRules") or [{}]
            index.same(service["name"], [row.get("issuer") for row in rules], [allow["jwt"]["issuer"]])
            for row in rules:
                index.same(service["name"], bool(row.get("audiences")) and str(row.get("jwksUri")).startswith(
                    "https://"), True)
            spec = index.spec("AuthorizationPolicy", service["namespace"], f"{service['name']}-{allow['name']}")
            have = [(at(rule, "from", 0, "source", "requestPrincipals"), rule.get("when"))
                    for rule in spec.get("rules", [])]
            index.same(service["name"], have, [(row["requestPrincipals"], row.get("when"))
                                               for row in allow["jwt"]["rules"]])
    return index.found


@proof
def refusals_are_logged(tree, model):
    index = Index(tree)
    for one, namespace, name, labels, mode in [(one, one["name"], "denials", None, "SERVER") for one in ours(model)] + [
            (one, one["namespace"], one["name"] + "-denials", one["selector"], "CLIENT") for one in model["gateways"]]:
        spec = index.spec("Telemetry", namespace, name)
        logging = at(spec, "accessLogging", 0) or {}
        expression = at(logging, "filter", "expression") or ""
        word = "dry_run" if one["observe"] else "rbac_access_denied"
        index.same(name, (word in expression, "response.code ==" in expression), (True, False))
        index.same(name, (at(spec, "selector", "matchLabels"), at(logging, "match", "mode")), (labels, mode))
    return index.found


# --- gateways and the outside ---
def ingress(model):
    return [one for one in model["gateways"] if one.get("ingress")]


@proof
def gateways_serve_their_hosts(tree, model):
    index = Index(tree)
    for gateway in ingress(model):
        spec = index.spec("Gateway", gateway["namespace"], gateway["name"])
        https = [one for one in spec.get("servers", []) if one["port"]["protocol"] == "HTTPS"]
        index.same(gateway["name"], sorted(host for one in https for host in one["hosts"]), sorted(
            gateway["boundHosts"]))
        for one in spec.get("servers", []):
            index.same(gateway["name"], sorted(one["hosts"]), sorted(gateway["boundHosts"]))
        for one in https:
            index.same(gateway["name"], (at(one, "tls", "mode"), at(one, "tls", "credentialName"), at(
                one, "tls", "minProtocolVersion")), ("SIMPLE", gateway["certificate"]["secretName"],
                                                     gateway["certificate"]["minProtocolVersion"]))
        ports = {port["port"] for port in index.spec("Service", gateway["namespace"], gateway["name"]).get("ports", [])}
        index.same(gateway["name"], {port["port"]["number"] for port in [
            one for one in spec.get("servers", [])]} <= ports and bool(ports), True)
    return index.found


@proof
def gateway_certificates_renew(tree, model):
    """In the gateway's namespace; all of port 80 is redirected only where no challenge comes by it."""
    index = Index(tree)
    for gateway in ingress(model):
        want = gateway["certificate"]
        thing = index.get("Certificate", gateway["namespace"], want["name"])
        spec = thing.get("spec") or {}
        index.same(want["name"], (spec.get("secretName"), sorted(spec.get("dnsNames", []))), (
            want["secretName"], sorted(want["hosts"])))
        index.same(want["name"], (at(spec, "issuerRef", "name"), at(spec, "privateKey", "rotationPolicy")), (
            want["issuer"], "Always"))
        index.same(want["name"], bool(spec.get("renewBefore")), True)
        redirects = [one for one in index.spec("Gateway", gateway["namespace"], gateway["name"]).get("servers", [])
                     if at(one, "tls", "httpsRedirect")]
        index.same(want["name"], len(redirects), 1 if want["challenge"] == "dns-01" else 0)
        index.same(want["name"], at(thing, "metadata", "labels", "meshca.dev/challenge"), want["challenge"])
    return index.found


def solved(model):
    """Gateways through which an issuer asks for the answer to its challenge."""
    return [one for one in ingress(model) if one["certificate"]["challenge"] == "http-01"]


@proof
def challenges_come_to_their_solver(tree, model):
    """HTTP-01: the issuer's questions, and they alone, pass port 80 to the pod that answers; the rest is redirected."""
    index = Index(tree)
    answers = {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
    for gateway in solved(model):
        namespace, name = gateway["namespace"], gateway["name"] + "-solver"
        index.same(name, index.spec("AuthorizationPolicy", namespace, name), {
            "selector": answers, "action": "ALLOW", "rules": [{
                "from": [{"source": {"principals": [gateway["principal"]]}}],
                "to": [{"operation": {"ports": ["8089"], "methods": ["GET"],
                                      "paths": ["/.well-known/acme-challenge/*"]}}]}]})
        redirect = gateway["name"] + "-redirect"
        index.same(redirect, index.spec("VirtualService", namespace, redirect), {
            "hosts": gateway["hosts"], "gateways": [f"{namespace}/{gateway['name']}"], "exportTo": ["."], "http": [{
                "name": "to-https", "redirect": {"scheme": "https", "redirectCode": 301}, "match": [{
                    "port": 80, "withoutHeaders": {":path": {"prefix": "/.well-known/acme-challenge/"}}}]}]})
        if not model["environment"]["networkPolicy"] or not gateway["enforce"]:
            continue
        monitoring = at(model, "mesh", "monitoring", "namespace")
        watch = [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": monitoring}}}],
                  "ports": [{"port": 15020, "protocol": "TCP"}, {"port": 15090, "protocol": "TCP"}]}]
        index.same(name, index.spec("NetworkPolicy", namespace, name), {
            "podSelector": answers, "policyTypes": ["Ingress"], "ingress": [
                {"from": [{"podSelector": {"matchLabels": gateway["selector"]}}],
                 "ports": [{"port": 8089, "protocol": "TCP"}]}, *(watch if monitoring else [])]})
    return index.found


@proof
def gateway_routes_lead_to_services(tree, model):
    index = Index(tree)
    for gateway in ingress(model):
        for route in gateway["routes"]:
            spec = index.spec("VirtualService", route["namespace"], f"{route['service']}-{gateway['name']}")
            index.same(route["service"], spec.get("gateways"), [f"{gateway['namespace']}/{gateway['name']}"])
            index.same(route["service"], sorted(spec.get("hosts", [])), sorted(gateway["hosts"]))
    return index.found


@proof
def gateways_allow_their_paths(tree, model):
    index = Index(tree)
    for gateway in ingress(model):
        for allow in gateway["allow"]:
            spec = index.spec("AuthorizationPolicy", gateway["namespace"], f"{gateway['name']}-{allow['name']}")
            index.same(allow["name"], (spec.get("action"), at(spec, "selector", "matchLabels")), (
                "ALLOW", gateway["selector"]))
            for key in ("hosts", "paths", "ports"):
                index.same(allow["name"], at(spec, "rules", 0, "to", 0, "operation", key), allow.get(key))
    return index.found


@proof
def gateways_look_at_addresses(tree, model):
    index = Index(tree)
    for gateway in ingress(model):
        for rule in gateway["ipRules"]:
            spec = index.spec("AuthorizationPolicy", gateway["namespace"], f"{gateway['name']}-{rule['name']}")
            source = at(spec, "rules", 0, "from", 0, "source") or {}
            index.same(rule["name"], at(spec, "rules", 0, "to", 0, "operation", "paths"), rule.get("paths"))
            index.same(rule["name"], (spec.get("action"), at(spec, "selector", "matchLabels")), (
                rule["action"], gateway["selector"]))
            index.same(rule["name"], source, {key: rule[key] for key in ("remoteIpBlocks", "notRemoteIpBlocks")
                                              if key in rule})
        notes = at(index.spec("Deployment", gateway["namespace"], gateway["name"]), "template", "metadata",
                   "annotations") or {}
        index.same(gateway["name"], f"\"numTrustedProxies\":{gateway['trustedProxies']}"
                   in notes.get("proxy.istio.io/config", ""), True)
    return index.found


# What each limit of a gateway becomes in Envoy's words; those of the first four are divided among the pods.
LIMITS = {"requestsPerSecond": "tokens_per_fill", "burst": "max_tokens", "perClientPerMinute": "max_tokens",
          "connections": "max_connections", "bodyBytes": "max_request_bytes"}


@proof
def gateways_limit(tree, model):
    """Each limit that the model has is there, and none that it has not; all pods together stay below the total."""
    index = Index(tree)
    for gateway in ingress(model):
        limits, values = gateway.get("limits"), []
        if not limits:
            index.same(gateway["name"], ("EnvoyFilter", gateway["namespace"], gateway["name"] + "-limits") in
                       index.things, False)
            continue
        stack = [index.spec("EnvoyFilter", gateway["namespace"], gateway["name"] + "-limits")]
        while stack:
            node = stack.pop()
            if isinstance(node, dict):
                values += [(key, value) for key, value in node.items() if isinstance(value, int)]
                stack.extend(node.values())
            elif isinstance(node, list):
                stack.extend(node)
        one = {**limits["perInstance"], **{key: limits[key] for key in ("bodyBytes",) if key in limits}}
        if "requestsPerSecond" in one:
            one.setdefault("burst", one["requestsPerSecond"])
        unlimited = (1 << 32) - 1  # of the bucket for who is not counted one by one
        for word in sorted(set(LIMITS.values())):
            want = {one[key] for key, its in LIMITS.items() if its == word and key in one}
            if word == "tokens_per_fill" and "perClientPerMinute" in one:
                want.add(one["perClientPerMinute"])
            index.same(f"{gateway['name']} {word}", {value for key, value in values if key == word} - {unlimited}, want)
        most = at(gateway, "scaling", "max") or 1
        for key, share in limits["perInstance"].items():
            index.same(f"{gateway['name']} {key}", share * most <= limits[key], True)
    return index.found


@proof
def gateways_have_their_firewall(tree, model):
    index = Index(tree)
    for gateway in ingress(model):
        if at(gateway, "waf", "backend") == "coraza-wasm":
            wasm = index.spec("TrafficExtension", gateway["namespace"], gateway["name"] + "-waf").get("wasm") or {}
            index.same(gateway["name"], wasm.get("failStrategy"), gateway["waf"]["failStrategy"])
            index.same(gateway["name"], f"SecRuleEngine {gateway['waf']['engine']}" in str(wasm), True)
        elif gateway.get("waf"):
            spec = index.spec("AuthorizationPolicy", gateway["namespace"], gateway["name"] + "-waf")
            index.same(gateway["name"], spec, {
                "selector": {"matchLabels": gateway["selector"]}, "action": "CUSTOM",
                "provider": {"name": "meshca-waf-" + gateway["name"]},
                "rules": [{"to": [{"operation": {"hosts": gateway["allHosts"]}}]}]})
    return index.found


def exported(external):
    """Namespaces that see an external service: its own, and those of its callers."""
    return ["."] + sorted({one["namespace"] for one in external["callers"]} - {external["namespace"]})


def legs(external, host):
    """Routes to the gateway and from it on: of HTTP, of TLS that passes unopened, of TCP. Only the second retries."""
    near = {"match": [{"port": external["applicationPort"]}], "route": [{"destination": external["toGateway"]}]}
    away = {"match": [{"port": external["gateway"]["port"]}],
            "route": [{"destination": {"host": host["host"], "port": {"number": host["port"]}}}]}
    if external["layer"] == "http":
        return ({"http": [{"name": "to-gateway", **near, "timeout": external["timeout"], "retries": {"attempts": 0}}]},
                {"http": [{"name": "to-host", **away, "timeout": external["timeout"],
                           "retries": external["retries"]}]})
    if external["layer"] == "tls":
        near["match"][0]["sniHosts"] = [host["host"]]
    return {external["layer"]: [near]}, {"tcp": [away]}


@proof
def externals_leave_by_their_gateway(tree, model):
    index = Index(tree)
    for gateway in model["gateways"]:
        if gateway.get("egress"):
            spec = index.spec("Service", gateway["namespace"], gateway["name"])
            index.same(gateway["name"], (spec.get("selector"), 443 in [port["port"] for port in spec.get("ports", [])]),
                       (gateway["selector"], True))
    for one in model["externals"]:
        gateway, far = one["gateway"], f"{one['namespace']}-{one['name']}"
        near = index.spec("ServiceEntry", one["namespace"], one["name"])
        index.same(one["name"], sorted(near.get("exportTo") or []), exported(one))
        index.same(far, at(index.spec("ServiceEntry", gateway["namespace"], far), "exportTo"), ["."])
        for server in index.spec("Gateway", gateway["namespace"], far).get("servers") or [{}]:
            index.same(far, (at(server, "tls", "mode"), server.get("hosts")), (
                "ISTIO_MUTUAL", ["./" + host["host"] for host in one["hosts"]]))
        tls = at(index.spec("DestinationRule", gateway["namespace"], far), "subsets", 0, "trafficPolicy", "tls") or {}
        index.same(far, (tls.get("mode"), tls.get("subjectAltNames")), (
            "ISTIO_MUTUAL", pins(model, gateway)))
        for host in one["hosts"]:
            first, second = legs(one, host)
            near = index.spec("VirtualService", one["namespace"], f"{one['name']}-{host['host']}")
            away = index.spec("VirtualService", gateway["namespace"], f"{far}-{host['host']}")
            index.same(host["host"], (sorted(near.get("exportTo") or []), near.get("gateways")), (
                exported(one), ["mesh"]))
            index.same(host["host"], (away.get("exportTo"), away.get("gateways")), (
                ["."], [f"{gateway['namespace']}/{far}"]))
            for leg, want in ((near, first), (away, second)):
                index.same(host["host"], {key: leg[key] for key in ("http", "tls", "tcp") if key in leg}, want)
            rule = index.spec("DestinationRule", gateway["namespace"], f"{far}-{host['host']}")
            if at(one, "tls", "originate"):
                tls = at(rule, "trafficPolicy", "portLevelSettings", 0, "tls") or {}
                index.same(host["host"], (tls.get("mode"), tls.get("sni"), tls.get("subjectAltNames")), (
                    "SIMPLE", host["sni"], host["subjectAltNames"]))
    return index.found


def blocks(rules, key):
    """(ranges, ports) of rules by address, and (None, ports) of those for everybody."""
    return [(tuple(sorted(peer["ipBlock"]["cidr"] for peer in rule[key] if "ipBlock" in peer)) if rule.get(key) else None,
             tuple(sorted(port["port"] for port in rule.get("ports", []))))
            for rule in rules if not rule.get(key) or any("ipBlock" in peer for peer in rule[key])]


def peers(rules, key):
    return [(at(peer, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"),
             tuple(sorted((at(peer, "podSelector", "matchLabels") or {}).items())),
             tuple(sorted(port["port"] for port in rule.get("ports", []))))
            for rule in rules for peer in rule.get(key, [])]


def leaving(spec):
    """(address ranges, ports) of rules that lead out of the cluster; no ranges: anywhere."""
    return sorted(([peer["ipBlock"]["cidr"] for peer in rule.get("to") or []],
                   sorted(port["port"] for port in rule["ports"])) for rule in spec.get("egress", [])
                  if all("ipBlock" in peer for peer in rule.get("to") or []))


@proof
def the_network_says_the_same(tree, model):
    """Every workload has a NetworkPolicy that admits the model's neighbours; only gateways reach addresses outside. Where
    a namespace only observes there is none: these policies have no dry run."""
    index = Index(tree)
    if not model["environment"]["networkPolicy"]:
        return []
    for one in ours(model):
        if one["observe"]:
            index.same(one["name"], [name["metadata"]["name"] for name in index.of("NetworkPolicy", one["name"])], [])
            continue
        default = index.spec("NetworkPolicy", one["name"], "default")
        index.same(one["name"], (default.get("podSelector"), sorted(default.get("policyTypes", []))), (
            {}, ["Egress", "Ingress"]))
        index.same(one["name"], {row[0] for row in peers(default.get("egress", []), "to") if row[0] or row[2]}, {
            "kube-system", model["mesh"]["istio"]["namespace"], model["mesh"]["authority"]["namespace"]})
    for service in callees(model) + model["gateways"]:
        if service["observe"]:
            continue
        spec = index.spec("NetworkPolicy", service["namespace"], service["name"])
        index.same(service["name"], at(spec, "podSelector", "matchLabels"), service["selector"])
        index.same(service["name"], sorted(spec.get("policyTypes", [])), ["Egress", "Ingress"])
        for side, key in (("ingress", "from"), ("egress", "to")):
            want = {(row["namespace"], tuple(sorted((row.get("selector") or {}).items())),
                     tuple(sorted(port["port"] for port in row["ports"])))
                    for row in service["network"][side] if row.get("namespace")}
            have = {row for row in peers(spec.get(side, []), key) if row[0]}
            index.same(f"{service['name']} {side}", have, want)
            want = {(tuple(sorted(row["ipBlocks"])) if "ipBlocks" in row else None,
                     tuple(sorted(port["port"] for port in row["ports"])))
                    for row in service["network"][side] if not row.get("namespace")}
            index.same(f"{service['name']} {side} by address", set(blocks(spec.get(side, []), key)), want)
        index.same(f"{service['name']} leaves", leaving(spec), sorted(
            (row.get("ipBlocks") or [], sorted(port["port"] for port in row["ports"]))
            for row in service["network"]["egress"] if not row.get("namespace")))
    outside = {(one["namespace"], one["name"]) for one in model["gateways"]}
    for one in index.of("NetworkPolicy"):
        key = one["metadata"].get("namespace"), one["metadata"]["name"]
        for rule in at(one, "spec", "egress") or []:
            if key not in outside and (not rule.get("to") or any("ipBlock" in peer for peer in rule["to"])):
                index.found.append(("/".join(key), "leaves without a gateway"))
    return index.found


def outbound_of(model, one):
    return "ALLOW_ANY" if one["observe"] else model["environment"]["outbound"]


@proof
def sidecars_know_their_callees(tree, model):
    index = Index(tree)
    for one in ours(model):
        if one["kind"] != "gateway":  # pods that nobody described
            spec = index.spec("Sidecar", one["name"], "default")
            index.same(one["name"], [row["hosts"] for row in spec.get("egress", [])], [one["sidecarHosts"]])
            index.same(one["name"], at(spec, "outboundTrafficPolicy", "mode"), outbound_of(model, one))
    for service in callees(model):
        spec = index.spec("Sidecar", service["namespace"], service["name"])
        hosts = [host for row in spec.get("egress", []) for host in row["hosts"]]
        index.same(service["name"], sorted(hosts), sorted(service["sidecar"]["hosts"]))
        for callee in service["callees"]:
            if callee["kind"] != "external" and not {f"{callee['namespace']}/{callee['host']}", "*/*"} & set(hosts):
                index.found.append((service["name"], f"does not see {callee['host']}"))
        index.same(service["name"], at(spec, "outboundTrafficPolicy", "mode"), outbound_of(model, service))
    return index.found


# --- data ---
@proof
def databases_are_pooled_and_not_ejected(tree, model):
    index = Index(tree)
    for data in model["dataServices"]:
        for host in data["hosts"] + data["brokers"]:
            spec = index.spec("DestinationRule", data["namespace"], host["name"])
            index.same(host["name"], policy_of(spec), {"outlierDetection": None,
                                                       "connectionPool": host["policy"]["connectionPool"]})
        for total in data["poolTotals"]:
            index.same(total["host"], total["total"] <= total["limit"], True)
    return index.found


@proof
def peers_call_each_other(tree, model):
    """Brokers and replicas have an edge to themselves, over the ports that are for them."""
    index = Index(tree)
    for data in model["dataServices"]:
        ports = {str(port["workloadPort"]) for port in data["ports"] if port.get("peer")}
        if ports:
            spec = index.spec("AuthorizationPolicy", data["namespace"], data["name"] + "-from-self")
            index.same(data["name"], principals_of(spec), [[data["principal"]]])
            index.same(data["name"], ports <= set(at(spec, "rules", 0, "to", 0, "operation", "ports") or []), True)
    return index.found


@proof
def topics_have_users_and_rights(tree, model):
    index = Index(tree)
    for data in model["dataServices"]:
        if not data["topics"] or at(data, "operator", "kind") == "strimzi" and index.of("KafkaUser"):
            continue
        values = index.get("ConfigMap", data["namespace"], data["name"] + "-topics").get("data") or {}
        index.same(data["name"], values.get("authentication"), data["authentication"])
        index.same(data["name"], "allow.everyone.if.no.acl.found=false" in values.get("broker.properties", ""), True)
        for topic in data["topics"]:
            index.same(topic["name"], "topic." + topic["name"] in values, True)
        want = {f"acl.{user['name']}.{acl['topic']}.{acl['access']}" for user in data["users"] for acl in user["acls"]}
        have = {key for key in values if key.startswith("acl.") and not key.endswith(".group")}
        index.same(data["name"], have, want)
    return index.found


# What each kind of evidence must say to be any, where the environment is as strict as it says that it is.
EVIDENCE = {
    "PeerAuthentication": lambda one, its: at(one, "spec", "mtls", "mode") == its["mtls"],
    "ServiceAccount": lambda one, its: one.get("automountServiceAccountToken") is False,
    "NetworkPolicy": lambda one, its: sorted(at(one, "spec", "policyTypes") or []) == ["Egress", "Ingress"] and all(
        rule.get("from") for rule in at(one, "spec", "ingress") or []),
    "Sidecar": lambda one, its: at(one, "spec", "outboundTrafficPolicy", "mode") == its["outbound"],
    "Telemetry": lambda one, its: any(word in str(at(one, "spec", "accessLogging"))
                                      for word in ("rbac_access_denied", "dry_run")),
    "AuthorizationPolicy": lambda one, its: one.get("spec") == {} or at(one, "spec", "action") == "ALLOW" and bool(
        at(one, "spec", "rules")) and all(name and "*" not in name for name in principals_of(one["spec"])) and all(
            at(to, "operation", "ports") for rule in one["spec"]["rules"] for to in rule.get("to", [{}])),
}


@proof
def evidence_is_there(tree, model):
    index = Index(tree)
    index.same("evidence", bool(model["evidence"]) or not any(
        one["class"] == "pci" for one in model["services"]), True)
    for row in model["evidence"]:
        for one in row["objects"]:
            thing = index.get(one["kind"], one["namespace"], one["name"])
            if thing and not EVIDENCE[one["kind"]](thing, model["environment"]):
                index.found.append((one["name"], f"{one['kind']} is no evidence of {row['requirement']}"))
    return index.found


def breaches(tree, model, names=None):
    """Every (proof, object, what is wrong)."""
    return [(name, where, what) for name in (PROOFS if names is None else names)
            for where, what in PROOFS[name](tree, model)]

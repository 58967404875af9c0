# SPDX-License-Identifier: Apache-2.0
"""NetworkPolicies, decided as Kubernetes decides them. In the example mesh every edge of the model passes, and no other
connection between workloads does; external hosts are reached by their egress gateway alone. In the mesh of meters
callers without an identity come to the port that names them."""
import ipaddress
import json
import os
import pathlib
import subprocess
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
ECOTRACK = ROOT / "k8s/examples/ecotrack"
METERS = ROOT / "tests/data/meshes/meters"
SHOP = ROOT / "tests/data/meshes/shop"
OUTSIDE = ("", {"address": "192.0.2.1"})  # an address of no pod
UNUSED = 4711


def meshca(*words):
    return subprocess.run([BIN / "meshca", "manifests", *words], capture_output=True, text=True, check=True).stdout


def holds(selector, labels):
    return all(labels.get(key) == value for key, value in ((selector or {}).get("matchLabels") or {}).items())


def outside(address):
    """A machine that is no pod. What ranges mean for pods, Kubernetes leaves open; here they have none."""
    return ("", {"address": address})


def is_in(address, cidr):
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def is_peer(peer, pod, home):
    """Pods are (namespace, labels); home is the policy's namespace."""
    namespace, labels = pod
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        return "address" in labels and is_in(labels["address"], block["cidr"]) and not any(
            is_in(labels["address"], one) for one in block.get("except", []))
    if not namespace:
        return False
    if "namespaceSelector" in peer:
        if not holds(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace}):
            return False
    elif namespace != home:
        return False
    return holds(peer.get("podSelector"), labels)


class Policies:
    def __init__(self, objects):
        self.all = [(one["metadata"]["namespace"], one["spec"]) for one in objects if one["kind"] == "NetworkPolicy"]

    def lets(self, direction, pod, other, port):
        """direction: (policy type, key of rules, key of peers)."""
        kind, rules, peers = direction
        chosen = [(home, spec) for home, spec in self.all
                  if home == pod[0] and holds(spec["podSelector"], pod[1]) and kind in spec["policyTypes"]]
        if not chosen:
            return True
        for home, spec in chosen:
            for rule in spec.get(rules) or []:
                ports = {one["port"] for one in rule.get("ports") or [] if one.get("protocol", "TCP") == "TCP"}
                if (not rule.get("ports") or port in ports) and (
                        not rule.get(peers) or any(is_peer(peer, other, home) for peer in rule[peers])):
                    return True
        return False

    def passes(self, source, target, port):
        out = not source[0] or self.lets(("Egress", "egress", "to"), source, target, port)
        return out and (not target[0] or self.lets(("Ingress", "ingress", "from"), target, source, port))


class Mesh(unittest.TestCase):
    """One environment of a mesh: its pods, and connections between them."""
    inventory, environment = ECOTRACK, "production"

    def setUp(self):
        self.model = json.loads(meshca("model", self.inventory, self.environment))
        text = meshca("render", self.inventory, self.environment)
        self.objects = [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]
        self.policies = Policies(self.objects)
        self.pods = {}
        for kind, key in (("service", "services"), ("data", "dataServices"), ("gateway", "gateways")):
            for one in self.model[key]:
                self.pods[kind, one["namespace"], one["name"]] = (one["namespace"], one["selector"])
        self.externals = {(one["namespace"], one["name"]): one for one in self.model["externals"]}

    def pod(self, end):
        """Of what is no document only the namespace is known."""
        return self.pods.get((end["kind"], end["namespace"], end["name"]), (end["namespace"], {}))

    def connections(self):
        """(source, target, port, what) of every edge; to an external service there are two legs."""
        for edge in self.model["edges"]:
            source = self.pod(edge["from"])
            what = f"{edge['from']['namespace']}/{edge['from']['name']} -> {edge['to']['namespace']}/{edge['to']['name']}"
            if edge["to"]["kind"] != "external":
                for port in edge["ports"]:
                    yield source, self.pod(edge["to"]), port["workloadPort"], what
                continue
            external = self.externals[edge["to"]["namespace"], edge["to"]["name"]]
            gateway = external["gateway"]
            through = (gateway["namespace"], gateway["selector"])
            if edge["why"] == "declared":
                yield source, through, gateway["port"], what
            for host in external["hosts"]:
                yield through, OUTSIDE, host["port"], what

    def edges_pass(self):
        seen = 0
        for source, target, port, what in self.connections():
            self.assertTrue(self.policies.passes(source, target, port), f"{what} on {port}")
            seen += 1
        return seen


class Observed(Mesh):
    """Where a namespace only observes, its pods go where they like, and everybody comes; elsewhere edges decide."""
    inventory, environment = SHOP, "prod"

    def test_edges_pass_and_only_other_namespaces_are_cut(self):
        self.assertGreater(self.edges_pass(), 20)
        for name, observed in (("orders", True), ("web", False)):
            pod = self.pods["service", name, "api"]
            self.assertEqual(self.policies.passes(pod, OUTSIDE, UNUSED), observed, name)
            self.assertEqual(self.policies.passes(OUTSIDE, pod, UNUSED), observed, name)
        self.assertFalse(self.policies.passes(self.pods["service", "orders", "api"],
                                              self.pods["service", "billing", "ledger"], UNUSED))

    def test_proxies_know_everybody_where_rules_only_watch(self):
        """Or a call that nobody declared would fail at its caller's own proxy."""
        for one in (one for one in self.objects if one["kind"] == "Sidecar"):
            observed = one["metadata"]["namespace"] == "orders"
            mode = one["spec"]["outboundTrafficPolicy"]["mode"]
            self.assertEqual((one["spec"]["egress"][0]["hosts"] == ["*/*"], mode),
                             (observed, "ALLOW_ANY" if observed else "REGISTRY_ONLY"), one["metadata"])

    def test_issuer_reaches_its_solver(self):
        """HTTP-01: through the gateway, and from nowhere else."""
        solver = ("edge", {"acme.cert-manager.io/http01-solver": "true", "acme.cert-manager.io/http-domain": "1"})
        for name, reaches in (("public", True), ("partner", False)):
            self.assertEqual(self.policies.passes(self.pods["gateway", "edge", name], solver, 8089), reaches, name)
        self.assertFalse(self.policies.passes(OUTSIDE, solver, 8089))
        allowed = [one["spec"]["rules"][0] for one in self.objects if one["kind"] == "AuthorizationPolicy"
                   and (one["spec"].get("selector") or {}).get("matchLabels", {}).items() <= solver[1].items()
                   and one["spec"].get("rules")]
        self.assertEqual([rule["from"][0]["source"]["principals"] for rule in allowed], [["shop.example/ns/edge/sa/public"]])

    def test_gateway_asks_its_firewall(self):
        gateway, firewall = self.pods["gateway", "edge", "partner"], self.pods["service", "web", "waf"]
        self.assertTrue(self.policies.passes(gateway, firewall, 8080))
        rules = [(one["spec"]["selector"]["matchLabels"], rule["from"][0]["source"]["principals"])
                 for one in self.objects if one["kind"] == "AuthorizationPolicy" and one["metadata"]["namespace"] == "web"
                 for rule in one["spec"].get("rules", [])]
        self.assertIn((firewall[1], ["shop.example/ns/edge/sa/partner"]), rules)


class Network(Mesh):
    def test_every_edge_passes(self):
        self.assertGreater(self.edges_pass(), 40)
        for one in self.model["gateways"]:
            self.assertEqual(self.policies.passes(OUTSIDE, (one["namespace"], one["selector"]), 443), "ingress" in one)

    def test_nothing_else_passes(self):
        """Of operators and backup jobs only the namespace is known, so their rule lets its other pods through, too;
        those are stopped by the AuthorizationPolicy, which knows the account."""
        wanted = {(source[0], json.dumps(source[1]), target[0], json.dumps(target[1]), port)
                  for source, target, port, _ in self.connections()}
        ports = {key: {UNUSED, 443} for key in self.pods}
        for kind, key in (("service", "services"), ("data", "dataServices")):
            for one in self.model[key]:
                ports[kind, one["namespace"], one["name"]] |= {port["workloadPort"] for port in one["ports"]}
        tried = 0
        for source in self.pods.values():
            for key, target in self.pods.items():
                for port in ports[key]:
                    this = (source[0], json.dumps(source[1]), target[0], json.dumps(target[1]), port)
                    # whoever may leave the cluster may also come back in by its front door
                    comes_back = self.policies.passes(source, OUTSIDE, port) and self.policies.passes(
                        OUTSIDE, target, port)
                    if not comes_back and not wanted & {this, (source[0], "{}", *this[2:])}:
                        tried += 1
                        self.assertFalse(self.policies.passes(source, target, port), this)
        self.assertGreater(tried, 200)

    def test_only_egress_gateways_leave(self):
        leaving = {(one["gateway"]["namespace"], one["gateway"]["name"]) for one in self.model["externals"]}
        for (kind, namespace, name), pod in self.pods.items():
            for port in (80, 443):
                self.assertEqual(self.policies.passes(pod, OUTSIDE, port),
                                 kind == "gateway" and (namespace, name) in leaving and port == 443, (name, port))
        for namespace in sorted({key[1] for key in self.pods}):
            for port in (80, 443):
                self.assertFalse(self.policies.passes((namespace, {"app": "nobody"}), OUTSIDE, port), namespace)

    def test_gateways_fetch_their_firewall_from_its_registry_alone(self):
        ranges = [(one, peer) for one in self.model["gateways"] for peer in one["network"]["egress"] if "ipBlocks" in peer]
        self.assertEqual([peer["why"] for _, peer in ranges], ["waf-image"])
        for gateway, peer in ranges:
            pod = (gateway["namespace"], gateway["selector"])
            registry = ("", {"address": str(ipaddress.ip_network(peer["ipBlocks"][0])[1])})
            self.assertEqual([self.policies.passes(pod, registry, port) for port in (443, 80)], [True, False])

    def test_without_a_policy_everything_passes(self):
        """What the tests above see is the policies' doing."""
        self.policies.all.clear()
        with self.assertRaises(AssertionError):
            self.test_nothing_else_passes()
        with self.assertRaises(AssertionError):
            self.test_only_egress_gateways_leave()


class Addresses(unittest.TestCase):
    """Callers without an identity: who is named comes to the port that is named, and nobody else anywhere."""
    INTAKE, PORTAL = ("meters", {"app": "intake"}), ("meters", {"app": "portal"})
    READINGS, OUT = ("store", {"app": "readings"}), ("leave", {"app": "out"})
    WATCH, REPLAY = ("watch", {"app": "prometheus"}), ("batch", {"app": "replay"})
    PORTS = (8080, 8081, 5432, 443, UNUSED)
    MACHINES = ("127.0.0.1", "127.0.0.2", "198.51.100.0", "198.51.100.15", "198.51.100.16", "192.0.2.6", "192.0.2.7",
                "192.0.2.8", "10.244.0.1", "2001:db8:7::1", "2001:db8:8::1")
    NAMED = {("127.0.0.1", "intake", 8081), ("198.51.100.0", "intake", 8081), ("198.51.100.15", "intake", 8081),
             ("2001:db8:7::1", "intake", 8081), ("127.0.0.1", "readings", 5432), ("192.0.2.7", "readings", 5432)}

    def setUp(self):
        text = meshca("render", METERS, "production")
        self.policies = Policies([one for one in yaml.load_all(text, yaml.CSafeLoader) if one])

    def passing(self, sources):
        return {(name, target[1]["app"], port) for name, source in sources.items()
                for target in (self.INTAKE, self.PORTAL, self.READINGS, self.OUT) for port in self.PORTS
                if self.policies.passes(source, target, port)}

    def test_machines(self):
        self.assertEqual(self.passing({one: outside(one) for one in self.MACHINES}), self.NAMED)

    def test_pods(self):
        pods = {"replay": self.REPLAY, "other": ("batch", {"app": "other"}), "double": ("trial", {"app": "replay"}),
                "watch": self.WATCH, "intake": self.INTAKE, "portal": self.PORTAL, "readings": self.READINGS}
        self.assertEqual(self.passing(pods), {
            ("replay", "intake", 8081), ("portal", "intake", 8080), ("portal", "intake", 8081),
            ("intake", "readings", 5432), ("intake", "out", 443)})

    def test_without_a_policy_everything_passes(self):
        self.policies.all.clear()
        with self.assertRaises(AssertionError):
            self.test_machines()
        with self.assertRaises(AssertionError):
            self.test_pods()


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Each invariant finds what it is there for; and meshes generated with the built-in templates break none.

CustomResourceDefinitions are data that does not come with the repository: without them (MESHCA_CRDS) schemas are not
looked at, and a test says that it was skipped.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml

import invariants
from invariants import INVARIANTS, WAVE, Definitions, Tree

BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
CRDS = pathlib.Path(os.environ.get("MESHCA_CRDS", invariants.CRDS))
ECOTRACK = invariants.ROOT / "k8s/examples/ecotrack"
DEFINITIONS = Definitions(CRDS) if CRDS.is_dir() else None


def thing(kind, spec=None, api="networking.istio.io/v1", name="a", namespace="shop", **more):
    metadata = {"name": name, "annotations": {WAVE: "0"}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **({} if spec is None else {"spec": spec}), **more}


SECURITY = "security.istio.io/v1"
INJECTED = {**thing("Namespace", api="v1", name="shop", namespace=None)}
INJECTED["metadata"]["labels"] = {"istio.io/rev": "stable"}
DEPLOYMENT = thing("Deployment", {"template": {"spec": {"serviceAccountName": "ghost"}}}, "apps/v1")
GATEWAY = thing("Gateway", {"selector": {"app": "gw"}, "servers": []})


def route(**more):
    return {"name": "all", "route": [{"destination": {"host": "a"}}], **more}


DENY_ALL = thing("AuthorizationPolicy", {}, SECURITY, name="deny-all")
DENY_ALL["metadata"]["annotations"] = {WAVE: "10"}
BY_PRINCIPAL = thing("AuthorizationPolicy", {"selector": {"matchLabels": {"app": "gw"}}, "rules": [
    {"from": [{"source": {"principals": ["a"]}}], "to": [{"operation": {"ports": ["443"]}}]}]}, SECURITY)


def serving(*hosts):
    return thing("Gateway", {"selector": {"app": "gw"}, "servers": [
        {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": list(hosts)}]})


def at_gateway(kind, **spec):
    group = {"Telemetry": "telemetry.istio.io/v1"}.get(kind, "extensions.istio.io/v1alpha1")
    return thing(kind, {"selector": {"matchLabels": {"app": "gw"}}, **spec}, group)


def mutual(mode):
    return thing("Gateway", {"selector": {"app": "gw"}, "servers": [
        {"port": {"number": 443, "name": "tls", "protocol": "HTTPS"}, "hosts": ["./a.b"], "tls": {"mode": mode}}]})


BOTH_PORTS = thing("Gateway", {"selector": {"app": "gw"}, "servers": [
    {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["./a.b"], "tls": {"mode": "SIMPLE"}},
    {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["./a.b"]}]})


def at_ports(name="a", **more):
    return thing("VirtualService", {"hosts": ["a.b"], "gateways": ["shop/a"], "http": [route(**more)]}, name=name)


def first_leg(sni):
    return thing("DestinationRule", {"host": "gw", "exportTo": ["*"], "subsets": [
        {"name": "a", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": sni}}}]})


def network(labels, port, name="a"):
    return thing("NetworkPolicy", {"podSelector": {"matchLabels": labels} if labels else {}, "ingress": [
        {"ports": [{"port": port}]}]}, "networking.k8s.io/v1", name=name)


def in_wave(kind, api, wave, **spec):
    one = thing(kind, spec or None, api)
    one["metadata"]["annotations"] = {WAVE: str(wave)}
    return one


def published(namespace):
    return thing("ConfigMap", api="v1", name="meshca-published",
                 data={f"ConfigMap.istio-ca-crl.namespace.{namespace}": "needed"})


def by_address(source=None, operation=None, **more):
    """A rule for callers without an identity, and the exception of its port from mTLS."""
    source = {"ipBlocks": ["192.0.2.0/24"], "notPrincipals": ["*"]} if source is None else source
    return [thing("AuthorizationPolicy", {"selector": {"matchLabels": {"app": "a"}}, "action": "ALLOW", "rules": [
        {"from": [{"source": source}], "to": [{"operation": {"ports": ["80"]} if operation is None else operation}]}],
        **more}, SECURITY, name="by-address"),
        thing("PeerAuthentication", {"selector": {"matchLabels": {"app": "a"}}, "portLevelMtls": {
            "80": {"mode": "PERMISSIVE"}}}, SECURITY)]


def from_block(cidr, port=80, labels=None):
    one = network(labels or {"app": "a"}, port)
    one["spec"]["ingress"][0]["from"] = [{"ipBlock": {"cidr": cidr}}]
    return one


# Of each invariant: trees that break it, and only it, and one that does not.
CASES = {
    "addresses_enter_plaintext_ports_only": ([
        by_address()[:1],
        by_address({"ipBlocks": ["192.0.2.0/24"]}),
        by_address({"ipBlocks": ["192.0.2.0/24"], "notPrincipals": ["a"]}),
        by_address({"remoteIpBlocks": ["192.0.2.0/24"]}),
        by_address(operation={"ports": ["80", "81"]}),
        by_address(operation={"paths": ["/a"]}),
        by_address(selector={"matchLabels": {"app": "b"}}),
        by_address(selector={})], by_address()),
    "networks_open_to_addresses_that_rules_know": ([
        [from_block("192.0.2.0/24")],
        [*by_address(), from_block("192.0.2.0/23")],
        [*by_address(), from_block("192.0.2.0/24", 81)],
        [*by_address(), from_block("192.0.2.0/24", labels={"app": "b"})]],
        [*by_address(), from_block("192.0.2.0/24")]),
    "namespace_exactly_on_namespaced_kinds": ([[thing("Service", api="v1", namespace="")],
                                               [thing("Namespace", api="v1")]],
                                              [thing("Service", api="v1")]),
    "folders_are_small": None,
    "no_certificate_bytes": ([[thing("Secret", api="v1")]], [thing("ConfigMap", api="v1")]),
    "every_object_has_a_wave": ([[{**thing("Service", api="v1"), "metadata": {"name": "a", "namespace": "b"}}]],
                                [thing("Service", api="v1")]),
    "no_old_names": ([[thing("DestinationRule", {"host": "a", "exportTo": ["."], "trafficPolicy": {
        "loadBalancer": {"simple": "LEAST_CONN"}}})],
        [thing("DestinationRule", {"host": "a", "exportTo": ["."], "trafficPolicy": {
            "outlierDetection": {"consecutiveErrors": 3}}})]],
        [thing("DestinationRule", {"host": "a", "exportTo": ["."], "trafficPolicy": {
            "loadBalancer": {"simple": "LEAST_REQUEST"}}})]),
    "accounts_are_registered": ([[INJECTED, thing("ServiceAccount", api="v1", name="ghost")], [DEPLOYMENT],
                                 [thing("Deployment", {"template": {"spec": {}}}, "apps/v1")]],
                                [INJECTED, thing("ServiceAccount", api="v1", name="known"),
                                 thing("ServiceAccount", api="v1", name="ghost", namespace="elsewhere")]),
    "every_route_has_a_name": ([[thing("VirtualService", {"hosts": ["a"], "http": [
        {"route": [{"destination": {"host": "a"}}], "retries": {"attempts": 0}}]})],
        [thing("VirtualService", {"hosts": ["a"], "http": [route(), route()]})]],
        [thing("VirtualService", {"hosts": ["a"], "http": [route()]})]),
    "one_sidecar_without_selector": ([[thing("Sidecar", {"egress": [{"hosts": ["./*"]}]}),
                                       thing("Sidecar", {"egress": [{"hosts": ["./*"]}]}, name="b")]],
                                     [thing("Sidecar", {"egress": [{"hosts": ["./*"]}]}),
                                      thing("Sidecar", {"egress": [{"hosts": ["./*"]}], "workloadSelector": {
                                          "labels": {"a": "b"}}}, name="b")]),
    "destination_rules_say_who_sees_them": ([[thing("DestinationRule", {"host": "a"})]],
                                            [thing("DestinationRule", {"host": "a", "exportTo": ["*"]})]),
    "originated_tls_is_pinned": ([[thing("DestinationRule", {"host": "a", "exportTo": ["."], "trafficPolicy": {
        "tls": {"mode": "SIMPLE", "sni": "a"}}})]],
        [thing("DestinationRule", {"host": "a", "exportTo": ["."], "trafficPolicy": {
            "tls": {"mode": "SIMPLE", "sni": "a", "subjectAltNames": ["a"]}}})]),
    "payments_are_never_retried": ([[thing("VirtualService", {"hosts": ["a"], "http": [
        route(match=[{"method": {"exact": "POST"}}])]})],
        [thing("VirtualService", {"hosts": ["a"], "http": [
            route(match=[{"method": {"exact": "POST"}}], retries={"attempts": 1})]})]],
        [thing("VirtualService", {"hosts": ["a"], "http": [
            route(match=[{"method": {"exact": "POST"}}], retries={"attempts": 0})]})]),
    "filters_have_a_selector": ([[thing("EnvoyFilter", {"configPatches": []}, "networking.istio.io/v1alpha3")]],
                                [thing("EnvoyFilter", {"workloadSelector": {"labels": {"a": "b"}}},
                                       "networking.istio.io/v1alpha3")]),
    "deny_rules_name_what_they_deny": ([[thing("AuthorizationPolicy", {"action": "DENY", "rules": [
        {"to": [{"operation": {"paths": ["/admin"]}}]}]}, SECURITY)]],
        [thing("AuthorizationPolicy", {"action": "DENY", "rules": [
            {"to": [{"operation": {"paths": ["/admin"], "ports": ["8080"]}}]}]}, SECURITY)]),
    "namespaces_with_rules_deny_the_rest": ([[INJECTED], [thing("AuthorizationPolicy", {"action": "DENY", "rules": [
        {"from": [{"source": {"remoteIpBlocks": ["10.0.0.0/8"]}}]}]}, SECURITY)]],
        [INJECTED, DENY_ALL, thing("AuthorizationPolicy", {"rules": [{"from": [{"source": {"principals": ["a"]}}]}]},
                                   SECURITY, name="b")]),
    "gateways_know_their_principals": ([[mutual("SIMPLE"), BY_PRINCIPAL]],
                                       [mutual("ISTIO_MUTUAL"), BY_PRINCIPAL]),
    "gateways_listen_as_clients": ([[GATEWAY, at_gateway("TrafficExtension", match=[{"mode": "SERVER"}])],
                                    [GATEWAY, at_gateway("Telemetry", accessLogging=[{"match": {"mode": "SERVER"}}])]],
                                   [GATEWAY, at_gateway("TrafficExtension", wasm={"type": "HTTP"}),
                                    at_gateway("Telemetry", accessLogging=[{"match": {"mode": "CLIENT"}}]),
                                    thing("Telemetry", {"accessLogging": [{"match": {"mode": "SERVER"}}]},
                                          "telemetry.istio.io/v1")]),
    "gateways_log_what_they_refuse": ([[GATEWAY, thing("Telemetry", {"accessLogging": [{}]},
                                                       "telemetry.istio.io/v1")]],
                                      [GATEWAY, at_gateway("Telemetry", accessLogging=[{}])]),
    "gateways_say_who_binds_to_a_host": ([[serving("a.b")], [serving("*/a.b")]], [serving("./a.b", "shop/a.b")]),
    "plaintext_only_redirects": ([[BOTH_PORTS, at_ports()], [BOTH_PORTS, at_ports(match=[{"port": 443}, {"port": 80}])]],
                                 [BOTH_PORTS, at_ports(match=[{"port": 443}]),
                                  at_ports("b", match=[{"port": 80}], redirect={"scheme": "https"})]),
    "first_legs_meet_a_server": ([[mutual("ISTIO_MUTUAL"), first_leg("b.c")]],
                                 [mutual("ISTIO_MUTUAL"), first_leg("a.b")]),
    "monitoring_reaches_the_agent": ([[INJECTED, network({"app": "a"}, 8080)]],
                                     [INJECTED, network({"app": "a"}, 15020), network({}, 8080, "b")]),
    "authority_publishes_what_proxies_read": ([[INJECTED, published("other")]],
                                              [INJECTED, published("shop")]),
    "stages_come_in_their_order": ([[in_wave("Service", "v1", -30), in_wave("Sidecar", "networking.istio.io/v1", -31)],
                                    [in_wave("PeerAuthentication", SECURITY, 11, mtls={"mode": "STRICT"})]],
                                   [in_wave("Service", "v1", -30), in_wave("Sidecar", "networking.istio.io/v1", -29),
                                    in_wave("PeerAuthentication", SECURITY, -1, mtls={"mode": "STRICT"})]),
    "gateway_hosts_in_both_forms": ([[GATEWAY, thing("AuthorizationPolicy", {
        "selector": {"matchLabels": {"app": "gw"}}, "rules": [{"to": [{"operation": {"hosts": ["a.b"]}}]}]}, SECURITY)]],
        [GATEWAY, thing("AuthorizationPolicy", {"selector": {"matchLabels": {"app": "gw"}}, "rules": [
            {"to": [{"operation": {"hosts": ["a.b", "a.b:*"]}}]}]}, SECURITY)]),
    "tokens_have_a_rule_and_one_place": ([[thing("RequestAuthentication", {"jwtRules": [
        {"issuer": "i", "audiences": ["a"], "fromHeaders": [{"name": "x"}]}]}, SECURITY)],
        [thing("RequestAuthentication", {"jwtRules": [{"issuer": "i", "audiences": ["a"]}]}, SECURITY),
         thing("AuthorizationPolicy", {"rules": [{"from": [{"source": {"requestPrincipals": ["i/*"]}}]}]}, SECURITY)]],
        [thing("RequestAuthentication", {"jwtRules": [
            {"issuer": "i", "audiences": ["a"], "fromHeaders": [{"name": "x"}]}]}, SECURITY),
         thing("AuthorizationPolicy", {"rules": [{"from": [{"source": {"requestPrincipals": ["i/*"]}}]}]}, SECURITY)]),
    "no_principal_is_a_wildcard": ([[thing("AuthorizationPolicy", {"rules": [
        {"from": [{"source": {"principals": ["*"]}}]}]}, SECURITY)]],
        [thing("AuthorizationPolicy", {"rules": [
            {"from": [{"source": {"principals": ["cluster.local/ns/a/sa/b"]}}]}]}, SECURITY)]),
}
NEED_DEFINITIONS = {
    "schema_of_every_object": ([[thing("Sidecar", {"egres": []})],
                                [thing("VirtualService", {"hosts": ["a"], "http": [
                                    route(retries={"attempts": "two"})]})],
                                [thing("Sidecar", {}, "networking.istio.io/v2")]],
                               [thing("Sidecar", {"egress": [{"hosts": ["./*"]}]})]),
}


class Invariants(unittest.TestCase):
    def found(self, objects, definitions=None):
        tree = Tree(registered={("shop", "known")}, definitions=definitions, objects=objects)
        return {name for name, _, _ in invariants.breaches(tree)}

    def hold(self, cases, definitions):
        for name, (bad, good) in ((name, case) for name, case in cases.items() if case):
            denied = [] if name == "namespaces_with_rules_deny_the_rest" else [DENY_ALL]
            for objects in bad:
                self.assertEqual(self.found(objects + denied, definitions), {name}, objects)
            self.assertEqual(self.found(good + denied, definitions), set(), name)

    def test_each_finds_its_breach_and_no_other_does(self):
        self.hold(CASES, None)
        self.assertEqual({check.__name__ for check in INVARIANTS}, set(CASES) | set(NEED_DEFINITIONS))

    @unittest.skipUnless(DEFINITIONS, f"{CRDS} is not there: no schemas to hold objects against")
    def test_schemas(self):
        self.hold(NEED_DEFINITIONS, DEFINITIONS)
        self.hold({"namespace_exactly_on_namespaced_kinds": (
            [[thing("ClusterIssuer", {"selfSigned": {}}, "cert-manager.io/v1")],
             [thing("Certificate", {"secretName": "a", "issuerRef": {"name": "a"}}, "cert-manager.io/v1",
                    namespace="")]],
            [thing("ClusterIssuer", {"selfSigned": {}}, "cert-manager.io/v1", namespace="")])}, DEFINITIONS)

    def test_folders(self):
        with tempfile.TemporaryDirectory(prefix="meshca-test-invariants-") as name:
            folder = pathlib.Path(name)
            (folder / "kustomization.yaml").write_text("kind: Kustomization\n")
            pods = [thing("Service", api="v1", name=f"s{i}") for i in range(500)]
            (folder / "a.yaml").write_text(yaml.safe_dump_all(pods))
            self.assertEqual([row[0] for row in invariants.breaches(Tree(folder))], ["folders_are_small"])
            (folder / "a.yaml").write_text(yaml.safe_dump_all(pods[:499]))
            self.assertEqual(invariants.breaches(Tree(folder)), [])
            pods[0]["spec"] = {"pem": "-----BEGIN CERTIFICATE-----\nMIIB\n"}
            (folder / "a.yaml").write_text(yaml.safe_dump_all(pods[:1]))
            self.assertEqual([row[0] for row in invariants.breaches(Tree(folder))], ["no_certificate_bytes"])


class Meshes(unittest.TestCase):
    def meshca(self, *words):
        return subprocess.run([BIN / "meshca", *words], capture_output=True, text=True)

    def hold(self, inventory, fewest):
        with tempfile.TemporaryDirectory(prefix="meshca-test-invariants-") as out:
            done = self.meshca("manifests", "generate", inventory, "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            for folder in sorted(pathlib.Path(out, "environments").iterdir()):
                model = yaml.safe_load(self.meshca("manifests", "model", inventory, folder.name).stdout)
                registered = {(one["namespace"], one["serviceAccount"]) for one in model["identities"]
                              if one["state"] == "active"}
                tree = Tree(folder, registered, DEFINITIONS)
                self.assertGreater(len(tree.objects), fewest)
                self.assertEqual(invariants.breaches(tree), [], folder.name)

    def test_example_mesh(self):
        self.hold(ECOTRACK, 100)

    def test_other_meshes(self):
        for name in ("meters", "shop", "shops"):
            self.hold(invariants.ROOT / "tests/data/meshes" / name, 30)


if __name__ == "__main__":
    unittest.main()

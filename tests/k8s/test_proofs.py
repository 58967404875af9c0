# SPDX-License-Identifier: Apache-2.0
"""The trees of the example and of meshes unlike it have what their models say; and object by object, one that is missing
or weaker is noticed.

Judges are tests/k8s/proofs.py (model and tree agree) and invariants.py (what holds in every tree).
"""
import copy
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import invariants
import proofs
from invariants import Tree

BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
ECOTRACK = invariants.ROOT / "k8s/examples/ecotrack"
OTHERS = invariants.ROOT / "tests/data/meshes"
SMALL = invariants.ROOT / "tests/data/inventory"  # good ones with a service
# Meshes whose objects are taken away and weakened.
JUDGED = [
    (ECOTRACK, "production"),
    (OTHERS / "meters", "production"),  # callers without an identity
    (OTHERS / "shop", "prod"),  # one shop, what the example has not: HTTP-01, a firewall as a service, TLS and TCP
                                # going out, a former trust domain, a namespace that only observes
    (OTHERS / "shops", "live"), (OTHERS / "shops", "trial"),  # several shops, two services of one name; trial: without
                                                              # STRICT, NetworkPolicy and enforcement
]


def name(thing):
    metadata = thing["metadata"]
    return f"{thing['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"


def meshca(*words):
    return subprocess.run([BIN / "meshca", *words], check=True, capture_output=True, text=True).stdout


def made(folder, inventory, environment):
    """(tree, model) of an environment."""
    out = pathlib.Path(folder) / inventory.name
    meshca("manifests", "generate", inventory, "--out", out, "--environment", environment)
    return Tree(out / "environments" / environment), json.loads(meshca("manifests", "model", inventory, environment))


def with_objects(tree, objects, patches):
    other = Tree(objects=objects, patches=patches, registered=tree.registered)
    other.texts, other.counts = tree.texts, tree.counts
    return other


class Judge:
    def __init__(self, tree, model):
        self.tree, self.model = tree, model
        self.before = self.all(tree)

    def all(self, tree):
        found = {repr(one) for one in proofs.breaches(tree, self.model)}
        return found | {repr(one) for one in invariants.breaches(tree)}

    def notices(self, objects, patches):
        try:
            return bool(self.all(with_objects(self.tree, objects, patches)) - self.before)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            return True  # a judge that cannot even read it has noticed


def every(node, path=()):
    """Every (path, value) of a tree of maps and lists."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from every(value, (*path, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from every(value, (*path, i))


def put(thing, path, value):
    """A copy with another value there; None takes it out."""
    other = copy.deepcopy(thing)
    node = other
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return other


# What makes an object weaker: kind, the last keys of a path, the value that is there, the one instead (None: taken out).
WEAKER = [
    ("PeerAuthentication", ("mtls", "mode"), "STRICT", "PERMISSIVE"),
    ("PeerAuthentication", ("mtls", "mode"), "STRICT", "DISABLE"),
    ("DestinationRule", ("tls", "mode"), "ISTIO_MUTUAL", "DISABLE"),
    ("DestinationRule", ("tls", "mode"), "SIMPLE", "DISABLE"),
    ("DestinationRule", ("subjectAltNames",), list, None),
    ("DestinationRule", ("maxConnections",), int, 2147483647),
    ("DestinationRule", ("outlierDetection",), dict, None),
    ("Gateway", ("tls", "mode"), "ISTIO_MUTUAL", "SIMPLE"),
    ("Gateway", ("minProtocolVersion",), str, "TLSV1_0"),
    ("Gateway", ("hosts",), list, ["*"]),
    ("AuthorizationPolicy", ("principals",), list, ["*"]),
    ("AuthorizationPolicy", ("principals",), list, None),
    ("AuthorizationPolicy", ("operation", "ports"), list, None),
    ("AuthorizationPolicy", ("operation", "paths"), list, ["/*"]),
    ("AuthorizationPolicy", ("operation", "methods"), list, None),
    ("AuthorizationPolicy", ("spec", "selector"), dict, None),
    ("AuthorizationPolicy", ("requestPrincipals",), list, ["*"]),
    ("AuthorizationPolicy", ("rules", 0, "when"), list, None),
    ("AuthorizationPolicy", ("remoteIpBlocks",), list, ["0.0.0.0/32"]),
    ("AuthorizationPolicy", ("notRemoteIpBlocks",), list, ["0.0.0.0/0"]),
    ("AuthorizationPolicy", ("spec", "action"), "DENY", "ALLOW"),
    ("AuthorizationPolicy", ("spec", "action"), "ALLOW", "AUDIT"),
    ("AuthorizationPolicy", ("ipBlocks",), list, ["0.0.0.0/0"]),
    ("AuthorizationPolicy", ("ipBlocks",), list, None),
    ("AuthorizationPolicy", ("notPrincipals",), list, None),
    ("RequestAuthentication", ("audiences",), list, None),
    ("RequestAuthentication", ("issuer",), str, "https://elsewhere.example"),
    ("RequestAuthentication", ("jwksUri",), str, "http://keys.example"),
    ("VirtualService", ("retries", "attempts"), int, 9),
    ("VirtualService", ("timeout",), str, "3600s"),
    ("VirtualService", ("match",), list, None),
    ("VirtualService", ("percentage", "value"), int, 100),
    ("VirtualService", ("meshca.dev/fault-expires.read",), str, "2999-12-31"),
    ("Sidecar", ("outboundTrafficPolicy", "mode"), "REGISTRY_ONLY", "ALLOW_ANY"),
    ("Sidecar", ("hosts",), list, ["*/*"]),
    ("ServiceEntry", ("exportTo",), list, ["*"]),
    ("NetworkPolicy", ("namespaceSelector",), dict, {}),
    ("NetworkPolicy", ("ipBlock", "cidr"), str, "0.0.0.0/0"),
    ("NetworkPolicy", ("from", 0, "podSelector"), dict, None),
    ("NetworkPolicy", ("to",), list, None),
    ("NetworkPolicy", ("from",), list, None),
    ("NetworkPolicy", ("policyTypes",), list, ["Ingress"]),
    ("NetworkPolicy", ("spec", "podSelector"), dict, {"matchLabels": {"app": "nothing"}}),
    ("ServiceAccount", ("automountServiceAccountToken",), False, True),
    ("Namespace", ("labels", "istio.io/rev"), str, None),
    ("Namespace", ("labels", "pod-security.kubernetes.io/enforce"), str, "privileged"),
    ("Certificate", ("renewBefore",), str, None),
    ("Certificate", ("rotationPolicy",), str, "Never"),
    ("Certificate", ("dnsNames",), list, ["elsewhere.example"]),
    ("ValidatingAdmissionPolicy", ("failurePolicy",), "Fail", "Ignore"),
    ("ValidatingAdmissionPolicyBinding", ("validationActions",), list, ["Audit"]),
    ("EnvoyFilter", ("max_tokens",), int, 1000000),
    ("EnvoyFilter", ("max_request_bytes",), int, 1 << 30),
    ("Telemetry", ("expression",), str, "response.code == 403"),
]


def weaker(thing):
    """Every (row of WEAKER, what, copy) that is a weaker thing."""
    for path, value in every(thing):
        for row, (kind, keys, have, instead) in enumerate(WEAKER):
            fits = isinstance(value, have) if isinstance(have, type) else value == have and type(value) is type(have)
            if thing["kind"] == kind and path[-len(keys):] == keys and fits and value != instead:
                yield row, f"{'.'.join(map(str, path))} = {instead!r}", put(thing, path, instead)


class Proofs(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="meshca-proofs-")
        cls.judges = [(f"{inventory.name} {environment}", Judge(*made(cls.folder.name, inventory, environment)))
                      for inventory, environment in JUDGED]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_trees_are_as_their_models(self):
        small = [SMALL / name for name in ("json", "one-file-each", "overrides", "defaults-fill-what-is-needed")]
        for inventory in [ECOTRACK, OTHERS / "meters", OTHERS / "shop", OTHERS / "shops", *small]:
            for environment in meshca("inventory", "environments", inventory).split():
                self.assertEqual(proofs.breaches(*made(self.folder.name, inventory, environment)), [],
                                 (inventory.name, environment))

    def test_every_object_is_missed(self):
        for mesh, judge in self.judges:
            objects, patches = judge.tree.objects, judge.tree.patches
            unseen = []
            for i, one in enumerate(objects):
                if not judge.notices(objects[:i] + objects[i + 1:], patches):
                    unseen.append(name(one))
            for i, one in enumerate(patches):
                if not judge.notices(objects, patches[:i] + patches[i + 1:]):
                    unseen.append("patch " + name(one))
            self.assertEqual(unseen, [], mesh)

    def test_nothing_gets_weaker_unseen(self):
        rows = set()
        for mesh, judge in self.judges:
            objects, patches = judge.tree.objects, judge.tree.patches
            unseen, tried = [], 0
            for i, one in enumerate(objects):
                for row, what, other in weaker(one):
                    tried += 1
                    rows.add(row)
                    if not judge.notices([*objects[:i], other, *objects[i + 1:]], patches):
                        unseen.append(f"{name(one)}: {what}")
            print(f"{mesh}: {len(objects)} objects, {tried} weaker ones, {len(unseen)} unseen")
            self.assertEqual(unseen, [], mesh)
        self.assertEqual([one for i, one in enumerate(WEAKER) if i not in rows], [], "nothing can be weaker so")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The ingress gateway of the example mesh on a real Envoy: addresses of clients, limits, hosts and paths. The chain and
the routes are those that Istio's own code generates for the production tree; the certificate is a file, every service
behind is one small application. The firewall is among the filters, and is taken out: it would be fetched.

A proxy of ours stands in front (trustedProxies: 1), so the last entry of X-Forwarded-For is the client's address and
what a client wrote stands before it. scripts/conformance runs it: MESHCA_BIN, MESHCA_ENVOY, MESHCA_EDGES."""
import concurrent.futures
import json
import os
import pathlib
import socket
import ssl
import sys
import time
import unittest

from cryptography.hazmat.primitives import serialization

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integ"))
from harness import Authority, new_key  # noqa: E402

from envoy import Envoy, application, certificate_of, cluster, listener, take_out  # noqa: E402

FOLDER = pathlib.Path(os.environ["MESHCA_EDGES"])
HOST = "api.ecotrack.example"
ADDRESS = ("127.0.77.9", 443)  # rules name the port
ADMINISTRATOR, CLIENT, DENIED = "198.51.100.7", "203.0.113.1", "192.0.2.5"
PODS, TOTAL, BURST, PER_CLIENT = 6, 500, 1000, 600  # k8s/examples/ecotrack/gateways/public.yaml


def names_of_clusters(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "cluster" and isinstance(value, str):
                yield value
            if key == "clusters" and isinstance(value, list):
                yield from (one["name"] for one in value)
            yield from names_of_clusters(value)
    elif isinstance(node, list):
        for one in node:
            yield from names_of_clusters(one)


def gateway(folder, files, drop=lambda name: False):
    chain = json.loads((FOLDER / "istio-ingress.public.chain.json").read_text())
    routes = {one["name"]: one for one in json.loads((FOLDER / "istio-ingress.public.routes.json").read_text())}
    del chain["filterChainMatch"]
    removed, firewalls = set(), []

    def is_dropped(name):
        if "trafficextension" in name:
            firewalls.append(name)
        return "trafficextension" in name or drop(name)
    take_out(chain, is_dropped, removed)
    for one in chain["filters"]:
        if "rds" in one["typedConfig"]:
            one["typedConfig"]["routeConfig"] = routes[one["typedConfig"].pop("rds")["routeConfigName"]]
            one["typedConfig"]["routeConfig"]["validateClusters"] = False
    tls = chain["transportSocket"]["typedConfig"]
    tls["commonTlsContext"].pop("tlsCertificateSdsSecretConfigs")
    tls["commonTlsContext"]["tlsCertificates"] = certificate_of(files)
    port = application()
    clusters = [cluster(name, port) for name in sorted(set(names_of_clusters(chain)))]
    envoy = Envoy(folder, [listener("public", *ADDRESS, chain)], clusters)
    envoy.removed, envoy.firewalls = removed, firewalls
    return envoy


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("port 443 needs root") if "CI" not in os.environ else AssertionError("not root")
        cls.ca = cls.enterClassContext(Authority())
        key = new_key()
        chain = cls.ca.fetch("production", "istio-ingress", "public-gateway", key=key)
        cls.files = cls.ca.folder / "gateway"
        cls.files.mkdir()
        (cls.files / "chain.pem").write_text(chain[0] + chain[1])
        (cls.files / "key.pem").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def setUp(self):
        """A gateway of its own for each test: buckets are full at its start."""
        self.envoy = self.enterContext(gateway(self.ca.folder, self.files))

    def ask(self, path="/api/products/1", forwarded=CLIENT, host=HOST, body=b"", method="GET"):
        """The status; None when the connection was closed without a word."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        head = (f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {forwarded}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n")
        try:
            with socket.create_connection(ADDRESS, 10) as raw:
                with context.wrap_socket(raw, server_hostname=HOST) as tls:
                    tls.sendall(head.encode() + body)
                    back = tls.recv(4096)
        except OSError:
            return None
        return int(back.split(b" ")[1]) if back else None

    def test_what_services_open(self):
        self.assertEqual(self.ask(), 200)
        self.assertEqual(self.ask(host=HOST + ":443"), 200)
        for path in ("/", "/api", "/api/payments", "/payments", "/actuator/health", "/api/products/../../payments"):
            self.assertEqual(self.ask(path), 403, path)
        self.assertIn(self.ask(host="other.example"), (403, 404))

    def test_addresses(self):
        admin = "/api/users/admin/list"
        self.assertEqual(self.ask(admin, ADMINISTRATOR), 200)
        self.assertEqual(self.ask(admin, CLIENT), 403)
        self.assertEqual(self.ask(forwarded=DENIED), 403)

    def test_forged_addresses(self):
        """What a client writes itself stands before the entry of the trusted proxy."""
        admin = "/api/users/admin/list"
        self.assertEqual(self.ask(admin, f"{ADMINISTRATOR}, {CLIENT}"), 403)
        self.assertEqual(self.ask(admin, f"{ADMINISTRATOR}, {ADMINISTRATOR}, {CLIENT}"), 403)
        self.assertEqual(self.ask(forwarded=f"{CLIENT}, {DENIED}"), 403)
        self.assertEqual(self.ask("//api//users/admin/list", CLIENT), 403)
        self.assertEqual(self.ask("/api/users/%61dmin/list", CLIENT), 403)

    def many(self, count, forwarded):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda number: self.ask(forwarded=forwarded(number)), range(count)))

    def test_limit_of_one_client(self):
        """The share of a minute, and what of the next minute's comes back while the requests last."""
        share = PER_CLIENT // PODS
        begin = time.monotonic()
        answers = self.many(2 * share, lambda number: f"10.1.{number % 250}.1, {CLIENT}")
        most = share + share * (time.monotonic() - begin) / 60 + 1
        passed, refused = answers.count(200), answers.count(429)
        self.assertEqual(passed + refused, 2 * share, answers)
        self.assertGreaterEqual(passed, share)
        self.assertLessEqual(passed, most)
        self.assertTrue(refused > 0 or most > 2 * share)
        self.assertEqual(self.ask(forwarded="203.0.113.2"), 200)

    def test_limit_of_all(self):
        """At most the share of the burst, and what one pod's share adds while it lasts. The first to be refused comes
        as soon as requests are faster than the share; how fast this machine asks does not matter otherwise."""
        begin = time.monotonic()
        answers = self.many(1200, lambda number: f"10.2.{number // 250}.{number % 250}")
        most = BURST // PODS + TOTAL // PODS * (time.monotonic() - begin + 1)
        passed, refused = answers.count(200), answers.count(429)
        self.assertEqual(passed + refused, 1200, answers)
        self.assertGreaterEqual(passed, BURST // PODS)
        self.assertLessEqual(passed, most)
        self.assertTrue(refused > 0 or most > 1200)

    def test_body(self):
        self.assertEqual(self.ask(body=b"a" * 1000, method="POST"), 200)
        self.assertIn(self.ask(body=b"a" * (1048576 + 1), method="POST"), (413, None))

    def test_without_the_rules(self):
        """What refuses is what was generated."""
        self.envoy.__exit__()
        with gateway(self.ca.folder, self.files, lambda name: "rbac" in name or "ratelimit" in name):
            self.assertEqual(self.ask("/api/users/admin/list", CLIENT), 200)
            self.assertEqual(self.ask(forwarded=DENIED), 200)
            self.assertEqual(self.many(150, lambda number: CLIENT).count(429), 0)
        self.envoy.__enter__()

    def test_what_was_taken_out(self):
        self.assertLessEqual(self.envoy.removed, {"istio.metadata_exchange", "istio.stats", "istio.alpn"})
        self.assertEqual([name.rpartition("/")[2] for name in self.envoy.firewalls], ["istio-ingress.public-waf"])


if __name__ == "__main__":
    unittest.main()

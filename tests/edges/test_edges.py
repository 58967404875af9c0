# SPDX-License-Identifier: Apache-2.0
"""Edges of the example mesh on a real Envoy: its filter chains are those that Istio's own code generates for the
production tree (tests/conformance/istio/edges_test.go), its certificates come from a running authority.

Changed in what Istio generated, and nothing else: filters of the name istio.* are taken out, since only Istio's build
of Envoy has them; certificates are files where an agent would serve them; istiod could not fetch the keys of the
identity provider, so the test's own stand in their place; the application behind is a small one.

scripts/conformance runs it: MESHCA_BIN, MESHCA_ENVOY, MESHCA_EDGES (the folder of chains)."""
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
from harness import Authority, Issuer, new_key  # noqa: E402

from envoy import Envoy, application, certificate_of, cluster, echo, listener, take_out  # noqa: E402

CHAINS = pathlib.Path(os.environ["MESHCA_EDGES"])
LOGIN = "https://login.ecotrack.example/"
AUDIENCE = "ecotrack-api"
OTHER_PORT = 8099
# address, namespace, service, port: rules name the port, so it must be the real one
CALLEES = {
    "payment": ("127.0.77.1", "ecotrack", "payment-service", 8080),
    "order": ("127.0.77.2", "ecotrack", "order-service", 8080),
    "postgres": ("127.0.77.3", "data", "postgres", 5432),
    "redis": ("127.0.77.4", "data", "redis", 6379),
}


def mesh(ca, files, anchors, jwks, drop=lambda name: False):
    """An Envoy for all callees, and the names of Istio's filters that are not in it."""
    removed, listeners, clusters = set(), [], {}
    backends = {"data": echo(), "ecotrack": application()}
    for address, namespace, service, port in CALLEES.values():
        chain = json.loads((CHAINS / f"{namespace}.{service}.{port}.json").read_text())
        del chain["filterChainMatch"]
        take_out(chain, drop, removed)
        for one in chain["filters"]:
            for each in one["typedConfig"].get("httpFilters", []):
                for provider in each["typedConfig"].get("providers", {}).values():
                    provider["localJwks"]["inlineString"] = jwks
        tls = chain["transportSocket"]["typedConfig"]["commonTlsContext"]
        del tls["tlsCertificateSdsSecretConfigs"]
        tls["tlsCertificates"] = certificate_of(files(f"{namespace}/{service}"))
        wanted = tls.pop("combinedValidationContext")["defaultValidationContext"]
        tls["validationContext"] = {**wanted, "trustedCa": {"filename": str(anchors)}}
        listeners += [listener(f"{service}-{each}", address, each, chain) for each in (port, OTHER_PORT)]
        clusters[f"inbound|{port}||"] = cluster(f"inbound|{port}||", backends[namespace])
    envoy = Envoy(ca.folder, listeners, list(clusters.values()))
    envoy.removed = removed
    return envoy


class Edges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = cls.enterClassContext(Authority())
        cls.people = Issuer(LOGIN)
        cls.strangers = Issuer(LOGIN)  # another key under the same name
        cls.known = {}
        anchors = cls.ca.folder / "production.pem"
        anchors.write_text(cls.ca.anchors("production"))
        cls.parts = (cls.ca, lambda name: cls.files("production", *name.split("/")), anchors, cls.people.jwks())
        cls.mesh = mesh(*cls.parts).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mesh.__exit__()

    @classmethod
    def files(cls, environment, namespace, account):
        folder = cls.ca.folder / "edges" / environment / namespace / account
        if not folder.is_dir():
            key = new_key()
            chain = cls.ca.fetch(environment, namespace, account, key=key)
            folder.mkdir(parents=True)
            (folder / "chain.pem").write_text(chain[0] + chain[1])
            (folder / "key.pem").write_bytes(key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return folder

    def exchange(self, callee, caller, text, port=None):
        """What comes back; empty when the connection was refused or closed without a word."""
        address, _, _, own = CALLEES[callee]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if caller is not None:
            files = self.files(*caller)
            context.load_cert_chain(files / "chain.pem", files / "key.pem")
        try:
            with socket.create_connection((address, port or own), 5) as raw:
                with context.wrap_socket(raw) as tls:
                    tls.settimeout(5)
                    tls.sendall(text)
                    return tls.recv(4096)
        except OSError:
            return b""

    def ask(self, callee, account, method, path, namespace="ecotrack", environment="production", port=None, **headers):
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Content-Length: 0", "Connection: close",
                 *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]
        back = self.exchange(callee, account and (environment, namespace, account), "\r\n".join(lines).encode(), port)
        return int(back.split(b" ")[1]) if back else None

    def pay(self, account="order-service", method="POST", path="/payments", **more):
        return self.ask("payment", account, method, path, **more)

    # --- an edge, and everything that is not one ---
    def test_the_edge(self):
        self.assertEqual(self.pay(), 200)

    def test_no_edge(self):
        for account in ("user-service", "product-service", "notification-service", "payment-service", "default"):
            self.assertEqual(self.pay(account), 403, account)
        self.assertEqual(self.pay(namespace="other"), 403)
        self.assertEqual(self.pay("public-gateway", namespace="istio-ingress"), 403)

    def test_wrong_method_and_path(self):
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(self.pay(method=method), 403, method)
        for path in ("/", "/payment", "/payments/", "/payments/1", "/payments/../refunds", "/refunds", "/PAYMENTS",
                     "/refunds?/payments", "/refunds%2f..%2frefunds"):
            self.assertEqual(self.pay(path=path), 403, path)

    def test_paths_have_one_form(self):
        """What an application would take for /payments is judged as that."""
        for path in ("//payments", "/a/../payments", "/%70ayments", "/payments?a=b"):
            self.assertEqual(self.pay(path=path), 200, path)

    def test_wrong_port(self):
        self.assertEqual(self.pay(port=OTHER_PORT), 403)

    def test_plaintext(self):
        address, _, _, port = CALLEES["payment"]
        with socket.create_connection((address, port), 5) as raw:
            raw.sendall(b"POST /payments HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            try:
                self.assertFalse(raw.recv(64).startswith(b"HTTP"))
            except ConnectionResetError:
                pass

    def test_no_certificate(self):
        self.assertIsNone(self.ask("payment", None, "POST", "/payments"))

    def test_another_environment(self):
        """Same trust domain, same SPIFFE ID: only the authority differs."""
        for environment in ("development", "staging"):
            self.assertIsNone(self.pay(environment=environment), environment)

    # --- connections without HTTP ---
    def test_tcp(self):
        for callee, allowed, other in (("postgres", ("user-service", "product-service", "order-service",
                                                     "payment-service"), ("notification-service", "default")),
                                       ("redis", ("user-service", "product-service", "notification-service"),
                                        ("order-service", "payment-service"))):
            for account in allowed:
                caller = ("production", "ecotrack", account)
                self.assertEqual(self.exchange(callee, caller, b"hello"), b"hello", (callee, account))
                self.assertEqual(self.exchange(callee, caller, b"hello", OTHER_PORT), b"", (callee, account))
                self.assertEqual(self.exchange(callee, ("staging", "ecotrack", account), b"hello"), b"")
            for account in other:
                self.assertEqual(self.exchange(callee, ("production", "ecotrack", account), b"hello"), b"",
                                 (callee, account))

    # --- tokens of people ---
    def token(self, issuer=None, audience=AUDIENCE, lifetime=600, **claims):
        return "Bearer " + (issuer or self.people).token("people", "anna", audience, lifetime,
                                                         **{"scope": "orders.read", **claims})

    def order(self, token=None, method="GET", path="/api/orders", account="public-gateway", namespace="istio-ingress"):
        headers = {"Authorization": token} if token else {}
        return self.ask("order", account, method, path, namespace, **headers)

    def test_valid_tokens(self):
        self.assertEqual(self.order(self.token()), 200)
        self.assertEqual(self.order(self.token(scope="orders.write orders.read"), path="/api/orders/7"), 200)
        self.assertEqual(self.order(self.token(scope="orders.write"), "POST"), 200)

    def test_tokens_that_do_not_hold(self):
        for name, token, wanted in (
                ("none", None, {403}),
                ("expired", self.token(lifetime=-3600), {401}),
                ("another issuer", self.token(iss="https://other.example/"), {401, 403}),
                ("another key", self.token(self.strangers), {401}),
                ("another audience", self.token(audience="other"), {401, 403}),
                ("no claim", self.token(scope=""), {403}),
                ("another claim", self.token(scope="orders.readall"), {403}),
                ("no token at all", "Bearer x", {401})):
            self.assertIn(self.order(token), wanted, name)
        self.assertEqual(self.order(self.token(), "POST"), 403)  # may read, not write
        self.assertEqual(self.order(self.token(), path="/api/users"), 403)

    def test_a_token_does_not_replace_the_caller(self):
        self.assertEqual(self.order(self.token(), account="user-service", namespace="ecotrack"), 403)

    # --- denials in the log ---
    def logged(self, path):
        time.sleep(0.3)
        return [line for line in self.mesh.log.read_text(errors="replace").splitlines() if path in line]

    def test_log_sees_denials_only(self):
        self.assertEqual(self.pay("user-service", path="/payments?seen"), 403)
        self.assertEqual(self.pay(path="/payments?silent", X_Answer=403), 403)
        self.assertIn("rbac_access_denied", "".join(self.logged("/payments?seen")))
        self.assertEqual(self.logged("/payments?silent"), [])

    # --- what refuses is what was generated ---
    def test_without_the_rules_everything_passes(self):
        self.mesh.__exit__()
        try:
            with mesh(*self.parts, drop=lambda name: name.endswith(".rbac")):
                self.assertEqual(self.pay("user-service"), 200)
                self.assertEqual(self.pay(method="GET", path="/refunds"), 200)
                self.assertEqual(self.pay(port=OTHER_PORT), 200)
                self.assertEqual(self.order(), 200)
                self.assertEqual(self.exchange("postgres", ("production", "ecotrack", "default"), b"hello"), b"hello")
                self.assertIsNone(self.pay(environment="staging"))  # TLS refuses by itself
        finally:
            type(self).mesh = mesh(*self.parts).__enter__()

    def test_what_was_taken_out(self):
        self.assertLessEqual(self.mesh.removed, {"istio.metadata_exchange", "istio.stats"})


if __name__ == "__main__":
    unittest.main()

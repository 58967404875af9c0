# SPDX-License-Identifier: Apache-2.0
"""Callers without an identity on a real Envoy: the mesh of meters (tests/data/meshes/meters), whose plaintext ports name
127.0.0.1 among their callers; so it is let in, and 127.0.0.2 is a stranger. Chains and certificates are as in
test_edges.py, and all chains of a port are there: with TLS and without.

scripts/conformance runs it: MESHCA_BIN, MESHCA_ENVOY, MESHCA_EDGES (the folder of chains)."""
import json
import os
import pathlib
import socket
import ssl
import sys
import unittest

from cryptography.hazmat.primitives import serialization

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integ"))
from harness import Authority, new_key  # noqa: E402

from envoy import Envoy, application, certificate_of, cluster, echo, listener, take_out  # noqa: E402

CHAINS = pathlib.Path(os.environ["MESHCA_EDGES"])
KNOWN, STRANGER = "127.0.0.1", "127.0.0.2"
# address, namespace, service, port
CALLEES = {
    "legacy": ("127.0.78.1", "meters", "intake", 8081),
    "http": ("127.0.78.1", "meters", "intake", 8080),
    "readings": ("127.0.78.2", "store", "readings", 5432),
}
OTHER_PORT = 8099


def chains_of(namespace, service, port):
    name = f"{namespace}.{service}.{port}"
    every = CHAINS / f"{name}.all.json"
    return json.loads(every.read_text()) if every.exists() else [json.loads((CHAINS / f"{name}.json").read_text())]


def mesh(ca, files, anchors, drop=lambda name: False):
    listeners, clusters, removed = [], {}, set()
    backends = {"store": echo(), "meters": application()}
    for address, namespace, service, port in CALLEES.values():
        chains = chains_of(namespace, service, port)
        for chain in chains:
            chain["filterChainMatch"].pop("destinationPort")
            take_out(chain, drop, removed)
            if "transportSocket" in chain:
                tls = chain["transportSocket"]["typedConfig"]["commonTlsContext"]
                del tls["tlsCertificateSdsSecretConfigs"]
                tls["tlsCertificates"] = certificate_of(files(namespace, service))
                wanted = tls.pop("combinedValidationContext")["defaultValidationContext"]
                tls["validationContext"] = {**wanted, "trustedCa": {"filename": str(anchors)}}
        if len(chains) == 1:
            chains[0].pop("filterChainMatch")
        ports = (port, OTHER_PORT) if port == 8081 else (port,)
        listeners += [listener(f"{service}-{each}", address, each, *chains) for each in ports]
        clusters[f"inbound|{port}||"] = cluster(f"inbound|{port}||", backends[namespace])
    return Envoy(ca.folder, listeners, list(clusters.values()))


class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = cls.enterClassContext(Authority())
        anchors = cls.ca.folder / "production.pem"
        anchors.write_text(cls.ca.anchors("production"))
        cls.parts = (cls.ca, cls.files, anchors)
        cls.mesh = mesh(*cls.parts).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mesh.__exit__()

    @classmethod
    def files(cls, namespace, account):
        folder = cls.ca.folder / "edges" / namespace / account
        if not folder.is_dir():
            key = new_key()
            chain = cls.ca.fetch("production", namespace, account, key=key)
            folder.mkdir(parents=True)
            (folder / "chain.pem").write_text(chain[0] + chain[1])
            (folder / "key.pem").write_bytes(key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return folder

    def exchange(self, callee, source, text, account=None, port=None):
        """What comes back; empty when the connection was refused or closed without a word."""
        address, _, _, own = CALLEES[callee]
        try:
            with socket.create_connection((address, port or own), 5, source_address=(source, 0)) as raw:
                raw.settimeout(5)
                if account is None:
                    raw.sendall(text)
                    return raw.recv(4096)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                context.set_alpn_protocols(["istio"])  # as proxies of a mesh say that it is they who call
                files = self.files(*account)
                context.load_cert_chain(files / "chain.pem", files / "key.pem")
                with context.wrap_socket(raw) as tls:
                    tls.sendall(text)
                    return tls.recv(4096)
        except OSError:
            return b""

    def ask(self, callee, source, account=None, method="POST", path="/intake", port=None, **headers):
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Content-Length: 0", "Connection: close",
                 *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]
        back = self.exchange(callee, source, "\r\n".join(lines).encode(), account, port)
        return int(back.split(b" ")[1]) if back.startswith(b"HTTP") else None

    def test_a_named_address_comes_without_an_identity(self):
        self.assertEqual(self.ask("legacy", KNOWN), 200)
        self.assertEqual(self.exchange("readings", KNOWN, b"hello"), b"hello")

    def test_another_address_does_not(self):
        self.assertEqual(self.ask("legacy", STRANGER), 403)
        self.assertEqual(self.exchange("readings", STRANGER, b"hello"), b"")

    def test_a_header_is_no_address(self):
        for name in ("X_Forwarded_For", "X_Real_Ip", "Forwarded", "X_Envoy_External_Address"):
            self.assertEqual(self.ask("legacy", STRANGER, **{name: KNOWN}), 403, name)
            self.assertEqual(self.ask("legacy", KNOWN, **{name: STRANGER}), 200, name)
        self.assertEqual(self.ask("legacy", STRANGER, X_Forwarded_For=f"{KNOWN}, {KNOWN}"), 403)

    def test_only_at_that_port(self):
        self.assertIsNone(self.ask("http", KNOWN))
        self.assertEqual(self.ask("legacy", KNOWN, port=OTHER_PORT), 403)

    def test_the_mesh_comes_as_before(self):
        """With an edge from wherever it is; what the edge does not say is refused."""
        for source in (KNOWN, STRANGER):
            for callee in ("legacy", "http"):
                self.assertEqual(self.ask(callee, source, ("meters", "portal"), "GET", "/readings"), 200)
                self.assertEqual(self.ask(callee, source, ("meters", "portal"), "POST", "/readings"), 403)
            self.assertEqual(self.exchange("readings", source, b"hello", ("meters", "intake")), b"hello")

    def test_an_address_is_no_way_around_an_edge(self):
        for account in (("meters", "stranger"), ("other", "portal"), ("store", "readings")):
            self.assertEqual(self.ask("legacy", KNOWN, account, "GET", "/readings"), 403, account)
        self.assertEqual(self.exchange("readings", KNOWN, b"hello", ("meters", "portal")), b"")

    def test_without_the_rules_everything_passes(self):
        self.mesh.__exit__()
        try:
            with mesh(*self.parts, drop=lambda name: name.endswith(".rbac")):
                self.assertEqual(self.ask("legacy", STRANGER), 200)
                self.assertEqual(self.ask("legacy", STRANGER, port=OTHER_PORT), 200)
                self.assertEqual(self.ask("legacy", KNOWN, ("meters", "stranger"), "GET", "/readings"), 200)
                self.assertEqual(self.exchange("readings", STRANGER, b"hello"), b"hello")
                self.assertIsNone(self.ask("http", KNOWN))  # TLS refuses by itself
        finally:
            type(self).mesh = mesh(*self.parts).__enter__()


if __name__ == "__main__":
    unittest.main()

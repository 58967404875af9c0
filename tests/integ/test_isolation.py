# SPDX-License-Identifier: Apache-2.0
"""Environments do not trust each other, and revocation is seen by verifiers we did not write:
OpenSSL, GnuTLS, and, with MESHCA_ENVOY, Envoy's BoringSSL. (Go's stands in tests/interop/istio.)"""
import json
import os
import re
import socket
import ssl
import subprocess
import time
import unittest

import grpc
from cryptography.hazmat.primitives import serialization

from harness import Authority, certificate, free_port, make_csr, new_key

ENVOY = os.environ.get("MESHCA_ENVOY")
URI = "spiffe://cluster.local/ns/ecotrack/sa/order-service"


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=30)


class Isolation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority()
        cls.ca.__enter__()
        try:
            cls.person = cls.ca.admin()
        except BaseException:
            cls.ca.__exit__(None, None, None)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    # --- helpers ---
    def workload(self, environment, name):
        """Files of a workload: leaf+issuing chain, key, leaf alone, issuing alone."""
        key = new_key()
        chain = self.ca.fetch(environment, "ecotrack", name, key=key)
        folder = self.ca.folder / "workloads" / f"{environment}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "chain.pem").write_text(chain[0] + chain[1])
        (folder / "leaf.pem").write_text(chain[0])
        (folder / "issuing.pem").write_text(chain[1])
        (folder / "key.pem").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return folder

    def anchor_file(self, environment):
        path = self.ca.folder / f"{environment}-anchor.pem"
        path.write_text(self.ca.anchors(environment))
        return path

    def crl_file(self, environment):
        status, _, body = self.ca.call("GET", f"/v1/environments/{environment}/crl")
        self.assertEqual(status, 200)
        path = self.ca.folder / f"{environment}-crl.pem"
        path.write_bytes(body)
        return path

    def serial(self, path):
        return f"{certificate(path.read_bytes()).serial_number:032x}"

    def revoke(self, path):
        serial = self.serial(path)
        status, _, body = self.ca.call("POST", f"/v1/certificates/{serial}/revoke",
                                       {"reason": "keyCompromise"}, self.person)
        self.assertEqual(status, 200, body)

    def await_crl(self, environment, serial, seconds=5.0):
        """Waits until a CRL of the environment lists the serial; returns how long that took."""
        begin = time.monotonic()
        wanted = serial.lstrip("0").upper()
        while time.monotonic() - begin < seconds:
            text = self.crl_file(environment).read_text()
            for pem in re.findall(r"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\n", text,
                                  re.S):
                listed = subprocess.run(["openssl", "crl", "-noout", "-text"], input=pem,
                                        capture_output=True, text=True).stdout
                if wanted in listed.replace(":", ""):
                    return time.monotonic() - begin
            time.sleep(0.1)
        self.fail(f"no CRL lists {serial} after {seconds} s")

    def openssl(self, environment, workload):
        return run("openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile",
                   self.anchor_file(environment), "-CRLfile", self.crl_file(environment),
                   "-untrusted", workload / "issuing.pem", workload / "leaf.pem")

    def gnutls(self, environment, workload):
        return run("certtool", "--verify", "--load-ca-certificate", self.anchor_file(environment),
                   "--load-crl", self.crl_file(environment), "--infile", workload / "chain.pem")

    # --- tests ---
    def test_1_good_chains_pass_whole_chain_crl_checking(self):
        for environment in self.ca.environments:
            workload = self.workload(environment, "good")
            for judge in (self.openssl, self.gnutls):
                with self.subTest(environment=environment, judge=judge.__name__):
                    seen = judge(environment, workload)
                    self.assertEqual(seen.returncode, 0, seen.stdout + seen.stderr)

    def test_2_a_development_leaf_is_refused_in_production(self):
        workload = self.workload("development", "foreign")
        for judge in (self.openssl, self.gnutls):
            with self.subTest(judge=judge.__name__):
                self.assertNotEqual(judge("production", workload).returncode, 0)

    def test_3_a_development_leaf_does_not_authenticate_in_production(self):
        workload = self.workload("development", "order-service")
        with self.ca.channel("production", (workload / "key.pem").read_bytes(),
                             (workload / "chain.pem").read_bytes()) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                self.ca.create(channel, make_csr(new_key(), URI))
        self.assertIn(caught.exception.code(),
                      (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE))

    def test_4_a_development_token_is_refused_in_production(self):
        token = self.ca.issuers["development"].token("ecotrack", "order-service")
        with self.ca.channel("production") as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                self.ca.create(channel, make_csr(new_key(), URI), token)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def s_client(self, environment, *arguments):
        with subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{self.ca.ports[environment]}",
                 "-alpn", "h2", "-tls1_3", "-servername", "localhost", *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) as client:
            time.sleep(1)  # tickets come after the handshake
            client.stdin.close()
            output = client.stdout.read()
            client.wait(10)
        return output

    def test_5_a_development_ticket_does_not_resume_in_production(self):
        ticket = str(self.ca.folder / "ticket.pem")
        self.s_client("development", "-sess_out", ticket)
        self.assertGreater(os.path.getsize(ticket), 0)
        self.assertIn("Reused,", self.s_client("development", "-sess_in", ticket))
        self.assertIn("New,", self.s_client("production", "-sess_in", ticket))

    def test_6_a_revoked_leaf_is_refused(self):
        workload = self.workload("production", "revoked")
        self.revoke(workload / "leaf.pem")
        self.await_crl("production", self.serial(workload / "leaf.pem"))
        for judge in (self.openssl, self.gnutls):
            with self.subTest(judge=judge.__name__):
                seen = judge("production", workload)
                self.assertNotEqual(seen.returncode, 0)
                self.assertIn("revoked", (seen.stdout + seen.stderr).lower())
        with self.ca.channel("production", (workload / "key.pem").read_bytes(),
                             (workload / "chain.pem").read_bytes()) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                self.ca.create(channel, make_csr(
                    new_key(), "spiffe://cluster.local/ns/ecotrack/sa/revoked"))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    @unittest.skipUnless(ENVOY, "MESHCA_ENVOY does not name an envoy program")
    def test_7_envoy_agrees(self):
        server = self.workload("production", "server")
        good = self.workload("production", "client")
        revoked = self.workload("production", "bad-client")
        foreign = self.workload("development", "client")
        self.revoke(revoked / "leaf.pem")
        self.await_crl("production", self.serial(revoked / "leaf.pem"))
        with Envoy(self, server, self.anchor_file("production"),
                   self.crl_file("production")) as envoy:
            self.assertEqual(envoy.knock(good), "200")
            self.assertNotEqual(envoy.knock(revoked), "200")
            self.assertNotEqual(envoy.knock(foreign), "200")

    def test_8_a_revoked_issuing_ca_takes_its_leaves_along(self):
        environment = "staging"  # last: nothing else uses it afterwards
        workload = self.workload(environment, "orphan")
        serial = self.serial(workload / "issuing.pem")
        status, _, body = self.ca.call("POST", f"/v1/certificates/{serial}/revoke",
                                       {"reason": "cACompromise"}, self.person)
        self.assertEqual((status, body["type"]), (403, "urn:meshca:error:approval"), body)
        self.ca.meshca("cert", "revoke", serial, "--reason", "cACompromise",
                       "--client", self.person / "client.json")
        events = self.ca.meshca("event", "list", "--client", self.person / "client.json").stdout
        self.assertRegex(events, f"{self.person.name} +certificate-revoked .* signed by the actor; seq ")
        self.await_crl(environment, self.serial(workload / "issuing.pem"), 30)
        for judge in (self.openssl, self.gnutls):
            with self.subTest(judge=judge.__name__):
                self.assertNotEqual(judge(environment, workload).returncode, 0)
        self.ca.meshca("issuer", "rotate", "--environment", environment)
        with self.ca.channel(environment, (workload / "key.pem").read_bytes(),
                             (workload / "chain.pem").read_bytes()) as channel:
            with self.assertRaises(grpc.RpcError) as caught:  # nor does it renew with the next CA
                self.ca.create(channel, make_csr(new_key(), "spiffe://cluster.local/ns/ecotrack/sa/orphan"))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED, caught.exception.details())
        self.assertIn("issuing CA is revoked", caught.exception.details())
        if ENVOY:
            server = self.workload("production", "server")
            with Envoy(self, server, self.anchor_file(environment),
                       self.crl_file(environment)) as envoy:
                self.assertNotEqual(envoy.knock(workload), "200")


class Envoy:
    """A real Envoy that wants client certificates, checks the whole chain's CRLs, answers 200."""

    def __init__(self, test, server, anchors, crl):
        self.test, self.port = test, free_port()
        tls = {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
                        "DownstreamTlsContext",
               "require_client_certificate": True,
               "common_tls_context": {
                   "tls_certificates": [{"certificate_chain": {"filename": f"{server}/chain.pem"},
                                         "private_key": {"filename": f"{server}/key.pem"}}],
                   "validation_context": {"trusted_ca": {"filename": str(anchors)},
                                          "crl": {"filename": str(crl)}}}}
        hcm = {"@type": "type.googleapis.com/envoy.extensions.filters.network."
                        "http_connection_manager.v3.HttpConnectionManager",
               "stat_prefix": "in",
               "http_filters": [{"name": "router", "typed_config": {
                   "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
               "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                   {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]}}
        config = {"static_resources": {"listeners": [{
            "name": "in",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
            "filter_chains": [{"transport_socket": {"name": "tls", "typed_config": tls},
                               "filters": [{"name": "hcm", "typed_config": hcm}]}]}]}}
        self.config = server / "envoy.json"
        self.config.write_text(json.dumps(config))

    def __enter__(self):
        self.log = open(self.config.with_suffix(".log"), "wb")
        self.process = subprocess.Popen(
            [ENVOY, "-c", self.config, "--concurrency", "1", "--use-dynamic-base-id"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.__exit__()
        self.test.fail("envoy did not start: " +
                       self.config.with_suffix(".log").read_text(errors="replace")[-2000:])

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def knock(self, workload):
        """HTTP status, or the name of the TLS failure."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(workload / "chain.pem", workload / "key.pem")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as raw:
                with context.wrap_socket(raw) as tls:
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    return tls.recv(64).split(b" ")[1].decode()
        except (OSError, IndexError) as error:
            return type(error).__name__


if __name__ == "__main__":
    unittest.main()

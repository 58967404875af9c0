# SPDX-License-Identifier: Apache-2.0
"""Attackers on the network against the real daemon: what each costs, who goes on being served, who is believed."""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import secrets
import socket
import ssl
import struct
import time
import unittest

import grpc
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness import Authority, b64url, certificate, encode_request, make_csr, new_key
from test_grpc import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST, SETTINGS,
                       URI, RawClient, frame, hpack, request_fields)
from test_supervisor import find, status

PRIORITY, PUSH, WINDOW = 2, 5, 8
CHECK = "/grpc.health.v1.Health/Check"
EMPTY = bytes(5)  # a gRPC message without bytes


def memory_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) >> 10


class HostileNetwork(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(environments=("development", "production"))
        cls.ca.__enter__()
        try:
            cls.alice = cls.ca.admin("alice")
            cls.front = find(status(cls.ca), "front")["pid"]
            # libasan's quarantine is no leak of ours
            asan = "asan" in pathlib.Path(f"/proc/{cls.front}/maps").read_text()
            cls.room = 2000 if asan else 120
        except BaseException:
            cls.ca.__exit__(None, None, None)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    def setUp(self):
        self.before = memory_mib(self.front)

    def serves(self):
        """Both environments and REST, by the same front as ever."""
        for environment in ("production", "development"):
            self.assertEqual(len(self.ca.fetch(environment, "ecotrack", "order-service")), 3)
        self.assertEqual(self.ca.call("GET", "/v1/certificates?limit=1", person=self.alice)[0], 200)
        self.assertEqual(self.ca.probe("/healthz")[0], 200)
        self.assertEqual(find(status(self.ca), "front")["pid"], self.front)
        self.assertLess(memory_mib(self.front) - self.before, self.room)

    # --- HTTP/2 ---
    def test_answers_that_nobody_takes(self):
        """A window of nothing: answers wait for so long and in so much memory, then no more."""
        block = hpack(request_fields(__path=CHECK))
        requests = b"".join(frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, EMPTY)
                            for stream in range(1, 500, 2))
        clients = []
        for _ in range(400):  # 100,000 answers
            client = RawClient(self.ca, settings=False)
            clients.append(client)
            try:
                client.sock.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)) + requests)
            except OSError:
                pass  # for what it held it was cut off
        opened = time.monotonic()
        self.serves()
        for client in (clients[0], clients[-1]):  # one cut off for others, one for its time
            ended = set()
            client.sock.settimeout(20)
            while len(ended) < 250:
                got = client.next()
                if got is None:
                    break
                if got[0] == RST or (got[0] == HEADERS and got[1] & END_STREAM):
                    ended.add(got[2])
        self.assertLess(time.monotonic() - opened, 20)
        for client in clients:
            client.close()
        self.serves()

    def flood(self, name, *parts, prepare=(), times=4000):
        """Sends parts again and again, until it is hung up on or has sent them so often."""
        with self.subTest(name):
            client = RawClient(self.ca)
            client.sock.settimeout(20)
            client.send(*prepare)
            data = b"".join(parts)
            try:
                for _ in range(max(1, times * 16 // max(16, len(data)))):
                    client.sock.sendall(data)
            except OSError:
                pass
            client.close()
            self.serves()

    def test_floods(self):
        block = hpack(request_fields(__path=CHECK))
        open_one = frame(HEADERS, END_HEADERS, 1, block)
        self.flood("PING", frame(PING, 0, 0, bytes(8)) * 100, times=200000)
        self.flood("SETTINGS", frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 100, times=200000)
        self.flood("SETTINGS of many entries", frame(SETTINGS, 0, 0, struct.pack(">HI", 0xAAAA, 1) * 2700),
                   times=500000)
        self.flood("empty DATA", frame(DATA, 0, 1) * 500, prepare=[open_one], times=400000)
        self.flood("padded DATA", frame(DATA, 8, 1, b"\x03\0\0\0") * 500, prepare=[open_one], times=400000)
        self.flood("PRIORITY", frame(PRIORITY, 0, 99, struct.pack(">IB", 3, 1)) * 500, times=400000)
        self.flood("WINDOW_UPDATE", frame(WINDOW, 0, 0, struct.pack(">I", 1)) * 500, times=400000)
        self.flood("empty CONTINUATION", frame(CONTINUATION, 0, 1) * 500,
                   prepare=[frame(HEADERS, 0, 1, block)], times=400000)
        self.flood("unknown frames", frame(0xEE, 0xFF, 7, b"x" * 100) * 100, times=400000)
        # RFC 7541: an entry of 4,000 bytes, then named 10,000 times in one block; each block anew
        entry = b"\x40\x01a\x7f" + bytes([(4000 - 127) & 127 | 128, (4000 - 127) >> 7]) + b"b" * 4000
        bomb = hpack(request_fields(__path=CHECK)) + entry + b"\xbe" * 10000
        client = RawClient(self.ca)
        try:
            for stream in range(1, 400, 2):
                client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, bomb[:16384]))
        except OSError:
            pass
        client.close()
        self.serves()

    def test_rules_of_streams(self):
        """What RFC 9113 calls a connection error ends the connection, with a word."""
        block = hpack(request_fields(__path=CHECK))
        whole = frame(HEADERS, END_HEADERS | END_STREAM, 5, block)
        for name, parts in (
                ("an even stream", [frame(HEADERS, END_HEADERS, 2, block)]),
                ("DATA on no stream", [frame(DATA, 0, 0, b"x")]),
                ("DATA on an idle stream", [frame(DATA, 0, 9, b"x")]),
                ("a window beyond its end", [frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF))] * 2),
                ("a window step of nothing", [frame(WINDOW, 0, 0, bytes(4))]),
                ("an initial window beyond its end", [frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31))]),
                ("a promise", [frame(PUSH, END_HEADERS, 1, struct.pack(">I", 2) + block)]),
                ("a frame above the largest", [frame(DATA, 0, 1, bytes(16385))]),
                ("CONTINUATION of nothing", [frame(CONTINUATION, END_HEADERS, 1, block)]),
                ("HEADERS between CONTINUATIONs", [frame(HEADERS, 0, 1, block), whole]),
                ("padding longer than the frame", [frame(HEADERS, END_HEADERS | 8, 1, b"\xff" + block[:20])]),
                ("a table above the largest", [frame(HEADERS, END_HEADERS, 1, b"\x3f\xff\xff\xff\x07" + block)]),
                ("an index of nothing", [frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\x07")]),
                ("SETTINGS of 5 bytes", [frame(SETTINGS, 0, 0, bytes(5))]),
                ("a PING of 7 bytes", [frame(PING, 0, 0, bytes(7))])):
            with self.subTest(name):
                client = RawClient(self.ca)
                client.send(*parts)
                self.assertIn(GOAWAY, client.closed())
                client.close()
        self.serves()

    # --- who holds the places ---
    def test_silent_connections_keep_nobody_from_revoking(self):
        """REST has 256 places. Strangers who fill them, silent or with TLS, make way for who comes."""
        context = ssl.create_default_context(cadata=self.ca.anchors("operators"))
        for tls in (False, True):
            held = []
            for _ in range(600):
                held.append(socket.create_connection(("127.0.0.1", self.ca.rest), 10))
                if tls and len(held) <= 300:
                    held[-1] = context.wrap_socket(held[-1], server_hostname="localhost")
            begin = time.monotonic()
            self.serves()
            self.assertLess(time.monotonic() - begin, 6)
            for one in held:
                one.close()

    def test_people_are_not_pushed_out(self):
        connection = self.ca.https(self.alice)
        connection.request("GET", "/v1/certificates?limit=1")
        self.assertEqual(connection.getresponse().read()[:1], b"{")
        held = [socket.create_connection(("127.0.0.1", self.ca.rest), 10) for _ in range(600)]
        self.serves()
        connection.request("GET", "/v1/certificates?limit=1")
        self.assertEqual(connection.getresponse().status, 200, "on the same connection")
        connection.close()
        for one in held:
            one.close()

    def test_silent_connections_fail_no_probe(self):
        held = [socket.create_connection(("127.0.0.1", self.ca.probes), 10) for _ in range(500)]
        for one in held[::2]:
            try:
                one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            except OSError:
                pass  # it gave way already
        begin = time.monotonic()
        for path in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(self.ca.probe(path)[0], 200)
        self.assertLess(time.monotonic() - begin, 3)
        for one in held:
            one.close()

    # --- who is believed ---
    def test_tokens_that_lie(self):
        issuer, csr = self.ca.issuers["production"], make_csr(new_key(), URI)
        now = int(time.time())
        good = issuer.token("ecotrack", "order-service")
        head, body, signature = good.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        public = issuer.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)

        def token(**changes):
            return issuer.token("ecotrack", "order-service", **changes)

        def signed_text(text):
            """Any payload bytes, honestly signed."""
            data = head + "." + b64url(text)
            return data + "." + b64url(issuer.key.sign(data.encode(), padding.PKCS1v15(), hashes.SHA256()))

        def mac(key):
            data = b64url(json.dumps({"alg": "HS256", "kid": issuer.kid}).encode()) + "." + body
            return data + "." + b64url(hmac.new(key, data.encode(), hashlib.sha256).digest())

        text = json.dumps(claims)
        lies = {
            "alg none": b64url(b'{"alg":"none"}') + "." + body + ".",
            "alg NoNe, its signature kept": b64url(b'{"alg":"NoNe"}') + "." + body + "." + signature,
            "HS256 by the public key": mac(public), "HS256 by its DER": mac(ssl.PEM_cert_to_DER_cert(
                public.decode().replace("PUBLIC KEY", "CERTIFICATE"))),
            "HS256 by nothing": mac(b""),
            "RS512": token(header={"alg": "RS512"}), "PS256": token(header={"alg": "PS256"}),
            "ES256 by an RSA key": token(header={"alg": "ES256"}), "alg twice": None,
            "no alg": b64url(b"{}") + "." + body + "." + signature,
            "kid that is a path": token(header={"kid": "../../../../etc/passwd"}),
            "kid that is SQL": token(header={"kid": "' OR 1=1 --"}),
            "kid that is a number": token(header={"kid": 7}), "kid that is null": token(header={"kid": None}),
            "crit": token(header={"crit": ["exp"]}), "b64": token(header={"b64": False}),
            "jku": token(header={"jku": "https://evil.example/keys"}),
            "jwk": token(header={"jwk": json.loads(issuer.jwks())["keys"][0]}), "x5c": token(header={"x5c": []}),
            "exp as text": token(exp=str(now + 600)), "exp as a fraction": token(exp=now + 600.5),
            "exp null": token(exp=None), "exp now": token(exp=now - 61), "exp of 64 bits and more":
                signed_text(text.replace(str(claims["exp"]), "9223372036854775808").encode()),
            "exp as 1e400": signed_text(text.replace(str(claims["exp"]), "1e400").encode()),
            "nbf ahead": token(nbf=now + 3600), "nbf as text": token(nbf="0"), "iat ahead": token(iat=now + 3600),
            "sub twice": signed_text(text[:-1].encode() + b',"sub":"system:serviceaccount:ecotrack:order-service"}'),
            "aud empty": token(aud=[]), "aud nested": token(aud=[["istio-ca"]]), "aud number": token(aud=1),
            "iss null": token(iss=None), "iss longer": token(iss=issuer.issuer + "/"),
            "sub of a node": token(sub="system:node:a"), "sub with more": token(
                sub="system:serviceaccount:ecotrack:order-service:x"),
            "sub with NUL": token(sub="system:serviceaccount:ecotrack:order-service\0"),
            "sub with a slash": token(sub="system:serviceaccount:ecotrack/sa/x:order-service"),
            "other bound claims": token(**{"kubernetes.io": {"namespace": "kube-system",
                                                             "serviceaccount": {"name": "order-service"}}}),
            "bound claims of text": token(**{"kubernetes.io": "ecotrack"}),
            "another environment's": self.ca.issuers["development"].token("ecotrack", "order-service"),
            "an array": signed_text(b"[" + text.encode() + b"]"), "text after it": signed_text(text.encode() + b"{}"),
            "nested": signed_text(b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}"), "not UTF-8": signed_text(b"\xff"),
            "four parts": good + ".", "padding": good + "=", "two parts": head + "." + body, "three dots": "...",
            "another signature": head + "." + body + "." + b64url(secrets.token_bytes(256)),
            "a short signature": head + "." + body + "." + signature[:-4],
            "a bit after the signature's end": head + "." + body + "." + signature[:-1] +
                chr(ord(signature[-1]) ^ 1),
        }
        lies["alg twice"] = b64url(('{"alg":"none","alg":"RS256","kid":"%s"}' % issuer.kid).encode()) + "." + \
            body + "." + signature
        with self.ca.channel("production") as channel:
            for name, lie in lies.items():
                with self.subTest(name):
                    with self.assertRaises(grpc.RpcError) as caught:
                        self.ca.create(channel, csr, lie)
                    self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED,
                                     caught.exception.details())
            self.assertEqual(len(self.ca.create(channel, csr, good)), 3)
        self.serves()

    def test_a_resumed_session_asks_again(self):
        """A ticket carries the certificate that was shown; whether it holds still is asked at every request."""
        bob = self.ca.admin("bob", "viewer")
        context = ssl.create_default_context(cadata=self.ca.anchors("operators"))
        context.load_cert_chain(bob / "bob.crt", bob / "bob.key")

        def ask(session=None):
            raw = socket.create_connection(("127.0.0.1", self.ca.rest), 10)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET /v1/certificates?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = sock.recv(65536)
                return int(answer.split()[1]), sock.session, sock.session_reused

        code, session, _ = ask()
        self.assertEqual(code, 200)
        code, session, reused = ask(session)
        self.assertEqual((code, reused), (200, True))
        done = self.ca.meshca("user", "remove", "bob", "--client", self.alice / "client.json", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        code, _, reused = ask(session)
        self.assertEqual((code, reused), (401, True))

    def test_a_revoked_workload_does_not_resume(self):
        key = new_key()
        chain = self.ca.fetch("production", "ecotrack", "order-service", key=key)
        folder = self.ca.folder / "revoked"
        folder.mkdir()
        (folder / "key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (folder / "crt").write_text("".join(chain[:2]))
        context = ssl.create_default_context(cadata=self.ca.anchors("production"))
        context.load_cert_chain(folder / "crt", folder / "key")
        context.set_alpn_protocols(["h2"])
        block = hpack(request_fields())

        def ask(session=None):
            raw = socket.create_connection(("127.0.0.1", self.ca.ports["production"]), 10)
            message = encode_request(make_csr(new_key(), URI))
            client = RawClient.__new__(RawClient)
            client.sock, client.buffer = context.wrap_socket(raw, server_hostname="localhost", session=session), b""
            client.sock.settimeout(10)
            client.send(PREFACE + frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, block),
                        frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(message)) + message))
            kinds = []
            while True:
                kind, flags, stream, _ = client.next()
                kinds.append(kind)
                if stream == 1 and kind == HEADERS and flags & END_STREAM:
                    break
            answered, session, reused = DATA in kinds, client.sock.session, client.sock.session_reused
            client.close()
            return answered, session, reused

        answered, session, _ = ask()
        self.assertTrue(answered)
        answered, session, reused = ask(session)
        self.assertEqual((answered, reused), (True, True))
        serial = format(certificate(chain[0]).serial_number, "032x")
        code, _, answer = self.ca.call("POST", f"/v1/certificates/{serial}/revoke", {"reason": "keyCompromise"},
                                       person=self.alice)
        self.assertEqual(code, 200, answer)
        answered, _, reused = ask(session)
        self.assertEqual((answered, reused), (False, True))


if __name__ == "__main__":
    unittest.main(verbosity=2)

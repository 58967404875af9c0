# SPDX-License-Identifier: Apache-2.0
"""The gRPC port, as clients and attackers see it."""
import concurrent.futures
import os
import signal
import socket
import ssl
import struct
import threading
import time
import unittest

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from harness import (METHOD, Authority, Issuer, certificate, close_primes_key, decode_chain, encode_request,
                     field, make_csr, new_key)

URI = "spiffe://cluster.local/ns/ecotrack/sa/order-service"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def hpack(fields):
    """Literal fields, never indexed, no Huffman: RFC 7541 6.2.3."""
    out = b""
    for name, value in fields:
        out += b"\x10"
        for text in (name, value):
            data = text.encode() if isinstance(text, str) else text
            n = len(data)
            if n < 127:
                out += bytes([n])
            else:
                out += b"\x7f"
                n -= 127
                while n > 127:
                    out += bytes([n & 127 | 128])
                    n >>= 7
                out += bytes([n])
            out += data
    return out


def request_fields(**changes):
    fields = {":method": "POST", ":scheme": "https", ":path": METHOD, ":authority": "localhost",
              "content-type": "application/grpc", "te": "trailers"}
    fields.update({name.replace("__", ":").replace("_", "-"): value
                   for name, value in changes.items()})
    return [(name, value) for name, value in fields.items() if value is not None]


class RawClient:
    """HTTP/2 by hand, to send what no library sends."""

    def __init__(self, ca, environment="production", settings=True, alpn=("h2",), context=None,
                 session=None):
        if context is None:
            context = ssl.create_default_context(cadata=ca.anchors(environment))
            if alpn:
                context.set_alpn_protocols(list(alpn))
        raw = socket.create_connection(("127.0.0.1", ca.ports[environment]), 5)
        self.sock = context.wrap_socket(raw, server_hostname="localhost", session=session)
        self.sock.settimeout(15)
        self.buffer = b""
        if settings:
            self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def next(self):
        """The next frame: (kind, flags, stream, payload), or None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + self.size():
            try:
                data = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self.buffer += data
        size = self.size()
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        return kind, flags, stream, payload

    def size(self):
        return int.from_bytes(self.buffer[:3], "big")

    def until(self, kind):
        while True:
            got = self.next()
            if got is None or got[0] == kind:
                return got

    def closed(self):
        """Reads to the end; returns the kinds of frames that came."""
        kinds = []
        while True:
            got = self.next()
            if got is None:
                return kinds
            kinds.append(got[0])

    def close(self):
        self.sock.close()


class GrpcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(ca_key="p-256")
        cls.ca.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    def token(self, account="order-service", environment="production", **claims):
        return self.ca.issuers[environment].token("ecotrack", account, **claims)

    def refused(self, code, call, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn("meshca-request-id", dict(caught.exception.trailing_metadata()))
        return caught.exception.details()

    def raw(self, channel, path=METHOD):
        return channel.unary_unary(path, request_serializer=None, response_deserializer=None)

    # --- what clients rely on ---
    def test_layout(self):
        chain = self.ca.fetch("production", "ecotrack", "order-service")
        self.assertEqual(len(chain), 3)
        self.assertEqual(chain[2], self.ca.anchors("production"), "the trust bundle is the last element")
        for element in chain[:2]:
            self.assertEqual(element.count("BEGIN CERTIFICATE"), 1)
        for element in chain:
            self.assertTrue(element.endswith("-----END CERTIFICATE-----\n"))
        leaf, issuer = map(certificate, chain[:2])
        self.assertEqual(leaf.issuer, issuer.subject)
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertTrue(san.critical)
        self.assertEqual(san.value.get_values_for_type(x509.UniformResourceIdentifier), [URI])
        again = self.ca.fetch("production", "ecotrack", "user-service")
        self.assertEqual(chain[1:], again[1:], "issuer and bundle are stable to the byte")

    def test_lifetimes(self):
        for asked, got in ((0, 86400), (-5, 86400), (3600, 3600)):
            leaf = certificate(self.ca.fetch("production", "ecotrack", "order-service", asked)[0])
            life = leaf.not_valid_after - leaf.not_valid_before
            self.assertAlmostEqual(life.total_seconds(), got + 120, delta=2)
        with self.ca.channel("production") as channel:
            text = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.ca.create, channel,
                                make_csr(new_key(), URI), self.token(), 8 * 86400)
        self.assertTrue(text.startswith("ttl:"), text)

    def test_idle_connection(self):
        """After a second of silence a connection's buffers are given up; it goes on working."""
        with self.ca.channel("production") as channel:
            chains = []
            for wait_s in (0, 2.5, 2.5):
                time.sleep(wait_s)
                chains.append(self.ca.create(channel, make_csr(new_key(), URI), self.token()))
        self.assertEqual(chains[0][1:], chains[1][1:])
        self.assertEqual(chains[0][1:], chains[2][1:])

    def test_csr_faults(self):
        with self.ca.channel("production") as channel:
            for csr, word in ((b"junk", "csr-pem:"),
                              (make_csr(new_key(), URI + "x"), "csr-san:"),
                              (make_csr(new_key()), "csr-san:"),
                              (make_csr(new_key("p-384"), URI), "csr-"),
                              (make_csr(new_key("rsa-1024"), URI), "csr-key-size:"),
                              (make_csr(close_primes_key(), URI), "csr-key-weak:")):
                text = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.ca.create, channel,
                                    csr, self.token())
                self.assertTrue(text.startswith(word), text)

    def test_health(self):
        with self.ca.channel("production") as channel:
            check = self.raw(channel, "/grpc.health.v1.Health/Check")
            self.assertEqual(check(b"", timeout=5), b"\x08\x01")
            name = field(1, b"istio.v1.auth.IstioCertificateService")
            self.assertEqual(check(name, timeout=5), b"\x08\x01")
            self.refused(grpc.StatusCode.NOT_FOUND, check, field(1, b"other"), timeout=5)
            watch = self.raw(channel, "/grpc.health.v1.Health/Watch")
            self.refused(grpc.StatusCode.UNIMPLEMENTED, watch, b"", timeout=5)
            with self.assertRaises(grpc.RpcError) as caught:
                self.raw(channel, "/istio.v1.auth.IstioCertificateService/Other")(b"", timeout=5)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    # --- who may ---
    def test_tokens(self):
        csr = make_csr(new_key(), URI)
        unknown = grpc.StatusCode.UNAUTHENTICATED
        with self.ca.channel("production") as channel:
            self.refused(unknown, self.ca.create, channel, csr)
            for token in (self.token(environment="staging"), self.token(audience="other"),
                          self.token(lifetime=-300), self.token(sub="system:serviceaccount:a"),
                          self.token(sub="system:serviceaccountx:ecotrack:order-service"),
                          self.token(nbf=int(time.time()) + 600),
                          self.token(iss="https://elsewhere"), "x", "a.b.c",
                          self.token()[:-8] + "AAAAAAAA"):
                text = self.refused(unknown, self.ca.create, channel, csr, token)
                self.assertTrue(text.startswith("token:"), text)
            self.refused(unknown, self.ca.create, channel, csr, self.token(),
                         metadata=[("clusterid", "other")])
            # the same token, good or not, keeps its verdict
            token = self.token()
            for _ in range(3):
                self.assertEqual(len(self.ca.create(channel, csr, token)), 3)

    def test_clusterid(self):
        csr, token = make_csr(new_key(), URI), self.token()
        with self.ca.channel("production") as channel:
            call = self.raw(channel)
            bearer = ("authorization", "Bearer " + token)
            answer = call(encode_request(csr), timeout=5, metadata=[bearer])
            self.assertEqual(len(decode_chain(answer)), 3)
            self.refused(grpc.StatusCode.UNAUTHENTICATED, call, encode_request(csr), timeout=5,
                         metadata=[bearer, ("clusterid", "nowhere")])

    def test_impersonation(self):
        csr = make_csr(new_key(), URI)

        def struct_of(name, value):
            return field(1, field(1, name) + field(2, field(3, value)))
        with self.ca.channel("production") as channel:
            other = struct_of(b"ImpersonatedIdentity", URI.encode() + b"x")
            text = self.refused(grpc.StatusCode.UNAUTHENTICATED, self.ca.create, channel, csr,
                                self.token(), struct=other)
            self.assertIn("ImpersonatedIdentity", text)
            own = struct_of(b"ImpersonatedIdentity", URI.encode())
            self.ca.create(channel, csr, self.token(), struct=own)
            self.ca.create(channel, csr, self.token(), struct=struct_of(b"CertSigner", b""))

    def test_renewal_by_certificate(self):
        key = new_key()
        chain = self.ca.fetch("production", "ecotrack", "order-service", key=key)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        with self.ca.channel("production", pem, "".join(chain[:2]).encode()) as channel:
            renewed = self.ca.create(channel, make_csr(new_key(), URI))
            self.assertNotEqual(certificate(renewed[0]).serial_number,
                                certificate(chain[0]).serial_number)
            self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.ca.create, channel,
                         make_csr(new_key(), URI + "x"))
        # only the leaf: the issuing CA is known here
        with self.ca.channel("production", pem, chain[0].encode()) as channel:
            self.assertEqual(len(self.ca.create(channel, make_csr(new_key(), URI))), 3)
        with self.ca.channel("staging", pem, "".join(chain[:2]).encode()) as channel:
            text = self.refused(grpc.StatusCode.UNAUTHENTICATED, self.ca.create, channel,
                                make_csr(new_key(), URI))
            self.assertTrue(text.startswith("client-certificate:"), text)

    def test_a_revoked_certificate_resumes_in_vain(self):
        """The session was verified before; the certificate is looked up at each request."""
        key = new_key()
        chain = self.ca.fetch("production", "ecotrack", "order-service", key=key)
        pem = self.ca.folder / "resumed.pem"
        pem.write_bytes("".join(chain[:2]).encode() + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.create_default_context(cadata=self.ca.anchors("production"))
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(pem)
        client = RawClient(self.ca, context=context)
        self.assertTrue(self.renewed(client))
        session = client.sock.session
        client.close()
        client = RawClient(self.ca, context=context, session=session)
        self.assertTrue(client.sock.session_reused)
        self.assertTrue(self.renewed(client), "a resumed session renews as well as a new one")
        serial = f"{certificate(chain[0]).serial_number:032x}"
        status, _, row = self.ca.call("POST", f"/v1/certificates/{serial}/revoke",
                                      {"reason": "keyCompromise"}, self.ca.admin("oscar", "operator"))
        self.assertEqual(status, 200, row)
        failures = self.ca.metric("citadel_server_authentication_failure_count")
        self.assertFalse(self.renewed(client, 3), "on the connection that is open")
        session = client.sock.session
        client.close()
        client = RawClient(self.ca, context=context, session=session)
        self.assertTrue(client.sock.session_reused)
        self.assertFalse(self.renewed(client))
        client.close()
        self.assertEqual(self.ca.metric("citadel_server_authentication_failure_count"), failures + 2)

    def renewed(self, client, stream=1):
        """Whether a request without a token is answered with a message."""
        body = encode_request(make_csr(new_key(), URI))
        client.send(frame(HEADERS, END_HEADERS, stream, hpack(request_fields())),
                    frame(DATA, END_STREAM, stream, b"\0" + struct.pack(">I", len(body)) + body))
        data = b""
        while True:
            got = client.next()
            self.assertIsNotNone(got, "the server closed without an answer")
            if got[2] == stream and got[0] == DATA:
                data += got[3]
            if got[2] == stream and got[1] & END_STREAM:
                return len(data) > 5 and len(decode_chain(data[5:])) == 3

    def test_keys_that_were_replaced_leave_no_verdict(self):
        """A token of the old keys, accepted a moment ago, is not good any more after a reload."""
        csr, token = make_csr(new_key(), URI.replace("order", "user")), None
        path = self.ca.folder / "staging.jwks"
        kept = path.read_text()
        token = self.ca.issuers["staging"].token("ecotrack", "user-service")
        with self.ca.channel("staging") as channel:
            self.ca.create(channel, csr, token)
            try:
                path.write_text(Issuer().jwks())
                self.ca.meshca("reload")
                self.refused(grpc.StatusCode.UNAUTHENTICATED, self.ca.create, channel, csr, token)
            finally:
                path.write_text(kept)
                self.ca.meshca("reload")
            self.ca.create(channel, csr, token)

    # --- same request, same certificate ---
    def test_duplicates(self):
        csr, token = make_csr(new_key(), URI), self.token()
        def fetch(_):
            with self.ca.channel("production") as channel:
                return self.ca.create(channel, csr, token)[0]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            leaves = set(pool.map(fetch, range(32)))
        self.assertEqual(len(leaves), 1)
        self.assertIn(fetch(0), leaves)
        with self.ca.channel("production") as channel:
            other = self.ca.create(channel, csr, token, ttl_s=3600)[0]
        self.assertNotIn(other, leaves, "another lifetime is another request")

    # --- protocol ---
    def test_deadline_and_cancel(self):
        with self.ca.channel("production") as channel:
            call = self.raw(channel)
            for _ in range(20):
                future = call.future(encode_request(make_csr(new_key(), URI)), metadata=[
                    ("clusterid", "Kubernetes"), ("authorization", "Bearer " + self.token())])
                future.cancel()
            signer = self.ca.signer("production")
            os.kill(signer, signal.SIGSTOP)  # no answer can come in time
            try:
                with self.assertRaises(grpc.RpcError) as caught:
                    call(encode_request(make_csr(new_key(), URI)), timeout=0.3, metadata=[
                        ("clusterid", "Kubernetes"), ("authorization", "Bearer " + self.token())])
            finally:
                os.kill(signer, signal.SIGCONT)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertEqual(len(self.ca.fetch("production", "ecotrack", "order-service")), 3)

    def status(self, client, stream=1):
        """grpc-status and HTTP status of the first header block of a stream (plain literals)."""
        while True:
            got = client.next()
            self.assertIsNotNone(got, "the server closed without an answer")
            if got[0] == HEADERS and got[2] == stream:
                return got[3]

    def test_http_refusals(self):
        cases = (
            (request_fields(content_type="application/json"), b"\x03415"),
            (request_fields(__method="GET"), b"\x03405"),
        )
        for fields, expected in cases:
            client = RawClient(self.ca)
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(fields)))
            block = self.status(client)
            number = expected[1:].decode()
            self.assertTrue(expected in block or self.huffman(number) in block, block)
            client.close()

    @staticmethod
    def huffman(text):
        """HPACK Huffman code of digits (RFC 7541 appendix B)."""
        codes = {"0": (0, 5), "1": (1, 5), "2": (2, 5), "3": (25, 6), "4": (26, 6), "5": (27, 6)}
        bits = "".join(format(codes[c][0], f"0{codes[c][1]}b") for c in text)
        bits += "1" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    def test_compression(self):
        with self.ca.channel("production") as channel:
            call = self.raw(channel)
            with self.assertRaises(grpc.RpcError) as caught:
                call(encode_request(make_csr(new_key(), URI)), timeout=5,
                     compression=grpc.Compression.Gzip,
                     metadata=[("authorization", "Bearer " + self.token())])
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_sizes(self):
        with self.ca.channel("production") as channel:
            text = self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, self.raw(channel),
                                b"\0" * (64 * 1024 + 1), timeout=5)
            self.assertIn("64 KiB", text)
            self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, self.raw(channel),
                         b"\0" * (3 << 20), timeout=5)
            self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.raw(channel), b"\xff" * 60000,
                         timeout=5, metadata=[("clusterid", "Kubernetes"),
                                              ("authorization", "Bearer " + self.token())])

    def test_nested_metadata(self):
        """A Struct that nests until 60 KiB are full: stepped over, not descended into."""
        inner = b""
        while len(inner) < 60000:
            # Value.struct_value = 5 { fields = 1 { value = 2 { ... } } }
            inner = field(5, field(1, field(2, inner)))
        bulk = field(1, field(1, b"key") + field(2, inner))
        with self.ca.channel("production") as channel:
            chain = self.ca.create(channel, make_csr(new_key(), URI), self.token(), struct=bulk)
        self.assertEqual(len(chain), 3)

    def test_foreign_fields(self):
        """Thirty thousand unknown fields would make a decoder allocate megabytes."""
        message = encode_request(make_csr(new_key(), URI)) + b"\x50\x01" * 30000
        with self.ca.channel("production") as channel:
            text = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.raw(channel), message,
                                timeout=5, metadata=[("clusterid", "Kubernetes"),
                                                     ("authorization", "Bearer " + self.token())])
        self.assertTrue(text.startswith("usage:"), text)

    # --- the hostile ---
    def test_large_headers(self):
        client = RawClient(self.ca)
        block = hpack(request_fields()) + hpack([("x-big", "a" * 60000), ("x-more", "b" * 9000)])
        parts = [block[i:i + 16000] for i in range(0, len(block), 16000)]
        client.send(frame(HEADERS, END_STREAM, 1, parts[0]),
                    *[frame(CONTINUATION, END_HEADERS if part is parts[-1] else 0, 1, part)
                      for part in parts[1:]])
        self.assertTrue(self.status(client))
        client.close()
        client = RawClient(self.ca)
        try:
            client.send(frame(HEADERS, END_STREAM, 1, hpack(request_fields())))
            for _ in range(64):  # 1 MiB, without an end
                client.send(frame(CONTINUATION, 0, 1, hpack([("x-big", "c" * 16000)])))
        except OSError:
            pass  # cut off while sending
        kinds = client.closed()
        self.assertNotIn(HEADERS, kinds)
        client.close()

    def test_not_http2(self):
        client = RawClient(self.ca, settings=False)
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b" " * 64)
        client.closed()
        client.close()
        with self.assertRaises(OSError):
            RawClient(self.ca, alpn=("http/1.1",))
        client = RawClient(self.ca, alpn=())
        self.assertIsNone(client.until(SETTINGS))
        client.close()

    def test_rapid_reset(self):
        client = RawClient(self.ca)
        block = hpack(request_fields())
        try:
            for stream in range(1, 20001, 2):
                client.send(frame(HEADERS, END_HEADERS, stream, block),
                            frame(RST, 0, stream, struct.pack(">I", 8)))
        except OSError:
            pass
        client.close()
        self.assertEqual(len(self.ca.fetch("production", "ecotrack", "order-service")), 3)

    def test_silent_and_slow(self):
        """Silent TCP, silent TLS, a body that never ends: all cut off within 15 s."""
        silent = socket.create_connection(("127.0.0.1", self.ca.ports["production"]), 5)
        silent.settimeout(20)
        mute = RawClient(self.ca, settings=False)
        mute.sock.settimeout(20)
        slow = RawClient(self.ca)
        slow.sock.settimeout(20)
        slow.send(frame(HEADERS, END_HEADERS, 1, hpack(request_fields())),
                  frame(DATA, 0, 1, b"\0\0\0"))
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            ends = [pool.submit(silent.recv, 1), pool.submit(mute.closed),
                    pool.submit(slow.until, RST)]
            self.assertEqual(ends[0].result(), b"")
            ends[1].result()
            self.assertIsNotNone(ends[2].result())
        took = time.monotonic() - begin
        self.assertTrue(5 < took < 15, took)
        for client in (silent, mute, slow):
            client.close()

    def test_zz_restart_and_drain(self):
        """Last: an idempotent answer survives a restart, and draining answers what is under way."""
        csr, token = make_csr(new_key(), URI), self.token()
        with self.ca.channel("production") as channel:
            leaf = self.ca.create(channel, csr, token)[0]
        client = RawClient(self.ca)
        client.until(SETTINGS)
        stopper = threading.Thread(target=self.ca.stop)
        stopper.start()
        self.assertIsNotNone(client.until(GOAWAY))
        client.closed()
        client.close()
        stopper.join()
        self.ca.start()
        with self.ca.channel("production") as channel:
            self.assertEqual(self.ca.create(channel, csr, token)[0], leaf)


if __name__ == "__main__":
    unittest.main(verbosity=2)

# SPDX-License-Identifier: Apache-2.0
"""`meshca svid fetch` against somebody else's gRPC server: grpcio, with certificates made by
python3-cryptography. What it must refuse from a server that is wrong, too."""
import concurrent.futures
import datetime
import json
import pathlib
import socket
import subprocess
import tempfile
import unittest

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import BIN, field

SERVICE = "istio.v1.auth.IstioCertificateService"
IDENTITY = "spiffe://cluster.local/ns/shop/sa/cart"


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def make_cert(public_key, signer, issuer, names, ca=False, critical=True):
    now = datetime.datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")] if ca else [])
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
               .public_key(public_key).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(minutes=2))
               .not_valid_after(now + datetime.timedelta(hours=1))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=critical)
    return builder.sign(signer, hashes.SHA256())


def fields(data):
    """The fields of a protobuf message with small numbers: {number: value}."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return value, at
    out, at = {}, 0
    while at < len(data):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        out[tag >> 3] = value
    return out


class Authority:
    """A grpcio server that answers as the test tells it to."""
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = make_cert(self.key.public_key(), self.key, "root", None, ca=True)
        tls_key = ec.generate_private_key(ec.SECP256R1())
        tls = make_cert(tls_key.public_key(), self.key, "root", [x509.DNSName("localhost")],
                        critical=False)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {
            "CreateCertificate": grpc.unary_unary_rpc_method_handler(self.handle)})])
        secret = tls_key.private_bytes(serialization.Encoding.PEM,
                                       serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption())
        self.port = self.server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(secret, pem(tls))]))
        self.server.start()
        self.answer = self.sign
        self.seen = None

    def handle(self, request, context):
        self.seen = fields(request), dict(context.invocation_metadata())
        return self.answer(request, context)

    def sign(self, request, _context, identity=IDENTITY, key=None):
        csr = x509.load_pem_x509_csr(fields(request)[1])
        assert csr.is_signature_valid
        leaf = make_cert(key or csr.public_key(), self.key, "root",
                         [x509.UniformResourceIdentifier(identity)])
        return field(1, pem(leaf)) + field(1, pem(self.root))


class SvidFetch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority()
        cls.folder = tempfile.TemporaryDirectory(prefix="meshca-cli-")
        cls.path = pathlib.Path(cls.folder.name)
        (cls.path / "root.pem").write_bytes(pem(cls.ca.root))
        (cls.path / "token").write_text("a.b.c\n")

    @classmethod
    def tearDownClass(cls):
        cls.ca.server.stop(None)
        cls.folder.cleanup()

    def setUp(self):
        self.ca.answer = self.ca.sign

    def fetch(self, *more, **options):
        values = {"address": f"localhost:{self.ca.port}", "ca": self.path / "root.pem",
                  "namespace": "shop", "service-account": "cart",
                  "token-file": self.path / "token", "out": self.path / "out", **options}
        words = [str(word) for name, value in values.items() for word in (f"--{name}", value)]
        return subprocess.run([BIN / "meshca", "svid", "fetch", *words, *more],
                              capture_output=True, text=True, timeout=60)

    def test_writes_key_chain_and_roots(self):
        for kind in ("p256", "rsa2048"):
            done = self.fetch("--json", "--key-type", kind, ttl="2h", cluster="east")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual(told["identity"], IDENTITY)
            out = self.path / "out"
            key = serialization.load_pem_private_key((out / "key.pem").read_bytes(), None)
            leaf = x509.load_pem_x509_certificate((out / "cert-chain.pem").read_bytes())
            self.assertEqual(key.public_key().public_numbers(),
                             leaf.public_key().public_numbers())
            self.assertEqual(int(told["serial"], 16), leaf.serial_number)
            self.assertEqual((out / "key.pem").stat().st_mode & 0o777, 0o600)
            self.assertEqual((out / "root-cert.pem").read_bytes(), pem(self.ca.root))
            message, metadata = self.ca.seen
            self.assertEqual(message[3], 7200)
            self.assertEqual(metadata["clusterid"], "east")
            self.assertEqual(metadata["authorization"], "Bearer a.b.c")

    def check(self, done, code, *texts):
        self.assertEqual(done.returncode, code, done.stderr)
        for text in texts:
            self.assertIn(text, done.stderr)

    def abort(self, status, text):
        self.ca.answer = lambda _request, context: context.abort(status, text)

    def test_statuses(self):
        self.abort(grpc.StatusCode.UNAUTHENTICATED, "no \N{EURO SIGN} 100%, sorry\nbye")
        self.check(self.fetch(), 5, "UNAUTHENTICATED: no \N{EURO SIGN} 100%, sorry bye")
        self.abort(grpc.StatusCode.INVALID_ARGUMENT, "ttl")
        self.check(self.fetch(), 1, "INVALID_ARGUMENT: ttl")
        self.abort(grpc.StatusCode.UNAVAILABLE, "sealed")
        self.check(self.fetch(), 3, "UNAVAILABLE: sealed")
        done = self.fetch("--json")
        self.assertEqual(json.loads(done.stderr)["error"], "UNAVAILABLE")

    def test_wrong_answers_are_not_written(self):
        other = ec.generate_private_key(ec.SECP256R1())
        wrong = {
            "for another key": lambda r, c: self.ca.sign(r, c, key=other.public_key()),
            "is for spiffe://": lambda r, c: self.ca.sign(r, c, identity=IDENTITY + "x"),
            "does not verify": lambda r, c: self.untrusted(r),
            "at least 2": lambda r, c: field(1, pem(self.ca.root)),
            "no readable": lambda r, c: field(1, b"x") + field(1, b"y"),
            "not an Istio": lambda r, c: b"\x0b",
        }
        for text, answer in wrong.items():
            self.ca.answer = answer
            out = self.path / "never"
            self.check(self.fetch(out=out), 1, text)
            self.assertFalse(out.exists())

    def untrusted(self, request):
        csr = x509.load_pem_x509_csr(fields(request)[1])
        other = ec.generate_private_key(ec.SECP256R1())
        leaf = make_cert(csr.public_key(), other, "root",
                         [x509.UniformResourceIdentifier(IDENTITY)])
        return field(1, pem(leaf)) + field(1, pem(self.ca.root))

    def test_server_that_is_not_trusted(self):
        key = ec.generate_private_key(ec.SECP256R1())
        (self.path / "other.pem").write_bytes(
            pem(make_cert(key.public_key(), key, "root", None, ca=True)))
        self.check(self.fetch(ca=self.path / "other.pem"), 1, "not trusted")
        self.check(self.fetch("--server-name", "elsewhere.example"), 1, "not trusted")

    def test_nobody_there(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            self.check(self.fetch(address=f"127.0.0.1:{port}"), 3, "refused")

    def test_usage(self):
        self.check(self.fetch(address="localhost"), 2, "host:port")
        self.check(self.fetch("--key-type", "dsa"), 2, "--key-type")
        self.check(self.fetch("--ttl", "soon"), 2, "--ttl")
        self.check(self.fetch(**{"token-file": "/nonexistent"}), 1, "/nonexistent")


if __name__ == "__main__":
    unittest.main()

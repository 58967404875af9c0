# SPDX-License-Identifier: Apache-2.0
"""A real authority in a temporary folder: configuration, init, daemon, tokens, CSRs.

    with Authority() as ca:
        chain = ca.fetch("production", "ecotrack", "order-service")

Needs Debian's python3-cryptography and python3-grpcio, and MESHCA_BIN (the folder of the programs;
ctest sets it).
"""
import base64
import collections
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

BIN = pathlib.Path(os.environ.get("MESHCA_BIN", "build/bin")).resolve()
METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
ENVIRONMENTS = ("development", "staging", "production")


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


RESERVED = []  # sockets that keep this process's ports from others until it ends


def free_port():
    """A port that is nobody else's until this process ends.

    Bound here and never listening: another test's bind fails, while a server that sets SO_REUSEADDR gets
    it. Below the ephemeral range, so that no client's source port is it.
    """
    while True:
        port = random.randrange(20000, 32000)
        s = socket.socket()
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            s.close()
            continue
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        RESERVED.append(s)
        return port


def new_key(kind="p-256"):
    if kind == "p-256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p-384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(65537, int(kind.split("-")[1]))


def close_primes_key():
    """An RSA key of 2048 bits whose primes follow each other: its holder signs well, and half the world can."""
    p = rsa.generate_private_key(65537, 2048).private_numbers().p
    q = p + 2
    while pow(2, q - 1, q) != 1:
        q += 2
    d = pow(65537, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
                                 rsa.RSAPublicNumbers(65537, p * q)).private_key()


def make_csr(key, uri=None, extensions=()):
    """A CSR as ztunnel makes it: empty subject and one critical URI SAN."""
    name = x509.Name([])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if uri:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    csr = builder.sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM)


# --- the three protobuf messages, by hand: the wire is what is under test ---
def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def encode_request(csr_pem, ttl_s=0, metadata=None):
    out = field(1, csr_pem)
    if ttl_s:
        out += varint(3 << 3) + varint(ttl_s)
    if metadata is not None:
        out += field(4, metadata)
    return out


def decode_chain(data):
    chain = []
    while data:
        assert data[0] == 0x0A, "unexpected field in the response"
        size = shift = 0
        i = 1
        while True:
            size |= (data[i] & 127) << shift
            shift += 7
            i += 1
            if data[i - 1] < 128:
                break
        chain.append(data[i:i + size].decode())
        data = data[i + size:]
    return chain


TOKENS = collections.deque(maxlen=500)  # a piece of each of the newest, which no log may hold


class Issuer:
    """A test token issuer, as a Kubernetes API server would be."""

    def __init__(self, issuer="https://kubernetes.default.svc", kind="rsa-2048"):
        self.issuer, self.kind, self.kid = issuer, kind, secrets.token_hex(8)
        self.key = new_key(kind)

    def jwks(self):
        numbers = self.key.public_key().public_numbers()
        if self.kind.startswith("rsa"):
            jwk = {"kty": "RSA", "alg": "RS256",
                   "n": b64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
                   "e": "AQAB"}
        else:
            jwk = {"kty": "EC", "alg": "ES256", "crv": "P-256",
                   "x": b64url(numbers.x.to_bytes(32, "big")),
                   "y": b64url(numbers.y.to_bytes(32, "big"))}
        return json.dumps({"keys": [dict(jwk, kid=self.kid, use="sig")]})

    def token(self, namespace, account, audience="istio-ca", lifetime=3600, header=None, **claims):
        now = int(time.time())
        body = {"iss": self.issuer, "aud": [audience], "iat": now - 5, "nbf": now - 5,
                "exp": now + lifetime, "sub": f"system:serviceaccount:{namespace}:{account}",
                "kubernetes.io": {"namespace": namespace,
                                  "serviceaccount": {"name": account, "uid": "1"},
                                  "pod": {"name": f"{account}-0", "uid": "2"}}}
        body.update(claims)
        alg = "RS256" if self.kind.startswith("rsa") else "ES256"
        head = {"alg": alg, "kid": self.kid, **(header or {})}
        text = b64url(json.dumps(head).encode()) + "." + b64url(json.dumps(body).encode())
        if alg == "RS256":
            signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = utils.decode_dss_signature(
                self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        TOKENS.append(b64url(signature)[:40])
        return text + "." + b64url(signature)


class Authority:
    def __init__(self, folder=None, environments=ENVIRONMENTS, sealed=(), overrides=None,
                 keep=False, ca_key="p-256"):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="meshca-test-"))
        self.keep = keep or folder is not None
        self.environments, self.sealed, self.ca_key = environments, sealed, ca_key
        self.overrides = overrides or {}
        self.ports = {name: free_port() for name in environments}
        self.rest, self.probes = free_port(), free_port()
        self.issuers = {name: Issuer() for name in environments}
        self.process = None
        self.programs = BIN
        self.log = self.folder / "meshcad.log"
        self.config = self.folder / "meshca.yaml"

    # --- set-up ---
    def write(self):
        (self.folder / "state").mkdir(mode=0o700, exist_ok=True)
        for name in (*self.environments, "operators", "root"):
            path = self.folder / f"{name}.pass"
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16) + "\n")
        for name in self.environments:
            (self.folder / f"{name}.jwks").write_text(self.issuers[name].jwks())
        self.write_config()

    def write_config(self):
        lines = ["instance: 1", f"state_dir: {self.folder}/state",
                 f"rest: {{listen: \"127.0.0.1:{self.rest}\", dns_names: [localhost]}}",
                 f"probes: {{listen: \"127.0.0.1:{self.probes}\"}}",
                 f"operators: {{passphrase_file: {self.folder}/operators.pass, ca_key: {self.ca_key}}}"]
        lines += [f"{key}: {value}" for key, value in self.overrides.get("top", {}).items()]
        lines += ["environments:"]
        for name in self.environments:
            lines += [f"  - name: {name}",
                      "    trust_domain: cluster.local",
                      f"    grpc: {{listen: \"127.0.0.1:{self.ports[name]}\","
                      " dns_names: [localhost, meshca.meshca.svc, istiod.istio-system.svc]}",
                      f"    ca_key: {self.ca_key}",
                      "    server: {names: [istiod.istio-system.svc, \"*.meshca.svc\"]}",
                      "    clusters:",
                      f"      - {{name: Kubernetes, issuer: \"{self.issuers[name].issuer}\","
                      f" jwks_file: {self.folder}/{name}.jwks}}"]
            if name not in self.sealed:
                lines += [f"    passphrase_file: {self.folder}/{name}.pass"]
            for key, value in self.overrides.get(name, {}).items():
                lines += [f"    {key}: {value}"]
        self.config.write_text("\n".join(lines) + "\n")
        self.config.chmod(0o600)

    def init(self):
        sealed, self.sealed = self.sealed, ()
        self.write_config()  # passphrases at hand for the ceremonies
        done = subprocess.run([BIN / "meshcad", "--init", "--config", self.config,
                               "--root-passphrase-file", self.folder / "root.pass"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        if done.returncode != 0:
            raise RuntimeError("meshcad --init failed\n" + done.stderr)
        self.sealed = sealed
        self.write_config()

    def start(self, ready=True):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.programs / "meshcad", "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if ready:
            self.wait_ready()

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        last = "no answer"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"meshcad exited {self.process.returncode}\n" + self.tail())
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, last = self.probe("/readyz")
                if status == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"not ready after {seconds} s: {last}\n" + self.tail())

    def tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, sig=signal.SIGTERM, seconds=20):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
            self.check_secrets()
        self.process = None

    def check_secrets(self):
        """What nobody may ever read in the log: passphrases, tokens, private keys."""
        log = self.log.read_text(errors="replace")
        files = {path.name: path.read_text().strip() for path in self.folder.glob("*.pass")}
        pieces = {**{secret: name for name, secret in files.items() if len(secret) > 8},
                  **{piece: "a token" for piece in TOKENS}, "PRIVATE KEY": "a private key"}
        for piece, name in pieces.items():
            if piece in log:
                raise AssertionError(f"{name} is in {self.log}")

    def check_processes(self):
        """No secret in an argument list, and no environment to have one in."""
        secrets_of = [path.read_text().strip() for path in self.folder.glob("*.pass")]
        main = self.process.pid
        children = pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split()
        if len(children) < 3:
            raise AssertionError(f"only {len(children)} processes run")
        for pid in (str(main), *children):
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
            environ = pathlib.Path(f"/proc/{pid}/environ").read_text()
            if any(secret in words + environ for secret in secrets_of) or (environ and pid != str(main)):
                raise AssertionError(f"process {pid}: {words!r} {environ!r}")

    def __enter__(self):
        self.write()
        self.init()
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.tail(), file=sys.stderr)
        try:
            self.stop()
        finally:
            if not self.keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    # --- talking to it ---
    def probe(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.probes, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def metric(self, name):
        """Sum of all samples of one metric."""
        total = 0.0
        for line in self.probe("/metrics")[1].splitlines():
            if line.startswith((name + " ", name + "{")):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def meshca(self, *arguments, check=True):
        done = subprocess.run([BIN / "meshca", *map(str, arguments), "--config", str(self.config)],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"meshca {arguments} exits {done.returncode}: {done.stderr}")
        return done

    def signer(self, environment):
        """Process number of an environment's signer."""
        main = self.process.pid
        for pid in pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split():
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"signer") and words[1] == environment.encode():
                return int(pid)
        raise LookupError(f"no signer of {environment} runs")

    def anchors(self, environment):
        """The trust anchor of an environment, from its key file."""
        text = (self.folder / "state/keys" / environment / "environment.pem").read_text()
        start = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", start)
        return text[start:end] + "-----END CERTIFICATE-----\n"

    def channel(self, environment, key=None, chain=None, anchors=None):
        credentials = grpc.ssl_channel_credentials(
            (anchors or self.anchors(environment)).encode(), key, chain)
        return grpc.secure_channel(f"localhost:{self.ports[environment]}", credentials)

    def create(self, channel, csr_pem, token=None, ttl_s=0, timeout=10, metadata=(),
               struct=None):
        call = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        headers = [("clusterid", "Kubernetes"), *metadata]
        if token:
            headers.append(("authorization", "Bearer " + token))
        return decode_chain(call(encode_request(csr_pem, ttl_s, struct), timeout=timeout,
                                 metadata=headers))

    def fetch(self, environment, namespace, account, ttl_s=0, key=None):
        key = key or new_key()
        uri = f"spiffe://cluster.local/ns/{namespace}/sa/{account}"
        with self.channel(environment) as channel:
            return self.create(channel, make_csr(key, uri),
                               self.issuers[environment].token(namespace, account), ttl_s)

    def admin(self, name="alice", role="admin"):
        """A person's certificate through the local socket: folder with NAME.key, NAME.crt."""
        folder = self.folder / "people" / name
        folder.mkdir(parents=True, exist_ok=True)
        self.meshca("user", "add", name, "--role", role, "--out", folder)
        return folder

    def https(self, person=None):
        """An HTTPS connection to REST, as person (a folder from admin()) or as nobody."""
        context = ssl.create_default_context(cadata=self.anchors("operators"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if person:
            context.load_cert_chain(person / f"{person.name}.crt", person / f"{person.name}.key")
        return http.client.HTTPSConnection("localhost", self.rest, context=context, timeout=10)

    def call(self, method, path, body=None, person=None, headers=None):
        """One REST call: (status, headers, parsed JSON or bytes)."""
        connection = self.https(person)
        data = json.dumps(body).encode() if body is not None else None
        sent = {"Content-Type": "application/json", **(headers or {})} if data else headers or {}
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        if "json" in answer.headers.get("Content-Type", ""):
            raw = json.loads(raw)
        return answer.status, answer.headers, raw


def certificate(pem):
    return x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)


def utc(moment):
    return moment.replace(tzinfo=datetime.timezone.utc)

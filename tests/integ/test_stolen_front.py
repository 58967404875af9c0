# SPDX-License-Identifier: Apache-2.0
"""A front that was taken over, against the real daemon, signers, ledger and keeper (DESIGN section 2, promise 3).

hooks/stolen_front.py stands where meshca-front stood; this test has all its descriptors and says on them what
it likes. Everything is asserted from outside: the answers, and what the real front finds when it is back.
"""
import array
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import struct
import subprocess
import threading
import time
import unittest

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from harness import BIN, Authority, certificate, make_csr, new_key
from test_supervisor import admin, find, status, wait_for

ROOT = os.geteuid() == 0
UIDS = {"front": 61011, "ledger": 61012, "keeper": 61013} if ROOT else {}
HOOK = pathlib.Path(__file__).with_name("hooks") / "stolen_front.py"

# base/msg.h
FRONT, SIGNER, OPERATORS, LEDGER, KEEPER = 2, 3, 4, 5, 6
SVID, SERVER, CLIENT, ISSUING_PROFILE = 1, 2, 3, 19
P256, P384, RSA = 1, 2, 3
HELLO, CTL_CONFIG, CTL_KEYFILE, CTL_START, CTL_UNSEAL, CTL_DRAIN, CTL_CLOCK = 2, 16, 22, 24, 26, 28, 30
CTL_STATUS, CTL_WANT_CRL = 48, 50
ISSUE, USER_ISSUE, SIGNER_INFO, CRL_SIGN = 64, 66, 68, 70
INTENT, SIGNATURE, ISSUER_PUT, CRL_BEGIN, CRL_CHUNK, USER_PUT = 96, 98, 100, 102, 106, 108
CERT_GET, CERT_LIST, REVOKE, ISSUER_LIST, CRL_STATUS = 128, 130, 132, 134, 140
USER_LIST, USER_REMOVE, EVENT_LIST, CONFIG_PUT = 144, 146, 148, 154
INVENTORY_CHUNK, INVENTORY_PUT, INVENTORY_GET = 156, 158, 160
ADM_ROTATE, ADM_USER_ADD = 198, 202
# base/err_list.h
OK, EAPPROVAL, EIDEMPOTENCY, EBUSY = 0, 0x302, 0x502, 0x701
KEY_TYPE, KEY_SIZE, KEY_WEAK, TTL, PROFILE, IDENTITY = 0x602, 0x603, 0x604, 0x608, 0x609, 0x60A


def span(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("<I", len(data)) + data


def point(key):
    return key.public_key().public_bytes(serialization.Encoding.X962,
                                         serialization.PublicFormat.UncompressedPoint)


def item(kind, corr, payload, flags=0):
    return struct.pack("<HHIQ", kind, flags, len(payload), corr) + payload


def frame(*items):
    return struct.pack("<HH", 1, len(items)) + b"".join(items)


def issue(key=None, profile=SVID, alg=P256, ttl=0, ns="shop", sa="cart", dns=b"", cluster="Kubernetes",
          requester="someone", evidence="{}", dedup=None, confirm=0):
    head = secrets.token_bytes(16) + struct.pack("<BBBq", profile, confirm, alg, ttl)
    fields = (key if key is not None else point(new_key()), ns, sa, dns, cluster, requester, evidence)
    tail = struct.pack("<B", dedup is not None) + b"".join(dedup or (bytes(32), bytes(32)))
    return head + b"".join(map(span, fields)) + tail


def user_issue(name, key, role=3, cert=b"", expires=0, sig=b"", actor="alice", origin="10.0.0.1"):
    return (secrets.token_bytes(16) + span(name) + struct.pack("<BB", role, P256) + span(point(key))
            + span(cert) + struct.pack("<q", expires) + span(sig) + span(actor) + span(origin))


def revoke(serial, reason=1, actor="alice", origin="10.0.0.1", sha=bytes(32), spki=b"", expires=0, sig=b""):
    return (secrets.token_bytes(16) + span(serial) + struct.pack("<B", reason) + span(actor) + span(origin) + sha
            + span(spki) + struct.pack("<q", expires) + span(sig))


class Reader:
    """Fields of an answer in table order."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def number(self, code):
        value = struct.unpack_from("<" + code, self.body, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def take(self, size):
        self.at += size
        return self.body[self.at - size:self.at]

    def span(self):
        return self.take(self.number("I"))


class Answer:
    """Status and detail, and of ISSUE also the certificate."""

    def __init__(self, kind, body):
        fields = Reader(body)
        self.body, self.status, self.detail = body, fields.number("I"), fields.span().decode()
        if kind in (ISSUE, USER_ISSUE) and self.status == OK:
            self.duplicate, _, _ = fields.number("B"), fields.number("q"), fields.number("q")
            fields.take(32)
            self.serial, self.cert, self.issuer = fields.span(), fields.span(), fields.span()


class Channel:
    """One end that was front's."""

    def __init__(self, fd, greet=True):
        self.socket = socket.socket(fileno=fd)
        self.socket.setblocking(True)
        self.socket.settimeout(15)
        self.corr, self.kept = 1000, []
        if greet:
            self.raw(frame(item(HELLO, 0, struct.pack("<IBI", 1, FRONT, 0))))

    def raw(self, data, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([data], control)

    def receive(self):
        """The items of one frame: (kind, more, corr, body); none at the end."""
        data = self.socket.recv(1 << 17)
        if not data:
            return []
        at, items = 4, []
        for _ in range(struct.unpack_from("<HH", data)[1]):
            kind, flags, size, corr = struct.unpack_from("<HHIQ", data, at)
            items.append((kind, flags & 1, corr, data[at + 16:at + 16 + size]))
            at += 16 + size
        return items

    def call(self, kind, payload=b""):
        """All answers to one request."""
        self.corr += 1
        self.raw(frame(item(kind, self.corr, payload)))
        bodies = []
        while True:
            items = self.receive()
            if not items:
                raise EOFError("dropped")
            for got, more, corr, body in items:
                if (got, corr) == (kind + 1, self.corr):
                    bodies.append(body)
                    if not more:
                        return bodies

    def ask(self, kind, payload=b""):
        return Answer(kind, self.call(kind, payload)[-1])

    def dropped(self, seconds=10):
        """Whether the other side hangs up."""
        self.socket.settimeout(seconds)
        try:
            while self.receive():
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True


class Theft:
    """The life of one stolen front: its channels by environment or role, its listeners, its control channel."""

    def __init__(self, door):
        connection, _ = door.accept()
        connection.settimeout(20)
        self.process, self.channels, self.listeners, self.control = connection, {}, {}, None
        while self.control is None:
            text, fds, _, _ = socket.recv_fds(connection, 4096, 1)
            if not text:
                raise EOFError("the stolen front ended")
            what = json.loads(text)
            if what["what"] == "channel":
                self.channels[what["environment"] or "ledger"] = Channel(fds[0])
            elif what["what"] == "listener":
                self.listeners[what["kind"], what["environment"]] = socket.socket(fileno=fds[0])
            else:
                self.control = Channel(fds[0], greet=False)

    def __getitem__(self, name):
        return self.channels[name]

    def end(self, *keep):
        """The process ends; of its channels these are kept."""
        for channel in {self.control, *self.channels.values()} - {*keep}:
            channel.socket.close()
        for listener in self.listeners.values():
            listener.close()
        self.process.close()


class Flood:
    """Keeps nearly a window of requests under way on one channel, in a thread."""

    def __init__(self, channel, kind, payload, limit=1000):
        self.channel, self.kind, self.limit = channel, kind, limit
        self.payload, self.answered, self.stopping, self.refused = payload, 0, False, 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        channel, under_way = self.channel, 0
        while not (self.stopping and under_way == 0):
            while not self.stopping and under_way <= self.limit - 32:
                items = []
                for _ in range(32):
                    channel.corr += 1
                    items.append(item(self.kind, channel.corr, self.payload))
                channel.raw(frame(*items))
                under_way += 32
            for kind, more, _, body in channel.receive():
                if kind != HELLO and not more:
                    under_way -= 1
                    self.answered += 1
                    self.refused += body[:4] != bytes(4)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()


class StolenFront(unittest.TestCase):
    kept = ()

    @classmethod
    def setUpClass(cls):
        overrides = {"top": {f"{role}_user": uid for role, uid in UIDS.items()},
                     "development": {"rate": "{per_second: 1000000, burst: 1000000}"}}
        if ROOT:
            overrides["top"]["user"] = 61014
            overrides["production"] = {"user": 61015}
        cls.ca = Authority(environments=("development", "production"), overrides=overrides)
        cls.ca.folder.chmod(0o711)
        programs = cls.ca.folder / "programs"
        programs.mkdir()
        for path in BIN.glob("meshca*"):
            shutil.copy2(path, programs)
        cls.ca.programs = programs
        (programs / "uid").write_text(str(UIDS.get("front", 0)))
        cls.door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        cls.door.bind(str(programs / "test.sock"))
        (programs / "test.sock").chmod(0o777)
        cls.door.listen(4)
        cls.door.settimeout(30)
        cls.ca.__enter__()
        try:
            cls.alice = cls.ca.admin("alice", "admin")
            cls.chain = cls.ca.fetch("production", "shop", "victim")
            cls.before = cls.pids()
            cls.theft = cls.steal()
        except BaseException:
            cls.ca.__exit__(None, None, None)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)
        cls.theft.end()
        cls.door.close()

    # --- helpers ---
    @classmethod
    def front_is(cls, program):
        """The next front is this program; the one that runs is killed."""
        place = cls.ca.programs / "meshca-front"
        shutil.copy2(program, place.with_suffix(".new"))
        place.with_suffix(".new").replace(place)
        pid = find(status(cls.ca), "front")["pid"]
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)

    @classmethod
    def steal(cls):
        cls.front_is(HOOK)
        return Theft(cls.door)

    @classmethod
    def next_life(cls):
        """The stolen front ends, and comes back as it is: its program was replaced."""
        cls.theft.end(*cls.kept)
        cls.theft = Theft(cls.door)
        return cls.theft

    @classmethod
    def restore(cls):
        cls.front_is(BIN / "meshca-front")
        cls.ca.wait_ready()

    @classmethod
    def pids(cls):
        return {(row["role"], row["environment"]): row["pid"] for row in status(cls.ca)["roles"]
                if row["role"] not in ("front", "ceremony")}

    def refused(self, name, channel, kind, payload, *codes):
        with self.subTest(name):
            answer = channel.ask(kind, payload)
            self.assertIn(answer.status, codes, f"{name}: {answer.status:#x} {answer.detail}")

    # --- what a signer signs ---
    def test_1_no_other_profile_identity_or_life(self):
        production, operators = self.theft["production"], self.theft["operators"]
        for profile in (0, CLIENT, 16, 17, 18, ISSUING_PROFILE, 255):
            for name in ("production", "operators"):
                self.refused(f"profile {profile}", self.theft[name], ISSUE, issue(profile=profile), PROFILE)
        self.refused("a workload of the operators", operators, ISSUE, issue(), PROFILE)
        self.refused("a person of an environment", production, USER_ISSUE, user_issue("eve", new_key()), PROFILE)
        for text in ("", "/", "..", ".", "a/b", "a\0", "\0", "a\0b", "é", "*", "A", "-a", "a-", "a b", "a%2fb",
                     "a?", "a#", "a@b", "a:b", "a\n", "..%00", "a\u202eb"):
            self.refused(f"namespace {text!r}", production, ISSUE, issue(ns=text), IDENTITY)
            self.refused(f"account {text!r}", production, ISSUE, issue(sa=text), IDENTITY)
        self.refused("a namespace with a dot", production, ISSUE, issue(ns="a.b"), IDENTITY)
        self.refused("names in an SVID", production, ISSUE, issue(dns=b"x.meshca.svc\0"), IDENTITY)
        for names in (b"", b"\0", b"x.meshca.svc", b"evil.example\0", b"*.meshca.svc\0", b"a.b.meshca.svc\0",
                      b".meshca.svc\0", b"meshca.svc\0", b"127.0.0.1\0", b"X.meshca.svc\0", b"x.meshca.svc.\0",
                      b"x.meshca.svc\0evil.example\0", b"x.meshca.svc\0\0", b"x y.meshca.svc\0",
                      "é.meshca.svc\0".encode(), b"-.meshca.svc\0", b"_.meshca.svc\0", b"x.meshca.svc\0" * 17,
                      b"spiffe://cluster.local/ns/a/sa/b\0", b"x.meshca.svc\nevil\0"):
            self.refused(f"names {names!r}", production, ISSUE,
                         issue(profile=SERVER, ns="", sa="", dns=names), IDENTITY)
            self.refused(f"names {names!r} of the operators", operators, ISSUE,
                         issue(profile=SERVER, ns="", sa="", dns=names), IDENTITY)
        self.refused("both kinds of names", production, ISSUE, issue(profile=SERVER, dns=b"x.meshca.svc\0"),
                     IDENTITY)
        for ttl in (7 * 86400 + 1, 1 << 32, (1 << 63) - 1):
            self.refused(f"a life of {ttl}", production, ISSUE, issue(ttl=ttl), TTL)
            self.refused(f"a server's life of {ttl}", production, ISSUE,
                         issue(profile=SERVER, ns="", sa="", dns=b"x.meshca.svc\0", ttl=ttl), TTL)

    def test_2_no_key_that_is_none(self):
        p = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
        good = point(new_key())
        x, y = good[1:33], good[33:]
        number = new_key("rsa-2048").public_key().public_numbers().n
        modulus = number.to_bytes(256, "big")
        cases = [(P256, key) for key in (
            b"", b"\0", b"\4", b"\2" + x, b"\3" + x, good[:-1], bytes(65), b"\4" + bytes(64), b"\4" + b"\xff" * 64,
            b"\4" + x + x, b"\6" + x + y, b"\7" + x + y, b"\4" + x + (p - int.from_bytes(y, "big") + 1)
            .to_bytes(32, "big"), b"\4" + p.to_bytes(32, "big") + y, good + bytes(32), modulus[:65])]
        cases += [(P384, good), (P384, point(new_key("p-384"))), (0, good), (4, good), (255, good), (RSA, good)]
        cases += [(RSA, key) for key in (
            b"", b"\0", b"\1", b"\3", modulus[:-1] + b"\0", b"\0" + modulus, bytes(256), b"\xff" * 256,
            modulus[:128], modulus[:255], (number * 3).to_bytes(257, "big"), (1 << 2047).to_bytes(256, "big"),
            (7 * (number // 7)).to_bytes(256, "big"), ((1 << 4096) - 1).to_bytes(512, "big"), modulus[:8])]
        for alg, key in cases:
            self.refused(f"key {alg} {key[:8].hex()} ({len(key)})", self.theft["production"], ISSUE,
                         issue(alg=alg, key=key), KEY_TYPE, KEY_SIZE, KEY_WEAK)

    def test_3_what_it_gets_is_small(self):
        """Leaves of this environment, of any name in it, no longer than policy has them, each in the ledger."""
        hostile = "\"}\n\x1b[2J\x1b]0;x\x07,{\"actor\": \"root"
        production = self.theft["production"]
        # a bigger one than is refused, less than nothing: the default
        for ttl in (-1, -(1 << 63), 0, 7 * 86400):
            answer = production.ask(ISSUE, issue(ttl=ttl, requester=hostile, evidence=hostile, cluster=hostile,
                                                 confirm=1))
            self.assertEqual(answer.status, OK, answer.detail)
            leaf = x509.load_der_x509_certificate(answer.cert)
            issuer = x509.load_der_x509_certificate(answer.issuer)
            issuer.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes,
                                       ec.ECDSA(leaf.signature_hash_algorithm))
            self.assertLessEqual(leaf.not_valid_after, issuer.not_valid_after)
            life = (leaf.not_valid_after - leaf.not_valid_before).total_seconds()
            self.assertLessEqual(life, 7 * 86400 + 180)
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            self.assertEqual([(type(n), n.value) for n in names],
                             [(x509.UniformResourceIdentifier, "spiffe://cluster.local/ns/shop/sa/cart")])
            self.assertFalse(leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
            usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
            self.assertFalse(usage.key_cert_sign or usage.crl_sign)
        raw = b"\xff\xfe\0\x80" * 8
        self.assertEqual(production.ask(ISSUE, issue(requester=raw, evidence=raw, cluster=raw, confirm=1)).status,
                         OK)
        self.assertEqual(self.theft["production"].ask(SIGNER_INFO).status, OK)

    # --- people and inventories ---
    def approve(self, text, key):
        return key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))

    def test_4_nobody_becomes_an_administrator(self):
        operators, ledger = self.theft["operators"], self.theft["ledger"]
        eve, soon = new_key(), int(time.time()) + 300
        cert = x509.load_pem_x509_certificate((self.alice / "alice.crt").read_bytes())
        der = cert.public_bytes(serialization.Encoding.DER)
        alice = serialization.load_pem_private_key((self.alice / "alice.key").read_bytes(), None)

        def text(name, role, expires, key):
            digest = hashes.Hash(hashes.SHA256())
            digest.update(point(key))
            return f"meshca-user-add-v1\n{name}\n{role}\n{digest.finalize().hex()}\n{expires}\n"

        forged = self.approve(text("eve", "admin", soon, eve), eve)
        listener = operators.ask(ISSUE, issue(point(eve), profile=SERVER, ns="", sa="", dns=b"localhost\0"))
        self.assertEqual(listener.status, OK, "its own listener's certificate is what a front may ask for")
        workload = self.theft["production"].ask(ISSUE, issue(point(eve)))
        for name, payload in (
                ("no approval", user_issue("eve", eve)),
                ("her own signature", user_issue("eve", eve, cert=der, expires=soon, sig=forged)),
                ("a listener's certificate", user_issue("eve", eve, cert=listener.cert, expires=soon, sig=forged)),
                ("a workload's", user_issue("eve", eve, cert=workload.cert, expires=soon, sig=forged)),
                ("the issuing CA's", user_issue("eve", eve, cert=listener.issuer, expires=soon, sig=forged)),
                ("cut DER", user_issue("eve", eve, cert=der[:-1], expires=soon, sig=forged))):
            self.refused(name, operators, USER_ISSUE, payload, EAPPROVAL)
        # what an administrator did approve serves once, for this person, key and role
        bob = new_key()
        signature = self.approve(text("bob", "viewer", soon, bob), alice)
        r, s = utils.decode_dss_signature(signature)
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        twin = utils.encode_dss_signature(r, order - s)
        for name, payload in (
                ("another role", user_issue("bob", bob, 3, der, soon, signature)),
                ("another key", user_issue("bob", eve, 1, der, soon, signature)),
                ("another name", user_issue("eve", bob, 1, der, soon, signature)),
                ("another end", user_issue("bob", bob, 1, der, soon + 1, signature))):
            self.refused(name, operators, USER_ISSUE, payload, EAPPROVAL)
        self.assertEqual(operators.ask(USER_ISSUE, user_issue("bob", bob, 1, der, soon, signature)).status, OK)
        self.refused("again", operators, USER_ISSUE, user_issue("bob", bob, 1, der, soon, signature), EAPPROVAL)
        self.refused("its twin", operators, USER_ISSUE, user_issue("bob", bob, 1, der, soon, twin), EAPPROVAL)
        # removal and inventories hang on the same signature, with other words before it
        digest = hashes.Hash(hashes.SHA256())
        digest.update(der)
        sha = digest.finalize()
        spki = alice.public_key().public_bytes(serialization.Encoding.DER,
                                               serialization.PublicFormat.SubjectPublicKeyInfo)
        eves = eve.public_key().public_bytes(serialization.Encoding.DER,
                                             serialization.PublicFormat.SubjectPublicKeyInfo)
        removal = f"meshca-user-remove-v1\nbob\n{soon}\n"
        for name, key, proof in (("eve's", eves, self.approve(removal, eve)),
                                 ("alice's key, eve's signature", spki, self.approve(removal, eve)),
                                 ("an approval for adding", spki, signature)):
            self.refused(name, ledger, USER_REMOVE, secrets.token_bytes(16) + span("bob") + span("") + sha +
                         span(key) + struct.pack("<q", soon) + span(proof), EAPPROVAL)
            rid = secrets.token_bytes(16)
            document = b'{"no": "inventory"}'
            self.assertEqual(ledger.ask(INVENTORY_CHUNK, rid + struct.pack("<Q", 0) + span(document)).status, OK)
            answer = ledger.ask(INVENTORY_PUT, rid + span("production") + span("") + bytes(32) + sha + span(key) +
                                struct.pack("<q", soon) + span(proof))
            self.assertNotEqual(answer.status, OK)
        self.assertEqual(len(ledger.call(USER_LIST)), 3, "alice, bob and the end of the list")
        # nor is a person's certificate revoked by saying so
        serial = cert.serial_number.to_bytes(16, "big")
        self.refused("revoking alice", ledger, REVOKE, revoke(serial), 0x501)

    def authorities(self):
        """(profile, environment, serial) of every CA certificate, as the ledger tells a front."""
        for body in self.theft["ledger"].call(ISSUER_LIST, span(""))[:-1]:
            row = Reader(body)
            row.number("I"), row.span(), row.number("Q")
            profile, _, _ = row.number("B"), row.number("B"), row.take(32)
            serial, environment = row.span(), row.span().decode()
            yield profile, environment, serial

    def test_4_no_ca_is_revoked_in_anybodys_name(self):
        ledger, eve, soon = self.theft["ledger"], new_key(), int(time.time()) + 300
        cert = x509.load_pem_x509_certificate((self.alice / "alice.crt").read_bytes())
        alice = serialization.load_pem_private_key((self.alice / "alice.key").read_bytes(), None)
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        spki, eves = (key.public_key().public_bytes(encoding, form) for key in (alice, eve))
        sha = cert.fingerprint(hashes.SHA256())

        def text(serial, reason="keyCompromise", ends=soon, act="meshca-certificate-revoke-v1"):
            return f"{act}\n{serial.hex()}\n{reason}\n{ends}\n"

        leaf = self.theft["production"].ask(ISSUE, issue(confirm=1))
        targets = [row for row in self.authorities() if row[1] in ("development", "production", "operators", "")]
        self.assertLessEqual({16, 17, 18, ISSUING_PROFILE}, {profile for profile, _, _ in targets})
        for profile, environment, serial in targets:
            for name, proof in (
                    ("no approval", {}),
                    ("eve's", {"spki": eves, "sig": self.approve(text(serial), eve)}),
                    ("alice's key, eve's signature", {"spki": spki, "sig": self.approve(text(serial), eve)}),
                    # what an administrator did sign: another certificate, reason, time, act
                    ("a leaf's", {"spki": spki, "sig": self.approve(text(leaf.serial), alice)}),
                    ("a reason's", {"spki": spki, "sig": self.approve(text(serial, "superseded"), alice)}),
                    ("a time's", {"spki": spki, "sig": self.approve(text(serial, ends=soon - 1), alice)}),
                    ("an act's", {"spki": spki, "sig": self.approve(text(serial, act="meshca-user-remove-v1"),
                                                                    alice)}),
                    ("a past one", {"spki": spki, "expires": soon - 600,
                                    "sig": self.approve(text(serial, ends=soon - 600), alice)})):
                self.refused(f"{name} for {profile} of {environment}", ledger, REVOKE,
                             revoke(serial, **{"sha": sha, "expires": soon, **proof}), EAPPROVAL)
        self.assertEqual(ledger.ask(REVOKE, revoke(leaf.serial, actor="mallory")).status, OK)
        row = Reader(ledger.call(EVENT_LIST, struct.pack("<QI", 0, 1))[0])
        row.number("I"), row.span(), row.number("Q"), row.number("q")
        actor, action = row.span(), row.span()
        row.span(), row.span()
        self.assertEqual((actor, action), (b"mallory", b"certificate-revoked"))
        self.assertTrue(row.span().startswith(b"actor as the front said; "))

    # --- what it leaves behind ---
    def test_5_a_poisoned_idempotency_key_gives_nobody_a_foreign_certificate(self):
        cls = type(self)
        cls.victims = new_key()
        identity = "spiffe://cluster.local/ns/shop/sa/victim"
        cls.csr = make_csr(cls.victims, identity)
        der = x509.load_pem_x509_csr(cls.csr).public_bytes(serialization.Encoding.DER)
        body = hashes.Hash(hashes.SHA256())
        body.update(der)
        body = body.finalize()
        key = hashes.Hash(hashes.SHA256())
        key.update(b"production\0" + identity.encode() + bytes([SVID]) + bytes(8) + body)
        dedup = key.finalize(), body
        for ns, sa in (("evil", "evil"), ("shop", "victim")):  # another name; the name with another key
            answer = self.theft["production"].ask(ISSUE, issue(ns=ns, sa=sa, dedup=dedup, confirm=1))
            self.assertEqual((answer.status, answer.duplicate), (OK, 0), answer.detail)

    # --- nobody else starves ---
    def covered(self, environment):
        """(revocation covered by the CRL, newest revocation, time) of the issuing CA."""
        for body in self.theft["ledger"].call(CRL_STATUS)[:-1]:
            row = Reader(body)
            row.number("I"), row.span(), row.take(32)
            if (row.number("B"), row.span().decode()) == (ISSUING_PROFILE, environment):
                row.number("q"), row.number("Q")
                this_update, _ = row.number("q"), row.number("q")
                return row.number("Q"), row.number("Q"), this_update + 120
        raise LookupError(environment)

    def crl_during(self, environment, flood, leaf):
        """A revocation reaches the CRL within five seconds while the flood goes on."""
        self.assertEqual(self.theft["ledger"].ask(REVOKE, revoke(leaf.serial)).status, OK)
        with flood:
            time.sleep(5)
            self.assertTrue(status(self.ca)["roles"], "the supervisor answers")
            before, end = flood.answered, time.time()
            self.assertGreater(before, 500)
        covered, newest, made_at = self.covered(environment)
        self.assertEqual(covered, newest)
        self.assertLessEqual(made_at, end, "the CRL was made while the flood went on")

    def test_6_queries_without_end_stop_no_crl(self):
        leaf = self.theft["production"].ask(ISSUE, issue(confirm=1))
        for _ in range(4):  # rows, so that each list is long
            with Flood(self.theft["development"], ISSUE, issue(), 900):
                time.sleep(0.3)
        listing = span("") + span("") + struct.pack("<BBqQI", 0, 0, 0, 0, 500)
        self.crl_during("production", Flood(self.theft["ledger"], CERT_LIST, listing), leaf)

    def test_6_requests_without_end_stop_no_crl(self):
        leaf = self.theft["development"].ask(ISSUE, issue(confirm=1))
        flood = Flood(self.theft["development"], ISSUE, issue(), 1024)
        self.crl_during("development", flood, leaf)

    def test_6_a_crowded_signer_takes_root_at_once(self):
        """Root on the machine adds an administrator while the operators' signer is flooded."""
        flood = Flood(self.theft["operators"], USER_ISSUE, user_issue("eve", new_key()))
        with flood:
            end = time.monotonic() + 20
            while flood.refused < 20000 and time.monotonic() < end:
                time.sleep(0.1)
            done = self.ca.meshca("user", "add", "rose", "--role", "admin", "--out", self.ca.folder,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(flood.refused, 1000)

    # --- the machine around it ---
    @unittest.skipUnless(ROOT, "needs root for users of their own")
    def test_7_its_user_opens_nothing(self):
        state = self.ca.folder / "state"
        places = [state / "run/admin.sock", *self.ca.folder.glob("*.pass"), self.ca.config,
                  *state.rglob("*.pem"), *state.rglob("ledger.db*")]
        code = ("import os,socket,sys\n"
                "for p in sys.argv[1].split():\n"
                " try: os.kill(int(p), 9); print('killed', p)\n"
                " except PermissionError: pass\n"
                " try: os.open(f'/proc/{p}/mem', os.O_RDONLY); print('read', p)\n"
                " except PermissionError: pass\n"
                "for p in sys.argv[2:]:\n"
                " for how in (os.O_RDONLY, os.O_WRONLY):\n"
                "  try: os.open(p, how); print('opened', p)\n"
                "  except PermissionError: pass\n"
                " try: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(p); print('called', p)\n"
                " except (PermissionError, ConnectionError, FileNotFoundError): pass\n")
        pids = " ".join(map(str, [*self.before.values(), self.ca.process.pid]))
        done = subprocess.run(["/usr/bin/python3", "-c", code, pids, *map(str, places)], text=True,
                              capture_output=True, user=UIDS["front"], group=UIDS["front"], extra_groups=[])
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))

    def test_7_the_supervisor_goes_on(self):
        """Changes of state without end, answers to nothing asked of it: orders are still obeyed."""
        control = self.theft.control
        for i in range(500):
            control.raw(frame(*[item(CTL_STATUS, 10**6 + 2 * i + k, struct.pack("<B", 3 + 2 * k) +
                                     span(f"\"}}\n{{\x1b[2J {i}")) for k in (0, 1)]))
            while control.receive()[-1][2] < 10**6 + 2 * i + 1:
                pass
        code, detail, _, _ = admin(self.ca, ADM_ROTATE, span("production") + span("") + span(""))
        self.assertEqual((code, detail), (0, ""))
        type(self).kept = (self.theft["production"], self.theft.control)  # the processes' ends do not end them
        wait_for("the new signer", lambda: find(status(self.ca), "signer", "production")["state"] == "ready")
        self.before["signer", "production"] = find(status(self.ca), "signer", "production")["pid"]

    # --- frames that cost the channel ---
    def test_8_one_wrong_frame_ends_a_channel(self):
        greeting = frame(item(HELLO, 0, struct.pack("<IBI", 1, LEDGER, 0)))
        status_item = item(CTL_STATUS, 9, struct.pack("<BI", 3, 0))
        hostile = {
            "production": (
                ("an answer to the signer's intent", frame(item(INTENT + 1, 2048, bytes(200)))),
                ("a name that is too long", frame(item(ISSUE, 1, issue(ns="a" * 64)))),
                ("a span beyond its end", frame(item(USER_ISSUE, 1, bytes(16) + b"\xff" * 4))),
                ("the clock", frame(item(CTL_CLOCK, 1, b""))),
                ("requests beyond the window", [frame(*[item(SIGNER_INFO, 64 * i + k, b"") for k in range(64)])
                                                for i in range(2000)])),
            "development": (
                ("a CRL to be signed", frame(item(CRL_SIGN, 1, bytes(48)))),
                ("a greeting as the ledger", greeting),
                ("a key that is too long", frame(item(ISSUE, 1, issue(key=b"\1" * 513, alg=RSA)))),
                ("a frame too large", b"\1\0\1\0" + bytes(70000)),
                ("a correlation twice", frame(*[item(ISSUE, 7, issue())] * 2))),
            "operators": (
                ("a passphrase", frame(item(CTL_UNSEAL, 1, b"\2" + span("operators") + span("x")))),
                ("bytes after the last field", frame(item(ISSUE, 1, issue() + b"\0"))),
                ("a request with more to come", frame(item(ISSUE, 1, issue(), 1))),
                ("no items", b"\1\0\0\0"),
                ("an item that is cut", frame(item(ISSUE, 1, issue())[:-1]))),
            "ledger": (
                ("an intent", frame(item(INTENT, 1, bytes(300)))),
                ("a CA certificate", frame(item(ISSUER_PUT, 1, bytes(80)))),
                ("an administrator", frame(item(USER_PUT, 1, bytes(100)))),
                ("a CRL", frame(item(CRL_CHUNK, 1, bytes(80)))),
                ("a configuration", frame(item(CONFIG_PUT, 1, bytes(32) + span("root") + span("x"))))),
            "control": (
                ("a ceremony", frame(item(CTL_WANT_CRL, 1, span("production")))),
                ("an order of root", frame(item(ADM_ROTATE, 1, span("production") + span("") + span("")))),
                ("a state of nobody's", frame(item(CTL_STATUS, 1, struct.pack("<BI", 77, 0)))),
                ("another version", b"\2\0\1\0" + status_item),
                ("an answer to nothing", frame(item(CTL_CONFIG + 1, 1 << 60, bytes(8))))),
        }
        for life in range(5):
            theft = self.next_life()
            for to, cases in hostile.items():
                name, frames = cases[life]
                channel = theft.control if to == "control" else theft[to]
                with self.subTest(name):
                    try:
                        for data in frames if isinstance(frames, list) else [frames]:
                            channel.raw(data)
                    except OSError:
                        pass  # hung up on while sending
                    self.assertTrue(channel.dropped(), name)

    def test_8_descriptors_are_closed(self):
        """One or two hundred: the channel ends, and nothing of them stays open over there."""
        for count in (1, 200):
            theft = self.next_life()
            with open("/dev/zero", "rb") as zero:
                for name in ("production", "development", "operators", "ledger", "control"):
                    channel = theft.control if name == "control" else theft[name]
                    kind = CTL_STATUS if name == "control" else USER_LIST if name == "ledger" else SIGNER_INFO
                    body = struct.pack("<BI", 3, 0) if name == "control" else b""
                    channel.raw(frame(item(kind, 1, body)), [zero.fileno()] * count)
                    self.assertTrue(channel.dropped(), (name, count))
        for pid in [*self.before.values(), self.ca.process.pid]:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            self.assertNotIn("/dev/zero", links)

    # --- afterwards ---
    def test_9_the_authority_serves_on(self):
        theft = self.next_life()
        for channel in theft.channels.values():
            channel.receive()  # the greeting: it is in use
        theft.listeners[1, "development"].shutdown(socket.SHUT_RDWR)
        self.addCleanup(theft.end, *self.kept)
        self.restore()
        for listener in theft.listeners.values():
            with self.assertRaises(OSError):
                listener.listen(1)
        self.assertTrue(self.kept[0].dropped(40), "who was handed over from stays for its last answers only")
        self.assertEqual(self.pids(), self.before, "no process fell but the front")
        for name, channel in theft.channels.items():
            self.assertTrue(channel.dropped(3), f"what the old front had of {name} is of use still")
        for environment in ("production", "development"):
            self.assertEqual(len(self.ca.fetch(environment, "shop", "cart")), 3)
        # the poisoned key
        with self.ca.channel("production") as channel:
            leaf = certificate(self.ca.create(channel, self.csr,
                                              self.ca.issuers["production"].token("shop", "victim"))[0])
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual([n.value for n in names], ["spiffe://cluster.local/ns/shop/sa/victim"])
        self.assertEqual(leaf.public_key().public_numbers(), self.victims.public_key().public_numbers())
        # what it wrote into rows and events breaks no reader of them
        for path in ("/v1/certificates?limit=500", "/v1/events"):
            code, _, answer = self.ca.call("GET", path, person=self.alice)
            self.assertEqual(code, 200, answer)
        for words in (("cert", "list"), ("cert", "list", "--json"), ("user", "list")):
            text = self.ca.meshca(*words, "--client", self.alice / "client.json").stdout
            self.assertIsNone(re.search("[^\n -~\u00a1-\uffff]", text), words)
        self.assertEqual(self.ca.meshca("ledger", "verify").returncode, 0)
        for line in self.ca.log.read_text(errors="strict").splitlines():
            json.loads(line)
        for pid in self.before.values():
            process = pathlib.Path(f"/proc/{pid}")
            peak = int(re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())[1]) >> 10
            room = 2000 if "asan" in (process / "maps").read_text() else 400
            self.assertLess(peak, room, f"MiB of process {pid}")


if __name__ == "__main__":
    unittest.main(verbosity=2)

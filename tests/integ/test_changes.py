# SPDX-License-Identifier: Apache-2.0
"""What changes while clients go on asking: keys, configuration, listener certificates, and the end itself."""
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import threading
import time
import unittest

from harness import BIN, Authority, certificate, make_csr, new_key

KILL = pathlib.Path(os.environ.get("MESHCA_KILL_POINT", BIN.parent / "tests/kill_point.so"))
ROLES = ("front", "signer", "ledger", "keeper", "ceremony")
SEND = 1


def wait_for(what, check, seconds=20):
    end = time.monotonic() + seconds
    while not (got := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return got


def wrap(ca, preloads):
    """Roles start with an empty environment, from the folder of meshcad: one with wrappers."""
    programs = ca.folder / "bin"
    programs.mkdir()
    shutil.copy2(BIN / "meshcad", programs)
    for role in ROLES:
        path = programs / f"meshca-{role}"
        path.write_text(f"#!/bin/sh\n{preloads.get(role, '')} exec {BIN}/meshca-{role} \"$@\"\n")
        path.chmod(0o755)
    ca.programs = programs


def events(ca, name):
    return [line for line in ca.log.read_text().splitlines() if f'"event":"{name}"' in line]


class Orphan(unittest.TestCase):
    """A rotation that dies after the new CA is registered leaves one without a key."""

    def issuing(self, viewer):
        rows = self.ca.call("GET", "/v1/issuers?environment=production", person=viewer)[2]["issuers"]
        return [row for row in rows if row["profile"] == "issuing"]

    def test_a_ca_without_a_key_is_named_once(self):
        self.ca = ca = Authority(environments=("production",), ca_key="p-256")
        point = ca.folder / "point"
        try:
            ca.write()
            ca.init()
            point.write_bytes(bytes(12))
            wrap(ca, {"ceremony": f"ASAN_OPTIONS=verify_asan_link_order=0 KILL_POINT={point}"
                                  f" LD_PRELOAD={KILL}"})
            ca.start()
            viewer = ca.admin("vera", "viewer")
            for nth in range(5, 40):  # which message is the registration, is the ceremony's own affair
                point.write_bytes(struct.pack("<iii", SEND, 1, nth))
                done = ca.meshca("issuer", "rotate", "--environment", "production", check=False)
                self.assertNotEqual(done.returncode, 0, "no rotation left a CA without a key")
                if len(self.issuing(viewer)) > 1:
                    break
            # more than one when a registration was on its way while its ceremony died
            orphans = sorted(row["id"][:16] for row in self.issuing(viewer) if row["crl"] is None)
            self.assertTrue(orphans)
            wait_for("the keeper says so", lambda: len(events(ca, "issuer-without-key")) == len(orphans))
            time.sleep(4)  # it would have asked twice more
            said = [json.loads(line)["issuer"] for line in events(ca, "issuer-without-key")]
            self.assertEqual(sorted(said), orphans)
            self.assertEqual(events(ca, "crl-not-made"), [])
            # it is in nobody's way
            ca.wait_ready()
            self.assertEqual(len(ca.fetch("production", "shop", "cart")), 3)
            text = ca.call("GET", "/v1/environments/production/crl")[2]
            self.assertEqual(len(re.findall(b"BEGIN X509 CRL", text)), 2)
            point.write_bytes(bytes(12))
            ca.meshca("issuer", "rotate", "--environment", "production")
            wait_for("one look at the new signer's keys",
                     lambda: len(events(ca, "issuer-without-key")) == 2 * len(orphans))
            self.assertEqual(len(ca.fetch("production", "shop", "cart")), 3)
        finally:
            ca.__exit__(None, None, None)


class Crowd:
    """Threads that each ask for one certificate after another on channels of their own; no refusal is
    forgotten. Channels are opened anew now and then, as agents do."""
    def __init__(self, ca, threads, environment="production"):
        self.ca, self.environment, self.stop = ca, environment, threading.Event()
        self.chains, self.failures = [], []
        self.key = new_key()  # not what is under test; every CSR still names another identity
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]

    def run(self, number):
        name = f"w{number}"
        csr = make_csr(self.key, f"spiffe://cluster.local/ns/load/sa/{name}")
        token = self.ca.issuers[self.environment].token("load", name)
        while not self.stop.is_set():
            with self.ca.channel(self.environment) as channel:
                for round_ in range(20):
                    if self.stop.is_set():
                        return
                    try:  # another lifetime is another request: no answer is a repeated one
                        self.chains.append(self.ca.create(channel, csr, token,
                                                          ttl_s=3600 + len(self.chains) + round_))
                    except Exception as error:  # the test shows what it was
                        self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_for("certificates for everybody", lambda: len(self.chains) >= 2 * len(self.threads))
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def go_on(self):
        count = len(self.chains)
        wait_for("more certificates", lambda: len(self.chains) > count + 2 * len(self.threads))


class UnderLoad(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(environments=("production",), ca_key="p-256",
                           overrides={"production": {"svid": "{ttl: 12h}"}})
        cls.ca.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    def test_rotation_with_32_callers_refuses_nobody(self):
        with Crowd(self.ca, 32) as crowd:
            first = crowd.chains[0]
            for _ in range(2):
                self.ca.meshca("issuer", "rotate", "--environment", "production")
                crowd.go_on()
        self.assertEqual(crowd.failures, [])
        self.assertEqual(len({chain[1] for chain in crowd.chains}), 3)
        self.assertEqual({chain[2] for chain in crowd.chains}, {first[2]})

    def test_reload_under_load_refuses_nobody(self):
        good = self.ca.config.read_text()
        serials = set()
        with Crowd(self.ca, 16) as crowd:
            for text in (good.replace("{ttl: 12h}", "{ttl: 6h}"), good + "colour: red\n", good):
                before = len(events(self.ca, "configuration-applied")) + len(events(self.ca, "configuration-refused"))
                self.ca.config.write_text(text)
                self.ca.process.send_signal(signal.SIGHUP)
                wait_for("an outcome in the log", lambda: before < len(events(self.ca, "configuration-applied")) +
                         len(events(self.ca, "configuration-refused")))
                crowd.go_on()
                chain = self.ca.fetch("production", "shop", "cart")
                leaf = certificate(chain[0])
                serials.add(leaf.serial_number)
                life = (leaf.not_valid_after - leaf.not_valid_before).total_seconds()
                self.assertEqual(life, 120 + 3600 * (6 if text != good else 12))
        self.assertEqual(crowd.failures, [])
        self.assertEqual(len(serials), 3)


class Listener(unittest.TestCase):
    def test_a_listeners_certificate_is_renewed_at_half_of_its_life(self):
        ca = Authority(environments=("production",), ca_key="p-256", overrides={
            "production": {"server": "{ttl: 12s, names: [localhost]}"}})
        try:
            ca.write()
            # the harness has a line of its own for this
            text = re.sub(r"    server: \{names.*\n", "", ca.config.read_text())
            ca.write_config = lambda: (ca.config.write_text(text), ca.config.chmod(0o600))
            ca.write_config()
            ca.init()
            ca.start()
            context = ssl.create_default_context(cadata=ca.anchors("production"))
            context.set_alpn_protocols(["h2"])

            def seen():
                with socket.create_connection(("127.0.0.1", ca.ports["production"])) as raw, \
                        context.wrap_socket(raw, server_hostname="localhost") as tls:
                    return tls.getpeercert()["serialNumber"]

            uri = "spiffe://cluster.local/ns/shop/sa/cart"
            with ca.channel("production") as channel:
                def ask(ttl):
                    return ca.create(channel, make_csr(new_key(), uri),
                                     ca.issuers["production"].token("shop", "cart"), ttl_s=ttl)

                ask(600)
                first, begin = seen(), time.monotonic()
                wait_for("another certificate", lambda: seen() != first, 15)
                # the connection that saw the first certificate lives past that one's end
                while time.monotonic() < begin + 13:
                    time.sleep(0.5)
                    self.assertEqual(len(ask(600 + int(time.monotonic() - begin))), 3)
            made = [json.loads(line) for line in events(ca, "listener-certified")]
            made = [line for line in made if line["environment"] == "production"]
            made = [datetime.datetime.fromisoformat(line["at"]) for line in made]
            self.assertGreaterEqual(len(made), 3)
            for before, after in zip(made, made[1:]):  # by the daemon's own clock: 6 s, and whole seconds
                self.assertAlmostEqual((after - before).total_seconds(), 6, delta=1.5)
        finally:
            ca.__exit__(None, None, None)


class TheEnd(unittest.TestCase):
    """SIGTERM: who is being answered gets the answer, who does not read does not hold up the rest."""
    DRAIN_S = 8

    def connect(self, ca, receive):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        raw.connect(("127.0.0.1", ca.rest))
        context = ssl.create_default_context(cadata=ca.anchors("operators"))
        tls = context.wrap_socket(raw, server_hostname="localhost")
        tls.settimeout(15)
        self.addCleanup(tls.close)
        return tls

    def read_slowly(self, tls, pieces, got, pause=0.2):
        try:
            while piece := tls.recv(pieces):
                got.append(piece)
                time.sleep(pause)
        except OSError:
            pass

    def test_slow_readers_are_cut_off_and_the_others_answered(self):
        ca = Authority(environments=("production",), ca_key="p-256")
        get = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
        try:
            ca.__enter__()
            deaf, slow = self.connect(ca, 4096), self.connect(ca, 4096)
            deaf.sendall((get + b"\r\n") * 60)  # 6 MB of answers, none of which it reads
            slow.sendall(get + b"Connection: close\r\n\r\n")
            body = json.dumps({"csr": "x"}).encode()
            late = self.connect(ca, 65536)
            late.sendall(b"POST /v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:3])
            time.sleep(0.5)
            got = []
            reader = threading.Thread(target=self.read_slowly, args=(slow, 8192, got))
            reader.start()
            begin = time.monotonic()
            ca.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            late.sendall(body[3:])
            answer = late.recv(65536)
            self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
            self.assertEqual(ca.process.wait(20), 0)
            ended = time.monotonic() - begin
            reader.join()
            self.assertGreater(ended, self.DRAIN_S - 1)
            self.assertLess(ended, self.DRAIN_S + 5)
            head, _, text = b"".join(got).partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
            self.assertEqual(json.loads(text)["openapi"], "3.1.0")
            self.assertEqual([json.loads(line)["left"] for line in events(ca, "drained")], [1])
            self.assertEqual(events(ca, "drain-cut-short"), [])
        finally:
            ca.__exit__(None, None, None)

    def test_a_slow_reader_alone_gets_the_whole_answer(self):
        ca = Authority(environments=("production",), ca_key="p-256")
        try:
            ca.__enter__()
            slow = self.connect(ca, 65536)
            get = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
            slow.sendall((get + b"\r\n") * 29 + get + b"Connection: close\r\n\r\n")
            time.sleep(0.5)
            ca.process.send_signal(signal.SIGTERM)
            got = []
            self.read_slowly(slow, 16384, got, 0.01)
            answers = b"".join(got).split(b"HTTP/1.1 200 OK\r\n")[1:]
            self.assertEqual(len(answers), 30)
            for answer in answers:
                self.assertEqual(json.loads(answer.partition(b"\r\n\r\n")[2])["openapi"], "3.1.0")
            self.assertEqual(ca.process.wait(20), 0)
        finally:
            ca.__exit__(None, None, None)

    def test_nobody_waits_for_those_who_say_nothing(self):
        ca = Authority(environments=("production",), ca_key="p-256")
        try:
            ca.__enter__()
            idle = self.connect(ca, 65536)
            with ca.channel("production") as channel:
                ca.create(channel, make_csr(new_key(), "spiffe://cluster.local/ns/shop/sa/cart"),
                          ca.issuers["production"].token("shop", "cart"))
                begin = time.monotonic()
                ca.stop()
            self.assertLess(time.monotonic() - begin, self.DRAIN_S - 2)
            self.assertEqual(idle.recv(1), b"")
        finally:
            ca.__exit__(None, None, None)


if __name__ == "__main__":
    unittest.main()

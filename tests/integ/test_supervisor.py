# SPDX-License-Identifier: Apache-2.0
"""The supervisor: what dies comes back, what changes is applied whole or not at all, keys rotate
under load, and the local socket answers root only."""
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
import unittest

import grpc

from harness import BIN, Authority, certificate, make_csr, new_key

STATUS, UNSEAL, RELOAD, ROTATE, ENV_ADD = 192, 194, 196, 198, 200
CA_CRL, CLOCK = 206, 204


def span(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("<I", len(data)) + data


class Admin:
    """One order on the local socket, frames by hand (base/chan.h)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(str(path))

    def order(self, kind, payload=b""):
        """(status, detail, text of the last answer, progress lines)"""
        item = struct.pack("<HHIQ", kind, 0, len(payload), 7) + payload
        self.socket.send(struct.pack("<HH", 1, 1) + item)
        lines = []
        while True:
            frame = self.socket.recv(1 << 17)
            if not frame:
                raise EOFError("hung up on")
            _, count = struct.unpack_from("<HH", frame)
            at = 4
            for _ in range(count):
                got, flags, size, corr = struct.unpack_from("<HHIQ", frame, at)
                body = frame[at + 16:at + 16 + size]
                at += 16 + size
                if got == 2:
                    continue
                assert (got, corr) == (kind + 1, 7)
                status, offset, spans = struct.unpack_from("<I", body)[0], 4, []
                while offset < len(body):
                    length = struct.unpack_from("<I", body, offset)[0]
                    spans.append(body[offset + 4:offset + 4 + length])
                    offset += 4 + length
                if flags & 1:
                    lines.append(spans[1].decode())
                else:
                    return status, spans[0].decode(), spans[1].decode(), lines


def admin(ca, kind, payload=b""):
    client = Admin(ca.folder / "state/run/admin.sock")
    try:
        return client.order(kind, payload)
    finally:
        client.socket.close()


def about(environment, passphrase="", root=""):
    return span(environment) + span(passphrase) + span(root)


def status(ca):
    return json.loads(admin(ca, STATUS)[2])


def find(state, role, environment=""):
    rows = [r for r in state["roles"]
            if r["role"] == role and (not environment or r["environment"] == environment)]
    return rows[-1]


def wait_for(what, check, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Load:
    """Fetches certificates until stopped; every failure is kept."""

    def __init__(self, ca, environment):
        self.ca, self.environment = ca, environment
        self.failures, self.chains, self.stopping = [], [], False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        i = 0
        with self.ca.channel(self.environment) as channel:
            while not self.stopping:
                i += 1
                try:
                    self.chains.append(self.ca.create(
                        channel, make_csr(new_key(), f"spiffe://cluster.local/ns/load/sa/w{i}"),
                        self.ca.issuers[self.environment].token("load", f"w{i}")))
                except Exception as error:  # the test shows what it was
                    self.failures.append(error)

    def __enter__(self):
        self.thread.start()
        wait_for("first certificate", lambda: self.chains or self.failures)
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()


class Supervisor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(environments=("production", "staging"), ca_key="p-256",
                           overrides={"staging": {"issuing_lifetime": "30d"}})
        cls.ca.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    def ready(self):
        wait_for("ready", lambda: status(self.ca)["ready"])
        self.ca.wait_ready()

    def test_status_names_every_process_and_the_shared_user(self):
        self.ready()
        state = status(self.ca)
        self.assertLessEqual({"production", "staging", "operators"},
                             {r["environment"] for r in state["roles"]})
        for role in ("front", "ledger", "keeper", "operators"):
            self.assertEqual(find(state, role)["state"], "ready")
        self.assertTrue(state["shared_uid"])
        self.assertIn("roles-share-one-user", self.ca.log.read_text())

    def test_the_local_socket_is_its_owners(self):
        path = self.ca.folder / "state/run/admin.sock"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        client = Admin(path)
        with client.socket, self.assertRaises((EOFError, ConnectionError)):
            client.order(64)  # an order that is none

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_the_local_socket_refuses_strangers(self):
        path = self.ca.folder / "state/run/admin.sock"
        opened = [path, *list(path.parents)[:3]]
        modes = [p.stat().st_mode for p in opened]
        try:
            for p in opened:
                p.chmod(0o777)
            code = ("import socket,sys;s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET);"
                    "s.connect(sys.argv[1]);s.settimeout(5);"
                    "sys.exit(0 if s.recv(9)==b'' else 1)")
            done = subprocess.run(["/usr/bin/python3", "-c", code, path], user=65534)
            self.assertEqual(done.returncode, 0, "a stranger was not hung up on")
        finally:
            for p, mode in zip(opened, modes):
                p.chmod(stat.S_IMODE(mode))

    def test_each_killed_role_comes_back(self):
        for role, environment in (("front", ""), ("ledger", ""), ("keeper", ""),
                                  ("signer", "production"), ("operators", "")):
            with self.subTest(role=role):
                self.ready()
                before = find(status(self.ca), role, environment)
                os.kill(before["pid"], signal.SIGKILL)
                wait_for("another process", lambda: find(status(self.ca), role, environment)
                         ["pid"] not in (0, before["pid"]))
                self.ready()
                after = find(status(self.ca), role, environment)
                self.assertEqual(after["restarts"], before["restarts"] + 1)
                self.assertEqual(len(self.ca.fetch("production", "back", role)), 3)

    def test_a_bad_file_changes_nothing(self):
        self.ready()
        before = status(self.ca)
        good = self.ca.config.read_text()
        for text, expected in ((good + "colour: red\n", "colour: no such key"),
                               (good.replace("instance: 1", "instance: 2"),
                                "instance cannot change"),
                               (good.replace("name: staging", "name: stage"), "staging is gone")):
            try:
                self.ca.config.write_text(text)
                code, detail, _, _ = admin(self.ca, RELOAD)
            finally:
                self.ca.config.write_text(good)
            self.assertNotEqual(code, 0)
            self.assertIn(expected, detail)
        after = status(self.ca)
        self.assertEqual([r["pid"] for r in before["roles"]], [r["pid"] for r in after["roles"]])
        self.assertEqual(admin(self.ca, RELOAD)[0], 0)

    def test_a_new_policy_takes_over_without_a_refusal(self):
        self.ready()
        old = find(status(self.ca), "signer", "staging")["pid"]
        good = self.ca.config.read_text()
        with Load(self.ca, "staging") as load:
            self.ca.config.write_text(good.replace("issuing_lifetime: 30d",
                                                   "issuing_lifetime: 30d\n    svid: {ttl: 1h}"))
            code, detail, _, _ = admin(self.ca, RELOAD)
            self.assertEqual((code, detail), (0, ""))
            count = len(load.chains)
            wait_for("more certificates", lambda: len(load.chains) > count + 5)
        self.assertEqual(load.failures, [])
        life = [certificate(c[0]).not_valid_after - certificate(c[0]).not_valid_before
                for c in (load.chains[0], load.chains[-1])]
        self.assertGreater(life[0].total_seconds(), 80000)
        self.assertLess(life[1].total_seconds(), 4000)
        wait_for("the old signer's end", lambda: not os.path.exists(f"/proc/{old}"))
        self.ca.config.write_text(good)
        self.assertEqual(admin(self.ca, RELOAD)[0], 0)

    def test_rotation_under_load(self):
        self.ready()
        folder = self.ca.folder / "state/keys/production"
        with Load(self.ca, "production") as load:
            first = load.chains[0]
            code, detail, _, lines = admin(self.ca, ROTATE, about("production"))
            self.assertEqual((code, detail), (0, ""))
            self.assertTrue(lines, "no progress was told")
            count = len(load.chains)
            wait_for("more certificates", lambda: len(load.chains) > count + 5)
        self.assertEqual(load.failures, [])
        self.assertNotEqual(load.chains[-1][1], first[1], "the issuing CA is the old one")
        self.assertEqual(load.chains[-1][2], first[2], "the trust anchor changed")
        self.assertEqual(len(list(folder.glob("issuing-*.pem"))), 1)
        self.assertEqual(len([r for r in status(self.ca)["roles"]
                              if r["environment"] == "production" and r["state"] == "ready"]), 1)

    def test_an_order_waits_for_another_ceremony(self):
        """The keeper's CRL after a revocation is no reason to send an administrator away."""
        orders = [threading.Thread(target=lambda: outcomes.append(
            self.ca.meshca("crl", "renew", "--environment", "production", check=False))) for _ in range(3)]
        outcomes = []
        for order in orders:
            order.start()
        for order in orders:
            order.join()
        self.assertEqual([done.returncode for done in outcomes], [0, 0, 0], [done.stderr for done in outcomes])
        self.assertIn("waiting for its end", "".join(done.stderr for done in outcomes))

    def test_orders_about_nothing_are_refused(self):
        self.ready()
        for kind in (UNSEAL, ROTATE, ENV_ADD, CA_CRL):
            code, detail, _, _ = admin(self.ca, kind, about("nowhere", "x", "y"))
            self.assertNotEqual(code, 0)
            self.assertIn("no", detail)
        self.assertIn("there already", admin(self.ca, ENV_ADD, about("production", "", "y"))[1])

    def test_a_fresh_crl_of_the_environment_ca_and_the_clock(self):
        self.ready()
        self.assertEqual(admin(self.ca, CA_CRL, about("staging"))[:2], (0, ""))
        self.assertEqual(admin(self.ca, CLOCK)[0], 0)

    def test_a_second_daemon_and_a_second_init_are_refused(self):
        for option in ([], ["--init", "--root-passphrase-file", self.ca.folder / "root.pass"]):
            done = subprocess.run([BIN / "meshcad", "--config", self.ca.config, *option],
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn("another meshcad uses", done.stderr)
        self.ready()

    def test_an_environment_joins_while_running(self):
        self.ready()
        good, pids = self.ca.config.read_text(), {r["pid"] for r in status(self.ca)["roles"]
                                                  if r["role"] != "signer"}
        extra = Authority(folder=self.ca.folder, environments=("late",), ca_key="p-256")
        secret = extra.folder / "late.pass"
        secret.write_text("a passphrase of its own\n")
        secret.chmod(0o600)
        (extra.folder / "late.jwks").write_text(extra.issuers["late"].jwks())
        self.ca.config.write_text(good + f"""  - name: late
    ca_key: p-256
    grpc: {{listen: "127.0.0.1:{extra.ports['late']}"}}
    passphrase_file: {secret}
    clusters: [{{issuer: "https://kubernetes.default.svc", jwks_file: {extra.folder}/late.jwks}}]
""")
        root = (self.ca.folder / "root.pass").read_text().strip()
        self.assertEqual(admin(self.ca, RELOAD)[0], 0)
        self.assertIn("meshca environment add late",
                      find(status(self.ca), "signer", "late")["detail"])
        code, detail, _, _ = admin(self.ca, ENV_ADD, about("late", "", root))
        self.assertEqual((code, detail), (0, ""))
        self.ready()
        self.assertEqual(len(extra.fetch("late", "ecotrack", "first")), 3)
        self.assertTrue(pids <= {r["pid"] for r in status(self.ca)["roles"]})


class Sealed(unittest.TestCase):
    def test_sealed_start_unseal_and_changes_by_hand(self):
        with_file = dict(environments=("production", "staging"), ca_key="p-256")
        ca = Authority(sealed=("staging",), **with_file)
        secret = None
        try:
            ca.write()
            ca.init()
            secret = (ca.folder / "staging.pass").read_text().strip()
            ca.start(ready=False)
            wait_for("socket", (ca.folder / "state/run/admin.sock").exists)
            wait_for("sealed", lambda: find(status(ca), "signer", "staging")["state"] == "sealed")
            wait_for("production", lambda: find(status(ca), "signer", "production")["state"] ==
                     "ready")
            # nobody can be told anything in a connection without a certificate: the log tells
            with socket.create_connection(("127.0.0.1", ca.ports["staging"])):
                wait_for("a log line", lambda: '"event":"clients-wait"' in ca.log.read_text())
            self.assertEqual(len(ca.fetch("production", "ecotrack", "order-service")), 3)
            self.assertNotEqual(admin(ca, UNSEAL, about("staging", "not it"))[0], 0)
            self.assertEqual(find(status(ca), "signer", "staging")["state"], "sealed")
            # guessing is slowed down by the signer
            wait_for("unsealed", lambda: admin(ca, UNSEAL, about("staging", secret))[0] == 0, 70)
            ca.wait_ready()
            old = ca.fetch("staging", "ecotrack", "order-service")
            # no credential is configured: who rotates brings the passphrase
            code, detail, _, _ = admin(ca, ROTATE, about("staging"))
            self.assertNotEqual(code, 0)
            self.assertIn("passphrase", detail)
            self.assertEqual(admin(ca, ROTATE, about("staging", secret))[:2], (0, ""))
            new = ca.fetch("staging", "ecotrack", "order-service")
            self.assertNotEqual(old[1], new[1])
            # a changed policy waits for the passphrase; the old signer serves meanwhile
            ca.overrides = {"staging": {"verify_sample": 1}}
            ca.write_config()
            code, _, text, _ = admin(ca, RELOAD)
            self.assertEqual(code, 0)
            self.assertIn("unseal", text)
            self.assertEqual(len(ca.fetch("staging", "ecotrack", "payment-service")), 3)
            self.assertEqual(admin(ca, UNSEAL, about("staging", secret))[:2], (0, ""))
            wait_for("one signer", lambda: [r["state"] for r in status(ca)["roles"]
                                            if r["environment"] == "staging"] == ["ready"])
            self.assertEqual(len(ca.fetch("staging", "ecotrack", "user-service")), 3)
            # sealed anew: the listener's certificate still holds, so that clients can be told
            os.kill(find(status(ca), "signer", "staging")["pid"], signal.SIGKILL)
            wait_for("sealed", lambda: find(status(ca), "signer", "staging")["state"] == "sealed")
            with self.assertRaises(grpc.RpcError) as refused:
                ca.fetch("staging", "ecotrack", "user-service")
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("environment staging is sealed: run meshca unseal staging",
                          refused.exception.details())
            self.assertIn("meshca unseal staging", ca.probe("/readyz")[1])
            self.assertEqual(admin(ca, UNSEAL, about("staging", secret))[:2], (0, ""))
            self.assertEqual(len(ca.fetch("staging", "ecotrack", "user-service")), 3)
            # each opening is an event, at the start, of the standby and anew; a wrong passphrase and one too many not
            self.assertNotEqual(admin(ca, UNSEAL, about("staging", secret))[0], 0)
            events = ca.call("GET", "/v1/events?limit=500", person=ca.admin())[2]["events"]
            opened = [e for e in events if e["action"] == "environment-unsealed"]
            self.assertEqual([(e["target"], e["from"]) for e in opened], [("staging", "local socket")] * 3)
            self.assertEqual(len({e["request_id"] for e in opened}), 3)
            self.assertNotIn(secret, ca.log.read_text())
        finally:
            ca.__exit__(None, None, None)


@unittest.skipUnless(os.geteuid() == 0, "only root can give each role its own user")
class Users(unittest.TestCase):
    def test_each_role_runs_as_its_own_user(self):
        uids = {"front": 61001, "ledger": 61002, "keeper": 61003, "production": 61004,
                "operators": 61005}
        ca = Authority(environments=("production",), ca_key="p-256", overrides={
            "top": {f"{role}_user": uids[role] for role in ("front", "ledger", "keeper")} |
            {"user": uids["operators"]}, "production": {"user": uids["production"]}})
        ca.folder.chmod(0o711)  # a folder of /tmp is closed; /var/lib is not
        with ca:
            wait_for("all ready", lambda: status(ca)["ready"])
            state = status(ca)
            self.assertFalse(state["shared_uid"])
            for row in state["roles"]:
                text = open(f"/proc/{row['pid']}/status").read()
                found = next(line for line in text.splitlines() if line.startswith("Uid:"))
                uid = uids[row["environment"] or row["role"]]
                self.assertEqual(found.split()[1:], [str(uid)] * 4, row)
            self.assertEqual(len(ca.fetch("production", "ecotrack", "order-service")), 3)
            self.assertEqual(admin(ca, ROTATE, about("production"))[:2], (0, ""))
            ledger = find(status(ca), "ledger")["pid"]
            os.kill(ledger, signal.SIGKILL)
            wait_for("another ledger", lambda: find(status(ca), "ledger")["pid"] not in (0, ledger))
            ca.wait_ready()
            self.assertEqual(len(ca.fetch("production", "ecotrack", "order-service")), 3)


class Start(unittest.TestCase):
    def run_daemon(self, ca, *options):
        return subprocess.run([BIN / "meshcad", "--config", ca.config, *options],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)

    def test_a_killed_init_goes_on_and_a_finished_one_is_kept(self):
        ca = Authority(environments=("production",), ca_key="p-256")
        ca.write()
        options = ["--init", "--root-passphrase-file", ca.folder / "root.pass"]
        killed = subprocess.Popen([BIN / "meshcad", "--config", ca.config, *options],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        root = ca.folder / "state/keys/root/root.pem"
        wait_for("the root's key file", root.exists, 60)
        killed.kill()
        killed.wait()
        kept = root.read_bytes()
        wait_for("the lock", lambda: "another meshcad" not in self.run_daemon(ca, *options).stderr)
        self.assertEqual(root.read_bytes(), kept)
        self.assertTrue((ca.folder / "state/keys/operators/issuing.pem").exists())
        done = self.run_daemon(ca, *options)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there already; nothing was changed", done.stderr)
        self.assertEqual(root.read_bytes(), kept)
        ca.start()
        self.assertEqual(len(ca.fetch("production", "ecotrack", "order-service")), 3)
        children = [r["pid"] for r in status(ca)["roles"]]
        process = ca.process
        ca.stop()
        self.assertEqual(process.returncode, 0)
        for pid in children:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), "a role outlived its supervisor")
        shutil.rmtree(ca.folder)

    def test_one_clear_sentence_each(self):
        ca = Authority(environments=("production",))
        ca.write()
        with socket.socket() as busy:
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            busy.bind(("127.0.0.1", ca.ports["production"]))
            busy.listen()
            done = self.run_daemon(ca)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count('"port-busy"'), 1, "it says once that it waits")
        self.assertRegex(done.stderr.splitlines()[-1],
                         r"^meshcad: production: port \d+ on 127.0.0.1 is in use")
        ca.config.chmod(0o666)
        self.assertIn("others can write it; run chmod go-w", self.run_daemon(ca).stderr)
        ca.config.chmod(0o600)
        (ca.folder / "production.pass").unlink()
        done = self.run_daemon(ca, "--init", "--root-passphrase-file", ca.folder / "root.pass")
        self.assertIn("does not exist; make it", done.stderr)
        self.assertFalse((ca.folder / "state/keys/root").exists(), "half an authority")
        shutil.rmtree(ca.folder)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Every verb of `meshca` against the real daemon."""
import datetime
import json
import os
import pty
import shutil
import subprocess
import time
import unittest

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from harness import BIN, Authority, Issuer, free_port, make_csr, new_key


def certs(text):
    if isinstance(text, bytes):
        text = text.decode()
    end = "-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate((block + end).encode())
            for block in text.split(end)[:-1]]


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(environments=("production", "sealed"), sealed=("sealed",))
        cls.ca.write()
        cls.ca.init()
        cls.ca.start(ready=False)
        end = time.monotonic() + 30
        while cls.ca.meshca("status", check=False).returncode != 0 and time.monotonic() < end:
            time.sleep(0.1)
        cls.alice = cls.ca.admin("alice")

    @classmethod
    def tearDownClass(cls):
        try:
            cls.ca.stop()
        finally:
            if os.environ.get("MESHCA_KEEP"):
                print(cls.ca.folder)
            else:
                shutil.rmtree(cls.ca.folder, ignore_errors=True)

    def run_it(self, *words, code=0, says="", person=None):
        if person is not None:
            words = (*words, "--client", person / "client.json")
        done = self.ca.meshca(*words, check=False)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        self.assertIn(says, done.stdout + done.stderr)
        return done.stdout

    def json(self, *words, **options):
        return json.loads(self.run_it(*words, "--json", **options))

    def token(self, environment="production"):
        path = self.ca.folder / "token"
        path.write_text(self.ca.issuers[environment].token("shop", "cart"))
        return path

    def fetch(self, out, *more, environment="production", **options):
        roots = self.ca.folder / f"{environment}.roots"
        roots.write_text(self.ca.anchors(environment))
        return self.run_it("svid", "fetch", "--address",
                           f"localhost:{self.ca.ports[environment]}", "--ca", roots,
                           "--namespace", "shop", "--service-account", "cart", "--out", out,
                           *more, **options)

    def wait_issuing(self, environment):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            rows = self.json("status")["roles"]
            states = [r["state"] for r in rows if r["role"] == "signer"
                      and r["environment"] == environment]
            if "ready" in states:
                return
            time.sleep(0.1)
        self.fail(f"{environment} does not get ready: {rows}")

    # --- the machine ---
    def test_status(self):
        status = self.json("status")
        roles = {row["role"] for row in status["roles"]}
        self.assertLessEqual({"front", "ledger", "keeper", "signer"}, roles)
        text = self.run_it("status")
        self.assertIn("ROLE", text)
        self.assertIn("production", text)

    def test_nobody_answers(self):
        other = self.ca.folder / "other.yaml"
        other.write_text(self.ca.config.read_text().replace(
            f"{self.ca.folder}/state", f"{self.ca.folder}/nowhere"))
        other.chmod(0o600)
        done = subprocess.run([BIN / "meshca", "status", "--config", other],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("is meshcad running?", done.stderr)

    def test_reload(self):
        self.run_it("reload")
        text = self.ca.config.read_text()
        try:
            self.ca.config.write_text(text + "unheard_of: 1\n")
            self.run_it("reload", code=1, says="unheard_of")
        finally:
            self.ca.config.write_text(text)
        self.run_it("reload")

    def test_clock_accept(self):
        before = len(self.events("clock-accepted"))
        self.run_it("clock", "accept")
        (event,) = self.events("clock-accepted")[:-before or None]
        self.from_here(event, None)

    def events(self, action):
        return [e for e in self.json("event", "list", person=self.alice)["events"] if e["action"] == action]

    def from_here(self, event, target):
        """An act of this process's user on the local socket, by a request of its own."""
        self.assertEqual((event["actor"], event["from"], event["target"]),
                         (f"uid {os.getuid()} on the local socket", "local socket", target))
        self.assertNotEqual(int(event["request_id"], 16), 0)

    def test_ledger_verify(self):
        self.fetch(self.ca.folder / "v", "--token-file", self.token())
        self.run_it("ledger", "verify")
        self.assertTrue(self.json("ledger", "verify")["ok"])
        self.run_it("ledger", "verify", "--ledger", "/nonexistent", code=1)

    def test_unseal(self):
        token = self.token("sealed")
        done = self.ca.meshca("unseal", "sealed", "--passphrase-file",
                              self.ca.folder / "production.pass", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("passphrase", done.stderr)
        self.assertEqual(self.events("environment-unsealed"), [])
        self.fetch(self.ca.folder / "s", "--token-file", token, environment="sealed", code=3)
        self.unseal_at_a_terminal()
        (event,) = self.events("environment-unsealed")
        self.from_here(event, "sealed")
        self.wait_issuing("sealed")
        self.fetch(self.ca.folder / "s", "--token-file", token, environment="sealed")
        self.run_it("unseal", "nowhere", "--passphrase-file", self.ca.folder / "production.pass",
                    code=4)

    def unseal_at_a_terminal(self):
        """Asks without echo when there is a terminal."""
        secret = (self.ca.folder / "sealed.pass").read_text()
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(BIN / "meshca", ["meshca", "unseal", "sealed", "--config",
                                      str(self.ca.config)])
        seen = b""
        while b"Passphrase of sealed: " not in seen:
            seen += os.read(fd, 1024)
        os.write(fd, secret.encode())
        with open(fd, "rb", buffering=0) as tty:
            try:
                while piece := tty.read(1024):
                    seen += piece
            except OSError:
                pass
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, seen)
        self.assertNotIn(secret.strip().encode(), seen)

    def test_passphrase_file_that_others_read(self):
        path = self.ca.folder / "open.pass"
        path.write_text("x")
        path.chmod(0o644)
        self.run_it("unseal", "sealed", "--passphrase-file", path, code=2, says="others may read")

    # --- workloads ---
    def test_svid_fetch_and_renew(self):
        out = self.ca.folder / "svid"
        told = json.loads(self.fetch(out, "--token-file", self.token(), "--json"))
        self.assertEqual(told["identity"], "spiffe://cluster.local/ns/shop/sa/cart")
        self.fetch(self.ca.folder / "svid2", "--client-cert", out / "cert-chain.pem",
                   "--client-key", out / "key.pem", "--key-type", "rsa2048")
        self.fetch(self.ca.folder / "svid3", "--token-file", self.token("sealed"), code=5)
        self.fetch(self.ca.folder / "svid3", "--token-file", self.token(), "--ttl", "3600d",
                   code=1, says="INVALID_ARGUMENT")
        row = self.json("cert", "show", told["serial"], person=self.alice)
        self.assertEqual(row["identity"], told["identity"])

    # --- certificates ---
    def test_issue_show_revoke(self):
        out = self.ca.folder / "web"
        self.run_it("cert", "issue", "--environment", "production", "--namespace", "shop",
                    "--service-account", "web", "--ttl", "1h", "--out", out, person=self.alice)
        chain = certs((out / "cert-chain.pem").read_bytes())
        self.assertEqual(len(chain), 2)
        self.assertEqual(chain[0].not_valid_after - chain[0].not_valid_before,
                         datetime.timedelta(seconds=3720))
        serial = f"{chain[0].serial_number:x}"
        serial = serial.zfill(len(serial) + len(serial) % 2)
        self.assertIn("shop/sa/web", self.run_it("cert", "show", serial, person=self.alice))
        shown = self.run_it("cert", "show", serial, "--format", "pem", person=self.alice)
        self.assertEqual(certs(shown)[0], chain[0])
        colons = ":".join(serial[i:i + 2] for i in range(0, len(serial), 2)).upper()
        row = self.json("cert", "revoke", colons, "--reason", "superseded", person=self.alice)
        self.assertEqual((row["state"], row["reason"]), ("revoked", "superseded"))
        self.run_it("cert", "revoke", serial, code=1, person=self.alice)
        self.run_it("cert", "revoke", serial, "--reason", "boredom", code=1, person=self.alice)
        ca = self.json("issuer", "list", person=self.alice)["issuers"][0]["serial"]
        self.run_it("cert", "revoke", ca, "--reason", "boredom", code=1, says="RFC 5280", person=self.alice)
        self.run_it("cert", "revoke", ca, "--reason", "x" * 5000, code=2, says="too long", person=self.alice)
        self.run_it("cert", "show", "01" * 16, code=4, person=self.alice)
        self.wait_revoked(chain[0].serial_number)

    def wait_revoked(self, serial):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            text = self.run_it("crl", "--environment", "production", person=self.alice)
            blocks = text.split("-----END X509 CRL-----\n")[:-1]
            crls = [x509.load_pem_x509_crl((b + "-----END X509 CRL-----\n").encode())
                    for b in blocks]
            self.assertGreaterEqual(len(crls), 2)
            if any(c.get_revoked_certificate_by_serial_number(serial) for c in crls):
                return
            time.sleep(0.2)
        self.fail("the revoked certificate is in no CRL")

    def test_issue_from_csr(self):
        csr = self.ca.folder / "server.csr"
        key = new_key()
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        builder = builder.add_extension(x509.SubjectAlternativeName(
            [x509.DNSName("istiod.istio-system.svc")]), critical=True)
        csr.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM))
        words = ("cert", "issue", "--environment", "production", "--profile", "server", "--dns",
                 "istiod.istio-system.svc", "--csr", csr, "--idempotency-key", "k1")
        first = certs(self.run_it(*words, person=self.alice))
        again = self.json(*words, person=self.alice)
        self.assertTrue(again["duplicate"])
        self.assertEqual(certs(again["chain"][0])[0], first[0])
        self.run_it("cert", "issue", "--environment", "production", "--profile", "server",
                    "--dns", "evil.example", "--csr", csr, code=1, person=self.alice)
        self.run_it("cert", "issue", "--environment", "nowhere", "--profile", "server",
                    "--dns", "istiod.istio-system.svc", "--csr", csr, code=4,
                    person=self.alice)

    def test_exit_status_is_the_same_with_a_key_made_here(self):
        words = ("--namespace", "shop", "--service-account", "x", "--out",
                 self.ca.folder / "nowhere")
        self.run_it("cert", "issue", "--environment", "nowhere", *words, code=4,
                    says="there is no environment nowhere", person=self.alice)
        self.run_it("cert", "issue", "--environment", "production", *words, "--url",
                    f"https://localhost:{free_port()}", code=3, person=self.alice)

    def test_refusals_name_keys_that_exist(self):
        csr = self.ca.folder / "foreign.csr"
        csr.write_bytes(make_csr(new_key()))
        self.run_it("cert", "issue", "--environment", "production", "--profile", "server",
                    "--dns", "evil.example", "--csr", csr, code=1,
                    says="evil.example is not in server.names or grpc.dns_names of production",
                    person=self.alice)

    def test_list(self):
        for n in range(3):
            self.run_it("cert", "issue", "--environment", "production", "--namespace", "shop",
                        "--service-account", "many", "--out", self.ca.folder / f"many{n}",
                        person=self.alice)
        identity = "spiffe://cluster.local/ns/shop/sa/many"
        rows = self.json("cert", "list", "--identity", identity, person=self.alice)
        self.assertEqual(len(rows["certificates"]), 3)
        rows = self.json("cert", "list", "--identity", identity, "--limit", "2",
                         "--state", "signed", "--expires-before", "30d", person=self.alice)
        self.assertEqual(len(rows["certificates"]), 2)
        self.assertIsNotNone(rows["next"])
        text = self.run_it("cert", "list", "--environment", "production", person=self.alice)
        self.assertIn(identity, text)
        self.run_it("cert", "list", "--state", "odd", code=1, person=self.alice)
        self.run_it("cert", "list", "--limit", "0", code=2, person=self.alice)

    # --- the authority ---
    def test_issuers_bundle_crl(self):
        rows = self.json("issuer", "list", "--environment", "production", person=self.alice)
        ids = {row["profile"]: row["id"] for row in rows["issuers"]}
        self.assertIn("issuing", ids)
        self.assertIn(ids["issuing"], self.run_it("issuer", "list", person=self.alice))
        bundle = self.run_it("bundle", "--environment", "production", "--url",
                             f"https://localhost:{self.ca.rest}", "--ca",
                             self.alice / "operators-ca.crt")
        self.assertEqual(bundle, self.ca.anchors("production"))
        spiffe = self.json("bundle", "--environment", "production", person=self.alice)
        self.assertEqual(len(spiffe["keys"]), 1)
        crls = self.json("crl", "--environment", "production", person=self.alice)["crls"]
        self.assertEqual("".join(crls), self.run_it("crl", "--environment", "production", person=self.alice))
        crls = self.json("crl", "--issuer", ids["issuing"], person=self.alice)["crls"]
        self.assertEqual(len(crls), 1)
        x509.load_pem_x509_crl(crls[0].encode())
        out = self.ca.folder / "one.crl"
        self.run_it("crl", "--issuer", ids["issuing"], "--format", "der", "--out", out,
                    person=self.alice)
        x509.load_der_x509_crl(out.read_bytes())
        self.run_it("bundle", "--environment", "nowhere", code=4, person=self.alice)
        self.run_it("crl", code=2, person=self.alice)
        self.run_it("crl", "--issuer", "zz", code=4, says="lists show what there is",
                    person=self.alice)
        for option in ("--ca", "--cert", "--key"):
            self.run_it("issuer", "list", option, "/nope", code=1,
                        says="/nope: No such file", person=self.alice)
        self.run_it("unseal", "nowhere", code=4, says="no environment nowhere")

    def ca_crl(self, profile, environment):
        """The CRL that the CA of this profile signed last."""
        rows = self.json("issuer", "list", person=self.alice)["issuers"]
        issuer = next(row["id"] for row in rows if row["profile"] == profile
                      and row["environment"] == environment)
        return x509.load_pem_x509_crl(self.run_it("crl", "--issuer", issuer,
                                                  person=self.alice).encode())

    def test_crl_renew(self):
        root = self.ca.folder / "root.pass"
        for profile, environment, words in (
                ("environment", "production", ("--environment", "production")),
                ("root", None, ("--root", "--root-passphrase-file", root))):
            number = self.ca_crl(profile, environment).extensions.get_extension_for_class(
                x509.CRLNumber).value.crl_number
            self.run_it("crl", "renew", *words)
            again = self.ca_crl(profile, environment)
            self.assertGreater(again.extensions.get_extension_for_class(
                x509.CRLNumber).value.crl_number, number)
        done = self.ca.meshca("crl", "renew", "--environment", "sealed", "--passphrase-file",
                              self.ca.folder / "sealed.pass")
        self.assertIn("CRL", done.stderr)
        self.run_it("crl", "renew", "--root", "--root-passphrase-file",
                    self.ca.folder / "production.pass", code=1)
        self.run_it("crl", "renew", code=2, says="--root")
        self.run_it("crl", "renew", "--root", code=2, says="use --root-passphrase-file")
        self.run_it("crl", "renew", "--root", "--environment", "production", code=2)
        self.run_it("crl", "renew", "--environment", "nowhere", code=4)

    def test_events(self):
        self.run_it("crl", "renew", "--environment", "production")
        rows = self.json("event", "list", person=self.alice)["events"]
        self.assertGreater(len(rows), 3)
        numbers = [row["sequence"] for row in rows]
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        some = self.json("event", "list", "--limit", "2", person=self.alice)
        self.assertEqual(len(some["events"]), 2)
        self.assertIsNotNone(some["next"])
        text = self.run_it("event", "list", person=self.alice)
        self.assertTrue(text.startswith("SEQ "), text)
        self.assertIn("user-added", text)
        self.run_it("event", "list", "--limit", "0", code=2, person=self.alice)

    def test_rotate(self):
        def issuing():
            rows = self.json("issuer", "list", "--environment", "production", person=self.alice)
            return [row["id"] for row in rows["issuers"] if row["profile"] == "issuing"]
        before = issuing()
        self.run_it("issuer", "rotate", "--environment", "production")
        self.assertEqual(len(issuing()), len(before) + 1)
        self.fetch(self.ca.folder / "r", "--token-file", self.token())
        self.run_it("issuer", "rotate", "--environment", "nowhere", code=4)

    # --- people ---
    def test_users(self):
        folder = self.ca.folder / "people" / "bob"
        self.run_it("user", "add", "bob", "--role", "viewer", "--out", folder,
                    person=self.alice)
        self.assertEqual((folder / "bob.key").stat().st_mode & 0o777, 0o600)
        names = {u["name"]: u["role"]
                 for u in self.json("user", "list", person=folder)["users"]}
        self.assertEqual((names["alice"], names["bob"]), ("admin", "viewer"))
        self.assertIn("bob", self.run_it("user", "list", person=self.alice))
        self.run_it("user", "remove", "alice", code=5, person=folder)
        self.run_it("user", "add", "eve", "--role", "admin", "--out",
                    self.ca.folder / "people" / "eve", code=5, person=folder)
        self.assertFalse((self.ca.folder / "people" / "eve" / "eve.key").exists())
        self.run_it("user", "remove", "bob", person=self.alice)
        self.run_it("user", "list", code=5, person=folder)
        self.run_it("user", "remove", "bob", code=4, person=self.alice,
                    says="meshca: There is no such thing: there is no such person. Check the name; ")
        self.run_it("user", "remove", "alice", code=1, person=self.alice)
        self.run_it("user", "add", "../x", "--role", "admin", "--out", folder, code=2)
        self.run_it("user", "add", "x", "--role", "king", "--out", folder, code=2)

    def test_key_is_never_replaced(self):
        key = (self.alice / "alice.key").read_bytes()
        self.run_it("user", "add", "alice", "--role", "admin", "--out", self.alice, code=1,
                    says="is there already")
        self.assertEqual((self.alice / "alice.key").read_bytes(), key)

    def test_default_client(self):
        home = self.ca.folder / "home"
        home.mkdir(exist_ok=True)
        environ = {**os.environ, "HOME": str(home)}

        def run(*words):
            return subprocess.run([BIN / "meshca", *map(str, words)], env=environ,
                                  capture_output=True, text=True, timeout=60)
        done = run("user", "list")
        self.assertEqual(done.returncode, 2)
        self.assertIn("who are you?", done.stderr)
        done = run("user", "add", "dora", "--role", "operator", "--default", "--out",
                   self.ca.folder / "people" / "dora", "--config", self.ca.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("user", "list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("dora", done.stdout)

    def test_workloads_are_nobody_at_rest(self):
        out = self.ca.folder / "cart"
        self.fetch(out, "--token-file", self.token())
        words = ("cert", "list", "--url", f"https://localhost:{self.ca.rest}", "--cert",
                 out / "cert-chain.pem", "--key", out / "key.pem", "--ca",
                 self.alice / "operators-ca.crt")
        self.run_it(*words, code=5)


class Environments(unittest.TestCase):
    """An authority that `meshca init` made, and environments added to it."""
    def join(self, ca, name):
        ca.environments = (*ca.environments, name)
        ca.ports[name], ca.issuers[name] = free_port(), Issuer()
        (ca.folder / f"{name}.jwks").write_text(ca.issuers[name].jwks())
        secret = ca.folder / f"{name}.pass"
        secret.touch(mode=0o600)
        secret.write_text(f"passphrase of {name}\n")
        ca.write_config()

    def add(self, ca, name, *more, code=0):
        done = ca.meshca("environment", "add", name, "--root-passphrase-file",
                         ca.folder / "root.pass", *more, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def fetch(self, ca, name):
        end = time.monotonic() + 20
        while True:
            try:
                return ca.fetch(name, "shop", "cart")
            except grpc.RpcError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def test_everything_before_init(self):
        """A daemon without an authority: who orders too early is told what comes first."""
        ca = Authority(environments=("production",), ca_key="p-256")
        ca.write()
        try:
            ca.start(ready=False)
            end = time.monotonic() + 20
            while (done := ca.meshca("status", check=False)).returncode != 0:
                self.assertLess(time.monotonic(), end, done.stderr)
                time.sleep(0.1)
            self.assertEqual(done.stdout.count("no key file; stop meshcad and run meshca init"), 2, done.stdout)
            for words, code, says in (
                    (("issuer", "rotate", "--environment", "production"), 4, "run meshca environment add first"),
                    (("crl", "renew", "--environment", "production"), 4, "run meshca environment add first"),
                    (("environment", "add", "production", "--root-passphrase-file", ca.folder / "root.pass"), 4,
                     "root.pem is not in root_key_dir; stop meshcad and run meshca init"),
                    (("user", "add", "alice", "--role", "admin", "--out", ca.folder / "a"), 1,
                     "the operators' signer does not run; meshca status says why"),
                    (("init", "--root-passphrase-file", ca.folder / "root.pass"), 1, "stop it first")):
                done = ca.meshca(*words, check=False)
                self.assertEqual((done.returncode, says in done.stderr), (code, True), (words, done.stderr))
            ca.stop()
            done = ca.meshca("init", "--root-passphrase-file", ca.folder / "root.pass")
            self.assertEqual(done.stderr.count("root certificate and CRL are in the ledger"), 1, done.stderr)
            ca.start()
            self.assertEqual(len(self.fetch(ca, "production")), 3)
        finally:
            ca.stop()
            shutil.rmtree(ca.folder, ignore_errors=True)

    def test_init_and_add(self):
        ca = Authority(environments=("production",), ca_key="p-256")
        ca.write()
        try:
            done = ca.meshca("init", "--root-passphrase-file", ca.folder / "root.pass", "--json")
            told = json.loads(done.stdout)
            self.assertTrue(told["ok"])
            self.assertIn("root certificate", " ".join(told["report"]))
            self.assertEqual(done.stderr, "")
            again = ca.meshca("init", "--json", "--root-passphrase-file",
                              ca.folder / "root.pass", check=False)
            self.assertEqual(again.returncode, 1)
            self.assertFalse(json.loads(again.stdout)["ok"])
            self.assertIn("already", json.loads(again.stderr)["detail"])
            again = ca.meshca("init", "--root-passphrase-file", ca.folder / "root.pass",
                              check=False)
            self.assertNotEqual(again.returncode, 0)
            root = (ca.folder / "state/keys/root/root.pem").read_bytes()
            ca.start()
            self.assertIn("nowhere", self.add(ca, "nowhere", code=4))
            self.join(ca, "development")
            self.add(ca, "development")
            self.assertEqual(len(self.fetch(ca, "development")), 3)
            self.assertEqual(len(self.fetch(ca, "production")), 3)
            self.assertIn("already", self.add(ca, "development", code=1))
            # said before anybody is asked for a passphrase
            for _ in range(2):
                done = ca.meshca("environment", "add", "development", check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("the keys of development are there already", done.stderr)
                ca.stop()
            self.join(ca, "staging")
            self.assertIn("not running", self.add(
                ca, "staging", "--passphrase-file", ca.folder / "staging.pass", code=2))
            self.add(ca, "staging")
            ca.start()
            self.assertEqual(len(self.fetch(ca, "staging")), 3)
            self.assertEqual((ca.folder / "state/keys/root/root.pem").read_bytes(), root)
        finally:
            ca.stop()
            shutil.rmtree(ca.folder, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()

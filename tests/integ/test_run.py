# SPDX-License-Identifier: Apache-2.0
"""scripts/run where something stands in its way: one clear sentence each, and nothing is broken by trying."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import BIN, free_port

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
DEMO_PORTS = ("15012", "15022", "15032", "8443", "15014")


class Packages(unittest.TestCase):
    """install_packages with a machine played by stubs: nothing of the real one is touched."""
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meshca-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_it(self, **programs):
        for name, body in {"dpkg-query": "exit 1", **programs}.items():
            path = self.folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        for name in ("tail", "rm"):
            (self.folder / name).symlink_to(shutil.which(name))
        return subprocess.run(["/bin/bash", "-c", f". {SCRIPTS}/packages; install_packages libone libtwo"],
                              env={"PATH": str(self.folder)}, capture_output=True, text=True, timeout=20)

    def test_who_is_not_root_and_has_no_sudo_is_told_the_packages(self):
        done = self.run_it(id="echo 1000")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "Missing Debian packages: libone libtwo. Install them as root, or "
                         "install sudo.\n")

    def test_a_package_that_apt_does_not_find_is_named(self):
        done = self.run_it(id="echo 0", apt_get='[ "$1" = update ] || { echo "E: Unable to locate package '
                           'libtwo"; exit 100; }')
        self.assertEqual(done.returncode, 1)
        self.assertIn("E: Unable to locate package libtwo", done.stderr)
        self.assertIn("apt-get could not install: libone libtwo (see /tmp/meshca-apt.", done.stderr)

    def test_nothing_is_installed_where_all_is_there(self):
        done = self.run_it(**{"dpkg-query": "echo 'ii '"})
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="meshca-test-"))
        cls.demo = cls.root / "var/demo"
        (cls.root / "scripts").mkdir()
        text = (SCRIPTS / "demo.py").read_text().replace('"rsa-4096"', '"p-256"')
        for port in DEMO_PORTS:  # another daemon may have the real ones
            assert text.count(port) >= 1, port
            text = text.replace(port, str(free_port()))
        (cls.root / "scripts/demo.py").write_text(text)
        cls.first = cls.run_it()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    @classmethod
    def run_it(cls):
        return subprocess.run(["/usr/bin/python3", "-B", cls.root / "scripts/demo.py", "--bin", BIN, "--once"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150,
                              env={**os.environ, "PATH": os.environ["PATH"]})

    def problem(self):
        """The last line of a run that fails, which must be the one that says why."""
        done = self.run_it()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        line = done.stderr.splitlines()[-1]
        self.assertTrue(line.startswith("scripts/run: ") and "{" not in line, done.stderr)
        return line

    def without(self, name, replacement=None):
        """The problem with a file of var/demo gone or replaced; afterwards it is as before."""
        path = self.demo / name
        kept = path.with_name(path.name + ".kept")
        path.rename(kept)
        try:
            if replacement is not None:
                path.write_bytes(replacement)
                path.chmod(0o600)
            return self.problem()
        finally:
            path.unlink(missing_ok=True)
            kept.rename(path)

    def test_it_demonstrates_and_a_second_run_keeps_the_authority(self):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        self.assertIn("openssl verify: OK", self.first.stdout)
        anchor = (self.demo / "state/keys/production/environment.pem").read_bytes()
        again = self.run_it()
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertNotIn("Creating", again.stdout)
        self.assertEqual((self.demo / "state/keys/production/environment.pem").read_bytes(), anchor)

    def test_whatever_ends_it_ends_the_daemon(self):
        """Ctrl-C, kill, a terminal that is closed: the ports are free again."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                run = subprocess.Popen(["/usr/bin/python3", "-B", self.root / "scripts/demo.py", "--bin", BIN],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
                with run.stdout:
                    for line in run.stdout:
                        if line.startswith("Serving until"):
                            break
                    children = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
                    self.assertEqual(len(children), 1)
                    run.send_signal(number)
                    self.assertEqual(run.wait(30), 0)
                self.assertFalse(pathlib.Path(f"/proc/{children[0]}").exists())

    def test_a_busy_port_is_named(self):
        line = (self.demo / "meshca.yaml").read_text().split('probes: {listen: "127.0.0.1:')[1]
        port = int(line.split('"')[0])
        with socket.socket() as busy:
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            busy.bind(("127.0.0.1", port))
            busy.listen()
            self.assertIn(f"Port {port} is busy (Address already in use); stop what listens there", self.problem())

    def test_a_broken_demo_says_what_is_broken(self):
        self.assertIn("production.jwks.json missing", self.without("production.jwks.json"))
        self.assertIn("meshca.yaml missing", self.without("meshca.yaml"))
        self.assertIn("colour: no such key", self.without(
            "meshca.yaml", (self.demo / "meshca.yaml").read_bytes() + b"colour: red\n"))
        self.assertIn("meshca unseal production", self.without("production.pass", b"not it\n"))
        self.assertIn("meshca environment add production",
                      self.without("state/keys/production/issuing.pem"))
        self.assertRegex(self.without("state/ledger/ledger.db", b"not a database"),
                         "ledger: .*file is not a database")
        self.assertEqual(self.run_it().returncode, 0)


if __name__ == "__main__":
    unittest.main()

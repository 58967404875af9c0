# SPDX-License-Identifier: Apache-2.0
"""Kills each process, and all of them, under load; afterwards nothing that a client got may be missing.

    crash.py [--rounds N] [--only ROLE] [--report FILE]

After every kill the authority must serve again by itself. After every round the ledger must hold every
certificate that any client received, by serial and to-be-signed bytes; serials must be unique;
CRL numbers must not have gone back; what was revoked must still be. At the end the offline verifier
recomputes the whole chain.
"""
import argparse
import contextlib
import os
import pathlib
import platform
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

import grpc

import harness

ENVIRONMENT = "production"
TARGETS = ("ledger", "signer", "front", "operators", "keeper", "tree")
ACCOUNTS = 40
CLIENTS = 8


class Load:
    """Clients that ask for new certificates all the time and keep what they got."""

    def __init__(self, ca):
        self.ca, self.stop = ca, threading.Event()
        self.lock = threading.Lock()
        self.got = []  # (serial, tbs)
        self.refused = 0
        self.tokens = {f"service-{n}": ca.issuers[ENVIRONMENT].token("shop", f"service-{n}", lifetime=86400)
                       for n in range(ACCOUNTS)}
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True)
                        for n in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, seed):
        chance = random.Random(seed)
        channel = None
        while not self.stop.is_set():
            channel = channel or self.ca.channel(ENVIRONMENT)
            account = f"service-{chance.randrange(ACCOUNTS)}"
            csr = harness.make_csr(harness.new_key(), f"spiffe://cluster.local/ns/shop/sa/{account}")
            try:
                chain = self.ca.create(channel, csr, self.tokens[account], timeout=8)
            except grpc.RpcError:
                self.refused += 1
                channel.close()
                channel = None
                self.stop.wait(0.02)
                continue
            leaf = harness.certificate(chain[0])
            with self.lock:
                self.got.append((serial_bytes(leaf), leaf.tbs_certificate_bytes))

    def count(self):
        with self.lock:
            return len(self.got)

    def wait_more(self, count, seconds):
        """Until so many more were received. Returns the seconds it took; None: never."""
        start, before = time.monotonic(), self.count()
        while time.monotonic() - start < seconds:
            if self.count() >= before + count:
                return time.monotonic() - start
            time.sleep(0.01)
        return None


def serial_bytes(leaf):
    return leaf.serial_number.to_bytes(16, "big")


def processes(ca):
    """{role: pid} of the daemon's children; signers by environment."""
    out = {}
    main = ca.process.pid
    with contextlib.suppress(OSError):
        for pid in pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split():
            with contextlib.suppress(OSError):
                name, label = (pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + b"\0").split(b"\0")[:2]
                role = name.decode().rsplit("-", 1)[-1]
                if role == "signer" and label.decode() == "operators":
                    role = "operators"
                out[role] = int(pid)
    return out


def alive(pid):
    """A dead leader is not enough: its process's other threads may still hold the sockets."""
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                if (task / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                    return True
    return False


def kill_tree(ca):
    main = ca.process.pid
    os.kill(main, signal.SIGSTOP)  # it starts nobody behind our back
    while (pathlib.Path(f"/proc/{main}/stat").read_text().rsplit(")", 1)[1].split()[0]) != "T":
        time.sleep(0.001)
    children = [int(pid) for pid in
                pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split()]
    for pid in (main, *children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ca.process.wait()
    # As a service manager does: the old tree is gone before the new one starts.
    end = time.monotonic() + 30
    while any(alive(pid) for pid in children):
        assert time.monotonic() < end, "a killed process does not end"
        time.sleep(0.005)


def kill(ca, target):
    if target == "tree":
        kill_tree(ca)
        ca.start(ready=False)
        return
    found = processes(ca)
    end = time.monotonic() + 10
    while target not in found and time.monotonic() < end:
        time.sleep(0.02)
        found = processes(ca)
    os.kill(found[target], signal.SIGKILL)


class Ledger:
    """What the database says, read beside the running ledger."""

    def __init__(self, ca):
        self.path = ca.folder / "state/ledger/ledger.db"
        self.highest = {}  # issuer: CRL number
        self.rows = 0
        self.checked = 0

    def check(self, got, revoked):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)) as db:
            for serial, tbs in got[self.checked:]:
                row = db.execute("SELECT tbs FROM intents WHERE serial = ?", (serial,)).fetchone()
                assert row, f"a client holds {serial.hex()}, which the ledger does not know"
                assert row[0] == tbs, f"{serial.hex()} is in the ledger with other bytes"
            self.checked = len(got)
            twice = db.execute("SELECT count(*) - count(DISTINCT serial) FROM intents NOT INDEXED").fetchone()[0]
            assert twice == 0, f"{twice} serials are there twice"
            for issuer, last in db.execute("SELECT issuer, last FROM crl_numbers").fetchall():
                current = db.execute("SELECT coalesce(max(number), 0) FROM crls WHERE issuer = ?"
                                     " AND received = total", (issuer,)).fetchone()[0]
                drawn, published = self.highest.get(issuer, (0, 0))
                assert last >= drawn and current >= published, "a CRL number went back"
                self.highest[issuer] = (last, current)
            for serial in revoked:
                assert db.execute("SELECT 1 FROM revocations r JOIN intents i ON i.seq = r.cert_seq"
                                  " WHERE i.serial = ?", (serial,)).fetchone(), "a revocation is lost"
            rows, signed = db.execute("SELECT max(seq), (SELECT count(*) FROM signatures) FROM intents").fetchone()
            assert rows >= self.rows, "rows are lost"
            self.rows = rows
            return rows, signed


def revoke_one(ca, person, load):
    """Revokes a certificate through REST, as long as it takes. Returns its serial."""
    with load.lock:
        serial = random.choice(load.got)[0]
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError, harness.http.client.HTTPException):
            status, _, answer = ca.call("POST", f"/v1/certificates/{serial.hex()}/revoke",
                                        {"reason": "superseded"}, person)
            # An answer may get lost after the deed: the second attempt then finds it done.
            if status in (200, 201, 204, 409):
                return serial
            last = (status, answer)
        time.sleep(0.1)
    raise AssertionError(f"no revocation in 20 s: {last}")


def round_of(ca, load, ledger, person, target, revoked):
    assert load.wait_more(30, 20) is not None, "the load does not run"
    time.sleep(random.uniform(0.0, 0.25))
    kill(ca, target)
    start = time.monotonic()
    ca.wait_ready(30)
    served = load.wait_more(CLIENTS + 1, 30)
    assert served is not None, f"after {target} was killed nobody gets a certificate"
    again = time.monotonic() - start
    if person:
        revoked.append(revoke_one(ca, person, load))
    with load.lock:
        got = list(load.got)
    ledger.check(got, revoked)
    return again


def versions():
    text = {"kernel": platform.release(), "python": platform.python_version(),
            "grpcio": grpc.__version__, "sqlite": sqlite3.sqlite_version}
    shown = subprocess.run(["openssl", "version"], capture_output=True, text=True)
    text["openssl"] = shown.stdout.strip()
    return text


def report(path, rounds, times, load, rows, signed, revoked, seconds, verified):
    lines = ["# Killed under load", "",
             f"`scripts/crash {rounds}`: SIGKILL to one process of a serving authority, or to all, at a random"
             f" moment under {CLIENTS} clients that ask for new P-256 certificates all the time. After each"
             " round: every certificate that a client received is in the ledger by serial with the same"
             " to-be-signed bytes, serials are unique, CRL numbers have not gone back, every revocation is"
             " there, readiness has come back by itself and certificates are issued again.", "",
             "| killed | rounds | seconds until certificates flow again: median | worst |", "|---|---|---|---|"]
    for target, taken in times.items():
        lines.append(f"| {target} | {len(taken)} | {statistics.median(taken):.2f} | {max(taken):.2f} |")
    lines += ["", f"- certificates received by clients: {load.count()}, all found",
              f"- refused or cut off meanwhile: {load.refused} calls, all repeated by the clients",
              f"- rows in the ledger: {rows}, of them {rows - signed} without a recorded signature: kills that"
              " fell between the intent and the record of its signature (unconfirmed: never signed"
              " later, listed, revocable)",
              f"- revoked on the way: {len(revoked)}, all still revoked",
              f"- duration: {seconds:.0f} s", f"- offline verifier: {verified}", "",
              "Versions: " + ", ".join(f"{name} {value}" for name, value in versions().items()) + "."]
    pathlib.Path(path).write_text("\n".join(lines) + "\n")


def verify(ca):
    done = subprocess.run([harness.BIN / "meshca-ledger", "--verify", ca.folder / "state/ledger/ledger.db"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


def run(rounds, targets=TARGETS, report_path=None):
    begin = time.monotonic()
    times = {target: [] for target in targets}
    revoked = []
    ca = harness.Authority(environments=(ENVIRONMENT,), ca_key="p-256")
    with ca:
        ledger = Ledger(ca)
        person = ca.admin("alice", "admin")
        with Load(ca) as load:
            for number in range(rounds):
                for target in targets:
                    times[target].append(round_of(ca, load, ledger, person, target, revoked))
                print(f"round {number + 1} of {rounds}: {load.count()} certificates, "
                      f"{ledger.rows} rows", flush=True)
        ca.stop()
        rows, signed = ledger.check(load.got, revoked)
        assert rows > signed or rounds < 5, "no kill fell between an intent and its signature's record"
        verdict = verify(ca)
        print(f"{load.count()} certificates received, {rows} rows, {rows - signed} unconfirmed; {verdict}")
        if report_path:
            report(report_path, rounds, times, load, rows, signed, revoked, time.monotonic() - begin,
                   verdict)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--report")
    options = parser.parse_args()
    try:
        run(options.rounds, (options.only,) if options.only else TARGETS, options.report)
    except AssertionError as failure:
        sys.exit(f"crash: {failure}")

# SPDX-License-Identifier: Apache-2.0
"""Kills a process between two steps of a certificate's way, under load; see crash.py for what must hold.

    crash_points.py --preload kill_point.so [--rounds N] [--report FILE]

Which call of which process stands for a step is in POINTS; the nth passing after arming dies, n at random.
"""
import argparse
import mmap
import pathlib
import random
import shutil
import struct
import sys
import time

import crash
import harness

SEND, RECEIVE, SYNC = 1, 2, 3
POINTS = {  # what the kill falls between: process, call, before or after it
    "ledger: before an intent's commit is on disk": ("ledger", SYNC, 0),
    "ledger: commit on disk, acknowledgement not sent": ("ledger", SYNC, 1),
    "ledger: an answer is about to be sent": ("ledger", SEND, 0),
    "ledger: an answer was just sent": ("ledger", SEND, 1),
    "signer: acknowledgement received, not signed": ("signer", RECEIVE, 1),
    "signer: signed, answer or record not sent": ("signer", SEND, 0),
    "signer: answer or record just sent": ("signer", SEND, 1),
    "front: answer received, client not answered": ("front", RECEIVE, 1),
}


def wrap(ca, preload):
    """Roles start with an empty environment, from the folder of meshcad: one with wrappers."""
    programs = ca.folder / "bin"
    programs.mkdir()
    shutil.copy2(harness.BIN / "meshcad", programs)
    for role in ("front", "signer", "ledger", "keeper", "ceremony"):
        path = programs / f"meshca-{role}"
        path.write_text(f"#!/bin/sh\nKILL_POINT={ca.folder}/point-{role}-$1 LD_PRELOAD={preload}"
                        f" exec {harness.BIN}/meshca-{role} \"$@\"\n")
        path.chmod(0o755)
    ca.programs = programs


def arm(ca, role, call, after, left):
    name = crash.ENVIRONMENT if role == "signer" else ""
    path = ca.folder / f"point-{role}-{name}"
    if not path.exists():
        raise AssertionError(f"{path.name} is not there: has the label of the process changed?")
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 12) as point:
        point[4:12] = struct.pack("<ii", after, left)
        point[0:4] = struct.pack("<i", call)  # last: from here on it counts
    return path


def is_armed(path):
    return struct.unpack("<i", path.read_bytes()[:4])[0] != 0


def round_of(ca, load, ledger, person, point, revoked):
    role, call, after = POINTS[point]
    assert load.wait_more(20, 20) is not None, "the load does not run"
    path = arm(ca, role, call, after, random.randrange(1, 200))
    end = time.monotonic() + 20
    while is_armed(path):
        assert time.monotonic() < end, f"{point} was not passed often enough in 20 s"
        time.sleep(0.01)
    start = time.monotonic()
    assert load.wait_more(crash.CLIENTS + 1, 30) is not None, f"{point}: nobody gets a certificate again"
    taken = time.monotonic() - start
    ca.wait_ready(30)
    revoked.append(crash.revoke_one(ca, person, load))
    with load.lock:
        got = list(load.got)
    ledger.check(got, revoked)
    return taken


def run_place(ca, point, rounds):
    """Kills a started authority at one place; gives the line of the report."""
    revoked = []
    try:
        ledger = crash.Ledger(ca)
        person = ca.admin("alice", "admin")
        with crash.Load(ca) as load:
            times = [round_of(ca, load, ledger, person, point, revoked) for _ in range(rounds)]
        ca.stop()
        rows, signed = ledger.check(load.got, revoked)
        verdict = crash.verify(ca)
    except BaseException:
        print(ca.tail(), file=sys.stderr)
        raise
    finally:
        ca.stop()
    print(f"{point}: {rounds} kills, {load.count()} certificates received, all in the ledger, {len(revoked)} revoked,"
          f" {rows - signed} intents left without a signature; {verdict}", flush=True)
    return f"| {point} | {rounds} | {max(times):.2f} | {load.count()} | {len(revoked)} | {rows - signed} | {verdict} |"


def run(points, rounds, preload):
    """Every place begins with the new authority: each check reads the whole ledger, and what died often is
    restarted late. Gives the lines of the report."""
    ca = harness.Authority(environments=(crash.ENVIRONMENT,), ca_key="p-256")
    try:
        ca.write()
        ca.init()
        for role in ("front", "signer", "ledger"):
            for name in ("", crash.ENVIRONMENT):
                (ca.folder / f"point-{role}-{name}").write_bytes(bytes(12))
        wrap(ca, preload)
        state, new = ca.folder / "state", ca.folder / "state-new"
        shutil.copytree(state, new)
        lines = []
        for point in points:
            shutil.rmtree(state)
            shutil.rmtree(ca.folder / "people", ignore_errors=True)
            shutil.copytree(new, state)
            ca.start()
            lines.append(run_place(ca, point, rounds))
        return lines
    finally:
        shutil.rmtree(ca.folder, ignore_errors=True)


def report(lines, rounds, taken):
    head = ["# Killed between two steps", "",
            f"`scripts/crash --points {rounds}`: SIGKILL at an exact place under {crash.CLIENTS} clients; after each"
            " kill the checks of `scripts/crash`: every certificate that a client received is in the ledger by"
            " serial and to-be-signed bytes, every revoked one still revoked.", "",
            "| killed at | kills | worst time until certificates flow, s | certificates received | revoked |"
            " intents left unconfirmed | offline verifier |",
            "|---|---|---|---|---|---|---|"]
    tail = ["", f"{taken:.0f} s. Versions: "
            + ", ".join(f"{name} {value}" for name, value in crash.versions().items()) + "."]
    return "\n".join(head + lines + tail) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--preload", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="places that begin with this: signer, front ...")
    parser.add_argument("--report")
    options = parser.parse_args()
    chosen = [point for point in POINTS if point.startswith(options.only)]
    if not chosen:
        sys.exit(f"No place begins with {options.only!r}; there are: {', '.join(POINTS)}")
    try:
        begin = time.monotonic()
        lines = run(chosen, options.rounds, options.preload.resolve())
        if options.report:
            pathlib.Path(options.report).write_text(report(lines, options.rounds, time.monotonic() - begin))
    except AssertionError as failure:
        sys.exit(f"crash: {failure}")

# SPDX-License-Identifier: Apache-2.0
"""The measurements of scripts/bench: a throw-away authority, meshca-load against it, one table."""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import platform
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import demo

ROOT = demo.ROOT
sys.path.insert(0, str(ROOT / "tests" / "integ"))
CACHE = ROOT / "var" / "bench"
ENVIRONMENT = "production"
# Above the target rates, so that a run is not cut short; each prepared request is used once.
RATES = {"p-256": 16000, "rsa-2048": 19000}
OPEN_RATE = 500
NEIGHBOUR = "development"  # asked for certificates while production has its storm
KINDS = ("p-256", "rsa-2048")


def authority(folder):
    """demo.py's authority, elsewhere, on ports of its own, with rates that do not bound the run."""
    demo.DEMO = folder
    demo.PORTS = {"development": 25012, "staging": 25022, "production": 25032}
    demo.REST, demo.PROBES = 28443, 25014
    plain = demo.config_text

    def config_text():
        return plain().replace("    trust_domain: cluster.local",
                               "    trust_domain: cluster.local\n"
                               "    rate: {per_second: 1000000, burst: 1000000}")
    demo.config_text = config_text


class Bench:
    def __init__(self, options, folder, daemon):
        self.options = options
        self.load = options.build / "tests" / "meshca-load"
        self.daemon = daemon
        self.anchor = folder / "anchor.pem"
        self.anchor.write_text(demo.certificates_in(
            folder / "state/keys" / ENVIRONMENT / "environment.pem")[0])
        self.key = folder / f"{ENVIRONMENT}.token-key.pem"

    def run(self, mode, kind, count, timeout=900, **more):
        command = [self.load, "--mode", mode, "--kind", kind, "--count", str(count),
                   "--cache", CACHE, "--target", f"127.0.0.1:{demo.PORTS[ENVIRONMENT]}",
                   "--ca", self.anchor, "--token-key", self.key, "--kid", f"demo-{ENVIRONMENT}",
                   "--metrics", f"127.0.0.1:{demo.PROBES}", "--daemon-pid", str(self.daemon.pid)]
        for name, value in more.items():
            command += [f"--{name}", str(value)]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout)
        if done.returncode != 0:
            raise demo.Problem(f"meshca-load --mode {mode} failed (its reason stands above).")
        return json.loads(done.stdout) if done.stdout else None


def prepared(kind, seconds):
    return int(RATES[kind] * (seconds + 2)) + OPEN_RATE * 20


def make_requests(options, kinds):
    for kind in kinds:
        subprocess.run([options.build / "tests" / "meshca-load", "--mode", "make", "--kind", kind,
                        "--cache", CACHE, "--count", str(prepared(kind, options.seconds))], check=True)


def measure(bench, kind, seconds):
    count = prepared(kind, seconds)
    limits = bench.run("limits", kind, 0)
    closed = bench.run("closed", kind, count, connections=64, streams=8, warm=2, seconds=seconds)
    opened = bench.run("open", kind, count, skip=closed["next"], connections=64, rate=OPEN_RATE,
                       warm=2, seconds=min(10, seconds))
    return limits, closed, opened


def row(name, values):
    print("| " + " | ".join([name, *values]) + " |")


def table(results):
    kinds = list(results)
    limits, closed, opened = ([results[k][i] for k in kinds] for i in range(3))
    print(f"\n{datetime.date.today()}, {os.cpu_count()} cores, {platform.release()}; "
          "generator on the same cores; closed loop 64 connections x 8 streams, "
          f"{closed[0]['seconds']:.0f} s after 2 s of warming; open loop {OPEN_RATE}/s.\n")
    row("", [f"{k} CSR" for k in kinds])
    row("---", ["---"] * len(kinds))
    row("durable SVIDs per second", [f"{c['counted'] / c['seconds']:,.0f}" for c in closed])
    row("answers / ledger rows gained",
        [f"{c['good'] + o['good']} / {c['ledger_rows'] + o['ledger_rows']:.0f}"
         for c, o in zip(closed, opened)])
    row("refused, wrong, unanswered",
        [", ".join(str(c[n] + o[n]) for n in ("refused", "wrong", "unanswered"))
         for c, o in zip(closed, opened)])
    processes = {}
    for i, c in enumerate(closed):
        for p in c["processes"]:
            processes.setdefault(p["name"], ["0"] * len(kinds))[i] = \
                f"{p['cpu_us'] / max(1, c['counted']):.1f}"
    total = [sum(p["cpu_us"] for p in c["processes"]) / max(1, c["counted"]) for c in closed]
    row("CPU per SVID, all processes, us", [f"{t:.0f}" for t in total])
    for name, values in processes.items():
        if any(float(v) >= 0.05 for v in values):
            row(f"- {name}", values)
    row("CPU per SVID of the generator, us",
        [f"{c['generator_cpu_us'] / max(1, c['counted']):.0f}" for c in closed])
    for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms")):
        row(f"latency at {OPEN_RATE}/s, {name}, ms", [f"{o[key]:.2f}" for o in opened])
    row("latency under full load, p50 / p99, ms",
        [f"{c['p50_ms']:.1f} / {c['p99_ms']:.1f}" for c in closed])
    row("RSS, all processes, MiB",
        [f"{sum(p['rss_kib'] for p in c['processes']) / 1024:.0f}" for c in closed])
    row("pure crypto, verify + sign, us", [f"{l['verify_us']:.0f} + {l['sign_us']:.0f}" for l in limits])
    row("limit of pure crypto, per second",
        [f"{os.cpu_count() * 1e6 / (l['verify_us'] + l['sign_us']):,.0f}" for l in limits])
    row("4 KiB + fdatasync, median / worst, us",
        [f"{l['sync_us']:.0f} / {l['sync_worst_us']:.0f}" for l in limits])


class Probe(threading.Thread):
    """Does the same thing ten times a second, and notes how long it took."""

    def __init__(self, name, act):
        super().__init__(daemon=True)
        self.name, self.act, self.times, self.failed = name, act, [], 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.1):
            start = time.clock_gettime(time.CLOCK_BOOTTIME)
            try:
                self.act()
                self.times.append((start, time.clock_gettime(time.CLOCK_BOOTTIME) - start))
            except Exception as error:  # pylint: disable=broad-except
                self.failed += 1
                print(f"{self.name}: {error!r}", file=sys.stderr)

    def stop(self):
        self.stopped.set()
        self.join(30)

    def show(self, begin, end):
        """What was tried between the two; failures at any time count."""
        times = sorted(took * 1000 for start, took in self.times if begin <= start <= end) or [0]
        row(f"{self.name}: tries, failed", [f"{len(self.times) + self.failed}, {self.failed}"])
        row(f"{self.name}: p50 / p99 / worst, ms",
            [" / ".join(f"{times[min(len(times) - 1, int(share * len(times)))]:.1f}"
                        for share in (0.5, 0.99, 1))])


def rest_probe(options, folder):
    """A viewer lists the environments on one connection."""
    subprocess.run([options.build / "bin" / "meshca", "user", "add", "probe", "--role", "admin",
                    "--out", folder / "probe", "--config", folder / "meshca.yaml"], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    context = ssl.create_default_context(cadata=demo.certificates_in(
        folder / "state/keys/operators/environment.pem")[0])
    context.load_cert_chain(folder / "probe/probe.crt", folder / "probe/probe.key")
    connection = http.client.HTTPSConnection("localhost", demo.REST, timeout=10, context=context)

    def act():
        connection.request("GET", "/v1/environments")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise demo.Problem(f"REST answered {answer.status}")
    return Probe("GET /v1/environments meanwhile", act)


def neighbour_probe(folder):
    """A workload of another environment gets a certificate, with a fresh key each time."""
    import grpc
    import harness
    anchor = demo.certificates_in(folder / "state/keys" / NEIGHBOUR / "environment.pem")[0]
    channel = grpc.secure_channel(f"localhost:{demo.PORTS[NEIGHBOUR]}",
                                  grpc.ssl_channel_credentials(anchor.encode()))
    call = channel.unary_unary(harness.METHOD)
    metadata = [("clusterid", "Kubernetes"),
                ("authorization", "Bearer " + demo.mint_token(NEIGHBOUR, *demo.WORKLOAD))]

    def act():
        csr = harness.make_csr(harness.new_key(), demo.IDENTITY)
        chain = harness.decode_chain(call(harness.encode_request(csr, 0, None), timeout=10,
                                          metadata=metadata))
        if len(chain) != 3:
            raise demo.Problem(f"a chain of {len(chain)}")
    return Probe(f"a certificate of {NEIGHBOUR} meanwhile", act)


def storm(bench, options, folder):
    bench.run("make", "p-256", options.storm, identities=options.storm)
    probes = [rest_probe(options, folder), neighbour_probe(folder)]
    for probe in probes:
        probe.start()
    time.sleep(1)
    result = bench.run("storm", "p-256", options.storm, connections=options.storm,
                       identities=options.storm, seconds=120)
    for probe in probes:
        probe.stop()
    storm_table(result)
    for probe in probes:
        probe.show(result["start_s"], result["start_s"] + result["seconds"])


def storm_table(s):
    print(f"\n{datetime.date.today()}, {os.cpu_count()} cores, {platform.release()}; "
          "agents and probes on the same cores.")
    print("\n| all agents reconnect at once | |\n| --- | --- |")
    row("agents / hold a certificate", [f"{s['agents']} / {s['holding']}"])
    row("until half / 99 % / all hold one, s",
        [f"{s['p50_s']:.2f} / {s['p99_s']:.2f} / {s['seconds']:.2f}"])
    row("failed attempts, re-dials, broken connections",
        [f"{s['failed_attempts']}, {s['redials']}, {s['broken_connections']}"])
    row("GET /healthz meanwhile: probes, failed", [f"{s['probes']}, {s['probes_failed']}"])
    row("GET /healthz meanwhile: p50 / p99 / worst, ms",
        [f"{s['probe_p50_ms']:.1f} / {s['probe_p99_ms']:.1f} / {s['probe_max_ms']:.1f}"])
    for name, key in (("all processes", "rss_kib"), ("front", "front_rss_kib")):
        row(f"RSS of {name} before / all served / 5 s later, MiB",
            [" / ".join(f"{kib / 1024:.0f}" for kib in s[key])])
    if all(s["pss_kib"]):
        row("memory of all processes, shared pages counted once (PSS), MiB",
            [" / ".join(f"{kib / 1024:.0f}" for kib in s["pss_kib"])])


def work(options, folder):
    kinds = [options.only] if options.only else list(KINDS)
    authority(folder)
    demo.check_ports()
    if not options.storm:
        make_requests(options, kinds)
    demo.create(options.build / "bin")
    daemon = demo.start(options.build / "bin")
    try:
        bench = Bench(options, folder, daemon)
        if options.storm:
            storm(bench, options, folder)
        else:
            table({kind: measure(bench, kind, options.seconds) for kind in kinds})
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        daemon.terminate()
        daemon.wait(20)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--storm", type=int, nargs="?", const=10000)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--keep", action="store_true", help="leave the authority's folder behind")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="authority-", dir=CACHE))
    try:
        work(options, folder)
        return 0
    except KeyboardInterrupt:
        return 1
    except (demo.Problem, OSError, subprocess.SubprocessError) as problem:
        print(f"scripts/bench: {problem}", file=sys.stderr)
        options.keep = True
        print(f"its log: {folder}/meshcad.log", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

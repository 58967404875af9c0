# SPDX-License-Identifier: Apache-2.0
"""The demonstration of scripts/run: an authority under var/demo and one workload certificate from it."""
import argparse
import base64
import http.client
import json
import os
import pathlib
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEMO = ROOT / "var" / "demo"
PORTS = {"development": 15012, "staging": 15022, "production": 15032}
REST, PROBES = 8443, 15014
WORKLOAD = ("ecotrack", "order-service")
IDENTITY = "spiffe://cluster.local/ns/{}/sa/{}".format(*WORKLOAD)
ISSUER = "https://kubernetes.default.svc"
PARTS = ("meshca.yaml", "root.pass", "operators.pass",
         *(f"{name}.{ending}" for name in PORTS for ending in ("pass", "jwks.json", "token-key.pem")))


class Problem(Exception):
    """One clear sentence for the person at the terminal."""


def say(text):
    print(text, flush=True)


def private_file(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- the demo's token issuer: what a Kubernetes API server is in a real mesh ---
def make_token_issuer(environment):
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": f"demo-{environment}", "e": "AQAB",
           "n": b64url(numbers.n.to_bytes(256, "big"))}
    private_file(DEMO / f"{environment}.jwks.json", json.dumps({"keys": [jwk]}, indent=1) + "\n")
    private_file(DEMO / f"{environment}.token-key.pem", key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()).decode())


def mint_token(environment, namespace, account):
    pem = (DEMO / f"{environment}.token-key.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    now = int(time.time())
    header = {"alg": "RS256", "kid": f"demo-{environment}"}
    claims = {"iss": ISSUER, "aud": ["istio-ca"], "iat": now, "nbf": now, "exp": now + 43200,
              "sub": f"system:serviceaccount:{namespace}:{account}",
              "kubernetes.io": {"namespace": namespace,
                                "serviceaccount": {"name": account, "uid": "demo"},
                                "pod": {"name": f"{account}-0", "uid": "demo"}}}
    text = ".".join(b64url(json.dumps(part).encode()) for part in (header, claims))
    return text + "." + b64url(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))


# --- the authority ---
def config_text():
    lines = ["# A demonstration. Every key is explained in docs/configuration.md.",
             "instance: 1", f"state_dir: {DEMO}/state",
             f'rest: {{listen: "127.0.0.1:{REST}", dns_names: [localhost]}}',
             f'probes: {{listen: "127.0.0.1:{PROBES}"}}',
             f"operators: {{passphrase_file: {DEMO}/operators.pass}}", "environments:"]
    for name, port in PORTS.items():
        lines += [f"  - name: {name}", "    trust_domain: cluster.local",
                  f'    grpc: {{listen: "127.0.0.1:{port}", dns_names: [localhost,'
                  " meshca.meshca.svc, istiod.istio-system.svc]}",
                  f"    passphrase_file: {DEMO}/{name}.pass",
                  '    server: {names: [istiod.istio-system.svc, "*.meshca.svc"]}',
                  "    clusters:",
                  f'      - {{name: Kubernetes, issuer: "{ISSUER}", audience: istio-ca,'
                  f" jwks_file: {DEMO}/{name}.jwks.json}}"]
    return "\n".join(lines) + "\n"


def create(programs):
    say(f"Creating a demo authority in {DEMO.relative_to(ROOT)} ...")
    DEMO.mkdir(mode=0o700, parents=True, exist_ok=True)
    (DEMO / "state").mkdir(mode=0o700, exist_ok=True)
    for name in ("root", "operators", *PORTS):
        private_file(DEMO / f"{name}.pass", secrets.token_urlsafe(24) + "\n")
    for name in PORTS:
        make_token_issuer(name)
    private_file(DEMO / "meshca.yaml", config_text())
    init(programs)


def init(programs):
    done = subprocess.run([programs / "meshca", "init", "--config", DEMO / "meshca.yaml",
                           "--root-passphrase-file", DEMO / "root.pass"],
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Problem(f"meshca init failed (its reason stands above); remove {DEMO} to begin again.")
    private_file(DEMO / "initialised", "")


def check_demo():
    missing = [part for part in PARTS if not (DEMO / part).is_file()]
    if missing:
        raise Problem(f"{DEMO} is broken: {', '.join(missing)} missing. Restore it, or remove the "
                      "folder to begin again.")


def check_ports():
    for port in (*PORTS.values(), REST, PROBES):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError as error:
                raise Problem(f"Port {port} is busy ({error.strerror}); stop what listens there, or "
                              f"change the port in {DEMO}/meshca.yaml and scripts/demo.py.") from None


def ready():
    """(True, "") or (False, why not)."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", PROBES, timeout=2)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        parts = json.loads(answer.read())["parts"]
        return answer.status == 200, "; ".join(
            f"{part['name']}: {part['reason']}" for part in parts if not part["ready"])
    except (OSError, http.client.HTTPException) as error:
        return False, str(error)


def last_words(begin):
    """What meshcad said last that is meant for people, from byte begin of its log."""
    lines = (DEMO / "meshcad.log").read_bytes()[begin:].decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith("meshcad: "):
            return line.removeprefix("meshcad: ")
    for line in reversed(lines):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if said.get("level") == "error":
            return f"{said.get('process') or said['role']}: {said['event']}: {said.get('detail') or said.get('error', '')}"
    return ""


def start(programs):
    log = open(DEMO / "meshcad.log", "ab")
    begin = log.tell()
    daemon = subprocess.Popen([programs / "meshcad", "--config", DEMO / "meshca.yaml"],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              preexec_fn=os.setpgrp)
    begun = time.monotonic()
    end = begun + 30
    why = ""
    while time.monotonic() < end:
        if daemon.poll() is not None:
            raise Problem(f"meshcad stopped: {last_words(begin)} (see {DEMO}/meshcad.log)")
        good, why = ready()
        if good:
            return daemon
        if time.monotonic() > begun + 5 and ("sealed" in why or last_words(begin)):
            break  # neither a wrong passphrase nor a broken file mends itself
        time.sleep(0.1)
    daemon.terminate()
    daemon.wait(20)
    why = last_words(begin) or why
    raise Problem(f"meshcad does not get ready: {why} (see {DEMO}/meshcad.log)")


def certificates_in(path):
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
    text = path.read_text()
    return [begin + part.split(end)[0] + end for part in text.split(begin)[1:]]


def fetch_crls(path, environment):
    """The environment's CRLs, one file as Envoy wants it, from REST: they are public."""
    anchor = certificates_in(DEMO / "state/keys/operators/environment.pem")[0]
    connection = http.client.HTTPSConnection(
        "localhost", REST, timeout=10, context=ssl.create_default_context(cadata=anchor))
    connection.request("GET", f"/v1/environments/{environment}/crl")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Problem(f"REST answered {answer.status} to the request for {environment}'s CRLs.")
    path.write_bytes(body)


def demonstrate(programs):
    out = DEMO / "svid"
    out.mkdir(mode=0o700, exist_ok=True)
    environment = "production"
    (DEMO / "token").write_text(mint_token(environment, *WORKLOAD))
    (DEMO / "token").chmod(0o600)
    anchors = DEMO / "anchor.pem"
    anchors.write_text(certificates_in(DEMO / "state/keys" / environment / "environment.pem")[0])
    fetch = subprocess.run(
        [programs / "meshca", "svid", "fetch", "--config", DEMO / "meshca.yaml",
         "--address", f"127.0.0.1:{PORTS[environment]}", "--server-name", "localhost",
         "--ca", anchors, "--token-file", DEMO / "token", "--namespace", WORKLOAD[0],
         "--service-account", WORKLOAD[1], "--out", out], stdin=subprocess.DEVNULL)
    if fetch.returncode != 0:
        raise Problem("meshca svid fetch failed (its reason stands above).")
    leaf, *chain = certificates_in(out / "cert-chain.pem")
    (out / "leaf.pem").write_text(leaf)
    (out / "intermediates.pem").write_text("".join(chain))
    fetch_crls(out / "ca-crl.pem", environment)
    shown = subprocess.run(["openssl", "x509", "-in", out / "leaf.pem", "-noout", "-serial",
                            "-enddate", "-ext", "subjectAltName"], capture_output=True, text=True)
    verified = subprocess.run(["openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile",
                               out / "ca-crl.pem", "-CAfile", anchors, "-untrusted",
                               out / "intermediates.pem", out / "leaf.pem"],
                              capture_output=True, text=True)
    say(shown.stdout.rstrip())
    if verified.returncode != 0 or IDENTITY not in shown.stdout:
        raise Problem("The chain does not verify: " + verified.stderr.strip())
    say("openssl verify: OK, up to the production environment's anchor, no CA or leaf revoked")


def farewell():
    say(f"""
What happened: {IDENTITY} proved itself with a
service-account token, production's signer waited until the ledger had the intent on disk, then signed.
  key, chain, root   {DEMO.relative_to(ROOT)}/svid
  gRPC               {', '.join(f'127.0.0.1:{port} ({name})' for name, port in PORTS.items())}
  REST               https://localhost:{REST}/v1  (specification: /openapi.json)
  metrics, probes    http://127.0.0.1:{PROBES}/metrics, /healthz, /readyz
  first administrator
    build/run/bin/meshca user add alice --role admin --out var/demo/alice --config var/demo/meshca.yaml""")


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    daemon = None
    for number in (signal.SIGTERM, signal.SIGHUP):  # the terminal is closed: meshcad goes, too
        signal.signal(number, interrupted)
    try:
        check_ports()
        if not DEMO.exists():
            create(options.bin)
        check_demo()
        if not (DEMO / "initialised").exists():
            init(options.bin)  # an earlier one was interrupted: it goes on with what is missing
        daemon = start(options.bin)
        demonstrate(options.bin)
        farewell()
        if not options.once:
            say("\nServing until Ctrl-C ...")
            daemon.wait()
            raise Problem(f"meshcad ended with status {daemon.returncode}; see {DEMO}/meshcad.log.")
        return 0
    except KeyboardInterrupt:
        return 0
    except (Problem, OSError) as problem:
        print(f"scripts/run: {problem}", file=sys.stderr)
        return 1
    finally:
        if daemon and daemon.poll() is None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            daemon.terminate()
            daemon.wait(20)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Starts an authority and runs the interop tests of one client stack: run.py istio | grpcjs."""
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integ"))
from harness import Authority, certificate, encode_request, make_csr, new_key  # noqa: E402

def istio(env):
    return subprocess.run(["go", "test", "-count=1", "-v", "./..."], cwd=HERE / "istio",
                          env=env).returncode


def grpcjs(env):
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"],
                   cwd=HERE / "grpcjs", check=True)
    return subprocess.run(["node", "--test"], cwd=HERE / "grpcjs", env=env).returncode


def verdicts(ca):
    """A good, a revoked and a foreign chain, and the CRLs that tell them apart."""
    good, revoked, foreign = (
        "".join(ca.fetch(environment, "ecotrack", name)[:2])
        for environment, name in (("production", "good"), ("production", "revoked"),
                                  ("development", "foreign")))
    serial = f"{certificate(revoked).serial_number:032x}"
    status, _, body = ca.call("POST", f"/v1/certificates/{serial}/revoke",
                              {"reason": "keyCompromise"}, ca.admin())
    assert status == 200, body
    path = "/v1/environments/production/crl"
    old = ca.call("GET", path)[2]
    end = time.monotonic() + 5
    crl = old
    while crl == old and time.monotonic() < end:
        time.sleep(0.1)
        crl = ca.call("GET", path)[2]
    return {"MESHCA_GOOD_CHAIN_FILE": good, "MESHCA_REVOKED_CHAIN_FILE": revoked,
            "MESHCA_FOREIGN_CHAIN_FILE": foreign, "MESHCA_CRL_FILE": crl}


def main():
    stack = {"istio": istio, "grpcjs": grpcjs}[sys.argv[1]]
    with Authority() as ca:
        uri = "spiffe://cluster.local/ns/ecotrack/sa/order-service"
        files = {
            "MESHCA_TOKEN_FILE": ca.issuers["production"].token("ecotrack", "order-service"),
            "MESHCA_FOREIGN_TOKEN_FILE":
                ca.issuers["development"].token("ecotrack", "order-service"),
            "MESHCA_ANCHORS_FILE": ca.anchors("production"),
            "MESHCA_REQUEST_FILE": encode_request(make_csr(new_key(), uri)),
            **verdicts(ca),
        }
        env = dict(os.environ, MESHCA_ADDRESS=f"127.0.0.1:{ca.ports['production']}")
        for name, content in files.items():
            path = ca.folder / name.lower()
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            env[name] = str(path)
        return stack(env)


if __name__ == "__main__":
    sys.exit(main())

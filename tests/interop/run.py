# SPDX-License-Identifier: Apache-2.0
"""Starts an authority and runs the interop tests of one client stack: run.py istio | grpcjs."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integ"))
from harness import Authority, encode_request, make_csr, new_key  # noqa: E402

def istio(env):
    return subprocess.run(["go", "test", "-count=1", "-v", "./..."], cwd=HERE / "istio",
                          env=env).returncode


def grpcjs(env):
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"],
                   cwd=HERE / "grpcjs", check=True)
    return subprocess.run(["node", "--test"], cwd=HERE / "grpcjs", env=env).returncode


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
        }
        env = dict(os.environ, MESHCA_ADDRESS=f"127.0.0.1:{ca.ports['production']}")
        for name, content in files.items():
            path = ca.folder / name.lower()
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            env[name] = str(path)
        return stack(env)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""openapi.json against the real daemon: schemathesis, all checks, as an administrator.

    schemathesis.py /path/to/st
"""
import os
import pathlib
import subprocess
import sys

from harness import Authority

HERE = pathlib.Path(__file__).resolve().parent


def main():
    with Authority(environments=("production",), ca_key="rsa-2048") as ca:
        person = ca.admin("alice", "admin")
        anchors = ca.folder / "operators.pem"
        anchors.write_text(ca.anchors("operators"))
        url = f"https://localhost:{ca.rest}"
        done = subprocess.run(
            [sys.argv[1], "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json",
             "--url", url, "--checks", "all", "--tls-verify", anchors,
             "--request-cert", person / "alice.crt", "--request-cert-key", person / "alice.key",
             "--continue-on-failure", "--generation-deterministic", *sys.argv[2:]],
            stdin=subprocess.DEVNULL, cwd=ca.folder, check=False,
            env={**os.environ, "PYTHONPATH": str(HERE / "hooks"), "SCHEMATHESIS_HOOKS": "inventory_body"})
        ca.wait_ready(5)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Starts an authority and runs the Go interop tests against it."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integ"))
from harness import Authority  # noqa: E402


def main():
    with Authority() as ca:
        files = {
            "MESHCA_TOKEN_FILE": ca.issuers["production"].token("ecotrack", "order-service"),
            "MESHCA_FOREIGN_TOKEN_FILE":
                ca.issuers["development"].token("ecotrack", "order-service"),
            "MESHCA_ANCHORS_FILE": ca.anchors("production"),
        }
        env = dict(os.environ, MESHCA_ADDRESS=f"127.0.0.1:{ca.ports['production']}")
        for name, text in files.items():
            path = ca.folder / name.lower()
            path.write_text(text)
            env[name] = str(path)
        return subprocess.run(["go", "test", "-count=1", "-v", "./..."], cwd=HERE / "istio",
                              env=env).returncode


if __name__ == "__main__":
    sys.exit(main())

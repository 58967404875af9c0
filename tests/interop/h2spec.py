# SPDX-License-Identifier: Apache-2.0
"""h2spec against the gRPC port, measured against stock nghttpd in the same run.

Fails when a case fails here that passes there, unless DIFFERENCES names it with its reason."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integ"))
from harness import BIN, Authority, free_port  # noqa: E402

MODULE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"
DIFFERENCES = {}


def build():
    tools = BIN.parent / "judges"
    subprocess.run(["go", "install", MODULE], check=True,
                   env=dict(os.environ, GOBIN=str(tools), GOFLAGS="-mod=mod"), cwd="/")
    return tools / "h2spec"


def failures(h2spec, port):
    """(cases that failed, number of cases): a case is '<section>/<number>: <what>'."""
    report = pathlib.Path(tempfile.mkstemp(suffix=".xml")[1])
    subprocess.run([h2spec, "-t", "-k", "-h", "127.0.0.1", "-p", str(port), "-o", "5",
                    "-j", report], capture_output=True, timeout=500)
    text = report.read_text()
    report.unlink()
    failed, count = set(), 0
    for case in re.finditer(r"<testcase (.*?)(/>|>(.*?)</testcase>)", text, re.S):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', case.group(1)))
        count += 1
        if "<failure" in (case.group(3) or "") or "<error" in (case.group(3) or ""):
            failed.add(f"{attributes.get('package')}: {attributes.get('classname')}")
    return failed, count


def nghttpd(folder):
    port = free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", folder / "n.key", "-out", folder / "n.crt"],
                   check=True, capture_output=True)
    (folder / "index.html").write_text("x")
    return port, subprocess.Popen(["nghttpd", "-d", folder, str(port), folder / "n.key",
                                   folder / "n.crt"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)


def main():
    h2spec = build()
    with Authority() as ca:
        port, stock = nghttpd(ca.folder)
        try:
            time.sleep(0.5)
            theirs, their_count = failures(h2spec, port)
        finally:
            stock.kill()
            stock.wait()
        ours, our_count = failures(h2spec, ca.ports["production"])
    print(f"nghttpd: {their_count} cases, {len(theirs)} failed: {sorted(theirs)}")
    print(f"meshca:  {our_count} cases, {len(ours)} failed: {sorted(ours)}")
    if our_count < 100 or our_count != their_count:
        print("h2spec did not run its cases")
        return 1
    worse = ours - theirs - set(DIFFERENCES)
    print(f"worse than nghttpd and not explained: {sorted(worse)}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())

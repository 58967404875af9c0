# SPDX-License-Identifier: Apache-2.0
"""Only the ceremony's program can build a CA certificate: looks into every other one."""
import pathlib
import subprocess
import sys

# What the compiler and linker leave of ca/ca_cert.c and ca/ceremony_*.c.
SYMBOLS = ("ca_cert_build", "ca_cert_sign", "ca_cert_subject", "ceremony_certify", "ceremony_act")
TEXTS = (b"%.*s environment CA", b"%.*s issuing CA %s", b"meshca root")
OTHERS = ("meshca-signer", "meshca-front", "meshca-ledger", "meshca-keeper", "meshcad")


def symbols(path):
    listing = subprocess.run(["nm", "--defined-only", path], check=True, capture_output=True,
                             text=True).stdout
    return {line.split()[-1] for line in listing.splitlines()}


def main():
    folder = pathlib.Path(sys.argv[1])
    faults = []
    ceremony = folder / "meshca-ceremony"
    have, data = symbols(ceremony), ceremony.read_bytes()
    # The control: what must not be found elsewhere is found here.
    faults += [f"meshca-ceremony has no {name}: this test looks for the wrong thing"
               for name in SYMBOLS if name not in have]
    faults += [f"meshca-ceremony has no {text!r}: this test looks for the wrong thing"
               for text in TEXTS if text not in data]
    if not (folder / "meshca-signer").exists():
        faults.append("no meshca-signer to look into")
    for program in (folder / name for name in OTHERS):
        if not program.exists():
            continue
        have, data = symbols(program), program.read_bytes()
        faults += [f"{program.name} has {name}" for name in SYMBOLS if name in have]
        faults += [f"{program.name} has {text!r}" for text in TEXTS if text in data]
    print("\n".join(faults) or "no CA profile outside the ceremony")
    return 1 if faults else 0


sys.exit(main())

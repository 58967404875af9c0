# SPDX-License-Identifier: Apache-2.0
"""What changes while clients go on asking: keys, configuration, listener certificates, and the end itself."""
import json
import os
import pathlib
import re
import shutil
import struct
import time
import unittest

from harness import BIN, Authority

KILL = pathlib.Path(os.environ.get("MESHCA_KILL_POINT", BIN.parent / "tests/kill_point.so"))
ROLES = ("front", "signer", "ledger", "keeper", "ceremony")
SEND = 1


def wait_for(what, check, seconds=20):
    end = time.monotonic() + seconds
    while not (got := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return got


def wrap(ca, preloads):
    """Roles start with an empty environment, from the folder of meshcad: one with wrappers."""
    programs = ca.folder / "bin"
    programs.mkdir()
    shutil.copy2(BIN / "meshcad", programs)
    for role in ROLES:
        path = programs / f"meshca-{role}"
        path.write_text(f"#!/bin/sh\n{preloads.get(role, '')} exec {BIN}/meshca-{role} \"$@\"\n")
        path.chmod(0o755)
    ca.programs = programs


def events(ca, name):
    return [line for line in ca.log.read_text().splitlines() if f'"event":"{name}"' in line]


class Orphan(unittest.TestCase):
    """A rotation that dies after the new CA is registered leaves one without a key."""

    def issuing(self, viewer):
        rows = self.ca.call("GET", "/v1/issuers?environment=production", person=viewer)[2]["issuers"]
        return [row for row in rows if row["profile"] == "issuing"]

    def test_a_ca_without_a_key_is_named_once(self):
        self.ca = ca = Authority(environments=("production",), ca_key="p-256")
        point = ca.folder / "point"
        try:
            ca.write()
            ca.init()
            point.write_bytes(bytes(12))
            wrap(ca, {"ceremony": f"ASAN_OPTIONS=verify_asan_link_order=0 KILL_POINT={point}"
                                  f" LD_PRELOAD={KILL}"})
            ca.start()
            viewer = ca.admin("vera", "viewer")
            for nth in range(5, 40):  # which message is the registration, is the ceremony's own affair
                point.write_bytes(struct.pack("<iii", SEND, 1, nth))
                done = ca.meshca("issuer", "rotate", "--environment", "production", check=False)
                self.assertNotEqual(done.returncode, 0, "no rotation left a CA without a key")
                if len(self.issuing(viewer)) == 2:
                    break
            orphan, = [row for row in self.issuing(viewer) if row["crl"] is None]
            wait_for("the keeper says so", lambda: events(ca, "issuer-without-key"))
            time.sleep(4)  # it would have asked twice more
            self.assertEqual(len(events(ca, "issuer-without-key")), 1)
            self.assertEqual(events(ca, "crl-not-made"), [])
            said = json.loads(events(ca, "issuer-without-key")[0])
            self.assertEqual(said["issuer"], orphan["id"][:16])
            # it is in nobody's way
            ca.wait_ready()
            self.assertEqual(len(ca.fetch("production", "shop", "cart")), 3)
            text = ca.call("GET", "/v1/environments/production/crl")[2]
            self.assertEqual(len(re.findall(b"BEGIN X509 CRL", text)), 2)
            point.write_bytes(bytes(12))
            ca.meshca("issuer", "rotate", "--environment", "production")
            wait_for("one look at the new signer's keys",
                     lambda: len(events(ca, "issuer-without-key")) == 2)
            self.assertEqual(len(ca.fetch("production", "shop", "cart")), 3)
        finally:
            ca.__exit__(None, None, None)


if __name__ == "__main__":
    unittest.main()

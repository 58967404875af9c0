# SPDX-License-Identifier: Apache-2.0
"""The ledger's disk filled to its last byte: a file system of its own, small and real.

Needs root, or user namespaces: then it runs itself again inside one.
"""
import contextlib
import json
import os
import subprocess
import sys
import time
import unittest

import grpc

import harness

INSIDE = "MESHCA_TEST_DISK_INSIDE"
DISK_MIB = 192


def mount(folder):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "meshca-test",
                           folder], capture_output=True).returncode == 0


class Disk(unittest.TestCase):
    def readyz_says(self, want, seconds=20):
        end = time.monotonic() + seconds
        status, text = None, "no answer"
        while True:
            with contextlib.suppress(OSError):
                status, text = self.ca.probe("/readyz")
                if status == want:
                    return json.loads(text)
            self.assertLess(time.monotonic(), end, f"/readyz stays {status}: {text}")
            time.sleep(0.1)

    def fill(self):
        """To the last byte, as somebody else's file would."""
        with open(self.folder / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while filler.write(b"\0" * size):
                        pass
        left = os.statvfs(self.folder)
        self.assertEqual(left.f_bavail, 0)

    def revoke(self, serial):
        status, _, answer = self.ca.call("POST", f"/v1/certificates/{serial:032x}/revoke",
                                         {"reason": "superseded"}, self.person)
        self.assertEqual(status, 200, answer)

    def crl_lists(self, serials, seconds=20):
        rows = self.ca.call("GET", "/v1/issuers?environment=production", person=self.person)[2]["issuers"]
        issuer = next(row["id"] for row in rows if row["profile"] == "issuing")
        end = time.monotonic() + seconds
        while True:
            crl = harness.x509.load_der_x509_crl(self.ca.call("GET", f"/v1/issuers/{issuer}/crl")[2])
            if all(crl.get_revoked_certificate_by_serial_number(serial) for serial in serials):
                return
            self.assertLess(time.monotonic(), end, "the CRL does not list what was revoked")
            time.sleep(0.2)

    def test_a_full_disk_refuses_issuance_and_revokes(self):
        self.ca = ca = harness.Authority(environments=("production",))
        self.folder = ca.folder / "state" / "ledger"
        ca.write()
        self.folder.mkdir(mode=0o700)
        if not mount(self.folder):
            harness.shutil.rmtree(ca.folder, ignore_errors=True)
            self.skipTest("no file system can be mounted here: a full disk was NOT tried")
        try:
            ca.init()
            ca.start()
            self.person = ca.admin("alice", "admin")
            leaves = [harness.certificate(ca.fetch("production", "shop", f"cart-{n}")[0]).serial_number
                      for n in range(6)]
            self.readyz_says(200)
            self.fill()
            state = self.readyz_says(503)
            self.assertIn("disk", next(part["reason"] for part in state["parts"]
                                       if part["name"] == "ledger"))
            with self.assertRaises(grpc.RpcError):
                ca.fetch("production", "shop", "cart")
            self.revoke(leaves[0])
            self.crl_lists(leaves[:1])
            # What the ledger gave up for that, somebody else may take.
            for serial in leaves[1:4]:
                self.fill()
                self.revoke(serial)
            self.crl_lists(leaves[:4])
            # A ledger that starts on a full disk serves, too.
            self.fill()
            ca.stop()
            self.fill()
            ca.start(ready=False)
            self.readyz_says(503)
            end = time.monotonic() + 20
            while True:
                status, _, answer = ca.call("POST", f"/v1/certificates/{leaves[4]:032x}/revoke",
                                            {"reason": "superseded"}, self.person)
                if status == 200:
                    break
                self.assertLess(time.monotonic(), end, answer)
                time.sleep(0.2)
            self.crl_lists(leaves[:5])
            # Room: the reserve is made whole, then certificates flow again.
            (self.folder / "filler").unlink()
            self.readyz_says(200)
            self.assertEqual((self.folder / "ledger.db.reserve").stat().st_size, 64 << 20)
            ca.fetch("production", "shop", "cart")
        except BaseException:
            print(ca.tail(), ca.process and ca.process.poll(), file=sys.stderr)
            raise
        finally:
            ca.stop()
            subprocess.run(["umount", self.folder], check=False)
            harness.shutil.rmtree(ca.folder, ignore_errors=True)


if __name__ == "__main__":
    if os.geteuid() != 0 and INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-B",
                              *sys.argv])
    unittest.main()

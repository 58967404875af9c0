# SPDX-License-Identifier: Apache-2.0
"""The spine once through, with the default keys: a workload gets its certificate, the ledger knows it."""
import subprocess
import time
import unittest

from harness import BIN, Authority, certificate, new_key


class Smoke(unittest.TestCase):
    def test_workload_gets_a_chain_that_the_ledger_knows(self):
        with Authority(ca_key="rsa-4096") as ca:
            person = ca.admin()
            for kind in ("p-256", "rsa-2048"):
                key = new_key(kind)
                chain = ca.fetch("production", "ecotrack", "order-service", key=key)
                self.assertEqual(len(chain), 3)
                self.assertEqual(chain[-1], ca.anchors("production"))
                leaf = certificate(chain[0])
                self.assertEqual(leaf.public_key().public_numbers(),
                                 key.public_key().public_numbers())
                # The gRPC answer waits for the intent; its signature's record follows at once.
                end = time.monotonic() + 5
                while True:
                    status, _, row = ca.call("GET", f"/v1/certificates/{leaf.serial_number:032x}",
                                             person=person)
                    self.assertEqual(status, 200, row)
                    if row["state"] == "signed" or time.monotonic() > end:
                        break
                    time.sleep(0.02)
                self.assertEqual(row["identity"],
                                 "spiffe://cluster.local/ns/ecotrack/sa/order-service")
                self.assertEqual(row["state"], "signed")
            ca.check_processes()
            ca.stop()
            verified = subprocess.run([BIN / "meshca", "ledger", "verify", "--config", ca.config],
                                      capture_output=True, text=True)
            self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


if __name__ == "__main__":
    unittest.main()

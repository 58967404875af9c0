# SPDX-License-Identifier: Apache-2.0
"""The spine once through: a workload gets its certificate, and the ledger knows it."""
import unittest

from harness import Authority, new_key


class Smoke(unittest.TestCase):
    def test_workload_gets_a_chain_that_the_ledger_knows(self):
        with Authority() as ca:
            before = ca.metric("meshca_ledger_intents_total")
            for kind in ("p-256", "rsa-2048"):
                chain = ca.fetch("production", "ecotrack", "order-service", key=new_key(kind))
                self.assertEqual(len(chain), 3)
                self.assertEqual(chain[-1], ca.anchors("production"))
            self.assertEqual(ca.metric("meshca_ledger_intents_total") - before, 2)


if __name__ == "__main__":
    unittest.main()

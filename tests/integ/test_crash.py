# SPDX-License-Identifier: Apache-2.0
"""Five rounds of scripts/crash."""
import unittest

import crash


class Crash(unittest.TestCase):
    def test_nothing_is_lost_when_processes_die(self):
        crash.run(5)


if __name__ == "__main__":
    unittest.main()

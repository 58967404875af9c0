# SPDX-License-Identifier: Apache-2.0
"""Five rounds of scripts/crash --points."""
import unittest

import crash_points
import harness


class CrashPoints(unittest.TestCase):
    def test_nothing_is_lost_when_processes_die_between_two_steps(self):
        crash_points.run(crash_points.POINTS, 5, harness.BIN.parent / "tests/kill_point.so")


if __name__ == "__main__":
    unittest.main()

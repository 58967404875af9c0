# SPDX-License-Identifier: Apache-2.0
"""The wall clock of every role jumps while boot time goes on: nothing is issued until the time is right
again or an administrator says that it is."""
import os
import pathlib
import shutil
import stat
import struct
import time
import unittest

import grpc

from harness import BIN, Authority, certificate, utc

SHIFT = pathlib.Path(os.environ.get("MESHCA_CLOCK_SHIFT", BIN.parent / "tests/clock_shift.so"))
ROLES = ("front", "signer", "ledger", "keeper", "ceremony")


class Clock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(environments=("production",))
        cls.ca.write()
        cls.ca.init()
        cls.offset = cls.ca.folder / "clock"
        cls.shift(0)
        cls.wrap()
        cls.ca.start()

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    @classmethod
    def wrap(cls):
        """Roles start with an empty environment, from the folder of meshcad: one with wrappers."""
        programs = cls.ca.folder / "bin"
        programs.mkdir()
        shutil.copy2(BIN / "meshcad", programs)
        for role in ROLES:
            path = programs / f"meshca-{role}"
            path.write_text(f"#!/bin/sh\nexport LD_PRELOAD={SHIFT} CLOCK_SHIFT={cls.offset}"
                            " ASAN_OPTIONS=verify_asan_link_order=0\n"
                            f"exec {BIN}/meshca-{role} \"$@\"\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        cls.ca.programs = programs

    @classmethod
    def shift(cls, seconds):
        cls.offset.touch()
        with cls.offset.open("r+b") as file:  # in place: the roles have it mapped
            file.write(struct.pack("<q", seconds))

    def fetch(self):
        return certificate(self.ca.fetch("production", "shop", "cart")[0])

    def serves(self, shifted):
        leaf = self.fetch()
        apart = utc(leaf.not_valid_before_utc if hasattr(leaf, "not_valid_before_utc")
                    else leaf.not_valid_before).timestamp() + 120 - time.time()
        self.assertAlmostEqual(apart, shifted, delta=20)

    def refuses(self, step):
        end = time.monotonic() + 10
        while True:  # readiness is a report, up to half a second old
            status, text = self.ca.probe("/readyz")
            if status == 503 and "clock" in text:
                break
            self.assertLess(time.monotonic(), end, (status, text))
            time.sleep(0.05)
        with self.assertRaises(grpc.RpcError) as refused:
            self.fetch()
        if step < -60:  # the token is from the future, and is looked at first
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        else:
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("clock", refused.exception.details())
        self.assertEqual(self.ca.probe("/healthz")[0], 200, "nothing is to be restarted")

    def test_steps(self):
        self.serves(0)
        self.shift(20)  # a step that is none yet
        self.serves(20)
        self.shift(0)
        for step in (3000, -3000):
            self.shift(step)
            self.refuses(step)
            self.shift(0)
            self.ca.wait_ready()
            self.serves(0)
        self.shift(1800)
        self.refuses(1800)
        self.assertEqual(self.ca.meshca("clock", "accept").returncode, 0)
        self.ca.wait_ready()
        self.serves(1800)
        self.shift(0)  # now before the newest intent as well
        self.refuses(0)
        self.ca.meshca("clock", "accept")
        self.ca.wait_ready()
        self.serves(0)


if __name__ == "__main__":
    unittest.main()

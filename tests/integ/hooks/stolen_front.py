#!/usr/bin/python3 -IB
# SPDX-License-Identifier: Apache-2.0
"""What runs in the place of meshca-front in tests/integ/test_stolen_front.py: it starts as a front does, then
gives all that it was handed, the control channel too, to the test that waits on the socket beside it.

An attacker with front's descriptors needs no more than that.
"""
import array
import json
import os
import socket
import struct
import sys

HELLO, CONFIG, CHANNEL, LISTENER, START, STATUS = 2, 16, 18, 20, 24, 48
FRONT, READY = 2, 3


def frame(kind, corr, payload):
    return struct.pack("<HHHHIQ", 1, 1, kind, 0, len(payload), corr) + payload


def give(test, fd, **what):
    test.sendmsg([json.dumps(what).encode()],
                 [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def main():
    folder = os.path.dirname(sys.argv[0])
    control = socket.socket(fileno=3)
    control.setblocking(True)
    control.send(frame(HELLO, 0, struct.pack("<IBI", 1, FRONT, 0)))
    test = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    test.connect(os.path.join(folder, "test.sock"))
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 17, 4)
        if not data:
            sys.exit(0)
        at = 4
        for _ in range(struct.unpack_from("<HH", data)[1]):
            kind, _, size, corr = struct.unpack_from("<HHIQ", data, at)
            body = data[at + 16:at + 16 + size]
            at += 16 + size
            if kind == CHANNEL:
                peer, generation, length = struct.unpack_from("<BII", body)
                give(test, fds[0], what="channel", peer=peer, generation=generation,
                     environment=body[9:9 + length].decode())
            elif kind == LISTENER:
                give(test, fds[0], what="listener", kind=body[0], environment=body[5:].decode())
            for fd in fds:
                os.close(fd)
            fds = []
            if kind == START:
                with open(os.path.join(folder, "uid")) as text:
                    uid = int(text.read())
                if uid:
                    os.setgroups([])
                    os.setresgid(uid, uid, uid)
                    os.setresuid(uid, uid, uid)
            if kind % 2 == 0 and kind != HELLO:
                control.send(frame(kind + 1, corr, struct.pack("<II", 0, 0)))
            if kind == START:
                control.send(frame(STATUS, 1, struct.pack("<BI", READY, 0)))
                give(test, 3, what="control")
                while test.recv(64):  # the test does the rest; what it sends is run
                    pass
                sys.exit(0)


main()

# SPDX-License-Identifier: ISC
"""Half-open connections by the thousand towards a published address, on a lab (root)

Each SYN bears another source, and nobody ever answers the gateway's SYN-ACK. Such connections never reach posternd: nothing is
accepted, counted or logged, and mail goes on meanwhile. What bounds them is the kernel's (SYN cookies).
"""
import random
import socket
import threading
import time
import unittest

from client import RawClient
from fixture import main, sandboxed
from gateway import ROLES, Postern
from lab import CLIENT, PUBLISHED, SERVER, Lab
from rawtcp import SYN, packet
from servers import Aiosmtpd

SYNS = 20000
SECONDS = 6  # so many they are spread over
SOURCES = "203.0.113.%d"  # all of the client's network but those that live there

CONF = """version 1
mode external
hostname gw.test
state "{dir}/state"
""" + ROLES

RULES = """version 1
set protected { members in.test }
publish first {
    external    198.51.100.2:25
    internal    10.0.0.21:25
    recipients  in protected
    limit       connections 20 per client, 400 total
}
"""


def flood(host, target, count, seconds):
    draw = random.Random(25)
    with host, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        began = time.monotonic()
        for n in range(count):
            source = SOURCES % draw.randrange(20, 250)
            s.sendto(packet(source, draw.randrange(1024, 65536), target, 25, draw.getrandbits(32), 0, SYN), (target, 0))
            if n % 100 == 0:
                time.sleep(max(0, began + seconds * n / count - time.monotonic()))


def setUpModule():
    if Lab.unusable():
        raise unittest.SkipTest(Lab.unusable())


class HalfOpen(unittest.TestCase):
    def session(self, lab):
        began = time.monotonic()
        with lab.client, RawClient(25, host=PUBLISHED[4]) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("QUIT", 221)
        return time.monotonic() - began

    def test_half_open_connections_hold_nobody_up(self):
        with Lab() as lab, lab.server.begin(Aiosmtpd(port=25, address=SERVER[4])), \
                lab.gateway.begin(Postern(RULES, CONF)) as gate:
            lab.redirect()
            self.session(lab)
            before = gate.resident_kib()
            flooding = threading.Thread(target=flood, args=(lab.client, PUBLISHED[4], SYNS, SECONDS))
            flooding.start()
            taken = []
            while flooding.is_alive():
                taken.append(self.session(lab))
            flooding.join()
            half = lab.gateway.must("ss", "-Htn", "state", "syn-recv").count("\n")
            taken.append(self.session(lab))
            gate.wait_sessions_closed(len(taken) + 1)
            print(f"{SYNS} SYNs, {half} half open at their end, {len(taken)} sessions meanwhile, "
                  f"the slowest in {max(taken):.2f} s")
            self.assertGreater(half, 0, "no SYN arrived")
            self.assertGreater(len(taken), 3)
            self.assertEqual({r["client"] for r in gate.records(event="session-open")}, {CLIENT[4]})
            self.assertEqual(gate.records(event="limit-connections-total"), [])
            if sandboxed():  # a sanitizer keeps what hundreds of sessions freed
                self.assertLess(gate.resident_kib() - before, 2048, "posternd and its roles grew")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: ISC
"""The lab itself: the server is reached through the gateway only, the standing drop holds, nothing is left behind."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

from client import RawClient
from fixture import PATIENCE_S, SRC, main, wait_for
from lab import (CLIENT, GATEWAY_EXT, GATEWAY_INT, OTHER_CLIENT, OTHER_PUBLISHED, OTHER_SERVER, PORT, PUBLISHED,
                 SERVER, Lab, module_lab)
from servers import Postfix

FAMILIES = (4, 6)
MESSAGE = b"Subject: T\r\n\r\nHello.\r\n.\r\n"

lab = postfix = None


def setUpModule():
    global lab, postfix
    lab = module_lab(Postfix)
    postfix = unittest.enterModuleContext(lab.server.begin(
        Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25"])))


def reach(host, address, port, timeout=0.5):
    """What becomes of a connection from that host: open, refused or nothing."""
    with host:
        try:
            socket.create_connection((address, port), timeout).close()
            return "open"
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "nothing"


def transparent_socket(family):
    s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    s.settimeout(PATIENCE_S)
    if family == 6:
        s.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    else:
        s.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
    return s


def listening_socket(family):
    """As posternd's in mode external."""
    s = transparent_socket(family)
    s.bind(("::" if family == 6 else "", PORT))
    s.listen()
    return s


def names():
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout


def rules(host):
    return "".join(host.must(p, "-c") for p in ("iptables-save", "ip6tables-save"))


class Hosts(unittest.TestCase):
    def setUp(self):
        postfix.forget()

    def test_each_has_its_addresses_at_once(self):
        for host, addresses in ((lab.client, [CLIENT[4], CLIENT[6], OTHER_CLIENT]),
                                (lab.gateway, [GATEWAY_EXT[4], GATEWAY_EXT[6], GATEWAY_INT[4], GATEWAY_INT[6],
                                               PUBLISHED[4], PUBLISHED[6], OTHER_PUBLISHED]),
                                (lab.server, [SERVER[4], SERVER[6], OTHER_SERVER[4], OTHER_SERVER[6]])):
            with host:
                for address in addresses:
                    with self.subTest(host.name, address=address), \
                         socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
                        s.bind((address, 0))  # a tentative address would refuse

    def test_mail_reaches_the_server_with_the_clients_address(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                postfix.forget()
                with lab.client, RawClient(25, host=SERVER[family]) as c:
                    c.expect(220)
                    c.command("EHLO c.test", 250)
                    c.command("MAIL FROM:<a@out.test>", 250)
                    c.command("RCPT TO:<b@in.test>", 250)
                    c.command("DATA", 354)
                    c.send(MESSAGE)
                    c.expect(250)
                    c.command("QUIT", 221)
                postfix.wait_messages(1)
                self.assertEqual(postfix.clients(), [CLIENT[family]])

    def test_only_through_the_gateway(self):
        for family, program in zip(FAMILIES, ("iptables", "ip6tables")):
            with self.subTest(family=family):
                lab.gateway.must(program, "-I", "FORWARD", "-j", "DROP")
                try:
                    self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")
                finally:
                    lab.gateway.must(program, "-D", "FORWARD", "-j", "DROP")
                self.assertEqual(reach(lab.client, SERVER[family], 25), "open")

    def test_the_hosts_are_apart_from_this_machine(self):
        for address in (SERVER[4], SERVER[6]):
            with self.assertRaises(OSError), socket.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
                s.bind((address, 0))

    def test_this_thread_comes_back(self):
        here = os.readlink("/proc/thread-self/ns/net")
        with self.assertRaises(ZeroDivisionError), lab.client:
            self.assertNotEqual(os.readlink("/proc/thread-self/ns/net"), here)
            with lab.server:
                1 / 0
        self.assertEqual(os.readlink("/proc/thread-self/ns/net"), here)


class Interception(unittest.TestCase):
    """The rules of scripts/lab with no posternd behind them (CASES OPS-20: all daemons stopped)."""

    def setUp(self):
        self.addCleanup(lab.clear)

    def test_standing_drop(self):
        for how in (lab.redirect, lab.tproxy):
            how()
            for family in FAMILIES:
                with self.subTest(how.__name__, family=family):
                    self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")
                    self.assertNotEqual(reach(lab.client, PUBLISHED[family], 25), "open")
                    self.assertEqual(reach(lab.client, SERVER[family], 26), "refused")  # other ports are routed

    def test_only_what_is_intercepted_reaches_the_port(self):
        for family in FAMILIES:
            with lab.gateway:
                listener = listening_socket(family)
            with self.subTest(family=family), listener:
                lab.clear()
                self.assertEqual(reach(lab.client, GATEWAY_EXT[family], PORT), "open")
                lab.redirect()
                self.assertEqual(reach(lab.client, GATEWAY_EXT[family], PORT), "nothing")
                self.assertEqual(reach(lab.server, GATEWAY_EXT[family], PORT), "nothing")
                self.assertEqual(reach(lab.client, PUBLISHED[family], 25), "open")

    def test_tproxy_brings_the_published_address(self):
        lab.tproxy("-o")
        for family in FAMILIES:
            with lab.gateway:
                listener = listening_socket(family)
            with listener:
                for host, source, address in ((lab.client, CLIENT, PUBLISHED), (lab.server, SERVER, CLIENT)):
                    with self.subTest(family=family, to=address[family]):
                        with host, socket.create_connection((address[family], 25), PATIENCE_S):
                            accepted, peer = listener.accept()
                            self.assertEqual(peer[0], source[family])
                            self.assertEqual(accepted.getsockname()[:2], (address[family], 25))
                            accepted.close()

    def test_replies_to_a_kept_address_come_back(self):
        """What posternd does for "client-address keep": a connection from the client's address."""
        for how in (lab.redirect, lab.tproxy):
            how()
            for family in FAMILIES:
                with self.subTest(how.__name__, family=family):
                    with lab.gateway:
                        s = transparent_socket(family)
                    with s:
                        s.bind((CLIENT[family], 0))
                        s.connect((SERVER[family], 25))
                        self.assertTrue(s.recv(100).startswith(b"220 "))

    def test_again_and_away(self):
        before = rules(lab.gateway)
        routes = [lab.gateway.must("ip", f"-{f}", "rule") for f in FAMILIES]
        for arguments in (["redirect"], ["redirect"], ["tproxy", "-o", 25, 587], ["tproxy", "-o", 25, 587], ["redirect"]):
            lab.script(*arguments)
            now = rules(lab.gateway)
            self.assertEqual(now.count("-A PREROUTING -j"), 4, now)
            self.assertEqual(now.count("-j TPROXY") > 0, arguments[0] == "tproxy", now)
            self.assertEqual(now.count("-j REDIRECT") > 0, arguments[0] == "redirect", now)
            self.assertEqual(now.count("--dports 25,587") > 0, arguments[0] == "tproxy", now)
        for _ in range(2):
            lab.clear()
            self.assertNotIn("LAB", rules(lab.gateway))
            self.assertEqual([lab.gateway.must("ip", f"-{f}", "rule") for f in FAMILIES], routes)
        self.assertEqual(before.count("-A"), rules(lab.gateway).count("-A"))

    def test_status(self):
        self.assertIn("none", lab.script("status"))
        lab.redirect()
        self.assertIn("REDIRECT --to-ports 10525", lab.script("status"))
        self.assertRegex(lab.script("status"), rf"listens: {SERVER[4]}:25 ")


class UpAndDown(unittest.TestCase):
    def test_twice(self):
        with Lab() as other:
            other.redirect()
            other.script("up")
            self.assertIn("REDIRECT", rules(other.gateway))  # what is there is left alone
            other.script("down")
            other.script("down")
            self.assertNotIn(other.name, names())

    def test_what_is_half_there_is_made_anew(self):
        with Lab() as other:
            subprocess.run(["ip", "netns", "del", other.server.name], check=True)
            other.gateway.must("sysctl", "-qw", "net.ipv4.ip_forward=0")
            other.script("up")
            self.assertEqual(reach(other.client, SERVER[4], 25), "refused")
            subprocess.run(["ip", "netns", "del", other.gateway.name], check=True)
            other.script("down")
            self.assertNotIn(other.name, names())

    def test_down_ends_what_runs_there(self):
        with Lab() as other:
            with other.server:
                sleeper = subprocess.Popen(["sleep", "1000"])
            other.script("down")
            self.assertEqual(sleeper.wait(PATIENCE_S), -signal.SIGTERM)

    def test_nothing_is_left_however_its_test_ends(self):
        program = ("import sys, time; sys.path.insert(0, sys.argv[1]); from lab import Lab; from servers import Postfix\n"
                   "with Lab() as lab:\n"
                   "    print(lab.name, flush=True)\n"
                   "    with lab.server, Postfix() as p:\n"
                   "        print(p.dir, flush=True); lab.client.run('sleep', '1000')")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            with self.subTest(number):
                process = subprocess.Popen([sys.executable, "-B", "-c", program, SRC / "test/net"],
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                with process.stdout:
                    name, folder = (process.stdout.readline().strip() for _ in range(2))
                    self.assertIn(name, names())
                    process.send_signal(number)
                    process.wait(PATIENCE_S)
                wait_for(f"{name} to be gone", lambda: name not in names())
                wait_for(f"{folder} to be gone", lambda: not pathlib.Path(folder).exists())

    def test_wrong_usage(self):
        for arguments in ([], ["sideways"], ["up", "x"], ["shell", "moon"], ["redirect", "-z"], ["redirect", "smtp"],
                          ["tproxy", "-p", "x"]):
            with self.subTest(arguments):
                done = subprocess.run([SRC / "scripts/lab", *arguments], capture_output=True, text=True)
                self.assertEqual(done.returncode, 64, done.stderr)


if __name__ == "__main__":
    main()

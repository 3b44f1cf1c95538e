# SPDX-License-Identifier: ISC
"""postern-socket by itself: what it sends over its channels, what it answers, how it ends."""
import array
import os
import platform
import resource
import select
import socket
import struct
import subprocess
import time
import unittest

from support import PATIENCE_S, main, wait_for
from gateway import Postern

HEAD = struct.Struct("=HHI")
MARK = 0x5073  # base/msg.c
READY, PONG, PING, ADD = 1, 2, 3, 4  # base/talk.h
SO_MARK, IP_TRANSPARENT, IPV6_TRANSPARENT, NO_PORT = 36, 19, 75, 24
PACKET_MARK = 0x00500000


def pair():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.settimeout(PATIENCE_S)
    return ends


class Role:
    """The program, posternd's end of its control pair, and channels."""

    def __init__(self, *prefix, mark=PACKET_MARK):
        self.control, theirs = pair()
        self.process = subprocess.Popen(
            [*prefix, Postern.program("proxy/postern-socket"), "-:-:-:optional", "%x" % mark, "3"],
            # as posternd starts it: its descriptors follow on from 3, what stands beyond a gap it closes
            preexec_fn=lambda: os.dup2(theirs.fileno(), 3), pass_fds=[3], stderr=subprocess.PIPE, text=True)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.control.close()
        self.process.wait(PATIENCE_S)
        self.process.stderr.close()

    def told(self):
        """Type and body of its next message."""
        packet = self.control.recv(1000)
        mark, what, size = HEAD.unpack_from(packet)
        assert mark == MARK and size == len(packet) - HEAD.size, packet
        return what, packet[HEAD.size:]

    def tell(self, what, body=b"", fds=()):
        socket.send_fds(self.control, [HEAD.pack(MARK, what, len(body)) + body], list(fds))

    def channel(self, family):
        ours, theirs = pair()
        self.tell(ADD, struct.pack("=I", family), [theirs.fileno()])
        theirs.close()
        return ours

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_ticks(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))


def batch(channel):
    """The sockets of one message."""
    fds = array.array("i")
    packet, ancillary, _, _ = channel.recvmsg(100, socket.CMSG_SPACE(64 * fds.itemsize))
    for _, _, data in ancillary:
        fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
    assert packet == HEAD.pack(MARK, 1, 0), packet
    return [socket.socket(fileno=fd) for fd in fds]


def close_all(sockets):
    for sock in sockets:
        sock.close()


@unittest.skipUnless(os.geteuid() == 0, "needs CAP_NET_RAW")
class Sockets(unittest.TestCase):
    def test_they_take_any_address_of_their_family(self):
        with Role() as role:
            self.assertEqual(role.told()[0], READY)
            for family, level, option, address in ((4, socket.SOL_IP, IP_TRANSPARENT, "203.0.113.9"),
                                                   (6, socket.IPPROTO_IPV6, IPV6_TRANSPARENT, "2001:db8:1::9")):
                with self.subTest(family), role.channel(family) as channel:
                    socks = batch(channel)
                    self.assertEqual(len(socks), 16)
                    for sock in socks:
                        self.assertEqual(sock.family, socket.AF_INET if family == 4 else socket.AF_INET6)
                        self.assertEqual(sock.type, socket.SOCK_STREAM)
                        self.assertFalse(os.get_blocking(sock.fileno()))
                        self.assertEqual(sock.getsockopt(level, option), 1)
                        self.assertEqual(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 1)
                        self.assertEqual(sock.getsockopt(socket.SOL_IP, NO_PORT), 1)
                        self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, SO_MARK), PACKET_MARK)
                        sock.bind((address, 0))
                    close_all(socks)

    def test_without_a_mark_they_have_none(self):
        with Role(mark=0) as role, role.channel(4) as channel:
            socks = batch(channel)
            self.assertEqual({s.getsockopt(socket.SOL_SOCKET, SO_MARK) for s in socks}, {0})
            close_all(socks)

    def test_a_channel_is_kept_full_and_not_more(self):
        with Role() as role, role.channel(4) as channel:
            for _ in range(100):
                close_all(batch(channel))
            before = role.cpu_ticks()
            time.sleep(1)
            self.assertLess(role.cpu_ticks() - before, 20, "it does not rest while all is full")
            channel.settimeout(0)
            waiting = 0
            os.kill(role.process.pid, 19)  # so that nothing comes while it is counted
            try:
                while True:
                    waiting += len(socks := batch(channel))
                    close_all(socks)
            except BlockingIOError:
                pass
            os.kill(role.process.pid, 18)
            self.assertIn(waiting, range(64, 161))

    def test_a_channel_whose_proxy_is_gone_is_dropped(self):
        with Role() as role:
            role.told()
            before = role.descriptors()
            channels = [role.channel(4 + 2 * (i % 2)) for i in range(6)]
            for channel in channels:
                close_all(batch(channel))
            close_all(channels[::2])
            wait_for("three channels to be dropped", lambda: role.descriptors() == before + 3)
            for channel in channels[1::2]:
                for _ in range(20):
                    close_all(batch(channel))
            close_all(channels)
            wait_for("the others, too", lambda: role.descriptors() == before)


    @unittest.skipUnless(platform.machine() == "x86_64", "the filter names system calls by number")
    def test_a_family_the_host_has_not_costs_the_other_nothing(self):
        # a filter that answers socket(AF_INET6, ...) as a kernel without IPv6 does
        code = ("import ctypes, os, struct, sys\n"
                "prog = b''.join(struct.pack('=HBBI', *i) for i in ("
                "(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16), (0x15, 0, 1, 10), (6, 0, 0, 0x50000 | 97), "
                "(6, 0, 0, 0x7fff0000)))\n"
                "buf = ctypes.create_string_buffer(prog)\n"
                "fprog = ctypes.create_string_buffer(struct.pack('@HP', 6, ctypes.addressof(buf)))\n"
                "libc = ctypes.CDLL(None, use_errno=True)\n"
                "assert libc.prctl(22, 2, fprog, 0, 0) == 0 or libc.prctl(38, 1, 0, 0, 0) == 0 == "
                "libc.prctl(22, 2, fprog, 0, 0)\n"
                "os.execv(sys.argv[1], sys.argv[1:])\n")
        with Role("/usr/bin/python3", "-c", code) as role, role.channel(4) as four, role.channel(6) as six:
            since = time.monotonic()
            for _ in range(100):
                close_all(batch(four))
            self.assertLess(time.monotonic() - since, 10)  # 100 rests would be 20 s
            six.settimeout(0)
            self.assertRaises(BlockingIOError, batch, six)


class Orders(unittest.TestCase):
    def test_a_ping_is_answered(self):
        with Role() as role:
            self.assertEqual(role.told()[0], READY)
            role.tell(PING)
            what, body = role.told()
            self.assertEqual((what, len(body)), (PONG, 48))

    def test_it_ends_with_posternd(self):
        with Role() as role, role.channel(4):
            role.told()
            role.control.close()
            self.assertEqual(role.process.wait(PATIENCE_S), 0)

    def test_what_is_no_order_changes_nothing(self):
        with Role() as role:
            role.told()
            before = role.descriptors()
            ours, theirs = pair()
            role.tell(ADD, struct.pack("=I", 5), [theirs.fileno()])
            role.tell(ADD, b"\4", [theirs.fileno()])
            role.tell(ADD, struct.pack("=I", 4))
            role.tell(77, b"x" * 10, [theirs.fileno()])
            role.control.send(b"x" * 500)
            role.tell(PING)
            self.assertEqual(role.told()[0], PONG)
            self.assertEqual(role.descriptors(), before)
            close_all((ours, theirs))

    def test_usage(self):
        for arguments in ([], ["-:-:-:optional", "0"], ["-:optional", "x", "3"], ["-:optional", "0", "3", "4"]):
            done = subprocess.run([Postern.program("proxy/postern-socket"), *arguments], capture_output=True,
                                  timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 64, arguments)


@unittest.skipUnless(os.geteuid() == 0, "needs CAP_NET_RAW")
class Shortage(unittest.TestCase):
    def assert_rests(self, role, channels):
        """One line says why, and it does not burn the processor."""
        line = role.process.stderr.readline()
        before = role.cpu_ticks()
        time.sleep(1)
        self.assertLess(role.cpu_ticks() - before, 20)
        role.tell(PING)
        self.assertEqual(role.told()[0], PONG)
        close_all(channels)
        role.control.close()
        role.process.wait(PATIENCE_S)
        return line + role.process.stderr.read()

    def test_without_the_right(self):
        with Role("setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-net_raw,-net_admin") as role:
            role.told()
            said = self.assert_rests(role, [role.channel(4), role.channel(6)])
            self.assertEqual(said, "postern-socket: cannot give sockets: Operation not permitted\n")

    def test_without_descriptors_it_goes_on_later(self):
        with Role() as role:
            role.told()
            channel = role.channel(4)
            close_all(batch(channel))
            old = resource.prlimit(role.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(role.process.pid, resource.RLIMIT_NOFILE, (3, old[1]))
            channel.settimeout(0.1)
            while not select.select([role.process.stderr], [], [], 0)[0]:
                try:
                    close_all(batch(channel))
                except TimeoutError:
                    pass
            channel.settimeout(PATIENCE_S)
            # EMFILE; or ETOOMANYREFS, where the limit met sockets that were sent and not received (unix(7), SCM_RIGHTS)
            self.assertRegex(role.process.stderr.readline(),
                             "^postern-socket: cannot give sockets: Too many (open files|references: cannot splice)$")
            resource.prlimit(role.process.pid, resource.RLIMIT_NOFILE, old)
            for _ in range(50):
                close_all(batch(channel))
            channel.close()


if __name__ == "__main__":
    main()

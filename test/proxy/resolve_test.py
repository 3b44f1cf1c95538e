# SPDX-License-Identifier: ISC
"""postern-resolve by itself, confined, asked as a relay would, against a DNS server that is told what to say."""
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time
import unittest

from dns import Dns, Signer
from support import PATIENCE_S, main, wait_for
from fixture import sandboxed
from gateway import Postern

HEAD = struct.Struct("=HHI")
MARK = 0x5073  # base/msg.c
READY, PONG, PING, ADD, REFUSED, STOP, ADDRESSES = 1, 2, 3, 4, 14, 9, 19  # base/talk.h, proxy/roles.h
ASK, SAID, MAIL, HOST = 160, 161, 0, 1  # proxy/relay/asks.h
OK, NONE, NULL_MX, LOOP, TEMPFAIL, BOGUS, BAD, UNUSABLE = range(8)
RESOLV, HOSTS, ANCHOR = 6, 7, 8  # proxy/relay/roles.h
OWN = "198.51.100.25"
F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x8
LAYERS = "required" if sandboxed() else "optional"

RULES = """version 1
set d { members in.test }
relay r { listen 127.0.0.1:2525; recipients in d; deliver away, other, named }
route away { domains d; next-hop mx; resolver 127.0.0.1:%d }
route other { domains d; next-hop mx; resolver 127.0.0.1:%d }
route named { domains d; next-hop 192.0.2.1:25 }
"""


def pair():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.settimeout(PATIENCE_S)
    return ends


def sealed(content):
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def bundle(rules, conf="version 1\nhostname gw.test\n"):
    parts = b"".join(struct.pack("<IIIIQ", kind, 0, len(name), 0, len(text)) + name + b"\0" + text
                     for kind, name, text in ((0, b"rules.conf", rules.encode()), (1, b"postern.conf", conf.encode())))
    return sealed(b"PNBUNDLE" + struct.pack("<IIQ", 1, 2, 24 + len(parts)) + parts)


def texts(**kinds):
    parts = b"".join(struct.pack("<IIQ", globals()[kind], 0, len(text)) + text.encode() for kind, text in kinds.items())
    return sealed(b"PNTEXTS1" + parts)


def ip(text):
    v6 = ":" in text
    octets = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, text)
    return struct.pack("=I16s", 6 if v6 else 4, octets)


def ip_text(octets):
    family, = struct.unpack_from("=I", octets)
    return socket.inet_ntop(socket.AF_INET6, octets[4:20]) if family == 6 else socket.inet_ntop(socket.AF_INET, octets[4:8])


class Said:
    def __init__(self, body):
        self.number, self.result, n, names, self.secure = struct.unpack_from("=QIIII", body)
        assert len(body) == 24 + 32 * 24 + names * 256 and n <= 32 and names <= 16, (len(body), n, names)
        table = [body[792 + 256 * i:792 + 256 * (i + 1)].split(b"\0")[0].decode() for i in range(names)]
        self.names = table
        self.targets = []
        for i in range(n):
            at = 24 + 24 * i
            self.targets.append((table[struct.unpack_from("=I", body, at + 20)[0]], ip_text(body[at:at + 20])))

    def __repr__(self):
        return f"<{self.result} {self.targets}>"


class Client:
    """One who asks."""

    def __init__(self, role):
        self.sock, self.theirs = pair()
        self.number = 1000
        self.add_to(role)

    def add_to(self, role):
        role.tell(ADD, fds=[self.theirs.fileno()])

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()
        self.theirs.close()

    def send(self, name, what=MAIL, route=0, kind=ASK):
        self.number += 1
        name = name.encode() if isinstance(name, str) else name
        body = struct.pack("=QII", self.number, route, what) + name
        self.sock.send(HEAD.pack(MARK, kind, len(body)) + body)
        return self.number

    def said(self):
        packet = self.sock.recv(70000)
        mark, kind, size = HEAD.unpack_from(packet)
        assert (mark, kind, size) == (MARK, SAID, len(packet) - HEAD.size), packet[:20]
        return Said(packet[HEAD.size:])

    def ask(self, name, what=MAIL, route=0):
        number = self.send(name, what, route)
        said = self.said()
        assert said.number == number
        return said


class Role:
    """postern-resolve and posternd's ends."""

    def __init__(self, port, other=1, rules=None, addresses=(OWN, "2001:db8::25"), conf=None, **more):
        self.control, theirs = pair()
        more = {"RESOLV": "", **more}
        fds = [theirs.fileno(), bundle(rules or RULES % (port, other), **({"conf": conf} if conf else {})), texts(**more)]

        def place():
            for i, high in enumerate([fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in fds]):
                os.dup2(high, 3 + i)

        self.process = subprocess.Popen(
            [Postern.program("proxy/relay/resolve/postern-resolve"), "-:-:-:" + LAYERS, "3", "4", "5"],
            preexec_fn=place, pass_fds=[3, 4, 5], stderr=subprocess.PIPE, text=True)
        theirs.close()
        for fd in fds[1:]:
            os.close(fd)
        if addresses is not None:
            self.tell(ADDRESSES, b"".join(map(ip, addresses)))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.control.close()
        code = self.process.wait(PATIENCE_S)
        said = self.process.stderr.read()
        self.process.stderr.close()
        assert code == 0 and not said, (code, said)

    def tell(self, what, body=b"", fds=()):
        socket.send_fds(self.control, [HEAD.pack(MARK, what, len(body)) + body], list(fds))

    def told(self):
        packet = self.control.recv(1000)
        return HEAD.unpack_from(packet)[1]


A, B = {"A": ["192.0.2.1"]}, {"A": ["192.0.2.2"], "AAAA": ["2001:db8::2"]}
ZONE = {
    "in.test": {"MX": [(20, "b.in.test"), (10, "a.in.test")]},
    "a.in.test": A,
    "b.in.test": B,
    "equal.test": {"MX": [(5, "a.in.test"), (5, "b.in.test")]},
    "bare.test": {"A": ["192.0.2.3"]},
    "alias.test": {"CNAME": ["in.test"]},
    "barealias.test": {"CNAME": ["bare.test"]},
    "empty.test": {},
    "null.test": {"MX": [(0, "")]},
    "mxalias.test": {"MX": [(1, "amx.test")]},
    "amx.test": {"CNAME": ["b.in.test"]},
    "part.test": {"MX": [(1, "gone.in.test"), (2, "a.in.test")]},
    "gone.test": {"MX": [(1, "gone.in.test")]},
    "fails.test": {"MX": "SERVFAIL"},
    "refused.test": {"MX": "REFUSED"},
    "garbage.test": {"MX": "GARBAGE"},
    "mxfails.test": {"MX": [(1, "sick.test")]},
    "sick.test": {"A": "SERVFAIL", "AAAA": "SERVFAIL"},
    "sickfirst.test": {"MX": [(1, "sick.test"), (2, "a.in.test")]},
    "halfsick.test": {"MX": [(1, "half.in.test")]},
    "half.in.test": {"A": ["192.0.2.4"], "AAAA": "SERVFAIL"},
    "loops.test": {"MX": [(10, "gw.test"), (20, "a.in.test")]},
    "backup.test": {"MX": [(10, "a.in.test"), (20, "GW.test"), (20, "b.in.test"), (30, "bare.test")]},
    "ownaddress.test": {"MX": [(10, "a.in.test"), (20, "us.in.test"), (30, "b.in.test")]},
    "us.in.test": {"A": [OWN]},
    "us6.in.test": {"AAAA": ["2001:db8::25"]},
    "gw.test": {"A": ["192.0.2.77"]},
    "atus.test": {"A": [OWN]},
    "atus6.test": {"MX": [(1, "us6.in.test")]},
    "attack.test": {"MX": [(1, "evil.in.test")]},
    "evil.in.test": {"A": ["127.0.0.1", "0.0.0.0", "169.254.169.254", "224.0.0.5"],
                     "AAAA": ["::1", "::ffff:127.0.0.1", "fe80::1", "ff02::1", "::"]},
    "half-attack.test": {"MX": [(1, "evil.in.test"), (2, "a.in.test")]},
    "xn--bcher-kva.test": {"MX": [(1, "a.in.test")]},
    "big.test": {"MX": [(i, f"m{i}.in.test") for i in range(100, 0, -1)]},
    **{f"m{i}.in.test": {"A": [f"192.0.2.{i}"]} for i in range(1, 101)},
    "many.test": {"MX": [(1, "wide.in.test")]},
    "wide.in.test": {"A": [f"192.0.2.{i}" for i in range(1, 200)]},
    "oversized.test": {"MX": [(i, f"m{i}.in.test") for i in range(1, 101)]},
    "trunc.test": {"MX": [(1, "a.in.test")]},
    "circle.test": {"CNAME": ["circle2.test"]},
    "circle2.test": {"CNAME": ["circle.test"]},
    "odd.test": {"MX": [(1, "not a host.test")]},
    "h.test": {"A": ["192.0.2.9", "127.0.0.5"], "AAAA": ["2001:db8::9"]},
    "h0.test": {"A": ["0.0.0.0"]},
}

dns = role = None
# the numbers that the program is started with, so that subprocess has no pipe of its own there
reserved = [os.open("/dev/null", os.O_RDONLY) for _ in range(6)]


def setUpModule():
    global dns, role
    dns = unittest.enterModuleContext(Dns(ZONE, truncate={"trunc.test"}, oversize={"oversized.test"}))
    role = unittest.enterModuleContext(Role(dns.port, dns.port, HOSTS="192.0.2.88 h.test.local hosts.test\n127.0.0.1 a.in.test\n"))
    assert role.told() == READY


class Mail(unittest.TestCase):
    def setUp(self):
        self.client = self.enterContext(Client(role))

    def ask(self, name, result=OK):
        said = self.client.ask(name)
        self.assertEqual(said.result, result, said)
        if result != OK:
            self.assertEqual((said.targets, said.names, said.secure), ([], [], 0))
        return said.targets

    A = ("a.in.test", "192.0.2.1")
    B = [("b.in.test", "2001:db8::2"), ("b.in.test", "192.0.2.2")]

    def test_exchangers_by_preference(self):
        self.assertEqual(self.ask("in.test"), [self.A, *self.B])
        self.assertEqual(self.ask("IN.Test"), [self.A, *self.B])

    def test_equal_preference_in_both_orders(self):
        firsts = {self.ask("equal.test")[0][0] for _ in range(64)}  # 1 of 2^63 tries sees one only
        self.assertEqual(firsts, {"a.in.test", "b.in.test"})

    def test_a_domain_without_exchangers_is_its_own(self):
        self.assertEqual(self.ask("bare.test"), [("bare.test", "192.0.2.3")])

    def test_aliases(self):
        self.assertEqual(self.ask("alias.test"), [self.A, *self.B])
        self.assertEqual(self.ask("barealias.test"), [("barealias.test", "192.0.2.3")])
        self.assertEqual([t[1] for t in self.ask("mxalias.test")], ["2001:db8::2", "192.0.2.2"])

    def test_nobody(self):
        for name in "nowhere.test", "empty.test", "gone.test":
            with self.subTest(name):
                self.ask(name, NONE)

    def test_null_mx(self):
        self.ask("null.test", NULL_MX)

    def test_exchangers_that_do_not_exist_or_fail_are_passed_over(self):
        self.assertEqual(self.ask("part.test"), [self.A])
        self.assertEqual(self.ask("sickfirst.test"), [self.A])
        self.assertEqual(self.ask("halfsick.test"), [("half.in.test", "192.0.2.4")])

    def test_what_fails_fails_for_now(self):
        for name in "fails.test", "refused.test", "mxfails.test", "circle.test", "garbage.test":
            with self.subTest(name):
                self.ask(name, TEMPFAIL)

    def test_a_failed_lookup_is_no_missing_exchanger(self):
        zone = {"f.test": {"MX": "SERVFAIL", "A": ["192.0.2.66"]}}
        with Dns(zone) as own, Role(own.port) as r, Client(r) as c:
            self.assertEqual(c.ask("f.test").result, TEMPFAIL)
            self.assertEqual(own.names_asked("A"), [])

    def test_this_host(self):
        for name in "loops.test", "gw.test", "atus.test", "atus6.test", "[%s]" % OWN, "[IPv6:2001:db8::25]":
            with self.subTest(name):
                self.ask(name, LOOP)
        self.assertEqual(self.ask("backup.test"), [self.A])
        self.assertEqual(self.ask("ownaddress.test"), [self.A])

    def test_addresses_that_no_server_of_others_has(self):
        self.ask("attack.test", UNUSABLE)
        self.ask("odd.test", UNUSABLE)
        self.assertEqual(self.ask("half-attack.test"), [self.A])
        for literal in "[127.0.0.1]", "[0.0.0.0]", "[IPv6:::1]", "[169.254.1.1]":
            with self.subTest(literal):
                self.ask(literal, UNUSABLE)

    def test_literals(self):
        before = len(dns.asked)
        self.assertEqual(self.ask("[203.0.113.7]"), [("203.0.113.7", "203.0.113.7")])
        self.assertEqual(self.ask("[IPv6:2001:DB8::7]"), [("2001:db8::7", "2001:db8::7")])
        for bad in "[203.0.113.7", "[203.0.113.256]", "[IPv6:x]", "[x:y]", "[]":
            self.ask(bad, BAD)
        self.assertEqual(len(dns.asked), before)

    def test_names_that_are_none(self):
        before = len(dns.asked)
        for bad in ("", ".", "a..test", "-a.test", "a_b.test", "a b.test", "a.test\0", "a" * 64 + ".test", "127.0.0.1",
                    ".".join(["a" * 63] * 4), b"\xff.test", "a\u202e.test", "\u3002.test", "x" * 5000):
            with self.subTest(bad):
                self.ask(bad, BAD)
        self.assertEqual(len(dns.asked), before)

    def test_u_labels(self):
        for name in "b\u00fccher.test", "BU\u0308CHER.test", "xn--bcher-kva.test":
            with self.subTest(name):
                self.assertEqual(self.ask(name), [self.A])
        self.assertIn("xn--bcher-kva.test", dns.names_asked("MX"))

    def test_of_many_exchangers_the_best(self):
        targets = self.ask("big.test")
        self.assertEqual(targets, [(f"m{i}.in.test", f"192.0.2.{i}") for i in range(1, 17)])

    def test_of_many_addresses_a_few(self):
        self.assertEqual(len(self.ask("many.test")), 8)

    def test_truncated_over_udp(self):
        self.assertEqual(self.ask("trunc.test"), [self.A])
        self.assertIn(("trunc.test", "MX", "tcp"), dns.asked)

    def test_more_than_was_asked_for(self):
        self.assertEqual(len(self.ask("oversized.test")), 16)
        self.assertNotIn(("oversized.test", "MX", "tcp"), dns.asked)

    def test_many_questions_at_once(self):
        """So many that their answers have no room in the pair before some are read."""
        names = ["in.test", "null.test", "nowhere.test", "bare.test"] * 60
        numbers = {self.client.send(name): name for name in names}
        results = {}
        for _ in names:
            said = self.client.said()
            results[numbers.pop(said.number)] = said.result
        self.assertEqual(results, {"in.test": OK, "null.test": NULL_MX, "nowhere.test": NONE, "bare.test": OK})

    def test_the_hosts_file_says_nothing_of_exchangers(self):
        self.assertEqual(self.ask("in.test")[0], self.A)  # not 127.0.0.1


class Hosts(unittest.TestCase):
    def setUp(self):
        self.client = self.enterContext(Client(role))

    def test_addresses_of_a_host(self):
        said = self.client.ask("h.test", HOST)
        self.assertEqual(said.result, OK)
        self.assertEqual(sorted(said.targets), [("h.test", "127.0.0.5"), ("h.test", "192.0.2.9"), ("h.test", "2001:db8::9")])
        self.assertEqual(said.targets[0][1], "2001:db8::9")

    def test_no_exchangers_are_asked_for(self):
        self.assertEqual(self.client.ask("in.test", HOST).result, NONE)
        self.assertEqual(self.client.ask("nowhere.test", HOST).result, NONE)
        self.assertEqual(self.client.ask("sick.test", HOST).result, TEMPFAIL)
        self.assertEqual(self.client.ask("h0.test", HOST).result, UNUSABLE)

    def test_the_hosts_file_first(self):
        before = len(dns.asked)
        said = self.client.ask("Hosts.test", HOST)
        self.assertEqual((said.result, said.targets, said.secure), (OK, [("hosts.test", "192.0.2.88")], 0))
        self.assertEqual(self.client.ask("a.in.test", HOST).targets, [("a.in.test", "127.0.0.1")])
        self.assertEqual(len(dns.asked), before)

    def test_our_own_name_and_address_are_as_good_as_any(self):
        self.assertEqual(self.client.ask("gw.test", HOST).targets, [("gw.test", "192.0.2.77")])
        self.assertEqual(self.client.ask("atus.test", HOST).targets, [("atus.test", OWN)])


class Dnssec(unittest.TestCase):
    ZONE = {
        "signed.test": {"MX": [(1, "mx.signed.test")]},
        "mx.signed.test": {"A": ["192.0.2.30"], "AAAA": ["2001:db8::30"]},
        "mixed.signed.test": {"MX": [(1, "mx.open.test")]},
        "mx.open.test": {"A": ["192.0.2.31"], "AAAA": ["2001:db8::31"]},
        "forged.signed.test": {"MX": [(1, "mx.signed.test")]},
        "open.test": {"MX": [(1, "mx.open.test")]},
    }

    def test_signed_answers(self):
        signer = Signer("signed.test", forge={"forged.signed.test"})
        self.addCleanup(signer.close)
        zone = {**self.ZONE, "signed.test": {**self.ZONE["signed.test"], "DNSKEY": [signer.dnskey]}}
        with Dns(zone, signer=signer) as own, Role(own.port, ANCHOR="; ours\n" + signer.anchor) as r, Client(r) as c:
            said = c.ask("signed.test")
            self.assertEqual((said.result, said.secure, len(said.targets)), (OK, 1, 2))
            said = c.ask("mixed.signed.test")
            self.assertEqual((said.result, said.secure, len(said.targets)), (OK, 0, 2))
            said = c.ask("open.test")
            self.assertEqual((said.result, said.secure), (OK, 0))
            self.assertEqual(c.ask("forged.signed.test").result, BOGUS)

    def test_an_unsigned_zone_that_should_be_signed(self):
        signer = Signer("signed.test")
        self.addCleanup(signer.close)
        with Dns(self.ZONE) as own, Role(own.port, ANCHOR=signer.anchor) as r, Client(r) as c:
            self.assertEqual(c.ask("signed.test").result, BOGUS)
            self.assertEqual(c.ask("open.test").result, OK)

    def test_an_anchor_that_is_none(self):
        r = Role(1, addresses=None, ANCHOR="test. IN DS what ever this is\n")
        self.addCleanup(r.process.stderr.close)
        self.addCleanup(r.control.close)
        self.assertEqual(r.process.wait(PATIENCE_S), 78)
        packet = r.control.recv(2000)
        self.assertEqual(HEAD.unpack_from(packet)[1], REFUSED)
        self.assertRegex(packet[HEAD.size:], b"^postern-resolve: trust anchors: .*\n$")


class Life(unittest.TestCase):
    @unittest.skipUnless(sandboxed(), "this build has no sandbox")
    def test_it_is_confined(self):
        with open("/proc/%d/status" % role.process.pid) as f:
            status = dict(line.split(":\t") for line in f if ":\t" in line)
        self.assertEqual((status["Seccomp"].strip(), status["NoNewPrivs"].strip()), ("2", "1"))
        self.assertEqual(int(status["CapEff"], 16), 0)

    def test_the_servers_of_the_host(self):
        """resolv.conf names those of routes without a resolver; they listen on port 53."""
        try:
            own = self.enterContext(Dns(ZONE, host="127.0.0.91", port=53))
        except OSError as e:
            self.skipTest(str(e))
        rules = RULES.replace("; resolver 127.0.0.1:%d", "")
        with Role(1, rules=rules, RESOLV="search x\nnameserver 127.0.0.91\n") as r, Client(r) as c:
            self.assertEqual(c.ask("in.test").targets[0], Mail.A)
        self.assertTrue(own.asked)

    def test_who_is_gone_is_not_answered(self):
        zone = {**ZONE, "slow.test": "SILENCE"}
        with Dns(zone) as own, Role(own.port) as r, Client(r) as stays:
            for n in range(20):
                goes = Client(r)
                goes.send("slow.test")
                goes.send("in.test")
                wait_for("the question", lambda: "slow.test" in own.names_asked("MX"))
                goes.close()
            self.assertEqual(stays.ask("in.test").result, OK)
            r.tell(PING)
            self.assertEqual((r.told(), r.told()), (READY, PONG))

    def test_one_client_asks_not_for_all(self):
        zone = {**ZONE, "slow.test": "SILENCE"}
        with Dns(zone) as own, Role(own.port) as r, Client(r) as one, Client(r) as other:
            for _ in range(257):
                one.send("slow.test")
            said = one.said()
            self.assertEqual((said.number, said.result), (one.number, TEMPFAIL))
            self.assertEqual(other.ask("in.test").result, OK)

    def test_what_never_comes_has_failed(self):
        """Within 20 s; what came until then counts."""
        zone = {**ZONE, "slow.test": "SILENCE", "halfslow.test": {"MX": [(1, "slow.test"), (2, "a.in.test")]},
                "wrong.test": {"MX": "WRONG-ID"}, "wrongname.test": {"MX": "WRONG-NAME"}}
        with Dns(zone) as own, Role(own.port) as r, Client(r) as c:
            numbers = {c.send(name): name for name in ("slow.test", "halfslow.test", "wrong.test", "wrongname.test")}
            c.sock.settimeout(30)  # ASK_MS
            said = {}
            for _ in range(4):
                s = c.said()
                said[numbers[s.number]] = s
            self.assertEqual({n: s.result for n, s in said.items()},
                             {"slow.test": TEMPFAIL, "halfslow.test": OK, "wrong.test": TEMPFAIL, "wrongname.test": TEMPFAIL})
            self.assertEqual(said["halfslow.test"].targets, [Mail.A])

    def test_a_successor_answers_what_waits(self):
        """posternd keeps the servant's end of a pair: what was not read is for the next one."""
        with Dns(ZONE) as own:
            with Role(own.port) as first:
                c = self.enterContext(Client(first))
                self.assertEqual(c.ask("in.test").result, OK)
                first.process.send_signal(signal.SIGSTOP)
                number = c.send("null.test")
                first.process.kill()
                first.process.wait(PATIENCE_S)
                first.process.returncode = 0
            with Role(own.port) as second:
                c.add_to(second)
                said = c.said()
                self.assertEqual((said.number, said.result), (number, NULL_MX))

    def test_nonsense_costs_who_says_it_his_pair(self):
        def ask(route=0, what=MAIL, kind=ASK):
            return HEAD.pack(MARK, kind, 23) + struct.pack("=QII", 1, route, what) + b"in.test"
        with Client(role) as stays:
            for packet in (ask(kind=SAID), ask(what=2), ask(route=3), ask(route=2), ask(route=0xffffffff),
                           HEAD.pack(MARK, ASK, 15) + bytes(15), b"x", HEAD.pack(1, ASK, 23) + bytes(23)):
                with self.subTest(packet), Client(role) as c:
                    c.theirs.close()
                    c.sock.send(packet)
                    self.assertEqual(c.sock.recv(10), b"")
            self.assertEqual(stays.ask("in.test").result, OK)

    def test_before_posternd_told_the_hosts_addresses(self):
        with Dns(ZONE) as own, Role(own.port, addresses=None) as r, Client(r) as c:
            self.assertEqual(c.ask("in.test").result, TEMPFAIL)
            self.assertEqual(c.ask("[203.0.113.7]").result, TEMPFAIL)
            self.assertEqual(c.ask("h.test", HOST).result, OK)
            r.tell(ADDRESSES, b"".join(ip("10.%d.%d.1" % (i // 256, i % 256)) for i in range(3000)))  # they are many
            r.tell(PING)
            self.assertEqual((r.told(), r.told()), (READY, PONG))
            self.assertEqual(c.ask("in.test").result, OK)

    def test_a_server_that_has_an_ipv6_address(self):
        try:
            own = self.enterContext(Dns({**ZONE, "t.test": {"MX": [(1, "a.in.test")]}}, truncate={"t.test"}, host="::1"))
        except OSError:
            self.skipTest("no IPv6 here")
        with Role(1, rules=(RULES % (1, 1)).replace("127.0.0.1:1", "[::1]:%d" % own.port)) as r, Client(r) as c:
            self.assertEqual(c.ask("in.test").targets[0], Mail.A)
            self.assertEqual(c.ask("t.test").targets, [Mail.A])
            self.assertIn(("t.test", "MX", "tcp"), own.asked)

    def test_each_route_has_its_server(self):
        other = {"in.test": {"MX": [(1, "elsewhere.test")]}, "elsewhere.test": {"A": ["192.0.2.99"]}}
        with Dns(ZONE) as one, Dns(other) as two, Role(one.port, two.port) as r, Client(r) as c:
            self.assertEqual(c.ask("in.test", route=0).targets[0], Mail.A)
            self.assertEqual(c.ask("in.test", route=1).targets, [("elsewhere.test", "192.0.2.99")])

    def test_a_server_that_dies_and_comes_back(self):
        with Dns(ZONE) as own:
            port = own.port
        with Role(port) as r, Client(r) as c:
            self.assertEqual(c.ask("in.test").result, TEMPFAIL)  # the port is closed
            with Dns(ZONE, port=port):
                wait_for("it to answer again", lambda: c.ask("in.test").result == OK)

    def test_it_ends_as_it_is_told(self):
        for end in (lambda r: r.tell(STOP), lambda r: r.process.send_signal(signal.SIGTERM), lambda r: r.control.close()):
            with Dns({"slow.test": "SILENCE"}) as own, Role(own.port) as r, Client(r) as c:
                self.assertEqual(r.told(), READY)
                c.send("slow.test")
                wait_for("the question", lambda: own.asked)
                end(r)
                self.assertEqual(r.process.wait(PATIENCE_S), 0)

    def test_usage_and_bundles(self):
        program = Postern.program("proxy/relay/resolve/postern-resolve")
        for arguments in ([], ["-:-:-:optional", "0"], ["x", "0", "1", "2"]):
            self.assertEqual(subprocess.run([program, *arguments], capture_output=True).returncode, 64, arguments)


if __name__ == "__main__":
    main()

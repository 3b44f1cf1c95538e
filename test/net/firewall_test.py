# SPDX-License-Identifier: ISC
"""Kernel rules made by "postern firewall", on a lab: what they bring and keep away, and that nothing of them is left (root)

CASES TCP-11 (one family without rules), OPS-20 (posternd stopped). The rules of others are there throughout.
"""
import json
import os
import subprocess
import textwrap
import unittest

import intercept_test
from fixture import PATIENCE_S, Scratch, as_nobody, main
from gateway import DELIVERED, Postern
from intercept_test import BODY, CONF, FAMILIES, ONLY_IPV4, OUTBOUND, RULES, reach, send, send_at_once
from lab import CLIENT, GATEWAY_EXT, IPTABLES, PORT, PUBLISHED, SERVER, module_lab, rules_of
from servers import Aiosmtpd, Postfix

FOREIGN = """*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:THEIRS - [0:0]
-A PREROUTING -p udp -m udp --dport 9 -j THEIRS
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:THEIRS - [0:0]
-A PREROUTING -p udp -m udp --dport 9 -j THEIRS
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:THEIRS - [0:0]
-A PREROUTING -p udp -m udp --dport 9 -j THEIRS
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:THEIRS - [0:0]
-A INPUT -p udp -m udp --dport 9 -j THEIRS
-A FORWARD -p tcp -m tcp --dport 25 -j ACCEPT
COMMIT
"""

lab = postfix = None


def setUpModule():
    global lab, postfix
    lab = module_lab(Postfix)
    intercept_test.lab = lab
    postfix = unittest.enterModuleContext(lab.server.begin(
        Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25"])))
    with lab.gateway:
        for family in FAMILIES:
            subprocess.run([f"{IPTABLES[family]}-restore"], input=FOREIGN, text=True, check=True)
            subprocess.run(["ip", f"-{family}", "rule", "add", "fwmark", "0x1", "lookup", "99"], check=True)
            subprocess.run(["ip", f"-{family}", "route", "add", "blackhole", "default", "table", "99"], check=True)


def kernel():
    """All that the verb could have touched on the gateway, without what counts and dates."""
    return rules_of(lab.gateway) + [t for t in nft().splitlines() if "inet" in t]


def nft():
    try:
        return lab.gateway.must("nft", "list", "tables")
    except FileNotFoundError:
        return ""


def firewall(gate, *words, env=None):
    with lab.gateway:
        return subprocess.run([Postern.program("cli/postern"), "-c", str(gate.dir), "firewall", *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
                              env=dict(os.environ, **(env or {})))


class Case(unittest.TestCase):
    def setUp(self):
        self.before = kernel()
        self.addCleanup(self.assert_as_before)
        self.addCleanup(self.remove)

    def assert_as_before(self):
        self.assertEqual(kernel(), self.before)

    def remove(self):
        done = firewall(self.files("this is no rule\n", "neither is this\n"), "remove")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def files(self, rules=RULES + OUTBOUND, conf=CONF, how="redirect", client_address="keep"):
        """A folder with rules, and no posternd."""
        gate = Postern(rules, conf, how=how, client_address=client_address)
        self.addCleanup(gate.scratch.remove)
        return gate

    def must(self, gate, *words, status=0, **more):
        done = firewall(gate, *words, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout


# ---------------------------------------------------------------- what is in the kernel

class Kernel(Case):
    def test_nothing_of_others_is_touched(self):
        gate = self.files()
        self.must(gate, "apply")
        after = kernel()
        self.assertEqual([line for line in self.before if line not in after], [])
        self.assertEqual([line for line in after if line not in self.before
                          and "POSTERN" not in line and "525" not in line], [])

    def test_apply_twice_is_the_same(self):
        for how in ("redirect", "tproxy"):
            with self.subTest(how):
                gate = self.files(how=how)
                self.must(gate, "apply")
                once = kernel()
                self.must(gate, "apply")
                self.assertEqual(kernel(), once)
                self.assertTrue(self.must(gate, "status").startswith("in sync\n"))

    def test_what_a_new_rule_set_has_not_is_gone(self):
        first = self.files(how="tproxy")
        self.must(first, "apply")
        second = self.files(ONLY_IPV4, client_address="gateway")
        self.must(second, "apply")
        self.assertTrue(self.must(second, "status").startswith("in sync\n"))
        self.assertFalse([line for line in kernel() if "TPROXY" in line or "--notrack" in line])

    def test_rendered_text_is_what_apply_makes(self):
        gate = self.files()
        with lab.gateway:
            for family in FAMILIES:
                text = self.must(gate, "render", f"-{family}")
                subprocess.run([f"{IPTABLES[family]}-restore", "--noflush"], input=text, text=True, check=True)
                for line in text.splitlines():
                    if line.startswith("# ip "):
                        subprocess.run(line[2:].split(), check=True)
        rendered = kernel()
        self.assertTrue(self.must(gate, "status").startswith("in sync\n"))
        self.must(gate, "apply")
        self.assertEqual(kernel(), rendered)

    def test_nft(self):
        if not nft():
            self.skipTest("needs nft")
        for how in ("redirect", "tproxy"):
            with self.subTest(how):
                gate = self.files(how=how)
                text = self.must(gate, "render", "--backend", "nft")
                with lab.gateway:
                    subprocess.run(["nft", "-c", "-f", "-"], input=text, text=True, check=True)
                self.must(gate, "apply", "--backend", "nft")
                self.must(gate, "apply", "--backend", "nft")
                self.assertIn("table inet postern", nft())
                self.must(gate, "apply")  # the other one takes its place
                self.assertNotIn("table inet postern", nft())
                self.must(gate, "apply", "--backend", "nft")
                self.assertFalse([line for line in kernel() if "POSTERN" in line])

    def test_status_of_nft(self):
        if not nft():
            self.skipTest("needs nft")
        for how in ("redirect", "tproxy"):
            gate = self.files(how=how)
            before = kernel()
            self.assertIn("inet postern input: missing\n",
                          self.must(gate, "status", "--backend", "nft", status=2))
            self.assertEqual(kernel(), before)
            for words, said in (
                    (("add", "rule", "inet", "postern", "input", "accept"), "inet postern input: changed"),
                    (("delete", "chain", "inet", "postern", "forward"), "inet postern forward: missing"),
                    (("add", "chain", "inet", "postern", "more"), "inet postern more: not asked for"),
                    (("delete", "table", "inet", "postern"), "inet postern input: missing")):
                with self.subTest(how=how, words=words):
                    self.must(gate, "apply", "--backend", "nft")
                    self.assertEqual(self.must(gate, "status", "--backend", "nft").split("\n")[0], "in sync")
                    lab.gateway.must("nft", *words)
                    self.assertIn(said + "\n", self.must(gate, "status", "--backend", "nft", status=2))
            self.must(gate, "apply", "--backend", "nft")
            self.assertNotEqual(reach(lab.client, SERVER[4], 25)[:3], "220")  # counted, and no difference
            told = json.loads(self.must(gate, "status", "--backend", "nft", "--json"))
            self.assertTrue(told["in_sync"])
            self.assertGreater(sum(c.get("dropped", 0) + c.get("diverted", 0) for c in told["counters"]), 0, told)
            self.remove()

    def test_status(self):
        gate = self.files()
        self.assertIn("missing", self.must(gate, "status", status=2))
        self.must(gate, "apply")
        self.must(gate, "status")
        for words, said in ((("-D", "POSTERN-FORWARD", "1"), "IPv4 filter POSTERN-FORWARD: changed"),
                            (("-A", "POSTERN-INPUT", "-j", "ACCEPT"), "IPv4 filter POSTERN-INPUT: changed"),
                            (("-I", "FORWARD", "-j", "ACCEPT"), "IPv4 filter POSTERN-FORWARD: not first in its hook"),
                            (("-D", "INPUT", "-j", "POSTERN-INPUT"), "IPv4 filter POSTERN-INPUT: missing"),
                            (("-t", "nat", "-F"), "IPv4 nat POSTERN-PREROUTING: missing")):
            with self.subTest(words):
                foreign = kernel()
                lab.gateway.must("iptables", *words)
                self.assertIn(said + "\n", self.must(gate, "status", status=2))
                if words[:2] == ("-I", "FORWARD"):
                    self.must(gate, "apply")  # it comes before others again
                    self.assertTrue(self.must(gate, "status").startswith("in sync\n"))
                    lab.gateway.must("iptables", "-D", "FORWARD", "-j", "ACCEPT")
                elif "-F" in words:
                    lab.gateway.must("iptables", "-t", "nat", "-A", "PREROUTING", "-p", "udp", "-m", "udp", "--dport", "9",
                                     "-j", "THEIRS")
                self.must(gate, "apply")
                self.assertEqual(kernel(), foreign)
        lab.gateway.must("ip", "-6", "rule", "del", "priority", "5251")
        self.assertIn("IPv6 routing: changed\n", self.must(gate, "status", status=2))
        self.must(gate, "apply")
        self.must(gate, "status")

    def test_status_as_json(self):
        gate = self.files(RULES)
        self.must(gate, "apply")
        self.assertEqual(reach(lab.client, SERVER[4], 25), "nothing")
        told = json.loads(self.must(gate, "status", "--json"))
        self.assertTrue(told["in_sync"])
        self.assertEqual({p["state"] for p in told["places"]}, {"in sync", "not needed"})
        self.assertGreater(sum(c["dropped"] for c in told["counters"]), 0, told)
        lab.gateway.must("iptables", "-F")  # by somebody else
        lab.gateway.must("iptables", "-A", "INPUT", "-p", "udp", "-m", "udp", "--dport", "9", "-j", "THEIRS")
        lab.gateway.must("iptables", "-A", "FORWARD", "-p", "tcp", "-m", "tcp", "--dport", "25", "-j", "ACCEPT")
        self.assertFalse(json.loads(self.must(gate, "status", "--json", status=2))["in_sync"])

    def test_refusals(self):
        direct = self.files("version 1\n", "version 1\nmode direct\n")
        for verb in ("apply", "render"):
            self.assertIn("mode external", firewall(direct, verb).stderr)
            self.must(direct, verb, status=78)
        faulty = self.files("publish\n")
        for verb in ("apply", "render", "status"):
            self.must(faulty, verb, status=78)
        self.must(faulty, "apply", "--backend", "pf", status=64)
        self.must(faulty, "install", status=64)
        self.must(faulty, "status", "--backend", "nft", status=78)
        gate = self.files()
        gate.dir.chmod(0o755)
        for verb, status in (("apply", 77), ("remove", 77), ("status", 77), ("render", 0)):
            done = lab.gateway.run(*as_nobody(), Postern.program("cli/postern"), "-c", gate.dir, "firewall", verb)
            self.assertEqual(done.returncode, status, done.stderr)
        self.assert_as_before()


# ---------------------------------------------------------------- what goes wrong

class Failing(Case):
    """A program fails, is missing, or is killed, the n-th time it is run."""

    def setUp(self):
        super().setUp()
        self.scratch = Scratch("pn-fw-")
        self.addCleanup(self.scratch.remove)

    def program(self, name, what, nth):
        """In place of `name`: the n-th time that it changes something, `what` is done instead."""
        path = self.scratch.path / name
        count = self.scratch.path / "count"
        path.write_text(textwrap.dedent(f"""\
            #!/bin/sh
            case " $* " in *" --test "* | *" show "* | *" -force "*) exec /usr/sbin/{name} "$@" ;; esac
            n=$(cat {count} 2>/dev/null || echo 0)
            echo $((n + 1)) > {count}
            [ "$n" != {nth} ] || {{ {what}; }}
            exec /usr/sbin/{name} "$@"
            """))
        path.chmod(0o755)
        count.unlink(missing_ok=True)

    def only(self):
        for path in self.scratch.path.iterdir():
            path.unlink()
        return {"POSTERN_SBIN": str(self.scratch.path)}

    def each_step(self, what):
        for name in ("iptables-restore", "ip6tables-restore", "ip"):
            for nth in (0, 1):
                env = self.only()
                self.program(name, what, nth)
                yield f"{name} {nth}", env

    def test_a_step_fails(self):
        gate = self.files()
        for step, env in self.each_step("echo no room >&2; exit 3"):
            with self.subTest(step):
                done = firewall(gate, "apply", env=env)
                self.assertEqual(done.returncode, 69, done.stderr)
                self.assertIn("no room", done.stderr)
                self.assertIn("everything is as it was before", done.stderr)
                self.assert_as_before()

    def test_a_step_fails_and_older_rules_stay(self):
        older = self.files(ONLY_IPV4)
        newer = self.files(how="tproxy")
        self.must(older, "apply")
        with_older = kernel()
        for step, env in self.each_step("exit 3"):
            with self.subTest(step):
                done = firewall(newer, "apply", env=env)
                if step.startswith("ip "):
                    self.assertEqual(done.returncode, 0, done.stderr)  # the routing is right already
                else:
                    self.assertEqual(done.returncode, 69, done.stderr)
                if done.returncode == 0:
                    self.must(older, "apply")
                self.assertEqual(kernel(), with_older)

    def test_without_iptables(self):
        """nft does without; and a host without either is told what is missing."""
        env = self.only()
        for name in ("iptables-save", "ip6tables-save", "iptables-restore", "ip6tables-restore"):
            self.program(name, "exit 127", 0)
            text = (self.scratch.path / name).read_text().split("\n")[0] + "\nexit 127\n"
            (self.scratch.path / name).write_text(text)
        done = firewall(self.files(), "apply", env=env)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("is it installed", done.stderr)
        self.assert_as_before()
        if nft():
            self.must(self.files(), "apply", "--backend", "nft", env=env)
            self.must(self.files(), "remove", env=env)

    def test_nft_fails(self):
        if not nft():
            self.skipTest("needs nft")
        gate = self.files()
        self.must(gate, "apply")
        before = kernel()
        env = self.only()
        (self.scratch.path / "nft").write_text("#!/bin/sh\nexit 3\n")
        (self.scratch.path / "nft").chmod(0o755)
        self.must(gate, "apply", "--backend", "nft", env=env, status=69)
        self.assertEqual(kernel(), before)

    def test_killed_in_the_middle(self):
        """The standing drop is there from the first step on; remove takes out what is left."""
        gate = self.files()
        for step, env in self.each_step("kill -KILL $PPID; exit 3"):
            with self.subTest(step):
                done = firewall(gate, "apply", env=env)
                self.assertEqual(done.returncode, -9)
                if step == "ip 0":
                    for family in FAMILIES:
                        self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")
                self.remove()
                self.assert_as_before()

    def test_killed_in_the_middle_and_applied_again(self):
        gate = self.files(how="tproxy")
        for step, env in self.each_step("kill -KILL $PPID; exit 3"):
            with self.subTest(step):
                self.assertEqual(firewall(gate, "apply", env=env).returncode, -9)
                self.must(gate, "apply")
                self.assertTrue(self.must(gate, "status").startswith("in sync\n"))
                self.remove()


# ---------------------------------------------------------------- what passes

class Passing:
    how = None

    def postern(self, rules=RULES, client_address="keep"):
        postfix.forget()
        gate = self.enterContext(lab.gateway.begin(Postern(rules, CONF, how=self.how, client_address=client_address)))
        self.must(gate, "apply")
        self.assertTrue(self.must(gate, "status").startswith("in sync\n"))
        return gate

    def test_mail_arrives_from_the_clients_own_address(self):
        gate = self.postern(RULES + OUTBOUND)
        for family in FAMILIES:
            with self.subTest(family=family):
                postfix.forget()
                gate.forget()
                port = send(lab.client, PUBLISHED[family])
                self.assertEqual(postfix.wait_messages(1)[0].text, BODY.replace(b"\r\n", b"\n"))
                self.assertEqual(postfix.clients(), [CLIENT[family]])
                opened = gate.wait_records(code="PN1001")[0]
                self.assertEqual((opened["client"], opened["client_port"]), (CLIENT[family], port), opened)
                self.assertEqual((opened["to"], opened["to_port"]), (PUBLISHED[family], 25), opened)
        told = json.loads(self.must(gate, "status", "--json"))
        self.assertGreaterEqual(sum(c["diverted"] for c in told["counters"] if "publish first" in c["comment"]), 2)

    def test_many_at_once(self):
        self.postern()
        sources = [f"203.0.113.{n}" for n in range(9, 13)] + [CLIENT[6]]
        self.assertEqual(send_at_once(lab.client, sources, 5), [])
        self.assertEqual(sorted(postfix.clients(25)), sorted(5 * sources))

    def test_client_address_gateway_needs_no_routing(self):
        self.postern(client_address="gateway")
        if self.how == "redirect":
            self.assertFalse([line for line in kernel() if "fwmark 0x5" in line])
        for family in FAMILIES:
            send(lab.client, PUBLISHED[family])
        postfix.wait_messages(2)

    def test_outbound(self):
        gate = self.postern(RULES + OUTBOUND)
        for family in FAMILIES:
            with self.subTest(family=family), lab.client.begin(
                    Aiosmtpd(port=25, address=CLIENT[family], hostname="mx.out.test")) as world:
                gate.forget()
                for _ in range(3):
                    send(lab.server, CLIENT[family], recipient="w@out.test")
                self.assertEqual({m.client for m in world.wait_messages(3)}, {SERVER[family]})
                self.assertEqual(gate.wait_records(code=DELIVERED)[0]["rule"], "outbound")

    def test_a_direct_hit_is_dropped(self):
        gate = self.postern()
        for family in FAMILIES:
            for address in (GATEWAY_EXT[family], PUBLISHED[family]):
                self.assertEqual(reach(lab.client, address, PORT), "nothing")
        self.assertEqual(gate.records(to_port=PORT), [])

    def test_tcp_11_no_rule_for_ipv6(self):
        self.postern(ONLY_IPV4)
        self.assertEqual(reach(lab.client, PUBLISHED[4], 25, PATIENCE_S)[:3], "220")
        self.assertIn(reach(lab.client, PUBLISHED[6], 25), ("nothing", "refused"))
        self.assertEqual(reach(lab.client, SERVER[6], 25), "nothing")
        self.assertEqual(reach(lab.client, SERVER[4], 25), "nothing")

    def test_ops_20_posternd_stopped(self):
        gate = self.postern(RULES + OUTBOUND)
        gate.stop_daemon()
        postfix.forget()
        for family in FAMILIES:
            self.assertIn(reach(lab.client, PUBLISHED[family], 25), ("nothing", "refused"))
            self.assertEqual(reach(lab.client, SERVER[family], 25),
                             "refused" if self.how == "redirect" else "nothing")
        self.assertEqual(postfix.log_since(), "")
        with lab.gateway:
            gate.start()
        for family in FAMILIES:
            send(lab.client, PUBLISHED[family])
        postfix.wait_messages(2)

    def test_the_drop_stands_when_others_take_the_ways_out(self):
        self.postern()
        for family in FAMILIES:
            table = "nat" if self.how == "redirect" else "mangle"
            lab.gateway.must(IPTABLES[family], "-t", table, "-F", "POSTERN-PREROUTING")
            self.assertEqual(reach(lab.client, PUBLISHED[family], 25), "nothing")
            self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")

    def test_nft(self):
        if not nft():
            self.skipTest("needs nft")
        gate = self.postern(RULES + OUTBOUND)
        self.must(gate, "apply", "--backend", "nft")
        for family in FAMILIES:
            send(lab.client, PUBLISHED[family])
            self.assertIn(reach(lab.client, GATEWAY_EXT[family], PORT), ("nothing",))
        postfix.wait_messages(2)
        self.assertEqual(sorted(postfix.clients(2)), sorted(CLIENT.values()))
        gate.stop_daemon()
        for family in FAMILIES:
            self.assertIn(reach(lab.client, PUBLISHED[family], 25), ("nothing", "refused"))
            self.assertIn(reach(lab.client, SERVER[family], 25), ("nothing", "refused"))


class Redirect(Passing, Case):
    how = "redirect"


class Tproxy(Passing, Case):
    how = "tproxy"


if __name__ == "__main__":
    main()

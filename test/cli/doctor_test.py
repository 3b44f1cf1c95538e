# SPDX-License-Identifier: ISC
"""postern doctor where no rights are needed: mode direct on loopback.

    POSTERN_BUILD=build doctor_test.py
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "net"))

from fixture import LOOPBACK, free_port, main  # noqa: E402
from gateway import Postern  # noqa: E402

RULES = """version 1
publish mail {
    external 127.0.0.1:{external}
    internal 127.0.0.1:{internal}
    client-address gateway
    pass
}
default reset
"""


RELAY = """version 1
certificate c { chain "pem"; key "key" }
auth staff { via file "users"; mechanisms PLAIN }
set d { members in.test }
route away { domains d; next-hop 127.0.0.1:%(port)d }
relay r { listen 127.0.0.1:4465 tls certificate c; auth required staff; recipients any; deliver away }
"""


class Doctor(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(socket.create_server((LOOPBACK, 0)))
        self.port = free_port()

    def folder(self, rules=RULES, conf=Postern.CONF, **values):
        """A configuration without a daemon."""
        gate = Postern(rules, conf=conf, external=self.port, internal=self.server.getsockname()[1], **values)
        self.addCleanup(gate.scratch.remove)
        return gate

    def run_doctor(self, gate, want, *words):
        ran = subprocess.run([gate.program("cli/postern"), "-c", str(gate.dir), "doctor", *words], capture_output=True,
                             text=True, timeout=60, check=False, env={"PATH": "/nowhere", "TZ": "UTC"})
        self.assertEqual(ran.returncode, want, ran.stdout + ran.stderr)
        self.assertNotIn("Sanitizer", ran.stderr)
        return ran

    def findings(self, gate, want=0):
        return json.loads(self.run_doctor(gate, want, "--json").stdout)

    def faults(self, gate):
        return [f for f in self.findings(gate, 1) if f["level"] == "fault"]

    def test_good_configuration_has_no_faults(self):
        found = self.findings(self.folder())
        self.assertEqual([f for f in found if f["level"] == "fault"], [])
        self.assertEqual({f["level"] for f in found if f["check"] in ("listen", "servers")}, {"ok"})
        for f in found:
            self.assertEqual(set(f), {"check", "level", "text", "advice", "command", "rule", "at"})
            self.assertIn(f["level"], ("ok", "warning", "fault", "skipped"))
        listen = next(f for f in found if f["check"] == "listen")
        self.assertEqual((listen["rule"], listen["at"]), ("mail", "rules.conf:3"))

    def test_each_line_has_level_and_check(self):
        for line in self.run_doctor(self.folder(), 0).stdout.splitlines():
            self.assertRegex(line, r"^(ok     |warning|fault  |skipped) [a-z-]+: ")

    def test_what_is_of_other_modes_is_not_examined(self):
        checks = {f["check"] for f in self.findings(self.folder())}
        self.assertFalse(checks & {"intercept", "divert", "input", "around", "return", "right"}, checks)

    def test_running_daemon_holds_its_port(self):
        with Postern(RULES, external=self.port, internal=self.server.getsockname()[1]) as gate:
            found = self.findings(gate)
            texts = [f["text"] for f in found]
            self.assertIn("posternd runs, with the rules of the files", texts)
            self.assertIn(f"posternd listens on 127.0.0.1:{self.port}", texts)
            gate.write("rules.conf", RULES.replace("default reset", 'default refuse "554 5.7.1 No"'))
            changed = next(f for f in self.findings(gate) if f["check"] == "daemon")
            self.assertEqual(changed["level"], "warning")
            self.assertEqual(changed["advice"], f"postern -c {gate.dir} apply")

    def test_port_of_another_program(self):
        with socket.create_server((LOOPBACK, self.port)):
            fault, = self.faults(self.folder())
        self.assertEqual((fault["check"], fault["rule"], fault["at"]), ("listen", "mail", "rules.conf:3"))
        self.assertRegex(fault["text"], rf"is taken: .+ \(process {os.getpid()}\) listens on 127.0.0.1:{self.port}")

    def test_port_taken_at_all_addresses(self):
        with socket.create_server(("0.0.0.0", self.port)):
            fault, = self.faults(self.folder())
        self.assertIn(f"listens on 0.0.0.0:{self.port}", fault["text"])

    def test_address_of_another_host(self):
        fault, = self.faults(self.folder(RULES.replace("external 127.0.0.1", "external 198.51.100.2")))
        self.assertEqual((fault["check"], fault["text"]), ("listen", "198.51.100.2 is no address of this host"))
        self.assertIn("ip address add 198.51.100.2/32 dev", fault["advice"])

    def test_missing_user(self):
        conf = re.sub("user .*\n", "", Postern.CONF) + "user nobody-of-this-name\nrequire-sandbox yes\n"
        conf = conf.replace("require-sandbox no\n", "")
        fault, = self.faults(self.folder(conf=conf))
        self.assertEqual((fault["check"], fault["command"]), ("users", True))
        self.assertTrue(fault["advice"].startswith("useradd --system "), fault)
        self.assertTrue(fault["advice"].endswith(" nobody-of-this-name"), fault)

    def test_missing_zone_is_an_error_of_the_configuration(self):
        rules = RULES.replace("publish", 'schedule s { timezone "Nowhere/City"; allow mon-fri }\npublish', 1)
        ran = self.run_doctor(self.folder(rules.replace("    pass", "    when s\n    pass")), 78)
        self.assertEqual(ran.stdout, "")
        self.assertIn("there is no such zone", ran.stderr)

    def test_zone_that_is_there(self):
        rules = RULES.replace("publish", 'schedule s { timezone "UTC"; allow mon-fri }\npublish', 1)
        found = self.findings(self.folder(rules.replace("    pass", "    when s\n    pass")))
        zone = next(f for f in found if f["check"] == "zones")
        self.assertEqual((zone["level"], zone["at"]), ("ok", "rules.conf:2"))

    def test_server_that_refuses_is_a_warning(self):
        self.server.close()
        with socket.create_server((LOOPBACK, 0)) as other:
            self.server = other
            gate = self.folder()
        found = self.findings(gate)
        self.assertEqual([f["level"] for f in found if f["check"] == "servers"], ["warning"])

    def relay(self, days="20", mode=0o600):
        """What is found of the certificates and next hops of a relay."""
        gate = self.folder(RELAY % {"port": self.server.getsockname()[1]})
        for words in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-out", "csr", "-keyout", "key"],
                      ["x509", "-req", "-in", "csr", "-signkey", "key", "-days", days, "-out", "pem"]):
            subprocess.run(["openssl", *words], cwd=gate.dir, check=True, capture_output=True)
        (gate.dir / "key").chmod(mode)
        (gate.dir / "users").touch(0o600)
        found = json.loads(subprocess.run([gate.program("cli/postern"), "-c", str(gate.dir), "doctor", "--json"], capture_output=True,
                                          text=True, timeout=60, check=False, env={"PATH": "/nowhere", "TZ": "UTC"}).stdout)
        return gate, [f for f in found if f["check"] in ("certificates", "servers")]

    def test_relays_that_are_well(self):
        _, found = self.relay()
        self.assertEqual([f["level"] for f in found], ["ok"] * 4, found)
        self.assertRegex(found[1]["text"], "^certificate c is good for (19|20) days$")
        self.assertEqual(found[1]["at"], "rules.conf:2")

    def test_certificates_that_expire(self):
        _, found = self.relay(days="13")
        self.assertEqual(found[1]["level"], "warning")
        self.assertRegex(found[1]["text"], "^certificate c expires within 1[34] days$")
        self.assertIn("postern apply", found[1]["advice"])
        _, found = self.relay(days="-1")
        self.assertEqual((found[1]["level"], found[1]["text"]), ("fault", "certificate c has expired"))

    def test_ops_14_a_key_that_everybody_may_read(self):
        gate, found = self.relay(mode=0o644)
        key = found[2]
        self.assertEqual((key["level"], key["advice"], key["command"]), ("fault", f"chmod o-rw {gate.dir}/key", True))

    def test_folder_that_everybody_may_write(self):
        gate = self.folder()
        (gate.dir / "state").chmod(0o777)
        fault, = self.faults(gate)
        self.assertEqual(fault["advice"], f"chmod o-w {gate.dir}/state")
        subprocess.run(fault["advice"], shell=True, check=True)
        self.findings(gate)

    def test_socket_left_over(self):
        gate = self.folder()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(str(gate.dir / "control"))
        daemon = next(f for f in self.findings(gate) if f["check"] == "daemon")
        self.assertIn("left", daemon["text"])

    def test_usage(self):
        self.run_doctor(self.folder(), 64, "more")


if __name__ == "__main__":
    main()

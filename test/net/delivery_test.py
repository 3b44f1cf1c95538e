# SPDX-License-Identifier: ISC
"""Mail of real clients reaches real servers through an inspected rule, octet for octet.

Servers: Postfix, and a second real one (OpenSMTPD where it can run, else aiosmtpd). Clients: swaks and
smtplib. What the server stored, below its own trace lines, must be what the client sent.
"""
import email.message
import email.policy
import random
import smtplib
import subprocess
import tempfile
import unittest

from client import RawClient
from fixture import LOOPBACK, free_port, main
from gateway import DELIVERED, PUBLISH, Postern
from servers import Aiosmtpd, OpenSMTPD, Postfix, best_server, second_server

postfix = gateway = None


def setUpModule():
    global postfix, gateway
    postfix = unittest.enterModuleContext(best_server())
    gateway = unittest.enterModuleContext(Postern(PUBLISH, external=free_port(), internal=postfix.port))


HEAD = b"From: a@out.test\r\nTo: b@in.test\r\nSubject: T\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n" \
       b"Message-ID: <1@out.test>\r\n"


def message_with(body, more_head=b""):
    return HEAD + more_head + b"\r\n" + body


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def attachments():
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"] = "a@out.test", "b@in.test", "with attachments"
    m["Date"], m["Message-ID"] = "Thu, 1 Jan 2026 00:00:00 +0000", "<2@out.test>"
    m.set_content("Text.\n.\n..\nFrom here\n")
    m.add_attachment(noise(70000), maintype="application", subtype="octet-stream", filename="noise.bin")
    m.add_attachment("<p>f\u00fcr</p>", subtype="html", filename="page.html")
    inner = email.message.EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("forwarded\n")
    m.add_attachment(inner)
    return m.as_bytes()


# name -> (message as it is before dots are stuffed, options of MAIL)
MESSAGES = {
    "plain text": (message_with(b"Hello.\r\n"), []),
    "no body": (HEAD + b"\r\n", []),
    "no head": (b"just text\r\n", []),
    "dots": (message_with(b".\r\n..\r\n...\r\n.x\r\n. \r\n .\r\nx.\r\n.\r\n"), []),
    "only dots": (message_with(b".\r\n" * 5000), []),
    "empty lines": (message_with(b"\r\n" * 5000), []),
    "blanks at line ends": (message_with(b"a \r\nb\t\r\n \r\n"), []),
    "8 bit": (message_with("Gr\u00fc\u00dfe \u20ac\r\n".encode() + bytes(range(128, 256)) + b"\r\n"), ["BODY=8BITMIME"]),
    "control characters": (message_with(bytes(set(range(1, 32)) - {10, 13}) + b"\x7f\r\n"), []),
    "line of 998": (message_with(b"x" * 998 + b"\r\n"), []),
    "line of 100,000": (message_with(b"x" * 100000 + b"\r\nend\r\n"), []),
    "line of dots": (message_with(b"." * 70000 + b"\r\n"), []),
    "head of 90 KiB": (message_with(b"x\r\n", b"".join(b"X-%d: %s\r\n" % (i, b"y" * 90) for i in range(900))), []),
    "attachments": (attachments(), []),
    "what looks like commands": (message_with(b"QUIT\r\nRSET\r\nDATA\r\nBDAT 5 LAST\r\nMAIL FROM:<x@out.test>\r\n"), []),
    "5 MiB": (message_with(b"".join(b"%06d " % i + b"abcdefghij" * 7 + b"\r\n" for i in range(66000))), []),
}


def escaped(address):
    """As the log writes what came from the wire."""
    return "".join(chr(o) if o < 0x80 else f"\\x{o:02x}" for o in address.encode())


class Delivery(unittest.TestCase):
    """Common to both servers."""

    server = gate = None

    def setUp(self):
        self.server, self.gate = postfix, gateway
        self.server.forget()
        self.gate.forget()

    def send(self, octets, options=(), sender="a@out.test", recipients=("b@in.test",)):
        with smtplib.SMTP(LOOPBACK, self.gate.external, "c.test", timeout=60) as client:
            refused = client.sendmail(sender, list(recipients), octets, list(options))
        self.assertEqual(refused, {})

    def deliver_all(self, left_out=()):
        for name, (octets, options) in MESSAGES.items():
            longest = max(len(line) + 2 for line in octets.split(b"\r\n"))
            if name in left_out or longest > (self.server.longest_line or longest):
                continue
            with self.subTest(name):
                self.server.forget()
                self.gate.forget()
                self.send(octets, options)
                self.assert_stored(octets)
                self.assert_logged()

    def assert_stored(self, octets):
        stored = self.server.wait_messages(1)
        self.assertEqual(len(stored), 1, stored)
        self.assert_same(stored[0], octets)

    def assert_same(self, stored, octets):
        wanted = octets.replace(b"\r\n", b"\n")
        at = stored.raw.find(wanted)
        if at >= 0 and at + len(wanted) == len(stored.raw):
            return
        got = stored.text
        same = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        self.fail(f"the message changed at octet {same} of {len(wanted)} (stored: {len(got)}):\n"
                  f"sent   ...{wanted[max(0, same - 60):same + 60]!r}\nstored ...{got[max(0, same - 60):same + 60]!r}")

    def assert_logged(self, octets=None, sender="a@out.test", recipients=("b@in.test",)):
        record = self.gate.wait_records(code=DELIVERED)[0]
        self.assertEqual(record["from"], escaped(sender), record)
        self.assertEqual([r["to"] for r in record["recipients"]], list(map(escaped, recipients)), record)
        for r in record["recipients"]:
            self.assertEqual((r["reply"], r["by"]), (250, "server"), record)
        self.assertEqual(record["rule"], "inspected", record)
        self.assertRegex(record["rule_at"], r"rules\.conf:3$", record)
        if octets is not None:
            self.assertEqual(record["octets"], len(octets), record)


class Smtplib(Delivery):
    def test_messages_arrive_octet_identical(self):
        self.deliver_all()

    def test_log_counts_the_octets_of_the_message(self):
        octets, _ = MESSAGES["plain text"]
        self.send(octets)
        self.assert_stored(octets)
        self.assert_logged(octets)

    def test_many_recipients_each_with_its_reply(self):
        octets, _ = MESSAGES["plain text"]
        recipients = [f"r{i}@in.test" for i in range(40)]
        self.send(octets, recipients=recipients)
        stored = self.server.wait_messages(40)
        self.assertEqual({m.recipient for m in stored}, set(recipients))
        self.assert_logged(recipients=recipients)

    def test_null_sender(self):
        octets, _ = MESSAGES["plain text"]
        self.send(octets, sender="<>")
        self.assert_stored(octets)
        self.assert_logged(sender="")

    def test_postmaster_without_domain(self):
        with RawClient(self.gate.external) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("MAIL FROM:<a@out.test>", 250)
            # RFC 5321 4.5.1 makes it legal; that the gateway lets it pass shows in the server's own answer
            c.command("RCPT TO:<postmaster>", 2)

    def test_smtputf8_addresses(self):
        octets = message_with("Gr\u00fc\u00dfe\r\n".encode(), "X-Name: J\u00f6rg\r\n".encode())
        with smtplib.SMTP(LOOPBACK, self.gate.external, "c.test", timeout=60) as client:
            client.ehlo()
            self.assertTrue(client.has_extn("smtputf8"), client.ehlo_resp)
            client.sendmail("j\u00f6rg@out.test", ["ren\u00e9@in.test"], octets, ["SMTPUTF8", "BODY=8BITMIME"])
        self.assert_stored(octets)
        self.assert_logged(sender="j\u00f6rg@out.test", recipients=("ren\u00e9@in.test",))

    def test_several_messages_in_one_session(self):
        octets = [message_with(b"number %d\r\n" % i) for i in range(50)]
        with smtplib.SMTP(LOOPBACK, self.gate.external, "c.test", timeout=60) as client:
            for o in octets:
                client.sendmail("a@out.test", ["b@in.test"], o)
        stored = self.server.wait_messages(50)
        self.assertEqual(sorted(m.text for m in stored), sorted(o.replace(b"\r\n", b"\n") for o in octets))
        self.assertEqual(len(self.gate.wait_records(50, code=DELIVERED)), 50)

    def test_recipient_elsewhere_is_refused_and_the_others_delivered(self):
        octets, _ = MESSAGES["plain text"]
        with smtplib.SMTP(LOOPBACK, self.gate.external, "c.test", timeout=60) as client:
            refused = client.sendmail("a@out.test", ["b@in.test", "t@victim.test", "c@in.test"], octets)
        self.assertEqual(list(refused), ["t@victim.test"])
        self.assertEqual(refused["t@victim.test"][0] // 100, 5, refused)
        self.assertEqual({m.recipient for m in self.server.wait_messages(2)}, {"b@in.test", "c@in.test"})
        self.server.settle(1)
        self.assertNotIn("victim.test", self.server.log_since())

    def test_declared_size_above_the_limit_is_refused_at_mail(self):
        with RawClient(self.gate.external) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("MAIL FROM:<a@out.test> SIZE=2000000000", 552)
            c.command("NOOP", 250)


@unittest.skipUnless(Postfix.usable(), "needs a server with CHUNKING")
class Chunking(Delivery):
    """BDAT (RFC 3030), which Postfix offers."""

    def send_chunks(self, chunks):
        with RawClient(self.gate.external) as c:
            c.expect(220)
            _, offered = c.command("EHLO c.test", 250)
            self.assertIn("CHUNKING", offered)
            c.command("MAIL FROM:<a@out.test>", 250)
            c.command("RCPT TO:<b@in.test>", 250)
            for i, chunk in enumerate(chunks):
                last = b" LAST" if i == len(chunks) - 1 else b""
                c.send(b"BDAT %d%s\r\n" % (len(chunk), last) + chunk)
                c.expect(250)
            c.command("QUIT", 221)

    def test_one_chunk(self):
        octets, _ = MESSAGES["dots"]
        self.send_chunks([octets])
        self.assert_stored(octets)
        self.assert_logged(octets)

    def test_chunks_cut_anywhere(self):
        octets, _ = MESSAGES["attachments"]
        cuts = [0, 1, 2, 100, 101, 65536, 65537, len(octets) - 1, len(octets)]
        self.send_chunks([octets[a:b] for a, b in zip(cuts, cuts[1:])] + [b""])
        self.assert_stored(octets)
        self.assert_logged(octets)


class Swaks(Delivery):
    def swaks(self, *arguments, stdin=None):
        done = subprocess.run(["swaks", "--server", LOOPBACK, "--port", str(self.gate.external), "--helo", "c.test",
                               "--from", "a@out.test", *arguments],
                              capture_output=True, text=True, input=stdin, timeout=60)
        said = "\n".join(line[:200] for line in (done.stdout + done.stderr).splitlines())
        self.assertEqual(done.returncode, 0, said)
        return said

    def test_default_message(self):
        self.swaks("--to", "b@in.test", "--header", "Subject: from swaks", "--body", "One.\n.\nTwo.\n")
        stored = self.server.wait_messages(1)
        self.assertEqual(stored[0].header("Subject"), "from swaks")
        self.assertIn(b"\nOne.\n.\nTwo.\n", stored[0].raw)
        self.assert_logged()

    def test_attachment(self):
        content = noise(50000, 7)
        with tempfile.NamedTemporaryFile(suffix=".bin") as f:
            f.write(content)
            f.flush()
            self.swaks("--to", "b@in.test", "--attach-type", "application/octet-stream", "--attach", "@" + f.name)
        stored = self.server.wait_messages(1)[0]
        parts = [p.get_payload(decode=True) for p in stored.headers.walk()
                 if p.get_content_type() == "application/octet-stream"]
        self.assertEqual(parts, [content])

    def test_pipelined(self):
        said = self.swaks("--to", "b@in.test,c@in.test", "--pipeline")
        self.assertIn("250", said)
        self.assertEqual(len(self.server.wait_messages(2)), 2)
        self.assert_logged(recipients=("b@in.test", "c@in.test"))

    def test_raw_message_with_long_lines(self):
        length = min(30000, (self.server.longest_line or 30000) - 2)
        octets = message_with(b"y" * length + b"\r\n.\r\nend\r\n")
        with tempfile.NamedTemporaryFile() as f:
            f.write(octets.replace(b"\r\n", b"\n"))
            f.flush()
            self.swaks("--to", "b@in.test", "--data", "@" + f.name)
        # swaks ends a message with an empty line of its own
        self.assertIn(octets.replace(b"\r\n", b"\n"), self.server.wait_messages(1)[0].raw)


class SecondServer(Delivery):
    """The same messages through the same kind of rule to another server."""

    @classmethod
    def setUpClass(cls):
        cls.second = cls.enterClassContext(second_server())
        cls.second_gate = cls.enterClassContext(
            Postern(PUBLISH, external=free_port(), internal=cls.second.port))

    def setUp(self):
        self.server, self.gate = self.second, self.second_gate
        self.server.forget()
        self.gate.forget()

    def test_messages_arrive_octet_identical(self):
        # OpenSMTPD adds its own headers before the first empty line
        self.deliver_all(["no head"] if isinstance(self.second, OpenSMTPD) else [])


class ExactOctets(Delivery):
    """aiosmtpd keeps line ends as they came, which a maildir does not show."""

    @classmethod
    def setUpClass(cls):
        cls.exact = cls.enterClassContext(Aiosmtpd())
        cls.exact_gate = cls.enterClassContext(
            Postern(PUBLISH, external=free_port(), internal=cls.exact.port))

    def setUp(self):
        self.server, self.gate = self.exact, self.exact_gate
        self.server.forget()
        self.gate.forget()

    def test_every_line_ends_with_crlf_and_nothing_else_changed(self):
        for name in ("dots", "8 bit", "attachments", "empty lines", "control characters"):
            octets, options = MESSAGES[name]
            with self.subTest(name):
                self.setUp()
                self.send(octets, options)
                self.assertEqual([m.octets for m in self.server.messages()], [octets])


del Delivery  # nothing of its own to run

if __name__ == "__main__":
    main()

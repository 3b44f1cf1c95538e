# SPDX-License-Identifier: ISC
"""TLS of relay listeners with their clients: what is offered, what is refused without it, and whose key signs."""
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import unittest

from support import LOOPBACK, Postern, RawClient, free_port, main, wait_for  # finds the next one, too
from fixture import BUILD, SRC, Scratch
from hop import TEXT, Case, Hop

sys.path.insert(0, str(SRC / "test/fuzz"))
import hello_seeds  # noqa: E402

SENDER, RECIPIENT = "a@out.test", "b@in.test"
KINDS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ed": ["ed25519"]}

folder = None


def pair(name, kind):
    subprocess.run(["openssl", "req", "-x509", "-newkey", *KINDS[kind], "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-out", folder / f"{kind}.pem", "-keyout", folder / f"{kind}.key"],
                   check=True, capture_output=True)


def setUpModule():
    global folder
    scratch = Scratch("pn-pairs-")
    unittest.addModuleCleanup(scratch.remove)
    folder = scratch.path
    for kind in KINDS:
        pair(f"{kind}.test", kind)


def context(**more):
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    for name, value in more.items():
        setattr(made, name, value)
    return made


class Tls(Case):
    def rules(self, listen="starttls", port=1, certificates="ec", more=""):
        blocks = "".join(f'certificate {k} {{ chain "{{keys}}/{k}.pem"; key "{{keys}}/{k}.key" }}\n' for k in KINDS)
        return (f"version 1\nset d {{ members in.test }}\nroute away {{ domains d; next-hop 127.0.0.1:{port}; tls none }}\n{blocks}"
                f"relay r {{ listen 127.0.0.1:{{external}} {listen} certificate {certificates}; recipients in d; deliver away; {more} }}\n")

    def relay(self, listen="starttls", certificates="ec", more="", hop=None):
        self.next = hop or self.hop()
        return self.gateway(self.rules(listen, self.next.port, certificates, more), keys=folder)

    def smtp(self, gate, how=smtplib.SMTP, **more):
        client = how(LOOPBACK, gate.external, timeout=30, **more)
        self.addCleanup(client.close)
        return client

    def inside(self, gate, **more):
        client = self.smtp(gate)
        client.ehlo("client.test")
        client.starttls(context=context(**more))
        client.ehlo("client.test")
        return client


class Messages(Tls):
    def test_starttls(self):
        gate = self.relay()
        client = self.inside(gate)
        self.assertNotIn("starttls", client.esmtp_features)
        client.sendmail(SENDER, [RECIPIENT], TEXT)
        client.quit()
        received = self.next.messages[0].split(b"\r\nSubject")[0]
        self.assertRegex(received.decode(), r"with ESMTPS\b.*")
        self.assertIn(b"TLSv1.3", received)
        record, = gate.wait_records(code="PN1008")
        self.assertEqual((record["tls_version"], record["tls_resumed"]), ("TLSv1.3", False))
        self.assertFalse(gate.records(code="PN5007"))

    def test_implicit(self):
        gate = self.relay("tls")
        client = self.smtp(gate, smtplib.SMTP_SSL, context=context())
        client.sendmail(SENDER, [RECIPIENT], TEXT)
        client.quit()
        self.assertEqual(len(self.next.messages), 1)

    def test_the_greeting_waits_for_the_handshake(self):
        """Seen once: a session said its greeting from inside of its own handshake, and was never told to be secure."""
        gate = self.relay("tls")
        with context().wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30)) as client:
            self.assertTrue(client.recv(100).startswith(b"220 "))
            self.assertEqual(len(gate.wait_records(code="PN1008")), 1)

    def test_a_large_one_both_ways(self):
        gate = self.relay()
        client = self.inside(gate)
        text = b"Subject: x\r\n\r\n" + (b"z" * 70 + b"\r\n") * 40000
        client.sendmail(SENDER, [RECIPIENT], text)
        self.assertTrue(self.next.messages[0].endswith(text))

    def test_commands_in_one_record(self):
        """What TLS has read ahead is answered though no descriptor tells of it."""
        gate = self.relay("tls")
        with context().wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30)) as client:
            stream = client.makefile("rb")
            stream.readline()
            client.sendall(b"EHLO x\r\nMAIL FROM:<a@out.test>\r\n" + b"RCPT TO:<b@in.test>\r\n" * 700 + b"QUIT\r\n")
            replies = stream.read().split(b"\r\n")
            self.assertEqual(len([r for r in replies if r.startswith(b"250 2.0.0 ok")]), 700)
            self.assertTrue(replies[-2].startswith(b"221 "))

    def test_many_small_records(self):
        gate = self.relay("tls")
        with context().wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30)) as client:
            stream = client.makefile("rb")
            stream.readline()
            for _ in range(80):
                client.sendall(b"NOOP\r\n")
            for _ in range(80):
                self.assertEqual(stream.readline(), b"250 2.0.0 OK\r\n")

    def test_a_denial_is_told_inside(self):
        client = self.inside(self.relay())
        client.mail(SENDER)
        self.assertEqual(client.rcpt("b@elsewhere.test")[0], 550)


class Required(Tls):
    def test_nothing_goes_without(self):
        client = self.smtp(self.relay("starttls required"))
        self.assertIn("starttls", client.ehlo("client.test")[1].decode().lower())
        for line in ("MAIL FROM:<a@out.test>", "VRFY b", "HELP", "AUTH PLAIN", "DATA", "ETRN in.test"):
            with self.subTest(line):
                code, text = client.docmd(line)
                self.assertEqual((code, text[:5]), (530, b"5.7.0"))
        for line in ("NOOP", "RSET"):
            self.assertEqual(client.docmd(line)[0], 250, line)

    def test_what_was_said_before_is_forgotten(self):
        """RFC 3207 4.2"""
        client = self.smtp(self.relay())
        client.ehlo("client.test")
        client.mail(SENDER)
        client.starttls(context=context())
        self.assertEqual(client.docmd("RCPT TO:<%s>" % RECIPIENT)[0], 503)
        self.assertEqual(client.docmd("MAIL FROM:<a@out.test>")[0], 503)  # no EHLO yet

    def test_the_name_said_before_is_not_in_the_log(self):
        gate = self.relay()
        client = self.smtp(gate)
        client.ehlo("before.test")
        client.starttls(context=context())
        client.docmd("QUIT")
        gate.wait_sessions_closed()
        self.assertNotIn("hello", gate.records(event="session-close")[0])

    def test_twice(self):
        client = self.inside(self.relay())
        self.assertEqual(client.docmd("STARTTLS")[0], 503)


class Hostile(Tls):
    def test_octets_behind_starttls(self):
        """TLS-08: what is sent in clear is never taken for something sent inside."""
        gate = self.relay()
        with RawClient(gate.external) as client:
            client.expect(220)
            client.command("EHLO client.test", 250)
            client.send(b"STARTTLS\r\nMAIL FROM:<a@out.test>\r\n")
            client.expect(554)
            self.assertFalse(client.replies_to_end())
        self.assertEqual(len(gate.wait_records(code="PN5006")), 1)

    def test_no_handshake(self):
        gate = self.relay("tls")
        with RawClient(gate.external) as client:
            client.send(b"EHLO client.test\r\n")
            self.assertFalse(client.replies_to_end())
        record, = gate.wait_records(code="PN5007")
        self.assertEqual(record["tls_why"], "wrong version number")

    def test_old_versions(self):
        gate = self.relay("tls")
        done = subprocess.run(["openssl", "s_client", "-connect", f"{LOOPBACK}:{gate.external}", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        self.assertIn("alert protocol version", done.stderr)

    def test_min_1_3(self):
        gate = self.relay("tls min 1.3")
        with self.assertRaises(ssl.SSLError):
            context(maximum_version=ssl.TLSVersion.TLSv1_2).wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30))
        self.inside_works(gate)

    def test_a_handshake_cut_at_every_octet(self):
        gate = self.relay("tls")
        left, right = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            context().wrap_bio(left, right).do_handshake()
        except ssl.SSLWantReadError:
            hello = right.read()
        for cut in range(0, len(hello), 7):
            with socket.create_connection((LOOPBACK, gate.external), 30) as sock:
                sock.sendall(hello[:cut])
        wait_for("the sessions' ends", lambda: len(gate.records(code="PN1002")) == len(range(0, len(hello), 7)))
        self.inside_works(gate)

    def test_tls_16_another_protocol_asked_for(self):
        """Who says that HTTP is to be spoken here is not sent here by a mail program."""
        gate = self.relay("tls")
        for names, accepted in ((["http/1.1"], False), (["h2", "http/1.1"], False), (["smtp"], True), (["http/1.1", "smtp"], True)):
            with self.subTest(names):
                made = context()
                made.set_alpn_protocols(names)
                with socket.create_connection((LOOPBACK, gate.external), 30) as sock:
                    if accepted:
                        with made.wrap_socket(sock) as inside:
                            self.assertEqual(inside.selected_alpn_protocol(), "smtp")
                    else:
                        with self.assertRaisesRegex(ssl.SSLError, "no application protocol"):
                            made.wrap_socket(sock)
        self.assertEqual(len(gate.wait_records(2, code="PN5007")), 2)

    def test_tls_16_a_name_of_nobody(self):
        """RFC 6066 3: it goes on with the first certificate, and stands in the log."""
        gate = self.relay("tls")
        with context().wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30), server_hostname="other.test"):
            pass
        self.assertEqual(gate.wait_records(code="PN1008")[0]["tls_name"], "other.test")

    def begun(self, name):
        """A hello that a handshake would go on with, and the library that waits for the answer."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = context().wrap_bio(incoming, outgoing, server_hostname=name)
        with self.assertRaises(ssl.SSLWantReadError):
            inside.do_handshake()
        return outgoing.read()

    def answered(self, gate, octets):
        """The first octet that comes back: 0x16, a handshake; 0x15, an alert; none."""
        with socket.create_connection((LOOPBACK, gate.external), 30) as sock:
            try:
                sock.sendall(octets)
                return sock.recv(1)
            except ConnectionResetError:
                return b""

    def test_tls_17_names_that_are_none(self):
        gate = self.relay("tls")
        hello = self.begun("name.of.test")
        for name, first in ((b"name.of.tes\\", b"\x16"), (b"name\0of.test", b"\x15"), (b"\x1b[2J\r\n\x07\x7f\xff\xfe..", b"\x16")):
            with self.subTest(name):
                self.assertEqual((len(name), self.answered(gate, hello.replace(b"name.of.test", name))), (12, first))
        self.assertEqual(self.answered(gate, hello_seeds.records(hello_seeds.client(b"a" * 300))), b"\x15")
        self.inside_works(gate)

    def test_tls_22_records_of_every_size(self):
        gate = self.relay("tls")
        hello = self.begun("x.test")[5:]
        self.assertEqual(self.answered(gate, hello_seeds.records(hello, 1)), b"\x16")
        self.assertEqual(self.answered(gate, hello_seeds.records(b"\x01" + b"\0\x3f\xf0" + hello[4:] + bytes(16380 - len(hello)))), b"\x15")
        self.assertEqual(self.answered(gate, b"\x16\x03\x01\0\0" * 1000 + hello_seeds.records(hello)), b"\x15")
        self.inside_works(gate)

    def inside_works(self, gate):
        client = self.smtp(gate, smtplib.SMTP_SSL, context=context())
        client.sendmail(SENDER, [RECIPIENT], TEXT)


class Keys(Tls):
    def chosen(self, gate, name, **more):
        with context(**more).wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30), server_hostname=name) as client:
            return ssl.DER_cert_to_PEM_cert(client.getpeercert(True)).strip(), client.version()

    def test_by_the_name_asked_for(self):
        gate = self.relay("tls", "ec, rsa, ed")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for name, kind in (("rsa.test", "rsa"), ("ed.test", "ed"), ("ec.test", "ec"), ("other.test", "ec")):
                with self.subTest(name=name, version=version):
                    got, spoken = self.chosen(gate, name, maximum_version=version)
                    self.assertEqual(got, (folder / f"{kind}.pem").read_text().strip())
                    self.assertEqual(spoken, version.name.replace("_", "."))

    def test_no_relay_holds_one(self):
        """Neither in a file that is open nor in its memory, as far as that may be looked at."""
        gate = self.relay("tls", "rsa")
        self.chosen(gate, "rsa.test")
        secret = subprocess.run(["openssl", "rsa", "-in", folder / "rsa.key", "-noout", "-text"], capture_output=True, text=True, check=True).stdout
        prime = bytes.fromhex(re.sub(r"[^0-9a-f]", "", secret.split("prime1:")[1].split("prime2")[0]))[-64:]
        if os.geteuid() != 0:
            self.skipTest("needs root to look into processes")
        held = {program for pid, program in gate.processes() if self.holds(pid, prime)}
        self.assertNotIn("postern-relay", held)
        self.assertIn("postern-key", held)  # else the search finds nothing anywhere

    @staticmethod
    def holds(pid, prime):
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            begin, end = (int(a, 16) for a in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line or end - begin > 1 << 26:  # a sanitizer's shadow
                continue
            with open(f"/proc/{pid}/mem", "rb") as memory:
                memory.seek(begin)
                try:
                    octets = memory.read(end - begin)
                except OSError:
                    continue
            if prime in octets or prime[::-1] in octets:  # as OpenSSL's words stand on a little-endian machine
                return True
        return False

    def test_a_bad_pair_changes_nothing(self):
        gate = self.relay("tls", "ec")
        before = self.chosen(gate, "ec.test")
        gate.write("rules.conf", self.rules("tls", self.next.port, "ec").replace("ec.key", "rsa.key"))
        os.kill(gate.process.pid, signal.SIGHUP)
        wait_for("its words", lambda: any("the key does not belong" in line for line in gate.said))
        self.assertEqual(self.chosen(gate, "ec.test"), before)
        self.assertIn("\"ec\"", gate.wait_records(code="PN7004")[0]["why"])

    def test_a_new_pair_is_for_new_handshakes(self):
        gate = self.relay("tls", "ec")
        old = self.smtp(gate, smtplib.SMTP_SSL, context=context())
        gate.write("rules.conf", self.rules("tls", self.next.port, "rsa"))
        os.kill(gate.process.pid, signal.SIGHUP)
        gate.wait_records(code="PN7003")
        self.assertEqual(self.chosen(gate, "rsa.test")[0], (folder / "rsa.pem").read_text().strip())
        old.sendmail(SENDER, [RECIPIENT], TEXT)

    def refused_start(self, key):
        """What posternd says of a key's path when it ends."""
        scratch = Scratch("pn-nokey-")
        self.addCleanup(scratch.remove)
        rules = self.rules("tls").replace("{keys}/ec.key", str(key)).replace("{keys}", str(folder)).replace("{external}", str(free_port()))
        (scratch.path / "rules.conf").write_text(rules)
        (scratch.path / "postern.conf").write_text(Postern.CONF.replace("{dir}", str(scratch.path)))
        (scratch.path / "state").mkdir()
        done = subprocess.run([BUILD / "proxy/posternd", "-c", scratch.path, "-f"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 78, done.stderr)
        return done.stderr

    def test_a_missing_file_is_named(self):
        self.assertIn("gone.key: No such file", self.refused_start(folder / "gone.key"))

    def test_ops_14_a_key_for_others_to_see_is_named(self):
        scratch = Scratch("pn-openkey-")
        self.addCleanup(scratch.remove)
        key = scratch.path / "ec.key"
        shutil.copy(folder / "ec.key", key)
        for mode, said in ((0o644, "everybody may read it"), (0o602, "everybody may write to it"), (0o620, "its group may write to it")):
            with self.subTest(oct(mode)):
                os.chown(key, -1, os.getegid() or 65534)
                key.chmod(mode)
                self.assertIn(f"key {key}: {said}", self.refused_start(key))


class Faults(Tls):
    def test_a_key_role_that_is_killed_comes_again(self):
        gate = self.relay("tls")
        first, = gate.roles("postern-key")
        os.kill(first, signal.SIGKILL)
        client = self.smtp(gate, smtplib.SMTP_SSL, context=context())  # waits in the pair, or is signed by the next
        client.sendmail(SENDER, [RECIPIENT], TEXT)
        self.assertNotEqual(gate.roles("postern-key"), [first])

    def test_a_relay_that_is_killed_gets_the_same_key(self):
        gate = self.relay("tls")
        relay, = gate.roles("postern-relay")
        os.kill(relay, signal.SIGKILL)
        wait_for("another one", lambda: [p for p in gate.roles("postern-relay") if p != relay])
        client = self.smtp(gate, smtplib.SMTP_SSL, context=context())
        client.sendmail(SENDER, [RECIPIENT], TEXT)

    def test_a_key_role_that_hangs_fails_handshakes_alone(self):
        gate = self.relay()
        client = self.smtp(gate)
        client.ehlo("client.test")
        key, = gate.roles("postern-key")
        os.kill(key, signal.SIGSTOP)
        try:
            with self.assertRaises((ssl.SSLError, OSError)):
                client.starttls(context=context())
            clear = self.smtp(gate)
            clear.sendmail(SENDER, [RECIPIENT], TEXT)
        finally:
            os.kill(key, signal.SIGCONT)
        self.assertEqual(gate.wait_records(code="PN5007")[0]["tls_why"], "postern-key did not sign")

    def test_servants_end_with_their_generation(self):
        gate = self.relay("tls")
        first, = gate.roles("postern-key")
        os.kill(gate.process.pid, signal.SIGHUP)
        wait_for("the next one alone", lambda: gate.roles("postern-key") not in ([first], []) and first not in gate.roles("postern-key"))
        self.assertFalse(gate.records(code="PN8003"))


class Sessions(Tls):
    def test_are_resumed_by_any_worker(self):
        gate = self.enterContext(Postern(self.rules("tls", 1), conf=Postern.CONF + "workers 4\n", external=free_port(), internal=1, keys=folder))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            made, session = context(maximum_version=version), None
            for turn in range(12):
                with made.wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30), session=session) as client:
                    client.recv(100)
                    self.assertEqual(client.session_reused, turn > 0)
                    session = session or client.session

    def test_a_ticket_for_each_session(self):
        """RFC 8446 C.4: a client that uses no ticket twice is resumed all the same."""
        gate = self.relay("tls")
        made, session, seen = context(minimum_version=ssl.TLSVersion.TLSv1_3), None, set()
        for turn in range(5):
            with made.wrap_socket(socket.create_connection((LOOPBACK, gate.external), 30), session=session) as client:
                client.recv(100)
                self.assertEqual(client.session_reused, turn > 0)
                session = client.session
                seen.add(session.id)
        self.assertEqual(len(seen), 5)


if __name__ == "__main__":
    main()

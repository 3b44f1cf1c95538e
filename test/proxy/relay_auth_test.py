# SPDX-License-Identifier: ISC
"""Logins at relay listeners: who may, who may not, and what becomes of who tries too often. Dovecot and PAM are the real ones."""
import base64
import hashlib
import hmac
import os
import pathlib
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time
import unittest

from support import LOOPBACK, main, wait_for  # finds the next ones, too
from fixture import BUILD, PATIENCE_S, Scratch, certificate, end_process, orphans_of, spawn
from hop import TEXT, Case, Hop

SENDER, RECIPIENT = "a@out.test", "x@elsewhere.test"

folder = users = None


def setUpModule():
    global folder, users
    scratch = Scratch("pn-users-")
    unittest.addModuleCleanup(scratch.remove)
    folder = scratch.path
    users = folder / "passwd"
    made = subprocess.run(["openssl", "passwd", "-6", "-salt", "posterntest", "secret"], capture_output=True, text=True, check=True).stdout.strip()
    users.touch(0o600)
    users.write_text("# staff\nalice:%s\nbob@in.test:%s\n" % (made, made))


def context():
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class Login(Case):
    def rules(self, via, mechanisms="PLAIN, LOGIN", more="", listen="tls", required="required", rule=""):
        cert, key = certificate()
        return ('version 1\ncertificate c {{ chain "%s"; key "%s" }}\nauth staff {{ via %s; mechanisms %s; %s }}\n'
                "set d {{ members in.test }}\nroute away {{ domains any; next-hop 127.0.0.1:%d; tls none }}\n"
                "relay r {{ listen 127.0.0.1:{external} %s certificate c; auth %s staff; recipients %s; deliver away; %s }}\n"
                % (cert, key, via, mechanisms, more, self.next.port, listen, required, "any" if required else "in d", rule)).replace("{{", "{").replace("}}", "}")

    def relay(self, via=None, hop=None, conf="", prefix=(), **more):
        self.next = hop or self.hop()
        return self.gateway(self.rules(via or f'file "{users}"', **more), conf=conf, prefix=prefix)

    def smtp(self, gate, host=LOOPBACK, source="127.0.0.1"):
        client = smtplib.SMTP_SSL(host, gate.external, context=context(), timeout=60, source_address=(source, 0))
        self.addCleanup(client.close)
        client.ehlo("client.test")
        return client

    def login(self, client, user, password, mechanism="PLAIN", initial=True):
        client.user, client.password = user, password
        try:
            return client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()), initial_response_ok=initial)[0]
        except smtplib.SMTPAuthenticationError as e:
            return e.smtp_code


class File(Login):
    def test_right_passwords(self):
        gate = self.relay()
        for user in "alice", "bob@in.test":
            for mechanism in "PLAIN", "LOGIN":
                for initial in True, False:
                    with self.subTest(user=user, mechanism=mechanism, initial=initial):
                        client = self.smtp(gate)
                        self.assertEqual(self.login(client, user, "secret", mechanism, initial), 235)
                        client.sendmail(SENDER, [RECIPIENT], TEXT)
        self.assertEqual(len(self.next.messages), 8)
        self.assertIn(b"with ESMTPSA", self.next.messages[0])
        self.assertFalse([l for l in self.next.lines if "AUTH" in l], "its user is nobody else's affair")
        self.assertEqual({r["user"] for r in gate.wait_records(8, code="PN1009")}, {"alice", "bob@in.test"})

    def test_what_is_not_right(self):
        gate = self.relay()
        for user, password in (("alice", "Secret"), ("alice", "secret "), ("nobody", "secret"), ("Alice", "secret"), ("# staff", "x")):
            with self.subTest(user=user):
                client = self.smtp(gate)
                self.assertEqual(self.login(client, user, password), 535)
                self.assertEqual(client.mail(SENDER)[0], 530)

    def test_nothing_goes_without(self):
        gate = self.relay()
        client = self.smtp(gate)
        self.assertEqual(client.mail(SENDER)[0], 530)
        self.assertEqual(client.docmd("VRFY alice")[0], 530)
        self.assertFalse(self.next.lines)

    def test_optional(self):
        client = self.smtp(self.relay(required=""))
        client.mail(SENDER)
        self.assertEqual(client.rcpt("b@in.test")[0], 250)

    def test_never_in_clear(self):
        gate = self.relay(listen="starttls")
        client = smtplib.SMTP(LOOPBACK, gate.external, timeout=60)
        self.addCleanup(client.close)
        client.ehlo("client.test")
        self.assertNotIn("auth", client.esmtp_features)
        self.assertEqual(client.docmd("AUTH PLAIN " + self.plain("alice", "secret"))[0], 530)
        client.starttls(context=context())
        client.ehlo("client.test")
        self.assertEqual(client.esmtp_features["auth"].split(), ["PLAIN", "LOGIN"])
        self.assertEqual(self.login(client, "alice", "secret"), 235)

    @staticmethod
    def plain(user, password, act_as=""):
        return base64.b64encode(f"{act_as}\0{user}\0{password}".encode()).decode()

    def test_malformed(self):
        gate = self.relay()
        client = self.smtp(gate)
        for argument in (self.plain("alice", "secret", "root"), base64.b64encode(b"alice").decode(), "=", "AA=="):
            with self.subTest(argument):
                self.assertEqual(client.docmd("AUTH PLAIN " + argument)[0], 501)
        self.assertEqual(client.docmd("AUTH CRAM-MD5")[0], 504)
        self.assertEqual(client.docmd("AUTH PLAIN")[0], 334)
        self.assertEqual(client.docmd("*")[0], 501)
        self.assertEqual(self.login(client, "alice", "secret"), 235)
        self.assertEqual(client.docmd("AUTH PLAIN " + self.plain("alice", "secret"))[0], 503)

    def test_gone_in_the_middle(self):
        gate = self.relay()
        for command in ("AUTH LOGIN\r\n", "AUTH LOGIN\r\nYWxpY2U=\r\n", "AUTH PLAIN %s\r\n" % self.plain("alice", "x")):
            client = self.smtp(gate)
            client.sock.sendall(command.encode())
            client.close()
        wait_for("the sessions' ends", lambda: len(gate.records(code="PN1002")) == 3)
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 235)

    def test_a_bad_file_refuses_the_reload(self):
        gate = self.relay()
        before = users.read_text()
        try:
            users.write_text(before + "carol:guess\n")
            os.kill(gate.process.pid, signal.SIGHUP)
            wait_for("its words", lambda: any("passwd:4: this line has a hash that can be guessed" in line for line in gate.said))
        finally:
            users.write_text(before)
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 235)

    def test_ops_14_a_file_for_others_to_see_refuses_the_reload(self):
        gate = self.relay()
        users.chmod(0o644)
        try:
            os.kill(gate.process.pid, signal.SIGHUP)
            why = gate.wait_records(code="PN7004")[0]["why"]
        finally:
            users.chmod(0o600)
        self.assertRegex(why, r"passwd: everybody may read it \(run")
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 235)

    def test_no_password_is_in_the_log(self):
        gate = self.relay()
        client = self.smtp(gate)
        self.login(client, "alice", "wr0ng-passw0rd")
        client.docmd("AUTH PLAIN", self.plain("alice", "secret"))
        client.quit()
        gate.wait_records(code="PN1002")
        log = (gate.dir / gate.LOG).read_text()
        for secret in ("wr0ng-passw0rd", self.plain("alice", "secret"), self.plain("alice", "wr0ng-passw0rd")):
            self.assertNotIn(secret, log)


class Lockout(Login):
    LOCK = "lockout 3 failures in 10m for 15m"

    def test_a_client(self):
        gate = self.relay(more=self.LOCK)
        for user in "alice", "bob@in.test", "nobody":
            self.assertEqual(self.login(self.smtp(gate), user, "x"), 535)
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 535)
        record, = gate.wait_records(code="PN3113")
        self.assertEqual((record["locked_out"], record["users_tried"]), ("client", 3))
        self.assertEqual(len(gate.wait_records(code="PN3111")), 1)
        self.assertEqual(self.login(self.smtp(gate, source="127.0.0.2"), "alice", "secret"), 235)

    def test_an_account_but_not_for_its_user(self):
        gate = self.relay(more=self.LOCK)
        self.assertEqual(self.login(self.smtp(gate, source="127.0.0.9"), "alice", "secret"), 235)
        for last in range(2, 5):
            self.assertEqual(self.login(self.smtp(gate, source=f"127.0.0.{last}"), "alice", "x"), 535)
        self.assertEqual(gate.wait_records(code="PN3112")[0]["locked_out"], "account")
        self.assertEqual(self.login(self.smtp(gate, source="127.0.0.7"), "alice", "secret"), 535)
        self.assertEqual(self.login(self.smtp(gate, source="127.0.0.9"), "alice", "secret"), 235)

    def lock(self, gate):
        for _ in range(3):
            self.login(self.smtp(gate), "nobody", "x")
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 535)

    def test_outlives_who_counts(self):
        gate = self.relay(more=self.LOCK)
        self.lock(gate)
        first, = gate.roles("postern-auth")
        os.kill(first, signal.SIGKILL)
        wait_for("another one", lambda: gate.roles("postern-auth") not in ([first], []))
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 535)
        os.kill(gate.process.pid, signal.SIGHUP)
        gate.wait_records(code="PN7003")
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 535)

    def test_ends(self):
        gate = self.relay(more="lockout 3 failures in 10m for 3s")
        self.lock(gate)
        wait_for("its end", lambda: self.login(self.smtp(gate), "alice", "secret") == 235)


class Faults(Login):
    def test_killed_in_an_exchange(self):
        gate = self.relay()
        client = self.smtp(gate)
        self.assertEqual(client.docmd("AUTH LOGIN")[0], 334)
        os.kill(gate.roles("postern-auth")[0], signal.SIGKILL)
        wait_for("another one", lambda: gate.records(code="PN8003") and gate.roles("postern-auth"))
        self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 235)
        client.close()

    def test_killed_at_every_step(self):
        """Nobody is let in by it, nobody hears 235 who has not said the password, and mail goes on."""
        words = [b"AUTH LOGIN\r\n", base64.b64encode(b"alice") + b"\r\n", base64.b64encode(b"secret") + b"\r\n"]
        for step in range(len(words) + 1):
            for late in False, True:  # while the process still has the question, or has answered
                with self.subTest(step=step, late=late):
                    gate = self.relay()
                    client = self.smtp(gate)
                    said = []
                    for i, word in enumerate(words):
                        if i == step and late:
                            client.sock.sendall(word)
                        if i == step:
                            os.kill(gate.roles("postern-auth")[0], signal.SIGKILL)
                        if i != step or not late:
                            client.sock.sendall(word)
                        said.append(client.getreply()[0])
                        if said[-1] != 334:
                            break
                    if step == len(words):
                        os.kill(gate.roles("postern-auth")[0], signal.SIGKILL)
                    self.assertIn(said[-1], (235, 454), said)
                    self.assertEqual(said[-1] == 235, client.mail(SENDER)[0] == 250)
                    if said[-1] == 235:
                        self.assertEqual(client.rcpt(RECIPIENT)[0], 250)
                        self.assertEqual(client.data(TEXT)[0], 250)
                    self.assertEqual(len(self.next.messages), said[-1] == 235)
                    wait_for("another one", lambda: gate.records(code="PN8003") and gate.roles("postern-auth"))
                    self.assertEqual(self.login(self.smtp(gate), "alice", "secret"), 235)

    def test_a_flood_keeps_nobody_else_waiting(self):
        """What waits of one address is bounded; others have their turn."""
        gate = self.relay()
        clients = [self.smtp(gate) for _ in range(30)]
        line = b"AUTH PLAIN " + base64.b64encode(b"\0alice\0x") + b"\r\n"
        for client in clients:
            client.sock.sendall(line)
        self.assertEqual(self.login(self.smtp(gate, source="127.0.0.2"), "alice", "secret"), 235)
        codes = {client.getreply()[0] for client in clients}
        self.assertLessEqual(codes, {535, 454})


class NextHop(Login):
    """The exchange is the next hop's."""

    class Server(Hop):
        def offers(self, sock):
            return [*super().offers(sock), "AUTH PLAIN LOGIN CRAM-MD5"]

    def test_its_words_count(self):
        for reply, code in (("235 2.7.0 welcome", 235), ("535 5.7.8 no", 535)):
            with self.subTest(reply):
                hop = self.enterContext(self.Server(answers={"AUTH": reply}))
                client = self.smtp(self.relay("next-hop", hop=hop))
                self.assertEqual(self.login(client, "alice", "secret"), code)
                if code == 235:
                    client.sendmail(SENDER, [RECIPIENT], TEXT)
                    self.assertEqual(len(hop.messages), 1)
                self.assertEqual(hop.connections, 1)

    def test_lockout(self):
        """The hop sees the gateway's address alone: who guesses is counted here, and nothing of him goes there any more."""
        hop = self.enterContext(self.Server(answers={"AUTH": "535 5.7.8 no"}))
        gate = self.relay("next-hop", hop=hop, more="lockout 3 failures in 10m for 15m")
        self.assertEqual([self.login(self.smtp(gate), "alice", "x") for _ in range(4)], [535] * 4)
        self.assertEqual(len([l for l in hop.lines if l.startswith("AUTH")]), 3)
        self.assertEqual(gate.wait_records(code="PN3111")[0]["client"], LOOPBACK)
        self.assertEqual(len(gate.wait_records(code="PN3112")), 1)
        hop.answers["AUTH"] = "235 2.7.0 welcome"
        self.assertEqual(self.login(self.smtp(gate, source="127.0.0.2"), "alice", "secret"), 235)
        self.assertEqual(len(gate.wait_records(code="PN1009")), 1)

    def test_who_counts_is_killed(self):
        """The hop hears nothing while it is not known whether the client may try; the successor knows."""
        hop = self.enterContext(self.Server(answers={"AUTH": "235 2.7.0 welcome"}))
        gate = self.relay("next-hop", hop=hop)
        client = self.smtp(gate)
        client.docmd("EHLO", "x")
        pid, = gate.roles("postern-auth")
        os.kill(pid, signal.SIGSTOP)
        client.putcmd("AUTH", "PLAIN " + base64.b64encode(b"\0alice\0secret").decode())
        time.sleep(0.2)
        self.assertEqual(hop.lines, [])
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(client.getreply()[0], 235)
        self.assertEqual(len(gate.wait_records(code="PN8003")), 1)

    def test_a_hop_that_takes_no_logins(self):
        client = self.smtp(gate := self.relay("next-hop", hop=self.hop()))
        self.assertEqual(self.login(client, "alice", "secret"), 454)
        record, = gate.wait_records(code="PN6112")
        self.assertEqual(record["reply_text"], "next hop offers no AUTH", record)

    def test_a_hop_that_is_lost(self):
        hop = self.enterContext(self.Server(answers={"AUTH": None}))
        client = self.smtp(self.relay("next-hop", hop=hop))
        self.assertEqual(self.login(client, "alice", "secret"), 454)


class Dovecot(Login):
    CONF = """
base_dir={dir}/run
log_path={dir}/log
protocols=
ssl=no
auth_mechanisms=plain login scram-sha-256
passdb {{
  driver=passwd-file
  args=scheme=PLAIN username_format=%u {dir}/users
}}
userdb {{
  driver=static
  args=uid=65534 gid=65534 home=/nonexistent
}}
default_internal_user=nobody
default_login_user=nobody
default_internal_group=nogroup
service auth {{
  unix_listener {dir}/socket {{
    mode=0666
  }}
}}
"""

    def setUp(self):
        if os.geteuid() != 0 or not shutil.which("dovecot"):
            self.skipTest("needs root, and Dovecot")
        scratch = Scratch("pn-dovecot-")
        self.addCleanup(scratch.remove)
        self.dir = scratch.path
        (self.dir / "users").write_text("carol:{PLAIN}tresor\n")
        (self.dir / "conf").write_text(self.CONF.format(dir=self.dir))
        self.start()

    def start(self):
        self.process = spawn(["dovecot", "-F", "-c", str(self.dir / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(end_process, self.process)
        wait_for("Dovecot", lambda: (self.dir / "socket").exists())

    def relay(self, **more):
        return super().relay(f'dovecot "{self.dir}/socket"', mechanisms="PLAIN, LOGIN, SCRAM-SHA-256", **more)

    def test_passwords(self):
        gate = self.relay()
        for mechanism in "PLAIN", "LOGIN":
            client = self.smtp(gate)
            self.assertEqual(self.login(client, "carol", "tresor", mechanism), 235)
            client.sendmail(SENDER, [RECIPIENT], TEXT)
            self.assertEqual(self.login(self.smtp(gate), "carol", "x", mechanism), 535)
        self.assertEqual(gate.wait_records(2, code="PN1009")[0]["user"], "carol")

    def scram(self, client, user, password):
        """RFC 5802 and 7677, the client's side. Return: the last reply's code."""
        bare = f"n={user},r=clientsnonce"
        code, said = client.docmd("AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,," + bare.encode()).decode())
        self.assertEqual(code, 334)
        first = base64.b64decode(said).decode()
        fields = dict(f.split("=", 1) for f in first.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        last = "c=biws,r=" + fields["r"]
        proof = hmac.digest(hashlib.sha256(key).digest(), f"{bare},{first},{last}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, proof))).decode()
        code, said = client.docmd(base64.b64encode(f"{last},p={proof}".encode()).decode())
        return client.docmd("")[0] if code == 334 else code

    def test_tried_by_the_tool(self):
        gate = self.relay(more="lockout 2 failures in 10m for 15m")
        self.assertEqual(gate.tool("auth", "test", "carol", input="tresor\n").returncode, 0)
        for said in "not the password", "not the password", "locked out":
            done = gate.tool("auth", "test", "carol", input="x\n")
            self.assertEqual((done.returncode, said in done.stderr), (1, True), done)

    def test_tried_by_the_tool_while_it_is_down(self):
        gate = self.relay()
        end_process(self.process)
        for path in "socket", "run/master.pid":
            (self.dir / path).unlink(missing_ok=True)
        done = gate.tool("auth", "test", "carol", input="tresor\n")
        self.assertEqual((done.returncode, "did not answer" in done.stderr), (69, True), done)

    def test_scram(self):
        gate = self.relay()
        client = self.smtp(gate)
        self.assertEqual(self.scram(client, "carol", "tresor"), 235)
        client.sendmail(SENDER, [RECIPIENT], TEXT)
        self.assertEqual(self.scram(self.smtp(gate), "carol", "x"), 535)

    def test_lockout(self):
        gate = self.relay(more="lockout 2 failures in 10m for 15m")
        for _ in range(2):
            self.assertEqual(self.login(self.smtp(gate), "carol", "x"), 535)
        self.assertEqual(self.login(self.smtp(gate), "carol", "tresor"), 535)
        self.assertEqual(len(gate.wait_records(code="PN3111")), 1)

    def test_down_and_up_again(self):
        gate = self.relay()
        end_process(self.process)
        for path in "socket", "run/master.pid":
            (self.dir / path).unlink(missing_ok=True)
        self.assertEqual(self.login(self.smtp(gate), "carol", "tresor"), 454)
        self.assertEqual(gate.wait_records(code="PN6112")[0]["severity"], "warning")
        self.start()
        wait_for("a login", lambda: self.login(self.smtp(gate), "carol", "tresor") == 235)


class Silent(Login):
    """Dovecot's place taken by whoever says something else."""

    def relay_to(self, play, **more):
        scratch = Scratch("pn-socket-")
        self.addCleanup(scratch.remove)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(scratch.path / "socket"))
        (scratch.path / "socket").chmod(0o666)
        listener.listen()

        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    play(sock)

        threading.Thread(target=serve, daemon=True).start()
        return self.relay(f'dovecot "{scratch.path}/socket"', **more)

    def test_other_protocols(self):
        for said in (b"VERSION\t2\t0\nDONE\n", b"x" * 20000, b""):
            with self.subTest(said[:20]):
                gate = self.relay_to(lambda sock: sock.sendall(said))
                self.assertEqual(self.login(self.smtp(gate), "carol", "tresor"), 454)

    def test_no_answer(self):
        """It is told once, and the client is told, when `timeout command` is over."""
        gate = self.relay_to(lambda sock: sock.recv(1 << 16) and time.sleep(30), rule="timeout command 2s")
        client = self.smtp(gate)
        self.assertEqual(self.login(client, "carol", "tresor"), 454)
        self.assertEqual(client.docmd("NOOP")[0], 250)
        self.assertEqual(len(gate.wait_records(code="PN6112")), 1)
        self.assertEqual(gate.records(code="PN6103"), [])

    def test_a_challenge_that_is_none(self):
        def play(sock):
            sock.sendall(b"VERSION\t1\t2\nDONE\n")
            stream = sock.makefile("rb")
            while line := stream.readline():
                if line.startswith(b"AUTH"):
                    sock.sendall(b"CONT\t%s\tno base64\r334 x\n" % line.split(b"\t")[1])

        self.assertEqual(self.login(self.smtp(self.relay_to(play)), "carol", "tresor"), 454)

    def test_answers_to_nothing_asked(self):
        def play(sock):
            sock.sendall(b"VERSION\t1\t2\nDONE\nOK\t98\tuser=root\nOK\t99\nOK\t\nCONT\t97\tx\nFAIL\t0\n")
            stream = sock.makefile("rb")
            while line := stream.readline():
                if line.startswith(b"AUTH"):
                    sock.sendall(b"FAIL\t%s\tuser=carol\n" % line.split(b"\t")[1])

        self.assertEqual(self.login(self.smtp(self.relay_to(play)), "carol", "tresor"), 535)


class Pam(Login):
    """The system's own pam_unix, with users of a mount namespace of its own."""

    def relay(self, stack="auth required pam_unix.so\naccount required pam_unix.so\n", conf=""):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
            self.skipTest("needs root and mount namespaces")
        scratch = Scratch("pn-pam-")
        self.addCleanup(scratch.remove)
        shutil.copytree("/etc/pam.d", scratch.path / "pam.d")
        (scratch.path / "pam.d/postern-test").write_text(stack)
        made = users.read_text().split("alice:")[1].split("\n")[0]
        for name, line, mode in (("passwd", "dora:x:64711:64711::/nonexistent:/usr/sbin/nologin\n", 0o644),
                                 ("shadow", f"dora:{made}:19000:0:99999:7:::\n", 0o600)):
            (scratch.path / name).write_text(pathlib.Path("/etc", name).read_text() + line)
            (scratch.path / name).chmod(mode)
        mounts = "; ".join(f'mount --bind "$0/{n}" /etc/{n}' for n in ("pam.d", "passwd", "shadow"))
        return super().relay('pam "postern-test"', conf=conf, prefix=["unshare", "-m", "/bin/sh", "-ec", mounts + '; exec "$@"', str(scratch.path)])

    def test_passwords(self):
        gate = self.relay()
        client = self.smtp(gate)
        self.assertEqual(self.login(client, "dora", "secret"), 235)
        client.sendmail(SENDER, [RECIPIENT], TEXT)
        self.assertEqual(self.login(self.smtp(gate), "dora", "Secret"), 535)
        self.assertEqual(self.login(self.smtp(gate), "nobody-at-all", "secret"), 535)

    def test_tried_by_the_tool(self):
        gate = self.relay()
        self.assertEqual(gate.tool("auth", "test", "dora", input="secret\n").returncode, 0)
        self.assertEqual(gate.tool("auth", "test", "-r", "staff", "dora", input="Secret\n").returncode, 1)
        self.assertEqual(gate.tool("auth", "passwd", "dora", input="secret\n").returncode, 69)
        if shutil.which("setpriv"):  # whoever else may ask posternd is not to guess passwords for any client
            gate.dir.chmod(0o755)
            next(path for path in gate.dir.rglob("control") if path.is_socket()).chmod(0o666)
            done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BUILD / "cli/postern", "-c", gate.dir, "auth", "test", "dora"],
                                  input="secret\n", capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stderr), (77, "postern: only root may try logins\n"))

    def test_its_account_counts(self):
        gate = self.relay("auth required pam_permit.so\naccount required pam_deny.so\n")
        self.assertIn(self.login(self.smtp(gate), "dora", "secret"), (454, 535))

    def test_a_module_that_is_not_there(self):
        gate = self.relay("auth required pam_of_nobody.so\naccount required pam_permit.so\n")
        self.assertIn(self.login(self.smtp(gate), "dora", "secret"), (454, 535))

    def test_killed(self):
        gate = self.relay()
        os.kill(gate.roles("postern-pam")[0], signal.SIGKILL)
        self.assertEqual(self.login(self.smtp(gate), "dora", "secret"), 235)

    def slow(self):
        """A relay with a module that takes its time, at it."""
        gate = self.relay("auth optional pam_faildelay.so delay=15000000\nauth required pam_deny.so\naccount required pam_deny.so\n", "drain 1s\n")
        client = self.smtp(gate)
        client.putcmd("AUTH PLAIN " + base64.b64encode(b"\0dora\0secret").decode())
        return gate, client, wait_for("the child that asks PAM", lambda: pam if len(pam := gate.roles("postern-pam")) == 2 else None)

    def test_a_question_ends_with_posternd(self):
        gate, _, _ = self.slow()
        self.assertEqual(orphans_of(gate.process), [], gate.stderr())

    def test_a_question_ends_with_its_role(self):
        gate, client, before = self.slow()
        os.kill(min(before), signal.SIGKILL)
        wait_for("both to end", lambda: not set(gate.roles("postern-pam")) & set(before), timeout=5)
        self.assertEqual(client.getreply()[0], 454)

    def test_a_question_that_is_lost_with_who_checks(self):
        """Its client does not wait until it runs out."""
        gate, client, _ = self.slow()
        client.sock.settimeout(PATIENCE_S)
        os.kill(gate.roles("postern-auth")[0], signal.SIGKILL)
        self.assertEqual(client.getreply()[0], 454)
        self.assertEqual([r["auth"] for r in gate.wait_records(code="PN6112")], ["staff"])


if __name__ == "__main__":
    main()

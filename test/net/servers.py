# SPDX-License-Identifier: ISC
"""Real mail servers, as private processes on loopback.

    Postfix     the installed Postfix with configuration, queue and mailbox in a scratch folder (root)
    OpenSMTPD   the second real server, from the folder scripts/deps unpacked it to (root)
    Aiosmtpd    a server of Python, inside the test's own process (no rights needed)

Each accepts mail for in.test and keeps it; `messages()` gives it back. Nothing listens anywhere but on
127.0.0.1, or the addresses of a lab's host (lab.py), nothing is delivered anywhere but into the scratch folder. They are set up to be careless on
purpose (bare line feeds end lines, 127.0.0.1 may relay), since what is under test is the filter in front
of them.

Environment
    POSTERN_OPENSMTPD  where OpenSMTPD was unpacked (default: as scripts/deps)
"""
import email
import functools
import grp
import os
import pathlib
import pwd
import re
import shutil
import subprocess

from fixture import (LOOPBACK, NOBODY, Fixture, Scratch, certificate, end_process, free_port, listening, spawn,
                     wait_for)

OPENSMTPD = pathlib.Path(os.environ.get("POSTERN_OPENSMTPD") or "/var/cache/postern-test/opensmtpd")
POSTFIX_MASTER = pathlib.Path("/usr/lib/postfix/sbin/master")


class Delivered:
    """One message as the server kept it: line feeds only, the server's own trace lines on top."""

    TRACE = re.compile(rb"(?:(?:Return-Path|X-Original-To|Delivered-To|Received|Authentication-Results):"
                       rb"[^\n]*\n(?:[ \t][^\n]*\n)*)*")

    def __init__(self, raw):
        self.raw = raw
        self.text = raw[self.TRACE.match(raw).end():]  # what the client sent, if that began otherwise
        self.headers = email.message_from_bytes(raw)

    def header(self, name):
        value = self.headers[name]
        return None if value is None else str(value)

    @property
    def sender(self):
        return (self.header("Return-Path") or "").strip("<>")

    @property
    def recipient(self):
        return self.header("X-Original-To") or self.header("Delivered-To")

    def __repr__(self):
        return f"<message from {self.sender!r} to {self.recipient!r} subject {self.header('Subject')!r}>"


class Maildir:
    """Messages of one maildir; forget() draws a line under what came before."""

    def __init__(self, path):
        self.path = path
        self.seen = set()

    def files(self):
        new = self.path / "new"
        if not new.is_dir():
            return []
        return sorted(f for f in new.iterdir() if f.name not in self.seen)

    def forget(self):
        self.seen.update(f.name for f in self.files())

    def messages(self):
        return [Delivered(f.read_bytes()) for f in self.files()]


class MailServer(Fixture):
    """What the tests ask of every server: port, messages(), forget(), settle(), wait_messages()."""

    log_mark = 0
    longest_line = None  # octets it reads of one line of text; None: any
    at_once = 16          # sessions that may begin at the same time

    def messages(self):
        raise NotImplementedError

    def forget(self):
        raise NotImplementedError

    def settle(self, sessions=0):
        """Returns when every session has ended, at least `sessions` of them since forget(), and nothing
        accepted waits for delivery."""
        raise NotImplementedError

    def log(self):
        return ""

    def log_since(self):
        """What the server logged since forget()."""
        return self.log()[self.log_mark:]

    def wait_messages(self, count):
        wait_for(lambda: f"{count} messages at the server; there are {self.messages()}",
                 lambda: len(self.messages()) >= count)
        return self.messages()


# ---------------------------------------------------------------- Postfix

class Postfix(MailServer):
    """Postfix on three ports of 127.0.0.1

    port          plain SMTP, STARTTLS offered
    xclient_port  XCLIENT allowed for 127.0.0.1
    proxy_port    wants a PROXY header (version 1 or 2) before the banner

    and plain SMTP on the addresses given besides, as "10.0.0.21:25" or "[fd00:10::21]:25".

    Mail for any address at in.test goes to one maildir; there is no program to send mail out with.
    """

    MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/q
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = server.in.test
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = {protocols}
inet_interfaces = 127.0.0.1
maillog_file_prefixes = {dir}
maillog_file = {dir}/log/maillog
alias_maps =
alias_database =
local_recipient_maps =
local_header_rewrite_clients =
virtual_mailbox_domains = in.test
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = static:box/
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
relayhost =
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtputf8_enable = yes
strict_smtputf8 = no
message_size_limit = 104857600
mailbox_size_limit = 0
smtpd_recipient_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_loglevel = 1
smtpd_tls_session_cache_database =
smtpd_forbid_bare_newline = no
smtpd_forbid_unauth_pipelining = no
smtpd_discard_ehlo_keywords =
default_process_limit = 60
queue_minfree = 0
{more}
"""

    MASTER = """
127.0.0.1:{port}         inet  n  -  n  -     -  smtpd
127.0.0.1:{xclient_port} inet  n  -  n  -     -  smtpd -o smtpd_authorized_xclient_hosts=127.0.0.1
127.0.0.1:{proxy_port}   inet  n  -  n  -     -  smtpd -o smtpd_upstream_proxy_protocol=haproxy
cleanup   unix        n  -  n  -     0  cleanup
qmgr      unix        n  -  n  300   1  qmgr
tlsmgr    unix        -  -  n  1000? 1  tlsmgr
rewrite   unix        -  -  n  -     -  trivial-rewrite
bounce    unix        -  -  n  -     0  bounce
defer     unix        -  -  n  -     0  bounce
trace     unix        -  -  n  -     0  bounce
verify    unix        -  -  n  -     1  verify
flush     unix        n  -  n  1000? 0  flush
proxymap  unix        -  -  n  -     -  proxymap
error     unix        -  -  n  -     -  error
retry     unix        -  -  n  -     -  error
virtual   unix        -  n  n  -     -  virtual
anvil     unix        -  -  n  -     1  anvil
postlog   unix-dgram  n  -  n  -     1  postlogd
"""
    QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()

    @staticmethod
    def usable():
        return os.geteuid() == 0 and POSTFIX_MASTER.exists()

    def __init__(self, more="", addresses=(), master=""):
        """@more: lines of main.cf, which hold instead of those above; @master: of master.cf."""
        self.more, self.master = more, master
        self.addresses = addresses
        self.protocols = "all" if addresses else "ipv4"
        self.process = None
        self.scratch = None

    def start(self):
        """A port that was free may be taken by then: a Postfix that ends at once is tried again."""
        for attempt in range(3):
            self.scratch = Scratch("pn-pf-")
            self.dir = self.scratch.path
            self._spawn()
            if self.process.poll() is None:
                self.settle()
                return
            if attempt == 2:
                raise AssertionError("Postfix did not start:\n" + self.log())
            self.stop()

    def _spawn(self):
        self.port, self.xclient_port, self.proxy_port = free_port(), free_port(), free_port()
        self._folders()
        cert, key = certificate()
        values = dict(vars(self), dir=self.dir, uid=NOBODY, gid=NOBODY, cert=cert, key=key)
        (self.dir / "etc/main.cf").write_text(self._main(self.MAIN.format(**values)))
        (self.dir / "etc/master.cf").write_text(self.MASTER.format(**values) + self.master + "".join(
            f"{address} inet n - n - - smtpd\n" for address in self.addresses))
        self.box = Maildir(self.dir / "mail/box")
        # -d: stay in the foreground; at its end master signals its process group
        with open(self.dir / "log/master", "wb") as log:
            self.process = spawn([POSTFIX_MASTER, "-c", self.dir / "etc", "-d"], stdout=log, stderr=log)
        places = [("127.0.0.1", port) for port in (self.port, self.xclient_port, self.proxy_port)]
        for host, port in places + [a.replace("[", "").replace("]", "").rsplit(":", 1) for a in self.addresses]:
            wait_for(lambda: "Postfix to listen\n" + self.log(),
                     lambda: listening(int(port), lambda: self.process.poll() is None, host))

    def _main(self, text):
        """What the test says holds, once: of each line that stands twice every program warns, and postlogd, when it warns
        itself while its socket is full, waits for itself."""
        ours = {l.split("=")[0].strip() for l in self.more.splitlines() if "=" in l}
        lines = text.removesuffix(self.more + "\n").splitlines()
        return "\n".join(l for l in lines if l.split("=")[0].strip() not in ours) + "\n" + self.more + "\n"

    def _folders(self):
        postfix, postdrop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        for name in ("etc", "q", "q/pid", "data", "mail", "log"):
            (self.dir / name).mkdir()
        for name in self.QUEUES:
            (self.dir / "q" / name).mkdir(mode=0o700)
            os.chown(self.dir / "q" / name, postfix, -1)
        for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            (self.dir / "q" / name).mkdir()
            os.chown(self.dir / "q" / name, postfix, postdrop)
            (self.dir / "q" / name).chmod(mode)
        for name in ("data", "log"):
            os.chown(self.dir / name, postfix, -1)
        os.chown(self.dir / "mail", NOBODY, NOBODY)

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None
        if self.scratch:
            self.scratch.remove()
            self.scratch = None

    def log(self):
        text = ""
        for name in ("master", "maillog"):
            file = self.dir / "log" / name
            if file.exists():
                text += file.read_text(errors="replace")
        return text

    def queued(self):
        found = []
        for name in ("incoming", "active", "deferred", "hold"):
            found += [str(f) for f in (self.dir / "q" / name).rglob("*") if f.is_file()]
        return found

    def count_log(self, pattern, since=0):
        return len(re.findall(pattern, self.log()[since:]))

    def settle(self, sessions=0):
        # a message is in the queue before smtpd says 250, and smtpd logs the end of a session after that
        def at_rest():
            ended = r"smtpd\[\d+\]: disconnect from"
            return (self.count_log(ended, self.log_mark) >= sessions
                    and self.count_log(r"smtpd\[\d+\]: connect from") <= self.count_log(ended)
                    and not self.queued())
        wait_for(lambda: f"Postfix to come to rest after {sessions} sessions; queue {self.queued()}\n{self.log()}",
                 at_rest)

    def messages(self):
        return self.box.messages()

    def forget(self):
        self.box.forget()
        self.log_mark = len(self.log())

    def processes(self, program):
        """Of those that its master started."""
        said = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(line.split()[0]) for line in said.splitlines() if line.split()[1] == program]

    def clients(self, at_least=1):
        """The client addresses of the messages accepted since forget(), as Postfix knows them.

        Its log is written by a process of its own: a line may come after the message.
        """
        def found():
            return re.findall(r": client=\S*?\[([^]]+)\]", self.log_since())
        wait_for(lambda: f"{at_least} messages in the log of Postfix:\n" + self.log_since(), lambda: len(found()) >= at_least)
        return found()


# ---------------------------------------------------------------- OpenSMTPD

class OpenSMTPD(MailServer):
    """OpenSMTPD in a folder of its own (chroot): Debian's package cannot stand beside Postfix's."""

    longest_line = 65535
    at_once = 3  # of 16 connections that come together, some are accepted and never greeted

    PASSWD = ("root:x:0:0::/root:/bin/sh\n"
              "opensmtpd:x:64001:64001::/var/lib/opensmtpd/empty:/bin/false\n"
              "opensmtpq:x:64002:64002::/var/lib/opensmtpd/empty:/bin/false\n"
              f"box:x:{NOBODY}:{NOBODY}::/mail:/bin/sh\n")
    GROUP = f"root:x:0:\nopensmtpd:x:64001:\nopensmtpq:x:64002:\nbox:x:{NOBODY}:\n"
    CONF = ('listen on 127.0.0.1 port {port} hostname second.in.test tag in\n'
            'smtp max-message-size 100M\n'
            'table boxes {{ "@" = box }}\n'
            'action "in" maildir "/mail/box" virtual <boxes>\n'
            'match from any for any action "in"\n')
    DEVICES = {"null": (1, 3), "random": (1, 8), "urandom": (1, 9)}

    @staticmethod
    def unusable():
        """Why it cannot run here, or None."""
        if os.geteuid() != 0:
            return "OpenSMTPD needs root"
        if not (OPENSMTPD / "usr/sbin/smtpd").exists():
            return "OpenSMTPD is not unpacked (scripts/deps test as root)"
        if OpenSMTPD._no_devices():
            return "no device files can be made under /tmp, which OpenSMTPD needs"
        return None

    @staticmethod
    @functools.lru_cache(maxsize=None)
    def _no_devices():
        scratch = Scratch("pn-dev-")
        try:
            os.mknod(scratch.path / "null", 0o666 | 0o020000, os.makedev(1, 3))
            (scratch.path / "null").write_bytes(b"x")  # refused on a file system mounted nodev
            return False
        except OSError:
            return True
        finally:
            scratch.remove()

    def __init__(self):
        self.process = None
        self.scratch = None

    def start(self):
        self.scratch = Scratch("pn-os-")
        self.root = self.scratch.path
        self.port = free_port()
        for name in ("etc", "dev", "bin", "var/spool/smtpd", "var/lib/opensmtpd/empty", "var/run", "run",
                     "tmp", "mail", "proc"):
            (self.root / name).mkdir(parents=True)
        (self.root / "var/spool/smtpd").chmod(0o711)
        (self.root / "tmp").chmod(0o1777)
        os.chown(self.root / "mail", NOBODY, NOBODY)
        shutil.copytree(OPENSMTPD / "usr/sbin", self.root / "usr/sbin")
        shutil.copytree(OPENSMTPD / "usr/libexec", self.root / "usr/libexec")
        shutil.copy("/bin/sh", self.root / "bin/sh")  # deliveries are run through it
        self._libraries()
        for name, device in self.DEVICES.items():
            os.mknod(self.root / "dev" / name, 0o666 | 0o020000, os.makedev(*device))
            (self.root / "dev" / name).chmod(0o666)
        for name, text in (("passwd", self.PASSWD), ("group", self.GROUP), ("hosts", "127.0.0.1 localhost\n"),
                           ("nsswitch.conf", "hosts: files\n"), ("smtpd.conf", self.CONF.format(port=self.port))):
            (self.root / "etc" / name).write_text(text)
        (self.root / "etc/smtpd.conf").chmod(0o600)
        self.box = Maildir(self.root / "mail/box")
        with open(self.root / "log", "wb") as log:
            self.process = spawn(["/usr/sbin/chroot", self.root, "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"],
                                 stdout=log, stderr=log)
        wait_for(lambda: "OpenSMTPD to listen\n" + self.log(),
                 lambda: listening(self.port, lambda: self.process.poll() is None))
        if self.process.poll() is not None:
            raise AssertionError("OpenSMTPD did not start:\n" + self.log())

    def _libraries(self):
        programs = [f for f in (self.root / "usr").rglob("*") if f.is_file()] + [self.root / "bin/sh"]
        names = set()
        for program in programs:
            said = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
            names.update(re.findall(r"(?:=> |^\s+)(/\S+)", said, re.M))
        for name in names:
            target = self.root / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target)

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None
        if self.scratch:
            self.scratch.remove()
            self.scratch = None

    def log(self):
        return (self.root / "log").read_text(errors="replace")

    def settle(self, sessions=0):
        def at_rest():
            log = self.log()
            if log.count(" smtp disconnected ", self.log_mark) < sessions:
                return False
            envelopes = set(re.findall(r"smtp envelope evpid=(\w+)", log))
            done = set(re.findall(r"mda delivery evpid=(\w+).*stat=Delivered", log))
            return (log.count(" smtp connected ") == log.count(" smtp disconnected ")) and envelopes <= done
        wait_for(lambda: f"OpenSMTPD to come to rest after {sessions} sessions\n{self.log()}", at_rest)

    def messages(self):
        return self.box.messages()

    def forget(self):
        self.box.forget()
        self.log_mark = len(self.log())


# ---------------------------------------------------------------- aiosmtpd

class Aiosmtpd(MailServer):
    """aiosmtpd, in a thread of this process. The envelope is kept as the server parsed it."""

    longest_line = 1001

    class Kept(Delivered):
        def __init__(self, session, envelope, recipient):
            super().__init__(envelope.original_content.replace(b"\r\n", b"\n"))
            self.octets = envelope.original_content
            self.client = session.peer[0]
            self.envelope = envelope
            self.envelope_recipient = recipient

        @property
        def sender(self):
            return self.envelope.mail_from

        @property
        def recipient(self):
            return self.envelope_recipient

    def __init__(self, port=0, hostname="second.in.test", tls=False, watch=None, address=LOOPBACK):
        self.port = port
        self.address = address
        self.hostname = hostname
        self.tls = tls
        self.watch = watch  # called with each message
        self.kept = []
        self.controller = None

    async def handle_DATA(self, server, session, envelope):
        for recipient in envelope.rcpt_tos:  # one copy each, as a mailbox would get
            message = self.Kept(session, envelope, recipient)
            self.kept.append(message)
            if self.watch:
                self.watch(message)
        return "250 2.0.0 Kept"

    def start(self):
        from aiosmtpd.controller import Controller
        options = {}
        if self.tls:
            import ssl
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate())
            options["tls_context"] = context
        self.port = self.port or free_port()
        self.controller = Controller(self, hostname=self.address, port=self.port, server_hostname=self.hostname,
                                     enable_SMTPUTF8=True, data_size_limit=100 << 20, **options)
        self.controller.start()

    def stop(self):
        if self.controller:
            self.controller.stop()
            self.controller = None

    def settle(self, sessions=0):
        pass  # a message is kept before its 250

    def messages(self):
        return list(self.kept)

    def forget(self):
        self.kept.clear()


def best_server():
    """Postfix, or what can run without root."""
    if Postfix.usable():
        return Postfix()
    print("without root aiosmtpd stands in for Postfix")
    return Aiosmtpd()


def second_server():
    """OpenSMTPD, or what this machine can run."""
    why = OpenSMTPD.unusable()
    if not why:
        return OpenSMTPD()
    print(f"aiosmtpd is the second server, since {why}")
    return Aiosmtpd()

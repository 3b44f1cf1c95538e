# SPDX-License-Identifier: ISC
"""Real mail servers, and Postern itself, as private processes on loopback.

What is here
    Postfix     the installed Postfix with configuration, queue and mailbox in a scratch folder (root)
    OpenSMTPD   the second real server, from the folder scripts/deps unpacked it to (root)
    Aiosmtpd    a server of Python, inside the test's own process (no rights needed)
    Postern     a rules folder and the posternd that serves it

Each is a context manager: it is ready when `with` begins, and gone, with all its processes and files,
when it ends; also when the test is interrupted or runs out of time (SIGINT, SIGTERM), and its processes
end even when it is killed outright. Nothing listens anywhere but on 127.0.0.1, nothing is delivered
anywhere but into the scratch folder, and no process is ended but those started here.

Each mail server accepts mail for in.test and keeps it; `messages()` gives it back. They are set up to be
careless on purpose (bare line feeds end lines, 127.0.0.1 may relay), since what is under test is the
filter in front of them.

Environment
    POSTERN_BUILD      the build folder (default: build in the source tree)
    POSTERN_OPENSMTPD  where OpenSMTPD was unpacked (default: as scripts/deps)
    POSTERN_KEEP       when set, scratch folders are left for a look at them
"""
import atexit
import email
import errno
import functools
import json
import os
import pathlib
import pwd
import grp
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

SRC = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD") or SRC / "build").resolve()
OPENSMTPD = pathlib.Path(os.environ.get("POSTERN_OPENSMTPD") or "/var/cache/postern-test/opensmtpd")
POSTFIX_MASTER = pathlib.Path("/usr/lib/postfix/sbin/master")
NOBODY = 65534
PATIENCE_S = 20  # for whatever is sure to come; sanitizer builds are slow
LOOPBACK = "127.0.0.1"


# ---------------------------------------------------------------- small things

def wait_for(what, probe, timeout=PATIENCE_S):
    """Calls probe() until it gives something true, and returns that; fails naming `what`."""
    end = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for {what() if callable(what) else what}")
        time.sleep(0.01)


def free_port():
    """A port nobody listens on now. The kernel hands out others for a long while before this one again."""
    with socket.socket() as s:
        s.bind((LOOPBACK, 0))
        return s.getsockname()[1]


def listening(port, pid_lives=lambda: True):
    if not pid_lives():
        return True  # the caller finds out why
    with socket.socket() as s:
        return s.connect_ex((LOOPBACK, port)) == 0


def end_process(process, patience=10):
    """SIGTERM, then SIGKILL to its process group; the exit status, or None when it had to be killed."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        guard.tell(f"-{process.pid}")


class Guard:
    """A small process that outlives this one, however it ends, and then clears up what was left

    A test that runs out of time is killed outright, and Postfix would go on for ever.
    """

    PROGRAM = """
        while read -r what; do
            case $what in
            +*) left="$left ${what#+}" ;;
            -*) left=$(printf '%s\\n' $left | grep -vxF -e "${what#-}") ;;
            esac
        done
        for group in $left; do case $group in /*) ;; *) kill -KILL "-$group" ;; esac; done
        for folder in $left; do case $folder in /*) rm -rf "$folder" ;; esac; done 2>/dev/null
    """

    def __init__(self):
        self.process = None

    def tell(self, what):
        if not self.process:
            self.process = subprocess.Popen(["/bin/sh", "-c", self.PROGRAM], stdin=subprocess.PIPE,
                                            stdout=subprocess.DEVNULL, start_new_session=True)
        self.process.stdin.write(f"{what}\n".encode())
        self.process.stdin.flush()

    def end(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


guard = Guard()


def spawn(command, **more):
    """A child that leads a process group; end_process() ends both."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **more)
    guard.tell(f"+{process.pid}")
    return process


class Fixture:
    """Something with start() and stop(), stopped whatever happens."""

    _alive = []

    def __enter__(self):
        Fixture._alive.append(self)
        try:
            self.start()
        except BaseException:
            Fixture._end(self)
            raise
        return self

    def __exit__(self, kind, *exc):
        Fixture._alive.remove(self)
        try:
            self.stop()
        except AssertionError:
            if kind is None:  # else what failed first says more
                raise

    @staticmethod
    @atexit.register
    def _end_all():
        while Fixture._alive:
            Fixture._end(Fixture._alive[-1])
        for scratch in list(Scratch.all):
            scratch.remove()
        guard.end()

    def _end(self):
        Fixture._alive.remove(self)
        try:
            self.stop()
        except AssertionError:
            pass


def _interrupted(number, frame):
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt  # which unittest lets through; what is alive then ends at exit


for _number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _interrupted)


class Scratch:
    """A folder under /tmp that other users may enter; short, since UNIX socket paths are bounded."""

    all = set()

    def __init__(self, prefix):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
        Scratch.all.add(self)
        self.path.chmod(0o755)
        self.kept = os.environ.get("POSTERN_KEEP")
        if not self.kept:
            guard.tell(f"+{self.path}")

    def remove(self):
        if self in Scratch.all and not self.kept:
            Scratch.all.remove(self)
            shutil.rmtree(self.path, ignore_errors=True)
            guard.tell(f"-{self.path}")


@functools.lru_cache(maxsize=None)
def certificate():
    """(certificate, key) for localhost and 127.0.0.1, self-made; the files live as long as the process."""
    scratch = Scratch("pn-tls-")
    cert, key = scratch.path / "cert.pem", scratch.path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-out", cert, "-keyout", key], check=True, capture_output=True)
    return cert, key


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

    def messages(self):
        raise NotImplementedError

    def forget(self):
        raise NotImplementedError

    def settle(self, sessions=0):
        """Returns when every session has ended, at least `sessions` of them since forget(), and nothing
        accepted waits for delivery."""
        raise NotImplementedError

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
inet_protocols = ipv4
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

    def __init__(self, more=""):
        self.more = more
        self.process = None
        self.scratch = None
        self.log_mark = 0

    def start(self):
        self.scratch = Scratch("pn-pf-")
        self.dir = self.scratch.path
        self.port, self.xclient_port, self.proxy_port = free_port(), free_port(), free_port()
        self._folders()
        cert, key = certificate()
        values = dict(vars(self), dir=self.dir, uid=NOBODY, gid=NOBODY, cert=cert, key=key)
        (self.dir / "etc/main.cf").write_text(self.MAIN.format(**values))
        (self.dir / "etc/master.cf").write_text(self.MASTER.format(**values))
        self.box = Maildir(self.dir / "mail/box")
        # -d: stay in the foreground; at its end master signals its process group
        with open(self.dir / "log/master", "wb") as log:
            self.process = spawn([POSTFIX_MASTER, "-c", self.dir / "etc", "-d"], stdout=log, stderr=log)
        for port in (self.port, self.xclient_port, self.proxy_port):
            wait_for(lambda: "Postfix to listen\n" + self.log(),
                     lambda: listening(port, lambda: self.process.poll() is None))
        if self.process.poll() is not None:
            raise AssertionError("Postfix did not start:\n" + self.log())
        self.settle()

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

    def clients(self):
        """The client addresses of the messages accepted since forget(), as Postfix knows them."""
        return re.findall(r": client=\S*?\[([^]]+)\]", self.log()[self.log_mark:])


# ---------------------------------------------------------------- OpenSMTPD

class OpenSMTPD(MailServer):
    """OpenSMTPD in a folder of its own (chroot): Debian's package cannot stand beside Postfix's."""

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
        self.log_mark = 0

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

    class Kept(Delivered):
        def __init__(self, envelope):
            super().__init__(envelope.original_content.replace(b"\r\n", b"\n"))
            self.octets = envelope.original_content
            self.envelope = envelope

        @property
        def sender(self):
            return self.envelope.mail_from

        @property
        def recipient(self):
            return self.envelope.rcpt_tos[0]

    def __init__(self, port=0, hostname="second.in.test", tls=False, watch=None):
        self.port = port
        self.hostname = hostname
        self.tls = tls
        self.watch = watch  # called with each message
        self.kept = []
        self.controller = None

    async def handle_DATA(self, server, session, envelope):
        message = self.Kept(envelope)
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
        self.controller = Controller(self, hostname=LOOPBACK, port=self.port, server_hostname=self.hostname,
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


def second_server():
    """(server, why it is not OpenSMTPD): the best second server this machine can run."""
    why = OpenSMTPD.unusable()
    return (Aiosmtpd(), why) if why else (OpenSMTPD(), None)


# ---------------------------------------------------------------- Postern

class Postern(Fixture):
    """A folder with rules.conf and postern.conf, and the posternd that serves it

    In the texts, {NAME} stands for ports the test gave as keywords, {dir} for the folder:

        with Postern(PUBLISH, external=free_port(), internal=server.port) as gate: ...
    """

    CONF = 'version 1\nmode direct\nhostname gw.test\nstate "{dir}/state"\n'

    def __init__(self, rules, conf=CONF, user=None, **values):
        self.scratch = Scratch("pn-gw-")
        self.dir = self.scratch.path
        self.values = dict(values, dir=self.dir)
        self.user = user  # numeric id to run as; root then hands the folder over
        (self.dir / "state").mkdir()
        self.write("rules.conf", rules)
        self.write("postern.conf", conf)
        if user is not None:
            for path in [self.dir, *self.dir.iterdir()]:
                os.chown(path, user, user)
        self.process = None
        self.said = []
        self.log_mark = 0

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def write(self, name, text):
        for key, value in self.values.items():
            text = text.replace("{%s}" % key, str(value))
        (self.dir / name).write_text(text)

    @staticmethod
    def program(name):
        path = BUILD / name
        if not path.exists():
            raise AssertionError(f"{path} is not built; POSTERN_BUILD names the build folder")
        return str(path)

    def command(self):
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--no-new-privs"]
        return [*(as_user if self.user is not None else []), self.program("proxy/posternd"), "-c", str(self.dir), "-f"]

    def start(self):
        self.process = spawn(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             errors="replace")
        ready = threading.Event()

        def listen():
            for line in self.process.stderr:
                self.said.append(line.rstrip("\n"))
                if line.startswith("posternd: ready"):
                    ready.set()
            ready.set()  # it ended

        self.reader = threading.Thread(target=listen, daemon=True)
        self.reader.start()
        if not ready.wait(PATIENCE_S) or not any(s.startswith("posternd: ready") for s in self.said):
            raise AssertionError("posternd is not ready; it said:\n" + self.stderr())

    def run_to_end(self, prefix=()):
        """For starts that must fail: the exit status and what stood on stderr."""
        done = subprocess.run([*prefix, *self.command()], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=PATIENCE_S)
        return done.returncode, done.stderr

    def stderr(self):
        return "\n".join(self.said)

    def stop(self):
        """Ends posternd; fails when it did not end well, left a process behind, or a sanitizer spoke."""
        process, self.process = self.process, None
        if not process:
            return
        group_left = False
        if process.poll() is None:
            process.terminate()
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            status = None
        else:
            try:
                os.killpg(process.pid, 0)
                group_left = True
            except ProcessLookupError:
                pass
        end_process(process)
        self.reader.join(5)
        said = self.stderr()
        if status != 0:
            raise AssertionError(f"posternd ended with {status} on SIGTERM; it said:\n{said}")
        if group_left:
            raise AssertionError(f"posternd left processes behind; it said:\n{said}")
        for word in ("Sanitizer", "runtime error:"):
            if word in said:
                raise AssertionError(f"a sanitizer spoke:\n{said}")

    # -- its log

    def all_records(self):
        file = self.dir / "state/log.json"
        if not file.exists():
            return []
        lines = file.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]  # the last one may still be in writing

    def forget(self):
        self.log_mark = len(self.all_records())

    def records(self, **fields):
        """The records since forget() whose fields have these values."""
        return [r for r in self.all_records()[self.log_mark:]
                if all(r.get(k) == v for k, v in fields.items())]

    def wait_records(self, count=1, **fields):
        wait_for(lambda: f"{count} log records with {fields}; there are:\n" + self.show_log(),
                 lambda: len(self.records(**fields)) >= count)
        return self.records(**fields)

    def wait_sessions_closed(self):
        wait_for(lambda: "all sessions to be closed in the log:\n" + self.show_log(),
                 lambda: {r["session"] for r in self.records(event="session-open")}
                 <= {r["session"] for r in self.records(event="session-close")})

    def show_log(self):
        return "\n".join(json.dumps(r) for r in self.all_records()[self.log_mark:])

    # -- the administrator's tool

    def tool(self, *arguments, **more):
        return subprocess.run([self.program("cli/postern"), "-c", str(self.dir), *map(str, arguments)],
                              capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, **more)


PUBLISH = """version 1
set protected { members in.test }
publish inspected {
    external        127.0.0.1:{external}
    internal        127.0.0.1:{internal}
    inspect         commands internet
    recipients      in protected
    client-address  gateway
    limit           connections 200 per client, 400 total
    limit           rate 100000 per 1m per client
    log             sessions, denials, commands, messages
}
"""

PASS = """version 1
publish passed {
    external        127.0.0.1:{external}
    internal        127.0.0.1:{internal}
    pass
    client-address  gateway
    log             sessions
}
"""


# ---------------------------------------------------------------- a client that can do wrong

class RawClient:
    """Sends what it is told, octet for octet, and reads replies strictly: CRLF, three digits."""

    def __init__(self, port, source=None, timeout=PATIENCE_S):
        self.sock = socket.create_connection((LOOPBACK, port), timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.dialogue = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, octets):
        self.dialogue.append(("C", octets))
        try:
            self.sock.sendall(octets)
        except OSError as e:
            if e.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            self.dialogue.append(("C", b"[connection is gone]"))

    def line(self):
        while b"\n" not in self.buffer:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                raise AssertionError("no reply:\n" + self.show()) from None
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or not re.match(rb"[2-5]\d\d[ -]|[2-5]\d\d\r$", line):
            raise AssertionError(f"no reply line: {line!r}\n" + self.show())
        return line[:-1]

    def reply(self):
        """(code, text of all lines), or None at the end of the connection."""
        lines = []
        while True:
            line = self.line()
            if line is None:
                if lines:
                    raise AssertionError(f"connection ended within a reply: {lines}\n" + self.show())
                return None
            self.dialogue.append(("S", line))
            lines.append(line)
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(l[4:] for l in lines).decode("utf-8", "replace")

    def expect(self, code):
        got = self.reply()
        if got is None or not str(got[0]).startswith(str(code)):
            raise AssertionError(f"expected {code}, got {got}:\n" + self.show())
        return got

    def command(self, text, code):
        self.send(text.encode() + b"\r\n")
        return self.expect(code)

    def replies_to_end(self):
        found = []
        while (r := self.reply()) is not None:
            found.append(r)
        return found

    def show(self):
        return "\n".join(f"{who}: {text[:300]!r}" for who, text in self.dialogue)


def incident(reply_text):
    """The incident id in a refusal's text, or None."""
    found = re.search(r"\[([0-9A-Z]{6})\]", reply_text)
    return found and found.group(1)

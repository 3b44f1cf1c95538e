#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
The verbs that ask posternd, against one made here that speaks the protocol, or breaks it.

    control_test.py PATH-OF-POSTERN

Prints TAP.
"""
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
MARK = 0x5073
(STATUS, SESSIONS, KILL, SETS, SET_ADD, SET_DEL, SET_FLUSH, APPLY, CONFIRM, ROLLBACK, RULES) = range(1, 12)
TEXT, FILE, DONE = 100, 101, 102
F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x8

RULES_TEXT = """version 1
set blocked { members 192.0.2.1; dynamic timeout 4h }
publish mail {
    external 198.51.100.2:25
    internal 10.0.0.1:25
    from any except blocked
    pass
}
"""


def packet(kind, body=b"", mark=MARK, size=None):
    return struct.pack("=HHI", mark, kind, len(body) if size is None else size) + body


def done(code=0, text=""):
    return (packet(DONE, struct.pack("=I", code) + text.encode()), None)


def lines(*facts):
    return "".join(json.dumps(f) + "\n" if isinstance(f, dict) else f + "\n" for f in facts).encode()


def text(*facts):
    return (packet(TEXT, lines(*facts)), None)


def sealed(content, seals=SEALS):
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def file_of(content, seals=SEALS):
    return (packet(FILE), sealed(content, seals))


def section(kind, name, content):
    return struct.pack("<IIIIQ", kind, 0, len(name), 0, len(content)) + name.encode() + b"\0" + content.encode()


def bundle(rules, host="version 1\n"):
    body = section(0, "rules.conf", rules) + section(1, "postern.conf", host)
    return b"PNBUNDLE" + struct.pack("<IIQ", 1, 2, 24 + len(body)) + body


class Daemon:
    """Answers each kind of request with packets: (octets, descriptor) each, or None: silence."""

    def __init__(self, path, answers, kind=socket.SOCK_SEQPACKET):
        self.answers, self.asked = answers, []
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(path)
        self.socket.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                try:
                    self.answer(peer)
                except OSError:
                    pass  # the tool went away, as it may

    def answer(self, peer):
        octets = peer.recv(70000)
        if len(octets) < 8:
            return
        mark, kind, size = struct.unpack("=HHI", octets[:8])
        assert (mark, size) == (MARK, len(octets) - 8)
        self.asked.append((kind, octets[8:]))
        answers = self.answers.get(kind, [])
        for a in answers() if callable(answers) else answers:
            if a is None:
                peer.recv(1)  # until the tool gives up
                return
            octets, fd = a
            if fd is None:
                peer.send(octets)
            else:
                socket.send_fds(peer, [octets], fd if isinstance(fd, list) else [fd])

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Folder:
    def __init__(self, answers=None, rules=RULES_TEXT, conf="", place="control", kind=socket.SOCK_SEQPACKET):
        self.answers, self.rules, self.conf, self.place, self.kind = answers, rules, conf, place, kind

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="postern-control-")
        os.chmod(self.path, 0o755)
        self.write("rules.conf", self.rules)
        if self.conf:
            self.write("postern.conf", self.conf)
        self.socket = os.path.join(self.path, self.place)
        self.daemon = Daemon(self.socket, self.answers, self.kind) if self.answers is not None else None
        return self

    def __exit__(self, *_):
        if self.daemon:
            self.daemon.close()
        shutil.rmtree(self.path)

    def write(self, name, content):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        os.chmod(path, 0o644)

    def run(self, *words, **how):
        ran = subprocess.run([PROGRAM, "-c", self.path, *words], env={"PATH": os.environ["PATH"]}, check=False,
                             capture_output=True, timeout=90, text=True, **how)
        return ran.returncode, ran.stdout, ran.stderr


def same(got, want):
    assert got == want, "got\n%s\nwant\n%s" % (got, want)


def holds(whole, *pieces):
    for piece in pieces:
        assert piece in whole, "%r is not in\n%s" % (piece, whole)


# ---- finding it ----

EVERY_VERB = (("show", "status"), ("show", "sessions"), ("show", "sets"), ("session", "list"),
              ("session", "kill", "1ksrnh4pt00000"), ("set", "add", "blocked", "192.0.2.9"),
              ("set", "del", "blocked", "192.0.2.9"), ("set", "list"), ("set", "flush", "blocked"), ("apply",),
              ("confirm",), ("rollback",), ("diff",))


def without_a_daemon_every_verb_exits_69():
    with Folder() as f:
        for words in EVERY_VERB:
            code, out, err = f.run(*words)
            same((words, code, out), (words, 69, ""))
            holds(err, "posternd does not run, or DIR is not its folder (-c); socket %s" % f.socket)


def a_socket_left_over_is_no_daemon():
    with Folder({}) as f:
        f.daemon.close()
        assert os.path.exists(f.socket)
        code, _, err = f.run("confirm")
        same(code, 69)
        holds(err, "posternd does not run")
        f.daemon = None
    with Folder() as f:
        f.write("control", "")
        same(f.run("confirm")[0], 69)


def a_stream_socket_is_of_another_version():
    with Folder({}, kind=socket.SOCK_STREAM) as f:
        code, _, err = f.run("confirm")
        same(code, 69)
        holds(err, "of another version")


def postern_conf_says_where():
    with Folder({CONFIRM: [done()]}, conf='version 1\ncontrol "c.sock" group adm\n', place="c.sock") as f:
        same(f.run("confirm"), (0, "", ""))


def broken_files_do_not_keep_it_from_rolling_back():
    with Folder({ROLLBACK: [done(0, "generation 4 is in force")]}) as f:
        f.write("rules.conf", "version 1\nfoo {\n")
        same(f.run("rollback"), (0, "generation 4 is in force\n", ""))
        f.write("postern.conf", "version 1\nfoo\n")
        code, out, err = f.run("rollback", "4")
        same((code, out), (0, "generation 4 is in force\n"))
        holds(err, "warning: ", "postern.conf has errors", "the defaults are taken")
        same(f.daemon.asked, [(ROLLBACK, b"0"), (ROLLBACK, b"4")])


def a_path_too_long_is_told():
    with Folder(conf='version 1\ncontrol "/run/%s"\n' % ("x" * 120)) as f:
        code, _, err = f.run("confirm")
        same(code, 78)
        holds(err, "longer than 107 octets: /run/xxx")


def who_may_not_connect_is_told_which_group_to_join():
    if os.geteuid() != 0:
        return
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    with Folder({CONFIRM: [done()]}, conf='version 1\ncontrol "control" group adm\n') as f:
        os.chown(f.socket, 0, 4)
        os.chmod(f.socket, 0o660)
        code, _, err = f.run("confirm", **nobody)
        same(code, 77)
        holds(err, "permission denied", "join the group adm")
        os.chmod(f.socket, 0o600)
        holds(f.run("confirm", **nobody)[2], "join the group adm")
        f.write("postern.conf", "version 1\n")
        holds(f.run("confirm", **nobody)[2], "be root, or say in postern.conf which group may")


# ---- status, sessions, sets ----

STATUS_FACTS = (
    {"what": "role", "program": "postern-proxy", "pid": 814, "seat": 1, "generation": 43, "state": "ready", "restarts": 0,
     "sandbox": "Landlock, seccomp", "sessions": 12, "opened": 300, "refused": 4, "messages": 77, "log_dropped": 0,
     "lent_octets": 65536},
    {"what": "daemon", "version": "0.1.0", "pid": 812, "folder": "/etc/postern", "since": "2026-11-25T09:14:05Z",
     "generation": 43, "generations_kept": 7, "confirm_left_s": 42},
    {"what": "generation", "number": 43, "state": "waiting", "since": "2026-11-25T10:00:00Z", "rules": 12},
    {"what": "generation", "number": 42, "state": "draining", "since": "2026-11-25T09:14:05Z", "rules": 11, "left_s": 590},
    {"what": "listener", "address": "198.51.100.2", "port": 25, "kind": "inspect"},
    {"what": "listener", "address": "2001:db8::2", "port": 25, "kind": "pass"},
    {"what": "role", "program": "postern-log", "pid": 813, "seat": 0, "generation": 43, "state": "ready", "restarts": 1,
     "sandbox": "none"},
)


def status_prints_all_there_is():
    with Folder({STATUS: [text(*STATUS_FACTS[:3]), text(*STATUS_FACTS[3:]), done()]}) as f:
        same(f.run("show", "status"), (0, """\
posternd    0.1.0, pid 812, since 2026-11-25T09:14:05Z
folder      /etc/postern
generation  43, not confirmed: type "postern confirm" within 42 s or the one before returns
kept        7

GENERATION  STATE     RULES  SINCE                  LEFT
        42  draining     11  2026-11-25T09:14:05Z  9m50s
        43  waiting      12  2026-11-25T10:00:00Z      -

LISTENING         KIND
198.51.100.2:25   inspect
[2001:db8::2]:25  pass

PROGRAM        SEAT  PID  GENERATION  STATE  RESTARTS  SESSIONS  OPENED  REFUSED  MESSAGES   LENT  UNLOGGED  SANDBOX
postern-log       0  813          43  ready         1         -       -        -         -      -         -  none
postern-proxy     1  814          43  ready         0        12     300        4        77  65536         0  Landlock, seccomp
""", ""))
        code, out, err = f.run("show", "status", "--json")
        same((code, err), (0, ""))
        assert "\n" not in out[:-1]
        got = json.loads(out)
        same(got["daemon"], STATUS_FACTS[1])
        same([len(got[k]) for k in ("generations", "listeners", "roles")], [2, 2, 2])
        same(got["roles"][1]["sandbox"], "Landlock, seccomp")


def a_status_of_little_is_shown_all_the_same():
    for facts, want in (((), ""), (({"what": "daemon", "generation": 1},), "\ngeneration  1, confirmed\n"),
                        (({"what": "role"},), "PROGRAM  SEAT")):
        with Folder({STATUS: [text(*facts), done()]}) as f:
            code, out, err = f.run("show", "status")
            same((code, err), (0, ""))
            holds(out, want)
    with Folder({STATUS: [text({"what": "x"}, {"what": 7}, {}), done()]}) as f:
        same(f.run("show", "status"), (0, "", "postern: warning: lines passed over because they are no facts: 3\n"))
        same(json.loads(f.run("show", "status", "--json")[1]), {"daemon": None, "generations": [], "listeners": [], "roles": []})


SESSION = {"session": "1ksrnh4pt00001", "client": "203.0.113.9", "client_port": 4000, "to": "198.51.100.2", "to_port": 25,
           "internal": "10.0.0.1", "internal_port": 25, "rule": "mail", "rule_at": "rules.conf:3",
           "inspected": True, "phase": "command", "age_ms": 192000, "c2s": 1234, "s2c": 99, "hello": "a.example"}


def sessions_of_all_proxies_stand_in_one_table():
    other = {**SESSION, "session": "1ksrnh4pt00000", "client": "2001:db8::9", "age_ms": 90061000, "hello": "\x1b[2J\"\xff"}
    with Folder({SESSIONS: lambda: [file_of(lines(SESSION)), file_of(lines(other)), done()]}) as f:
        for words in (("show", "sessions"), ("session", "list")):
            same(f.run(*words), (0, """\
SESSION           AGE  CLIENT              TO               INTERNAL     RULE  PHASE     C2S  S2C  HELLO
1ksrnh4pt00000  1d01h  [2001:db8::9]:4000  198.51.100.2:25  10.0.0.1:25  mail  command  1234   99  \\x1b[2J\\"\\xc3\\xbf
1ksrnh4pt00001  3m12s  203.0.113.9:4000    198.51.100.2:25  10.0.0.1:25  mail  command  1234   99  a.example
""", ""))
        code, out, _ = f.run("session", "list", "--json")
        same((code, json.loads(out)), (0, [other, SESSION]))
        assert "\x1b" not in out and out.isascii()


def lines_that_are_no_facts_are_counted():
    bad = ["{", "[1]", "7", '{"session":1,"session":2}', "", '{"a":"' + "x" * 9000 + '"}', '{"a":"\\u0000"}', "[" * 5000,
           '{"session":' + "[" * 4000 + "]" * 4000 + "}", "\x1b[2J", '{"session":"x"', '{"session":1e999}']
    octets = b"\xff\xfe\n" + "\n".join([json.dumps(SESSION)] + bad).encode()
    with Folder({SESSIONS: lambda: [file_of(octets), done()]}) as f:
        code, out, err = f.run("show", "sessions")
        same(code, 0)
        same(out.count("\n"), 2)
        holds(out, "1ksrnh4pt00001")
        same(err, "postern: warning: lines passed over because they are no facts: %d\n" % (1 + len(bad)))
        same(json.loads(f.run("show", "sessions", "--json")[1]), [SESSION])


def fields_of_a_wrong_type_show_nothing():
    odd = {"session": {"a": [1]}, "client": 7, "client_port": "x", "age_ms": -5, "c2s": 1.5, "hello": None, "rule": [],
           "to": "1.2.3.4", "phase": "x" * 5000}
    with Folder({SESSIONS: lambda: [file_of(lines(odd)), done()]}) as f:
        code, out, _ = f.run("show", "sessions")
        same(code, 0)
        holds(out, "1.2.3.4  ", "x" * 64 + "...  ")


def many_sessions_are_shown():
    many = b"".join(lines({**SESSION, "session": "%014d" % n}) for n in range(30000))
    with Folder({SESSIONS: lambda: [file_of(many), done()]}) as f:
        code, out, err = f.run("show", "sessions")
        same((code, out.count("\n"), err), (0, 30001, ""))


def nothing_open_is_said():
    with Folder({SESSIONS: [done()], SETS: [done()]}) as f:
        same(f.run("show", "sessions"), (0, "", "postern: no session is open\n"))
        same(f.run("show", "sessions", "--json"), (0, "[]\n", ""))
        holds(f.run("set", "list")[2], "there is no dynamic set")


def a_session_is_ended_by_its_id():
    with Folder({KILL: [done(0, "session 1ksrnh4pt00001 was ended")]}) as f:
        same(f.run("session", "kill", "1KSRNH4PT00001"), (0, "session 1ksrnh4pt00001 was ended\n", ""))
        same(f.daemon.asked, [(KILL, b"1ksrnh4pt00001")])
        for words in (("kill",), ("kill", "x"), ("kill", "1ksrnh4pt00001", "y"), ("kil", "x"), ()):
            same(f.run("session", *words)[0], 64)
        holds(f.run("session", "kil")[2], 'did you mean "kill"?')
        same(len(f.daemon.asked), 1)


def members_come_and_go():
    members = lines({"set": "b", "member": "192.0.2.10", "left_s": 60}, {"set": "b", "member": "192.0.2.9"}, {"set": "a", "members": 0})
    with Folder({SETS: lambda: [file_of(members), done()],
                 SET_ADD: [done(0, "added")], SET_DEL: [done(1, "blocked does not hold 192.0.2.9")], SET_FLUSH: [done()]}) as f:
        want = "SET  MEMBER       LEFT\na    -               -\nb    192.0.2.9       -\nb    192.0.2.10  1m00s\n"
        for words in (("set", "list"), ("show", "sets"), ("set", "list", "b")):
            same(f.run(*words), (0, want, ""))
        same(f.run("set", "add", "blocked", "192.0.2.9"), (0, "added\n", ""))
        same(f.run("set", "add", "blocked", "*.a.example", "for", "4h"), (0, "added\n", ""))
        same(f.run("set", "add", "blocked", "a@b.example", "for", "1d", "--json"), (0, '{"result":"added"}\n', ""))
        same(f.run("set", "del", "blocked", "192.0.2.9"), (1, "", "postern: blocked does not hold 192.0.2.9\n"))
        same(f.run("set", "flush", "blocked"), (0, "", ""))
        same(f.daemon.asked[2:], [(SETS, b"b"), (SET_ADD, b"blocked\x00192.0.2.9\x000"),
                                  (SET_ADD, b"blocked\0*.a.example\x0014400"), (SET_ADD, b"blocked\0a@b.example\x0086400"),
                                  (SET_DEL, b"blocked\x00192.0.2.9"), (SET_FLUSH, b"blocked")])


def bans_are_a_set_with_more_to_tell():
    ban = {"set": "bans", "member": "192.0.2.10", "rule": "p", "limit": "rate", "to": "198.51.100.2:25", "left_s": 60}
    with Folder({SETS: lambda: [file_of(lines(ban)), done()], SET_DEL: [done(0, "deleted")]}) as f:
        same(f.run("set", "list", "bans"), (0, "SET   MEMBER      RULE  LIMIT  TO                LEFT\n"
                                               "bans  192.0.2.10  p     rate   198.51.100.2:25  1m00s\n", ""))
        same(f.run("set", "list"), (0, "SET   MEMBER       LEFT\nbans  192.0.2.10  1m00s\n", ""))
        same(f.run("set", "del", "bans", "192.0.2.10"), (0, "deleted\n", ""))
        same(f.daemon.asked, [(SETS, b"bans"), (SETS, b""), (SET_DEL, b"bans\x00192.0.2.10")])


def what_cannot_be_meant_is_not_asked():
    with Folder({}) as f:
        for words, says in ((("add", "a"), "something is missing"), (("add", "a", "192.0.2.1/8"), "bits set behind"),
                            (("add", "a", "192.0.2.1", "for"), "a value is missing"),
                            (("add", "a", "192.0.2.1", "to", "4h"), '"for"'), (("add", "a", "192.0.2.1", "for", "4"), "unit"),
                            (("add", "a", "192.0.2.1", "for", "366d"), "365d"), (("add", "a", "192.0.2.1", "for", "0s"), "1s"),
                            (("add", "a", "192.0.2.1", "for", "4h", "x"), "too many"), (("del", "a"), "missing"),
                            (("flush",), "missing"), (("ad", "a", "b"), 'did you mean "add"?'), ((), "say add, del, list or flush"),
                            (("flush", "x" * 5000), "too long")):
            code, out, err = f.run("set", *words)
            same((words, code, out), (words, 64, ""))
            holds(err, says)
        for words in (("rollback", "0"), ("rollback", "x"), ("rollback", "1", "2"), ("confirm", "x"), ("apply", "now"),
                      ("apply", "--confirm"), ("apply", "--confirm", "60"), ("apply", "--confirm", "0s"),
                      ("apply", "--confirm", "2d"), ("diff", "x"), ("show", "status", "x"), ("show", "sessions", "x")):
            same((words, f.run(*words)[0]), (words, 64))
        same(f.daemon.asked, [])


# ---- generations ----

def diff_compares_by_meaning():
    with Folder({RULES: lambda: [file_of(bundle(RULES_TEXT)), done()]}) as f:
        same(f.run("diff"), (0, "", ""))
        same(f.run("diff", "--json"), (0, '{"changes":[]}\n', ""))
        f.write("rules.conf", RULES_TEXT.replace("192.0.2.1", "192.0.2.2").replace("pass", "pass\n    limit connections 9 total")
                + "default reset\n")
        f.write("postern.conf", "version 1\ndrain 5m\n")
        code, out, err = f.run("diff")
        same((code, err), (2, ""))
        same(out, """\
~ set blocked  members +1 (192.0.2.2) -1 (192.0.2.1)
~ publish mail  +limit connections 9 total
~ default  refuse "554 5.7.1 Not published" -> reset
~ host  drain 10m -> 5m
""")
        code, out, _ = f.run("diff", "--json")
        same(code, 2)
        same(json.loads(out)["changes"][3], {"change": "changed", "kind": "host", "name": None, "statement": "drain",
                                             "was": "10m", "is": "5m"})


def diff_says_when_it_cannot():
    with Folder({RULES: lambda: [file_of(bundle(RULES_TEXT)), done()]}) as f:
        f.write("rules.conf", "version 1\nfoo\n")
        code, _, err = f.run("diff")
        same((code, f.daemon.asked), (78, []))
        holds(err, "rules.conf:2:1: error")
    for answer in ([done()], [file_of(b"x"), done()], [file_of(bundle("version 1\nfoo\n")), done()],
                   [file_of(bundle(RULES_TEXT), 0), done()], [file_of(bundle(RULES_TEXT)[:-1]), done()],
                   [file_of(bundle(RULES_TEXT)), file_of(bundle(RULES_TEXT)), done()]):
        with Folder({RULES: answer}) as f:
            code, out, err = f.run("diff")
            same((code, out), (69, ""))
            same(err.count("\n"), 1)


def apply_checks_compares_and_asks():
    waits = 'generation 43 is in force; type "postern confirm" within 60 s or generation 42 returns'
    with Folder({RULES: lambda: [file_of(bundle(RULES_TEXT)), done()], APPLY: [done(0, waits)],
                 CONFIRM: [done(0, "generation 43 stays")]}) as f:
        same(f.run("apply", "--confirm", "60s")[:2], (0, "  the files mean what is in force\n%s\n" % waits))
        same(f.run("confirm"), (0, "generation 43 stays\n", ""))
        f.write("rules.conf", RULES_TEXT.replace("10.0.0.1", "10.0.0.2"))
        code, out, err = f.run("apply")
        same((code, out), (0, "  ~ publish mail  internal 10.0.0.1:25 -> 10.0.0.2:25\n%s\n" % waits))
        holds(err, 'note: publish "mail" is not inspected')
        got = json.loads(f.run("apply", "--json")[1])
        same((got["result"], got["changes"][0]["name"]), (waits, "mail"))
        same([a for a in f.daemon.asked if a[0] == APPLY], [(APPLY, b"60"), (APPLY, b"0"), (APPLY, b"0")])
        f.write("rules.conf", RULES_TEXT + "".join("set s%d { }\n" % n for n in range(30)))
        holds(f.run("apply")[1], '  10 more; "postern diff" shows all\n')


def apply_asks_nothing_while_there_are_errors():
    with Folder({}) as f:
        f.write("rules.conf", RULES_TEXT + "foo\n")
        code, out, err = f.run("apply")
        same((code, out, f.daemon.asked), (78, "", []))
        holds(err, "error: ", "nothing was changed")


def what_the_daemon_refuses_is_told_with_its_exit():
    with Folder({CONFIRM: [done(1, "nothing waits\nfor \x1b[2J that")], ROLLBACK: [done(64)]}) as f:
        same(f.run("confirm"), (1, "", "postern: nothing waits\nfor \\x1b[2J that\n"))
        same(f.run("rollback"), (64, "", "postern: posternd refused\n"))
        same(f.run("confirm", "--json")[0], 1)


# ---- daemons that break the protocol ----

def answers_out_of_order_end_in_69():
    pipe = os.pipe()
    for name, answers, says in (
            ("nothing", [], "closed the connection"),
            ("no end", [text({"what": "daemon"})], "closed the connection"),
            ("an empty packet", [(b"", None)], "closed the connection"),
            ("a short packet", [(b"Ps", None)], "another version"),
            ("another mark", [(packet(DONE, b"\0\0\0\0", mark=1), None)], "another version"),
            ("a wrong size", [(packet(DONE, b"\0\0\0\0", size=3), None)], "another version"),
            ("a huge size", [(packet(DONE, b"\0\0\0\0", size=0xffffffff), None)], "another version"),
            ("an end that is too short", [(packet(DONE, b"\0\0\0"), None)], "another version"),
            ("an unknown exit", [(packet(DONE, struct.pack("=I", 256)), None)], "another version"),
            ("an unknown type", [(packet(7), None), done()], "another version"),
            ("a text that is too long", [(packet(TEXT, b"x" * 60001), None), done()], "another version"),
            ("an end that is too long", [done(0, "x" * 60001)], "another version"),
            ("more than a message", [(packet(TEXT, b"x" * 80000), None), done()], "another version"),
            ("a file not asked for", [file_of(b"x"), done()], "another version"),
            ("a descriptor with text", [(packet(TEXT, b""), os.dup(1)), done()], "another version"),
            ("a descriptor with the end", [(packet(DONE, b"\0\0\0\0"), os.dup(1))], "another version"),
            ("many descriptors", [(packet(DONE, b"\0\0\0\0"), [1] * 20)], "another version"),
            ("a pipe", [(packet(FILE), pipe[0]), done()], "another version"),
            ("a file without one", [(packet(FILE), None), done()], "another version"),
            ("answers without end", [text() for _ in range(70000)], "another version")):
        with Folder({STATUS: answers}) as f:
            code, out, err = f.run("show", "status")
            same((name, code, out), (name, 69, ""))
            holds(err, says)
            same(err.count("\n"), 1)


def files_that_are_none_end_in_69():
    pipe = os.pipe()
    for name, answer in (("unsealed", lambda: file_of(lines(SESSION), 0)), ("empty", lambda: file_of(b"")),
                         ("a pipe", lambda: (packet(FILE), os.dup(pipe[0]))), ("none", lambda: (packet(FILE), None)),
                         ("text", lambda: text(SESSION))):
        with Folder({SESSIONS: lambda answer=answer: [answer(), done()]}) as f:
            code, out, err = f.run("show", "sessions")
            same((name, code, out), (name, 69, ""))
            holds(err, "of another version")


def silence_ends_after_half_a_minute():
    with Folder({CONFIRM: [None]}) as f:
        begun = time.monotonic()
        code, _, err = f.run("confirm")
        assert 29 < time.monotonic() - begun < 60
        same(code, 69)
        holds(err, "gave no answer for 30 s; what was asked may still be done")


def main():
    tests = [without_a_daemon_every_verb_exits_69, a_socket_left_over_is_no_daemon, a_stream_socket_is_of_another_version,
             postern_conf_says_where, broken_files_do_not_keep_it_from_rolling_back, a_path_too_long_is_told,
             who_may_not_connect_is_told_which_group_to_join, status_prints_all_there_is, a_status_of_little_is_shown_all_the_same,
             sessions_of_all_proxies_stand_in_one_table, lines_that_are_no_facts_are_counted,
             fields_of_a_wrong_type_show_nothing, many_sessions_are_shown, nothing_open_is_said, a_session_is_ended_by_its_id,
             members_come_and_go, bans_are_a_set_with_more_to_tell, what_cannot_be_meant_is_not_asked, diff_compares_by_meaning, diff_says_when_it_cannot,
             apply_checks_compares_and_asks, apply_asks_nothing_while_there_are_errors,
             what_the_daemon_refuses_is_told_with_its_exit, answers_out_of_order_end_in_69, files_that_are_none_end_in_69,
             silence_ends_after_half_a_minute]
    tap.run((test.__name__.replace("_", " "), test) for test in tests)


if __name__ == "__main__":
    main()

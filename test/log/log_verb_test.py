#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
`postern log` as an administrator meets it: where it finds the log, what it shows, how it ends.

    log_verb_test.py PATH-OF-POSTERN

Prints TAP.
"""
import functools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
WAIT_S = 10


def record(code, session, minute, **fields):
    return json.dumps({"time": "2026-11-22T09:%02d:05.000001Z" % minute, "code": code, "severity": "info",
                       "event": "e", "session": session, "client": "203.0.113.9", "client_port": 40000,
                       "rule": "mail", "rule_at": "rules.conf:2", **fields}, separators=(",", ":")) + "\n"


ONE, TWO = "1ksrnh4pt00000", "1ksrnh4pt00001"
LINES = [
    record("PN1001", ONE, 1, to="198.51.100.2", to_port=25, inspected=True),
    record("PN1001", TWO, 2, to="198.51.100.2", to_port=25, inspected=True),
    record("PN3101", ONE, 3, verb="VRFY", reply=502, incident="7K2M9Q", line="VRFY \\x1b[2Jroot"),
    record("PN2001", TWO, 4, **{"octets": 7, "from": "a@out.test",
                                "recipients": [{"to": "b@in.test", "reply": 250, "by": "server"}]}),
    record("PN1002", ONE, 5, ended_by="client"),
]


class Folder:
    def __init__(self, conf="", place="state/log/log.json", text="".join(LINES)):
        self.path = tempfile.mkdtemp(prefix="postern-log-verb-")
        os.mkdir(os.path.join(self.path, "state"))
        self.write("rules.conf", "version 1\ndefault reset\n")
        if conf:
            self.write("postern.conf", conf.replace("DIR", self.path))
        self.log = os.path.join(self.path, place)
        if text:
            os.makedirs(os.path.dirname(self.log), exist_ok=True)
            self.write(place, text)

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w") as f:
            f.write(text)
        os.chmod(os.path.join(self.path, name), 0o640)

    def append(self, text):
        with open(self.log, "a") as f:
            f.write(text)

    def run(self, *arguments):
        r = subprocess.run([PROGRAM, "-c", self.path, "log", *arguments], capture_output=True, text=True,
                           timeout=WAIT_S)
        return r.returncode, r.stdout, r.stderr

    def clean(self):
        shutil.rmtree(self.path)


def shown(text):
    """Code and session of each line shown."""
    return [tuple(line.split(" ")[i] for i in (1, 3)) for line in text.splitlines()]


def json_shows_the_lines_themselves(f):
    assert f.run("tail", "--json") == (0, "".join(LINES), "")
    assert f.run("find", "--json", "--code", "3101") == (0, LINES[2], "")
    assert f.run("session", "7k2m9q", "--json") == (0, LINES[0] + LINES[2] + LINES[4], "")


def the_human_form_is_one_line_a_record(f):
    code, out, err = f.run("find", "--code", "PN3101")
    assert (code, err) == (0, "")
    assert out == ("2026-11-22T09:03:05.000Z PN3101 info %s 203.0.113.9 mail(rules.conf:2) verb is not allowed by the "
                   "rule's command table: verb=VRFY reply=502 incident=7K2M9Q line=\"VRFY \\x1b[2Jroot\"\n" % ONE), out


def tail_shows_the_last(f):
    assert shown(f.run("tail", "-n", "2")[1]) == [("PN2001", TWO), ("PN1002", ONE)]
    assert f.run("tail", "-n", "0") == (0, "", "")
    assert len(f.run("tail")[1].splitlines()) == 5


def find_takes_each_option(f):
    for arguments, want in (
            (["--since", "2026-11-22T09:04"], [3, 4]), (["--rule", "mail"], [0, 1, 2, 3, 4]), (["--rule", "m"], []),
            (["--client", "203.0.113.0/24"], [0, 1, 2, 3, 4]), (["--client", "203.0.113.8"], []),
            (["--mail", "B@in.test"], [3]), (["--mail", "@out.test"], [3]), (["--session", TWO], [1, 3]),
            (["vrfy"], [2]), (["--session", ONE, "--code", "1002", "client"], [4]), (["--since=1m"], [])):
        code, out, err = f.run("find", "--json", *arguments)
        assert (code, out) == (0, "".join(LINES[i] for i in want)), (arguments, out, err)
        assert ("no record" in err) == (want == []), err


def a_session_is_found_by_id_and_by_incident(f):
    assert shown(f.run("session", TWO.upper())[1]) == [("PN1001", TWO), ("PN2001", TWO)]
    assert shown(f.run("session", "7K2M9Q")[1]) == [("PN1001", ONE), ("PN3101", ONE), ("PN1002", ONE)]
    code, out, err = f.run("session", "000000")
    assert (code, out) == (1, "") and "--file" in err, err


def what_is_asked_wrongly_is_told(f):
    for arguments, word in (
            ([], "tail, find, session or code"), (["tial"], 'did you mean "tail"'), (["tail", "-n", "x"], "-n 100"),
            (["tail", "x"], "too many"), (["tail", "--colour"], "--colour"), (["find", "--since", "noon"], "UTC"),
            (["find", "--code", "1"], "postern-codes(7)"), (["find", "--client", "example.org"], "prefix"),
            (["find", "--code"], "--code"), (["session"], "missing"), (["session", "x"], "14"), (["code", "x"], "no such"),
            (["code"], "missing")):
        code, out, err = f.run(*arguments)
        assert (code, out) == (64, "") and word in err and err.count("\n") == 1, (arguments, code, out, err)


def a_log_that_cannot_be_read_is_told(f):
    code, out, err = f.run("tail")
    assert (code, out) == (69, "") and "there is no log" in err and f.log in err, err
    code, out, err = f.run("tail", "--file", f.path)
    assert (code, out) == (69, "") and "not a regular file" in err, err


def broken_lines_are_passed_over_and_counted(f):
    f.append("{\"time\":1}\n\x1b[2J\n{}\n" + LINES[4] + "{\"time\":")
    code, out, err = f.run("find", "--json")
    assert (code, out) == (0, "".join(LINES) + LINES[4]) and ": 3\n" in err and "\x1b" not in err, (out, err)


def the_log_is_found_while_the_rules_have_errors(f):
    f.write("rules.conf", "version 1\nnonsense\n")
    assert f.run("tail", "--json", "-n", "1") == (0, LINES[4], "")
    f.write("postern.conf", "version 1\nnonsense\n")
    code, out, err = f.run("tail", "--json", "-n", "1")
    assert (code, out) == (0, LINES[4]) and "postern check" in err, err


def the_log_is_found_where_it_is_said_to_be(f):
    assert f.run("tail", "--json") == (0, "".join(LINES), ""), f.run("tail")


def another_file_is_read(f):
    old = f.log + ".1"
    os.rename(f.log, old)
    assert f.run("tail", "--json", "--file", old) == (0, "".join(LINES), "")


def following_goes_on_behind_a_rotation(f):
    with subprocess.Popen([PROGRAM, "-c", f.path, "log", "tail", "--json", "-n", "1", "-f"],
                          stdout=subprocess.PIPE, bufsize=0) as p:
        def line():
            assert select.select([p.stdout], [], [], WAIT_S)[0], "nothing shown"
            return p.stdout.readline().decode()
        try:
            assert line() == LINES[4]
            f.append(LINES[0])
            assert line() == LINES[0]
            os.rename(f.log, f.log + ".1")
            with open(f.log + ".1", "a") as old:
                old.write(LINES[1])
            f.append(LINES[2])
            assert line() == LINES[1]
            assert line() == LINES[2]
        finally:
            p.terminate()


def a_code_is_explained_without_any_log(f):
    code, out, err = f.run("code", "PN3021")
    assert (code, err) == (0, "") and out.startswith("PN3021  bare LF in a message\n"), out
    assert "reply     554 5.6.0 Bare LF in message\n" in out and "RFC 5321 2.3.8" in out
    known = json.loads(f.run("code", "3021", "--json")[1])
    assert (known["code"], known["reply"]) == ("PN3021", 554)


TESTS = [
    (json_shows_the_lines_themselves, {}),
    (the_human_form_is_one_line_a_record, {}),
    (tail_shows_the_last, {}),
    (find_takes_each_option, {}),
    (a_session_is_found_by_id_and_by_incident, {}),
    (what_is_asked_wrongly_is_told, {}),
    (a_log_that_cannot_be_read_is_told, {"text": ""}),
    (broken_lines_are_passed_over_and_counted, {}),
    (the_log_is_found_while_the_rules_have_errors, {}),
    (the_log_is_found_where_it_is_said_to_be, {"conf": 'state "DIR/elsewhere"\n', "place": "elsewhere/log/log.json"}),
    (the_log_is_found_where_it_is_said_to_be, {"conf": 'log json "DIR/logs/mail.json"\n', "place": "logs/mail.json"}),
    (another_file_is_read, {}),
    (following_goes_on_behind_a_rotation, {}),
    (a_code_is_explained_without_any_log, {"text": ""}),
]


def with_folder(test, how):
    folder = Folder(**how)
    try:
        test(folder)
    finally:
        folder.clean()


def main():
    tap.run((test.__name__, functools.partial(with_folder, test, how)) for test, how in TESTS)


if __name__ == "__main__":
    main()

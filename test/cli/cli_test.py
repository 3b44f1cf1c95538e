#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
The tool as a newcomer meets it: what it prints where, and how it ends.

    cli_test.py PATH-OF-POSTERN FOLDER-OF-EXAMPLES

Prints TAP.
"""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
EXAMPLES = os.path.abspath(sys.argv[2])

GOOD = """version 1
set inside { members example.org }
publish mail {
    external 198.51.100.2:25
    internal 10.0.0.1:25
    recipients in inside
    client-address gateway
}
"""


def run(*words, env=None, **how):
    clean = {"PATH": os.environ["PATH"], "TZ": "UTC", **(env or {})}
    done = subprocess.run([PROGRAM, *words], env=clean, capture_output=True, timeout=60, text=True, **how)
    return done.returncode, done.stdout, done.stderr


class Folder:
    """A configuration folder of its own."""

    def __init__(self, rules=GOOD, example=None, **files):
        self.rules, self.example, self.files = rules, example, files

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="postern-cli-")
        if self.example:
            shutil.rmtree(self.path)
            shutil.copytree(os.path.join(EXAMPLES, self.example), self.path)
        elif self.rules is not None:
            self.write("rules.conf", self.rules)
        for name, text in self.files.items():
            self.write(name.replace("__", "."), text)
        for name in os.listdir(self.path):
            os.chmod(self.at(name), 0o644)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def at(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.at(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.at(name), 0o644)

    def read(self, name="rules.conf"):
        with open(self.at(name), encoding="utf-8") as f:
            return f.read()

    def run(self, *words, **how):
        return run("-c", self.path, *words, **how)


def same(got, want):
    assert got == want, "got\n%s\nwant\n%s" % (got, want)


def holds(text, *pieces):
    for piece in pieces:
        assert piece in text, "%r is not in\n%s" % (piece, text)


# ---- check ----

def examples_check_as_shipped():
    for name, warnings, rules in (("A", 0, 3), ("B", 0, 3), ("B-no-screen", 0, 3), ("C", 3, 2)):
        with Folder(example=name) as f:
            code, out, err = f.run("check")
            same((code, out), (0, "rules.conf: %d rules, 0 errors, %d warnings\n" % (rules, warnings)))
            same(err.count(": warning: "), warnings)


def rules_that_pass_uninspected_are_told():
    with Folder(example="A") as f:
        _, _, err = f.run("check")
        same(err.count(": note: "), 2)
        holds(err, 'publish "remote-users" is not inspected')


def errors_come_all_at_once_with_line_caret_and_help():
    with Folder("version 1\ndefine mx_address = 198.51.100.2\npublish a {\n    external    $mx_addr:25\n"
                "    internal    10.0.0.1\n}\nrelay b {\n    listen      198.51.100.2:25\n    recipients  any\n"
                "    deliver     out\n}\nroute out { domains any; next-hop mx }\n") as f:
        code, out, err = f.run("check")
        same(code, 78)
        same(out, "rules.conf: 2 errors, 0 warnings; nothing was changed\n")
        holds(err, 'rules.conf:4:17: error: undefined macro "$mx_addr"; did you mean "$mx_address"?\n'
                   "    4 |     external    $mx_addr:25\n"
                   "      |                 ^^^^^^^^\n",
              "rules.conf:9:17: error: open relay: ", "\n      = help: ")
        assert "\x1b" not in err, "colour where there is no terminal"


def each_class_of_error_is_told():
    for text, want in (
            ("", "version"),
            ("version 2\n", "version"),
            ("version 1\npublish {\n", ""),
            ("version 1\nfrobnicate\n", "frobnicate"),
            ("version 1\nset a { members 192.0.2.1 \n", ""),
            (GOOD.replace("external 198", "externl 198"), 'did you mean "external"'),
            (GOOD.replace("in inside", "in insid"), 'did you mean "inside"'),
            (GOOD.replace("25\n    internal", "99999\n    internal"), "99999"),
            (GOOD.replace("set inside { members example.org }", 'set inside { file "none.txt" }'), "none.txt"),
            ('version 1\nschedule s { timezone "Europe/Nowhere"; allow mon-fri }\n', "Europe/Nowhere"),
            ('version 1\ninclude "none.conf"\n', "none.conf"),
            (GOOD.replace("    recipients", "    pass\n    recipients"), "pass"),
            (GOOD + "limit", "limit"),
            ("version 1\n\0\n", ""),
            ("version 1\nset x { members \x1b[2J }\n", "\\x1b"),
    ):
        with Folder(text) as f:
            code, out, err = f.run("check")
            assert code == 78, "%r: exit %d\n%s%s" % (text, code, out, err)
            holds(err, "rules.conf", "error: ", want)
            holds(out, "; nothing was changed\n")
            assert "\x1b" not in err + out, "an escape reached the terminal"


def a_missing_folder_is_named():
    code, out, err = run("check", "-c", "/nonexistent/folder")
    same(code, 78)
    holds(err, "/nonexistent/folder", "-c DIR")
    same(out, "rules.conf: 1 error, 0 warnings; nothing was changed\n")


def a_file_that_others_may_write_is_refused():
    for name in ("rules.conf", "postern.conf", "list.txt"):
        with Folder(GOOD.replace("example.org", 'example.org; file "list.txt"'), postern__conf="version 1\n",
                    list__txt="example.com\n") as f:
            same(f.run("check")[0], 0)
            os.chmod(f.at(name), 0o666)
            code, _, err = f.run("check")
            same(code, 78)
            holds(err, name, "chmod")


def a_file_without_permission_exits_77():
    if os.geteuid() == 0:
        how = {"user": 65534, "group": 65534, "extra_groups": []}
    else:
        how = {}
    with Folder() as f:
        os.chmod(f.path, 0o755)
        os.chmod(f.at("rules.conf"), 0o000)
        code, _, err = f.run("check", **how)
        same(code, 77)
        holds(err, "rules.conf", "permission")


def a_fifo_does_not_hang_it():
    with Folder(None) as f:
        os.mkfifo(f.at("rules.conf"))
        code, _, err = f.run("check")
        same(code, 78)
        holds(err, "no regular file")


def includes_come_sorted_and_sets_lie_beside_their_file():
    with Folder('version 1\ninclude "conf.d/*.conf"\n') as f:
        os.mkdir(f.at("conf.d"))
        f.write("conf.d/20-rules.conf", GOOD.replace("version 1\nset inside { members example.org }\n", ""))
        f.write("conf.d/10-sets.conf", 'set inside { file "inside.txt" }\n')
        f.write("conf.d/inside.txt", "example.org\n")
        f.write("conf.d/30-editor.conf~", "nonsense\n")
        same(f.run("check")[:2], (0, "rules.conf: 1 rule, 0 errors, 0 warnings\n"))
        f.write("conf.d/inside.txt", "example.org\nexam ple.org\n")
        code, _, err = f.run("check")
        same(code, 78)
        holds(err, "conf.d/inside.txt:2:1: error: ")


def a_circle_of_includes_ends():
    with Folder('version 1\ninclude "a.conf"\n', a__conf='include "rules.conf"\n') as f:
        same(f.run("check")[0], 78)


def check_speaks_json():
    with Folder(example="C") as f:
        code, out, err = f.run("check", "--json")
        same((code, err), (0, ""))
        got = json.loads(out)
        same((got["errors"], got["warnings"]), (0, 3))
        same({d["file"] for d in got["diagnostics"]}, {"rules.conf"})


# ---- fmt ----

def fmt_is_idempotent_and_keeps_the_meaning():
    for name in "ABC":
        with Folder(example=name) as f:
            before = f.run("show", "config")[1]
            code, out, _ = f.run("fmt", "--diff")
            first = f.read()
            same(code, 2)
            holds(out, "--- rules.conf\n", "+++ rules.conf (laid out)\n")
            same(f.read(), first)
            same(f.run("fmt")[0], 0)
            second = f.read()
            assert second != first
            for word in first.split():
                if word.startswith("$") or word == "define":
                    holds(second, word.rstrip(":;,0123456789"))
            same(f.run("fmt")[:2], (0, "nothing to change\n"))
            same(f.read(), second)
            same(f.run("fmt", "--diff")[0], 0)
            same(f.run("show", "config")[1], before)


def fmt_keeps_mode_link_and_neighbours():
    with Folder("version 1\nset  a  { members 192.0.2.1 }\n") as f:
        os.rename(f.at("rules.conf"), f.at("real.conf"))
        os.symlink("real.conf", f.at("rules.conf"))
        os.chmod(f.at("real.conf"), 0o640)
        if os.geteuid() == 0:
            os.chown(f.at("real.conf"), 12345, 0)
        same(f.run("fmt")[0], 0)
        assert os.path.islink(f.at("rules.conf"))
        st = os.stat(f.at("real.conf"))
        same(stat.S_IMODE(st.st_mode), 0o640)
        same(st.st_uid, 12345 if os.geteuid() == 0 else os.geteuid())
        same(sorted(os.listdir(f.path)), ["real.conf", "rules.conf"])


def fmt_changes_nothing_when_one_file_is_faulty():
    with Folder('version  1\ninclude "b.conf"\n', b__conf="set x {\n") as f:
        code, _, err = f.run("fmt")
        same(code, 78)
        holds(err, "b.conf")
        same(f.read(), 'version  1\ninclude "b.conf"\n')


# ---- show ----

def show_config_parsed_again_gives_the_same():
    for name in "ABC":
        with Folder(example=name) as f:
            code, first, _ = f.run("show", "config")
            same(code, 0)
            f.write("rules.conf", first)
            same(f.run("show", "config")[:2], (0, first))


def show_commands_prints_tables():
    code, out, _ = run("show", "commands", "internet", "-c", "/nonexistent")
    same(code, 0)
    holds(out, "commands internet {", "verb BDAT max 32")
    with Folder(example="C") as f:
        holds(f.run("show", "commands")[1], "commands internet {", "commands isa2000 {", "commands strict like internet {")
        code, _, err = f.run("show", "commands", "strikt")
        same(code, 64)
        holds(err, 'did you mean "strict"?')


def show_speaks_json():
    with Folder(example="B") as f:
        got = json.loads(f.run("show", "config", "--json")[1])
        same([r["name"] for r in got["rules"]], ["public", "private", "outbound"])
        got = json.loads(f.run("show", "commands", "--json")[1])
        same([t["name"] for t in got], ["internet", "submission", "isa2000"])


def show_refuses_with_errors():
    with Folder("version 1\nfoo\n") as f:
        code, out, err = f.run("show", "config")
        same((code, out), (78, ""))
        holds(err, "rules.conf:2:1: error: ", '"postern check"')


# ---- explain ----

CASE = ("explain", "--client", "203.0.113.9", "--to", "198.51.100.20:25")


def explain_prints_the_layout_of_the_manual():
    with Folder(example="C") as f:
        code, out, err = f.run(*CASE, "--at", "2026-11-21T12:00", "--line", "BDAT 10 LAST")
        same((code, err), (0, ""))
        same(out, """\
1 partners-with-tls  rules.conf:10  no    from  203.0.113.9 is in partners (203.0.113.0/24)
                                          when  office-hours: Saturday 12:00 Europe/London is outside mon-fri 07:00-19:00
2 everyone-else      rules.conf:17  YES   from  any, not in scanners
                                          to    10.0.0.30:25, client address kept
                                          BDAT  allowed (commands strict, like internet)
""")


def explain_on_both_sides_of_a_schedule_edge():
    with Folder(example="C") as f:
        for at, rule in (("2026-11-20T06:59:59", "everyone-else"), ("2026-11-20T07:00:00", "partners-with-tls"),
                         ("2026-11-20T18:59:59Z", "partners-with-tls"), ("2026-11-20T19:00Z", "everyone-else"),
                         ("2026-07-03T05:59:59Z", "everyone-else"), ("2026-07-03T06:00Z", "partners-with-tls"),
                         ("2026-07-03T09:00+03:00", "partners-with-tls"), ("2026-12-25T12:00Z", "everyone-else")):
            got = json.loads(f.run(*CASE, "--json", "--at", at)[1])
            same((at, got["decision"]["rule"]), (at, rule))


def explain_takes_the_host_zone_without_an_offset():
    with Folder(example="C") as f:
        got = json.loads(f.run(*CASE, "--json", "--at", "2026-07-03T09:00", env={"TZ": "EST5"})[1])
        same(got["at"], "2026-07-03T14:00:00.000000Z")


def explain_judges_lines():
    with Folder(example="C") as f:
        for line, code, reply in (("VRFY root", "PN3101", 502), ("BDAT 5LAST", "PN5003", 501), (" BDAT 5 X", "PN5003", 501),
                                  ("RCPT TO:<@a,@b:c@d.test>", "PN3012", 553), ("FOO", "PN3007", 500),
                                  ("EHLO a\nb", "PN3002", 500), ("STARTTLS", "PN3102", 502)):
            got = json.loads(f.run(*CASE, "--at", "2026-11-21T12:00", "--json", "--line", line)[1])
            same((line, got["line"]["code"], got["line"]["reply"]), (line, code, reply))


def explain_shows_what_a_relay_asks_for_and_where_mail_goes():
    with Folder(example="B") as f:
        private = ("explain", "--client", "203.0.113.9", "--to", "198.51.100.3:587", "--line", "RCPT TO:<a@elsewhere.example>")
        holds(f.run(*private)[1], "tls   starttls required\n", "auth  required, by staff, inside TLS\n", "way   by route queue: 127.0.0.1:10025\n")
        got = json.loads(f.run(*private, "--json")[1])
        same([got["decision"][k] for k in ("action", "listen", "auth", "auth_required", "deliver")],
             ["relay", "starttls required", "staff", True, ["to-exchange", "queue"]])
        same([got["line"][k] for k in ("route", "mx", "next_hops")], ["queue", False, ["127.0.0.1:10025"]])
        smart = ("explain", "--client", "10.0.0.21", "--to", "10.0.0.1:25", "--line")
        holds(f.run(*smart, "RCPT TO:<a@Elsewhere.example.>")[1], "way   by route internet: MX of elsewhere.example\n")
        holds(f.run(*smart, "RCPT TO:<a@blocked.example>")[1], "RCPT  refused: 550 5.7.1")
        same("way" in f.run(*smart, "RCPT TO:<a@blocked.example>")[1], False)
        public = ("explain", "--client", "203.0.113.9", "--to", "198.51.100.2:25", "--line", "RCPT TO:<postmaster>")
        holds(f.run(*public)[1], "way   by route to-exchange: 10.0.0.21:25\n")


def explain_tells_the_default():
    with Folder(example="C") as f:
        out = f.run("explain", "--client", "192.0.2.7", "--to", "198.51.100.20:25")[1]
        holds(out, "192.0.2.7 is in scanners (192.0.2.0/24), which is excepted",
              "- default            rules.conf:27  YES   refuse: 554 5.7.1 Not published\n")


def explain_says_what_it_lacks():
    with Folder() as f:
        for words in (("explain",), ("explain", "--client", "x", "--to", "198.51.100.2:25"),
                      ("explain", "--client", "192.0.2.1", "--to", "198.51.100.2"),
                      CASE + ("--at", "yesterday"), CASE + ("--at", "2026-02-30T12:00"), CASE + ("--at",),
                      CASE + ("--frob",), CASE + ("stray",), CASE + ("--client", "192.0.2.1")):
            code, out, err = f.run(*words)
            same((words, code, out), (words, 64, ""))
            holds(err, "postern: ")


# ---- the tool itself ----

def options_stand_before_or_behind_the_verb():
    with Folder() as f:
        for words in (("-c", f.path, "check"), ("check", "-c", f.path), ("check", "-c" + f.path)):
            same(run(*words)[0], 0)


def an_unknown_verb_gets_a_suggestion():
    code, out, err = run("chek")
    same((code, out, err), (64, "", 'postern: unknown verb "chek"; did you mean "check"?\n'))
    same(run("zzzzzz")[0], 64)
    same(run()[0], 64)


def verbs_of_later_say_what_is_missing():
    for words in (("top",), ("hold", "list"), ("log", "report")):
        code, out, err = run(*words)
        same((words, code, out), (words, 69, ""))
        holds(err, "not built yet")


def help_and_version():
    code, out, _ = run("help")
    same(code, 0)
    for verb in ("check", "fmt", "show", "explain", "replay", "log", "diff", "apply", "confirm", "rollback", "set", "session", "doctor"):
        holds(out, "  %s " % verb)
        same(run("help", verb)[0], 0)
        same(run(verb, "--help")[0], 0)
    code, out, _ = run("--version")
    same(code, 0)
    assert out.startswith("postern "), out
    same(run("-V"), (code, out, ""))


def replay_says_why_a_file_is_no_conversation():
    with Folder() as f:
        for octets, says in ((b"", "no step in this file"), (b"X: \x1b[31m\x9b\n", "X: \\x1b[31m\\x9b"),
                             (b"S: 220 a\nC: \0\n", "holds a NUL"), (b"# x\n" * (5 << 20), "larger than 16 MiB")):
            with open(f.at("c.smtp"), "wb") as c:
                c.write(octets)
            code, _, err = f.run("replay", f.at("c.smtp"))
            same(code, 78)
            holds(err, says)
        holds(f.run("replay", f.path)[2], "Is a directory")
        holds(f.run("replay", f.at("none"))[2], "No such file")


RELAY = """version 1
set hosted { members in.test }
auth staff { via file "staff.passwd"; mechanisms PLAIN }
certificate gateway { chain "chain.pem"; key "key.pem" }
route inside { domains hosted; next-hop 10.0.0.21:25; tls none }
relay clear { listen 198.51.100.2:25; recipients in hosted; deliver inside }
relay users { listen 198.51.100.2:587 starttls required certificate gateway; auth required staff; recipients in hosted; deliver inside }
"""


def replay_plays_the_relay_that_listens_there():
    with Folder(rules=RELAY) as f:
        def said(text, *options):
            with open(f.at("c.smtp"), "w", encoding="ascii") as c:
                c.write(text)
            return f.run("replay", f.at("c.smtp"), *options)
        same(said("< 220 *\nC: NOOP\n< 250 *\n")[0], 0)
        holds(said("C: NOOP\n")[1], "relay clear takes this")
        for options in (("--rule", "users"), ("--to", "198.51.100.2:587")):
            code, out, _ = said("C: NOOP\nC: RSET\nC: MAIL FROM:<a@in.test>\n", *options)
            same(code, 0)
            holds(out, "relay users takes this")
            holds(out, "530 5.7.0 Must issue a STARTTLS command first")
        holds(said("C: NOOP\n", "--rule", "none")[2], "--rule none: no publish or relay block has this name")
        holds(said("C: NOOP\n", "--rule", "users", "--to", "198.51.100.2:25")[2], "--to 198.51.100.2:25: relay users does not listen there")
        code, _, err = said("C: [tls]\n< 220 x\n")
        same(code, 1)
        holds(err, "no handshake is awaited here")
        code, _, err = said("A: 235\n< 220 x\n")
        same(code, 1)
        holds(err, "no login awaits this")
        for text, why in (("C: [close]\nC: NOOP\n", "the client has closed its connection already"),
                          ("C: NOOP\nS: [down]\n", "this stands first, or nowhere"),
                          ("S: [close]\n", "no next hop is connected"),
                          ("< 220 *\nC: NOOP\nwait 1s\n", 'behind: wait 1s\n    the client got "250 2.0.0 OK\\r\\n", which nobody expected')):
            code, _, err = said(text)
            same(code, 1)
            holds(err, why)
        for text, why in (("wait 3sX\n", "wait wants a time"), ("wait -1s\n", "wait wants a time"), ("wait 25h\n", "wait a day at most"),
                          ("C: NOOP\r\n", "CR at the end of the line")):
            code, _, err = said(text)
            same(code, 78)
            holds(err, why)
        code, _, err = said("C: NOOP\n", "--every-cut")
        same(code, 64)
        holds(err, "expects nothing, so all cuts would do")
        holds(said("C: NOOP\n", "--to", "198.51.100.9:25")[1], "no rule takes this: default refuse")
        same(json.loads(said("C: NOOP\n", "--json")[1].split("\n")[0]), {"relay": "clear", "file": "rules.conf", "at": 6})
        code, _, err = said("S: 220 next\n< 220 x\n")
        same(code, 1)
        holds(err, "no next hop is connected")
        holds(said("C: NOOP\n< 25\x1b[31m0\n")[2], "error: expected: < 25\\x1b[31m0")


def output_that_cannot_be_written_is_a_fault():
    with Folder() as f, open("/dev/full", "w", encoding="ascii") as full:
        clean = {"PATH": os.environ["PATH"]}
        done = subprocess.run([PROGRAM, "show", "commands", "internet", "-c", f.path], env=clean, stdout=full,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        same(done.returncode, 1)
        holds(done.stderr.decode(), "postern: ")


def colour_only_on_a_terminal_and_not_under_no_color():
    with Folder("version 1\nfoo\n") as f:
        for env, colour in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            ours, theirs = os.openpty()
            subprocess.run([PROGRAM, "check", "-c", f.path], env=env, stdout=subprocess.DEVNULL, stderr=theirs,
                           timeout=60, check=False)
            os.close(theirs)
            got = os.read(ours, 65536)
            os.close(ours)
            same((env, b"\x1b[" in got), (env, colour))


def main():
    tests = [examples_check_as_shipped, rules_that_pass_uninspected_are_told,
             errors_come_all_at_once_with_line_caret_and_help, each_class_of_error_is_told, a_missing_folder_is_named,
             a_file_that_others_may_write_is_refused, a_file_without_permission_exits_77, a_fifo_does_not_hang_it,
             includes_come_sorted_and_sets_lie_beside_their_file, a_circle_of_includes_ends, check_speaks_json,
             fmt_is_idempotent_and_keeps_the_meaning, fmt_keeps_mode_link_and_neighbours,
             fmt_changes_nothing_when_one_file_is_faulty, show_config_parsed_again_gives_the_same,
             show_commands_prints_tables, show_speaks_json, show_refuses_with_errors,
             explain_prints_the_layout_of_the_manual, explain_on_both_sides_of_a_schedule_edge,
             explain_takes_the_host_zone_without_an_offset, explain_judges_lines, explain_shows_what_a_relay_asks_for_and_where_mail_goes, explain_tells_the_default,
             explain_says_what_it_lacks, options_stand_before_or_behind_the_verb, an_unknown_verb_gets_a_suggestion,
             verbs_of_later_say_what_is_missing, help_and_version, replay_says_why_a_file_is_no_conversation, replay_plays_the_relay_that_listens_there, output_that_cannot_be_written_is_a_fault,
             colour_only_on_a_terminal_and_not_under_no_color]
    tap.run((test.__name__.replace("_", " "), test) for test in tests)


if __name__ == "__main__":
    main()

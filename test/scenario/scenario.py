# SPDX-License-Identifier: ISC
"""
Scenario files, read into steps. README.md here is the format; this module knows no socket.
"""
import os
import re
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
EXTERNAL, INTERNAL = "198.51.100.2:25", "10.0.0.21:25"

ACTIONS = {"C": ("close", "reset", "tls"), "S": ("close", "reset", "down", "tls")}
EVENTS = {"<": ("closed",), ">": ("closed", "reset", "dialled", "received", "text...")}
SIMPLE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "*": b"*"}


class SyntaxFault(Exception):
    pass


@dataclass
class Step:
    kind: str  # send, act, login, expect, event, wait, log
    side: str  # C, S, A, >, < or ""
    octets: bytes = b""  # send, expect >
    pattern: object = None  # expect <, log: compiled
    word: str = ""  # act, event
    seconds: float = 0.0
    joined: bool = False  # send: the next step belongs to the same group
    where: str = ""  # file:line
    source: str = ""  # the line as it stands


@dataclass
class Scenario:
    name: str
    path: str
    purpose: str = ""
    rules: str = ""
    own_rules: bool = False
    only: str = ""  # replay or proxy, or empty
    reason: str = ""  # of `only`
    steps: list = field(default_factory=list)

    @property
    def inspected(self):
        """False when its rule passes octets through unread: parser agreement is no promise there."""
        return not re.search(r"(?m)(^|[;{])\s*pass\s*($|[;}#])", self.rules)

    @property
    def relayed(self):
        """A relay takes it: the server is its next hop, whose connection outlives the client's."""
        return bool(re.search(r"(?m)^relay\s", self.rules))


def _tokens(text):
    """(octets or "*" for a wildcard or "c" for no line end), one escape or letter at a time."""
    i = 0
    while i < len(text):
        letter = text[i]
        i += 1
        if letter == "*":
            yield "*"
        elif letter != "\\":
            yield letter.encode("latin-1")
        elif i == len(text):
            raise SyntaxFault("a backslash ends the line")
        else:
            i, token = _escape(text, i)
            yield token


def _escape(text, i):
    letter = text[i]
    if letter in SIMPLE:
        return i + 1, SIMPLE[letter]
    if letter == "x":
        m = re.compile(r"[0-9A-Fa-f]{2}").match(text, i + 1)
        if not m:
            raise SyntaxFault("\\x wants two hexadecimal digits")
        return i + 3, bytes([int(m.group(), 16)])
    if letter == "{":
        m = re.compile(r"\{([0-9]+):([^}]*)\}").match(text, i)
        if not m:
            raise SyntaxFault("\\{ wants N:TEXT}")
        return m.end(), unescape(m.group(2), wild=False)[0] * int(m.group(1))
    if letter == "c" and i + 1 == len(text):
        return i + 1, "c"
    raise SyntaxFault("unknown escape \\%s" % letter)


def unescape(text, wild):
    """(octets, ended): ended is False after \\c. With @wild, octets is a regular expression."""
    out, ended = [], True
    for token in _tokens(text):
        if token == "c":
            ended = False
        elif token == "*":
            out.append(rb"[^\n]*" if wild else b"*")
        else:
            out.append(re.escape(token) if wild else token)
    return b"".join(out), ended


def _seconds(text):
    m = re.fullmatch(r"([0-9]+)(ms|s|m)", text)
    if not m:
        raise SyntaxFault("wait wants a time such as 200ms, 3s or 2m")
    return int(m.group(1)) * {"ms": 0.001, "s": 1, "m": 60}[m.group(2)]


def _step(line):
    m = re.fullmatch(r"(C:|S:|A:|>|<|=)(?: (.*))?", line, re.S)
    if not m:
        if line.startswith("wait "):
            return Step("wait", "", seconds=_seconds(line[5:].split("#")[0].strip()))
        raise SyntaxFault("no step begins like this")
    side, text = m.group(1)[0], m.group(2) or ""
    if side == "=":
        if not text.strip():
            raise SyntaxFault("= wants a code")
        return Step("log", "", pattern=re.compile(unescape(text.strip(), True)[0] + rb"\Z"))
    word = re.fullmatch(r"\[([a-z.]+)\]", text)
    if word:
        known = ACTIONS.get(side) or EVENTS.get(side, ())
        if word.group(1) not in known:
            raise SyntaxFault("[%s] is none of %s" % (word.group(1), ", ".join(known)))
        return Step("act" if side in ACTIONS else "event", side, word=word.group(1))
    octets, ended = unescape(text, wild=side == "<")
    if side == "A":
        return Step("login", side, octets)
    if side == "<":
        if not ended:
            raise SyntaxFault("a reply is whole lines: no \\c here")
        return Step("expect", side, pattern=re.compile(octets + rb"\r\n\Z", re.S))
    return Step("send" if side in ACTIONS else "expect", side, octets + b"\r\n" * ended)


def _read(path):
    # Latin-1 keeps every octet as it stands; split at LF only, a form feed ends no line here.
    with open(path, encoding="latin-1", newline="") as f:
        text = f.read()
    if "\r" in text:
        raise SyntaxFault("%s: CR in the file: write \\r" % os.path.basename(path))
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")


def beside(folder, name):
    """A file that scenarios share: in their own folder, or in the one above."""
    own = os.path.join(folder, name)
    return own if os.path.exists(own) else os.path.join(os.path.dirname(folder), name)


def _splice(folder, lines, name, depth=0):
    for number, line in enumerate(lines, 1):
        where = "%s:%d" % (name, number)
        m = re.fullmatch(r"include ([a-z0-9-]+)", line.strip())
        if not m:
            yield where, line
            continue
        if depth:
            raise SyntaxFault("%s: a part includes no part" % where)
        part = "parts/%s.part" % m.group(1)
        yield from _splice(folder, _read(beside(folder, part)), part, depth + 1)


def _take_rules(lines):
    """A file's own rules: from `version` to the line `---`. (text or None, lines left, skipped)."""
    first = next((i for i, ln in enumerate(lines) if ln.strip() and not ln.startswith("#")), None)
    if first is None or not re.match(r"version\s", lines[first]):
        return None, lines, 0
    if "---" not in lines:
        raise SyntaxFault("rules without a line --- behind them")
    end = lines.index("---")
    return "\n".join(lines[first:end]) + "\n", lines[end + 1:], end + 1


def load(path):
    """Reads one file; SyntaxFault names file and line."""
    name = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.dirname(os.path.abspath(path))
    lines = _read(path)
    s = Scenario(name, path)
    if not lines or not lines[0].startswith("#"):
        raise SyntaxFault("%s.smtp:1: the first line says what and why" % name)
    s.purpose = lines[0].lstrip("# ")
    rules, lines, skipped = _take_rules(lines)
    s.own_rules = rules is not None
    if rules is None:
        with open(beside(folder, "default.conf"), encoding="utf-8") as f:
            rules = f.read()
    s.rules = rules
    lines = [""] * skipped + lines
    for where, line in _splice(folder, lines, name + ".smtp"):
        if not line.strip() or line.startswith("#"):
            continue
        m = re.fullmatch(r"only (replay|proxy)\s+(\S.*)", line)
        if m:
            s.only, s.reason = m.groups()
            continue
        try:
            step = _step(line)
        except SyntaxFault as e:
            raise SyntaxFault("%s: %s: %s" % (where, e, line)) from None
        step.where, step.source = where, line
        s.steps.append(step)
    _check(s)
    return s


def _check(s):
    if not s.steps:
        raise SyntaxFault("%s: no steps" % s.name)
    for st, following in zip(s.steps, s.steps[1:]):
        st.joined = (st.kind, following.kind) == ("send", "send") and st.side == following.side
    inward = [st for st in s.steps if st.side == ">"]
    for st, following in zip(inward, inward[1:] + [None]):
        if st.word == "text..." and (following is None or following.word != "reset"):
            raise SyntaxFault("%s: [text...] is followed by [reset]" % st.where)


def find(paths):
    """All scenario files below @paths (files or folders), sorted."""
    found = []
    for path in paths or [HERE]:
        if os.path.isdir(path):
            found += [os.path.join(folder, n) for folder, _, names in os.walk(path)
                      for n in names if n.endswith(".smtp")]
        else:
            found.append(path)
    return sorted(found)

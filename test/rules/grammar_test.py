#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The grammar of rules.conf.5, held against the parser and checker.

Reads the EBNF out of the manual page and walks it: for every production, every alternative, every option
there and missing, every repetition none, once and twice, sentences are generated that contain it, and the
checker must take one of them at least. (Not all: a random number may be out of range, two rows may be the
same.) Of every sentence the properties of properties.h must hold. What names need to be defined stands in a preamble. Then every word that the grammar spells out is
misspelt, once at each place where it stands, and the checker must refuse every sentence of these.

usage: grammar_test.py ACCEPT MANUAL
"""
import random
import re
import subprocess
import sys

TRIES = 60  # sentences for each thing to be shown
STARTS = {"rules-file": "rules", "included-file": "include", "host-file": "host"}

# What the grammar says in words: samples, taken in turn.
SPECIALS = {
    "nothing: the file ends": [""],
    'nothing: "}" follows': [""],
    'characters other than blank , ; { } " # $': ["x", "10.0.0.1"],
    'characters other than " and \\': ["a b", "c;d#{"],
    "any characters": [" a comment"],
    "CR": ["\r"],
    "LF": ["\n"],
    "a to z, A to Z": list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "0 to 9": list("1234567890"),
    "1 to 8 hexadecimal digits": ["00500000"],
    "1 to 8 hexadecimal digits of three bits or more that stand together": ["ff000000"],
    "192.0.2.1 and its like": ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
    "2001:db8::1 and its like": ["2001:db8::1", "2001:db8::2", "2001:db8::3"],
    "1 to 65535": ["25", "587", "465"],
    "example.org and its like": ["example.org", "mail.example.com", "a.test"],
    "local part, unquoted": ["joe", "o'neil+x"],
    "YYYY-MM-DD": ["2026-12-24", "2026-12-25", "2027-01-01"],
    "00:00 to 24:00": ["07:00", "19:00", "20:00", "24:00"],
}
# The same, but one for a whole sentence.
CHOSEN = {
    "decimal digits, in the range that stands with the statement": ["1", "2", "64", "1000", "70000"],
    "as many as the address has, or less; the others are 0": ["32", "128"],
}
# Quoted text that must be of a kind.
TEXTS = {
    "path": ["a.txt", "tls/b.pem", "/etc/c"],
    "pattern": ["conf.d/*.conf"],
    "zone": ["UTC"],
    "text": ["*.exe", "some text"],
    "url": ["redis://10.0.0.9:6379", "unix:///run/redis"],
    "reply": ["554 5.7.1 Not here", "450 later"],
    "mailbox-text": ["abuse@example.org", "\\\"a b\\\"@example.org"],
}
# What a use of a name needs to be defined as.
DEFINITIONS = {
    "set-name": "set %s { }",
    "schedule-name": 'schedule %s { timezone "UTC"; allow mon }',
    "table-name": "commands %s like internet { }",
    "screen-name": "screen %s { }",
    "certificate-name": 'certificate %s { chain "c.pem"; key "k.pem" }',
    "auth-name": 'auth %s { via file "p"; mechanisms PLAIN }',
    "route-name": "route %s { domains any; next-hop mx }",
}
# Rows without which a block is refused: (block, what must be missing, what must be there, what to add).
NEEDED = [
    ("schedule", "timezone", None, 'timezone "UTC"'),
    ("certificate", "chain", None, 'chain "c.pem"'),
    ("certificate", "key", None, 'key "k.pem"'),
    ("auth", "via", None, "via next-hop"),
    ("auth", "mechanisms", None, "mechanisms PLAIN"),
    ("route", "domains", None, "domains any"),
    ("route", "next-hop", None, "next-hop mx"),
    ("publish", "external", None, "external 198.51.100.2:25"),
    ("publish", "internal", None, "internal 10.0.0.21:25"),
    ("publish", "pass", "gate", "pass"),
    ("publish", "pass", "tls", "pass"),
    ("publish", "recipients", "client-address gateway", "recipients in example.org"),
    ("relay", "listen", "auth required", "listen 198.51.100.2:465 tls certificate needed-certificate"),
    ("relay", "listen", None, "listen 198.51.100.2:25"),
    ("relay", "recipients", None, "recipients in example.org"),
    ("relay", "deliver", None, "deliver needed-route"),
    ("relay", "from", "recipients any", "from 192.0.2.0/24"),
]


# ---- the grammar ----

class Node:
    """kind: word, special, name, all (a sequence), one (a choice), option, repeat."""

    def __init__(self, kind, value=None, parts=()):
        self.kind, self.value, self.parts = kind, value, list(parts)


class Reader:
    TOKEN = re.compile(r"""\s+|\(\*.*?\*\)|(?P<t>"[^"]*"|'[^']*'|\?.*?\?(?=\s)|[A-Za-z][\w-]*|[=|;{}()\[\]])""", re.S)

    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            m = self.TOKEN.match(text, at)
            if m is None:
                sys.exit(f"grammar: cannot read {text[at:at + 40]!r}")
            if m["t"]:
                self.tokens.append(m["t"])
            at = m.end()
        self.tokens.append("")

    def take(self, *wanted):
        token = self.tokens[0]
        if wanted and token not in wanted:
            sys.exit(f"grammar: {wanted} expected before {self.tokens[:8]}")
        return self.tokens.pop(0)

    def productions(self):
        found = {}
        while self.tokens[0]:
            name = self.take()
            self.take("=")
            if name in found:
                sys.exit(f"grammar: {name} stands twice")
            found[name] = self.choice()
            self.take(";")
        return found

    def choice(self):
        parts = [self.sequence()]
        while self.tokens[0] == "|":
            self.take()
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else Node("one", None, parts)

    def sequence(self):
        parts = []
        while self.tokens[0] not in ("|", ";", "}", ")", "]", ""):
            parts.append(self.item())
        return parts[0] if len(parts) == 1 else Node("all", None, parts)

    def item(self):
        token = self.take()
        for opening, closing, kind in (("(", ")", None), ("[", "]", "option"), ("{", "}", "repeat")):
            if token == opening:
                inner = self.choice()
                self.take(closing)
                return Node(kind, None, [inner]) if kind else inner
        if token[0] in "\"'":
            return Node("word", token[1:-1])
        if token[0] == "?":
            return Node("special", token.strip("? "))
        return Node("name", token)


def read_manual(path):
    """The displays of the section GRAMMAR: statements, then words."""
    text = open(path, encoding="utf-8").read()
    section = re.search(r"^\.Sh GRAMMAR\n(.*?)^\.Sh ", text, re.S | re.M)[1]
    displays = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", section, re.S | re.M)
    if len(displays) != 2:
        sys.exit("grammar: two displays are expected in GRAMMAR")
    return [Reader(d.replace("\\&", "").replace("\\e", "\\")).productions() for d in displays]


class Grammar:
    def __init__(self, manual):
        statements, words = read_manual(manual)
        self.words = set(words)
        self.rules = {**statements, **words}
        if len(self.rules) != len(statements) + len(words):
            sys.exit("grammar: a production stands in both displays")
        self.nodes = []  # (production, node)
        for name, node in self.rules.items():
            self.collect(name, node)
        self.inside = {}  # node -> what can be met below it
        self.close()
        self.depth = {}
        self.measure()

    def collect(self, name, node):
        node.home = name
        self.nodes.append(node)
        for part in node.parts:
            self.collect(name, part)
        if node.kind == "name" and node.value not in self.rules:
            sys.exit(f"grammar: {node.value}, in {name}, is no production")
        if node.kind == "special" and node.value not in SPECIALS and node.value not in CHOSEN:
            sys.exit(f"grammar: no samples for ? {node.value} ?")

    def close(self):
        for node in self.nodes:
            self.inside[node] = {node}
        changed = True
        while changed:
            changed = False
            for node in self.nodes:
                below = list(node.parts)
                if node.kind == "name":
                    below.append(self.rules[node.value])
                new = set().union(*(self.inside[b] for b in below)) if below else set()
                if not new <= self.inside[node]:
                    self.inside[node] |= new
                    changed = True

    def measure(self):
        """How many words the shortest sentence of a node has."""
        for node in self.nodes:
            self.depth[node] = 10 ** 6
        for _ in range(50):
            for node in self.nodes:
                self.depth[node] = self.shortest(node)

    def shortest(self, node):
        if node.kind in ("word", "special"):
            return 1
        if node.kind == "name":
            return 1 + self.depth[self.rules[node.value]]
        if node.kind == "one":
            return min(self.depth[p] for p in node.parts)
        if node.kind == "all":
            return sum(self.depth[p] for p in node.parts)
        return 0


# ---- sentences ----

class Sentence:
    """One derivation that goes through @target: (node, which of its choices); with @misspell that word is."""

    def __init__(self, grammar, seed, target, misspell=False):
        self.g, self.random, self.target, self.misspell = grammar, random.Random(seed), target, misspell
        self.wild = seed > 0
        self.turns, self.defined, self.met = {}, {}, set()
        self.chosen = {k: self.random.choice(v) if self.wild else v[0] for k, v in CHOSEN.items()}
        self.budget = 40  # of random choices: after it, the shortest way
        self.hit = False

    def aims(self, node):
        return not self.hit and self.target[0] in self.g.inside[node]

    def turn(self, key, samples):
        if key not in self.turns:
            self.turns[key] = self.random.randrange(len(samples)) if self.wild else 0
        else:
            self.turns[key] += 1
        return samples[self.turns[key] % len(samples)]

    def roll(self, chance):
        self.budget -= 1
        return self.wild and self.budget > 0 and self.random.random() < chance

    def make(self, node):
        """List of words."""
        forced = None
        if node is self.target[0] and not self.hit:
            self.hit, forced = True, self.target[1]
        return getattr(self, node.kind)(node, forced)

    def word(self, node, forced):
        return [node.value + ("x" if forced is not None and self.misspell else "")]

    def special(self, node, forced):
        samples = SPECIALS.get(node.value)
        return [self.turn(node.value, samples) if samples else self.chosen[node.value]]

    def name(self, node, forced):
        name = node.value
        inner = self.g.rules[name]
        self.met.add(name)
        if name in TEXTS and not self.aims(inner):
            return ['"%s"' % self.turn(name, TEXTS[name])]
        words = self.make(inner)
        if name in self.g.words:
            words = ["".join(words)]
        if name in DEFINITIONS:
            self.defined[words[0]] = DEFINITIONS[name] % words[0]
        if name == "macro":
            self.defined[words[0]] = "define %s = m" % words[0][1:]
        self.complete(name, words)
        return words

    def complete(self, block, words):
        if "{" not in words:
            return
        start = words.index("{") + 1
        rows = re.split(r"[;\n{}]", " ".join(words[start:]))
        rows = [" ".join(r.split()) for r in rows]
        for kind, missing, there, row in NEEDED:
            if kind != block or any(r == missing or r.startswith(missing + " ") for r in rows):
                continue
            if there is None or any(r.startswith(there) for r in rows):
                words[start:start] = [row, ";"]
                rows.append(row)
                for what in "route", "certificate":
                    if f"needed-{what}" in row:
                        self.defined[f"needed-{what}"] = DEFINITIONS[f"{what}-name"] % f"needed-{what}"

    def one(self, node, forced):
        if forced is not None:
            return self.make(node.parts[forced])
        aimed = [p for p in node.parts if self.aims(p)]
        if aimed:
            return self.make(self.random.choice(aimed) if self.wild else min(aimed, key=self.g.depth.get))
        if all(p.kind == "word" for p in node.parts):
            return self.make(self.turn(node, node.parts))
        if self.roll(0.4):
            return self.make(self.random.choice(node.parts))
        return self.make(min(node.parts, key=self.g.depth.get))

    def all(self, node, forced):
        aimed = [p for p in node.parts if self.aims(p)]
        aim = self.random.choice(aimed) if aimed and self.wild else aimed[0] if aimed else None
        words = []
        for part in node.parts:
            held = self.hit
            if part is not aim:
                self.hit = True  # only one part goes the way to the target
            words += self.make(part)
            if part is not aim:
                self.hit = held
        return words

    def option(self, node, forced):
        if forced is None:
            forced = 1 if self.aims(node.parts[0]) or self.roll(0.3) else 0
        return self.make(node.parts[0]) if forced else []

    def repeat(self, node, forced):
        if forced is None:
            forced = 1 if self.aims(node.parts[0]) else 1 if self.roll(0.2) else 0
        return [w for _ in range(forced) for w in self.make(node.parts[0])]

    def case(self, start):
        """The pieces of one case: (kind, text)."""
        self.met.add(start)
        words = self.make(self.g.rules[start])
        preamble = [text + "\n" for text in self.defined.values()]
        if start == "rules-file":
            at = words.index("version") + 3 if "version" in words else len(words)
            return [("rules", join(words[:at] + preamble + words[at:]))]
        if start == "included-file":
            return [("rules", join(["version 1\n"] + preamble + ['include "include.conf"\n'])),
                    ("include", join(words))]
        return [("rules", "version 1\n"), ("host", join(preamble + words))]


def join(words):
    text = ""
    for word in words:
        text += word if not text or text[-1] in " \r\n" or word in ("", "\n", "\r\n") else " " + word
    return text


# ---- the test ----

def targets(grammar):
    for node in grammar.nodes:
        if node.kind == "one":
            for i in range(len(node.parts)):
                yield node, i
        elif node.kind == "option":
            yield from ((node, 0), (node, 1))
        elif node.kind == "repeat":
            yield from ((node, 0), (node, 1), (node, 2))


def words_spelt(grammar):
    for node in grammar.nodes:
        if node.kind == "word" and re.search(r"[A-Za-z0-9]$", node.value) and node.value != "version":
            yield node, 0


def sentences(grammar, target, misspell, tries):
    starts = [s for s in STARTS if target[0] in grammar.inside[grammar.rules[s]]]
    for seed in range(tries):
        for start in starts:
            s = Sentence(grammar, seed, target, misspell)
            case = s.case(start)
            if s.hit:
                yield case, s.met


def judge(program, cases):
    feed = b"".join(b"%s %d\n%s" % (k.encode(), len(t.encode()), t.encode()) for c in cases for k, t in c)
    out = subprocess.run([program], input=feed, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    answers = out.decode("ascii", "replace").splitlines()
    if len(answers) != len(cases):
        sys.exit(f"{len(answers)} answers to {len(cases)} cases")
    return answers


def show(target):
    node, choice = target
    what = {"one": "alternative %d", "option": "option, %d times", "repeat": "repetition, %d times"}
    text = what.get(node.kind, "word %r" % node.value)
    return f"{node.home}: " + (text % (choice + 1 if node.kind == "one" else choice) if "%d" in text else text)


def main():
    grammar = Grammar(sys.argv[2])
    cases, owners = [], []
    for target in targets(grammar):
        for case, met in sentences(grammar, target, False, TRIES):
            cases.append(case)
            owners.append((target, met))
    shown, used, refused, broken = set(), set(), {}, []
    for case, (target, met), answer in zip(cases, owners, judge(sys.argv[1], cases)):
        if answer == "ok":
            shown.add(target)
            used |= met
        else:
            refused.setdefault(target, (case, answer))
        if answer.startswith("BROKEN"):
            broken.append((case, answer))
    faults = len(broken)
    for case, answer in broken[:20]:
        print(f"FAIL {answer}\n{case}")
    for target in targets(grammar):
        if target in shown:
            continue
        faults += 1
        print(f"FAIL {show(target)}: " + ("no sentence leads there" if target not in refused else
              "the checker takes none: %s\n%s" % (refused[target][1], refused[target][0])))
    for name in sorted(set(grammar.rules) - used):
        faults += 1
        print(f"FAIL {name}: in no sentence that was taken")
    all_targets = len(list(targets(grammar)))

    wrong, owners = [], []
    for target in words_spelt(grammar):
        for case, _ in sentences(grammar, target, True, 8):
            wrong.append(case)
            owners.append(target)
    for case, target, answer in zip(wrong, owners, judge(sys.argv[1], wrong)):
        if answer == "ok":
            faults += 1
            print(f"FAIL {show(target)}: taken although misspelt\n{case}")
    print(f"{len(grammar.rules)} productions, {all_targets} choices, {len(cases)} sentences; "
          f"{len(set(owners))} words misspelt in {len(wrong)} sentences; {faults} faults")
    if not cases or not wrong:
        sys.exit("nothing was tried")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The scenario files by themselves: each can be read, and what it expects inward passes the oracle.

A file that expected the server to be sent something ambiguous would teach the filter to send it.
"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import oracle  # noqa: E402
import scenario  # noqa: E402


def inward(one):
    """The connections to the server as the file has them: lists of ("c"|"s", octets)."""
    connections = [[]]
    for st in one.steps:
        if st.word == "dialled" and connections[-1]:
            connections.append([])
        elif st.kind == "send" and st.side == "S":
            connections[-1].append(("s", st.octets))
        elif st.kind == "expect" and st.side == ">":
            connections[-1].append(("c", st.octets))
    return connections


class Files(unittest.TestCase):
    def test_every_file_is_read_and_names_its_id_first(self):
        for path in scenario.find([]):
            with self.subTest(os.path.basename(path)):
                one = scenario.load(path)
                name = "-".join(one.name.split("-")[:2])
                self.assertTrue(one.purpose.startswith(name + ": "), one.purpose)
                self.assertIn(os.path.basename(os.path.dirname(path)), (name[:3].lower(), "relay"))

    def test_what_a_file_expects_inward_is_read_alike_by_all_servers(self):
        for path in scenario.find([]):
            one = scenario.load(path)
            if not one.inspected:
                continue
            for n, chunks in enumerate(inward(one), 1):
                with self.subTest(one.name, connection=n):
                    self.assertEqual(oracle.agree(chunks), (True, ""))


class Format(unittest.TestCase):
    def load(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.smtp")
            with open(path, "w", encoding="latin-1") as f:
                f.write("# X: a test\nversion 1\n---\n" + text)
            return scenario.load(path)

    def test_escapes_make_octets(self):
        steps = self.load("C: a\\r\\n\\t\\0\\\\\\x7f\\{3:b\\0}*\\c\nC:\n> \\*\\{2:\\*}\n").steps
        self.assertEqual([st.octets for st in steps],
                         [b"a\r\n\t\0\\\x7fb\0b\0b\0*", b"\r\n", b"***\r\n"])

    def test_replies_match_whole_lines_with_wildcards(self):
        pattern = self.load("< 250 *ok\\*\n").steps[0].pattern
        self.assertTrue(pattern.match(b"250 it is ok*\r\n"))
        self.assertFalse(pattern.match(b"250 it is ok\r\n"))
        self.assertFalse(pattern.match(b"250 a\r\n250 ok*\r\n"))
        self.assertFalse(pattern.match(b"250 ok*\n"))

    def test_lines_sent_together_are_one_group(self):
        steps = self.load("C: a\nC: b\n> a\nC: c\n").steps
        self.assertEqual([st.joined for st in steps], [True, False, False, False])

    def test_faults_name_file_and_line(self):
        for text in ("X: a", "C: \\q", "C: \\x1", "< a\\c", "= ", "wait 3", "> [gone]", "C: a\\",
                     "> [text...]\n> [closed]", "A: [tls]", "include none"):
            with self.subTest(text), self.assertRaises((scenario.SyntaxFault, OSError)) as e:
                self.load(text + "\n")
            self.assertRegex(str(e.exception), r"x\.smtp:4: |none\.part")


if __name__ == "__main__":
    unittest.main()

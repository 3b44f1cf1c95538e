#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""docs/CASES.md holds every case, and each case has a test that exists or says which issue brings it."""
import glob
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FAMILIES = {"EOD": 24, "CMD": 25, "SEQ": 15, "BDT": 14, "TLS": 16, "AUT": 8, "ATK": 18, "RLY": 31, "REL": 47,
            "SRV": 13, "DOS": 13, "MIM": 44, "TCP": 9, "OPS": 25}
WITH_SCENARIO = ("EOD", "CMD", "SEQ", "BDT", "REL", "SRV")  # no case of these may lack one
LATER = re.compile(r"later: (issue [0-9]+|the screening issue), \S")


def table():
    """[(id, what, covered by)] as the document has them."""
    with open(os.path.join(TOP, "docs", "CASES.md"), encoding="utf-8") as f:
        return re.findall(r"(?m)^\| ([A-Z]{3}-[0-9]{2}) \| (.*) \| (.*) \|$", f.read())


def paths(covered):
    """{pattern: [file]} of what stands in backticks."""
    return {p: [os.path.relpath(f, TOP) for f in glob.glob(os.path.join(TOP, p))]
            for p in re.findall(r"`([^`]+)`", covered)}


def ids_of(name):
    """The ids a scenario's file name stands for: EOD-01-x, or RLY-01-to-16-x."""
    family, first, last = re.match(r"([A-Z]{3})-([0-9]{2})(?:-to-([0-9]{2}))?-", name).groups()
    return ["%s-%02d" % (family, n) for n in range(int(first), int(last or first) + 1)]


class Cases(unittest.TestCase):
    def test_every_case_stands_there_once(self):
        ids = [row[0] for row in table()]
        self.assertEqual(len(ids), len(set(ids)), "an id stands there twice")
        for family, count in FAMILIES.items():
            with self.subTest(family):
                self.assertEqual(sum(i.startswith(family) for i in ids), count)
        self.assertEqual(len(ids), sum(FAMILIES.values()))

    def test_every_case_has_a_test_or_an_issue(self):
        for name, what, covered in table():
            with self.subTest(name):
                self.assertTrue(what.strip())
                self.assertTrue(paths(covered) or LATER.search(covered), covered)
                self.assertEqual(covered.count("later"), len(LATER.findall(covered)), covered)

    def test_every_test_exists(self):
        for name, _, covered in table():
            for pattern, files in paths(covered).items():
                with self.subTest(name):
                    self.assertTrue(files, "no file %s" % pattern)

    def test_these_families_have_scenarios(self):
        for name, _, covered in table():
            if name.startswith(WITH_SCENARIO):
                with self.subTest(name):
                    files = [f for found in paths(covered).values() for f in found]
                    self.assertTrue(any(f.endswith(".smtp") for f in files), covered)

    def test_every_scenario_stands_in_the_row_of_its_case(self):
        rows = {name: [f for found in paths(covered).values() for f in found]
                for name, _, covered in table()}
        for path in glob.glob(os.path.join(TOP, "test/scenario/**/*.smtp"), recursive=True):
            for name in ids_of(os.path.basename(path)):
                with self.subTest(os.path.basename(path)):
                    self.assertIn(os.path.relpath(path, TOP), rows.get(name, []))


if __name__ == "__main__":
    unittest.main()

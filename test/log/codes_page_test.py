#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
postern-codes(7) against the catalogue it is made from, which is read here a second time, as text.

    codes_page_test.py PAGE CODES.H
"""
import re
import subprocess
import sys

ROW = re.compile(r'X\((\d{4}), (\w+), (\w+), (\d+), "((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)", '
                 r'"((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)')
FIELDS = ("number", "name", "severity", "reply", "reply_text", "title", "clause", "advice")


def catalogue(path):
    with open(path) as f:
        text = f.read()
    rows = re.sub(r"\s*\\\n\s*", " ", text[text.index("#define CODES_SESSION"):])
    return [dict(zip(FIELDS, (v.replace('\\"', '"') for v in row))) for row in ROW.findall(rows)], \
        len(re.findall(r"\bX\(\d", rows))


def rendered(page):
    text = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=78", page], check=True, capture_output=True,
                          text=True).stdout
    text = re.sub(r".\x08", "", text)  # bold and underlined
    return re.sub(r"\s+", " ", text)


def lint(page):
    """All but what cannot be known before the pages are installed together."""
    said = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True).stdout
    return [line for line in said.splitlines() if "referenced manual not found" not in line
            and "operating system" not in line]


def main():
    page, header = sys.argv[1:]
    faults = []
    codes, rows = catalogue(header)
    text = rendered(page)

    if len(codes) != rows or rows < 60:
        faults.append("%d of %d rows of the catalogue were understood" % (len(codes), rows))
    seen = set()
    for code in codes:
        name = "PN" + code["number"]
        entry = "%s %s. Severity %s." % (name, code["title"], code["severity"].lower())
        if code["reply"] != "0":
            entry += ' Reply "%s %s".' % (code["reply"], code["reply_text"])
        if code["clause"]:
            entry += " %s." % code["clause"]
        if code["advice"]:
            entry += " " + code["advice"]
        if re.sub(r"\s+", " ", entry) not in text:
            faults.append("the page lacks: " + entry)
        if code["number"] in seen:
            faults.append(name + " stands twice in the catalogue")
        seen.add(code["number"])
        if name[:4] in ("PN30", "PN31", "PN50", "PN41") and code["severity"] != "INFO":
            faults.append(name + ": a client alone causes no more than info")
        if (code["reply"] == "0") != (code["reply_text"] == ""):
            faults.append(name + ": a reply has a code and words, or neither")
    faults += lint(page)
    for fault in faults:
        print(fault)
    print("%d codes, %d faults" % (len(codes), len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

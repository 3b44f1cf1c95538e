# SPDX-License-Identifier: ISC
"""What the tests that print TAP end with."""
import sys


def run(tests):
    """Runs pairs of a title and a callable, all of them, and ends the program: 1 when one failed."""
    tests = list(tests)
    failed = 0
    print("1..%d" % len(tests))
    for number, (title, test) in enumerate(tests, 1):
        try:
            test()
            print("ok %d - %s" % (number, title))
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print("not ok %d - %s" % (number, title))
            for line in ("%s: %s" % (type(e).__name__, e)).splitlines():
                print("# " + line)
    sys.exit(failed != 0)

#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Runs scenario files (README.md) through the real proxy, or with --replay through `postern replay --every-cut`.

    POSTERN_BUILD=build test/scenario/runner.py [FILE|FOLDER ...]
    POSTERN_BUILD=build test/scenario/runner.py --replay

One posternd serves all scenarios with the same rules, one conversation at a time; several run side
by side. Ends with `N passed, N failed, N skipped`; exit 1 if one failed.
"""
import argparse
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter, defaultdict

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conversation  # noqa: E402
import daemon as daemons  # noqa: E402
import scenario as scenarios  # noqa: E402

BATCH = 24  # scenarios one posternd serves before a new one is started
REPLAY_S = 300


class Results:
    def __init__(self):
        self.count, self.lock = Counter(), threading.Lock()

    def tell(self, verdict, name, detail=""):
        with self.lock:
            self.count[verdict] += 1
            print("%-4s %s%s" % (verdict, name, ": " + detail if detail else ""), flush=True)

    def finish(self, of):
        lost = of - self.count["ok"] - self.count["FAIL"]
        if lost > 0:  # a thread of ours died
            self.tell("FAIL", "runner", "%d scenarios were not run to their end" % lost)
        print("%d passed, %d failed, 0 skipped" % (self.count["ok"], self.count["FAIL"]))
        return 1 if self.count["FAIL"] else 0


def load_all(paths, results, mode):
    loaded = []
    for path in scenarios.find(paths):
        name = os.path.splitext(os.path.basename(path))[0]
        try:
            one = scenarios.load(path)
        except (scenarios.SyntaxFault, OSError) as e:
            results.tell("FAIL", name, str(e))
            continue
        if one.only and one.only != mode:
            print("     %s: only %s: %s" % (name, one.only, one.reason))
        else:
            loaded.append(one)
    return loaded


def batches(loaded):
    """Scenarios of one rules text go together; the slow (waiting) ones first, one batch each."""
    groups = defaultdict(list)
    for one in loaded:
        slow = sum(st.seconds for st in one.steps) > 1
        groups[one.rules, one.name if slow else ""].append(one)
    cut = [group[i : i + BATCH] for group in groups.values() for i in range(0, len(group), BATCH)]
    return sorted(cut, key=lambda b: -sum(st.seconds for one in b for st in one.steps))


def run_batch(build, batch, results, stopping):
    daemon = None
    try:
        for one in batch:
            if stopping.is_set():
                return
            if daemon is None:
                try:
                    daemon = daemons.Daemon(build, one.rules)
                except daemons.DaemonFault as e:
                    results.tell("FAIL", one.name, str(e))
                    continue
            try:
                why = conversation.play(one, daemon)
            except Exception:  # a fault of this program's own is a failure too
                why = traceback.format_exc()
            if stopping.is_set():
                return
            results.tell("FAIL" if why else "ok", one.name, why or "")
            if why:  # the next one starts clean
                daemon.stop()
                daemon = None
    finally:
        if daemon:
            ended = daemon.stop()
            if ended not in (None, "exit 0") and not stopping.is_set():
                results.tell("FAIL", "posternd after " + batch[-1].name,
                             "SIGTERM: %s\n%s" % (ended, daemon.stderr()))


def run_replay(build, one, results, stopping):
    if stopping.is_set():
        return
    try:
        done = subprocess.run([os.path.join(build, "cli", "postern"), "replay", "--every-cut",
                               one.path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=REPLAY_S, check=False)
        why = "exit %d\n%s" % (done.returncode, indent(done.stdout)) if done.returncode else ""
    except subprocess.TimeoutExpired:
        why = "not done after %d s" % REPLAY_S
    if not stopping.is_set():
        results.tell("FAIL" if why else "ok", one.name, why)


def indent(octets):
    return "\n".join("    " + ln for ln in octets.decode("utf-8", "replace").splitlines()[-60:])


def work(jobs, todo, stopping):
    """Runs the calls of @todo on @jobs threads; the main thread stays free for signals."""
    waiting = queue.SimpleQueue()
    for call in todo:
        waiting.put(call)

    def one_thread():
        while not stopping.is_set():
            try:
                call = waiting.get_nowait()
            except queue.Empty:
                return
            call()
    threads = [threading.Thread(target=one_thread, daemon=True) for _ in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        while t.is_alive():
            t.join(0.2)


def interrupted(number, unused):
    raise KeyboardInterrupt("signal %d" % number)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("paths", nargs="*", metavar="FILE")
    p.add_argument("--replay", action="store_true", help="run `postern replay --every-cut`")
    p.add_argument("--jobs", type=int, default=0, help="side by side; default 6, replay: one a core")
    p.add_argument("--patience", type=int, metavar="SECONDS", help="deadline of one expectation")
    p.add_argument("--build", default=os.environ.get("POSTERN_BUILD"))
    args = p.parse_args()
    program = os.path.join(args.build or "", *(("cli", "postern") if args.replay
                                               else ("proxy", "posternd")))
    if not args.build or not os.access(program, os.X_OK):
        sys.exit("runner: %s is no program; give the build folder in POSTERN_BUILD" % program)
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    conversation.STEP_S = args.patience or conversation.STEP_S
    results, stopping = Results(), threading.Event()
    loaded = load_all(args.paths, results, "replay" if args.replay else "proxy")
    if args.replay:
        todo = [lambda one=one: run_replay(args.build, one, results, stopping) for one in loaded]
    else:
        todo = [lambda b=b: run_batch(args.build, b, results, stopping) for b in batches(loaded)]
    try:
        work(args.jobs or (os.cpu_count() if args.replay else 6), todo, stopping)
        return results.finish(len(loaded))
    except KeyboardInterrupt as e:
        print("runner: interrupted %s" % e, file=sys.stderr)
        return 130
    finally:
        stopping.set()
        daemons.stop_all()


if __name__ == "__main__":
    sys.exit(main())

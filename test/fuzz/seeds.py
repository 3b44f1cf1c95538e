#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Writes the seed corpora of the leaf fuzz targets: test/fuzz/{line,command,reply,body}.corpus

    test/fuzz/seeds.py

Named by the ids of CASES.md. Each seed is two octets (what is chosen, how the text is cut) and the text.
"""
import os

HERE = os.path.dirname(os.path.abspath(__file__))

LINE = {
    "CMD-01": b"EHLO c.test\n",
    "CMD-02": b"EHLO c.test\r\n",
    "CMD-04": b"MAIL FROM:<a@out.test>\nRCPT TO:<b@in.test>\r\n",
    "CMD-05": b"MAIL FROM:<a@out.test>\rRCPT TO:<b@in.test>\r\n",
    "CMD-06": b"MAIL FROM:<a\0b@out.test>\r\n",
    "CMD-08": b"\0EHLO c.test\r\n",
    "CMD-19": b"\r\n   \r\n",
    "CMD-23-fits": b"NOOP " + b"x" * 505 + b"\r\n",
    "CMD-23-over": b"NOOP " + b"x" * 506 + b"\r\n",
    "CMD-25": b"NOOP " + b"x" * 16377 + b"\r\nRSET\r\n",
    "CMD-27": b"a" * 200,
    "EOD-05": b"body\r.\nMAIL\r\n",
    "EOD-09": b"\r\n.\r\r\n",
    "EOD-19": b"\n\r.\n\r\r\n",
    "cr-only": b"\r" * 40,
    "lf-only": b"\n" * 40,
    "pipelined": b"MAIL FROM:<>\r\nRCPT TO:<b@in.test>\r\nDATA\r\n",
    "half": b"QUIT\r",
}

COMMAND = {
    "CMD-09": b" EHLO c.test",
    "CMD-11": b"RCPT\tTO:<b@in.test>",
    "CMD-13": b"MAIL FROM : <a@out.test>",
    "CMD-14": b"MAIL FROM: <a@out.test>",
    "CMD-16": b"MAIL FROM:<a@out.test>SIZE=10",
    "CMD-17": b"mAiL fRoM:<a@out.test>",
    "CMD-20": b"EHLO c\xff.test",
    "CMD-21": b"RCPT TO:<b\xc3\xa9@in.test>",
    "CMD-22": b"RCPT TO:<b\xc3\x28@in.test>",
    "CMD-30": b"MAILFROM:<a@out.test>",
    "CMD-34": b"EHLO",
    "CMD-35": b"EHLO [IPv6:::1]",
    "CMD-35-4": b"EHLO [127.0.0.1]",
    "CMD-37": b"NOOP x  y",
    "SEQ-04": b"DATA x",
    "BDT-07": b"BDAT 0 LAST",
    "BDT-09": b"BDAT -1 LAST",
    "BDT-10": b"BDAT 5LAST",
    "BDT-11": b"BDAT 4294967301 LAST",
    "BDT-13": b"BDAT 5 X",
    "TLS-03": b"STARTTLS",
    "AUT-10": b"QUIT",
    "AUT-01": b"AUTH PLAIN " + b"A" * 1000,
    "ATK-02": b"XEXCH50 -1 2",
    "ATK-03": b"X-LINK2STATE CHUNK={0000006F} " + b"A" * 60,
    "ATK-07": b"VRFY root",
    "ATK-07-expn": b"EXPN all",
    "ATK-09": b"HELO " + b"1." * 550,
    "ATK-15": b"MAIL FROM:<;sleep 5;>",
    "ATK-16": b"RCPT TO:<${run{x}}@in.test>",
    "ATK-21": b"MAIL FROM:<a@out.test> SIZE=99999999999999999999",
    "ATK-22": b"MAIL FROM:<a@out.test> BODY=8BITMIME BODY=7BIT",
    "ATK-23": b"MAIL FROM:<a@[1.2.3.4.5]>",
    "RLY-07": b'RCPT TO:<"t@victim.test"@in.test>',
    "RLY-17": b"RCPT TO:<t%victim.test@in.test>",
    "RLY-18": b"RCPT TO:<@in.test:t@victim.test>",
    "RLY-20": b"RCPT TO:<t@victim.test@in.test>",
    "RLY-25": b"RCPT TO:<x@in.test>,<t@victim.test>",
    "RLY-29": b"RCPT TO:<t@IN.TEST.>",
    "RLY-36": b"RCPT TO:<t@2130706433>",
    "RLY-37": b"RCPT TO:<postmaster>",
    "all-mail": b"MAIL FROM:<a@out.test> SIZE=010 BODY=8BITMIME AUTH=<> SMTPUTF8 RET=HDRS ENVID=QQ+2B1 BY=120;RT MT-PRIORITY=-3",
    "all-rcpt": b"RCPT TO:<b@in.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bx@in.test",
    "utf8": b"MAIL FROM:<\xc3\xa9@caf\xc3\xa9.test> SMTPUTF8",
    "utf8-orcpt": b"RCPT TO:<b@in.test> ORCPT=utf-8;\xc3\xa9@in.test",
    "null-path": b"MAIL FROM:<>",
    "etrn": b"ETRN @in.test",
    "etrn-queue": b"ETRN #q_1",
    "auth": b"AUTH LOGIN AGEAYg==",
    "auth-empty": b"AUTH X =",
    "response": b"AGEAYg==",
    "cancel": b"*",
    "help": b"HELP me",
    "rset": b"rset  ",
}

REPLY = {
    "SRV-01": b"220 " + b"x" * 2000,
    "SRV-02": b"220-x\r\n" * 101 + b"220 x\r\n",
    "SRV-03": b"250-x\r\n" * 120,
    "SRV-05": b"250-a\n250 b\r\n",
    "SRV-07": b"250 OK\r\n250 OK\r\n",
    "SRV-09": b"354 go\r\n",
    "SRV-11": b"421 4.3.2 closing\r\n",
    "SRV-16": b"553-\r\n553\r\n",
    "SRV-18": b"250-s.test\r\n" + b"".join(b"250-K%d\r\n" % i for i in range(90)) + b"250 DSN\r\n",
    "SRV-18-long": b"250-s.test\r\n250-" + b"K" * 1018 + b"\r\n250 " + b"L" * 1100 + b"\r\n",
    "SRV-20": b"554 no\r\n",
    "BDT-02": b"250-s.test\r\n250-CHUNKING\r\n250 BINARYMIME\r\n",
    "BDT-03": b"250-s.test\r\n250-chunking\r\n250-CHUNKING 1\r\n250 DSN\r\n",
    "TLS-01": b"250-s.test\r\n250-STARTTLS\r\n250 SIZE 1000\r\n",
    "AUT-12": b"250-s.test\r\n250-AUTH=LOGIN\r\n250 AUTH LOGIN PLAIN\r\n",
    "ATK-05": b"250-s.test\r\n250-XEXCH50\r\n250-X-LINK2STATE\r\n250-X-EXPS=LOGIN\r\n250-XCLIENT NAME\r\n250-XFORWARD NAME\r\n"
              b"250-BURL imap\r\n250 ETRN\r\n",
    "all": b"250-s.test hi\r\n250-PIPELINING\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n"
           b"250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN SCRAM-SHA-256\r\n250-HELP\r\n250-ETRN\r\n"
           b"250-DELIVERBY 240\r\n250-LIMITS RCPTMAX=100 MAILMAX=5\r\n250 MT-PRIORITY STANAG4406\r\n",
    "size-none": b"250-s.test\r\n250 SIZE\r\n",
    "size-twice": b"250-s.test\r\n250-SIZE 10\r\n250 SIZE 20\r\n",
    "no-keyword": b"250-s.test\r\n250- \r\n250\r\n",
    "code-alone": b"250\r\n",
    "codes-differ": b"250-a\r\n550 b\r\n",
    "escape": b"550 \x1b[1m\xc3\xa9\x7f\r\n",
    "nul": b"250 a\0b\r\n",
    "no-code": b"hello\r\n",
    "half": b"250-a\r\n250 b\r",
}

SMUGGLED = (b"MAIL FROM:<boss@in.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\nSubject: SMUGGLED\r\n\r\nx\r\n.\r\n")
HEADER = b"From: a@out.test\r\nSubject: T\r\n\r\nbody"


def message(v):
    return HEADER + v + SMUGGLED


BODY = {
    "EOD-01": message(b"\n.\n"),
    "EOD-02": message(b"\n.\r\n"),
    "EOD-03": message(b"\r\n.\n"),
    "EOD-05": message(b"\r.\n"),
    "EOD-07": message(b"\r.\r\n"),
    "EOD-09": message(b"\r\n.\r\r\n"),
    "EOD-11": message(b"\r\r\n.\r\n"),
    "EOD-13": message(b"\r\n\0.\r\n"),
    "EOD-15": message(b"\r\n.\0\r\n"),
    "EOD-17": message(b"\r\n.\r\n\0"),
    "EOD-18": message(b"\r\n. \r\n .\r\n"),
    "EOD-19": message(b"\n\r.\n\r"),
    "EOD-20": message(b"\x85.\x85\x8d\x8a.\x0b"),
    "EOD-21": b"Subject: T\nFrom: a@out.test\n\nbody\n.\n" + SMUGGLED,
    "EOD-23": b".\n" + SMUGGLED,
    "EOD-25": b".\r\n",
    "EOD-26": HEADER + b"\r\n..\r\n.x\r\n...\r\n.\r\n",
    "EOD-28": HEADER + b"\r\n.x\r\n.\r\n",
    "EOD-29": HEADER + b"\r\n" + b"x" * 126 + b"\r\n" + b"y" * 61 + b"\r\n.\r\n",
    "ATK-19": b"X-Header: aaaaaaaaaaaaaaaaaa\r\n" * 20,
    "ATK-20": b"To: <>\r\n" * 40 + b"\r\n.\r\n",
    "BDT-20": b"binary\0text\nwith\rall\r\n.\r\n\r",
    "dots-behind-mended": b"a\n..\n.\n...\r\n.\r\n",
    "base64": HEADER + b"\r\n" + (b"QUJD" * 19 + b"\r\n") * 6 + b".\r\n",
    "cr-at-the-end": b"abc\r",
    "dot-at-the-end": b"abc\r\n.",
}


def write(target, seeds, choices):
    folder = os.path.join(HERE, target + ".corpus")
    os.makedirs(folder, exist_ok=True)
    for number, (name, text) in enumerate(sorted(seeds.items())):
        for choice in choices(name):
            path = os.path.join(folder, name if choice == 0 else "%s.%d" % (name, choice))
            with open(path, "wb") as f:
                f.write(bytes([choice, number]) + text)


def main():
    write("line", LINE, lambda name: [0] if len(LINE[name]) > 1000 else [0, 1, 3])
    write("command", COMMAND, lambda name: [0, 8] if name.startswith("RLY") else [0, 4] if "utf8" in name else [0])
    write("reply", REPLY, lambda name: [0, 14] if name in ("all", "size-none") else [0])
    write("body", BODY, lambda name: [9, 7] if name == "BDT-20" else [0, 2] if name.startswith("ATK") else [0, 1]
          if name.endswith("end") else [0])


main()

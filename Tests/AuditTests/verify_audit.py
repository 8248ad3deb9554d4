#!/usr/bin/env python3
"""A second verifier of migbroker's audit log, written from the description of the format alone.

    verify_audit.py [--head SEQ:HASH] FILE...     the files are one log, oldest first
    verify_audit.py --each FILE...                each file is a log of its own

Prints "ok RECORDS FIRST LAST HASH", or "bad FILE LINE SEQ WHAT" for the first thing that is wrong ("-" where the
number is not known); the exit status is 0 or 1.

The format: one record a line, printable ASCII, at most 65536 bytes and a line feed.

    {"v":1,"seq":N, ... ,"prev":"P"[,"mac":"M"],"hash":"H"}

H is the SHA-256 of the line up to the comma before "hash", in lower-case hex. P is the H of the record before; the
first record of a log has number 1 and 64 zeros. Numbers have no hole. A log that begins with another number is a
later part of one, and its first P is believed.
"""

import hashlib
import re
import sys

GENESIS = b"0" * 64
LONGEST = 64 << 10
RECORD = re.compile(
    rb'(\{"v":1,"seq":([1-9][0-9]{0,17}),[\x20-\x7e]*'
    rb',"prev":"([0-9a-f]{64})"(?:,"mac":"[0-9a-f]{64}")?),"hash":"([0-9a-f]{64})"\}'
)


class Fault(Exception):
    def __init__(self, what, seq):
        super().__init__(what)
        self.what = what
        self.seq = seq


class Chain:
    """Holds record after record against those before."""

    def __init__(self):
        self.records = 0
        self.first = 0
        self.seq = 0
        self.hash = GENESIS

    def check(self, line):
        expected = self.seq + 1 if self.records else None
        if not line.endswith(b"\n"):
            raise Fault("torn" if len(line) <= LONGEST else "tooLong", expected)
        line = line[:-1]
        if len(line) > LONGEST:
            raise Fault("tooLong", expected)
        match = RECORD.fullmatch(line)
        if not match:
            raise Fault("malformed", expected)
        covered, seq, prev, digest = match.group(1), int(match.group(2)), match.group(3), match.group(4)
        if expected is None:
            expected = 1 if prev == GENESIS else seq
        if hashlib.sha256(covered).hexdigest().encode() != digest:
            raise Fault("wrongHash", expected)
        if self.records or prev == GENESIS:
            if seq != expected:
                raise Fault("wrongSequence", expected)
        if prev != self.hash if self.records else (seq == 1 and prev != GENESIS):
            raise Fault("wrongPrevious", expected)
        if not self.records:
            self.first = seq
        self.records += 1
        self.seq, self.hash = seq, digest


def verify(paths, head=None):
    """The verdict on files that follow each other, as the line that is printed."""
    chain = Chain()
    number = 0
    path = "-"
    for path in paths:
        number = 0
        with open(path, "rb") as file:
            for line in file:
                number += 1
                try:
                    chain.check(line)
                    if head and chain.seq == head[0] and chain.hash != head[1]:
                        raise Fault("differs", chain.seq)
                    if head and chain.records == 1 and chain.seq > head[0] > 0:
                        raise Fault("beginsAfter", chain.seq)
                except Fault as fault:
                    return f"bad {path} {number} {fault.seq or '-'} {fault.what}"
    if head and chain.seq < head[0]:
        return f"bad {path} {number + 1} {chain.seq + 1} endsBefore"
    return f"ok {chain.records} {chain.first} {chain.seq} {chain.hash.decode()}"


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    if arguments[0] == "--each":
        verdicts = [verify([path]) for path in arguments[1:]]
    elif arguments[0] == "--head":
        seq, digest = arguments[1].split(":")
        verdicts = [verify(arguments[2:], (int(seq), digest.encode()))]
    else:
        verdicts = [verify(arguments)]
    print("\n".join(verdicts))
    return 0 if all(verdict.startswith("ok") for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

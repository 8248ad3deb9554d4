#!/usr/bin/env python3
"""A second verifier of migbroker's audit log, written from the description of the format alone.

    verify_audit.py [--head SEQ:HASH] [--key FILE] FILE...   the files are one log, oldest first
    verify_audit.py --each [--key FILE] FILE...              each file is a log of its own

Prints "ok RECORDS FIRST LAST HASH SEALS UNSEALED", or "bad FILE LINE SEQ WHAT" for the first thing that is wrong
("-" where the number is not known); the exit status is 0 or 1.

The format: one record a line, printable ASCII, at most 65536 bytes and a line feed.

    {"v":1,"seq":N, ... ,"prev":"P","hash":"H"}
    {"v":1,"seq":N, ... ,"epoch":E,"prev":"P","mac":"M","hash":"H"}

H is the SHA-256 of the line up to the comma before "hash", in lower-case hex. P is the H of the record before; the
first record of a log has number 1 and 64 zeros. Numbers have no hole. A log that begins with another number is a
later part of one, and its first P is believed.

A line with a mac is a seal: M is the HMAC-SHA256, by the key of epoch E, of the line up to the comma before "mac".
The next epoch's key is HMAC-SHA256(key, "next"). Epochs count up by one, from 0 in a log with record 1. From one seal
to the next there are at most 1000 records, and before a first seal of an epoch past 0. Keys are lines E:KEY; each
holds until the next one's epoch. Where there are keys, one seal at least must be checked.
"""

import hashlib
import hmac
import re
import sys

GENESIS = b"0" * 64
LONGEST, EPOCH_RECORDS, FARTHEST = 64 << 10, 1000, 10_000_000
RECORD = re.compile(
    rb'((\{"v":1,"seq":([1-9][0-9]{0,17}),[\x20-\x7e]*'
    rb',"prev":"([0-9a-f]{64})")(?:,"mac":"([0-9a-f]{64})")?),"hash":"([0-9a-f]{64})"\}'
)
EPOCH = re.compile(rb'.*,"epoch":(0|[1-9][0-9]{0,17}),"prev":"[0-9a-f]{64}"')


class Fault(Exception):
    def __init__(self, what, seq):
        self.what, self.seq = what, seq


class Chain:
    """Holds record after record against those before."""

    def __init__(self, keys):
        self.records = self.first = self.seq = 0
        self.hash = GENESIS
        self.keys, self.current = keys, None
        self.seals = self.checked = 0
        self.seal = None

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
        covered, body, seq, prev, mac, digest = match.groups()
        seq = int(seq)
        if expected is None:
            expected = 1 if prev == GENESIS else seq
        if hashlib.sha256(covered).hexdigest().encode() != digest:
            raise Fault("wrongHash", expected)
        if (self.records or prev == GENESIS) and seq != expected:
            raise Fault("wrongSequence", expected)
        if prev != self.hash if self.records else (seq == 1 and prev != GENESIS):
            raise Fault("wrongPrevious", expected)
        self.check_seal(seq, body, mac)
        self.first = self.first or seq
        self.records, self.seq, self.hash = self.records + 1, seq, digest

    def check_seal(self, seq, body, mac):
        if not mac:
            if self.seal and seq - self.seal[0] >= EPOCH_RECORDS:
                raise Fault("unsealed", seq)
            return
        match = EPOCH.fullmatch(body)
        if not match:
            raise Fault("malformed", seq)
        epoch, first = int(match.group(1)), self.first or seq
        if epoch != self.seal[1] + 1 if self.seal else (first == 1 and epoch != 0):
            raise Fault("wrongEpoch", seq)
        if seq - (self.seal[0] if self.seal else first - 1 if epoch else seq) > EPOCH_RECORDS:
            raise Fault("unsealed", seq)
        key = self.key(epoch, seq)
        if key and hmac.digest(key, body, "sha256").hex().encode() != mac:
            raise Fault("wrongSeal", seq)
        self.checked += key is not None
        self.seals, self.seal = self.seals + 1, (seq, epoch)

    def key(self, epoch, seq):
        base = max((known for known in self.keys if known[0] <= epoch), default=None)
        if not base:
            return None
        if epoch - base[0] > FARTHEST:
            raise Fault("wrongEpoch", seq)
        number, key = self.current if self.current and base[0] <= self.current[0] <= epoch else base
        for _ in range(epoch - number):
            key = hmac.digest(key, b"next", "sha256")
        self.current = (epoch, key)
        return key


def verify(paths, head, keys):
    """The verdict on files that follow each other, as the line that is printed."""
    chain, number, path = Chain(keys), 0, "-"
    for path in paths:
        number = 0
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
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
    if keys and not chain.checked:
        return f"bad {path} {number + 1} {chain.seq + 1} noSeal"
    unsealed = chain.seq - chain.seal[0] if chain.seal else chain.records
    return f"ok {chain.records} {chain.first} {chain.seq} {chain.hash.decode()} {chain.seals} {unsealed}"


def main(arguments):
    head, keys, each = None, [], False
    while arguments and arguments[0] in ("--head", "--key", "--each"):
        option = arguments.pop(0)
        each = each or option == "--each"
        if option == "--head":
            seq, digest = arguments.pop(0).split(":")
            head = (int(seq), digest.encode())
        elif option == "--key":
            with open(arguments.pop(0)) as file:
                keys = [(int(line.split(":")[0]), bytes.fromhex(line.split(":")[1])) for line in file if line.strip()]
    verdicts = [verify(paths, head, keys) for paths in ([[path] for path in arguments] if each else [arguments])]
    print("\n".join(verdicts))
    return 0 if all(verdict.startswith("ok") for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

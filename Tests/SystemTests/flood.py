"""One user who floods the broker, or one who measures what he notices of that.

flood.py attack NAME SOCKET SECONDS    attacks in one way, and prints what came of it as JSON
flood.py victim SOCKET SECONDS         makes call after call, and prints how long each kind took as JSON

Runs as the user whom the broker is to see. Everything ends by itself: after SECONDS, or with its parent.
"""

import collections
import json
import os
import select
import socket
import sys
import time

INTERFACE = "io.migbroker.Broker."
ZERO = "0" * 32
# What one connection sends at most: a gigabyte stream would show no more, for it is cut off at 64 KiB.
MOST_BYTES = 64 << 20
DESCRIPTORS = 253


def call(method, flags=None, **parameters):
    message = {"method": INTERFACE + method, "parameters": parameters, **(flags or {})}
    return json.dumps(message).encode() + b"\0"


MORE = {"more": True}
ONEWAY = {"oneway": True}
READS = call("ListGPUs") + call("ListProfiles") + call("ListLeases") + call("ListDevices") + call("WhoAmI")
CHANGES = (
    call("Request", profiles=["1g.5gb"]) + call("Renew", lease=ZERO) + call("Release", leases=[ZERO])
    + call("Request", ONEWAY, profiles=["2g.10gb"])
)
# Much to parse for its length, and refused only when all of it was.
COSTLY = call("Explain", action="request", rest=[[0] * 28 for _ in range(700)])


class Attack:
    def __init__(self, message, connections=32, reads=True, repeats=True, piece=65536, pause=0.0, descriptors=False):
        self.message, self.connections, self.reads, self.repeats = message, connections, reads, repeats
        self.piece, self.pause, self.descriptors = piece, pause, descriptors


ATTACKS = {
    # Connections that say nothing; those past the bound come again and again.
    "hold": Attack(b"", connections=40),
    # Messages that do not end, by the byte or at once.
    "drip": Attack(b"[" * 100_000, repeats=False, piece=1, pause=0.1),
    "half": Attack(READS[:40], repeats=False),
    "giant": Attack(b"[" * 1_000_000),
    "overlong": Attack(call("WhoAmI").rstrip(b"\0").ljust(65537), repeats=False),
    # Calls whose answers nobody reads.
    "deaf lists": Attack(READS * 20, reads=False),
    "deaf monitors": Attack(call("Monitor", MORE), reads=False, repeats=False),
    "deaf audits": Attack(call("QueryAudit", MORE), reads=False, repeats=False),
    # As fast as answers come.
    "reads": Attack(READS * 20),
    "one pipeline": Attack(call("WhoAmI") * 500, connections=1),
    "tiny calls": Attack(call("WhoAmI") * 500),
    "costly calls": Attack(COSTLY),
    "audits": Attack(call("QueryAudit") + call("QueryAudit", limit=200) * 4),
    "changes": Attack(CHANGES * 5),
    "unknown methods": Attack(call("Frobnicate") * 100),
    "malformed": Attack(b"{]\0", repeats=False),
    "descriptors": Attack(call("WhoAmI"), descriptors=True),
}


class Client:
    """One connection of an attack, replaced by a new one whenever the broker has closed it."""

    def __init__(self, attack, path, poll, tally):
        self.attack, self.path, self.poll, self.tally = attack, path, poll, tally
        self.socket = None

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.sent, self.start, self.rest = 0, 0, b""
        try:
            self.socket.connect(self.path)
        except OSError:
            # The backlog is full.
            self.socket.close()
            self.socket = None
            self.tally["not connected"] += 1
            return
        self.tally["connected"] += 1
        self.poll.register(self.socket, self.wanted())

    def wanted(self):
        isToSend = self.start < len(self.attack.message) and not self.attack.pause
        return (select.POLLIN if self.attack.reads else 0) | (select.POLLOUT if isToSend else 0)

    def close(self):
        self.poll.unregister(self.socket)
        self.socket.close()
        self.socket = None
        self.tally["closed"] += 1

    def handle(self, events):
        try:
            if events & select.POLLIN:
                self.read()
            if self.socket and events & select.POLLOUT:
                self.send()
            if self.socket and events & (select.POLLHUP | select.POLLERR):
                self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def read(self):
        data = self.socket.recv(1 << 18)
        if not data:
            return self.close()
        parts = (self.rest + data).split(b"\0")
        self.rest = parts.pop()
        for part in parts:
            # To decode every reply would make the attack a weak one.
            if part.startswith(b'{"error"'):
                self.tally[json.loads(part)["error"].removeprefix(INTERFACE)] += 1
            else:
                self.tally["answered"] += 1

    def send(self):
        piece = self.attack.message[self.start : self.start + self.attack.piece]
        count = self.send_descriptors(piece) if self.attack.descriptors else self.socket.send(piece)
        self.tally["bytes"] += count
        self.sent += count
        self.start += count
        if self.start == len(self.attack.message) and self.attack.repeats and self.sent < MOST_BYTES:
            self.start = 0
        if self.start == len(self.attack.message):
            self.poll.modify(self.socket, self.wanted())

    def send_descriptors(self, piece):
        try:
            return socket.send_fds(self.socket, [piece], [0] * DESCRIPTORS)
        except PermissionError:
            # Since Linux 6.16 the broker can have the kernel refuse them here.
            self.tally["descriptors refused"] += 1
            return self.socket.send(piece)


def flood(attack, path, end, tally):
    poll = select.poll()
    clients = [Client(attack, path, poll, tally) for _ in range(attack.connections)]
    dripped = time.monotonic()
    while time.monotonic() < end:
        for client in clients:
            if not client.socket:
                client.open()
        known = {client.socket.fileno(): client for client in clients if client.socket}
        for descriptor, events in poll.poll(20):
            known[descriptor].handle(events)
        if attack.pause and time.monotonic() - dripped > attack.pause:
            dripped = time.monotonic()
            for client in clients:
                if client.socket:
                    client.handle(select.POLLOUT)


def connect_on_and_on(path, end, tally):
    """Fills the backlog as fast as a program can, with up to a thousand connections at once."""
    held = collections.deque()
    while time.monotonic() < end:
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].setblocking(False)
        try:
            held[-1].connect(path)
            tally["connected"] += 1
        except OSError:
            tally["not connected"] += 1
        if len(held) > 900:
            held.popleft().close()


def make_and_release(path, end, tally):
    """Takes a slice and gives it back, again and again; each is two changes that all who follow are told of."""
    user = Victim(path)
    while time.monotonic() < end:
        reply = user.hear(user.kept, call("Request", profiles=["1g.5gb"]))
        leases = [lease["id"] for lease in reply.get("parameters", {}).get("leases", [])]
        if leases:
            user.hear(user.kept, call("Release", leases=leases))
        tally["made" if leases else reply.get("error", "")] += 1


class Victim:
    """Who wants nothing but an answer; a new connection for every other call."""

    def __init__(self, path):
        self.path, self.times, self.errors = path, collections.defaultdict(list), collections.Counter()
        self.kept = self.connect()
        self.ask(self.kept, call("WhoAmI"))

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        # Who waits that long was not served.
        connection.settimeout(30)
        end = time.monotonic() + 30
        while True:
            try:
                connection.connect(self.path)
                return connection
            except BlockingIOError:
                # The backlog is full, and nobody tells when it has room again; migctl does the same.
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    def ask(self, connection, message):
        return self.hear(connection, message).get("error", "").removeprefix(INTERFACE)

    def hear(self, connection, message):
        try:
            connection.sendall(message)
        except BrokenPipeError:
            # Turned away before he could speak; the reason is there to be read.
            pass
        reply = b""
        while not reply.endswith(b"\0"):
            data = connection.recv(1 << 18)
            if not data:
                raise EOFError("closed")
            reply += data
        return json.loads(reply[:-1])

    def measure(self, kind, act):
        began = time.monotonic()
        try:
            error = act()
        except (OSError, EOFError) as problem:
            error = repr(problem)
        self.times[kind].append(time.monotonic() - began)
        if error:
            self.errors[kind + ": " + error] += 1

    def come_anew(self):
        with self.connect() as connection:
            return self.ask(connection, call("WhoAmI"))

    def run(self, end):
        turn = 0
        dry_run = call("Request", profiles=["1g.5gb"], dryRun=True)
        while time.monotonic() < end:
            self.measure("kept", lambda: self.ask(self.kept, call("WhoAmI" if turn % 2 else "ListGPUs")))
            self.measure("new", self.come_anew)
            if turn % 10 == 0:
                self.measure("change", lambda: self.ask(self.kept, dry_run))
                self.measure("audit", lambda: self.ask(self.kept, call("QueryAudit", limit=5)))
            turn += 1
            time.sleep(0.01)

    def report(self):
        report = {"errors": self.errors}
        for kind, times in self.times.items():
            times = sorted(round(took * 1_000_000) for took in times)
            count = len(times)
            report[kind] = {
                "calls": count, "p50": times[count // 2], "p99": times[min(count - 1, count * 99 // 100)],
                "most": times[-1],
            }
        return report


SPECIAL = {"connections": connect_on_and_on, "making": make_and_release}


def main():
    what, *rest, path, seconds = sys.argv[1:]
    end = time.monotonic() + float(seconds)
    if what == "victim":
        victim = Victim(path)
        victim.run(end)
        print(json.dumps(victim.report()))
        return
    tally = collections.Counter()
    name = rest[0]
    if name in SPECIAL:
        SPECIAL[name](path, end, tally)
    else:
        flood(ATTACKS[name], path, end, tally)
    print(json.dumps(tally))


main()

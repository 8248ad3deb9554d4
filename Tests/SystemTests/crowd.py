"""A crowd at the broker's socket: persistent connections under several uids, all at once.

crowd.py SOCKET PROFILE CONNECTIONS REQUESTS GID UID...

Each connection asks for a slice, and gives back at once what it gets, until all have made REQUESTS requests together.
Prints one JSON object: how often each answer came, and how many connections of how many uids were open at one time.
Needs root, to become those uids; the kernel tells the broker who connects.
"""

import collections
import json
import os
import socket
import sys
import threading

INTERFACE = "io.migbroker.Broker."


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        # A broker that says nothing for a minute hangs.
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.rest = b""

    def call(self, method, **parameters):
        message = {"method": INTERFACE + method, "parameters": parameters}
        self.socket.sendall(json.dumps(message).encode() + b"\0")
        while b"\0" not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the broker closed the connection")
            self.rest += data
        reply, self.rest = self.rest.split(b"\0", 1)
        reply = json.loads(reply)
        return reply.get("error", "").removeprefix(INTERFACE), reply.get("parameters", {})


def work(connection, profile, count, tally):
    for _ in range(count):
        error, reply = connection.call("Request", profiles=[profile])
        tally[error or "granted"] += 1
        if error and not reply.get("message"):
            tally["without a word"] += 1
        for lease in reply.get("leases", []):
            error = "TooManyRequests"
            while error == "TooManyRequests":
                error, _ = connection.call("Release", leases=[lease["id"]])
            if error:
                tally["release: " + error] += 1


def one_user(uid, gid, path, profile, shares, ready, go, result):
    os.setgroups([gid])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    tallies = [collections.Counter() for _ in shares]
    connections = [Connection(path) for _ in shares]
    for connection in connections:
        # Accepted, and known to the broker.
        connection.call("WhoAmI")
    os.write(ready, b"x")
    os.read(go, 1)
    threads = []
    for connection, share, tally in zip(connections, shares, tallies):
        threads.append(threading.Thread(target=guarded, args=(connection, profile, share, tally)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    os.write(result, json.dumps(sum(tallies, collections.Counter())).encode() + b"\n")


def guarded(connection, profile, share, tally):
    try:
        work(connection, profile, share, tally)
    except Exception as error:
        tally["broken: " + repr(error)] += 1


def main():
    path, profile, connections, requests, gid = sys.argv[1:6]
    uids = [int(word) for word in sys.argv[6:]]
    connections, requests = int(connections), int(requests)
    shares = [requests // connections + (n < requests % connections) for n in range(connections)]
    ready, go, result = os.pipe(), os.pipe(), os.pipe()
    children = []
    for position, uid in enumerate(uids):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                own = shares[position :: len(uids)]
                one_user(uid, int(gid), path, profile, own, ready[1], go[0], result[1])
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(ready[1])
    os.close(result[1])
    waiting = 0
    while waiting < len(uids):
        if not os.read(ready[0], 1):
            sys.exit("a user could not connect")
        waiting += 1
    os.write(go[1], b"g" * len(uids))
    with os.fdopen(result[0]) as lines:
        total = sum((collections.Counter(json.loads(line)) for line in lines), collections.Counter())
    broken = [child for child in children if os.waitpid(child, 0)[1] != 0]
    print(json.dumps({"answers": total, "connections": connections, "users": len(uids), "broken": len(broken)}))


main()

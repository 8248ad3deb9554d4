"""Adds up what leases took of the machine, from an audit log, in another way than the broker: second opinion for tests.

usage.py [--since US] [--until US] --now US FILE...   moments in microseconds since 1970; prints one JSON object
"""
import argparse
import collections
import datetime
import json
import re

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def moment(text):
    if "." not in text:
        text = text.replace("Z", ".000000Z")
    time = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return (time - EPOCH) // datetime.timedelta(microseconds=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--since", type=int)
    parser.add_argument("--until", type=int)
    parser.add_argument("--now", type=int, required=True)
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    records = [json.loads(line) for path in given.files for line in open(path)]
    end = given.now if given.until is None else min(given.until, given.now)
    begin = -(1 << 62) if given.since is None else given.since

    # First every lease with its two ends, then the sums. One from before the log begins is known by any record of it.
    relevant = [r for r in records if r["type"] in ("outcome", "lease-end")]
    leases = {}
    for record in relevant:
        made = (record["type"] == "outcome" and record.get("result") == "ok" and "created" in record
                and record.get("method") in ("Request", "CreateGPUInstances"))
        if made and record.get("lease"):
            leases[record["lease"]] = {
                "user": record.get("onBehalfOf", record.get("uid")), "groups": record.get("groups", []),
                "profile": record["profile"], "made": record, "ended": None}
    for record in records:
        if record["type"] not in ("intent", "outcome", "lease-end", "revoke") or "lease" not in record:
            continue
        lease = leases.get(record["lease"])
        if lease is None:
            if "created" not in record or moment(record["created"]) >= moment(records[0]["time"]):
                continue
            if record["type"] in ("intent", "outcome") and record["method"] in ("Request", "CreateGPUInstances"):
                continue
            lease = leases[record["lease"]] = {
                "user": None, "groups": [], "profile": record["profile"],
                "made": {"time": record["created"], "boot": None}, "ended": None, "old": True}
        if "old" in lease and lease["user"] is None:
            if record["type"] == "lease-end" or "uid" not in record:
                lease["user"] = record.get("onBehalfOf")
            elif record.get("question", [""])[0].endswith(".own"):
                lease["user"] = record.get("onBehalfOf", record["uid"])
        if record["type"] == "lease-end" and lease["ended"] is None:
            lease["ended"] = record

    total, users, groups, profiles = (collections.defaultdict(lambda: [0, 0, 0, 0]) for _ in range(4))
    for lease in leases.values():
        start = moment(lease["made"]["time"])
        if lease["ended"] is None:
            stop = end
        elif lease["ended"]["boot"] == lease["made"]["boot"]:
            stop = start + max(0, lease["ended"]["monotonicNs"] - lease["made"]["monotonicNs"]) // 1000
        else:
            stop = moment(lease["ended"]["time"])
        length = min(stop, end) - max(start, begin)
        if length <= 0:
            continue
        slices, memory = map(int, re.fullmatch(r"(\d+)g\.(\d+)gb(?:\+.*)?", lease["profile"]).groups())
        rows = [total["all"], users[lease["user"]], profiles[lease["profile"]]]
        rows += [groups[gid] for gid in lease["groups"]] or [groups[None]]
        for row in rows:
            for index, amount in enumerate((1, length, length * slices, length * memory)):
                row[index] += amount

    def table(rows):
        return {str(key): [row[0]] + [amount // 1000000 for amount in row[1:]] for key, row in rows.items()}

    print(json.dumps({"total": table(total), "users": table(users), "groups": table(groups),
                      "profiles": table(profiles)}, sort_keys=True))


main()

#!/usr/bin/env python3
"""A second reading of the policy language, written from its description and not from the program.

Slow and plain on purpose: no index, no masks, every rule looked at for every GPU. Reads one JSON object a line,
a policy with questions to it, and writes one line an answer; the tests hold the program's answers against them.
"""

import datetime
import json
import re
import sys
import zoneinfo

DAY = 86400
UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY}
SIZES = {"MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}
BROKER = {"read.own", "read.all", "audit.read", "policy.read", "policy.reload", "act-as"}
CREATING = {"request", "gi.create"}
RENEWING = {"renew.own", "renew.any"}


def seconds(text):
    return int(text[:-1]) * UNITS[text[-1]]


def mebibytes(text):
    return int(text[:-3]) * SIZES[text[-3:]]


def selects(selector, gpu):
    if selector == "all":
        return True
    if selector.isdigit():
        return gpu["index"] == int(selector)
    if selector.startswith("GPU-"):
        return gpu["uuid"] == selector
    if selector.startswith("model:"):
        pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in selector[6:])
        return re.fullmatch(pattern, gpu["name"]) is not None
    return gpu["pci"] == selector


def includes(profiles, name, slices):
    for entry in profiles:
        if entry == "all" or entry == name:
            return True
        if entry.startswith("max-slices:") and slices <= int(entry[11:]):
            return True
    return False


WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def weekdays(text):
    days = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        day = WEEK.index(first)
        while True:
            days.add(day)
            if WEEK[day] == (last or first):
                break
            day = (day + 1) % 7
    return days


def is_during(text, moment):
    """Minute by minute: the window is walked from its start on the day itself and on the day before."""
    words = text.split(" ")
    days = weekdays(words.pop(0)) if words[0][0].isalpha() and words[0][:3] in WEEK else set(range(7))
    start, end = words.pop(0).split("-") if words and words[0][0].isdigit() else ("00:00", "24:00")
    zone = zoneinfo.ZoneInfo(words.pop(0)) if words else datetime.timezone.utc
    start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (start, end))
    length = end - start if end > start else end + DAY // 60 - start
    local = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).astimezone(zone)
    shown = local.hour * 60 + local.minute
    for back in (0, 1):
        if (local.weekday() - back) % 7 in days and start <= shown + back * DAY // 60 < start + length:
            return True
    return False


def names(who, user, groups):
    return user in who.get("users", []) or any(group in who.get("groups", []) for group in groups)


class Question:
    def __init__(self, policy, gpus, raw):
        self.policy, self.raw = policy, raw
        self.user = raw["user"]
        self.peer = set(raw["peer"]) | {9000}
        self.database = set(raw["database"]) if raw["known"] else set()
        self.parts = self.split(gpus, raw["target"])

    def split(self, gpus, target):
        action = self.raw["action"]
        if target is None:
            return [(None, 0, [None])] if action in BROKER else []
        if "gpus" in target:
            allowed = action in BROKER or action == "mode.set"
            return [(None, 0, [gpus[i]]) for i in target["gpus"]] if allowed else []
        if action == "mode.set":
            return []
        return [(name, slices, [gpus[i] for i in indices]) for name, slices, _, indices in target["demands"]]

    def matches(self, rule, groups, when_unknown, part, gpu, ignoring_hours=False):
        name, slices, _ = part
        if self.raw["action"] not in rule["actions"] or not names(rule["who"], self.user, groups):
            return False
        if "from" in rule and self.raw["from"] != rule["from"]:
            if not (when_unknown and self.raw["from"] == "unknown"):
                return False
        if "during" in rule and not ignoring_hours:
            texts = rule["during"] if isinstance(rule["during"], list) else [rule["during"]]
            now = self.raw["now"]
            if not (when_unknown if now is None else any(is_during(text, now) for text in texts)):
                return False
        if gpu is not None and not any(selects(s, gpu) for s in rule.get("gpus", ["all"])):
            return False
        return name is None or includes(rule.get("profiles", ["all"]), name, slices)

    def denying(self, part, gpu):
        groups = self.peer | self.database
        return {r["id"] for r in self.policy["deny"] if self.matches(r, groups, True, part, gpu)}

    def allowing(self, part, gpu):
        groups = self.peer & self.database
        rules = [r for r in self.policy["allow"] if self.matches(r, groups, False, part, gpu)]
        strict = {r["id"] for r in rules if r.get("requireIsolation")}
        ever = {r["id"] for r in self.policy["allow"] if self.matches(r, groups, False, part, gpu, True)}
        return {r["id"] for r in rules} - strict, strict, ever - {r["id"] for r in rules}

    def answer(self):
        groups = self.mentioned()
        if self.user in (65534, 4294967295):
            return f"denied noIdentity - [] [] {groups}"
        if not self.parts:
            return f"denied noRule - [] [] {groups}"
        rules, narrowing, chosen, isolated = set(), set(), [], False
        enforced = self.raw["isolation"] == "enforced"
        for part in self.parts:
            good, denials, missing, later = [], set(), set(), set()
            for gpu in part[2]:
                denied = self.denying(part, gpu)
                denials |= denied
                narrowing |= denied
                if denied:
                    continue
                free, strict, closed = self.allowing(part, gpu)
                later |= closed
                usable = free | strict if enforced else free
                if not enforced:
                    missing |= strict
                if usable:
                    good.append(gpu)
                    rules |= usable
                    isolated = isolated or not free
            if not good:
                profile = part[0] or "-"
                if missing:
                    return f"denied isolationRequired {profile} {ids(missing)} [] {groups}"
                if later:
                    return f"denied outsideHours {profile} {ids(later)} [] {groups}"
                if denials:
                    return f"denied denied {profile} {ids(denials)} [] {groups}"
                return f"denied noRule {profile} [] [] {groups}"
            chosen.append([gpu["index"] for gpu in good] if part[2] != [None] else None)
        return self.limited(rules, narrowing, [c for c in chosen if c is not None], isolated, groups)

    def mentioned(self):
        everything = self.policy["allow"] + self.policy["deny"] + self.policy["limits"]
        known = {g for rule in everything for g in rule["who"].get("groups", [])}
        return ids(known & (self.peer | self.database))

    def limited(self, rules, narrowing, chosen, isolated, groups):
        action, duration = self.raw["action"], None
        holding = []
        if action in CREATING | RENEWING:
            union = self.peer | self.database
            holding = sorted(
                (l for l in self.policy["limits"] if names(l["who"], self.user, union)), key=lambda l: l["id"]
            )
            found = list(self.time(holding)) + list(self.counts(holding))
            if found:
                stopping = ids({i for i, _ in found if i})
                return f"denied {found[0][1]} - {ids(rules)} {stopping} {groups}"
            usual = min([seconds(l["leaseDefault"]) for l in holding if "leaseDefault" in l], default=DAY)
            longest = min([seconds(l["leaseMax"]) for l in holding if "leaseMax" in l], default=DAY)
            duration = min(usual, longest) if self.raw["duration"] is None else self.raw["duration"]
        kill = any(l.get("onExpiry") == "kill" for l in holding)
        return (
            f"allowed {json.dumps(chosen, separators=(',', ':'))} {duration} {flag(isolated)} {flag(kill)} "
            f"{ids(rules)} {ids(narrowing)} {ids({l['id'] for l in holding})} {groups}"
        )

    def time(self, holding):
        asked = self.raw["duration"]
        bounds = [(seconds(l["leaseMax"]), l["id"]) for l in holding if "leaseMax" in l]
        longest, least = min(bounds, default=(DAY, None))
        if asked is not None and asked > longest:
            reason = f"leaseTooLong:{least or '-'}:{asked}:{longest}"
            yield (least, reason)
            for span, limit in bounds:
                if asked > span:
                    yield (limit, reason)

    def counts(self, holding):
        action = self.raw["action"]
        for limit in holding:
            if action in RENEWING and "renewals" in limit and self.raw["renewals"] >= limit["renewals"]:
                yield (limit["id"], self.quota(limit, "renewals", self.raw["renewals"], 1, limit["renewals"]))
        if action not in CREATING:
            return
        demands = self.raw["target"]["demands"]
        asked = [len(demands), sum(d[1] for d in demands), sum(d[2] for d in demands)]
        for limit in holding:
            used = [0, 0, 0]
            for user, groups, slices, memory in self.raw["use"]:
                mine = user == self.user if limit["scope"] == "user" else names(limit["who"], user, groups)
                if mine:
                    used = [used[0] + 1, used[1] + slices, used[2] + memory]
            most = [limit.get("instances"), limit.get("slices"), limit.get("memory") and mebibytes(limit["memory"])]
            for word, u, a, m in zip(("instances", "slices", "memoryMiB"), used, asked, most):
                if m is not None and u + a > m:
                    yield (limit["id"], self.quota(limit, word, u, a, m))

    @staticmethod
    def quota(limit, dimension, used, asked, most):
        return f"quota:{limit['id']}:{limit['scope']}:{dimension}:{used}:{asked}:{most}"


def uncommented(text):
    """The text without its // comments, which never stand inside a string."""
    out, index, quoted = [], 0, False
    while index < len(text):
        here = text[index]
        if quoted and here == "\\":
            out.append(text[index:index + 2])
            index += 2
            continue
        if here == '"':
            quoted = not quoted
        if not quoted and text.startswith("//", index):
            index = text.find("\n", index)
            if index < 0:
                break
            continue
        out.append(here)
        index += 1
    return "".join(out)


def numbered(text, names):
    """A policy file with its names as numbers, and with the lists that it leaves out."""
    policy = {"allow": [], "deny": [], "limits": [], **json.loads(uncommented(text))}
    for rule in policy["allow"] + policy["deny"] + policy["limits"]:
        for kind, known in names.items():
            if kind in rule["who"]:
                rule["who"][kind] = [n if isinstance(n, int) else known[n] for n in rule["who"][kind]]
    return policy


def flag(value):
    return "yes" if value else "no"


def ids(values):
    return "[" + ",".join(str(v) for v in sorted(values)) + "]"


def main():
    for line in sys.stdin:
        case = json.loads(line)
        policy = case["policy"] if "policy" in case else numbered(case["text"], case["names"])
        for question in case["questions"]:
            print(Question(policy, case["gpus"], question).answer())


main()

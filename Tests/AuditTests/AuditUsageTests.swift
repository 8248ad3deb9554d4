import JSON
import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

private let script = Files.parent(of: #filePath) + "/usage.py"

/// A life of leases, written as the broker writes it.
private struct Life {
    private var chain = AuditChain(after: .empty)
    private(set) var lines: [[UInt8]] = []
    private(set) var entries: [AuditEntry] = []

    /// The same without its first records, as after their time to be kept.
    func without(first count: Int) -> Life {
        var rest = self
        rest.lines.removeFirst(count)
        rest.entries.removeFirst(count)
        return rest
    }

    static func moment(_ seconds: Int64) -> Timestamp { SampleLog.stamp(seconds).time }
    static func lease(_ number: Int) -> LeaseID? {
        LeaseID(bytes: (0..<16).map { UInt8(truncatingIfNeeded: number &+ 7 * $0) })
    }

    mutating func write(_ record: AuditRecord, _ seconds: Int64, boot: String = SampleLog.boot, drift: Int64 = 0) throws
    {
        let time = Timestamp(nanosecondsSinceEpoch: Self.moment(seconds).nanosecondsSinceEpoch + drift * 1_000_000_000)
        let line = chain.link(record, AuditStamp(boot: boot, time: time, monotonicNs: seconds * 1_000_000_000))
        lines.append(line)
        entries.append(try AuditEntry(line: Array(line.dropLast())))
    }

    static func record(
        _ type: AuditRecordType, _ method: String, _ number: Int, uid: UInt32, groups: [UInt32] = [3001],
        profile: String = "3g.20gb", created: Int64 = 0
    ) -> AuditRecord {
        var record = AuditRecord(type)
        record.op = SampleLog.operation(number)
        record.method = method
        record.caller.uid = UserID(uid)
        record.caller.user = "user\(uid)"
        record.caller.groups = groups.map { GroupID($0) }
        record.gpu = SampleLog.gpu
        record.profile = profile
        record.lease = lease(number)
        record.created = Timestamp(secondsSinceEpoch: moment(created).secondsSinceEpoch)
        record.result = type == .outcome ? .ok : nil
        if type == .leaseEnd { record.caller.onBehalfOf = UserID(uid) }
        return record
    }

    func report(
        since: Int64? = nil, until: Int64? = nil, now: Int64 = 1_000_000, owner: AuditFilter.User? = nil
    ) -> AuditUsageReport {
        var usage = AuditUsage(since: since.map(Self.moment), until: until.map(Self.moment), owner: owner)
        usage.begin(with: entries.first)
        for entry in entries where AuditUsage.filter.matches(entry) { usage.take(entry) }
        return usage.report(now: Self.moment(now))
    }
}

struct AuditUsageTests {
    /// One hour of three slices and 20 GiB, from second 1000 on.
    private static func hour() throws -> Life {
        var life = Life()
        try life.write(Life.record(.intent, "Request", 1, uid: 1001), 999)
        try life.write(Life.record(.outcome, "Request", 1, uid: 1001), 1000)
        try life.write(Life.record(.outcome, "Renew", 1, uid: 1001), 2000)
        try life.write(Life.record(.outcome, "Release", 1, uid: 1001), 4600)
        try life.write(Life.record(.leaseEnd, "Release", 1, uid: 1001), 4600)
        return life
    }

    @Test(
        arguments: [
            (nil, nil, 3600), (0, 1_000_000, 3600), (1000, 4600, 3600), (2000, nil, 2600), (nil, 2000, 1000),
            (2000, 3000, 1000), (4600, nil, 0), (nil, 1000, 0), (3000, 2000, 0),
        ] as [(Int64?, Int64?, Int)])
    func `a lease counts as far as it lies in the period`(since: Int64?, until: Int64?, seconds: Int) throws {
        let report = try Self.hour().report(since: since, until: until)
        #expect(report.total.leases == (seconds > 0 ? 1 : 0))
        #expect(report.total.instanceSeconds == seconds)
        #expect(report.total.sliceSeconds == 3 * seconds)
        #expect(report.total.memoryGiBSeconds == 20 * seconds)
        #expect(report.users.map(\.instanceSeconds) == (seconds > 0 ? [seconds] : []))
    }

    @Test func `a lease that still runs counts to the end of the period, or to now`() throws {
        var life = Life()
        try life.write(Life.record(.outcome, "CreateGPUInstances", 1, uid: 1001, profile: "1g.5gb+me"), 1000)
        #expect(life.report(now: 1500).total.instanceSeconds == 500)
        #expect(life.report(until: 1200, now: 1500).total.instanceSeconds == 200)
        #expect(life.report(until: 9000, now: 1500).total.instanceSeconds == 500)
        #expect(life.report(now: 1500).total.memoryGiBSeconds == 2500)
    }

    @Test func `what made no lease does not count`() throws {
        var life = Life()
        try life.write(Life.record(.intent, "Request", 1, uid: 1001), 1000)
        var failed = Life.record(.outcome, "Request", 1, uid: 1001)
        failed.result = .failed
        try life.write(failed, 1001)
        try life.write(Life.record(.denied, "Request", 2, uid: 1001), 1002)
        try life.write(Life.record(.outcome, "Renew", 3, uid: 1001, created: 1003), 1003)
        // The end of a lease that has ended before.
        try life.write(Life.record(.leaseEnd, "Release", 4, uid: 1001, created: 1004), 1005)
        #expect(life.report().total.leases == 0)
    }

    @Test func `a lease counts in full for each of its groups, and once in all`() throws {
        var life = Life()
        try life.write(Life.record(.outcome, "Request", 1, uid: 1001, groups: [5, 6]), 0)
        try life.write(Life.record(.outcome, "Request", 2, uid: 1002, groups: []), 0)
        let report = life.report(now: 100)
        #expect(report.total.instanceSeconds == 200)
        #expect(report.groups.map(\.group) == [GroupID(5), GroupID(6), nil])
        #expect(report.groups.map(\.instanceSeconds) == [100, 100, 100])
    }

    @Test func `a step of the wall clock makes no lease longer or shorter`() throws {
        for drift in [-100_000, 100_000] as [Int64] {
            var life = Life()
            try life.write(Life.record(.outcome, "Request", 1, uid: 1001), 1000)
            try life.write(Life.record(.leaseEnd, "Release", 1, uid: 1001), 1600, drift: drift)
            #expect(life.report().total.instanceSeconds == 600)
        }
    }

    @Test func `a lease that a restart of the machine ended counts to the record of its end`() throws {
        var life = Life()
        try life.write(Life.record(.outcome, "Request", 1, uid: 1001), 1000)
        try life.write(
            Life.record(.leaseEnd, "Reconcile", 1, uid: 1001), 5, boot: "11111111-2222-4333-8444-555555555555",
            drift: 4000)
        #expect(life.report().total.instanceSeconds == 3005)
    }

    @Test func `the end of a lease that is older than the log tells its owner and its length`() throws {
        var life = Life()
        try life.write(Life.record(.outcome, "Release", 7, uid: 99, created: 4000), 5000)
        var end = Life.record(.leaseEnd, "Release", 7, uid: 99, created: 4000)
        end.caller.onBehalfOf = UserID(1005)
        try life.write(end, 5000)
        let report = life.report()
        #expect(report.users.map(\.user) == [UserID(1005)])
        #expect(report.total.instanceSeconds == 1000)
        #expect(report.groups.map(\.group) == [nil])
    }

    /// A lease from second 1000 on, renewed at 2000 by somebody with the word that let him, which still runs.
    private static func renewed(_ question: [String], uid: UInt32 = 1001) throws -> Life {
        var life = Life()
        try life.write(Life.record(.outcome, "Request", 1, uid: 1001, created: 1000), 1000)
        try life.write(AuditRecord(.health), 1500)
        for type in [AuditRecordType.intent, .outcome] {
            var record = Life.record(type, "Renew", 1, uid: uid, created: 1000)
            record.question = type == .intent ? question : []
            try life.write(record, 2000)
        }
        return life.without(first: 1)
    }

    @Test func `a lease that is older than the log and still runs counts by what a later record tells of it`() throws {
        let report = try Self.renewed(["renew.own"]).report(now: 3000)
        #expect(report.users.map(\.user) == [UserID(1001)])
        #expect(report.users.map(\.name) == ["user1001"])
        #expect(report.total.instanceSeconds == 2000)
        #expect(try Self.renewed(["renew.own"]).report(since: 1800, until: 2500).total.instanceSeconds == 700)
        #expect(report.begins?.description == Life.moment(1500).description)
    }

    @Test func `whoever renews another's lease does not come to own it`() throws {
        let life = try Self.renewed(["renew.any"], uid: 0)
        let report = life.report(now: 3000)
        #expect(report.users.map(\.user) == [nil])
        #expect(report.total.instanceSeconds == 2000)
        #expect(life.report(now: 3000, owner: .init("0")).total.leases == 0)
        var ended = life
        try ended.write(Life.record(.leaseEnd, "Release", 1, uid: 1001, created: 1000), 4000)
        #expect(ended.report().users.map(\.user) == [UserID(1001)])
        #expect(ended.report().total.instanceSeconds == 3000)
    }

    @Test func `an old lease that has ended does not run again by what is said of it later`() throws {
        var life = try Self.renewed(["renew.own"])
        try life.write(Life.record(.leaseEnd, "Release", 1, uid: 1001, created: 1000), 4000)
        try life.write(Life.record(.outcome, "Release", 1, uid: 1001, created: 1000), 4001)
        try life.write(Life.record(.leaseEnd, "Release", 1, uid: 1001, created: 1000), 4002)
        #expect(life.report().total.instanceSeconds == 3000)
        #expect(life.report().total.leases == 1)
    }

    @Test func `where leases may be unknown the report says so`() throws {
        var life = Life()
        try life.write(AuditRecord(.start), 1000)
        try life.write(AuditRecord(.health), 2000)
        #expect(life.report().begins == nil)
        #expect(life.without(first: 1).report().begins?.description == Life.moment(2000).description)
        #expect(life.without(first: 1).report(since: 5000).begins?.description == Life.moment(2000).description)
        // No lease outlives a boot.
        try life.write(AuditRecord(.start), 10, boot: "11111111-2222-4333-8444-555555555555", drift: 3990)
        #expect(life.without(first: 1).report(since: 3999).begins?.description == Life.moment(2000).description)
        #expect(life.without(first: 1).report(since: 4000).begins == nil)
    }

    @Test func `a lease that somebody made for another is the other's`() throws {
        var life = Life()
        var made = Life.record(.outcome, "Request", 1, uid: 1001)
        made.caller.onBehalfOf = UserID(1002)
        made.caller.onBehalfOfUser = "other"
        try life.write(made, 0)
        let report = life.report(now: 10)
        #expect(report.users.map(\.user) == [UserID(1002)])
        #expect(report.users.map(\.name) == ["other"])
        #expect(life.report(now: 10, owner: .init("user1001")).total.leases == 0)
    }

    @Test func `of one owner, others' leases do not count`() throws {
        var life = Life()
        for uid in [1001, 1002, 1003] as [UInt32] {
            try life.write(Life.record(.outcome, "Request", Int(uid), uid: uid), 0)
        }
        #expect(life.report(now: 10, owner: .init("1002")).users.map(\.user) == [UserID(1002)])
        #expect(life.report(now: 10, owner: .init("user1003")).users.map(\.user) == [UserID(1003)])
        #expect(life.report(now: 10, owner: .init("user100")).total.leases == 0)
    }

    @Test(
        arguments: [
            ("3g.20gb", 3, 20), ("1g.5gb+me", 1, 5), ("7g.141gb", 7, 141), ("1g", 1, 0), ("", 0, 0), ("mig", 0, 0),
            ("-1g.5gb", 0, 5), ("1g.5GB", 1, 0), ("99999999999999999999g.5gb", 0, 5),
        ] as [(String, Int64, Int64)])
    func `a profile's name tells its size`(name: String, slices: Int64, gibibytes: Int64) {
        let size = ProfileSize(name)
        #expect(size.slices == slices)
        #expect(size.gibibytes == gibibytes)
    }

    @Test func `numbers that no machine has are no trouble`() throws {
        var life = Life()
        for number in 1...3 {
            try life.write(
                Life.record(.outcome, "Request", number, uid: 1, profile: "9007199254740993g.9007199254740993gb"), 0)
        }
        #expect(life.report(now: 1_000_000_000).total.leases == 3)
    }

    @Test(
        .enabled(if: isRunnable("python3", ["-c", "import json"]), "needs python3"), arguments: 1...20)
    func `another implementation comes to the same sums`(seed: Int) throws {
        var random = Dice(state: UInt64(seed))
        // Of some of the logs the beginning is gone.
        let life = try Self.random(&random).without(first: seed % 3 == 0 ? 40 : 0)
        let directory = try TemporaryDirectory()
        let path = directory.path("log")
        try Files.write(path, Array(life.lines.joined()))
        for _ in 0..<5 {
            let since = random.next(2) == 0 ? nil : Int64(random.next(40_000))
            let until = random.next(2) == 0 ? nil : Int64(random.next(60_000))
            let now = Int64(30_000 + random.next(30_000))
            func option(_ name: String, _ seconds: Int64?) -> [String] {
                seconds.map { ["--\(name)", "\(Life.moment($0).nanosecondsSinceEpoch / 1000)"] } ?? []
            }
            let theirs = try run(
                "python3", [script] + option("since", since) + option("until", until) + option("now", now) + [path])
            #expect(Self.text(life.report(since: since, until: until, now: now)) + "\n" == theirs.output)
        }
    }

    /// Leases of five users that end in every way, or not at all, over two boots and with steps of the clock.
    private static func random(_ dice: inout Dice) throws -> Life {
        var life = Life()
        var open: [Int] = []
        var uids: [Int: UInt32] = [:]
        var made: [Int: Int64] = [:]
        var profiles: [Int: String] = [:]
        var seconds: Int64 = 0
        var boot = SampleLog.boot
        var drift: Int64 = 0
        for number in 1...60 {
            seconds += Int64(dice.next(600))
            if dice.next(12) == 0 { drift += Int64(dice.next(2000)) - 1000 }
            if dice.next(30) == 0 {
                drift += seconds
                seconds = 0
                boot = "11111111-2222-4333-8444-5555555555\(number + 10)"
            }
            if dice.next(5) < 3 || open.isEmpty {
                let uid = UInt32(1000 + dice.next(5))
                let profile = ["1g.5gb", "2g.10gb", "3g.20gb", "1g.5gb+me"][dice.next(4)]
                let groups = (0..<dice.next(3)).map { UInt32(50 + $0 + dice.next(2)) }
                let isOk = dice.next(6) > 0
                var record = Life.record(
                    .outcome, dice.next(4) == 0 ? "CreateGPUInstances" : "Request", number, uid: uid,
                    groups: groups, profile: profile)
                if !isOk { record.result = .undone }
                try life.write(record, seconds, boot: boot, drift: drift)
                guard isOk else { continue }
                open.append(number)
                (uids[number], profiles[number], made[number]) = (uid, profile, seconds + drift)
            } else {
                let ended = open.remove(at: dice.next(open.count))
                let method = ["Release", "Expire", "Recover", "Reconcile"][dice.next(4)]
                let (uid, profile) = (uids[ended] ?? 0, profiles[ended] ?? "")
                let created = made[ended] ?? 0
                for type in [AuditRecordType.outcome, .leaseEnd] {
                    try life.write(
                        Life.record(type, method, ended, uid: uid, profile: profile, created: created), seconds,
                        boot: boot, drift: drift)
                }
            }
        }
        return life
    }

    /// As the script prints it.
    private static func text(_ report: AuditUsageReport) -> String {
        func table(_ rows: [AuditUsageReport.Row], _ key: (AuditUsageReport.Row) -> String) -> String {
            let members = rows.map { row in
                "\"\(key(row))\": [\(row.leases), \(row.instanceSeconds), \(row.sliceSeconds), \(row.memoryGiBSeconds)]"
            }
            return "{" + members.sorted().joined(separator: ", ") + "}"
        }
        let total = report.total.leases == 0 ? [] : [report.total]
        return "{\"groups\": \(table(report.groups) { $0.group?.description ?? "None" }), "
            + "\"profiles\": \(table(report.profiles) { $0.profile ?? "" }), "
            + "\"total\": \(table(total) { _ in "all" }), "
            + "\"users\": \(table(report.users) { $0.user?.description ?? "None" })}"
    }
}

/// Random numbers that are the same in each run.
private struct Dice {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}

import Audit
import JSON
import Linux
import TestSupport
import Testing

/// A crowd that wants more than a group's pool has.
@Suite(
    "A crowd at a pool", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("python3"), "needs python3"), .serialized)
struct PoolTests {
    static let policy = """
        {
          "version": 1,
          "allow": [
            { "id": "ml-slices", "who": { "groups": ["ml"] }, "actions": ["read.own", "request", "release.own"] },
            { "id": "root-reads", "who": { "users": ["root"] }, "actions": ["read.own", "read.all", "audit.read"] }
          ],
          "limits": [ { "id": "ml-pool", "who": { "groups": ["ml"] }, "scope": "group", "instances": 3 } ]
        }
        """

    @Test func `never more than the pool, and an answer for everybody`() throws {
        let stage = try Stage(policy: Self.policy)
        // A pace that 8 users reach together is let through; the next test holds the pace itself.
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000", "--limit", "changeBurst=1000"])
        let watch = try stage.crowd(connections: 25, requests: 200, daemon)
        #expect(watch.answers["granted", default: 0] + watch.answers["QuotaExceeded", default: 0] == 200)
        #expect(watch.answers["granted", default: 0] >= 3)
        #expect(watch.answers["QuotaExceeded", default: 0] > 0, "the pool was never full")
        #expect(watch.answers.count == 2, "\(watch.answers)")
        #expect(watch.mostInstances <= 3 && watch.mostLeases <= 3)
        let story = try AuditStory(of: stage.auditDirectory)
        #expect(story.most == 3)
        #expect(story.leases.isEmpty)
        #expect(try stage.violations() == [])
        // Denials are counted, by the user and the error, and none is missing.
        _ = try daemon.stop()
        let denied = try AuditStory(of: stage.auditDirectory).records.filter { $0.type == .denied }
        #expect(denied.map { $0.count ?? 1 }.reduce(0, +) == Int64(watch.answers["QuotaExceeded", default: 0]))
    }

    @Test func `who asks too fast is told so`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=5", "--limit", "changeBurst=5"])
        let watch = try stage.crowd(connections: 25, requests: 200, daemon)
        let clear = ["granted", "QuotaExceeded", "TooManyRequests"].map { watch.answers[$0, default: 0] }
        #expect(clear.reduce(0, +) == 200, "\(watch.answers)")
        #expect(clear[2] > 0)
        #expect(watch.answers.count <= 3, "\(watch.answers)")
        #expect(watch.mostInstances <= 3 && watch.mostLeases <= 3)
        #expect(try AuditStory(of: stage.auditDirectory).most <= 3)
        #expect(try stage.violations() == [])
    }

    @Test func `crowd after crowd takes no more memory`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000", "--limit", "changeBurst=1000"])
        // What is kept of finished changes is bounded, and the heap grows to that first.
        for _ in 0..<2 { _ = try stage.crowd(connections: 25, requests: 400, daemon) }
        let before = try Self.resident(daemon)
        for _ in 0..<3 { _ = try stage.crowd(connections: 25, requests: 400, daemon) }
        let after = try Self.resident(daemon)
        CrashTests.tell("resident memory \(before) KiB, after 1200 more requests \(after) KiB")
        #expect(after - before < 2048, "from \(before) to \(after) KiB")
        #expect(try stage.violations() == [])
    }

    private static func resident(_ daemon: KeptProcess) throws -> Int {
        let status = String(decoding: try Files.read("/proc/\(daemon.pid)/status"), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return try #require(line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first)
    }
}

/// What came of a crowd, and what was seen meanwhile.
struct CrowdWatch {
    var answers: [String: Int] = [:]
    /// Of the machine itself, at the worst moment that was seen.
    var mostInstances = 0
    /// Of the broker's list.
    var mostLeases = 0
}

extension Stage {
    /// Lets a crowd of eight users loose and looks at machine and ledger until it is done.
    func crowd(connections: Int, requests: Int, _ daemon: KeptProcess) throws -> CrowdWatch {
        let script = "\(path)/crowd.py"
        let result = "\(path)/crowd.json"
        try Files.write(script, try Files.read(Self.crowdScript))
        let words = [
            "sh", "-c", "exec python3 \"$@\" > \(result)", "sh", script,
            "\(broker)/run/migbroker/io.migbroker.Broker", "1g.5gb", "\(connections)", "\(requests)", "\(Stage.ml)",
        ]
        let crowd = try start(words + Stage.crowd.map { "\($0.uid)" }, as: Stage.root)
        var watch = CrowdWatch()
        while try crowd.poll() == nil {
            watch.mostInstances = max(watch.mostInstances, try machine().instances)
            watch.mostLeases = max(
                watch.mostLeases, try objects(["leases", "--all"], "leases", as: Stage.root).count)
        }
        #expect(try crowd.waitForEnd() == .exited(0))
        #expect(try daemon.poll() == nil, "the daemon lives")
        let report = try JSONParser.parse(try Files.read(result), limits: .reply)
        #expect(report["connections"]?.integerValue == Int64(connections))
        #expect(report["users"]?.integerValue == 8)
        #expect(report["broken"]?.integerValue == 0)
        guard case .object(let members)? = report["answers"]?.content else {
            throw StageError(what: "no answers: \(report)")
        }
        for member in members { watch.answers[member.key] = Int(member.value.integerValue ?? 0) }
        CrashTests.tell("crowd: \(watch.answers), at most \(watch.mostInstances) instances seen")
        return watch
    }

    private static let crowdScript = {
        let file = #filePath
        return String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]) + "/crowd.py"
    }()
}

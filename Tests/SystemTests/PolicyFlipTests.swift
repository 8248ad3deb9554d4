import Audit
import Broker
import JSON
import Linux
import MIG
import NVML
import TestSupport
import Testing

/// Decisions while the policy is another one every millisecond (threat T18 of facts/security.md).
@Suite(
    "A policy that changes all the time", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct PolicyFlipTests {
    /// Numbers instead of names: this process has not the users of the stage.
    private static func policy(_ more: String) -> String {
        """
        { "version": 1,
          "allow": [ { "id": "ml", "who": { "groups": [3001] }, "actions": ["read.own", "request", "release.own"] },
                     { "id": "root", "who": { "users": [0] },
                       "actions": ["read.own", "read.all", "release.any", "audit.read", "policy.read", "policy.reload"] } ]\(more) }
        """
    }

    private static let open = policy(
        #", "limits": [ { "id": "each", "who": { "groups": [3001] }, "scope": "user", "leaseMax": "1h" } ]"#)
    private static let closed = policy(
        #", "deny": [ { "id": "closed", "who": { "groups": [3001] }, "actions": ["request"] } ]"#)

    /// How long; `.ci/policy-campaign` takes a minute.
    private static let seconds =
        CurrentProcess.environment("MIGBROKER_FLIP_SECONDS").flatMap { Decimal.value(of: $0) } ?? 4

    @Test func `every decision on record comes out the same by the policy whose hash it bears`() throws {
        let stage = try Stage(policy: Self.open)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=100000", "--limit", "changeBurst=100000"])
        let hashOfOpen = try #require(try stage.records("policy-loaded").last?["policy"]?.stringValue)
        for (name, text) in [("open", Self.open), ("closed", Self.closed)] {
            try Files.write("\(stage.path)/\(name)", Array(text.utf8))
        }
        let script = "\(stage.path)/flips.py"
        try Files.write(script, try Files.read(Self.script))
        let count = "\(stage.path)/flips"
        let flips = try stage.start(
            [
                "sh", "-c", "exec python3 \"$@\" > \(count)", "sh", script, "\(daemon.pid)", stage.policy,
                "\(stage.path)/closed", "\(stage.path)/open", "\(Self.seconds)",
            ], as: Stage.root)
        var answers: [String: Int] = [:]
        while try flips.poll() == nil {
            answers.merge(try stage.crowd(connections: 64, requests: 640, daemon).answers) { $0 + $1 }
        }
        #expect(try flips.waitForEnd() == .exited(0))
        #expect((answers["granted"] ?? 0) > 0, "\(answers)")
        #expect((answers["NotAuthorized"] ?? 0) > 0, "\(answers)")

        let tally = try review(stage, open: hashOfOpen)
        let flipped = String(decoding: try Files.read(count), as: UTF8.self).split(separator: "\n").first ?? "?"
        CrashTests.tell(
            "\(flipped) flips in \(Self.seconds) s, \(tally.loads) loads; \(answers); reviewed: \(tally.allowed) allowed, \(tally.denied) denied"
        )
        #expect(tally.allowed > 0 && tally.denied > 0)
        #expect(try stage.violations() == [])
    }

    private struct Tally {
        var loads = 0
        var allowed = 0
        var denied = 0
    }

    private func review(_ stage: Stage, open: String) throws -> Tally {
        let inventory = try Inventory.read(try NVMLDriver(driver: stage.machine))
        let archive = PolicyArchive("\(stage.broker)/var/lib/migbroker")
        var names: [String: String] = [:]
        var review = DecisionReview(inventory) { hash in
            names[hash] = hash
            return try? archive.policy(hash, bounds: Bounds())
        }
        var tally = Tally()
        _ = try AuditReader(try AuditSegments.list(in: stage.auditDirectory)).read(AuditFilter()) { entry, _ in
            if entry.record.type == .policyLoaded { tally.loads += 1 }
            guard let finding = review.take(entry, isWanted: true) else { return true }
            let record = entry.record
            #expect(finding.agrees == true, "record \(entry.seq): \(record.rules), \(finding)")
            // What was got under the one policy may be given back under the other.
            guard record.method == "Request" else { return true }
            let isOpen = record.policy?.utf8.elementsEqual(open.utf8) == true
            #expect(isOpen == (record.rules != ["closed"]), "record \(entry.seq)")
            if record.decision == .allow { tally.allowed += 1 } else { tally.denied += 1 }
            return true
        }
        #expect(names.count == 2)
        return tally
    }

    private static let script = {
        let file = #filePath
        return String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]) + "/flips.py"
    }()
}

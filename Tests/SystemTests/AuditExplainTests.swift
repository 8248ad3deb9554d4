import Audit
import Broker
import JSON
import Linux
import MIG
import NVML
import TestSupport
import Testing

/// A decision on record is come to again, or it is said why not.
@Suite("Explaining a record", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct AuditExplainTests {
    private func explain(_ stage: Stage, _ record: JSONValue, as person: Stage.Person = Stage.root) throws -> Command {
        try stage.migctl(["audit", "explain", "\(record["seq"]?.integerValue ?? 0)"], as: person)
    }

    @Test func `by the policy of the time, whatever holds now`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb", "2g.10gb", "--for", "1h"], as: Stage.alice).code == 0)
        #expect(
            try stage.migctl(["renew", try #require(try stage.leases(of: Stage.alice).first)], as: Stage.alice).code
                == 0)
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.carol).code == 3)
        let tooMany = try stage.migctl(["request", "3g.20gb"], as: Stage.alice)
        #expect(tooMany.code == 6, "\(tooMany.errors)")
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        try stage.reload(
            """
            { "version": 1, "allow": [ { "id": "root", "who": { "users": ["root"] },
              "actions": ["read.own", "audit.read", "policy.reload", "policy.read"] } ] }
            """)
        let records = try stage.records("intent") + stage.records("denied")
        #expect(records.count == 7, "\(records.map { $0.text() })")
        for record in records {
            let told = try explain(stage, record)
            #expect(told.code == 0, "\(record.text()): \(told.output)\(told.errors)")
            #expect(told.errors.contains("it is the same decision"), "\(told.errors)")
        }
        let quota = try #require(records.last { $0["error"]?.stringValue == "QuotaExceeded" })
        let again = try explain(stage, quota).output
        #expect(again.contains("limit ml-each"), "\(again)")
        // What bears no decision stands for its operation's.
        for record in try stage.records("outcome") + stage.records("lease-end") {
            #expect(try explain(stage, record).code == 0, "\(record.text())")
        }
        let start = try #require(try stage.records("start").first)
        let none = try explain(stage, start)
        #expect(none.code == 1)
        #expect(none.errors.contains("it bears no decision of the policy"), "\(none.errors)")
        _ = daemon
    }

    @Test func `of several leases in one operation, each by its own decision`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb", "2g.10gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        let intents = try stage.records("intent")
        let ends = try stage.records("outcome") + stage.records("lease-end")
        #expect(ends.count == 6)
        for record in ends {
            let own = intents.first {
                $0["op"]?.stringValue == record["op"]?.stringValue
                    && $0["lease"]?.stringValue == record["lease"]?.stringValue
            }
            let told = try stage.migctl(
                ["--json", "audit", "explain", "\(record["seq"]?.integerValue ?? 0)"], as: Stage.root)
            let reply = try JSONParser.parse(Array(told.output.utf8), limits: .reply)
            #expect(reply["seq"]?.integerValue == own?["seq"]?.integerValue, "\(record.text()): \(told.output)")
        }
        _ = daemon
    }

    @Test func `what depends on leases that the log has no more is not held to be another decision`() throws {
        // Numbers instead of names: this process has not the users of the stage.
        let policy = [("\"ml\"", "3001"), ("\"auditors\"", "3002"), ("\"root\"", "0")].reduce(LabPolicy.text) {
            $0.replacing("[\($1.0)]", with: "[\($1.1)]")
        }
        let stage = try Stage(policy: policy)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 6)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.carol).code == 3)
        try daemon.waitUntil("the refusals are on record") { try stage.records("denied").count == 2 }
        try stage.reload(
            """
            { "version": 1, "allow": [ { "id": "all", "who": { "users": [2003] }, "actions": ["request"] } ] }
            """)
        #expect(try daemon.stop() == .exited(0))
        var entries: [AuditEntry] = []
        _ = try AuditReader(try AuditSegments.list(in: stage.auditDirectory)).read(AuditFilter()) { entry, _ in
            entries.append(entry)
            return true
        }
        let inventory = try Inventory.read(try NVMLDriver(driver: stage.machine))
        let archive = PolicyArchive("\(stage.broker)/var/lib/migbroker")
        func review(_ entries: some Sequence<AuditEntry>, by policy: String? = nil) -> [DecisionReview.Finding] {
            var review = DecisionReview(inventory) { hash in try? archive.policy(policy ?? hash, bounds: Bounds()) }
            return entries.compactMap { review.take($0, isWanted: true) }
        }
        #expect(review(entries).allSatisfy { $0.agrees == true && $0.obstacle == nil })
        let made = try #require(entries.first { $0.record.type == .outcome })
        let cut = review(entries.drop { $0.seq <= made.seq })
        #expect(cut.count == review(entries).count - 1)
        for finding in cut {
            let record = finding.entry.record
            // Neither a release nor what no rule allows has to do with use.
            let isSure = record.method == "Release" || record.caller.user == "carol"
            #expect(finding.agrees == (isSure ? true : nil), "\(finding)")
            #expect(finding.obstacle?.contains("the log begins with record \(made.seq + 1)") ?? false == !isSure)
        }
        // A decision that no lease could have changed is still another one.
        let open = try #require(entries.last { $0.record.type == .policyLoaded }?.record.policy)
        let carols = entries.filter { $0.record.caller.user == "carol" }
        #expect(review(carols, by: open).map(\.agrees) == [false])
    }

    @Test func `not without the right, and never by a policy that is not the one`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let intent = try #require(try stage.records("intent").first)
        let hash = try #require(intent["policy"]?.stringValue)
        #expect(try explain(stage, intent, as: Stage.dave).code == 0)
        for person in [Stage.alice, Stage.carol] {
            #expect(try explain(stage, intent, as: person).code == 3)
        }
        for seq in ["0", "-1", "x", "9223372036854775808"] {
            #expect(try stage.migctl(["audit", "explain", seq], as: Stage.root).code == 2)
        }
        #expect(try stage.migctl(["audit", "explain", "999999"], as: Stage.root).code == 4)
        #expect(
            try stage.exchange(Stage.call("ExplainRecord", #"{"seq":0}"#), as: Stage.root).invalidParameter == "seq")

        // The archive: gone, altered, another's, or with a name that nobody has any more.
        try stage.reload(LabPolicy.text + "\n")
        let kept = "\(stage.broker)/var/lib/migbroker/policies/\(hash).json"
        let text = String(decoding: try Files.read(kept), as: UTF8.self)
        let damages = [
            text.replacing("ml-slices", with: "ml-slicez"), "", "{}", text.replacing("auditors", with: "auditorz"),
        ]
        for damage in damages {
            try Files.replace(kept, with: Array(damage.utf8), mode: 0o600)
            let told = try explain(stage, intent)
            #expect(told.code == 1, "\(told.output)")
            #expect(told.errors.contains("its policy is not in the archive"), "\(told.errors)")
        }
        try Files.remove(kept)
        #expect(try explain(stage, intent).code == 1)
        try Files.replace(kept, with: Array(text.utf8), mode: 0o644)
        #expect(try explain(stage, intent).code == 0)
        #expect(try stage.run(["chown", "2001", kept], as: Stage.root).code == 0)
        #expect(try explain(stage, intent).code == 1)
        _ = daemon
    }
}

import JSON
import Linux
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

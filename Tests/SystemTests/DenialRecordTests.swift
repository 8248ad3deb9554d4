import Audit
import Linux
import MIG
import TestSupport
import Testing

@Suite("Who was refused is on record", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct DenialRecordTests {
    /// What somebody asks for without the right to it, and the action that he lacks.
    static let questions: [(words: [String], action: String)] = [
        (["leases", "--all"], "read.all"), (["instances", "--all"], "read.all"), (["devices", "--all"], "read.all"),
        (["audit", "show", "--user", "bob"], "audit.read"), (["audit", "verify"], "audit.read"),
        (["explain", "request", "--user", "bob"], "policy.read"),
    ]

    @Test func `whoever asks for what is others'`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        for (words, action) in Self.questions {
            let refused = try stage.migctl(words, as: Stage.alice)
            #expect(refused.code == 3, "\(words): \(refused.errors)")
            #expect(refused.errors.contains("no rule allows \(action)"), "\(words): \(refused.errors)")
        }
        #expect(try daemon.stop() == .exited(0))
        let reasons = try stage.denials(of: Stage.alice).compactMap(\.reason)
        for (words, action) in Self.questions {
            #expect(reasons.contains { $0.contains("no rule allows \(action)") }, "\(words)")
        }
    }

    @Test func `whoever asks too often`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changeBurst=1", "--limit", "changesPerSecond=1"])
        var isRefused = false
        for _ in 0..<20 where !isRefused {
            isRefused = try stage.migctl(["request", "--dry-run", "1g.5gb"], as: Stage.alice).errors.contains(
                "too many")
        }
        #expect(isRefused)
        #expect(try daemon.stop() == .exited(0))
        #expect(try stage.denials(of: Stage.alice).contains { $0.error == "TooManyRequests" })
    }

    @Test func `under the profile that he asked for, and his name`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changeBurst=4", "--limit", "changesPerSecond=1"])
        // More than the limit of a user, and more than there is.
        for _ in 0..<8 { _ = try stage.migctl(["request", "1g.5gb", "--count", "7"], as: Stage.alice) }
        #expect(try daemon.stop() == .exited(0))
        let denials = try stage.denials(of: Stage.alice)
        #expect(denials.contains { $0.error == "QuotaExceeded" && $0.profile == "1g.5gb" }, "\(denials)")
        #expect(denials.contains { $0.error == "TooManyRequests" && $0.caller.user == "alice" }, "\(denials)")
    }

    @Test func `but nobody who asks for his own`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        for words in [
            ["leases"], ["audit", "show", "--user", "alice"], ["audit", "show", "--user", "2001"],
            ["explain", "request"],
        ] {
            let answered = try stage.migctl(words, as: Stage.alice)
            #expect(answered.code == 0, "\(words): \(answered.errors)")
        }
        #expect(try daemon.stop() == .exited(0))
        #expect(try stage.denials(of: Stage.alice).isEmpty)
    }
}

extension Stage {
    /// The records of a person's refusals; to be read when the daemon has ended.
    func denials(of person: Person) throws -> [AuditRecord] {
        var filter = AuditFilter()
        filter.user = .id(UserID(UInt32(person.uid)))
        filter.types = [.denied]
        var records: [AuditRecord] = []
        _ = try AuditReader(try AuditSegments.list(in: auditDirectory)).read(filter) { entry, _ in
            records.append(entry.record)
            return true
        }
        return records
    }
}

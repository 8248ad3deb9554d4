import MIG
import Testing

@testable import Audit

/// Records that stand for several denials say nothing that is not so of each.
@Suite("Denials that are counted together")
struct DenialTableTests {
    private static func denial(_ change: (inout AuditRecord) -> Void = { _ in }) -> AuditRecord {
        var record = AuditRecord(.denied)
        record.op = OperationID(bytes: Array(repeating: 1, count: 16))
        record.method = "Request"
        record.error = "NotAuthorized"
        record.reason = "no rule allows request of 1g.5gb"
        record.profile = "1g.5gb"
        record.rules = ["a"]
        record.question = ["action=request"]
        record.caller.uid = UserID(2001)
        record.caller.user = "alice"
        record.caller.pid = 7
        record.caller.groups = [GroupID(3001)]
        change(&record)
        return record
    }

    @Test func `keep what they have in common and lose the rest`() throws {
        var table = DenialTable()
        let isFirst = table.count(Self.denial())
        #expect(isFirst)
        let firsts = table.takeFirsts()
        #expect(firsts == [Self.denial()])
        for profile in ["2g.10gb", "3g.20gb"] {
            let isNew = table.count(
                Self.denial {
                    $0.profile = profile
                    $0.reason = "no rule allows request of \(profile)"
                    $0.rules = []
                    $0.caller.pid = 8
                })
            #expect(!isNew)
        }
        let counts = table.takeCounts()
        let counted = try #require(counts.first)
        #expect(counted.count == 2)
        #expect(
            counted.caller.uid == UserID(2001) && counted.caller.user == "alice" && counted.error == "NotAuthorized")
        #expect(counted.caller.groups == [GroupID(3001)])
        #expect(counted.profile == nil && counted.reason == nil && counted.rules == [] && counted.caller.pid == nil)
        #expect(counted.op == nil && counted.question == [])
    }

    @Test func `are of one for whom he acts`() throws {
        var table = DenialTable()
        for owner in [UInt32(5), 6, 7] {
            for _ in 0..<2 { _ = table.count(Self.denial { $0.caller.onBehalfOf = UserID(owner) }) }
        }
        let firsts = table.takeFirsts()
        #expect(firsts.compactMap(\.caller.onBehalfOf?.rawValue) == [5, 6, 7])
        let counts = table.takeCounts()
        #expect(counts.compactMap(\.caller.onBehalfOf?.rawValue).sorted() == [5, 6, 7])
    }
}

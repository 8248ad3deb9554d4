import Testing

@testable import Audit

@Suite("What a record says of the end of processes")
struct ExpiryFieldTests {
    private static func line(kills: Bool) -> String {
        var record = SampleLog.full()
        record.killsOnExpiry = kills
        return String(decoding: SampleLog.lines([record])[0].dropLast(), as: UTF8.self)
    }

    @Test func `stands behind the isolation, and is left out where none are ended`() throws {
        #expect(Self.line(kills: true).contains(#""isolation":"advisory","onExpiry":"kill","name":"#))
        #expect(!Self.line(kills: false).contains("onExpiry"))
    }

    @Test(arguments: [true, false]) func `is read as it was written`(_ kills: Bool) throws {
        #expect(try AuditEntry(line: Array(Self.line(kills: kills).utf8)).record.killsOnExpiry == kills)
    }

    @Test(arguments: [#""wait""#, #""KILL""#, #""""#, "true", "null", #"["kill"]"#])
    func `is refused where it says anything else`(_ value: String) {
        let line = Self.line(kills: true).replacing(#""onExpiry":"kill""#, with: #""onExpiry":\#(value)"#)
        #expect(throws: AuditDecodeError.self) { try AuditEntry(line: Array(line.utf8)) }
    }
}

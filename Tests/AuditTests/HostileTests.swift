import JSON
import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// Hostile strings in every field of a record that holds text, in a real log (threat T45 and test A10 of
/// facts/security.md). `.ci/hostile-campaign` takes a million of them.
@Suite("Hostile strings", .enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct HostileTests {
    private static let count = CurrentProcess.environment("MIGBROKER_HOSTILE").flatMap { Int($0) } ?? 10_000
    /// Fields of text in a record.
    private static let width = 14

    /// A record with so many strings in it, from the number on.
    private func record(_ number: Int) -> AuditRecord {
        // A seal is the log's own to write, and is none without its key.
        let types = AuditRecordType.allCases.filter { $0 != .seal }
        var record = AuditRecord(types[number % types.count])
        var next = number * Self.width
        func text() -> String {
            next += 1
            return HostileStrings.text((next - 1) % Self.count)
        }
        record.method = text()
        record.caller.user = text()
        record.caller.comm = text()
        record.caller.cgroup = text()
        record.caller.origin = text()
        record.policy = text()
        record.rules = [text(), text()]
        record.reason = text()
        record.profile = text()
        record.name = text()
        record.key = text()
        record.params = text()
        record.error = text()
        return record
    }

    private var recordCount: Int { (Self.count + Self.width - 1) / Self.width }

    @Test func `leave one line for each record, of printable ASCII, that every reader understands alike`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("log"))
        let log = try AuditLog(directory.path("log"), reserve: 0, clock: .system())
        for start in stride(from: 0, to: recordCount, by: 500) {
            try log.note((start..<min(start + 500, recordCount)).map(record))
        }
        let files = try AuditSegments.list(in: directory.path("log"))
        guard case .intact(log.head.seq, 1, log.head) = try AuditVerifier.verify(files, head: log.head) else {
            Issue.record("the chain is broken")
            return
        }
        // What comes back is what went in, but for what the log's format says of texts.
        var number = 0
        _ = try AuditReader(files).read(AuditFilter()) { entry, _ in
            // The log's own records have no process.
            guard entry.record.caller.comm != nil else { return true }
            let (found, wanted) = (entry.record, record(number))
            if found.type != wanted.type || found.name != wanted.name.map(AuditFormat.text)
                || found.caller.comm != wanted.caller.comm.map(AuditFormat.text)
                || found.rules != wanted.rules.map(AuditFormat.text)
            {
                Issue.record("record \(number + 1) is another one")
            }
            number += 1
            return true
        }
        #expect(number == recordCount)
        let script = """
            import json, sys
            count = ours = 0
            for path in sys.argv[1:]:
                data = open(path, "rb").read()
                assert data.endswith(b"\\n") and not data.translate(None, bytes(range(0x20, 0x7F)) + b"\\n"), path
                for line in data.splitlines():
                    count += 1
                    record = json.loads(line)
                    assert record["seq"] == count and len(record["prev"]) == 64 and len(record["hash"]) == 64
                    ours += "comm" in record
            print(count, ours)
            """
        let read = try Command.run("python3", ["-c", script] + files, seconds: 600)
        #expect(read.output == "\(log.head.seq) \(recordCount)\n", "\(read.errors)")
        guard Command.exists("jq") else { return }
        let counted = try Command.run("jq", ["-n", "reduce inputs as $r (0; . + 1)"] + files, seconds: 600)
        #expect(counted.output == "\(log.head.seq)\n", "\(counted.errors)")
    }

    @Test func `reach the journal as values of their fields, and as nothing else`() throws {
        for number in 0..<recordCount {
            let entry = AuditEntry(
                seq: Int64(number + 1), stamp: SampleLog.stamp(0), record: record(number), prev: "", hash: "00")
            let datagram = entry.summary.datagram(atMost: 48 << 10, mark: AuditSummary.mark)
            let told = try JournalStandIn.parse(datagram)
            let isPlain = datagram.allSatisfy { $0 == 0x0A || 0x20...0x7E ~= $0 }
            let lines = datagram.split(separator: 0x0A).count
            if !isPlain || lines != told.fields.count {
                Issue.record("a line feed or a control character in \(number)")
            }
            let names = told.fields.map(\.name)
            if names != entry.summary.fields.map(\.name) || Set(names).count != names.count - 1
                || told["PRIORITY"] != "\(entry.record.priority)" || told["MIGBROKER_UID"] != nil
                || told.all("MIGBROKER_RULE").count != 2
            {
                Issue.record("a field too many or too few in \(number)")
            }
        }
    }
}

/// A user who floods the log with what he is refused (threat T48 of facts/security.md).
@Suite("A million denials", .enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct DenialFloodTests {
    private static let count = CurrentProcess.environment("MIGBROKER_HOSTILE") != nil ? 1_000_000 : 100_000

    @Test func `of one user leave few records, every one counted, and the changes as they were`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("journal")
        let journal = try JournalReader(at: path)
        try Files.makeDirectory(directory.path("log"))
        let follower = try JournalFollower(at: path)
        let log = try AuditLog(directory.path("log"), reserve: 0, clock: .system(), follower: follower.put)
        let receipt = try log.intend([intent(1)])
        for number in 0..<Self.count {
            // His own words are in every one of them, and decide nothing.
            var denial = SampleLog.denial(uid: 2001, method: ["Request", "Release", "Renew"][number % 3])
            denial.reason = HostileStrings.text(number % 5000)
            denial.caller.comm = HostileStrings.text(number % 77)
            denial.params = "number \(number)"
            log.deny(denial)
            if number % (Self.count / 20) == 0 { try log.flushDenials() }
        }
        try log.conclude(receipt, [outcome(1)])
        try log.close([AuditRecord(.stop)])
        follower.finish(milliseconds: 60_000)
        let entries = try records(in: directory.path("log"))
        #expect(entries.filter { $0.record.type != .denied }.map(\.record.type) == [.intent, .outcome, .stop])
        let denials = entries.filter { $0.record.type == .denied }.map(\.record)
        #expect(denials.map { $0.count ?? 1 }.reduce(0, +) == Int64(Self.count))
        // Three kinds of denial; of each a first and a count for each flush.
        #expect(denials.count <= 3 * 2 * 21)
        #expect(denials.allSatisfy { $0.caller.uid == UserID(2001) })
        #expect(try isIntact(directory.path("log"), head: log.head))
        let told = try journal.finish()
        #expect(
            told.filter { $0.type == "denied" }.map(\.seq) == entries.filter { $0.record.type == .denied }.map(\.seq))
    }

    @Test func `of many kinds are still counted exactly, and bounded`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, reserve: 0, clock: .system())
        for number in 0..<Self.count {
            // More users than the table has room for.
            log.deny(SampleLog.denial(uid: UInt32(number % 10_000), error: "E\(number % 7)"))
        }
        try log.close([])
        let denials = try records(in: directory.path).map(\.record).filter { $0.type == .denied }
        #expect(denials.map { $0.count ?? 1 }.reduce(0, +) == Int64(Self.count))
        #expect(denials.count <= 2 * 4097)
    }
}

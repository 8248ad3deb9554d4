import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

struct AuditVerifierTests {
    @Test func `an unaltered log is intact and its head is named`() throws {
        let lines = SampleLog.lines(count: 100)
        let directory = try TemporaryDirectory()
        let path = directory.path("audit-00000001.jsonl")
        try Files.write(path, Array(lines.joined()))
        let found = try AuditVerifier.verify([path])
        let head = SampleLog.head(lines)
        let last = AuditHead(
            seq: 100, hash: head.hash, segment: "audit-00000001.jsonl", offset: Int64(lines.joined().count))
        #expect(found == .intact(records: 100, first: 1, last: last))
        #expect(try AuditVerifier.verify([path], head: head) == found)
    }

    /// A1: a thousand records in the campaign.
    @Test func `every flipped byte is found in its record`() throws {
        let lines = SampleLog.lines(count: CurrentProcess.environment("MIGBROKER_CAMPAIGN") == nil ? 100 : 1000)
        var verifier = AuditVerifier()
        var flips = 0
        for (index, line) in lines.enumerated() {
            for position in line.indices {
                var changed = line
                // Another bit in each place, so that digits become digits, and letters change their case.
                changed[position] ^= 1 << UInt8(position % 8)
                let seq = firstBad(changed, next: index + 1 < lines.count ? lines[index + 1] : [], verifier)
                #expect(seq == Int64(index + 1), "byte \(position) of record \(index + 1)")
                flips += 1
            }
            try verifier.check(line.dropLast())
        }
        #expect(flips == lines.joined().count)
    }

    /// The record that a verifier standing before a line finds bad in it and the next one.
    private func firstBad(_ changed: [UInt8], next: [UInt8], _ verifier: AuditVerifier) -> Int64? {
        var verifier = verifier
        for line in (changed + next).split(separator: 0x0A, omittingEmptySubsequences: false) where !line.isEmpty {
            do throws(AuditFault) {
                try verifier.check(line)
            } catch {
                // The very first line can be so damaged that it claims no number.
                return verifier.expectedSequence(of: line) ?? 1
            }
        }
        return nil
    }

    @Test(arguments: [0, 1, 5, 49, 98])
    func `a record taken out, put in, doubled, moved or changed with its hash is found`(at index: Int) throws {
        let lines = SampleLog.lines(count: 100)
        var removed = lines
        removed.remove(at: index)
        // The rest of a log is one, if it begins after its first record; so with the end cut off. Both need a head.
        if index > 0 { #expect(try firstBad(removed) == Int64(index + 1)) }
        var doubled = lines
        doubled.insert(lines[index], at: index)
        #expect(try firstBad(doubled) == Int64(index + 2))
        var swapped = lines
        swapped.swapAt(index, index + 1)
        #expect(try firstBad(swapped) == Int64(index == 0 ? 3 : index + 1))
        var inserted = lines
        inserted.insert(Array("{}\n".utf8), at: index + 1)
        #expect(try firstBad(inserted) == Int64(index + 2))
        var rewritten = lines
        var forged = SampleLog.record(index)
        forged.caller.uid = UserID(0)
        var chain = AuditChain(after: index == 0 ? .empty : SampleLog.head(Array(lines[..<index])))
        rewritten[index] = chain.link(forged, SampleLog.stamp(Int64(index)))
        #expect(try firstBad(rewritten) == Int64(index + 2))
    }

    @Test func `a log cut at any line is told from the whole by its head alone`() throws {
        let lines = SampleLog.lines(count: 40)
        let head = SampleLog.head(lines)
        for kept in 0..<lines.count {
            let verdict = try verify(Array(lines[..<kept]), head: head)
            guard case .broken(_, _, let seq, .endsBefore(head)) = verdict else {
                Issue.record("\(kept) records were taken for the whole log: \(verdict)")
                continue
            }
            #expect(seq == Int64(kept + 1))
            guard case .intact = try verify(Array(lines[..<kept]), head: nil) else {
                Issue.record("the beginning of a log is a log")
                continue
            }
        }
    }

    @Test func `a log rewritten from some record on is told from the old one by any later head`() throws {
        let lines = SampleLog.lines(count: 40)
        var records = (0..<40).map(SampleLog.record)
        records[20].caller.uid = UserID(0)
        let forged = SampleLog.lines(records)
        guard case .intact = try verify(forged, head: nil) else {
            Issue.record("a log that was rewritten to its end is consistent in itself")
            return
        }
        for seq in 21...40 {
            let head = SampleLog.head(Array(lines[..<seq]))
            #expect(try verify(forged, head: head) == .broken(file: "log", line: seq, seq: Int64(seq), .differs(head)))
        }
        for seq in 1...20 {
            guard case .intact = try verify(forged, head: SampleLog.head(Array(lines[..<seq]))) else {
                Issue.record("record \(seq) is the same in both")
                continue
            }
        }
    }

    @Test func `a log without its beginning is intact, but not with a head of that beginning`() throws {
        let lines = SampleLog.lines(count: 10)
        let rest = Array(lines[5...])
        guard case .intact(records: 5, first: 6, let last) = try verify(rest, head: nil) else {
            Issue.record("the rest of a log is a log")
            return
        }
        #expect(last.seq == 10)
        let early = SampleLog.head(Array(lines[..<3]))
        #expect(try verify(rest, head: early) == .broken(file: "log", line: 1, seq: 6, .beginsAfter(early)))
    }

    @Test func `a first record that claims not to be the first is found`() throws {
        var lines = SampleLog.lines(count: 3)
        let text = String(decoding: lines[0].dropLast(76), as: UTF8.self)
        let moved = text.replacing("\"seq\":1,", with: "\"seq\":7,")
        lines = [Array("\(moved),\"hash\":\"\(Hex.text(of: SHA256.hash(Array(moved.utf8))))\"}\n".utf8)]
        #expect(try verify(lines, head: nil) == .broken(file: "log", line: 1, seq: 1, .wrongSequence(7)))
    }

    @Test(arguments: [1, 10, 76, 300]) func `a log without its last bytes is torn`(count: Int) throws {
        let lines = SampleLog.lines(count: 3)
        let bytes = Array(lines.joined().dropLast(count))
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("log"), bytes)
        let found = try AuditVerifier.verify([directory.path("log")])
        #expect(found == .broken(file: directory.path("log"), line: 3, seq: 3, .torn))
    }

    @Test func `a line longer than any record is found without being stored`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("log")
        try Files.write(path, [UInt8](repeating: 0x61, count: 3 << 20))
        #expect(try AuditVerifier.verify([path]) == .broken(file: path, line: 1, seq: nil, .tooLong))
        try Files.write(path, [UInt8](repeating: 0x61, count: AuditFormat.lineBytes + 1) + [0x0A])
        #expect(try AuditVerifier.verify([path]) == .broken(file: path, line: 1, seq: nil, .tooLong))
    }

    @Test func `a chain goes on across files, and a missing file is found`() throws {
        let lines = SampleLog.lines(count: 30)
        let directory = try TemporaryDirectory()
        for part in 0..<3 {
            let name = directory.path(AuditSegments.name(part + 1))
            try Files.write(name, Array(lines[part * 10..<part * 10 + 10].joined()))
        }
        try Files.write(directory.path("audit-1.jsonl"), Array("not a segment\n".utf8))
        let files = try AuditSegments.list(in: directory.path)
        #expect(files.count == 3)
        guard case .intact(records: 30, first: 1, _) = try AuditVerifier.verify(files) else {
            Issue.record("three files are one log")
            return
        }
        let found = try AuditVerifier.verify([files[0], files[2]])
        #expect(found == .broken(file: files[2], line: 1, seq: 11, .wrongSequence(21)))
    }

    @Test func `a log larger than the memory of one read is read whole`() throws {
        let lines = SampleLog.lines(count: 4000)
        let directory = try TemporaryDirectory()
        let bytes = Array(lines.joined())
        #expect(bytes.count > AuditFile.chunkBytes)
        try Files.write(directory.path("log"), bytes)
        guard case .intact(records: 4000, first: 1, let last) = try AuditVerifier.verify([directory.path("log")]) else {
            Issue.record("a long log is a log")
            return
        }
        #expect(last.offset == Int64(bytes.count))
    }

    @Test func `what comes after the head of a live log is not looked at`() throws {
        let lines = SampleLog.lines(count: 10)
        let directory = try TemporaryDirectory()
        let path = directory.path("log")
        try Files.write(path, Array(lines.joined()) + Array("{\"v\":1,\"se".utf8))
        let found = try AuditVerifier.verify([path], head: SampleLog.head(lines), live: true)
        guard case .intact(records: 10, _, _) = found else {
            Issue.record("\(found)")
            return
        }
    }

    @Test func `a missing file and a FIFO are errors, and nobody waits for them`() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: SystemError.self) { try AuditVerifier.verify([directory.path("none")]) }
        let fifo = directory.path("fifo")
        #expect(try run("mkfifo", [fifo]).status == .exited(0))
        #expect(throws: SystemError.self) { try AuditVerifier.verify([fifo]) }
    }

    private func firstBad(_ lines: [[UInt8]]) throws -> Int64? {
        guard case .broken(_, _, let seq, _) = try verify(lines, head: nil) else { return nil }
        return seq
    }

    /// The verdict on lines as a file, which is called `log` in it.
    private func verify(_ lines: [[UInt8]], head: AuditHead?) throws -> AuditVerification {
        let directory = try TemporaryDirectory()
        let path = directory.path("log")
        try Files.write(path, Array(lines.joined()))
        let found = try AuditVerifier.verify([path], head: head)
        guard case .broken(_, let line, let seq, let fault) = found else { return found }
        return .broken(file: "log", line: line, seq: seq, fault)
    }
}

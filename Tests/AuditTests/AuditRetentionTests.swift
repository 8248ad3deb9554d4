import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

@Suite(.enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct AuditRetentionTests {
    private static let day: Int64 = 86_400

    /// A log of so many segments, a day apart.
    private func makeSegments(_ count: Int, _ log: KeyedLog) throws -> AuditLog {
        let writer = try log.open { $0.segmentBytes = 3000 }
        while try AuditSegments.list(in: log.directory).count < count {
            for number in 0..<5 { try writer.note([outcome(number)]) }
            try writer.tend()
            log.clock.advance(wall: Self.day, boottime: Self.day)
        }
        try writer.note([AuditRecord(.start)])
        return writer
    }

    private func names(_ log: KeyedLog) throws -> [String] {
        try AuditSegments.list(in: log.directory).map { Files.name(of: $0) }
    }

    @Test func `segments go when they are old, on record, and the verifier says from where the log begins`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try makeSegments(6, log).close([])
        let all = try names(log)
        let writer = try log.open { $0.keepSeconds = 3 * Self.day + 10 }
        try writer.note([AuditRecord(.start)])
        let first = try #require(try records(in: log.directory).first { $0.record.type == .continue })
        try writer.removeOld { writer.head }
        let left = try names(log)
        #expect(left.count < all.count && left.count > 2)
        #expect(left == Array(all.suffix(left.count)))
        let told = try records(in: log.directory).filter { $0.record.type == .checkpoint }
        #expect(told.count == all.count - left.count)
        #expect(told[0].record.params?.contains("removed=\(all[0]) ") == true)
        #expect(told[0].record.params?.hasSuffix("last=\(first.seq - 1):\(first.prev)") == true)
        #expect(log.directory.isEmpty == false)
        let report = try AuditReport.of(try AuditSegments.list(in: log.directory), head: writer.head, whole: true)
        #expect(report.fault == nil)
        #expect(report.beginning == .removed(toldBy: try #require(told.last?.seq)))
        // It is looked at once an hour, and then nothing more is old.
        try writer.removeOld { writer.head }
        #expect(try names(log) == left)
        // A start without a checkpoint reads what is left.
        var count = 0
        try AuditReader(try AuditSegments.list(in: log.directory)).replay(after: nil) { _ in count += 1 }
        #expect(count == Int(report.unsealed))
    }

    @Test func `segments go for want of room, oldest first`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try makeSegments(6, log).close([])
        let all = try names(log)
        let writer = try log.open { $0.keepBytes = 9000 }
        try writer.note([AuditRecord(.start)])
        try writer.removeOld { writer.head }
        let left = try names(log)
        #expect(left.count < all.count && left == Array(all.suffix(left.count)))
        #expect(try AuditReport.of(try AuditSegments.list(in: log.directory), whole: true).fault == nil)
    }

    @Test func `nothing goes that a start would read, that no seal covers, or that the clock may be wrong about`()
        throws
    {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        var writer = try makeSegments(4, log)
        let all = try names(log)
        let second = try #require(try records(in: log.directory).first { $0.record.type == .rotate })
        let early = AuditHead(seq: second.seq, hash: second.hash, segment: all[0], offset: 0)
        try writer.close([])
        func reopen() throws {
            try writer.close([])
            writer = try log.open { $0.keepSeconds = 1 }
            try writer.note([AuditRecord(.start)])
        }
        writer = try log.open { $0.keepSeconds = 1 }
        try writer.note([AuditRecord(.start)])
        // Without a checkpoint, with an empty one, and with one that is in the first segment.
        try writer.removeOld { nil }
        try reopen()
        try writer.removeOld { .empty }
        try reopen()
        try writer.removeOld { early }
        #expect(try names(log) == all)
        // A wall clock that was just set proves nothing.
        try reopen()
        log.clock.advance(wall: 3650 * Self.day, boottime: 1)
        try writer.tend()
        try writer.removeOld { writer.head }
        // The segment that is so old now was followed by another one.
        #expect(try Array(names(log).prefix(all.count)) == all)
        log.clock.advance(wall: 3601, boottime: 3601)
        try writer.note([outcome(1)])
        try writer.removeOld { writer.head }
        #expect(try !names(log).contains(all[0]))
        try writer.close([])
        #expect(try log.report().fault == nil)
    }

    @Test func `what was written after the key was lost is kept`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        try Files.remove(log.keyFile)
        try makeSegments(4, log).close([])
        let all = try names(log)
        let writer = try log.open { $0.keepSeconds = 1 }
        try writer.note([AuditRecord(.start)])
        try writer.removeOld { writer.head }
        #expect(try names(log) == all)
    }

    @Test func `a segment that somebody else removed is missed`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try makeSegments(3, log).close([])
        let files = try AuditSegments.list(in: log.directory)
        try Files.remove(files[0])
        let report = try AuditReport.of(Array(files[1...]), whole: true)
        guard case .beginningGone? = report.fault else {
            Issue.record("\(report)")
            return
        }
        #expect(try AuditReport.of(Array(files[1...])).beginning == .unexplained)
        #expect(throws: AuditReplayError.self) { try AuditReader(Array(files[1...])).replay(after: nil) { _ in } }
    }
}

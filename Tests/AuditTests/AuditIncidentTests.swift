import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// What somebody does to the log's file behind the broker's back.
private enum Meddling: String, CaseIterable, CustomTestStringConvertible {
    case remove, rename, truncate, empty, append, chmod, link, replaceByLink, replaceByFile

    var testDescription: String { rawValue }

    /// Whether the directory still holds all records.
    var losesNothing: Bool { [.chmod, .link].contains(self) }

    func meddle(with path: String) throws {
        switch self {
        case .remove: try Files.remove(path)
        case .rename: try Files.rename(path, to: path + ".1")
        case .truncate:
            let bytes = try Files.read(path)
            try Files.write(path, Array(bytes.dropLast(20)))
        case .empty: try Files.write(path, [])
        case .append:
            let file = try Files.open(path, .append)
            try file.write(Array("{}\n".utf8))
        case .chmod: try Files.setMode(path, 0)
        case .link: try Files.link(path, at: path + ".link")
        case .replaceByLink:
            try Files.rename(path, to: path + ".1")
            try Files.symlink(to: path + ".1", at: path)
        case .replaceByFile:
            let bytes = try Files.read(path)
            try Files.remove(path)
            try Files.write(path, bytes)
        }
    }
}

/// What may stand in the place of a segment when the broker starts.
private enum Impostor: String, CaseIterable, CustomTestStringConvertible {
    case symlink, hardlink, fifo, directory, foreignOwner, groupWritable

    var testDescription: String { rawValue }

    func make(at path: String) throws {
        let other = path + ".other"
        switch self {
        case .symlink:
            try Files.write(other, [], mode: 0o640)
            try Files.symlink(to: other, at: path)
        case .hardlink:
            try Files.write(other, [], mode: 0o640)
            try Files.link(other, at: path)
        case .fifo: _ = try run("mkfifo", ["-m", "600", path])
        case .directory: try Files.makeDirectory(path)
        case .foreignOwner:
            try Files.write(path, [], mode: 0o640)
            try Files.setOwner(path, UserID(1000), GroupID(1000))
        case .groupWritable:
            try Files.write(path, [])
            try Files.setMode(path, 0o660)
        }
    }
}

@Suite(.enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct AuditIncidentTests {
    @Test(arguments: Meddling.allCases)
    private func `meddling is noticed at the next write, which goes into a new segment`(meddling: Meddling) throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        try log.note([outcome(1)])
        let before = log.head
        let first = directory.path(before.segment)
        try meddling.meddle(with: first)
        let receipt = try log.intend([intent(2)])
        try log.conclude(receipt, [outcome(2)])
        #expect(log.head.segment.utf8.elementsEqual(AuditSegments.name(2).utf8))
        #expect(log.health == .writable)
        let second = directory.path(log.head.segment)
        var entries: [AuditEntry] = []
        _ = try AuditReader([second]).read(AuditFilter()) { entry, _ in
            entries.append(entry)
            return true
        }
        #expect(entries.map(\.record.type) == [.continue, .health, .intent, .outcome])
        #expect(entries[0].prev.utf8.elementsEqual(before.hash.utf8))
        #expect(entries[0].record.params == "previous=\(before.segment)")
        #expect(entries[1].record.reason?.hasPrefix("\(before.segment) ") == true)
        if meddling.losesNothing { #expect(try isIntact(directory.path, head: log.head)) }
    }

    @Test func `records that were cut away while the broker ran are missed by the verifier`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let kept = log.head
        try log.note([outcome(1)])
        let path = directory.path(kept.segment)
        try Files.write(path, Array(try Files.read(path)[..<Int(kept.offset)]))
        try log.note([outcome(2)])
        let found = try AuditVerifier.verify(try AuditSegments.list(in: directory.path))
        #expect(found == .broken(file: directory.path(log.head.segment), line: 1, seq: 2, .wrongSequence(3)))
    }

    @Test(arguments: Impostor.allCases)
    private func `a segment that is not a plain file of root's is refused at start`(impostor: Impostor) throws {
        let directory = try TemporaryDirectory()
        try impostor.make(at: directory.path(AuditSegments.name(3)))
        do throws(AuditUnavailable) {
            _ = try AuditLog(directory.path, clock: TestClock().clock())
            Issue.record("the log was opened")
        } catch {
            guard case .unsafePath(let unsafe) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(unsafe.component.hasSuffix(AuditSegments.name(3)))
            #expect(!error.reason.contains("/"))
        }
    }

    @Test(arguments: Impostor.allCases)
    private func `what stands where the next segment should go is left alone`(impostor: Impostor) throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let planted = directory.path(AuditSegments.name(2))
        try impostor.make(at: planted)
        let attributes = try Files.attributes(planted)
        try Files.remove(directory.path(log.head.segment))
        try log.note([outcome(1)])
        #expect(log.head.segment.utf8.elementsEqual(AuditSegments.name(3).utf8))
        #expect(try Files.attributes(planted) == attributes)
    }

    @Test func `a directory that others may write is refused`() throws {
        let directory = try TemporaryDirectory()
        try Files.setMode(directory.path, 0o775)
        #expect(throws: AuditUnavailable.self) { _ = try AuditLog(directory.path, clock: TestClock().clock()) }
        try Files.setMode(directory.path, 0o755)
        #expect(throws: AuditUnavailable.self) {
            _ = try AuditLog(directory.path("none"), clock: TestClock().clock())
        }
    }

    @Test func `a directory that vanishes is unwritable, and the records come when it is back`() throws {
        let directory = try TemporaryDirectory()
        let home = directory.path("log")
        try Files.makeDirectory(home)
        let log = try AuditLog(home, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let receipt = try log.intend([intent(1)])
        try Files.rename(home, to: directory.path("away"))
        #expect(throws: AuditUnavailable.self) { _ = try log.intend([intent(2)]).records }
        do {
            try log.conclude(receipt, [outcome(1)])
            Issue.record("the outcome was written into nothing")
        } catch {
            #expect(error.reason == "the audit log's file cannot be trusted")
        }
        #expect(throws: AuditUnavailable.self) { try log.note([AuditRecord(.leaseEnd)]) }
        guard case .unwritable = log.health else {
            Issue.record("\(log.health)")
            return
        }
        try Files.rename(directory.path("away"), to: home)
        _ = try log.intend([intent(3)]).records
        #expect(log.health == .writable)
        let types = try records(in: home).map(\.record.type)
        #expect(types.filter { $0 != .health && $0 != .continue } == [.start, .intent, .outcome, .leaseEnd, .intent])
        #expect(types.count { $0 == .health } >= 2)
        #expect(try isIntact(home, head: log.head))
    }

    @Test func `denials are written once and then counted, exactly`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        for number in 0..<10_000 {
            var denial = AuditRecord(.denied)
            denial.caller.uid = UserID(UInt32(number % 3))
            denial.method = number % 2 == 0 ? "Request" : "Renew"
            denial.error = "NotAuthorized"
            // What the client wrote must not make a denial a new one.
            denial.params = "text \(number)"
            log.deny(denial)
        }
        #expect(try records(in: directory.path).count == 6)
        try log.flushDenials()
        try log.flushDenials()
        log.deny(AuditRecord(.denied))
        log.deny(AuditRecord(.denied))
        try log.close([AuditRecord(.stop)])
        let entries = try records(in: directory.path)
        #expect(entries.count == 6 + 6 + 1 + 1 + 1)
        let denied = entries.filter { $0.record.type == .denied }
        #expect(denied.reduce(0) { $0 + ($1.record.count ?? 1) } == 10_002)
        for uid in 0..<3 {
            let ofUser = denied.filter { $0.record.caller.uid == UserID(UInt32(uid)) }
            #expect(ofUser.reduce(0) { $0 + ($1.record.count ?? 1) } == (uid == 0 ? 3334 : 3333))
        }
        #expect(try isIntact(directory.path, head: log.head))
    }

    @Test func `more kinds of denial than the table holds are still counted`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        for uid in 0..<5000 {
            var denial = AuditRecord(.denied)
            denial.caller.uid = UserID(UInt32(uid))
            log.deny(denial)
        }
        try log.close([])
        let denied = try records(in: directory.path)
        #expect(denied.reduce(0) { $0 + ($1.record.count ?? 1) } == 5000)
        #expect(denied.count < 4200)
    }
}

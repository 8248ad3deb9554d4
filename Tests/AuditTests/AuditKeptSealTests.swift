import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// What is left of a sealed log when its beginning was removed, and whoever pretends that it was.
@Suite("The seals of what was removed", .enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct AuditKeptSealTests {
    private static let day: Int64 = 86_400

    /// A sealed log of six segments, a day apart, of which the oldest were removed.
    private func shortened(in home: String) throws -> KeyedLog {
        let log = try KeyedLog(in: home)
        try log.makeKey()
        let writer = try log.open { $0.segmentBytes = 3000 }
        while try AuditSegments.list(in: log.directory).count < 6 {
            for number in 0..<5 { try writer.note([outcome(number)]) }
            try writer.tend()
            log.clock.advance(wall: Self.day, boottime: Self.day)
        }
        try writer.close([])
        let all = try AuditSegments.list(in: log.directory)
        let pruner = try log.open { $0.keepSeconds = 3 * Self.day + 10 }
        try pruner.note([AuditRecord(.start)])
        try pruner.removeOld { pruner.head }
        try pruner.close([])
        #expect(try AuditSegments.list(in: log.directory).count < all.count)
        return log
    }

    private func kept(_ log: KeyedLog) -> String { AuditKeptSeals.path(in: log.directory) }

    @Test func `they stay, and those of the log go on from them`() throws {
        let home = try TemporaryDirectory()
        let log = try shortened(in: home.path)
        let report = try log.report()
        #expect(report.fault == nil)
        guard case .removed = report.beginning else {
            Issue.record("\(report)")
            return
        }
        let lines = try Files.read(kept(log)).split(separator: 0x0A)
        let epochs = try lines.compactMap { try AuditSeal.read($0)?.epoch }
        #expect(!epochs.isEmpty && epochs == Array(0..<Int64(epochs.count)))
        #expect(report.firstEpoch == 0 && report.seals == report.keyedSeals && report.seals > Int64(epochs.count))
        #expect(try Files.attributes(kept(log)).mode == 0o640)
        // A crash between this and the removal has them put there once all the same, and half a line mended.
        let before = try Files.read(kept(log))
        let last = try #require(lines.last)
        let segment = "\(home.path)/segment"
        try Files.write(segment, before)
        for rest in [before, Array(before.dropLast(last.count - 10))] {
            try Files.remove(kept(log))
            try Files.write(kept(log), rest, mode: 0o640)
            #expect(try (log.report().fault == nil) == (rest == before))
            try AuditKeptSeals.keep(sealsOf: [segment], in: log.directory)
            #expect(try Files.read(kept(log)) == before)
        }
    }

    @Test func `nothing is removed where they cannot be kept, nor is anything written behind damage`() throws {
        let home = try TemporaryDirectory()
        let log = try shortened(in: home.path)
        let damaged = try Files.read(kept(log)) + Array("no seal\n".utf8)
        try Files.remove(kept(log))
        try Files.write(kept(log), damaged, mode: 0o640)
        let segments = try AuditSegments.list(in: log.directory)
        let pruner = try log.open { $0.keepBytes = 1 }
        try pruner.note([AuditRecord(.start)])
        #expect(throws: AuditUnavailable.self) { try pruner.removeOld { pruner.head } }
        try pruner.close([])
        #expect(try AuditSegments.list(in: log.directory).starts(with: segments))
        #expect(try Files.read(kept(log)) == damaged)
        #expect(try log.reasons().contains { $0.contains("seals cannot be kept") })
    }

    @Test func `a log that begins later is not whole without them, with one less, or with one changed`() throws {
        let home = try TemporaryDirectory()
        let log = try shortened(in: home.path)
        let bytes = try Files.read(kept(log))
        let lines = bytes.split(separator: 0x0A).map { Array($0) + [0x0A] }
        try #require(lines.count > 1)
        try Files.remove(kept(log))
        guard case .sealsGone? = try log.report().fault else {
            Issue.record("their loss is not seen")
            return
        }
        for missing in lines.indices {
            try Files.write(kept(log), Array((lines[..<missing] + lines[(missing + 1)...]).joined()))
            #expect(try log.report().fault != nil, "\(missing)")
        }
        try Files.write(kept(log), Array(lines.reversed().joined()))
        #expect(try log.report().fault != nil)
        for index in bytes.indices where bytes[index] != 0x0A {
            var changed = bytes
            changed[index] ^= 1
            try Files.write(kept(log), changed)
            #expect(try log.report().fault != nil, "byte \(index)")
        }
    }

    /// The thief has the running epoch's key, and all that lies on the disk.
    @Test func `who has stolen a key cannot have the log begin with its epoch`() throws {
        let home = try TemporaryDirectory()
        let log = try shortened(in: home.path)
        let stolen = try #require(AuditKey(try Files.read(log.keyFile).dropLast()))
        let seals = try allSeals(of: log)
        let lastSeal = try #require(seals.last.flatMap { AuditLine($0[...]) }).seq
        for first in [2, lastSeal - 3, lastSeal] as [Int64] {
            for known in [[], Array(seals.prefix(1)), try before(first, seals), seals] as [[[UInt8]]] {
                let forged = try forge(from: first, stolen)
                try replace(log, with: forged, known)
                #expect(try log.report().fault != nil, "from \(first) with \(known.count) seals")
            }
        }
        // He can remove what was sealed, on record; what he cannot is to write it anew.
        try replace(log, with: try forge(from: lastSeal + 1, stolen), seals)
        let report = try log.report()
        #expect(report.fault == nil)
        guard case .removed = report.beginning else {
            Issue.record("\(report)")
            return
        }
    }

    private func before(_ first: Int64, _ seals: [[UInt8]]) throws -> [[UInt8]] {
        seals.filter { AuditLine($0[...]).map { $0.seq < first } ?? false }
    }

    private func allSeals(of log: KeyedLog) throws -> [[UInt8]] {
        var seals: [[UInt8]] = []
        for file in [kept(log)] + (try AuditSegments.list(in: log.directory)) {
            for line in try Files.read(file).split(separator: 0x0A) where try AuditSeal.read(line) != nil {
                seals.append(Array(line))
            }
        }
        return seals
    }

    /// A log that begins with a number, says why, and is sealed with what was stolen.
    private func forge(from first: Int64, _ key: AuditKey) throws -> [[UInt8]] {
        let before = AuditHead(seq: first - 1, hash: String(repeating: "ab", count: 32), segment: "", offset: 0)
        var told = AuditRecord(.checkpoint)
        told.params = AuditRetention.last(before.seq, before.hash)
        let records = (0..<4).map { SealedLog.Element.record(SampleLog.record($0)) }
        return SealedLog.lines(records + [.record(told), .seal(key.epoch, key)], after: before)
    }

    private func replace(_ log: KeyedLog, with lines: [[UInt8]], _ seals: [[UInt8]]) throws {
        for file in try AuditSegments.list(in: log.directory) { try Files.remove(file) }
        try Files.write("\(log.directory)/audit-00000009.jsonl", Array(lines.joined()))
        if Files.exists(kept(log)) { try Files.remove(kept(log)) }
        if !seals.isEmpty { try Files.write(kept(log), Array(seals.map { $0 + [0x0A] }.joined())) }
    }
}

import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// Closed segments say between which times their records lie, and those are all that is read of them.
struct AuditSkipTests {
    /// Three segments of a hundred records, a second apart; the first two are closed.
    private struct Log: ~Copyable {
        let directory: TemporaryDirectory
        let files: [String]

        init(closing: (_ earliest: String, _ latest: String) -> String = { "earliest=\($0) latest=\($1)" }) throws {
            let directory = try TemporaryDirectory()
            var files: [String] = []
            for number in 1...3 { files.append(directory.path(AuditSegments.name(number))) }
            var chain = AuditChain(after: .empty)
            for (number, path) in files.enumerated() {
                var bytes: [UInt8] = []
                let first = Int64(number * 100)
                for second in first..<first + 100 {
                    bytes += chain.link(SampleLog.record(Int(second)), SampleLog.stamp(second))
                }
                if number < 2 {
                    var record = AuditRecord(.rotate)
                    let times = [first, first + 99].map { AuditFormat.time(SampleLog.stamp($0).time) }
                    record.params = "next=\(AuditSegments.name(number + 2)) " + closing(times[0], times[1])
                    bytes += chain.link(record, SampleLog.stamp(first + 99))
                }
                try Files.write(path, bytes)
            }
            self.directory = directory
            self.files = files
        }

        /// Writes garbage over the first lines of a segment, which then cannot be read unseen.
        func spoil(_ number: Int) throws {
            var bytes = try Files.read(files[number])
            for position in 0..<1000 where bytes[position] != 0x0A { bytes[position] = UInt8(ascii: "x") }
            try Files.write(files[number], bytes)
        }

        /// Which segments are looked at, by the garbage that is met.
        func looked(since: Int64?, until: Int64?) throws -> [Bool] {
            var filter = AuditFilter()
            filter.since = since.map(AuditSkipTests.moment)
            filter.until = until.map(AuditSkipTests.moment)
            return try files.map { try AuditReader([$0]).read(filter) { _, _ in true }.badLines > 0 }
        }
    }

    /// As the log has it, to the microsecond.
    fileprivate static func moment(_ second: Int64) -> Timestamp {
        Timestamp(nanosecondsSinceEpoch: SampleLog.stamp(second).time.nanosecondsSinceEpoch / 1000 * 1000)
    }

    @Test(
        arguments: [
            (nil, nil, [true, true, true]), (50, nil, [true, true, true]), (99, nil, [true, true, true]),
            (100, nil, [false, true, true]), (150, nil, [false, true, true]), (200, nil, [false, false, true]),
            (nil, 0, [false, false, true]), (nil, 1, [true, false, true]), (nil, 100, [true, false, true]),
            (nil, 101, [true, true, true]), (120, 130, [false, true, true]), (500, nil, [false, false, true]),
        ] as [(Int64?, Int64?, [Bool])])
    func `a closed segment outside the times is not read`(since: Int64?, until: Int64?, expected: [Bool]) throws {
        let log = try Log()
        for number in 0..<3 { try log.spoil(number) }
        // A line without a time may be of any; so what is skipped is not read at all.
        #expect(try log.looked(since: since, until: until) == expected)
    }

    @Test(arguments: [0, 1, 99, 100, 101, 199, 200, 250, 299])
    func `nothing in the times is missed`(second: Int64) throws {
        let log = try Log()
        var filter = AuditFilter()
        filter.since = Self.moment(second)
        filter.until = Self.moment(second + 10)
        filter.types = [.intent, .outcome, .denied, .leaseEnd]
        var found: [Int64] = []
        _ = try AuditReader(log.files).read(filter) { entry, _ in
            found.append(entry.stamp.monotonicNs / 1_000_000_000)
            return true
        }
        #expect(found == (second..<min(second + 10, 300)).map { $0 })
    }

    @Test(arguments: [
        "", "earliest=2026-01-01T00:00:00.000000Z", "latest=2026-01-01T00:00:00.000000Z", "earliest=now latest=now",
        "earliest=2026-01-01T00:00:00Z latest=2026-01-01T00:00:00Z latest=2026-01-02T00:00:00Z",
    ])
    func `a closing record that does not say both times closes nothing`(params: String) throws {
        let log = try Log { _, _ in params }
        for number in 0..<3 { try log.spoil(number) }
        #expect(try log.looked(since: 250, until: nil) == [true, true, true])
    }

    @Test func `a closing record whose bytes were changed closes nothing`() throws {
        let log = try Log()
        try log.spoil(0)
        var bytes = try Files.read(log.files[0])
        let position = bytes.count - 200
        bytes[position] = bytes[position] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
        try Files.write(log.files[0], bytes)
        #expect(try log.looked(since: 250, until: nil)[0])
    }

    @Test func `a segment that goes on after its closing record is read`() throws {
        let log = try Log()
        try log.spoil(0)
        let more = SampleLog.lines([AuditRecord(.health)])
        try Files.write(log.files[0], try Files.read(log.files[0]) + more[0])
        #expect(try log.looked(since: 250, until: nil)[0])
    }

    @Test func `only what lies before a head is read, and the next pass goes on behind it`() throws {
        let log = try Log()
        let second = try Files.read(log.files[1])
        let lines = second.split(separator: 0x0A).map { Array($0) + [0x0A] }
        let offset = Int64(lines[..<40].joined().count)
        let head = AuditHead(
            seq: 141, hash: AuditFormat.genesis, segment: AuditSegments.name(2), offset: offset)
        var found: [Int64] = []
        let reader = AuditReader(log.files)
        let pass = try reader.read(AuditFilter(), upTo: head) { entry, _ in
            found.append(entry.seq)
            return true
        }
        #expect(pass.isAtEnd)
        #expect(found == (1...141).map { $0 })
        _ = try reader.read(AuditFilter(), from: pass.place) { entry, _ in
            found.append(entry.seq)
            return true
        }
        #expect(found == (1...302).map { $0 })
        #expect(AuditReader.Place(after: head, in: log.directory.path) == pass.place)
    }

    @Test func `half a line is not taken for the log's end, but read when it is whole`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path(AuditSegments.name(1))
        let lines = SampleLog.lines(count: 3)
        var written = lines[0] + lines[1].prefix(100)
        try Files.write(path, written)
        var found: [Int64] = []
        func pass(from place: AuditReader.Place) throws -> AuditReader.Place {
            try AuditReader(liveIn: directory.path).read(AuditFilter(), from: place) { entry, _ in
                found.append(entry.seq)
                return true
            }.place
        }
        var place = try pass(from: AuditReader.Place())
        place = try pass(from: place)
        #expect(found == [1])
        written += lines[1].dropFirst(100)
        try Files.write(path, written)
        place = try pass(from: place)
        try Files.write(directory.path(AuditSegments.name(2)), lines[2])
        _ = try pass(from: place)
        #expect(found == [1, 2, 3])
    }

    @Test func `where old segments were removed meanwhile, reading goes on with what is left`() throws {
        let log = try Log()
        var found: [Int64] = []
        let first = try AuditReader(liveIn: log.directory.path).read(AuditFilter(), atMost: 1) { entry, _ in
            found.append(entry.seq)
            return found.count < 5
        }
        try Files.remove(log.files[0])
        let second = try AuditReader(liveIn: log.directory.path).read(AuditFilter(), from: first.place) { entry, _ in
            found.append(entry.seq)
            return true
        }
        #expect(second.isAtEnd)
        #expect(found == (1...5).map { $0 } + (102...302).map { $0 })
    }

    @Test func `a file that was named and is missing is an error`() throws {
        let log = try Log()
        let files = log.files
        try Files.remove(files[1])
        #expect(throws: SystemError.self) { try AuditReader(files).read(AuditFilter()) { _, _ in true } }
    }
}

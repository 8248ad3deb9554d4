import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// A filter with the test that it stands for, in plain words.
private struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let filter: AuditFilter
    let expected: @Sendable (AuditEntry) -> Bool

    init(
        _ name: String, _ change: (inout AuditFilter) -> Void, _ expected: @escaping @Sendable (AuditEntry) -> Bool
    ) {
        var filter = AuditFilter()
        change(&filter)
        testDescription = name
        self.filter = filter
        self.expected = expected
    }
}

/// Each in its own statement: one array literal takes the type checker too long.
private let cases: [Case] = {
    var cases: [Case] = []
    cases.append(Case("everything", { _ in }, { _ in true }))
    cases.append(Case("uid", { $0.user = .init("1003") }, { $0.record.caller.uid == UserID(1003) }))
    cases.append(Case("uid that is the beginning of others", { $0.user = .init("100") }, { _ in false }))
    cases.append(
        Case("uid of another's act", { $0.user = .id(UserID(77)) }, { $0.record.caller.onBehalfOf == UserID(77) }))
    cases.append(Case("user", { $0.user = .init("carol") }, { $0.record.caller.user == "carol" }))
    cases.append(Case("user acted for", { $0.user = .init("somebody") }, { $0.seq == 18 }))
    cases.append(Case("beginning of a user", { $0.user = .init("caro") }, { _ in false }))
    cases.append(
        Case("user with a quote", { $0.user = .init("o\"neil\u{E9}") }, { $0.record.caller.user == "o\"neil\u{E9}" }))
    cases.append(Case("type", { $0.types = [.denied] }, { $0.record.type == .denied }))
    cases.append(
        Case(
            "types", { $0.types = [.denied, .leaseEnd] }, { [.denied, .leaseEnd].contains($0.record.type) }))
    cases.append(Case("method", { $0.method = "Renew" }, { $0.record.method == "Renew" }))
    cases.append(Case("result", { $0.result = .ok }, { $0.record.result == .ok }))
    cases.append(
        Case("gpu", { $0.gpus = SampleLog.gpu.map { [$0.description] } ?? [] }, { $0.record.gpu == SampleLog.gpu }))
    cases.append(
        Case(
            "beginning of a gpu", { $0.gpus = ["GPU-0000"] }, { $0.record.gpu != nil && $0.record.gpu != SampleLog.gpu }
        ))
    cases.append(Case("middle of a gpu", { $0.gpus = ["1111"] }, { _ in false }))
    cases.append(
        Case(
            "operation", { $0.operation = SampleLog.operation(20)?.description },
            { $0.record.op == SampleLog.operation(20) }))
    cases.append(Case("lease", { $0.lease = "1f2021" }, { $0.record.lease?.description.hasPrefix("1f2021") ?? false }))
    cases.append(
        Case("whole lease", { $0.lease = SampleLog.lease7 }, { $0.record.lease?.description == SampleLog.lease7 }))
    cases.append(Case("profile", { $0.profile = "3g.20gb" }, { $0.record.profile == "3g.20gb" }))
    cases.append(Case("beginning of a profile", { $0.profile = "3g" }, { _ in false }))
    cases.append(Case("group alone", { $0.group = GroupID(7) }, { $0.record.caller.groups == [GroupID(7)] }))
    cases.append(Case("group, the first of three", { $0.group = GroupID(9001) }, { $0.seq == 21 }))
    cases.append(Case("group in the middle", { $0.group = GroupID(9002) }, { $0.seq == 21 }))
    cases.append(Case("group, the last of three", { $0.group = GroupID(9003) }, { $0.seq == 21 }))
    cases.append(Case("group that is the beginning of another", { $0.group = GroupID(900) }, { _ in false }))
    cases.append(Case("primary group", { $0.group = GroupID(9009) }, { $0.seq == 22 }))
    cases.append(
        Case(
            "user and group",
            {
                $0.user = .init("carol")
                $0.group = GroupID(12)
            }, { $0.record.caller.user == "carol" && $0.record.caller.groups == [GroupID(12)] }))
    cases.append(
        Case(
            "since", { $0.since = SampleLog.stamp(150).time }, { $0.seq > 151 }))
    cases.append(Case("until", { $0.until = Timestamp(secondsSinceEpoch: 1_795_000_020) }, { $0.seq <= 20 }))
    cases.append(
        Case(
            "a second of a user",
            {
                $0.since = Timestamp(secondsSinceEpoch: 1_795_000_100)
                $0.until = Timestamp(secondsSinceEpoch: 1_795_000_150)
                $0.user = .init("alice")
            }, { $0.record.caller.user == "alice" && $0.seq > 100 && $0.seq <= 150 }))
    return cases
}()

struct AuditReaderTests {
    private static let lines: [[UInt8]] = {
        var records = (0..<200).map(SampleLog.record)
        records[17].caller.onBehalfOf = UserID(77)
        records[17].caller.onBehalfOfUser = "somebody"
        records[18].caller.user = "o\"neil\u{E9}"
        records[20].caller.groups = [9001, 9002, 9003].map { GroupID($0) }
        records[21].caller.gid = GroupID(9009)
        for number in 30..<40 { records[number].profile = number % 2 == 0 ? "3g.20gb" : "1g.5gb" }
        // Text of a client that looks like what the filters look for.
        records[19].params = "\"uid\":1003,\"user\":\"carol\",\"type\":\"denied\",\"time\":\"2099,9001,"
        return SampleLog.lines(records)
    }()

    private static let entries = Result { try lines.map { try AuditEntry(line: Array($0.dropLast())) } }

    @Test(arguments: cases)
    private func `a filter lets exactly its records pass`(test: Case) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("log")
        try Files.write(path, Array(Self.lines.joined()))
        let all = try Self.entries.get()
        var found: [AuditEntry] = []
        let summary = try AuditReader([path]).read(test.filter) { entry, line in
            #expect(line == Self.lines[Int(entry.seq) - 1].dropLast())
            found.append(entry)
            return true
        }
        let expected = all.filter(test.expected)
        #expect(found == expected)
        #expect(summary.matches == expected.count)
        #expect(summary.badLines == 0)
        // The bytes alone never put aside what the filter lets pass.
        #expect(all.filter(test.filter.matches) == expected)
    }

    @Test func `a record is found though the clock had gone back before it`() throws {
        var chain = AuditChain(after: .empty)
        let seconds: [Int64] = [100, 200, 50, 120, 10]
        let lines = seconds.map { chain.link(AuditRecord(.health), SampleLog.stamp($0)) }
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("log"), Array(lines.joined()))
        var filter = AuditFilter()
        filter.since = Timestamp(secondsSinceEpoch: 1_795_000_050)
        filter.until = Timestamp(secondsSinceEpoch: 1_795_000_130)
        var found: [Int64] = []
        _ = try AuditReader([directory.path("log")]).read(filter) { entry, _ in
            found.append(entry.seq)
            return true
        }
        #expect(found == [1, 3, 4])
    }

    @Test func `reading ends when the reader has enough`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("log"), Array(Self.lines.joined()))
        var count = 0
        let summary = try AuditReader([directory.path("log")]).read(AuditFilter()) { _, _ in
            count += 1
            return count < 3
        }
        #expect(summary.matches == 3)
    }

    @Test(arguments: [1, 3, 7, 10_000])
    func `a log read in parts is read whole, and each record once`(size: Int) throws {
        let directory = try TemporaryDirectory()
        let half = Self.lines.count / 2
        let files = ["1", "2"].map { directory.path($0) }
        try Files.write(files[0], Array(Self.lines[..<half].joined()))
        try Files.write(files[1], Array(Self.lines[half...].joined()) + Array("{\"v\":1,\"torn".utf8))
        var found: [Int64] = []
        var next: AuditReader.Place? = AuditReader.Place()
        while let place = next {
            var count = 0
            // A part ends after so many records, or with what is read at once.
            next = try AuditReader(files).read(AuditFilter(), from: place, atMost: 1) { entry, _ in
                found.append(entry.seq)
                count += 1
                return count < size
            }.next
        }
        #expect(found == Self.lines.indices.map { Int64($0) + 1 })
    }

    @Test func `bad lines are counted and placed, and those around them are shown`() throws {
        var lines = Array(Self.lines[..<10])
        lines[4] = Array("garbage\n".utf8)
        lines[7] = [UInt8](repeating: 0xFF, count: 2 << 20) + [0x0A]
        let directory = try TemporaryDirectory()
        let path = directory.path("log")
        try Files.write(path, Array(lines.joined()) + Array("{\"v\":1,\"torn".utf8))
        let summary = try AuditReader([path]).read(AuditFilter()) { _, _ in true }
        #expect(summary.matches == 8)
        // The torn one is the third: nobody writes the rest of it any more.
        #expect(summary.badLines == 3)
        #expect(summary.firstBadLine == .init(file: path, offset: Int64(lines[..<4].joined().count)))
    }

    @Test func `half a line at the end is damage in a file, and in a live log still to come`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path(AuditSegments.name(1))
        for torn in ["{", String(repeating: "x", count: 4000)] {
            try Files.write(path, Array(Self.lines[..<5].joined()) + Array(torn.utf8))
            let inFile = try AuditReader([path]).read(AuditFilter()) { _, _ in true }
            #expect(inFile.matches == 5 && inFile.badLines == 1)
            #expect(inFile.firstBadLine?.offset == Int64(Self.lines[..<5].joined().count))
            let live = try AuditReader(liveIn: directory.path).read(AuditFilter()) { _, _ in true }
            #expect(live.matches == 5 && live.badLines == 0)
        }
    }

    @Test func `the first record and the last are found without reading the rest`() throws {
        let directory = try TemporaryDirectory()
        let files = ["1", "2", "3", "4"].map { directory.path($0) }
        #expect(try AuditReader([]).first() == nil && AuditReader([]).last() == nil)
        try Files.write(files[0], [])
        try Files.write(files[1], Array("garbage\n".utf8) + Array(Self.lines[3...].joined()))
        try Files.write(files[2], Array(Self.lines[..<150].joined()) + Array("{\"v\":1,\"torn".utf8))
        try Files.write(files[3], [])
        let log = AuditReader(files)
        #expect(try log.first()?.seq == 4)
        #expect(try log.last()?.seq == 150)
        #expect(throws: SystemError.self) { try AuditReader([directory.path("none")]).first() }
    }
}

struct AuditReplayTests {
    /// Twenty records in two files, and the heads after each.
    private struct Log: ~Copyable {
        let directory: TemporaryDirectory
        let lines = SampleLog.lines(count: 20)
        var files: [String] { [1, 2].map { directory.path(AuditSegments.name($0)) } }

        init() throws { directory = try TemporaryDirectory() }

        func write(_ lines: [[UInt8]]) throws {
            try Files.write(files[0], Array(lines[..<10].joined()))
            try Files.write(files[1], Array(lines[10...].joined()))
        }

        func head(_ seq: Int) -> AuditHead {
            let first = seq <= 10
            let offset = lines[(first ? 0 : 10)..<seq].joined().count
            return AuditHead(
                seq: Int64(seq), hash: SampleLog.head(Array(lines[..<seq])).hash,
                segment: AuditSegments.name(first ? 1 : 2), offset: Int64(offset))
        }
    }

    private func replay(_ files: [String], after head: AuditHead?) throws(AuditReplayError) -> [Int64] {
        var found: [Int64] = []
        try AuditReader(files).replay(after: head) { found.append($0.seq) }
        return found
    }

    @Test(arguments: [0, 1, 9, 10, 11, 19, 20])
    func `what comes after a checkpoint is handed over, each record once`(seq: Int) throws {
        let log = try Log()
        try log.write(log.lines)
        let rest = (1...20).map(Int64.init).filter { $0 > seq }
        let found = try replay(log.files, after: seq == 0 ? nil : log.head(seq))
        #expect(found == rest)
    }

    @Test func `a log without records is replayed as nothing`() throws {
        #expect(try replay([], after: nil) == [])
        #expect(try replay([], after: .empty) == [])
    }

    @Test(arguments: [5, 10, 15, 20])
    func `a log that was rewritten before the checkpoint is refused`(seq: Int) throws {
        let log = try Log()
        try log.write(log.lines)
        let real = log.head(seq)
        let forged = AuditHead(
            seq: real.seq, hash: String(repeating: "5", count: 64), segment: real.segment, offset: real.offset)
        let files = log.files
        #expect(throws: AuditReplayError.self) { try replay(files, after: forged) }
    }

    @Test func `a log that ends before the checkpoint is refused`() throws {
        let log = try Log()
        try log.write(log.lines)
        let head = log.head(15)
        try Files.write(log.files[1], Array(log.lines[10..<12].joined()))
        let files = log.files
        #expect(throws: AuditReplayError.headIsGone(head)) { try replay(files, after: head) }
        #expect(throws: AuditReplayError.headIsGone(head)) { try replay([files[0]], after: head) }
    }

    @Test(arguments: [3, 9, 10, 14]) func `an altered record after the checkpoint is refused`(index: Int) throws {
        let log = try Log()
        try log.write(log.lines)
        var lines = log.lines
        lines[index][60] ^= 1
        try log.write(lines)
        let (files, head) = (log.files, log.head(2))
        #expect(throws: AuditReplayError.self) { try replay(files, after: head) }
    }
}

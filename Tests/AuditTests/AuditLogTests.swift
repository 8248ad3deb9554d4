import Linux
import MIG
import Synchronization
import TestSupport
import Testing

@testable import Audit

/// The safe path rule wants every file to be root's.
let isRoot = CurrentProcess.user == .root

/// Clocks that a test sets.
final class TestClock: Sendable {
    private let times = Mutex((wall: Int64(1_795_000_000_000_000_000), boottime: Int64(1_000_000_000)))

    func advance(wall: Int64, boottime: Int64) {
        times.withLock { $0 = ($0.wall + wall * 1_000_000_000, $0.boottime + boottime * 1_000_000_000) }
    }

    func clock(boot: String = SampleLog.boot) -> AuditClock {
        AuditClock(
            boot: boot, wall: { self.times.withLock { Timestamp(nanosecondsSinceEpoch: $0.wall) } },
            boottime: { self.times.withLock { $0.boottime } })
    }
}

/// A log's records with what the verifier says of them.
func records(in directory: String) throws -> [AuditEntry] {
    var entries: [AuditEntry] = []
    _ = try AuditReader(try AuditSegments.list(in: directory)).read(AuditFilter()) { entry, _ in
        entries.append(entry)
        return true
    }
    return entries
}

func isIntact(_ directory: String, head: AuditHead? = nil) throws -> Bool {
    let found = try AuditVerifier.verify(try AuditSegments.list(in: directory), head: head)
    if case .intact = found { return true }
    return false
}

func intent(_ number: Int) -> AuditRecord {
    var record = SampleLog.record(number)
    record.type = .intent
    record.op = SampleLog.operation(number)
    return record
}

func outcome(_ number: Int) -> AuditRecord {
    var record = intent(number)
    record.type = .outcome
    record.result = .ok
    return record
}

@Suite(.enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct AuditLogTests {
    @Test func `a change is on disk as intent and outcome, in order and linked`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let receipt = try log.intend([intent(5), intent(5)])
        #expect(receipt.operation == SampleLog.operation(5))
        #expect(receipt.records == 2...3)
        try log.conclude(receipt, [outcome(5), outcome(5)])
        try log.close([AuditRecord(.stop)])
        let entries = try records(in: directory.path)
        #expect(entries.map(\.record.type) == [.start, .intent, .intent, .outcome, .outcome, .stop])
        #expect(entries.map(\.seq) == Array(1...6))
        #expect(entries[1].record == intent(5))
        #expect(try isIntact(directory.path, head: log.head))
        #expect(log.head.seq == 6)
        #expect(log.head.hash == entries[5].hash)
        let path = directory.path(log.head.segment)
        let attributes = try Files.attributes(path)
        #expect(attributes.mode == 0o640)
        #expect(attributes.size == log.head.offset)
        #expect(log.health == .writable)
    }

    @Test func `a closed log takes nothing more`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.close([AuditRecord(.stop)])
        #expect(throws: AuditUnavailable.closed) { try log.note([AuditRecord(.start)]) }
        #expect(throws: AuditUnavailable.closed) { _ = try log.intend([intent(1)]).records }
        #expect(try records(in: directory.path).count == 1)
    }

    @Test func `the next start goes on where the last one ended`() throws {
        let directory = try TemporaryDirectory()
        for start in 1...3 {
            let log = try AuditLog(directory.path, clock: TestClock().clock())
            try log.note([AuditRecord(.start)])
            #expect(log.head.seq == Int64(start))
        }
        #expect(try AuditSegments.list(in: directory.path).count == 1)
        #expect(try isIntact(directory.path))
    }

    @Test func `two writers at once are refused`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        #expect(throws: AuditUnavailable.inUse) { _ = try AuditLog(directory.path, clock: TestClock().clock()) }
        try log.note([AuditRecord(.start)])
        #expect(try records(in: directory.path).count == 1)
    }

    @Test func `records of many threads are one chain`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        let failures = Mutex(0)
        func work(_ thread: Int) throws -> Linux.Thread {
            try Thread(named: "audit-test") {
                for number in 0..<25 {
                    do throws(AuditUnavailable) {
                        let receipt = try log.intend([intent(thread * 100 + number)])
                        try log.conclude(receipt, [outcome(thread * 100 + number)])
                    } catch {
                        failures.withLock { $0 += 1 }
                    }
                }
            }
        }
        let one = try work(1)
        let two = try work(2)
        let three = try work(3)
        one.join()
        two.join()
        three.join()
        #expect(failures.withLock { $0 } == 0)
        let entries = try records(in: directory.path)
        #expect(entries.count == 150)
        for entry in entries where entry.record.type == .outcome {
            let begun = entries.first { $0.record.type == .intent && $0.record.op == entry.record.op }
            #expect(try #require(begun).seq < entry.seq)
        }
        #expect(try isIntact(directory.path, head: log.head))
    }

    @Test func `a record torn at any byte is cut off, told of, and the chain goes on`() throws {
        let whole = try TemporaryDirectory()
        let clock = TestClock()
        let log = try AuditLog(whole.path, clock: clock.clock())
        try log.note([AuditRecord(.start)])
        let kept = log.head
        try log.note([outcome(1)])
        let bytes = try Files.read(whole.path(kept.segment))
        for length in Int(kept.offset)..<bytes.count {
            let directory = try TemporaryDirectory()
            try Files.write(directory.path(kept.segment), Array(bytes[..<length]), mode: 0o640)
            let log = try AuditLog(directory.path, clock: clock.clock())
            try log.note([AuditRecord(.start)])
            let entries = try records(in: directory.path)
            try #require(try isIntact(directory.path, head: kept))
            let torn = Array(bytes[Int(kept.offset)..<length])
            if torn.isEmpty {
                #expect(entries.map(\.record.type) == [.start, .start])
            } else {
                #expect(entries.map(\.record.type) == [.start, .gap, .start])
                let hash = Hex.text(of: SHA256.hash(torn))
                let told = "segment=\(kept.segment) offset=\(kept.offset) bytes=\(torn.count) sha256=\(hash)"
                #expect(entries[1].record.params == told)
            }
        }
    }

    @Test func `a first record that is torn leaves an empty log`() throws {
        let directory = try TemporaryDirectory()
        let name = AuditSegments.name(1)
        try Files.write(directory.path(name), Array(SampleLog.lines(count: 1)[0].dropLast()), mode: 0o640)
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        #expect(try records(in: directory.path).map(\.record.type) == [.gap, .start])
        #expect(try isIntact(directory.path))
    }

    @Test(arguments: ["garbage\nmore garbage", "{}\n", String(repeating: "x", count: AuditFormat.lineBytes + 1)])
    func `damage is left as it is, and a new segment begins after it`(damage: String) throws {
        let directory = try TemporaryDirectory()
        let lines = SampleLog.lines(count: 3)
        let name = AuditSegments.name(1)
        let bytes = Array(lines.joined()) + Array(damage.utf8)
        try Files.write(directory.path(name), bytes, mode: 0o640)
        let log = try AuditLog(directory.path, clock: TestClock().clock(boot: "another"))
        try log.note([AuditRecord(.start)])
        #expect(try Files.read(directory.path(name)) == bytes)
        let entries = try records(in: directory.path)
        #expect(entries.dropFirst(3).map(\.record.type) == [.continue, .gap, .start])
        #expect(entries.map(\.seq) == Array(1...6))
        let found = try AuditVerifier.verify(try AuditSegments.list(in: directory.path))
        let fault: AuditFault = damage.utf8.contains(0x0A) ? .malformed : .tooLong
        #expect(found == .broken(file: directory.path(name), line: 4, seq: 4, fault))
    }

    @Test func `a log that lost its end while nobody looked goes on after the checkpoint`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let early = log.head
        for number in 1...5 { try log.note([outcome(number)]) }
        let late = log.head
        try log.close([])
        let path = directory.path(early.segment)
        try Files.write(path, Array(try Files.read(path)[..<Int(early.offset)]))
        let next = try AuditLog(directory.path, expecting: late, clock: TestClock().clock())
        try next.note([AuditRecord(.start)])
        let entries = try records(in: directory.path)
        #expect(entries.map(\.record.type) == [.start, .continue, .gap, .start])
        #expect(entries[2].record.reason == "records 2 to 6 are gone")
        #expect(entries[3].seq == 9)
        let found = try AuditVerifier.verify(try AuditSegments.list(in: directory.path))
        let second = directory.path(AuditSegments.name(2))
        #expect(found == .broken(file: second, line: 1, seq: 2, .wrongSequence(7)))
    }

    @Test func `a checkpoint older than the log changes nothing`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let early = log.head
        try log.close([AuditRecord(.stop)])
        let next = try AuditLog(directory.path, expecting: early, clock: TestClock().clock())
        try next.note([AuditRecord(.start)])
        #expect(try records(in: directory.path).map(\.record.type) == [.start, .stop, .start])
        #expect(try isIntact(directory.path, head: early))
    }

    @Test(arguments: [(Int64(-3600), Int64(1)), (3600, 1), (10, 1), (-315_360_000, 0), (315_360_000, 60)])
    func `a step of the wall clock is recorded before what comes after it`(wall: Int64, boottime: Int64) throws {
        let directory = try TemporaryDirectory()
        let clock = TestClock()
        let log = try AuditLog(directory.path, clock: clock.clock())
        try log.note([AuditRecord(.start)])
        clock.advance(wall: wall, boottime: boottime)
        try log.note([outcome(1)])
        clock.advance(wall: 5000, boottime: 5000)
        try log.note([outcome(2)])
        let entries = try records(in: directory.path)
        #expect(entries.map(\.record.type) == [.start, .clock, .outcome, .outcome])
        #expect(entries[1].record.params == "stepUs=\((wall - boottime) * 1_000_000)")
        #expect(try isIntact(directory.path))
    }

    @Test func `a step while no broker ran is recorded, another boot is none`() throws {
        let directory = try TemporaryDirectory()
        let clock = TestClock()
        try AuditLog(directory.path, clock: clock.clock()).close([AuditRecord(.stop)])
        clock.advance(wall: -600, boottime: 5)
        try AuditLog(directory.path, clock: clock.clock()).close([AuditRecord(.stop)])
        clock.advance(wall: 600, boottime: 5)
        try AuditLog(directory.path, clock: clock.clock(boot: "another")).close([AuditRecord(.stop)])
        #expect(try records(in: directory.path).map(\.record.type) == [.stop, .clock, .stop, .stop])
    }
}

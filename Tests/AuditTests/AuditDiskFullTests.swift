import Linux
import MIG
import Synchronization
import TestSupport
import Testing

@testable import Audit

/// Whether this process may have mounts of its own.
private let canMount: Bool = {
    let answer = Mutex(false)
    do {
        let thread = try Linux.Thread(named: "mount-test") {
            let isPrivate = (try? Namespace.enterPrivateMounts()) != nil
            answer.withLock { $0 = isPrivate }
        }
        thread.join()
    } catch {
        return false
    }
    return answer.withLock { $0 }
}()

/// Disks that fill up: a small tmpfs in a mount namespace that only one thread is in, and that ends with it.
@Suite(.enabled(if: canMount, "needs root and mounts of its own"))
struct AuditDiskFullTests {
    private static let reserve: Int64 = 64 << 10

    /// Runs with an empty disk of a mebibyte.
    private func withSmallDisk(_ body: @escaping @Sendable (String) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        let failure = Mutex<(any Error)?>(nil)
        let thread = try Linux.Thread(named: "small-disk") {
            do {
                try Namespace.enterPrivateMounts()
                try Namespace.mountMemory(at: path, options: "size=1m,mode=755")
                try body(path)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        thread.join()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Why an intent is refused, or nil.
    private static func refusal(_ log: AuditLog, _ record: AuditRecord) -> AuditUnavailable? {
        do throws(AuditUnavailable) {
            _ = try log.intend([record]).records
            return nil
        } catch {
            return error
        }
    }

    private static func fill(_ path: String) throws {
        let file = try Files.open(path, [.write, .create], mode: 0o600)
        var isFull = false
        while !isFull {
            do throws(SystemError) {
                try file.write([UInt8](repeating: 0x61, count: 4096))
            } catch {
                guard error.code == .noSpace else { throw error }
                isFull = true
            }
        }
    }

    @Test func `a full disk refuses changes, and the reserve takes the ends of what was begun`() throws {
        try withSmallDisk(Self.changesAreRefused)
    }

    @Sendable private static func changesAreRefused(on path: String) throws {
        let log = try AuditLog(path, reserve: Self.reserve, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        let receipt = try log.intend([intent(1)])
        try Self.fill(path + "/filler")
        // The last reservation may cover some more changes; then they are refused.
        var accepted: [AuditRecordType] = []
        while accepted.count < 1000, Self.refusal(log, intent(9)) == nil { accepted.append(.intent) }
        #expect(log.health == .reserveOnly)
        #expect(Self.refusal(log, intent(2)) == .diskFull)
        let full = log.head
        try log.conclude(receipt, [outcome(1)])
        let ending = try log.intend([intent(3)], ending: true)
        try log.conclude(ending, [outcome(3), AuditRecord(.leaseEnd)])
        #expect(log.health == .reserveOnly)
        log.deny(AuditRecord(.denied))
        #expect(log.head.seq == full.seq + 4)
        try Files.remove(path + "/filler")
        _ = try log.intend([intent(4)]).records
        #expect(log.health == .writable)
        try log.flushDenials()
        let expected: [AuditRecordType] =
            [.start, .intent] + accepted
            + [.diskFull, .outcome, .intent, .outcome, .leaseEnd, .health, .intent, .denied]
        #expect(try records(in: path).map(\.record.type) == expected)
        #expect(try isIntact(path, head: log.head))
    }

    @Test func `past the reserve nothing is written in part, and nothing is lost`() throws {
        try withSmallDisk(Self.nothingIsLost)
    }

    @Sendable private static func nothingIsLost(on path: String) throws {
        let log = try AuditLog(path, reserve: Self.reserve, clock: TestClock().clock())
        try log.note([AuditRecord(.start)])
        _ = try log.intend([intent(0)]).records
        try Self.fill(path + "/filler")
        var number = 0
        var failures = 0
        while failures < 20, number < 5000 {
            number += 1
            do throws(AuditUnavailable) {
                try log.note([outcome(number)])
            } catch {
                failures += 1
                let file = try Files.attributes(path + "/" + log.head.segment)
                #expect(file.size == log.head.offset)
            }
        }
        #expect(try isIntact(path, head: log.head))
        #expect(failures == 20)
        #expect(number > 100)
        #expect(log.health != .writable && log.health != .reserveOnly)
        try Files.remove(path + "/filler")
        try log.note([AuditRecord(.leaseEnd)])
        #expect(log.health == .writable)
        let outcomes = try records(in: path).filter { $0.record.type == .outcome }
        #expect(outcomes.map(\.record.op) == (1...number).map(SampleLog.operation))
        #expect(try isIntact(path, head: log.head))
    }

    @Test func `a log begun on a full disk refuses every change until there is room`() throws {
        try withSmallDisk(Self.begunOnAFullDisk)
    }

    @Sendable private static func begunOnAFullDisk(on path: String) throws {
        try Self.fill(path + "/filler")
        let log = try AuditLog(path, reserve: Self.reserve, clock: TestClock().clock())
        #expect(throws: AuditUnavailable.self) { try log.note([AuditRecord(.start)]) }
        #expect(Self.refusal(log, intent(1)) != nil)
        try Files.remove(path + "/filler")
        _ = try log.intend([intent(2)]).records
        let types = try records(in: path).map(\.record.type)
        #expect(types.filter { $0 != .health && $0 != .diskFull } == [.start, .intent])
        #expect(try isIntact(path, head: log.head))
        #expect(try AuditSegments.list(in: path).count == 1)
    }

    @Test func `a segment is not left for want of room for the next one, and the reserve stays`() throws {
        try withSmallDisk(Self.rotationWaits)
    }

    @Sendable private static func rotationWaits(on path: String) throws {
        let clock = TestClock()
        var settings = AuditSettings()
        settings.segmentBytes = 20_000
        let log = try AuditLog(path, reserve: Self.reserve, settings: settings, clock: clock.clock())
        let receipt = try log.intend([intent(1)])
        try Self.fill(path + "/filler")
        while log.head.offset < 24_000 {
            try log.note([AuditRecord(.start)])
            // Until there is room, every look finds none.
            _ = try? log.tend()
        }
        #expect(try AuditSegments.list(in: path).count == 1)
        try log.conclude(receipt, [outcome(1)])
        try Files.remove(path + "/filler")
        clock.advance(wall: 11, boottime: 11)
        try log.tend()
        #expect(log.health == .writable)
        #expect(try AuditSegments.list(in: path).count == 2)
        // The new segment has its reserve before the old one's is given back.
        try Self.fill(path + "/filler")
        let ending = try log.intend([intent(2)], ending: true)
        try log.conclude(ending, [outcome(2)])
        for number in 0..<50 { try log.note([outcome(number)]) }
        #expect(try isIntact(path, head: log.head))
    }

    @Test func `an orderly stop gives the reserve back`() throws { try withSmallDisk(Self.reserveIsGivenBack) }

    @Sendable private static func reserveIsGivenBack(on path: String) throws {
        let log = try AuditLog(path, reserve: 512 << 10, clock: TestClock().clock())
        _ = try log.intend([intent(1)]).records
        #expect(throws: SystemError.self) {
            try Files.write(path + "/large", [UInt8](repeating: 0, count: 900 << 10))
        }
        try Files.remove(path + "/large")
        try log.close([AuditRecord(.stop)])
        try Files.write(path + "/large", [UInt8](repeating: 0, count: 900 << 10))
    }
}

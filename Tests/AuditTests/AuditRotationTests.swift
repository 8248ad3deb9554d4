import Linux
import MIG
import Synchronization
import TestSupport
import Testing

@testable import Audit

@Suite(.enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct AuditRotationTests {
    /// A thousand rotations in the campaign; its seconds are the disk's.
    private static let rotations = CurrentProcess.environment("MIGBROKER_CAMPAIGN") == nil ? 100 : 1000

    private func settings(_ bytes: Int64 = 4000) -> AuditSettings {
        var settings = AuditSettings()
        settings.segmentBytes = bytes
        return settings
    }

    /// A7.
    @Test func `rotations under load leave no hole and no double, and readers see none`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        let log = try AuditLog(path, reserve: 4096, settings: settings(), clock: TestClock().clock())
        let isDone = Mutex(false)
        let failures = Mutex<[String]>([])
        func reader() throws -> Linux.Thread {
            try Thread(named: "audit-reader") {
                while !isDone.withLock({ $0 }) {
                    let seen = (try? records(in: path).map(\.seq)) ?? []
                    guard seen != seen.indices.map({ Int64($0) + 1 }) else { continue }
                    failures.withLock { $0.append("a reader saw \(seen.count) records, not in order") }
                }
            }
        }
        func writer(_ number: Int) throws -> Linux.Thread {
            try Thread(named: "audit-writer") {
                while (try? AuditSegments.numbers(in: path).count) ?? .max <= Self.rotations {
                    do throws(AuditUnavailable) {
                        let receipt = try log.intend([intent(number)])
                        try log.conclude(receipt, [outcome(number)])
                        if number == 0 { try log.tend() }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        let reading = try reader()
        let alsoReading = try reader()
        let writing = try writer(0)
        let alsoWriting = try writer(1)
        writing.join()
        alsoWriting.join()
        isDone.withLock { $0 = true }
        reading.join()
        alsoReading.join()
        #expect(failures.withLock { $0 } == [])
        try log.close([AuditRecord(.stop)])
        #expect(try isIntact(path, head: log.head))
        try expectSegments(of: path)
    }

    /// Every segment but the last ends with `rotate`, and every one but the first begins with `continue`, which say what
    /// is true.
    private func expectSegments(of directory: String) throws {
        let files = try AuditSegments.list(in: directory)
        for (index, file) in files.enumerated() {
            var entries: [AuditEntry] = []
            _ = try AuditReader([file]).read(AuditFilter()) { entry, _ in
                entries.append(entry)
                return true
            }
            if index > 0 {
                #expect(entries.first?.record.type == .continue)
                #expect(entries.first?.record.params == "previous=\(Files.name(of: files[index - 1]))")
            }
            guard index + 1 < files.count else { return }
            let times = entries.map(\.stamp.time)
            let earliest = AuditFormat.time(try #require(times.min()))
            let latest = AuditFormat.time(try #require(times.max()))
            #expect(entries.last?.record.type == .rotate)
            let told = "next=\(Files.name(of: files[index + 1])) earliest=\(earliest) latest=\(latest)"
            #expect(entries.last?.record.params == told)
        }
    }

    @Test func `the times of a segment are told across restarts and steps of the clock`() throws {
        let directory = try TemporaryDirectory()
        let clock = TestClock()
        for step in [Int64(10), -7200, 86_400, -100] {
            let log = try AuditLog(directory.path, settings: settings(), clock: clock.clock())
            clock.advance(wall: step, boottime: 1)
            for number in 0..<5 {
                try log.note([outcome(number)])
                clock.advance(wall: 3, boottime: 3)
                try log.tend()
            }
        }
        #expect(try AuditSegments.list(in: directory.path).count > 2)
        #expect(try isIntact(directory.path))
        try expectSegments(of: directory.path)
    }

    @Test func `a segment is rotated for its age, also across restarts, and an empty one is not`() throws {
        let directory = try TemporaryDirectory()
        let clock = TestClock()
        func open() throws -> AuditLog { try AuditLog(directory.path, clock: clock.clock()) }
        var log = try open()
        clock.advance(wall: 40 * 86_400, boottime: 40 * 86_400)
        try log.tend()
        try log.note([AuditRecord(.start)])
        clock.advance(wall: 29 * 86_400, boottime: 29 * 86_400)
        try log.close([])
        log = try open()
        try log.tend()
        #expect(try AuditSegments.list(in: directory.path).count == 1)
        clock.advance(wall: 2 * 86_400, boottime: 2 * 86_400)
        try log.tend()
        try log.tend()
        #expect(try AuditSegments.list(in: directory.path).count == 2)
        clock.advance(wall: 100 * 86_400, boottime: 100 * 86_400)
        try log.tend()
        try log.note([AuditRecord(.start)])
        #expect(try AuditSegments.list(in: directory.path).count == 2)
        #expect(try records(in: directory.path).map(\.record.type) == [.start, .rotate, .continue, .start])
        #expect(try isIntact(directory.path, head: log.head))
    }

    /// What a crash leaves: the next file made or not, the last record written, torn or not.
    @Test func `a rotation that was cut off anywhere is made good by the next start`() throws {
        let whole = try TemporaryDirectory()
        let log = try AuditLog(whole.path, settings: settings(3000), clock: TestClock().clock())
        while try AuditSegments.list(in: whole.path).count < 2 {
            try log.note([outcome(1)])
            try log.tend()
        }
        let files = try AuditSegments.list(in: whole.path)
        let first = try Files.read(files[0])
        #expect(try Files.attributes(files[1]).size == 0)
        let lines = first.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().map { Array($0) + [0x0A] }
        let withoutLast = Array(lines.dropLast().joined())
        for hasNext in [false, true] {
            for length in [withoutLast.count, withoutLast.count + 40, first.count] {
                let directory = try TemporaryDirectory()
                try Files.write(directory.path(Files.name(of: files[0])), Array(first[..<length]), mode: 0o640)
                if hasNext { try Files.write(directory.path(Files.name(of: files[1])), [], mode: 0o640) }
                let next = try AuditLog(directory.path, settings: settings(3000), clock: TestClock().clock())
                try next.note([AuditRecord(.start)])
                try next.tend()
                try next.close([AuditRecord(.stop)])
                #expect(try isIntact(directory.path, head: next.head))
                let types = try records(in: directory.path).map(\.record.type)
                #expect(types.count { $0 == .gap } == (length == withoutLast.count + 40 ? 1 : 0))
                #expect(types.filter { $0 == .start || $0 == .stop } == [.start, .stop])
                #expect(try AuditSegments.list(in: directory.path).count == 2)
            }
        }
    }

    @Test func `what stands in the next segment's place is left alone, and a rotation goes past it`() throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(directory.path, settings: settings(1000), clock: TestClock().clock())
        let planted = directory.path(AuditSegments.name(2))
        try Files.write(planted, Array("mine".utf8), mode: 0o600)
        for number in 0..<4 { try log.note([outcome(number)]) }
        try log.tend()
        try log.note([AuditRecord(.stop)])
        #expect(try Files.read(planted) == Array("mine".utf8))
        #expect(log.head.segment == AuditSegments.name(3))
        let rotate = try #require(try records(in: directory.path).first { $0.record.type == .rotate })
        #expect(rotate.record.params?.hasPrefix("next=\(AuditSegments.name(3)) ") == true)
    }
}

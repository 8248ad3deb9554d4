import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// A log with a key, as the broker keeps it.
final class KeyedLog {
    let directory: String
    let keyFile: String
    let clock = TestClock()
    /// What the admin was shown.
    private(set) var keys: [UInt8] = []

    init(in home: String) throws {
        directory = "\(home)/log"
        keyFile = "\(home)/audit-key"
        try Files.makeDirectory(directory)
    }

    func makeKey() throws(AuditUnavailable) {
        keys += try AuditLog.makeKey(for: directory, keyFile: keyFile, expecting: nil, clock: clock.clock())
        keys += [0x0A]
    }

    func open(_ change: (inout AuditSettings) -> Void = { _ in }) throws(AuditUnavailable) -> AuditLog {
        var settings = AuditSettings(keyFile: keyFile)
        change(&settings)
        return try AuditLog(directory, settings: settings, clock: clock.clock())
    }

    func report(whole: Bool = true) throws -> AuditReport {
        try AuditReport.of(try AuditSegments.list(in: directory), keys: AuditKeyRing(keys), whole: whole)
    }

    /// The key file's epoch.
    func storedEpoch() throws -> Int64? { AuditKey(try Files.read(keyFile).dropLast())?.epoch }

    func reasons() throws -> [String] {
        try records(in: directory).filter { $0.record.type == .health }.compactMap(\.record.reason)
    }
}

@Suite(.enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct AuditKeyTests {
    @Test func `the first key seals what is there, is shown once and stored nowhere`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        let before = try log.open()
        #expect(before.sealing == .none)
        for number in 0..<1500 { try before.note([outcome(number)]) }
        try before.close([AuditRecord(.stop)])
        try log.makeKey()
        let shown = try #require(AuditKey(log.keys.dropLast()))
        #expect(shown.epoch == 0)
        #expect(try Files.read(log.keyFile) == shown.next().text + [0x0A])
        #expect(try Files.attributes(log.keyFile).mode == 0o600)
        let report = try log.report()
        #expect(report.fault == nil && report.keyedSeals == 1 && report.unsealed == 0)
        #expect(try records(in: log.directory).last?.record.type == .seal)
    }

    @Test func `a log that is empty or open, or has a key, is treated so`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        let running = try log.open()
        #expect(throws: AuditUnavailable.inUse) { try log.makeKey() }
        #expect(!Files.exists(log.keyFile))
        try running.close([])
        try log.makeKey()
        #expect(throws: AuditUnavailable.keyExists) { try log.makeKey() }
        #expect(try records(in: log.directory).map(\.record.type) == [.seal])
        #expect(try log.report().fault == nil)
    }

    @Test func `epochs end by number, by time and with the broker, and their keys go`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        let writer = try log.open()
        #expect(writer.sealing == .running(epoch: 1))
        // Without upkeep, in batches that pass the bound, and at once.
        for number in 0..<150 { try writer.note((0..<16).map { outcome(number * 16 + $0) }) }
        try writer.tend()
        #expect(try log.storedEpoch() == 3)
        try writer.tend()
        log.clock.advance(wall: 899, boottime: 899)
        try writer.tend()
        #expect(try log.storedEpoch() == 3)
        log.clock.advance(wall: 2, boottime: 2)
        try writer.tend()
        #expect(try log.storedEpoch() == 4)
        // An epoch without a record does not end.
        log.clock.advance(wall: 9000, boottime: 9000)
        try writer.tend()
        #expect(try log.storedEpoch() == 4)
        try writer.note([outcome(1)])
        try writer.close([AuditRecord(.stop)])
        #expect(try log.storedEpoch() == 5)
        let report = try log.report()
        #expect(report.fault == nil && report.seals == 5 && report.keyedSeals == 5 && report.unsealed == 0)
        let last = try records(in: log.directory).suffix(3).map(\.record.type)
        #expect(last == [.outcome, .stop, .seal])
    }

    @Test func `many records that had to wait are sealed in between`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        let writer = try log.open()
        try Files.rename(log.directory, to: log.directory + ".away")
        for number in 0..<4000 { _ = try? writer.note([outcome(number)]) }
        try Files.rename(log.directory + ".away", to: log.directory)
        try writer.tend()
        #expect(writer.health == .writable)
        try writer.close([])
        let report = try log.report()
        #expect(report.fault == nil && report.seals >= 5)
        #expect(try records(in: log.directory).count { $0.record.type == .outcome } == 4000)
    }

    @Test func `the old key is not left on the disk`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        let first = try Files.read(log.keyFile)
        let old = try Files.open(log.keyFile, .read)
        let writer = try log.open()
        try writer.note([outcome(1)])
        try writer.close([])
        #expect(try Files.read(log.keyFile) != first)
        #expect(try old.attributes().links == 0)
        #expect(try old.read(upTo: 256, at: 0) == [UInt8](repeating: UInt8(ascii: "0"), count: first.count))
        #expect(try Files.list(home.path) == ["audit-key", "log"])
    }

    @Test(arguments: [1, 2, 3]) func `a crash between seal and key is made good by the next start`(seals: Int) throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        let old = try Files.read(log.keyFile)
        for number in 0..<seals {
            let writer = try log.open()
            try writer.note([outcome(number)])
            try writer.close([])
        }
        try Files.replace(log.keyFile, with: old, mode: 0o600)
        let writer = try log.open()
        #expect(writer.sealing == .running(epoch: Int64(seals) + 1))
        #expect(try log.storedEpoch() == Int64(seals) + 1)
        try writer.close([AuditRecord(.stop)])
        #expect(try log.report().fault == nil)
        #expect(try log.reasons() == [])
    }

    @Test func `a crash leaves an epoch that the next start ends`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        do {
            let writer = try log.open()
            try writer.note([outcome(1)])
        }
        let writer = try log.open()
        try writer.note([AuditRecord(.start)])
        #expect(try records(in: log.directory).map(\.record.type) == [.seal, .outcome, .seal, .start])
        try writer.close([])
        #expect(try log.report().fault == nil)
    }

    /// What may stand where the key was.
    enum Damage: String, CaseIterable {
        case gone, readable, symlink, hardlink, foreign, garbage, empty, directory

        func apply(to path: String) throws {
            let text = try Files.read(path)
            try Files.remove(path)
            switch self {
            case .gone: return
            case .readable: try Files.write(path, text, mode: 0o640)
            case .symlink:
                try Files.write(path + ".other", text, mode: 0o600)
                try Files.symlink(to: path + ".other", at: path)
            case .hardlink:
                try Files.write(path, text, mode: 0o600)
                try Files.link(path, at: path + ".other")
            case .foreign:
                try Files.write(path, text, mode: 0o600)
                try Files.setOwner(path, UserID(1000), GroupID(1000))
            case .garbage: try Files.write(path, Array(text.dropLast(3)), mode: 0o600)
            case .empty: try Files.write(path, [], mode: 0o600)
            case .directory: try Files.makeDirectory(path)
            }
        }
    }

    @Test(arguments: Damage.allCases)
    func `without a good key the broker starts, says so, and the verifier says from where on`(damage: Damage) throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        try damage.apply(to: log.keyFile)
        let writer = try log.open()
        guard case .lost = writer.sealing else {
            Issue.record("\(writer.sealing)")
            return
        }
        try writer.note([AuditRecord(.start)])
        #expect(try log.reasons().count == 1)
        #expect(try log.reasons()[0].contains("not sealed"))
        for number in 0..<600 { try writer.note([outcome(number)]) }
        try writer.close([])
        let told = try log.report()
        #expect(told.fault == nil && told.unsealed == 602)
        let again = try log.open()
        for number in 0..<600 { try again.note([outcome(number)]) }
        try again.close([])
        #expect(try log.reasons().count == 2)
        #expect(try log.report().fault == .unsealed(after: 1))
    }

    @Test func `after a loss another key goes on with the next epoch`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        try Files.remove(log.keyFile)
        let lost = try log.open()
        try lost.note([outcome(1)])
        try lost.close([])
        try log.makeKey()
        let writer = try log.open()
        #expect(writer.sealing == .running(epoch: 2))
        try writer.close([AuditRecord(.stop)])
        let report = try log.report()
        #expect(report.fault == nil && report.keyedSeals == 3 && report.lastEpoch == 2)
    }

    @Test func `a log that lost its seals, or has another's, is told from the key's own`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        try Files.remove(try AuditSegments.list(in: log.directory)[0])
        let writer = try log.open()
        try writer.note([AuditRecord(.start)])
        #expect(try log.reasons().count == 1)
        try writer.close([])
        #expect(try log.report().fault == .wrongEpoch(1))
        // Another log's seals, further than the key.
        let other = try KeyedLog(in: try home.path("other").made())
        try other.makeKey()
        for _ in 0..<3 { try other.open().close([AuditRecord(.stop)]) }
        try Files.replace(other.keyFile, with: try Files.read(log.keyFile), mode: 0o600)
        let mixed = try other.open()
        try mixed.note([AuditRecord(.start)])
        #expect(try other.reasons().contains { $0.contains("not made with the audit key") })
        try mixed.close([])
        #expect(try other.report().fault != nil)
    }

    @Test func `a key that cannot be stored is told, and stored when it can be`() throws {
        let home = try TemporaryDirectory()
        let log = try KeyedLog(in: home.path)
        try log.makeKey()
        let writer = try log.open()
        try writer.note([outcome(1)])
        log.clock.advance(wall: 901, boottime: 901)
        // A directory in the place of the draft keeps the file from being replaced.
        try Files.makeDirectory(log.keyFile + ".new")
        try Files.write(log.keyFile + ".new/full", [])
        try writer.tend()
        try writer.tend()
        try writer.tend()
        #expect(try log.storedEpoch() == 1)
        #expect(try log.reasons().count == 1)
        try Files.removeTree(log.keyFile + ".new")
        try writer.tend()
        #expect(try log.storedEpoch() == 2)
        try writer.close([])
        #expect(try log.report().fault == nil)
    }
}

extension String {
    /// The directory of this path, made.
    func made() throws -> String {
        try Files.makeDirectory(self)
        return self
    }
}

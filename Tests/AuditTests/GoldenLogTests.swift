import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

private let golden = Files.parent(of: #filePath) + "/golden"

/// A small sealed log of two segments that is checked in: the format's test vectors, for other verifiers too.
@Suite(.enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct GoldenLogTests {
    /// Writes the log: two epochs, a step of the clock, hostile text, a rotation, an orderly end.
    private func write(to directory: String, keyFile: String) throws {
        let clock = TestClock()
        var settings = AuditSettings()
        settings.segmentBytes = 3000
        var writer = try AuditWriter(
            in: directory, expecting: nil, reserve: 4096, settings: settings, clock: clock.clock())
        writer.sealer = AuditSealer(
            try #require(SealedLog.key()), after: 0, AuditKeyFile(path: keyFile))
        try writer.write([AuditRecord(.start)], .event, seal: .after)
        var full = SampleLog.full()
        full.type = .intent
        full.result = nil
        try writer.write([full], .change)
        clock.advance(wall: 1, boottime: 1)
        try writer.write([SampleLog.full()], .event)
        clock.advance(wall: -3600, boottime: 2)
        var denied = AuditRecord(.denied)
        denied.caller.uid = UserID(1003)
        denied.method = "Request"
        denied.name = "\u{1B}[2J\"},{\u{202E}\u{E9}\u{1F600}\n"
        denied.error = "NotAuthorized"
        try writer.write([denied], .tally)
        clock.advance(wall: 901, boottime: 901)
        try writer.tend()
        try writer.tend()
        try writer.close(with: [AuditRecord(.stop)])
    }

    @Test func `is what the writer writes, to the byte`() throws {
        let home = try TemporaryDirectory()
        try write(to: home.path("log").made(), keyFile: home.path("audit-key"))
        let names = try AuditSegments.list(in: home.path("log")).map { Files.name(of: $0) }
        #expect(names == [AuditSegments.name(1), AuditSegments.name(2)])
        for name in names {
            let bytes = try Files.read(home.path("log/\(name)"))
            #expect(bytes == (try? Files.read("\(golden)/\(name)")), "\(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(try Files.read("\(golden)/key") == Array("\(SealedLog.keyText)\n".utf8))
    }

    @Test func `is whole to both verifiers, and no byte of it can be changed`() throws {
        let files = try AuditSegments.list(in: golden)
        let keys = AuditKeyRing(try Files.read("\(golden)/key"))
        let report = try AuditReport.of(files, keys: keys, whole: true)
        guard case .intact(let records, 1, let last) = report.verification else {
            Issue.record("\(report)")
            return
        }
        #expect(report.keyedSeals == 3 && report.unsealed == 0)
        if isRunnable("python3", ["-c", "import hashlib"]) {
            let script = Files.parent(of: #filePath) + "/verify_audit.py"
            let theirs = try run("python3", [script, "--key", "\(golden)/key"] + files).output
            #expect(theirs == "ok \(records) 1 \(last.seq) \(last.hash) 3 0\n")
        }
        let directory = try TemporaryDirectory()
        let bytes = try files.map { try Files.read($0) }
        for (number, segment) in bytes.enumerated() {
            for position in stride(from: 0, to: segment.count, by: 7) {
                var changed = bytes
                changed[number][position] ^= 1 << UInt8(position % 8)
                try Files.write(directory.path("log"), Array(changed.joined()))
                #expect(try AuditReport.of([directory.path("log")], keys: keys).fault != nil)
            }
        }
    }
}

import Linux
import MIG
import Synchronization
import TestSupport
import Testing

@testable import Audit

/// A log whose heads are noted in a file.
private final class Noted {
    let log: AuditLog
    let directory: String
    let follower: HeadsFollower

    init(in directory: String, at path: String) throws {
        self.directory = "\(directory)/log"
        try Files.makeDirectory(self.directory)
        let follower = HeadsFollower(at: path)
        self.follower = follower
        let log = try AuditLog(self.directory, reserve: 0, clock: .system(), follower: follower.put)
        self.log = log
        try follower.start(secondsToRetry: 1) { record in try? log.note([record]) }
    }

    deinit { follower.finish(milliseconds: 0) }

    func note(_ count: Int = 1) throws {
        for _ in 0..<count { try log.note([AuditRecord(.checkpoint)]) }
    }

    /// Waits until the file has the log's head, or cannot be written.
    func settle() {
        for _ in 0..<4000 where follower.status.noted < log.head.seq && follower.status.problem == nil {
            Clock.sleep(milliseconds: 5)
        }
    }

    func health() throws -> [String] {
        try records(in: directory).filter { $0.record.type == .health }.compactMap(\.record.reason)
    }
}

@Suite("The file of heads", .enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct HeadsFileTests {
    @Test func `has the head after each batch, with its time`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("heads")
        let noted = try Noted(in: directory.path, at: path)
        try noted.note(20)
        let receipt = try noted.log.intend([intent(1), intent(1)])
        try noted.log.conclude(receipt, [outcome(1), outcome(1)])
        noted.follower.finish(milliseconds: 20_000)
        let entries = try records(in: noted.directory)
        let lines = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n").map(String.init)
        // Two records of one batch have one head.
        let ends = entries.prefix(20) + [entries[21], entries[23]]
        #expect(lines == ends.map { "\($0.seq):\($0.hash) \($0.stamp.time.text(fractionDigits: 6))" })
        #expect(try Files.attributes(path).mode == 0o640)
        #expect(noted.follower.status == .init(noted: 24, problem: nil))
    }

    @Test(arguments: ["a link", "a FIFO", "a second name", "an open directory", "no directory"])
    func `is refused where it cannot be trusted, which stops nothing, and written when it can`(obstacle: String) throws
    {
        let directory = try TemporaryDirectory()
        let home = directory.path("home")
        let path = "\(home)/heads"
        if obstacle != "no directory" { try Files.makeDirectory(home) }
        try Files.write(directory.path("victim"), Array("untouched\n".utf8))
        switch obstacle {
        case "a link": try Files.symlink(to: directory.path("victim"), at: path)
        case "a FIFO": #expect(try Command.run("mkfifo", [path]).code == 0)
        case "a second name": try Files.link(directory.path("victim"), at: path)
        case "an open directory": try Files.setMode(home, 0o777)
        default: break
        }
        let noted = try Noted(in: directory.path, at: path)
        try noted.note(5)
        noted.settle()
        #expect(noted.follower.status.problem != nil)
        try noted.note(5)
        Clock.sleep(milliseconds: 100)
        #expect(try Files.read(directory.path("victim")) == Array("untouched\n".utf8))
        #expect(try noted.health().count == 1, "once, however often it is tried")
        if obstacle != "no directory" { try Files.setMode(home, 0o755) } else { try Files.makeDirectory(home) }
        if Files.exists(path) { try Files.remove(path) }
        for _ in 0..<4000 where noted.follower.status.problem != nil { Clock.sleep(milliseconds: 5) }
        noted.settle()
        noted.follower.finish(milliseconds: 20_000)
        #expect(try noted.health().map { $0.contains("noted again") } == [false, true])
        let head = try records(in: noted.directory).last
        let last = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n").last
        #expect(last?.hasPrefix("\(head?.seq ?? 0):\(head?.hash ?? "") ") == true)
    }

    @Test func `goes on in a new file when the old one is moved, and after a line that was torn`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("heads")
        let noted = try Noted(in: directory.path, at: path)
        try noted.note(3)
        noted.settle()
        try Files.rename(path, to: directory.path("old"))
        try noted.note(2)
        noted.settle()
        try Files.open(path, .append).write(Array("6:0123".utf8))
        try Files.rename(path, to: directory.path("torn"))
        try Files.rename(directory.path("torn"), to: path)
        noted.follower.finish(milliseconds: 20_000)
        #expect(try Files.read(directory.path("old")).split(separator: 10).count == 3)

        let again = HeadsFollower(at: path)
        try again.start { _ in Issue.record("nothing is wrong with it") }
        again.put(try records(in: noted.directory))
        again.finish(milliseconds: 20_000)
        var heads = AuditHeads()
        try heads.read(try Files.open(path, .read))
        #expect(heads.count == 3)
        #expect(try heads.check(try AuditSegments.list(in: noted.directory)).confirmed == 3)
    }
}

@Suite("A log against heads that were kept")
struct AuditHeadsTests {
    private func file(_ directory: borrowing TemporaryDirectory, _ name: String, _ lines: [[UInt8]]) throws -> String {
        let path = directory.path(name)
        try Files.write(path, Array(lines.joined()))
        return path
    }

    private func heads(_ directory: borrowing TemporaryDirectory, _ lines: [String]) throws -> AuditHeads {
        let path = directory.path("heads")
        try Files.write(path, Array(lines.joined(separator: "\n").utf8))
        var heads = AuditHeads()
        try heads.read(try Files.open(path, .read))
        return heads
    }

    /// `SEQ:HASH` after each of these lines.
    private func heads(of lines: [[UInt8]]) -> [String] {
        lines.indices.map { SampleLog.head(Array(lines[...$0])).description }
    }

    @Test func `every head that is there is confirmed, and older ones are told apart`() throws {
        let directory = try TemporaryDirectory()
        let lines = SampleLog.lines(count: 60)
        let all = heads(of: lines)
        let kept = try heads(directory, all.reversed().map { "\($0) 2026-11-28T00:00:00.000000Z" } + [all[3], ""])
        let files = [
            try file(directory, "audit-00000001.jsonl", Array(lines[..<25])),
            try file(directory, "audit-00000002.jsonl", Array(lines[25...])),
        ]
        let whole = try kept.check(files)
        #expect(whole.fault == nil && whole.confirmed == 61 && whole.older == 0)
        let rest = try kept.check([files[1]])
        #expect(rest.fault == nil && rest.confirmed == 35 && rest.older == 26)
    }

    @Test func `a log that was cut at any line is found out`() throws {
        let directory = try TemporaryDirectory()
        let lines = SampleLog.lines(count: 30)
        let kept = try heads(directory, heads(of: lines) + [""])
        for count in 1..<30 {
            let cut = try file(directory, "cut", Array(lines[..<count]))
            guard case .broken(_, let line, _, .endsBefore(let head))? = try kept.check([cut]).fault else {
                Issue.record("\(count) lines pass for 30")
                continue
            }
            #expect(line == count + 1 && head.seq == 30)
        }
        let none = try file(directory, "none", [])
        #expect(try kept.check([none]).fault != nil)
        #expect(try kept.check([]).fault != nil)
    }

    @Test func `a log that was written anew from any record on is found out there`() throws {
        let directory = try TemporaryDirectory()
        let originals = (0..<30).map(SampleLog.record)
        let kept = try heads(directory, heads(of: SampleLog.lines(originals)) + [""])
        for number in 0..<30 {
            var forged = originals
            forged[number].reason = "nothing happened"
            let path = try file(directory, "forged", SampleLog.lines(forged))
            // In itself it is whole: only the heads tell.
            guard case .intact = try AuditVerifier.verify([path]) else {
                Issue.record("the forgery is to be a good one")
                continue
            }
            guard case .broken(_, let line, let seq, .differs)? = try kept.check([path]).fault else {
                Issue.record("record \(number + 1) is another one")
                continue
            }
            #expect(line == number + 1 && seq == Int64(number + 1))
        }
    }

    @Test func `a log that begins after all heads is not borne out by them`() throws {
        let directory = try TemporaryDirectory()
        let lines = SampleLog.lines(count: 20)
        let kept = try heads(directory, Array(heads(of: lines)[..<5]) + [""])
        let later = try file(directory, "later", Array(lines[10...]))
        guard case .broken(_, _, _, .beginsAfter)? = try kept.check([later]).fault else {
            Issue.record("nothing was held against it")
            return
        }
    }

    @Test func `of the journal, what the broker wrote counts, and nobody else's forgery`() throws {
        let directory = try TemporaryDirectory()
        let lines = SampleLog.lines(count: 10)
        let all = heads(of: lines).map { $0.split(separator: ":").map(String.init) }
        func entry(_ seq: String, _ hash: String, uid: String) -> String {
            #"{"MESSAGE":"x","MIGBROKER_RULE":["a","b"],"_UID":"\#(uid)","MIGBROKER_SEQ":"\#(seq)","MIGBROKER_HASH":"\#(hash)"}"#
        }
        let forged = String(repeating: "0", count: 64)
        let text = [
            entry(all[4][0], all[4][1], uid: "0"), entry("7", forged, uid: "1000"),
            #"{"MESSAGE":"listening","_UID":"0"}"#,
            entry("99", forged, uid: "2001"), "{not json", entry(all[9][0], all[9][1], uid: "0"),
            #"{"_UID":["0","1000"],"MIGBROKER_SEQ":"7","MIGBROKER_HASH":"\#(forged)"}"#, "",
        ]
        let kept = try heads(directory, text)
        #expect(kept.count == 2 && kept.passedOver == 5)
        let log = try file(directory, "log", lines)
        #expect(try kept.check([log]).confirmed == 2)
        #expect(try heads(directory, [entry("7", forged, uid: "0"), ""]).check([log]).fault != nil)
    }

    @Test(arguments: [
        "nonsense", "1", "1:", ":", "0:\(String(repeating: "0", count: 64))", "1:\(String(repeating: "A", count: 64))",
        "1:\(String(repeating: "a", count: 63))", " 1:\(String(repeating: "a", count: 64))",
        "1:\(String(repeating: "a", count: 64)) a b", "01:\(String(repeating: "a", count: 64))", "\u{0}",
        "9223372036854775808:\(String(repeating: "a", count: 64))",
    ])
    func `a line that is no head is named, not passed over`(line: String) throws {
        let directory = try TemporaryDirectory()
        let good = "1:\(String(repeating: "a", count: 64))"
        #expect(throws: AuditHeads.Malformed.notHead(line: 2)) { try heads(directory, [good, line, good, ""]) }
        // The last one without its end is still being written.
        #expect(try heads(directory, [good, line]).count == 1)
    }
}

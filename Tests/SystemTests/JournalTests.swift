import Audit
import JSON
import Linux
import MIG
import TestSupport
import Testing

/// What the system's journal hears of the real daemon.
@Suite("The journal", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct JournalTests {
    /// The stage's own journal, below the broker's directory, where a broker with `--root` looks for one.
    private func journal(of stage: Stage) throws -> JournalReader {
        try Files.makeDirectories(stage.ownJournal)
        return try JournalReader(at: "\(stage.ownJournal)/socket")
    }

    @Test func `each record is told with its fields, and denials as they are counted`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let journal = try journal(of: stage)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb", "--name", "first"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        for _ in 0..<30 { #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.carol).code == 3) }
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))
        let told = try journal.finish()
        let log = try stage.entries()
        #expect(told.filter { $0.type != nil }.map(\.seq) == log.map(\.seq))
        #expect(told.filter { $0.type != nil }.map { $0["MIGBROKER_HASH"] } == log.map(\.hash))
        let outcome = try #require(
            told.first { $0.type == "outcome" && $0["MIGBROKER_METHOD"] == "Request" })
        #expect(outcome["MIGBROKER_LEASE"] == lease)
        #expect(outcome["MIGBROKER_USER"] == "alice" && outcome["MIGBROKER_UID"] == "2001")
        #expect(outcome["MIGBROKER_PROFILE"] == "1g.5gb" && outcome["MIGBROKER_RESULT"] == "ok")
        #expect(outcome["MIGBROKER_COMM"] == "migctl" && outcome["MIGBROKER_NAME"] == "first")
        #expect(outcome.all("MIGBROKER_RULE") == log.first { $0.seq == outcome.seq }?.record.rules)
        #expect(outcome["MESSAGE"]?.hasPrefix("alice (uid 2001): Request of 1g.5gb on GPU-") == true)
        let refusals = told.filter { $0["MIGBROKER_UID"] == "2003" && $0.type == "denied" }
        #expect(refusals.compactMap { Int($0["MIGBROKER_COUNT"] ?? "1") }.reduce(0, +) == 30)
        #expect(refusals.allSatisfy { $0["MIGBROKER_ERROR"] == "NotAuthorized" })
    }

    @Test func `a journal that is away, comes and stops reading delays no change`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let socket = "\(stage.path)/journal"
        let daemon = try stage.startDaemon(["--journal", socket])
        func change() throws {
            #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
            #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        }
        try change()
        var journal: JournalStandIn? = try JournalStandIn(at: socket)
        // What it missed comes first, without anything else happening.
        let missed = try #require(try journal?.next())
        #expect(missed["MIGBROKER_UNTOLD"].flatMap { Int64($0) } == missed.seq)
        for _ in 0..<6 { try change() }
        // Now its queue is full; it is gone, and another one is there.
        journal = nil
        let other = try JournalReader(at: socket)
        try change()
        #expect(try stage.violations() == [])
        #expect(try daemon.stop() == .exited(0))
        #expect(try other.finish().contains { $0.type == "stop" })
    }

    @Test func `a broker below a directory of its own leaves the machine's journal alone`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        for options in [[], ["--journal", "none"]] {
            let daemon = try stage.startDaemon(options)
            // Whoever speaks to a journal has a thread for it.
            let threads = try Files.list("/proc/\(daemon.pid)/task").map { thread in
                String(decoding: try Files.read("/proc/\(daemon.pid)/task/\(thread)/comm"), as: UTF8.self)
            }
            #expect(threads.contains("changes\n") && !threads.contains("journal\n"), "\(threads)")
            #expect(try daemon.stop() == .exited(0))
        }
    }

    @Test func `a socket in a place where others can put one is refused`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try Files.makeDirectory("\(stage.path)/open")
        try Files.setMode("\(stage.path)/open", 0o777)
        let daemon = try stage.startDaemon(["--journal", "\(stage.path)/open/socket"], waitForSocket: false)
        #expect(try daemon.waitForEnd() == .exited(1))
        #expect(try stage.daemonLog().contains("the journal's socket cannot be trusted"))
        for words in [["--journal", "relative"], ["--journal", ""]] {
            let daemon = try stage.startDaemon(words, waitForSocket: false)
            #expect(try daemon.waitForEnd() == .exited(2))
        }
    }
}

extension Stage {
    /// Where a broker with `--root` looks for a journal.
    var ownJournal: String { "\(broker)/run/systemd/journal" }

    /// The records of the log; to be read when the daemon has ended.
    func entries() throws -> [AuditEntry] {
        var entries: [AuditEntry] = []
        _ = try AuditReader(try AuditSegments.list(in: auditDirectory)).read(AuditFilter()) { entry, _ in
            entries.append(entry)
            return true
        }
        return entries
    }
}

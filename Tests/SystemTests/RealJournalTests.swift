import Audit
import JSON
import Linux
import MIG
import TestSupport
import Testing

/// Where systemd's journal lies, if it does.
private enum RealJournal {
    static let program = "/usr/lib/systemd/systemd-journald"

    /// Why it cannot be used here, or nil where it can.
    static let obstacle: String? =
        !Files.exists(program)
        ? "needs systemd-journald" : Command.exists("journalctl") ? nil : "needs journalctl"
}

/// systemd's own journal daemon and its reader, unmodified, on a stage of their own.
@Suite(
    "systemd's journal", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: RealJournal.obstacle == nil, "\(RealJournal.obstacle ?? "")"), .serialized)
struct RealJournalTests {
    /// Starts the journal in the stage's mount namespace, where nothing of the machine's own is in reach.
    private func startJournal(on stage: Stage) throws -> KeptProcess {
        let script = """
            mount -t tmpfs tmpfs /run
            mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
            printf '[Journal]\\nStorage=volatile\\nAudit=\\nReadKMsg=no\\n' > /run/systemd/journald.conf.d/test.conf
            exec \(RealJournal.program)
            """
        let journal = try stage.start(["sh", "-ec", script], as: Stage.root)
        try journal.waitUntil("the journal listens") {
            try stage.run(["test", "-S", "/run/systemd/journal/socket"], as: Stage.root).code == 0
        }
        return journal
    }

    private func journalctl(_ words: [String], on stage: Stage) throws -> String {
        let command = try stage.run(
            ["journalctl", "--no-pager", "--directory=/run/log/journal"] + words, as: Stage.root)
        #expect(command.code == 0, "\(command.errors)")
        return command.output
    }

    @Test func `finds records by their fields, and its heads bear out the log`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let journal = try startJournal(on: stage)
        let daemon = try stage.startDaemon(["--journal", "/run/systemd/journal/socket"])
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.carol).code == 3)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        // Whoever may write into the journal can claim to be the broker, but not to be root.
        let forgery = """
            import socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.sendto(b"MESSAGE=forged\\nSYSLOG_IDENTIFIER=migbrokerd\\nMIGBROKER_SEQ=1\\nMIGBROKER_HASH=" + b"0" * 64 + b"\\n",
                     "/run/systemd/journal/socket")
            """
        #expect(try stage.run(["python3", "-c", forgery], as: Stage.carol).code == 0)
        #expect(try daemon.stop() == .exited(0))
        let entries = try stage.entries()
        let last = try #require(entries.last)
        try journal.waitUntil("the last record is in the journal") {
            try journalctl(["MIGBROKER_HASH=\(last.hash)", "-o", "cat"], on: stage).contains("orderly")
        }
        let ofLease = try journalctl(["MIGBROKER_LEASE=\(lease)", "-o", "cat"], on: stage).split(separator: "\n")
        #expect(ofLease.count >= 5)
        #expect(ofLease.count == entries.filter { $0.record.lease?.description == lease }.count)
        #expect(try journalctl(["MIGBROKER_RULE=ml-slices", "-o", "cat"], on: stage).contains("alice (uid 2001)"))
        #expect(try journalctl(["MIGBROKER_TYPE=denied", "-p", "notice", "-o", "cat"], on: stage).contains("carol"))

        let exported = try journalctl(["-t", "migbrokerd", "-o", "json"], on: stage)
        #expect(exported.contains("forged"))
        func verify(_ log: String) throws -> Command {
            try stage.migctl(["audit", "verify", log, "--heads", "-"], as: Stage.root, input: exported)
        }
        let whole = try verify(stage.auditDirectory)
        #expect(whole.code == 0, "\(whole.errors)")
        #expect(whole.errors.contains("bears out"))
        // Cut at a record, the log is whole in itself; the journal knows better.
        let path = "\(stage.auditDirectory)/audit-00000001.jsonl"
        let lines = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n")
        try Files.write("\(stage.path)/cut.jsonl", Array((lines.dropLast(2).joined(separator: "\n") + "\n").utf8))
        #expect(try stage.migctl(["audit", "verify", "\(stage.path)/cut.jsonl"], as: Stage.root).code == 0)
        let cut = try verify("\(stage.path)/cut.jsonl")
        #expect(cut.code == 10)
        #expect(cut.errors.contains("ends before record \(last.seq)"), "\(cut.errors)")
    }

    @Test func `is told what it missed while it was restarted`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try startJournal(on: stage)
        let daemon = try stage.startDaemon(["--journal", "/run/systemd/journal/socket"])
        first.end()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["doctor"], as: Stage.root).output.contains("the journal does not take records"))
        let second = try stage.start([RealJournal.program], as: Stage.root)
        try second.waitUntil("the journal knows that it missed something") {
            try journalctl(["-t", "migbrokerd", "-o", "cat"], on: stage).contains("not told to the journal")
        }
        #expect(try stage.migctl(["doctor"], as: Stage.root).output.contains("the journal is told every record"))
        #expect(try daemon.stop() == .exited(0))
    }
}

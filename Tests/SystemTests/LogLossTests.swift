import Linux
import TestSupport
import Testing

@Suite("A log that lost its end", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct LogLossTests {
    /// Runs the broker once so that alice has a lease and a checkpoint knows it; the broker is stopped then.
    private func stageWithLease() throws -> (stage: Stage, log: String) {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))
        return (stage, "\(stage.auditDirectory)/audit-00000001.jsonl")
    }

    @Test func `cut behind the checkpoint, it is told, and no lease is lost`() throws {
        let (stage, log) = try stageWithLease()
        let lines = String(decoding: try Files.read(log), as: UTF8.self).split(separator: "\n")
        let kept = lines.dropLast(3).joined(separator: "\n") + "\n"
        try Files.open(log, [.write, .truncate]).write(Array(kept.utf8))
        let daemon = try stage.startDaemon()
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.machine().instances == 1)
        let shown = try stage.migctl(["--json", "audit", "show"], as: Stage.dave).output
        #expect(shown.contains("\"type\":\"gap\""))
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        _ = daemon
    }

    @Test func `moved away whole, no lease is lost either`() throws {
        let (stage, log) = try stageWithLease()
        try Files.rename(log, to: "\(stage.path)/moved.jsonl")
        let daemon = try stage.startDaemon()
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.machine().instances == 1)
        _ = daemon
    }

    @Test func `altered before the checkpoint, verify tells and the broker still starts`() throws {
        let (stage, log) = try stageWithLease()
        let text = String(decoding: try Files.read(log), as: UTF8.self)
        try Files.open(log, [.write, .truncate]).write(Array(text.replacing("alice", with: "alicf").utf8))
        let daemon = try stage.startDaemon()
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 10)
        _ = daemon
    }

    @Test func `altered where leases must be read from it, the broker does not guess`() throws {
        let (stage, log) = try stageWithLease()
        try Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        let text = String(decoding: try Files.read(log), as: UTF8.self)
        try Files.open(log, [.write, .truncate]).write(Array(text.replacing("alice", with: "alicf").utf8))
        let daemon = try stage.startDaemon(waitForSocket: false)
        #expect(try daemon.waitForEnd() == .exited(1))
        #expect(try stage.daemonLog().contains("audit-00000001.jsonl"))
        #expect(try stage.machine().instances == 1)
    }
}

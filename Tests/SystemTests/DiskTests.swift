import Audit
import JSON
import Linux
import TestSupport
import Testing

/// A disk under the audit log that is full, and a daemon that goes on being honest.
@Suite("A full disk", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct DiskTests {
    @Test func `changes are refused, reads and ends go on, and space brings all back`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        // Room for the reserve, but not for as much again, which changes could use up first.
        let disk = try SmallDisk(stage, mebibytes: 6)
        let daemon = try stage.startDaemon()
        let log = disk.path(through: daemon)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)

        try disk.fill()
        // The last page of the reserve may still take a change or two.
        while try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0 {
            #expect(try stage.migctl(["release", "--all"], as: Stage.bob).code == 0)
        }
        let before = try stage.machine().text
        for person in [Stage.alice, Stage.bob] {
            let refused = try stage.migctl(["request", "1g.5gb"], as: person)
            #expect(refused.code == 1)
            #expect(refused.errors.contains("AuditUnavailable"), "\(refused.errors)")
            #expect(refused.errors.contains("full"))
            #expect(!refused.errors.contains(stage.path), "a client learns no path")
        }
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        #expect(try stage.migctl(["renew", lease], as: Stage.alice).code == 1)
        #expect(try stage.machine().text == before, "nothing is changed on the machine")

        for verb in ["leases", "gpus", "instances", "whoami"] {
            #expect(try stage.migctl([verb], as: Stage.alice).code == 0, "\(verb)")
        }
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
        // What was begun can be ended: the log keeps room for that.
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 0)
        #expect(try stage.violations(auditDirectory: log) == [])

        let emptied = Clock.boottime()
        try disk.empty()
        // Nobody asks for a change: the log finds the space by itself.
        try daemon.waitUntil("the log recovers") { try disk.recovery(in: log) != nil }
        let recovery = try #require(try disk.recovery(in: log))
        #expect(emptied...emptied + 5_000_000_000 ~= recovery, "\(recovery - emptied) ns after there is space")
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
        let story = try AuditStory(of: log)
        #expect(story.records.contains { $0.type == .diskFull })
        #expect(story.records.contains { $0.type == .health && $0.reason?.contains("again") == true })
        #expect(try stage.violations(auditDirectory: log) == [])
        #expect(try daemon.stop() == .exited(0))
    }

    @Test func `without even the reserve, nothing is changed at all`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        // Too small for the reserve that the log wants, from the first request on.
        let disk = try SmallDisk(stage, mebibytes: 1)
        let daemon = try stage.startDaemon()
        let refused = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(refused.code == 1)
        #expect(refused.errors.contains("AuditUnavailable"))
        #expect(try stage.machine().instances == 0)
        #expect(try stage.violations(auditDirectory: disk.path(through: daemon)) == [])
        #expect(try daemon.stop() == .exited(0))
    }

    /// The disk fails outright between intent and outcome, and the daemon is killed before it can write again.
    @Test(
        .enabled(if: KillPoint.obstacle == nil, "\(KillPoint.obstacle ?? "")"), arguments: CrashTests.Operation.allCases
    )
    func `an outcome that cannot be written is never lost`(_ operation: CrashTests.Operation) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try stage.startDaemon()
        if operation == .release { #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0) }
        // The second sync of the operation, and every later one, reports an error of the disk.
        let tracer = try stage.trace(first, "fdatasync", "error=EIO:when=2+")
        let reply = try stage.migctl(operation.arguments, as: Stage.alice)
        #expect(reply.code == 1)
        #expect(reply.errors.contains("AuditUnavailable"), "\(reply.errors)")
        // A slice without a record is not handed out.
        if operation == .create { #expect(try stage.machine().instances == 0) }
        let refused = try stage.migctl(["request", "1g.5gb"], as: Stage.bob)
        #expect(refused.code == 1, "no change while an outcome is owed")
        #expect(refused.errors.contains("AuditUnavailable"), "\(refused.errors)")
        // Long enough for a checkpoint, which must not hide the intent.
        Clock.sleep(milliseconds: 2500)
        first.signal(9)
        tracer.end()
        first.end()
        let second = try stage.startDaemon()
        #expect(try stage.violations() == [])
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.machine().instances == 0)
        _ = second
    }

    @Test(.enabled(if: KillPoint.obstacle == nil, "\(KillPoint.obstacle ?? "")"))
    func `an outcome that could not be written is written when it can be`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let tracer = try stage.trace(daemon, "fdatasync", "error=EIO:when=2..4")
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 1)
        try daemon.waitUntil("the disk is well again") {
            try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0
        }
        _ = try tracer.stop()
        #expect(try stage.violations() == [])
        #expect(try stage.machine().instances == 1)
    }
}

/// A small file system on the stage's audit directory, which only the stage sees.
struct SmallDisk {
    private let stage: Stage

    init(_ stage: Stage, mebibytes: Int) throws {
        self.stage = stage
        try Files.makeDirectories(stage.auditDirectory, mode: 0o750)
        let options = "size=\(mebibytes)m,mode=0750"
        try must(["mount", "-t", "tmpfs", "-o", options, "tmpfs", stage.auditDirectory])
    }

    /// Where the log's files are seen from outside of the stage.
    func path(through daemon: KeptProcess) -> String { "/proc/\(daemon.pid)/root\(stage.auditDirectory)" }

    /// Takes all the space there is.
    func fill() throws {
        try must(["sh", "-c", "dd if=/dev/zero of=\(stage.auditDirectory)/ballast bs=4k 2>/dev/null || true"])
    }

    /// On the boot's clock, when the log that is seen there could be written again; nil while it cannot.
    func recovery(in log: String) throws -> Int64? {
        for file in try AuditSegments.list(in: log) {
            for line in try Files.read(file).split(separator: UInt8(ascii: "\n")) {
                let record = try JSONParser.parse(Array(line), limits: .record)
                let isAgain = record["reason"]?.stringValue == "the log can be written again"
                if isAgain, let moment = record["monotonicNs"]?.integerValue { return moment }
            }
        }
        return nil
    }

    func empty() throws { try must(["rm", "\(stage.auditDirectory)/ballast"]) }

    private func must(_ words: [String]) throws {
        let command = try stage.run(words, as: Stage.root)
        guard command.code == 0 else { throw StageError(what: command.errors) }
    }
}

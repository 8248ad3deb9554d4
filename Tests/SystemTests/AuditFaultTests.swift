import Audit
import Linux
import TestSupport
import Testing

/// Every call to the kernel on the audit path fails once, at each of its occurrences in a request and in a release.
///
/// `.ci/audit-campaign` runs the whole: both errors, and the rotation of a segment too.
@Suite(
    "A failing call on the audit path", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Tracer.obstacle == nil, "\(Tracer.obstacle ?? "")"), .serialized)
struct AuditFaultTests {
    private static let isCampaign = CurrentProcess.environment("MIGBROKER_CAMPAIGN") != nil
    private static let errors = isCampaign ? ["EIO", "ENOSPC"] : ["EIO"]
    private static let calls = ["write", "fdatasync", "openat", "fsync", "ftruncate", "fallocate", "rename"]

    @Test(arguments: errors)
    func `costs no instance without an intent and no outcome, in a log that goes on`(error: String) throws {
        let theatre = try FaultTheatre()
        for call in Self.calls where call != "rename" {
            for beginsSegment in [false, true] {
                var met = 0
                while try theatre.isMet(call, met + 1, error, beginsSegment: beginsSegment) { met += 1 }
                Self.tell("\(call) \(error): \(met) failures\(beginsSegment ? " with a new segment" : "")")
                // A reserve is taken once, and nothing is made where nothing is missing.
                let isRare = !beginsSegment && ["openat", "fsync", "ftruncate", "fallocate"].contains(call)
                #expect(met > 0 || isRare || call == "ftruncate", "\(call) was never met")
            }
        }
    }

    @Test(.enabled(if: isCampaign, "runs in .ci/audit-campaign"), arguments: errors)
    func `costs no record in a rotation`(error: String) throws {
        for call in Self.calls {
            var met = 0
            while try FaultTheatre.rotates(failing: call, met + 1, error) { met += 1 }
            Self.tell("\(call) \(error) in a rotation: \(met) failures")
            #expect(met > 0, "\(call) was never met")
        }
    }

    private static func tell(_ text: String) {
        guard isCampaign else { return }
        // Nobody who reads along is no reason to stop.
        try? Terminal.write("\(text)\n", to: Terminal.error)
    }
}

/// A stage on which one call after another fails under the audit log.
private final class FaultTheatre {
    private let stage: Stage
    private let daemon: KeptProcess

    init(options: [String] = []) throws {
        stage = try Stage(policy: LabPolicy.text)
        _ = try stage.makeKey()
        daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000"] + options)
    }

    /// Lets the n-th call fail in a request and in the release after it, and looks at what came of them.
    ///
    /// - Returns: whether either met it.
    func isMet(_ call: String, _ number: Int, _ error: String, beginsSegment: Bool) throws -> Bool {
        var isMet = false
        for arguments in [["request", "1g.5gb"], ["release", "--all"]] {
            if beginsSegment, let last = try AuditSegments.list(in: stage.auditDirectory).last {
                // What somebody did to the file makes the log leave it, and loses nothing.
                try Files.setMode(last, Files.attributes(last).mode == 0o640 ? 0o600 : 0o640)
            }
            let place = "\(call) \(number) \(error) in \(arguments[0])"
            let (reply, wasMet) = try stage.run(arguments, failing: call, number, error, under: daemon)
            isMet = isMet || wasMet
            if reply.code != 0 {
                #expect(reply.code == 1, "\(place): \(reply.errors)")
                #expect(reply.errors.contains("AuditUnavailable"), "\(place): \(reply.errors)")
            }
            try daemon.waitUntil("the log is as it must be: \(place)") { try stage.violations().isEmpty }
        }
        // It works again, and nothing of the failed change is left.
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0, "\(call) \(number)")
        for person in [Stage.alice, Stage.bob] where try !stage.leases(of: person).isEmpty {
            #expect(try stage.migctl(["release", "--all"], as: person).code == 0, "\(call) \(number)")
        }
        #expect(try stage.machine().instances == 0)
        #expect(try stage.violations() == [])
        return isMet
    }

    /// Lets the n-th call fail after a request that fills a segment, until the next segment has begun all the same.
    static func rotates(failing call: String, _ number: Int, _ error: String) throws -> Bool {
        let stage = try Stage(policy: LabPolicy.text)
        _ = try stage.makeKey()
        try stage.fillSegment()
        let daemon = try stage.startDaemon(["--limit", "auditSegmentMiB=1"])
        let tracer = try stage.fail(call, number, error, under: daemon)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code != 2)
        // Upkeep rotates within two seconds; where that fails it tries again in ten.
        try daemon.waitUntil("the next segment is written") {
            _ = try stage.migctl(["whoami"], as: Stage.root)
            return try AuditSegments.list(in: stage.auditDirectory).count > 1
        }
        // What ends a rotation comes after the next segment is there: the old one's reserve goes, the key is replaced.
        for _ in 0..<100 where try !stage.wasMet() { Clock.sleep(milliseconds: 30) }
        _ = try tracer.stop()
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code != 2)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        try daemon.waitUntil("the log is as it must be: \(call) \(number)") { try stage.violations().isEmpty }
        #expect(try daemon.stop() == .exited(0))
        #expect(try AuditReport.of(try AuditSegments.list(in: stage.auditDirectory), whole: true).seals > 1)
        return try stage.wasMet()
    }
}

extension Stage {
    private var traceFile: String { "\(path)/trace" }

    /// Runs a client's command of alice's while a call on the audit path fails.
    fileprivate func run(
        _ arguments: [String], failing call: String, _ number: Int, _ error: String, under daemon: KeptProcess
    ) throws -> (reply: Command, wasMet: Bool) {
        let tracer = try fail(call, number, error, under: daemon)
        let reply = try migctl(arguments, as: Stage.alice)
        _ = try tracer.stop()
        return (reply, try wasMet())
    }

    /// Attaches a tracer that lets the n-th call of a thread fail on the log's files, its directory, or its key.
    fileprivate func fail(
        _ call: String, _ number: Int, _ error: String, under daemon: KeptProcess
    ) throws -> KeptProcess {
        let segments = try AuditSegments.list(in: auditDirectory)
        let next = (1...4).map { ahead in
            let number = "\(segments.count + ahead)"
            return "\(auditDirectory)/audit-" + String(repeating: "0", count: 8 - number.utf8.count) + number + ".jsonl"
        }
        let paths = [auditDirectory, keyFile, "\(keyFile).new"] + segments.suffix(2) + next
        let tracer = try KeptProcess(
            "strace",
            ["-f", "-qq", "-o", traceFile, "-e", "trace=\(call)", "-e", "inject=\(call):error=\(error):when=\(number)"]
                + paths.flatMap { ["-P", $0] } + ["-p", "\(daemon.pid)"], errors: "\(path)/strace.log")
        try tracer.waitUntil("all threads are traced") { try isTraced(daemon) }
        return tracer
    }

    fileprivate func wasMet() throws -> Bool {
        String(decoding: try Files.read(traceFile), as: UTF8.self).contains("(INJECTED)")
    }

    private func isTraced(_ daemon: KeptProcess) throws -> Bool {
        let directory = "/proc/\(daemon.pid)/task"
        return try Files.list(directory).allSatisfy {
            let status = String(decoding: try Files.read("\(directory)/\($0)/status"), as: UTF8.self)
            return !status.contains("TracerPid:\t0\n")
        }
    }

    /// Fills the first segment with records until the next change makes it as long as a segment of a MiB may be.
    fileprivate func fillSegment() throws {
        let log = try AuditLog(
            auditDirectory, settings: AuditSettings(keyFile: keyFile), clock: try .system())
        var record = AuditRecord(.health)
        record.reason = String(repeating: "filler ", count: 30)
        try log.note(Array(repeating: record, count: 1500))
        while log.head.offset < 1 << 20 - 1500 { try log.note([record]) }
        try log.close([AuditRecord(.stop)])
    }
}

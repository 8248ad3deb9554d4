import JSON
import Linux
import MIG
import TestSupport

@testable import Audit

/// Makes logs in memory and on disk, as the broker's writer makes them.
enum SampleLog {
    static let boot = "3f9d1c58-6a1b-4b59-9d42-5f5a0f6f8a11"
    static let gpu = GPUUUID("GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77")
    /// Of the record number 7.
    static let lease7 = (0..<16).map { Hex.text(of: [UInt8(truncatingIfNeeded: 7 * 31 + $0)]) }.joined()
    static let lease = LeaseID("00112233445566778899aabbccddeeff")

    static func stamp(_ seconds: Int64) -> AuditStamp {
        let time = Timestamp(nanosecondsSinceEpoch: (1_795_000_000 + seconds) * 1_000_000_000 + 123_456_789)
        return AuditStamp(boot: boot, time: time, monotonicNs: seconds * 1_000_000_000)
    }

    static func operation(_ number: Int) -> OperationID? {
        OperationID(bytes: (0..<16).map { UInt8(truncatingIfNeeded: number >> (8 * (15 - $0))) })
    }

    /// A record with every field set.
    static func full() -> AuditRecord {
        var record = AuditRecord(.outcome)
        record.op = operation(7)
        record.conn = 12
        record.method = "io.migbroker.Broker.Request"
        record.caller.uid = UserID(1001)
        record.caller.user = "alice"
        record.caller.gid = GroupID(1001)
        record.caller.groups = [GroupID(2000), GroupID(2001)]
        record.caller.groupCount = 5
        record.caller.pid = 4242
        record.caller.comm = "migctl"
        record.caller.cgroup = "/user.slice/user-1001.slice"
        record.caller.loginuid = UserID(1001)
        record.caller.session = 3
        record.caller.origin = "host"
        record.caller.onBehalfOf = UserID(1002)
        record.policy = String(repeating: "ab", count: 32)
        record.rules = ["ml-slices", "ml-each"]
        record.decision = .allow
        record.reason = "rule matched"
        record.gpu = gpu
        record.gi = GPUInstanceID(2)
        record.ci = ComputeInstanceID(0)
        record.device = MIGUUID("MIG-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
        record.profile = "3g.20gb"
        record.placement = Placement(start: 4, size: 4)
        record.lease = lease
        record.created = Timestamp(secondsSinceEpoch: 1_795_000_000)
        record.expires = Timestamp(secondsSinceEpoch: 1_795_007_200)
        record.isolation = .advisory
        record.name = "training"
        record.key = "k-1"
        record.params = "profile=3g.20gb count=1"
        record.result = .ok
        record.error = "DriverError"
        record.nvml = 19
        record.before = String(repeating: "01", count: 32)
        record.after = String(repeating: "02", count: 32)
        record.durationUs = 1500
        record.count = 2
        return record
    }

    /// One of the records of a life: intents, outcomes, denials of four users on two GPUs.
    static func record(_ number: Int) -> AuditRecord {
        var record = AuditRecord([.intent, .outcome, .denied, .leaseEnd][number % 4])
        record.op = operation(number / 2)
        record.method = ["Request", "Release", "Renew"][number % 3]
        record.caller.uid = UserID(UInt32(1000 + number % 5))
        record.caller.user = ["alice", "bob", "carol", "dan", "eve"][number % 5]
        record.caller.groups = [GroupID(UInt32(number))]
        record.gpu = number % 2 == 0 ? gpu : GPUUUID("GPU-00000000-1111-2222-3333-444444444444")
        record.result = number % 4 == 1 ? .ok : nil
        record.lease = LeaseID(bytes: (0..<16).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) })
        return record
    }

    /// The lines of a log from its beginning, each with its line feed; one second between records.
    static func lines(_ records: [AuditRecord]) -> [[UInt8]] {
        var chain = AuditChain(after: .empty)
        return records.enumerated().map { chain.link($1, stamp(Int64($0))) }
    }

    static func lines(count: Int) -> [[UInt8]] { lines((0..<count).map(record)) }

    /// The head after the last of these lines.
    static func head(_ lines: [[UInt8]]) -> AuditHead {
        var verifier = AuditVerifier()
        for line in lines { try? verifier.check(line.dropLast()) }
        return AuditHead(seq: verifier.seq, hash: verifier.lastHash, segment: "", offset: 0)
    }
}

/// What a program said and how it ended.
func run(_ program: String, _ arguments: [String]) throws -> (output: String, status: ExitStatus) {
    let pipe = try Pipe.make()
    let reading = FileDescriptor(owning: pipe.reading)
    let child: ChildProcess
    do {
        let writing = FileDescriptor(owning: pipe.writing)
        child = try ChildProcess(
            program, arguments: arguments, environment: CurrentProcess.environment(),
            streams: .init(input: nil, output: writing.raw, error: 2))
    }
    let output = try reading.readAll(limit: 16 << 20)
    return (String(decoding: output, as: UTF8.self), try child.wait())
}

/// Whether a program can be started and succeeds.
func isRunnable(_ program: String, _ arguments: [String]) -> Bool {
    (try? run(program, arguments).status) == .exited(0)
}

extension SampleLog {
    static func intent() -> AuditRecord {
        var record = full()
        record.type = .intent
        record.result = nil
        return record
    }

    static func denial(uid: UInt32, method: String = "Request", error: String = "NotAuthorized") -> AuditRecord {
        var record = AuditRecord(.denied)
        record.method = method
        record.error = error
        record.caller.uid = UserID(uid)
        return record
    }
}

import Audit
import Linux
import MIG
import Synchronization

/// The audit log of a busy machine, written by the broker's own writer: fifty users who take slices of eight GPUs for two
/// hours each, renew some of them, give them back, and are turned away now and then.
struct AuditSample {
    static let users = 50
    /// One of them, who has as many records as the others.
    static let user = "researcher-17"
    private static let gpus = 8
    /// Records that are made durable together. In a real log it is two or so; that would only take longer to write.
    private static let batch = 250
    /// Of the log's clock, from one batch to the next.
    private static let step: Int64 = 750_000_000_000

    let directory: String
    /// The log's files, oldest first.
    let files: [String]
    let bytes: Int64
    /// An hour before its last record.
    let lastHour: Timestamp

    /// Writes a log of so many records or a few more.
    init(in directory: String, records: Int, _ stopwatch: Stopwatch) throws(BenchmarkError) {
        let clock = SampleClock()
        let log = try BenchmarkError.from { () throws(AuditUnavailable) in
            try AuditLog(directory, clock: clock.audit)
        }
        var sample = Life()
        var pending: [AuditRecord] = []
        var written = 0
        while written < records {
            pending += sample.next()
            guard pending.count >= Self.batch else { continue }
            // Ten million take minutes.
            try stopwatch.stopIfAsked()
            try BenchmarkError.from { () throws(AuditUnavailable) in try log.note(pending) }
            written += pending.count
            pending = []
            clock.advance(by: Self.step)
        }
        try BenchmarkError.from { () throws(AuditUnavailable) in try log.close([AuditRecord(.stop)]) }
        let files = try BenchmarkError.from { () throws(SystemError) in try AuditSegments.list(in: directory) }
        var bytes: Int64 = 0
        for file in files {
            bytes += try BenchmarkError.from { () throws(SystemError) in try Files.attributes(file).size }
        }
        self.directory = directory
        self.files = files
        self.bytes = bytes
        lastHour = clock.time.advanced(by: TimeSpan(seconds: -3600))
    }

    /// The wall clock and the boot clock of the log, which go at one pace.
    private final class SampleClock: Sendable {
        private let passed = Atomic<Int64>(0)
        private static let start: Int64 = 1_790_000_000_000_000_000

        var time: Timestamp { Timestamp(nanosecondsSinceEpoch: Self.start + passed.load(ordering: .relaxed)) }

        var audit: AuditClock {
            AuditClock(
                boot: "3f9d1c58-6a1b-4b59-9d42-5f5a0f6f8a11", wall: { self.time },
                boottime: { self.passed.load(ordering: .relaxed) })
        }

        func advance(by nanoseconds: Int64) { passed.add(nanoseconds, ordering: .relaxed) }
    }

    /// Makes the records of lease after lease.
    struct Life {
        private static let profiles = ["1g.5gb", "2g.10gb", "3g.20gb", "7g.40gb"]
        private var number = 0

        mutating func next() -> [AuditRecord] {
            number += 1
            let lease = lease(number)
            var records = [lease.record(.intent, "Request"), lease.record(.outcome, "Request")]
            if number % 3 == 0 { records += [lease.record(.intent, "Renew"), lease.record(.outcome, "Renew")] }
            if number % 5 == 0 { records.append(lease.denial) }
            records += [lease.record(.intent, "Release"), lease.record(.outcome, "Release")]
            records.append(lease.record(.leaseEnd, "Release"))
            return records
        }

        private func lease(_ number: Int) -> SampleLease {
            SampleLease(
                number: number, user: (number &* 7919) % users, gpu: number % gpus,
                profile: Self.profiles[number % Self.profiles.count])
        }
    }

    private struct SampleLease {
        let number: Int
        let user: Int
        let gpu: Int
        let profile: String

        /// With the fields that the broker gives such a record.
        func record(_ type: AuditRecordType, _ method: String) -> AuditRecord {
            var record = AuditRecord(type)
            record.op = OperationID(bytes: id(method.utf8.count))
            record.conn = Int64(number)
            record.method = method
            record.caller = caller
            record.policy = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            record.rules = ["ml-slices", "ml-each", "ml-pool"]
            record.decision = .allow
            record.gpu = GPUUUID("GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a7\(gpu)")
            record.profile = profile
            record.placement = Placement(start: number % 4, size: 1)
            record.lease = LeaseID(bytes: id(0))
            record.isolation = .enforced
            if type == .leaseEnd { record.reason = "released" }
            if type != .leaseEnd { record.params = "profiles=\(profile) count=1 gpus= seconds=7200 name=" }
            let isUnmade = type == .intent && method.utf8.elementsEqual("Request".utf8)
            guard !isUnmade else { return record }
            record.gi = GPUInstanceID(UInt32(number % 14))
            record.ci = ComputeInstanceID(0)
            record.device = MIGUUID("MIG-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f\(gpu)")
            record.created = Timestamp(secondsSinceEpoch: 1_790_000_000 + Int64(number))
            record.expires = Timestamp(secondsSinceEpoch: 1_790_007_200 + Int64(number))
            if type == .outcome {
                record.result = .ok
                record.durationUs = 150_000 + Int64(number % 40_000)
            }
            return record
        }

        var denial: AuditRecord {
            var record = AuditRecord(.denied)
            record.method = "Request"
            record.caller = caller
            record.decision = .deny
            record.rules = ["ml-pool"]
            record.error = "QuotaExceeded"
            record.reason = "limit ml-pool: 14 slices of 14 are in use"
            return record
        }

        private var caller: AuditCaller {
            var caller = AuditCaller()
            caller.uid = UserID(UInt32(2000 + user))
            caller.user = "researcher-\(user)"
            caller.gid = GroupID(UInt32(2000 + user))
            caller.groups = [GroupID(3001)]
            caller.groupCount = 6
            caller.pid = Int32(10_000 + number % 50_000)
            caller.comm = "migctl"
            caller.cgroup = "/user.slice/user-\(2000 + user).slice/session-\(number % 900).scope"
            caller.loginuid = UserID(UInt32(2000 + user))
            caller.session = UInt32(number % 900)
            caller.origin = "host"
            return caller
        }

        /// Sixteen bytes that look as random as those of a real id.
        private func id(_ salt: Int) -> [UInt8] {
            var state = UInt64(truncatingIfNeeded: number &* 31 &+ salt) &* 0x9E37_79B9_7F4A_7C15
            return (0..<16).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
        }
    }
}

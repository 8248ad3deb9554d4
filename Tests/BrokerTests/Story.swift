import Linux
import MIG
import Policy

@testable import Audit
@testable import Broker

/// An audit log told record by record, as the broker writes it, on clocks that the test sets.
struct Story {
    static let firstBoot = "boot-1"
    static let gpu = known(GPUUUID("GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77"))
    static let device = known(MIGUUID("MIG-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"))
    static let alice = UserID(2001)

    private(set) var entries: [AuditEntry] = []
    var boot = Story.firstBoot
    /// Seconds on the clock that people read.
    var wall: Int64 = 1_795_000_000
    /// Seconds since the boot.
    var uptime: Int64 = 5000

    static func lease(_ number: UInt8) -> LeaseID { known(LeaseID(bytes: Array(repeating: number, count: 16))) }
    static func operation(_ number: UInt8) -> OperationID {
        known(OperationID(bytes: Array(repeating: number, count: 16)))
    }

    private static func known<Value>(_ value: Value?) -> Value {
        guard let value else { preconditionFailure("a test's own id is well-formed") }
        return value
    }

    mutating func add(_ record: AuditRecord) {
        let stamp = AuditStamp(
            boot: boot, time: Timestamp(secondsSinceEpoch: wall), monotonicNs: uptime * 1_000_000_000)
        entries.append(
            AuditEntry(seq: Int64(entries.count + 1), stamp: stamp, record: record, prev: "", hash: ""))
    }

    mutating func pass(_ seconds: Int64) {
        wall += seconds
        uptime += seconds
    }

    /// A record of a change of a lease.
    func record(
        _ type: AuditRecordType, _ lease: UInt8, by operation: UInt8, method: String = "Request",
        result: AuditResult? = nil, isMade: Bool = true, seconds: Int64 = 7200
    ) -> AuditRecord {
        var record = AuditRecord(type)
        record.op = Self.operation(operation)
        record.lease = Self.lease(lease)
        record.method = method
        record.caller.uid = Self.alice
        record.caller.user = "alice"
        record.caller.groups = [GroupID(3001)]
        record.gpu = Self.gpu
        record.profile = "1g.5gb"
        record.placement = Placement(start: Int(lease) % 7, size: 1)
        record.result = result
        guard isMade else { return record }
        record.gi = GPUInstanceID(UInt32(lease))
        record.ci = ComputeInstanceID(0)
        record.device = Self.device
        record.created = Timestamp(secondsSinceEpoch: wall)
        record.expires = Timestamp(secondsSinceEpoch: wall + seconds)
        record.isolation = .advisory
        return record
    }

    /// Intent and outcome of a request for one slice.
    mutating func grant(_ lease: UInt8, by operation: UInt8, seconds: Int64 = 7200) {
        add(record(.intent, lease, by: operation, isMade: false))
        add(record(.outcome, lease, by: operation, result: .ok, seconds: seconds))
    }

    func replayed(after checkpoint: Checkpoint? = nil) -> Replay {
        var replay = Replay(checkpoint)
        for entry in entries { replay.take(entry) }
        return replay
    }
}

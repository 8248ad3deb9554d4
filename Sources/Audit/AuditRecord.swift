package import MIG

/// What a record tells of; the raw value is the word in the log.
package enum AuditRecordType: String, CaseIterable, Sendable {
    /// The broker began to work, or ended in an orderly way.
    case start, stop
    /// A change is about to be made; its end; its end as the next start of the broker found it.
    case intent, outcome, recovered
    /// A request was refused before anything was done.
    case denied
    case leaseEnd = "lease-end"
    case revoke
    /// Something changed on a GPU that the broker did not do.
    case externalChange = "external-change"
    case policyLoaded = "policy-loaded"
    case policyRejected = "policy-rejected"
    case nodeRepaired = "node-repaired"
    /// The wall clock was stepped.
    case clock
    /// Bytes at the end of the log were no record: a torn write, or damage.
    case gap
    case rotate
    /// The first record of a segment that follows another.
    case `continue`
    /// Segments are removed because of their age, or for room; the log begins after them.
    case checkpoint
    /// The end of an epoch, with its keyed hash.
    case seal
    /// Something about the broker itself that an auditor has to know.
    case health
    case diskFull = "disk-full"
}

/// What was decided about a request.
package enum AuditDecision: String, Sendable {
    case allow, deny
}

/// How a change ended.
package enum AuditResult: String, Sendable {
    case ok
    /// Nothing was left behind.
    case failed
    /// Something was made and taken back.
    case undone
    /// Something was made and could not be taken back yet, which the reason names; a `recovered` record tells when it
    /// was.
    case leftBehind = "left-behind"
    /// Accepted by the driver, to take effect after a reset of the GPU.
    case pending
}

/// Who asked, as the kernel and the user database had it at that moment.
///
/// For the broker's own acts (expiry, recovery) everything but `onBehalfOf`, the lease's owner, is left out. Where the caller
/// acts for another, `onBehalfOf` is that one, and `groups` are his.
package struct AuditCaller: Hashable, Sendable {
    package var uid: UserID?
    package var user: String?
    package var gid: GroupID?
    /// Those that the decision used, at most `AuditFormat.listLength`.
    package var groups: [GroupID] = []
    /// How many groups the caller had in all.
    package var groupCount: Int?
    package var pid: Int32?
    package var comm: String?
    package var cgroup: String?
    package var loginuid: UserID?
    package var session: UInt32?
    /// `host`, `container` or `unknown`.
    package var origin: String?
    package var onBehalfOf: UserID?
    /// His name, where he is not the caller.
    package var onBehalfOfUser: String?

    package init() {}
}

/// One thing that happened, before it has its place in the log; what is nil or empty is left out of the line.
///
/// The order of the properties is the order of the keys. The log is also the write-ahead log, so the outcome of a
/// create carries all that a lease is: owner, groups, GPU, instance, device, times, name and isolation.
package struct AuditRecord: Hashable, Sendable {
    package var type: AuditRecordType
    package var op: OperationID?
    package var conn: Int64?
    package var method: String?
    package var caller = AuditCaller()

    /// The SHA-256 of the policy in force, in hex.
    package var policy: String?
    /// The ids of the rules and limits that made the decision.
    package var rules: [String] = []
    package var decision: AuditDecision?
    package var reason: String?
    /// What the policy was asked, in words that it can be asked again with.
    package var question: [String] = []

    package var gpu: GPUUUID?
    package var gi: GPUInstanceID?
    package var ci: ComputeInstanceID?
    package var device: MIGUUID?
    /// A profile's name, `3g.20gb` or `1c.3g.20gb`.
    package var profile: String?
    package var placement: Placement?
    package var lease: LeaseID?
    /// A lease's begin and end, kept to the second.
    ///
    /// For a deadline that no clock step moves, add `expires` less the record's own `time` to its `monotonicNs`.
    package var created: Timestamp?
    package var expires: Timestamp?
    package var isolation: Isolation?
    /// Whether the processes that are still on the lease's slice at its end are ended: `"onExpiry":"kill"`.
    package var killsOnExpiry = false
    package var name: String?

    /// The caller's idempotency key.
    package var key: String?
    /// What was asked for, in words.
    package var params: String?
    package var result: AuditResult?
    /// The error's word on the wire.
    package var error: String?
    /// The driver's return code.
    package var nvml: Int64?
    /// What was on the GPU before an intended change, and what is on it after the change or its failure:
    /// `mig=on 3g.20gb@0:4#1/0`, the mode and by place each GPU instance with its profile, start and size, id and compute
    /// instances.
    package var before: String?
    package var after: String?
    package var durationUs: Int64?
    /// For how many like it this record stands; nil is one.
    package var count: Int64?
    /// Of a seal, and of nothing else: the epoch that ends with it, which its keyed hash is of.
    package var epoch: Int64?

    package init(_ type: AuditRecordType) { self.type = type }
}

/// A record in its place in the log.
package struct AuditEntry: Hashable, Sendable {
    /// From 1, without a hole.
    package let seq: Int64
    package let stamp: AuditStamp
    package let record: AuditRecord
    /// The hash of the record before, in hex; 64 zeros for the first.
    package let prev: String
    /// This record's hash, in hex.
    package let hash: String
}

/// When something happened, on the clock that people read and on the one that nobody can set.
package struct AuditStamp: Hashable, Sendable {
    /// The kernel's boot id.
    package let boot: String
    /// The wall clock, to the microsecond.
    package let time: Timestamp
    /// CLOCK_BOOTTIME: nanoseconds since that boot, suspend included.
    package let monotonicNs: Int64

    package init(boot: String, time: Timestamp, monotonicNs: Int64) {
        self.boot = boot
        self.time = time
        self.monotonicNs = monotonicNs
    }
}

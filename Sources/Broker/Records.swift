import Audit
import Linux
import MIG
import NVML
import Planner
import Policy

/// What the broker puts on record; one place knows which fields each kind of record carries.
enum Records {
    /// An instance that is to become a lease.
    struct Draft {
        let lease: LeaseID
        let entry: Plan.Entry
        let name: String?
        let duration: TimeSpan
        let killsOnExpiry: Bool
    }

    /// What a caller asked for: two calls of a method with the same words ask for the same.
    struct Asked {
        let words: String
        /// The caller's idempotency key.
        let key: String?

        init(_ words: String, key: String?) {
            // As the log will have it, so that a call is told from another one after a restart too.
            self.words = AuditFormat.text(words)
            self.key = key
        }
    }

    /// What a change stands on: who asked for what, and what decided it.
    struct Basis {
        let operation: OperationID
        let context: CallContext?
        let method: String
        let asked: Asked?
        let policy: String?
        let decision: Decision?
        let question: Question?
        /// The owner, where the broker acts of itself.
        let owner: UserID?

        /// A caller's change that the policy gave leave for.
        init(
            _ operation: OperationID, _ context: CallContext, _ asked: Asked, _ leave: borrowing Broker.Leave
        ) {
            self.operation = operation
            self.context = context
            self.asked = asked
            method = context.method
            policy = leave.policy
            decision = leave.decision
            question = leave.question
            owner = nil
        }

        /// A caller's change, or what he was refused.
        init(
            _ operation: OperationID, _ context: CallContext, _ asked: Asked? = nil, policy: String?,
            decision: Decision?
        ) {
            self.operation = operation
            self.context = context
            self.asked = asked
            method = context.method
            self.policy = policy
            self.decision = decision
            question = nil
            owner = nil
        }

        /// The broker's own: `method` says why, `Expire` or `Recover`.
        init(_ operation: OperationID, method: String, owner: UserID?) {
            self.operation = operation
            context = nil
            asked = nil
            self.method = method
            policy = nil
            decision = nil
            question = nil
            self.owner = owner
        }

        /// A record of the change with all that is the same in each of them.
        func record(_ type: AuditRecordType) -> AuditRecord {
            var record = AuditRecord(type)
            record.op = operation
            record.method = method
            record.conn = context?.connection
            if let context { record.caller = Records.caller(context, groups: decision?.groups ?? []) }
            if let owner { record.caller.onBehalfOf = owner }
            record.policy = policy
            if type == .intent { record.question = question?.words ?? [] }
            if type == .intent || type == .outcome {
                record.params = asked?.words
                record.key = asked?.key
            }
            if let decision {
                record.rules = decision.rules + decision.limits
                record.decision = decision.isAllowed ? .allow : .deny
            }
            return record
        }
    }

    static func caller(_ context: CallContext, groups: [GroupID]) -> AuditCaller {
        var caller = AuditCaller()
        let principal = context.principal
        caller.uid = principal.user
        caller.user = principal.name
        caller.gid = principal.primaryGroup
        caller.groups = groups
        caller.groupCount = context.owner.peerGroups.union(context.owner.databaseGroups).count
        let process = context.peer.process()
        caller.pid = context.peer.pid
        caller.comm = process?.command
        caller.cgroup = process?.cgroup
        caller.loginuid = process?.loginUser
        caller.session = process?.session
        caller.origin = context.peer.origin().rawValue
        caller.onBehalfOf = context.onBehalfOf?.user
        caller.onBehalfOfUser = context.onBehalfOf?.name
        return caller
    }

    static func intent(of draft: Draft, _ basis: Basis, isolation: Isolation) -> AuditRecord {
        var record = basis.record(.intent)
        record.gpu = draft.entry.gpu
        record.profile = draft.entry.profile.name
        record.placement = draft.entry.placement
        record.lease = draft.lease
        record.isolation = isolation
        record.killsOnExpiry = draft.killsOnExpiry
        record.name = draft.name
        return record
    }

    /// An intent or outcome about a lease that exists.
    static func record(_ type: AuditRecordType, of lease: Lease, _ basis: Basis) -> AuditRecord {
        var record = basis.record(type)
        fill(&record, lease)
        return record
    }

    /// Everything that a lease is, so that the log alone can bring it back.
    static func fill(_ record: inout AuditRecord, _ lease: Lease) {
        record.gpu = lease.gpu
        record.gi = lease.gi
        record.ci = lease.computeInstances.first?.id
        record.device = lease.device
        record.profile = lease.profile
        record.placement = lease.placement
        record.lease = lease.id
        record.created = lease.created
        record.expires = lease.expires
        record.isolation = lease.isolation
        record.killsOnExpiry = lease.killsOnExpiry
        record.name = lease.name
    }

    /// An intent or outcome about a compute instance that exists, in a lease or in another tool's GPU instance.
    static func record(
        _ type: AuditRecordType, of seat: ComputeSeat, _ lease: Lease?, _ basis: Basis
    ) -> AuditRecord {
        var record = basis.record(type)
        record.gpu = seat.gpu.uuid
        record.gi = seat.gi
        record.ci = seat.id
        record.device = seat.device
        record.profile = seat.profile
        record.placement = seat.placement
        record.lease = lease?.id
        return record
    }

    /// An intent or outcome about a compute instance that is to be; what was made of it stands in the outcome.
    static func record(
        _ type: AuditRecordType, of entry: ComputePlan.Entry, _ lease: Lease, _ basis: Basis
    ) -> AuditRecord {
        var record = basis.record(type)
        record.gpu = entry.gpu
        record.gi = entry.gi
        record.profile = entry.profile.name
        record.placement = entry.placement
        record.lease = lease.id
        return record
    }

    /// An intent or outcome about a GPU's MIG mode.
    static func record(_ type: AuditRecordType, of gpu: GPU, _ basis: Basis) -> AuditRecord {
        var record = basis.record(type)
        record.gpu = gpu.uuid
        return record
    }

    /// An intent or outcome about a GPU instance that has no lease.
    static func record(
        _ type: AuditRecordType, of instance: GPUInstance, in entry: Inventory.Entry, _ basis: Basis
    ) -> AuditRecord {
        var record = basis.record(type)
        record.gpu = entry.gpu.uuid
        record.gi = instance.id
        record.profile = entry.profile(instance.profile)?.name
        record.placement = instance.placement
        return record
    }

    /// The end of a lease, whoever brought it about.
    static func leaseEnd(_ lease: Lease, _ basis: Basis, reason: String) -> AuditRecord {
        var record = record(.leaseEnd, of: lease, basis)
        record.reason = reason
        record.caller.onBehalfOf = lease.user
        record.caller.onBehalfOfUser = lease.userName
        return record
    }

    /// What is on a GPU, in words that fit a record; nil of one that nothing is known of.
    ///
    /// `mig=on 3g.20gb@0:4#1/0,1 1g.5gb@4:1#9/0`: its mode, and by place each GPU instance's profile, start and size, id, and
    /// the ids of the compute instances in it.
    static func content(of gpu: GPUUUID?, _ inventory: Inventory) -> String? {
        guard let gpu, let entry = inventory.entry(gpu), let mode = entry.gpu.mode else { return nil }
        let instances = entry.instances.sorted { $0.placement.start < $1.placement.start }.map { instance in
            let name = entry.profile(instance.profile)?.name ?? "profile-\(instance.profile)"
            let computes = instance.computeInstances.map { "\($0.id)" }.joined(separator: ",")
            return "\(name)@\(instance.placement.start):\(instance.placement.size)#\(instance.id)/\(computes)"
        }
        let pending = mode.isPending ? ",pending" : ""
        return (["mig=\(mode.isEnabled ? "on" : "off")\(pending)"] + instances).joined(separator: " ")
    }

    /// The words and numbers of a refusal.
    static func fill(_ record: inout AuditRecord, _ refusal: Refusal) {
        record.error = refusal.word
        record.reason = refusal.description
        record.nvml = refusal.driverError?.code.map { Int64($0.code) }
    }
}

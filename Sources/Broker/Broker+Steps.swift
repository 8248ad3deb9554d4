package import Audit
import Linux
import MIG
import NVML
import Nodes
import Policy

/// The steps that every change is made of, each with its own failure as a refusal.
extension Broker {
    /// The policy's leave for a change, and all that it stands on.
    struct Leave: ~Copyable {
        let permit: Permit
        let decision: Decision
        let terms: Terms
        /// The hash of the policy that decided.
        let policy: String
        let question: Question
    }

    /// Step 6. `acting` are the rules that let the caller ask for another.
    func authorize(
        _ policy: PolicySet, _ query: Query, _ use: [UseEntry], acting: [String] = []
    ) throws(Refusal) -> Leave {
        let question = Question(query, now: clock.now)
        let permit: Permit
        do throws(Denial) {
            permit = try policy.authorize(query, use: use, now: question.now)
        } catch {
            throw .denied(error, question, by: policy)
        }
        guard case .caller(_, let decision, let terms) = permit.basis else {
            preconditionFailure("a caller's query gives a caller's permit")
        }
        return Leave(
            permit: permit, decision: decision.with(acting), terms: terms, policy: policy.hash, question: question)
    }

    /// Step 6, where the caller acts for another: whether he may, whoever that is. Nobody but root acts for root.
    ///
    /// - Returns: the ids of the rules that let him; none where he acts for himself.
    func actingRules(_ context: CallContext, _ policy: PolicySet) throws(Refusal) -> [String] {
        guard let other = context.onBehalfOf else { return [] }
        let query = Query(principal: context.principal, action: .actAs)
        let leave = try authorize(policy, query, [])
        guard other.user != .root || context.principal.user == .root else {
            throw .denied(Denial(action: .actAs, profile: nil, reason: .noRule), leave.question, by: policy)
        }
        return leave.decision.rules
    }

    /// Step 6, for a caller.
    func leave(_ query: Query, _ use: [UseEntry], _ context: CallContext) throws(Refusal) -> Leave {
        guard let policy = policy.set else { throw .noPolicy(query.action) }
        return try authorize(policy, query, use, acting: try actingRules(context, policy))
    }

    /// Step 7. A node that somebody reset is set right first, on record: nobody keeps others from their requests so.
    func gate(_ request: GateRequest, _ state: inout State) throws(Refusal) -> Gate {
        if let gate = try? nodes.gate(for: request, grants: state.grants, external: state.externalNodes) { return gate }
        repairNodes(&state)
        do throws(GateClosed) {
            return try nodes.gate(for: request, grants: state.grants, external: state.externalNodes)
        } catch {
            throw .gateClosed(error)
        }
    }

    /// A change of what is there already, allowed and on record as intended.
    struct Begun: ~Copyable {
        let driver: NVMLDriver
        let permit: Permit
        let gate: Gate
        let intent: IntentReceipt
        let basis: Records.Basis
    }

    /// Step 9. What only ends or repairs may use the space that a full disk has left.
    ///
    /// The state tells what was on each record's GPU before.
    func intend(
        _ records: [AuditRecord], _ state: borrowing State, ending: Bool = false
    ) throws(Refusal) -> IntentReceipt {
        var records = records
        for index in records.indices {
            records[index].before = Records.content(of: records[index].gpu, state.inventory)
        }
        do throws(AuditUnavailable) {
            return try audit.intend(records, ending: ending)
        } catch {
            throw .auditUnavailable(error)
        }
    }

    /// Puts something that happened on record.
    ///
    /// A log that cannot be written keeps the records and writes them first as soon as it can; until then it takes no
    /// intent, so nothing is changed behind its back.
    func note(_ records: [AuditRecord]) { try? audit.note(records) }

    /// Step 12. The state tells what is on each record's GPU now.
    ///
    /// - Returns: why the outcome could not be written yet, or nil where it was; the log keeps it meanwhile.
    func conclude(
        _ intent: inout IntentReceipt?, _ outcomes: [AuditRecord], _ state: borrowing State
    ) -> AuditUnavailable? {
        guard let intent = intent.take() else { preconditionFailure("an intent has one outcome") }
        var outcomes = outcomes
        for index in outcomes.indices {
            outcomes[index].after = Records.content(of: outcomes[index].gpu, state.inventory)
        }
        do throws(AuditUnavailable) {
            try audit.conclude(intent, outcomes)
            return nil
        } catch {
            return error
        }
    }

    /// What the driver shows of some GPUs; one that cannot be read now is left as it was known, and the next look
    /// over the driver tells of it.
    func read(_ gpus: Set<GPUUUID>, _ driver: NVMLDriver) -> [Inventory.Entry] {
        let known = snapshot.inventory.entries.filter { gpus.contains($0.gpu.uuid) }
        return known.compactMap { try? Inventory.entry(of: $0.gpu, driver) }
    }

    /// Takes a lease's access away.
    ///
    /// - Returns: why it could not be, or nil where it was.
    @discardableResult
    func close(_ lease: Lease) -> NodeError? {
        guard let grant = grant(of: lease) else { return nil }
        do throws(NodeError) {
            try nodes.revoke(grant)
            return nil
        } catch {
            return error
        }
    }

    /// Closes what another tool had in a lease's GPU instance: with the instance its say over those nodes is gone.
    func closeRest(of lease: Lease) {
        guard let entry = snapshot.inventory.entry(lease.gpu), let instance = entry.instance(lease.gi) else { return }
        for compute in instance.computeInstances where !lease.computeInstanceIDs.contains(compute.id) {
            // What cannot be closed now is closed by the next look over all nodes.
            try? nodes.close(.computeInstance(gpuMinor: entry.gpu.minor, lease.gi, compute.id))
        }
    }

    /// Gives a lease's access back, after an end that did not come about.
    @discardableResult
    func reopen(_ lease: Lease) -> NodeError? {
        guard let grant = grant(of: lease) else { return nil }
        do throws(NodeError) {
            try nodes.grant(grant)
            return nil
        } catch {
            return error
        }
    }

    private func grant(of lease: Lease) -> NodeGrant? {
        guard let minor = snapshot.inventory.entry(lease.gpu)?.gpu.minor else { return nil }
        return NodeGrant(
            user: lease.user, gpuMinor: minor, gpuInstance: lease.gi, computeInstances: lease.computeInstanceIDs)
    }

    /// A refusal that came before any intent is on record as a denial; after it, its outcome tells. A dry run's too:
    /// clients look at a plan first, so for who may not see one the attempt ends there.
    func noteDenial(_ refusal: Refusal, _ operation: OperationID, _ context: CallContext) {
        if let record = denial(refusal, operation, context) { audit.deny(record) }
    }

    /// The record of a refused read, which has no operation of its own; writes nothing.
    package func denial(_ refusal: Refusal, _ context: CallContext) -> AuditRecord? {
        denial(refusal, Self.newOperation(), context)
    }

    private func denial(_ refusal: Refusal, _ operation: OperationID, _ context: CallContext) -> AuditRecord? {
        switch refusal {
        case .denied, .noPolicy, .gateClosed, .noRoom, .noComputeRoom, .notFound, .ambiguous, .migDisabled,
            .migUnsupported, .pendingReset, .driverUnavailable, .badRequest, .planChanged, .leasesLive,
            .inUse(_, _, nil):
            var record = Records.Basis(operation, context, policy: policy.set?.hash, decision: nil).record(.denied)
            record.profile = refusal.profile
            if case .denied(let denial, let question, let decider) = refusal {
                record.rules = denial.reason.names
                if case .gpus(let gpus) = question.query.target { record.gpu = gpus.map(\.uuid).onlyOne }
                record.question = question.words
                // The one that decided, whatever is in force by now.
                record.policy = decider.hash
                record.caller.groups = decider.mentioned(of: question.query.principal)
            }
            record.decision = .deny
            Records.fill(&record, refusal)
            return record
        case .auditUnavailable, .driverFailed, .nodeFailed, .inUse, .leftBehind: return nil
        }
    }

    /// Sets every node right that is not as the leases say, and records what was found.
    func repairNodes(_ state: inout State) {
        let report: NodeStore.RepairReport
        do throws(NodeError) {
            report = try nodes.repair(state.grants, gpuMinors: state.gpuMinors, external: state.externalNodes)
        } catch {
            // Without the driver's tables there is nothing to hold nodes against; the gate says so to every change.
            return
        }
        for repair in report.repaired {
            var record = Records.Basis(Self.newOperation(), method: "RepairNodes", owner: nil).record(.nodeRepaired)
            record.params = repair.path
            record.reason = "had \(repair.found), must be \(repair.restored)"
            note([record])
        }
    }
}

extension Refusal {
    /// The profile that was refused; nil where it was none, or several.
    fileprivate var profile: String? {
        switch self {
        case .denied(let denial, let question, _):
            guard denial.profile == nil, case .instances(let demands) = question.query.target else {
                return denial.profile
            }
            return demands.map(\.profile).onlyOne
        case .noRoom(_, let profiles), .noComputeRoom(_, let profiles): return profiles.onlyOne
        default: return nil
        }
    }
}

extension Collection where Element: Equatable {
    /// The element that all are; nil where there is none, or another one beside it.
    fileprivate var onlyOne: Element? { first.flatMap { first in allSatisfy { $0 == first } ? first : nil } }
}

extension Denial.Reason {
    /// Ids of the rules or the limit that stopped it.
    var names: [String] {
        switch self {
        case .leaseTooLong(let limit?, _, _), .quotaExceeded(let limit, _, _, _, _, _): [limit]
        case .leaseTooLong(nil, _, _), .denied, .isolationRequired, .outsideHours, .noIdentity, .noRule: rules
        }
    }
}

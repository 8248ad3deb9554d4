internal import Audit
internal import Linux
internal import MIG
internal import NVML
internal import Nodes
internal import Policy

/// Why a lease ends.
enum EndCause: String {
    case released
    /// Its GPU instance was destroyed as such.
    case destroyed
    /// Its GPU was to change its MIG mode.
    case modeChange = "mode-change"
    case expired
    /// The user database does not know its owner any more, or knows his number by another name.
    case ownerVanished = "owner-vanished"
    /// Its end or its making was begun and broke off: the broker died at it, or the driver failed.
    case recovered

    var isCallersWish: Bool {
        switch self {
        case .released, .destroyed, .modeChange: true
        case .expired, .ownerVanished, .recovered: false
        }
    }
}

/// A way in which callers end leases, and the rights that it takes.
struct EndRight {
    /// To end one's own.
    let own: Action
    /// To end anybody's.
    let any: Action
    let cause: EndCause

    static let release = EndRight(own: .releaseOwn, any: .releaseAny, cause: .released)
    static let destroy = EndRight(own: .destroyOwnGPUInstance, any: .destroyAnyGPUInstance, cause: .destroyed)
    static let modeChange = EndRight(own: .releaseOwn, any: .releaseAny, cause: .modeChange)
}

/// How a lease ends, whoever wants it.
extension Broker {
    /// Ends one lease for a caller, with a durable intent before and an outcome after.
    func end(
        _ lease: Lease, by right: EndRight, _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext
    ) throws(Refusal) {
        let started = try change { (state) throws(Refusal) in
            let driver = try state.readyDriver()
            let leave = try leave(lease, context, right.own, right.any, state)
            guard let entry = state.inventory.entry(lease.gpu) else { throw .notFound(.gpu, lease.gpu.description) }
            // A lease that is ending has its nodes closed already, to its owner too.
            let isOpenToOwner = lease.belongs(to: context.owner) && lease.state == .active
            let gate = try gate(
                .change(
                    gpuMinor: entry.gpu.minor, lease.gi, lease.computeInstanceIDs,
                    by: isOpenToOwner ? context.caller : nil),
                &state)
            let basis = Records.Basis(operation, context, asked, leave)
            let intent = try intend([Records.record(.intent, of: lease, basis)], state, ending: true)
            return Ending(
                lease: lease, cause: right.cause, driver: driver, permit: leave.permit, gate: gate, intent: intent,
                basis: basis)
        }
        if let refusal = end(started) { throw refusal }
    }

    /// The end of one lease, allowed and on record as intended.
    struct Ending: ~Copyable {
        let lease: Lease
        let cause: EndCause
        let driver: NVMLDriver
        let permit: Permit
        let gate: Gate
        let intent: IntentReceipt
        let basis: Records.Basis
    }

    /// Takes the access away, destroys the instance, and puts down what really happened.
    @discardableResult
    func end(_ ending: consuming Ending) -> Refusal? {
        let began = Clock.monotonic()
        let lease = ending.lease
        let cause = ending.cause
        let basis = ending.basis
        let driver = ending.driver
        let fate = fate(of: lease, Executor(driver: driver, nodes: nodes), ending.permit, ending.gate)
        // A release that did not come about leaves everything as it was. A lease whose time is over stays closed; and
        // one that cannot be opened again is closed to its owner until the next look over the nodes.
        let left = fate.state.map { cause.isCallersWish ? $0 : .ending }
        if left == .active { reopen(lease) }
        let entries = read([lease.gpu], driver)
        var outcome = Records.record(.outcome, of: lease, basis)
        outcome.durationUs = (Clock.monotonic() - began) / 1000
        outcome.result = fate.refusal == nil ? .ok : .failed
        if let refusal = fate.refusal { Records.fill(&outcome, refusal) }
        var records = [outcome]
        switch left {
        case nil: records.append(Records.leaseEnd(lease, basis, reason: cause.rawValue))
        // So that a start which has only the log does not open it again.
        case .ending? where lease.state == .active: records.append(Records.record(.revoke, of: lease, basis))
        case .ending?, .active?: break
        }
        var intent: IntentReceipt? = ending.intent
        let unrecorded = change { state in
            state.take(entries)
            if let left {
                var kept = lease
                kept.state = left
                state.ledger.put(kept)
            } else {
                state.ledger.remove(lease.id)
                state.retries[lease.id] = nil
            }
            return conclude(&intent, records, state)
        }
        // What is done is done; the log keeps the outcome and writes it when it can, and until then takes no intent.
        return fate.refusal ?? unrecorded.map { .auditUnavailable($0) }
    }

    /// What became of an instance: nil state is gone; otherwise what the lease is now, and why.
    private struct Fate {
        let state: Lease.State?
        let refusal: Refusal?
    }

    private func fate(
        of lease: Lease, _ executor: Executor, _ permit: consuming Permit, _ gate: consuming Gate
    ) -> Fate {
        precondition(permit.covers(.end(on: lease.gpu)), "a permit is spent on what it was given for")
        if let error = close(lease) { return Fate(state: lease.state, refusal: .nodeFailed(error)) }
        switch executor.destroy(lease) {
        case .gone:
            closeRest(of: lease)
            return Fate(state: nil, refusal: nil)
        case .shared(let ci):
            return Fate(state: lease.state, refusal: .shared("lease \(lease.id)", with: ci))
        case .untouched(let error): return Fate(state: lease.state, refusal: .failed("lease \(lease.id)", error))
        // A compute instance is gone already: nobody can work there any more, so there is no way back.
        case .half(let error): return Fate(state: .ending, refusal: .failed("lease \(lease.id)", error))
        }
    }
}

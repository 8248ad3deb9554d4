internal import Audit
internal import Linux
package import MIG
internal import Policy

extension Broker {
    /// Moves the end of a lease to a span from now; nil is what the policy gives by default. Blocks for the disk.
    ///
    /// Never makes a lease shorter than it is: whoever wants that releases it.
    package func renew(
        _ id: LeaseID, for span: TimeSpan?, isDryRun: Bool, key: String?, _ context: CallContext
    ) throws(Refusal) -> (operation: OperationID?, lease: Lease) {
        let operation = Self.newOperation()
        let asked = context.asked("\(id) for \(span.map(\.description) ?? "the usual time")", key: key)
        do throws(Refusal) {
            return try change { (state) throws(Refusal) in
                let lease = try find(id, context, .renewOwn, .renewAny, state)
                guard lease.state == .active else { throw .notFound(.lease, id.description) }
                if !isDryRun,
                    let known = try state.ledger.change(repeatedBy: context.method, asked, of: context.principal.user)
                {
                    return (known.id, lease)
                }
                let leave = try leave(lease, context, .renewOwn, .renewAny, state, duration: span)
                guard let duration = leave.terms.duration, leave.permit.covers(.renew(on: lease.gpu, for: duration))
                else { throw .badRequest(field: "seconds", expected: "a time") }
                var renewed = lease.renewed(for: duration)
                renewed.killsOnExpiry = leave.terms.killsOnExpiry
                if isDryRun { return (nil, renewed) }
                let basis = Records.Basis(operation, context, asked, leave)
                var intent: IntentReceipt? = try intend([Records.record(.intent, of: renewed, basis)], state)
                var outcome = Records.record(.outcome, of: renewed, basis)
                outcome.result = .ok
                let unrecorded = conclude(&intent, [outcome], state)
                // The log owes this outcome and will write it, so it holds whatever the caller is told.
                state.ledger.put(renewed)
                state.ledger.put(FinishedChange(operation, context, asked, leases: [id]))
                if let unrecorded { throw .auditUnavailable(unrecorded) }
                return (operation, renewed)
            }
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }
}

extension Lease {
    /// The same lease with its end moved, unless it ends later already.
    func renewed(for span: TimeSpan) -> Lease {
        var lease = self
        let deadline = Clock.boottime() + Int64(span.seconds) * 1_000_000_000
        lease.renewals += 1
        guard deadline > self.deadline else { return lease }
        lease.deadline = deadline
        lease.expires = Timestamp(secondsSinceEpoch: Clock.wall().secondsSinceEpoch).advanced(by: span)
        return lease
    }
}

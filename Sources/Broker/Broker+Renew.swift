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
        do throws(Refusal) {
            return try change { (state) throws(Refusal) in
                let lease = try find(id, context, .renewOwn, .renewAny, state)
                guard lease.state == .active else { throw .notFound(.lease, id.description) }
                let permit = try leave(
                    to: .renew(on: lease.gpu, for: span ?? TimeSpan(seconds: 0)), lease, context, .renewOwn, .renewAny,
                    &state, duration: span)
                guard case .caller(_, let decision, let terms) = permit.basis, let duration = terms.duration,
                    permit.covers(.renew(on: lease.gpu, for: duration))
                else { throw .badRequest(field: "seconds", expected: "a time") }
                let renewed = lease.renewed(for: duration)
                if isDryRun { return (nil, renewed) }
                let basis = Records.Basis(operation, context, policy: policy.set?.hash, decision: decision)
                var intent: IntentReceipt? = try intend([Records.record(.intent, of: renewed, basis, key: key)])
                var outcome = Records.record(.outcome, of: renewed, basis, key: key)
                outcome.result = .ok
                if let unrecorded = conclude(&intent, [outcome]) { throw .auditUnavailable(unrecorded) }
                state.ledger.put(renewed)
                state.ledger.put(
                    FinishedChange(
                        id: operation, user: context.principal.user, method: context.method, state: .done, error: nil,
                        leases: [id], key: key))
                return (operation, renewed)
            }
        } catch {
            if !isDryRun { noteDenial(error, operation, context) }
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

package import MIG
internal import Policy

/// Who holds what: the leases, and the changes that a client may ask about later.
///
/// A plain value that one thread owns; it can be rebuilt from a checkpoint and the audit records since.
struct Ledger: Sendable {
    /// How many finished changes are remembered; older ones are in the audit log.
    static let changesKept = 1024

    private(set) var leases: [LeaseID: Lease] = [:]
    private(set) var changes: [FinishedChange] = []

    mutating func put(_ lease: Lease) { leases[lease.id] = lease }
    mutating func remove(_ id: LeaseID) { leases[id] = nil }

    mutating func put(_ change: FinishedChange) {
        changes.append(change)
        if changes.count > Self.changesKept { changes.removeFirst(changes.count - Self.changesKept) }
    }

    func change(_ id: OperationID) -> FinishedChange? { changes.last { $0.id == id } }

    /// The change that a call repeats, told by its key: the call gets what that one got, and nothing is done twice.
    ///
    /// Keys are each user's own. One that stands for something else already is refused.
    func change(
        repeatedBy method: String, _ asked: Records.Asked, of user: UserID
    ) throws(Refusal) -> FinishedChange? {
        guard let key = asked.key,
            let known = changes.last(where: {
                $0.user == user && $0.state == .done && $0.key?.utf8.elementsEqual(key.utf8) == true
            })
        else { return nil }
        guard known.method.utf8.elementsEqual(method.utf8), known.asked?.utf8.elementsEqual(asked.words.utf8) == true
        else { throw .badRequest(field: "key", expected: "a key that stands for no other change") }
        return known
    }

    /// Every live lease as the limits count it; one that is ending still counts.
    var use: [UseEntry] {
        leases.values.map {
            UseEntry(user: $0.user, groups: $0.groups, slices: $0.slices, memoryMiB: $0.memoryMiB)
        }
    }

    func lease(on seat: Lease.Seat) -> Lease? { leases.values.first { $0.seat == seat } }

    /// By GPU and GPU instance, so that lists do not jump.
    var sorted: [Lease] {
        leases.values.sorted { ($0.gpu.description, $0.gi.rawValue) < ($1.gpu.description, $1.gi.rawValue) }
    }
}

/// What became of one change, for a client whose connection broke.
package struct FinishedChange: Hashable, Sendable {
    package enum State: String, Sendable { case done, failed }

    package let id: OperationID
    package let user: UserID
    package let method: String
    package let state: State
    /// The error's word, where it failed.
    package let error: String?
    package let leases: [LeaseID]
    /// The caller's idempotency key.
    let key: String?
    /// What was asked for, in words; tells a repeated call from another one under the same key.
    let asked: String?
}

extension FinishedChange {
    /// A caller's change, done unless an error's word is given.
    init(
        _ operation: OperationID, _ context: CallContext, _ asked: Records.Asked, leases: [LeaseID],
        error: String? = nil
    ) {
        self.init(
            id: operation, user: context.principal.user, method: context.method, state: error == nil ? .done : .failed,
            error: error, leases: leases, key: asked.key, asked: asked.words)
    }
}

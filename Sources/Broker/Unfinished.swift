internal import Audit
internal import MIG

/// A change whose intent is in the log and whose outcome is not, because the broker died in between, or whose outcome
/// says that something was left behind.
struct Unfinished: Sendable {
    /// What a change is made of, as its intent tells it.
    enum Kind: Hashable, Sendable {
        /// Makes a GPU instance that becomes a lease.
        case creation
        /// Makes a compute instance in a lease's GPU instance.
        case computeCreation
        /// Destroys a compute instance, of a lease or of another tool.
        case computeEnd
        /// Ends a lease with all that belongs to it.
        case end
        /// Destroys a GPU instance that has no lease.
        case externalEnd
        /// Moves the end of a lease, which touches no instance.
        case renewal
        /// Changes a GPU's MIG mode.
        case mode

        /// Whether it brings something into being, which is taken back where it was not finished.
        var makes: Bool { self == .creation || self == .computeCreation }

        init(_ record: AuditRecord) {
            switch record.method {
            case let method? where method.utf8.elementsEqual("Renew".utf8): self = .renewal
            case let method? where method.utf8.elementsEqual("CreateComputeInstances".utf8): self = .computeCreation
            case let method? where method.utf8.elementsEqual("DestroyComputeInstances".utf8): self = .computeEnd
            case let method? where method.utf8.elementsEqual("SetMIGMode".utf8) && record.lease == nil: self = .mode
            default: self = record.lease == nil ? .externalEnd : record.gi == nil ? .creation : .end
            }
        }
    }

    let intent: AuditRecord
    /// Its own outcome is there, but not that of another instance of its request: the write of them was torn. Nobody
    /// was answered, and a request happens whole or not at all.
    var isTorn = false

    var kind: Kind { Kind(intent) }
}

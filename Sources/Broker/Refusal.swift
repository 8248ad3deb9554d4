package import Audit
package import MIG
package import NVML
package import Nodes
package import Planner
package import Policy

/// Why the broker does not do what it was asked; nothing has changed, or what had was undone, but for `leftBehind`.
package indirect enum Refusal: Error, Sendable {
    case denied(Denial)
    /// No policy could be loaded; every change is denied until one can.
    case noPolicy(Action)
    case gateClosed(GateClosed)
    case noRoom(NoRoom, profiles: [String])
    case auditUnavailable(AuditUnavailable)
    case driverFailed(NVMLError)
    /// The driver does not answer at all.
    case driverUnavailable(String)
    case nodeFailed(NodeError)
    /// A change failed, and these instances of it could not be taken back: they are external from now on.
    case leftBehind(Refusal, [String])
    case notFound(Thing, String)
    case ambiguousProfile(String, candidates: [String])
    case migDisabled([GPU])
    case pendingReset(GPU)
    /// The change was made and its slice is still held by a process.
    case inUse(LeaseID, NVMLError)
    case badRequest(field: String, expected: String)

    /// What could not be found.
    package enum Thing: String, Sendable {
        case gpu = "GPU"
        case profile
        case lease
        case operation
        case user
    }
}

extension Refusal: CustomStringConvertible {
    /// The driver's error behind it, if there is one.
    package var driverError: NVMLError? {
        switch self {
        case .driverFailed(let error), .inUse(_, let error): error
        case .leftBehind(let cause, _): cause.driverError
        default: nil
        }
    }

    /// The error's word on the wire and in the audit log.
    package var word: String {
        switch self {
        case .denied(let denial):
            switch denial.reason {
            case .quotaExceeded, .leaseTooLong: "QuotaExceeded"
            case .noIdentity, .denied, .noRule, .isolationRequired: "NotAuthorized"
            }
        case .noPolicy: "NotAuthorized"
        case .gateClosed, .nodeFailed: "DeviceGateClosed"
        case .noRoom: "NoRoom"
        case .auditUnavailable: "AuditUnavailable"
        case .driverFailed: "DriverError"
        case .driverUnavailable: "DriverUnavailable"
        case .leftBehind(let cause, _): cause.word
        case .notFound: "NotFound"
        case .ambiguousProfile: "Ambiguous"
        case .migDisabled: "MIGDisabled"
        case .pendingReset: "PendingReset"
        case .inUse: "InUse"
        case .badRequest: "InvalidParameter"
        }
    }

    /// For the audit log, which may say everything.
    package var description: String {
        switch self {
        case .denied(let denial): denial.why
        case .noPolicy: "no policy is loaded, so everything is denied"
        case .gateClosed(let closed): "\(closed)"
        case .nodeFailed(let error): "\(error)"
        case .noRoom(let noRoom, let profiles): "\(noRoom): \(profiles.joined(separator: " + "))"
        case .auditUnavailable(let error): "\(error)"
        case .driverFailed(let error): "\(error)"
        case .driverUnavailable(let reason): reason
        case .leftBehind(let cause, let remains): "\(cause); left behind: \(remains.joined(separator: "; "))"
        case .notFound(let thing, let name): "no such \(thing.rawValue): \(name)"
        case .ambiguousProfile(let name, let candidates):
            "profile \(name) is \(candidates.joined(separator: " or "))"
        case .migDisabled(let gpus): "MIG mode is off on GPU \(gpus.map { String($0.index) }.joined(separator: ", "))"
        case .pendingReset(let gpu): "GPU \(gpu.index) waits for a reset"
        case .inUse(let lease, let error): "lease \(lease): \(error)"
        case .badRequest(let field, let expected): "\(field) must be \(expected)"
        }
    }
}

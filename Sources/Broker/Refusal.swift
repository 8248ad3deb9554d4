package import Audit
package import MIG
package import NVML
package import Nodes
package import Planner
package import Policy

/// Why the broker does not do what it was asked; nothing has changed, or what had was undone, but for `leftBehind`.
package indirect enum Refusal: Error, Sendable {
    /// What that policy said to that question.
    case denied(Denial, Question, by: PolicySet)
    /// No policy could be loaded; every change is denied until one can.
    case noPolicy(Action)
    case gateClosed(GateClosed)
    case noRoom(NoRoom, profiles: [String])
    case noComputeRoom(NoComputeRoom, profiles: [String])
    case auditUnavailable(AuditUnavailable)
    case driverFailed(NVMLError)
    /// The driver does not answer at all.
    case driverUnavailable(String)
    case nodeFailed(NodeError)
    /// A change failed, and this of it could not be taken back: such an instance is external from now on.
    case leftBehind(Refusal, [String])
    case notFound(Thing, String)
    case ambiguous(Thing, String, candidates: [String])
    case migDisabled([GPU])
    /// These GPUs cannot be cut at all.
    case migUnsupported([GPU])
    case pendingReset(GPU)
    /// Something of it is in use, or of another tool: what, and by whom as far as the caller may know. The driver's
    /// error, where it was the driver that said so.
    case inUse(String, String, NVMLError?)
    /// So many leases would be ended by it, which nobody has confirmed.
    case leasesLive([GPU], count: Int)
    /// The plan that was shown is not the one that would be carried out now.
    case planChanged
    case badRequest(field: String, expected: String)

    /// What could not be found.
    package enum Thing: String, Sendable {
        case gpu = "GPU"
        case gpuInstance = "GPU instance"
        case computeInstance = "compute instance"
        case profile
        case lease
        case operation
        case user
    }
}

extension Refusal {
    /// What the driver said to a change of something that is there.
    static func failed(_ what: String, _ error: NVMLError) -> Refusal {
        error.code == .inUse ? .inUse(what, "\(error)", error) : .driverFailed(error)
    }

    /// What is to be ended has a compute instance in it that another tool made.
    static func shared(_ what: String, with ci: ComputeInstanceID) -> Refusal {
        .inUse(what, "another tool made compute instance \(ci) in it, and has to end it", nil)
    }
}

extension Refusal: CustomStringConvertible {
    /// The driver's error behind it, if there is one.
    package var driverError: NVMLError? {
        switch self {
        case .driverFailed(let error): error
        case .inUse(_, _, let error): error
        case .leftBehind(let cause, _): cause.driverError
        default: nil
        }
    }

    /// The error's word on the wire and in the audit log.
    package var word: String {
        switch self {
        case .denied(let denial, _, _):
            switch denial.reason {
            case .quotaExceeded, .leaseTooLong: "QuotaExceeded"
            case .noIdentity, .denied, .noRule, .isolationRequired, .outsideHours: "NotAuthorized"
            }
        case .noPolicy: "NotAuthorized"
        case .gateClosed, .nodeFailed: "DeviceGateClosed"
        case .noRoom, .noComputeRoom: "NoRoom"
        case .auditUnavailable: "AuditUnavailable"
        case .driverFailed: "DriverError"
        case .driverUnavailable: "DriverUnavailable"
        case .leftBehind(let cause, _): cause.word
        case .notFound: "NotFound"
        case .ambiguous: "Ambiguous"
        case .migDisabled: "MIGDisabled"
        case .migUnsupported: "MIGUnsupported"
        case .pendingReset: "PendingReset"
        case .inUse, .leasesLive: "InUse"
        case .planChanged: "PlanChanged"
        case .badRequest: "InvalidParameter"
        }
    }

    /// For the audit log, which may say everything.
    package var description: String {
        switch self {
        case .denied(let denial, _, _): denial.why
        case .noPolicy: "no policy is loaded, so everything is denied"
        case .gateClosed(let closed): "\(closed)"
        case .nodeFailed(let error): "\(error)"
        case .noRoom(let noRoom, let profiles): "\(noRoom): \(profiles.joined(separator: " + "))"
        case .auditUnavailable(let error): "\(error)"
        case .driverFailed(let error): "\(error)"
        case .driverUnavailable(let reason): reason
        case .leftBehind(let cause, let remains): "\(cause); left behind: \(remains.joined(separator: "; "))"
        case .notFound(let thing, let name): "no such \(thing.rawValue): \(name)"
        case .noComputeRoom(let noRoom, let profiles): "\(noRoom): \(profiles.joined(separator: " + "))"
        case .ambiguous(let thing, let name, let candidates):
            "\(thing.rawValue) \(name) is \(candidates.joined(separator: " or "))"
        case .migDisabled(let gpus): "MIG mode is off on GPU \(gpus.map { String($0.index) }.joined(separator: ", "))"
        case .pendingReset(let gpu): "GPU \(gpu.index) waits for a reset"
        case .migUnsupported(let gpus): "GPU \(gpus.map { String($0.index) }.joined(separator: ", ")) has no MIG"
        case .inUse(let what, let reason, _): "\(what): \(reason)"
        case .leasesLive(let gpus, let count):
            "\(count) leases live on GPU \(gpus.map { String($0.index) }.joined(separator: ", "))"
        case .planChanged: "the state has moved since the plan was shown"
        case .badRequest(let field, let expected): "\(field) must be \(expected)"
        }
    }
}

import API
import Audit
import Broker
import MIG
import NVML
import Nodes
import Planner
import Policy
import Varlink

extension BrokerError {
    /// What a refusal is to the caller: its reason as far as it concerns him, and no path, pointer or other's right.
    init(_ refusal: Refusal, _ views: Views) {
        self =
            switch refusal {
            case .denied(let denial, _, _): BrokerError(denial)
            case .noPolicy(let action):
                .notAuthorized(action: action.rawValue, reason: refusal.description, rules: [])
            case .gateClosed(let closed):
                .deviceGateClosed(node: closed.node, problem: Self.public(closed.problem), fix: closed.fix)
            case .nodeFailed(let error):
                .deviceGateClosed(node: "/dev/nvidia-caps", problem: "\(error)", fix: "migbrokerd --make-nodes")
            case .noRoom(let noRoom, let profiles):
                .noRoom(
                    profiles: profiles,
                    gpus: noRoom.slots.compactMap { views.snapshot.inventory.entry($0.gpu).map(views.gpu) })
            case .auditUnavailable(let error): .auditUnavailable(reason: error.reason)
            case .driverFailed(let error): BrokerError(error, left: [], refusal)
            case .leftBehind(let cause, let left):
                if let error = cause.driverError {
                    BrokerError(error, left: left, refusal)
                } else {
                    .driverUnavailable(reason: "\(refusal)")
                }
            case .driverUnavailable(let reason): .driverUnavailable(reason: reason)
            case .notFound(let thing, let name): .notFound(what: thing.rawValue, name: name)
            case .noComputeRoom(let noRoom, let profiles):
                .noRoom(
                    profiles: profiles, gpus: [],
                    instance: (views.snapshot.inventory.entry(noRoom.gpu)?.gpu.index).map { "\($0):\(noRoom.gi)" })
            case .ambiguous(let thing, let name, let candidates):
                .ambiguous(what: thing.rawValue, name: name, candidates: candidates)
            case .migDisabled(let gpus): .migDisabled(gpus: gpus.map { String($0.index) })
            case .pendingReset(let gpu): .pendingReset(gpu: String(gpu.index))
            case .migUnsupported(let gpus): .migUnsupported(gpus: gpus.map { String($0.index) })
            case .inUse(let what, let reason, _): .inUse(what: what, reason: reason)
            case .leasesLive(let gpus, let count):
                .inUse(
                    what: "GPU \(gpus.map { String($0.index) }.joined(separator: ", "))",
                    reason:
                        "\(count) \(count == 1 ? "lease lives" : "leases live") on it; the plan that ends them must be confirmed"
                )
            case .planChanged: .planChanged
            case .badRequest(let field, let expected):
                .notFound(what: field, name: expected)
            }
    }

    private init(_ error: NVMLError, left: [String], _ refusal: Refusal) {
        self =
            switch error {
            case .call(let function, let code), .unconfirmed(.call(let function, let code)):
                .driverError(call: function, code: Int(code.code), name: code.text, left: left)
            default: .driverUnavailable(reason: "\(refusal)")
            }
    }

    /// A node's problem without the uids of others, which the audit log alone has.
    private static func `public`(_ problem: NodeProblem) -> String {
        if case .access = problem { return "is not open to those alone to whom the broker opened it" }
        return "\(problem)"
    }

    init(_ denial: Denial) {
        self =
            switch denial.reason {
            case .noIdentity, .noRule: .notAuthorized(action: denial.action.rawValue, reason: denial.why, rules: [])
            case .denied, .isolationRequired, .outsideHours:
                .notAuthorized(action: denial.action.rawValue, reason: denial.why, rules: denial.reason.rules)
            case .leaseTooLong(let limit, let asked, let max):
                .quotaExceeded(
                    limit: limit ?? "built-in", dimension: "leaseMax", used: 0, asked: asked.seconds,
                    maximum: max.seconds)
            case .quotaExceeded(let limit, _, let dimension, let used, let asked, let max):
                .quotaExceeded(
                    limit: limit, dimension: dimension == .memory ? "memoryMiB" : dimension.rawValue, used: used,
                    asked: asked, maximum: max)
            }
    }

    /// As it goes over the wire.
    var varlink: VarlinkError { VarlinkError(BrokerInterface.qualified(word), parameters) }
}

package import JSON

/// Everything that the broker may refuse, as it stands on the wire: a word, fields for programs, a sentence for people.
package enum BrokerError: Error, Sendable {
    case notAuthorized(action: String, reason: String, rules: [String])
    case identityUnavailable(reason: String)
    case quotaExceeded(limit: String, dimension: String, used: Int, asked: Int, maximum: Int)
    case tooManyRequests
    /// The instance is the GPU instance in which compute instances found none, `0:1`; nil where a GPU has none.
    case noRoom(profiles: [String], gpus: [GPUInfo], instance: String? = nil)
    case inUse(what: String, reason: String)
    case pendingReset(gpu: String)
    case migDisabled(gpus: [String])
    case migUnsupported(gpus: [String])
    case planChanged
    case deviceGateClosed(node: String, problem: String, fix: String)
    case auditUnavailable(reason: String)
    case notFound(what: String, name: String)
    case ambiguous(what: String, name: String, candidates: [String])
    case driverUnavailable(reason: String)
    case driverError(call: String, code: Int, name: String, left: [String] = [])
    case policyInvalid([DiagnosticInfo])

    /// The error's word, without the interface.
    package var word: String {
        switch self {
        case .notAuthorized: "NotAuthorized"
        case .identityUnavailable: "IdentityUnavailable"
        case .quotaExceeded: "QuotaExceeded"
        case .tooManyRequests: "TooManyRequests"
        case .noRoom: "NoRoom"
        case .inUse: "InUse"
        case .pendingReset: "PendingReset"
        case .migDisabled: "MIGDisabled"
        case .migUnsupported: "MIGUnsupported"
        case .planChanged: "PlanChanged"
        case .deviceGateClosed: "DeviceGateClosed"
        case .auditUnavailable: "AuditUnavailable"
        case .notFound: "NotFound"
        case .ambiguous: "Ambiguous"
        case .driverUnavailable: "DriverUnavailable"
        case .driverError: "DriverError"
        case .policyInvalid: "PolicyInvalid"
        }
    }

    /// The parameters of the error's reply.
    package var parameters: JSONValue {
        var object = ObjectBuilder()
        switch self {
        case .notAuthorized(let action, let reason, let rules):
            object.add("action", action)
            object.add("reason", reason)
            object.add("rules", rules)
        case .identityUnavailable(let reason), .auditUnavailable(let reason), .driverUnavailable(let reason):
            object.add("reason", reason)
        case .quotaExceeded(let limit, let dimension, let used, let asked, let maximum):
            object.add("limit", limit)
            object.add("dimension", dimension)
            object.add("used", used)
            object.add("asked", asked)
            object.add("maximum", maximum)
        case .tooManyRequests, .planChanged: break
        case .noRoom(let profiles, let gpus, let instance):
            object.add("profiles", profiles)
            object.add("gpus", gpus)
            object.add("instance", instance)
        case .inUse(let what, _): object.add("what", what)
        case .pendingReset(let gpu): object.add("gpu", gpu)
        case .migDisabled(let gpus), .migUnsupported(let gpus): object.add("gpus", gpus)
        case .deviceGateClosed(let node, let problem, let fix):
            object.add("node", node)
            object.add("problem", problem)
            object.add("fix", fix)
        case .notFound(let what, let name):
            object.add("what", what)
            object.add("name", name)
        case .ambiguous(let what, let name, let candidates):
            object.add("what", what)
            object.add("name", name)
            object.add("candidates", candidates)
        case .driverError(let call, let code, let name, let left):
            object.add("call", call)
            object.add("code", code)
            object.add("name", name)
            object.add("left", left)
        case .policyInvalid(let diagnostics): object.add("diagnostics", diagnostics)
        }
        object.add("message", message)
        return object.json
    }

    /// One sentence for people: what is wrong, with the rule, limit, node or code that says so.
    package var message: String {
        switch self {
        case .notAuthorized(_, let reason, _): reason
        case .identityUnavailable(let reason): "your identity could not be established: \(reason)"
        case .quotaExceeded(let limit, let dimension, let used, let asked, let maximum):
            dimension.utf8.elementsEqual("leaseMax".utf8)
                ? "limit \(limit) gives a lease at most \(maximum) s, \(asked) s were asked for"
                : dimension.utf8.elementsEqual("renewals".utf8)
                    ? "limit \(limit) allows \(maximum) renewals of a lease"
                    : "limit \(limit) allows \(maximum) \(dimension): \(used) in use, \(asked) more asked for"
        case .tooManyRequests: "too many requests or connections at once"
        case .noRoom(let profiles, _, let instance):
            "no free placement for \(profiles.joined(separator: " + "))"
                + (instance.map { " in GPU instance \($0)" } ?? "")
        case .inUse(let what, let reason): "\(what) is in use: \(reason)"
        case .pendingReset(let gpu): "GPU \(gpu) waits for a reset to change its MIG mode"
        case .migDisabled(let gpus): "MIG mode is off on GPU \(gpus.joined(separator: ", "))"
        case .migUnsupported(let gpus): "GPU \(gpus.joined(separator: ", ")) has no MIG"
        case .planChanged: "the state of the machine has moved since this plan was shown; nothing was done"
        case .deviceGateClosed(let node, let problem, _): "\(node) \(problem)"
        case .auditUnavailable(let reason): "the audit log cannot be written: \(reason)"
        case .notFound(let what, let name): "no such \(what): \(name)"
        case .ambiguous(let what, let name, let candidates):
            "\(what) \(name) is ambiguous: \(candidates.joined(separator: ", "))"
        case .driverUnavailable(let reason): "the NVIDIA driver does not answer: \(reason)"
        case .driverError(let call, let code, let name, let left):
            left.isEmpty
                ? "\(call) failed: \(name) (\(code))"
                : "\(call) failed: \(name) (\(code)); left behind: \(left.joined(separator: "; "))"
        case .policyInvalid(let diagnostics):
            diagnostics.first.map { "\($0.place): \($0.message)" } ?? "the policy is not valid"
        }
    }
}

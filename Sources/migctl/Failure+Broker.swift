import API
import JSON
import Linux
import MIG
import Varlink

extension Failure {
    /// What became of a call; `purpose` completes "cannot ...".
    init(_ error: VarlinkClientError, purpose: SafeText, socket: String) {
        let what: SafeText = "cannot \(purpose)"
        switch error {
        case .unreachable(let reason) where reason.code == .notFound:
            self.init(
                .noBroker, what: what, why: "no broker listens on \(socket)",
                next: "see 'systemctl status migbrokerd', or name the socket with --socket")
        case .unreachable(let reason):
            self.init(
                .noBroker, what: what, why: "the broker cannot be reached: \(reason)",
                next: "see 'systemctl status migbrokerd'")
        case .wrongServer(let found, _):
            self.init(
                .noBroker, what: what, why: "who listens on \(socket) is uid \(found), not root: nothing was sent",
                next: "ask an administrator who made that socket")
        case .connectionLost, .timedOut:
            self.init(
                .noBroker, what: what, why: SafeText(error.description),
                next: "look with 'migctl leases' whether it was done before you try again")
        case .malformed:
            self.init(
                .noBroker, what: what, why: SafeText(error.description),
                next: "see whether migctl and migbrokerd are of one version")
        case .remote(let error):
            self.init(error, what: what)
        }
    }

    /// An error of the broker, by its word.
    private init(_ error: VarlinkError, what: SafeText) {
        let prefix = BrokerInterface.qualified("")
        let isOurs = error.name.utf8.starts(with: prefix.utf8)
        let word = isOurs ? String(error.name.dropFirst(prefix.count)) : error.name
        let refusal = isOurs ? Refusal(word: word, parameters: error.parameters) : nil
        let fallback = Self.meaning(ofService: error)
        self.init(
            refusal?.code ?? fallback.code, what: what,
            why: refusal.map { "\(word): \($0.reason)" } ?? fallback.reason, next: refusal?.next ?? fallback.next,
            wire: ["error": .string(error.name), "parameters": error.parameters])
    }

    /// The errors of Varlink itself.
    private static func meaning(ofService error: VarlinkError) -> (code: ExitCode, reason: SafeText, next: SafeText?) {
        if error.name.hasBytes(of: "org.varlink.service.InvalidParameter"),
            let parameter = error.parameters["parameter"]?.stringValue
        {
            return (.usage, "the broker does not take this \(parameter)", nil)
        }
        return (
            .failed, SafeText(error.name), "see whether migctl and migbrokerd are of one version"
        )
    }
}

/// A refusal of the broker in words: its reason, and what its caller can do.
private struct Refusal {
    let code: ExitCode
    let reason: SafeText
    let next: SafeText?

    init(word: String, parameters: JSONValue) {
        func text(_ key: String) -> String { parameters[key]?.stringValue ?? "" }
        let message = SafeText(text("message"))
        switch word {
        case "NotAuthorized":
            let rules = (parameters["rules"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ")
            let reason = text("reason")
            self.init(
                .notAllowed, rules.isEmpty || reason.contains(rules) ? "\(reason)" : "\(reason) (\(rules))",
                "'migctl whoami' shows what you may do; the administrator writes the policy")
        case "IdentityUnavailable":
            self.init(.notAllowed, message, "try again; if it stays, tell the administrator")
        case "QuotaExceeded": self.init(quota: parameters, message: message)
        case "TooManyRequests": self.init(.noRoom, message, "try again in a second")
        case "NoRoom": self.init(noRoom: parameters, message: message)
        case "NotFound": self.init(.notFound, message, Self.whereToLook(for: text("what")))
        case "Ambiguous": self.init(.usage, message, "name it by one of these")
        case "InUse": self.init(.inUse, message, "what uses it has to end first")
        case "PendingReset":
            self.init(.needsReset, message, "an administrator must reset the GPU or restart the machine")
        case "MIGDisabled": self.init(.needsReset, message, "'migctl mode enable' turns it on, for who may")
        case "MIGUnsupported": self.init(.needsReset, message, "'migctl gpus' shows which GPUs have it")
        case "PlanChanged": self.init(.failed, message, "look at the plan as it is now, and decide anew")
        case "DeviceGateClosed": self.init(.failed, message, SafeText(text("fix")))
        case "AuditUnavailable":
            self.init(.failed, message, "nothing is changed without a record: tell the administrator")
        case "DriverError", "DriverUnavailable":
            self.init(.failed, message, "tell the administrator; see 'dmesg' for NVRM lines")
        case "PolicyInvalid": self.init(.failed, message, "'migctl policy check' shows everything that is wrong")
        default: self.init(.failed, message, nil)
        }
    }

    private init(_ code: ExitCode, _ reason: SafeText, _ next: SafeText?) {
        self.code = code
        self.reason = reason
        self.next = next.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func whereToLook(for what: String) -> SafeText {
        switch what {
        case "profile": "'migctl profiles' shows what there is"
        case "GPU", "gpu": "'migctl gpus' shows what there is"
        case "GPU instance", "compute instance": "'migctl instances' shows what is yours"
        case "operation": "'migctl audit show' shows the operations on record"
        case "record": "'migctl audit show' shows the records, each with its number"
        case "user": "see 'getent passwd' for the users of this machine"
        default: "'migctl leases' shows what is yours"
        }
    }

    private init(quota parameters: JSONValue, message: SafeText) {
        let limit = parameters["limit"]?.stringValue ?? ""
        let maximum = parameters["maximum"]?.integerValue.flatMap { Int(exactly: $0) }
        let asked = parameters["asked"]?.integerValue.flatMap { Int(exactly: $0) }
        let used = parameters["used"]?.integerValue.flatMap { Int(exactly: $0) }
        switch (parameters["dimension"]?.stringValue ?? "", maximum, asked, used) {
        case ("leaseMax", let maximum?, let asked?, _):
            self.init(
                .noRoom,
                "limit \(limit) gives a lease at most \(Calendar.span(maximum)), \(Calendar.span(asked)) were asked for",
                "ask for less with --for")
        case ("memoryMiB", let maximum?, let asked?, let used?):
            self.init(
                .noRoom,
                "limit \(limit) allows \(memory(maximum)): \(memory(used)) in use, \(memory(asked)) more asked for",
                "give a slice back with 'migctl release'")
        case ("renewals", _, _, _): self.init(.noRoom, message, "release it and request anew when it ends")
        default:
            self.init(.noRoom, message, "give a slice back with 'migctl release'; 'migctl whoami' shows your limits")
        }
    }

    private init(noRoom parameters: JSONValue, message: SafeText) {
        guard parameters["instance"] == nil else {
            self.init(.noRoom, message, "'migctl instances --profiles' shows what fits in it")
            return
        }
        let gpus = (parameters["gpus"]?.arrayValue ?? []).compactMap { value in
            // A newer broker may describe GPUs in another way: the sentence stands without them.
            try? GPUInfo(json: value)
        }
        let next = Room(gpus).nextEnd.map { "\(Calendar().clock($0)), \(Calendar().distance(to: $0))" }
        self.init(
            .noRoom, gpus.isEmpty ? message : "\(message); \(Room(gpus).summary)",
            next.map { "the next slice ends at \($0): 'migctl request --wait' waits for it" }
                ?? "'migctl gpus' shows what is free, 'migctl profiles' what fits")
    }
}

package import JSON
package import Linux
package import MIG

/// What can be wrong with a policy.
package enum PolicyProblem: Hashable, Sendable {
    /// Whose name or number it is.
    package enum NameKind: String, Sendable { case user, group }

    // Files.
    case unsafeFile(SafePathError)
    case unreadable(SystemError)
    case tooManyFiles(limit: Int)
    // Shape.
    case syntax(JSONSyntaxError.Problem)
    case shape(JSONShapeError)
    case unknownVersion(Int64)
    case tooManyRules(limit: Int)
    case tooManyErrors(limit: Int)
    case emptyList(String)
    // Ids and names.
    case badID(String)
    case duplicateID(String, first: String)
    case nobodyNamed
    case badName(NameKind, String)
    case unknownName(NameKind, String)
    case lookupFailed(NameKind, String, Errno)
    case badNumber(NameKind)
    case overflowNumber(NameKind, UInt32)
    // Words.
    case unknownAction(String)
    case unknownWord(key: String, given: String, known: [String])
    case badGPU(String)
    /// In cases, whose machine is written down.
    case noSuchGPU(String)
    case badProfile(String)
    case computeProfile(String)
    case meaninglessSelector(key: String, Action)
    case badHours(String)
    /// Nil is the host's zone.
    case badZone(String?, TimeZoneError)
    // Limits.
    case badSize(String)
    case badSpan(key: String, String)
    case limitsNothing
    case defaultOverMaximum(TimeSpan, TimeSpan)
    // Warnings: the policy is loaded all the same.
    case namedTwice(NameKind, UInt32)
    case listedTwice(String)
    case neverAllows(Action, deniedBy: String)
    case neverReached(by: String)
    /// The dimensions that no limit bounds, and those whose use they are of, as words.
    case unlimited([String], of: [String])
    case limitsNobody([String])
    case refusedByDaemon(SafePathError)

    /// Whether the policy is refused for it.
    package var severity: PolicyDiagnostic.Severity {
        switch self {
        case .namedTwice, .listedTwice, .neverAllows, .neverReached, .unlimited, .limitsNobody, .refusedByDaemon:
            .warning
        default: .error
        }
    }
}

extension PolicyProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsafeFile(let error): "not trusted: \(error)"
        case .unreadable(let error): error.description
        case .tooManyFiles(let limit): "more than \(limit) policy files"
        case .syntax(let problem): problem.description
        case .shape(let error): error.description
        case .unknownVersion(let version): "version \(version) is not known; this program reads version 1"
        case .tooManyRules(let limit): "more than \(limit) rules and limits"
        case .tooManyErrors(let limit): "more than \(limit) errors; the rest is not shown"
        case .emptyList(let path): "\(path) is empty; leave it out or list something"
        case .badID(let id): "id \(quoted(id)) must be 1 to 64 letters, digits, '-', '_' or '.'"
        case .duplicateID(let id, let first): "id \(quoted(id)) is taken at \(first)"
        case .nobodyNamed: "who names nobody; list users or groups"
        case .badName(let kind, let name): "\(quoted(name)) cannot be the name of a \(kind.rawValue)"
        case .unknownName(let kind, let name): "no \(kind.rawValue) is named \(quoted(name))"
        case .lookupFailed(let kind, let name, let code):
            "\(kind.rawValue) \(quoted(name)) could not be looked up: \(code)"
        case .badNumber(let kind): "a \(kind.rawValue) is a name or an integer from 0 to 4294967294"
        case .overflowNumber(let kind, let number): "\(kind.rawValue) \(number) stands for nobody in particular"
        case .unknownAction("*"): "there is no wildcard for actions; list them"
        case .unknownAction(let word): "\(quoted(word)) is not an action"
        case .unknownWord(let key, let given, let known):
            "\(key) must be \(known.map(quoted).joined(separator: " or ")), not \(quoted(given))"
        case .badGPU(let text): "\(quoted(text)) is no GPU: write all, an index, a UUID, a PCI address or model:GLOB"
        case .noSuchGPU(let text): "no GPU of these cases is \(quoted(text))"
        case .badProfile(let text): "\(quoted(text)) is no profile: write all, a name such as 3g.40gb, or max-slices:N"
        case .computeProfile(let text):
            "\(quoted(text)) is a compute instance's profile; name the profile of the GPU instance around it"
        case .meaninglessSelector(let key, let action):
            "\(key) cannot narrow \(action.rawValue) here; give that action a rule of its own"
        case .badHours(let text):
            "\(quoted(text)) are no hours: write days such as Mon-Fri or Sat,Sun, a span such as 08:00-20:00, or both, and "
                + "after them a zone such as Europe/Berlin where the host's is not meant"
        case .badZone(let name, let error): "zone \(name.map(quoted) ?? "of the host"): \(error)"
        case .badSize(let text): "memory \(quoted(text)) is no size: write digits and MiB, GiB or TiB"
        case .badSpan(let key, let text): "\(key) \(quoted(text)) is no time: write digits and s, m, h or d"
        case .limitsNothing: "the limit limits nothing"
        case .defaultOverMaximum(let span, let max): "leaseDefault \(span) is more than leaseMax \(max)"
        case .namedTwice(let kind, let number): "\(kind.rawValue) \(number) is named twice"
        case .listedTwice(let text): "\(quoted(text)) is listed twice"
        case .neverAllows(let action, let id): "can never allow \(action.rawValue): rule \(id) denies it"
        case .neverReached(let id): "can never be reached: limit \(id) is as tight for everyone named here"
        case .unlimited(let dimensions, let named):
            "no limit on \(dimensions.joined(separator: " or ")) names \(Self.first(named))"
        case .limitsNobody(let named): "no rule lets \(Self.first(named)) make or renew anything"
        case .refusedByDaemon(let error): "the daemon will not trust this file: \(error)"
        }
    }

    private static func first(_ names: [String]) -> String {
        let shown = names.prefix(4).joined(separator: ", ")
        return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
    }

    private func quoted(_ text: String) -> String { JSONValue.string(text).text(asciiOnly: true) }
}

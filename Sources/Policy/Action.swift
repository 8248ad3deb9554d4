/// What a caller may be allowed to do; the policy lists these words, and there is no wildcard for them.
package enum Action: String, CaseIterable, Hashable, Sendable {
    case readOwn = "read.own"
    case readAll = "read.all"
    case request = "request"
    case renewOwn = "renew.own"
    case renewAny = "renew.any"
    case releaseOwn = "release.own"
    case releaseAny = "release.any"
    case createGPUInstance = "gi.create"
    case destroyOwnGPUInstance = "gi.destroy.own"
    case destroyAnyGPUInstance = "gi.destroy.any"
    case createComputeInstance = "ci.create"
    case destroyOwnComputeInstance = "ci.destroy.own"
    case destroyAnyComputeInstance = "ci.destroy.any"
    case setMode = "mode.set"
    case readAudit = "audit.read"
    case readPolicy = "policy.read"
    case reloadPolicy = "policy.reload"
    case actAs = "act-as"

    /// Reads the word of the policy, byte by byte; anything else is nil.
    package init?(word: String) {
        guard let action = Self.allCases.first(where: { $0.rawValue.utf8.elementsEqual(word.utf8) }) else {
            return nil
        }
        self = action
    }

    /// What an action is done to, and so which selectors of a rule can narrow it.
    enum Subject {
        case broker
        case gpu
        case instance
    }

    var subject: Subject {
        switch self {
        case .readOwn, .readAll, .readAudit, .readPolicy, .reloadPolicy, .actAs: .broker
        case .setMode: .gpu
        default: .instance
        }
    }

    /// Whether it brings instances into being, which the limits count.
    package var creates: Bool { self == .request || self == .createGPUInstance }
    /// Whether it moves the end of a lease.
    package var renews: Bool { self == .renewOwn || self == .renewAny }
}

/// A set of actions as bits, so that a rule is passed over in one instruction.
struct ActionSet: OptionSet, Hashable, Sendable {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }
    init(_ action: Action) {
        rawValue = 1 << UInt32(Action.allCases.prefix { $0 != action }.count)
    }

    /// In the order of `Action.allCases`.
    var actions: [Action] { Action.allCases.filter { contains(ActionSet($0)) } }
}

package import MIG

/// Why the policy refuses, in terms that concern the caller alone: never another user's rights.
package struct Denial: Error, Hashable, Sendable {
    /// What a limit counts.
    package enum Dimension: String, Hashable, Sendable {
        case instances
        case slices
        case memory = "memoryMiB"
        case renewals
    }

    /// What stopped the query.
    package enum Reason: Hashable, Sendable {
        /// The uid stands for nobody in particular.
        case noIdentity
        /// These rules deny it: on GPUs of these indices where no rule allows it on the others, else everywhere.
        case denied(rules: [String], gpus: [Int] = [])
        case noRule
        /// These rules would allow it if isolation were enforced.
        case isolationRequired(rules: [String])
        /// These rules would allow it in their hours; a clock that was set back tells no hour.
        case outsideHours([RuleHours], isClockTrusted: Bool)
        /// Limit nil is the built-in longest lease.
        case leaseTooLong(limit: String?, asked: TimeSpan, max: TimeSpan)
        case quotaExceeded(limit: String, scope: LimitScope, dimension: Dimension, used: Int, asked: Int, max: Int)
    }

    package let action: Action
    /// The profile of the demand that failed, where there was one.
    package let profile: String?
    package let reason: Reason

    /// Builds the refusal of one action; only `PolicySet` refuses for the policy.
    package init(action: Action, profile: String?, reason: Reason) {
        self.action = action
        self.profile = profile
        self.reason = reason
    }
}

/// Whose use a limit counts.
package enum LimitScope: String, Hashable, Sendable {
    case user
    /// Everyone that the limit names, together.
    case group
}

extension Denial: CustomStringConvertible {
    /// Both sentences, for people.
    package var description: String { "\(why); \(next)" }

    /// What refuses, without a full stop.
    package var why: String {
        let what = profile.map { "\(action.rawValue) of \($0)" } ?? action.rawValue
        return switch reason {
        case .noIdentity: "the caller's uid stands for no user"
        case .denied(let rules, let gpus) where gpus.isEmpty: "\(Self.named("rule", rules)) denies \(what)"
        case .denied(let rules, let gpus):
            "\(Self.named("rule", rules)) denies \(what) on \(Self.named("GPU", gpus.map(String.init))), "
                + "and no rule allows it on the others"
        case .noRule: "no rule allows \(what)"
        case .isolationRequired(let rules):
            "\(Self.named("rule", rules)) allows \(what) only where isolation is enforced, and here it is advisory"
        case .outsideHours(let hours, true):
            hours.prefix(4).map { "rule \($0.rule) allows \(what) only \($0.during)" }.joined(separator: ", ")
        case .outsideHours(let hours, false):
            "\(Self.named("rule", hours.map(\.rule))) allows \(what) in some hours only, and this machine's clock was set back"
        case .leaseTooLong(nil, let asked, let max):
            "a lease lasts \(max) at most where no limit says otherwise, and \(asked) was asked"
        case .leaseTooLong(let limit?, let asked, let max):
            "limit \(limit) lets a lease last \(max) at most, and \(asked) was asked"
        case .quotaExceeded(let limit, _, .renewals, let used, _, let max):
            "limit \(limit) allows \(max) renewals of a lease, and it has had \(used)"
        case .quotaExceeded(let limit, let scope, let dimension, let used, let asked, let max):
            "limit \(limit) allows \(dimension.amount(max)) to \(scope == .user ? "each user" : "its group together"): "
                + "\(dimension.amount(used)) in use, \(dimension.amount(asked)) asked"
        }
    }

    /// What the caller can do about it, without a full stop.
    package var next: String {
        switch reason {
        case .noIdentity: "connect as a user that this machine knows"
        case .denied, .noRule: "'migctl whoami' shows what you may do; the admin of this machine can change it"
        case .isolationRequired: "the admin of this machine can enforce isolation; 'migctl doctor' names the command"
        case .outsideHours(_, true): "ask again in those hours"
        case .outsideHours(_, false): "the admin of this machine can set the clock and reload the policy"
        case .leaseTooLong(_, _, let max): "ask for \(max) or less"
        case .quotaExceeded(_, _, .renewals, _, _, _): "release the lease and request a new one"
        case .quotaExceeded(_, _, _, _, let asked, let max) where asked > max: "ask for less"
        case .quotaExceeded(_, .user, _, _, _, _):
            "release a lease ('migctl leases' lists yours), wait for one to end, or ask for less"
        case .quotaExceeded(_, .group, _, _, _, _): "wait until a lease of the group ends, or ask for less"
        }
    }

    private static func named(_ noun: String, _ ids: [String]) -> String {
        let shown = ids.prefix(4).joined(separator: ", ")
        return ids.count > 4 ? "\(noun) \(shown) and \(ids.count - 4) more" : "\(noun) \(shown)"
    }
}

extension Denial.Dimension {
    fileprivate func amount(_ count: Int) -> String {
        switch self {
        case .memory: Size(mebibytes: count).description
        case .instances, .slices, .renewals: "\(count) \(count == 1 ? String(rawValue.dropLast()) : rawValue)"
        }
    }
}

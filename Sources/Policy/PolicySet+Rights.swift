package import MIG

/// An action that someone has a right to, and the rules that give and narrow it.
package struct Right: Hashable, Sendable {
    package let action: Action
    /// Ids of the rules that allow it, in byte order.
    package let rules: [String]
    /// Ids of the rules that deny it on some GPUs or profiles, in byte order.
    package let exceptions: [String]
    /// When those of the rules count that do not always.
    package let hours: [RuleHours]
}

/// What narrows a rule; empty or nil is what it leaves open.
package struct RuleScope: Hashable, Sendable {
    /// As the policy writes them, `model:GLOB` and `max-slices:N` among them.
    package let gpus: [String]
    package let profiles: [String]
    package let from: Origin?
    package let during: String?
    package let requiresIsolation: Bool
}

/// A limit that holds for someone, and what counts against it now.
package struct LimitStatus: Hashable, Sendable {
    /// One bounded dimension; memory in MiB.
    package struct Amount: Hashable, Sendable {
        package let dimension: Denial.Dimension
        package let used: Int
        package let max: Int
    }

    package let id: String
    package let scope: LimitScope
    /// Instances, slices and memory, as far as the limit names them.
    package let amounts: [Amount]
    package let leaseDefault: TimeSpan?
    package let leaseMax: TimeSpan?
    package let renewals: Int?
    package let killsOnExpiry: Bool
}

/// What a caller may be told about himself.
extension PolicySet {
    /// The actions that someone may do at least on some GPU, in the order of `Action.allCases`; of rules with hours also
    /// when it is not their time.
    package func rights(of principal: Principal, isolation: Isolation = .advisory) -> [Right] {
        guard principal.isSomebody else { return [] }
        let naming = index.naming(principal)
        var allowing: [Rule] = []
        naming.allow.forEach { position in
            let condition = allow[position].condition
            guard condition.accepts(principal.origin, orUnknown: false) else { return }
            if !condition.requiresIsolation || isolation == .enforced { allowing.append(allow[position]) }
        }
        var denying: [Rule] = []
        naming.deny.forEach { position in
            let rule = deny[position]
            if rule.condition.accepts(principal.origin, orUnknown: true) { denying.append(rule) }
        }
        return Action.allCases.compactMap { action in
            let bit = ActionSet(action)
            let rules = allowing.filter { $0.condition.actions.contains(bit) }
            let exceptions = denying.filter { $0.condition.actions.contains(bit) }
            let isDenied = exceptions.contains { rule in
                rule.condition.gpus == nil && rule.condition.profiles == nil && rule.condition.hours == nil
            }
            guard !rules.isEmpty, !isDenied else { return nil }
            return Right(
                action: action, rules: rules.map(\.id), exceptions: exceptions.map(\.id),
                hours: rules.compactMap { rule in
                    rule.condition.hours.map { RuleHours(rule: rule.id, during: vocabulary.hours.elements[$0].text) }
                })
        }
    }

    /// What narrows the rule of an id, one that allows or one that denies, for an action of its; nil where there is none.
    package func scope(ofRule id: String, for action: Action) -> RuleScope? {
        guard let rule = (allow + deny).first(where: { $0.id.utf8.elementsEqual(id.utf8) }) else { return nil }
        let condition = rule.condition
        // `read.own` may stand beside selectors, and is not narrowed by them.
        let (gpus, profiles) =
            action.subject == .broker ? (nil, nil) : (condition.gpus, condition.profiles)
        return RuleScope(
            gpus: gpus.map { vocabulary.gpuLists.elements[$0].map(\.description) } ?? [],
            profiles: profiles.map { words(of: vocabulary.filters.elements[$0]) } ?? [],
            from: condition.from, during: condition.hours.map { vocabulary.hours.elements[$0].text },
            requiresIsolation: condition.requiresIsolation)
    }

    private func words(of filter: ProfileFilter) -> [String] {
        let names = filter.names.map { String(decoding: vocabulary.profiles.elements[$0], as: UTF8.self) }
        return filter.maxSlices > 0 ? names + ["max-slices:\(filter.maxSlices)"] : names
    }

    /// Whether it can make a difference to someone where he calls from. Who is not concerned is decided about in the
    /// same way from anywhere, `unknown` included.
    package func dependsOnOrigin(_ principal: Principal) -> Bool { index.dependsOnOrigin(principal) }

    /// The limits that name someone, with their use, in byte order of their ids.
    package func limits(on principal: Principal, use: [UseEntry]) -> [LimitStatus] {
        var statuses: [LimitStatus] = []
        let use = LimitUse(self, use, for: principal.user)
        index.naming(principal).limits.forEach { position in
            let limit = limits[position]
            let used = use.amounts(limit.scope, at: position)
            statuses.append(
                LimitStatus(
                    id: limit.id, scope: limit.scope,
                    amounts: limit.amounts.map {
                        LimitStatus.Amount(dimension: $0.dimension, used: used[$0.dimension], max: $0.max)
                    },
                    leaseDefault: limit.leaseDefault, leaseMax: limit.leaseMax, renewals: limit.renewals,
                    killsOnExpiry: limit.killsOnExpiry))
        }
        return statuses
    }

    /// Those of some GPUs on which an action on the GPU itself is allowed; for "every GPU that the caller may touch".
    package func gpus(
        _ gpus: [GPU], allowing action: Action, to principal: Principal, isolation: Isolation = .advisory,
        now: Timestamp?
    ) -> [GPU] {
        gpus.filter { gpu in
            let query = Query(principal: principal, action: action, target: .gpus([gpu]), isolation: isolation)
            return decide(query, use: [], now: now).isAllowed
        }
    }
}

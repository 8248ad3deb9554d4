package import MIG

extension PolicySet {
    /// The one function that decides; it reads nothing but its arguments, so the same question has the same answer.
    ///
    /// Rules first: any matching deny denies, else one matching allow allows, else it is denied. Then every limit that
    /// names the caller holds on its own. The order of rules in the files has no say in anything, the answer's text
    /// included.
    ///
    /// Without a time that can be trusted, rules with hours count where they deny and not where they allow.
    package func decide(_ query: Query, use: [UseEntry], now: Timestamp?) -> Decision {
        let naming = index.naming(query.principal)
        let rules = RuleStage(self, query, naming, now)
        if let denial = rules.denial {
            return Decision(
                outcome: .denied(denial), rules: denial.reason.rules, narrowedBy: [], limits: [], groups: naming.groups)
        }
        let limits = LimitStage(self, query, naming, use)
        if let denial = limits.denial {
            return Decision(
                outcome: .denied(denial), rules: rules.allowingRules, narrowedBy: [], limits: limits.stoppingLimits,
                groups: naming.groups)
        }
        let terms = Terms(
            gpus: rules.allowedGPUs, duration: limits.duration, requiresIsolation: rules.requiresIsolation,
            killsOnExpiry: limits.killsOnExpiry)
        return Decision(
            outcome: .allowed(terms), rules: rules.allowingRules, narrowedBy: rules.narrowingRules,
            limits: limits.holdingLimits, groups: naming.groups)
    }
}

extension Denial.Reason {
    /// The rules that the reason names.
    package var rules: [String] {
        switch self {
        case .denied(let rules, _), .isolationRequired(let rules): rules
        case .outsideHours(let hours, _): hours.map(\.rule)
        case .noIdentity, .noRule, .leaseTooLong, .quotaExceeded: []
        }
    }
}

package import MIG

/// The answer to one query, and everything that made it; `explain` shows this very value.
package struct Decision: Hashable, Sendable {
    /// Yes with its terms, or no with its reason; never both.
    package enum Outcome: Hashable, Sendable {
        case allowed(Terms)
        case denied(Denial)
    }

    package let outcome: Outcome
    /// Ids of the rules that made it, in byte order: the allowing ones of an allowed query or of one that a limit or
    /// missing isolation stopped, else the denying ones.
    package let rules: [String]
    /// Ids of the denying rules that only took GPUs away from an allowed query, in byte order.
    package let narrowedBy: [String]
    /// Ids of the limits that hold for the query, or where one stopped it, of those that did; in byte order.
    package let limits: [String]
    /// The caller's groups that the policy mentions anywhere, ascending; a lease records them.
    package let groups: [GroupID]

    /// The same decision, made by these rules too: those that let the caller ask for another.
    package func with(_ others: [String]) -> Decision {
        guard !others.isEmpty else { return self }
        let all = Set(rules).union(others).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return Decision(outcome: outcome, rules: all, narrowedBy: narrowedBy, limits: limits, groups: groups)
    }

    /// Whether the query may be carried out, on its terms.
    package var isAllowed: Bool {
        if case .allowed = outcome { true } else { false }
    }

    /// What was allowed, or nil.
    package var terms: Terms? {
        if case .allowed(let terms) = outcome { terms } else { nil }
    }

    /// Why it was denied, or nil.
    package var denial: Denial? {
        if case .denied(let denial) = outcome { denial } else { nil }
    }
}

/// What exactly an allowed query may do.
package struct Terms: Hashable, Sendable {
    /// The allowed GPUs for each demand, or for each GPU named; both in the order of the query. Empty for the broker.
    package let gpus: [[GPUUUID]]
    /// How long the lease lasts from now; nil where the action sets no end.
    package let duration: TimeSpan?
    /// Whether only rules that need enforced isolation allow some of it.
    package let requiresIsolation: Bool
    /// Whether processes still on the slice at its end are killed.
    package let killsOnExpiry: Bool
}

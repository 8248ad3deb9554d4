import JSON
import Linux
package import MIG

/// Questions to a policy with the answers that its author expects, as `migctl policy test` asks them.
package struct PolicyCases: Sendable {
    /// One question, and what is expected of the decision.
    struct Case: Sendable {
        let name: String
        let place: SourcePlace
        let query: Query
        let use: [UseEntry]
        let now: Timestamp
        let isAllowed: Bool
        /// Exactly these, in byte order; nil where any will do.
        let rules: [String]?
        let limits: [String]?
    }

    let cases: [Case]
    let source: SourceText
    /// The system's names with those of the file over them.
    let names: NameResolver

    /// Reads the cases; the first thing that is wrong refuses all of them. Blocks as long as the user database does.
    package init(_ file: PolicyFile, names system: NameResolver = .system) throws(PolicyErrors) {
        source = SourceText([file])
        do throws(CaseReader.Problem) {
            var reader = try CaseReader(file.bytes, system)
            cases = try reader.cases()
            names = reader.names
        } catch {
            throw PolicyErrors(
                diagnostics: [source.diagnostic(error.problem, at: SourcePlace(file: 0, offset: error.offset))])
        }
    }

    /// How one case came out.
    package struct Failure: Sendable, CustomStringConvertible {
        package let place: (path: String, line: Int, column: Int)
        /// What was expected, and what the policy says instead.
        package let message: String

        /// As compilers write it.
        package var description: String { "\(place.path):\(place.line):\(place.column): \(message)" }
    }

    /// What asking all of them showed.
    package struct Outcome: Sendable {
        package let failures: [Failure]
        package let count: Int
        /// Ids of rules and limits that had no part in any decision, in byte order: nobody knows whether they mean what they
        /// should.
        package let untested: [String]
    }

    /// Loads a policy by the names that the cases give and the system, and asks it.
    package func run(on files: [PolicyFile], bounds: Bounds = Bounds()) throws(PolicyErrors) -> Outcome {
        let policy = try PolicySet.load(files, names: names, bounds: bounds)
        var failures: [Failure] = []
        var met: Set<String> = []
        for one in cases {
            let decision = policy.decide(one.query, use: one.use, now: one.now)
            met.formUnion(decision.rules + decision.narrowedBy + decision.limits)
            guard let difference = one.difference(from: decision) else { continue }
            failures.append(Failure(place: source.position(of: one.place), message: "\(one.name): \(difference)"))
        }
        let ids = (policy.allow + policy.deny).map(\.id) + policy.limits.map(\.id)
        return Outcome(
            failures: failures, count: cases.count,
            untested: ids.filter { !met.contains($0) }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }
}

extension PolicyCases.Case {
    /// What a decision has otherwise than expected, or nil.
    fileprivate func difference(from decision: Decision) -> String? {
        let isExpected =
            decision.isAllowed == isAllowed && Self.areSame(rules, decision.rules)
            && Self.areSame(limits, decision.limits)
        guard !isExpected else { return nil }
        let wanted = [isAllowed ? "allowed" : "denied", Self.text("rules", rules), Self.text("limits", limits)]
        let found = [
            decision.denial.map { "denied: \($0.why)" } ?? "allowed", Self.text("rules", decision.rules),
            Self.text("limits", decision.limits),
        ]
        func joined(_ parts: [String?]) -> String { parts.compactMap(\.self).joined(separator: ", ") }
        return "expected \(joined(wanted)); it is \(joined(found))"
    }

    private static func areSame(_ wanted: [String]?, _ found: [String]) -> Bool {
        guard let wanted else { return true }
        return wanted.count == found.count && zip(wanted, found).allSatisfy { $0.hasBytes(of: $1) }
    }

    private static func text(_ key: String, _ ids: [String]?) -> String? {
        ids.map { $0.isEmpty ? "no \(key)" : "\(key) \($0.joined(separator: " "))" }
    }
}

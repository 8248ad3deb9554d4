/// One thing that is wrong with a policy, or looks wrong, and where.
package struct PolicyDiagnostic: Error, Hashable, Sendable {
    /// What a finding means for the policy.
    package enum Severity: String, Sendable {
        /// The policy is not loaded.
        case error
        /// The policy is loaded, but hardly means what it says.
        case warning
    }

    package let path: String
    /// From 1; 0 where the whole file is meant.
    package let line: Int
    /// In bytes, from 1; 0 where the whole file is meant.
    package let column: Int
    package let problem: PolicyProblem

    package var severity: Severity { problem.severity }
    /// The sentence without the place.
    package var message: String { problem.description }
}

extension PolicyDiagnostic: CustomStringConvertible {
    /// As compilers write it, `file:line:column: message`, warnings marked.
    package var description: String {
        let place = line == 0 ? path : "\(path):\(line):\(column)"
        return severity == .warning ? "\(place): warning: \(message)" : "\(place): \(message)"
    }
}

/// Why a policy was not loaded; nothing of it holds then.
package struct PolicyErrors: Error, Hashable, Sendable, CustomStringConvertible {
    /// At least one, in the order of the files and their text; no more than `PolicyDiagnostics.most`.
    package let diagnostics: [PolicyDiagnostic]

    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

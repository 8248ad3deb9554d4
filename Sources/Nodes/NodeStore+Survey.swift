internal import Linux
internal import MIG

/// How the capability nodes stand as things, whoever may open them.
package struct NodeSurvey: Hashable, Sendable {
    package let count: Int
    /// Of those, the ones that are missing or something else than they must be.
    package let wrong: Int
    /// The first of them, with what sets it right.
    package let first: GateClosed?
}

extension NodeStore {
    /// Looks at the config node and at every node that instances on these GPUs can need; changes nothing.
    package func survey(gpuMinors: [Int]) throws(GateClosed) -> NodeSurvey {
        let major = try checkedMajor()
        if let problem = directoryProblem() { throw closed(directory, problem) }
        let names = [.config] + gpuMinors.flatMap(NodeName.all(ofGPU:))
        var wrong = 0
        var first: GateClosed?
        for name in names {
            guard let problem = problem(of: try inspected(name), major: major) else { continue }
            wrong += 1
            if first == nil { first = closed(name, problem) }
        }
        return NodeSurvey(count: names.count, wrong: wrong, first: first)
    }
}

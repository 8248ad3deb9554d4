package import Linux

/// Why a node could not be made, given or taken.
package enum NodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The instance lies past the driver's table of minors.
    case noMinor(NodeName)
    case problem(path: String, NodeProblem)
    case system(SystemError)
    /// What was set is not what is there on reading it back.
    case notAsSet(path: String, found: String, wanted: NodeAccess)
    case tree(CapabilityTreeError)

    package var description: String {
        switch self {
        case .noMinor(let name): "the driver has no capability node for \(name)"
        case .problem(let path, let problem): "\(path) \(problem)"
        case .system(let error): "\(error)"
        case .notAsSet(let path, let found, let wanted): "\(path) was \(wanted), but has \(found)"
        case .tree(let error): "\(error)"
        }
    }
}

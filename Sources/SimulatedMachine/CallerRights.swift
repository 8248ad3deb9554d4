import Linux
import MIG

/// What the kernel module would let the calling thread do; `facts/nvidia-caps.md` 2.5.
package struct CallerRights: Sendable {
    private let nodes: NodeFiles

    package init(_ nodes: NodeFiles) { self.nodes = nodes }

    /// Set MIG mode, reset, and everything below. No node stands in for it.
    package var isAdministrator: Bool { EffectiveCapabilities.isAdministrator }

    /// Make, destroy and list instances.
    package var mayConfigure: Bool { isAdministrator || nodes.canOpen(.config) }

    /// Ask about a whole GPU while it is cut into instances.
    package var mayMonitor: Bool { isAdministrator || nodes.canOpen(.monitor) }
}

extension Machine {
    /// Refuses a caller who may not open the node of a GPU, or without one that of the driver.
    ///
    /// One that is not there keeps nobody out: the real library has it made. That file permissions give NO_PERMISSION and
    /// a device cgroup UNKNOWN is what users of locked nodes and of containers report of `nvidia-smi`.
    package func requireUse(_ state: MachineState, gpu index: Int? = nil) throws(MachineError) {
        let path = index.map { layout.gpuNode(state.gpus[$0].minor) } ?? layout.control
        switch nodes(state).refusal(of: path) {
        case nil, .notFound: return
        case .access: throw .refused(.noPermission)
        default: throw .refused(.unknown)
        }
    }
}

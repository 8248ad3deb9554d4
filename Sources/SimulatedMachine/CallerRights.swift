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

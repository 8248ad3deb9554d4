internal import MIG
package import Nodes

/// What a person wants to know of the broker itself; nothing here changes anything.
extension Broker {
    /// The driver's own version; nil where it does not answer. Waits for a change that is being decided.
    package var driverVersion: String? { withState { $0.driverVersion } }

    /// Whether users can reach the nodes of others now, why, and what would change it. Reads `/proc` and `/dev`.
    package func isolationReport() -> IsolationReport { nodes.isolation(gpuMinors: gpuMinors) }

    /// How the nodes of the GPUs present stand. Reads `/proc` and `/dev`.
    package func nodeSurvey() throws(GateClosed) -> NodeSurvey { try nodes.survey(gpuMinors: gpuMinors) }

    /// Whether the policy's hours can be judged by the wall clock.
    package var isClockTrusted: Bool { clock.now != nil }

    private var gpuMinors: [Int] { snapshot.inventory.entries.map(\.gpu.minor) }
}

package import MIG

/// The word of the device gate that a change may go on: no change without one.
///
/// Only `NodeStore` makes it, and whoever acts consumes it, so it cannot be used twice or kept for later.
package struct Gate: ~Copyable, Sendable {
    /// What is not right, yet does not stand in the way.
    package let warnings: [GateClosed]

    init(warnings: [GateClosed] = []) { self.warnings = warnings }
}

/// What the gate is asked for.
package enum GateRequest: Hashable, Sendable {
    /// To make instances on one of some GPUs, by minor number: any of their nodes may be the new one's.
    case create(gpuMinors: [Int])
    /// To change or end instances.
    case instances([Instance])
    /// To change the modes of GPUs, which touches no node of an instance. Those at these addresses are reset by it.
    case mode(resetting: [PCIAddress])

    /// One instance that is to be changed, with the compute instances that it has for its lease.
    package struct Instance: Hashable, Sendable {
        package let gpuMinor: Int
        package let gpuInstance: GPUInstanceID
        package let computeInstances: [ComputeInstanceID]
        /// Who must be able to open its node himself; nil where a rule of the policy stands in for that.
        package let caller: Caller?

        package init(
            gpuMinor: Int, _ gpuInstance: GPUInstanceID, _ computeInstances: [ComputeInstanceID], by caller: Caller?
        ) {
            self.gpuMinor = gpuMinor
            self.gpuInstance = gpuInstance
            self.computeInstances = computeInstances
            self.caller = caller
        }
    }

    /// To change or end one instance.
    package static func change(
        gpuMinor: Int, _ gi: GPUInstanceID, _ cis: [ComputeInstanceID], by caller: Caller?
    ) -> GateRequest {
        .instances([Instance(gpuMinor: gpuMinor, gi, cis, by: caller)])
    }
}

/// Why the gate is closed: which node, what is wrong with it, and the command that sets it right.
package struct GateClosed: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path of the node, or of the driver's table that is wrong.
    package let node: String
    package let problem: NodeProblem
    /// A command for root.
    package let fix: String

    package var description: String { "\(node) \(problem)" }
}

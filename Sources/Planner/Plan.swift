package import MIG

/// Where every member of one request will lie; only the planner makes one, and the executor uses it up.
package struct Plan: ~Copyable, Sendable {
    /// One instance to make.
    package struct Entry: Hashable, Sendable {
        package let gpu: GPUUUID
        /// The GPU's index when the plan was made.
        package let index: Int
        package let profile: GPUInstanceProfile
        package let placement: Placement
    }

    /// One for each member, in the order in which they were asked for.
    package let entries: [Entry]

    init(entries: [Entry]) { self.entries = entries }
}

/// A GPU instance that exists on a GPU now.
package struct GPUInstance: Hashable, Sendable {
    package let id: GPUInstanceID
    package let profile: GPUInstanceProfileID
    package let placement: Placement
    package let computeInstances: [ComputeInstance]

    package init(
        id: GPUInstanceID, profile: GPUInstanceProfileID, placement: Placement, computeInstances: [ComputeInstance]
    ) {
        self.id = id
        self.profile = profile
        self.placement = placement
        self.computeInstances = computeInstances
    }
}

/// A compute instance that exists inside a GPU instance now; as CUDA sees it, a MIG device.
package struct ComputeInstance: Hashable, Sendable {
    package let id: ComputeInstanceID
    package let profile: ComputeInstanceProfileID
    package let placement: Placement
    /// Nil where the driver names the device in the old way, or does not name it.
    package let uuid: MIGUUID?

    package init(
        id: ComputeInstanceID, profile: ComputeInstanceProfileID, placement: Placement, uuid: MIGUUID?
    ) {
        self.id = id
        self.profile = profile
        self.placement = placement
        self.uuid = uuid
    }
}

/// Minor numbers of `/dev/nvidia-caps/nvidia-capN`: a static table of the driver, independent of the GPUs present.
///
/// `facts/nvidia-caps.md` 1.3; the broker reads the driver's own `mig-minors` and holds it against this.
package enum CapabilityMinor {
    package static let config = 1
    package static let monitor = 2
    package static let gpuCount = 32
    package static let gpuInstancesPerGPU = 15
    package static let computeInstancesPerGPUInstance = 8

    /// The minor of a GPU instance's access node, or nil past the driver's table.
    package static func gpuInstance(gpuMinor: Int, _ gi: GPUInstanceID) -> Int? {
        guard (0..<gpuCount).contains(gpuMinor), gi.rawValue < gpuInstancesPerGPU else { return nil }
        return 3 + 135 * gpuMinor + 9 * Int(gi.rawValue)
    }

    /// The minor of a compute instance's access node, or nil past the driver's table.
    package static func computeInstance(
        gpuMinor: Int, _ gi: GPUInstanceID, _ ci: ComputeInstanceID
    ) -> Int? {
        guard let base = gpuInstance(gpuMinor: gpuMinor, gi), ci.rawValue < computeInstancesPerGPUInstance else {
            return nil
        }
        return base + 1 + Int(ci.rawValue)
    }
}

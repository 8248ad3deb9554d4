package import MIG

/// What a capability node stands for; its minor number follows from that alone.
package enum NodeName: Hashable, Sendable, CustomStringConvertible {
    /// The right to make and destroy instances.
    case config
    /// The right to see everybody's instances.
    case monitor
    /// The right to use a GPU instance; every user of a compute instance needs that of its GPU instance too.
    case gpuInstance(gpuMinor: Int, GPUInstanceID)
    case computeInstance(gpuMinor: Int, GPUInstanceID, ComputeInstanceID)

    /// The node's minor number, or nil past the driver's table: such an instance cannot be used by anybody.
    package var minor: Int? {
        switch self {
        case .config: CapabilityMinor.config
        case .monitor: CapabilityMinor.monitor
        case .gpuInstance(let gpu, let gi): CapabilityMinor.gpuInstance(gpuMinor: gpu, gi)
        case .computeInstance(let gpu, let gi, let ci): CapabilityMinor.computeInstance(gpuMinor: gpu, gi, ci)
        }
    }

    /// What a minor number stands for, or nil past the driver's table.
    package init?(minor: Int) {
        switch minor {
        case CapabilityMinor.config: self = .config
        case CapabilityMinor.monitor: self = .monitor
        default:
            // Before any arithmetic: the number may come from a file's name.
            guard (3...4322).contains(minor) else { return nil }
            let perInstance = CapabilityMinor.computeInstancesPerGPUInstance + 1
            let (instance, place) = (minor - 3).quotientAndRemainder(dividingBy: perInstance)
            let (gpu, gi) = instance.quotientAndRemainder(dividingBy: CapabilityMinor.gpuInstancesPerGPU)
            let id = GPUInstanceID(UInt32(gi))
            self =
                place == 0
                ? .gpuInstance(gpuMinor: gpu, id)
                : .computeInstance(gpuMinor: gpu, id, ComputeInstanceID(UInt32(place - 1)))
        }
    }

    /// All that a GPU of this minor number can ever have, 135 of them.
    package static func all(ofGPU gpuMinor: Int) -> [NodeName] {
        (0..<UInt32(CapabilityMinor.gpuInstancesPerGPU)).flatMap { gi in
            instance(
                gpuMinor: gpuMinor, GPUInstanceID(gi),
                (0..<UInt32(CapabilityMinor.computeInstancesPerGPUInstance)).map { ComputeInstanceID($0) })
        }
    }

    /// Those of one GPU instance and some of its compute instances.
    package static func instance(
        gpuMinor: Int, _ gi: GPUInstanceID, _ cis: [ComputeInstanceID]
    ) -> [NodeName] {
        [.gpuInstance(gpuMinor: gpuMinor, gi)] + cis.map { .computeInstance(gpuMinor: gpuMinor, gi, $0) }
    }

    /// As the driver's `mig-minors` has it, `gpu0/gi1/ci0/access`.
    package var description: String {
        switch self {
        case .config: "config"
        case .monitor: "monitor"
        case .gpuInstance(let gpu, let gi): "gpu\(gpu)/gi\(gi)/access"
        case .computeInstance(let gpu, let gi, let ci): "gpu\(gpu)/gi\(gi)/ci\(ci)/access"
        }
    }
}

/// All that a simulated machine is at one moment, but for its files.
package struct MachineState: Equatable, Sendable {
    package let driver: DriverVersion
    /// Whether the slice without compute lies in the lower half of every board.
    package let isMirrored: Bool
    /// Whether a reset gives a GPU another minor number.
    package let renumbersGPUs: Bool
    /// Whether the driver may reset GPUs, which it may not where they are passed through to a virtual machine.
    package let canResetGPUs: Bool
    /// Whether profiles of which facts are only estimated are offered.
    package let admitsEstimates: Bool
    package let nodes: NodeStyle
    package let module: ModuleParameters
    package let majors: Majors
    /// Counts loads of the driver; what a program got from an earlier one is void.
    package var load: UInt32 = 1
    /// Counts restarts of the machine.
    package var boots: UInt32 = 0
    /// The last serial that an instance got.
    package var lastSerial: UInt32 = 0
    /// The numbers that were written to the files of capabilities; the others have the module's.
    package internal(set) var written: [Capability: Int32] = [:]
    package var gpus: [SimulatedGPU]

    package init(
        driver: DriverVersion, isMirrored: Bool, renumbersGPUs: Bool, canResetGPUs: Bool, admitsEstimates: Bool,
        nodes: NodeStyle, module: ModuleParameters = ModuleParameters(), majors: Majors, gpus: [SimulatedGPU]
    ) {
        self.driver = driver
        self.isMirrored = isMirrored
        self.renumbersGPUs = renumbersGPUs
        self.canResetGPUs = canResetGPUs
        self.admitsEstimates = admitsEstimates
        self.nodes = nodes
        self.module = module
        self.majors = majors
        self.gpus = gpus
    }

    /// What stands in for device nodes.
    package enum NodeStyle: String, Sendable {
        /// Character devices whose major no driver of the host has. Making them needs root.
        case device
        /// Empty regular files: the same modes and lists, and opening them gives a real descriptor.
        case file
    }

    /// The character device numbers of the driver's parts.
    package struct Majors: Hashable, Sendable {
        package let nvidia: UInt32
        package let capabilities: UInt32
        package let uvm: UInt32
    }

    /// Counts, GPU by GPU, a change of the MIG configuration, which is an event for those who wait for it.
    mutating func countChanges(since before: MachineState) {
        for (index, old) in before.gpus.enumerated()
        where gpus[index].mode != old.mode || gpus[index].instances != old.instances {
            gpus[index].changes &+= 1
        }
    }

    /// A serial that no instance has had.
    package mutating func nextSerial() -> UInt32 {
        lastSerial &+= 1
        return lastSerial
    }
}

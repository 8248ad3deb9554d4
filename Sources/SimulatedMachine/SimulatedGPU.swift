package import MIG

/// A GPU of a simulated machine: a model, and what has been made of it.
package struct SimulatedGPU: Equatable, Sendable {
    package let model: GPUModel
    package let uuid: GPUUUID
    package let serial: String
    package let pci: PCIAddress
    package var minor: Int
    package var mode: MIGMode
    package var isPersistent = false
    /// NVML's number of the compute mode.
    package var computeMode: UInt32 = 0
    /// Counts resets; what a program got before one is void.
    package internal(set) var resets: UInt32 = 0
    /// Counts changes of mode and instances, each of which is an event.
    package internal(set) var changes: UInt32 = 0
    /// Whether anything has used it since the driver was loaded, which is when its directory of capabilities comes.
    package internal(set) var isAttached = false
    /// Whether the driver lets go of it, and of all it keeps in memory only, when the last process leaves.
    package internal(set) var isReleased = false
    /// By id, which is also the order in which the driver lists them.
    package internal(set) var instances: [Instance] = []

    package init(
        model: GPUModel, uuid: GPUUUID, serial: String, pci: PCIAddress, minor: Int, isMIGEnabled: Bool
    ) {
        self.model = model
        self.uuid = uuid
        self.serial = serial
        self.pci = pci
        self.minor = minor
        mode = MIGMode(isEnabled: isMIGEnabled, isPendingEnabled: isMIGEnabled)
    }

    /// A GPU instance that exists.
    package struct Instance: Sendable, Hashable {
        package let id: GPUInstanceID
        package let profile: GPUInstanceProfileID
        package let placement: Placement
        /// Never given twice on a machine, so that a handle of a destroyed instance is not taken for its successor's.
        package let serial: UInt32
        /// By id.
        package internal(set) var computeInstances: [Compute] = []
    }

    /// A compute instance that exists.
    package struct Compute: Sendable, Hashable {
        package let id: ComputeInstanceID
        package let profile: ComputeInstanceProfileID
        package let placement: Placement
        package let serial: UInt32
        package let uuid: MIGUUID
    }

    /// The instance with an id, or nil.
    package func instance(_ id: GPUInstanceID) -> Instance? { instances.first { $0.id == id } }

    /// Every compute instance with its GPU instance, in the order in which the driver numbers MIG devices.
    package var devices: [(instance: Instance, compute: Compute)] {
        instances.flatMap { instance in instance.computeInstances.map { (instance, $0) } }
    }

    /// The profile of an instance of this GPU.
    package func profile(of instance: Instance) -> GPUModel.Profile? { model.profile(instance.profile) }
}

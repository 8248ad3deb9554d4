package import MIG

/// A CUDA compute capability such as 8.0.
package struct ComputeCapability: Hashable, Sendable {
    package let major: Int
    package let minor: Int
}

/// NVML's numbers of the GPU generations that have MIG.
package enum Architecture: UInt32, Sendable {
    case ampere = 7
    case ada = 8
    case hopper = 9
    case blackwell = 10
}

/// One model of GPU, as its public tables describe it; a simulated GPU shows these facts and no others.
package struct GPUModel: Sendable {
    /// As the driver writes it.
    package let name: String
    /// What a person may type instead of `name`.
    package let shortNames: [String]
    /// Device and vendor in one word, as NVML has them.
    package let pciDeviceID: UInt32
    package let architecture: Architecture
    package let computeCapability: ComputeCapability
    package let memoryMiB: Int
    package let multiprocessors: Int
    package let computeSlices: Int
    package let memorySlices: Int
    /// Whether a change of MIG mode resets the GPU, and so waits for its last client to leave.
    package let modeChangeNeedsReset: Bool
    package let modeSurvivesReboot: Bool
    /// The first driver that knows this model.
    package let minimumDriver: DriverVersion
    /// In the order of the public tables.
    package let profiles: [Profile]

    /// A kind of GPU instance with the compute instances that fit into it.
    package struct Profile: Sendable {
        package let gpuInstance: GPUInstanceProfile
        package let computeInstances: [ComputeInstanceProfile]

        /// The compute profile that takes the whole GPU instance, which `nvidia-smi mig -C` makes.
        package var wholeCompute: ComputeInstanceProfile? {
            computeInstances.first { $0.slices == gpuInstance.slices }
        }
    }

    /// The profile with a driver's profile id, or nil where this model has none.
    package func profile(_ id: GPUInstanceProfileID) -> Profile? {
        profiles.first { $0.gpuInstance.id == id }
    }

    /// The profile with an NVML enum number, or nil where this model has none.
    package func profile(_ kind: GPUInstanceProfileKind) -> Profile? {
        profiles.first { $0.gpuInstance.kind == kind }
    }

    /// What the whole GPU has of each engine, which is what its largest instance shows.
    package var engines: Engines {
        profiles.first { $0.gpuInstance.slices.rawValue == computeSlices }?.gpuInstance.engines ?? .zero
    }

    /// CUDA cores, a public constant of each compute capability.
    package var cores: Int {
        multiprocessors * (computeCapability.major == 8 && computeCapability.minor == 0 ? 64 : 128)
    }
}

extension GPUModel {
    /// Every model that can be simulated.
    package static let all: [GPUModel] = [.a100SXM40, .h100SXM80, .l4]

    /// The model that a person means by its name or one of its short names, upper and lower case alike.
    package static func named(_ text: String) -> GPUModel? {
        let wanted = text.lowercased()
        return all.first { model in
            ([model.name] + model.shortNames).contains { $0.lowercased().utf8.elementsEqual(wanted.utf8) }
        }
    }
}

// MARK: - The form of the tables

extension GPUModel.Profile {
    init(
        _ name: String, id: UInt32, kind: UInt32, slices: Int, memoryMiB: Int, multiprocessors: Int, count: Int,
        size: Int, starts: [Int], engines: Engines, compute: [GPUModel.Compute]
    ) {
        gpuInstance = GPUInstanceProfile(
            name: name, kind: GPUInstanceProfileKind(kind), id: GPUInstanceProfileID(id), slices: SliceCount(slices),
            memoryMiB: memoryMiB, multiprocessors: multiprocessors, instanceCount: count, engines: engines,
            placements: starts.map { Placement(start: $0, size: size) })
        computeInstances = compute.map(\.profile)
    }
}

extension GPUModel {
    /// A row of a compute-instance table; enum and id are one number there.
    struct Compute {
        let profile: ComputeInstanceProfile

        init(_ name: String, id: UInt32, slices: Int, multiprocessors: Int, count: Int) {
            profile = ComputeInstanceProfile(
                name: name, kind: ComputeInstanceProfileKind(id), id: ComputeInstanceProfileID(id),
                slices: SliceCount(slices), multiprocessors: multiprocessors, instanceCount: count)
        }
    }
}

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

/// One model of GPU as a driver shows it: what public tables have of it, and no other facts.
package struct GPUModel: Sendable {
    /// As the driver writes it.
    package let name: String
    /// What a person may type instead of `name`; boards with the same table are among them.
    package let shortNames: [String]
    /// Device and vendor in one word, as NVML has them.
    package let pciDeviceID: UInt32
    package let architecture: Architecture
    package let computeCapability: ComputeCapability
    package let memoryMiB: Int
    /// Nil where it is not public.
    package let multiprocessors: Int?
    package let computeSlices: Int
    package let memorySlices: Int
    /// Whether a change of MIG mode resets the GPU, and so waits for its last client to leave.
    package let modeChangeNeedsReset: Bool
    package let modeSurvivesReboot: Bool
    /// The first driver that knows this model.
    package let minimumDriver: DriverVersion
    private let table: ProfileTable
    private var offer: Offer

    init(
        _ name: String, shortNames: [String], pciDeviceID: UInt32, architecture: Architecture,
        computeCapability: (major: Int, minor: Int), memoryMiB: Int, multiprocessors: Int?,
        minimumDriver: DriverVersion, table: ProfileTable
    ) {
        self.name = name
        self.shortNames = shortNames
        self.pciDeviceID = pciDeviceID
        self.architecture = architecture
        self.computeCapability = ComputeCapability(major: computeCapability.major, minor: computeCapability.minor)
        self.memoryMiB = memoryMiB
        self.multiprocessors = multiprocessors
        computeSlices = table.shapes.map(\.slices).max() ?? 0
        memorySlices = table.shapes.map(\.size).max() ?? 0
        modeChangeNeedsReset = architecture == .ampere
        modeSurvivesReboot = architecture == .ampere
        self.minimumDriver = minimumDriver
        self.table = table
        offer = Offer(of: table, under: .usual, admittingEstimates: false)
    }

    /// The same model as another driver shows it; profiles of which a fact is not public are withheld unless estimates
    /// are admitted.
    package func shown(by driver: DriverVersion, admittingEstimates: Bool = false) -> GPUModel {
        var model = self
        model.offer = Offer(of: table, under: driver, admittingEstimates: admittingEstimates)
        return model
    }

    /// A kind of GPU instance with the compute instances that fit into it.
    package struct Profile: Sendable {
        package let gpuInstance: GPUInstanceProfile
        package let computeInstances: [ComputeInstanceProfile]
        package let isGraphicsCapable: Bool
        /// The facts that are estimated.
        package let estimates: [ProfileFact]

        /// The compute profile that takes the whole GPU instance, which `nvidia-smi mig -C` makes.
        package var wholeCompute: ComputeInstanceProfile? {
            computeInstances.first { $0.slices == gpuInstance.slices }
        }
    }

    /// A kind of GPU instance that the model has and that is not offered, for nobody has published these facts.
    package struct WithheldProfile: Sendable {
        package let name: String
        package let missing: [ProfileFact]
    }

    /// In the order of the public tables.
    package var profiles: [Profile] { offer.profiles }

    /// Those that are not offered.
    package var withheldProfiles: [WithheldProfile] { offer.withheldProfiles }

    /// Every placement of every profile, withheld ones too.
    var placements: [Placement] { offer.placements }

    /// How many of an engine the whole GPU has, which is what its largest instance shows; nil where it is not public.
    func count(of engine: ProfileFact) -> Int? { offer.engines[engine] }

    /// Whether an instance of four slices and one of three may lie beside each other.
    var joinsFourAndThree: Bool { offer.joinsFourAndThree }

    /// The profile with a driver's profile id, or nil where this model has none.
    package func profile(_ id: GPUInstanceProfileID) -> Profile? {
        profiles.first { $0.gpuInstance.id == id }
    }

    /// The profile with an NVML enum number, or nil where this model has none.
    package func profile(_ kind: GPUInstanceProfileKind) -> Profile? {
        profiles.first { $0.gpuInstance.kind == kind }
    }

    /// CUDA cores, a public constant of each compute capability; nil where the multiprocessors are not public.
    package var cores: Int? {
        multiprocessors.map { $0 * (computeCapability == ComputeCapability(major: 8, minor: 0) ? 64 : 128) }
    }
}

extension GPUModel {
    /// What a driver offers of a table.
    private struct Offer: Sendable {
        let profiles: [Profile]
        let withheldProfiles: [WithheldProfile]
        let placements: [Placement]
        let engines: [ProfileFact: Int]
        let joinsFourAndThree: Bool

        init(of table: ProfileTable, under driver: DriverVersion, admittingEstimates: Bool) {
            let rows = table.rows(under: driver)
            profiles = rows.compactMap { $0.profile(admittingEstimates: admittingEstimates) }
            withheldProfiles = rows.compactMap { row in
                let missing = row.missingFacts(admittingEstimates: admittingEstimates)
                return missing.isEmpty ? nil : WithheldProfile(name: row.name, missing: missing)
            }
            placements = rows.flatMap(\.shape.placements)
            let largest = rows.max { $0.shape.slices < $1.shape.slices }
            engines = ProfileFact.allCases.reduce(into: [:]) {
                $0[$1] = largest?.value($1, admittingEstimates: admittingEstimates)
            }
            joinsFourAndThree = driver.branch >= 510
        }
    }
}

extension GPUModel: Equatable {
    /// A model is known by its name; its facts are a table's.
    package static func == (a: GPUModel, b: GPUModel) -> Bool { a.name.utf8.elementsEqual(b.name.utf8) }

    /// Every model that can be simulated, as the usual driver shows it.
    package static let all: [GPUModel] = [
        .a100SXM40, .a100SXM80, .a30, .h100SXM80, .h100PCIe, .h100NVL, .gh200, .h200, .h200NVL, .b200, .gb200, .b300,
        .gb300, .rtxPro6000Workstation, .rtxPro6000Server, .rtxPro5000, .l4,
    ]

    /// The model that a person means by its name or one of its short names, upper and lower case alike.
    package static func named(_ text: String) -> GPUModel? {
        let wanted = text.lowercased()
        return all.first { model in
            ([model.name] + model.shortNames).contains { $0.lowercased().utf8.elementsEqual(wanted.utf8) }
        }
    }
}

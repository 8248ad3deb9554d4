import MIG

/// A model's table of profiles: one column a fact, in the order of the shapes.
struct ProfileTable: Sendable {
    let shapes: [ProfileShape]
    /// The GB of the names, by size: one memory slice, two, four, and so on.
    let gigabytes: [Int]
    /// By size too.
    let memoryMiB: [Figure]
    /// What drivers before a version show instead.
    var formerMemoryMiB: (before: DriverVersion, bySize: [Figure])?
    let multiprocessors: [Figure]
    let engines: EngineTable

    /// How many engines the GPU instances have.
    struct EngineTable: Sendable {
        let copy: [Figure]
        let decoder: [Figure]
        var encoder: [Figure]?
        let jpeg: [Figure]
        let ofa: [Figure]
    }

    /// What a driver has of the table.
    func rows(under driver: DriverVersion) -> [Row] {
        let former = formerMemoryMiB.flatMap { driver < $0.before ? $0.bySize : nil }
        return shapes.indices.filter { shapes[$0].since <= driver.branch }.map { index in
            let shape = shapes[index]
            let step = shape.size.trailingZeroBitCount
            return Row(
                shape: shape, name: "\(shape.slices)g.\(gigabytes[step])gb\(shape.attribute)",
                perSlice: multiprocessors[0],
                figures: [
                    .id: shape.id, .memory: (former ?? memoryMiB)[step], .multiprocessors: multiprocessors[index],
                    .copyEngines: engines.copy[index], .decoders: engines.decoder[index],
                    .encoders: engines.encoder?[index] ?? 0, .jpeg: engines.jpeg[index], .ofa: engines.ofa[index],
                ])
        }
    }

    /// One profile of the table.
    struct Row: Sendable {
        let shape: ProfileShape
        let name: String
        /// Multiprocessors of a slice in a compute instance that is not the whole of its GPU instance: those of the
        /// smallest GPU instance. Documented for A100 and RTX PRO, inferred elsewhere.
        let perSlice: Figure
        let figures: [ProfileFact: Figure]

        func value(_ fact: ProfileFact, admittingEstimates: Bool) -> Int? {
            figures[fact]?.value(admittingEstimates: admittingEstimates)
        }

        func missingFacts(admittingEstimates: Bool) -> [ProfileFact] {
            ProfileFact.allCases.filter { value($0, admittingEstimates: admittingEstimates) == nil }
        }

        /// The profile, or nil where a fact is missing.
        func profile(admittingEstimates: Bool) -> GPUModel.Profile? {
            func value(_ fact: ProfileFact) -> Int? { self.value(fact, admittingEstimates: admittingEstimates) }
            guard let id = value(.id), let memory = value(.memory), let multiprocessors = value(.multiprocessors),
                let copy = value(.copyEngines), let decoder = value(.decoders), let encoder = value(.encoders),
                let jpeg = value(.jpeg), let ofa = value(.ofa),
                let perSlice = perSlice.value(admittingEstimates: admittingEstimates)
            else { return nil }
            return GPUModel.Profile(
                gpuInstance: GPUInstanceProfile(
                    name: name, kind: GPUInstanceProfileKind(shape.kind), id: GPUInstanceProfileID(UInt32(id)),
                    slices: SliceCount(shape.slices), memoryMiB: memory, multiprocessors: multiprocessors,
                    instanceCount: shape.count,
                    engines: Engines(copy: copy, decoder: decoder, encoder: encoder, jpeg: jpeg, ofa: ofa),
                    placements: shape.placements),
                computeInstances: shape.compute.map { compute in
                    let isWhole = compute.slices == shape.slices
                    return ComputeInstanceProfile(
                        name: isWhole ? name : "\(compute.slices)c.\(name)",
                        kind: ComputeInstanceProfileKind(compute.id), id: ComputeInstanceProfileID(compute.id),
                        slices: SliceCount(compute.slices),
                        multiprocessors: isWhole ? multiprocessors : compute.slices * perSlice,
                        instanceCount: compute.count)
                },
                isGraphicsCapable: shape.isGraphicsCapable,
                estimates: missingFacts(admittingEstimates: false))
        }
    }
}

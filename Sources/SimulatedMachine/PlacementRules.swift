package import MIG

/// Where a further GPU instance may lie; `facts/nvml.md` section 4.
extension SimulatedGPU {
    /// Memory slices that are taken, slice 0 the lowest bit.
    package var occupied: UInt64 { instances.reduce(0) { $0 | $1.placement.mask } }

    /// The legal placements of a profile that are free now, lowest start first.
    package func freePlacements(of profile: GPUModel.Profile) -> [Placement] {
        profile.gpuInstance.placements.filter { $0.mask & occupied == 0 }.sorted { $0.start < $1.start }
    }

    /// How many more instances of a profile can be made, one after the other, as things stand.
    package func remainingCapacity(of profile: GPUModel.Profile) -> Int {
        var taken = occupied
        var count = 0
        for placement in freePlacements(of: profile) where placement.mask & taken == 0 {
            guard hasRoom(for: profile, count: count + 1) else { break }
            taken |= placement.mask
            count += 1
        }
        return count
    }

    /// Whether counts and engines, placements aside, allow so many more instances of a profile.
    func hasRoom(for profile: GPUModel.Profile, count: Int = 1) -> Bool {
        let wanted = profile.gpuInstance
        let existing = instances.compactMap { self.profile(of: $0)?.gpuInstance }
        guard existing.count(where: { $0.id == wanted.id }) + count <= wanted.instanceCount else { return false }
        let slices = existing.reduce(count * wanted.slices.rawValue) { $0 + $1.slices.rawValue }
        guard slices <= model.computeSlices else { return false }
        if !model.joinsFourAndThree {
            let together = Set((existing + [wanted]).map(\.slices.rawValue))
            guard !together.isSuperset(of: [3, 4]) else { return false }
        }
        // Engines that a GPU has once or a few times are what keeps two `+me` instances from each other, and all but
        // `-me` from a `+me.all`. Copy engines are left out: the whole GPU shows more of them than its instances add up
        // to. An engine whose number is not public limits nothing.
        let engines: [(ProfileFact, KeyPath<Engines, Int>)] = [
            (.decoders, \.decoder), (.encoders, \.encoder), (.jpeg, \.jpeg), (.ofa, \.ofa),
        ]
        return engines.allSatisfy { fact, engine in
            guard let limit = model.count(of: fact) else { return true }
            let used = existing.reduce(count * wanted.engines[keyPath: engine]) { $0 + $1.engines[keyPath: engine] }
            return used <= limit
        }
    }

    /// The driver's own choice: the free placement that keeps most pairs of profile and placement free.
    ///
    /// Of equals the lowest start. It reproduces the recorded sequences of real boards, the documented trap included.
    /// Profiles that are withheld count: the driver has them.
    package func defaultPlacement(of profile: GPUModel.Profile) -> Placement? {
        SlotChoice.best(
            of: freePlacements(of: profile), occupied: occupied, slots: model.placements.map(\.mask))
    }

    /// The id that an instance gets at a placement: its node in a binary tree over the physical slices.
    ///
    /// 0 is the whole GPU, 1 and 2 its halves, then quarters, then eighths. On a mirrored board the halves are swapped,
    /// because the slice without compute lies in the other one; boards of four slices have none, and theirs are swapped
    /// all the same, so that nobody takes an id for a place.
    package func instanceID(at placement: Placement, isMirrored: Bool) -> GPUInstanceID {
        let whole = model.memorySlices
        let half = whole / 2
        let start = isMirrored && placement.size < whole ? placement.start ^ half : placement.start
        return GPUInstanceID(UInt32(whole / placement.size - 1 + start / placement.size))
    }
}

/// Where a further compute instance may lie inside its GPU instance.
extension GPUModel.Profile {
    /// The compute profile with an id, or nil where this GPU instance has none.
    package func compute(_ id: ComputeInstanceProfileID) -> ComputeInstanceProfile? {
        computeInstances.first { $0.id == id }
    }

    /// The compute profile with an NVML enum number, or nil.
    package func compute(_ kind: ComputeInstanceProfileKind) -> ComputeInstanceProfile? {
        computeInstances.first { $0.kind == kind }
    }

    /// All placements of a compute profile in compute slices: starts are multiples of the next power of two.
    package func placements(of compute: ComputeInstanceProfile) -> [Placement] {
        let size = compute.slices.rawValue
        var step = 1
        while step < size { step *= 2 }
        return stride(from: 0, through: gpuInstance.slices.rawValue - size, by: step).map {
            Placement(start: $0, size: size)
        }
    }
}

extension SimulatedGPU.Instance {
    /// Compute slices that are taken, slice 0 the lowest bit.
    var occupied: UInt64 { computeInstances.reduce(0) { $0 | $1.placement.mask } }

    /// The placements of a compute profile that are free now.
    package func freePlacements(of compute: ComputeInstanceProfile, in profile: GPUModel.Profile) -> [Placement] {
        profile.placements(of: compute).filter { $0.mask & occupied == 0 }
    }

    /// How many more compute instances of a profile can be made.
    package func remainingCapacity(of compute: ComputeInstanceProfile, in profile: GPUModel.Profile) -> Int {
        let existing = computeInstances.count { $0.profile == compute.id }
        return max(
            0,
            min(freePlacements(of: compute, in: profile).count, compute.instanceCount - existing))
    }

    /// The driver's own choice, by the same rule as for GPU instances, over the kernel's tree of slots, which has pairs and
    /// fours whether or not the last of their slices is there.
    ///
    /// Inferred from what is recorded: one of one slice lies at 0 in a 2g and in a 3g, and three at 0, 1 and 2.
    func defaultPlacement(of compute: ComputeInstanceProfile, in profile: GPUModel.Profile) -> Placement? {
        let slots = [1, 2, 4].flatMap { size in
            stride(from: 0, to: profile.gpuInstance.slices.rawValue, by: size).map {
                Placement(start: $0, size: size).mask
            }
        }
        return SlotChoice.best(of: freePlacements(of: compute, in: profile), occupied: occupied, slots: slots)
    }
}

/// The one rule by which the driver chooses among free slots.
enum SlotChoice {
    /// The first candidate that leaves the most slots free.
    static func best(of candidates: [Placement], occupied: UInt64, slots: [UInt64]) -> Placement? {
        var best: (placement: Placement, kept: Int)?
        for candidate in candidates {
            let taken = occupied | candidate.mask
            let kept = slots.count { $0 & taken == 0 }
            if kept > best?.kept ?? -1 { best = (candidate, kept) }
        }
        return best?.placement
    }
}

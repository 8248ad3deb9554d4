import MIG

/// What is used up on one GPU while a plan is tried out on it.
struct Occupancy {
    let geometry: Geometry
    private(set) var mask: UInt64
    private var used: Units
    /// How many instances there are of each profile, by its position in the geometry.
    private var counts: [Int]

    init(of state: GPUState) {
        geometry = state.geometry
        mask = 0
        used = .zero
        counts = Array(repeating: 0, count: state.geometry.profiles.count)
        for occupant in state.occupants {
            take(occupant.placement)
            guard let index = geometry.index(of: occupant.profile) else { continue }
            counts[index] += 1
            used &+= Geometry.units(of: geometry.profiles[index])
        }
        for placement in state.avoided { take(placement) }
    }

    var freeSlices: Int { (geometry.allSlices & ~mask).nonzeroBitCount }

    /// Whether an instance may be made there beside all that is there already.
    func admits(profile index: Int, at placement: UInt64) -> Bool {
        guard mask & placement == 0 else { return false }
        let profile = geometry.profiles[index]
        let total = used &+ Geometry.units(of: profile)
        return counts[index] < profile.instanceCount && all(total .<= geometry.capacity)
    }

    mutating func add(profile index: Int, at placement: UInt64) {
        mask |= placement
        counts[index] += 1
        used &+= Geometry.units(of: geometry.profiles[index])
    }

    mutating func remove(profile index: Int, at placement: UInt64) {
        mask &= ~placement
        counts[index] -= 1
        used &-= Geometry.units(of: geometry.profiles[index])
    }

    /// An occupant that lies where nothing can lie makes the whole GPU unusable: what the driver says of it is wrong.
    private mutating func take(_ placement: Placement) {
        mask |= placement.mask == 0 ? .max : placement.mask
    }
}

package import MIG

/// Where new compute instances will lie inside their GPU instances; only the planner makes one, and the executor uses
/// it up.
package struct ComputePlan: ~Copyable, Sendable {
    /// One compute instance to make.
    package struct Entry: Hashable, Sendable {
        package let gpu: GPUUUID
        package let gi: GPUInstanceID
        package let profile: ComputeInstanceProfile
        /// In compute slices of the GPU instance.
        package let placement: Placement
    }

    /// Room by room, and in each in the order in which they were asked for.
    package let entries: [Entry]

    init(entries: [Entry]) { self.entries = entries }
}

/// A GPU instance as the planner sees it: what it can hold, and what is in it.
package struct ComputeRoom: Hashable, Sendable {
    package let gpu: GPUUUID
    package let gi: GPUInstanceID
    /// What the driver offers in it.
    package let profiles: [ComputeInstanceProfile]
    package let occupants: [ComputeInstance]

    package init(
        gpu: GPUUUID, gi: GPUInstanceID, profiles: [ComputeInstanceProfile], occupants: [ComputeInstance]
    ) {
        self.gpu = gpu
        self.gi = gi
        self.profiles = profiles
        self.occupants = occupants
    }

    /// How many more of a profile fit now, each profile asked for alone.
    package func free(_ profile: ComputeInstanceProfile) -> Int {
        let all = ComputePacking(self)
        return (0...profile.placements.count).last { count in
            all.best(for: Array(repeating: ComputeMember(profile: profile), count: count)) != nil
        } ?? 0
    }
}

/// A compute instance that is asked for: a profile, and the slice it is to start at where that matters.
package struct ComputeMember: Hashable, Sendable {
    package let profile: ComputeInstanceProfile
    package let start: Int?

    package init(profile: ComputeInstanceProfile, start: Int? = nil) {
        self.profile = profile
        self.start = start
    }
}

/// A GPU instance in which the compute instances asked for do not fit together.
package struct NoComputeRoom: Error, Hashable, Sendable, CustomStringConvertible {
    package let gpu: GPUUUID
    package let gi: GPUInstanceID
    /// Whether they would fit if nothing were in it.
    package let fitsWhenEmpty: Bool

    package var description: String {
        fitsWhenEmpty
            ? "no free placement in GPU instance \(gi) for all of them"
            : "GPU instance \(gi) cannot hold them even when it is empty"
    }
}

extension Planner {
    /// Places the members of each room together, all of them or none.
    ///
    /// As for GPU instances, what is least in the way of others is chosen: the least increase of the slices that some
    /// profile can no longer use, then the lowest starts. The order in which members are asked for makes no difference
    /// to what is chosen.
    package static func plan(
        _ wishes: [(room: ComputeRoom, members: [ComputeMember])]
    ) throws(NoComputeRoom) -> ComputePlan {
        var entries: [ComputePlan.Entry] = []
        for (room, members) in wishes {
            guard let placements = ComputePacking(room).best(for: members) else {
                let empty = ComputeRoom(gpu: room.gpu, gi: room.gi, profiles: room.profiles, occupants: [])
                let fits = ComputePacking(empty).best(for: members) != nil
                throw NoComputeRoom(gpu: room.gpu, gi: room.gi, fitsWhenEmpty: fits)
            }
            entries += zip(members, placements).map {
                ComputePlan.Entry(gpu: room.gpu, gi: room.gi, profile: $0.profile, placement: $1)
            }
        }
        return ComputePlan(entries: entries)
    }
}

/// The search in one GPU instance: eight slices at most, so that every way is tried.
private struct ComputePacking {
    private let shapes: [[UInt64]]
    private let slices: UInt64
    private let occupied: UInt64
    private let counts: [ComputeInstanceProfileID: Int]

    private struct Found {
        let score: Int
        let placements: [Placement]
    }

    init(_ room: ComputeRoom) {
        let masks = room.profiles.map { $0.placements.map(\.mask).filter { $0 != 0 } }
        var shapes: [[UInt64]] = []
        for shape in masks where !shape.isEmpty && !shapes.contains(shape) { shapes.append(shape) }
        self.shapes = shapes
        slices = masks.joined().reduce(0, |)
        // What lies where nothing can lie fills everything: the driver's word on it makes no sense.
        occupied = room.occupants.reduce(0) { $0 | ($1.placement.mask == 0 ? .max : $1.placement.mask) }
        counts = room.occupants.reduce(into: [:]) { $0[$1.profile, default: 0] += 1 }
    }

    /// The placements of the members in their order, or nil where they do not fit.
    func best(for members: [ComputeMember]) -> [Placement]? {
        guard members.count <= 8 else { return nil }
        for (id, added) in Dictionary(grouping: members, by: \.profile.id) {
            guard let most = added.first?.profile.instanceCount, counts[id, default: 0] + added.count <= most else {
                return nil
            }
        }
        // Alike members one after another and the largest first, so that each set of placements is tried once.
        let order = members.indices.sorted { a, b in key(members[a]) < key(members[b]) }
        var best: Found?
        extend(order.map { members[$0] }[...], occupied, [], after: nil, &best)
        guard let best else { return nil }
        var placements = best.placements
        for (position, index) in order.enumerated() { placements[index] = best.placements[position] }
        return placements
    }

    private func key(_ member: ComputeMember) -> (Int, UInt32, Int) {
        (-member.profile.slices.rawValue, member.profile.id.rawValue, member.start ?? Int.max)
    }

    /// A member just like the one before it lies after it.
    private func extend(
        _ left: ArraySlice<ComputeMember>, _ taken: UInt64, _ placements: [Placement],
        after last: ComputeMember?, _ best: inout Found?
    ) {
        guard let member = left.first else {
            let score = potential(taken)
            if let known = best, known.score <= score { return }
            best = Found(score: score, placements: placements)
            return
        }
        let sorted = member.profile.placements.sorted { ($0.start, $0.size) < ($1.start, $1.size) }
        let first = last == member ? placements.last.map { $0.start + 1 } ?? 0 : 0
        for placement in sorted where placement.start >= first && placement.mask != 0 && placement.mask & taken == 0 {
            if let start = member.start, start != placement.start { continue }
            extend(left.dropFirst(), taken | placement.mask, placements + [placement], after: member, &best)
        }
    }

    private func potential(_ taken: UInt64) -> Int {
        let free = slices & ~taken
        return shapes.reduce(0) { sum, shape in
            let covered = shape.reduce(0) { $1 & taken == 0 ? $0 | $1 : $0 }
            return sum + (free & ~covered).nonzeroBitCount
        }
    }
}

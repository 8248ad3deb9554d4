import MIG

/// How many members of each kind: one lane a kind.
typealias KindCounts = SIMD16<UInt8>

/// Members of a request that may be served in exactly the same ways, so that it does not matter which is which.
struct MemberKind {
    /// Their places in the request as it was asked.
    var members: [Int]
    /// The ways, in a fixed order.
    let candidates: [Candidate]
}

/// The best way to put certain numbers of each kind on one GPU.
struct Packing {
    struct Item {
        /// Any member of these kinds may lie here, so far as `counts` goes.
        let kinds: [Int]
        let profile: Int
        let placement: UInt64
    }

    let counts: KindCounts
    /// Lower is better, and sums over GPUs compare whole solutions; see `Packer.score`.
    let score: Int
    let items: [Item]
}

/// Finds every packing of one GPU.
///
/// Kinds that have the same options on this GPU are one class here, and told apart only when the packings are done:
/// the work is in the number of different placements, a few thousand on a board of eight slices.
struct Packer {
    /// One place for a member of a class.
    struct Option: Hashable {
        let profile: Int
        let placement: UInt64
    }

    /// Everything that the packings of a GPU depend on, so that GPUs alike are packed once.
    struct Key: Hashable {
        let profiles: [GPUInstanceProfile]
        let occupants: [Occupant]
        let avoided: [Placement]
        let options: [[Option]]
    }

    private let limits: [Int]
    private let classes: [(kinds: [Int], limit: Int, options: [Option])]
    private var occupancy: Occupancy
    private let before: Int
    private var items: [Packing.Item] = []
    private var counts: [Int]
    private var freeSum = 0
    private var steps = 0
    private var best: [[Int]: (score: Int, items: [Packing.Item])] = [:]

    /// Placements tried on one GPU.
    ///
    /// Twice the largest number that a board of sixteen slices can have; what reaches it is no board that exists, and
    /// is packed as far as this goes.
    private static let mostSteps = 2_000_000

    /// All packings of each GPU, the fullest first and the empty one last.
    static func packings(of kinds: [MemberKind], on states: [GPUState]) -> [[Packing]] {
        var known: [Key: [Packing]] = [:]
        return states.map { state in
            let options = kinds.map { Self.options(of: $0, on: state) }
            let key = Key(
                profiles: state.geometry.profiles, occupants: state.occupants, avoided: state.avoided,
                options: options)
            if let packings = known[key] { return packings }
            var packer = Packer(limits: kinds.map(\.members.count), options: options, state: state)
            packer.extend(from: 0, option: 0)
            let packings = packer.packings()
            known[key] = packings
            return packings
        }
    }

    private init(limits: [Int], options: [[Option]], state: GPUState) {
        let occupancy = Occupancy(of: state)
        var classes: [(kinds: [Int], limit: Int, options: [Option])] = []
        for (kind, options) in options.enumerated() where !options.isEmpty {
            if let same = classes.firstIndex(where: { $0.options == options }) {
                classes[same].kinds.append(kind)
                classes[same].limit += limits[kind]
            } else {
                classes.append(([kind], limits[kind], options))
            }
        }
        self.limits = limits
        self.classes = classes
        self.occupancy = occupancy
        before = state.geometry.potential(of: occupancy.mask)
        counts = Array(repeating: 0, count: classes.count)
    }

    /// The places of a kind on a GPU, lowest start first.
    private static func options(of kind: MemberKind, on state: GPUState) -> [Option] {
        let options = kind.candidates.filter { $0.gpu == state.uuid }.flatMap { candidate -> [Option] in
            guard let index = state.geometry.index(of: candidate.profile) else { return [] }
            return Geometry.masks(of: state.geometry.profiles[index])
                .filter { candidate.start == nil || candidate.start == $0.trailingZeroBitCount }
                .map { Option(profile: index, placement: $0) }
        }
        return Set(options).sorted {
            ($0.placement.trailingZeroBitCount, $0.placement, $0.profile)
                < ($1.placement.trailingZeroBitCount, $1.placement, $1.profile)
        }
    }

    /// Tries everything that can be added to what is placed, classes in order and members of one class at rising
    /// starts, so that no set of placements is met twice.
    private mutating func extend(from first: Int, option firstOption: Int) {
        record()
        for index in classes.indices.dropFirst(first) where counts[index] < classes[index].limit {
            let options = classes[index].options
            for position in options.indices.dropFirst(index == first ? firstOption : 0) {
                let option = options[position]
                guard steps < Self.mostSteps else { return }
                guard occupancy.admits(profile: option.profile, at: option.placement) else { continue }
                steps += 1
                let free = occupancy.freeSlices
                occupancy.add(profile: option.profile, at: option.placement)
                items.append(
                    Packing.Item(
                        kinds: classes[index].kinds, profile: option.profile, placement: option.placement))
                counts[index] += 1
                freeSum += free
                extend(from: index, option: position + 1)
                freeSum -= free
                counts[index] -= 1
                items.removeLast()
                occupancy.remove(profile: option.profile, at: option.placement)
            }
        }
    }

    /// Keeps what is placed if it is the first of its counts or better than the one before, so that of equals the one
    /// with the lowest starts stays.
    private mutating func record() {
        let increase = occupancy.geometry.potential(of: occupancy.mask) - before
        let score = Self.score(increase: increase, freeSlices: freeSum)
        if let known = best[counts], known.score <= score { return }
        best[counts] = (score, items)
    }

    /// The increase of the potential first, then the slices that were free on the GPU at each step: among equals the
    /// fuller GPU is taken.
    ///
    /// The second part is at most 64 slices for each of 16 members, so it never reaches into the first.
    private static func score(increase: Int, freeSlices: Int) -> Int { increase * 2048 + freeSlices }

    /// What was found, with the members of each class told apart.
    private func packings() -> [Packing] {
        let packings = best.flatMap { counts, found in
            zip(classes, counts).reduce([KindCounts.zero]) { partial, entry in
                let ways = distributions(of: entry.1, over: entry.0.kinds[...])
                return partial.flatMap { counts in ways.map { counts &+ $0 } }
            }
            .map { Packing(counts: $0, score: found.score, items: found.items) }
        }
        return packings.sorted { a, b in
            a.items.count != b.items.count ? a.items.count > b.items.count : a.counts.precedes(b.counts)
        }
    }

    /// Every way to draw that many members from some kinds.
    private func distributions(of number: Int, over kinds: ArraySlice<Int>) -> [KindCounts] {
        guard let kind = kinds.first else { return number == 0 ? [.zero] : [] }
        return (0...min(number, limits[kind])).flatMap { taken in
            distributions(of: number - taken, over: kinds.dropFirst()).map { rest in
                var counts = rest
                counts[kind] = UInt8(taken)
                return counts
            }
        }
    }
}

extension KindCounts {
    /// Whether this has more of the first kind in which the two differ.
    fileprivate func precedes(_ other: KindCounts) -> Bool {
        for lane in indices where self[lane] != other[lane] { return self[lane] > other[lane] }
        return false
    }
}

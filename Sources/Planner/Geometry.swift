package import MIG

/// Which profiles a GPU can be cut into and where, as its driver lists them; boards of one model may be mirrored.
///
/// GPUs with equal lists share one geometry: see `GeometryCache`.
package struct Geometry: Sendable {
    package let profiles: [GPUInstanceProfile]
    /// Memory slices, the largest end of any placement.
    package let sliceCount: Int
    /// What one GPU has of everything that instances use up, lane by lane; see `Geometry.units(of:)`.
    let capacity: Units
    private let shapes: [[UInt64]]
    private let potentials: [Int]

    /// Potentials of every mask are worked out once up to this many slices, and when asked for beyond it.
    private static let tabledSlices = 8

    package init(profiles: [GPUInstanceProfile]) {
        self.profiles = profiles
        let masks = profiles.map { Self.masks(of: $0) }
        let sliceCount = 64 - masks.joined().reduce(0, |).leadingZeroBitCount
        var shapes: [[UInt64]] = []
        for shape in masks where !shape.isEmpty && !shapes.contains(shape) { shapes.append(shape) }
        self.sliceCount = sliceCount
        self.shapes = shapes
        capacity = profiles.reduce(Units.zero) { most, profile in
            pointwiseMax(most, Self.units(of: profile))
        }
        potentials =
            sliceCount > Self.tabledSlices
            ? []
            : (0..<UInt64(1) << UInt64(sliceCount)).map {
                Self.potential(of: $0, slices: Self.low(sliceCount), shapes: shapes)
            }
    }

    /// Every slice that the GPU has.
    var allSlices: UInt64 { Self.low(sliceCount) }

    /// How much of the free room no longer serves some profile: summed over the profiles, the free slices that no
    /// legal placement of that profile can still cover.
    ///
    /// Profiles that differ only in their engines lie in the same places, and count once.
    package func potential(of occupied: UInt64) -> Int {
        let mask = occupied & allSlices
        return Int(exactly: mask).flatMap { potentials.indices.contains($0) ? potentials[$0] : nil }
            ?? Self.potential(of: mask, slices: allSlices, shapes: shapes)
    }

    /// The position of a profile in `profiles`.
    func index(of id: GPUInstanceProfileID) -> Int? { profiles.firstIndex { $0.id == id } }

    /// What one instance of a profile takes of the things that a GPU has a fixed number of: compute slices, decoders,
    /// encoders, JPEG units and OFAs.
    ///
    /// Copy engines are left out: drivers count them in ways that do not add up to the GPU's.
    static func units(of profile: GPUInstanceProfile) -> Units {
        let engines = profile.engines
        return Units(
            profile.slices.rawValue, engines.decoder, engines.encoder, engines.jpeg, engines.ofa, 0, 0, 0)
    }

    /// The legal placements as masks, lowest start first; what lies outside 64 slices is no placement.
    static func masks(of profile: GPUInstanceProfile) -> [UInt64] {
        Set(profile.placements.map(\.mask)).subtracting([0])
            .sorted { ($0.trailingZeroBitCount, $0) < ($1.trailingZeroBitCount, $1) }
    }

    private static func low(_ count: Int) -> UInt64 { count >= 64 ? .max : (1 << UInt64(count)) - 1 }

    private static func potential(of occupied: UInt64, slices: UInt64, shapes: [[UInt64]]) -> Int {
        let free = slices & ~occupied
        return shapes.reduce(0) { sum, shape in
            let covered = shape.reduce(0) { $1 & occupied == 0 ? $0 | $1 : $0 }
            return sum + (free & ~covered).nonzeroBitCount
        }
    }
}

/// Numbers of the things that the instances of one GPU use up together.
typealias Units = SIMD8<Int>

/// One geometry for each distinct list of profiles, so that its table is made once for all GPUs of a kind.
package struct GeometryCache: Sendable {
    private var known: [[GPUInstanceProfile]: Geometry] = [:]

    package init() {}

    /// The geometry of a GPU that offers these profiles.
    package mutating func geometry(for profiles: [GPUInstanceProfile]) -> Geometry {
        if let geometry = known[profiles] { return geometry }
        let geometry = Geometry(profiles: profiles)
        known[profiles] = geometry
        return geometry
    }
}

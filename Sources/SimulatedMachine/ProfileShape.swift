import MIG

/// A kind of GPU instance as far as it is the same on every model of a family.
struct ProfileShape: Sendable {
    /// What follows the memory in its name, `+me`.
    let attribute: String
    let kind: UInt32
    let id: Figure
    let slices: Int
    /// Memory slices.
    let size: Int
    let starts: [Int]
    let count: Int
    /// The first driver branch that offers it.
    let since: Int

    init(
        _ attribute: String = "", kind: UInt32, id: Figure, slices: Int, size: Int, starts: [Int], count: Int,
        since: Int = 0
    ) {
        self.attribute = attribute
        self.kind = kind
        self.id = id
        self.slices = slices
        self.size = size
        self.starts = starts
        self.count = count
        self.since = since
    }

    var placements: [Placement] { starts.map { Placement(start: $0, size: size) } }

    var isGraphicsCapable: Bool { attribute.utf8.elementsEqual("+gfx".utf8) }

    /// The compute instances that it takes: driver's id, slices, and how many fit.
    var compute: [(id: UInt32, slices: Int, count: Int)] {
        switch slices {
        // The kind of double memory has its own, which is documented for Hopper and inferred elsewhere.
        case 1: [(size == 2 ? 7 : 0, 1, 1)]
        case 2: [(0, 1, 2), (1, 2, 1)]
        case 3: [(0, 1, 3), (1, 2, 1), (2, 3, 1)]
        case 4: [(0, 1, 4), (1, 2, 2), (3, 4, 1)]
        case 7: [(0, 1, 7), (1, 2, 3), (2, 3, 2), (3, 4, 1), (4, 7, 1)]
        default: []
        }
    }
}

extension ProfileShape {
    /// All GPUs with seven compute slices.
    static let sevenSlices = [
        ProfileShape(kind: 0, id: 19, slices: 1, size: 1, starts: [0, 1, 2, 3, 4, 5, 6], count: 7),
        ProfileShape("+me", kind: 7, id: 20, slices: 1, size: 1, starts: [0, 1, 2, 3, 4, 5, 6], count: 1, since: 470),
        ProfileShape(kind: 9, id: 15, slices: 1, size: 2, starts: [0, 2, 4, 6], count: 4, since: 525),
        ProfileShape(kind: 1, id: 14, slices: 2, size: 2, starts: [0, 2, 4], count: 3),
        ProfileShape(kind: 2, id: 9, slices: 3, size: 4, starts: [0, 4], count: 2),
        ProfileShape(kind: 3, id: 5, slices: 4, size: 4, starts: [0], count: 1),
        ProfileShape(kind: 4, id: 0, slices: 7, size: 8, starts: [0], count: 1),
    ]

    static let a30 = [
        ProfileShape(kind: 0, id: 14, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 4),
        ProfileShape("+me", kind: 7, id: 21, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 1, since: 470),
        ProfileShape(kind: 1, id: 5, slices: 2, size: 2, starts: [0, 2], count: 2),
        ProfileShape("+me", kind: 8, id: 6, slices: 2, size: 2, starts: [0, 2], count: 1, since: 525),
        ProfileShape(kind: 3, id: 0, slices: 4, size: 4, starts: [0], count: 1),
    ]

    /// Placements are the A30's, which has four slices too: inferred.
    static let rtxPro6000 = [
        ProfileShape(kind: 0, id: 14, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 4),
        ProfileShape("+me", kind: 7, id: 21, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 1),
        ProfileShape("+gfx", kind: 10, id: 47, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 4),
        ProfileShape("+me.all", kind: 15, id: 65, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 1),
        ProfileShape("-me", kind: 13, id: 67, slices: 1, size: 1, starts: [0, 1, 2, 3], count: 4),
        ProfileShape(kind: 1, id: 5, slices: 2, size: 2, starts: [0, 2], count: 2),
        ProfileShape("+gfx", kind: 11, id: 35, slices: 2, size: 2, starts: [0, 2], count: 2),
        ProfileShape("+me.all", kind: 16, id: 64, slices: 2, size: 2, starts: [0, 2], count: 1),
        ProfileShape("-me", kind: 14, id: 66, slices: 2, size: 2, starts: [0, 2], count: 2),
        ProfileShape(kind: 3, id: 0, slices: 4, size: 4, starts: [0], count: 1),
        ProfileShape("+gfx", kind: 12, id: 32, slices: 4, size: 4, starts: [0], count: 1),
    ]

    /// No public table has an id; all else but names and counts is inferred from the RTX PRO 6000.
    static let rtxPro5000 = [
        ProfileShape(kind: 0, id: .unknown, slices: 1, size: 1, starts: [0, 1], count: 2),
        ProfileShape("+me", kind: 7, id: .unknown, slices: 1, size: 1, starts: [0, 1], count: 1),
        ProfileShape("+gfx", kind: 10, id: .unknown, slices: 1, size: 1, starts: [0, 1], count: 2),
        ProfileShape("+me.all", kind: 15, id: .unknown, slices: 1, size: 1, starts: [0, 1], count: 1),
        ProfileShape("-me", kind: 13, id: .unknown, slices: 1, size: 1, starts: [0, 1], count: 2),
        ProfileShape(kind: 1, id: .unknown, slices: 2, size: 2, starts: [0], count: 1),
        ProfileShape("+gfx", kind: 11, id: .unknown, slices: 2, size: 2, starts: [0], count: 1),
    ]
}

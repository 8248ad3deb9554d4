import MIG

/// What counts against each limit that names a caller.
struct LimitUse {
    /// Against every limit of scope `user`: what the caller uses himself.
    private var own = Amounts()
    /// Against each limit of scope `group`, by its position: what everyone whom it names uses together.
    private var pooled: [Amounts]

    init(_ policy: PolicySet, _ entries: [UseEntry], for user: UserID) {
        pooled = Array(repeating: Amounts(), count: policy.limits.count)
        var naming = policy.index.noLimits
        for entry in entries {
            if entry.user == user { own.add(slices: entry.slices, memoryMiB: entry.memoryMiB) }
            naming.removeAll()
            policy.index.insertLimits(naming: entry, into: &naming)
            naming.forEach { pooled[$0].add(slices: entry.slices, memoryMiB: entry.memoryMiB) }
        }
    }

    func amounts(_ scope: LimitScope, at position: Int) -> Amounts {
        switch scope {
        case .user: own
        case .group: pooled[position]
        }
    }
}

/// Sums of use that stop at the largest number instead of trapping: past it every limit is passed anyway.
struct Amounts: Hashable, Sendable {
    private(set) var instances = 0
    private(set) var slices = 0
    private(set) var memoryMiB = 0

    /// A negative amount counts as none: nothing that is used can make room.
    mutating func add(slices: SliceCount, memoryMiB: Int) {
        instances = Self.sum(instances, 1)
        self.slices = Self.sum(self.slices, max(0, slices.rawValue))
        self.memoryMiB = Self.sum(self.memoryMiB, max(0, memoryMiB))
    }

    subscript(dimension: Denial.Dimension) -> Int {
        switch dimension {
        case .instances: instances
        case .slices: slices
        case .memory: memoryMiB
        case .renewals: 0
        }
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? Int.max : sum
    }
}

import MIG

/// The second half of a decision: what the limits leave of an allowed query.
struct LimitStage {
    /// How long a lease may last where no limit says; and, no longer than that, how long it lasts where nobody says.
    static let longestLease = TimeSpan(seconds: 86_400)

    /// Those that hold for the query, by id.
    private(set) var holding: [Limit] = []
    private(set) var duration: TimeSpan?
    private(set) var denial: Denial?
    private var stopped: Set<String> = []
    private let query: Query

    init(_ policy: PolicySet, _ query: Query, _ naming: PrincipalIndex.Naming, _ use: [UseEntry]) {
        self.query = query
        guard query.action.creates || query.action.renews else { return }
        naming.limits.forEach { holding.append(policy.limits[$0]) }
        checkDuration()
        if query.action.renews { checkRenewals() }
        if query.action.creates { checkUse(use) }
    }

    /// Ids of all limits that stop the query, in byte order; `denial` tells of one of them.
    var stopping: [String] { holding.map(\.id).filter(stopped.contains) }

    var killsOnExpiry: Bool { holding.contains { $0.killsOnExpiry } }

    /// Of several limits the least holds, so none of them can be passed by way of another.
    private mutating func checkDuration() {
        let bounds = holding.compactMap { limit in limit.leaseMax.map { (id: limit.id, span: $0) } }
        let longest = bounds.map(\.span).min() ?? Self.longestLease
        guard let asked = query.duration else {
            let usual = holding.compactMap(\.leaseDefault).min() ?? Self.longestLease
            duration = min(usual, longest)
            return
        }
        guard asked > longest else {
            // A second is the least that ends at all.
            duration = max(asked, TimeSpan(seconds: 1))
            return
        }
        let passed = bounds.filter { $0.span < asked }.map(\.id)
        let least = bounds.first { $0.span == longest }?.id
        stop(passed, .leaseTooLong(limit: least, asked: asked, max: longest))
    }

    private mutating func checkRenewals() {
        for limit in holding {
            guard let max = limit.renewals, query.renewals >= max else { continue }
            stop(
                [limit.id],
                .quotaExceeded(
                    limit: limit.id, scope: limit.scope, dimension: .renewals, used: query.renewals, asked: 1, max: max)
            )
        }
    }

    private mutating func checkUse(_ use: [UseEntry]) {
        guard case .instances(let demands) = query.target else { return }
        let asked = demands.reduce(into: Amounts()) { $0.add(slices: $1.slices, memoryMiB: $1.memoryMiB) }
        for limit in holding where !limit.amounts.isEmpty {
            let used = limit.use(in: use, for: query.principal.user)
            for (dimension, max) in limit.amounts {
                let (sum, overflow) = used[dimension].addingReportingOverflow(asked[dimension])
                guard overflow || sum > max else { continue }
                stop(
                    [limit.id],
                    .quotaExceeded(
                        limit: limit.id, scope: limit.scope, dimension: dimension, used: used[dimension],
                        asked: asked[dimension], max: max))
            }
        }
    }

    private mutating func stop(_ ids: [String], _ reason: Denial.Reason) {
        stopped.formUnion(ids)
        if denial == nil { denial = Denial(action: query.action, profile: nil, reason: reason) }
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

extension Limit {
    /// What counts against the limit: one user's own use, or the use of everyone it names.
    func use(in entries: [UseEntry], for user: UserID) -> Amounts {
        entries.reduce(into: Amounts()) { amounts, entry in
            let counts =
                switch scope {
                case .user: entry.user == user
                case .group: who.names(entry)
                }
            if counts { amounts.add(slices: entry.slices, memoryMiB: entry.memoryMiB) }
        }
    }
}

extension Who {
    /// Whether a use is that of someone named here, by the groups that he had when it began.
    func names(_ entry: UseEntry) -> Bool {
        users.contains(entry.user) || groups.contains { entry.groups.contains($0) }
    }
}

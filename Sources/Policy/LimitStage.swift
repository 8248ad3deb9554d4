import MIG

/// The second half of a decision: what the limits leave of an allowed query.
struct LimitStage {
    /// How long a lease may last where no limit says; and, no longer than that, how long it lasts where nobody says.
    static let longestLease = TimeSpan(seconds: 86_400)

    private(set) var duration: TimeSpan?
    private(set) var denial: Denial?
    private(set) var killsOnExpiry = false
    private let limits: [Limit]
    private let query: Query
    /// Positions of those that hold for the query.
    private var holding: [Int] = []
    /// Positions of all that stop it.
    private var stopped: PositionSet

    init(_ policy: PolicySet, _ query: Query, _ naming: PrincipalIndex.Naming, _ use: [UseEntry]) {
        limits = policy.limits
        self.query = query
        stopped = policy.index.noLimits
        guard query.action.creates || query.action.renews else { return }
        naming.limits.forEach { holding.append($0) }
        killsOnExpiry = holding.contains { limits[$0].killsOnExpiry }
        checkDuration()
        if query.action.renews { checkRenewals() }
        if query.action.creates { checkUse(LimitUse(policy, use, for: query.principal.user)) }
    }

    /// Ids of those that hold for the query, in byte order.
    var holdingLimits: [String] { holding.map { limits[$0].id } }

    /// Ids of all limits that stop the query, in byte order; `denial` tells of one of them.
    var stoppingLimits: [String] {
        var ids: [String] = []
        stopped.forEach { ids.append(limits[$0].id) }
        return ids
    }

    /// Of several limits the least holds, so none of them can be passed by way of another.
    private mutating func checkDuration() {
        var longest: (position: Int?, span: TimeSpan) = (nil, Self.longestLease)
        for position in holding {
            guard let span = limits[position].leaseMax else { continue }
            if longest.position == nil || span < longest.span { longest = (position, span) }
        }
        guard let asked = query.duration else {
            let usual = holding.compactMap { limits[$0].leaseDefault }.min() ?? Self.longestLease
            duration = min(usual, longest.span)
            return
        }
        guard asked > longest.span else {
            // A second is the least that ends at all.
            duration = max(asked, TimeSpan(seconds: 1))
            return
        }
        for position in holding {
            if let span = limits[position].leaseMax, span < asked { stopped.insert(position) }
        }
        deny(.leaseTooLong(limit: longest.position.map { limits[$0].id }, asked: asked, max: longest.span))
    }

    private mutating func checkRenewals() {
        for position in holding {
            guard let max = limits[position].renewals, query.renewals >= max else { continue }
            exceed(position, .renewals, used: query.renewals, asked: 1, max: max)
        }
    }

    private mutating func checkUse(_ use: LimitUse) {
        guard case .instances(let demands) = query.target else { return }
        let asked = demands.reduce(into: Amounts()) { $0.add(slices: $1.slices, memoryMiB: $1.memoryMiB) }
        for position in holding {
            let used = use.amounts(limits[position].scope, at: position)
            for dimension in Limit.dimensionsOfUse {
                guard let max = limits[position][dimension] else { continue }
                let (sum, overflow) = used[dimension].addingReportingOverflow(asked[dimension])
                guard overflow || sum > max else { continue }
                exceed(position, dimension, used: used[dimension], asked: asked[dimension], max: max)
            }
        }
    }

    private mutating func exceed(_ position: Int, _ dimension: Denial.Dimension, used: Int, asked: Int, max: Int) {
        stopped.insert(position)
        let limit = limits[position]
        deny(
            .quotaExceeded(
                limit: limit.id, scope: limit.scope, dimension: dimension, used: used, asked: asked, max: max))
    }

    private mutating func deny(_ reason: Denial.Reason) {
        if denial == nil { denial = Denial(action: query.action, profile: nil, reason: reason) }
    }
}

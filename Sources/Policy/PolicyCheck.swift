package import MIG

/// What `migctl policy check` finds: every error that would keep a policy from loading, or else whatever in it
/// hardly means what it says.
package enum PolicyCheck {
    /// Checks files that were read already.
    ///
    /// - Returns: findings in the order of files and text; the policy loads if none is an error.
    package static func findings(
        in files: [PolicyFile], names: NameResolver = .system, bounds: Bounds = Bounds()
    ) -> [PolicyDiagnostic] {
        var reader = PolicyReader(files, names: names, bounds: bounds)
        reader.readAll()
        guard !reader.findings.hasErrors else { return reader.findings.errors(in: reader.source) }
        let policy = PolicySet(reader)
        policy.addNeverAllowing(to: &reader.findings)
        policy.addNeverReached(to: &reader.findings)
        policy.addUnlimited(to: &reader.findings)
        policy.addLimitsOnNobody(to: &reader.findings, names)
        return reader.findings.warnings(in: reader.source)
    }

    /// Checks the policy that the daemon reads, by its rule: a file that it would not trust is an error.
    package static func findings(
        installedAt source: PolicySource, names: NameResolver = .system, bounds: Bounds = Bounds()
    ) -> [PolicyDiagnostic] {
        do throws(PolicyErrors) {
            let files = try source.read(bounds: bounds)
            let unreadable = source.unreadable(among: files)
            return unreadable.isEmpty ? findings(in: files, names: names, bounds: bounds) : unreadable
        } catch {
            return error.diagnostics
        }
    }

    /// Checks a policy on disk, also a draft that the daemon would not trust yet; that is a warning then.
    package static func findings(
        in source: PolicySource, names: NameResolver = .system, bounds: Bounds = Bounds()
    ) -> [PolicyDiagnostic] {
        let draft = source.readDraft(bounds: bounds)
        // A file that is missing from the set would make all else look different from what it is.
        guard !draft.findings.contains(where: { $0.severity == .error }) else { return draft.findings }
        return draft.findings + findings(in: draft.files, names: names, bounds: bounds)
    }
}

extension PolicySet {
    /// Allows that some deny takes back for everyone whom they name.
    func addNeverAllowing(to findings: inout PolicyFindings) {
        for rule in allow {
            let candidates = index.denials(naming: rule.who)
            for action in rule.condition.actions.actions {
                let denial = candidates.first {
                    covers(deny[$0].condition, rule.condition, action) && deny[$0].who.includes(rule.who)
                }
                guard let position = denial else { continue }
                findings.add(.neverAllows(action, deniedBy: deny[position].id), at: rule.place)
            }
        }
    }

    /// Whether the deny matches whatever the allow does.
    private func covers(_ deny: Condition, _ allow: Condition, _ action: Action) -> Bool {
        deny.actions.contains(ActionSet(action)) && (deny.from == nil || deny.from == allow.from)
            && (deny.hours == nil || deny.hours == allow.hours)
            && coversGPUs(deny.gpus, allow.gpus) && coversProfiles(deny.profiles, allow.profiles)
    }

    private func coversGPUs(_ deny: Int?, _ allow: Int?) -> Bool {
        guard let deny else { return true }
        guard let allow else { return false }
        let lists = vocabulary.gpuLists.elements
        return lists[allow].allSatisfy(lists[deny].contains)
    }

    private func coversProfiles(_ deny: Int?, _ allow: Int?) -> Bool {
        guard let deny else { return true }
        guard let allow else { return false }
        let denied = vocabulary.filters.elements[deny]
        let allowed = vocabulary.filters.elements[allow]
        return allowed.maxSlices <= denied.maxSlices
            && allowed.names.allSatisfy {
                denied.matches($0, slices: Self.slices(of: vocabulary.profiles.elements[$0]))
            }
    }

    /// The `g` number that a profile's name begins with; `Int.max` where it is too long to be one.
    private static func slices(of profile: [UInt8]) -> Int {
        let digits = profile.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Decimal.value(of: String(decoding: digits, as: UTF8.self)) ?? Int.max
    }

    /// Limits that another one, at least as tight, always stops first.
    func addNeverReached(to findings: inout PolicyFindings) {
        for (position, limit) in limits.enumerated() {
            let tighter = index.limits(naming: limit.who).first { other in
                // Of two that say the same, the first in byte order of the ids stays.
                other != position && limits[other].stopsBefore(limit)
                    && (other < position || !limit.stopsBefore(limits[other]))
            }
            if let tighter { findings.add(.neverReached(by: limits[tighter].id), at: limit.place) }
        }
    }

    /// Users and groups that may make instances, with what no limit bounds of their use; each is told once.
    func addUnlimited(to findings: inout PolicyFindings) {
        var limited: [Named: Set<Denial.Dimension>] = [:]
        for limit in limits {
            for named in limit.who.all { limited[named, default: []].formUnion(limit.amounts.map(\.dimension)) }
        }
        var told: [[Denial.Dimension]: Set<Named>] = [:]
        for rule in allow where rule.condition.actions.actions.contains(where: \.creates) {
            // Root can use the driver without asking anyone, so a limit on him would only look like one.
            let groups = Dictionary(grouping: rule.who.all.filter { $0 != .user(.root) }) { named in
                Self.unbounded(by: limited[named] ?? [], isNarrow: rule.condition.profiles != nil)
            }
            for (dimensions, all) in groups where !dimensions.isEmpty {
                let new = all.filter { told[dimensions, default: []].insert($0).inserted }
                guard !new.isEmpty else { continue }
                findings.add(
                    .unlimited(dimensions.map(\.noun), of: new.map(\.description)), at: rule.place)
            }
        }
    }

    /// What is left open of someone's use by limits on some dimensions.
    ///
    /// Slices bound the rest, as every instance takes some and memory comes with them, and memory does likewise. A number
    /// of instances alone leaves each of them as large as a GPU, unless the rule allows certain profiles only.
    private static func unbounded(by limited: Set<Denial.Dimension>, isNarrow: Bool) -> [Denial.Dimension] {
        if limited.contains(.slices) || limited.contains(.memory) { return [] }
        guard limited.contains(.instances) else { return Limit.dimensionsOfUse }
        return isNarrow ? [] : [.slices, .memory]
    }

    /// Limits on users who may do nothing that a limit counts, as far as the user database tells their groups now.
    func addLimitsOnNobody(to findings: inout PolicyFindings, _ names: NameResolver) {
        let counted = allow.filter { rule in rule.condition.actions.actions.contains { $0.creates || $0.renews } }
        let users = Set(counted.flatMap(\.who.users))
        let groups = Set(counted.flatMap(\.who.groups))
        for limit in limits {
            let idle = limit.who.users.filter { user in
                guard !users.contains(user) else { return false }
                guard !groups.isEmpty else { return true }
                return switch names.groups(user) {
                case .found(let own): groups.isDisjoint(with: own)
                // A uid that the database does not know has no groups.
                case .unknown: true
                case .failed: false
                }
            }
            if !idle.isEmpty { findings.add(.limitsNobody(idle.map { Named.user($0).description }), at: limit.place) }
        }
    }
}

/// One of those whom a rule or a limit names.
private enum Named: Hashable, CustomStringConvertible {
    case user(UserID)
    case group(GroupID)

    var description: String {
        switch self {
        case .user(let user): "user \(user)"
        case .group(let group): "group \(group)"
        }
    }
}

extension Who {
    fileprivate var all: [Named] { users.map(Named.user) + groups.map(Named.group) }
}

extension Denial.Dimension {
    fileprivate var noun: String { self == .memory ? "memory" : rawValue }
}

extension Limit {
    /// Whether this limit is passed whenever the other is, by anyone whom the other names.
    fileprivate func stopsBefore(_ other: Limit) -> Bool {
        func isAsTight<Bound: Comparable>(_ mine: Bound?, _ theirs: Bound?) -> Bool {
            guard let theirs else { return true }
            return mine.map { $0 <= theirs } == true
        }
        // A user's own use is part of his group's, never the other way round.
        let countsAsMuch = scope == .group || other.scope == .user || other.amounts.isEmpty
        return countsAsMuch && isAsTight(instances, other.instances) && isAsTight(slices, other.slices)
            && isAsTight(memoryMiB, other.memoryMiB) && isAsTight(leaseMax, other.leaseMax)
            && isAsTight(leaseDefault, other.leaseDefault) && isAsTight(renewals, other.renewals)
            && (killsOnExpiry || !other.killsOnExpiry) && who.includes(other.who)
    }
}

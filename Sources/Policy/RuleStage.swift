import MIG

/// The first half of a decision: which GPUs the rules leave to each part of a query.
struct RuleStage {
    /// Sets of GPUs are masks of so many bits; the driver numbers 32 at most, and one past the last bit is never
    /// allowed.
    private static let mostGPUs = 64

    /// One part of the query that must be allowed: a demand, one named GPU, or the broker itself.
    private struct Part {
        let profile: String?
        let slices: Int
        /// The GPUs that come into question.
        let candidates: UInt64
    }

    /// What the rules say of one part.
    private struct Verdict {
        var denied: UInt64 = 0
        var allowed: UInt64 = 0
        /// Allowed by rules that need enforced isolation.
        var isolated: UInt64 = 0
        /// Allowed by rules whose hours these are not.
        var closed: UInt64 = 0
        var denying: PositionSet
        var allowing: PositionSet
        var isolating: PositionSet
        var closing: PositionSet
    }

    private let policy: PolicySet
    private let query: Query
    private let naming: PrincipalIndex.Naming
    private let action: ActionSet
    private let now: Timestamp?
    /// Of each of the policy's hours whether it is now, once it was asked for.
    private var areNow: [Bool?]
    private var gpus: [GPU] = []
    /// For each list of selectors the GPUs that it matches, once it was asked for.
    private var matches: [UInt64?]
    private var allowing: PositionSet
    private var narrowing: PositionSet
    /// The GPUs of each part that it may use, as far as parts were looked at.
    private var usable: [UInt64] = []
    /// Whether some allowed GPU is allowed only by rules that need enforced isolation.
    private(set) var requiresIsolation = false
    /// Why the rules deny the query, or nil where they allow it.
    private(set) var denial: Denial?

    init(_ policy: PolicySet, _ query: Query, _ naming: PrincipalIndex.Naming, _ now: Timestamp?) {
        self.policy = policy
        self.query = query
        self.naming = naming
        action = ActionSet(query.action)
        self.now = now
        areNow = Array(repeating: nil, count: policy.vocabulary.hours.elements.count)
        matches = Array(repeating: nil, count: policy.vocabulary.gpuLists.elements.count)
        allowing = PositionSet(count: policy.allow.count)
        narrowing = PositionSet(count: policy.deny.count)
        guard query.principal.isSomebody else {
            deny(nil, .noIdentity)
            return
        }
        let parts = makeParts()
        if parts.isEmpty { deny(nil, .noRule) }
        for part in parts where denial == nil { judge(part) }
    }

    /// Ids of the rules that allow, in byte order.
    var allowingRules: [String] { Self.ids(allowing, policy.allow) }
    /// Ids of the rules that took GPUs away, in byte order.
    var narrowingRules: [String] { Self.ids(narrowing, policy.deny) }

    /// The GPUs of each part, in the order in which its candidates were given.
    var allowedGPUs: [[GPUUUID]] {
        switch query.target {
        case .broker: []
        case .gpus(let gpus): gpus.map { [$0.uuid] }
        case .instances(let demands):
            zip(demands, usable).map { demand, mask in
                demand.candidates.map(\.uuid).filter { uuid in
                    gpus.firstIndex { $0.uuid == uuid }.map { mask & 1 << UInt64($0) != 0 } == true
                }
            }
        }
    }

    // MARK: Parts

    /// An action on something other than what it is about has no parts, and so is denied.
    private mutating func makeParts() -> [Part] {
        switch (query.action.subject, query.target) {
        case (.broker, .broker): return [Part(profile: nil, slices: 0, candidates: 1)]
        case (.broker, .gpus(let gpus)), (.gpu, .gpus(let gpus)):
            return gpus.map { Part(profile: nil, slices: 0, candidates: bit(of: $0)) }
        case (.broker, .instances(let demands)), (.instance, .instances(let demands)):
            return demands.map { demand in
                Part(
                    profile: demand.profile, slices: demand.slices.rawValue,
                    candidates: demand.candidates.reduce(0) { $0 | bit(of: $1) })
            }
        case (.gpu, _), (.instance, _): return []
        }
    }

    private mutating func bit(of gpu: GPU) -> UInt64 {
        if let known = gpus.firstIndex(where: { $0.uuid == gpu.uuid }) { return 1 << UInt64(known) }
        guard gpus.count < Self.mostGPUs else { return 0 }
        gpus.append(gpu)
        return 1 << UInt64(gpus.count - 1)
    }

    // MARK: Judgement

    private mutating func judge(_ part: Part) {
        let verdict = verdict(on: part)
        let isEnforced = query.isolation == .enforced
        let mask = isEnforced ? verdict.allowed | verdict.isolated : verdict.allowed
        guard mask != 0 else { return deny(part.profile, reason(for: verdict, of: part.candidates)) }
        usable.append(mask)
        narrowing.formUnion(verdict.denying)
        allowing.formUnion(verdict.allowing)
        if isEnforced {
            allowing.formUnion(verdict.isolating)
            if verdict.isolated & ~verdict.allowed != 0 { requiresIsolation = true }
        }
    }

    private func reason(for verdict: Verdict, of candidates: UInt64) -> Denial.Reason {
        if verdict.isolated != 0 { return .isolationRequired(rules: Self.ids(verdict.isolating, policy.allow)) }
        if verdict.closed != 0 { return .outsideHours(hours(of: verdict.closing), isClockTrusted: now != nil) }
        guard verdict.denied != 0 else { return .noRule }
        // Of denials on some GPUs alone, the caller is not to think that they take all.
        let taken = verdict.denied == candidates ? [] : gpus.indices.filter { verdict.denied & 1 << UInt64($0) != 0 }
        return .denied(rules: Self.ids(verdict.denying, policy.deny), gpus: taken.map { gpus[$0].index }.sorted())
    }

    private mutating func verdict(on part: Part) -> Verdict {
        var verdict = Verdict(
            denying: PositionSet(count: policy.deny.count), allowing: PositionSet(count: policy.allow.count),
            isolating: PositionSet(count: policy.allow.count), closing: PositionSet(count: policy.allow.count))
        let filters = policy.vocabulary.filters.elements
        let number = part.profile.flatMap { policy.vocabulary.profiles.known(Array($0.utf8)) }
        // Worked out when first asked for: few of the filters are in rules that name this caller.
        var filtered: [Bool?] = Array(repeating: nil, count: filters.count)
        func passes(_ filter: Int?) -> Bool {
            guard let filter, part.profile != nil else { return true }
            if let known = filtered[filter] { return known }
            let passes = filters[filter].matches(number, slices: part.slices)
            filtered[filter] = passes
            return passes
        }
        naming.deny.forEach { position in
            let condition = policy.deny[position].condition
            guard applies(condition, orUnknown: true), passes(condition.profiles),
                isNow(condition.hours, orUnknown: true)
            else { return }
            let hit = mask(of: condition.gpus) & part.candidates
            guard hit != 0 else { return }
            verdict.denied |= hit
            verdict.denying.insert(position)
        }
        naming.allow.forEach { position in
            let condition = policy.allow[position].condition
            guard applies(condition, orUnknown: false), passes(condition.profiles) else { return }
            let hit = mask(of: condition.gpus) & part.candidates & ~verdict.denied
            guard hit != 0 else { return }
            if !isNow(condition.hours, orUnknown: false) {
                verdict.closed |= hit
                verdict.closing.insert(position)
            } else if condition.requiresIsolation {
                verdict.isolated |= hit
                verdict.isolating.insert(position)
            } else {
                verdict.allowed |= hit
                verdict.allowing.insert(position)
            }
        }
        return verdict
    }

    private mutating func isNow(_ hours: Int?, orUnknown: Bool) -> Bool {
        guard let hours else { return true }
        guard let now else { return orUnknown }
        if let known = areNow[hours] { return known }
        let isNow = policy.vocabulary.hours.elements[hours].contain(now)
        areNow[hours] = isNow
        return isNow
    }

    private func hours(of positions: PositionSet) -> [RuleHours] {
        var all: [RuleHours] = []
        positions.forEach { position in
            guard let number = policy.allow[position].condition.hours else { return }
            let during = policy.vocabulary.hours.elements[number].text
            all.append(RuleHours(rule: policy.allow[position].id, during: during))
        }
        return all
    }

    private func applies(_ condition: Condition, orUnknown: Bool) -> Bool {
        condition.actions.contains(action) && condition.accepts(query.principal.origin, orUnknown: orUnknown)
    }

    /// All ones where the rule does not narrow, and where the query is about no GPU.
    private mutating func mask(of list: Int?) -> UInt64 {
        guard let list, !gpus.isEmpty else { return .max }
        if let known = matches[list] { return known }
        let selectors = policy.vocabulary.gpuLists.elements[list]
        var mask: UInt64 = 0
        for (bit, gpu) in gpus.enumerated() where selectors.contains(where: { $0.matches(gpu) }) {
            mask |= 1 << UInt64(bit)
        }
        matches[list] = mask
        return mask
    }

    private mutating func deny(_ profile: String?, _ reason: Denial.Reason) {
        denial = Denial(action: query.action, profile: profile, reason: reason)
    }

    private static func ids(_ positions: PositionSet, _ rules: [Rule]) -> [String] {
        var ids: [String] = []
        ids.reserveCapacity(positions.count)
        positions.forEach { ids.append(rules[$0].id) }
        return ids
    }
}

extension Condition {
    /// Whether a caller from there is meant; where that is not known, denials mean him and allows do not.
    func accepts(_ origin: Origin, orUnknown: Bool) -> Bool {
        from == nil || from == origin || orUnknown && origin == .unknown
    }
}

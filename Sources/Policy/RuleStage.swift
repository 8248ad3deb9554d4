import MIG

/// The first half of a decision: which GPUs the rules leave to each part of a query.
struct RuleStage {
    /// Sets of GPUs are masks of so many bits; a machine has at most 32 (`NVML` numbers them so), and one past the
    /// last bit is never allowed.
    private static let mostGPUs = 64

    /// One part of the query that must be allowed: a demand, one named GPU, or the broker itself.
    struct Part {
        let profile: String?
        let profileNumber: Int?
        let slices: Int
        /// The GPUs that come into question.
        let candidates: UInt64
        var denied: UInt64 = 0
        /// Allowed by a rule that asks for nothing more.
        var allowed: UInt64 = 0
        /// Allowed by a rule that needs enforced isolation, whether or not it is.
        var isolated: UInt64 = 0
    }

    private let policy: PolicySet
    private let query: Query
    private let naming: PrincipalIndex.Naming
    private var gpus: [GPU] = []
    /// For each selector the GPUs that it matches, once it was asked for.
    private var matches: [UInt64?]
    private(set) var parts: [Part] = []
    private(set) var allowing: [String] = []
    private(set) var narrowing: [String] = []

    init(_ policy: PolicySet, _ query: Query, _ naming: PrincipalIndex.Naming) {
        self.policy = policy
        self.query = query
        self.naming = naming
        matches = Array(repeating: nil, count: policy.vocabulary.selectors.count)
        makeParts()
        let action = ActionSet(query.action)
        applyDenials(action)
        applyAllowances(action)
    }

    /// An action on something other than what it is about has no parts, and so is denied.
    private mutating func makeParts() {
        switch (query.action.subject, query.target) {
        case (.broker, .broker):
            parts = [Part(profile: nil, profileNumber: nil, slices: 0, candidates: 1)]
        case (.broker, .gpus(let gpus)), (.gpu, .gpus(let gpus)):
            parts = gpus.map { Part(profile: nil, profileNumber: nil, slices: 0, candidates: bit(of: $0)) }
        case (.broker, .instances(let demands)), (.instance, .instances(let demands)):
            parts = demands.map { demand in
                Part(
                    profile: demand.profile, profileNumber: policy.vocabulary.number(ofProfile: demand.profile),
                    slices: demand.slices.rawValue, candidates: demand.candidates.reduce(0) { $0 | bit(of: $1) })
            }
        case (.gpu, _), (.instance, _): parts = []
        }
    }

    private mutating func bit(of gpu: GPU) -> UInt64 {
        if let known = gpus.firstIndex(where: { $0.uuid == gpu.uuid }) { return 1 << UInt64(known) }
        guard gpus.count < Self.mostGPUs else { return 0 }
        gpus.append(gpu)
        return 1 << UInt64(gpus.count - 1)
    }

    private mutating func applyDenials(_ action: ActionSet) {
        naming.deny.forEach { position in
            let rule = policy.deny[position]
            guard rule.actions.contains(action), comes(from: rule.from, orUnknown: true) else { return }
            let matched = gpuMask(of: rule)
            var isNamed = false
            for index in parts.indices {
                let hit = hit(rule, matched, index)
                parts[index].denied |= hit
                if hit != 0 { isNamed = true }
            }
            if isNamed { narrowing.append(rule.id) }
        }
    }

    private mutating func applyAllowances(_ action: ActionSet) {
        naming.allow.forEach { position in
            let rule = policy.allow[position]
            guard rule.actions.contains(action), comes(from: rule.from, orUnknown: false) else { return }
            let matched = gpuMask(of: rule)
            var isNamed = false
            for index in parts.indices {
                let hit = hit(rule, matched, index) & ~parts[index].denied
                if rule.requiresIsolation { parts[index].isolated |= hit } else { parts[index].allowed |= hit }
                if hit != 0 { isNamed = true }
            }
            if isNamed, !rule.requiresIsolation || query.isolation == .enforced { allowing.append(rule.id) }
        }
    }

    private func comes(from required: Origin?, orUnknown unknownMatches: Bool) -> Bool {
        guard let required else { return true }
        let origin = query.principal.origin
        return origin == required || unknownMatches && origin == .unknown
    }

    private func hit(_ rule: Rule, _ gpus: UInt64, _ index: Int) -> UInt64 {
        guard let filter = rule.profiles, parts[index].profile != nil else { return gpus & parts[index].candidates }
        let part = parts[index]
        return filter.matches(part.profileNumber, slices: part.slices) ? gpus & part.candidates : 0
    }

    /// All ones where the rule does not narrow, and where the query is about no GPU.
    private mutating func gpuMask(of rule: Rule) -> UInt64 {
        guard let selectors = rule.gpus, !gpus.isEmpty else { return .max }
        return selectors.reduce(0) { $0 | matched(by: $1) }
    }

    private mutating func matched(by selector: Int) -> UInt64 {
        if let known = matches[selector] { return known }
        var mask: UInt64 = 0
        for (bit, gpu) in gpus.enumerated() where policy.vocabulary.selectors[selector].matches(gpu) {
            mask |= 1 << UInt64(bit)
        }
        matches[selector] = mask
        return mask
    }

    // MARK: Outcome

    /// The GPUs that a part may use as isolation stands.
    private func usable(_ part: Part) -> UInt64 {
        (query.isolation == .enforced ? part.allowed | part.isolated : part.allowed) & ~part.denied
    }

    /// The GPUs of each part, in the order in which its candidates were given.
    var allowedGPUs: [[GPUUUID]] {
        switch query.target {
        case .broker: []
        case .gpus(let gpus): gpus.map { [$0.uuid] }
        case .instances(let demands):
            zip(demands, parts).map { demand, part in
                let usable = usable(part)
                return demand.candidates.map(\.uuid).filter { uuid in
                    guard let bit = gpus.firstIndex(where: { $0.uuid == uuid }) else { return false }
                    return usable & 1 << UInt64(bit) != 0
                }
            }
        }
    }

    /// Whether some allowed GPU is allowed only by rules that need enforced isolation.
    var requiresIsolation: Bool { parts.contains { usable($0) & ~$0.allowed != 0 } }

    /// Why the rules deny the query, or nil where they allow it.
    var denial: Denial? {
        guard query.principal.isSomebody else { return denial(nil, .noIdentity) }
        guard !parts.isEmpty else { return denial(nil, .noRule) }
        guard let failed = parts.firstIndex(where: { usable($0) == 0 }) else { return nil }
        let part = parts[failed]
        if part.isolated != 0 {
            let rules = ids(in: policy.allow, naming.allow, orUnknown: false) { stage, rule in
                rule.requiresIsolation && stage.hit(rule, stage.gpuMask(of: rule), failed) & ~part.denied != 0
            }
            return denial(part.profile, .isolationRequired(rules: rules))
        }
        guard part.denied != 0 else { return denial(part.profile, .noRule) }
        let rules = ids(in: policy.deny, naming.deny, orUnknown: true) { stage, rule in
            stage.hit(rule, stage.gpuMask(of: rule), failed) != 0
        }
        return denial(part.profile, .denied(rules: rules))
    }

    private func denial(_ profile: String?, _ reason: Denial.Reason) -> Denial {
        Denial(action: query.action, profile: profile, reason: reason)
    }

    /// The rules that bear on the part that failed; only a denial needs them apart.
    private func ids(
        in rules: [Rule], _ positions: PositionSet, orUnknown: Bool, _ bears: (inout RuleStage, Rule) -> Bool
    ) -> [String] {
        var stage = self
        var ids: [String] = []
        let action = ActionSet(query.action)
        positions.forEach { position in
            let rule = rules[position]
            guard rule.actions.contains(action), comes(from: rule.from, orUnknown: orUnknown) else { return }
            if bears(&stage, rule) { ids.append(rule.id) }
        }
        return ids
    }
}

import JSON
import MIG
import Policy
import Testing

/// A query and the use it meets, with their JSON for the reference.
struct RandomQuestion {
    let query: Query
    let use: [UseEntry]
    /// Nil is a clock that was set back.
    let now: Timestamp?

    init(_ random: inout SplitMix64, gpus: [GPU]) throws {
        let principal = Self.principal(&random)
        let actions: [Action] = [
            .request, .request, .request, .request, .createGPUInstance, .renewOwn, .releaseAny, .createComputeInstance,
            .setMode, .readOwn, .readAudit, .actAs,
        ]
        let action = random.pick(actions)
        query = Query(
            principal: principal, action: action, target: try Self.target(action, gpus, &random),
            duration: random.chance(40) ? TimeSpan(seconds: Int.random(in: 1...50, using: &random) * 3600) : nil,
            renewals: Int.random(in: 0...4, using: &random), isolation: random.chance(50) ? .enforced : .advisory)
        // Often near the hours in which clocks are set.
        let base: Int64 = random.pick([1_774_746_000, 1_793_494_800, 1_772_956_800, 1_791_043_200, 1_800_000_000])
        let spread: Int64 = random.chance(50) ? 7200 : 800_000
        now =
            random.chance(97)
            ? Timestamp(secondsSinceEpoch: base + Int64.random(in: -spread...spread, using: &random)) : nil
        use = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            UseEntry(
                user: UserID(random.pick(RandomPolicy.users)),
                groups: random.some(RandomPolicy.groups, most: 3).map(GroupID.init),
                slices: SliceCount(Int.random(in: 1...4, using: &random)),
                memoryMiB: 1024 * Int.random(in: 5...20, using: &random))
        }
    }

    private static func principal(_ random: inout SplitMix64) -> Principal {
        let groups = random.chance(90) ? random.some(RandomPolicy.groups, most: 4) : []
        return caller(
            random.chance(2) ? 65534 : random.pick(RandomPolicy.users),
            peer: groups.filter { _ in random.chance(90) }, database: groups.filter { _ in random.chance(90) },
            isKnown: random.chance(95), from: random.pick([.host, .host, .host, .container, .unknown]))
    }

    private static func target(_ action: Action, _ gpus: [GPU], _ random: inout SplitMix64) throws -> Target {
        switch action {
        case .readOwn, .readAudit, .actAs: return random.chance(80) ? .broker : .gpus(random.some(gpus, most: 2))
        case .setMode: return random.chance(95) ? .gpus(random.some(gpus, most: 3)) : .broker
        default:
            let demands = try (0..<(random.chance(98) ? Int.random(in: 1...3, using: &random) : 0)).map { _ in
                try demand(random.pick(RandomPolicy.profiles), random.some(gpus, most: gpus.count))
            }
            return .instances(demands)
        }
    }

    var json: JSONValue { query.json(use: use, now: now) }
}

extension Query {
    /// The question as the reference reads it.
    func json(use: [UseEntry], now: Timestamp?) -> JSONValue {
        [
            "user": .integer(principal.user.rawValue), "known": .bool(principal.name != nil),
            "peer": .array(principal.peerGroups.sorted().map { .integer($0.rawValue) }),
            "database": .array(principal.databaseGroups.sorted().map { .integer($0.rawValue) }),
            "from": .string(principal.origin.rawValue), "action": .string(action.rawValue),
            "target": targetJSON, "duration": duration.map { .integer($0.seconds) } ?? .null,
            "now": now.map { .integer($0.secondsSinceEpoch) } ?? .null,
            "renewals": .integer(renewals), "isolation": .string(isolation.rawValue),
            "use": .array(
                use.map { entry in
                    .array([
                        .integer(entry.user.rawValue), .array(entry.groups.map { .integer($0.rawValue) }),
                        .integer(entry.slices.rawValue), .integer(entry.memoryMiB),
                    ])
                }),
        ]
    }

    private var targetJSON: JSONValue {
        switch target {
        case .broker: .null
        case .gpus(let gpus): ["gpus": .array(gpus.map { .integer($0.index) })]
        case .instances(let demands):
            [
                "demands": .array(
                    demands.map { demand in
                        .array([
                            .string(demand.profile), .integer(demand.slices.rawValue), .integer(demand.memoryMiB),
                            .array(demand.candidates.map { .integer($0.index) }),
                        ])
                    })
            ]
        }
    }
}

extension Decision {
    /// The line that the reference writes for the same decision.
    func line(_ gpus: [GPU]) -> String {
        func list(_ words: [some CustomStringConvertible]) -> String {
            "[\(words.map(\.description).joined(separator: ","))]"
        }
        switch outcome {
        case .denied(let denial):
            return
                "denied \(denial.reason.line) \(denial.profile ?? "-") \(list(rules)) \(list(limits)) \(list(groups))"
        case .allowed(let terms):
            let chosen = terms.gpus.map { row in
                list(row.compactMap { uuid in gpus.first { $0.uuid == uuid }?.index })
            }
            return """
                allowed \(list(chosen)) \(terms.duration.map { String($0.seconds) } ?? "None") \
                \(terms.requiresIsolation ? "yes" : "no") \(terms.killsOnExpiry ? "yes" : "no") \
                \(list(rules)) \(list(narrowedBy)) \(list(limits)) \(list(groups))
                """
        }
    }
}

extension Denial.Reason {
    fileprivate var line: String {
        switch self {
        case .noIdentity: "noIdentity"
        case .denied: "denied"
        case .noRule: "noRule"
        case .isolationRequired: "isolationRequired"
        case .outsideHours: "outsideHours"
        case .leaseTooLong(let limit, let asked, let max):
            "leaseTooLong:\(limit ?? "-"):\(asked.seconds):\(max.seconds)"
        case .quotaExceeded(let limit, let scope, let dimension, let used, let asked, let max):
            "quota:\(limit):\(scope.rawValue):\(dimension.rawValue):\(used):\(asked):\(max)"
        }
    }
}

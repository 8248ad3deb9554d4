import JSON
import Linux
import MIG
import Policy

/// How long the policy takes to decide and to load, by the functions that the broker calls.
enum Decisions {
    private static let groups = 200
    private static let rounds = 20
    private static let each = 50

    static func measure(_ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        var rows: [Table.Row] = []
        for (rules, aim) in [(1000, 50_000), (10_000, 500_000)] as [(Int, Int64)] {
            let policy = try load(rules)
            let query = query()
            let use = (0..<56).map { index in
                UseEntry(
                    user: UserID(UInt32(2000 + index)), groups: [GroupID(UInt32(3000 + index))], slices: SliceCount(1),
                    memoryMiB: 9728)
            }
            let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
            guard policy.decide(query, use: use, now: now).isAllowed else { throw .unexpected("the policy denies") }
            let times = try stopwatch.time(
                rounds: rounds, each: each, [.init { _ = policy.decide(query, use: use, now: now) }])
            rows.append(
                Table.Row("decision, \(rules) rules, a user in \(groups) groups", times[0], aim: .atMost(aim)))
        }
        let file = file(10_000)
        let loads = try stopwatch.time(
            rounds: 3, [.init { () throws(BenchmarkError) in _ = try load(file) }])
        rows.append(Table.Row("load of 10000 rules", loads[0], aim: .atMost(1_000_000_000)))
        return Table.Section(title: "The policy", rows: rows)
    }

    private static func load(_ rules: Int) throws(BenchmarkError) -> PolicySet { try load(file(rules)) }

    private static func load(_ file: PolicyFile) throws(BenchmarkError) -> PolicySet {
        do throws(PolicyErrors) {
            return try PolicySet.load([file])
        } catch {
            throw .unexpected("the policy does not load: \(error)")
        }
    }

    /// Half of the rules name a group that the user is in: each of those is looked at, and most allow a profile or a GPU
    /// that is not asked for. One in fifty has hours.
    private static func file(_ rules: Int) -> PolicyFile {
        func rule(_ number: Int) -> String {
            let group = 3000 + number % (2 * groups)
            let hours = number % 50 == 0 ? #","during":"Mon-Fri 08:00-20:00 UTC""# : ""
            return """
                {"id":"r\(number)","who":{"groups":[\(group)]},"actions":["request","renew.own"],\
                "gpus":["\(number % 8)","model:NVIDIA H100*"],"profiles":["\(number % 7 + 1)g.10gb","max-slices:1"]\(hours)}
                """
        }
        let allow = (0..<rules * 8 / 10).map(rule).joined(separator: ",\n")
        let deny = (rules * 8 / 10..<rules * 9 / 10).map { number in
            """
            {"id":"d\(number)","who":{"groups":[\(3000 + number % (2 * groups))]},"actions":["request"],\
            "gpus":["\(number % 4)"],"profiles":["7g.80gb"]}
            """
        }.joined(separator: ",\n")
        let limits = (rules * 9 / 10..<rules).map { number in
            """
            {"id":"l\(number)","who":{"groups":[\(3000 + number % (2 * groups))]},"scope":"\(number % 2 == 0 ? "user" : "group")",\
            "slices":\(100 + number % 7),"leaseMax":"8h"}
            """
        }.joined(separator: ",\n")
        let text = "{\"version\":1,\"allow\":[\(allow)],\"deny\":[\(deny)],\"limits\":[\(limits)]}"
        return PolicyFile(path: "policy.json", bytes: Array(text.utf8))
    }

    private static func query() -> Query {
        let own = Set((0..<groups).map { GroupID(UInt32(3000 + $0)) })
        let principal = Principal(
            user: UserID(2000), name: "somebody", primaryGroup: GroupID(3000), peerGroups: own, databaseGroups: own,
            origin: .host)
        let gpus = (0..<8).compactMap { index -> GPU? in
            guard let uuid = GPUUUID("GPU-00000000-0000-4000-8000-00000000000\(index)") else { return nil }
            return GPU(
                index: index, uuid: uuid, pci: PCIAddress(domain: 0, bus: UInt8(7 + index), device: 0), minor: index,
                name: "NVIDIA A100-SXM4-80GB", memoryMiB: 81_920,
                mode: MIGMode(isEnabled: true, isPendingEnabled: true))
        }
        let demand = Demand(profile: "1g.10gb", slices: SliceCount(1), memoryMiB: 9728, candidates: gpus)
        return Query(principal: principal, action: .request, target: .instances([demand]))
    }
}

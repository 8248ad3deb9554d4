import MIG
import Planner
import Testing

/// The planner against a search that knows no shortcut, on states that are drawn at random from a fixed seed.
@Suite struct JointSearchTests {
    @Test(arguments: [Board.a100, Board.mirrored(Board.a100), Board.a30], [1, 2, 3] as [UInt64])
    func `no solution is better, and none is missed`(board: [GPUInstanceProfile], seed: UInt64) throws {
        var random = Xorshift(state: seed)
        for _ in 0..<60 {
            let bench = try Self.worn(board, gpus: 2, using: &random)
            let names = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                board.randomElement(using: &random)?.name ?? ""
            }
            let best = Self.leastIncrease(of: names[...], on: bench)
            do {
                let plan = try Planner.plan(members: bench.members(names), on: bench.states)
                var after = bench
                for entry in plan.entries {
                    try #require(after.isFree(entry.index, entry.placement))
                    try after.occupy(entry.index, entry.profile.name, at: entry.placement.start)
                }
                #expect(plan.entries.map(\.profile.name) == names)
                #expect(after.potential - bench.potential == best)
            } catch let refusal as NoRoom {
                #expect(best == nil, "\(names): \(refusal)")
            }
        }
    }

    @Test func `slots fill up one request at a time and never overlap`() throws {
        var random = Xorshift(state: 7)
        for _ in 0..<20 {
            var bench = try Bench(Board.a100, gpus: 3)
            var refused = 0
            while refused < 10 {
                let name = Board.a100.randomElement(using: &random)?.name ?? ""
                guard let plan = try? Planner.plan(members: bench.members([name]), on: bench.states) else {
                    refused += 1  // A refusal is what the loop waits for.
                    continue
                }
                let entry = plan.entries[0]
                try #require(bench.isFree(entry.index, entry.placement))
                try bench.occupy(entry.index, name, at: entry.placement.start)
            }
            for state in bench.states {
                let slices = state.occupants.reduce(0) { sum, occupant in
                    sum + (Board.a100.first { $0.id == occupant.profile }?.slices.rawValue ?? 0)
                }
                #expect(slices <= 7)
            }
        }
    }

    /// Requests whose naive search tree has more leaves than there is time: 16 members of as many kinds as there are.
    @Test(.timeLimit(.minutes(5)), arguments: [8, 16])
    func `the largest requests end, whole or refused`(gpus: Int) throws {
        let bench = try Bench(Board.a100, gpus: gpus)
        let kinds = ["1g.5gb", "1g.5gb+me", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb"]
        #expect(try bench.plan((0..<16).map { kinds[$0 % 6] }).count == 16)
        #expect(try bench.plan(Array(repeating: "1g.5gb", count: 16)).count == 16)

        // Every member allowed on GPUs of its own choice: sixteen kinds of the same profile.
        let members = bench.members(Array(repeating: "1g.5gb", count: 16)).enumerated().map { position, candidates in
            candidates.enumerated().filter { ($0.offset + position) % gpus != 0 || position >= gpus }.map(\.element)
        }
        #expect(try Planner.plan(members: members, on: bench.states).entries.count == 16)

        var full = bench
        for gpu in 0..<gpus { try full.occupy(gpu, "3g.20gb", at: 4) }
        for gpu in 0..<gpus { try full.occupy(gpu, "2g.10gb", at: gpu % 2 == 0 ? 0 : 2) }
        let asked =
            Array(repeating: "2g.10gb", count: min(16, gpus)) + Array(repeating: "1g.10gb", count: 16 - min(16, gpus))
        #expect(try full.plan(Array(asked.prefix(gpus))).count == gpus)
        #expect(throws: NoRoom.self) { try full.plan(Array(asked.prefix(gpus - 1)) + ["3g.20gb"]) }
    }

    @Test func `a solution is found though the search for the best is too long`() throws {
        // Sixteen kinds that each fit on one GPU of eight only, two to a GPU, so that a greedy choice fails.
        let bench = try Bench(Board.a100, gpus: 8)
        var members = bench.members((0..<16).map { $0 % 2 == 0 ? "4g.20gb" : "3g.20gb" })
        for position in members.indices {
            let allowed = Set([position / 2, (position / 2 + 1) % 8])
            members[position] = members[position].filter { candidate in
                bench.states.contains { allowed.contains($0.index) && $0.uuid == candidate.gpu }
            }
        }
        let plan = try Planner.plan(members: members, on: bench.states)
        #expect(Set(plan.entries.map { "\($0.index)/\($0.placement)" }).count == 16)
    }

    /// GPUs on which instances were made at random.
    private static func worn(
        _ board: [GPUInstanceProfile], gpus: Int, using random: inout Xorshift
    ) throws -> Bench {
        var bench = try Bench(board, gpus: gpus)
        for gpu in 0..<gpus {
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                guard let (name, placement) = bench.choices(on: gpu).randomElement(using: &random) else { continue }
                try bench.occupy(gpu, name, at: placement.start)
            }
        }
        return bench
    }

    private static func leastIncrease(of names: ArraySlice<String>, on bench: Bench) -> Int? {
        guard let name = names.first else { return 0 }
        var least: Int?
        for gpu in bench.states.indices {
            for (_, placement) in bench.choices(on: gpu).filter({ $0.name == name }) {
                var next = bench
                guard (try? next.occupy(gpu, name, at: placement.start)) != nil,  // A choice is always legal.
                    let rest = leastIncrease(of: names.dropFirst(), on: next)
                else { continue }
                let total = next.potential - bench.potential + rest
                least = least.map { min($0, total) } ?? total
            }
        }
        return least
    }
}

extension Bench {
    /// The sum over all GPUs.
    fileprivate var potential: Int {
        states.reduce(0) { $0 + $1.geometry.potential(of: $1.mask) }
    }

    fileprivate func isFree(_ gpu: Int, _ placement: Placement) -> Bool {
        states[gpu].mask & placement.mask == 0
    }

    /// What could be made on a GPU, by the rules as `facts/nvml.md` section 4 has them.
    fileprivate func choices(on gpu: Int) -> [(name: String, placement: Placement)] {
        let state = states[gpu]
        let there = state.occupants.compactMap { occupant in
            state.geometry.profiles.first { $0.id == occupant.profile }
        }
        return state.geometry.profiles.flatMap { profile -> [(name: String, placement: Placement)] in
            guard there.count(where: { $0.id == profile.id }) < profile.instanceCount,
                there.reduce(profile.engines.ofa, { $0 + $1.engines.ofa }) <= 1
            else { return [] }
            return profile.placements.filter { isFree(gpu, $0) }.map { (profile.name, $0) }
        }
    }
}

extension GPUState {
    fileprivate var mask: UInt64 { occupants.reduce(0) { $0 | $1.placement.mask } }
}

/// Numbers that look random and are the same in every run.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

import MIG

/// Distributes the members of one request over the GPUs: the least total score, or the first that is whole.
///
/// It goes from GPU to GPU, not from member to member: what is left to place is then only a number for each kind, and
/// each pair of a GPU and such numbers is worked out once. Sixteen equal members on any number of GPUs are seventeen
/// states a GPU.
struct JointSearch {
    /// How a search ends.
    enum Outcome {
        /// One packing a GPU, in the order of the GPUs.
        case solution([Packing])
        case impossible
        /// The request has too many different kinds to go through all ways.
        case undecided
    }

    private let packings: [[Packing]]
    /// For each GPU, how many of each kind it and those after it could hold at the very most.
    private let room: [KindCounts]
    private let strides: [Int]
    private let stateCount: Int
    private let isExhaustive: Bool
    private var memo: [Int: Memo] = [:]
    private var steps = 0

    private enum Memo {
        case impossible
        case best(packing: Int, score: Int)
    }

    /// Steps up to which the best of all solutions is looked for.
    ///
    /// Beyond it, which takes a request of very many different kinds, the first whole solution is taken.
    private static let exhaustiveSteps = 8_000_000
    /// Steps after which no further solution is looked for: tenths of a second.
    private static let mostSteps = 50_000_000

    static func solve(kinds: [MemberKind], states: [GPUState]) -> Outcome {
        var search = JointSearch(kinds: kinds, packings: Packer.packings(of: kinds, on: states))
        let all = KindCounts(kinds)
        if search.score(from: 0, left: all) != nil { return .solution(search.solution(for: all)) }
        return search.steps < mostSteps ? .impossible : .undecided
    }

    private init(kinds: [MemberKind], packings: [[Packing]]) {
        var strides: [Int] = []
        var stateCount = 1
        for kind in kinds {
            strides.append(stateCount)
            stateCount *= kind.members.count + 1
        }
        var room = [KindCounts.zero]
        for packings in packings.reversed() {
            let most = packings.reduce(KindCounts.zero) { pointwiseMax($0, $1.counts) }
            room.append(Self.sum(room[room.count - 1], most))
        }
        self.packings = packings
        self.room = room.reversed()
        self.strides = strides
        self.stateCount = stateCount
        isExhaustive = packings.reduce(0) { $0 + $1.count } * stateCount <= Self.exhaustiveSteps
    }

    /// The least score of placing what is left on a GPU and those after it; nil where it does not fit.
    private mutating func score(from gpu: Int, left: KindCounts) -> Int? {
        if left == .zero { return 0 }
        guard all(left .<= room[gpu]) else { return nil }
        let key = key(gpu, left)
        switch memo[key] {
        case .best(_, let score): return score
        case .impossible: return nil
        case nil: break
        }
        var best: (packing: Int, score: Int)?
        steps += packings[gpu].count
        for (index, packing) in packings[gpu].enumerated() where all(packing.counts .<= left) {
            guard steps < Self.mostSteps else { break }
            guard let rest = score(from: gpu + 1, left: left &- packing.counts) else { continue }
            let total = rest + packing.score
            if let known = best, known.score <= total { continue }
            best = (index, total)
            if !isExhaustive { break }
        }
        memo[key] = best.map { .best(packing: $0.packing, score: $0.score) } ?? .impossible
        return best?.score
    }

    /// Reads the way that `score` found.
    private func solution(for all: KindCounts) -> [Packing] {
        var left = all
        var solution: [Packing] = []
        for gpu in packings.indices where left != .zero {
            let key = key(gpu, left)
            guard case .best(let index, _) = memo[key] else { break }
            solution.append(packings[gpu][index])
            left &-= packings[gpu][index].counts
        }
        return solution
    }

    private func key(_ gpu: Int, _ left: KindCounts) -> Int {
        strides.indices.reduce(gpu * stateCount) { $0 + strides[$1] * Int(left[$1]) }
    }

    /// Sums that stay within a lane: more than a request can have is as good as what it can.
    private static func sum(_ a: KindCounts, _ b: KindCounts) -> KindCounts {
        let most = KindCounts(repeating: UInt8(Planner.mostMembers))
        return pointwiseMin(a, most) &+ pointwiseMin(b, most)
    }
}

extension KindCounts {
    /// All the members of these kinds.
    fileprivate init(_ kinds: [MemberKind]) {
        self = .zero
        for (lane, kind) in kinds.enumerated() { self[lane] = UInt8(kind.members.count) }
    }
}

import MIG
import Planner
import Testing

/// Lists of profiles as drivers report them, cut down to what planning needs.
enum Board {
    /// An A100 40GB; `id: (name, slices, memory slices, count, starts, decoders, JPEG and OFA)`.
    static let a100 = [
        profile(19, "1g.5gb", 1, size: 1, count: 7, starts: [0, 1, 2, 3, 4, 5, 6]),
        profile(20, "1g.5gb+me", 1, size: 1, count: 1, starts: [0, 1, 2, 3, 4, 5, 6], decoders: 1, media: 1),
        profile(15, "1g.10gb", 1, size: 2, count: 4, starts: [0, 2, 4, 6], decoders: 1),
        profile(14, "2g.10gb", 2, size: 2, count: 3, starts: [0, 2, 4], decoders: 1),
        profile(9, "3g.20gb", 3, size: 4, count: 2, starts: [0, 4], decoders: 2),
        profile(5, "4g.20gb", 4, size: 4, count: 1, starts: [0], decoders: 2),
        profile(0, "7g.40gb", 7, size: 8, count: 1, starts: [0], decoders: 5, media: 1),
    ]

    static let a30 = [
        profile(14, "1g.6gb", 1, size: 1, count: 4, starts: [0, 1, 2, 3]),
        profile(21, "1g.6gb+me", 1, size: 1, count: 1, starts: [0, 1, 2, 3], decoders: 1, media: 1),
        profile(5, "2g.12gb", 2, size: 2, count: 2, starts: [0, 2], decoders: 2),
        profile(6, "2g.12gb+me", 2, size: 2, count: 1, starts: [0, 2], decoders: 2, media: 1),
        profile(0, "4g.24gb", 4, size: 4, count: 1, starts: [0], decoders: 4, media: 1),
    ]

    /// The same board with its dead slice at the other end.
    static func mirrored(_ board: [GPUInstanceProfile]) -> [GPUInstanceProfile] {
        let slices = board.flatMap(\.placements).map { $0.start + $0.size }.max() ?? 0
        return board.map { profile in
            profile.with(
                placements: profile.placements.map { Placement(start: slices - $0.start - $0.size, size: $0.size) })
        }
    }

    static func profile(
        _ id: UInt32, _ name: String, _ slices: Int, size: Int, count: Int, starts: [Int], decoders: Int = 0,
        media: Int = 0
    ) -> GPUInstanceProfile {
        GPUInstanceProfile(
            name: name, kind: GPUInstanceProfileKind(id), id: GPUInstanceProfileID(id), slices: SliceCount(slices),
            memoryMiB: size * 4864, multiprocessors: slices * 14, instanceCount: count,
            engines: Engines(copy: slices, decoder: decoders, encoder: 0, jpeg: media, ofa: media),
            placements: starts.map { Placement(start: $0, size: size) })
    }

    static func uuid(_ index: Int) throws -> GPUUUID {
        let digits = String(index, radix: 16)
        let text = "GPU-00000000-0000-0000-0000-" + String(repeating: "0", count: 12 - digits.count) + digits
        return try #require(GPUUUID(text))
    }
}

extension GPUInstanceProfile {
    func with(placements: [Placement]) -> GPUInstanceProfile {
        GPUInstanceProfile(
            name: name, kind: kind, id: id, slices: slices, memoryMiB: memoryMiB, multiprocessors: multiprocessors,
            instanceCount: instanceCount, engines: engines, placements: placements)
    }
}

/// Some GPUs of one board, and requests made of them as a user writes them.
struct Bench {
    var states: [GPUState]

    init(_ board: [GPUInstanceProfile], gpus: Int = 1) throws {
        let geometry = Geometry(profiles: board)
        states = try (0..<gpus).map {
            GPUState(index: $0, uuid: try Board.uuid($0), geometry: geometry, occupants: [])
        }
    }

    /// Members by profile name, each on any GPU that has the profile; `name@start` fixes the start.
    func members(_ names: [String]) -> [[Candidate]] {
        names.map { name in
            let parts = name.split(separator: "@").map(String.init)
            return states.flatMap { state in
                state.geometry.profiles.filter { $0.name == parts[0] }.map {
                    Candidate(gpu: state.uuid, profile: $0.id, start: parts.count > 1 ? Int(parts[1]) : nil)
                }
            }
        }
    }

    /// Where each member goes, as `gpu/name@start`.
    func plan(_ names: [String]) throws(NoRoom) -> [String] {
        try Planner.plan(members: members(names), on: states).entries.map {
            "\($0.index)/\($0.profile.name)@\($0.placement.start)"
        }
    }

    /// Takes a place as if an instance had been made there.
    mutating func occupy(_ gpu: Int, _ name: String, at start: Int) throws {
        let state = states[gpu]
        let profile = try #require(state.geometry.profiles.first { $0.name == name })
        let placement = try #require(profile.placements.first { $0.start == start })
        states[gpu] = state.with(
            occupants: state.occupants + [Occupant(profile: profile.id, placement: placement)],
            avoided: state.avoided)
    }

    mutating func avoid(_ gpu: Int, _ placements: [Placement]) {
        states[gpu] = states[gpu].with(occupants: states[gpu].occupants, avoided: placements)
    }
}

extension GPUState {
    func with(occupants: [Occupant], avoided: [Placement]) -> GPUState {
        GPUState(index: index, uuid: uuid, geometry: geometry, occupants: occupants, avoided: avoided)
    }
}

/// Every order in which a list can be written.
func orders(of names: [String]) -> [[String]] {
    guard let first = names.first else { return [[]] }
    return Array(
        Set(
            orders(of: Array(names.dropFirst())).flatMap { rest in
                (0...rest.count).map { Array(rest[..<$0]) + [first] + Array(rest[$0...]) }
            }))
}

package import MIG

/// What a request asks for: profiles by name or id, or the smallest that serves a need.
package struct Wish: Sendable {
    package enum Kind: Sendable {
        case profiles([ProfileSelector])
        /// So many instances, each with at least this much; nil is no demand.
        case smallest(memoryMiB: Int?, multiprocessors: Int?, count: Int)
    }

    package let kind: Kind
    package let gpus: GPUSelector
    package let duration: TimeSpan?
    package let name: String?
    package let isDryRun: Bool
    /// Makes a repeated call the same call.
    package let key: String?

    package init(
        kind: Kind, gpus: GPUSelector = .all, duration: TimeSpan? = nil, name: String? = nil, isDryRun: Bool = false,
        key: String? = nil
    ) {
        self.kind = kind
        self.gpus = gpus
        self.duration = duration
        self.name = name
        self.isDryRun = isDryRun
        self.key = key
    }
}

extension Wish {
    /// What is asked for, but not what it shall be called.
    var words: String {
        let what =
            switch kind {
            case .profiles(let selectors): selectors.map(\.description).joined(separator: " ")
            case .smallest(let memoryMiB, let multiprocessors, let count):
                "\(count) with \(memoryMiB ?? 0) MiB and \(multiprocessors ?? 0) SMs"
            }
        return "\(what) on \(gpus) for \(duration.map(\.description) ?? "the usual time")"
    }
}

/// A wish held against what the machine has: for each instance its profile's name and the GPUs that offer it.
struct ResolvedWish {
    struct Member {
        let profile: String
        let slices: SliceCount
        /// The most that any candidate's profile of that name has.
        let memoryMiB: Int
        let candidates: [(gpu: GPU, profile: GPUInstanceProfileID)]
    }

    let members: [Member]

    /// - Throws: `notFound`, `ambiguousProfile`, `migDisabled`, `pendingReset` or `badRequest`.
    init(_ wish: Wish, _ inventory: Inventory) throws(Refusal) {
        let named = inventory.entries.filter { wish.gpus.matches($0.gpu) }
        guard !named.isEmpty else { throw .notFound(.gpu, wish.gpus.description) }
        let usable = named.filter { $0.gpu.mode?.isEnabled == true }
        guard !usable.isEmpty else {
            if let pending = named.first(where: { $0.gpu.mode?.isPendingEnabled == true }) {
                throw .pendingReset(pending.gpu)
            }
            throw .migDisabled(named.map(\.gpu))
        }
        switch wish.kind {
        case .profiles(let selectors):
            var members: [Member] = []
            for selector in selectors { members.append(try Self.member(selector, usable)) }
            self.members = members
        case .smallest(let memoryMiB, let multiprocessors, let count):
            let member = try Self.smallest(memoryMiB: memoryMiB, multiprocessors: multiprocessors, usable)
            members = Array(repeating: member, count: count)
        }
    }

    private static func member(
        _ selector: ProfileSelector, _ entries: [Inventory.Entry]
    ) throws(Refusal) -> Member {
        let names = Set(
            entries.flatMap { entry in entry.profiles.filter { selector.matches($0) }.map { Array($0.name.utf8) } })
        guard let name = names.first else { throw .notFound(.profile, selector.description) }
        guard names.count == 1 else {
            throw .ambiguousProfile(
                selector.description,
                candidates: names.map { String(decoding: $0, as: UTF8.self) }.sorted {
                    $0.utf8.lexicographicallyPrecedes($1.utf8)
                })
        }
        return member(String(decoding: name, as: UTF8.self), entries)
    }

    /// Fewest slices first, then least memory: what serves and takes least from others.
    private static func smallest(
        memoryMiB: Int?, multiprocessors: Int?, _ entries: [Inventory.Entry]
    ) throws(Refusal) -> Member {
        let fitting = entries.flatMap(\.profiles).filter { profile in
            // Who asks for 20 GiB means the slice called 20gb, of which the driver keeps a little for itself.
            max(profile.memoryMiB, ProfileName.nominalMemoryMiB(of: profile.name) ?? 0) >= memoryMiB ?? 0
                && profile.multiprocessors >= multiprocessors ?? 0
                // A profile with an extra (+me, +gfx) is given to those who ask for it by name.
                && !profile.name.utf8.contains(UInt8(ascii: "+"))
        }
        let best = fitting.min { a, b in
            (a.placements.first?.size ?? 0, a.slices.rawValue, a.memoryMiB)
                < (b.placements.first?.size ?? 0, b.slices.rawValue, b.memoryMiB)
        }
        guard let best else {
            let needs = [memoryMiB.map { "\($0) MiB" }, multiprocessors.map { "\($0) SMs" }].compactMap { $0 }
            throw .notFound(.profile, "with \(needs.joined(separator: " and "))")
        }
        return member(best.name, entries)
    }

    private static func member(_ name: String, _ entries: [Inventory.Entry]) -> Member {
        let offers = entries.flatMap { entry in
            entry.profiles.filter { $0.name.utf8.elementsEqual(name.utf8) }.map { (entry.gpu, $0) }
        }
        return Member(
            profile: name, slices: offers.map(\.1.slices).max() ?? SliceCount(0),
            memoryMiB: offers.map(\.1.memoryMiB).max() ?? 0, candidates: offers.map { ($0.0, $0.1.id) })
    }
}

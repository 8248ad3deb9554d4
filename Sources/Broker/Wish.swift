package import MIG
import Policy

/// What a request asks for: profiles by name or id, or the smallest that serves a need.
package struct Wish: Sendable {
    package enum Kind: Sendable {
        case profiles([ProfileSelector])
        /// So many instances, each with at least this much; nil is no demand.
        case smallest(memoryMiB: Int?, multiprocessors: Int?, count: Int)
        /// These on every GPU that is meant, as `nvidia-smi mig -cgi` makes them, with a compute instance that takes
        /// all of it or with none.
        case onEach([PlacedProfileSelector], withCompute: Bool)
    }

    package let kind: Kind
    /// A GPU is meant that any of these matches; none at all means all, or for `onEach` all that the caller may use so.
    package let gpus: [GPUSelector]
    package let duration: TimeSpan?
    package let name: String?
    package let isDryRun: Bool
    /// Makes a repeated call the same call.
    package let key: String?
    /// The plan that was shown; any other is refused.
    package let plan: PlanID?

    package init(
        kind: Kind, gpus: [GPUSelector] = [], duration: TimeSpan? = nil, name: String? = nil, isDryRun: Bool = false,
        key: String? = nil, plan: PlanID? = nil
    ) {
        self.kind = kind
        self.gpus = gpus
        self.duration = duration
        self.name = name
        self.isDryRun = isDryRun
        self.key = key
        self.plan = plan
    }
}

extension Wish {
    /// What the policy is asked for.
    var action: Action { if case .onEach = kind { .createGPUInstance } else { .request } }

    var withCompute: Bool { if case .onEach(_, let withCompute) = kind { withCompute } else { true } }

    /// The same on other GPUs.
    func on(_ gpus: [GPUSelector]) -> Wish {
        Wish(kind: kind, gpus: gpus, duration: duration, name: name, isDryRun: isDryRun, key: key, plan: plan)
    }

    func means(_ gpu: GPU) -> Bool { gpus.isEmpty || gpus.contains { $0.matches(gpu) } }

    var gpuWords: String { gpus.isEmpty ? "all" : gpus.map(\.description).joined(separator: " ") }

    /// What is asked for, but not what it shall be called.
    var words: String {
        let what =
            switch kind {
            case .profiles(let selectors): selectors.map(\.description).joined(separator: " ")
            case .smallest(let memoryMiB, let multiprocessors, let count):
                "\(count) with \(memoryMiB ?? 0) MiB and \(multiprocessors ?? 0) SMs"
            case .onEach(let selectors, let withCompute):
                "\(selectors.map(\.description).joined(separator: " ")) \(withCompute ? "with" : "without") compute"
            }
        return "\(what) on \(gpuWords) for \(duration.map(\.description) ?? "the usual time")"
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
        /// Where it is to lie, in memory slices; nil where any place will do.
        var start: Int?
    }

    let members: [Member]

    /// - Throws: `notFound`, `ambiguousProfile`, `migDisabled`, `migUnsupported`, `pendingReset` or `badRequest`.
    init(_ wish: Wish, _ inventory: Inventory) throws(Refusal) {
        let usable = try Self.usable(wish, inventory)
        switch wish.kind {
        case .onEach(let selectors, _):
            var members: [Member] = []
            for entry in usable {
                for selector in selectors {
                    var member = try Self.member(selector.profile, [entry])
                    member.start = selector.start
                    members.append(member)
                }
            }
            self.members = members
        case .profiles(let selectors):
            var members: [Member] = []
            for selector in selectors { members.append(try Self.member(selector, usable)) }
            self.members = members
        case .smallest(let memoryMiB, let multiprocessors, let count):
            let member = try Self.smallest(memoryMiB: memoryMiB, multiprocessors: multiprocessors, usable)
            members = Array(repeating: member, count: count)
        }
    }

    /// The GPUs that are meant and can be cut: one of them is enough where the broker chooses, each must be where the
    /// caller does.
    private static func usable(_ wish: Wish, _ inventory: Inventory) throws(Refusal) -> [Inventory.Entry] {
        for selector in wish.gpus where !inventory.entries.contains(where: { selector.matches($0.gpu) }) {
            throw .notFound(.gpu, selector.description)
        }
        let named = inventory.entries.filter { wish.means($0.gpu) }
        guard !named.isEmpty else { throw .notFound(.gpu, wish.gpuWords) }
        let usable = named.filter { $0.gpu.mode?.isEnabled == true }
        let needsEach = if case .onEach = wish.kind { !wish.gpus.isEmpty } else { false }
        guard usable.isEmpty || needsEach && usable.count < named.count else { return usable }
        let others = named.filter { $0.gpu.mode?.isEnabled != true }
        // No mode change helps these: where each GPU is wanted one is in the way, else they are only where no other is.
        let incapable = others.filter { $0.gpu.mode == nil }
        guard incapable.isEmpty || !needsEach && incapable.count < others.count else {
            throw .migUnsupported(incapable.map(\.gpu))
        }
        if let pending = others.first(where: { $0.gpu.mode?.isPendingEnabled == true }) {
            throw .pendingReset(pending.gpu)
        }
        throw .migDisabled(others.map(\.gpu).filter { $0.mode != nil })
    }

    private static func member(
        _ selector: ProfileSelector, _ entries: [Inventory.Entry]
    ) throws(Refusal) -> Member {
        let names = Set(
            entries.flatMap { entry in entry.profiles.filter { selector.matches($0) }.map { Array($0.name.utf8) } })
        guard let name = names.first else { throw .notFound(.profile, selector.description) }
        guard names.count == 1 else {
            throw .ambiguous(
                .profile, selector.description,
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

import MIG
import Testing

@testable import Broker

@Suite("A wish, held against the machine")
struct WishTests {
    private static func profile(
        _ id: UInt32, _ name: String, _ slices: Int, size: Int, memoryMiB: Int? = nil
    ) -> GPUInstanceProfile {
        GPUInstanceProfile(
            name: name, kind: GPUInstanceProfileKind(id), id: GPUInstanceProfileID(id), slices: SliceCount(slices),
            memoryMiB: memoryMiB ?? size * 4864, multiprocessors: slices * 14, instanceCount: 1,
            engines: Engines(copy: 1, decoder: 0, encoder: 0, jpeg: 0, ofa: 0),
            placements: [Placement(start: 0, size: size)])
    }

    private static let a100 = [
        profile(19, "1g.5gb", 1, size: 1), profile(20, "1g.5gb+me", 1, size: 1), profile(15, "1g.10gb", 1, size: 2),
        profile(14, "2g.10gb", 2, size: 2), profile(9, "3g.20gb", 3, size: 4), profile(0, "7g.40gb", 7, size: 8),
    ]
    private static let a30 = [profile(14, "1g.6gb", 1, size: 1, memoryMiB: 5952), profile(0, "4g.24gb", 4, size: 4)]

    private static func entry(
        _ index: Int, _ profiles: [GPUInstanceProfile],
        mode: MIGMode? = MIGMode(isEnabled: true, isPendingEnabled: true)
    ) throws -> Inventory.Entry {
        let uuid = try #require(GPUUUID("GPU-00000000-0000-0000-0000-00000000000\(index)"))
        let gpu = GPU(
            index: index, uuid: uuid, pci: PCIAddress(domain: 0, bus: UInt8(index), device: 0), minor: index,
            name: "A100", memoryMiB: 40960, mode: mode)
        return Inventory.Entry(gpu: gpu, profiles: profiles, instances: [])
    }

    private static func mixed() throws -> Inventory {
        Inventory(entries: [try entry(0, a100), try entry(1, a30)])
    }

    private static func wish(_ profiles: String..., on gpu: String = "all") throws -> Wish {
        Wish(
            kind: .profiles(try profiles.map { try #require(ProfileSelector($0)) }),
            gpus: gpu == "all" ? [] : [try #require(GPUSelector(gpu))])
    }

    @Test func `is served by every GPU that offers the profile, in the order asked for`() throws {
        let inventory = Inventory(entries: [try Self.entry(0, Self.a100), try Self.entry(1, Self.a100)])
        let members = try ResolvedWish(try Self.wish("3g.20gb", "1g.5gb"), inventory).members
        #expect(members.map(\.profile) == ["3g.20gb", "1g.5gb"])
        #expect(members.map { $0.candidates.map(\.gpu.index) } == [[0, 1], [0, 1]])
        let one = try ResolvedWish(try Self.wish("1g.5gb", on: "1"), inventory).members
        #expect(one.first?.candidates.map(\.gpu.index) == [1])
    }

    /// The smallest profile of both boards for a need, or nil where there is none.
    static let needs: [(memoryMiB: Int?, multiprocessors: Int?, profile: String?)] = [
        (1, nil, "1g.5gb"), (4864, nil, "1g.5gb"), (5120, nil, "1g.5gb"), (5121, nil, "1g.6gb"), (6144, nil, "1g.6gb"),
        (6145, nil, "1g.10gb"), (10240, nil, "1g.10gb"), (10240, 28, "2g.10gb"), (nil, 14, "1g.5gb"),
        (nil, 15, "2g.10gb"), (nil, 98, "7g.40gb"), (40960, nil, "7g.40gb"), (40961, nil, nil), (nil, 99, nil),
        (1 << 40, 1 << 40, nil),
    ]

    @Test(arguments: needs.indices) func `by need is served by the smallest that serves`(_ index: Int) throws {
        let need = Self.needs[index]
        let wish = Wish(kind: .smallest(memoryMiB: need.memoryMiB, multiprocessors: need.multiprocessors, count: 2))
        guard let profile = need.profile else {
            #expect(throws: Refusal.self) { try ResolvedWish(wish, try Self.mixed()) }
            return
        }
        #expect(try ResolvedWish(wish, try Self.mixed()).members.map(\.profile) == [profile, profile])
    }

    @Test func `by an id that means two profiles is ambiguous, but not where one GPU is named`() throws {
        let refusal = try Self.refusal(try Self.wish("14"), try Self.mixed())
        guard case .ambiguous(.profile, "14", let candidates)? = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(candidates == ["1g.6gb", "2g.10gb"])
        #expect(try ResolvedWish(try Self.wish("14", on: "1"), try Self.mixed()).members.map(\.profile) == ["1g.6gb"])
    }

    @Test(arguments: ["1g.5gb+gfx", "1g.05gb", "9g.99gb", "77"]) func `for a profile that nobody has is not found`(
        _ profile: String
    ) throws {
        #expect(try Self.refusal(try Self.wish("1g.5gb", profile), try Self.mixed())?.word == "NotFound")
    }

    @Test(arguments: ["2", "GPU-00000000-0000-0000-0000-0000000000ff"]) func `for a GPU that is not there is not found`(
        _ gpu: String
    ) throws {
        #expect(try Self.refusal(try Self.wish("1g.5gb", on: gpu), try Self.mixed())?.word == "NotFound")
        #expect(try Self.refusal(try Self.wish("1g.5gb"), Inventory(entries: []))?.word == "NotFound")
    }

    /// MIG off now or after the next reset, or no MIG at all.
    static let modes: [(mode: MIGMode?, word: String)] = [
        (MIGMode(isEnabled: false, isPendingEnabled: false), "MIGDisabled"),
        (MIGMode(isEnabled: false, isPendingEnabled: true), "PendingReset"), (nil, "MIGUnsupported"),
    ]

    @Test(arguments: modes.indices) func `names what is wrong with the mode, unless another GPU serves`(
        _ index: Int
    ) throws {
        let off = try Self.entry(0, [], mode: Self.modes[index].mode)
        let wish = try Self.wish("1g.5gb")
        #expect(try Self.refusal(wish, Inventory(entries: [off]))?.word == Self.modes[index].word)
        let both = Inventory(entries: [off, try Self.entry(1, Self.a100)])
        #expect(try ResolvedWish(wish, both).members.first?.candidates.map(\.gpu.index) == [1])
    }

    @Test func `has other words when anything else is asked for, but not under another name`() throws {
        let wishes = [
            try Self.wish("1g.5gb"), try Self.wish("1g.5gb", "1g.5gb"), try Self.wish("2g.10gb"),
            try Self.wish("1g.5gb", on: "0"), Wish(kind: .smallest(memoryMiB: 1, multiprocessors: nil, count: 1)),
            Wish(kind: .smallest(memoryMiB: nil, multiprocessors: 1, count: 1)),
            Wish(kind: .smallest(memoryMiB: 1, multiprocessors: nil, count: 2)),
            Wish(kind: try Self.wish("1g.5gb").kind, duration: TimeSpan(seconds: 60)),
        ]
        #expect(Set(wishes.map { Array($0.words.utf8) }).count == wishes.count)
        #expect(Wish(kind: wishes[0].kind, name: "mine").words == wishes[0].words)
    }

    private static func refusal(_ wish: Wish, _ inventory: Inventory) throws -> Refusal? {
        do throws(Refusal) {
            _ = try ResolvedWish(wish, inventory)
            return nil
        } catch {
            return error
        }
    }
}

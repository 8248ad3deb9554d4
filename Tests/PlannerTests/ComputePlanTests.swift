import MIG
import Testing

@testable import Planner

@Suite("Compute instances, placed in a GPU instance")
struct ComputePlanTests {
    private static let gpu = {
        guard let uuid = GPUUUID("GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77") else { preconditionFailure("well-formed") }
        return uuid
    }()

    /// A profile as the driver offers it in a GPU instance of so many slices: at every multiple of its size, as real
    /// drivers have it for halves and quarters, or anywhere for a single slice.
    private static func profile(_ id: UInt32, _ slices: Int, of all: Int, starts: [Int]? = nil)
        -> ComputeInstanceProfile
    {
        let starts = starts ?? Array(stride(from: 0, through: all - slices, by: slices))
        return ComputeInstanceProfile(
            name: slices == all ? "\(all)g" : "\(slices)c.\(all)g", kind: ComputeInstanceProfileKind(id),
            id: ComputeInstanceProfileID(id), slices: SliceCount(slices), multiprocessors: slices * 14,
            instanceCount: starts.count, placements: starts.map { Placement(start: $0, size: slices) })
    }

    private static let four = [profile(0, 1, of: 4), profile(1, 2, of: 4), profile(3, 4, of: 4)]

    private static func room(_ profiles: [ComputeInstanceProfile], _ taken: [(UInt32, Placement)] = []) -> ComputeRoom {
        ComputeRoom(
            gpu: gpu, gi: GPUInstanceID(1), profiles: profiles,
            occupants: taken.enumerated().map { index, one in
                ComputeInstance(
                    id: ComputeInstanceID(UInt32(index)), profile: ComputeInstanceProfileID(one.0), placement: one.1,
                    uuid: nil)
            })
    }

    private static func placements(
        _ room: ComputeRoom, _ members: [ComputeMember]
    ) throws(NoComputeRoom) -> [String] {
        let plan = try Planner.plan([(room: room, members: members)])
        return plan.entries.map(\.placement.description)
    }

    @Test func `every order of the same members gets the same places`() throws {
        let one = ComputeMember(profile: Self.four[0])
        let two = ComputeMember(profile: Self.four[1])
        #expect(try Self.placements(Self.room(Self.four), [two, one, one]) == ["0:2", "2:1", "3:1"])
        #expect(try Self.placements(Self.room(Self.four), [one, two, one]) == ["2:1", "0:2", "3:1"])
        #expect(try Self.placements(Self.room(Self.four), [one, one, two]) == ["2:1", "3:1", "0:2"])
    }

    @Test func `a small one leaves room for a large one, also beside what is there`() throws {
        let one = ComputeMember(profile: Self.four[0])
        let beside = Self.room(Self.four, [(0, Placement(start: 2, size: 1))])
        #expect(try Self.placements(beside, [one]) == ["3:1"])
        #expect(beside.free(Self.four[1]) == 1)
    }

    @Test func `a start that is named is kept, or refused`() throws {
        let at1 = ComputeMember(profile: Self.four[0], start: 1)
        #expect(try Self.placements(Self.room(Self.four), [at1]) == ["1:1"])
        for start in [4, 7, 63] {
            let refusal = #expect(throws: NoComputeRoom.self) {
                try Self.placements(Self.room(Self.four), [ComputeMember(profile: Self.four[0], start: start)])
            }
            #expect(refusal?.fitsWhenEmpty == false)
        }
        // A 2c starts at 0 or 2 only.
        #expect(throws: NoComputeRoom.self) {
            try Self.placements(Self.room(Self.four), [ComputeMember(profile: Self.four[1], start: 1)])
        }
    }

    @Test func `what does not fit is refused whole, and it is told whether it ever would`() {
        let whole = ComputeMember(profile: Self.four[2])
        let taken = Self.room(Self.four, [(0, Placement(start: 0, size: 1))])
        let refusal = #expect(throws: NoComputeRoom.self) { try Self.placements(taken, [whole]) }
        #expect(refusal?.fitsWhenEmpty == true)
        let never = #expect(throws: NoComputeRoom.self) { try Self.placements(Self.room(Self.four), [whole, whole]) }
        #expect(never?.fitsWhenEmpty == false)
    }

    @Test func `no more of a profile are placed than the driver allows`() {
        let scarce = ComputeInstanceProfile(
            name: "1c.4g", kind: ComputeInstanceProfileKind(0), id: ComputeInstanceProfileID(0), slices: SliceCount(1),
            multiprocessors: 14, instanceCount: 2, placements: (0..<4).map { Placement(start: $0, size: 1) })
        let member = ComputeMember(profile: scarce)
        #expect(throws: NoComputeRoom.self) {
            try Self.placements(Self.room([scarce]), [member, member, member])
        }
        #expect(Self.room([scarce], [(0, Placement(start: 0, size: 1))]).free(scarce) == 1)
    }

    @Test func `an occupant that lies nowhere fills the whole instance`() {
        let mad = Self.room(Self.four, [(0, Placement(start: 70, size: 1))])
        #expect(Self.four.map { mad.free($0) } == [0, 0, 0])
    }

    @Test func `as many are free as can be made one after another`() throws {
        var taken: [(UInt32, Placement)] = []
        while true {
            let room = Self.room(Self.four, taken)
            #expect(room.free(Self.four[0]) == 4 - taken.count)
            guard taken.count < 4 else { break }
            let plan = try Planner.plan([(room: room, members: [ComputeMember(profile: Self.four[0])])])
            taken.append((0, try #require(plan.entries.first?.placement)))
        }
    }
}

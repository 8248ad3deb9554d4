import MIG
import Planner
import Testing

@Suite struct GeometryTests {
    /// `facts/nvml.md` 4.5, read from left to right.
    static let layouts = [
        "7", "4,3", "4,2,1", "4,1,1,1", "3,3", "3,2,1", "3,1,1,1", "2,2,3", "2,1,1,3", "1,1,2,3", "1,1,1,1,3",
        "2,2,2,1", "2,2,1,1,1", "2,1,1,2,1", "2,1,1,1,1,1", "1,1,2,2,1", "1,1,2,1,1,1", "1,1,1,1,2,1", "1,1,1,1,1,1,1",
    ]
    static let names = ["1": "1g.5gb", "2": "2g.10gb", "3": "3g.20gb", "4": "4g.20gb", "7": "7g.40gb"]

    @Test(arguments: layouts, [false, true])
    func `every documented layout is placed in one request and one by one`(layout: String, mirrored: Bool) throws {
        let members = try layout.split(separator: ",").map { try #require(Self.names[String($0)]) }
        var bench = try Bench(mirrored ? Board.mirrored(Board.a100) : Board.a100)
        #expect(try bench.plan(members).count == members.count)

        var start = 0
        for name in members {
            let profile = try #require(bench.states[0].geometry.profiles.first { $0.name == name })
            let size = profile.placements[0].size
            let place = mirrored ? 8 - start - size : start
            #expect(try bench.plan(["\(name)@\(place)"]) == ["0/\(name)@\(place)"])
            try bench.occupy(0, name, at: place)
            start += size
        }
    }

    @Test func `a mirrored board gets the mirrored places`() throws {
        let plain = try Bench(Board.a100)
        let mirrored = try Bench(Board.mirrored(Board.a100))
        for (name, size) in [("1g.5gb", 1), ("3g.20gb", 4), ("2g.10gb", 2)] {
            let places = Set(
                try [plain, mirrored].map { bench in
                    bench.states[0].geometry.potential(of: try mask(of: bench.plan([name])[0], size: size))
                })
            #expect(places.count == 1, "\(name) costs the same on both boards")
        }
        #expect(try mirrored.plan(["1g.5gb"]) == ["0/1g.5gb@1"])
        #expect(try mirrored.plan(["3g.20gb", "4g.20gb"]) == ["0/3g.20gb@0", "0/4g.20gb@4"])
    }

    @Test func `the potential counts free slices that a profile cannot reach`() {
        let geometry = Geometry(profiles: Board.a100)
        // Slice 7 serves neither 1g nor 2g; slices 4 to 7 not the 4g.
        #expect(geometry.potential(of: 0) == 1 + 2 + 4)
        #expect(geometry.potential(of: 0xFF) == 0)
        // One slice taken at 0: no 7g (7 slices), no 4g (7), no lower 3g (3), no 2g at 0 and none at 6 (3), no 1g.10gb
        // at 0 (1), no 1g at 7 (1).
        #expect(geometry.potential(of: 0b1) == 7 + 7 + 3 + 3 + 1 + 1)
    }

    @Test func `the potential is the same with a table and without`() {
        let wide = Geometry(profiles: Board.a100 + [Board.profile(77, "16g.80gb", 16, size: 16, count: 1, starts: [0])])
        let narrow = Geometry(profiles: Board.a100)
        #expect(wide.sliceCount == 16)
        for mask in UInt64(0)..<256 {
            // Past slice 7 eight free slices serve none of the six shapes, and the widest profile none at all once
            // anything is taken.
            let more = 6 * 8 + (mask == 0 ? 0 : 16 - mask.nonzeroBitCount)
            #expect(wide.potential(of: mask) == narrow.potential(of: mask) + more)
        }
    }

    @Test func `equal lists of profiles share one geometry`() {
        var cache = GeometryCache()
        let first = cache.geometry(for: Board.a100)
        let second = cache.geometry(for: Board.a100)
        let other = cache.geometry(for: Board.a30)
        #expect(first.profiles == second.profiles && other.profiles == Board.a30)
        #expect(first.sliceCount == 8 && other.sliceCount == 4)
    }

    @Test func `senseless facts from a driver make no room and no trap`() throws {
        let odd = [
            Board.profile(1, "1g.5gb", 1, size: 1, count: 7, starts: [0, 1, -1, 63, 64, 500, Int.max]),
            Board.profile(2, "2g.10gb", 2, size: 0, count: 3, starts: [0]),
            Board.profile(3, "3g.20gb", 3, size: 65, count: 3, starts: [0]),
            Board.profile(4, "4g.20gb", 4, size: 4, count: -1, starts: [0]),
            Board.profile(1, "7g.40gb", 7, size: 64, count: 1, starts: [0]),
        ]
        let bench = try Bench(odd)
        #expect(bench.states[0].geometry.sliceCount == 64)
        #expect(try bench.plan(["1g.5gb"]).count == 1)
        for name in ["2g.10gb", "3g.20gb", "4g.20gb", "1g.5gb@-1", "1g.5gb@64"] {
            #expect(throws: NoRoom.self, "\(name)") { try bench.plan([name]) }
        }
        #expect(throws: NoRoom.self) { try Bench([]).plan(["1g.5gb"]) }
    }

    @Test func `an occupant in an impossible place closes its GPU`() throws {
        var bench = try Bench(Board.a100, gpus: 2)
        bench.states[0] = bench.states[0].with(
            occupants: [Occupant(profile: GPUInstanceProfileID(99), placement: Placement(start: 90, size: 1))],
            avoided: [])
        #expect(try bench.plan(["1g.5gb"])[0].hasPrefix("1/"))
        #expect(SlotMap(of: bench.states[0]).fits.isEmpty)
    }

    private func mask(of place: String, size: Int) throws -> UInt64 {
        let start = try #require(place.split(separator: "@").last.flatMap { Int($0) })
        return Placement(start: start, size: size).mask
    }
}

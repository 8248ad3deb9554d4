import MIG
import Planner
import Testing

@Suite struct PlannerTests {
    @Test(arguments: orders(of: ["1g.5gb", "1g.5gb", "2g.10gb", "3g.20gb"]))
    func `one request is placed whole in whatever order it is written`(names: [String]) throws {
        let places = try Bench(Board.a100).plan(names)
        #expect(places.map { $0.split(separator: "@")[0] } == names.map { "0/\($0)" })
    }

    @Test func `the written order does not change what is chosen`() throws {
        let bench = try Bench(Board.a100, gpus: 3)
        let names = ["1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "1g.10gb"]
        let chosen = Set(try orders(of: names).map { try bench.plan($0).sorted() })
        #expect(chosen.count == 1)
    }

    @Test func `equal members take rising places in the order asked`() throws {
        let places = try Bench(Board.a100).plan(Array(repeating: "1g.5gb", count: 7))
        #expect(places == (0..<7).map { "0/1g.5gb@\($0)" })
    }

    @Test func `a single slice goes where it takes least from the others`() throws {
        var bench = try Bench(Board.a100, gpus: 2)
        #expect(try bench.plan(["1g.5gb"]) == ["0/1g.5gb@6"])
        try bench.occupy(1, "1g.5gb", at: 6)
        #expect(try bench.plan(["1g.5gb"])[0].hasPrefix("1/"))
        #expect(try bench.plan(["3g.20gb"]) == ["1/3g.20gb@0"])
    }

    @Test func `among equal GPUs the lower index is taken whatever the order of the list`() throws {
        var bench = try Bench(Board.a100, gpus: 4)
        bench.states.reverse()
        #expect(try bench.plan(["7g.40gb"]) == ["0/7g.40gb@0"])
    }

    @Test(arguments: [("1g.5gb@3", 3), ("1g.5gb@0", 0), ("2g.10gb@2", 2), ("3g.20gb@0", 0), ("1g.10gb@4", 4)])
    func `a start that was asked for is honoured`(name: String, start: Int) throws {
        #expect(try Bench(Board.a100).plan([name]) == ["0/\(name)"])
        #expect(name.hasSuffix("@\(start)"))
    }

    @Test(arguments: [
        "1g.5gb@7", "1g.5gb@8", "2g.10gb@1", "2g.10gb@6", "3g.20gb@2", "4g.20gb@4", "7g.40gb@1", "1g.5gb@64",
    ])
    func `a start that the driver does not list is refused`(name: String) throws {
        let refusal = try #require(throws: NoRoom.self) { try Bench(Board.a100).plan([name]) }
        #expect(refusal.reason == .neverFits)
    }

    @Test func `a start that is taken is refused though others are free`() throws {
        var bench = try Bench(Board.a100)
        try bench.occupy(0, "1g.5gb", at: 2)
        let refusal = try #require(throws: NoRoom.self) { try bench.plan(["2g.10gb@2"]) }
        #expect(refusal.reason == .occupied)
        #expect(try bench.plan(["2g.10gb"]) == ["0/2g.10gb@0"])
    }

    @Test func `members at fixed starts leave room for each other`() throws {
        let places = try Bench(Board.a100).plan(["1g.5gb", "3g.20gb@0", "1g.5gb@4", "1g.10gb"])
        #expect(places[1...2] == ["0/3g.20gb@0", "0/1g.5gb@4"])
        #expect(throws: NoRoom.self) { try Bench(Board.a100).plan(["3g.20gb@0", "1g.5gb@2"]) }
    }

    @Test func `media extensions are given once a GPU`() throws {
        var bench = try Bench(Board.a100, gpus: 2)
        #expect(Set(try bench.plan(["1g.5gb+me", "1g.5gb+me"]).map { $0.first }) == ["0", "1"])
        try bench.occupy(0, "1g.5gb+me", at: 0)
        #expect(try bench.plan(["1g.5gb+me"])[0].hasPrefix("1/"))
        #expect(throws: NoRoom.self) { try bench.plan(["1g.5gb+me", "1g.5gb+me"]) }
    }

    @Test func `profiles that need the one media unit exclude each other`() throws {
        let bench = try Bench(Board.a30)
        #expect(try bench.plan(["1g.6gb+me", "2g.12gb"]).count == 2)
        let refusal = try #require(throws: NoRoom.self) { try bench.plan(["1g.6gb+me", "2g.12gb+me"]) }
        #expect(refusal.reason == .neverFits)
    }

    @Test func `compute slices run out before memory slices`() throws {
        let board = Board.a100 + [Board.profile(40, "5g.10gb", 5, size: 2, count: 4, starts: [0, 2, 4, 6])]
        let bench = try Bench(board)
        #expect(try bench.plan(["5g.10gb", "2g.10gb"]).count == 2)
        #expect(throws: NoRoom.self) { try bench.plan(["5g.10gb", "3g.20gb"]) }
    }

    @Test func `an avoided slot is left out while there is another`() throws {
        var bench = try Bench(Board.a100)
        let first = try bench.plan(["3g.20gb"])
        bench.avoid(0, [Placement(start: 4, size: 4)])
        let second = try bench.plan(["3g.20gb"])
        #expect(first == ["0/3g.20gb@4"] && second == ["0/3g.20gb@0"])
    }

    @Test func `a request that only avoided slots could serve says so`() throws {
        var bench = try Bench(Board.a100)
        bench.avoid(0, [Placement(start: 6, size: 1)])
        let refusal = try #require(throws: NoRoom.self) { try bench.plan(["7g.40gb"]) }
        #expect(refusal.reason == .avoided)
        #expect(refusal.slots[0].slots[6] == .avoided)
    }

    @Test func `a request is placed whole or not at all`() throws {
        var bench = try Bench(Board.a100, gpus: 2)
        try bench.occupy(0, "4g.20gb", at: 0)
        #expect(try bench.plan(["4g.20gb", "3g.20gb", "3g.20gb"]).count == 3)
        let refusal = try #require(throws: NoRoom.self) { try bench.plan(["1g.5gb", "4g.20gb", "4g.20gb"]) }
        #expect(refusal.reason == .occupied)
    }

    @Test func `members go to different GPUs where one has not the room`() throws {
        let places = try Bench(Board.a100, gpus: 8).plan(Array(repeating: "7g.40gb", count: 8))
        #expect(places == (0..<8).map { "\($0)/7g.40gb@0" })
        #expect(throws: NoRoom.self) { try Bench(Board.a100, gpus: 8).plan(Array(repeating: "7g.40gb", count: 9)) }
    }

    @Test func `each member stays on the GPUs allowed to it`() throws {
        let bench = try Bench(Board.a100, gpus: 2)
        let second = try Board.uuid(1)
        var members = bench.members(["7g.40gb", "7g.40gb"])
        members[0] = members[0].filter { $0.gpu == second }
        let plan = try Planner.plan(members: members, on: bench.states)
        #expect(plan.entries.map(\.index) == [1, 0])
        #expect(throws: NoRoom.self) {
            try Planner.plan(members: members.map { $0.filter { $0.gpu == second } }, on: bench.states).entries
        }
    }

    @Test func `GPUs of different models serve one request together`() throws {
        let a100 = try Bench(Board.a100).states[0]
        let a30 = GPUState(
            index: 1, uuid: try Board.uuid(1), geometry: Geometry(profiles: Board.a30), occupants: [])
        var bench = try Bench(Board.a100)
        bench.states = [a30, a100]
        #expect(try bench.plan(["4g.24gb", "7g.40gb"]) == ["1/4g.24gb@0", "0/7g.40gb@0"])
        #expect(throws: NoRoom.self) { try bench.plan(["4g.24gb", "4g.24gb", "7g.40gb"]) }
    }

    @Test func `a member without any candidate is refused`() throws {
        let refusal = try #require(throws: NoRoom.self) { try Bench(Board.a100).plan(["9g.90gb"]) }
        #expect(refusal.reason == .neverFits)
    }

    @Test func `more members than a request may have are refused`() throws {
        let bench = try Bench(Board.a100, gpus: 8)
        #expect(try bench.plan(Array(repeating: "1g.5gb", count: 16)).count == 16)
        let refusal = try #require(throws: NoRoom.self) { try bench.plan(Array(repeating: "1g.5gb", count: 17)) }
        #expect(refusal.reason == .tooMany)
    }

    @Test func `members that are each bound to one GPU may be as many as all GPUs hold`() throws {
        let bench = try Bench(Board.a100, gpus: 8)
        let seven = Array(repeating: "1g.5gb", count: 7)
        let members = try (0..<8).flatMap { gpu in
            let uuid = try Board.uuid(gpu)
            return bench.members(seven).map { $0.filter { $0.gpu == uuid } }
        }
        let plan = try Planner.plan(members: members, on: bench.states)
        #expect(plan.entries.map(\.index) == (0..<8).flatMap { Array(repeating: $0, count: 7) })
        #expect(plan.entries.map(\.placement.start) == (0..<8).flatMap { _ in 0..<7 })
        let refusal = try #require(throws: NoRoom.self) {
            try Planner.plan(members: members + [members[9]], on: bench.states).entries
        }
        #expect(refusal.slots.map(\.index) == [1])
        let unknown = try #require(throws: NoRoom.self) {
            try Planner.plan(members: members, on: Array(bench.states.dropLast())).entries
        }
        #expect(unknown.reason == .neverFits)
    }

    @Test func `a refusal shows what is free and what would fit`() throws {
        var bench = try Bench(Board.a100, gpus: 2)
        try bench.occupy(0, "4g.20gb", at: 0)
        try bench.occupy(0, "1g.5gb", at: 5)
        try bench.occupy(1, "7g.40gb", at: 0)
        let refusal = try #require(throws: NoRoom.self) { try bench.plan(["3g.20gb"]) }
        #expect(refusal.slots.map(\.index) == [0, 1])
        #expect(refusal.slots[0].slots.map { $0 == .free } == [false, false, false, false, true, false, true, true])
        let fits = refusal.slots[0].fits.map { "\($0.count) \($0.profile.name)" }
        #expect(fits == ["2 1g.5gb", "1 1g.5gb+me", "1 1g.10gb"])
        #expect(refusal.slots[1].fits.isEmpty && refusal.slots[1].slots.allSatisfy { $0 == .taken })
    }
}

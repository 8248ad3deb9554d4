import TestSupport
import Testing

@Suite("Requests of several slices", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct PlacementTests {
    private static let policy = """
        { "version": 1, "allow": [ { "id": "all", "who": { "groups": ["ml"] },
          "actions": ["read.own", "request", "release.own"] } ] }
        """

    /// Every order in which two, one and one of three kinds can be written.
    private static let orders: [[String]] = {
        var orders: Set<[String]> = [[]]
        for _ in 0..<4 {
            orders = Set(
                orders.flatMap { order in
                    ["1g.5gb", "1g.5gb", "2g.10gb", "3g.20gb"].compactMap { next in
                        let most = next == "1g.5gb" ? 2 : 1
                        return order.filter { $0 == next }.count < most ? order + [next] : nil
                    }
                })
        }
        return orders.sorted { $0.joined() < $1.joined() }
    }()

    @Test func `1g, 1g, 2g and 3g fit on an empty A100 in every written order`() throws {
        #expect(Self.orders.count == 12)
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000", "--limit", "changeBurst=1000"])
        for order in Self.orders {
            let granted = try stage.migctl(["request"] + order, as: Stage.alice)
            #expect(granted.code == 0, "\(order): \(granted.errors)")
            #expect(try stage.leases(of: Stage.alice).count == 4)
            #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
            #expect(try stage.machine().instances == 0)
        }
        _ = daemon
    }

    @Test func `what does not fit whole is not begun, and the answer shows the slots`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let refused = try stage.migctl(["request", "3g.20gb", "3g.20gb", "1g.5gb"], as: Stage.alice)
        #expect(refused.code == 6)
        #expect(refused.errors.contains("NoRoom"))
        #expect(try stage.machine().instances == 0)
        #expect(try stage.migctl(["request", "7g.40gb"], as: Stage.alice).code == 0)
        let full = try stage.migctl(["request", "1g.5gb"], as: Stage.bob)
        #expect(full.code == 6)
        #expect(try stage.machine().instances == 1)
        _ = daemon
    }

    @Test func `the smallest slice that serves is found by memory and by multiprocessors`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let wishes = [
            (["--memory", "5GiB"], "1g.5gb"), (["--memory", "20GiB"], "3g.20gb"), (["--sms", "43"], "4g.20gb"),
            (["--sms", "20"], "2g.10gb"),
        ]
        for (wish, profile) in wishes {
            let plan = try stage.migctl(["request"] + wish + ["--dry-run"], as: Stage.alice)
            #expect(plan.code == 0, "\(plan.errors)")
            #expect(plan.output.contains(profile), "\(wish): \(plan.output)")
        }
        #expect(try stage.migctl(["request", "--memory", "41GiB"], as: Stage.alice).code == 4)
        _ = daemon
    }

    @Test func `a dry run says where it would go and changes nothing`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let plan = try stage.migctl(["request", "3g.20gb", "2g.10gb", "--dry-run"], as: Stage.alice)
        #expect(plan.code == 0, "\(plan.errors)")
        #expect(plan.output.contains("3g.20gb"))
        #expect(try stage.machine().instances == 0)
        #expect(try stage.leases(of: Stage.alice) == [])
        _ = daemon
    }
}

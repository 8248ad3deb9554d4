import MIG
import Policy
import Testing

@Suite struct LimitTests {
    private static let everyone = """
        { "id": "all", "who": { "groups": ["ml", "students"], "users": ["alice"] },
          "actions": ["request", "gi.create", "renew.own", "renew.any", "release.own", "ci.create"] }
        """

    private func limited(_ limits: String) throws -> PolicySet { try policy(allow: Self.everyone, limits: limits) }

    private func used(_ user: UInt32, groups: [UInt32] = [], slices: Int = 1, memoryMiB: Int = 5120) -> UseEntry {
        UseEntry(user: UserID(user), groups: groups.map(GroupID.init), slices: SliceCount(slices), memoryMiB: memoryMiB)
    }

    private func quota(
        _ id: String, _ dimension: Denial.Dimension, _ used: Int, _ asked: Int, _ max: Int, of scope: LimitScope = .user
    ) -> Denial.Reason {
        .quotaExceeded(limit: id, scope: scope, dimension: dimension, used: used, asked: asked, max: max)
    }

    private let alice = caller(1000, groups: [100])

    @Test func `a limit is reached and not passed, in each dimension`() throws {
        let policy = try limited(
            #"{ "id": "l", "who": { "groups": ["ml"] }, "scope": "user", "instances": 2, "slices": 5, "memory": "20GiB" }"#
        )
        let one = [used(1000, slices: 2, memoryMiB: 10240)]
        #expect(try policy.request(alice, "2g.10gb", on: gpus(0), use: one).isAllowed)
        #expect(try policy.request(alice, "3g.10gb", on: gpus(0), use: one).isAllowed)
        #expect(
            try policy.request(alice, "4g.10gb", on: gpus(0), use: one).denial?.reason == quota("l", .slices, 2, 4, 5))
        #expect(
            try policy.request(alice, "3g.20gb", on: gpus(0), use: one).denial?.reason
                == quota("l", .memory, 10240, 20480, 20480))
        #expect(
            try policy.request(alice, "1g.5gb", on: gpus(0), use: one + one).denial?.reason
                == quota("l", .instances, 2, 1, 2))
    }

    @Test func `the members of one request count together`() throws {
        let policy = try limited(#"{ "id": "l", "who": { "users": ["alice"] }, "scope": "user", "instances": 2 }"#)
        let three = Array(repeating: try demand("1g.5gb", gpus(0)), count: 3)
        #expect(policy.ask(alice, .request, .instances(three)).denial?.reason == quota("l", .instances, 0, 3, 2))
        #expect(policy.ask(alice, .request, .instances(Array(three.prefix(2)))).isAllowed)
    }

    @Test func `a user's limit counts him alone`() throws {
        let policy = try limited(#"{ "id": "l", "who": { "groups": ["ml"] }, "scope": "user", "slices": 3 }"#)
        let others = [used(1001, groups: [100], slices: 7), used(1002, groups: [100], slices: 7)]
        #expect(try policy.request(alice, "3g.20gb", on: gpus(0), use: others).isAllowed)
    }

    @Test func `a group's limit is one pool for everyone it names`() throws {
        let policy = try limited(
            #"{ "id": "p", "who": { "groups": ["ml", "students"], "users": ["bob"] }, "scope": "group", "slices": 7 }"#)
        let use = [
            used(1001, slices: 1), used(1005, groups: [200, 42], slices: 2), used(1006, groups: [100], slices: 2),
            used(1007, groups: [42], slices: 7),
        ]
        #expect(try policy.request(alice, "2g.10gb", on: gpus(0), use: use).isAllowed)
        #expect(
            try policy.request(alice, "3g.20gb", on: gpus(0), use: use).denial?.reason
                == quota("p", .slices, 5, 3, 7, of: .group))
    }

    @Test func `a pool stops a caller through a group that only one source names`() throws {
        let policy = try limited(#"{ "id": "p", "who": { "groups": ["interns"] }, "scope": "group", "slices": 0 }"#)
        #expect(try policy.request(alice, "1g.5gb", on: gpus(0)).isAllowed)
        for (peer, database) in [([100, 300], [100]), ([100], [100, 300])] as [([UInt32], [UInt32])] {
            let hiding = caller(1000, peer: peer, database: database)
            #expect(
                try policy.request(hiding, "1g.5gb", on: gpus(0)).denial?.reason
                    == quota("p", .slices, 0, 1, 0, of: .group))
        }
    }

    @Test func `limits of several names hold each on its own, the least wins`() throws {
        let policy = try limited(
            """
            { "id": "b", "who": { "users": ["alice"] }, "scope": "user", "slices": 9, "leaseMax": "4h" },
            { "id": "a", "who": { "groups": ["ml"] }, "scope": "user", "slices": 3, "leaseMax": "8h" },
            { "id": "other", "who": { "users": ["bob"] }, "scope": "user", "slices": 0, "leaseMax": "1s" }
            """)
        let decision = try policy.request(alice, "3g.20gb", on: gpus(0))
        #expect(decision.limits == ["a", "b"])
        #expect(decision.terms?.duration == TimeSpan(seconds: 4 * 3600))
        let denied = try policy.request(alice, "4g.20gb", on: gpus(0))
        #expect(denied.denial?.reason == quota("a", .slices, 0, 4, 3))
        #expect(denied.limits == ["a"])
        #expect(denied.rules == ["all"])
    }

    @Test(arguments: [
        ("", nil, 86_400), ("", 86_400, 86_400), ("", 60, 60), ("", 0, 1), ("", -5, 1),
        (#", "leaseMax": "8h""#, nil, 28_800), (#", "leaseMax": "8h""#, 28_800, 28_800),
        (#", "leaseMax": "7d""#, nil, 86_400), (#", "leaseMax": "7d""#, 604_800, 604_800),
        (#", "leaseDefault": "2h", "leaseMax": "8h""#, nil, 7200),
        (#", "leaseDefault": "2h", "leaseMax": "8h""#, 10_800, 10_800),
        (#", "leaseDefault": "2h""#, nil, 7200), (#", "leaseDefault": "3d""#, nil, 86_400),
    ])
    func `a lease lasts as long as asked, or as the limits say`(_ spans: String, _ asked: Int?, _ granted: Int) throws {
        let policy = try limited(
            #"{ "id": "l", "who": { "users": ["alice"] }, "scope": "user", "slices": 9\#(spans) }"#)
        for action in [Action.request, .createGPUInstance, .renewOwn, .renewAny] {
            let decision = policy.ask(
                alice, action, .instances([try demand("1g.5gb", gpus(0))]), for: asked.map(TimeSpan.init))
            #expect(decision.terms?.duration == TimeSpan(seconds: granted))
        }
    }

    @Test(arguments: [
        ("", 86_401, nil as String?, 86_400), (#", "leaseMax": "8h""#, 28_801, "l", 28_800),
        (#", "leaseMax": "7d""#, 604_801, "l", 604_800), (#", "leaseMax": "8h""#, Int.max, "l", 28_800),
    ])
    func `a lease longer than the longest is denied, not cut`(
        _ spans: String, _ asked: Int, _ limit: String?, _ max: Int
    ) throws {
        let policy = try limited(
            #"{ "id": "l", "who": { "users": ["alice"] }, "scope": "user", "slices": 9\#(spans) }"#)
        let decision = try policy.request(alice, "1g.5gb", on: gpus(0), for: TimeSpan(seconds: asked))
        #expect(
            decision.denial?.reason
                == .leaseTooLong(limit: limit, asked: TimeSpan(seconds: asked), max: TimeSpan(seconds: max)))
        #expect(decision.limits == (limit.map { [$0] } ?? []))
    }

    @Test func `renewals are counted and then denied`() throws {
        let policy = try limited(#"{ "id": "l", "who": { "users": ["alice"] }, "scope": "user", "renewals": 2 }"#)
        let slice = Target.instances([try demand("1g.5gb", gpus(0))])
        #expect(policy.ask(alice, .renewOwn, slice, renewals: 1).isAllowed)
        #expect(policy.ask(alice, .renewOwn, slice, renewals: 2).denial?.reason == quota("l", .renewals, 2, 1, 2))
        #expect(policy.ask(alice, .renewOwn, slice, renewals: .max).isAllowed == false)
        #expect(policy.ask(alice, .request, slice, renewals: 2).isAllowed)
    }

    @Test func `what makes nothing meets no limit`() throws {
        let policy = try limited(
            #"{ "id": "l", "who": { "users": ["alice"] }, "scope": "user", "instances": 0, "slices": 0, "renewals": 0 }"#
        )
        let slice = Target.instances([try demand("1g.5gb", gpus(0))])
        for action in [Action.releaseOwn, .createComputeInstance] {
            let decision = policy.ask(alice, action, slice, for: TimeSpan(seconds: .max), use: [used(1000)])
            #expect(decision.isAllowed)
            #expect(decision.limits == [])
            #expect(decision.terms?.duration == nil)
        }
        #expect(policy.ask(alice, .createGPUInstance, slice).denial?.reason == quota("l", .instances, 0, 1, 0))
    }

    @Test func `numbers past all bounds deny and do not trap`() throws {
        let policy = try limited(
            """
            { "id": "l", "who": { "users": ["alice"] }, "scope": "user", "slices": 1000000,
              "memory": "8796093022207TiB" }
            """)
        let candidates = try gpus(0)
        func ask(_ slices: Int, _ memory: Int, _ use: [UseEntry]) -> Decision {
            let one = Demand(profile: "1g.5gb", slices: SliceCount(slices), memoryMiB: memory, candidates: candidates)
            return policy.ask(alice, .request, .instances([one, one]), use: use)
        }
        #expect(ask(.max, 1, []).denial?.reason == quota("l", .slices, 0, .max, 1_000_000))
        #expect(ask(1, .max, []).denial?.reason == quota("l", .memory, 0, .max, 8_796_093_022_207 << 20))
        let full = [used(1000, slices: .max, memoryMiB: .max), used(1000, slices: .max, memoryMiB: .max)]
        #expect(ask(1, 1, full).denial?.reason == quota("l", .slices, .max, 2, 1_000_000))
        #expect(ask(.min, .min, full).denial?.reason == quota("l", .slices, .max, 0, 1_000_000))
        // What is negative makes no room.
        let negative = [used(1000, slices: .min, memoryMiB: .min), used(1000, slices: 1_000_000)]
        #expect(ask(1, 1, negative).denial?.reason == quota("l", .slices, 1_000_000, 2, 1_000_000))
    }

    @Test func `killing at the end is asked for by any limit`() throws {
        let wait = #"{ "id": "w", "who": { "users": ["alice"] }, "scope": "user", "onExpiry": "wait" }"#
        let kill = #"{ "id": "k", "who": { "groups": ["ml"] }, "scope": "group", "onExpiry": "kill" }"#
        #expect(try limited(wait).request(alice, "1g.5gb", on: gpus(0)).terms?.killsOnExpiry == false)
        #expect(try limited("\(wait), \(kill)").request(alice, "1g.5gb", on: gpus(0)).terms?.killsOnExpiry == true)
    }

    @Test func `a caller sees his limits and what counts against them`() throws {
        let policy = try limited(
            """
            { "id": "pool", "who": { "groups": ["ml"] }, "scope": "group", "slices": 14 },
            { "id": "each", "who": { "groups": ["ml"] }, "scope": "user", "instances": 2, "memory": "40GiB",
              "leaseDefault": "2h", "leaseMax": "8h", "renewals": 3, "onExpiry": "kill" },
            { "id": "bob", "who": { "users": ["bob"] }, "scope": "user", "slices": 1 }
            """)
        let statuses = policy.limits(
            on: alice, use: [used(1000, groups: [100], slices: 2), used(1005, groups: [100], slices: 3)])
        #expect(statuses.map(\.id) == ["each", "pool"])
        #expect(
            statuses.map { $0.amounts.map { "\($0.dimension) \($0.used) of \($0.max)" } }
                == [["instances 1 of 2", "memory 5120 of 40960"], ["slices 5 of 14"]])
        #expect(statuses[0].leaseDefault == TimeSpan(seconds: 7200))
        #expect(statuses[0].renewals == 3)
        #expect(statuses[0].killsOnExpiry)
        #expect(policy.limits(on: caller(1005), use: []).isEmpty)
    }

    @Test(arguments: [
        (Denial.Reason.noRule, "no rule allows request of 3g.20gb; 'migctl whoami' shows what you may do"),
        (.denied(rules: ["a", "b"]), "rule a, b denies request of 3g.20gb; 'migctl whoami'"),
        (
            .denied(rules: ["a"], gpus: [1]),
            "rule a denies request of 3g.20gb on GPU 1, and no rule allows it on the others; 'migctl whoami'"
        ),
        (.denied(rules: ["a", "b", "c", "d", "e", "f"]), "rule a, b, c, d and 2 more denies request of 3g.20gb;"),
        (
            .leaseTooLong(limit: "l", asked: TimeSpan(seconds: 43_200), max: TimeSpan(seconds: 28_800)),
            "limit l lets a lease last 8h at most, and 12h was asked; ask for 8h or less"
        ),
        (
            .leaseTooLong(limit: nil, asked: TimeSpan(seconds: 172_800), max: TimeSpan(seconds: 86_400)),
            "a lease lasts 1d at most where no limit says otherwise, and 2d was asked; ask for 1d or less"
        ),
        (
            .quotaExceeded(limit: "l", scope: .user, dimension: .slices, used: 2, asked: 2, max: 3),
            "limit l allows 3 slices to each user: 2 slices in use, 2 slices asked; release a lease"
        ),
        (
            .quotaExceeded(limit: "l", scope: .group, dimension: .memory, used: 10240, asked: 1536, max: 10240),
            "limit l allows 10GiB to its group together: 10GiB in use, 1536MiB asked; wait until a lease"
        ),
        (
            .quotaExceeded(limit: "l", scope: .user, dimension: .instances, used: 0, asked: 2, max: 1),
            "limit l allows 1 instance to each user: 0 instances in use, 2 instances asked; ask for less"
        ),
        (
            .quotaExceeded(limit: "l", scope: .user, dimension: .renewals, used: 3, asked: 1, max: 3),
            "limit l allows 3 renewals of a lease, and it has had 3; release the lease and request a new one"
        ),
        (.isolationRequired(rules: ["s"]), "rule s allows request of 3g.20gb only where isolation is enforced"),
        (.noIdentity, "the caller's uid stands for no user"),
    ])
    func `a denial tells a person why and what to do`(_ reason: Denial.Reason, _ beginning: String) {
        let denial = Denial(action: .request, profile: "3g.20gb", reason: reason)
        #expect(denial.description.hasPrefix(beginning), "\(denial)")
    }
}

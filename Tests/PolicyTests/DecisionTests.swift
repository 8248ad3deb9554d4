import MIG
import Policy
import Testing

@Suite struct DecisionTests {
    /// Alice by name, group 100 by number, each with a rule of its own, and denials that take some of it back.
    private func lab() throws -> PolicySet {
        try policy(
            allow: """
                { "id": "alice", "who": { "users": ["alice"] }, "actions": ["request"], "profiles": ["1g.5gb"] },
                { "id": "ml", "who": { "groups": ["ml"] }, "actions": ["request", "read.own", "release.own"],
                  "gpus": ["model:NVIDIA A100*", "2"], "profiles": ["max-slices:3"], "from": "host" },
                { "id": "admin", "who": { "groups": ["gpu-admins"] }, "actions": ["mode.set"] },
                { "id": "strict", "who": { "groups": ["auditors"] }, "actions": ["request"],
                  "requireIsolation": true }
                """,
            deny: """
                { "id": "interns-0", "who": { "groups": ["interns"] }, "actions": ["request"], "gpus": ["0"] },
                { "id": "no-container", "who": { "groups": ["ml", "gpu-admins"] }, "actions": ["request", "mode.set"],
                  "from": "container" },
                { "id": "bob", "who": { "users": ["bob"] }, "actions": ["request", "release.own"] }
                """)
    }

    @Test func `a matching allow and no deny allows, and names the rule`() throws {
        let decision = try lab().request(caller(1005, groups: [100]), "3g.20gb", on: gpus(0, 1, 2, 3))
        let uuids = try gpus(0, 1, 2).map(\.uuid)
        #expect(decision.terms?.gpus == [uuids])
        #expect(decision.rules == ["ml"])
        #expect(decision.narrowedBy == [])
        #expect(decision.groups == [GroupID(100)])
        #expect(decision.terms?.requiresIsolation == false)
    }

    @Test func `every rule that allows is named, in byte order`() throws {
        let decision = try lab().request(caller(1000, groups: [100]), "1g.5gb", on: gpus(0))
        #expect(decision.rules == ["alice", "ml"])
    }

    struct Denied: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let who: Principal
        var profile = "1g.5gb"
        var gpus = [0]
        let reason: Denial.Reason
    }

    static let denied: [Denied] = [
        Denied(testDescription: "no rule names him", who: caller(1005), reason: .noRule),
        Denied(testDescription: "alice, another profile", who: caller(1000), profile: "2g.10gb", reason: .noRule),
        Denied(testDescription: "profile's look-alike", who: caller(1000), profile: "1g.5gb+me", reason: .noRule),
        Denied(
            testDescription: "too many slices", who: caller(1005, groups: [100]), profile: "4g.20gb", reason: .noRule),
        Denied(testDescription: "GPU not listed", who: caller(1005, groups: [100]), gpus: [3], reason: .noRule),
        Denied(testDescription: "no candidate at all", who: caller(1000), gpus: [], reason: .noRule),
        Denied(
            testDescription: "group only in the credentials", who: caller(1005, peer: [100], database: []),
            reason: .noRule),
        Denied(
            testDescription: "group only in the database", who: caller(1005, peer: [], database: [100]),
            reason: .noRule),
        Denied(
            testDescription: "uid unknown to the database has no groups",
            who: caller(1005, groups: [100], isKnown: false), reason: .noRule),
        Denied(
            testDescription: "from a container", who: caller(1005, groups: [100], from: .container),
            reason: .denied(rules: ["no-container"])),
        Denied(
            testDescription: "origin unknown: deny matches, allow does not",
            who: caller(1005, groups: [100], from: .unknown), reason: .denied(rules: ["no-container"])),
        Denied(
            testDescription: "deny by user", who: caller(1001, groups: [100]), reason: .denied(rules: ["bob"])),
        Denied(
            testDescription: "deny by group on this GPU", who: caller(1000, groups: [300]),
            reason: .denied(rules: ["interns-0"])),
        Denied(
            testDescription: "deny on one GPU, and no rule on the other", who: caller(1005, groups: [100, 300]),
            gpus: [3, 0], reason: .denied(rules: ["interns-0"], gpus: [0])),
        Denied(
            testDescription: "denied group dropped from the credentials",
            who: caller(1000, peer: [], database: [300]), reason: .denied(rules: ["interns-0"])),
        Denied(
            testDescription: "denied group dropped from the database",
            who: caller(1000, peer: [300], database: []), reason: .denied(rules: ["interns-0"])),
        Denied(
            testDescription: "denied group of a uid unknown to the database",
            who: caller(1000, groups: [300], isKnown: false), reason: .denied(rules: ["interns-0"])),
        Denied(
            testDescription: "two denials are both named", who: caller(1001, groups: [300]),
            reason: .denied(rules: ["bob", "interns-0"])),
        Denied(
            testDescription: "isolation is only advisory", who: caller(1005, groups: [500]),
            reason: .isolationRequired(rules: ["strict"])),
        Denied(testDescription: "root has no free pass", who: caller(0, groups: [0]), reason: .noRule),
        Denied(testDescription: "overflow uid", who: caller(65534, groups: [100]), reason: .noIdentity),
        Denied(testDescription: "no uid", who: caller(.max, groups: [100]), reason: .noIdentity),
    ]

    @Test(arguments: denied)
    func `a denial says why`(_ denied: Denied) throws {
        let decision = try lab().request(denied.who, denied.profile, on: denied.gpus.map(gpu))
        #expect(decision.denial?.reason == denied.reason)
        #expect(decision.rules == denied.reason.rules)
        #expect(decision.terms == nil)
    }

    @Test func `a deny takes away GPUs and leaves the others`() throws {
        let decision = try lab().request(caller(1000, groups: [300]), "1g.5gb", on: gpus(0, 1))
        #expect(decision.terms?.gpus == [try gpus(1).map(\.uuid)])
        #expect(decision.rules == ["alice"])
        #expect(decision.narrowedBy == ["interns-0"])
    }

    @Test func `allowed GPUs keep the order in which they were asked`() throws {
        let decision = try lab().request(caller(1000), "1g.5gb", on: gpus(3, 0, 2))
        #expect(decision.terms?.gpus == [try gpus(3, 0, 2).map(\.uuid)])
    }

    @Test func `one demand that cannot be served denies them all`() throws {
        let demands = [try demand("1g.5gb", gpus(0)), try demand("4g.20gb", gpus(0))]
        let decision = try lab().ask(caller(1005, groups: [100]), .request, .instances(demands))
        #expect(decision.denial?.profile == "4g.20gb")
        #expect(decision.denial?.reason == .noRule)
    }

    @Test func `each demand has its own GPUs`() throws {
        let demands = [try demand("1g.5gb", gpus(3, 1)), try demand("3g.20gb", gpus(0, 3))]
        let decision = try lab().ask(caller(1000, groups: [100]), .request, .instances(demands))
        #expect(decision.terms?.gpus == [try gpus(3, 1).map(\.uuid), try gpus(0).map(\.uuid)])
    }

    @Test func `of GPUs named for a mode change every one must be allowed`() throws {
        let policy = try policy(
            allow: #"{ "id": "m", "who": { "groups": [1] }, "actions": ["mode.set"], "gpus": ["0", "1"] }"#)
        let admin = caller(7, groups: [1])
        #expect(policy.ask(admin, .setMode, .gpus(try gpus(1, 0))).isAllowed)
        #expect(policy.ask(admin, .setMode, .gpus(try gpus(0, 2))).isAllowed == false)
        #expect(policy.ask(admin, .setMode, .gpus([])).isAllowed == false)
        #expect(policy.gpus(try gpus(2, 1, 0), allowing: .setMode, to: admin, now: noon) == (try gpus(1, 0)))
    }

    @Test(arguments: Action.allCases)
    func `an action without what it is done to is allowed only where it needs nothing`(_ action: Action) throws {
        let policy = try policy(
            allow: #"{ "id": "x", "who": { "users": [1] }, "actions": ["\#(action.rawValue)"] }"#)
        let needsNothing = [Action.readOwn, .readAll, .readAudit, .readPolicy, .reloadPolicy, .actAs].contains(action)
        #expect(policy.ask(caller(1), action).isAllowed == needsNothing)
        #expect(policy.ask(caller(1), action, .instances([])).isAllowed == false)
        #expect(policy.ask(caller(1), action, .gpus([])).isAllowed == false)
        #expect(policy.ask(caller(1), action, .gpus([try gpu(0)])).isAllowed == (needsNothing || action == .setMode))
        let slice = Target.instances([try demand("1g.5gb", gpus(0))])
        #expect(policy.ask(caller(1), action, slice).isAllowed == (action != .setMode))
    }

    @Test(arguments: Action.allCases, Action.allCases)
    func `a rule allows the actions it lists and no other`(_ listed: Action, _ asked: Action) throws {
        let policy = try policy(
            allow: #"{ "id": "x", "who": { "users": [1] }, "actions": ["\#(listed.rawValue)"] }"#)
        let target: Target = asked == .setMode ? .gpus([try gpu(0)]) : .instances([try demand("1g.5gb", gpus(0))])
        #expect(policy.ask(caller(1), asked, target).isAllowed == (listed == asked))
    }

    @Test(arguments: [
        ("all", [0, 1, 2, 3]), ("0", [0]), ("3", [3]), ("4", []), ("model:*", [0, 1, 2, 3]),
        ("model:NVIDIA H100*", [2, 3]), ("model:nvidia*", []), ("model:NVIDIA ?100*", [0, 1, 2, 3]),
        ("GPU-00000000-0000-4000-8000-000000000002", [2]), ("GPU-00000000-0000-4000-8000-000000000009", []),
        ("00000000:11:00.0", [1]), ("11:00", [1]), ("0000:12:00.0", [2]), ("00000001:11:00.0", []),
    ])
    func `a selector finds the GPUs it means`(_ selector: String, _ found: [Int]) throws {
        let policy = try policy(
            allow: #"{ "id": "x", "who": { "users": [1] }, "actions": ["request"], "gpus": ["\#(selector)"] }"#)
        let decision = try policy.request(caller(1), "1g.5gb", on: gpus(0, 1, 2, 3))
        #expect((decision.terms?.gpus ?? [[]]) == [try found.map { try gpu($0).uuid }])
    }

    @Test func `isolation is required of the lease only where nothing else allows it`() throws {
        let strict =
            #"{ "id": "s", "who": { "users": [1] }, "actions": ["request"], "requireIsolation": true }"#
        let loose = #"{ "id": "l", "who": { "users": [1] }, "actions": ["request"], "gpus": ["0"] }"#
        let both = try policy(allow: "\(strict), \(loose)")
        let enforced = try both.request(caller(1), "1g.5gb", on: gpus(0, 1), isolation: .enforced)
        #expect(enforced.terms?.requiresIsolation == true)
        #expect(enforced.rules == ["l", "s"])
        let advisory = try both.request(caller(1), "1g.5gb", on: gpus(0, 1))
        #expect(advisory.terms?.gpus == [try gpus(0).map(\.uuid)])
        #expect(advisory.rules == ["l"])
        #expect(
            try both.request(caller(1), "1g.5gb", on: gpus(0), isolation: .enforced).terms?.requiresIsolation == false)
    }

    @Test func `a machine with more GPUs than there are bits loses the last ones, not the process`() throws {
        let policy = try policy(allow: #"{ "id": "x", "who": { "users": [1] }, "actions": ["request"] }"#)
        let many = try (0..<70).map(gpu)
        #expect(try policy.request(caller(1), "1g.5gb", on: many).terms?.gpus == [many.prefix(64).map(\.uuid)])
    }

    @Test func `groups are told only where the policy mentions them`() throws {
        let decision = try lab().request(caller(1000, peer: [500, 42, 300], database: [100]), "1g.5gb", on: gpus(1))
        #expect(decision.groups == [GroupID(100), GroupID(300), GroupID(500)])
    }

    @Test func `what someone has a right to follows the rules`() throws {
        let policy = try lab()
        let alice = policy.rights(of: caller(1000, groups: [100, 300, 400, 500]))
        #expect(alice.map(\.action) == [.readOwn, .request, .releaseOwn, .setMode])
        #expect(alice.map(\.rules) == [["ml"], ["alice", "ml"], ["ml"], ["admin"]])
        #expect(alice.map(\.exceptions) == [[], ["interns-0"], [], []])
        #expect(policy.rights(of: caller(1001, groups: [100])).map(\.action) == [.readOwn])
        #expect(policy.rights(of: caller(1000, groups: [100], from: .unknown)).map(\.action) == [])
        #expect(policy.rights(of: caller(1005, groups: [500])) == [])
        #expect(policy.rights(of: caller(1005, groups: [500]), isolation: .enforced).map(\.action) == [.request])
        #expect(policy.rights(of: caller(65534, groups: [100])) == [])
    }
}

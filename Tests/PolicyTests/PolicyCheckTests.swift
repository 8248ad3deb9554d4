import Policy
import Testing

@Suite struct PolicyCheckTests {
    /// One rule a line, from line 2 on, allows first.
    private static func findings(allow: [String] = [], deny: [String] = [], limits: [String] = []) -> [String] {
        let lists = [("allow", allow), ("deny", deny), ("limits", limits)].map { key, rules in
            "\"\(key)\": [\(rules.map { "\n{ \($0) }" }.joined(separator: ","))]"
        }
        return PolicyCheck.findings(
            in: [file("{ \"version\": 1, \(lists.joined(separator: ", ")) }", "p")], names: Names.resolver
        ).map(\.description)
    }

    private static let bounded =
        #""id": "l", "who": { "groups": [100, 200], "users": [1] }, "scope": "user", "slices": 3"#

    private static func allow(_ rest: String, who: String = #""groups": [100]"#) -> String {
        #""id": "a", "who": { \#(who) }, "actions": ["request", "release.own"]\#(rest)"#
    }

    private static func deny(_ rest: String, who: String = #""groups": [100]"#) -> String {
        #""id": "d", "who": { \#(who) }, "actions": ["request", "mode.set"]\#(rest)"#
    }

    static let shadowed: [(allow: String, deny: String)] = [
        (allow(""), deny("")),
        (allow(""), deny("", who: #""groups": [100, 200], "users": [5]"#)),
        (
            allow(#", "gpus": ["0"]"#),
            deny(#", "gpus": ["1", "0"]"#).replacing("\"request\", \"mode.set\"", with: "\"request\"")
        ),
        (allow(#", "gpus": ["0"], "from": "host""#), deny("")),
        (allow(#", "from": "host""#), deny(#", "from": "host""#)),
        (allow(#", "profiles": ["1g.5gb", "2g.10gb+me"]"#), request(#", "profiles": ["max-slices:2"]"#)),
        (allow(#", "profiles": ["max-slices:1", "3g.20gb"]"#), request(#", "profiles": ["max-slices:2", "3g.20gb"]"#)),
    ]

    static let standing: [(allow: String, deny: String)] = [
        (allow("", who: #""groups": [100, 200]"#), deny("")),
        (allow("", who: #""users": [1]"#), deny("")),
        (allow(""), deny("", who: #""users": [100]"#)),
        (allow(""), request(#", "gpus": ["0"]"#)),
        (allow(#", "gpus": ["0", "2"]"#), request(#", "gpus": ["1", "0"]"#)),
        (allow(""), deny(#", "from": "host""#)),
        (allow(#", "from": "host""#), deny(#", "from": "container""#)),
        (allow(""), request(#", "profiles": ["max-slices:7"]"#)),
        (allow(#", "profiles": ["1g.5gb", "3g.20gb"]"#), request(#", "profiles": ["max-slices:2"]"#)),
        (allow(#", "profiles": ["max-slices:3"]"#), request(#", "profiles": ["max-slices:2", "3g.20gb"]"#)),
    ]

    private static func request(_ rest: String) -> String {
        #""id": "d", "who": { "groups": [100] }, "actions": ["request"]\#(rest)"#
    }

    @Test(arguments: shadowed)
    func `an allow that a deny takes back whole is told`(_ rules: (allow: String, deny: String)) {
        #expect(
            Self.findings(allow: [rules.allow], deny: [rules.deny], limits: [Self.bounded])
                == ["p:2:1: warning: can never allow request: rule d denies it"])
    }

    @Test(arguments: standing)
    func `an allow that keeps something is not told`(_ rules: (allow: String, deny: String)) {
        #expect(Self.findings(allow: [rules.allow], deny: [rules.deny], limits: [Self.bounded]) == [])
    }

    private static func limit(_ id: String, _ groups: String, _ scope: String, _ rest: String) -> String {
        #""id": "\#(id)", "who": { "groups": [\#(groups)] }, "scope": "\#(scope)", \#(rest)"#
    }

    @Test(arguments: [
        (limit("a", "100", "user", #""slices": 4"#), limit("b", "100, 200", "user", #""slices": 4"#), "a", "b"),
        (limit("a", "100", "user", #""slices": 14"#), limit("b", "100", "group", #""slices": 7"#), "a", "b"),
        (
            limit("a", "100", "group", #""slices": 8"#), limit("b", "100", "group", #""slices": 7, "instances": 1"#),
            "a", "b"
        ),
        (limit("a", "100", "user", #""slices": 4"#), limit("b", "100", "user", #""slices": 4"#), "b", "a"),
        (limit("a", "100", "group", #""leaseMax": "9h""#), limit("b", "100", "user", #""leaseMax": "8h""#), "a", "b"),
        (limit("a", "100", "user", #""memory": "2GiB""#), limit("b", "100", "user", #""memory": "2048MiB""#), "b", "a"),
    ])
    func `a limit that another reaches first is told`(_ a: String, _ b: String, _ never: String, _ by: String) {
        let line = never == "a" ? 2 : 3
        #expect(
            Self.findings(limits: [a, b])
                == ["p:\(line):1: warning: can never be reached: limit \(by) is as tight for everyone named here"])
    }

    @Test(arguments: [
        (limit("a", "100, 200", "user", #""slices": 4"#), limit("b", "100", "user", #""slices": 3"#)),
        (limit("a", "100", "group", #""slices": 14"#), limit("b", "100", "user", #""slices": 7"#)),
        (limit("a", "100", "user", #""slices": 4"#), limit("b", "100", "user", #""slices": 5, "instances": 1"#)),
        (limit("a", "100", "user", #""slices": 4, "renewals": 1"#), limit("b", "100", "user", #""slices": 3"#)),
        (limit("a", "100", "user", #""slices": 4, "onExpiry": "kill""#), limit("b", "100", "user", #""slices": 3"#)),
    ])
    func `limits that each stop something are not told`(_ a: String, _ b: String) {
        #expect(Self.findings(limits: [a, b]) == [])
    }

    @Test func `whoever may make instances without any limit is told, root excepted`() {
        let make = #""id": "m", "who": { "groups": [100, 200], "users": [0, 5] }, "actions": ["gi.create"]"#
        let lease = Self.limit("l", "100", "user", #""leaseMax": "8h""#)
        let slices = Self.limit("s", "200", "group", #""slices": 8"#)
        #expect(
            Self.findings(allow: [make], limits: [lease, slices]) == [
                "p:2:1: warning: no limit on instances or slices or memory names user 5, group 100"
            ])
        let read = #""id": "m", "who": { "groups": [100] }, "actions": ["read.own", "release.own"]"#
        #expect(Self.findings(allow: [read]) == [])
    }

    @Test func `a number of instances alone is told to leave their size open, unless the rule does not`() {
        func make(_ id: String, _ rest: String = "") -> String {
            #""id": "\#(id)", "who": { "groups": [100, 200] }, "actions": ["request"]\#(rest)"#
        }
        let few = Self.limit("l", "100, 200", "user", #""instances": 2"#)
        #expect(
            Self.findings(allow: [make("a"), make("b")], limits: [few]) == [
                "p:2:1: warning: no limit on slices or memory names group 100, group 200"
            ])
        #expect(Self.findings(allow: [make("a", #", "profiles": ["1g.5gb"]"#)], limits: [few]) == [])
        for amount in [#""slices": 3"#, #""memory": "40GiB""#] {
            #expect(Self.findings(allow: [make("a")], limits: [Self.limit("l", "100, 200", "user", amount)]) == [])
        }
        let pool = Self.limit("p", "100", "group", #""slices": 14"#)
        #expect(
            Self.findings(allow: [make("a")], limits: [few, pool]) == [
                "p:2:1: warning: no limit on slices or memory names group 200"
            ])
    }

    @Test func `a limit on users whom no rule lets do what it counts is told, where their groups are known`() {
        func limit(_ users: String) -> String {
            #""id": "l", "who": { "users": [\#(users)] }, "scope": "user", "slices": 3"#
        }
        func found(_ users: String, allowing who: String) -> [String] {
            Self.findings(
                allow: [
                    Self.allow(#", "profiles": ["1g.5gb"]"#, who: who),
                    Self.allow("", who: "\"users\": [0]").replacing("\"a\"", with: "\"r\""),
                ],
                limits: [
                    limit(users),
                    Self.bounded.replacing(#", "users": [1]"#, with: "").replacing("\"l\"", with: "\"b\""),
                ])
        }
        // Alice is in 100 and 200, of bob's groups nothing is known, and nobody else is in any.
        #expect(found("1000, 1001", allowing: #""groups": [100]"#) == [])
        #expect(
            found("1000, 1002, 7", allowing: #""groups": [100]"#) == [
                "p:4:1: warning: no rule lets user 7, user 1002 make or renew anything"
            ])
        #expect(found("0", allowing: #""groups": [100]"#) == [])
        // Here it does not matter whose groups are known: no rule names a group.
        let reads = #""id": "a", "who": { "users": [7] }, "actions": ["read.own", "release.own"]"#
        #expect(
            Self.findings(allow: [reads], limits: [limit("7, 1001")]) == [
                "p:3:1: warning: no rule lets user 7, user 1001 make or renew anything"
            ])
    }

    @Test func `what is listed twice is told where it is`() {
        let rule = #"""
            "id": "a", "who": { "users": [0] }, "actions": ["request", "request"], "gpus": ["0", "0"], "profiles": ["1g.5gb", "1g.5gb"]
            """#
        #expect(
            Self.findings(allow: [rule]) == [
                #"p:2:62: warning: "request" is listed twice"#, #"p:2:88: warning: "0" is listed twice"#,
                #"p:2:117: warning: "1g.5gb" is listed twice"#,
            ])
    }

    @Test func `errors are told and not mixed with warnings`() {
        let found = Self.findings(allow: [Self.allow("") + #", "x": 1"#], deny: [Self.deny("")])
        #expect(found == ["p:2:86: allow[0].x is not a known key"])
    }

    @Test func `warnings are bounded`() {
        let allows = (0..<150).map { #""id": "a\#($0)", "who": { "users": [\#($0 + 1)] }, "actions": ["request"]"# }
        #expect(Self.findings(allow: allows).count == 100)
    }
}

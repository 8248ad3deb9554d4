import Linux
import MIG
import Policy
import Testing

@Suite struct PolicyCasesTests {
    private static let policy = file(
        """
        { "version": 1,
          "allow": [ { "id": "small", "who": { "groups": ["team"] }, "actions": ["request"], "profiles": ["max-slices:2"] },
                     { "id": "late", "who": { "users": ["dora"] }, "actions": ["mode.set"], "during": "20:00-24:00 UTC" },
                     { "id": "spare", "who": { "users": ["dora"] }, "actions": ["audit.read"] } ],
          "limits": [ { "id": "each", "who": { "groups": ["team"] }, "scope": "user", "slices": 3, "leaseMax": "4h" } ] }
        """, "p.json")

    private static let head = #""version": 1, "users": { "dora": 7 }, "groups": { "team": 70 },"#

    private static func outcome(_ cases: String) throws -> PolicyCases.Outcome {
        let text = "{ \(head) \"cases\": [\n\(cases)\n] }"
        return try PolicyCases(file(text, "c.json"), names: Names.resolver).run(on: [policy])
    }

    private static func failures(_ one: String) throws -> [String] {
        try outcome(one).failures.map(\.description)
    }

    @Test func `what is as expected says nothing, and what no case concerned is told`() throws {
        let outcome = try Self.outcome(
            """
            { "name": "n", "user": "dora", "groups": ["team"], "action": "request", "profiles": ["2g.10gb"], "for": "4h",
              "expect": "allow", "rules": ["small"], "limits": ["each"] },
            { "name": "n", "user": 8, "action": "request", "profiles": ["2g.10gb"], "expect": "deny", "rules": [] },
            { "name": "n", "user": "alice", "groups": ["ml"], "action": "mode.set", "expect": "deny" },
            { "name": "n", "user": "dora", "groups": ["team"], "action": "request", "profiles": ["2g.10gb"],
              "use": [{ "user": "dora", "profiles": ["1g.5gb", "1g.5gb"] }], "expect": "deny", "limits": ["each"] }
            """)
        #expect(outcome.failures.isEmpty && outcome.count == 4)
        #expect(outcome.untested == ["late", "spare"])
    }

    @Test func `what is otherwise is told with its place, what was expected and what is`() throws {
        let base = #"{ "name": "a name", "user": "dora", "groups": ["team"], "action": "request","#
        #expect(
            try Self.failures("\(base) \"profiles\": [\"2g.10gb\"], \"expect\": \"deny\" }") == [
                "c.json:2:1: a name: expected denied; it is allowed, rules small, limits each"
            ])
        #expect(
            try Self.failures("  \(base) \"profiles\": [\"3g.20gb\"], \"expect\": \"allow\", \"rules\": [\"small\"] }")
                == [
                    "c.json:2:3: a name: expected allowed, rules small; it is denied: no rule allows request of 3g.20gb, no rules, no limits"
                ])
        #expect(
            try Self.failures("\(base) \"profiles\": [\"1g.5gb\"], \"expect\": \"allow\", \"limits\": [] }").count == 1)
        #expect(
            try Self.failures("\(base) \"profiles\": [\"1g.5gb\"], \"expect\": \"allow\", \"rules\": [\"big\"] }").count
                == 1)
    }

    @Test(arguments: [("2026-11-23T19:59:59Z", false), ("2026-11-23T20:00:00Z", true)])
    func `a case has its own time`(time: String, isAllowed: Bool) throws {
        let one = #"{ "name": "n", "user": "dora", "action": "mode.set", "at": "\#(time)", "expect": "allow" }"#
        #expect(try Self.failures(one).isEmpty == isAllowed)
    }

    @Test func `without a time it is a Monday at noon`() throws {
        #expect(try Self.failures(#"{ "name": "n", "user": "dora", "action": "mode.set", "expect": "deny" }"#).isEmpty)
    }

    private static let wrong: [(String, String)] = [
        ("{}", "2:1: cases[0].name is missing"),
        (#"{ "name": "n" }"#, "2:1: cases[0].user is missing"),
        (#"{ "name": "n", "user": "dora" }"#, "2:1: cases[0].action is missing"),
        (#"{ "name": "n", "user": "dora", "action": "audit.read" }"#, "2:1: cases[0].expect is missing"),
        (
            #"{ "name": "n", "user": "zoe", "action": "audit.read", "expect": "deny" }"#,
            #"2:24: no user is named "zoe""#
        ),
        (
            #"{ "name": "n", "user": "slow", "action": "audit.read", "expect": "deny" }"#,
            #"2:24: user "slow" could not be looked up: Resource temporarily unavailable (EAGAIN)"#
        ),
        (
            #"{ "name": "n", "user": -1, "action": "audit.read", "expect": "deny" }"#,
            "2:24: a user is a name or an integer from 0 to 4294967294"
        ),
        (
            #"{ "name": "n", "user": 7, "groups": ["x"], "action": "audit.read", "expect": "deny" }"#,
            #"2:38: no group is named "x""#
        ),
        (#"{ "name": "n", "user": 7, "action": "*", "expect": "deny" }"#, "2:37: cases[0].action must be an action"),
        (#"{ "name": "n", "user": 7, "action": "request", "expect": "deny" }"#, "2:1: cases[0].profiles is missing"),
        (
            #"{ "name": "n", "user": 7, "action": "request", "profiles": ["9"], "expect": "deny" }"#,
            #"2:60: "9" is no profile: write all, a name such as 3g.40gb, or max-slices:N"#
        ),
        (
            #"{ "name": "n", "user": 7, "action": "mode.set", "gpus": ["1"], "expect": "deny" }"#,
            #"2:57: no GPU of these cases is "1""#
        ),
        (
            #"{ "name": "n", "user": 7, "action": "mode.set", "gpus": ["?"], "expect": "deny" }"#,
            #"2:57: "?" is no GPU: write all, an index, a UUID, a PCI address or model:GLOB"#
        ),
        (
            #"{ "name": "n", "user": 7, "action": "audit.read", "at": "noon", "expect": "deny" }"#,
            "2:57: cases[0].at must be a time such as 2026-01-05T12:00:00Z"
        ),
        (
            #"{ "name": "n", "user": 7, "action": "audit.read", "for": "8", "expect": "deny" }"#,
            "2:58: cases[0].for must be a time such as 8h"
        ),
        (
            #"{ "name": "n", "user": 7, "action": "audit.read", "from": "home", "expect": "deny" }"#,
            #"2:59: cases[0].from must be "host", "container" or "unknown""#
        ),
        (
            #"{ "name": "n", "user": 7, "action": "audit.read", "expect": "maybe" }"#,
            #"2:61: cases[0].expect must be "allow" or "deny""#
        ),
        (
            #"{ "name": "n", "user": 7, "action": "audit.read", "expect": "deny", "why": 1 }"#,
            "2:76: cases[0].why is not a known key"
        ),
        (
            #"{ "name": "n", "user": 7, "action": "audit.read", "use": [{ "user": 7, "x": 1 }], "expect": "deny" }"#,
            "2:77: cases[0].use[0].x is not a known key"
        ),
    ]

    @Test(arguments: wrong)
    func `a case that cannot be asked is told at its line and column`(one: String, finding: String) {
        do throws(PolicyErrors) {
            _ = try PolicyCases(file("{ \(Self.head) \"cases\": [\n\(one)\n] }", "c.json"), names: Names.resolver)
            Issue.record("it was read")
        } catch {
            #expect(error.diagnostics.map(\.description) == ["c.json:\(finding)"])
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{ "version": 2, "cases": [] }"#, #"{ "version": 1 }"#,
        #"{ "version": 1, "cases": [], "x": 1 }"#,
        #"{ "version": 1, "users": { "a": -1 }, "cases": [] }"#, #"{ "version": 1, "gpus": [0], "cases": [] }"#,
        #"{ "version": 1, "users": { "a": 4294967295 }, "cases": [] }"#,
    ])
    func `a file that is none is refused`(text: String) {
        #expect(throws: PolicyErrors.self) { try PolicyCases(file(text), names: Names.resolver) }
    }

    @Test func `a policy that does not load is not asked`() throws {
        let cases = try PolicyCases(file("{ \(Self.head) \"cases\": [] }"), names: Names.resolver)
        #expect(throws: PolicyErrors.self) { try cases.run(on: [file(#"{ "version": 1, "allow": [{}] }"#)]) }
    }
}

import MIG
import Policy
import Testing

/// A policy that must not load: its text, and where the first error is.
struct BadPolicy: CustomTestStringConvertible, Sendable {
    let text: String
    let first: String

    init(_ text: String, _ first: String) {
        self.text = text
        self.first = first
    }

    /// The rule on the second line, from its first column on.
    static func rule(_ rule: String, in list: String = "allow", _ first: String) -> BadPolicy {
        BadPolicy("{ \"version\": 1, \"\(list)\": [\n\(rule)\n] }", first)
    }

    var testDescription: String { first }
}

@Suite struct PolicyLoadTests {
    @Test func `the language of the example loads`() throws {
        let policy = try load(
            """
            { "version": 1, // comment
              "allow": [ { "id": "ml-slices", "who": { "groups": ["ml", 4242], "users": ["alice", 0] },
                           "actions": ["read.own", "request", "renew.own", "release.own"],
                           "gpus": ["model:NVIDIA H100*", "0", "GPU-00000000-0000-4000-8000-000000000003", "0:36:0.0"],
                           "profiles": ["1g.10gb", "1g.10gb+me", "max-slices:3"], "from": "host",
                           "requireIsolation": true } ],
              "deny":  [ { "id": "no-interns-on-0", "who": { "groups": ["interns"] }, "actions": ["request"],
                           "gpus": ["0"], "from": "container" } ],
              "limits":[ { "id": "ml-each", "who": { "groups": ["ml"] }, "scope": "user", "instances": 2,
                           "slices": 3, "memory": "40GiB", "leaseDefault": "2h", "leaseMax": "8h", "renewals": 3,
                           "onExpiry": "kill" },
                         { "id": "ml-pool", "who": { "groups": ["ml"] }, "scope": "group", "slices": 14 } ] }
            """)
        #expect(policy.hash.utf8.count == 64)
    }

    static let shapes: [BadPolicy] = [
        BadPolicy("", "1:1: text ends too early"),
        BadPolicy("[]", "1:1: value must be an object"),
        BadPolicy("{}", "1:1: version is missing"),
        BadPolicy(#"{ "version": 2 }"#, "1:14: version 2 is not known; this program reads version 1"),
        BadPolicy(#"{ "version": "1" }"#, "1:14: version must be an integer"),
        BadPolicy(#"{ "version": 1.0 }"#, "1:14: version must be an integer"),
        BadPolicy(#"{ "version": 1, "version": 1 }"#, #"1:17: key "version" is given twice"#),
        BadPolicy(#"{ "version": 1, "alow": [] }"#, "1:25: alow is not a known key"),
        BadPolicy(#"{ "version": 1, "allow": {} }"#, "1:26: allow must be an array"),
        BadPolicy(#"{ "version": 1, "allow": null }"#, "1:26: allow must be an array"),
        BadPolicy(#"{ "version": 1, "allow": [7] }"#, "1:27: allow[0] must be an object"),
        BadPolicy("{ \"version\": 1 }\n// end\n{}", "3:1: something follows the value"),
        BadPolicy("{ \"version\": 1,\r\n\"allow\": [] }", "1:16: carriage return; lines end with a line feed alone"),
        BadPolicy("// a\r\n{ \"version\": 1 }", "1:5: carriage return; lines end with a line feed alone"),
        BadPolicy("\u{FEFF}{ \"version\": 1 }", "1:1: byte order mark"),
        BadPolicy("{ \"version\": 1, }", "1:17: unexpected '}'"),
        BadPolicy("{ \"version\": 1, /* no */ \"allow\": [] }", "1:17: unexpected '/'"),
    ]

    static let rules: [BadPolicy] = [
        .rule(#"{ "who": { "users": [0] }, "actions": ["request"] }"#, "2:1: allow[0].id is missing"),
        .rule(#"{ "id": "a", "actions": ["request"] }"#, "2:1: allow[0].who is missing"),
        .rule(#"{ "id": "a", "who": { "users": [0] } }"#, "2:1: allow[0].actions is missing"),
        .rule(
            #"{ "id": "a b", "who": { "users": [0] }, "actions": ["request"] }"#,
            #"2:9: id "a b" must be 1 to 64 letters, digits, '-', '_' or '.'"#),
        .rule(
            #"{ "id": "", "who": { "users": [0] }, "actions": ["request"] }"#,
            #"2:9: id "" must be 1 to 64 letters, digits, '-', '_' or '.'"#),
        .rule(#"{ "id": 7, "who": { "users": [0] }, "actions": ["request"] }"#, "2:9: allow[0].id must be a string"),
        .rule(#"{ "id": "a", "who": {}, "actions": ["request"] }"#, "2:21: who names nobody; list users or groups"),
        .rule(
            #"{ "id": "a", "who": { "users": [] }, "actions": ["request"] }"#,
            "2:32: allow[0].who.users is empty; leave it out or list something"),
        .rule(
            #"{ "id": "a", "who": { "user": [0] }, "actions": ["request"] }"#,
            "2:31: allow[0].who.user is not a known key"),
        .rule(
            #"{ "id": "a", "who": { "users": "root" }, "actions": ["request"] }"#,
            "2:32: allow[0].who.users must be an array"),
        .rule(#"{ "id": "a", "who": ["root"], "actions": ["request"] }"#, "2:21: allow[0].who must be an object"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": [] }"#,
            "2:50: allow[0].actions is empty; leave it out or list something"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["*"] }"#,
            "2:51: there is no wildcard for actions; list them"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request", "Request"] }"#,
            #"2:62: "Request" is not an action"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": "request" }"#, "2:50: allow[0].actions must be an array"),
        .rule(#"{ "id": "a", "who": { "users": [0] }, "actions": [3] }"#, "2:51: allow[0].actions[0] must be a string"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "gpus": [] }"#,
            "2:71: allow[0].gpus is empty; leave it out or list something"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "gpus": [0] }"#,
            "2:72: allow[0].gpus[0] must be a string"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "gpus": ["01"] }"#,
            #"2:72: "01" is no GPU: write all, an index, a UUID, a PCI address or model:GLOB"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "gpus": ["0", "*"] }"#,
            #"2:77: "*" is no GPU: write all, an index, a UUID, a PCI address or model:GLOB"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "profiles": ["3G.40gb"] }"#,
            #"2:76: "3G.40gb" is no profile: write all, a name such as 3g.40gb, or max-slices:N"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "profiles": ["max-slices:0"] }"#,
            #"2:76: "max-slices:0" is no profile: write all, a name such as 3g.40gb, or max-slices:N"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "profiles": ["1c.3g.20gb"] }"#,
            #"2:76: "1c.3g.20gb" is a compute instance's profile; name the profile of the GPU instance around it"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "from": "unknown" }"#,
            #"2:71: from must be "host" or "container", not "unknown""#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "from": ["host"] }"#,
            "2:71: allow[0].from must be a string"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "requireIsolation": "yes" }"#,
            "2:83: allow[0].requireIsolation must be true or false"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "requireIsolation": true }"#, in: "deny",
            "2:83: deny[0].requireIsolation is not a known key"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "onExpiry": "kill" }"#,
            "2:75: allow[0].onExpiry is not a known key"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "during": 8 }"#,
            "2:73: allow[0].during must be a string or an array of strings"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "during": ["Mon", 8] }"#,
            "2:81: allow[0].during must be a string or an array of strings"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "during": [] }"#,
            "2:73: allow[0].during is empty; leave it out or list something"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request"], "during": "Mon-Fri Mars/Olympus" }"#,
            #"2:73: zone "Mars/Olympus": there is no such zone"#),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "scope": "user", "slices": 1, "during": "Mon-Fri" }"#, in: "limits",
            "2:79: limits[0].during is not a known key"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["audit.read"], "gpus": ["0"] }"#,
            "2:74: gpus cannot narrow audit.read here; give that action a rule of its own"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["request", "mode.set"], "profiles": ["1g.5gb"] }"#,
            "2:87: profiles cannot narrow mode.set here; give that action a rule of its own"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "actions": ["read.own"], "gpus": ["0"] }"#, in: "deny",
            "2:72: gpus cannot narrow read.own here; give that action a rule of its own"),
    ]

    static let limits: [BadPolicy] = [
        limit("", "2:1: the limit limits nothing"),
        limit(#", "slices": -1"#, "2:66: limits[0].slices must be an integer from 0 to 1000000"),
        limit(#", "slices": 9223372036854775808"#, "2:66: limits[0].slices must be an integer from 0 to 1000000"),
        limit(#", "instances": 1.5"#, "2:69: limits[0].instances must be an integer from 0 to 1000000"),
        limit(#", "memory": 40"#, #"2:66: limits[0].memory must be a string such as "40GiB""#),
        limit(#", "memory": "40GB""#, #"2:66: memory "40GB" is no size: write digits and MiB, GiB or TiB"#),
        limit(#", "memory": "40 GiB""#, #"2:66: memory "40 GiB" is no size: write digits and MiB, GiB or TiB"#),
        limit(#", "memory": "-1GiB""#, #"2:66: memory "-1GiB" is no size: write digits and MiB, GiB or TiB"#),
        limit(#", "memory": "GiB""#, #"2:66: memory "GiB" is no size: write digits and MiB, GiB or TiB"#),
        limit(
            #", "memory": "9223372036854775807GiB""#,
            #"2:66: memory "9223372036854775807GiB" is no size: write digits and MiB, GiB or TiB"#),
        limit(
            #", "memory": "99999999999999999999MiB""#,
            #"2:66: memory "99999999999999999999MiB" is no size: write digits and MiB, GiB or TiB"#),
        limit(#", "leaseMax": "8""#, #"2:68: leaseMax "8" is no time: write digits and s, m, h or d"#),
        limit(#", "leaseMax": "0h""#, #"2:68: leaseMax "0h" is no time: write digits and s, m, h or d"#),
        limit(#", "leaseMax": 8"#, #"2:68: limits[0].leaseMax must be a string such as "8h""#),
        limit(
            #", "leaseMax": "99999999999999999d""#,
            #"2:68: leaseMax "99999999999999999d" is no time: write digits and s, m, h or d"#),
        limit(#", "leaseDefault": "3h", "leaseMax": "2h""#, "2:1: leaseDefault 3h is more than leaseMax 2h"),
        limit(#", "renewals": "3""#, "2:68: limits[0].renewals must be an integer from 0 to 1000000"),
        limit(#", "onExpiry": "stop""#, #"2:68: onExpiry must be "wait" or "kill", not "stop""#),
        limit(#", "gpus": ["0"], "slices": 1"#, "2:64: limits[0].gpus is not a known key"),
        .rule(#"{ "id": "a", "who": { "users": [0] }, "slices": 1 }"#, in: "limits", "2:1: limits[0].scope is missing"),
        .rule(
            #"{ "id": "a", "who": { "users": [0] }, "scope": "team", "slices": 1 }"#, in: "limits",
            #"2:48: scope must be "user" or "group", not "team""#),
    ]

    private static func limit(_ dimensions: String, _ first: String) -> BadPolicy {
        .rule(#"{ "id": "a", "who": { "users": [0] }, "scope": "user"\#(dimensions) }"#, in: "limits", first)
    }

    @Test(arguments: shapes + rules + limits)
    func `an error is told at its line and column`(_ bad: BadPolicy) {
        #expect(refusals(bad.text).first == bad.first)
    }

    @Test func `all errors of a file are told at once, in the order of the text`() {
        let text = """
            { "version": 3,
              "limits": [ { "id": "l", "who": { "groups": ["mll"] }, "scope": "user", "slices": "x" } ],
              "allow": [ { "id": "a", "who": { "users": ["dave"] }, "actions": ["reqest"] } ],
              "deny": [ { "id": "a", "who": { "users": ["alice"] }, "actions": ["request"] } ] }
            """
        #expect(
            refusals(text) == [
                "1:14: version 3 is not known; this program reads version 1",
                #"2:48: no group is named "mll""#,
                "2:85: limits[0].slices must be an integer from 0 to 1000000",
                #"3:46: no user is named "dave""#,
                #"3:69: "reqest" is not an action"#,
                #"4:21: id "a" is taken at policy0.json:3:22"#,
            ])
    }

    @Test func `an id is taken by whichever file comes first`() {
        let text = #"{ "version": 1, "deny": [{ "id": "x", "who": { "users": [0] }, "actions": ["request"] }] }"#
        #expect(throws: PolicyErrors.self) { try load(text, text) }
        do throws(PolicyErrors) {
            _ = try load(text, text)
        } catch {
            #expect(error.description == #"policy1.json:1:34: id "x" is taken at policy0.json:1:34"#)
        }
    }

    @Test func `an error in one file keeps the good rules of the others out`() {
        let good = #"{ "version": 1, "allow": [{ "id": "x", "who": { "users": [0] }, "actions": ["request"] }] }"#
        #expect(throws: PolicyErrors.self) { try load(good, "{}") }
        #expect(throws: PolicyErrors.self) { try load("{}", good) }
    }

    @Test func `errors past a hundred are counted as many`() {
        let rule = #"{ "id": "a", "who": { "users": ["dave"] }, "actions": ["x"] }"#
        let rules = Array(repeating: rule, count: 500).joined(separator: ",\n")
        let found = refusals("{ \"version\": 1, \"allow\": [\n\(rules)\n] }")
        #expect(found.count == 101)
        #expect(found.last?.hasSuffix("more than 100 errors; the rest is not shown") == true)
    }

    @Test func `more rules or bytes than the bounds allow are refused`() {
        var bounds = Bounds()
        bounds.policyRules = 2
        let rules = (0..<3).map { #"{ "id": "r\#($0)", "who": { "users": [0] }, "actions": ["request"] }"# }
        let text = "{ \"version\": 1, \"deny\": [\n\(rules.joined(separator: ",\n"))\n] }"
        #expect(refusals(text, bounds: bounds) == ["4:1: more than 2 rules and limits"])
        bounds.policyRules = 3
        #expect(refusals(text, bounds: bounds) == [])
        bounds.policyBytes = text.utf8.count - 1
        #expect(
            refusals(text, bounds: bounds).first?.hasSuffix("text is longer than \(text.utf8.count - 1) bytes") == true)
    }

    @Test func `twenty thousand rules load`() throws {
        let rules = (0..<20_000).map {
            #"{ "id": "r\#($0)", "who": { "users": [\#($0 + 1)] }, "actions": ["request"], "gpus": ["\#($0 % 8)"] }"#
        }
        let policy = try policy(allow: rules.joined(separator: ","))
        #expect(try policy.request(caller(19_999), "1g.5gb", on: gpus(6, 7)).rules == ["r19998"])
        #expect(try policy.request(caller(20_001), "1g.5gb", on: gpus(0)).isAllowed == false)
    }

    @Test func `the hash tells files apart by name, content and border`() throws {
        let empty = #"{ "version": 1 }"#
        func hash(_ files: [(String, String)]) throws -> String {
            try PolicySet.load(files.map { file($0.1, $0.0) }, names: Names.resolver).hash
        }
        let one = try hash([("/etc/migbroker/policy.json", empty)])
        #expect(one == "\(try hash([("/srv/root/etc/migbroker/policy.json", empty)]))", "the directory does not count")
        let others = [
            try hash([("policy.json", empty + " ")]), try hash([("policy.jso", empty)]),
            try hash([("policy.json", empty), ("a.json", empty)]),
            try hash([("policy.json", empty), ("b.json", empty)]),
            try hash([("a.json", empty), ("policy.json", empty)]), try hash([]),
        ]
        #expect(Set(others + [one]).count == others.count + 1)
    }

    /// The value is from another program, which framed the parts with 64-bit big-endian lengths.
    @Test func `the hash is that of the framing that is written down`() throws {
        let files = [
            file(#"{ "version": 1 }"#, "/etc/migbroker/policy.json"), file(#"{"version":1,"deny":[]}"#, "d/more.json"),
        ]
        let policy = try PolicySet.load(files, names: Names.resolver)
        #expect(policy.hash == "740ef94c57033d1566e411ebdad874fdcfef5c1dde0d8d352940fea73c0756c1")
    }
}

import MIG
import Policy
import Testing

@Suite struct PolicyNameTests {
    private static func who(_ who: String) -> String {
        "{ \"version\": 1, \"allow\": [\n{ \"id\": \"a\", \"who\": { \(who) }, \"actions\": [\"request\"] }\n] }"
    }

    @Test(arguments: [
        (#""users": ["dave"]"#, #"2:33: no user is named "dave""#),
        (#""users": ["1000"]"#, #"2:33: no user is named "1000""#),
        (#""groups": ["alice"]"#, #"2:34: no group is named "alice""#),
        (#""groups": ["Ml"]"#, #"2:34: no group is named "Ml""#),
        (
            #""users": ["slow"]"#,
            #"2:33: user "slow" could not be looked up: Resource temporarily unavailable (EAGAIN)"#
        ),
        (#""groups": ["slow"]"#, #"2:34: group "slow" could not be looked up: Input/output error (EIO)"#),
        (#""users": [""]"#, #"2:33: "" cannot be the name of a user"#),
        (#""users": ["a:b"]"#, #"2:33: "a:b" cannot be the name of a user"#),
        (#""users": [" alice"]"#, #"2:33: " alice" cannot be the name of a user"#),
        (#""users": ["alice\n"]"#, #"2:33: "alice\n" cannot be the name of a user"#),
        (#""users": ["alice\u0000"]"#, "2:39: NUL character"),
        (#""users": [-1]"#, "2:33: a user is a name or an integer from 0 to 4294967294"),
        (#""users": [4294967296]"#, "2:33: a user is a name or an integer from 0 to 4294967294"),
        (#""users": [1e3]"#, "2:33: a user is a name or an integer from 0 to 4294967294"),
        (#""users": [0.0]"#, "2:33: a user is a name or an integer from 0 to 4294967294"),
        (#""users": [true]"#, "2:33: a user is a name or an integer from 0 to 4294967294"),
        (#""users": [4294967295]"#, "2:33: user 4294967295 stands for nobody in particular"),
        (#""users": [65534]"#, "2:33: user 65534 stands for nobody in particular"),
        (#""users": ["nobody"]"#, "2:33: user 65534 stands for nobody in particular"),
        (#""groups": ["nogroup"]"#, "2:34: group 65534 stands for nobody in particular"),
        (#""groups": [4294967295]"#, "2:34: group 4294967295 stands for nobody in particular"),
        // KELVIN SIGN, which Swift takes for K, as itself and as an escape; NFC and NFD of the same name.
        ("\"groups\": [\"\u{212A}8s\"]", "2:35: character outside ASCII"),
        (#""groups": ["\u212A8s"]"#, "2:35: character outside ASCII"),
        ("\"users\": [\"andr\u{E9}\"]", "2:38: character outside ASCII"),
        ("\"users\": [\"andre\u{301}\"]", "2:39: character outside ASCII"),
    ])
    func `a name that is not one user or group is refused where it stands`(_ names: String, _ first: String) {
        #expect(refusals(Self.who(names)).first == first)
    }

    @Test(arguments: [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xC3]] as [[UInt8]])
    func `bytes that are not UTF-8 are refused in names and in comments`(_ bytes: [UInt8]) {
        for prefix in [#"{ "version": 1, "allow": [{ "id": ""#, "{ \"version\": 1 } // "] {
            let policy = PolicyFile(path: "p", bytes: Array(prefix.utf8) + bytes + Array("\"\n".utf8))
            #expect(throws: PolicyErrors.self) { try PolicySet.load([policy], names: Names.resolver) }
        }
    }

    @Test func `a name past ASCII never matches its look-alike`() throws {
        let policy = try policy(allow: #"{ "id": "k", "who": { "groups": ["K8s"] }, "actions": ["audit.read"] }"#)
        #expect(policy.ask(caller(1000, groups: [800]), .readAudit).isAllowed)
        #expect(policy.ask(caller(1000, groups: [801]), .readAudit).isAllowed == false)
    }

    @Test func `an escaped letter is the letter`() throws {
        let policy = try policy(allow: #"{ "id": "k", "who": { "groups": ["\u006dl"] }, "actions": ["audit.read"] }"#)
        #expect(policy.ask(caller(1000, groups: [100]), .readAudit).isAllowed)
    }

    @Test func `a group named by two spellings is one group`() throws {
        let text = #"{ "id": "k", "who": { "groups": ["ml", "ML", 100] }, "actions": ["audit.read"] }"#
        #expect(try policy(allow: text).ask(caller(1000, groups: [100]), .readAudit).groups == [GroupID(100)])
        let found = PolicyCheck.findings(
            in: [file("{ \"version\": 1, \"allow\": [\n\(text)\n] }", "p")], names: Names.resolver)
        #expect(
            found.map(\.description) == [
                "p:2:40: warning: group 100 is named twice", "p:2:46: warning: group 100 is named twice",
            ])
    }

    @Test func `directories' names with spaces and backslashes are names`() throws {
        let policy = try policy(
            allow: #"{ "id": "d", "who": { "groups": ["DOM\\all staff"] }, "actions": ["audit.read"] }"#)
        #expect(policy.ask(caller(1000, groups: [700]), .readAudit).isAllowed)
    }

    @Test func `largest ids are ids`() throws {
        let policy = try policy(
            allow: #"{ "id": "d", "who": { "users": [4294967294, 2147483648] }, "actions": ["audit.read"] }"#)
        #expect(policy.ask(caller(4_294_967_294), .readAudit).isAllowed)
        #expect(policy.ask(caller(2_147_483_648), .readAudit).isAllowed)
        #expect(policy.ask(caller(2_147_483_647), .readAudit).isAllowed == false)
    }
}

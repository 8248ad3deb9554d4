import Audit
import JSON
import Linux
import MIG
import TestSupport
import Testing

/// The verbs that work on files, without any broker.
@Suite(.enabled(if: BuiltProducts.has("migctl"), "needs the built program migctl"))
struct ClientFileTests {
    private static func migctl(_ arguments: [String]) throws -> Command {
        try Command.run(BuiltProducts.path(of: "migctl"), arguments, seconds: 20)
    }

    private static let good = """
        { "version": 1,
          "allow": [ { "id": "all", "who": { "users": [ 4242 ] }, "actions": ["request"] } ],
          "limits": [ { "id": "few", "who": { "users": [ 4242 ] }, "scope": "user", "slices": 3, "leaseMax": "1h" } ] }
        """

    @Test func `a good policy passes`() throws {
        let home = try TemporaryDirectory()
        let file = home.path("policy.json")
        try Files.write(file, Array(Self.good.utf8), mode: 0o644)
        let run = try Self.migctl(["policy", "check", file])
        #expect(run.code == 0)
        let json = try Self.migctl(["--json", "policy", "check", file])
        #expect(json.code == 0 && json.output.hasPrefix(#"{"valid":true,"diagnostics":["#))
    }

    @Test(arguments: [
        ("{", 1), (#"{ "version": 2 }"#, 1), (#"{ "version": 1, "alow": [] }"#, 1),
        ("{ \"version\": 1,\n\"deny\": 3 }", 2),
        ("", 1), (#"{ "version": 1, "version": 1 }"#, 1),
    ])
    func `a policy with an error fails with file and line`(text: String, line: Int) throws {
        let home = try TemporaryDirectory()
        let file = home.path("policy.json")
        try Files.write(file, Array(text.utf8), mode: 0o644)
        let run = try Self.migctl(["policy", "check", file])
        #expect(run.code == 10)
        #expect(run.output.split(separator: "\n").contains { $0.hasPrefix("\(file):\(line):") }, "\(run.output)")
        #expect(try Self.migctl(["policy", "check", file, "--json"]).output.hasPrefix(#"{"valid":false,"#))
    }

    @Test func `files are checked together, and one that cannot be read fails`() throws {
        let home = try TemporaryDirectory()
        let (first, second) = (home.path("a.json"), home.path("b.json"))
        try Files.write(first, Array(Self.good.utf8), mode: 0o644)
        try Files.write(second, Array(Self.good.utf8), mode: 0o644)
        #expect(try Self.migctl(["policy", "check", first, second]).code == 10, "the same ids twice")
        #expect(try Self.migctl(["policy", "check", first, home.path("none.json")]).code == 10)
        #expect(try Self.migctl(["policy", "check", home.path("none.json")]).code == 10)
        #expect(try Self.migctl(["policy", "check", "--root", home.path]).code == 10, "no policy below the root")
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root: an installed policy is root's"))
    func `a user's rights are shown with what narrows them, below a root that is named from here too`() throws {
        let home = try TemporaryDirectory()
        try Files.setMode(home.path, 0o755)
        try Files.makeDirectories(home.path("etc/migbroker"), mode: 0o755)
        let text = """
            { "version": 1,
              "allow": [ { "id": "small", "who": { "users": ["root"] }, "actions": ["read.own", "request"],
                           "gpus": ["1", "model:NVIDIA A100*"], "profiles": ["1g.5gb", "max-slices:3"], "from": "host",
                           "during": "Mon-Fri 08:00-20:00 UTC", "requireIsolation": true },
                         { "id": "any", "who": { "users": ["root"] }, "actions": ["request"] } ],
              "deny": [ { "id": "not-0", "who": { "users": ["root"] }, "actions": ["request"], "gpus": ["0"] } ] }
            """
        try Files.write(home.path("etc/migbroker/policy.json"), Array(text.utf8), mode: 0o644)
        let shown = try Self.migctl(["policy", "show", "--effective", "root", "--root", home.path])
        #expect(shown.code == 0, "\(shown.errors)")
        let rows = shown.output.split(separator: "\n").map {
            $0.split(separator: "  ").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }.map(String.init)
        }
        let narrow = "from host; Mon-Fri 08:00-20:00 UTC; where isolation is enforced"
        #expect(
            rows.dropFirst() == [
                ["read.own", "small", narrow], ["request", "any"],
                ["request", "small", "GPU 1, model:NVIDIA A100*; 1g.5gb, max-slices:3; \(narrow)"],
                ["request", "not-0 denies", "GPU 0"],
            ], "\(rows)")
        let json = try JSONParser.parse(
            Array(
                try Self.migctl(["--json", "policy", "show", "--effective", "root", "--root", home.path]).output.utf8),
            limits: .record)
        let scopes = json["rights"]?.arrayValue?.last?["scopes"]?.arrayValue ?? []
        #expect(scopes.map { $0["rule"]?.stringValue } == ["small", "not-0"])
        #expect(scopes.first?["profiles"]?.arrayValue?.last?.stringValue == "max-slices:3")
        #expect(scopes.first?["from"]?.stringValue == "host" && scopes.first?["requireIsolation"]?.boolValue == true)
        #expect(scopes.last?["gpus"]?.arrayValue?.map(\.stringValue) == ["0"])

        let relative = [
            "-c", "cd \(home.path) && exec \"$0\" --root . policy \"$1\"", BuiltProducts.path(of: "migctl"),
        ]
        for verb in ["show", "check"] {
            let run = try Command.run("sh", relative + [verb], seconds: 20)
            #expect(run.code == 0, "\(verb): \(run.errors)")
        }
        let nowhere = try Self.migctl(["--root", "nowhere", "policy", "show"])
        #expect(nowhere.code == 10, "\(nowhere.errors)")
    }

    @Test func `cases are asked, and what comes out otherwise fails with file and line`() throws {
        let home = try TemporaryDirectory()
        let (policy, cases) = (home.path("policy.json"), home.path("cases.json"))
        try Files.write(policy, Array(Self.good.utf8), mode: 0o644)
        func ask(_ expected: String, _ more: [String] = []) throws -> Command {
            let text = """
                { "version": 1, "cases": [
                  { "name": "\\u001b[2Jone", "user": 4242, "action": "request", "profiles": ["3g.20gb"],
                    "expect": "\(expected)" } ] }
                """
            try Files.write(cases, Array(text.utf8), mode: 0o644)
            return try Self.migctl(["policy", "test", cases, policy] + more)
        }
        #expect(try ask("allow").code == 0)
        let failed = try ask("deny")
        #expect(failed.code == 10 && failed.output.hasPrefix("\(cases):2:3: "), "\(failed)")
        #expect(!failed.output.utf8.contains(0x1B))
        #expect(try ask("deny", ["--json"]).output.hasPrefix(#"{"cases":1,"failures":[{"file":"#))
        let bad = try ask("perhaps")
        #expect(bad.code == 10 && bad.errors.hasSuffix("migctl: correct the file of cases there\n"), "\(bad.errors)")
        for (text, kind) in [(#""user": "nosuch""#, "users"), (#""user": 1, "groups": ["nosuch"]"#, "groups")] {
            let one = #"{ "name": "n", \#(text), "action": "audit.read", "expect": "deny" }"#
            try Files.write(cases, Array(#"{ "version": 1, "cases": [\#(one)] }"#.utf8), mode: 0o644)
            let told = try Self.migctl(["policy", "test", cases, policy])
            #expect(
                told.code == 10 && told.errors.hasSuffix("migctl: declare it under \"\(kind)\" in the file of cases\n"),
                "\(told.errors)")
        }
        #expect(try Self.migctl(["policy", "test", home.path("none.json"), policy]).code == 10)
        #expect(try Self.migctl(["policy", "test", cases, "--root", home.path]).code == 10, "no policy below the root")
        #expect(try Self.migctl(["policy", "test"]).code == 2)
    }

    @Test func `what a policy file holds cannot reach the terminal raw`() throws {
        let home = try TemporaryDirectory()
        let file = home.path("policy.json")
        let text = "{ \"version\": 1, \"\\u001b[2J\\u202ekey\": 1 }"
        try Files.write(file, Array(text.utf8), mode: 0o644)
        let run = try Self.migctl(["policy", "check", file])
        #expect(run.code == 10)
        #expect(!run.output.utf8.contains(0x1B) && !run.output.unicodeScalars.contains("\u{202E}"))
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root: the log trusts root's files only"))
    func `a log is whole until a byte of it changes`() throws {
        let home = try TemporaryDirectory()
        try Files.setMode(home.path, 0o755)
        do {
            let log = try AuditLog(home.path, reserve: 0, clock: try .system())
            for _ in 0..<3 { try log.note([AuditRecord(.health)]) }
        }
        let segment = try #require(AuditSegments.list(in: home.path).first)
        let whole = try Self.migctl(["audit", "verify", segment])
        #expect(whole.code == 0 && whole.output.hasSuffix("\n"))
        let head = String(whole.output.dropLast())
        #expect(try Self.migctl(["audit", "verify", home.path, "--head", head]).code == 0)

        let lines = try Files.read(segment).split(separator: 0x0A)
        try Files.write(segment, Array(lines.dropLast().joined(separator: [0x0A])) + [0x0A], mode: 0o640)
        #expect(try Self.migctl(["audit", "verify", segment]).code == 0, "a cut end alone cannot be seen")
        #expect(try Self.migctl(["audit", "verify", segment, "--head", head]).code == 10)

        var changed = Array(lines.joined(separator: [0x0A])) + [0x0A]
        changed[changed.count / 2] ^= 1
        try Files.write(segment, changed, mode: 0o640)
        let broken = try Self.migctl(["audit", "verify", segment])
        #expect(broken.code == 10 && broken.errors.contains(segment))
        #expect(try Self.migctl(["audit", "verify", segment, "--json"]).output.hasPrefix(#"{"valid":false,"#))
    }

    @Test func `no log is no whole log`() throws {
        let home = try TemporaryDirectory()
        #expect(try Self.migctl(["audit", "verify", home.path]).code == 10)
        #expect(try Self.migctl(["audit", "verify", home.path("none")]).code == 10)
    }
}

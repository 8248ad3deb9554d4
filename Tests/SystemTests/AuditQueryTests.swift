import JSON
import Linux
import MIG
import TestSupport
import Testing

/// What the audit log tells to whom, by every way in which it can be asked.
@Suite("The audit log is asked", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct AuditQueryTests {
    /// A stage on which alice and bob have each taken a slice and given it back, and carol was turned away.
    private static func stage() throws -> (Stage, KeptProcess) {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        for (person, profile) in [(Stage.alice, "3g.20gb"), (Stage.bob, "1g.5gb")] {
            let taken = try stage.migctl(["request", profile], as: person)
            guard taken.code == 0 else { throw StageError(what: taken.errors) }
            _ = try stage.migctl(["release", "--all"], as: person)
        }
        _ = try stage.migctl(["request", "1g.5gb"], as: Stage.carol)
        try daemon.waitUntil("the refusal is on record") { try !stage.records("denied").isEmpty }
        return (stage, daemon)
    }

    @Test func `of another's act on what is his, an owner is told who and what, and nothing of that one's session`()
        throws
    {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        #expect(try stage.migctl(["release", lease, "--yes"], as: Stage.root).code == 0)
        func end(_ person: Stage.Person) throws -> JSONValue {
            let shown = try stage.migctl(["audit", "show", "--json", "--type", "lease-end"], as: person)
            let line = try #require(shown.output.split(separator: "\n").first, "\(shown.errors)")
            return try JSONParser.parse(Array(line.utf8), limits: .record)
        }
        let whole = try end(Stage.root)
        #expect(whole["pid"] != nil && whole["comm"]?.stringValue == "migctl" && whole["rules"] != nil)
        let shown = try end(Stage.alice)
        #expect(shown["user"]?.stringValue == "root" && shown["uid"]?.integerValue == 0)
        #expect(shown["lease"]?.stringValue == lease && shown["onBehalfOf"]?.integerValue == 2001)
        for key in ["pid", "comm", "cgroup", "loginuid", "session", "groups", "gid", "rules", "conn", "origin"] {
            #expect(shown[key] == nil, "\(key)")
        }
        // Of what she did herself she is told all.
        let own = try stage.migctl(["audit", "show", "--json", "--type", "outcome", "--limit", "1"], as: Stage.alice)
        #expect(own.output.contains("\"pid\":") && own.output.contains("\"rules\":"))
        _ = daemon
    }

    @Test func `by whoever is given the number of somebody who is gone, without that one's records`() throws {
        let (stage, daemon) = try Self.stage()
        #expect(try stage.migctl(["audit", "show", "--json"], as: Stage.alice).output.contains("\"lease\":"))
        try stage.rename(Stage.alice, to: "mallory")
        try daemon.waitUntil("the new name is known") {
            try stage.migctl(["whoami"], as: Stage.alice).output.contains("mallory")
        }
        let shown = try stage.migctl(["audit", "show", "--json"], as: Stage.alice)
        #expect(!shown.output.contains("alice"), "\(shown.output)")
        let usage = try stage.migctl(["audit", "usage", "--json"], as: Stage.alice)
        #expect(!usage.output.contains("3g.20gb"), "\(usage.output)")
    }

    @Test func `without an end, until the right to it is gone with a group`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let path = "\(stage.path)/followed"
        try Files.write(path, [], mode: 0o666)
        try Files.setMode(path, 0o666)
        let auditor = try stage.start(
            ["sh", "-c", "exec '\(stage.path)/bin/migctl' --root '\(stage.broker)' audit follow --json >\(path) 2>&1"],
            as: Stage.dave)
        func seen() throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }
        try daemon.waitUntil("the auditor sees what alice does") {
            #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
            #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
            return try seen().contains("alice")
        }
        try stage.setMembers([], ofGroup: "auditors")
        // As long as an answer of the user database holds.
        Clock.sleep(milliseconds: 5200)
        let before = try seen()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try auditor.waitForEnd().shellCode == 3)
        let after = String(try seen().dropFirst(before.count))
        #expect(after.contains("NotAuthorized") && !after.contains("bob"), "\(after)")
    }

    @Test func `for all GPUs that a selector means`() throws {
        let stage = try Stage(
            machine: ["--gpu", "NVIDIA A100-SXM4-40GB", "--count", "2", "--mig"], policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "7g.40gb", "--count", "2"], as: Stage.root).code == 0)
        let all = try stage.records().filter { $0["gpu"] != nil }
        #expect(Set(all.compactMap { $0["gpu"]?.stringValue }).count == 2)
        for selector in ["all", "model:*A100*"] {
            let shown = try stage.migctl(["audit", "show", "--json", "--gpu", selector], as: Stage.root)
            #expect(shown.output.split(separator: "\n").count == all.count, "\(selector)")
        }
        let one = try stage.migctl(["audit", "show", "--json", "--gpu", "1"], as: Stage.root)
        let ofOne = one.output.split(separator: "\n").count
        #expect(ofOne > 0 && ofOne < all.count)
        _ = daemon
    }

    @Test func `by every filter, through the broker and from files, as a table and as records`() throws {
        let (stage, daemon) = try Self.stage()
        let all = try stage.records()
        func only(_ test: (JSONValue) -> Bool) -> [Int64] { all.filter(test).compactMap { $0["seq"]?.integerValue } }
        func text(_ record: JSONValue, _ key: String) -> String { record[key]?.stringValue ?? "" }
        let leases = all.compactMap { $0["lease"]?.stringValue }
        let lease = try #require(leases.first)
        let operations = all.compactMap { $0["op"]?.stringValue }
        let operation = try #require(operations.first)
        let gpus = all.compactMap { $0["gpu"]?.stringValue }
        let gpu = try #require(gpus.first)
        let questions: [([String], [Int64])] = [
            ([], only { _ in true }),
            (["--user", "alice"], only { text($0, "user") == "alice" || text($0, "onBehalfOfUser") == "alice" }),
            (["--user", "2001"], only { $0["uid"]?.integerValue == 2001 || $0["onBehalfOf"]?.integerValue == 2001 }),
            (["--uid", "2002"], only { $0["uid"]?.integerValue == 2002 || $0["onBehalfOf"]?.integerValue == 2002 }),
            (["--user", "alic"], []),
            (
                ["--group", "3001"],
                only { record in
                    record["gid"]?.integerValue == 3001
                        || record["groups"]?.arrayValue?.contains { $0.integerValue == 3001 } ?? false
                }
            ),
            (["--group", "ml"], only { $0["groups"]?.arrayValue?.contains { $0.integerValue == 3001 } ?? false }),
            (["--operation", String(operation.prefix(20))], only { text($0, "op").hasPrefix(operation.prefix(20)) }),
            (["--lease", lease], only { text($0, "lease") == lease }),
            (["--method", "Release"], only { text($0, "method") == "Release" }),
            (["--gpu", gpu], only { text($0, "gpu") == gpu }),
            (["--gpu", String(gpu.prefix(12))], only { text($0, "gpu") == gpu }),
            (["--profile", "3g.20gb"], only { text($0, "profile") == "3g.20gb" }),
            (["--result", "ok"], only { text($0, "result") == "ok" }),
            (["--result", "undone"], []),
            (["--type", "denied"], only { text($0, "type") == "denied" }),
            (["--type", "denied,lease-end"], only { ["denied", "lease-end"].contains(text($0, "type")) }),
            (["--since", "1h"], only { _ in true }), (["--until", "1h"], []),
            (["--since", "2020-01-01", "--type", "start"], only { text($0, "type") == "start" }),
            (
                ["--user", "bob", "--type", "outcome", "--limit", "1"],
                Array(only { text($0, "user") == "bob" && text($0, "type") == "outcome" }.prefix(1))
            ),
        ]
        let denials = only { text($0, "type") == "denied" }
        #expect(!denials.isEmpty)
        for (words, expected) in questions {
            for files in [[], [stage.auditDirectory]] {
                let shown = try stage.migctl(["audit", "show", "--json"] + files + words, as: Stage.root)
                #expect(shown.code == 0, "\(words) \(files): \(shown.errors)")
                let found = try shown.output.split(separator: "\n").map { line in
                    try JSONParser.parse(Array(line.utf8), limits: .record)["seq"]?.integerValue
                }
                #expect(found == expected, "\(words) \(files)")
                let table = try stage.migctl(["audit", "show"] + files + words, as: Stage.root)
                let lines = table.output.split(separator: "\n").count
                #expect(lines == (expected.isEmpty ? 0 : expected.count + 1), "\(words) \(files)")
            }
        }
        _ = daemon
    }

    @Test func `records of files are shown as they stand in them`() throws {
        let (stage, daemon) = try Self.stage()
        #expect(try daemon.stop() == .exited(0))
        let files = try Files.list(stage.auditDirectory).sorted().map { "\(stage.auditDirectory)/\($0)" }
        let bytes = try files.flatMap { try Files.read($0) }
        let shown = try stage.migctl(["audit", "show", "--json"] + files, as: Stage.root)
        #expect(Array(shown.output.utf8) == bytes)
        // Nobody else may read the files: what he may see, the broker shows him.
        #expect(try stage.migctl(["audit", "show"] + files, as: Stage.alice).code == 1)
    }

    @Test func `a damaged file is shown as far as it goes, and the damage is told`() throws {
        let (stage, daemon) = try Self.stage()
        #expect(try daemon.stop() == .exited(0))
        let copy = "\(stage.path)/copy"
        var bytes = try Files.read("\(stage.auditDirectory)/\(try Files.list(stage.auditDirectory).sorted()[0])")
        bytes[20] = 0x1B
        try Files.write(copy, bytes)
        let shown = try stage.migctl(["audit", "show", copy], as: Stage.root)
        #expect(shown.code == 10)
        #expect(shown.errors.contains("damaged: 1 line"))
        #expect(!shown.output.isEmpty && !shown.output.contains("\u{1B}"))
    }

    @Test func `half a line at a file's end is told, and a file or directory without records is no log`() throws {
        let (stage, daemon) = try Self.stage()
        #expect(try daemon.stop() == .exited(0))
        let bytes = try Files.read("\(stage.auditDirectory)/audit-00000001.jsonl")
        let torn = "\(stage.path)/torn"
        try Files.write(torn, bytes.dropLast(20))
        for words in [["show"], ["show", "--user", "alice"], ["usage"]] {
            let told = try stage.migctl(["audit"] + words + [torn], as: Stage.root)
            #expect(told.code == 10 && told.errors.contains("damaged: 1 line"), "\(words): \(told.errors)")
            #expect(!told.output.isEmpty)
        }
        let nothing = "\(stage.path)/nothing"
        try Files.makeDirectories(nothing)
        for verb in ["show", "usage", "verify"] {
            let told = try stage.migctl(["audit", verb, nothing], as: Stage.root)
            #expect(told.code == 10 && told.errors.contains("there are no segments"), "\(verb): \(told.errors)")
        }
        let (empty, whole) = ("\(stage.path)/empty", "\(stage.auditDirectory)/audit-00000001.jsonl")
        try Files.write(empty, [])
        for files in [[empty], [empty, whole], [empty, empty], [whole, empty, whole]] {
            let told = try stage.migctl(["audit", "verify"] + files, as: Stage.root)
            #expect(told.code == 10 && told.errors.contains("there are no records"), "\(files): \(told.errors)")
        }
        // A crash may have come before the first record of the newest.
        #expect(try stage.migctl(["audit", "verify", whole, empty], as: Stage.root).code == 0)
        try Files.write("\(nothing)/audit-00000001.jsonl", [])
        #expect(try stage.migctl(["audit", "verify", nothing], as: Stage.root).code == 10)
    }

    /// Where each column begins, by the line of titles.
    private static func columns(_ line: Substring) -> [String: Int] {
        var columns: [String: Int] = [:]
        var position = 0
        for part in line.split(separator: " ", omittingEmptySubsequences: false) {
            if !part.isEmpty { columns[String(part)] = position }
            position += part.utf8.count + 1
        }
        return columns
    }

    @Test func `a table that is printed piece by piece keeps its columns`() throws {
        let (stage, daemon) = try Self.stage()
        let output = "\(stage.path)/followed"
        try Files.setMode(stage.path, 0o777)
        let follower = try stage.start(
            [
                "sh", "-c", "umask 0; exec \"$0\" \"$@\" > \(output)", "\(stage.path)/bin/migctl", "--root",
                stage.broker,
                "audit", "follow", "--since", "1h", "--type", "start,lease-end,denied,outcome", "--user", "2001",
            ], as: Stage.dave)
        func followed() throws -> [Substring] {
            guard let bytes = try? Files.read(output) else { return [] }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        }
        try follower.waitUntil("the earlier records are shown") { try followed().count >= 4 }
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0)
        try follower.waitUntil("the later one is shown") { try followed().last?.contains("2g.10gb") ?? false }
        follower.end()
        #expect(try daemon.stop() == .exited(0))

        let path = "\(stage.path)/long"
        let bytes = try Files.read("\(stage.auditDirectory)/audit-00000001.jsonl")
        try Files.write(path, Array(repeatElement(bytes, count: 1 + 2000 / stage.records().count).joined()))
        let shown = try stage.migctl(["audit", "show", path], as: Stage.root).output.split(separator: "\n")
        #expect(shown.count > 2000)
        for lines in [try followed(), shown] {
            let columns = Self.columns(try #require(lines.first))
            #expect(lines.count { $0.contains("METHOD") } == 1)
            let time = try #require(columns["TIME"])
            let method = try #require(columns["METHOD"])
            for line in lines.dropFirst() {
                #expect(line.dropFirst(time).hasPrefix("20") && line.dropFirst(time - 1).hasPrefix(" "), "\(line)")
                for name in ["Request", "Release"] where line.contains(name) {
                    #expect(line.dropFirst(method).hasPrefix("\(name) "), "\(line)")
                }
            }
        }
    }

    @Test func `a row tells its number, for whom it was done, and what mode or policy is meant`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        #expect(try stage.migctl(["release", lease, "--yes"], as: Stage.root).code == 0)
        #expect(try stage.migctl(["mode", "disable", "--gpu", "0", "--yes"], as: Stage.root).code == 0)
        let table = try stage.migctl(["audit", "show"], as: Stage.dave).output.split(separator: "\n").map(String.init)
        let records = try stage.records()
        #expect(table.count == records.count + 1)
        for (record, line) in zip(records, table.dropFirst()) {
            let words = line.split(separator: " ")
            #expect(words.first.map(String.init) == record["seq"]?.integerValue.map { "\($0)" }, "\(line)")
            switch record["type"]?.stringValue {
            case "lease-end": #expect(line.contains("root for alice"), "\(line)")
            case "policy-loaded":
                #expect(line.contains("policy \(record["policy"]?.stringValue?.prefix(12) ?? "?")"), "\(line)")
            default: break
            }
            if record["method"]?.stringValue == "SetMIGMode" {
                #expect(line.contains("SetMIGMode: disabled"), "\(line)")
            }
        }
        #expect(
            table.contains { $0.contains("SetMIGMode: disabled") } && table.contains { $0.contains("root for alice") })
        let quiet = try stage.migctl(["audit", "show", "-q", "--type", "lease-end"], as: Stage.dave)
        let ends = try stage.records("lease-end").compactMap { $0["seq"]?.integerValue }
        #expect(quiet.output == ends.map { "\($0)\n" }.joined())
        let quietFile = try stage.migctl(["audit", "show", "-q", stage.auditDirectory, "--limit", "2"], as: Stage.root)
        #expect(quietFile.output == "1\n2\n")
        _ = daemon
    }

    @Test func `what makes no sense, or is others', is refused`() throws {
        let (stage, daemon) = try Self.stage()
        for (parameters, name) in [
            (#"{"group":-1}"#, "group"), (#"{"group":4294967296}"#, "group"), (#"{"lease":""}"#, "lease"),
            (#"{"lease":"xyz"}"#, "lease"), (#"{"operation":"AB"}"#, "operation"), (#"{"result":"good"}"#, "result"),
            (#"{"types":["denied","bogus"]}"#, "types"), (#"{"types":"denied"}"#, "types"), (#"{"limit":0}"#, "limit"),
            (#"{"since":"yesterday"}"#, "since"), (#"{"until":"1h"}"#, "until"), (#"{"gpu":"GPU-xyz"}"#, "gpu"),
            (#"{"follow":1}"#, "follow"), (#"{"bogus":1}"#, "bogus"),
        ] {
            let answer = try stage.exchange(Stage.call("QueryAudit", parameters), as: Stage.root)
            #expect(answer.invalidParameter == name, "\(parameters): \(answer)")
        }
        for (parameters, name) in [
            (#"{"since":"x"}"#, "since"), (#"{"until":1}"#, "until"), (#"{"group":1}"#, "group"),
        ] {
            let answer = try stage.exchange(Stage.call("QueryUsage", parameters), as: Stage.root)
            #expect(answer.invalidParameter == name, "\(parameters): \(answer)")
        }
        let follow = try stage.exchange(Stage.call("QueryAudit", #"{"follow":true}"#), as: Stage.root)
        #expect(follow.error == "org.varlink.service.ExpectedMore")
        for method in ["QueryAudit", "QueryUsage"] {
            for user in ["bob", "2002", "root"] {
                let answer = try stage.exchange(Stage.call(method, #"{"user":"\#(user)"}"#), as: Stage.alice)
                #expect(answer.error == "NotAuthorized", "\(method) \(user)")
            }
            #expect(try stage.exchange(Stage.call(method), as: Stage.carol).error == "NotAuthorized")
        }
        _ = daemon
    }

    @Test func `without the right to all records every filter stays with one's own`() throws {
        let (stage, daemon) = try Self.stage()
        for words in [
            [], ["--group", "3001"], ["--type", "denied,outcome,intent,lease-end,start"], ["--result", "ok"],
            ["--profile", "1g.5gb"], ["--since", "1h"],
        ] {
            let shown = try stage.migctl(["audit", "show", "--json"] + words, as: Stage.alice)
            #expect(shown.code == 0)
            for line in shown.output.split(separator: "\n") {
                let record = try JSONParser.parse(Array(line.utf8), limits: .record)
                #expect(record["uid"]?.integerValue == 2001 || record["onBehalfOf"]?.integerValue == 2001, "\(words)")
            }
        }
        _ = daemon
    }

    @Test func `whoever follows is told of what is written from then on, and of nothing else`() throws {
        let (stage, daemon) = try Self.stage()
        let output = { (name: String) in "\(stage.path)/\(name)" }
        func follow(_ name: String, _ words: [String], as person: Stage.Person) throws -> KeptProcess {
            try stage.start(
                [
                    "sh", "-c", "umask 0; exec \"$0\" \"$@\" > \(output(name))", "\(stage.path)/bin/migctl", "--root",
                    stage.broker,
                ]
                    + ["audit", "follow", "--json"] + words, as: person)
        }
        func seen(_ name: String) throws -> [JSONValue] {
            guard let bytes = try? Files.read(output(name)) else { return [] }
            return try bytes.split(separator: 0x0A).map { try JSONParser.parse(Array($0), limits: .record) }
        }
        try Files.setMode(stage.path, 0o777)
        let before = try stage.records().count
        let followers = [
            try follow("all", [], as: Stage.dave), try follow("denied", ["--type", "denied"], as: Stage.dave),
            try follow("own", [], as: Stage.alice), try follow("since", ["--since", "1h"], as: Stage.dave),
            try follow("two", ["--limit", "2"], as: Stage.dave),
        ]
        // Until the earlier records are there they may not have asked yet.
        try followers[3].waitUntil("the earlier records are shown") { try seen("since").count >= before }
        var rounds = 0
        try followers[0].waitUntil("records are shown as they are written") {
            rounds += 1
            _ = try stage.migctl(["request", "1g.5gb"], as: Stage.bob)
            _ = try stage.migctl(["release", "--all"], as: Stage.bob)
            return try seen("all").count(where: { $0["type"]?.stringValue == "lease-end" }) > 1
        }
        #expect(try followers[4].waitForEnd() == .exited(0))
        #expect(try seen("two").count == 2)
        _ = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        try followers[2].waitUntil("alice is shown her own") { try seen("own").count >= 2 }
        #expect(try seen("own").allSatisfy { $0["uid"]?.integerValue == 2001 })
        #expect(try seen("denied").allSatisfy { $0["type"]?.stringValue == "denied" })
        let all = try stage.records()
        let shown = try seen("since")
        #expect(shown == Array(all.prefix(shown.count)))
        let first = try #require(try seen("all").first?["seq"]?.integerValue)
        #expect(first > before)
        // Who leaves takes nobody with him; and the broker ends though others still follow.
        followers[0].end()
        #expect(try stage.migctl(["whoami"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))
        #expect(try followers[3].waitForEnd() == .exited(0))
    }

    @Test func `whoever follows and loses the right to it is told so`() throws {
        let (stage, daemon) = try Self.stage()
        let follower = try stage.start(
            ["\(stage.path)/bin/migctl", "--root", stage.broker, "audit", "follow", "--since", "1h"], as: Stage.dave)
        Clock.sleep(milliseconds: 300)
        let changed = LabPolicy.text.replacing(
            "\"read.own\", \"read.all\", \"audit.read\"] },", with: "\"read.own\"] },")
        #expect(changed != LabPolicy.text)
        try Files.write(stage.policy, Array(changed.utf8))
        #expect(try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.root).error == nil)
        #expect(try follower.waitForEnd() == .exited(3))
        _ = daemon
    }

    @Test(.enabled(if: Command.exists("python3"), "needs python3"))
    func `use is added up as another implementation adds it up, for all and for oneself`() throws {
        let (stage, daemon) = try Self.stage()
        _ = try stage.migctl(["request", "2g.10gb"], as: Stage.alice)
        // The question's end is told to the second, and is to lie after what is in use.
        Clock.sleep(milliseconds: 2100)
        let now = Clock.wall()
        let asked = try stage.migctl(
            ["audit", "usage", "--json", "--since", "1h", "--until", now.description], as: Stage.dave)
        let usage = try JSONParser.parse(Array(asked.output.utf8), limits: .reply)
        let until = try #require(usage["until"]?.stringValue.flatMap { Timestamp($0) })
        let files = try Files.list(stage.auditDirectory).filter { $0.hasSuffix(".jsonl") }.sorted()
        let script = Files.parent(of: Files.parent(of: #filePath)) + "/AuditTests/usage.py"
        let counted = try Command.run(
            "python3",
            [script, "--now", "\(until.nanosecondsSinceEpoch / 1000)"] + files.map { "\(stage.auditDirectory)/\($0)" })
        let sums = try JSONParser.parse(Array(counted.output.utf8), limits: .reply)
        func figures(_ row: JSONValue?) -> [Int64] {
            ["leases", "instanceSeconds", "sliceSeconds", "memoryGiBSeconds"].compactMap { row?[$0]?.integerValue }
        }
        func theirs(_ table: String, _ key: String) -> [Int64] {
            (sums[table]?[key]?.arrayValue ?? []).compactMap(\.integerValue)
        }
        #expect(figures(usage["total"]) == theirs("total", "all"))
        for (table, key) in [("users", "uid"), ("groups", "gid"), ("profiles", "profile")] {
            let rows = usage[table]?.arrayValue ?? []
            #expect(rows.count == sums[table]?.objectValue?.count)
            for row in rows {
                let name = row[key]?.integerValue.map { "\($0)" } ?? row[key]?.stringValue ?? "None"
                #expect(figures(row) == theirs(table, name), "\(table) \(name)")
            }
        }
        let own = try stage.migctl(["audit", "usage", "--json"], as: Stage.bob)
        let bobs = try JSONParser.parse(Array(own.output.utf8), limits: .reply)
        #expect(bobs["users"]?.arrayValue?.map { $0["uid"]?.integerValue } == [2002])
        #expect(bobs["total"]?["leases"]?.integerValue == 1)
        let fromFiles = try stage.migctl(["audit", "usage", stage.auditDirectory, "--by", "user"], as: Stage.root)
        // Of files the period ends with their last record, whatever that is of.
        #expect(try daemon.stop() == .exited(0))
        let ofFiles = try stage.migctl(["audit", "usage", "--json", stage.auditDirectory], as: Stage.root)
        let whole = try JSONParser.parse(Array(ofFiles.output.utf8), limits: .reply)
        let last = try #require(try stage.records().last?["time"]?.stringValue.flatMap { Timestamp($0) })
        #expect(whole["until"]?.stringValue == last.description && whole["begins"] == nil)
        // What a log without its beginning cannot tell is said.
        let cut = "\(stage.path)/cut"
        let lines = try Files.read("\(stage.auditDirectory)/audit-00000001.jsonl").split(separator: 0x0A)
        try Files.write(cut, Array(lines.dropFirst(4).joined(separator: [0x0A])) + [0x0A])
        let ofCut = try stage.migctl(["audit", "usage", cut], as: Stage.root)
        #expect(ofCut.code == 0 && ofCut.errors.contains("the log begins at"), "\(ofCut.errors)")
        #expect(!fromFiles.errors.contains("the log begins at"))
        #expect(fromFiles.code == 0 && fromFiles.output.contains("alice") && fromFiles.output.contains("SLICE-HOURS"))
        _ = daemon
    }
}

import Audit
import JSON
import Linux
import TestSupport
import Testing

@Suite("Compute instances", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct ComputeInstanceTests {
    private static let fast = GPUInstanceTests.fast

    /// A stage on which alice has a GPU instance without compute instances, 0:1.
    private func stage(_ profile: String = "9:0", _ policy: String = InstancePolicy.usual) throws -> (
        Stage, KeptProcess
    ) {
        let stage = try Stage(policy: policy)
        let daemon = try stage.startDaemon(Self.fast + ["--limit", "retrySeconds=1"])
        let made = try stage.migctl("gi create \(profile)", as: Stage.alice)
        guard made.code == 0 else { throw StageError(what: made.errors) }
        return (stage, daemon)
    }

    private func compute(_ stage: Stage) throws -> [JSONValue] {
        try stage.seen().flatMap { $0["computeInstances"]?.arrayValue ?? [] }
    }

    @Test func `all in a GPU instance is open to its owner alone, and closed when it is destroyed`() throws {
        let (stage, daemon) = try stage()
        let parent = stage.node(try #require(try stage.seen().first))
        // There is nothing to compute with yet, and still nobody else gets in.
        #expect(try stage.opens(parent, as: Stage.alice) == .allowed)
        #expect(try stage.opens(parent, as: Stage.bob) == .refused)
        #expect(try stage.objects(["devices"], "devices", as: Stage.alice).isEmpty)
        #expect(try stage.violations() == [])

        let made = try stage.migctl("ci create 0,0,0 --gi 1", as: Stage.alice)
        #expect(made.code == 0, "\(made.errors)")
        let nodes = try compute(stage).map(stage.node)
        try #require(nodes.count == 3)
        for node in nodes + [parent] {
            #expect(try stage.opens(node, as: Stage.alice) == .allowed)
            for other in [Stage.bob, Stage.carol, Stage.dave] { #expect(try stage.opens(node, as: other) == .refused) }
        }
        let devices = try stage.objects(["devices"], "devices", as: Stage.alice)
        let lease = try #require(try stage.objects(["leases"], "leases", as: Stage.alice).first)
        #expect(devices.map { $0["uuid"] } == lease["uuids"]?.arrayValue)
        #expect(try stage.violations() == [])

        #expect(try stage.migctl("ci destroy 1 --gi 1", as: Stage.alice).code == 0)
        #expect(try stage.opens(nodes[1], as: Stage.alice) == .refused)
        #expect(try stage.opens(nodes[0], as: Stage.alice) == .allowed)
        #expect(try stage.migctl("ci destroy --all", as: Stage.alice).code == 0)
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        #expect(try stage.opens(parent, as: Stage.alice) == .allowed)
        #expect(try stage.violations() == [])
        #expect(try stage.migctl("gi destroy 1", as: Stage.alice).code == 0)
        #expect(try stage.opens(parent, as: Stage.alice) == .refused)
        #expect(try stage.machine().instances == 0)
        _ = daemon
    }

    static let names: [(words: [String], made: [String])] = [
        (["0"], ["1c.3g.20gb"]), (["1c.3g.20gb"], ["1c.3g.20gb"]), (["MIG 1c.3g.20gb:2"], ["1c.3g.20gb at 2"]),
        (["1,0"], ["1c.3g.20gb", "2c.3g.20gb"]), (["0:2,2c.3g.20gb"], ["1c.3g.20gb at 2", "2c.3g.20gb at 0"]),
        (["2"], ["3g.20gb"]), (["3g.20gb"], ["3g.20gb"]), ([], ["3g.20gb"]),
        (["0,0", "0"], ["1c.3g.20gb", "1c.3g.20gb", "1c.3g.20gb"]),
    ]

    @Test func `a compute profile is named by id, short or full name, with or without its place`() throws {
        let (stage, daemon) = try stage()
        for (words, wanted) in Self.names {
            let made = try stage.migctl(["ci", "create"] + words + ["--gi", "0:1"], as: Stage.alice)
            #expect(made.code == 0, "\(words): \(made.errors)")
            let seen = try compute(stage).map {
                "\($0["profile"]?.stringValue ?? "") at \($0["placement"]?["start"]?.integerValue ?? -1)"
            }.sorted()
            #expect(seen.count == wanted.count)
            for (have, want) in zip(seen, wanted) { #expect(have.hasPrefix(want), "\(words): \(seen)") }
            #expect(try stage.violations() == [])
            #expect(try stage.migctl("ci destroy --all --gi 1", as: Stage.alice).code == 0)
        }
        _ = daemon
    }

    static let refusals: [(line: String, person: Stage.Person, code: Int32, word: String)] = [
        ("ci create 0 --gi 0:1", Stage.bob, 4, "NotFound"), ("ci create 0 --gi 0:1", Stage.carol, 4, "NotFound"),
        ("ci create 0 --gi 0:1", Stage.root, 4, "NotFound"), ("ci create 9 --gi 1", Stage.alice, 4, "NotFound"),
        ("ci create 1c.4g.20gb --gi 1", Stage.alice, 4, "NotFound"), ("ci create 0 --gi 2", Stage.alice, 4, ""),
        ("ci create 0 --gi 0:2", Stage.alice, 4, "NotFound"), ("ci create 0 --gi 3:1", Stage.alice, 4, "NotFound"),
        ("ci create 0,0,0,0 --gi 1", Stage.alice, 6, "NoRoom"), ("ci create 1,1 --gi 1", Stage.alice, 6, "NoRoom"),
        ("ci create 0:5 --gi 1", Stage.alice, 6, "NoRoom"), ("ci create 2,0 --gi 1", Stage.alice, 6, "NoRoom"),
        ("ci create 0:0,0:0 --gi 1", Stage.alice, 6, "NoRoom"),
        ("ci destroy 0 --gi 1", Stage.alice, 4, "NotFound"), ("ci destroy 0:1:0", Stage.alice, 4, "NotFound"),
        ("ci destroy 0:1:0 --yes", Stage.bob, 4, "NotFound"), ("ci destroy 0:1:0 --yes", Stage.root, 4, "NotFound"),
    ]

    @Test func `what makes no sense, has no room or is another's is refused, and nothing is made`() throws {
        let (stage, daemon) = try stage()
        for (line, person, code, word) in Self.refusals {
            for more in ["", " --dry-run"] {
                let refused = try stage.migctl(line + more, as: person)
                #expect(refused.code == code, "\(line + more): \(refused.output)\(refused.errors)")
                #expect(refused.errors.contains(word), "\(line + more): \(refused.errors)")
            }
        }
        #expect(try stage.migctl("ci create", as: Stage.bob).errors.contains("you have no GPU instances"))
        #expect(try compute(stage).isEmpty)
        #expect(try stage.records("intent").count == 1)
        _ = daemon
    }

    @Test func `another's compute instance looks as if it were not there, and goes by the right to anybody's`() throws {
        let (stage, daemon) = try stage()
        #expect(try stage.migctl("ci create 0,0", as: Stage.alice).code == 0)
        for (there, absent) in [("0:1:0", "0:1:5"), ("0:1:1", "0:4:1")] {
            let foreign = try stage.migctl("ci destroy \(there) --yes", as: Stage.bob)
            let unknown = try stage.migctl("ci destroy \(absent) --yes", as: Stage.bob)
            #expect(foreign.code == 4)
            let form = { (text: String) in text.replacing(absent.prefix(3), with: there.prefix(3)) }
            #expect(form(foreign.errors) == form(unknown.errors))
        }
        let unasked = try stage.migctl("ci destroy 0:1:0", as: Stage.root)
        #expect(unasked.code == 2 && unasked.errors.contains("alice's"), "\(unasked.errors)")
        #expect(try compute(stage).count == 2)
        #expect(try stage.migctl("ci destroy 0:1:0 --yes", as: Stage.root).code == 0)
        #expect(try compute(stage).count == 1)
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `what another tool puts into a lease is not the owner's, and keeps the lease until it goes`() throws {
        let (stage, daemon) = try stage()
        #expect(try stage.migctl("ci create 0", as: Stage.alice).code == 0)
        try stage.otherTool("ci 1 0")
        let full = try stage.migctl("ci create 1", as: Stage.alice)
        #expect(full.code == 6 && full.errors.contains("no free placement for 2c.3g.20gb in GPU instance 0:1"))
        #expect(full.errors.contains("instances --profiles") && !full.errors.contains("--wait"), "\(full.errors)")
        #expect(try stage.migctl("ci create 0", as: Stage.alice).code == 0)
        let lease = try #require(try stage.objects(["leases"], "leases", as: Stage.alice).first)
        #expect(lease["uuids"]?.arrayValue?.count == 2)
        #expect(try stage.violations() == [])
        let kept = try stage.migctl("release --all", as: Stage.alice)
        #expect(kept.code == 5 && kept.errors.contains("another tool"), "\(kept.code) \(kept.errors)")
        #expect(try compute(stage).count == 3)
        let found = try #require(kept.errors.firstMatch(of: /made compute instance (\d+)/))
        let name = "0:1:\(found.1)"
        #expect(try stage.migctl("ci destroy \(name) --yes", as: Stage.alice).code == 3)
        #expect(try compute(stage).count == 3)
        // Who may end anybody's may end it too.
        let ended = try stage.migctl("ci destroy \(name) --yes", as: Stage.root)
        #expect(ended.code == 0, "\(ended.errors)")
        #expect(try stage.migctl("release --all", as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 0)
        let violations = try stage.violations()
        #expect(violations == [])
        _ = daemon
    }

    @Test func `where one of several fails all are taken back, and what was there before stays`() throws {
        let (stage, daemon) = try stage()
        #expect(try stage.migctl("ci create 0", as: Stage.alice).code == 0)
        let call = "nvmlGpuInstanceCreateComputeInstanceWithPlacement"
        #expect(try stage.migsim("fault", [call, "999", "--after", "1", "--times", "1"]).code == 0)
        let failed = try stage.migctl("ci create 0,0", as: Stage.alice)
        #expect(failed.code == 1 && failed.errors.contains("DriverError"), "\(failed.errors)")
        #expect(try compute(stage).count == 1)
        #expect(try stage.opens(stage.node(try compute(stage)[0]), as: Stage.alice) == .allowed)
        #expect(try stage.records("outcome").suffix(2).map { $0["result"]?.stringValue } == ["undone", "undone"])
        #expect(try stage.violations() == [])
        #expect(try stage.migctl("ci create 0,0", as: Stage.alice).code == 0)
        #expect(try compute(stage).count == 3)
        _ = daemon
    }

    @Test func `one that a process uses is not taken, who that is only its owner learns, and nothing else goes`() throws
    {
        let (stage, daemon) = try stage()
        #expect(try stage.migctl("ci create 0,0", as: Stage.alice).code == 0)
        let device = try #require(try compute(stage).last?["uuid"]?.stringValue)
        let holder = try stage.hold(device, as: Stage.alice)
        for line in ["ci destroy 0,1 --gi 0:1 --yes", "gi destroy 0:1 --yes"] {
            let own = try stage.migctl(line, as: Stage.alice)
            #expect(own.code == 5 && own.errors.contains("\(holder.pid)"), "\(line): \(own.errors)")
            let others = try stage.migctl(line, as: Stage.root)
            #expect(others.code == 5 && !others.errors.contains("\(holder.pid)"), "\(line): \(others.errors)")
        }
        #expect(try compute(stage).count == 2)
        #expect(try stage.records("intent").count == 3)
        #expect(try stage.violations() == [])
        #expect(try stage.migctl("ci destroy 0 --gi 1", as: Stage.alice).code == 0)
        holder.end()
        #expect(try stage.migctl("ci destroy 1 --gi 1", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        #expect(try daemon.stop() == .exited(0))
        // That it was refused is on record, and so is to whom.
        #expect(try stage.denials(of: Stage.root).contains { $0.error == "InUse" })
    }

    @Test(arguments: ["release --all", "expiry", "gi destroy --all"])
    func `a lease with three compute instances ends as one, and so does one with none`(way: String) throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        let time = way == "expiry" ? " --for 4s" : ""
        #expect(try stage.migctl("gi create 9,19\(time)", as: Stage.alice).code == 0)
        let big = try #require(try stage.seen().first { $0["profile"]?.stringValue == "3g.20gb" }?["gi"]?.integerValue)
        #expect(try stage.migctl("ci create 0,0,0 --gi \(big)", as: Stage.alice).code == 0)
        let nodes = try (stage.seen() + compute(stage)).map(stage.node)
        #expect(nodes.count == 5)
        if way != "expiry" { #expect(try stage.migctl(way, as: Stage.alice).code == 0) }
        try daemon.waitUntil("the leases have ended") { try stage.leases(of: Stage.alice).isEmpty }
        #expect(try stage.machine().instances == 0)
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        #expect(try stage.violations() == [])
        #expect(try stage.records("lease-end").count == 2)
    }

    @Test func `leases with several compute instances and with none survive a restart, by the log alone too`() throws {
        let (stage, first) = try stage("9,19")
        let big = try #require(try stage.seen().first { $0["profile"]?.stringValue == "3g.20gb" }?["gi"]?.integerValue)
        #expect(try stage.migctl("ci create 0,0,0 --gi \(big)", as: Stage.alice).code == 0)
        #expect(try stage.migctl("ci destroy 1 --gi \(big)", as: Stage.alice).code == 0)
        let before = try stage.migctl("--json leases", as: Stage.alice).output
        var daemon = first
        for _ in 0..<2 {
            daemon.end()
            try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
            daemon = try stage.startDaemon()
            #expect(try stage.migctl("--json leases", as: Stage.alice).output == before)
            #expect(try stage.violations() == [])
        }
    }

    @Test func `each compute instance has its intent and its outcome, told apart by profile and place`() throws {
        let (stage, daemon) = try stage()
        #expect(try stage.migctl("ci create 0,1", as: Stage.alice).code == 0)
        #expect(try stage.migctl("ci destroy --all", as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        for (method, order) in [
            ("CreateComputeInstances", ["intent", "intent", "outcome", "outcome"]),
            ("DestroyComputeInstances", ["intent", "outcome", "intent", "outcome"]),
        ] {
            let records = try stage.records().filter { $0["method"]?.stringValue == method }
            #expect(records.map { $0["type"]?.stringValue } == order)
            for record in records {
                #expect(record["lease"]?.stringValue == lease && record["gi"]?.integerValue == 1)
                #expect(record["op"] == records[0]["op"] && record["user"]?.stringValue == "alice")
                #expect(record["rules"]?.arrayValue?.compactMap(\.stringValue) == ["alice-may"], "\(record.text())")
            }
            for type in ["intent", "outcome"] {
                let own = records.filter { $0["type"]?.stringValue == type }
                #expect(own.compactMap { $0["profile"]?.stringValue }.sorted() == ["1c.3g.20gb", "2c.3g.20gb"])
                #expect(Set(own.compactMap { $0["placement"]?.text() }).count == 2)
            }
            let outcomes = records.filter { $0["type"]?.stringValue == "outcome" }
            #expect(outcomes.allSatisfy { $0["result"]?.stringValue == "ok" && $0["ci"]?.integerValue != nil })
        }
        _ = daemon
    }

    @Test func `the list of what fits is that of the notes`() throws {
        let (stage, daemon) = try stage()
        #expect(try stage.migctl("ci create 0", as: Stage.alice).code == 0)
        let table = try stage.migctl("instances --profiles", as: Stage.alice)
        let rows = table.output.split(separator: "\n").dropFirst().map { $0.split(separator: " ").map(String.init) }
        #expect(
            rows.map { $0.prefix(6).joined(separator: " ") } == [
                "0 1 1c.3g.20gb 0 2 3", "0 1 2c.3g.20gb 1 1 1", "0 1 3g.20gb 2* 0 1",
            ], "\(table.output)")
        _ = daemon
    }
}

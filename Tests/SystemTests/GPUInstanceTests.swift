import Audit
import JSON
import Linux
import MIG
import TestSupport
import Testing

@Suite("GPU instances", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct GPUInstanceTests {
    static let fast = ["--limit", "changesPerSecond=1000", "--limit", "changeBurst=1000"]

    @Test func `the session of the notes goes from the first list to the last destroy`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        let pair = try stage.migctl("-q gi create 9,3g.20gb -C", as: Stage.alice)
        #expect(pair.code == 0, "\(pair.errors)")
        #expect(pair.output.split(separator: "\n").sorted() == ["0:1", "0:2"])
        #expect(try stage.profiles() == ["3g.20gb", "3g.20gb"])
        #expect(try stage.seen().allSatisfy { $0["computeInstances"]?.arrayValue?.count == 1 })
        #expect(try stage.violations() == [])
        #expect(try stage.migctl("gi destroy --all", as: Stage.alice).code == 0)
        // The second of these is one that the driver's own order of placing has no room for.
        for (list, profiles) in [
            ("19,14,5", ["1g.5gb", "2g.10gb", "4g.20gb"]), ("19,19,14,9", ["1g.5gb", "1g.5gb", "2g.10gb", "3g.20gb"]),
            ("9,19,14,19", ["1g.5gb", "1g.5gb", "2g.10gb", "3g.20gb"]),
        ] {
            let made = try stage.migctl("gi create \(list)", as: Stage.alice)
            #expect(made.code == 0, "\(list): \(made.errors)")
            #expect(made.errors.contains("nothing can run in them yet"))
            #expect(try stage.profiles() == profiles)
            #expect(try stage.seen().allSatisfy { $0["computeInstances"] == [] })
            #expect(try stage.violations() == [])
            #expect(try stage.migctl("gi destroy --all", as: Stage.alice).code == 0)
        }
        #expect(try stage.migctl("gi create 9,9", as: Stage.alice).code == 0)
        let three = try stage.migctl("-q ci create 0,0,0 --gi 1", as: Stage.alice)
        #expect(three.output == "0:1:0\n0:1:1\n0:1:2\n", "\(three.errors)")
        #expect(try stage.violations() == [])
        let gone = try stage.migctl("-q ci destroy 0,1,2 --gi 1", as: Stage.alice)
        #expect(gone.output == "0:1:0\n0:1:1\n0:1:2\n", "\(gone.errors)")
        #expect(try stage.migctl("ci create", as: Stage.alice).code == 0)
        #expect(try stage.migctl("ci destroy --all", as: Stage.alice).code == 0)
        #expect(try stage.migctl("gi destroy --all", as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 0)
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.violations() == [])
        #expect(try stage.migctl("gi destroy --all", as: Stage.alice).errors.contains("there are none"))
        _ = daemon
    }

    static let names: [(words: [String], placements: [String])] = [
        (["9"], ["3g.20gb"]), (["3g.20gb"], ["3g.20gb"]), (["MIG 3g.20gb"], ["3g.20gb"]),
        (["9:4"], ["3g.20gb at 4"]), (["3g.20gb:0"], ["3g.20gb at 0"]), (["MIG 3g.20gb:4"], ["3g.20gb at 4"]),
        (["19:6,MIG 2g.10gb:0", "14:2"], ["1g.5gb at 6", "2g.10gb at 0", "2g.10gb at 2"]),
        (["MIG 1g.5gb,19", "1g.5gb:3"], ["1g.5gb", "1g.5gb", "1g.5gb at 3"]),
    ]

    @Test func `a profile is named by id, short or full name, with or without its place`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        for (words, placements) in Self.names {
            let made = try stage.migctl(["gi", "create"] + words, as: Stage.alice)
            #expect(made.code == 0, "\(words): \(made.errors)")
            var seen = try stage.seen().map {
                "\($0["profile"]?.stringValue ?? "") at \($0["placement"]?["start"]?.integerValue ?? -1)"
            }
            #expect(seen.count == placements.count)
            for placement in placements {
                let match = seen.firstIndex { $0.hasPrefix(placement) }
                #expect(match != nil, "\(words): no \(placement) in \(seen)")
                if let match { seen.remove(at: match) }
            }
            #expect(try stage.migctl("gi destroy --all", as: Stage.alice).code == 0)
        }
        _ = daemon
    }

    static let refusals: [(line: String, person: Stage.Person, code: Int32, word: String)] = [
        ("gi create 9", Stage.carol, 3, "no rule allows gi.create of 3g.20gb"),
        ("gi create 9", Stage.dave, 3, "NotAuthorized"), ("gi create 99", Stage.alice, 4, "NotFound"),
        ("gi create 3g.99gb", Stage.alice, 4, "NotFound"), ("gi create 9:1", Stage.alice, 6, "NoRoom"),
        ("gi create 9:7", Stage.alice, 6, "NoRoom"), ("gi create 9,9,9", Stage.alice, 6, "NoRoom"),
        ("gi create 9:0,9:0", Stage.alice, 6, "NoRoom"), ("gi create 0,19", Stage.alice, 6, "NoRoom"),
        ("gi create 9 --gpu 5", Stage.alice, 4, "NotFound"), ("gi create 9 --gpu 0,5", Stage.alice, 4, "NotFound"),
        ("gi create 9 --gpu model:NVIDIA_H100*", Stage.alice, 4, "NotFound"),
        ("gi create 9 --for 25h", Stage.alice, 6, "QuotaExceeded"),
        ("gi destroy 0:1", Stage.alice, 4, "NotFound"), ("gi destroy 1", Stage.alice, 4, "no GPU instance 1"),
        ("gi destroy 5:1", Stage.alice, 4, "NotFound"),
    ]

    @Test func `what makes no sense, has no room or is not allowed is refused, and nothing is made`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        for (line, person, code, word) in Self.refusals {
            for more in ["", " --dry-run", " --json"] {
                let refused = try stage.migctl(line + more, as: person)
                #expect(refused.code == code, "\(line + more): \(refused.errors)")
                #expect((refused.errors + refused.output).contains(word), "\(line + more): \(refused.errors)")
            }
        }
        #expect(try stage.machine().instances == 0)
        #expect(try stage.records("intent").isEmpty)
        #expect(try daemon.stop() == .exited(0))
        // Also where the client looked at a plan and went no further.
        #expect(try stage.denials(of: Stage.carol).contains { $0.method == "CreateGPUInstances" })
        #expect(try stage.denials(of: Stage.alice).contains { $0.error == "NoRoom" })
    }

    @Test func `instances made by hand count against the limits, and last as long as the policy says`() throws {
        let limit = """
            { "id": "each", "who": { "users": ["alice"] }, "scope": "user", "instances": 2, "slices": 4,
              "leaseDefault": "1h", "leaseMax": "8h" }
            """
        let stage = try Stage(policy: InstancePolicy.text(["alice": InstancePolicy.makers], limits: limit))
        let daemon = try stage.startDaemon(Self.fast)
        for line in ["gi create 19,19,19", "gi create 5,19", "gi create 0", "gi create 19 --for 9h"] {
            let refused = try stage.migctl(line, as: Stage.alice)
            #expect(refused.code == 6 && refused.errors.contains("each"), "\(line): \(refused.errors)")
        }
        #expect(try stage.machine().instances == 0)
        #expect(try stage.migctl("gi create 9:0", as: Stage.alice).code == 0)
        #expect(try stage.migctl("gi create 14", as: Stage.alice).code == 6)
        #expect(try stage.migctl("request 2g.10gb", as: Stage.alice).code == 6)
        #expect(try stage.migctl("gi create 19 --for 8h --name long", as: Stage.alice).code == 0)
        #expect(try stage.migctl("request 1g.5gb", as: Stage.alice).code == 6)
        let leases = try stage.objects(["leases"], "leases", as: Stage.alice)
        let hours = try leases.map { lease in
            let times = try ["created", "expires"].map {
                try #require(lease[$0]?.stringValue.flatMap { Timestamp($0) })
            }
            return (times[1].secondsSinceEpoch - times[0].secondsSinceEpoch) / 3600
        }
        #expect(hours.sorted() == [1, 8])
        #expect(leases.compactMap { $0["name"]?.stringValue } == ["long"])
        #expect(try stage.migctl("gi destroy 0:1", as: Stage.alice).code == 0)
        #expect(try stage.migctl("gi create 14", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `a rule's profiles and GPUs bind who makes instances by hand`() throws {
        let policy = InstancePolicy.text(
            ["alice": InstancePolicy.makers], more: #", "profiles": ["1g.5gb", "2g.10gb"], "gpus": ["1"]"#)
        let machine = ["--gpu", "A100", "--count", "3", "--mig"]
        let stage = try Stage(machine: machine, policy: policy)
        let daemon = try stage.startDaemon(Self.fast)
        for line in [
            "gi create 9 --gpu 1", "gi create 19,9 --gpu 1", "gi create 19 --gpu 0", "gi create 19 --gpu 0,1",
            "gi create 19 --gpu model:NVIDIA*", "gi create 9",
        ] {
            let refused = try stage.migctl(line, as: Stage.alice)
            #expect(refused.code == 3, "\(line): \(refused.errors)")
        }
        #expect(try stage.machine().instances == 0)
        // Named or not, it is the one GPU on which she may.
        for line in ["gi create 19", "gi create 14 --gpu 1"] {
            #expect(try stage.migctl("-q \(line)", as: Stage.alice).output.hasPrefix("1:"))
        }
        #expect(try stage.gpus().map { $0["instances"]?.arrayValue?.count } == [0, 2, 0])
        _ = daemon
    }

    @Test func `without a GPU named it is on each, which needs a yes`() throws {
        let stage = try Stage(machine: ["--gpu", "A100", "--count", "2", "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        let unasked = try stage.migctl("gi create 19:0 -C", as: Stage.alice)
        #expect(unasked.code == 2 && unasked.errors.contains("--yes"), "\(unasked.errors)")
        #expect(try stage.machine().instances == 0)
        let made = try stage.migctl("-q gi create 19:0 -C --yes", as: Stage.alice)
        #expect(made.output.split(separator: "\n").sorted() == ["0:7", "1:7"], "\(made.errors)")
        // A number that is on both is told apart, and nothing goes meanwhile.
        let unclear = try stage.migctl("gi destroy 7", as: Stage.alice)
        #expect(unclear.code == 2 && unclear.errors.contains("0:7, 1:7"), "\(unclear.errors)")
        #expect(try stage.machine().instances == 2)
        for (instances, error) in [
            (#"{"gpu":"model:NVIDIA*","gi":7}"#, "Ambiguous"), (#"{"gpu":"2","gi":7}"#, "NotFound"),
            (#"{"gpu":"0","gi":7},{"gpu":"0","gi":7}"#, "org.varlink.service.InvalidParameter"),
            (#"{"gpu":"0","gi":7},{"gpu":"0","gi":8}"#, "NotFound"),
        ] {
            let call = Stage.call("DestroyGPUInstances", #"{"instances":[\#(instances)]}"#)
            #expect(try stage.exchange(call, as: Stage.alice).error == error, "\(instances)")
        }
        #expect(try stage.machine().instances == 2)
        #expect(try stage.migctl("gi destroy 7 --gpu 1", as: Stage.alice).code == 0)
        #expect(try stage.gpus().map { $0["instances"]?.arrayValue?.count } == [1, 0])
        #expect(try stage.migctl("gi create 0,19 --gpu 1", as: Stage.alice).code == 6)
        // All or none, over GPUs too: the first has no room for another 7g.
        #expect(try stage.migctl("gi create 0 --gpu 0,1", as: Stage.alice).code == 6)
        #expect(try stage.machine().instances == 1)
        let chosen = try stage.migctl("gi create 14 --gpu 0,1", as: Stage.alice)
        #expect(chosen.code == 0, "\(chosen.errors)")
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `all means all on the GPUs named, whatever names them, and nothing on others`() throws {
        let stage = try Stage(machine: ["--gpu", "A100", "--count", "3", "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        let gpu = try #require(try stage.gpus().last)
        let names = try ["pci", "uuid"].map { try #require(gpu[$0]?.stringValue) } + ["2", "2,2"]
        #expect(try stage.migctl("gi create 9:0 -C --yes", as: Stage.alice).code == 0)
        for name in names {
            for line in ["ci destroy --all --gpu \(name)", "gi destroy --all --gpu \(name)"] {
                let shown = try stage.migctl("--json \(line) --dry-run", as: Stage.alice)
                let reply = try JSONParser.parse(Array(shown.output.utf8), limits: .reply)
                let steps = reply["plan"]?["steps"]?.arrayValue ?? []
                #expect(!steps.isEmpty && steps.allSatisfy { $0["gpu"]?["index"]?.integerValue == 2 }, "\(line)")
            }
            #expect(try stage.migctl("gi destroy 1 --gpu \(name) --dry-run", as: Stage.alice).code == 0, "\(name)")
        }
        let one = try stage.migctl("ci destroy --all --gi 0:1 --gpu 0,1 --dry-run", as: Stage.alice)
        #expect(one.output.split(separator: "\n").count == 2, "\(one.output)")
        for name in names.prefix(3) {
            let line = "ci destroy --all --everybody --gi 1 --gpu \(name)"
            let unasked = try stage.migctl(line, as: Stage.root)
            #expect(unasked.code == 2 && unasked.errors.contains("on GPU 2"), "\(line): \(unasked.errors)")
            #expect(!unasked.errors.contains("on GPU 0"), "\(line): \(unasked.errors)")
        }
        for name in ["3", "0,3", "0000:ff:00.0", "model:Tesla*"] {
            let refused = try stage.migctl("gi destroy --all --gpu \(name)", as: Stage.alice)
            #expect(refused.code == 4, "\(name): \(refused.output)\(refused.errors)")
        }
        #expect(try stage.machine().instances == 3)
        #expect(try stage.migctl("gi destroy --all --gpu \(names[0])", as: Stage.alice).code == 0)
        #expect(try stage.gpus().map { $0["instances"]?.arrayValue?.count } == [1, 1, 0])
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `a GPU whose mode is off is left out where none is named, and refused where it is`() throws {
        let stage = try Stage(machine: ["--gpu", "A100", "--gpu", "A100"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        #expect(try stage.migctl("gi create 9", as: Stage.alice).code == 7)
        #expect(try stage.migctl("mode enable --gpu 1", as: Stage.root).code == 0)
        for line in ["gi create 9 --gpu 0", "gi create 9 --gpu 0,1", "gi create 9 --gpu model:NVIDIA*"] {
            let refused = try stage.migctl(line, as: Stage.alice)
            #expect(refused.code == 7 && refused.errors.contains("MIG mode is off on GPU 0"), "\(line)")
        }
        #expect(try stage.machine().instances == 0)
        #expect(try stage.migctl("-q gi create 9:0", as: Stage.alice).output == "1:1\n")
        #expect(try stage.violations() == [])
        _ = daemon
    }

    /// Each right, and what it alone is enough for.
    static let rights: [(action: String, method: String, parameters: String)] = [
        ("gi.create", "CreateGPUInstances", #""profiles":["1g.5gb"]"#),
        ("gi.destroy.own", "DestroyGPUInstances", #""instances":[{"gpu":"0","gi":OWN}]"#),
        ("gi.destroy.any", "DestroyGPUInstances", #""instances":[{"gpu":"0","gi":BOBS}]"#),
        ("ci.create", "CreateComputeInstances", #""instances":[{"gpu":"0","gi":OWN}],"profiles":["0"]"#),
        ("ci.destroy.own", "DestroyComputeInstances", #""computeInstances":[{"gpu":"0","gi":OWN,"ci":0}]"#),
        ("ci.destroy.any", "DestroyComputeInstances", #""computeInstances":[{"gpu":"0","gi":BOBS,"ci":0}]"#),
    ]

    @Test func `each right is needed, and is enough for its own and for nothing else`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        #expect(try stage.migctl("gi create 9", as: Stage.alice).code == 0)
        #expect(try stage.migctl("ci create 0", as: Stage.alice).code == 0)
        #expect(try stage.migctl("gi create 14 -C", as: Stage.bob).code == 0)
        let own = try #require(try stage.objects(["leases"], "leases", as: Stage.alice).first?["gi"]?.integerValue)
        let bobs = try #require(try stage.objects(["leases"], "leases", as: Stage.bob).first?["gi"]?.integerValue)
        func ask(_ parameters: String, _ method: String, gi other: Int64? = nil) throws -> WireAnswer {
            let text = parameters.replacing("OWN", with: "\(own)").replacing("BOBS", with: "\(other ?? bobs)")
            return try stage.exchange(Stage.call(method, "{\(text),\"dryRun\":true}"), as: Stage.alice)
        }
        for given in ["none"] + Self.rights.map(\.action) {
            let actions = given == "none" ? ["read.own"] : ["read.own", given]
            try stage.reload(InstancePolicy.text(["alice": actions]))
            for (action, method, parameters) in Self.rights {
                let answer = try ask(parameters, method)
                if action == given {
                    #expect(answer.reply?["dryRun"]?.boolValue == true, "\(given), \(action): \(answer)")
                } else if action.hasSuffix("any") {
                    #expect(answer.error == "NotFound", "\(given), \(action): \(answer)")
                    // Just as what is not there at all, but for its number.
                    let absent = try ask(parameters, method, gi: 6)
                    #expect("\(absent)".replacing("0:6", with: "0:\(bobs)") == "\(answer)")
                } else {
                    #expect(answer.error == "NotAuthorized", "\(given), \(action): \(answer)")
                    #expect("\(answer)".contains("no rule allows \(action)"), "\(answer)")
                }
            }
        }
        #expect(try stage.machine().instances == 2)
        _ = daemon
    }

    @Test func `another's instance goes by the right to anybody's, after a yes, and his lease with it`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        #expect(try stage.migctl("gi create 9:0 -C", as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        let foreign = try stage.migctl("gi destroy 0:1 --yes", as: Stage.bob)
        let absent = try stage.migctl("gi destroy 0:6 --yes", as: Stage.bob)
        #expect(foreign.code == 4 && foreign.errors.replacing("0:1", with: "0:6") == absent.errors)
        let unasked = try stage.migctl("gi destroy 0:1", as: Stage.root)
        #expect(unasked.code == 2 && unasked.errors.contains("alice's"), "\(unasked.errors)")
        #expect(try stage.machine().instances == 1)
        let ended = try stage.migctl("gi destroy --all --everybody --yes", as: Stage.root)
        #expect(ended.code == 0, "\(ended.errors)")
        #expect(try stage.machine().instances == 0)
        #expect(try stage.leases(of: Stage.alice) == [])
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        let end = try #require(try stage.records("lease-end").first)
        #expect(end["reason"]?.stringValue == "destroyed" && end["user"]?.stringValue == "root")
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `another tool's instance is nobody's, and goes by the right to anybody's alone`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        try stage.otherTool("gi 9")
        for line in ["gi destroy 0:2 --yes", "ci create --gi 0:2", "ci destroy 0:2:0 --yes"] {
            #expect(try stage.migctl(line, as: Stage.alice).code == 4, "\(line)")
        }
        // It is not root's either, to fill or to have; and what is next to it has room.
        #expect(try stage.migctl("ci create --gi 0:2", as: Stage.root).code == 4)
        #expect(try stage.migctl("gi create 9", as: Stage.alice).code == 0)
        #expect(try stage.migctl("gi create 19", as: Stage.alice).code == 6)
        let unasked = try stage.migctl("gi destroy 0:2", as: Stage.root)
        #expect(unasked.code == 2 && unasked.errors.contains("another tool"), "\(unasked.errors)")
        #expect(try stage.machine().instances == 2)
        #expect(try stage.violations(external: 1...1) == [])
        #expect(try stage.migctl("gi destroy 0:2 --yes", as: Stage.root).code == 0)
        #expect(try stage.machine().instances == 1)
        #expect(try stage.violations() == [])
        let outcome = try #require(try stage.records("outcome").last)
        #expect(outcome["gi"]?.integerValue == 2 && outcome["lease"] == nil && outcome["profile"] == "3g.20gb")
        _ = daemon
    }

    @Test func `where one of several fails all are taken back`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        for call in ["nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance"] {
            #expect(try stage.migsim("fault", [call, "999", "--after", "2", "--times", "1"]).code == 0)
            let failed = try stage.migctl("gi create 19,19,14 -C", as: Stage.alice)
            #expect(failed.code == 1 && failed.errors.contains("DriverError"), "\(call): \(failed.errors)")
            #expect(try stage.machine().instances == 0)
            #expect(try stage.violations() == [])
        }
        #expect(try stage.records("outcome").map { $0["result"]?.stringValue } == Array(repeating: "undone", count: 6))
        #expect(try stage.leases(of: Stage.alice) == [])
        _ = daemon
    }

    @Test func `the record tells who made what where, by which rule, before and after`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(Self.fast)
        #expect(try stage.migctl("gi create 9:4,19 --name both", as: Stage.alice).code == 0)
        let records = try stage.records().filter { $0["method"] == "CreateGPUInstances" }
        #expect(records.map { $0["type"]?.stringValue } == ["intent", "intent", "outcome", "outcome"])
        for record in records {
            #expect(record["user"] == "alice" && record["rules"] == ["alice-may"], "\(record.text())")
            #expect(record["params"]?.stringValue?.contains("9:4") == true, "\(record.text())")
            #expect(record["lease"] != nil && record["op"] == records[0]["op"] && record["name"] == "both")
        }
        let leases = try stage.objects(["leases"], "leases", as: Stage.alice)
        for outcome in records.suffix(2) {
            let lease = try #require(leases.first { $0["id"] == outcome["lease"] })
            #expect(outcome["result"] == "ok" && outcome["gi"] == lease["gi"] && outcome["ci"] == nil)
            #expect(outcome["profile"] == lease["profile"] && outcome["expires"] == lease["expires"])
        }
        #expect(try stage.violations() == [])
        _ = daemon
    }
}

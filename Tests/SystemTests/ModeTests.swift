import Audit
import JSON
import Linux
import TestSupport
import Testing

@Suite("MIG mode", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct ModeTests {
    private static let fast = GPUInstanceTests.fast
    private static let on: [Bool?] = [true, true]
    private static let off: [Bool?] = [false, false]
    private static let pendingOn: [Bool?] = [false, true]

    private func stage(_ machine: [String], _ policy: String = InstancePolicy.usual) throws -> (Stage, KeptProcess) {
        let stage = try Stage(machine: machine, policy: policy)
        return (stage, try stage.startDaemon(Self.fast))
    }

    private func outcomes(_ stage: Stage) throws -> [String?] {
        try stage.records("outcome").filter { $0["method"]?.stringValue == "SetMIGMode" && $0["lease"] == nil }
            .map { $0["result"]?.stringValue }
    }

    @Test func `it is turned on and off by index, PCI bus id and UUID, each GPU alone`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--gpu", "A100", "--gpu", "H100"])
        let gpus = try stage.gpus()
        let names = [
            try #require(gpus[1]["pci"]?.stringValue), "0", try #require(gpus[2]["uuid"]?.stringValue),
        ]
        var expected = [Self.off, Self.off, Self.off]
        for (index, name) in zip([1, 0, 2], names) {
            let uuid = try #require(gpus[index]["uuid"]?.stringValue)
            let done = try stage.migctl("-q mode enable --gpu \(name)", as: Stage.root)
            #expect(done.code == 0 && done.output == "\(uuid)\n", "\(name): \(done.errors)")
            expected[index] = Self.on
            #expect(try stage.modes() == expected)
        }
        for index in 0..<3 {
            #expect(try stage.migctl("request 1g.5gb --gpu \(index)", as: Stage.alice).code == (index < 2 ? 0 : 4))
        }
        #expect(try stage.migctl("release --all", as: Stage.alice).code == 0)
        for (index, name) in zip([1, 0, 2], names) {
            #expect(try stage.migctl("mode disable --gpu \(name)", as: Stage.root).code == 2)
            #expect(try stage.migctl("mode disable --gpu \(name) --yes", as: Stage.root).code == 0)
            expected[index] = Self.off
            #expect(try stage.modes() == expected)
        }
        #expect(try outcomes(stage) == Array(repeating: "ok", count: 6))
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `a mode that is there already is not set again, nor told as done`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--gpu", "H100", "--mig"])
        let same = try stage.migctl("mode enable --gpu 0,1", as: Stage.root)
        #expect(same.code == 0 && same.output.contains("on, as it was"), "\(same.output)\(same.errors)")
        let call = Stage.call("SetMIGMode", #"{"enabled":true,"gpus":["0"],"dryRun":true}"#)
        let shown = try stage.exchange(call, as: Stage.root).reply
        #expect(shown?["dryRun"]?.boolValue == true && shown?["plan"]?["steps"] == [])
        #expect(shown?["modes"]?.arrayValue?.map { $0["state"]?.stringValue } == ["unchanged"])
        #expect(try stage.records("intent").isEmpty)
        // Of two only that is changed which is not so yet.
        #expect(try stage.migctl("mode disable --gpu 0 --yes", as: Stage.root).code == 0)
        let both = try stage.migctl("--json mode enable --yes", as: Stage.root)
        let reply = try JSONParser.parse(Array(both.output.utf8), limits: .reply)
        #expect(reply["modes"]?.arrayValue?.compactMap { $0["state"]?.stringValue }.sorted() == ["done", "unchanged"])
        #expect(try outcomes(stage) == ["ok", "ok"])
        _ = daemon
    }

    @Test func `a GPU that comes back with another minor has nodes that work, and the old ones stay closed`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--count", "2", "--renumber"])
        func minors() throws -> [Int64?] { try stage.gpus().map { $0["minor"]?.integerValue } }
        #expect(try minors() == [0, 1])
        var old: [String] = []
        // Off and on again, and each time it is another one; the broker has nodes for the one that it comes to.
        for (minor, person) in [(Int64(2), Stage.alice), (2, Stage.bob)] {
            #expect(try stage.migctl("mode enable --gpu 0", as: Stage.root).code == 0)
            #expect(try minors() == [minor, 1])
            #expect(try stage.violations() == [])
            #expect(try stage.migctl("gi create 9:0 --gpu 0 -C", as: person).code == 0)
            let nodes = try #require(try stage.nodes(of: person).first)
            let seen = try #require(try stage.seen().first)
            #expect(nodes.first == stage.node(seen))
            for node in nodes {
                for other in [Stage.alice, Stage.bob, Stage.carol] {
                    #expect(try stage.opens(node, as: other) == (other == person ? .allowed : .refused))
                }
            }
            #expect(try stage.violations() == [])
            #expect(try stage.migctl("mode disable --gpu 0 --yes", as: Stage.root).code == 0)
            #expect(try minors() == [0, 1])
            old += nodes
            for node in old { #expect(try stage.opens(node, as: person) == .refused) }
            #expect(try stage.leases(of: person) == [])
            #expect(try stage.violations() == [])
        }
        #expect(try stage.migctl("mode enable --yes", as: Stage.root).code == 0)
        #expect(try stage.migctl("request 3g.20gb --gpu 1", as: Stage.alice).code == 0)
        for node in try #require(try stage.nodes(of: Stage.alice).first) {
            #expect(try stage.opens(node, as: Stage.alice) == .allowed)
            #expect(try stage.opens(node, as: Stage.bob) == .refused)
        }
        #expect(try stage.violations() == [])
        #expect(try daemon.stop() == .exited(0))
        let next = try stage.startDaemon()
        #expect(try stage.violations() == [])
        _ = next
    }

    @Test func `leases are ended for it only by who saw the plan and has the right to end them`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--mig"])
        #expect(try stage.migctl("gi create 9 -C", as: Stage.alice).code == 0)
        #expect(try stage.migctl("request 1g.5gb", as: Stage.bob).code == 0)
        let nodes = try stage.nodes(of: Stage.alice).flatMap { $0 }
        let off = Stage.call("SetMIGMode", #"{"enabled":false,"gpus":["0"]}"#)
        // Without the right to end leases of others, shown or not.
        for line in ["mode disable --gpu 0", "mode disable --gpu 0 --yes", "mode disable --gpu 0 --dry-run"] {
            let denied = try stage.migctl(line, as: Stage.dave)
            #expect([3, 4].contains(denied.code), "\(line): \(denied.errors)")
        }
        #expect(try stage.exchange(off, as: Stage.dave).error != nil)
        // With it, but without the plan.
        let unshown = try stage.exchange(off, as: Stage.root)
        #expect(unshown.error == "InUse" && "\(unshown)".contains("2 leases live"), "\(unshown)")
        let unasked = try stage.migctl("mode disable --gpu 0", as: Stage.root)
        #expect(unasked.code == 2 && unasked.errors.contains("alice's") && unasked.errors.contains("bob's"))
        #expect(try stage.modes() == [Self.on])
        #expect(try stage.machine().instances == 2)
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .allowed) }

        let done = try stage.migctl("mode disable --gpu 0 --yes", as: Stage.root)
        #expect(done.code == 0 && done.errors.contains("ended 2 leases"), "\(done.errors)")
        #expect(try stage.modes() == [Self.off])
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        let ends = try stage.records("lease-end")
        #expect(ends.map { $0["reason"]?.stringValue } == ["mode-change", "mode-change"])
        #expect(Set(ends.map { $0["op"]?.stringValue }).count == 1)
        #expect(try stage.leases(of: Stage.bob) == [])
        #expect(try stage.migctl("request 1g.5gb", as: Stage.bob).code == 7)
        #expect(try stage.violations() == [])
        #expect(try daemon.stop() == .exited(0))
        #expect(try stage.denials(of: Stage.root).contains { $0.error == "InUse" })
    }

    @Test func `one's own leases are ended by the right to one's own`() throws {
        let policy = InstancePolicy.text(["alice": InstancePolicy.makers + ["mode.set"], "bob": InstancePolicy.makers])
        let (stage, daemon) = try stage(["--gpu", "A100", "--mig"], policy)
        #expect(try stage.migctl("request 1g.5gb", as: Stage.alice).code == 0)
        #expect(try stage.migctl("mode disable --yes", as: Stage.alice).code == 0)
        #expect(try stage.migctl("mode enable", as: Stage.alice).code == 0)
        #expect(try stage.migctl("request 1g.5gb", as: Stage.bob).code == 0)
        #expect(try stage.migctl("request 1g.5gb", as: Stage.alice).code == 0)
        #expect([3, 4].contains(try stage.migctl("mode disable --yes", as: Stage.alice).code))
        #expect(try stage.machine().instances == 2)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `on an Ampere that a process uses it is pending, can be called off, and a reset makes it real`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100"])
        let uuid = try #require(try stage.gpus()[0]["uuid"]?.stringValue)
        let holder = try stage.hold(uuid, as: Stage.root)
        let put = try stage.migctl("mode enable --gpu 0", as: Stage.root)
        #expect(put.code == 7 && put.output.contains("not yet on"), "\(put.output)\(put.errors)")
        #expect(put.errors.contains("end whatever uses it"), "\(put.errors)")
        #expect(try stage.modes() == [Self.pendingOn])
        #expect(try stage.migctl("gpus", as: Stage.alice).output.contains("off, on after a reset"))
        let request = try stage.migctl("request 1g.5gb", as: Stage.alice)
        #expect(request.code == 7, "\(request.errors)")
        // Wanting it again is no success either, and with -q that is still told.
        let quiet = try stage.migctl("-q mode enable --gpu 0", as: Stage.root)
        #expect(quiet.code == 7 && quiet.output.isEmpty && quiet.errors.contains("not yet on"), "\(quiet.errors)")
        #expect(try outcomes(stage) == ["pending", "pending"])
        #expect(try stage.records("outcome").last?["reason"]?.stringValue?.isEmpty == false)

        let back = try stage.migctl("mode disable --gpu 0 --yes", as: Stage.root)
        #expect(back.code == 0, "\(back.output)\(back.errors)")
        #expect(try stage.modes() == [Self.off])
        #expect(try stage.migctl("mode enable --gpu 0", as: Stage.root).code == 7)
        holder.end()
        #expect(try stage.migsim("reset").code == 0)
        #expect(try stage.modes() == [Self.on])
        try daemon.waitUntil("the broker sees that it is on") {
            try stage.migctl("request 1g.5gb", as: Stage.alice).code == 0
        }
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `on a Hopper that a process uses it is refused, and nothing is pending`() throws {
        let (stage, daemon) = try stage(["--gpu", "H100"])
        let uuid = try #require(try stage.gpus()[0]["uuid"]?.stringValue)
        let holder = try stage.hold(uuid, as: Stage.root)
        let refused = try stage.migctl("mode enable --gpu 0", as: Stage.root)
        #expect(refused.code == 5 && refused.errors.contains("InUse"), "\(refused.output)\(refused.errors)")
        #expect(try stage.modes() == [Self.off])
        #expect(try outcomes(stage) == ["failed"])
        holder.end()
        #expect(try stage.migctl("mode enable --gpu 0", as: Stage.root).code == 0)
        // And with a slice in use no lease is ended for what could not be done.
        #expect(try stage.migctl("request 1g.10gb", as: Stage.alice).code == 0)
        let device = try #require(
            try stage.objects(["devices"], "devices", as: Stage.alice).first?["uuid"]?.stringValue)
        let user = try stage.hold(device, as: Stage.alice)
        let busy = try stage.migctl("mode disable --gpu 0 --yes", as: Stage.root)
        #expect(busy.code == 5 && !busy.errors.contains("\(user.pid)"), "\(busy.errors)")
        #expect(try stage.modes() == [Self.on])
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `another tool's instances keep a mode as it is, whoever asks`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--mig"])
        #expect(try stage.migctl("request 1g.5gb", as: Stage.alice).code == 0)
        try stage.otherTool("gi 14")
        for line in ["mode disable --gpu 0", "mode disable --gpu 0 --yes", "mode disable --yes"] {
            let refused = try stage.migctl(line, as: Stage.root)
            #expect(refused.code == 5 && refused.errors.contains("another tool made it"), "\(line): \(refused.errors)")
        }
        #expect(try stage.modes() == [Self.on])
        #expect(try stage.machine().instances == 2)
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.violations(external: 1...1) == [])
        _ = daemon
    }

    @Test func `who may not, and what is not there, is refused with nothing done`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--gpu", "H100"])
        for person in [Stage.alice, Stage.bob, Stage.carol] {
            for line in ["mode enable", "mode enable --gpu 0", "mode disable --gpu 1 --yes", "mode enable --dry-run"] {
                let denied = try stage.migctl(line, as: person)
                #expect(denied.code == 3 && denied.errors.contains("mode.set"), "\(line): \(denied.errors)")
            }
        }
        for line in ["mode enable --gpu 2", "mode enable --gpu 0,2", "mode enable --gpu model:Tesla*"] {
            #expect(try stage.migctl(line, as: Stage.root).code == 4, "\(line)")
        }
        #expect(try stage.modes() == [Self.off, Self.off])
        #expect(try stage.records("intent").isEmpty)
        #expect(try daemon.stop() == .exited(0))
        for person in [Stage.alice, Stage.bob, Stage.carol] {
            #expect(try stage.denials(of: person).contains { $0.method == "SetMIGMode" }, "\(person.name)")
        }
    }

    @Test func `no GPU named is every one on which the caller may, and several need a yes`() throws {
        let policy = InstancePolicy.text(["dave": ["read.own", "mode.set"]], more: #", "gpus": ["0", "2"]"#)
        let (stage, daemon) = try stage(["--gpu", "A100", "--gpu", "A100", "--gpu", "H100"], policy)
        let unasked = try stage.migctl("mode enable", as: Stage.dave)
        #expect(unasked.code == 2 && unasked.errors.contains("--yes"), "\(unasked.errors)")
        #expect(try stage.migctl("mode enable --gpu 1", as: Stage.dave).code == 3)
        #expect(try stage.migctl("mode enable --gpu 0,1", as: Stage.dave).code == 3)
        #expect(try stage.migctl("mode enable --gpu model:NVIDIA*", as: Stage.dave).code == 3)
        #expect(try stage.modes() == [Self.off, Self.off, Self.off])
        #expect(try stage.migctl("mode enable --yes", as: Stage.dave).code == 0)
        #expect(try stage.modes() == [Self.on, Self.off, Self.on])
        // Named, several need no more than one does.
        #expect(try stage.migctl("mode disable --gpu 0,2", as: Stage.dave).code == 2)
        #expect(try stage.migctl("mode disable --gpu 0,2 --yes", as: Stage.dave).code == 0)
        #expect(try stage.modes() == [Self.off, Self.off, Self.off])
        _ = daemon
    }

    @Test func `where the driver cannot reset a GPU that needs it, its mode is not touched`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--gpu", "H100", "--no-reset"])
        for line in [
            "mode enable --gpu 0", "mode enable --gpu 0,1", "mode enable --yes", "mode enable --gpu 0 --dry-run",
        ] {
            let refused = try stage.migctl(line, as: Stage.root)
            #expect(refused.code == 1 && refused.errors.contains("DeviceGateClosed"), "\(line): \(refused.errors)")
        }
        #expect(try stage.modes() == [Self.off, Self.off])
        #expect(try stage.records("intent").isEmpty)
        // That one is changed without a reset.
        #expect(try stage.migctl("mode enable --gpu 1", as: Stage.root).code == 0)
        #expect(try stage.modes() == [Self.off, Self.on])
        _ = daemon
    }

    @Test func `a reset that turns out to be impossible is told apart from a use, and a restart makes it real`() throws
    {
        let (stage, daemon) = try stage(["--gpu", "A100", "--no-reset"])
        let address = try #require(try stage.gpus()[0]["pci"]?.stringValue).suffix(12).lowercased()
        // As the kernel shows where there is a way to reset a device; the driver knows of no way still.
        try Files.write("\(stage.machine)/sys/bus/pci/devices/\(address)/reset", [])
        let put = try stage.migctl("mode enable --gpu 0", as: Stage.root)
        #expect(put.code == 7 && put.output.contains("not yet on"), "\(put.output)\(put.errors)")
        #expect(!put.errors.contains("end whatever uses it"), "\(put.errors)")
        let again = try stage.migctl("--json mode enable --gpu 0", as: Stage.root)
        #expect(again.code == 7 && again.output.contains(#""state":"pending-reset""#), "\(again.output)")
        #expect(try outcomes(stage) == ["pending", "pending"])
        #expect(try stage.modes() == [Self.pendingOn])
        #expect(try stage.migctl("gi create 9", as: Stage.alice).code == 7)
        #expect(try daemon.stop() == .exited(0))
        #expect(try stage.migsim("reboot").code == 0)
        let next = try stage.startDaemon()
        #expect(try stage.migctl("gi create 9", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = next
    }

    @Test func `where one of several fails those before it are set back`() throws {
        let (stage, daemon) = try stage(["--gpu", "A100", "--count", "3"])
        #expect(try stage.migsim("fault", ["nvmlDeviceSetMigMode", "999", "--after", "1", "--times", "1"]).code == 0)
        let failed = try stage.migctl("mode enable --yes", as: Stage.root)
        #expect(failed.code == 1 && failed.errors.contains("DriverError"), "\(failed.errors)")
        #expect(try stage.modes() == [Self.off, Self.off, Self.off])
        #expect(try outcomes(stage) == ["undone", "failed", "failed"])
        #expect(try stage.violations() == [])
        #expect(try stage.migctl("mode enable --yes", as: Stage.root).code == 0)
        #expect(try stage.modes() == [Self.on, Self.on, Self.on])
        _ = daemon
    }
}

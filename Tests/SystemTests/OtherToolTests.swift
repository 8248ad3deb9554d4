import Audit
import JSON
import Linux
import TestSupport
import Testing

/// Somebody changes the machine with another tool: that is seen and told, and nothing of his is touched.
@Suite(
    "Another tool", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: OtherTool.interpreter != nil, "needs a python with the package nvidia-ml-py (MIGBROKER_PYTHON)"),
    .serialized)
struct OtherToolTests {
    private static let options = ["--limit", "changesPerSecond=1000", "--limit", "retrySeconds=1"]

    @Test func `GPU instances that come and go are told once, and left alone`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let first = try stage.startDaemon(Self.options)
        // A 2g.10gb at slice 0 with a compute instance that takes all of it.
        let gi = try stage.otherTool(["gi+:0:14:0:2"])
        let began = Clock.monotonic()
        try stage.otherTool(["ci+:0:\(gi):1"])
        try stage.expectChanges(first, since: began, ["GPU instance", "compute instance"], "found")
        let nodes = try stage.externalNodes()
        #expect(nodes.count == 2)
        #expect(try stage.listed(gi)?["lease"] == nil)
        // Nothing is put over it, nor may anybody but who has the right to all take it.
        #expect(try stage.migctl(["gi", "create", "2g.10gb:0"], as: Stage.alice).code == 6)
        #expect(try stage.migctl(["gi", "create", "-C", "3g.20gb", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["gi", "destroy", "0:\(gi)"], as: Stage.alice).code == 4)
        #expect(try stage.migctl(["gi", "destroy", "--all"], as: Stage.alice).code == 0)
        try stage.waitForLooks(first)
        #expect(try stage.records("external-change").count == 2)
        first.end()
        let second = try stage.startDaemon(Self.options)
        try stage.waitForLooks(second)
        #expect(try stage.externalNodes() == nodes)
        #expect(try stage.violationsOfOthersApart(instances: 1) == [])
        let ended = Clock.monotonic()
        try stage.otherTool(["ci-:0:\(gi):0", "gi-:0:\(gi)"])
        try stage.expectChanges(second, since: ended, ["GPU instance", "compute instance"], "gone")
        try stage.settle(second, "its nodes are closed")
    }

    @Test func `a compute instance in a lease's GPU instance is not the lease's, and goes with nobody's end`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let daemon = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["gi", "create", "3g.20gb", "--for", "1h"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        let began = Clock.monotonic()
        try stage.otherTool(["ci+:0:\(gi):0:0:1"])
        try stage.expectChanges(daemon, since: began, ["compute instance"], "found")
        let nodes = try stage.externalNodes()
        #expect(nodes.count == 1)
        // The owner's own is put beside it.
        #expect(try stage.migctl(["ci", "create", "1c.3g.20gb"], as: Stage.alice).code == 0)
        #expect(try stage.compute(in: gi).count == 2)
        #expect(try stage.violationsOfOthersApart() == [])
        for words in [["release", "--all"], ["gi", "destroy", "0:\(gi)"]] {
            let refused = try stage.migctl(words, as: Stage.alice)
            #expect(refused.code == 5, "\(refused.errors)")
            #expect(refused.errors.contains("another tool"), "\(refused.errors)")
        }
        #expect(try stage.migctl(["--yes", "mode", "disable"], as: Stage.root).code == 5)
        #expect(try stage.compute(in: gi).count == 2)
        #expect(try stage.externalNodes() == nodes)
        #expect(try stage.violationsOfOthersApart() == [])
        #expect(try stage.records("external-change").count == 1)
        try stage.otherTool(["ci-:0:\(gi):0"])
        try stage.settle(daemon, "the lease goes on")
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 0)
    }

    @Test func `an expired lease waits for what another tool made in it`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let daemon = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["gi", "create", "3g.20gb", "--for", "4s"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        try stage.otherTool(["ci+:0:\(gi):0"])
        try daemon.waitUntil("the lease is ending") {
            try stage.objects(["leases"], "leases", as: Stage.alice).first?["state"]?.stringValue == "ending"
        }
        let records = try stage.records().count
        try stage.waitForLooks(daemon)
        #expect(try stage.compute(in: gi).count == 1)
        // Trying again and again is not worth a record each time.
        #expect(try stage.records().count <= records + 1)
        try stage.otherTool(["ci-:0:\(gi):0"])
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        try stage.settle(daemon, "the lease has ended")
        #expect(try stage.leases(of: Stage.alice) == [])
    }

    @Test func `a lease's compute instance that is destroyed is told, and the lease goes on`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let first = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        let began = Clock.monotonic()
        try stage.otherTool(["ci-:0:\(gi):0"])
        try stage.expectChanges(first, since: began, ["compute instance of the lease"], "gone")
        let lease = try stage.leases(of: Stage.alice)
        #expect(lease.count == 1)
        try stage.settle(first, "the lease goes on")
        first.end()
        try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        let second = try stage.startDaemon(Self.options)
        #expect(try stage.leases(of: Stage.alice) == lease)
        #expect(try stage.violations() == [])
        #expect(try stage.migctl(["ci", "create"], as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        #expect(try stage.records("external-change").count == 1)
        _ = second
    }

    /// What the owner, the broker or time may do to a lease whose GPU instance was replaced by another of its kind.
    enum Act: String, CaseIterable, Sendable {
        case release, destroy, wait, expire, restart, restartFromLog
    }

    @Test(arguments: Act.allCases)
    func `another's GPU instance in a lease's seat is nobody's to end`(_ act: Act) throws {
        let stage = try Stage(policy: ScenePolicy.text)
        var daemon = try stage.startDaemon(Self.options)
        let time = act == .expire ? "3s" : "1h"
        #expect(try stage.migctl(["request", "3g.20gb", "--for", time], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        let place = try #require(try stage.gpuInstances().first?["placement"]?["start"]?.integerValue)
        if act == .restart || act == .restartFromLog { daemon.end() }
        if act == .restartFromLog { try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json") }
        // The same profile in the same place, with two small compute instances in it.
        try stage.otherTool(
            ["ci-:0:\(gi):0", "gi-:0:\(gi)", "gi+:0:9:\(place):4", "ci+:0:\(gi):0:0:1", "ci+:0:\(gi):0:1:1"])
        switch act {
        case .release: #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        case .destroy: #expect(try stage.migctl(["gi", "destroy", "0:\(gi)"], as: Stage.alice).code == 4)
        case .restart, .restartFromLog: daemon = try stage.startDaemon(Self.options)
        case .wait, .expire: break
        }
        try daemon.waitUntil("the lease is gone") { try stage.leases(of: Stage.alice).isEmpty }
        try stage.waitForLooks(daemon)
        #expect(try stage.compute(in: gi).count == 2)
        #expect(try stage.listed(gi)?["lease"] == nil)
        #expect(try stage.records("external-change").count == 3)
        #expect(try stage.violationsOfOthersApart(instances: 1) == [])
    }

    @Test func `modes are told, also while the broker sets another one`() throws {
        let stage = try Stage(machine: ["--gpu", "A100", "--count", "2", "--mig"], policy: ScenePolicy.text)
        let daemon = try stage.startDaemon(Self.options)
        let began = Clock.monotonic()
        try stage.otherTool(["mode:1:0"])
        try stage.expectChanges(daemon, since: began, ["the MIG mode is"], "")
        try stage.fault(["nvmlDeviceSetMigMode", "--delay", "2000", "--times", "1"])
        let change = try stage.start(
            ["\(stage.path)/bin/migctl", "--root", stage.broker, "--yes", "mode", "disable", "--gpu", "0"],
            as: Stage.root)
        try stage.waitForFault(change)
        try stage.otherTool(["mode:1:1"])
        #expect(try change.waitForEnd() == .exited(0))
        try daemon.waitUntil("the other one is told") { try stage.records("external-change").count == 2 }
        try stage.waitForLooks(daemon)
        #expect(try stage.records("external-change").count == 2)
        let gpus = Set(try stage.records("external-change").compactMap { $0["gpu"]?.stringValue })
        #expect(gpus == [try #require(try stage.machine().value["gpus"]?.arrayValue?.last?["uuid"]?.stringValue)])
        #expect(try stage.violations() == [])
    }

    @Test func `what it makes while the broker ends something is told`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let daemon = try stage.startDaemon(Self.options)
        let gi = try stage.otherTool(["gi+:0:14:0:2"])
        try daemon.waitUntil("it is told") { try stage.records("external-change").count == 1 }
        try stage.fault(["nvmlGpuInstanceDestroy", "--delay", "2000", "--times", "1"])
        let change = try stage.start(
            ["\(stage.path)/bin/migctl", "--root", stage.broker, "--yes", "gi", "destroy", "0:\(gi)"], as: Stage.root)
        try stage.waitForFault(change)
        try stage.otherTool(["gi+:0:14:2:2"])
        #expect(try change.waitForEnd() == .exited(0))
        try daemon.waitUntil("the new one is told") { try stage.records("external-change").count == 2 }
        try stage.waitForLooks(daemon)
        // The one that the broker destroyed is not told as gone by another hand.
        #expect(
            try stage.records("external-change").allSatisfy { $0["reason"]?.stringValue?.hasPrefix("found") == true })
        #expect(try stage.violationsOfOthersApart(instances: 1) == [])
    }

    @Test func `a plan that was shown before it came is not carried out`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let daemon = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["gi", "create", "3g.20gb"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        for words in [["gi", "create", "1g.5gb"], ["ci", "create", "1c.3g.20gb"], ["gi", "destroy", "0:\(gi)"]] {
            let shown = try stage.migctl(["--json", "--dry-run"] + words, as: Stage.alice)
            let reply = try JSONParser.parse(Array(shown.output.utf8), limits: .reply)
            let plan = try #require(reply["plan"]?["id"]?.stringValue, "\(shown.errors)")
            let made = try stage.otherTool(["gi+:0:19:0:1"])
            let before = try stage.machine().instances
            let refused = try stage.migctl(words + ["--plan", plan], as: Stage.alice)
            #expect(refused.code != 0, "\(words)")
            #expect(try stage.machine().instances == before)
            try stage.otherTool(["gi-:0:\(made)"])
        }
        try stage.settle(daemon, "nothing was done")
    }

    @Test func `who is faster at a place keeps it`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let daemon = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["gi", "create", "3g.20gb"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        let races = [
            (
                "nvmlGpuInstanceCreateComputeInstanceWithPlacement", ["ci", "create", "1c.3g.20gb:0"],
                "ci+:0:\(gi):0:0:1"
            ),
            ("nvmlDeviceCreateGpuInstanceWithPlacement", ["gi", "create", "1g.5gb:0"], "gi+:0:19:0:1"),
        ]
        for (call, words, rival) in races {
            try stage.fault([call, "--delay", "2000", "--times", "1"])
            let change = try stage.start(
                ["\(stage.path)/bin/migctl", "--root", stage.broker] + words, as: Stage.alice)
            try stage.waitForFault(change)
            try stage.otherTool([rival])
            #expect(try change.waitForEnd() == .exited(1), "\(words)")
            try stage.fault(["--clear"])
        }
        try stage.waitForLooks(daemon)
        #expect(try stage.compute(in: gi).count == 1)
        #expect(try stage.machine().instances == 2)
        #expect(try stage.records("external-change").count == 2)
        #expect(try stage.violationsOfOthersApart(instances: 1) == [])
    }

    @Test func `what stands in the place of a half-made instance at the next start stays`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let first = try stage.startDaemon(Self.options)
        try stage.fault(["nvmlGpuInstanceCreateComputeInstance", "--kill"])
        #expect(try stage.migctl(["gi", "create", "-C", "2g.10gb:0"], as: Stage.alice).code == 9)
        #expect(try first.waitForEnd() == .signalled(9))
        try stage.fault(["--clear"])
        let half = try #require(try stage.gpuInstances().first?["gi"]?.integerValue)
        let gi = try stage.otherTool(["gi-:0:\(half)", "gi+:0:19:0:1"])
        let second = try stage.startDaemon(Self.options)
        try stage.waitForLooks(second)
        #expect(try stage.listed(gi)?["lease"] == nil)
        #expect(try stage.machine().instances == 1)
        #expect(try stage.violationsOfOthersApart(instances: 1) == [])
    }

    @Test func `what stands in a lease's seat at the next start is not taken for what was half made there`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let first = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["gi", "create", "3g.20gb:4"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["ci", "create", "1c.3g.20gb:0"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        try stage.fault(["nvmlGpuInstanceCreateComputeInstanceWithPlacement", "--kill"])
        #expect(try stage.migctl(["ci", "create", "1c.3g.20gb:1"], as: Stage.alice).code == 9)
        #expect(try first.waitForEnd() == .signalled(9))
        try stage.fault(["--clear"])
        try stage.otherTool(
            ["ci-:0:\(gi):0", "gi-:0:\(gi)", "gi+:0:9:4:4", "ci+:0:\(gi):0:1:1", "ci+:0:\(gi):0:2:1"])
        let second = try stage.startDaemon(Self.options)
        try stage.waitForLooks(second)
        #expect(try stage.compute(in: gi).count == 2)
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.violationsOfOthersApart(instances: 1) == [])
    }

    @Test func `an end that broke off waits for what another tool has made there since`() throws {
        let stage = try Stage(policy: ScenePolicy.text)
        let first = try stage.startDaemon(Self.options)
        #expect(try stage.migctl(["gi", "create", "3g.20gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["ci", "create", "1c.3g.20gb:0"], as: Stage.alice).code == 0)
        let gi = try #require(try stage.leasedInstance(of: Stage.alice))
        try stage.fault(["nvmlComputeInstanceDestroy", "--kill"])
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 9)
        #expect(try first.waitForEnd() == .signalled(9))
        try stage.fault(["--clear"])
        try stage.otherTool(["ci+:0:\(gi):0:1:1"])
        let nodes = try stage.externalNodesOfSeat(gi, at: 1)
        let second = try stage.startDaemon(Self.options)
        try stage.waitForLooks(second)
        #expect(try stage.compute(in: gi).count == 2)
        #expect(try stage.externalNodes() == nodes)
        #expect(try stage.objects(["leases"], "leases", as: Stage.alice).first?["state"]?.stringValue == "ending")
        #expect(try stage.violationsOfOthersApart() == [])
        try stage.otherTool(["ci-:0:\(gi):1"])
        try second.waitUntil("the lease is gone") { try stage.leases(of: Stage.alice).isEmpty }
        #expect(try stage.machine().instances == 0)
        try stage.settle(second, "it has ended")
    }
}

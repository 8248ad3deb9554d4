import JSON
import Linux
import TestSupport
import Testing

@Suite("The end of a lease", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct LeaseEndTests {
    private static func state(_ stage: Stage) throws -> String? {
        try stage.objects(["leases"], "leases", as: Stage.alice).first?["state"]?.stringValue
    }

    @Test func `takes the owner's access although the driver does not answer`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        #expect(try stage.migctl(["request", "1g.5gb", "--for", "3s"], as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        #expect(try stage.migsim("fault", ["*", "UNKNOWN"]).code == 0)
        try daemon.waitUntil("the lease is ending") { try Self.state(stage) == "ending" }
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        #expect(try stage.machine().instances == 1)
        #expect(try stage.migsim("fault", ["--clear"]).code == 0)
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
    }

    @Test func `is not forgotten by a daemon that is killed and has only the log`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1000"])
        #expect(try stage.migctl(["request", "3g.20gb", "--for", "2s"], as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        #expect(try stage.migsim("fault", ["nvmlComputeInstanceDestroy", "IN_USE"]).code == 0)
        try daemon.waitUntil("the lease is ending") { try Self.state(stage) == "ending" }
        daemon.end()
        try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        let repairs = try stage.records("node-repaired").count
        let second = try stage.startDaemon(["--limit", "retrySeconds=1000"])
        #expect(try Self.state(stage) == "ending")
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        // Opening them again, even for a moment, would have been a repair.
        #expect(try stage.records("node-repaired").count == repairs)
        _ = second
    }

    @Test func `comes with the machine's restart, whatever stands in the slice's place then`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try first.stop() == .exited(0))
        // As if the checkpoint had been saved before a restart: another boot, with the same instance made since.
        let path = "\(stage.broker)/var/lib/migbroker/checkpoint.json"
        let boot = try Clock.bootID()
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        let other = text.replacing(boot, with: "00000000-0000-4000-8000-000000000000")
        #expect(other != text)
        try Files.write(path, Array(other.utf8), mode: 0o600)
        let second = try stage.startDaemon()
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.records("lease-end").last?["reason"]?.stringValue == "instance-lost")
        // Nobody's slice was destroyed, and it is no longer his.
        #expect(try stage.machine().instances == 1)
        #expect(try stage.objects(["devices", "--all"], "devices", as: Stage.root).first?["lease"] == nil)
        _ = second
    }

    @Test func `is not taken from a GPU that does not answer for a while, and others are not held up`() throws {
        let stage = try Stage(
            machine: ["--gpu", "NVIDIA A100-SXM4-40GB", "--count", "2", "--mig"], policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "--gpu", "0", "1g.5gb"], as: Stage.alice).code == 0)
        let lease = try stage.leases(of: Stage.alice)
        // The next reading of the driver fails for its first GPU.
        #expect(try stage.migsim("fault", ["nvmlDeviceGetName", "GPU_IS_LOST", "--times", "1"]).code == 0)
        try daemon.waitUntil("one GPU is not seen") {
            try stage.objects(["gpus"], "gpus", as: Stage.alice).count == 1
        }
        #expect(try stage.leases(of: Stage.alice) == lease)
        #expect(try stage.records("lease-end").isEmpty)
        try daemon.waitUntil("both GPUs are seen") {
            try stage.objects(["gpus"], "gpus", as: Stage.alice).count == 2
        }
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 0)
    }
}

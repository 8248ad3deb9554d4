import JSON
import Linux
import TestSupport
import Testing

@Suite("A slice that a process still uses", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct BusySliceTests {
    /// A stand-in for a CUDA process of alice's on her slice.
    private func hold(_ stage: Stage) throws -> KeptProcess {
        let device = try #require(
            try stage.objects(["devices"], "devices", as: Stage.alice).first?["uuid"]?.stringValue)
        let holder = try stage.start(
            ["\(stage.path)/bin/migsim", "hold", stage.machine, "--device", device, "--", "sleep", "1000"],
            as: Stage.alice)
        try holder.waitUntil("the process holds the slice") {
            try stage.machine().text.contains("\"pid\":")
        }
        return holder
    }

    @Test func `is not taken from its owner by his own release, and stays open to him`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        let holder = try hold(stage)
        let busy = try stage.migctl(["release", "--all"], as: Stage.alice)
        #expect(busy.code == 5, "\(busy.errors)")
        #expect(try stage.leases(of: Stage.alice).count == 1)
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .allowed) }
        holder.end()
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 0)
        _ = daemon
    }

    @Test func `is closed at its lease's end, counts until it is free, and then goes by itself`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        #expect(try stage.migctl(["request", "3g.20gb", "--for", "2s"], as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        let holder = try hold(stage)
        try daemon.waitUntil("the lease is ending") {
            try stage.objects(["leases"], "leases", as: Stage.alice).first?["state"]?.stringValue == "ending"
        }
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        #expect(try stage.machine().instances == 1)
        // Three of four slices are taken still.
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 6)
        holder.end()
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
    }
}

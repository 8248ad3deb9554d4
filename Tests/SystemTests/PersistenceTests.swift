import JSON
import Linux
import TestSupport
import Testing

/// Persistence mode on boards that do not store their MIG mode: whoever turns it off has the driver let go of the GPU
/// when the last process leaves.
@Suite("Persistence mode", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct PersistenceTests {
    @Test func `the broker's own session keeps leases alive, and after its death their loss is on record`() throws {
        let stage = try Stage(machine: ["--gpu", "H100", "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        #expect(try stage.migctl("request 1g.10gb", as: Stage.alice).code == 0)
        try stage.otherTool("persistence 1")
        try stage.otherTool("persistence 0")
        // Another session begins and ends; the broker's is there still.
        try stage.otherTool("gi 14")
        #expect(try stage.modes() == [[true, true]] && stage.machine().instances == 2)
        try daemon.waitUntil("the broker has seen it") { try stage.records("external-change").count == 1 }
        let other = try stage.migctl("request 1g.10gb", as: Stage.bob)
        #expect(other.code == 0, "\(other.errors)")
        #expect(try stage.leases(of: Stage.alice).count == 1)
        daemon.end()
        let second = try stage.startDaemon(GPUInstanceTests.fast)
        #expect(try stage.modes() == [[false, false]] && stage.machine().instances == 0)
        try second.waitUntil("the leases have ended") {
            try stage.leases(of: Stage.alice).isEmpty && stage.leases(of: Stage.bob).isEmpty
        }
        #expect(try stage.records("lease-end").map { $0["reason"]?.stringValue } == ["instance-lost", "instance-lost"])
        #expect(try stage.migctl("request 1g.10gb", as: Stage.alice).errors.contains("MIGDisabled"))
        #expect(try stage.migctl("mode enable --gpu 0", as: Stage.root).code == 0)
        #expect(try stage.migctl("request 1g.10gb", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = second
    }
}

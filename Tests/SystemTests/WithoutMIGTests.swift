import JSON
import Linux
import TestSupport
import Testing

/// Boards that cannot be cut, beside others and alone.
@Suite("GPUs without MIG", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct WithoutMIGTests {
    @Test func `they are shown as what they are, and nothing is ever placed on one`() throws {
        let stage = try Stage(machine: ["--gpu", "L4", "--gpu", "A100", "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        let gpus = try stage.objects(["gpus"], "gpus", as: Stage.alice)
        #expect(gpus.map { $0["name"]?.stringValue } == ["NVIDIA L4", "NVIDIA A100-SXM4-40GB"])
        #expect(gpus.map { $0["mode"]?.stringValue } == ["unsupported", "enabled"])
        #expect(gpus[0]["slots"]?.arrayValue?.isEmpty == true && gpus[0]["memoryMiB"]?.integerValue == 23034)
        let row = try stage.migctl("gpus", as: Stage.alice).output.split(separator: "\n").first { $0.contains("L4") }
        #expect(row?.split(separator: " ").last == "none", "\(row ?? "")")
        for _ in 0..<7 { #expect(try stage.migctl("request 1g.5gb", as: Stage.alice).code == 0) }
        #expect(try stage.migctl("request 1g.5gb", as: Stage.bob).code == 6)
        #expect(try stage.gpus().map { $0["instances"]?.arrayValue?.count } == [0, 7])
        #expect(try stage.migctl("release --all", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test(arguments: [
        "request 1g.5gb --gpu 0", "request --memory 1GiB --gpu 0", "gi create 19 --gpu 0", "gi create 19 --gpu 0,1",
        "mode enable --gpu 0", "mode enable --gpu 0,1", "mode disable --gpu 0 --yes",
    ])
    func `who asks for one is told that it has none, and nothing changes`(line: String) throws {
        let stage = try Stage(machine: ["--gpu", "L4", "--gpu", "A100", "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        let refused = try stage.migctl(line, as: Stage.root)
        #expect(refused.code == 7 && refused.output.isEmpty)
        #expect(refused.errors.contains("MIGUnsupported: GPU 0 has no MIG\n"), "\(refused.errors)")
        #expect(try stage.machine().instances == 0)
        #expect(try stage.records("intent").isEmpty)
        _ = daemon
    }

    @Test func `on a machine that has no other the broker runs, and says that there is nothing to have`() throws {
        let stage = try Stage(machine: ["--gpu", "L4", "--count", "2"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        #expect(try stage.objects(["gpus"], "gpus", as: Stage.alice).count == 2)
        #expect(try stage.objects(["profiles"], "profiles", as: Stage.alice).isEmpty)
        for line in ["request 1g.5gb", "gi create 19", "mode enable --yes"] {
            let refused = try stage.migctl(line, as: Stage.root)
            #expect(refused.code == 7 && refused.errors.contains("MIGUnsupported: GPU 0, 1 has no MIG\n"), "\(line)")
        }
        #expect(try stage.violations() == [])
        _ = daemon
    }
}

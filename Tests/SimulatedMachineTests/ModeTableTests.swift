import JSON
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// One step of `probe_mode.py`, and what it has to come to: the code alone, or with what comes back.
private typealias Step = (word: String, result: JSONValue)

// Codes of the library.
private let notSupported = 3
private let lost = 15
private let resetRequired = 16
private let inUse = 19

/// `facts/nvml.md` 1.5 and 6 through the built library, row by row.
@Suite(
    .enabled(if: !Python.isMissing, "needs nvidia-ml-py (or MIGBROKER_PYTHON) and the built library"),
    .enabled(if: CurrentProcess.user == .root, "needs root: only it may set the mode"),
    .enabled(if: BuiltProducts.has("migsim"), "needs the built migsim"))
struct `What the library says of modes` {
    /// Runs the steps on a machine, and holds each against what it has to come to.
    private static func play(
        _ steps: [Step], on test: borrowing TestMachine, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let words = [BuiltProducts.path(of: "migsim")] + steps.map(\.word)
        let results = try #require(
            try Python.run("probe_mode.py", words, on: test.path).arrayValue, sourceLocation: sourceLocation)
        #expect(results.count == steps.count, sourceLocation: sourceLocation)
        for (index, (step, result)) in zip(steps, results).enumerated() {
            #expect(result == step.result, "step \(index), \(step.word)", sourceLocation: sourceLocation)
        }
    }

    private static func play(
        _ model: GPUModel, mig: Bool = false, renumbers: Bool = false, resets: Bool = true, _ steps: [Step],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let test = try TestMachine(
            [model], isMIGEnabled: mig, renumbersGPUs: renumbers, canResetGPUs: resets, library: TestMachine.library)
        try play(steps, on: test, sourceLocation: sourceLocation)
    }

    // MARK: - The table of 1.5

    @Test func `a GPU without MIG has no mode, and none of what goes with it`() throws {
        try Self.play(
            .l4,
            [
                ("get", [.integer(notSupported), 77, 77]), ("set:1", [.integer(notSupported), 0]),
                ("set:0", [.integer(notSupported), 0]), ("maximum", [0, 0]), ("create:19", .integer(notSupported)),
                ("count", .integer(notSupported)), ("compute:3", 0), ("compute", [0, 3]), ("persist:1", 0),
                ("persist", [0, 1]), ("reboot", 0),
            ])
    }

    @Test(arguments: [GPUModel.a100, .h100].map(\.name))
    func `a mode that is there already, and one on an idle GPU, are active at once`(name: String) throws {
        let model = try #require(GPUModel.named(name))
        let old: JSONValue = model.modeChangeNeedsReset ? [.integer(lost), 77, 77] : [0, 1, 1]
        try Self.play(
            model,
            [
                ("get", [0, 0, 0]), ("set:0", [0, 0]), ("get", [0, 0, 0]), ("set:2", [2, 0]), ("get", [0, 0, 0]),
                ("set:1", [0, 0]), ("get", old), ("handle", 0), ("get", [0, 1, 1]), ("set:1", [0, 0]),
                ("get", [0, 1, 1]), ("maximum", [0, 7]), ("set:0", [0, 0]), ("handle", 0), ("get", [0, 0, 0]),
                ("maximum", [0, 0]),
            ])
    }

    @Test func `on Ampere instances leave the change pending, and a reset or a change of mind ends that`() throws {
        try Self.play(
            .a100, mig: true,
            [
                ("create:9", 0), ("set:0", [0, .integer(inUse)]), ("get", [0, 1, 0]), ("count", [0, 1]),
                ("create:19", 0), ("set:1", [0, 0]), ("get", [0, 1, 1]), ("set:0", [0, .integer(inUse)]),
                ("reset", 0), ("get", [.integer(lost), 77, 77]), ("handle", 0), ("get", [0, 0, 0]),
                ("count", .integer(notSupported)),
            ])
    }

    @Test func `on Hopper instances keep the mode on, and nothing is left pending`() throws {
        try Self.play(
            .h100, mig: true,
            [
                ("create:9", 0), ("set:0", [.integer(inUse), .integer(inUse)]), ("get", [0, 1, 1]), ("count", [0, 1]),
                ("create:19", 0),
            ])
    }

    @Test(arguments: [(GPUModel.a100.name, [0, 1]), (GPUModel.h100.name, [0, 0])])
    func `a process on the GPU keeps it from being cut; only Ampere remembers the wish`(
        name: String, pending: [Int]
    ) throws {
        let model = try #require(GPUModel.named(name))
        let test = try TestMachine([model], isMIGEnabled: false, library: TestMachine.library)
        let pid = CurrentProcess.pid
        try test.machine.enter(
            Holder(
                pid: pid, started: try #require(Holder.startTime(of: pid)), gpu: try test.machine.state().gpus[0].uuid,
                instance: nil, memoryMiB: 1))
        let mode: JSONValue = [0, .integer(pending[0]), .integer(pending[1])]
        try Self.play(
            [("set:1", [0, .integer(inUse)]), ("get", mode), ("reset", 1), ("reload", 1), ("get", mode)], on: test)
    }

    // `facts/nvidia-caps.md` 7: monitors and agents must be stopped for a change by reset, and need not be for others.
    @Test func `another program of the library keeps Ampere from its reset, and Hopper from nothing`() throws {
        try Self.play(
            .a100,
            [
                ("guest", 0), ("set:1", [0, .integer(inUse)]), ("get", [0, 0, 1]), ("leave", 0), ("get", [0, 0, 1]),
                ("set:1", [0, 0]), ("handle", 0), ("get", [0, 1, 1]),
            ])
        try Self.play(.h100, [("guest", 0), ("set:1", [0, 0]), ("get", [0, 1, 1]), ("leave", 0)])
    }

    @Test func `without resets Ampere asks for one, and gets it from a reboot alone`() throws {
        try Self.play(
            .a100, resets: false,
            [
                ("set:1", [0, .integer(resetRequired)]), ("get", [0, 0, 1]), ("reset", 1), ("get", [0, 0, 1]),
                ("reload", 0), ("again", 0), ("get", [0, 0, 1]), ("reboot", 0), ("again", 0), ("get", [0, 1, 1]),
            ])
        try Self.play(.h100, resets: false, [("set:1", [0, 0]), ("get", [0, 1, 1])])
    }

    @Test func `a reset gives another minor number where the machine says so`() throws {
        let minors = [("minor", [0, 0]), ("set:1", [0, 0])] as [Step]
        try Self.play(
            .a100, renumbers: true, minors + [("minor", [.integer(lost), 77]), ("handle", 0), ("minor", [0, 1])])
        try Self.play(
            .h100, renumbers: true, minors + [("minor", [0, 0]), ("reset", 0), ("handle", 0), ("minor", [0, 1])])
    }

    // MARK: - What outlives what

    /// An instance, MIG mode, persistence mode; then without MIG its compute mode.
    private static let made: [Step] = [("persist:1", 0), ("create:9", 0)]

    @Test(arguments: [
        // GPU, what happens, the mode then, persistence mode then.
        (GPUModel.a100.name, "reset", 1, 1), (GPUModel.a100.name, "reload", 1, 0), (GPUModel.a100.name, "reboot", 1, 0),
        (GPUModel.h100.name, "reset", 1, 1), (GPUModel.h100.name, "reload", 0, 0), (GPUModel.h100.name, "reboot", 0, 0),
    ])
    func `no instance outlives a reset, MIG mode does where the board stores it, and persistence mode no load`(
        name: String, event: String, mode: Int, persistence: Int
    ) throws {
        let model = try #require(GPUModel.named(name))
        let count: JSONValue = mode == 1 ? [0, 0] : .integer(notSupported)
        try Self.play(
            model, mig: true,
            Self.made + [
                (event, 0), ("again", 0), ("get", [0, .integer(mode), .integer(mode)]), ("count", count),
                ("persist", [0, .integer(persistence)]),
            ])
    }

    @Test(arguments: ["reset", "reload", "reboot"], [GPUModel.a100.name, GPUModel.h100.name])
    func `the compute mode is the usual one after each of them, and with MIG`(event: String, name: String) throws {
        let model = try #require(GPUModel.named(name))
        try Self.play(
            model,
            [
                ("compute:3", 0), ("compute", [0, 3]), ("compute:1", .integer(notSupported)), ("compute:4", 2),
                (event, 0), ("again", 0), ("compute", [0, 0]), ("compute:2", 0), ("set:1", [0, 0]), ("handle", 0),
                ("compute", [0, 0]), ("compute:3", .integer(notSupported)),
            ])
    }

    @Test(arguments: [("reset", 0), ("reload", 0), ("reboot", 0)])
    func `a pending mode is active after each of them`(event: String, code: Int) throws {
        try Self.play(
            .a100, mig: true,
            [
                ("create:9", 0), ("set:0", [0, .integer(inUse)]), (event, .integer(code)), ("again", 0),
                ("get", [0, 0, 0]),
            ])
    }

    // MARK: - Persistence mode

    @Test func `turned off, Hopper loses mode and instances when the last session ends, and Ampere neither`() throws {
        let off: [Step] = Self.made + [("persist:0", 0), ("persist", [0, 0]), ("get", [0, 1, 1]), ("again", 0)]
        try Self.play(.h100, mig: true, off + [("get", [0, 0, 0]), ("count", .integer(notSupported))])
        try Self.play(.a100, mig: true, off + [("get", [0, 1, 1]), ("count", [0, 1])])
    }

    @Test func `another process's session keeps the mode, and so does turning persistence mode on again`() throws {
        try Self.play(
            .h100, mig: true,
            Self.made + [
                ("guest", 0), ("persist:0", 0), ("again", 0), ("get", [0, 1, 1]), ("count", [0, 1]), ("leave", 0),
                ("get", [0, 1, 1]), ("again", 0), ("get", [0, 0, 0]),
            ])
        try Self.play(
            .h100, mig: true, Self.made + [("persist:0", 0), ("persist:1", 0), ("again", 0), ("get", [0, 1, 1])])
        try Self.play(.h100, mig: true, [("create:9", 0), ("persist:0", 0), ("again", 0), ("get", [0, 1, 1])])
    }

    private static let coherent = GPUModel.all.filter(\.isCoherent)

    @Test(.enabled(if: !coherent.isEmpty, "needs the tables of GH200 or its like"), arguments: coherent.map(\.name))
    func `turned off on a part with the host's memory, the handle is void, and a new one good`(name: String) throws {
        try Self.play(
            try #require(GPUModel.named(name)), mig: true,
            [
                ("persist:0", 0), ("get", [0, 1, 1]), ("persist:1", 0), ("get", [0, 1, 1]), ("persist:0", 0),
                ("get", [.integer(lost), 77, 77]), ("handle", 0), ("get", [0, 1, 1]), ("again", 0),
                ("get", [0, 0, 0]),
            ])
    }

    @Test func `what a process still computes on stays, whatever sessions end`() throws {
        let test = try TestMachine([.h100], library: TestMachine.library)
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let compute = try test.machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        let pid = CurrentProcess.pid
        let holder = Holder(
            pid: pid, started: try #require(Holder.startTime(of: pid)), gpu: try test.machine.state().gpus[0].uuid,
            instance: .init(gpuInstance: instance.id, computeInstance: compute.id), memoryMiB: 1)
        try test.machine.enter(holder)
        try Self.play([("persist:1", 0), ("persist:0", 0), ("again", 0), ("get", [0, 1, 1])], on: test)
        try Files.remove("\(test.machine.layout.holders)/\(holder.pid).\(holder.started)")
        // Nobody has looked yet: the tree shows what was, as that of the driver does.
        #expect(Files.exists(test.machine.layout.capability(gpuMinor: 0, instance.id)))
        try Self.play([("get", [0, 0, 0])], on: test)
        #expect(!Files.exists(test.machine.layout.capability(gpuMinor: 0, instance.id)))
    }

    // MARK: - Nodes

    // `facts/nvidia-caps.md` 2.1.
    @Test(arguments: [true, false])
    func `nodes that are missing are made again for root who lists devices, and for nobody else`(isRoot: Bool) throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        _ = try test.machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(3), at: nil)
        let nodes = [12, 13].map(test.machine.layout.node)
        try Files.remove(nodes[0])
        try Files.setMode(nodes[1], 0o400)
        let words = [BuiltProducts.path(of: "migsim"), "device:0"]
        if isRoot {
            #expect(try Python.run("probe_mode.py", words, on: test.path) == [0])
            #expect(try Files.attributes(nodes[0]).mode == 0o444)
        } else {
            // The interpreter may lie where another user cannot reach it; what the library goes by is the user alone.
            let python = try #require(Python.interpreter)
            let script = """
                import os, sys
                from ctypes import CDLL, byref, c_void_p
                os.setresuid(4242, 4242, 4242)
                nvml, device = CDLL(sys.argv[1]), c_void_p()
                assert nvml.nvmlInit_v2() == 0
                assert nvml.nvmlDeviceGetHandleByIndex_v2(0, byref(device)) == 0
                assert nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 0, byref(c_void_p())) == 0
                """
            let ran = try Command.run(python, ["-c", script, test.machine.layout.library])
            #expect(ran.code == 0, "\(ran.errors)")
            #expect(!Files.exists(nodes[0]))
        }
        #expect(try Files.attributes(nodes[1]).mode == 0o400, "one that is there is left as it is")
    }

    @Test func `who is not root sets neither persistence, compute nor MIG mode`() throws {
        let test = try TestMachine([.h100], isMIGEnabled: false, library: TestMachine.library)
        let words = [BuiltProducts.path(of: "migsim"), "persist:1", "compute:3", "set:1", "get", "persist", "compute"]
        let results = try Python.run("probe_mode.py", words, on: test.path, withoutCapabilities: true)
        #expect(results == [4, 4, [4, 0], [0, 0, 0], [0, 0], [0, 0]])
    }
}

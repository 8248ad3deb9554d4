import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

private let obstacle: String? = {
    if CurrentProcess.user != .root { return "needs root: device nodes" }
    if !BuiltProducts.has("migsim") || !BuiltProducts.has("SimulatedNVML") { return "needs the built migsim" }
    return Tracer.obstacle
}()

/// Programs die before one system call after another of a change of the machine; the next finds it whole.
///
/// By default every third call that writes is met; the campaign (`.ci/simulator-campaign`) meets every one, and those that
/// only open files too.
@Suite(.enabled(if: obstacle == nil, "\(obstacle ?? "")")) struct `A program killed in the middle of a change` {
    static let isCampaign = `Several processes on one machine`.isCampaign

    /// What a program does while it dies, on a machine whose first GPU is cut in instances and whose second is not.
    enum Operation: String {
        case create, destroy, mode, hold, fault, xid, reset, reload, reboot

        /// Those that are calls of the driver's library, made by nvidia-ml-py.
        static let byLibrary: [Operation] = [.create, .destroy, .mode]
        static let byProgram: [Operation] = [.hold, .fault, .xid, .reset, .reload, .reboot]

        func command(on machine: Machine) throws -> [String] {
            let path = machine.layout.directory
            let migsim = BuiltProducts.path(of: "migsim")
            switch self {
            case .create: return try Python.command("other_tool.py", ["gi+:0:9:0:4", "ci+:0:1:2"])
            case .destroy: return try Python.command("other_tool.py", ["ci-:0:1:0", "gi-:0:1"])
            case .mode: return try Python.command("other_tool.py", ["mode:0:0", "mode:0:1"])
            case .hold:
                let gpu = try machine.state().gpus[1]
                return [migsim, "hold", path, "--device", "\(gpu.uuid)", "--", "true"]
            case .fault: return [migsim, "fault", path, "nvmlInit", "IN_USE", "--times", "3"]
            case .xid: return [migsim, "xid", path, "31", "--gpu", "0"]
            case .reset, .reload, .reboot: return [migsim, rawValue, path]
            }
        }

        /// Has the machine be as it is before the operation, whatever it was left as.
        func prepare(_ machine: Machine) throws {
            try machine.changeFaults { $0 = [] }
            try machine.reset(gpu: 0)
            _ = try machine.setMode(gpu: 0, enabled: true)
            guard [.destroy, .reset, .reload, .reboot].contains(self) else { return }
            let instance = try machine.createInstance(
                gpu: 0, profile: GPUInstanceProfileID(9), at: Placement(start: 0, size: 4))
            _ = try machine.createCompute(
                gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        }
    }

    /// Names of system calls that change something; those of every processor.
    private static let calls =
        [
            "write", "ftruncate", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir",
            "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "lchown", "fchownat", "symlink", "symlinkat", "fsync",
        ] + (isCampaign ? ["openat", "flock"] : [])

    @Test(
        .enabled(if: !Python.isMissing, "needs a python that imports pynvml (MIGBROKER_PYTHON)"),
        arguments: Operation.byLibrary)
    func `inside the driver's library leaves a state that the next reads, and trees that it mends`(
        operation: Operation
    ) throws {
        try strike(operation)
    }

    @Test(arguments: Operation.byProgram)
    func `inside migsim leaves a state that the next reads, and trees that it mends`(operation: Operation) throws {
        try strike(operation)
    }

    private func strike(_ operation: Operation) throws {
        let home = try TemporaryDirectory()
        var plan = MachinePlan(models: [.a100, .a100], library: TestMachine.library)
        plan.renumbersGPUs = true
        try Machine.make(plan, in: home.path("m"))
        let machine = try Machine(directory: home.path("m"))
        var kills = 0
        for call in Self.calls {
            var number = 1
            while try isKilled(operation, machine, before: call, number) {
                try expectWhole(operation, machine, "\(operation.rawValue) killed before \(call) \(number)")
                kills += 1
                number += Self.isCampaign ? 1 : 3
            }
        }
        if Self.isCampaign { print("campaign: \(kills) kills of \(operation.rawValue)") }
        #expect(kills > 1)
    }

    /// Runs the operation; false where it came to its end.
    private func isKilled(
        _ operation: Operation, _ machine: Machine, before call: String, _ number: Int
    ) throws -> Bool {
        try operation.prepare(machine)
        let words = try operation.command(on: machine)
        let run = try Command.run(
            "strace", Tracer.words(killingBefore: call, number) + words,
            environment: [Command.defaultPath, "LD_LIBRARY_PATH=\(machine.layout.directory)/lib"])
        if run.status == .signalled(9) { return true }
        #expect(run.code == 0, "\(operation.rawValue), \(call) \(number): \(run.errors)")
        return false
    }

    private func expectWhole(_ operation: Operation, _ machine: Machine, _ when: String) throws {
        let next = try Machine(directory: machine.layout.directory)
        try next.expectConsistency(when)
        #expect(try next.holders().isEmpty, "\(when)")
        #expect(try next.faults().count <= 1, "\(when)")
        _ = try next.xids()
        // The lock is free and everything can be changed; a process that knew the machine before goes on too.
        try next.changeFaults { $0 = [] }
        try next.expectUse(when)
        #expect(try machine.state().lastSerial == next.state().lastSerial, "\(when)")
    }
}

extension Machine {
    /// Whether a slice can be made and destroyed, and has its nodes while it is there.
    fileprivate func expectUse(_ when: String) throws {
        try reset(gpu: 0)
        _ = try setMode(gpu: 0, enabled: true)
        let instance = try createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        let compute = try createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(0), at: nil)
        let minor = try state().gpus[0].minor
        for capability in [
            Capability.gpuInstance(gpuMinor: minor, instance.id),
            .computeInstance(gpuMinor: minor, instance.id, compute.id),
        ] {
            let node = try Files.attributes(layout.node(try #require(capability.minor)))
            #expect(node.mode == 0o444 && node.owner == .root, "\(when)")
        }
        try destroyCompute(gpu: 0, in: instance.id, compute.id, serial: compute.serial)
        try destroyInstance(gpu: 0, instance.id, serial: instance.serial)
        try expectConsistency(when)
    }
}

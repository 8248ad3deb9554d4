import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// A whole 3g of the first GPU, as a MIG device.
private func device(_ machine: Machine) throws -> (instance: SimulatedGPU.Instance, compute: SimulatedGPU.Compute) {
    let instance = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
    let compute = try machine.createCompute(
        gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
    return (instance, compute)
}

@Suite struct `Processes on a machine` {
    private static func makeNodes(_ machine: Machine, _ instance: SimulatedGPU.Instance, mode: UInt32) throws {
        for minor in [3 + 9 * Int(instance.id.rawValue), 4 + 9 * Int(instance.id.rawValue)] {
            let node = machine.layout.node(minor)
            if Files.exists(node) { try Files.remove(node) }
            try Files.write(node, [])
            try Files.setMode(machine.layout.node(minor), mode)
        }
    }

    @Test(.enabled(if: BuiltProducts.has("migsim"), "needs the built migsim"))
    func `a holder shows, keeps its instance, and is gone when it is killed`() throws {
        let test = try TestMachine()
        let machine = test.machine
        let (instance, compute) = try device(machine)
        try Self.makeNodes(machine, instance, mode: 0o444)
        let child = try hold(machine, compute.uuid.description, ["--memory", "512"])
        let holder = try #require(try machine.holders().first)
        #expect(holder.pid == child.pid && holder.memoryMiB == 512)
        #expect(
            holder.instance
                == Holder.Instance(gpuInstance: instance.id, computeInstance: compute.id))
        let links = try Files.list("/proc/\(child.pid)/fd").map {
            try Files.readLink("/proc/\(child.pid)/fd/\($0)")
        }
        let opened = ["nvidiactl", "nvidia-uvm", "nvidia0"].map { "\(machine.layout.dev)/\($0)" }
        for path in opened + [3, 4].map({ machine.layout.node($0 + 9 * Int(instance.id.rawValue)) }) {
            #expect(links.contains(path), "\(path)")
        }
        let error = #expect(throws: MachineError.self) {
            try machine.destroyCompute(gpu: 0, in: instance.id, compute.id, serial: compute.serial)
        }
        #expect(error?.code == .inUse)
        #expect(throws: MachineError.self) { try machine.reload() }
        child.end()
        #expect(try machine.holders().isEmpty)
        try machine.destroyCompute(gpu: 0, in: instance.id, compute.id, serial: compute.serial)
    }

    @Test(.enabled(if: BuiltProducts.has("migsim"), "needs the built migsim"))
    func `who may not open the nodes holds nothing`() throws {
        let test = try TestMachine()
        let (instance, compute) = try device(test.machine)
        let command = { try Command.run(BuiltProducts.path(of: "migsim"), $0) }
        let words = ["hold", test.path, "--device", compute.uuid.description, "--", "true"]
        for minor in [3, 4] { try? Files.remove(test.machine.layout.node(minor + 9 * Int(instance.id.rawValue))) }
        #expect(try command(words).errors.contains("No such file"))
        #expect(try command(["hold", test.path, "--device", "MIG-x", "--", "true"]).errors.contains("no device MIG-x"))
        try Self.makeNodes(test.machine, instance, mode: 0o444)
        let tooMuch = try command(words.dropLast(2) + ["--memory", "99999", "--", "true"])
        #expect(tooMuch.code == 1 && tooMuch.errors.contains("has not 99999 MiB free"))
        #expect(try command(words.dropLast(1) + ["false"]).code == 1)
        #expect(try command(words).code == 0)
        #expect(try test.machine.holders().isEmpty)
    }

    @Test(
        .enabled(if: CurrentProcess.user == .root, "needs root: another user"),
        .enabled(if: BuiltProducts.has("migsim") && Command.exists("setpriv"), "needs migsim and setpriv"))
    func `another user holds a device that is open to him, and none that is not`() throws {
        let test = try TestMachine()
        let (instance, compute) = try device(test.machine)
        // The build's directory may be closed to others, so the user runs a copy.
        let program = test.directory.path("migsim")
        try Files.write(program, try Files.read(BuiltProducts.path(of: "migsim")), mode: 0o755)
        try Self.makeNodes(test.machine, instance, mode: 0o400)
        let words = [
            "--reuid", "4242", "--regid", "4242", "--clear-groups", program, "hold", test.path, "--device",
            compute.uuid.description, "--", "true",
        ]
        let refused = try Command.run("setpriv", words)
        #expect(refused.code == 1 && refused.errors.contains("EACCES"), "\(refused.errors)")
        let list = AccessACL([
            .init(.owner, 4), .init(.user(UserID(4242)), 4), .init(.owningGroup, 0), .init(.mask, 4),
            .init(.other, 0),
        ])
        for minor in [3, 4] { try list.apply(to: test.machine.layout.node(minor + 9 * Int(instance.id.rawValue))) }
        let allowed = try Command.run("setpriv", words)
        #expect(allowed.code == 0, "\(allowed.errors)")
    }

    @Test(arguments: [
        ("no entry", "x"), ("an empty one", ""), ("a process that is gone", "{\"pid\":1,\"started\":1}"),
        ("half an instance", "{\"pid\":1,\"started\":0,\"gi\":1,\"memoryMiB\":0}"),
    ])
    func `what is no living process's entry is nobody's claim`(what: String, content: String) throws {
        let test = try TestMachine()
        try Files.write("\(test.machine.layout.holders)/1.1", Array(content.utf8))
        try Files.makeDirectory("\(test.machine.layout.holders)/2.2")
        try Files.symlink(to: "/dev/zero", at: "\(test.machine.layout.holders)/3.3")
        #expect(try test.machine.holders().isEmpty, "\(what)")
    }

    @Test func `an entry of a process that is gone does not outlive the next that is made`() throws {
        let test = try TestMachine([.a100], isMIGEnabled: false)
        let gpu = try test.machine.state().gpus[0].uuid
        let pid = CurrentProcess.pid
        let started = try #require(Holder.startTime(of: pid))
        for earlier in 1...3 as ClosedRange<UInt64> {
            let gone = Holder(pid: pid, started: started + earlier, gpu: gpu, instance: nil, memoryMiB: 100)
            try test.machine.enter(gone)
            #expect(try Files.list(test.machine.layout.holders) == ["\(pid).\(started + earlier)"])
        }
        try test.machine.enter(Holder(pid: pid, started: started, gpu: gpu, instance: nil, memoryMiB: 100))
        #expect(try Files.list(test.machine.layout.holders) == ["\(pid).\(started)"])
        #expect(try test.machine.holders().count == 1)
    }

    @Test func `a whole GPU is held only while it is not cut`() throws {
        let test = try TestMachine([.a100], isMIGEnabled: false)
        let gpu = try test.machine.state().gpus[0].uuid
        let pid = CurrentProcess.pid
        let started = try #require(Holder.startTime(of: pid))
        let holder = Holder(pid: pid, started: started, gpu: gpu, instance: nil, memoryMiB: 100)
        try test.machine.enter(holder)
        let change = try test.machine.setMode(gpu: 0, enabled: true)
        #expect(change.activation == .inUse)
        #expect(try test.machine.state().gpus[0].mode.isPending)
        try Files.remove("\(test.machine.layout.holders)/\(pid).\(started)")
        _ = try test.machine.setMode(gpu: 0, enabled: true)
        #expect(throws: MachineError.self) { try test.machine.enter(holder) }
    }
}

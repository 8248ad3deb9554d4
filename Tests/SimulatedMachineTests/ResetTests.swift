import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// A process on a whole GPU: this one.
private func hold(_ machine: Machine, gpu index: Int) throws -> Holder {
    let pid = CurrentProcess.pid
    let started = try #require(Holder.startTime(of: pid))
    let holder = Holder(
        pid: pid, started: started, gpu: try machine.state().gpus[index].uuid, instance: nil, memoryMiB: 1)
    try machine.enter(holder)
    return holder
}

private func release(_ holder: Holder, _ machine: Machine) throws {
    try Files.remove("\(machine.layout.holders)/\(holder.pid).\(holder.started)")
}

@Suite struct `A GPU that is reset` {
    private static func minors(_ machine: Machine) throws -> [Int] { try machine.state().gpus.map(\.minor) }

    private static func shownMinor(_ machine: Machine, gpu index: Int) throws -> String? {
        let information = try text(machine.layout.information(try machine.state().gpus[index].pci))
        return information.split(separator: "\n").first { $0.hasPrefix("Device Minor:") }.map(String.init)
    }

    @Test func `a change of mode by reset gives it the lowest minor that no GPU has, each time anew`() throws {
        let test = try TestMachine([.a100, .a100, .a100], isMIGEnabled: false, renumbersGPUs: true)
        let machine = test.machine
        #expect(try machine.setMode(gpu: 0, enabled: true).activation == .success)
        #expect(try Self.minors(machine) == [3, 1, 2])
        _ = try machine.setMode(gpu: 1, enabled: true)
        #expect(try Self.minors(machine) == [3, 0, 2])
        _ = try machine.setMode(gpu: 0, enabled: false)
        #expect(try Self.minors(machine) == [1, 0, 2])
        #expect(try Self.minors(try test.reopened()) == [1, 0, 2])
    }

    @Test func `its files and its node follow the new minor, and no node is removed`() throws {
        let test = try TestMachine([.a100, .h100], isMIGEnabled: false, renumbersGPUs: true)
        let (machine, layout) = (test.machine, test.machine.layout)
        _ = try machine.setMode(gpu: 0, enabled: true)
        #expect(try Self.shownMinor(machine, gpu: 0) == "Device Minor: \t 2")
        #expect(try Self.shownMinor(machine, gpu: 1) == "Device Minor: \t 1")
        #expect(try Files.attributes(layout.information(machine.state().gpus[0].pci)).mode == 0o444)
        let directories = try Files.list(layout.capabilities).filter { $0.hasPrefix("gpu") }
        #expect(Set(directories) == ["gpu1", "gpu2"])
        #expect(Files.exists(layout.gpuNode(0)) && Files.exists(layout.gpuNode(2)))
        let instance = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let access = try text("\(layout.capabilities)/gpu2/mig/gi\(instance.id)/access")
        let node = 3 + 135 * 2 + 9 * Int(instance.id.rawValue)
        #expect(access.hasPrefix("DeviceFileMinor: \(node)\n"))
        #expect(Files.exists(layout.node(node)))
        try machine.reset(gpu: 0)
        #expect(try Self.minors(machine) == [0, 1])
        #expect(Files.exists(layout.node(node)), "the kernel module never removes a node")
        #expect(try Files.list(layout.instances(gpuMinor: 0)).isEmpty)
        #expect(!Files.exists("\(layout.capabilities)/gpu2"))
    }

    @Test func `it keeps its minor where the machine does not say otherwise, and where none is free`() throws {
        let usual = try TestMachine([.a100, .a100])
        try usual.machine.reset(gpu: 0)
        #expect(try Self.minors(usual.machine) == [0, 1])
        let full = try TestMachine(Array(repeating: .a100, count: 32), renumbersGPUs: true)
        try full.machine.reset(gpu: 7)
        #expect(try Self.minors(full.machine) == Array(0..<32))
    }

    @Test func `a mode that needs no reset, is refused, or stays resets nothing`() throws {
        let test = try TestMachine([.h100, .a100], renumbersGPUs: true)
        _ = try test.machine.setMode(gpu: 0, enabled: false)
        _ = try test.machine.setMode(gpu: 1, enabled: true)
        let instance = try test.machine.createInstance(gpu: 1, profile: GPUInstanceProfileID(19), at: nil)
        #expect(try test.machine.setMode(gpu: 1, enabled: false).activation == .inUse)
        let state = try test.machine.state()
        #expect(state.gpus.map(\.resets) == [0, 0])
        #expect(state.gpus.map(\.minor) == [0, 1])
        #expect(state.gpus[1].instances == [instance])
    }

    @Test func `files that a killed process left at the old minor are mended`() throws {
        let test = try TestMachine([.a100], renumbersGPUs: true)
        let (machine, layout) = (test.machine, test.machine.layout)
        let information = layout.information(try machine.state().gpus[0].pci)
        let before = try Files.read(information)
        try machine.reset(gpu: 0)
        // The state is in force and the files are not: as if killed between the two.
        try Files.replace(information, with: before, mode: 0o444)
        try Files.removeTree("\(layout.capabilities)/gpu1")
        try Files.remove(layout.gpuNode(1))
        try Files.makeDirectories("\(layout.instances(gpuMinor: 0))/gi3")
        try test.loseTrack()
        try test.reopened().mend()
        #expect(try Self.shownMinor(machine, gpu: 0) == "Device Minor: \t 1")
        #expect(Files.exists(layout.instances(gpuMinor: 1)) && Files.exists(layout.gpuNode(1)))
        #expect(!Files.exists("\(layout.capabilities)/gpu0"))
    }

    @Test func `a reset makes a pending mode active and leaves no instance`() throws {
        let test = try TestMachine([.a100, .a100])
        let machine = test.machine
        for gpu in 0..<2 { _ = try machine.createInstance(gpu: gpu, profile: GPUInstanceProfileID(9), at: nil) }
        #expect(try machine.setMode(gpu: 0, enabled: false).activation == .inUse)
        try machine.reset(gpu: 0)
        let state = try machine.state()
        #expect(state.gpus[0].mode == MIGMode(isEnabled: false, isPendingEnabled: false))
        #expect(state.gpus[1].mode == MIGMode(isEnabled: true, isPendingEnabled: true))
        #expect(state.gpus.map(\.instances.count) == [0, 1])
        #expect(try Files.list(machine.layout.instances(gpuMinor: 0)).isEmpty)
        try machine.reset(gpu: nil)
        #expect(try machine.state().gpus.map(\.instances.count) == [0, 0])
    }

    @Test(arguments: [0, nil] as [Int?])
    func `a reset is refused while a process is on one of the GPUs, and nothing is reset`(gpu: Int?) throws {
        let test = try TestMachine([.a100, .a100], isMIGEnabled: false, renumbersGPUs: true)
        let holder = try hold(test.machine, gpu: 0)
        #expect(try test.machine.setMode(gpu: 0, enabled: true).activation == .inUse)
        let error = #expect(throws: MachineError.self) { try test.machine.reset(gpu: gpu) }
        #expect(error?.code == .inUse)
        #expect(try test.machine.state().gpus.map(\.resets) == [0, 0])
        #expect(try test.machine.state().gpus[0].mode.isPending)
        try test.machine.reset(gpu: 1)
        try release(holder, test.machine)
        try test.machine.reset(gpu: gpu)
        #expect(try test.machine.state().gpus[0].mode == MIGMode(isEnabled: true, isPendingEnabled: true))
    }

    @Test(arguments: [2, 31])
    func `a GPU that is not there is not reset`(gpu: Int) throws {
        let test = try TestMachine()
        let error = #expect(throws: MachineError.self) { try test.machine.reset(gpu: gpu) }
        #expect(error?.code == .notFound)
    }

    @Test func `a reload gives the minors anew, in order`() throws {
        let test = try TestMachine([.a100, .a100], renumbersGPUs: true)
        let machine = test.machine
        try machine.reset(gpu: 0)
        #expect(try Self.minors(machine) == [2, 1])
        try machine.reload()
        #expect(try Self.minors(machine) == [0, 1])
        #expect(try Self.shownMinor(machine, gpu: 0) == "Device Minor: \t 0")
        try machine.reset(gpu: 1)
        try machine.reboot()
        #expect(try Self.minors(machine) == [0, 1])
        let nodes = try Files.list(machine.layout.dev).filter { $0.hasPrefix("nvidia") && $0.last?.isNumber == true }
        #expect(Set(nodes) == ["nvidia0", "nvidia1"])
    }
}

@Suite struct `A GPU that the driver may not reset` {
    // `facts/nvml.md` 1.5.
    @Test(arguments: [false, true])
    func `keeps a change of mode for a reboot`(isHeld: Bool) throws {
        let test = try TestMachine([.a100], isMIGEnabled: false, canResetGPUs: false)
        let machine = test.machine
        if isHeld { _ = try hold(machine, gpu: 0) }
        let change = try machine.setMode(gpu: 0, enabled: true)
        #expect(change.result == .success && change.activation == .resetRequired && !change.isReset)
        let pending = MIGMode(isEnabled: false, isPendingEnabled: true)
        #expect(try machine.state().gpus[0].mode == pending)
        if !isHeld { try machine.reload() }
        #expect(try machine.state().gpus[0].mode == pending)
        try machine.reboot()
        #expect(try machine.state().gpus[0].mode == MIGMode(isEnabled: true, isPendingEnabled: true))
    }

    @Test func `changes at once where no reset is needed`() throws {
        let test = try TestMachine([.h100], isMIGEnabled: false, canResetGPUs: false)
        #expect(try test.machine.setMode(gpu: 0, enabled: true).activation == .success)
        #expect(try test.machine.state().gpus[0].mode.isEnabled)
    }

    @Test(arguments: [0, nil] as [Int?])
    func `is not reset by the tool either, and the kernel offers no way`(gpu: Int?) throws {
        let test = try TestMachine(canResetGPUs: false)
        let error = #expect(throws: MachineError.self) { try test.machine.reset(gpu: gpu) }
        #expect(error?.code == .notSupported)
        for gpu in try test.machine.state().gpus {
            let device = test.machine.layout.pciDevice(gpu.pci)
            #expect(Files.exists(device) && !Files.exists("\(device)/reset"))
        }
    }

    @Test func `is told from one that it may reset by the file that the kernel has for it`() throws {
        let test = try TestMachine()
        #expect(test.machine.layout.pciDevice(try test.machine.state().gpus[0].pci).hasSuffix("/0000:07:00.0"))
        for gpu in try test.machine.state().gpus {
            let file = try Files.attributes("\(test.machine.layout.pciDevice(gpu.pci))/reset")
            #expect(file.kind == .regular && file.mode == 0o200)
        }
    }
}

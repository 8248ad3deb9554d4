import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite struct `The trees of a machine` {
    @Test func `the table of minors has all lines and agrees with the formula`() throws {
        let test = try TestMachine()
        let lines = try text("\(test.path)/proc/driver/nvidia-caps/mig-minors").split(separator: "\n")
        #expect(lines.count == 4322)
        #expect(lines[..<4] == ["config 1", "monitor 2", "gpu0/gi0/access 3", "gpu0/gi0/ci0/access 4"])
        #expect(lines.last == "gpu31/gi14/ci7/access 4322")
        for line in lines.dropFirst(2) {
            let words = line.split(separator: " ")
            let numbers = words[0].split(whereSeparator: { !("0"..."9").contains($0) }).compactMap { UInt32($0) }
            let gi = GPUInstanceID(numbers[1])
            let expected =
                numbers.count == 2
                ? CapabilityMinor.gpuInstance(gpuMinor: Int(numbers[0]), gi)
                : CapabilityMinor.computeInstance(gpuMinor: Int(numbers[0]), gi, ComputeInstanceID(numbers[2]))
            #expect(Int(words[1]) == expected)
        }
    }

    @Test func `the list of drivers has the host's own lines and majors that no host driver has`() throws {
        let test = try TestMachine()
        let simulated = try text(test.machine.layout.devices).split(separator: "\n")
        let host = try text("/proc/devices").split(separator: "\n")
        #expect(host.allSatisfy { simulated.contains($0) })
        let majors = try test.machine.state().majors
        for (major, name) in [
            (majors.capabilities, "nvidia-caps"), (majors.nvidia, "nvidiactl"), (majors.uvm, "nvidia-uvm"),
        ] {
            #expect(simulated.contains { $0.hasSuffix("\(major) \(name)") })
            #expect(!host.contains { $0.split(separator: " ").first == "\(major)" })
        }
        // nvidia-modprobe takes the first line with the name before its end.
        #expect(simulated.count { $0.hasSuffix(" nvidia-caps") } == 1)
    }

    @Test func `every GPU has its files`() throws {
        let test = try TestMachine()
        let state = try test.machine.state()
        for gpu in state.gpus {
            let bus = gpu.pci.description.dropFirst(4).lowercased()
            let information = try text("\(test.machine.layout.driver)/gpus/\(bus)/information")
            #expect(information.contains("GPU UUID: \t \(gpu.uuid)\n"))
            #expect(information.contains("Device Minor: \t \(gpu.minor)\n"))
            #expect(information.contains("Model: \t\t \(gpu.model.name)\n"))
        }
        #expect(try text("\(test.path)/sys/module/nvidia/version") == "\(state.driver)\n")
        #expect(try text("\(test.machine.layout.driver)/version").contains(state.driver.description))
    }

    @Test(
        arguments: [
            ("nvidiactl", 0o666), ("nvidia0", 0o666), ("nvidia1", 0o666), ("nvidia-uvm", 0o666),
            ("nvidia-caps/nvidia-cap1", 0o400), ("nvidia-caps/nvidia-cap2", 0o444),
        ] as [(String, UInt32)])
    func `the nodes of a booted machine are there`(name: String, mode: UInt32) throws {
        let test = try TestMachine()
        #expect(try Files.attributes("\(test.path)/dev/\(name)").mode == mode)
    }

    @Test func `capability files are read only and say their node`() throws {
        let test = try TestMachine()
        let path = Capability.config.path(in: test.machine.layout)
        #expect(try Files.attributes(path).mode == 0o444)
        #expect(try text(path) == "DeviceFileMinor: 1\nDeviceFileMode: 256\nDeviceFileModify: 1\n")
    }

    @Test(arguments: [
        "", "mig", "mig/other", "gpu0/mig/gi0", "gpu0/mig/gi0/access/x", "gpu0/mig/gix/access", "gpu/mig/gi1/access",
        "gpu0/mig/gi1/ci/access", "gpu0/other/gi1/access", "gpu00/mig/gi1/access", "../gpu0/mig/gi1/access",
    ])
    func `what is no capability file is none`(path: String) {
        #expect(Capability(file: "/proc/driver/nvidia/capabilities/\(path)") == nil)
    }

    @Test(arguments: [
        ("mig/config", 1), ("mig/monitor", 2), ("gpu0/mig/gi1/access", 12), ("gpu0/mig/gi1/ci0/access", 13),
        ("gpu31/mig/gi14/ci7/access", 4322),
    ])
    func `a capability file's path names its node`(path: String, minor: Int) throws {
        let capability = try #require(Capability(file: "/proc/driver/nvidia/capabilities/\(path)"))
        #expect(capability.minor == minor)
        let layout = MachineLayout(directory: "/m")
        #expect(capability.path(in: layout) == "/m/proc/driver/nvidia/capabilities/\(path)")
    }
}

@Suite struct `Nodes as nvidia-modprobe makes them` {
    private static let isRoot = CurrentProcess.user == .root

    private static func ensure(
        _ test: borrowing TestMachine, mode: UInt32 = 0o444, mayModify: Bool
    ) throws -> NodeFiles.Outcome {
        let state = try test.machine.state()
        return try test.machine.nodes(state).ensure(
            NodeFiles.Rule(minor: 12, mode: mode, mayModify: mayModify))
    }

    @Test(.enabled(if: isRoot, "needs root: nodes are given to root"))
    func `a missing node is made, a right one left, a changed one reset`() throws {
        let test = try TestMachine()
        let path = test.machine.layout.node(12)
        #expect(try Self.ensure(test, mayModify: true) == .made)
        #expect(try Self.ensure(test, mayModify: true) == .untouched)
        try Files.setMode(path, 0o400)
        #expect(try Self.ensure(test, mayModify: true) == .mended)
        #expect(try Files.attributes(path).mode == 0o444)
        try Files.setOwner(path, UserID(1234), GroupID(5))
        #expect(try Self.ensure(test, mayModify: true) == .mended)
        #expect(try Files.attributes(path).owner == .root)
    }

    @Test(.enabled(if: isRoot, "needs root: nodes are given to root"))
    func `a named entry survives the reset of a mode`() throws {
        let test = try TestMachine()
        let path = test.machine.layout.node(12)
        _ = try Self.ensure(test, mayModify: true)
        let list = AccessACL([
            .init(.owner, 4), .init(.user(UserID(1000)), 4), .init(.owningGroup, 0), .init(.mask, 4),
            .init(.other, 0),
        ])
        try list.apply(to: path)
        #expect(try Files.attributes(path).mode == 0o440)
        #expect(try Self.ensure(test, mayModify: true) == .mended)
        let left = try #require(try AccessACL.read(path))
        #expect(left.entries.contains(.init(.user(UserID(1000)), 4)))
        #expect(left.entries.contains(.init(.other, 4)))
    }

    @Test func `a driver that forbids it makes and changes nothing`() throws {
        let test = try TestMachine()
        let path = test.machine.layout.node(12)
        #expect(try Self.ensure(test, mayModify: false) == .forbidden(isPresent: false))
        #expect(!Files.exists(path))
        try Files.write(path, [], mode: 0o400)
        #expect(try Self.ensure(test, mayModify: false) == .forbidden(isPresent: true))
        #expect(try Files.attributes(path).mode == 0o400)
    }

    @Test(.enabled(if: isRoot, "needs root: device nodes"))
    func `device nodes answer an allowed open with ENXIO, and the library makes them for root`() throws {
        let directory = try TemporaryDirectory()
        let plan = MachinePlan(models: [.a100], library: "/dev/null")
        try Machine.make(plan, in: directory.path("m"))
        let machine = try Machine(directory: directory.path("m"))
        #expect(throws: SystemError("open", .noDevice, "\(directory.path("m"))/dev/nvidiactl")) {
            _ = try Files.open("\(directory.path("m"))/dev/nvidiactl", .read)
        }
        _ = try machine.setMode(gpu: 0, enabled: true)
        let instance = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        let node = machine.layout.node(12)
        let attributes = try Files.attributes(node)
        #expect(instance.id == GPUInstanceID(1))
        #expect(attributes.kind == .characterDevice && attributes.mode == 0o444)
        #expect(
            attributes.device
                == DeviceNumber(major: try machine.state().majors.capabilities, minor: 12))
        try machine.destroyInstance(gpu: 0, instance.id, serial: instance.serial)
        #expect(Files.exists(node), "the kernel module never removes a node")
    }
}

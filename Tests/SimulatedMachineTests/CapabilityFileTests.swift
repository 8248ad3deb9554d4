import Linux
import MIG
import SimulatedMachine
import Testing

/// `facts/nvidia-caps.md` 1.2.
@Suite(.enabled(if: CurrentProcess.user == .root, "needs root: the files are nobody's to write"))
struct `What is written to a capability's file` {
    private static let instance = Capability.gpuInstance(gpuMinor: 0, GPUInstanceID(1))

    /// A machine whose GPU 0 has GPU instance 1.
    private static func machine(_ module: [String] = []) throws -> TestMachine {
        let test = try TestMachine([.a100], module: module)
        let made = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        try #require(made.id == GPUInstanceID(1))
        return test
    }

    /// The number in the file's third line, after whatever looks at it has done so.
    private static func modify(_ test: borrowing TestMachine, _ capability: Capability = instance) throws -> Int? {
        let rule = try #require(try test.machine.rule(of: capability))
        let lines = try text(capability.path(in: test.machine.layout)).split(separator: "\n")
        try #require(lines.count == 3)
        #expect(lines[0] == "DeviceFileMinor: \(rule.minor)" && lines[1] == "DeviceFileMode: \(rule.mode)")
        let modify = lines[2].split(separator: " ").last.flatMap { Int($0) }
        #expect(rule.mayModify == (modify == 1))
        return modify
    }

    private static func write(
        _ line: String, to test: borrowing TestMachine, _ capability: Capability = instance, appending: Bool = false
    ) throws {
        let path = capability.path(in: test.machine.layout)
        let file = try Files.open(path, appending ? [.write, .append] : [.write, .truncate])
        try file.write(Array(line.utf8))
    }

    @Test(arguments: [
        ("DeviceFileModify: 0\n", 0), ("DeviceFileModify:0", 0), ("DeviceFileModify: 0", 0),
        ("DeviceFileModify:  \t 0 or so\n", 0), ("DeviceFileModify: 1\n", 1), ("DeviceFileModify: 2\n", 2),
        ("DeviceFileModify: -1\n", -1), ("DeviceFileModify: 0\nDeviceFileModify: 5\n", 0),
    ])
    func `one line sets the number, and the file shows its three`(line: String, number: Int) throws {
        let test = try Self.machine()
        let path = Self.instance.path(in: test.machine.layout)
        // As the documentation has it: a right to write first, which stays.
        try Files.setMode(path, 0o644)
        try Self.write(line, to: test)
        #expect(try Self.modify(test) == number)
        #expect(try Files.attributes(path).mode == 0o644)
        #expect(try Self.modify(test) == number)
        #expect(try test.reopened().state().modify(of: Self.instance) == Int32(number))
    }

    @Test(arguments: [
        "", "\n", "0\n", "DeviceFileModify\n", "DeviceFileModify: \n", "DeviceFileModify: no\n",
        " DeviceFileModify: 0\n", "DeviceFileMode: 0\n", "DeviceFileMinor: 1\nDeviceFileMode: 438\n",
        "devicefilemodify: 0\n", "DeviceFileModify: 99999999999\n", "DeviceFileModify: --1\n",
        "DeviceFileModify: 0" + String(repeating: " ", count: 128), String(repeating: "x", count: 5000),
    ])
    func `anything else is ignored, whatever was set before`(line: String) throws {
        let test = try Self.machine()
        try Self.write(line, to: test)
        #expect(try Self.modify(test) == 1)
        try Self.write("DeviceFileModify: 0\n", to: test)
        #expect(try Self.modify(test) == 0)
        try Self.write(line, to: test)
        #expect(try Self.modify(test) == 0)
    }

    @Test func `to append is to write`() throws {
        let test = try Self.machine()
        try Self.write("DeviceFileModify: 0\n", to: test, appending: true)
        #expect(try Self.modify(test) == 0)
        try Self.write("x\n", to: test, appending: true)
        #expect(try Self.modify(test) == 0)
    }

    @Test(arguments: [([], 1), (["NVreg_ModifyDeviceFiles=0"], 0)] as [([String], Int)])
    func `it lasts as long as the instance: made again, that begins with the module's number`(
        module: [String], number: Int
    ) throws {
        let test = try Self.machine(module)
        let instance = try #require(try test.machine.state().gpus[0].instances.first)
        #expect(try Self.modify(test) == number)
        try Self.write("DeviceFileModify: \(1 - number)\n", to: test)
        #expect(try Self.modify(test) == 1 - number)
        let compute = try test.machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(3), at: nil)
        #expect(try Self.modify(test) == 1 - number, "another change leaves it")
        try test.machine.destroyCompute(gpu: 0, in: instance.id, compute.id, serial: compute.serial)
        try test.machine.destroyInstance(gpu: 0, instance.id, serial: instance.serial)
        _ = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        #expect(try Self.modify(test) == number)
    }

    @Test(arguments: [Capability.config, .monitor, .fabric, .fabricIMEX])
    func `what is the driver's own keeps it over a reset, and begins anew with a load`(capability: Capability) throws {
        let test = try Self.machine()
        try Self.write("DeviceFileModify: 0\n", to: test, capability)
        #expect(try Self.modify(test, capability) == 0)
        try test.machine.reset(gpu: 0)
        #expect(try Self.modify(test, capability) == 0)
        try Self.write("DeviceFileModify: 7\n", to: test, capability)
        try test.machine.reload()
        #expect(try Self.modify(test, capability) == 1)
        try Self.write("DeviceFileModify: 0\n", to: test, capability)
        #expect(try Self.modify(test, capability) == 0)
        try test.machine.reboot()
        #expect(try Self.modify(test, capability) == 1)
    }

    @Test func `what was written for one instance is nothing to another`() throws {
        let test = try TestMachine([.a100, .a100])
        let made = try (0..<2).map { index in
            let instance = try test.machine.createInstance(gpu: index, profile: GPUInstanceProfileID(5), at: nil)
            return Capability.gpuInstance(gpuMinor: index, instance.id)
        }
        try Self.write("DeviceFileModify: 0\n", to: test, made[1])
        #expect(try Self.modify(test, made[0]) == 1)
        #expect(try Self.modify(test, made[1]) == 0)
    }
}

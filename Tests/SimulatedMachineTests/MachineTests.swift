import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite struct `A machine in its directory` {
    @Test func `what one opening changes another sees, and the state survives being read anew`() throws {
        let test = try TestMachine()
        let other = try test.reopened()
        #expect(try other.state().gpus[0].instances.isEmpty)
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let compute = try test.machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        let seen = try other.state().gpus[0].instances
        #expect(seen.map(\.id) == [instance.id] && seen[0].computeInstances == [compute])
        try other.destroyCompute(gpu: 0, in: instance.id, compute.id, serial: compute.serial)
        #expect(try test.machine.state().gpus[0].devices.isEmpty)
    }

    @Test func `a refused change leaves no trace`() throws {
        let test = try TestMachine()
        let serial = try test.machine.state().lastSerial
        #expect(throws: MachineError.self) {
            try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(77), at: nil)
        }
        #expect(try test.machine.state().lastSerial == serial)
        #expect(try Files.list(test.machine.layout.instances(gpuMinor: 0)).isEmpty)
    }

    @Test func `a handle's instance is not its successor in the same place`() throws {
        let test = try TestMachine()
        let profile = GPUInstanceProfileID(19)
        let first = try test.machine.createInstance(gpu: 0, profile: profile, at: nil)
        try test.machine.destroyInstance(gpu: 0, first.id, serial: first.serial)
        let second = try test.machine.createInstance(gpu: 0, profile: profile, at: first.placement)
        #expect(second.id == first.id && second.serial != first.serial)
        #expect(throws: MachineError.self) {
            try test.machine.destroyInstance(gpu: 0, first.id, serial: first.serial)
        }
    }

    @Test func `the capability tree follows the instances`() throws {
        let test = try TestMachine()
        let layout = test.machine.layout
        let instance = try test.machine.createInstance(
            gpu: 1, profile: GPUInstanceProfileID(9), at: Placement(start: 0, size: 4))
        let compute = try test.machine.createCompute(
            gpu: 1, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(0), at: nil)
        // GPU 1, instance 1: 3 + 135 + 9; its compute instance 0 follows.
        let access = "\(layout.capabilities)/gpu1/mig/gi1/access"
        #expect(try text(access) == "DeviceFileMinor: 147\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
        #expect(
            try text("\(layout.capabilities)/gpu1/mig/gi1/ci0/access")
                == "DeviceFileMinor: 148\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
        try test.machine.destroyCompute(gpu: 1, in: instance.id, compute.id, serial: compute.serial)
        #expect(!Files.exists("\(layout.capabilities)/gpu1/mig/gi1/ci0"))
        try test.machine.destroyInstance(gpu: 1, instance.id, serial: instance.serial)
        #expect(try Files.list("\(layout.capabilities)/gpu1/mig").isEmpty)
    }

    @Test func `a new capability starts with the module's parameter`() throws {
        let test = try TestMachine(module: ["NVreg_ModifyDeviceFiles=0"])
        let layout = test.machine.layout
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(19), at: nil)
        let access = try text(Capability.gpuInstance(gpuMinor: 0, instance.id).path(in: layout))
        #expect(access.hasSuffix("DeviceFileModify: 0\n"))
        #expect(!Files.exists(layout.node(3 + 9 * Int(instance.id.rawValue))))
    }

    @Test func `a tree that a killed process left behind is mended by the next change`() throws {
        let test = try TestMachine()
        let layout = test.machine.layout
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let directory = layout.capability(gpuMinor: 0, instance.id)
        // The state is in force and the tree is not: as if killed between the two.
        try Files.removeTree(directory)
        try Files.makeDirectories("\(layout.instances(gpuMinor: 1))/gi3")
        try test.loseTrack()
        try test.reopened().mend()
        #expect(Files.exists("\(directory)/access"))
        #expect(try Files.list(layout.instances(gpuMinor: 1)).isEmpty)
    }

    @Test(arguments: [
        ("nothing", "", "too early"),
        ("half a file", "{\"version\":1,\"driver\":\"580.105.08\"", "too early"),
        ("no object", "[]", "an object"),
        ("another version", "\"version\":2", "version is not 1"),
        ("an unknown key", "\"version\":1,\"x\":1", "x is not a known key"),
        ("an unknown model", "\"model\":\"NVIDIA Z900\"", "model"),
        ("no driver version", "\"driver\":\"new\"", "driver"),
        ("an unknown profile", "\"profile\":77", "Invalid Argument"),
        ("an illegal place", "\"start\":7", "Invalid Argument"),
        ("a start far away", "\"start\":63", "Invalid Argument"),
        ("a size of nothing", "\"size\":0", "from 1 to 64"),
        ("a profile that is text", "\"profile\":\"9\"", "must be an integer"),
        ("a negative number", "\"lastSerial\":-1", "must be an integer"),
        ("no PCI address", "\"pci\":\"x\"", "PCI address"),
        ("a minor past the table", "\"minor\":32", "from 0 to 31"),
        ("two instances in one place", "\"instances\":[2", "Insufficient Resources"),
    ])
    func `damaged state is refused with the file and the reason`(what: String, damage: String, reason: String) throws {
        let test = try TestMachine([.a100])
        _ = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let path = test.machine.layout.machine
        // Sealed again, so that what stands in it is looked at.
        let good = try Seal.open(try Files.read("\(path).0"), count: 2)
        let bad = Damage.apply(damage, to: String(decoding: good, as: UTF8.self))
        try Files.write("\(path).0", Seal.close(Array(bad.utf8), count: 2))
        let reopened = try test.reopened()
        let error = #expect(throws: MachineError.self, "\(what)") { try reopened.state() }
        #expect(error?.code == .unknown)
        #expect(error?.description.hasPrefix("\(path).") == true, "\(error?.description ?? "")")
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        #expect(throws: MachineError.self) { try reopened.setMode(gpu: 0, enabled: false) }
    }

    @Test func `a directory without a machine, and one that is half made, hold none`() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: MachineError.self) { try Machine(directory: directory.path) }
        let test = try TestMachine()
        try Files.remove(test.machine.layout.header)
        let error = #expect(throws: MachineError.self) { try test.reopened() }
        #expect(error?.code == .driverNotLoaded)
    }
}

enum Damage {
    /// Puts a text in place of the file, or of the member that has its key.
    static func apply(_ damage: String, to good: String) -> String {
        if damage == "\"instances\":[2" {
            guard let start = good.range(of: "\"instances\":["), let end = good.range(of: "]}]}") else { return "" }
            let last = good.index(end.lowerBound, offsetBy: 2)
            return "\(good[..<last]),\(good[start.upperBound..<last])\(good[last...])"
        }
        guard damage.hasPrefix("\""), let colon = damage.firstIndex(of: ":"),
            let key = good.range(of: String(damage[...colon]))
        else { return damage }
        let rest = good[key.upperBound...]
        let value = rest.prefix { $0 != "," && $0 != "}" }
        return "\(good[..<key.lowerBound])\(damage)\(rest.dropFirst(value.count))"
    }
}

extension String {
    /// Where a text first occurs.
    fileprivate func range(of wanted: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(wanted) }.map { $0..<index($0, offsetBy: wanted.count) }
    }
}

import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

private let needs = "needs root, which nvidia-modprobe has by its setuid bit, unshare, and the built migsim"
private let isPossible =
    CurrentProcess.user == .root && BuiltProducts.has("migsim") && Command.exists("unshare")

/// `facts/nvidia-caps.md` 2.2, 3.2 and 3.3 with real device nodes, row by row: what a broker left on a node, and what is
/// there after another user ran nvidia-modprobe.
@Suite(.enabled(if: isPossible, "\(needs)"))
struct `Nodes after another user ran nvidia-modprobe` {
    private static let broker = UserID(1000)
    private static let caller = UserID(1001)
    private static let file = "/proc/driver/nvidia/capabilities/gpu0/mig/gi1/access"

    /// A machine whose GPU 0 has GPU instance 1, and the node of it, 12, made by the library as root's.
    private static func machine(_ module: [String] = []) throws -> TestMachine {
        let test = try TestMachine([.a100], module: module, nodes: .device)
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        try #require(instance.id == GPUInstanceID(1))
        return test
    }

    private static func words(_ test: borrowing TestMachine) -> [String] {
        [BuiltProducts.path(of: "migsim"), "modprobe", test.path, "--as", "\(caller)", "-f", file]
    }

    private static func modprobe(_ test: borrowing TestMachine) throws -> Command {
        let words = words(test)
        return try Command.run(words[0], Array(words.dropFirst()))
    }

    private static func write(modify: Int, _ test: borrowing TestMachine) throws {
        let path = Capability.gpuInstance(gpuMinor: 0, GPUInstanceID(1)).path(in: test.machine.layout)
        try Files.write(path, Array("DeviceFileModify: \(modify)\n".utf8))
    }

    private static let grant = AccessACL([
        .init(.owner, 4), .init(.user(broker), 4), .init(.owningGroup, 0), .init(.mask, 4), .init(.other, 0),
    ])

    private static func opens(_ node: String, as user: UserID) throws -> Bool {
        let ran = try Command.run(
            "setpriv", ["--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "sh", "-c", "read x < \(node)"])
        return !ran.errors.contains("Permission denied")
    }

    @Test func `an owner is gone, and the node open to the world`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Files.setOwner(node, Self.broker, GroupID(1000))
        try Files.setMode(node, 0o400)
        #expect(try Self.modprobe(test).code == 0)
        let file = try Files.attributes(node)
        #expect(file.mode == 0o444 && file.owner == .root && file.group == GroupID(0))
        #expect(try Self.opens(node, as: Self.caller))
    }

    @Test func `a list keeps its named user and gets everybody else beside him`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Self.grant.apply(to: node)
        #expect(try !Self.opens(node, as: Self.caller))
        #expect(try Self.modprobe(test).code == 0)
        #expect(try Files.attributes(node).mode == 0o444)
        let entries = try #require(try AccessACL.read(node)).entries
        #expect(entries.contains(.init(.user(Self.broker), 4)) && entries.contains(.init(.other, 4)))
        #expect(try Self.opens(node, as: Self.caller))
    }

    @Test(arguments: [true, false])
    func `where the capability or the module forbids it, the list stays, and so does who may open`(
        byModule: Bool
    ) throws {
        let test = try Self.machine(byModule ? ["NVreg_ModifyDeviceFiles=0"] : [])
        let node = test.machine.layout.node(12)
        if byModule {
            #expect(!Files.exists(node), "the library makes none either")
            try Files.makeDirectory(test.machine.layout.nodes)
            let major = try test.machine.state().majors.capabilities
            try Files.makeCharacterDevice(node, DeviceNumber(major: major, minor: 12), mode: 0o400)
        } else {
            try Self.write(modify: 0, test)
        }
        try Self.grant.apply(to: node)
        let before = try Files.attributes(node)
        #expect(try Self.modprobe(test).code == 0)
        let after = try Files.attributes(node)
        #expect(try AccessACL.read(node) == Self.grant && after.mode == 0o440 && after.inode == before.inode)
        #expect(try Self.opens(node, as: Self.broker))
        #expect(try !Self.opens(node, as: Self.caller))
    }

    @Test(arguments: [true, false])
    func `a missing node is not made where that is forbidden`(byModule: Bool) throws {
        let test = try Self.machine(byModule ? ["NVreg_ModifyDeviceFiles=0"] : [])
        let node = test.machine.layout.node(12)
        if !byModule {
            try Self.write(modify: 0, test)
            try Files.remove(node)
        }
        let refused = try Self.modprobe(test)
        #expect(refused.code == 1 && refused.errors.contains("forbids"))
        #expect(!Files.exists(node))
        // Nor does the library, when root lists what is there.
        test.machine.makeMissingNodes(
            of: try test.machine.state().gpus[0], GPUInstanceID(1), ComputeInstanceID(0), try test.machine.state())
        #expect(!Files.exists(node))
    }

    @Test func `a list whose mode is exactly the driver's is not touched`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        let list = AccessACL([
            .init(.owner, 4), .init(.user(Self.broker), 4), .init(.owningGroup, 4), .init(.group(GroupID(1001)), 0),
            .init(.mask, 4), .init(.other, 4),
        ])
        try list.apply(to: node)
        try #require(try Files.attributes(node).mode == 0o444)
        #expect(try Self.modprobe(test).code == 0)
        #expect(try AccessACL.read(node) == list)
        #expect(try !Self.opens(node, as: Self.caller), "the caller's group is denied still")
        #expect(try Self.opens(node, as: UserID(1002)))
    }

    @Test func `a node on a read-only mount stays as it is, and can be opened`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Self.grant.apply(to: node)
        let script = """
            mount --bind \(test.machine.layout.nodes) \(test.machine.layout.nodes)
            mount -o remount,bind,ro \(test.machine.layout.nodes)
            \(Self.words(test).joined(separator: " ")) && exit 9
            setpriv --reuid \(Self.broker) --clear-groups sh -c 'read x < \(node)'
            """
        let ran = try Command.run("unshare", ["--mount", "--propagation", "private", "sh", "-c", script])
        #expect(ran.errors.contains("EROFS"), "\(ran.errors)")
        #expect(ran.errors.contains("No such device or address"), "\(ran.errors)")
        #expect(try Files.attributes(node).mode == 0o440 && AccessACL.read(node) == Self.grant)
    }

    @Test func `a capability file that the caller may not read ends it before anything is done`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Files.setMode(Capability.gpuInstance(gpuMinor: 0, GPUInstanceID(1)).path(in: test.machine.layout), 0o400)
        try Self.grant.apply(to: node)
        #expect(try Self.modprobe(test).code == 1)
        #expect(try AccessACL.read(node) == Self.grant)
    }

    // MARK: - 2.2 and 3.2

    @Test func `a node of another number, as after a load with another major, is replaced`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        let right = try Files.attributes(node).device
        for wrong in [DeviceNumber(major: right.major - 1, minor: 12), DeviceNumber(major: right.major, minor: 13)] {
            try Files.remove(node)
            try Files.makeCharacterDevice(node, wrong, mode: 0o444)
            try Self.write(modify: 0, test)
            #expect(try Self.modprobe(test).code == 1, "forbidden, a wrong node is as good as none")
            #expect(try Files.attributes(node).device == wrong)
            try Self.write(modify: 1, test)
            #expect(try Self.modprobe(test).code == 0)
            let file = try Files.attributes(node)
            #expect(file.device == right && file.mode == 0o444)
        }
    }

    @Test func `the directory is made where it is missing, and left alone where it is there`() throws {
        let test = try Self.machine()
        let directory = test.machine.layout.nodes
        try Files.setMode(directory, 0o750)
        try Files.setOwner(directory, .root, GroupID(3000))
        #expect(try Self.modprobe(test).code == 0)
        #expect(try Files.attributes(directory).mode == 0o750 && Files.attributes(directory).group == GroupID(3000))
        try Files.removeTree(directory)
        #expect(try Self.modprobe(test).code == 0)
        #expect(try Files.attributes(directory).mode == 0o755 && Files.attributes(directory).group == GroupID(0))
        #expect(try Files.attributes(test.machine.layout.node(12)).mode == 0o444)
    }

    @Test func `the link by numbers is made with the node, also where the node may not be changed`() throws {
        let test = try Self.machine()
        let device = try Files.attributes(test.machine.layout.node(12)).device
        let link = "\(test.machine.layout.dev)/char/\(device)"
        for modify in [1, 0] {
            try Self.write(modify: modify, test)
            try Files.remove(link)
            #expect(try Self.modprobe(test).code == 0)
            #expect(try Files.readLink(link) == "../nvidia-caps/nvidia-cap12")
        }
    }

    @Test func `the node of an instance that is gone stays, and its list is its successor's`() throws {
        let test = try Self.machine()
        let (machine, node) = (test.machine, test.machine.layout.node(12))
        try Self.grant.apply(to: node)
        let instance = try #require(try machine.state().gpus[0].instances.first)
        let inode = try Files.attributes(node).inode
        try machine.destroyInstance(gpu: 0, instance.id, serial: instance.serial)
        #expect(try Self.modprobe(test).code == 1, "its file is gone")
        #expect(try AccessACL.read(node) == Self.grant)
        // The next one with that number has the same node: the library resets the mode and looks at no list.
        _ = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        #expect(try Files.attributes(node).inode == inode && Files.attributes(node).mode == 0o444)
        #expect(try AccessACL.read(node)?.entries.contains(.init(.user(Self.broker), 4)) == true)
        // And a mode that shuts it only sleeps: the next mode wakes the old entry.
        try Files.setMode(node, 0o400)
        #expect(try !Self.opens(node, as: Self.broker))
        #expect(try Self.modprobe(test).code == 0)
        #expect(try Self.opens(node, as: Self.broker))
    }

    @Test func `the module's own capabilities have nodes too`() throws {
        let test = try Self.machine()
        let major = try test.machine.state().majors.capabilities
        for (file, minor, mode) in [
            ("/proc/driver/nvidia/capabilities/fabric-imex-mgmt", 4323, 0o400),
            ("/proc/driver/nvidia-nvlink/capabilities/fabric-mgmt", 0, 0o400),
            ("/proc/driver/nvidia/capabilities/mig/monitor", 2, 0o444),
        ] as [(String, UInt32, UInt32)] {
            let ran = try Command.run(BuiltProducts.path(of: "migsim"), ["modprobe", test.path, "-f", file])
            #expect(ran.code == 0, "\(ran.errors)")
            let node = try Files.attributes(test.machine.layout.node(Int(minor)))
            #expect(node.device == DeviceNumber(major: major, minor: minor) && node.mode == mode)
        }
    }

    @Test func `the module that forbids it has no program make the node of a GPU`() throws {
        let test = try Self.machine(["NVreg_ModifyDeviceFiles=0"])
        let node = test.machine.layout.gpuNode(0)
        let run = { try Command.run(BuiltProducts.path(of: "migsim"), ["modprobe", test.path, "-c", "0"]) }
        try Files.setMode(node, 0o600)
        #expect(try run().code == 0)
        #expect(try Files.attributes(node).mode == 0o600)
        try Files.remove(node)
        let refused = try run()
        #expect(refused.code == 1 && refused.errors.contains("forbids"), "\(refused.errors)")
        #expect(!Files.exists(node))
    }
}

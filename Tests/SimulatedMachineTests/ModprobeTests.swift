import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

private let obstacle: String? = {
    guard CurrentProcess.user == .root else { return "needs root, which nvidia-modprobe has by its setuid bit" }
    return BuiltProducts.has("migsim") ? nil : "needs the built migsim"
}()

@Suite(.enabled(if: obstacle == nil, "needs root, which nvidia-modprobe has by its setuid bit, and the built migsim"))
struct `What setuid nvidia-modprobe does for a user` {
    private static let user = UserID(1000)
    private static let file = "/proc/driver/nvidia/capabilities/gpu0/mig/gi1/access"

    /// A machine whose GPU 0 has GPU instance 1, and the node of it, 12.
    private static func machine() throws -> TestMachine {
        let test = try TestMachine([.a100])
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(5), at: nil)
        try #require(instance.id == GPUInstanceID(1))
        return test
    }

    private static func modprobe(_ test: borrowing TestMachine, _ files: String...) throws -> Command {
        let words = files.flatMap { ["-f", $0] }
        return try Command.run(
            BuiltProducts.path(of: "migsim"), ["modprobe", test.path, "--as", "\(user)"] + words)
    }

    private static func grant(_ path: String) throws {
        try AccessACL([
            .init(.owner, 4), .init(.user(user), 4), .init(.owningGroup, 0), .init(.mask, 4), .init(.other, 0),
        ]).apply(to: path)
    }

    private static func forbid(_ test: borrowing TestMachine) throws {
        // As an administrator does it: one line, and the file goes on to mean three.
        let path = Capability.gpuInstance(gpuMinor: 0, GPUInstanceID(1)).path(in: test.machine.layout)
        try Files.write(path, Array("DeviceFileModify: 0\n".utf8))
    }

    @Test func `a grant is undone: the node is open to everybody again`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Self.grant(node)
        #expect(try Self.modprobe(test, Self.file).code == 0)
        #expect(try Files.attributes(node).mode == 0o444)
        try Files.setOwner(node, Self.user, GroupID(1000))
        try Files.setMode(node, 0o400)
        #expect(try Self.modprobe(test, Self.file).code == 0)
        #expect(try Files.attributes(node).mode == 0o444)
        #expect(try Files.attributes(node).owner == .root)
    }

    @Test func `the node of a GPU is made where it is missing, and its mode reset`() throws {
        let test = try TestMachine([.a100], renumbersGPUs: true)
        let node = test.machine.layout.gpuNode(1)
        try test.machine.reset(gpu: 0)
        try Files.remove(node)
        let words = ["modprobe", test.path, "--as", "\(Self.user)", "-c", "1"]
        let run = { try Command.run(BuiltProducts.path(of: "migsim"), $0) }
        #expect(try run(words).code == 0)
        #expect(try Files.attributes(node).mode == 0o666 && Files.attributes(node).owner == .root)
        try Files.setMode(node, 0o600)
        #expect(try run(words).code == 0)
        #expect(try Files.attributes(node).mode == 0o666)
        #expect(try run(words.dropLast() + ["32"]).errors.contains("a number from 0 to 31"))
    }

    @Test func `a grant stays where the driver forbids to touch it`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Self.grant(node)
        let list = try AccessACL.read(node)
        try Self.forbid(test)
        #expect(try Self.modprobe(test, Self.file).code == 0)
        #expect(try AccessACL.read(node) == list)
        #expect(try Files.attributes(node).mode == 0o440)
    }

    @Test func `a missing node is made, unless the driver forbids it`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Files.remove(node)
        #expect(try Self.modprobe(test, Self.file).code == 0)
        #expect(try Files.attributes(node).mode == 0o444)
        try Files.remove(node)
        try Self.forbid(test)
        let refused = try Self.modprobe(test, Self.file)
        #expect(refused.code == 1 && refused.errors.contains("forbids"))
        #expect(!Files.exists(node))
    }

    @Test func `something else in a node's place is replaced, and a mode that is exact left alone`() throws {
        let test = try Self.machine()
        let node = test.machine.layout.node(12)
        try Files.remove(node)
        try Files.symlink(to: "/etc/passwd", at: node)
        #expect(try Self.modprobe(test, Self.file).code == 0)
        #expect(try Files.attributes(node).kind == .regular)
        let inode = try Files.attributes(node).inode
        #expect(try Self.modprobe(test, Self.file).code == 0)
        #expect(try Files.attributes(node).inode == inode)
    }

    @Test func `the config node stays root's alone`() throws {
        let test = try Self.machine()
        try Files.remove(test.machine.layout.node(1))
        #expect(try Self.modprobe(test, "/proc/driver/nvidia/capabilities/mig/config").code == 0)
        #expect(try Files.attributes(test.machine.layout.node(1)).mode == 0o400)
    }

    @Test func `a capability file that the user may not read gives him nothing`() throws {
        let test = try Self.machine()
        let path = Capability.gpuInstance(gpuMinor: 0, GPUInstanceID(1)).path(in: test.machine.layout)
        try Files.setMode(path, 0o400)
        try Files.setMode(test.machine.layout.node(12), 0o400)
        let refused = try Self.modprobe(test, Self.file)
        #expect(refused.code == 1 && refused.errors.contains("EACCES"))
        #expect(try Files.attributes(test.machine.layout.node(12)).mode == 0o400)
    }

    @Test(arguments: [
        "/etc/passwd", "/proc/driver/nvidia/../../etc/passwd", "/proc/driver/nvidia/./capabilities/mig/config",
        "/proc/driver/nvidia/params", "/proc/driver/nvidia/capabilities/gpu0/mig/gi2/access",
        "/proc/driver/nvidia/capabilities/mig",
    ])
    func `a path that is no capability file is refused`(path: String) throws {
        let test = try Self.machine()
        let refused = try Self.modprobe(test, path)
        #expect(refused.code == 1 && !refused.errors.isEmpty)
    }
}

import Linux
import MIG
import Testing

@testable import Nodes

@Suite("Making nodes", .enabled(if: DriverTree.isRoot, "needs root: device nodes and other users"))
struct NodeMakingTests {
    @Test func `all that two GPUs can need is made, closed, as devices`() throws {
        let tree = try DriverTree(gpuMinors: [0, 2])
        let store = NodeStore(driver: tree.path)
        let made = try store.makeNodes(gpuMinors: [0, 2])
        #expect(made == NodeStore.Made(made: 2 + 2 * 135))
        #expect(try Files.list(tree.nodes).count == 272)
        for name in [.config] + NodeName.all(ofGPU: 0) + NodeName.all(ofGPU: 2) {
            let status = try #require(try store.inspect(name))
            let minor = try #require(name.minor)
            #expect(status.attributes.kind == .characterDevice)
            #expect(status.attributes.device == DeviceNumber(major: DriverTree.major, minor: UInt32(minor)))
            #expect(status.access == .closed)
        }
        #expect(try store.inspect(.monitor)?.attributes.mode == 0o444)
    }

    @Test func `nodes that are right are left, grants included`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        let inode = try store.inspect(.gi1)?.attributes.inode
        #expect(try store.makeNodes(gpuMinors: [0]) == NodeStore.Made())
        #expect(try store.inspect(.gi1)?.access == .granted(.alice))
        #expect(try store.inspect(.gi1)?.attributes.inode == inode)
    }

    @Test(arguments: Damage.ofThing)
    func `a thing that is not the node is replaced`(damage: Damage) throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try damage.apply(tree.node(.gi1), tree.nodes)
        let made = try store.makeNodes(gpuMinors: [0])
        #expect(made.replaced.contains(.gi1))
        #expect(try store.inspect(.gi1)?.access == .closed)
        _ = try store.gate(for: .create(gpuMinors: [0]), grants: [])
    }

    @Test(arguments: Damage.ofAccess)
    func `a node that is open to more than one named user is closed`(damage: Damage) throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try damage.apply(tree.node(.gi1), tree.nodes)
        #expect(try store.makeNodes(gpuMinors: [0]).closed == [.gi1])
        #expect(try store.inspect(.gi1)?.access == .closed)
    }

    @Test func `nodes of the driver's former major are made anew without their old lists`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        try tree.write("proc/devices", DriverTree.devices(major: 3991))
        let made = try store.makeNodes(gpuMinors: [0])
        #expect(made.replaced.count == 137)
        #expect(try store.inspect(.gi1)?.attributes.device.major == 3991)
        #expect(try store.inspect(.gi1)?.access == .closed)
    }

    @Test func `where others may write the directory nothing is made`() throws {
        let tree = try DriverTree()
        try Files.makeDirectories(tree.nodes)
        try Files.setMode(tree.nodes, 0o775)
        let problem = NodeError.problem(path: tree.nodes, .writableByOthers(mode: 0o775))
        #expect(throws: problem) { try NodeStore(driver: tree.path).makeNodes(gpuMinors: [0]) }
        #expect(try Files.list(tree.nodes) == [])
    }

    @Test func `where the directory is a link nothing is made`() throws {
        let tree = try DriverTree()
        try Files.makeDirectory("\(tree.path)/elsewhere")
        try Files.symlink(to: "\(tree.path)/elsewhere", at: tree.nodes)
        #expect(throws: NodeError.problem(path: tree.nodes, .wrongKind(.symlink))) {
            try NodeStore(driver: tree.path).makeNodes(gpuMinors: [0])
        }
        #expect(try Files.list("\(tree.path)/elsewhere") == [])
    }

    @Test func `without the driver nothing is made`() throws {
        let tree = try DriverTree()
        try tree.write("proc/devices", "Character devices:\n")
        #expect(throws: NodeError.tree(.noDriver(file: "\(tree.path)/proc/devices"))) {
            try NodeStore(driver: tree.path).makeNodes(gpuMinors: [0])
        }
        #expect(!Files.exists(tree.nodes))
    }

    @Test func `a machine that has plain files gets plain files, and says so`() throws {
        let tree = try DriverTree()
        try tree.makeFileMode()
        let store = try tree.store()
        #expect(store.kind == .regularFile)
        #expect(try store.inspect(.gi1)?.attributes.kind == .regular)
        #expect(try store.inspect(.gi1)?.access == .closed)
    }

    @Test func `plain files never stand for the host's own nodes`() {
        #expect(NodeStore(driver: nil).kind == .characterDevice)
        #expect(NodeStore(driver: nil).directory == "/dev/nvidia-caps")
    }

    @Test(arguments: [([], []), ([0], [0, 1]), ([2], [0, 1, 2, 3]), ([1, 0], [0, 1, 2]), ([31], Array(0..<32))])
    func `nodes are made for the number that a GPU may have after a reset`(present: [Int], minors: [Int]) {
        #expect(NodeStore.minorsToCome(of: present) == minors)
    }
}

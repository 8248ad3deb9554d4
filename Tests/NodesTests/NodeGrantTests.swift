import Linux
import MIG
import Testing

@testable import Nodes

@Suite("Granting nodes", .enabled(if: DriverTree.isRoot, "needs root: device nodes and other users"))
struct NodeGrantTests {
    @Test func `a grant opens both nodes to its user alone, and stat shows 0440`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        for name in [NodeName.gi1, .ci0] {
            #expect(try store.inspect(name)?.attributes.mode == 0o440)
            #expect(try AccessACL.read(tree.node(name)) == NodeAccessList.granted(to: .alice))
            #expect(try DriverTree.open(tree.node(name), as: .alice) == "ENXIO")
            #expect(try DriverTree.open(tree.node(name), as: .bob) == "EACCES")
            // The group's bits in the mode are the mask, not a right of root's group.
            #expect(try DriverTree.open(tree.node(name), as: .bob, groups: [GroupID(0)]) == "EACCES")
        }
        let other = NodeName.computeInstance(gpuMinor: 0, GPUInstanceID(1), ComputeInstanceID(1))
        #expect(try DriverTree.open(tree.node(other), as: .alice) == "EACCES")
    }

    @Test func `the next owner's grant leaves nothing of the one before`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        try store.revoke(.first(to: .alice))
        try store.grant(.first(to: .bob))
        #expect(try DriverTree.open(tree.node(.gi1), as: .alice) == "EACCES")
        #expect(try DriverTree.open(tree.node(.gi1), as: .bob) == "ENXIO")
        // Even without a revoke in between the list is replaced as a whole.
        try store.grant(.first(to: .alice))
        #expect(try AccessACL.read(tree.node(.gi1)) == NodeAccessList.granted(to: .alice))
    }

    @Test func `a revoked node has no list at all, and a later chmod revives nothing`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        try store.revoke(.first(to: .alice))
        #expect(try AccessACL.read(tree.node(.gi1)) == nil)
        #expect(try store.inspect(.gi1)?.attributes.mode == 0o400)
        try Files.setMode(tree.node(.gi1), 0o440)
        #expect(try DriverTree.open(tree.node(.gi1), as: .alice) == "EACCES")
    }

    @Test(arguments: Damage.ofThing)
    func `a thing that is not the node is not granted, and the other node stays closed`(
        damage: Damage
    ) throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try damage.apply(tree.node(.ci0), tree.nodes)
        #expect(throws: NodeError.self) { try store.grant(.first(to: .alice)) }
        #expect(try store.inspect(.gi1)?.access == .closed)
    }

    @Test(arguments: Damage.ofAccess)
    func `whatever access was there is gone after a grant and a revoke`(damage: Damage) throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try damage.apply(tree.node(.gi1), tree.nodes)
        try store.grant(.first(to: .bob))
        #expect(try store.inspect(.gi1)?.access == .granted(.bob))
        try damage.apply(tree.node(.gi1), tree.nodes)
        try store.revoke(.first(to: .bob))
        #expect(try store.inspect(.gi1)?.access == .closed)
    }

    @Test func `a missing node cannot be granted, and is closed as it is`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try Files.remove(tree.node(.ci0))
        #expect(throws: NodeError.problem(path: tree.node(.ci0), .missing)) { try store.grant(.first(to: .alice)) }
        #expect(try store.inspect(.gi1)?.access == .closed)
        try store.revoke(.first(to: .alice))
    }

    @Test func `revoking does not follow a link, and still closes the other nodes`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        try Files.write("\(tree.path)/precious", [])
        try Files.setMode("\(tree.path)/precious", 0o644)
        try Files.remove(tree.node(.gi1))
        try Files.symlink(to: "\(tree.path)/precious", at: tree.node(.gi1))
        #expect(throws: NodeError.problem(path: tree.node(.gi1), .wrongKind(.symlink))) {
            try store.revoke(.first(to: .alice))
        }
        #expect(try Files.attributes("\(tree.path)/precious").mode == 0o644)
        #expect(try store.inspect(.ci0)?.access == .closed)
    }

    @Test func `an instance past the driver's table has no node to grant`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        let grant = NodeGrant(user: .alice, gpuMinor: 0, gpuInstance: GPUInstanceID(15), computeInstances: [])
        #expect(throws: NodeError.noMinor(.gpuInstance(gpuMinor: 0, GPUInstanceID(15)))) { try store.grant(grant) }
    }

    @Test func `plain files are granted and taken by the same rules`() throws {
        let tree = try DriverTree()
        try tree.makeFileMode()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        // An empty file opens and ends at once; the shell says nothing.
        #expect(try DriverTree.open(tree.node(.gi1), as: .alice) == "open")
        #expect(try DriverTree.open(tree.node(.gi1), as: .bob) == "EACCES")
        try store.revoke(.first(to: .alice))
        #expect(try DriverTree.open(tree.node(.gi1), as: .alice) == "EACCES")
    }

    @Test(arguments: Damage.ofAccess)
    func `repair sets a node right, and tells what it found`(damage: Damage) throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        try AccessACL(mode: 0o400).apply(to: tree.node(.gi1))
        let free = NodeName.gpuInstance(gpuMinor: 0, GPUInstanceID(2))
        try damage.apply(tree.node(.gi1), tree.nodes)
        try damage.apply(tree.node(free), tree.nodes)
        let found = [NodeName.gi1, free].map { try? store.inspect($0)?.accessText }
        let report = try store.repair([.first(to: .alice)], gpuMinors: [0])
        #expect(report.unrepaired == [])
        #expect(report.repaired.map(\.name) == [.gi1, free])
        #expect(report.repaired.map(\.restored) == [.granted(.alice), .closed])
        #expect(report.repaired.map(\.found) == found)
        #expect(try store.inspect(.gi1)?.access == .granted(.alice))
        #expect(try store.inspect(free)?.access == .closed)
        #expect(try store.repair([.first(to: .alice)], gpuMinors: [0]) == NodeStore.RepairReport())
    }

    @Test func `repair takes access that no lease gives, and leaves other tools' instances alone`() throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try store.grant(.first(to: .alice))
        let external = NodeName.gpuInstance(gpuMinor: 0, GPUInstanceID(5))
        try Files.setMode(tree.node(external), 0o444)
        let report = try store.repair([], gpuMinors: [0], external: [external])
        #expect(report.repaired.map(\.name) == [.gi1, .ci0])
        #expect(try store.inspect(external)?.attributes.mode == 0o444)
    }

    @Test(arguments: Damage.ofThing)
    func `repair tells of a thing that it may not replace`(damage: Damage) throws {
        let tree = try DriverTree()
        let store = try tree.store()
        try damage.apply(tree.node(.gi1), tree.nodes)
        let report = try store.repair([], gpuMinors: [0])
        #expect(report.unrepaired.map(\.name) == [.gi1])
        #expect(report.repaired == [])
    }
}

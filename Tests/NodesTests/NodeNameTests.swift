import MIG
import Nodes
import Testing

@Suite("Node names")
struct NodeNameTests {
    @Test func `every minor of the driver's table names one thing, and that thing has the minor`() {
        for line in DriverTree.minors {
            let fields = line.split(separator: " ")
            let name = Int(fields[1]).flatMap(NodeName.init(minor:))
            #expect(name?.description == String(fields[0]))
            #expect(name?.minor.map(String.init) == String(fields[1]))
        }
    }

    @Test(arguments: [Int.min, -1, 0, 4323, 8191, Int.max])
    func `a minor past the table names nothing`(minor: Int) {
        #expect(NodeName(minor: minor) == nil)
    }

    @Test(arguments: [
        NodeName.gpuInstance(gpuMinor: 32, GPUInstanceID(0)), .gpuInstance(gpuMinor: -1, GPUInstanceID(0)),
        .gpuInstance(gpuMinor: 0, GPUInstanceID(15)), .gpuInstance(gpuMinor: 0, GPUInstanceID(.max)),
        .computeInstance(gpuMinor: 0, GPUInstanceID(0), ComputeInstanceID(8)),
        .computeInstance(gpuMinor: 0, GPUInstanceID(15), ComputeInstanceID(0)),
    ])
    func `what lies past the table has no minor`(name: NodeName) {
        #expect(name.minor == nil)
    }

    @Test func `a GPU has 135 nodes, all different`() {
        #expect(Set(NodeName.all(ofGPU: 31).compactMap(\.minor)) == Set(4188...4322))
    }
}

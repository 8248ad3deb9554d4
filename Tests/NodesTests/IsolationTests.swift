import Linux
import MIG
import Testing

@testable import Nodes

@Suite("Isolation")
struct IsolationTests {
    @Test func `a driver that lets its helper reset modes is advisory, with the command that changes it`() throws {
        let tree = try DriverTree(modify: 1)
        let report = NodeStore(driver: tree.path).isolation(gpuMinors: [0])
        #expect(report.isolation == .advisory)
        #expect(report.reason.contains("nvidia-modprobe"))
        #expect(report.remedy?.contains("NVreg_ModifyDeviceFiles=0") == true)
    }

    @Test(.enabled(if: DriverTree.isRoot, "needs root: device nodes and other users"))
    func `the driver's setting counts only while all nodes are made`() throws {
        let tree = try DriverTree(modify: 0)
        let empty = NodeStore(driver: tree.path).isolation(gpuMinors: [0])
        #expect(empty.isolation == .advisory)
        #expect(empty.remedy == "migbrokerd --make-nodes")
        let store = try tree.store()
        #expect(store.isolation(gpuMinors: [0]).isolation == .enforced)
        #expect(store.isolation(gpuMinors: [0]).remedy == nil)
        #expect(store.isolation(gpuMinors: [0, 1]).isolation == .advisory)
    }

    @Test(arguments: ["proc/devices", "proc/driver/nvidia/params", "proc/driver/nvidia-caps/mig-minors"])
    func `what cannot be seen is not taken for enforced`(name: String) throws {
        let tree = try DriverTree(modify: 0)
        try Files.remove("\(tree.path)/\(name)")
        #expect(NodeStore(driver: tree.path).isolation(gpuMinors: []).isolation == .advisory)
    }

    @Test func `a driver that tells no setting is advisory`() throws {
        let tree = try DriverTree()
        try tree.write("proc/driver/nvidia/params", "RmLogonRC: 1\n")
        #expect(NodeStore(driver: tree.path).isolation(gpuMinors: []).isolation == .advisory)
    }

    private static let readOnly = "70 25 0:45 /nodes /dev/nvidia-caps ro,nosuid,noexec,relatime shared:9 - tmpfs x rw\n"
    private static let writable = "70 25 0:45 /nodes /dev/nvidia-caps rw,nosuid,noexec,relatime shared:9 - tmpfs x ro\n"
    private static let beside = "71 25 0:45 /nodes /dev/nvidia-caps2 ro - tmpfs x rw\n"
    private static let above = "72 25 0:5 / /dev ro - devtmpfs x rw\n"

    @Test(arguments: [
        (readOnly, "/nodes"), (writable + readOnly, "/nodes"), (readOnly + beside, "/nodes"),
        (readOnly + writable, nil), (writable, nil), (beside, nil), (above, nil), ("", nil),
        ("70 25 0:45 /nodes /dev/nvidia-caps", nil),
    ])
    func `only a read-only mount on top of the nodes counts`(table: String, source: String?) {
        #expect(MountTable.readOnlySource(of: "/dev/nvidia-caps", in: Array(table.utf8)) == source)
    }
}

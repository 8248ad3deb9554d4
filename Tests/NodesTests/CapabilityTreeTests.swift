import Linux
import MIG
import Nodes
import Testing

@Suite("Capability tree")
struct CapabilityTreeTests {
    @Test func `a whole tree tells the major and whether the driver touches modes`() throws {
        let tree = try DriverTree(gpuMinors: [0, 3], modify: 0)
        let read = try CapabilityTree.read(driver: tree.path)
        #expect(read.major == DriverTree.major)
        #expect(read.modifiesDeviceFiles == false)
        #expect(try CapabilityTree.gpuMinors(driver: tree.path) == [0, 3])
    }

    @Test(arguments: [
        ("no driver", "Character devices:\n  1 mem\n"),
        ("nothing at all", ""),
        ("a block device of that name", "Character devices:\n  1 mem\n\nBlock devices:\n511 nvidia-caps\n"),
        ("another device whose name begins so", "Character devices:\n511 nvidia-caps-imex-channels\n"),
        ("a name that ends so", "Character devices:\n511 my-nvidia-caps\n"),
    ])
    func `without the driver's device there is no tree`(what: String, devices: String) throws {
        let tree = try DriverTree()
        try tree.write("proc/devices", devices)
        #expect(throws: CapabilityTreeError.noDriver(file: "\(tree.path)/proc/devices")) {
            try CapabilityTree.read(driver: tree.path)
        }
    }

    // `facts/nvidia-caps.md` 1.5.
    @Test(arguments: [("0\n", true), ("0", true), ("1\n", false), ("", false), ("-1\n", false)])
    func `a driver whose capabilities are files of /proc is told from none`(value: String, isOld: Bool) throws {
        let tree = try DriverTree()
        try tree.write("proc/devices", "Character devices:\n195 nvidia\n")
        let parameter = "\(tree.path)/sys/module/nvidia/parameters/nv_cap_enable_devfs"
        try Files.makeDirectories(Files.parent(of: parameter))
        try Files.write(parameter, Array(value.utf8))
        let error = #expect(throws: CapabilityTreeError.self) { try CapabilityTree.read(driver: tree.path) }
        #expect(error == (isOld ? .noNodes(file: parameter) : .noDriver(file: "\(tree.path)/proc/devices")))
        #expect(error?.fix.contains("nv_cap_enable_devfs=1") == isOld)
        #expect(NodeStore(driver: tree.path).isolation(gpuMinors: [0]).remedy == error?.fix)
    }

    @Test func `nodes are what counts, whatever a parameter says`() throws {
        let tree = try DriverTree()
        try Files.makeDirectories("\(tree.path)/sys/module/nvidia/parameters")
        try tree.write("sys/module/nvidia/parameters/nv_cap_enable_devfs", "0\n")
        #expect(try CapabilityTree.read(driver: tree.path).major == DriverTree.major)
    }

    @Test func `without the driver's tree there are no GPUs to tell of`() throws {
        let tree = try DriverTree()
        let directory = "\(tree.path)/proc/driver/nvidia/gpus"
        try Files.removeTree(directory)
        #expect(throws: CapabilityTreeError.noDriver(file: directory)) {
            try CapabilityTree.gpuMinors(driver: tree.path)
        }
    }

    @Test(arguments: ["-1", "x", "4294967296", "99999999999999999999"])
    func `a major that is no number is refused`(major: String) throws {
        let tree = try DriverTree()
        try tree.write("proc/devices", "Character devices:\n\(major) nvidia-caps\n")
        #expect(throws: CapabilityTreeError.self) { try CapabilityTree.read(driver: tree.path) }
    }

    @Test(arguments: [
        (3, "gpu0/gi0/access 4"), (3, "gpu0/gi0/access 03"), (3, "gpu0/gi0/access"), (3, "gpu0/gi0/access 3 3"),
        (3, "gpu0/gi0/access -3"), (1, "config 2"), (2, "monitor 1"), (4, "gpu0/gi0/ci1/access 4"),
        (4322, "gpu31/gi14/ci7/access 4323"), (4322, "gpu31/gi14/ci8/access 4322"), (5, "gpu0/gi0/ci0/access 4"),
    ])
    func `a table that numbers otherwise is refused by its line`(line: Int, text: String) throws {
        let tree = try DriverTree()
        var lines = DriverTree.minors
        lines[line - 1] = text
        try tree.write("proc/driver/nvidia-caps/mig-minors", lines.joined(separator: "\n") + "\n")
        let file = "\(tree.path)/proc/driver/nvidia-caps/mig-minors"
        #expect(throws: CapabilityTreeError.strangeMinors(file: file, line: line, text: text)) {
            try CapabilityTree.read(driver: tree.path)
        }
    }

    @Test(arguments: [0, 1, 2000, 4321])
    func `a table that is cut short is refused`(count: Int) throws {
        let tree = try DriverTree()
        let lines = DriverTree.minors.prefix(count).map { $0 + "\n" }
        try tree.write("proc/driver/nvidia-caps/mig-minors", lines.joined())
        let file = "\(tree.path)/proc/driver/nvidia-caps/mig-minors"
        #expect(throws: CapabilityTreeError.missingMinors(file: file, count: 4322 - count)) {
            try CapabilityTree.read(driver: tree.path)
        }
    }

    @Test(arguments: ["proc/devices", "proc/driver/nvidia-caps/mig-minors", "proc/driver/nvidia/params"])
    func `a file that is not there is named`(name: String) throws {
        let tree = try DriverTree()
        try Files.remove("\(tree.path)/\(name)")
        let error = #expect(throws: CapabilityTreeError.self) { try CapabilityTree.read(driver: tree.path) }
        #expect(error?.file == "\(tree.path)/\(name)")
    }

    @Test(arguments: [("ModifyDeviceFiles: 0\n", false), ("ModifyDeviceFiles: 1\n", true), ("RmLogonRC: 1\n", nil)])
    func `whether the driver touches modes is told or not told`(text: String, told: Bool?) throws {
        let tree = try DriverTree()
        try tree.write("proc/driver/nvidia/params", text)
        #expect(try CapabilityTree.read(driver: tree.path).modifiesDeviceFiles == told)
    }

    @Test(arguments: ["ModifyDeviceFiles: no\n", "ModifyDeviceFiles: \n", "ModifyDeviceFiles: -1\n"])
    func `a setting that is no number is not taken for off`(text: String) throws {
        let tree = try DriverTree()
        try tree.write("proc/driver/nvidia/params", text)
        #expect(throws: CapabilityTreeError.self) { try CapabilityTree.read(driver: tree.path) }
    }
}

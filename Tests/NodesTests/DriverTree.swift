import Glibc
import Linux
import MIG
import Nodes
import TestSupport

/// The files that the kernel module shows, below a directory of one test, whole or with one of them spoiled.
final class DriverTree {
    /// A major that no driver of this kernel has: an allowed open says ENXIO, a refused one EACCES.
    static let major: UInt32 = 3990
    static let isRoot = geteuid() == 0
    static let needsRoot = "needs root: device nodes and other users"

    private let directory: TemporaryDirectory
    var path: String { directory.path }
    var nodes: String { directory.path("dev/nvidia-caps") }

    init(gpuMinors: [Int] = [0], modify: Int = 1) throws {
        directory = try TemporaryDirectory()
        try Files.makeDirectories(directory.path("proc/driver/nvidia-caps"))
        try Files.makeDirectories(directory.path("dev"))
        for gpu in gpuMinors {
            let gpuDirectory = directory.path("proc/driver/nvidia/gpus/0000:0\(gpu):00.0")
            try Files.makeDirectories(gpuDirectory)
            let information = "Model: \t\t NVIDIA H100\nDevice Minor: \t \(gpu)\nGPU Excluded:\t No\n"
            try Files.write("\(gpuDirectory)/information", Array(information.utf8))
        }
        try write("proc/devices", Self.devices(major: Self.major))
        try write("proc/driver/nvidia-caps/mig-minors", Self.minors.joined(separator: "\n") + "\n")
        try write("proc/driver/nvidia/params", "ResmanDebugLevel: 4294967295\nModifyDeviceFiles: \(modify)\nX: \"\"\n")
    }

    func write(_ name: String, _ text: String) throws {
        try Files.write(directory.path(name), Array(text.utf8))
    }

    func node(_ name: NodeName) -> String { "\(nodes)/nvidia-cap\(name.minor ?? -1)" }

    /// A store with all nodes of its GPUs made.
    func store(gpuMinors: [Int] = [0]) throws -> NodeStore {
        let store = NodeStore(driver: path)
        _ = try store.makeNodes(gpuMinors: gpuMinors)
        return store
    }

    /// The file node that tells a store to work with plain files.
    func makeFileMode() throws {
        try Files.makeDirectories(nodes)
        try Files.write("\(nodes)/nvidia-cap1", [])
        try Files.setMode("\(nodes)/nvidia-cap1", 0o400)
    }

    static func devices(major: UInt32) -> String {
        "Character devices:\n  1 mem\n195 nvidia\n\(major) nvidia-caps\n\nBlock devices:\n  8 sd\n"
    }

    /// The driver's whole table, from its documented formula and not from the code under test.
    static let minors: [String] = {
        var lines = ["config 1", "monitor 2"]
        for gpu in 0..<32 {
            for gi in 0..<15 {
                let base = 3 + 135 * gpu + 9 * gi
                lines.append("gpu\(gpu)/gi\(gi)/access \(base)")
                lines += (0..<8).map { "gpu\(gpu)/gi\(gi)/ci\($0)/access \(base + 1 + $0)" }
            }
        }
        return lines
    }()

    /// What the kernel says to a process of that user and those groups that opens a file for reading.
    static func open(_ path: String, as user: UserID, groups: [GroupID] = []) throws -> String {
        let identity =
            ["--reuid", "\(user)", "--regid", "\(groups.first ?? GroupID(65000))"]
            + (groups.isEmpty ? ["--clear-groups"] : ["--groups", groups.map(\.description).joined(separator: ",")])
        let run = try Command.run(
            "setpriv", identity + ["--", "sh", "-c", "read line <\(path)"],
            environment: [Command.defaultPath, "LC_ALL=C"])
        for (text, name) in [("Permission denied", "EACCES"), ("No such device or address", "ENXIO")]
        where run.errors.contains(text) {
            return name
        }
        return run.errors.isEmpty ? "open" : run.errors
    }
}

extension NodeName {
    static let gi1 = NodeName.gpuInstance(gpuMinor: 0, GPUInstanceID(1))
    static let ci0 = NodeName.computeInstance(gpuMinor: 0, GPUInstanceID(1), ComputeInstanceID(0))
}

extension UserID {
    static let alice = UserID(61001)
    static let bob = UserID(61002)
}

extension NodeGrant {
    /// GPU instance 1 of GPU 0 with its compute instance 0.
    static func first(to user: UserID) -> NodeGrant {
        NodeGrant(
            user: user, gpuMinor: 0, gpuInstance: GPUInstanceID(1), computeInstances: [ComputeInstanceID(0)])
    }
}

package import Linux
internal import MIG

/// Why the driver's tables cannot be relied on.
package enum CapabilityTreeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No device driver of that name: the module is not loaded, or it is older than capability nodes.
    case noDriver(file: String)
    /// The driver's old way: capabilities are files of `/proc`, and no nodes that could be given to one user.
    case noNodes(file: String)
    case unreadable(SystemError)
    /// A line of the table of minors is not what the driver's formula gives.
    case strangeMinors(file: String, line: Int, text: String)
    /// The table of minors lacks entries.
    case missingMinors(file: String, count: Int)
    case strangeValue(file: String, text: String)

    /// The file that is at fault.
    package var file: String {
        switch self {
        case .noDriver(let file), .noNodes(let file), .strangeMinors(let file, _, _), .missingMinors(let file, _),
            .strangeValue(let file, _):
            file
        case .unreadable(let error): error.subject
        }
    }

    package var description: String {
        switch self {
        case .noDriver(let file): "the driver is not loaded: \(file) does not show its capabilities"
        case .noNodes(let file):
            "the driver's capabilities are files of /proc, which cannot be given to one user: \(file) is 0"
        case .unreadable(let error): "\(error)"
        case .strangeMinors(let file, let line, let text):
            "\(file):\(line): \"\(text)\" is not what the driver's numbering gives"
        case .missingMinors(let file, let count): "\(file) lacks \(count) of the driver's minor numbers"
        case .strangeValue(let file, let text): "\(file): \"\(text)\" is not understood"
        }
    }

    /// What root does about it.
    package var fix: String {
        switch self {
        case .noDriver: "modprobe nvidia"
        case .noNodes:
            "echo 'options nvidia nv_cap_enable_devfs=1' > /etc/modprobe.d/migbroker.conf, then reload the driver"
        case .unreadable, .strangeMinors, .missingMinors, .strangeValue:
            "reload the driver: its tables are not those of any known version"
        }
    }
}

/// What the kernel module says of its capability nodes: their major number and, checked entry by entry, their minors.
package struct CapabilityTree: Hashable, Sendable {
    /// The major of `/dev/nvidia-caps/*`; dynamic, another after a reload of the driver perhaps.
    package let major: UInt32
    /// Whether the driver lets its helper program set modes of nodes; nil where it does not tell.
    package let modifiesDeviceFiles: Bool?

    static let deviceName = "nvidia-caps"
    private static let fileLimit = 1 << 20

    /// Reads the module's tables below a driver root, "" for the host's own.
    package static func read(driver root: String) throws(CapabilityTreeError) -> CapabilityTree {
        let major = try readMajor(driver: root)
        try checkMinors("\(root)/proc/driver/nvidia-caps/mig-minors")
        return CapabilityTree(major: major, modifiesDeviceFiles: try readModifies(driver: root))
    }

    /// The major number alone, which is what a reload of the driver changes.
    package static func readMajor(driver root: String) throws(CapabilityTreeError) -> UInt32 {
        let file = "\(root)/proc/devices"
        var isCharacterSection = false
        for line in try lines(of: file) {
            if line.last == UInt8(ascii: ":") { isCharacterSection = line.elementsEqual("Character devices:".utf8) }
            let fields = line.split(separator: UInt8(ascii: " "))
            guard isCharacterSection, fields.count == 2, fields[1].elementsEqual(deviceName.utf8) else { continue }
            guard let major = number(fields[0]).flatMap(UInt32.init(exactly:)) else {
                throw .strangeValue(file: file, text: text(line))
            }
            return major
        }
        let parameter = "\(root)/sys/module/nvidia/parameters/nv_cap_enable_devfs"
        // Only drivers before R515 have it; without it, or unreadable, it is as on all others.
        let value = try? Files.read(parameter, limit: 16)
        if value?.first == UInt8(ascii: "0") { throw .noNodes(file: parameter) }
        throw .noDriver(file: file)
    }

    /// The minor numbers of the GPUs present, the N of `/dev/nvidiaN`; asks the module, not the library.
    package static func gpuMinors(driver root: String) throws(CapabilityTreeError) -> [Int] {
        let directory = "\(root)/proc/driver/nvidia/gpus"
        var minors: [Int] = []
        guard Files.exists(directory) else { throw .noDriver(file: directory) }
        for name in try system({ () throws(SystemError) in try Files.list(directory) }) {
            let file = "\(directory)/\(name)/information"
            let prefix = "Device Minor:"
            for line in try lines(of: file) where line.starts(with: prefix.utf8) {
                let value = line.dropFirst(prefix.utf8.count).drop { $0 == 0x20 || $0 == 0x09 }
                guard let minor = number(value) else { throw .strangeValue(file: file, text: text(line)) }
                minors.append(minor)
            }
        }
        return minors.sorted()
    }

    /// Holds the module's whole table against the formula: what is granted must be what the driver checks.
    private static func checkMinors(_ file: String) throws(CapabilityTreeError) {
        var seen: Set<Int> = []
        for (index, line) in try lines(of: file).enumerated() {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count == 2, let minor = number(fields[1]), let name = NodeName(minor: minor),
                fields[0].elementsEqual(name.description.utf8), seen.insert(minor).inserted
            else { throw .strangeMinors(file: file, line: index + 1, text: text(line)) }
        }
        let all = 2 + CapabilityMinor.gpuCount * NodeName.all(ofGPU: 0).count
        guard seen.count == all else { throw .missingMinors(file: file, count: all - seen.count) }
    }

    private static func readModifies(driver root: String) throws(CapabilityTreeError) -> Bool? {
        let file = "\(root)/proc/driver/nvidia/params"
        let prefix = "ModifyDeviceFiles: "
        for line in try lines(of: file) where line.starts(with: prefix.utf8) {
            guard let value = number(line.dropFirst(prefix.utf8.count)) else {
                throw .strangeValue(file: file, text: text(line))
            }
            return value != 0
        }
        return nil
    }

    private static func lines(of file: String) throws(CapabilityTreeError) -> [ArraySlice<UInt8>] {
        try system { () throws(SystemError) in try Files.read(file, limit: fileLimit) }
            .split(separator: UInt8(ascii: "\n"))
    }

    private static func system<Value>(_ body: () throws(SystemError) -> Value) throws(CapabilityTreeError) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .unreadable(error)
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        Decimal.value(of: String(decoding: bytes, as: UTF8.self))
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix(80), as: UTF8.self)
    }
}

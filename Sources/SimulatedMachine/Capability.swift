import JSON
package import Linux
package import MIG

/// A right that the driver hands out as a file of its tree and a device node.
package enum Capability: Hashable, Sendable {
    case config
    case monitor
    case gpuInstance(gpuMinor: Int, GPUInstanceID)
    case computeInstance(gpuMinor: Int, GPUInstanceID, ComputeInstanceID)

    /// The number of its node, or nil past the driver's table.
    package var minor: Int? {
        switch self {
        case .config: CapabilityMinor.config
        case .monitor: CapabilityMinor.monitor
        case .gpuInstance(let gpu, let gi): CapabilityMinor.gpuInstance(gpuMinor: gpu, gi)
        case .computeInstance(let gpu, let gi, let ci): CapabilityMinor.computeInstance(gpuMinor: gpu, gi, ci)
        }
    }

    /// The mode that its node is to have.
    package var mode: UInt32 { self == .config ? 0o400 : 0o444 }

    /// The path of its file.
    package func path(in layout: MachineLayout) -> String {
        switch self {
        case .config: "\(layout.capabilities)/mig/config"
        case .monitor: "\(layout.capabilities)/mig/monitor"
        case .gpuInstance(let gpu, let gi): "\(layout.capability(gpuMinor: gpu, gi))/access"
        case .computeInstance(let gpu, let gi, let ci): "\(layout.capability(gpuMinor: gpu, gi, ci))/access"
        }
    }

    /// The capability whose file lies at a path below the capability tree, such as `gpu0/mig/gi1/access`.
    package init?(relativePath: String) {
        let words = relativePath.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        func number(_ word: String, after prefix: String) -> UInt32? {
            guard word.utf8.starts(with: prefix.utf8) else { return nil }
            return Decimal.value(of: String(word.dropFirst(prefix.count))).flatMap(UInt32.init(exactly:))
        }
        if words == ["mig", "config"] {
            self = .config
        } else if words == ["mig", "monitor"] {
            self = .monitor
        } else if (4...5).contains(words.count), words[1] == "mig", words.last == "access",
            let gpu = number(words[0], after: "gpu"), let gi = number(words[2], after: "gi")
        {
            if words.count == 4 {
                self = .gpuInstance(gpuMinor: Int(gpu), GPUInstanceID(gi))
            } else if let ci = number(words[3], after: "ci") {
                self = .computeInstance(gpuMinor: Int(gpu), GPUInstanceID(gi), ComputeInstanceID(ci))
            } else {
                return nil
            }
        } else {
            return nil
        }
    }

    /// What the driver writes into its file.
    package func text(mayModify: Bool) -> String {
        "DeviceFileMinor: \(minor ?? 0)\nDeviceFileMode: \(mode)\nDeviceFileModify: \(mayModify ? 1 : 0)\n"
    }

    /// How its node is to be made, as its file says now; nil past the driver's table.
    ///
    /// The real file takes one line, `DeviceFileModify: N`, and keeps its three. A plain file holds what was written to
    /// it, so a file of that one line means the same.
    package func rule(in layout: MachineLayout) throws(SystemError) -> NodeFiles.Rule? {
        guard let minor else { return nil }
        let values = DriverText.numbers(in: try Files.read(path(in: layout), limit: 4096))
        let modify = values.first { $0.name.hasBytes(of: "DeviceFileModify") }?.value ?? 1
        return NodeFiles.Rule(minor: minor, mode: mode, mayModify: modify == 1)
    }
}

/// The form in which the driver's files give numbers.
package enum DriverText {
    /// The `Name: number` lines, up to the first line that is none.
    package static func numbers(in bytes: [UInt8]) -> [(name: String, value: Int)] {
        var values: [(name: String, value: Int)] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { break }
            let digits = line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                .prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard let value = Int(String(decoding: digits, as: UTF8.self)) else { break }
            values.append((String(decoding: line[..<colon], as: UTF8.self), value))
        }
        return values
    }
}

package import MIG

/// A right that the driver hands out as a file of its tree and a device node.
package enum Capability: Hashable, Sendable {
    /// The right to manage the fabric of NVSwitches, which has a tree of its own.
    case fabric
    case config
    case monitor
    case gpuInstance(gpuMinor: Int, GPUInstanceID)
    case computeInstance(gpuMinor: Int, GPUInstanceID, ComputeInstanceID)
    /// The right to manage the export of memory between machines.
    case fabricIMEX

    /// The number of its node, or nil past the driver's table.
    package var minor: Int? {
        switch self {
        case .fabric: 0
        case .config: CapabilityMinor.config
        case .monitor: CapabilityMinor.monitor
        case .gpuInstance(let gpu, let gi): CapabilityMinor.gpuInstance(gpuMinor: gpu, gi)
        case .computeInstance(let gpu, let gi, let ci): CapabilityMinor.computeInstance(gpuMinor: gpu, gi, ci)
        case .fabricIMEX: 4323
        }
    }

    /// The mode that its node is to have.
    package var mode: UInt32 {
        switch self {
        case .fabric, .config, .fabricIMEX: 0o400
        case .monitor, .gpuInstance, .computeInstance: 0o444
        }
    }

    /// The path of its file.
    package func path(in layout: MachineLayout) -> String {
        switch self {
        case .fabric: "\(layout.proc)/driver/nvidia-nvlink/capabilities/fabric-mgmt"
        case .config: "\(layout.capabilities)/mig/config"
        case .monitor: "\(layout.capabilities)/mig/monitor"
        case .gpuInstance(let gpu, let gi): "\(layout.capability(gpuMinor: gpu, gi))/access"
        case .computeInstance(let gpu, let gi, let ci): "\(layout.capability(gpuMinor: gpu, gi, ci))/access"
        case .fabricIMEX: "\(layout.capabilities)/fabric-imex-mgmt"
        }
    }

    /// The capability whose file lies at a path of the machine, such as
    /// `/proc/driver/nvidia/capabilities/gpu0/mig/gi1/access`.
    package init?(file: String) {
        let words = file.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        func number(_ word: String, after prefix: String) -> UInt32? {
            guard word.utf8.starts(with: prefix.utf8) else { return nil }
            return Decimal.value(of: String(word.dropFirst(prefix.count))).flatMap(UInt32.init(exactly:))
        }
        if words == ["", "proc", "driver", "nvidia-nvlink", "capabilities", "fabric-mgmt"] {
            self = .fabric
            return
        }
        guard words.starts(with: ["", "proc", "driver", "nvidia", "capabilities"]) else { return nil }
        let path = Array(words.dropFirst(5))
        if path == ["mig", "config"] {
            self = .config
        } else if path == ["mig", "monitor"] {
            self = .monitor
        } else if path == ["fabric-imex-mgmt"] {
            self = .fabricIMEX
        } else if (4...5).contains(path.count), path[1] == "mig", path.last == "access",
            let gpu = number(path[0], after: "gpu"), let gi = number(path[2], after: "gi")
        {
            if path.count == 4 {
                self = .gpuInstance(gpuMinor: Int(gpu), GPUInstanceID(gi))
            } else if let ci = number(path[3], after: "ci") {
                self = .computeInstance(gpuMinor: Int(gpu), GPUInstanceID(gi), ComputeInstanceID(ci))
            } else {
                return nil
            }
        } else {
            return nil
        }
    }

    /// What the driver shows in its file; `modify` is 1 where programs may make and change the node.
    package func text(modify: Int32) -> String {
        "DeviceFileMinor: \(minor ?? 0)\nDeviceFileMode: \(mode)\nDeviceFileModify: \(modify)\n"
    }

    /// The number that a write to its file sets: the one after `DeviceFileModify:` at its very start. Nil for all else.
    ///
    /// The driver takes at most 127 bytes, and looks at nothing after the number.
    static func modify(writtenAs bytes: some Collection<UInt8>) -> Int32? {
        let key = "DeviceFileModify:".utf8
        guard bytes.count <= 127, bytes.starts(with: key) else { return nil }
        let rest = bytes.dropFirst(key.count).drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let sign = rest.prefix { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
        guard sign.count <= 1 else { return nil }
        let digits = rest.dropFirst(sign.count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int32(String(decoding: Array(sign) + Array(digits), as: UTF8.self))
    }
}

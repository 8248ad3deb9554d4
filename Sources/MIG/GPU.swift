/// A GPU's lasting name, `GPU-` and a UUID; index and minor may change, this does not.
package struct GPUUUID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Reads `GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower-case hex; anything else is nil.
    package init?(_ text: String) {
        guard UUIDText.hasForm(text, prefix: "GPU-") else { return nil }
        description = text
    }
}

/// A MIG device as CUDA names it, `MIG-` and a UUID; good only while its compute instance lives.
package struct MIGUUID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Reads `MIG-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower-case hex; anything else is nil.
    package init?(_ text: String) {
        guard UUIDText.hasForm(text, prefix: "MIG-") else { return nil }
        description = text
    }
}

enum UUIDText {
    static func hasForm(_ text: String, prefix: String) -> Bool {
        let bytes = Array(text.utf8)
        let head = Array(prefix.utf8)
        guard bytes.count == head.count + 36, bytes.starts(with: head) else { return false }
        let body = bytes[head.count...]
        return body.enumerated().allSatisfy { offset, byte in
            switch offset {
            case 8, 13, 18, 23: byte == UInt8(ascii: "-")
            default:
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
        }
    }
}

/// Where a GPU sits on the bus; written as the driver writes it, `00000000:36:00.0`.
package struct PCIAddress: Hashable, Sendable, CustomStringConvertible {
    package let domain: UInt32
    package let bus: UInt8
    package let device: UInt8
    package let function: UInt8

    package init(domain: UInt32, bus: UInt8, device: UInt8, function: UInt8 = 0) {
        self.domain = domain
        self.bus = bus
        self.device = device
        self.function = function
    }

    /// Reads `domain:bus:device.function`, and the forms with function or domain left out, in hex of either case.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3 else { return nil }
        let tail = parts[parts.count - 1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard tail.count == 1 || tail.count == 2,
            let domain = parts.count == 3 ? Self.number(parts[0], digits: 8) : 0,
            let bus = Self.number(parts[parts.count - 2], digits: 2).flatMap(UInt8.init(exactly:)),
            let device = Self.number(tail[0], digits: 2).flatMap(UInt8.init(exactly:)), device < 32,
            let function = tail.count == 2 ? Self.number(tail[1], digits: 1).flatMap(UInt8.init(exactly:)) : 0,
            function < 8
        else { return nil }
        self.init(domain: domain, bus: bus, device: device, function: function)
    }

    package var description: String {
        func pad(_ value: some BinaryInteger, _ width: Int) -> String {
            let text = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return "\(pad(domain, 8)):\(pad(bus, 2)):\(pad(device, 2)).\(function)"
    }

    /// As the kernel's `/sys/bus/pci/devices` has it, `0000:36:00.0`.
    package var sysfsName: String {
        func pad(_ value: some BinaryInteger, _ width: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return "\(pad(domain, 4)):\(pad(bus, 2)):\(pad(device, 2)).\(function)"
    }

    private static func number(_ text: Substring.UTF8View.SubSequence, digits: Int) -> UInt32? {
        guard !text.isEmpty, text.count <= digits,
            text.allSatisfy({ isHexDigit($0) })
        else { return nil }
        return UInt32(String(decoding: text, as: UTF8.self), radix: 16)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}

/// Whether a GPU can be cut into instances: now, and after the next reset.
package struct MIGMode: Hashable, Sendable, CustomStringConvertible {
    package let isEnabled: Bool
    package let isPendingEnabled: Bool

    package init(isEnabled: Bool, isPendingEnabled: Bool) {
        self.isEnabled = isEnabled
        self.isPendingEnabled = isPendingEnabled
    }

    /// Whether a reset or reboot stands between what is and what was asked for.
    package var isPending: Bool { isEnabled != isPendingEnabled }

    /// `enabled`, or `enabled, disabled after a reset`.
    package var description: String {
        func word(_ isEnabled: Bool) -> String { isEnabled ? "enabled" : "disabled" }
        return isPending ? "\(word(isEnabled)), \(word(isPendingEnabled)) after a reset" : word(isEnabled)
    }
}

/// One physical GPU as the driver shows it; all but `uuid` and `pci` may change when the driver is reloaded.
package struct GPU: Hashable, Sendable {
    package let index: Int
    package let uuid: GPUUUID
    package let pci: PCIAddress
    /// The N of `/dev/nvidiaN` and of `gpuN` in the capability tree; not the index.
    package let minor: Int
    package let name: String
    package let memoryMiB: Int
    /// Nil where the GPU has no MIG at all.
    package let mode: MIGMode?

    package init(
        index: Int, uuid: GPUUUID, pci: PCIAddress, minor: Int, name: String, memoryMiB: Int, mode: MIGMode?
    ) {
        self.index = index
        self.uuid = uuid
        self.pci = pci
        self.minor = minor
        self.name = name
        self.memoryMiB = memoryMiB
        self.mode = mode
    }
}

/// How a person or a policy file names GPUs.
package enum GPUSelector: Hashable, Sendable, CustomStringConvertible {
    case all
    case index(Int)
    case uuid(GPUUUID)
    case pci(PCIAddress)
    /// A glob over the model's name with `*` and `?`, compared byte by byte.
    case model(String)

    /// Reads `all`, an index, a UUID, a PCI address or `model:GLOB`; anything else is nil.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes == Array("all".utf8) {
            self = .all
        } else if bytes.starts(with: "model:".utf8), bytes.count > 6, bytes.allSatisfy({ (32..<127).contains($0) }) {
            self = .model(String(decoding: bytes[6...], as: UTF8.self))
        } else if let uuid = GPUUUID(text) {
            self = .uuid(uuid)
        } else if bytes.count <= 3, let index = Decimal.value(of: text) {
            self = .index(index)
        } else if let pci = PCIAddress(text) {
            self = .pci(pci)
        } else {
            return nil
        }
    }

    package func matches(_ gpu: GPU) -> Bool {
        switch self {
        case .all: true
        case .index(let index): gpu.index == index
        case .uuid(let uuid): gpu.uuid == uuid
        case .pci(let pci): gpu.pci == pci
        case .model(let glob): Glob.matches(Array(gpu.name.utf8), pattern: Array(glob.utf8))
        }
    }

    package var description: String {
        switch self {
        case .all: "all"
        case .index(let index): String(index)
        case .uuid(let uuid): uuid.description
        case .pci(let pci): pci.description
        case .model(let glob): "model:\(glob)"
        }
    }
}

/// Shell-like patterns over bytes: `*` any run, `?` any one byte.
package enum Glob {
    /// Linear in practice and never worse than the product of both lengths: no recursion, so no blow-up.
    package static func matches(_ text: [UInt8], pattern: [UInt8]) -> Bool {
        var t = 0
        var p = 0
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                p = last.pattern + 1
                t = last.text + 1
                star = (last.pattern, t)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// Plain decimal numbers as ids and limits are written: digits only, no sign, no leading zero.
package enum Decimal {
    /// The value, or nil where the text is anything but plain digits that fit.
    package static func value(of text: String) -> Int? {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            first != UInt8(ascii: "0") || bytes.count == 1
        else { return nil }
        return Int(text)
    }
}

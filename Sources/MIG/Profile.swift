/// The driver's `NVML_GPU_INSTANCE_PROFILE_*` number: what kind of slice, the same on every GPU.
package struct GPUInstanceProfileKind: Hashable, Sendable {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// The driver's profile id of a GPU instance, as `nvidia-smi mig -lgip` prints it (19, 14, 9, ...); model-dependent.
package struct GPUInstanceProfileID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
}

/// The driver's `NVML_COMPUTE_INSTANCE_PROFILE_*` number.
package struct ComputeInstanceProfileKind: Hashable, Sendable {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// The driver's profile id of a compute instance, as `nvidia-smi mig -lcip` prints it.
package struct ComputeInstanceProfileID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
}

/// A number of compute slices, the `g` of `3g.20gb`.
package struct SliceCount: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: Int
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package static func < (a: SliceCount, b: SliceCount) -> Bool { a.rawValue < b.rawValue }
    package var description: String { String(rawValue) }
}

/// A GPU instance's number on its GPU; reused, so never proof of a particular instance.
package struct GPUInstanceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package static func < (a: GPUInstanceID, b: GPUInstanceID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { String(rawValue) }
}

/// A compute instance's number inside its GPU instance.
package struct ComputeInstanceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package static func < (a: ComputeInstanceID, b: ComputeInstanceID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { String(rawValue) }
}

/// Where an instance lies: memory slices for a GPU instance, compute slices for a compute instance.
package struct Placement: Hashable, Sendable, CustomStringConvertible {
    package let start: Int
    package let size: Int

    package init(start: Int, size: Int) {
        self.start = start
        self.size = size
    }

    /// The slices as bits, slice 0 lowest; 0 where the placement reaches past bit 63.
    package var mask: UInt64 {
        guard start >= 0, size > 0, start < 64, size <= 64 - start else { return 0 }
        return (size == 64 ? UInt64.max : (1 << UInt64(size)) - 1) << UInt64(start)
    }

    /// As `nvidia-smi` writes it, `4:4`.
    package var description: String { "\(start):\(size)" }
}

/// What an instance owns besides slices and memory.
package struct Engines: Hashable, Sendable {
    package let copy: Int
    package let decoder: Int
    package let encoder: Int
    package let jpeg: Int
    package let ofa: Int

    /// Where there are none, or nobody tells of any.
    package static let zero = Engines(copy: 0, decoder: 0, encoder: 0, jpeg: 0, ofa: 0)

    package init(copy: Int, decoder: Int, encoder: Int, jpeg: Int, ofa: Int) {
        self.copy = copy
        self.decoder = decoder
        self.encoder = encoder
        self.jpeg = jpeg
        self.ofa = ofa
    }
}

/// A kind of GPU instance that one GPU offers, as the driver describes it.
package struct GPUInstanceProfile: Hashable, Sendable {
    /// Without the driver's leading `MIG `: `3g.20gb`.
    package let name: String
    package let kind: GPUInstanceProfileKind
    package let id: GPUInstanceProfileID
    package let slices: SliceCount
    package let memoryMiB: Int
    package let multiprocessors: Int
    /// How many fit on an empty GPU.
    package let instanceCount: Int
    package let engines: Engines
    /// Every legal placement, whether free or not, in the driver's order.
    package let placements: [Placement]

    package init(
        name: String, kind: GPUInstanceProfileKind, id: GPUInstanceProfileID, slices: SliceCount, memoryMiB: Int,
        multiprocessors: Int, instanceCount: Int, engines: Engines, placements: [Placement]
    ) {
        self.name = name
        self.kind = kind
        self.id = id
        self.slices = slices
        self.memoryMiB = memoryMiB
        self.multiprocessors = multiprocessors
        self.instanceCount = instanceCount
        self.engines = engines
        self.placements = placements
    }
}

/// A kind of compute instance that a GPU instance offers.
package struct ComputeInstanceProfile: Hashable, Sendable {
    /// Without the driver's leading `MIG `: `1c.3g.20gb`, or `3g.20gb` where it takes the whole GPU instance.
    package let name: String
    package let kind: ComputeInstanceProfileKind
    package let id: ComputeInstanceProfileID
    package let slices: SliceCount
    package let multiprocessors: Int
    /// How many fit into an empty GPU instance.
    package let instanceCount: Int
    /// Those of the GPU instance, which all its compute instances share.
    package let engines: Engines
    /// Every legal placement in compute slices inside the GPU instance, whether free or not, in the driver's order.
    ///
    /// Empty where the library does not tell.
    package let placements: [Placement]

    package init(
        name: String, kind: ComputeInstanceProfileKind, id: ComputeInstanceProfileID, slices: SliceCount,
        multiprocessors: Int, instanceCount: Int, engines: Engines = .zero, placements: [Placement] = []
    ) {
        self.name = name
        self.kind = kind
        self.id = id
        self.slices = slices
        self.multiprocessors = multiprocessors
        self.instanceCount = instanceCount
        self.engines = engines
        self.placements = placements
    }
}

/// How a person names a GPU instance profile: by name, by full name, or by the driver's id.
package enum ProfileSelector: Hashable, Sendable, CustomStringConvertible {
    case name(String)
    case id(GPUInstanceProfileID)

    /// Reads `3g.20gb`, `MIG 3g.20gb` or `9`; anything that has not the form of a profile is nil.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let short = bytes.starts(with: "MIG ".utf8) ? Array(bytes[4...]) : bytes
        guard !short.isEmpty, short.count <= 32 else { return nil }
        if bytes.count == short.count, let id = Decimal.value(of: text).flatMap(UInt32.init(exactly:)) {
            self = .id(GPUInstanceProfileID(id))
        } else if ProfileName.hasForm(short) {
            self = .name(String(decoding: short, as: UTF8.self))
        } else {
            return nil
        }
    }

    package func matches(_ profile: GPUInstanceProfile) -> Bool {
        switch self {
        case .name(let name): name.utf8.elementsEqual(profile.name.utf8)
        case .id(let id): id == profile.id
        }
    }

    package var description: String {
        switch self {
        case .name(let name): name
        case .id(let id): id.description
        }
    }
}

/// The grammar of profile names: `[Cc.]Gg.Mgb` and an attribute such as `+me`, `-me` or `+gfx`.
package enum ProfileName {
    /// Whether bytes have the form of a GPU or compute instance profile's name.
    package static func hasForm(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        func number() -> Bool {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard (1...4).contains(digits.count) else { return false }
            rest = rest.dropFirst(digits.count)
            return true
        }
        func word(_ text: String) -> Bool {
            guard rest.starts(with: text.utf8) else { return false }
            rest = rest.dropFirst(text.utf8.count)
            return true
        }
        guard number() else { return false }
        if word("c.") {
            guard number() else { return false }
        }
        guard word("g."), number(), word("gb") else { return false }
        guard let sign = rest.first else { return true }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return false }
        rest = rest.dropFirst()
        return !rest.isEmpty
            && rest.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: ".") }
    }

    /// The memory that a name promises, in MiB: 20,480 for `3g.20gb`. What the driver gives is a little less.
    ///
    /// Nil where the text is no profile's name.
    package static func nominalMemoryMiB(of name: String) -> Int? {
        let bytes = Array(name.utf8)
        guard hasForm(bytes), let part = name.split(separator: "g.").last,
            let count = Decimal.value(of: String(part.prefix { $0 != "g" }))
        else { return nil }
        return count * 1024
    }

    /// The name of a compute instance of so many slices inside a GPU instance: `1c.3g.20gb`, or just `3g.20gb` where it
    /// has them all.
    package static func computeInstance(slices: SliceCount, in parent: GPUInstanceProfile) -> String {
        slices == parent.slices ? parent.name : "\(slices)c.\(parent.name)"
    }
}

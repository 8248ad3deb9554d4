import JSON
package import MIG

/// An error of a GPU, as the driver tells it to those who wait for events.
package struct Xid: Sendable, Hashable {
    /// The GPU's index.
    package let gpu: Int
    package let code: UInt32
    /// The instances that it can be put down to; nil where it cannot.
    package let gpuInstance: GPUInstanceID?
    package let computeInstance: ComputeInstanceID?

    package init(
        gpu: Int, code: UInt32, gpuInstance: GPUInstanceID? = nil, computeInstance: ComputeInstanceID? = nil
    ) {
        self.gpu = gpu
        self.code = code
        self.gpuInstance = gpuInstance
        self.computeInstance = computeInstance
    }
}

/// The errors that a machine's GPUs ever had. The latest are kept, for those who waited and have not heard of them yet.
package struct XidLog: Equatable, Sendable {
    /// How many there ever were; the number of the next.
    package private(set) var count = 0
    private var kept: [Xid] = []

    /// Who lags behind by more misses the first of them. The real driver's bound is not public.
    private static let capacity = 1000

    init() {}

    mutating func add(_ xid: Xid) {
        count += 1
        kept.append(xid)
        if kept.count > Self.capacity { kept.removeFirst() }
    }

    /// The first error of a GPU that has a number from `first` on.
    package func next(of gpu: Int, from first: Int) -> (number: Int, xid: Xid)? {
        let oldest = count - kept.count
        let position = kept.indices.dropFirst(max(0, first - oldest)).first { kept[$0].gpu == gpu }
        return position.map { (oldest + $0, kept[$0]) }
    }
}

extension XidLog {
    init(_ bytes: [UInt8]) throws(StateDamage) {
        do {
            let limits = JSONLimits(bytes: 1 << 20, depth: 4, keysPerObject: 8, stringBytes: 256)
            var reader = try JSONObjectReader(try JSONParser.parse(bytes, limits: limits))
            kept = try reader.array("kept").map(Xid.init)
            count = Int(try reader.integer("count", in: Int64(kept.count)...Int64(Int32.max)))
            try reader.finish()
        } catch {
            throw StateDamage(error)
        }
    }

    var bytes: [UInt8] {
        let value: JSONValue = ["count": .integer(count), "kept": .array(kept.map(\.json))]
        return value.bytes()
    }
}

extension Xid {
    fileprivate var json: JSONValue {
        [
            "gpu": .integer(gpu), "code": .integer(code),
            "gi": gpuInstance.map { .integer($0.rawValue) } ?? .null,
            "ci": computeInstance.map { .integer($0.rawValue) } ?? .null,
        ]
    }

    fileprivate init(_ value: JSONValue) throws {
        var reader = try JSONObjectReader(value, nullIsAbsent: true)
        let words: ClosedRange<Int64> = 0...Int64(UInt32.max)
        self.init(
            gpu: Int(try reader.integer("gpu", in: 0...Int64(CapabilityMinor.gpuCount - 1))),
            code: UInt32(try reader.integer("code", in: words)),
            gpuInstance: try reader.optionalInteger("gi", in: words).map { GPUInstanceID(UInt32($0)) },
            computeInstance: try reader.optionalInteger("ci", in: words).map { ComputeInstanceID(UInt32($0)) })
        try reader.finish()
    }
}

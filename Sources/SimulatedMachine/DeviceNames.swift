package import MIG

/// The names that a machine gives to its devices.
package enum DeviceNames {
    /// The UUID of a MIG device: the same whenever the same slices of the same board are cut again.
    ///
    /// It has the form of a name-based UUID, version 5, as all that were ever seen have; the driver's own recipe is not
    /// public, so its value is not the one a real board would show.
    package static func migUUID(
        gpu: GPUUUID, gpuInstance: GPUInstanceID, firstSlice: Int, size: Int
    ) -> MIGUUID {
        let name = Array("\(gpu)/\(gpuInstance)/\(firstSlice):\(size)".utf8)
        var bytes = digest(name, seed: 0xcbf2_9ce4_8422_2325) + digest(name.reversed(), seed: 0x9ae1_6a3b_2f90_404f)
        bytes[6] = bytes[6] & 0x0f | 0x50
        bytes[8] = bytes[8] & 0x3f | 0x80
        guard let uuid = MIGUUID("MIG-" + text(of: bytes)) else { preconditionFailure("16 bytes make a UUID") }
        return uuid
    }

    /// The UUID of a board, from 16 random bytes.
    package static func gpuUUID(_ bytes: [UInt8]) -> GPUUUID {
        guard let uuid = GPUUUID("GPU-" + text(of: bytes)) else { preconditionFailure("16 bytes make a UUID") }
        return uuid
    }

    private static func text(of bytes: [UInt8]) -> String {
        let hex = Array(Hex.text(of: bytes).utf8)
        let parts = [hex[..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20...]]
        return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }

    // FNV-1a with a last mix, so that names that differ in one digit differ everywhere.
    private static func digest(_ bytes: [UInt8], seed: UInt64) -> [UInt8] {
        var hash = bytes.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        return stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: hash >> UInt64($0)) }
    }
}

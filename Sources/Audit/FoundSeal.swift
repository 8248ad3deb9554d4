internal import Linux
internal import MIG

/// The last seal of a log, as a start finds it.
struct FoundSeal {
    let seq: Int64
    let epoch: Int64
    let mac: ArraySlice<UInt8>
    let covered: ArraySlice<UInt8>

    /// An epoch has at most a thousand records, of some 700 bytes as a rule; this is room for more, in case that its
    /// seal was never written.
    private static let windowBytes: Int64 = 8 << 20

    /// Looks for the last seal from the end of the log on backwards; nil where none is near it. Blocks on the disk.
    ///
    /// Only a line that has its own hash counts: what a crash left is no seal.
    static func last(in directory: String) throws(AuditUnavailable) -> FoundSeal? {
        let numbers = try AuditUnavailable.system { () throws(SystemError) in try AuditSegments.numbers(in: directory) }
        var left = windowBytes
        for number in numbers.reversed() where left > 0 {
            let path = "\(directory)/\(AuditSegments.name(number))"
            let file = try AuditUnavailable.safe { () throws(SafePathError) in try SafePath.openFile(path) }
            let bytes = try AuditUnavailable.system { () throws(SystemError) in
                let size = try file.attributes().size
                return try file.read(upTo: Int(min(size, left)), at: size - min(size, left))
            }
            if let found = last(in: bytes) { return found }
            left -= Int64(bytes.count)
        }
        return nil
    }

    private static func last(in bytes: [UInt8]) -> FoundSeal? {
        var end = bytes.lastIndex(of: UInt8(ascii: "\n"))
        while let lineFeed = end {
            let previous = bytes[..<lineFeed].lastIndex(of: UInt8(ascii: "\n"))
            let line = bytes[(previous.map { $0 + 1 } ?? 0)..<lineFeed]
            if let seal = try? AuditSeal.read(line), let parts = AuditLine(line), parts.hasOwnHash {
                return FoundSeal(seq: parts.seq, epoch: seal.epoch, mac: seal.mac, covered: seal.covered)
            }
            end = previous
        }
        return nil
    }
}

/// What a seal says, found by position and never by parsing, as `AuditLine` finds the rest.
struct AuditSeal {
    let epoch: Int64
    let mac: ArraySlice<UInt8>
    /// What the keyed hash covers: everything before it, and so the whole log up to here.
    let covered: ArraySlice<UInt8>

    private static let hashBytes = ",\"hash\":\"\"}".utf8.count + 64
    private static let macKey = Array(",\"mac\":\"".utf8)
    private static let macBytes = ",\"mac\":\"\"".utf8.count + 64
    private static let prevBytes = ",\"prev\":\"\"".utf8.count + 64
    private static let epochKey = Array(",\"epoch\":".utf8)

    /// Reads a line that has the form of a record, without its line feed; nil where it bears no `mac`.
    ///
    /// One that bears a `mac` without an `epoch` before its `prev` is malformed.
    static func read(_ line: ArraySlice<UInt8>) throws(AuditFault) -> AuditSeal? {
        let mac = line.endIndex - hashBytes - macBytes
        guard mac > line.startIndex, line[mac..<mac + macKey.count].elementsEqual(macKey) else { return nil }
        let prev = mac - prevBytes
        guard prev > line.startIndex else { throw .malformed }
        var start = prev
        while start > line.startIndex, isDigit(line[start - 1]) { start -= 1 }
        let key = start - epochKey.count
        guard key > line.startIndex, line[key..<start].elementsEqual(epochKey),
            let epoch = number(line[start..<prev])
        else { throw .malformed }
        let digits = mac + macKey.count
        return AuditSeal(epoch: epoch, mac: line[digits..<digits + 64], covered: line[..<mac])
    }

    /// A decimal number of at most 18 digits without leading zeros.
    static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard (1...18).contains(digits.count), digits.allSatisfy(isDigit),
            digits.first != UInt8(ascii: "0") || digits.count == 1
        else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

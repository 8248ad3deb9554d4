package import JSON
internal import Linux
internal import MIG

/// The end of a log at some moment: who keeps one can tell later whether the log was cut or rewritten before it.
package struct AuditHead: Hashable, Sendable, CustomStringConvertible {
    /// Of the last record; 0 in a log without records.
    package let seq: Int64
    /// Of the last record, in hex.
    package let hash: String
    /// The file that holds it, and the offset just past its line there.
    package let segment: String
    package let offset: Int64

    package init(seq: Int64, hash: String, segment: String, offset: Int64) {
        self.seq = seq
        self.hash = hash
        self.segment = segment
        self.offset = offset
    }

    /// The head of a log without records.
    package static let empty = AuditHead(seq: 0, hash: AuditFormat.genesis, segment: "", offset: 0)

    /// `SEQ:HASH`, all that is needed to hold a log against it.
    package var description: String { "\(seq):\(hash)" }

    /// Reads `SEQ:HASH`; anything else is nil.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let seq = Decimal.value(of: parts[0]), Hex.isLowercase(parts[1], digits: 64) else {
            return nil
        }
        self.init(seq: Int64(seq), hash: parts[1], segment: "", offset: 0)
    }

    /// As a checkpoint keeps it.
    package var json: JSONValue {
        [
            "seq": .integer(seq), "hash": .string(hash), "segment": .string(segment), "offset": .integer(offset),
        ]
    }

    /// Reads what `json` writes.
    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        seq = try object.integer("seq", in: 0...Int64.max)
        hash = try object.string("hash")
        segment = try object.string("segment")
        offset = try object.integer("offset", in: 0...Int64.max)
        guard Hex.isLowercase(hash, digits: 64) else {
            throw JSONShapeError(object.path(of: "hash"), .expected("a hash"), at: object.offset)
        }
        try object.finish()
    }
}

/// The place where the next record is linked to those before it.
struct AuditChain {
    private(set) var seq: Int64
    private(set) var hash: String

    init(after head: AuditHead) {
        seq = head.seq
        hash = head.hash
    }

    /// The record's line, line feed included; the chain then stands behind it.
    mutating func link(_ record: AuditRecord, _ stamp: AuditStamp) -> [UInt8] {
        var line = record.encoded(seq: seq + 1, stamp: stamp, prev: hash)
        seq += 1
        hash = Hex.text(of: SHA256.hash(line))
        line.append(contentsOf: ",\"hash\":\"\(hash)\"}\n".utf8)
        return line
    }
}

/// Why a line is not the one that follows in the chain.
package enum AuditFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not `{"v":1,"seq":N,` first and `prev` and `hash` last, or a byte that is not printable ASCII.
    case malformed
    /// The file ends inside a line.
    case torn
    case tooLong
    /// The line's bytes do not have the hash that it bears.
    case wrongHash
    case wrongSequence(Int64)
    /// The record is good in itself but follows another one than that before it.
    case wrongPrevious
    /// The log ends before a head that was given.
    case endsBefore(AuditHead)
    /// The log begins after a head that was given, so it cannot be held against it.
    case beginsAfter(AuditHead)
    /// The record at a head's place is another one.
    case differs(AuditHead)

    package var description: String {
        switch self {
        case .malformed: "the line has not the form of a record"
        case .torn: "the last line is torn"
        case .tooLong: "the line is longer than any record"
        case .wrongHash: "the record was changed: its bytes do not have the hash it bears"
        case .wrongSequence(let found): "the record bears number \(found): records were removed, added or moved"
        case .wrongPrevious: "the record does not follow the one before it"
        case .endsBefore(let head): "the log ends before record \(head.seq), which was once written"
        case .beginsAfter(let head): "the log begins after record \(head.seq), which was once written"
        case .differs(let head): "the record is not the one with hash \(head.hash) that was once written"
        }
    }
}

/// What the chain needs of a line, found by position and never by parsing: millions of lines are checked this way.
struct AuditLine {
    let seq: Int64
    let prev: ArraySlice<UInt8>
    let hash: ArraySlice<UInt8>
    private let covered: ArraySlice<UInt8>

    private static let head = Array("{\"v\":1,\"seq\":".utf8)
    private static let prevKey = Array(",\"prev\":\"".utf8)
    private static let macKey = Array(",\"mac\":\"".utf8)
    private static let hashKey = Array(",\"hash\":\"".utf8)
    private static let digits = 64

    /// Takes a line without its line feed apart; nil where it has not the form of a record.
    init?(_ line: ArraySlice<UInt8>) {
        guard line.starts(with: Self.head), AuditFormat.isPrintable(line.span) else { return nil }
        var seq: Int64 = 0
        var position = line.startIndex + Self.head.count
        let firstDigit = position
        while position < line.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(line[position]) {
            guard position - firstDigit < 18 else { return nil }
            seq = seq * 10 + Int64(line[position] - UInt8(ascii: "0"))
            position += 1
        }
        guard position > firstDigit, line[firstDigit] != UInt8(ascii: "0"), position < line.endIndex,
            line[position] == UInt8(ascii: ",")
        else { return nil }
        var rest = line[position...]
        guard rest.popLast() == UInt8(ascii: "}"), let hash = Self.takeHash(&rest, Self.hashKey) else { return nil }
        self.seq = seq
        self.hash = hash
        covered = line[..<rest.endIndex]
        var body = rest
        if let prev = Self.takeHash(&body, Self.prevKey) {
            self.prev = prev
        } else if Self.takeHash(&rest, Self.macKey) != nil, let prev = Self.takeHash(&rest, Self.prevKey) {
            self.prev = prev
        } else {
            return nil
        }
    }

    /// Whether the line's bytes have the hash that it bears.
    var hasOwnHash: Bool {
        var hasher = SHA256()
        hasher.update(covered)
        var position = hash.startIndex
        for byte in hasher.finalize() {
            guard hash[position] == Self.hexDigit(byte >> 4), hash[position + 1] == Self.hexDigit(byte & 15) else {
                return false
            }
            position += 2
        }
        return true
    }

    /// Takes `KEY"64 hex digits"` from the end.
    private static func takeHash(_ rest: inout ArraySlice<UInt8>, _ key: [UInt8]) -> ArraySlice<UInt8>? {
        guard rest.count > key.count + digits + 1, rest.last == UInt8(ascii: "\"") else { return nil }
        let end = rest.endIndex - 1
        let start = end - digits
        guard rest[(start - key.count)..<start].elementsEqual(key), rest[start..<end].allSatisfy(isHexDigit) else {
            return nil
        }
        let hash = rest[start..<end]
        rest = rest[..<(start - key.count)]
        return hash
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

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

    /// The record's line, line feed included; the chain then stands behind it. A seal needs its epoch's key, and
    /// nothing else may have one.
    mutating func link(_ record: AuditRecord, _ stamp: AuditStamp, key: AuditKey? = nil) -> [UInt8] {
        var line = record.encoded(seq: seq + 1, stamp: stamp, prev: hash)
        if let key { line.append(contentsOf: ",\"mac\":\"".utf8 + key.mac(of: line[...]) + "\"".utf8) }
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
    /// The log begins with another record than the first, and no record tells that those before were removed.
    case beginningGone(Int64)
    /// A seal of another epoch than the one that runs.
    case wrongEpoch(Int64)
    /// The seal was not made with its epoch's key.
    case wrongSeal(Int64)
    /// More records than an epoch may have follow the seal with this number.
    case unsealed(after: Int64)
    /// There is no seal that the key could be held against.
    case noSeal
    /// The log begins with this epoch or in it, and the seals of those before, which stay when records are removed, are not
    /// there.
    case sealsGone(before: Int64)

    package var description: String {
        switch self {
        case .malformed: "the line has not the form of a record"
        case .torn: "the last line is torn"
        case .tooLong: "the line is longer than any record"
        case .wrongHash: "the record was changed: its bytes do not have the hash it bears"
        case .wrongSequence(let found): "the record bears number \(found): records were removed, added or moved"
        case .wrongPrevious: "the record does not follow the one before it"
        case .endsBefore(let head): "the log ends before record \(head.seq), which was once written"
        case .beginsAfter(let head):
            "the log begins after record \(head.seq), which was once written: only a later head can be held against it"
        case .differs(let head): "the record is not the one with hash \(head.hash) that was once written"
        case .beginningGone(let seq): "the log begins with record \(seq), and no record says why"
        case .wrongEpoch(let found): "the seal is of epoch \(found): seals were removed, added or moved"
        case .wrongSeal(let epoch): "the seal was not made with the key of epoch \(epoch): records were rewritten"
        case .unsealed(let seq): "no seal follows record \(seq) within \(AuditFormat.epochRecords) records"
        case .noSeal: "there is no seal to hold the key against"
        case .sealsGone(let epoch):
            "the seal is of epoch \(epoch), and seals.jsonl has not those of all epochs before it"
        }
    }
}

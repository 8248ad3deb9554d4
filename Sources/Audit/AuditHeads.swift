internal import JSON
package import Linux
internal import MIG

/// Heads of a log that were kept where nobody who altered the log could alter them too: in the file of heads, or in the
/// journal.
package struct AuditHeads: Sendable {
    /// What holding a log against them says.
    package struct Finding: Hashable, Sendable {
        /// Heads whose record is in the log, unchanged.
        package fileprivate(set) var confirmed = 0
        /// Heads of records that the log no longer holds, as it begins later.
        package fileprivate(set) var older = 0
        /// The first head that the log does not bear out; nil where it bears out all.
        package fileprivate(set) var fault: AuditVerification?
    }

    /// Why lines are no heads.
    package enum Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        case system(SystemError)
        /// Of which line, from 1.
        case notHead(line: Int)

        package var description: String {
            switch self {
            case .system(let error): error.description
            case .notHead(let line): "line \(line) is no head"
            }
        }
    }

    fileprivate struct Head: Sendable {
        let seq: Int64
        let hash: Digest
    }

    private var heads: [Head] = []
    /// Entries of the journal that are not the broker's, or tell no head.
    package private(set) var passedOver = 0

    package init() {}

    package var count: Int { heads.count }

    /// Reads lines of a file of heads, `SEQ:HASH TIME`, or those of `journalctl -o json`, to their end. Blocks.
    ///
    /// Anybody may write into the journal what he likes: only what uid 0 wrote counts. A last line without its end is
    /// one that is still being written.
    package mutating func read(_ file: borrowing FileDescriptor) throws(Malformed) {
        var line = 0
        var rest: [UInt8] = []
        while true {
            let bytes: [UInt8]
            do throws(SystemError) { bytes = try file.read(upTo: 64 << 10) } catch { throw .system(error) }
            if bytes.isEmpty { return }
            rest += bytes
            var start = 0
            while let end = ByteSearch.first(UInt8(ascii: "\n"), in: rest, start..<rest.count) {
                line += 1
                guard take(rest[start..<end]) else { throw .notHead(line: line) }
                start = end + 1
            }
            rest.removeFirst(start)
            guard rest.count <= Self.entryLimits.bytes else { throw .notHead(line: line + 1) }
        }
    }

    /// Holds the files of a log, oldest first, against all heads in one pass. That the log is whole in itself is for
    /// `AuditVerifier` to say. Blocks on the disk.
    package func check(_ files: [String]) throws(SystemError) -> Finding {
        let sorted = heads.sorted { $0.seq < $1.seq }
        var finding = Finding()
        var next = 0
        var line = 0
        for path in files {
            var file = try AuditFile(path)
            line = 0
            while let chunk = try file.next(), chunk.wholeCount > 0 {
                var position = 0
                while let end = chunk.lineEnd(from: position) {
                    line += 1
                    defer { position = end }
                    guard next < sorted.count, let parts = AuditLine(chunk.bytes[position..<end - 1]) else { continue }
                    while next < sorted.count, sorted[next].seq < parts.seq {
                        finding.older += 1
                        next += 1
                    }
                    while next < sorted.count, sorted[next].seq == parts.seq {
                        guard sorted[next].hash == Digest(parts.hash) else {
                            let fault = AuditFault.differs(sorted[next].audit)
                            finding.fault = .broken(file: path, line: line, seq: parts.seq, fault)
                            return finding
                        }
                        finding.confirmed += 1
                        next += 1
                    }
                }
            }
        }
        if let last = sorted.last {
            let fault: AuditFault? =
                next < sorted.count
                ? .endsBefore(last.audit) : finding.confirmed == 0 ? .beginsAfter(last.audit) : nil
            finding.fault = fault.map { .broken(file: files.last ?? "", line: line + 1, seq: nil, $0) }
        }
        return finding
    }

    // MARK: - One line

    private static let entryLimits = JSONLimits(bytes: 1 << 20, depth: 4, keysPerObject: 256, stringBytes: 1 << 20)

    /// - Returns: false where the line is neither a head nor an entry of a journal.
    private mutating func take(_ line: ArraySlice<UInt8>) -> Bool {
        if line.first == UInt8(ascii: "{") {
            // Whoever else writes into the journal does not keep a log from being held against what the broker wrote.
            if let head = Self.head(inEntry: line) { heads.append(head) } else { passedOver += 1 }
            return true
        }
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard (1...2).contains(words.count), let head = Self.head(words[0]) else { return false }
        heads.append(head)
        return true
    }

    private static func head(inEntry line: ArraySlice<UInt8>) -> Head? {
        guard let entry = try? JSONParser.parse(Array(line), limits: entryLimits),
            entry["_UID"]?.stringValue?.utf8.elementsEqual("0".utf8) == true,
            let seq = entry["MIGBROKER_SEQ"]?.stringValue, let hash = entry["MIGBROKER_HASH"]?.stringValue
        else { return nil }
        return head(Array("\(seq):\(hash)".utf8)[...])
    }

    private static func head(_ text: ArraySlice<UInt8>) -> Head? {
        guard let head = AuditHead(String(decoding: text, as: UTF8.self)), head.seq > 0,
            let hash = Digest(Array(head.hash.utf8)[...])
        else { return nil }
        return Head(seq: head.seq, hash: hash)
    }
}

extension AuditHeads.Head {
    fileprivate var audit: AuditHead { AuditHead(seq: seq, hash: hash.text, segment: "", offset: 0) }
}

/// A hash in a third of the memory that its text takes: a log has as many heads as changes.
private struct Digest: Hashable, Sendable {
    private let a, b, c, d: UInt64

    /// Of 64 lower-case hex digits; nil for anything else.
    init?(_ hex: ArraySlice<UInt8>) {
        guard hex.count == 64 else { return nil }
        var words: [UInt64] = []
        for start in stride(from: hex.startIndex, to: hex.endIndex, by: 16) {
            var word: UInt64 = 0
            for byte in hex[start..<start + 16] {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): word = word << 4 | UInt64(byte - UInt8(ascii: "0"))
                case UInt8(ascii: "a")...UInt8(ascii: "f"): word = word << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
                default: return nil
                }
            }
            words.append(word)
        }
        (a, b, c, d) = (words[0], words[1], words[2], words[3])
    }

    var text: String {
        [a, b, c, d].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }
}

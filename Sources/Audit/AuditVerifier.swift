package import Linux

/// What a check of the log says.
package enum AuditVerification: Hashable, Sendable {
    /// Every record has its hash, its number and its predecessor; the count, the first number and the last record.
    /// A log that does not begin with number 1 is held to be a later part, and its first `prev` is believed.
    case intact(records: Int64, first: Int64, last: AuditHead)
    /// The first thing that is wrong: in which file, at which line from 1, at which record as far as that is known.
    case broken(file: String, line: Int, seq: Int64?, AuditFault)
}

/// Holds line after line against the chain; what `migctl audit verify` and the broker itself use.
package struct AuditVerifier: Sendable {
    /// Of the last good record; 0 before the first.
    package private(set) var seq: Int64 = 0
    package private(set) var records: Int64 = 0
    private var link = AuditLink()

    package init() {}

    /// Of the last good record, in hex; the genesis before the first.
    package var lastHash: String { link.text }

    /// Takes the next line, without its line feed. After an error the verifier stands where it stood.
    package mutating func check(_ line: ArraySlice<UInt8>) throws(AuditFault) {
        guard line.count <= AuditFormat.lineBytes else { throw .tooLong }
        guard let parts = AuditLine(line) else { throw .malformed }
        guard parts.hasOwnHash else { throw .wrongHash }
        if records == 0 {
            let isGenesis = AuditLink().leads(to: parts.prev)
            guard !isGenesis || parts.seq == 1 else { throw .wrongSequence(parts.seq) }
            guard isGenesis || parts.seq != 1 else { throw .wrongPrevious }
        } else {
            guard parts.seq == seq + 1 else { throw .wrongSequence(parts.seq) }
            guard link.leads(to: parts.prev) else { throw .wrongPrevious }
        }
        seq = parts.seq
        link = AuditLink(parts.hash)
        records += 1
    }

    /// The number that the next line must bear; of the very first line, the one it claims.
    package func expectedSequence(of line: ArraySlice<UInt8>) -> Int64? {
        if records > 0 { return seq + 1 }
        guard let parts = AuditLine(line) else { return nil }
        return parts.prev.allSatisfy { $0 == UInt8(ascii: "0") } ? 1 : parts.seq
    }

    /// Checks files that follow each other, oldest first, in constant memory.
    ///
    /// With a head, its record must be there and be the same one: so a cut or rewritten end is found. Where the log is
    /// `live`, what comes after the head is still being written and not looked at.
    package static func verify(
        _ files: [String], head: AuditHead? = nil, live: Bool = false
    ) throws(SystemError) -> AuditVerification {
        var walk = Walk(head: head, stopsAtHead: live)
        for path in files {
            if let fault = try walk.read(path) { return fault }
            if walk.isDone { break }
        }
        return walk.end()
    }
}

/// One pass over the files, and where it stands.
private struct Walk {
    private let head: AuditHead?
    private let stopsAtHead: Bool
    private var verifier = AuditVerifier()
    private var first: Int64?
    private var path = ""
    private var line = 0
    private var offset: Int64 = 0
    private(set) var isDone = false

    init(head: AuditHead?, stopsAtHead: Bool) {
        self.head = head
        self.stopsAtHead = stopsAtHead
        isDone = stopsAtHead && head?.seq == 0
    }

    /// - Returns: what is wrong with this file, or nil.
    mutating func read(_ path: String) throws(SystemError) -> AuditVerification? {
        self.path = path
        line = 0
        offset = 0
        var file = try AuditFile(path)
        while !isDone, let chunk = try file.next() {
            var position = 0
            while !isDone, let end = chunk.lineEnd(from: position) {
                line += 1
                if let fault = check(chunk.bytes[position..<end - 1]) { return fault }
                position = end
                offset = chunk.offset + Int64(end)
            }
            if !isDone, chunk.wholeCount == 0 {
                line += 1
                let fault: AuditFault = chunk.bytes.count > AuditFormat.lineBytes ? .tooLong : .torn
                return .broken(file: path, line: line, seq: first == nil ? nil : verifier.seq + 1, fault)
            }
        }
        return nil
    }

    func end() -> AuditVerification {
        if let head, verifier.seq < head.seq {
            return .broken(file: path, line: line + 1, seq: verifier.seq + 1, .endsBefore(head))
        }
        let name = Files.name(of: path)
        let last = AuditHead(seq: verifier.seq, hash: verifier.lastHash, segment: name, offset: offset)
        return .intact(records: verifier.records, first: first ?? 0, last: last)
    }

    private mutating func check(_ bytes: ArraySlice<UInt8>) -> AuditVerification? {
        do throws(AuditFault) {
            try verifier.check(bytes)
            if first == nil { first = verifier.seq }
            guard let head else { return nil }
            if verifier.seq == head.seq {
                guard verifier.lastHash.utf8.elementsEqual(head.hash.utf8) else { throw .differs(head) }
                isDone = stopsAtHead
            } else if verifier.records == 1, verifier.seq > head.seq, head.seq > 0 {
                throw .beginsAfter(head)
            }
            return nil
        } catch {
            let seq =
                switch error {
                case .differs, .beginsAfter: verifier.seq
                default: verifier.expectedSequence(of: bytes)
                }
            return .broken(file: path, line: line, seq: seq, error)
        }
    }
}

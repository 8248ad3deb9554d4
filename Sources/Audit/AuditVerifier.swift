package import Linux

/// What a check of the log says.
package enum AuditVerification: Hashable, Sendable {
    /// Every record has its hash, its number and its predecessor; the count, the first number and the last record.
    /// A log that does not begin with number 1 is held to be a later part, and its first `prev` is believed.
    case intact(records: Int64, first: Int64, last: AuditHead)
    /// The first thing that is wrong: in which file, at which line from 1, at which record as far as that is known.
    case broken(file: String, line: Int, seq: Int64?, AuditFault)
}

/// Holds line after line against the chain and its seals; what `migctl audit verify` and the broker itself use.
package struct AuditVerifier: Sendable {
    /// Of the last good record; 0 before the first.
    package private(set) var seq: Int64 = 0
    package private(set) var records: Int64 = 0
    private var link = AuditLink()
    /// What the seals say; nil where nobody asks for them.
    var seals: AuditSealCheck?

    /// Checks the chain, and the seals as far as that can be done with these keys.
    package init(keys: AuditKeyRing? = nil) { seals = AuditSealCheck(keys: keys) }

    /// Checks the chain alone, for a broker that has to work with the log whatever became of its key.
    static func ofChain() -> AuditVerifier {
        var verifier = AuditVerifier()
        verifier.seals = nil
        return verifier
    }

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
        try seals?.take(line, parts.seq, isFirst: records == 0)
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

    /// Checks files that follow each other, oldest first, in constant memory; `AuditReport.of` tells more.
    package static func verify(
        _ files: [String], head: AuditHead? = nil, live: Bool = false
    ) throws(SystemError) -> AuditVerification {
        try AuditReport.of(files, head: head, live: live).verification
    }
}

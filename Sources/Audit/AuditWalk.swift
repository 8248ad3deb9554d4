internal import Linux
internal import MIG

/// One pass over the files, and where it stands.
struct AuditWalk {
    private let head: AuditHead?
    private let stopsAtHead: Bool
    private var verifier: AuditVerifier
    private var first: Int64?
    /// The `prev` of the first record, in the words of the record that explains it.
    private var explanation: [UInt8] = []
    private var toldBy: Int64?
    private var path = ""
    private var firstPath = ""
    private var line = 0
    private var offset: Int64 = 0
    private(set) var isDone = false

    init(head: AuditHead?, stopsAtHead: Bool, keys: AuditKeyRing?) {
        self.head = head
        verifier = AuditVerifier(keys: keys)
        self.stopsAtHead = stopsAtHead
        isDone = stopsAtHead && head?.seq == 0
    }

    /// Takes the seals that were kept of what was removed from a log, whose first file this is.
    ///
    /// - Returns: what is wrong with them, or nil.
    mutating func readKeptSeals(besides file: String) throws(SystemError) -> AuditVerification? {
        let kept = AuditKeptSeals.path(in: Files.parent(of: file))
        defer { verifier.seals?.expectAll() }
        guard Files.exists(kept), let first = try Self.firstNumber(in: file), first > 1 else { return nil }
        path = kept
        line = 0
        var reader = try AuditFile(kept)
        while let chunk = try reader.next() {
            var position = 0
            while let end = chunk.lineEnd(from: position) {
                line += 1
                do throws(AuditFault) {
                    try verifier.seals?.takeKept(chunk.bytes[position..<end - 1], before: first)
                } catch {
                    return .broken(file: kept, line: line, seq: nil, error)
                }
                position = end
            }
            // A crash tore it; the next removal mends it, and what is missing shows in the log's first seal.
            if chunk.wholeCount == 0 { break }
        }
        return nil
    }

    private static func firstNumber(in file: String) throws(SystemError) -> Int64? {
        var reader = try AuditFile(file)
        guard let chunk = try reader.next(), let end = chunk.lineEnd(from: 0) else { return nil }
        return AuditLine(chunk.bytes[0..<end - 1])?.seq
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

    func end(hasKeys: Bool, isWhole: Bool) -> AuditVerification {
        if let head, verifier.seq < head.seq {
            return .broken(file: path, line: line + 1, seq: verifier.seq + 1, .endsBefore(head))
        }
        if isWhole, let first, first > 1, toldBy == nil {
            return .broken(file: firstPath, line: 1, seq: first, .beginningGone(first))
        }
        if hasKeys, verifier.seals?.keyedSeals ?? 0 == 0 {
            return .broken(file: path, line: line + 1, seq: verifier.seq + 1, .noSeal)
        }
        let name = Files.name(of: path)
        let last = AuditHead(seq: verifier.seq, hash: verifier.lastHash, segment: name, offset: offset)
        return .intact(records: verifier.records, first: first ?? 0, last: last)
    }

    /// What was found up to here, with a verdict.
    func report(_ verdict: AuditVerification) -> AuditReport {
        let seals = verifier.seals
        let beginning: AuditReport.Beginning =
            first ?? 1 == 1 ? .genesis : toldBy.map { .removed(toldBy: $0) } ?? .unexplained
        return AuditReport(
            verification: verdict, beginning: beginning, seals: seals?.seals ?? 0, keyedSeals: seals?.keyedSeals ?? 0,
            firstEpoch: seals?.firstEpoch, lastEpoch: seals?.last?.epoch,
            unsealed: verifier.seq - (seals?.last?.seq ?? (first ?? 1) - 1))
    }

    private mutating func begin(_ bytes: ArraySlice<UInt8>) {
        first = verifier.seq
        firstPath = path
        guard verifier.seq > 1, let prev = AuditLine(bytes)?.prev else { return }
        explanation = Array(AuditRetention.last(verifier.seq - 1, String(decoding: prev, as: UTF8.self)).utf8)
    }

    /// A log that begins later is explained by a record of its own, behind whatever was removed.
    private mutating func lookForExplanation(_ bytes: ArraySlice<UInt8>) {
        guard !explanation.isEmpty, toldBy == nil, AuditRetention.explains(bytes, explanation) else { return }
        toldBy = verifier.seq
    }

    private mutating func check(_ bytes: ArraySlice<UInt8>) -> AuditVerification? {
        do throws(AuditFault) {
            try verifier.check(bytes)
            if first == nil { begin(bytes) } else { lookForExplanation(bytes) }
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

/// Holds the seals of a log against the rules of `AuditFormat`, and against keys where there are some.
struct AuditSealCheck: Sendable {
    private(set) var keys: AuditKeyRing?
    private(set) var seals: Int64 = 0
    /// Seals that were checked with a key.
    private(set) var keyedSeals: Int64 = 0
    private(set) var firstEpoch: Int64?
    private(set) var last: (seq: Int64, epoch: Int64)?
    private var first: Int64 = 0
    /// Whether all of the log is there, so that what a seal needs before it is missing where it is not.
    private var isWhole = false

    init(keys: AuditKeyRing?) { self.keys = keys }

    /// Takes a seal that was kept when its record was removed, before the lines of a log that begins with number `first`.
    ///
    /// What is at `first` or later is in the log as well.
    mutating func takeKept(_ line: ArraySlice<UInt8>, before first: Int64) throws(AuditFault) {
        guard let parts = AuditLine(line) else { throw .malformed }
        guard parts.hasOwnHash else { throw .wrongHash }
        guard parts.seq < first else { return }
        guard try AuditSeal.read(line) != nil else { throw .malformed }
        // Epochs begin with the log: the first seal of all is one of epoch 0, wherever it stands.
        if last == nil { self.first = 1 }
        guard last.map({ $0.seq < parts.seq }) ?? true else { throw .wrongSequence(parts.seq) }
        try take(line, parts.seq, isFirst: false)
    }

    /// Takes note that nothing of the log is missing but what was removed, and that all seals of that were handed over.
    mutating func expectAll() { isWhole = true }

    /// Takes the next line of a chain that is good up to it. After an error it stands where it stood.
    mutating func take(_ line: ArraySlice<UInt8>, _ seq: Int64, isFirst: Bool) throws(AuditFault) {
        guard let seal = try AuditSeal.read(line) else {
            if let last, seq - last.seq >= AuditFormat.epochRecords { throw .unsealed(after: last.seq) }
            if isFirst { first = seq }
            return
        }
        let first = isFirst ? seq : first
        try checkPlace(of: seal, seq, first)
        if let key = keys?.key(of: seal.epoch) {
            guard key.mac(of: seal.covered).elementsEqual(seal.mac) else { throw .wrongSeal(seal.epoch) }
            keyedSeals += 1
        } else if let keys, seal.epoch >= keys.firstEpoch {
            // No log has so many epochs.
            throw .wrongEpoch(seal.epoch)
        }
        self.first = first
        seals += 1
        if firstEpoch == nil { firstEpoch = seal.epoch }
        last = (seq, seal.epoch)
    }

    private func checkPlace(of seal: AuditSeal, _ seq: Int64, _ first: Int64) throws(AuditFault) {
        if let last {
            guard seal.epoch == last.epoch + 1 else { throw .wrongEpoch(seal.epoch) }
            guard seq - last.seq <= AuditFormat.epochRecords else { throw .unsealed(after: last.seq) }
        } else if first == 1 {
            guard seal.epoch == 0 else { throw .wrongEpoch(seal.epoch) }
        } else if isWhole, seal.epoch > 0 {
            throw .sealsGone(before: seal.epoch)
        } else if seal.epoch > 0 {
            guard seq - first < AuditFormat.epochRecords else { throw .unsealed(after: first - 1) }
        }
    }
}

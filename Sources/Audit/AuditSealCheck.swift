/// Holds the seals of a log against the rules of `AuditFormat`, and against keys where there are some.
struct AuditSealCheck: Sendable {
    private(set) var keys: AuditKeyRing?
    private(set) var seals: Int64 = 0
    /// Seals that were checked with a key.
    private(set) var keyedSeals: Int64 = 0
    private(set) var firstEpoch: Int64?
    private(set) var last: (seq: Int64, epoch: Int64)?
    private var first: Int64 = 0

    init(keys: AuditKeyRing?) { self.keys = keys }

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
        } else if seal.epoch > 0 {
            guard seq - first < AuditFormat.epochRecords else { throw .unsealed(after: first - 1) }
        }
    }
}

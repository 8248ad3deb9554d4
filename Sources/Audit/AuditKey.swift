internal import Linux
internal import MIG

/// The key of one epoch of the log; `AuditFormat` says what it does.
///
/// It lies in one place of memory, which is wiped when the last one who holds the value lets go of it.
package final class AuditKey: Sendable {
    package let epoch: Int64
    private let secret: Secret

    private init(epoch: Int64, _ secret: consuming Secret) {
        self.epoch = epoch
        self.secret = secret
    }

    /// A key that nobody can guess, for a log that is sealed from this epoch on.
    static func random(epoch: Int64) -> AuditKey { AuditKey(epoch: epoch, .random()) }

    /// The next epoch's key, from which this one cannot be found.
    func next() -> AuditKey { AuditKey(epoch: epoch + 1, HMAC.key(secret, AuditFormat.ratchetLabel)) }

    /// The keyed hash of a seal's bytes up to the comma before `"mac"`, in hex.
    func mac(of covered: ArraySlice<UInt8>) -> [UInt8] { Array(Hex.text(of: HMAC.code(secret, covered)).utf8) }

    /// `EPOCH:KEY`, the key as 64 hex digits: how files and the admin keep it. Who asks for it wipes it.
    var text: [UInt8] { Array("\(epoch):".utf8) + secret.hex }

    /// Reads what `text` writes; anything else is nil.
    convenience init?(_ text: ArraySlice<UInt8>) {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")),
            let epoch = AuditSeal.number(text[..<colon]), let secret = Secret(hex: text[(colon + 1)...])
        else { return nil }
        self.init(epoch: epoch, secret)
    }
}

/// The keys that a log is checked with.
///
/// One is enough for every epoch from its own on. Where a key was lost and another one made, each holds until the
/// next one's epoch.
package struct AuditKeyRing: Sendable {
    private let keys: [AuditKey]
    private var current: AuditKey?
    /// Far more epochs than a log has in a hundred years: a number past it is a lie that would only take time.
    private static let farthest: Int64 = 10_000_000

    /// Reads lines `EPOCH:KEY` in the order of their epochs; empty lines may stand between. Nil where it is anything
    /// else, or nothing.
    package init?(_ text: [UInt8]) {
        var keys: [AuditKey] = []
        for line in text.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            guard let key = AuditKey(line), keys.last.map({ $0.epoch < key.epoch }) ?? true else { return nil }
            keys.append(key)
        }
        guard !keys.isEmpty else { return nil }
        self.keys = keys
    }

    /// The key of an epoch; nil for one before the first key. A search that goes forwards is cheap.
    mutating func key(of epoch: Int64) -> AuditKey? {
        guard let base = keys.last(where: { $0.epoch <= epoch }), epoch - base.epoch <= Self.farthest else {
            return nil
        }
        var key = base
        if let current, current.epoch >= base.epoch, current.epoch <= epoch { key = current }
        while key.epoch < epoch { key = key.next() }
        current = key
        return key
    }

    /// The first epoch that there is a key for.
    var firstEpoch: Int64 { keys.first?.epoch ?? 0 }
}

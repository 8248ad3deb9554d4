import Linux
import MIG

@testable import Audit

/// A log in memory whose epochs are sealed, and whoever stole a key.
struct SealedLog {
    /// Sealed with the first epoch's key.
    static let keyText = "0:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    static func key(of epoch: Int64 = 0) -> AuditKey? {
        guard var key = AuditKey(Array(keyText.utf8)[...]) else { return nil }
        while key.epoch < epoch { key = key.next() }
        return key
    }

    static func ring(from epoch: Int64 = 0) -> AuditKeyRing? {
        key(of: epoch).flatMap { AuditKeyRing($0.text) }
    }

    /// What stands in each line: a record, or a seal of an epoch with a key.
    enum Element {
        case record(AuditRecord)
        case seal(Int64, AuditKey)
    }

    /// The lines that these make, one second between them.
    static func lines(_ elements: [Element], after head: AuditHead = .empty) -> [[UInt8]] {
        var chain = AuditChain(after: head)
        return elements.enumerated().map { index, element in
            let stamp = SampleLog.stamp(head.seq + Int64(index))
            switch element {
            case .record(let record): return chain.link(record, stamp)
            case .seal(let epoch, let key):
                var record = AuditRecord(.seal)
                record.epoch = epoch
                return chain.link(record, stamp, key: key)
            }
        }
    }

    /// Epochs with so many records each, seals not counted, and records after the last seal.
    static func elements(epochs: [Int], rest: Int = 0, from epoch: Int64 = 0) -> [Element] {
        guard var key = key(of: epoch) else { return [] }
        var elements: [Element] = []
        for count in epochs {
            elements += (0..<count).map { .record(SampleLog.record(elements.count + $0)) }
            elements.append(.seal(key.epoch, key))
            key = key.next()
        }
        return elements + (0..<rest).map { .record(SampleLog.record(elements.count + $0)) }
    }

    /// What the verifier with these keys says of lines.
    static func report(_ lines: [[UInt8]], _ keys: AuditKeyRing?, in directory: String) throws -> AuditReport {
        let path = "\(directory)/log"
        try Files.write(path, Array(lines.joined()))
        return try AuditReport.of([path], keys: keys)
    }
}

extension AuditReport {
    /// Nil where nothing is wrong.
    var fault: AuditFault? {
        guard case .broken(_, _, _, let fault) = verification else { return nil }
        return fault
    }
}

package import Linux

/// The log read back as what it also is, the write-ahead log.
extension AuditReader {
    /// Hands over the records after a checkpoint's head, each held against the chain: what leases are rebuilt from.
    /// Without a head it begins with the first record that is kept; where that is not the first ever, a later one must
    /// say that those before were removed.
    package func replay(
        after head: AuditHead?, _ body: (AuditEntry) -> Void
    ) throws(AuditReplayError) {
        var verifier = AuditVerifier.ofChain()
        var missing: (place: BadLine, seq: Int64, explanation: [UInt8])?
        for path in try remaining(after: head) {
            let isFirst = head.map { Files.name(of: path).utf8.elementsEqual($0.segment.utf8) } ?? false
            var file = try Self.system { () throws(SystemError) in
                try AuditFile(path, from: isFirst ? head?.offset ?? 0 : 0)
            }
            while let chunk = try Self.system({ () throws(SystemError) in try file.next() }) {
                var position = 0
                while let end = chunk.lineEnd(from: position) {
                    let line = chunk.bytes[position..<end - 1]
                    let place = BadLine(file: path, offset: chunk.offset + Int64(position))
                    let entry = try Self.check(line, &verifier, after: head, place)
                    if head == nil, verifier.records == 1, entry.seq > 1 {
                        missing = (place, entry.seq, Array(AuditRetention.last(entry.seq - 1, entry.prev).utf8))
                    } else if let told = missing?.explanation, AuditRetention.explains(line, told) {
                        missing = nil
                    }
                    body(entry)
                    position = end
                }
            }
        }
        if let missing { throw .broken(missing.place, .beginningGone(missing.seq)) }
        if verifier.records == 0, let head, head.seq > 0 { try confirm(head) }
    }

    /// The files from the one that holds the head on.
    private func remaining(after head: AuditHead?) throws(AuditReplayError) -> ArraySlice<String> {
        guard let head, head.seq > 0 else { return files[...] }
        let first = files.firstIndex { Files.name(of: $0).utf8.elementsEqual(head.segment.utf8) }
        guard let first else { throw .headIsGone(head) }
        return files[first...]
    }

    private static func check(
        _ line: ArraySlice<UInt8>, _ verifier: inout AuditVerifier, after head: AuditHead?, _ place: BadLine
    ) throws(AuditReplayError) -> AuditEntry {
        let isFirst = verifier.records == 0
        let entry: AuditEntry
        do throws(AuditFault) {
            try verifier.check(line)
        } catch {
            throw .broken(place, error)
        }
        do throws(AuditDecodeError) {
            entry = try AuditEntry(line: Array(line))
        } catch {
            throw .broken(place, .malformed)
        }
        guard let known = head ?? (entry.seq == 1 ? .empty : nil) else { return entry }
        if isFirst, entry.seq != known.seq + 1 || !entry.prev.utf8.elementsEqual(known.hash.utf8) {
            throw .broken(place, .wrongPrevious)
        }
        return entry
    }

    /// Without a record after it, the head itself must be the last one.
    private func confirm(_ head: AuditHead) throws(AuditReplayError) {
        guard let path = files.last(where: { Files.name(of: $0).utf8.elementsEqual(head.segment.utf8) }) else {
            throw .headIsGone(head)
        }
        let found = try Self.system { () throws(SystemError) in
            try AuditVerifier.verify([path], head: head)
        }
        guard case .intact(_, _, let last) = found, last.seq == head.seq else { throw .headIsGone(head) }
    }

    private static func system<Value: ~Copyable>(
        _ body: () throws(SystemError) -> Value
    ) throws(AuditReplayError) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .system(error)
        }
    }
}

/// Why leases cannot be rebuilt from the log alone.
package enum AuditReplayError: Error, Hashable, Sendable, CustomStringConvertible {
    case system(SystemError)
    /// The record that the checkpoint names is not there: the log was cut, altered or moved.
    case headIsGone(AuditHead)
    case broken(AuditReader.BadLine, AuditFault)

    package var description: String {
        switch self {
        case .system(let error): error.description
        case .headIsGone(let head): "record \(head.seq), which a checkpoint names, is not in the audit log"
        case .broken(let place, let fault): "\(place.file), byte \(place.offset): \(fault)"
        }
    }
}

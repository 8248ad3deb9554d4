package import Linux

/// Reads the log's files, oldest first, in memory that does not grow with them; needs no broker.
package struct AuditReader: Sendable {
    private let files: [String]

    /// The files in the order in which they follow each other; `AuditSegments.list` gives a directory's.
    package init(_ files: [String]) { self.files = files }

    /// A line that is no record, or does not follow in the chain.
    package struct BadLine: Hashable, Sendable {
        package let file: String
        /// Of the line's first byte.
        package let offset: Int64
    }

    /// Where a pass goes on: between two lines, or between two files.
    package struct Place: Hashable, Sendable {
        fileprivate var file = 0
        fileprivate var offset: Int64 = 0

        /// Before the first line.
        package init() {}
    }

    /// What a pass over the log saw.
    package struct Summary: Hashable, Sendable {
        /// Records that the filter let pass.
        package fileprivate(set) var matches = 0
        /// Lines that should have been looked at but are no records; a torn last line is still being written.
        package fileprivate(set) var badLines = 0
        package fileprivate(set) var firstBadLine: BadLine?
        /// Where the next pass goes on; nil where the log's end was seen.
        package fileprivate(set) var next: Place?
    }

    /// Hands the matching records over with their lines, oldest first, until the body returns false or about so many
    /// bytes were looked at.
    ///
    /// Bad lines are counted and passed over: showing a damaged log is better than showing nothing, and to find the
    /// damage is the work of `AuditVerifier`. The wall clock may have gone back between two records, so every line is
    /// looked at, whatever the times.
    package func read(
        _ filter: AuditFilter, from place: Place = Place(), atMost bytes: Int = .max,
        _ body: (AuditEntry, [UInt8]) -> Bool
    ) throws(SystemError) -> Summary {
        let prefilter = AuditPrefilter(filter)
        var summary = Summary()
        var place = place
        var left = bytes
        while place.file < files.count {
            let path = files[place.file]
            var file = try AuditFile(path, from: place.offset)
            while let chunk = try file.next() {
                var position = 0
                while let end = chunk.lineEnd(from: position) {
                    defer { position = end }
                    guard prefilter.mayMatch(chunk.bytes, position..<end - 1) else { continue }
                    let line = Array(chunk.bytes[position..<end - 1])
                    do throws(AuditDecodeError) {
                        let entry = try AuditEntry(line: line)
                        guard filter.matches(entry) else { continue }
                        summary.matches += 1
                        place.offset = chunk.offset + Int64(end)
                        summary.next = place
                        if !body(entry, line) { return summary }
                    } catch {
                        summary.badLines += 1
                        let bad = BadLine(file: path, offset: chunk.offset + Int64(position))
                        if summary.firstBadLine == nil { summary.firstBadLine = bad }
                    }
                }
                left -= chunk.bytes.count
                place.offset = chunk.end
                summary.next = place
                if left <= 0 { return summary }
            }
            place.file += 1
            place.offset = 0
        }
        summary.next = nil
        return summary
    }

    /// Hands over the records after a checkpoint's head, each held against the chain: what leases are rebuilt from.
    /// Without a head it begins with the first record.
    package func replay(
        after head: AuditHead?, _ body: (AuditEntry) -> Void
    ) throws(AuditReplayError) {
        var verifier = AuditVerifier()
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
                    body(try Self.check(line, &verifier, after: head, place))
                    position = end
                }
            }
        }
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
        let known = head ?? .empty
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

extension AuditPrefilter {
    /// Whether a line may match the filter.
    fileprivate func mayMatch(_ bytes: [UInt8], _ line: Range<Int>) -> Bool {
        let hasNeedles = needles.allSatisfy { group in
            group.contains { ByteSearch.first($0, in: bytes, line) != nil }
        }
        guard hasNeedles, since != nil || until != nil else { return hasNeedles }
        // A line without a time is damaged: let it be looked at.
        guard let key = ByteSearch.first(Self.timeKey, in: bytes, line) else { return true }
        let start = key + Self.timeKey.count
        guard start + Self.timeLength <= line.upperBound else { return true }
        let time = bytes[start..<start + Self.timeLength]
        if let since, time.lexicographicallyPrecedes(since) { return false }
        if let until, until.lexicographicallyPrecedes(time) { return false }
        return true
    }
}

package import Linux

/// Reads the log's files, oldest first, in memory that does not grow with them; needs no broker.
package struct AuditReader: Sendable {
    let files: [String]
    /// Whether the log goes on while it is read: old files are removed, and the last line may be half written.
    private let isLive: Bool

    /// The files in the order in which they follow each other; `AuditSegments.list` gives a directory's.
    package init(_ files: [String]) {
        self.files = files
        isLive = false
    }

    /// The segments that a live log has now. Blocks on the disk.
    package init(liveIn directory: String) throws(SystemError) {
        files = try AuditSegments.list(in: directory)
        isLive = true
    }

    /// A line that is no record, or does not follow in the chain.
    package struct BadLine: Hashable, Sendable {
        package let file: String
        /// Of the line's first byte.
        package let offset: Int64
    }

    /// Where a pass goes on: between two lines, or between two files.
    package struct Place: Hashable, Sendable {
        /// Nil before the first.
        fileprivate var path: String?
        fileprivate var offset: Int64 = 0

        /// Before the first line.
        package init() {}

        fileprivate init(_ path: String, _ offset: Int64) {
            self.path = path
            self.offset = offset
        }

        /// After the last record that was written.
        package init(after head: AuditHead, in directory: String) {
            guard head.seq > 0, !head.segment.isEmpty else { return }
            path = "\(directory)/\(head.segment)"
            offset = head.offset
        }
    }

    /// What a pass over the log saw.
    package struct Summary: Hashable, Sendable {
        /// Records that the filter let pass.
        package fileprivate(set) var matches = 0
        /// Lines that should have been looked at but are no records; the torn last line of a live log is still being
        /// written.
        package fileprivate(set) var badLines = 0
        package fileprivate(set) var firstBadLine: BadLine?
        /// Where the next pass goes on.
        package fileprivate(set) var place: Place
        /// Whether the log's end was seen.
        package fileprivate(set) var isAtEnd = false

        /// Where the next pass goes on; nil where the log's end was seen.
        package var next: Place? { isAtEnd ? nil : place }

        fileprivate mutating func add(_ line: BadLine) {
            badLines += 1
            firstBadLine = firstBadLine ?? line
        }
    }

    /// Hands the matching records over with their lines, oldest first, until the body returns false or about so many
    /// bytes were looked at.
    ///
    /// Bad lines are counted and passed over: showing a damaged log is better than showing nothing, and to find the
    /// damage is the work of `AuditVerifier`. The wall clock may have gone back between two records, so of a filter's
    /// times only closed segments that say what times they hold can be left out; all lines of the others are looked at.
    /// Nothing after `head` is: it may still be taken back.
    package func read(
        _ filter: AuditFilter, from place: Place = Place(), upTo head: AuditHead? = nil, atMost bytes: Int = .max,
        _ body: (AuditEntry, [UInt8]) -> Bool
    ) throws(SystemError) -> Summary {
        let prefilter = AuditPrefilter(filter)
        var summary = Summary(place: place)
        var left = bytes
        for path in remaining(after: place, upTo: head) {
            if !isAt(path, summary.place) { summary.place = Place(path, 0) }
            let isDone: Bool
            do throws(SystemError) {
                isDone = try read(path, filter, prefilter, limit(in: path, head), &summary, &left, body)
            } catch  where isLive && error.code == .notFound {
                // Its time to be kept is over: it has been removed since the directory was read.
                continue
            }
            if isDone { return summary }
        }
        summary.isAtEnd = true
        return summary
    }

    /// Reads one file from the summary's place on.
    ///
    /// - Returns: whether the pass is over before the file's end was seen.
    private func read(
        _ path: String, _ filter: AuditFilter, _ prefilter: AuditPrefilter, _ limit: Int64, _ summary: inout Summary,
        _ left: inout Int, _ body: (AuditEntry, [UInt8]) -> Bool
    ) throws(SystemError) -> Bool {
        if summary.place.offset == 0, filter.hasTimes, try AuditSpan.ofClosed(path)?.isOutside(filter) ?? false {
            return false
        }
        var file = try AuditFile(path, from: summary.place.offset, upTo: limit)
        while let chunk = try file.next() {
            var lines = prefilter.lines(of: chunk)
            while let line = lines.next() {
                let bytes = Array(chunk.bytes[line])
                do throws(AuditDecodeError) {
                    let entry = try AuditEntry(line: bytes)
                    guard filter.matches(entry) else { continue }
                    summary.matches += 1
                    summary.place.offset = chunk.offset + Int64(line.upperBound + 1)
                    if !body(entry, bytes) { return true }
                } catch {
                    summary.add(BadLine(file: path, offset: chunk.offset + Int64(line.lowerBound)))
                }
            }
            if chunk.wholeCount == 0, chunk.bytes.count <= AuditFormat.lineBytes {
                // Of a live log the next pass finds it whole; in a file, nobody writes the rest any more.
                if !isLive { summary.add(BadLine(file: path, offset: chunk.offset)) }
                continue
            }
            summary.place.offset = chunk.end
            left -= chunk.bytes.count
            if left <= 0 { return true }
        }
        return false
    }

    /// The log's first record; nil where there is none near the beginning of any file. Blocks on the disk.
    package func first() throws(SystemError) -> AuditEntry? {
        for path in files {
            let lines = try lines(at: path, from: { _ in 0 })
            if let found = lines.lazy.compactMap({ try? AuditEntry(line: Array($0)) }).first { return found }
        }
        return nil
    }

    /// The log's last record; nil where there is none near the end of any file. Blocks on the disk.
    package func last() throws(SystemError) -> AuditEntry? {
        for path in files.reversed() {
            let lines = try lines(at: path, from: { max(0, $0 - Int64(AuditFile.chunkBytes)) })
            if let found = lines.reversed().lazy.compactMap({ try? AuditEntry(line: Array($0)) }).first { return found }
        }
        return nil
    }

    /// The lines of one chunk of a file, which begins where `start` says of its size; of a file that is gone, none.
    private func lines(at path: String, from start: (Int64) -> Int64) throws(SystemError) -> [ArraySlice<UInt8>] {
        do throws(SystemError) {
            var file = try AuditFile(path, from: start(try Files.attributesFollowing(path).size))
            guard let chunk = try file.next() else { return [] }
            return chunk.bytes[..<chunk.wholeCount].split(separator: UInt8(ascii: "\n"))
        } catch  where isLive && error.code == .notFound {
            return []
        }
    }

    /// The files from a place on; where its file is gone, from the one that followed it.
    private func remaining(after place: Place, upTo head: AuditHead?) -> ArraySlice<String> {
        var rest = files[...]
        if let path = place.path {
            let first =
                files.firstIndex { $0.utf8.elementsEqual(path.utf8) }
                ?? files.firstIndex { path.utf8.lexicographicallyPrecedes($0.utf8) }
            rest = files[(first ?? files.endIndex)...]
        }
        guard let head, let last = rest.lastIndex(where: { isSegment($0, of: head) }) else { return rest }
        return rest[...last]
    }

    private func limit(in path: String, _ head: AuditHead?) -> Int64 {
        guard let head, isSegment(path, of: head) else { return .max }
        return head.offset
    }

    private func isSegment(_ path: String, of head: AuditHead) -> Bool {
        Files.name(of: path).utf8.elementsEqual(head.segment.utf8)
    }

    private func isAt(_ path: String, _ place: Place) -> Bool {
        place.path.map { $0.utf8.elementsEqual(path.utf8) } ?? false
    }
}

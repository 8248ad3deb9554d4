internal import Linux

/// Walks over the lines of a chunk that a filter may let pass.
///
/// Where all records that a filter lets pass hold one of a few runs of bytes, those are looked for in the whole chunk,
/// and most lines are never looked at one by one.
struct AuditCandidates {
    private let chunk: AuditFile.Chunk
    private let prefilter: AuditPrefilter
    private var position = 0
    /// For each needle of the first group, where it comes next: at the position or after it, as far as that is known.
    private var places: [Int]

    fileprivate init(_ chunk: AuditFile.Chunk, _ prefilter: AuditPrefilter) {
        self.chunk = chunk
        self.prefilter = prefilter
        places = (prefilter.needles.first ?? []).map { _ in -1 }
    }

    /// The next such line, without its line feed.
    mutating func next() -> Range<Int>? {
        while position < chunk.wholeCount {
            guard let place = nextPlace(), let end = chunk.lineEnd(from: place) else { break }
            let start =
                ByteSearch.last(UInt8(ascii: "\n"), in: chunk.bytes, position..<place).map { $0 + 1 } ?? position
            position = end
            if prefilter.mayMatch(chunk.bytes, start..<end - 1) { return start..<end - 1 }
        }
        position = chunk.wholeCount
        return nil
    }

    /// Where a line that may match goes on; without needles every line does.
    private mutating func nextPlace() -> Int? {
        guard let needles = prefilter.needles.first else { return position }
        for (index, needle) in needles.enumerated() where places[index] < position {
            places[index] = needle.first(in: chunk.bytes, position..<chunk.wholeCount) ?? chunk.wholeCount
        }
        return places.min().flatMap { $0 < chunk.wholeCount ? $0 : nil }
    }
}

extension AuditPrefilter {
    /// The lines of a chunk that may match the filter.
    func lines(of chunk: AuditFile.Chunk) -> AuditCandidates { AuditCandidates(chunk, self) }
}

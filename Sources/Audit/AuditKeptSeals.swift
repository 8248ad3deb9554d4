internal import Linux
internal import MIG

/// The seals of records that are kept no longer, which stay when their segments go.
///
/// Who has stolen the key of an epoch can write a log that claims to begin there. What he cannot make are the seals of the
/// epochs before: they say up to which record the log was sealed before he came.
enum AuditKeptSeals {
    private static let name = "seals.jsonl"

    static func path(in directory: String) -> String { "\(directory)/\(name)" }

    /// Puts the seals of segments, oldest first, on disk behind those that are kept already. Blocks on the disk.
    ///
    /// Those that are there, because a crash came between this and the removal, are not put there again. A line that a crash
    /// tore is cut off; other damage is for a person to look at, and nothing is written behind it.
    static func keep(sealsOf segments: [String], in directory: String) throws(AuditUnavailable) {
        let path = path(in: directory)
        let isNew = !Files.exists(path)
        let tail = isNew ? nil : try AuditTail(of: path)
        if let tail, tail.restCount > 0, !tail.isTorn { throw .system(SystemError("read", .invalid, path)) }
        let kept = tail?.last?.record.epoch ?? -1
        var lines: [UInt8] = []
        for segment in segments {
            try AuditUnavailable.system { () throws(SystemError) in
                try forEachSeal(of: segment) { line, seal in
                    if seal.epoch > kept { lines += line + [UInt8(ascii: "\n")] }
                }
            }
        }
        guard !lines.isEmpty else { return }
        let file = try AuditUnavailable.safe { () throws(SafePathError) in
            try SafePath.openFile(path, isNew ? [.append, .exclusive] : .append, createMode: 0o640)
        }
        try AuditUnavailable.system { () throws(SystemError) in
            if let tail, tail.restCount > 0 { try file.truncate(to: tail.end) }
            guard try file.writeOnce(lines[...]) == lines.count else { throw SystemError("write", .noSpace, path) }
            try file.synchronizeData()
            if isNew { try Files.synchronizeDirectory(of: path) }
        }
    }

    /// Hands over the lines of a segment that have their own hash and are seals.
    private static func forEachSeal(
        of path: String, _ body: (ArraySlice<UInt8>, AuditSeal) -> Void
    ) throws(SystemError) {
        var file = try AuditFile(path)
        while let chunk = try file.next(), chunk.wholeCount > 0 {
            var position = 0
            while let end = chunk.lineEnd(from: position) {
                let line = chunk.bytes[position..<end - 1]
                position = end
                guard let seal = try? AuditSeal.read(line), AuditLine(line)?.hasOwnHash == true else { continue }
                body(line, seal)
            }
        }
    }
}

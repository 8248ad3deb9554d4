import Audit
import Linux

/// Segments of a log that are read here, without the broker.
enum AuditFiles {
    /// The files named, and of directories their segments.
    static func segments(_ paths: [String]) throws(SystemError) -> [String] {
        var files: [String] = []
        for path in paths {
            let isDirectory = try Files.attributesFollowing(path).kind == .directory
            files += isDirectory ? try AuditSegments.list(in: path) : [path]
        }
        return files
    }

    /// A file without a byte, which no segment is but the newest, where a crash came before its first record.
    static func emptied(_ files: [String]) throws(SystemError) -> String? {
        for file in files.count == 1 ? files[...] : files.dropLast()
        where try Files.attributesFollowing(file).size == 0 {
            return file
        }
        return nil
    }

    /// Reads the files named, of which there must be one.
    static func reader(_ paths: [String]) throws(Failure) -> AuditReader {
        let files = try told { () throws(SystemError) in try segments(paths) }
        guard !files.isEmpty else {
            throw Failure(.checkFailed, what: "the audit log cannot be read", why: "there are no segments")
        }
        return AuditReader(files)
    }

    /// The first record and the last.
    static func ends(_ log: AuditReader) throws(Failure) -> (first: AuditEntry?, last: AuditEntry?) {
        try told { () throws(SystemError) in (try log.first(), try log.last()) }
    }

    private static func told<Value>(_ body: () throws(SystemError) -> Value) throws(Failure) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw Failure(.failed, what: "the audit log cannot be read", why: SafeText(error.description))
        }
    }

    /// Hands over the records that a filter lets pass, until the body has enough, and tells of lines that are none.
    ///
    /// - Returns: whether every line that was looked at is a record.
    static func read(
        _ log: AuditReader, _ filter: AuditFilter, in session: Session,
        _ body: (AuditEntry, [UInt8]) throws(Failure) -> Bool
    ) throws(Failure) -> Bool {
        var failure: Failure?
        let summary = try told { () throws(SystemError) in
            try log.read(filter) { entry, line in
                do throws(Failure) {
                    return try body(entry, line)
                } catch {
                    failure = error
                    return false
                }
            }
        }
        if let failure { throw failure }
        guard let bad = summary.firstBadLine else { return true }
        session.output.error(
            "the log is damaged: \(counted(summary.badLines, "line")) no record, the first in \(bad.file) at byte \(bad.offset)",
            .bad)
        return false
    }
}

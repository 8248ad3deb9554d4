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

    /// Hands over the records that a filter lets pass, until the body has enough, and tells of lines that are none.
    ///
    /// - Returns: whether every line that was looked at is a record.
    static func read(
        _ paths: [String], _ filter: AuditFilter, in session: Session,
        _ body: (AuditEntry, [UInt8]) throws(Failure) -> Bool
    ) throws(Failure) -> Bool {
        var failure: Failure?
        let summary: AuditReader.Summary
        do throws(SystemError) {
            summary = try AuditReader(try segments(paths)).read(filter) { entry, line in
                do throws(Failure) {
                    return try body(entry, line)
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw Failure(.failed, what: "the audit log cannot be read", why: SafeText(error.description))
        }
        if let failure { throw failure }
        guard let bad = summary.firstBadLine else { return true }
        session.output.error(
            "the log is damaged: \(counted(summary.badLines, "line")) no record, the first in \(bad.file) at byte \(bad.offset)",
            .bad)
        return false
    }
}

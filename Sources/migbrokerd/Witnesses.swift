import Audit
import Linux

/// Who else hears what is written to the audit log.
struct Witnesses: Sendable {
    /// The system's journal; nil where there is none to be told.
    let journal: JournalFollower?
    /// The file of heads; nil where none was named.
    let heads: HeadsFollower?

    /// Starts a thread for the journal. Where nobody listens yet, he is told later what he missed.
    init(_ options: DaemonOptions) throws(StartError) {
        journal = try Self.journalPath(options).map { (path) throws(StartError) in
            try Self.check(directoryOf: path)
            return try StartError.from { () throws(SystemError) in try JournalFollower(at: path) }
        }
        heads = options.heads.map(HeadsFollower.init)
    }

    /// Starts what needs the log itself.
    func start(with audit: AuditLog) throws(StartError) {
        try StartError.from { () throws(AuditUnavailable) in
            // A log that cannot be written owes the record.
            try heads?.start { record in try? audit.note([record]) }
        }
    }

    /// Hands on what was written; never waits.
    func put(_ entries: [AuditEntry]) {
        journal?.put(entries)
        heads?.put(entries)
    }

    /// Lets them hear the rest, if that does not take long.
    func finish() {
        journal?.finish(milliseconds: 2000)
        heads?.finish(milliseconds: 2000)
    }

    /// A broker below a directory of its own speaks to the journal that is there, and never to the machine's.
    private static func journalPath(_ options: DaemonOptions) -> String? {
        switch options.journal {
        case .path(let path): path
        case .nowhere: nil
        case .standard(let path): options.root == nil || Files.exists(path) ? path : nil
        }
    }

    /// Whoever can put a socket there would be told who does what.
    private static func check(directoryOf path: String) throws(StartError) {
        do throws(SafePathError) {
            _ = try SafePath.openDirectory(Files.parent(of: path))
        } catch  where error.isNotFound {
            // Not there yet; only root can make it where it belongs.
        } catch {
            throw .other("the journal's socket cannot be trusted: \(error)")
        }
    }
}

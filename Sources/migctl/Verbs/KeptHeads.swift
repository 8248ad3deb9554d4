import Audit
import Linux

/// Heads that were kept beside a log, and what it says to them.
struct KeptHeads {
    /// Of which files, `-` for standard input.
    let paths: [String]

    /// Nil where none were named.
    init?(_ options: Options) {
        paths = options.values("--heads")
        if paths.isEmpty { return nil }
    }

    /// Holds a log that is whole in itself against them; a fault is the first head that it does not bear out.
    func check(_ files: [String], in session: Session) throws(Failure) -> AuditVerification? {
        var heads = AuditHeads()
        for path in paths {
            do throws(AuditHeads.Malformed) {
                try heads.read(try open(path))
            } catch {
                throw Failure(.checkFailed, what: "the heads cannot be read", why: "\(path): \(error)")
            }
        }
        if heads.passedOver > 0 {
            session.output.talk(
                "passed over, as not the broker's or without a head: \(heads.passedOver) of the journal")
        }
        guard heads.count > 0 else {
            throw Failure(.checkFailed, what: "there are no heads to hold the log against")
        }
        do throws(SystemError) {
            let finding = try heads.check(files)
            if finding.fault == nil {
                let older: SafeText = finding.older == 0 ? "" : ", and \(finding.older) older than the log is"
                session.output.talk("the log bears out \(counted(finding.confirmed, "head"))\(older)")
            }
            return finding.fault
        } catch {
            throw Failure(.checkFailed, what: "the audit log cannot be read", why: SafeText(error.description))
        }
    }

    private func open(_ path: String) throws(AuditHeads.Malformed) -> FileDescriptor {
        if path.utf8.elementsEqual("-".utf8) { return FileDescriptor(owning: Terminal.input) }
        do throws(SystemError) { return try Files.open(path, .read) } catch { throw .system(error) }
    }
}

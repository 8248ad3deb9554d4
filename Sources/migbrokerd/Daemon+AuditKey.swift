import Audit
import Broker
import Linux
import MIG

extension Daemon {
    /// Makes the key that seals the audit log, shows it to whoever sits at the terminal, and ends.
    ///
    /// It is shown there and nowhere else: a file or a pipe would keep what only the admin is to keep.
    func makeAuditKey() throws(StartError) {
        guard CurrentProcess.user == .root else { throw .notRoot }
        guard Terminal.isTerminal(Terminal.output) else {
            throw .other("the audit key is shown on a terminal only, and standard output is none")
        }
        CurrentProcess.setFileCreationMask(0o022)
        try prepareDirectories()
        var key = try makeKey()
        defer { Secret.wipe(&key) }
        Log.say("the audit log is sealed from here on; its key, which is shown this once and kept nowhere:")
        do throws(SystemError) {
            try Terminal.write(key + Array("\n".utf8))
        } catch {
            throw .other("the key could not be shown (\(error)); remove \(options.auditKey) and make another one")
        }
        Log.say("keep that line away from this machine: 'migctl audit verify DIR --key FILE' checks the log with it")
    }

    private func makeKey() throws(StartError) -> [UInt8] {
        do throws(AuditUnavailable) {
            return try AuditLog.makeKey(
                for: options.auditDirectory, keyFile: options.auditKey,
                expecting: Broker.checkpointedHead(in: options.state), clock: try .system())
        } catch {
            if case .inUse = error { throw .other("\(error): stop migbrokerd first") }
            throw .other("\(error)")
        }
    }
}

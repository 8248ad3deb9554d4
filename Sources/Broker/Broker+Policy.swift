internal import Audit
internal import JSON
internal import Linux
package import Policy

extension Broker {
    /// Where the policy lies.
    package var policySource: PolicySource {
        PolicySource(file: configuration.policyFile, directory: configuration.policyDirectory)
    }

    /// Reads the policy files and puts them in force, all or nothing: a bad file keeps what held before.
    ///
    /// Blocks for the disk and the user database. Any thread may call it.
    package func loadPolicy(_ context: CallContext? = nil) throws(PolicyErrors) -> PolicySet {
        do throws(PolicyErrors) {
            let set = try PolicySet.load(from: policySource, bounds: configuration.bounds)
            archive(set)
            clock.trust()
            install(LoadedPolicy(set: set, problems: []))
            note(.policyLoaded, context, policy: set.hash, reason: nil)
            return set
        } catch {
            install(LoadedPolicy(set: policy.set, problems: error.diagnostics.map(\.description)))
            note(.policyRejected, context, policy: policy.set?.hash, reason: error.diagnostics.first?.description)
            throw error
        }
    }

    private func note(_ type: AuditRecordType, _ context: CallContext?, policy hash: String?, reason: String?) {
        let operation = Self.newOperation()
        let basis =
            context.map { Records.Basis(operation, $0, policy: hash, decision: nil) }
            ?? Records.Basis(operation, method: "LoadPolicy", owner: nil)
        var record = basis.record(type)
        record.policy = hash
        record.reason = reason
        note([record])
    }

    /// Keeps every policy that ever decided something under its hash, so that any decision can be looked at again.
    private func archive(_ set: PolicySet) {
        let directory = "\(configuration.stateDirectory)/policies"
        let path = "\(directory)/\(set.hash).json"
        let files = set.files.map { file -> JSONValue in
            ["path": .string(file.path), "text": .string(String(decoding: file.bytes, as: UTF8.self))]
        }
        let value: JSONValue = ["version": 1, "hash": .string(set.hash), "files": .array(files)]
        do throws(SystemError) {
            try Files.makeDirectories(directory, mode: 0o700)
            if !Files.exists(path) { try Files.replace(path, with: value.bytes(), mode: 0o600) }
        } catch {
            // Decisions do not depend on the archive; that it has a hole is put on record.
            var record = AuditRecord(.health)
            record.reason = "the policy could not be archived: \(error)"
            note([record])
        }
    }
}

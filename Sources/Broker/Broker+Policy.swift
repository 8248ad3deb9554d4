internal import Audit
internal import Linux
internal import MIG
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

    /// A policy that decided something once, with its names looked up now; nil where the archive has none of that hash, or
    /// it cannot be loaded any more. Blocks for the disk and the user database.
    package func archivedPolicy(_ hash: String) -> PolicySet? {
        if let set = policy.set, set.hash.utf8.elementsEqual(hash.utf8) { return set }
        guard Hex.isLowercase(hash, digits: 64) else { return nil }
        return try? PolicyArchive(configuration.stateDirectory).policy(hash, bounds: configuration.bounds)
    }

    /// Keeps every policy that ever decided something under its hash, so that any decision can be looked at again.
    private func archive(_ set: PolicySet) {
        do throws(SystemError) {
            try PolicyArchive(configuration.stateDirectory).keep(set)
        } catch {
            // Decisions do not depend on the archive; that it has a hole is put on record.
            var record = AuditRecord(.health)
            record.reason = "the policy could not be archived: \(error)"
            note([record])
        }
    }
}

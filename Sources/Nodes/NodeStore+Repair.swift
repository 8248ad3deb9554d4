internal import Linux
internal import MIG

extension NodeStore {
    /// A node that was not as it had to be, and is again.
    package struct Repair: Hashable, Sendable {
        package let name: NodeName
        package let path: String
        /// Mode and named entries as they were found.
        package let found: String
        package let restored: NodeAccess
    }

    /// A node that is not as it must be, and could not be set right by its owner.
    package struct Unrepaired: Hashable, Sendable {
        package let name: NodeName
        package let error: NodeError
    }

    /// What a look over all nodes came to.
    package struct RepairReport: Hashable, Sendable {
        package var repaired: [Repair] = []
        package var unrepaired: [Unrepaired] = []
    }

    /// Sets every node right that differs from what the leases say: open to the grantee, or closed.
    ///
    /// Any local user can reset a node through the driver's setuid helper unless isolation is enforced, so this is to
    /// be called often, and each repair is worth a record. Neither makes nor replaces nodes, which takes more rights;
    /// missing and foreign ones are told. Instances of other tools, named in `external`, are left alone.
    package func repair(
        _ grants: [NodeGrant], gpuMinors: [Int], external: Set<NodeName> = []
    ) throws(NodeError) -> RepairReport {
        let major = try currentMajor()
        let wanted = Self.wanted(grants)
        var report = RepairReport()
        for name in [.config] + gpuMinors.flatMap(NodeName.all(ofGPU:)) where !external.contains(name) {
            do throws(NodeError) {
                let status = try inspect(name)
                guard let status, problem(of: status, major: major) == nil else {
                    let problem = problem(of: status, major: major) ?? .missing
                    throw .problem(path: try path(of: name), problem)
                }
                let access = wanted[name] ?? .closed
                guard status.access != access else { continue }
                try set(name, access)
                report.repaired.append(
                    Repair(name: name, path: status.path, found: status.accessText, restored: access))
            } catch {
                report.unrepaired.append(Unrepaired(name: name, error: error))
            }
        }
        return report
    }

    /// What each granted node must be.
    static func wanted(_ grants: [NodeGrant]) -> [NodeName: NodeAccess] {
        var wanted: [NodeName: NodeAccess] = [:]
        for grant in grants {
            for name in grant.names { wanted[name] = .granted(grant.user) }
        }
        return wanted
    }
}

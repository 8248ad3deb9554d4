internal import Linux
package import MIG

/// The access that a lease gives: one user, one GPU instance and some of its compute instances.
package struct NodeGrant: Hashable, Sendable {
    package let user: UserID
    package let gpuMinor: Int
    package let gpuInstance: GPUInstanceID
    package let computeInstances: [ComputeInstanceID]

    package init(
        user: UserID, gpuMinor: Int, gpuInstance: GPUInstanceID, computeInstances: [ComputeInstanceID]
    ) {
        self.user = user
        self.gpuMinor = gpuMinor
        self.gpuInstance = gpuInstance
        self.computeInstances = computeInstances
    }

    package var names: [NodeName] {
        NodeName.instance(gpuMinor: gpuMinor, gpuInstance, computeInstances)
    }
}

extension NodeStore {
    /// Opens the nodes of an instance to one user alone, and reads back that it is so; all of them or none.
    ///
    /// Whatever access they gave before is gone with it. They must be right nodes; the instance must exist already,
    /// because the driver's own helper resets modes while it makes one.
    package func grant(_ grant: NodeGrant) throws(NodeError) {
        let major = try currentMajor()
        for name in grant.names {
            if let problem = problem(of: try inspect(name), major: major) {
                throw .problem(path: try path(of: name), problem)
            }
        }
        do throws(NodeError) {
            // The compute instances first: without the GPU instance's node they are of no use yet.
            for name in grant.names.reversed() { try set(name, .granted(grant.user)) }
        } catch {
            try revoke(grant)
            throw error
        }
    }

    /// Closes the nodes of an instance, and reads back that it is so; tries all of them before it throws.
    ///
    /// A missing node is closed. What is open already stays open: descriptors are not taken back by this.
    package func revoke(_ grant: NodeGrant) throws(NodeError) {
        var first: NodeError?
        for name in grant.names {
            do throws(NodeError) {
                try close(name)
            } catch {
                first = first ?? error
            }
        }
        if let first { throw first }
    }

    /// Closes one node, and reads back that it is so; a missing one is closed.
    package func close(_ name: NodeName) throws(NodeError) {
        if try inspect(name) != nil { try set(name, .closed) }
    }

    /// Replaces a node's whole list, and reads it back. `setxattr(2)`
    func set(_ name: NodeName, _ access: NodeAccess) throws(NodeError) {
        let path = try path(of: name)
        guard let before = try inspect(name) else { throw .problem(path: path, .missing) }
        guard before.attributes.kind == kind.ofFile else {
            throw .problem(path: path, .wrongKind(before.attributes.kind))
        }
        try system { () throws(SystemError) in
            // A list replaces the permission bits only; setuid and the like would stay.
            if before.attributes.mode & 0o7000 != 0 { try Files.setMode(path, 0o400) }
            try access.acl.apply(to: path)
        }
        guard let after = try inspect(name) else { throw .problem(path: path, .missing) }
        guard after.access == access else {
            throw .notAsSet(path: path, found: after.accessText, wanted: access)
        }
    }

    func currentMajor() throws(NodeError) -> UInt32 {
        do throws(CapabilityTreeError) {
            return try tree().major
        } catch {
            throw .tree(error)
        }
    }

    func system<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(NodeError) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .system(error)
        }
    }
}

internal import Linux
internal import MIG

extension NodeStore {
    /// What making the nodes came to.
    package struct Made: Hashable, Sendable {
        /// Nodes that were not there.
        package var made = 0
        /// Nodes that were something else, a device of another major after a reload of the driver perhaps.
        package var replaced: [NodeName] = []
        /// Nodes that were open to more than one named user.
        package var closed: [NodeName] = []
    }

    /// The minor numbers of GPUs that nodes are made for where these GPUs are present: all up to the highest, and one
    /// more.
    ///
    /// A change of MIG mode may unbind and reset a GPU, which then takes the lowest number that is free; and the broker
    /// can make no nodes any more when that happens.
    package static func minorsToCome(of present: [Int]) -> [Int] {
        guard let highest = present.max() else { return [] }
        return Array(0..<min(highest + 2, CapabilityMinor.gpuCount))
    }

    /// Makes every node that the GPUs of these minor numbers can need, closed; a right one that is granted stays so.
    ///
    /// The kernel makes none of them. Needs CAP_MKNOD for those that are missing, and ownership for the rest. Without
    /// `closingOpen` a right one that is open to all is left so, for whoever knows other tools' instances to judge.
    package func makeNodes(gpuMinors: [Int], closingOpen: Bool = true) throws(NodeError) -> Made {
        let tree: CapabilityTree
        do throws(CapabilityTreeError) {
            tree = try self.tree()
        } catch {
            throw .tree(error)
        }
        try system { () throws(SystemError) in try Files.makeDirectories(directory, mode: 0o755) }
        if let problem = directoryProblem() { throw .problem(path: directory, problem) }
        var result = Made()
        for name in [.config, .monitor] + gpuMinors.flatMap(NodeName.all(ofGPU:)) {
            try make(name, major: tree.major, closingOpen: closingOpen, &result)
        }
        return result
    }

    private func make(
        _ name: NodeName, major: UInt32, closingOpen: Bool, _ result: inout Made
    ) throws(NodeError) {
        let status = try inspect(name)
        if let problem = problem(of: status, major: major) {
            if problem != .missing {
                // Never reused: an old inode may carry entries that a later chmod would wake.
                let path = try path(of: name)
                try system { () throws(SystemError) in try Files.remove(path) }
                result.replaced.append(name)
            } else {
                result.made += 1
            }
            try create(name, major: major)
        } else if closingOpen, name != .monitor, status?.access == nil {
            try set(name, .closed)
            result.closed.append(name)
        }
    }

    private func create(_ name: NodeName, major: UInt32) throws(NodeError) {
        guard let minor = name.minor else { throw .noMinor(name) }
        let path = try path(of: name)
        // Monitoring is the driver's to allow to all; it is left as the driver itself would make it.
        let mode: UInt32 = name == .monitor ? 0o444 : 0o400
        try system { () throws(SystemError) in
            switch kind {
            case .characterDevice:
                try Files.makeCharacterDevice(path, DeviceNumber(major: major, minor: UInt32(minor)), mode: mode)
            case .regularFile:
                _ = try Files.open(path, [.write, .exclusive, .noFollow], mode: 0)
                try Files.setMode(path, mode)
            }
        }
    }
}

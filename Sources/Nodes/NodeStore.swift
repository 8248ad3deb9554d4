internal import Linux
internal import MIG
internal import Synchronization

/// The capability nodes below one `dev` tree: made, looked at, given to one user and taken back.
///
/// Whoever owns the nodes may grant them; to make them takes CAP_MKNOD. Every change is read back. Nothing here knows
/// of leases: callers say what the nodes should be.
package final class NodeStore: Sendable {
    /// What stands in for a capability of the driver.
    package enum Kind: Hashable, Sendable {
        case characterDevice
        /// Plain files with the same modes and lists, on simulated machines that were made so; never on the host.
        case regularFile

        var ofFile: FileAttributes.Kind {
            switch self {
            case .characterDevice: .characterDevice
            case .regularFile: .regular
            }
        }
    }

    /// Where the driver's trees are, "" on the host.
    package let driverRoot: String
    /// The directory in which the broker works on the nodes.
    package let directory: String
    package let kind: Kind
    private let knownTree = Mutex<CapabilityTree?>(nil)

    /// Looks at what is there; neither makes nor changes anything, and is content without a driver.
    ///
    /// The root is that of `migbrokerd --driver`, nil for the host's own driver.
    package init(driver root: String?) {
        driverRoot = root ?? ""
        directory = "\(root ?? "")/dev/nvidia-caps"
        // On the host a plain file in place of a device would be somebody's trick, so only a foreign root may have them.
        let config = root == nil ? nil : try? Files.attributes("\(directory)/nvidia-cap\(CapabilityMinor.config)")
        kind = config?.kind == .regular ? .regularFile : .characterDevice
    }

    /// The driver's tables, checked once and again whenever its major number has changed.
    package func tree() throws(CapabilityTreeError) -> CapabilityTree {
        let major = try CapabilityTree.readMajor(driver: driverRoot)
        if let known = knownTree.withLock({ $0 }), known.major == major { return known }
        let tree = try CapabilityTree.read(driver: driverRoot)
        knownTree.withLock { $0 = tree }
        return tree
    }

    /// The path of a node, or an error past the driver's table.
    package func path(of name: NodeName) throws(NodeError) -> String {
        guard let minor = name.minor else { throw .noMinor(name) }
        return "\(directory)/nvidia-cap\(minor)"
    }

    /// A node as it is now, or nil where there is none. `lstat(2)`, `lgetxattr(2)`
    package func inspect(_ name: NodeName) throws(NodeError) -> NodeStatus? {
        let path = try path(of: name)
        do throws(SystemError) {
            let attributes = try Files.attributes(path)
            // Without group bits there is no list, or one that the kernel does not look at but a chmod would wake.
            let acl = attributes.kind == .symlink ? nil : try AccessACL.read(path)
            return NodeStatus(name: name, path: path, attributes: attributes, acl: acl)
        } catch  where error.code == .notFound {
            return nil
        } catch {
            throw .problem(path: path, .unreadable(error))
        }
    }

    /// Whether a caller could open a node himself; a missing one nobody can.
    package func permits(_ caller: Caller, toRead name: NodeName) throws(NodeError) -> Bool {
        try inspect(name)?.permitsReading(by: caller) ?? false
    }

    /// What is wrong with the nodes' directory; whoever can write there can put other nodes in their place.
    func directoryProblem() -> NodeProblem? {
        do throws(SystemError) {
            let attributes = try Files.attributes(directory)
            guard attributes.kind == .directory else { return .wrongKind(attributes.kind) }
            guard attributes.owner == .root else { return .notRoots(attributes.owner, attributes.group) }
            return attributes.mode & 0o022 == 0 ? nil : .writableByOthers(mode: attributes.mode)
        } catch  where error.code == .notFound {
            return .missing
        } catch {
            return .unreadable(error)
        }
    }

    /// What is wrong with a node as a thing, whoever may open it; nil where nothing is.
    func problem(of status: NodeStatus?, major: UInt32) -> NodeProblem? {
        guard let status, let minor = status.name.minor else { return .missing }
        let attributes = status.attributes
        guard attributes.kind == kind.ofFile else { return .wrongKind(attributes.kind) }
        let wanted = DeviceNumber(major: major, minor: UInt32(minor))
        guard kind == .regularFile || attributes.device == wanted else {
            return .wrongDevice(found: attributes.device, wanted: wanted)
        }
        guard attributes.owner == .root, attributes.group == GroupID(0) else {
            return .notRoots(attributes.owner, attributes.group)
        }
        return attributes.links == 1 ? nil : .severalLinks(attributes.links)
    }
}

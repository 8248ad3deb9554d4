internal import Linux
internal import MIG

extension NodeStore {
    /// Holds the nodes concerned against what they must be, right before a change.
    ///
    /// The grants are those of all leases. To be called after `repair`, so that nobody who resets a node keeps others
    /// from their requests.
    package func gate(
        for request: GateRequest, grants: [NodeGrant], external: Set<NodeName> = []
    ) throws(GateClosed) -> Gate {
        let major = try checkedMajor()
        if let problem = directoryProblem() { throw closed(directory, problem) }
        let wanted = Self.wanted(grants)
        switch request {
        case .create(let gpuMinors):
            for name in gpuMinors.flatMap(NodeName.all(ofGPU:)) where !external.contains(name) {
                try check(name, wanted[name] ?? .closed, major: major)
            }
        case .instances(let instances):
            for instance in instances {
                let names = NodeName.instance(
                    gpuMinor: instance.gpuMinor, instance.gpuInstance, instance.computeInstances)
                for name in names where !external.contains(name) {
                    try check(name, wanted[name] ?? .closed, major: major)
                }
                if let caller = instance.caller { try checkAccess(of: caller, to: names[0]) }
            }
        case .mode(let addresses): for address in addresses { try checkReset(of: address) }
        }
        return Gate(warnings: try configWarnings(major: major))
    }

    /// A gate for the broker's own ends and repairs, which must go on even where nodes are missing or wrong.
    package func repairGate() -> Gate { Gate() }

    func checkedMajor() throws(GateClosed) -> UInt32 {
        do throws(CapabilityTreeError) {
            return try tree().major
        } catch {
            throw GateClosed(node: error.file, problem: .tree(error), fix: error.fix)
        }
    }

    private func check(_ name: NodeName, _ wanted: NodeAccess, major: UInt32) throws(GateClosed) {
        let status = try inspected(name)
        if let problem = problem(of: status, major: major) { throw closed(name, problem) }
        if let status, status.access != wanted {
            throw closed(name, .access(found: status.accessText, wanted: wanted))
        }
    }

    private func checkAccess(of caller: Caller, to name: NodeName) throws(GateClosed) {
        guard let status = try inspected(name), status.permitsReading(by: caller) else {
            throw closed(name, .callerHasNoAccess)
        }
    }

    /// The kernel shows a way to reset a device where it has one. Without, as in many pass-through machines, a change of
    /// mode stays pending for good, and some boards are of no use until the machine is restarted.
    private func checkReset(of address: PCIAddress) throws(GateClosed) {
        let file = "\(driverRoot)/sys/bus/pci/devices/\(address.sysfsName)/reset"
        guard Files.exists(file) else { throw closed(file, .cannotReset) }
    }

    /// The config node must not be open to others. Missing is bearable: CAP_SYS_ADMIN stands in for it.
    private func configWarnings(major: UInt32) throws(GateClosed) -> [GateClosed] {
        let status = try inspected(.config)
        switch problem(of: status, major: major) {
        case nil:
            if let status, status.access != .closed {
                throw closed(.config, .access(found: status.accessText, wanted: .closed))
            }
            return []
        case .missing?: return [closed(.config, .missing)]
        case let problem?: throw closed(.config, problem)
        }
    }

    func inspected(_ name: NodeName) throws(GateClosed) -> NodeStatus? {
        do throws(NodeError) {
            return try inspect(name)
        } catch .problem(_, let problem) {
            throw closed(name, problem)
        } catch .noMinor {
            throw closed(name, .missing)
        } catch {
            preconditionFailure("inspecting a node finds problems or no minor, nothing else: \(error)")
        }
    }

    func closed(_ name: NodeName, _ problem: NodeProblem) -> GateClosed {
        closed(name.minor.map { "\(directory)/nvidia-cap\($0)" } ?? directory, problem)
    }

    func closed(_ node: String, _ problem: NodeProblem) -> GateClosed {
        GateClosed(node: node, problem: problem, fix: fix(node, problem))
    }

    private func fix(_ node: String, _ problem: NodeProblem) -> String {
        let make = driverRoot.isEmpty ? "migbrokerd --make-nodes" : "migbrokerd --driver \(driverRoot) --make-nodes"
        return switch problem {
        case .missing: make
        case .wrongKind, .wrongDevice, .severalLinks: "rm -d \(node) && \(make)"
        case .notRoots: "chown root:root \(node)"
        case .writableByOthers: "chmod go-w \(node)"
        case .access: "setfacl -b \(node) && chmod 0400 \(node)"
        case .unreadable: "ls -ld \(directory) \(node)"
        case .tree(let error): error.fix
        case .cannotReset: "reboot the machine after 'nvidia-smi -mig' as root, where its board allows that"
        case .callerHasNoAccess: "migctl release, by the user whose lease it is"
        }
    }
}

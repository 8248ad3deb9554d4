import Glibc
package import Linux
package import MIG

/// The device nodes of a machine, made and mended as nvidia-modprobe and the driver's library do it.
package struct NodeFiles: Sendable {
    package let layout: MachineLayout
    package let style: MachineState.NodeStyle
    package let module: ModuleParameters
    package let majors: MachineState.Majors
    /// Root on a machine that root made. A machine that somebody else made, with files for nodes, has him for root.
    package let owner: UserID
    package let group: GroupID

    /// What the driver's file of a capability says of its node.
    package struct Rule: Sendable, Hashable {
        package let minor: Int
        package let mode: UInt32
        /// Whether programs may make and change the node.
        package let mayModify: Bool

        package init(minor: Int, mode: UInt32, mayModify: Bool) {
            self.minor = minor
            self.mode = mode
            self.mayModify = mayModify
        }
    }

    /// What was found or made in a node's place.
    package enum Outcome: Sendable, Hashable {
        case untouched
        case made
        case mended
        /// The rules forbid to touch it; whether it is there as it should be.
        case forbidden(isPresent: Bool)
    }

    /// Brings a capability node to its rule: `facts/nvidia-caps.md` 2.2, steps 3 to 6.
    ///
    /// It looks at no access list and removes nothing that an instance left behind.
    package func ensure(_ rule: Rule) throws(SystemError) -> Outcome {
        let path = layout.node(rule.minor)
        let device = DeviceNumber(major: majors.capabilities, minor: UInt32(rule.minor))
        if rule.mayModify { try makeDirectory() }
        let outcome = try bring(path, to: device, mode: rule.mode, mayModify: rule.mayModify)
        if outcome != .forbidden(isPresent: false) { try link(device, to: path) }
        return outcome
    }

    /// Brings the node of a GPU to what the module's parameters say; one that a GPU had before is removed by nobody.
    package func ensure(gpuMinor: Int) throws(SystemError) -> Outcome {
        try bring(
            layout.gpuNode(gpuMinor), to: DeviceNumber(major: majors.nvidia, minor: UInt32(gpuMinor)), mode: 0o666,
            mayModify: module.modifiesDeviceFiles)
    }

    private func bring(
        _ path: String, to device: DeviceNumber, mode: UInt32, mayModify: Bool
    ) throws(SystemError) -> Outcome {
        let existing = try attributes(path)
        let isNode = existing.map { self.isNode($0, of: device) } ?? false
        guard mayModify else { return .forbidden(isPresent: isNode) }
        if let existing, isNode {
            if existing.mode & 0o777 == mode, existing.owner == owner, existing.group == group { return .untouched }
        } else {
            if existing != nil { try Files.remove(path) }
            try make(path, device, mode: mode)
        }
        try Files.setMode(path, mode)
        try Files.setOwner(path, owner, group)
        return existing == nil ? .made : .mended
    }

    /// Makes a node that is not there, mode exact and owner the caller.
    package func make(_ path: String, _ device: DeviceNumber, mode: UInt32) throws(SystemError) {
        switch style {
        case .device: try Files.makeCharacterDevice(path, device, mode: mode)
        case .file:
            try Files.write(path, [], mode: mode)
            try Files.setMode(path, mode)
        }
    }

    /// The file that a process opens to prove that it has a capability; nil past the driver's table.
    ///
    /// That is its node, or in the driver's old mode its file in `/proc` itself.
    package func door(to capability: Capability) -> String? {
        guard let minor = capability.minor else { return nil }
        return module.hasCapabilityNodes ? layout.node(minor) : capability.path(in: layout)
    }

    /// Whether the calling process has a capability; the kernel's own word on it.
    package func canOpen(_ capability: Capability) -> Bool {
        door(to: capability).map { refusal(of: $0) == nil } ?? false
    }

    /// Why the calling process may not open a node, where it may not.
    func refusal(of path: String) -> Errno? {
        do {
            _ = try Files.open(path, [.read, .nonBlocking])
            return nil
        } catch {
            // No driver has the major, so this is what an allowed open of a device ends in.
            return error.code == .noDevice || error.code.rawValue == ENODEV ? nil : error.code
        }
    }

    private func makeDirectory() throws(SystemError) {
        guard try attributes(layout.nodes) == nil else { return }
        try Files.makeDirectory(layout.nodes)
        try Files.setMode(layout.nodes, 0o755)
    }

    private func isNode(_ attributes: FileAttributes, of device: DeviceNumber) -> Bool {
        switch style {
        case .device: attributes.kind == .characterDevice && attributes.device == device
        case .file: attributes.kind == .regular
        }
    }

    private func attributes(_ path: String) throws(SystemError) -> FileAttributes? {
        do {
            return try Files.attributes(path)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    private func link(_ device: DeviceNumber, to path: String) throws(SystemError) {
        let directory = "\(layout.dev)/char"
        try Files.makeDirectories(directory)
        do {
            try Files.symlink(to: "../nvidia-caps/\(Files.name(of: path))", at: "\(directory)/\(device)")
        } catch  where error.code == .exists {
            return
        }
    }
}

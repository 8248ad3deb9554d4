import Glibc
import JSON
import Linux
import MIG

/// The files that the kernel module shows from its load on, whatever instances there are.
struct DriverFiles: Sendable {
    let layout: MachineLayout
    let state: MachineState

    /// Makes all of them, the GPUs' tree of capabilities left out.
    func make() throws(SystemError) {
        for (path, text) in contents() {
            try Files.makeDirectories(Files.parent(of: path))
            try Files.write(path, Array(text.utf8))
            try Files.setMode(path, 0o444)
        }
        for gpu in state.gpus { try GPUFiles(layout: layout).make(gpu, canReset: state.canResetGPUs) }
        try makeCapabilities()
    }

    /// Makes the files of the capabilities that come with the driver's load, as they are then.
    func makeCapabilities() throws(SystemError) {
        let tree = CapabilityTree(layout: layout, state: state)
        for capability in state.lastingCapabilities { try tree.renew(capability) }
    }

    /// The device nodes that a system makes at boot: not those of instances.
    ///
    /// Inferred: where the module forbids them, whoever set it so has his own boot make the nodes of GPUs, or no program
    /// would run; those of capabilities are left to whom they are to be open.
    func makeBootNodes() throws(SystemError) {
        let nodes = NodeFiles(
            layout: layout, style: state.nodes, module: state.module, majors: state.majors,
            owner: CurrentProcess.user, group: CurrentProcess.group)
        let majors = state.majors
        var files: [(String, DeviceNumber, UInt32)] = [
            ("nvidiactl", DeviceNumber(major: majors.nvidia, minor: 255), 0o666),
            ("nvidia-modeset", DeviceNumber(major: majors.nvidia, minor: 254), 0o666),
            ("nvidia-uvm", DeviceNumber(major: majors.uvm, minor: 0), 0o666),
            ("nvidia-uvm-tools", DeviceNumber(major: majors.uvm, minor: 1), 0o666),
        ]
        for gpu in state.gpus {
            files.append(("nvidia\(gpu.minor)", DeviceNumber(major: majors.nvidia, minor: UInt32(gpu.minor)), 0o666))
        }
        if state.module.hasCapabilityNodes, state.module.modifiesDeviceFiles {
            try Files.makeDirectories(layout.nodes)
            for capability in [Capability.config, .monitor] {
                guard let minor = capability.minor else { continue }
                let device = DeviceNumber(major: majors.capabilities, minor: UInt32(minor))
                files.append(("nvidia-caps/nvidia-cap\(minor)", device, capability.mode))
            }
        }
        for (name, device, mode) in files {
            try nodes.make("\(layout.dev)/\(name)", device, mode: mode)
        }
    }

    private func contents() -> [(String, String)] {
        var files: [(String, String)] = [
            (layout.devices, devices()),
            ("\(layout.driver)/version", version),
            (layout.parameters, state.module.text),
            ("\(layout.module)/version", "\(state.driver)\n"),
            ("\(layout.module)/initstate", "live\n"),
            ("\(layout.module)/refcnt", "0\n"),
        ]
        if state.driver.mayKeepCapabilitiesInProc {
            let value = state.module.hasCapabilityNodes ? 1 : 0
            files.append(("\(layout.module)/parameters/nv_cap_enable_devfs", "\(value)\n"))
        }
        guard state.module.hasCapabilityNodes else { return files }
        files += [
            ("\(layout.minors)/mig-minors", Self.migMinors),
            ("\(layout.minors)/nvlink-minors", "fabric-mgmt 0\n"),
        ]
        if state.driver >= "525.53" {
            let hasIMEX = state.lastingCapabilities.contains(.fabricIMEX)
            files.append(("\(layout.minors)/sys-minors", hasIMEX ? "fabric-imex-mgmt 4323\n" : ""))
        }
        return files
    }

    private var version: String {
        """
        NVRM version: NVIDIA UNIX x86_64 Kernel Module  \(state.driver)  Simulated
        GCC version:  none, this machine is simulated

        """
    }

    /// All 4,322 lines: the table is the driver's and knows nothing of the GPUs present.
    private static var migMinors: String {
        var text = "config 1\nmonitor 2\n"
        for gpu in 0..<CapabilityMinor.gpuCount {
            for gi in 0..<UInt32(CapabilityMinor.gpuInstancesPerGPU) {
                let base = 3 + 135 * gpu + 9 * Int(gi)
                text += "gpu\(gpu)/gi\(gi)/access \(base)\n"
                for ci in 0..<CapabilityMinor.computeInstancesPerGPUInstance {
                    text += "gpu\(gpu)/gi\(gi)/ci\(ci)/access \(base + 1 + ci)\n"
                }
            }
        }
        return text
    }

    /// The host's own drivers, and the simulated ones among them in order of their numbers.
    private func devices() -> String {
        let host = HostDevices.read()
        let majors = state.majors
        var own: [(UInt32, String)] = [
            (majors.nvidia, "nvidia"), (majors.nvidia, "nvidia-modeset"), (majors.nvidia, "nvidiactl"),
            (majors.uvm, "nvidia-uvm"),
        ]
        if state.module.hasCapabilityNodes { own.append((majors.capabilities, "nvidia-caps")) }
        let lines = (host.characters + own).sorted { $0.0 < $1.0 }.map { "\(pad($0.0)) \($0.1)\n" }
        return "Character devices:\n" + lines.joined() + "\nBlock devices:\n" + host.blocks
    }

    private func pad(_ major: UInt32) -> String {
        let text = String(major)
        return String(repeating: " ", count: max(0, 3 - text.utf8.count)) + text
    }
}

/// The device numbers that the host's own drivers have.
enum HostDevices {
    /// Character devices by number, and the text of the block devices.
    static func read() -> (characters: [(UInt32, String)], blocks: String) {
        // Without /proc there is nobody to share numbers with.
        let text = (try? Files.read("/proc/devices", limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let parts = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let blocks = parts.firstIndex { $0.hasBytes(of: "Block devices:") } ?? parts.count
        let characters = parts[..<blocks].compactMap { line -> (UInt32, String)? in
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let major = UInt32(words[0]) else { return nil }
            return (major, String(words[1]))
        }
        return (characters, parts.dropFirst(blocks + 1).joined(separator: "\n"))
    }

    /// Numbers for the simulated driver that no driver of the host answers to.
    static func freeMajors() -> MachineState.Majors {
        let taken = Set(read().characters.map(\.0))
        // The driver's own number where it is free, else one from the range that the kernel gives out last.
        let dynamic = stride(from: UInt32(511), through: 384, by: -1).filter { !taken.contains($0) }
        let nvidia: UInt32 = taken.contains(195) ? dynamic[2] : 195
        return MachineState.Majors(nvidia: nvidia, capabilities: dynamic[0], uvm: dynamic[1])
    }
}

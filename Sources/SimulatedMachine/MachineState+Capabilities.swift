/// The capabilities that a machine has, and what their files say.
extension MachineState {
    /// Those that are there from the driver's load on.
    package var lastingCapabilities: [Capability] {
        // The tables of `facts/nvidia-caps.md` 1.1 and 1.3.
        [.fabric, .config, .monitor] + (driver >= "550.40.07" ? [.fabricIMEX] : [])
    }

    /// All that there are now.
    package var capabilities: [Capability] {
        lastingCapabilities
            + gpus.flatMap { gpu in
                gpu.instances.flatMap { instance in
                    [.gpuInstance(gpuMinor: gpu.minor, instance.id)]
                        + instance.computeInstances.map {
                            .computeInstance(gpuMinor: gpu.minor, instance.id, $0.id)
                        }
                }
            }
    }

    /// Whether programs may make and change the node of a capability, in the driver's number: 1 where they may.
    package func modify(of capability: Capability) -> Int32 {
        written[capability] ?? (module.modifiesDeviceFiles ? 1 : 0)
    }

    /// What the driver shows in the file of a capability. In the old mode the file's own mode says it all.
    func text(of capability: Capability) -> String {
        module.hasCapabilityNodes ? capability.text(modify: modify(of: capability)) : ""
    }

    /// The mode of the file of a capability.
    func fileMode(of capability: Capability) -> UInt32 { module.hasCapabilityNodes ? 0o444 : capability.mode }

    /// Forgets what was written for capabilities that are gone: made again, they begin anew.
    mutating func forgetWritten() {
        guard !written.isEmpty else { return }
        let kept = Set(capabilities)
        written = written.filter { kept.contains($0.key) }
    }
}

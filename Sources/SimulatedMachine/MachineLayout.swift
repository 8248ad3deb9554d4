package import MIG

/// Where everything of a simulated machine lies below its directory.
package struct MachineLayout: Hashable, Sendable {
    package let directory: String

    package init(directory: String) { self.directory = directory }

    package var library: String { "\(directory)/lib/libnvidia-ml.so.1" }
    package var proc: String { "\(directory)/proc" }
    package var driver: String { "\(proc)/driver/nvidia" }
    package var capabilities: String { "\(driver)/capabilities" }
    package var parameters: String { "\(driver)/params" }
    /// The driver's tables of capability minors.
    package var minors: String { "\(proc)/driver/nvidia-caps" }
    package var devices: String { "\(proc)/devices" }
    package var sys: String { "\(directory)/sys" }
    /// What the kernel shows of the module.
    package var module: String { "\(sys)/module/nvidia" }
    package var dev: String { "\(directory)/dev" }
    package var nodes: String { "\(dev)/nvidia-caps" }
    /// The device node of the driver itself.
    package var control: String { "\(dev)/nvidiactl" }
    package var state: String { "\(directory)/state" }
    /// Of the two files that hold it in turn, each with one more digit.
    package var machine: String { "\(state)/machine.json" }
    package var header: String { "\(state)/header" }
    package var lock: String { "\(state)/lock" }
    package var sessions: String { "\(state)/sessions" }
    package var holders: String { "\(state)/holders" }
    /// Of the two files that hold them in turn, each with one more digit.
    package var faults: String { "\(state)/faults.json" }
    /// Of the two files that hold them in turn, each with one more digit.
    package var xids: String { "\(state)/xids.json" }

    /// The capability directory of a GPU's instances.
    package func instances(gpuMinor: Int) -> String { "\(capabilities)/gpu\(gpuMinor)/mig" }

    /// The capability directory of a GPU instance.
    package func capability(gpuMinor: Int, _ gi: GPUInstanceID) -> String {
        "\(instances(gpuMinor: gpuMinor))/gi\(gi)"
    }

    /// The capability directory of a compute instance.
    package func capability(gpuMinor: Int, _ gi: GPUInstanceID, _ ci: ComputeInstanceID) -> String {
        "\(capability(gpuMinor: gpuMinor, gi))/ci\(ci)"
    }

    /// What the kernel module tells of a GPU.
    package func information(_ pci: PCIAddress) -> String { "\(driver)/gpus/\(Self.busName(pci))/information" }

    /// What the kernel shows of a GPU as a device on the bus.
    package func pciDevice(_ pci: PCIAddress) -> String { "\(sys)/bus/pci/devices/\(Self.busName(pci))" }

    /// An address as the kernel writes it: four digits of domain, lower case.
    package static func busName(_ pci: PCIAddress) -> String { String(pci.description.dropFirst(4)).lowercased() }

    /// The device node of a GPU.
    package func gpuNode(_ gpuMinor: Int) -> String { "\(dev)/nvidia\(gpuMinor)" }

    /// The device node of a capability minor.
    package func node(_ minor: Int) -> String { "\(nodes)/nvidia-cap\(minor)" }
}

import Linux
import MIG

/// The files of one GPU that the kernel module shows whatever its mode.
struct GPUFiles: Sendable {
    let layout: MachineLayout

    /// Makes what never changes: the way to reset a GPU, where there is one.
    func make(_ gpu: SimulatedGPU, canReset: Bool) throws(SystemError) {
        let device = layout.pciDevice(gpu.pci)
        try Files.makeDirectories(device)
        if canReset {
            try Files.write("\(device)/reset", [])
            try Files.setMode("\(device)/reset", 0o200)
        }
        try Files.makeDirectories(Files.parent(of: layout.information(gpu.pci)))
        try update(to: gpu)
    }

    /// Brings the file that tells the GPU's minor in line with it; a file that is right is left alone.
    func update(to gpu: SimulatedGPU) throws(SystemError) {
        let path = layout.information(gpu.pci)
        let bytes = Array(information(of: gpu).utf8)
        if Files.exists(path), try Files.read(path, limit: 4096) == bytes { return }
        try Files.replace(path, with: bytes, mode: 0o444)
    }

    private func information(of gpu: SimulatedGPU) -> String {
        """
        Model: \t\t \(gpu.model.name)
        IRQ:   \t\t 0
        GPU UUID: \t \(gpu.uuid)
        Video BIOS: \t ??.??.??.??.??
        Bus Type: \t PCIe
        DMA Size: \t 52 bits
        DMA Mask: \t 0xfffffffffffff
        Bus Location: \t \(MachineLayout.busName(gpu.pci))
        Device Minor: \t \(gpu.minor)
        GPU Firmware: \t N/A
        GPU Excluded:\t No

        """
    }
}

/// What sets some models apart.
extension GPUModel {
    /// Whether it can be cut at all.
    package var supportsMIG: Bool { computeSlices > 0 }

    /// Whether its memory is one with the host's by NVLink, so that the kernel takes it away with the GPU:
    /// GH200 in both sizes, GB200 and GB300.
    ///
    /// Inferred from `facts/nvml.md` 1.2: turning persistence mode off may make the GPU's handle void there; here it does.
    package var isCoherent: Bool {
        [0x2342_10DE, 0x2348_10DE, 0x2941_10DE, 0x31C2_10DE].contains(pciDeviceID)
    }
}

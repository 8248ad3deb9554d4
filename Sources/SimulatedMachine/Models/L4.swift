extension GPUModel {
    /// L4, a board of data centres that has no MIG.
    ///
    /// Its memory is what `nvidia-smi` shows of it with ECC on, as it is delivered.
    static let l4 = GPUModel(
        name: "NVIDIA L4",
        shortNames: ["L4"],
        pciDeviceID: 0x27B8_10DE,
        architecture: .ada,
        computeCapability: ComputeCapability(major: 8, minor: 9),
        memoryMiB: 23034,
        multiprocessors: 58,
        computeSlices: 0,
        memorySlices: 0,
        modeChangeNeedsReset: true,
        modeSurvivesReboot: true,
        minimumDriver: "525.60.13",
        profiles: [])
}

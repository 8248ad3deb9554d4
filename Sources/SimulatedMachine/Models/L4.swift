extension GPUModel {
    /// L4, a board of data centres that has no MIG.
    ///
    /// Its memory is what `nvidia-smi` shows of it with ECC on, as it is delivered. Its first driver is inferred.
    static let l4 = GPUModel(
        "NVIDIA L4", shortNames: ["L4"], pciDeviceID: 0x27B8_10DE, architecture: .ada, computeCapability: (8, 9),
        memoryMiB: 23034, multiprocessors: 58, minimumDriver: "525.60.13",
        table: ProfileTable(
            shapes: [], gigabytes: [], memoryMiB: [], multiprocessors: [],
            engines: ProfileTable.EngineTable(copy: [], decoder: [], jpeg: [], ofa: [])))
}

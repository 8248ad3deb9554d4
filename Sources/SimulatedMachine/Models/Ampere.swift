extension GPUModel {
    /// A100 with 40 GB.
    package static let a100SXM40 = GPUModel(
        "NVIDIA A100-SXM4-40GB", shortNames: ["A100", "A100-40GB", "A100-SXM4-40GB", "A100-PCIE-40GB"],
        pciDeviceID: 0x20B0_10DE, architecture: .ampere, computeCapability: (8, 0), memoryMiB: 40960,
        multiprocessors: 108, minimumDriver: "450.80.02",
        table: ProfileTable(
            shapes: ProfileShape.sevenSlices, gigabytes: [5, 10, 20, 40], memoryMiB: [4864, 9984, 20096, 40448],
            // Both tables are public, the driver of neither is. The earlier one has been printed with 1g.10gb in it,
            // which exists from R525 on, and the later one is said to be that of R525: so the change lies within that
            // branch. Its second release is inferred.
            formerMemoryMiB: (before: "525.85.12", bySize: [4864, 9856, 19968, 40192]),
            multiprocessors: a100Multiprocessors, engines: a100Engines))

    /// A100 with 80 GB.
    package static let a100SXM80 = GPUModel(
        "NVIDIA A100-SXM4-80GB", shortNames: ["A100-80GB", "A100-SXM4-80GB", "A100-PCIE-80GB"],
        pciDeviceID: 0x20B2_10DE, architecture: .ampere, computeCapability: (8, 0), memoryMiB: 81920,
        multiprocessors: 108, minimumDriver: "450.80.02",
        table: ProfileTable(
            shapes: ProfileShape.sevenSlices, gigabytes: [10, 20, 40, 80], memoryMiB: [9728, 19968, 40192, 80896],
            multiprocessors: a100Multiprocessors, engines: a100Engines))

    /// A30.
    ///
    /// The guide gives 1g.6gb no decoder, one driver log gives it one; the guide's word is kept.
    package static let a30 = GPUModel(
        "NVIDIA A30", shortNames: ["A30"], pciDeviceID: 0x20B7_10DE, architecture: .ampere,
        computeCapability: (8, 0), memoryMiB: 24576, multiprocessors: 56,
        minimumDriver: "460.73.01",
        table: ProfileTable(
            shapes: ProfileShape.a30, gigabytes: [6, 12, 24], memoryMiB: [5952, 11968, 24000],
            multiprocessors: [14, 14, 28, 28, 56],
            engines: ProfileTable.EngineTable(
                copy: [1, 1, 2, 2, 4], decoder: [0, 1, 2, 2, 4], jpeg: [0, 1, 0, 1, 1], ofa: [0, 1, 0, 1, 1])))

    private static let a100Multiprocessors: [Figure] = [14, 14, 14, 28, 42, 56, 98]

    private static let a100Engines = ProfileTable.EngineTable(
        copy: [1, 1, 1, 2, 3, 4, 7], decoder: [0, 1, 1, 1, 2, 2, 5], jpeg: [0, 1, 0, 0, 0, 0, 1],
        ofa: [0, 1, 0, 0, 0, 0, 1])
}

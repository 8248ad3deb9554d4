extension GPUModel {
    /// H100 SXM5 with 80 GB.
    package static let h100SXM80 = hopper(
        "NVIDIA H100 80GB HBM3", shortNames: ["H100", "H100-80GB", "H100-SXM5-80GB"], pciDeviceID: 0x2330_10DE,
        gigabytes: [10, 20, 40, 80], memoryMiB: 81559, [9984, 20096, 40448, 81152])

    /// H100 PCIe; the total of its memory is taken from the SXM board.
    package static let h100PCIe = hopper(
        "NVIDIA H100 PCIe", shortNames: ["H100-PCIE", "H100-PCIE-80GB"], pciDeviceID: 0x2331_10DE,
        gigabytes: [10, 20, 40, 80], memoryMiB: 81559, [9984, 20096, 40448, 81152],
        multiprocessors: 114, [14, 14, 14, 30, 46, 62, 114])

    /// H100 NVL.
    package static let h100NVL = hopper(
        "NVIDIA H100 NVL", shortNames: ["H100-NVL"], pciDeviceID: 0x2321_10DE,
        gigabytes: [12, 24, 47, 94], memoryMiB: 95830, [11008, 22144, 47488, 95360])

    /// GH200 with 96 GB. Its first driver is not public: the H100's is inferred.
    package static let gh200 = hopper(
        "NVIDIA GH200 480GB", shortNames: ["GH200", "GH200-480GB", "GH200-96GB"], pciDeviceID: 0x2342_10DE,
        gigabytes: [12, 24, 48, 96], memoryMiB: 97871, [11264, 23552, 47616, 95232])

    /// H200.
    package static let h200 = hopper(
        "NVIDIA H200", shortNames: ["H200", "H200-141GB"], pciDeviceID: 0x2335_10DE, minimumDriver: "550.90.07",
        gigabytes: [18, 35, 71, 141], memoryMiB: 143771, [16384, 33024, 71168, 143104])

    /// H200 NVL; its names and totals are public, the rest is inferred from the H200, which is the same chip.
    package static let h200NVL = hopper(
        "NVIDIA H200 NVL", shortNames: ["H200-NVL"], pciDeviceID: 0x233B_10DE, minimumDriver: "550.90.07",
        gigabytes: [18, 35, 71, 141], memoryMiB: 143771, [16384, 33024, 71168, 143104])

    private static func hopper(
        _ name: String, shortNames: [String], pciDeviceID: UInt32, minimumDriver: DriverVersion = "525.85.12",
        gigabytes: [Int], memoryMiB: Int, _ memoryBySize: [Figure], multiprocessors: Int = 132,
        _ multiprocessorsByProfile: [Figure] = [16, 16, 26, 32, 60, 64, 132]
    ) -> GPUModel {
        GPUModel(
            name, shortNames: shortNames, pciDeviceID: pciDeviceID, architecture: .hopper, computeCapability: (9, 0),
            memoryMiB: memoryMiB, multiprocessors: multiprocessors,
            minimumDriver: minimumDriver,
            table: ProfileTable(
                shapes: ProfileShape.sevenSlices, gigabytes: gigabytes, memoryMiB: memoryBySize,
                multiprocessors: multiprocessorsByProfile,
                engines: ProfileTable.EngineTable(
                    copy: [1, 1, 1, 2, 3, 4, 8], decoder: [1, 1, 1, 2, 3, 4, 7], jpeg: [1, 1, 1, 2, 3, 4, 7],
                    ofa: [0, 1, 0, 0, 0, 0, 1])))
    }
}

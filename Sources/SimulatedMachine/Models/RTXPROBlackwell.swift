extension GPUModel {
    /// RTX PRO 6000 Blackwell for workstations.
    package static let rtxPro6000Workstation = rtxPro6000(
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
        shortNames: ["RTX-PRO-6000", "RTX-PRO-6000-WS", "RTX-PRO-6000-Max-Q"], pciDeviceID: 0x2BB1_10DE,
        memoryMiB: [24192, 48512, 97280])

    /// RTX PRO 6000 Blackwell for servers.
    package static let rtxPro6000Server = rtxPro6000(
        "NVIDIA RTX PRO 6000 Blackwell Server Edition", shortNames: ["RTX-PRO-6000-SE"], pciDeviceID: 0x2BB5_10DE,
        memoryMiB: [23680, 47616, 95616])

    private static func rtxPro6000(
        _ name: String, shortNames: [String], pciDeviceID: UInt32, memoryMiB: [Figure]
    ) -> GPUModel {
        let media: [Figure] = [1, 1, 1, 4, 0, 2, 2, 4, 0, 4, 4]
        return GPUModel(
            name, shortNames: shortNames, pciDeviceID: pciDeviceID, architecture: .blackwell,
            computeCapability: (12, 0), memoryMiB: 97887, multiprocessors: 188,
            minimumDriver: "575.51.03",
            table: ProfileTable(
                shapes: ProfileShape.rtxPro6000, gigabytes: [24, 48, 96], memoryMiB: memoryMiB,
                multiprocessors: [46, 46, 46, 46, 46, 94, 94, 94, 94, 188, 188],
                engines: ProfileTable.EngineTable(
                    copy: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4], decoder: media, encoder: media, jpeg: media,
                    ofa: [0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1])))
    }

    /// RTX PRO 5000 Blackwell, as the guide's later editions have it; no profile of it can be offered.
    package static let rtxPro5000 = GPUModel(
        "NVIDIA RTX PRO 5000 Blackwell", shortNames: ["RTX-PRO-5000"], pciDeviceID: 0x2BB3_10DE,
        architecture: .blackwell, computeCapability: (12, 0), memoryMiB: 48935, multiprocessors: nil,
        minimumDriver: "575.57.08",
        table: ProfileTable(
            shapes: ProfileShape.rtxPro5000, gigabytes: [24, 48], memoryMiB: [.unknown, .unknown],
            multiprocessors: Array(repeating: .unknown, count: ProfileShape.rtxPro5000.count),
            engines: ProfileTable.EngineTable(
                copy: [1, 1, 1, 1, 1, 4, 4], decoder: [1, 1, 1, 3, 0, 3, 3], encoder: [1, 1, 1, 3, 0, 3, 3],
                jpeg: [0, 1, 0, 1, 0, 1, 1], ofa: [0, 1, 0, 1, 0, 1, 1])))
}

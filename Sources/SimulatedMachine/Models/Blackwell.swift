extension GPUModel {
    /// B200.
    ///
    /// Its small profiles are public, the larger ones estimated. Within R570 1g.23gb went from 22.00 to 20.50 GiB; the
    /// version is not public, so the later number stands for all.
    package static let b200 = GPUModel(
        "NVIDIA B200", shortNames: ["B200"], pciDeviceID: 0x2901_10DE, architecture: .blackwell,
        computeCapability: (10, 0), memoryMiB: 183359, multiprocessors: 148, minimumDriver: "570.133.20",
        table: ProfileTable(
            shapes: ProfileShape.sevenSlices, gigabytes: [23, 45, 90, 180],
            memoryMiB: [20992, 45312, .estimate(90880), .estimate(182272)],
            multiprocessors: [18, 18, 30, 36, .estimate(54), .estimate(72), .estimate(148)],
            engines: ProfileTable.EngineTable(
                copy: [2, 2, 2, 4, 6, 8, 16], decoder: mediaEngines, jpeg: mediaEngines,
                ofa: [0, 1, 0, 0, 0, 0, 1])))

    /// GB200; its small profiles are public, the larger ones estimated.
    package static let gb200 = GPUModel(
        "NVIDIA GB200", shortNames: ["GB200"], pciDeviceID: 0x2941_10DE, architecture: .blackwell,
        computeCapability: (10, 0), memoryMiB: 189471, multiprocessors: 152, minimumDriver: "570.133.20",
        table: ProfileTable(
            shapes: ProfileShape.sevenSlices, gigabytes: [23, 47, 93, 186],
            memoryMiB: [22528, 46592, .estimate(93952), .estimate(188416)],
            multiprocessors: [18, 18, 32, 38, .estimate(54), .estimate(72), .estimate(152)],
            engines: ProfileTable.EngineTable(
                copy: [2, 2, 2, 4, .estimate(6), .estimate(8), .estimate(16)], decoder: mediaEngines,
                jpeg: mediaEngines, ofa: [0, 1, 0, 0, 0, 0, 1])))

    /// B300, of whose profiles little but the names is public; even estimates leave out the whole GPU's
    /// multiprocessors.
    package static let b300 = GPUModel(
        "NVIDIA B300 SXM6 AC", shortNames: ["B300"], pciDeviceID: 0x3182_10DE, architecture: .blackwell,
        computeCapability: (10, 3), memoryMiB: 275040, multiprocessors: 148, minimumDriver: "580.82.07",
        table: ProfileTable(
            shapes: ProfileShape.sevenSlices, gigabytes: [34, 67, 135, 269],
            memoryMiB: [.estimate(33280), .estimate(67840), .estimate(136192), .estimate(273664)],
            multiprocessors: ultraMultiprocessors, engines: ultraEngines))

    /// GB300, with the gaps of B300. Its first driver is B300's: the guide's is that of a workstation with this GPU, and
    /// captures show older ones.
    package static let gb300 = GPUModel(
        "NVIDIA GB300", shortNames: ["GB300"], pciDeviceID: 0x31C2_10DE, architecture: .blackwell,
        computeCapability: (10, 3), memoryMiB: 284208, multiprocessors: nil, minimumDriver: "580.82.07",
        table: ProfileTable(
            shapes: ProfileShape.sevenSlices, gigabytes: [35, 70, 139, 278],
            memoryMiB: [.estimate(34304), .estimate(70144), .estimate(140800), .estimate(282624)],
            multiprocessors: ultraMultiprocessors, engines: ultraEngines))

    /// Decoders and JPEG engines of B200 and GB200.
    private static let mediaEngines: [Figure] = [1, 1, 1, 2, .estimate(3), .estimate(4), .estimate(7)]

    private static let ultraMultiprocessors: [Figure] = [
        .estimate(18), .estimate(18), .estimate(30), .estimate(36), .estimate(54), .estimate(72), .unknown,
    ]

    /// Copied from B200.
    private static let ultraEngines: ProfileTable.EngineTable = {
        let media = [1, 1, 1, 2, 3, 4, 7].map(Figure.estimate)
        return ProfileTable.EngineTable(
            copy: [2, 2, 2, 4, 6, 8, 16].map(Figure.estimate), decoder: media, jpeg: media,
            ofa: [0, 1, 0, 0, 0, 0, 1].map(Figure.estimate))
    }()
}

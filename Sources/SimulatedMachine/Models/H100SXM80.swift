import MIG

extension GPUModel {
    /// H100 SXM5 with 80 GB.
    ///
    /// Multiprocessors of partial compute instances are 16 a slice, which no public table confirms.
    static let h100SXM80 = GPUModel(
        name: "NVIDIA H100 80GB HBM3",
        shortNames: ["H100", "H100-80GB", "H100-SXM5-80GB"],
        pciDeviceID: 0x2330_10DE,
        architecture: .hopper,
        computeCapability: ComputeCapability(major: 9, minor: 0),
        memoryMiB: 81559,
        multiprocessors: 132,
        computeSlices: 7,
        memorySlices: 8,
        modeChangeNeedsReset: false,
        modeSurvivesReboot: false,
        minimumDriver: "525.85.12",
        profiles: [
            Profile(
                "1g.10gb", id: 19, kind: 0, slices: 1, memoryMiB: 9984, multiprocessors: 16,
                count: 7, size: 1, starts: [0, 1, 2, 3, 4, 5, 6],
                engines: Engines(copy: 1, decoder: 1, encoder: 0, jpeg: 1, ofa: 0),
                compute: [
                    Compute("1g.10gb", id: 0, slices: 1, multiprocessors: 16, count: 1)
                ]),
            Profile(
                "1g.10gb+me", id: 20, kind: 7, slices: 1, memoryMiB: 9984, multiprocessors: 16,
                count: 1, size: 1, starts: [0, 1, 2, 3, 4, 5, 6],
                engines: Engines(copy: 1, decoder: 1, encoder: 0, jpeg: 1, ofa: 1),
                compute: [
                    Compute("1g.10gb+me", id: 0, slices: 1, multiprocessors: 16, count: 1)
                ]),
            Profile(
                "1g.20gb", id: 15, kind: 9, slices: 1, memoryMiB: 20096, multiprocessors: 26,
                count: 4, size: 2, starts: [0, 2, 4, 6],
                engines: Engines(copy: 1, decoder: 1, encoder: 0, jpeg: 1, ofa: 0),
                compute: [
                    Compute("1g.20gb", id: 7, slices: 1, multiprocessors: 26, count: 1)
                ]),
            Profile(
                "2g.20gb", id: 14, kind: 1, slices: 2, memoryMiB: 20096, multiprocessors: 32,
                count: 3, size: 2, starts: [0, 2, 4],
                engines: Engines(copy: 2, decoder: 2, encoder: 0, jpeg: 2, ofa: 0),
                compute: [
                    Compute("1c.2g.20gb", id: 0, slices: 1, multiprocessors: 16, count: 2),
                    Compute("2g.20gb", id: 1, slices: 2, multiprocessors: 32, count: 1),
                ]),
            Profile(
                "3g.40gb", id: 9, kind: 2, slices: 3, memoryMiB: 40448, multiprocessors: 60,
                count: 2, size: 4, starts: [0, 4],
                engines: Engines(copy: 3, decoder: 3, encoder: 0, jpeg: 3, ofa: 0),
                compute: [
                    Compute("1c.3g.40gb", id: 0, slices: 1, multiprocessors: 16, count: 3),
                    Compute("2c.3g.40gb", id: 1, slices: 2, multiprocessors: 32, count: 1),
                    Compute("3g.40gb", id: 2, slices: 3, multiprocessors: 60, count: 1),
                ]),
            Profile(
                "4g.40gb", id: 5, kind: 3, slices: 4, memoryMiB: 40448, multiprocessors: 64,
                count: 1, size: 4, starts: [0],
                engines: Engines(copy: 4, decoder: 4, encoder: 0, jpeg: 4, ofa: 0),
                compute: [
                    Compute("1c.4g.40gb", id: 0, slices: 1, multiprocessors: 16, count: 4),
                    Compute("2c.4g.40gb", id: 1, slices: 2, multiprocessors: 32, count: 2),
                    Compute("4g.40gb", id: 3, slices: 4, multiprocessors: 64, count: 1),
                ]),
            Profile(
                "7g.80gb", id: 0, kind: 4, slices: 7, memoryMiB: 81152, multiprocessors: 132,
                count: 1, size: 8, starts: [0],
                engines: Engines(copy: 8, decoder: 7, encoder: 0, jpeg: 7, ofa: 1),
                compute: [
                    Compute("1c.7g.80gb", id: 0, slices: 1, multiprocessors: 16, count: 7),
                    Compute("2c.7g.80gb", id: 1, slices: 2, multiprocessors: 32, count: 3),
                    Compute("3c.7g.80gb", id: 2, slices: 3, multiprocessors: 48, count: 2),
                    Compute("4c.7g.80gb", id: 3, slices: 4, multiprocessors: 64, count: 1),
                    Compute("7g.80gb", id: 4, slices: 7, multiprocessors: 132, count: 1),
                ]),
        ])
}

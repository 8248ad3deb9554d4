import MIG

extension GPUModel {
    /// A100 with 40 GB as drivers from R525 on show it.
    ///
    /// The compute profile id of 1g.10gb (7) is what Hopper shows; no public table has it for this board.
    static let a100SXM40 = GPUModel(
        name: "NVIDIA A100-SXM4-40GB",
        shortNames: ["A100", "A100-40GB", "A100-SXM4-40GB"],
        pciDeviceID: 0x20B0_10DE,
        architecture: .ampere,
        computeCapability: ComputeCapability(major: 8, minor: 0),
        memoryMiB: 40960,
        multiprocessors: 108,
        computeSlices: 7,
        memorySlices: 8,
        modeChangeNeedsReset: true,
        modeSurvivesReboot: true,
        minimumDriver: "450.80.02",
        profiles: [
            Profile(
                "1g.5gb", id: 19, kind: 0, slices: 1, memoryMiB: 4864, multiprocessors: 14,
                count: 7, size: 1, starts: [0, 1, 2, 3, 4, 5, 6],
                engines: Engines(copy: 1, decoder: 0, encoder: 0, jpeg: 0, ofa: 0),
                compute: [
                    Compute("1g.5gb", id: 0, slices: 1, multiprocessors: 14, count: 1)
                ]),
            Profile(
                "1g.5gb+me", id: 20, kind: 7, slices: 1, memoryMiB: 4864, multiprocessors: 14,
                count: 1, size: 1, starts: [0, 1, 2, 3, 4, 5, 6],
                engines: Engines(copy: 1, decoder: 1, encoder: 0, jpeg: 1, ofa: 1),
                compute: [
                    Compute("1g.5gb+me", id: 0, slices: 1, multiprocessors: 14, count: 1)
                ]),
            Profile(
                "1g.10gb", id: 15, kind: 9, slices: 1, memoryMiB: 9984, multiprocessors: 14,
                count: 4, size: 2, starts: [0, 2, 4, 6],
                engines: Engines(copy: 1, decoder: 1, encoder: 0, jpeg: 0, ofa: 0),
                compute: [
                    Compute("1g.10gb", id: 7, slices: 1, multiprocessors: 14, count: 1)
                ]),
            Profile(
                "2g.10gb", id: 14, kind: 1, slices: 2, memoryMiB: 9984, multiprocessors: 28,
                count: 3, size: 2, starts: [0, 2, 4],
                engines: Engines(copy: 2, decoder: 1, encoder: 0, jpeg: 0, ofa: 0),
                compute: [
                    Compute("1c.2g.10gb", id: 0, slices: 1, multiprocessors: 14, count: 2),
                    Compute("2g.10gb", id: 1, slices: 2, multiprocessors: 28, count: 1),
                ]),
            Profile(
                "3g.20gb", id: 9, kind: 2, slices: 3, memoryMiB: 20096, multiprocessors: 42,
                count: 2, size: 4, starts: [0, 4],
                engines: Engines(copy: 3, decoder: 2, encoder: 0, jpeg: 0, ofa: 0),
                compute: [
                    Compute("1c.3g.20gb", id: 0, slices: 1, multiprocessors: 14, count: 3),
                    Compute("2c.3g.20gb", id: 1, slices: 2, multiprocessors: 28, count: 1),
                    Compute("3g.20gb", id: 2, slices: 3, multiprocessors: 42, count: 1),
                ]),
            Profile(
                "4g.20gb", id: 5, kind: 3, slices: 4, memoryMiB: 20096, multiprocessors: 56,
                count: 1, size: 4, starts: [0],
                engines: Engines(copy: 4, decoder: 2, encoder: 0, jpeg: 0, ofa: 0),
                compute: [
                    Compute("1c.4g.20gb", id: 0, slices: 1, multiprocessors: 14, count: 4),
                    Compute("2c.4g.20gb", id: 1, slices: 2, multiprocessors: 28, count: 2),
                    Compute("4g.20gb", id: 3, slices: 4, multiprocessors: 56, count: 1),
                ]),
            Profile(
                "7g.40gb", id: 0, kind: 4, slices: 7, memoryMiB: 40448, multiprocessors: 98,
                count: 1, size: 8, starts: [0],
                engines: Engines(copy: 7, decoder: 5, encoder: 0, jpeg: 1, ofa: 1),
                compute: [
                    Compute("1c.7g.40gb", id: 0, slices: 1, multiprocessors: 14, count: 7),
                    Compute("2c.7g.40gb", id: 1, slices: 2, multiprocessors: 28, count: 3),
                    Compute("3c.7g.40gb", id: 2, slices: 3, multiprocessors: 42, count: 2),
                    Compute("4c.7g.40gb", id: 3, slices: 4, multiprocessors: 56, count: 1),
                    Compute("7g.40gb", id: 4, slices: 7, multiprocessors: 98, count: 1),
                ]),
        ])
}

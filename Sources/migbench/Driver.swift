import JSON
import Linux
import MIG
import NVML

/// What the simulated driver costs by itself: it must not hide what the broker does.
enum Driver {
    private static let gpus = 8
    private static let rounds = 40
    private static let each = 25

    /// Through the broker's own binding, which reads back what it has changed.
    static func measure(in place: String, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let stage = try Stage(in: place, gpus: gpus)
        defer { stage.end() }
        let board = try FullBoard(on: stage.machine)
        let times = try stopwatch.time(
            rounds: rounds, each: each,
            [
                .init { () throws(BenchmarkError) in try board.readMode() },
                .init { () throws(BenchmarkError) in try board.readInstance() },
                .init { () throws(BenchmarkError) in try board.destroyAndMake() },
            ])
        return Table.Section(
            title: "The simulated driver with \(gpus) full GPUs, \(rounds * each) times",
            rows: [
                Table.Row("the MIG mode of a GPU, one call", times[0], aim: .atMost(20_000)),
                Table.Row("all about a GPU instance and what is in it", times[1]),
                Table.Row("GI and CI destroyed and made, each looked at", times[2], aim: .atMost(1_000_000)),
            ])
    }
}

/// A GPU among several, all of which are cut into slices of one kind.
private struct FullBoard {
    private let driver: NVMLDriver
    private let gpu: GPUUUID
    private let instance: GPUInstance
    private let compute: ComputeInstance

    /// Cuts them.
    init(on machine: String) throws(BenchmarkError) {
        let driver = try BenchmarkError.from { () throws(NVMLError) in try NVMLDriver(driver: machine) }
        self.driver = driver
        var last: (gpu: GPUUUID, instance: GPUInstance, compute: ComputeInstance)?
        for gpu in try BenchmarkError.from(driver.gpus).map(\.uuid) {
            let profiles = try BenchmarkError.from { () throws(NVMLError) in try driver.gpuInstanceProfiles(of: gpu) }
            guard let profile = profiles.first(where: { $0.name.hasBytes(of: Stage.profile) }) else { continue }
            for place in profile.placements {
                let (instance, compute) = try BenchmarkError.from { () throws(NVMLError) in
                    try driver.make(profile.id, at: place, on: gpu)
                }
                last = (gpu, instance, compute)
            }
        }
        guard let last else { throw .unexpected("no GPU takes a \(Stage.profile)") }
        (gpu, instance, compute) = last
    }

    func readMode() throws(BenchmarkError) {
        try BenchmarkError.from { () throws(NVMLError) in _ = try driver.migMode(of: gpu) }
    }

    func readInstance() throws(BenchmarkError) {
        try BenchmarkError.from { () throws(NVMLError) in _ = try driver.instance(instance.id, on: gpu) }
    }

    /// The last slice is given up and cut anew, which gives it the same numbers.
    func destroyAndMake() throws(BenchmarkError) {
        try BenchmarkError.from { () throws(NVMLError) in
            try driver.destroyComputeInstance(compute.id, in: instance.id, on: gpu)
            try driver.destroyGPUInstance(instance.id, on: gpu)
            _ = try driver.make(instance.profile, at: instance.placement, on: gpu)
        }
    }
}

extension NVMLDriver {
    /// Makes a GPU instance and the compute instance that takes a slice of it.
    fileprivate func make(
        _ profile: GPUInstanceProfileID, at place: Placement, on gpu: GPUUUID
    ) throws(NVMLError) -> (GPUInstance, ComputeInstance) {
        let instance = try createGPUInstance(profile, at: place, on: gpu)
        // The number of the compute profile of one slice, in every table there is.
        return (instance, try createComputeInstance(ComputeInstanceProfileID(0), in: instance.id, on: gpu))
    }
}

import MIG
import Testing

@testable import NVML

@Suite(
    "Reading compute instance profiles",
    .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
struct NVMLComputeProfileTests {
    private let boards = Boards()

    private static let three = GPUInstanceProfileID(9)
    private static let placementCall = "nvmlGpuInstanceGetComputeInstancePossiblePlacements"

    private func make(
        on driver: NVMLDriver, at start: Int = 4
    ) throws -> (gpu: GPUUUID, instance: GPUInstanceID) {
        let gpu = try driver.firstGPU().uuid
        let made = try driver.createGPUInstance(Self.three, at: Placement(start: start, size: 4), on: gpu)
        return (gpu, made.id)
    }

    // `facts/nvml.md` 4.6 and 8.
    @Test func `those of a 3g are those of its table, with placements and the engines that they share`() throws {
        let driver = try boards.make().driver()
        let (gpu, instance) = try make(on: driver)
        let profiles = try driver.computeInstanceProfiles(of: instance, on: gpu)
        let rows = profiles.map { "\($0.kind.rawValue) \($0.id) \($0.name) \($0.slices) \($0.instanceCount)" }
        #expect(rows == ["0 0 1c.3g.20gb 1 3", "1 1 2c.3g.20gb 2 1", "2 2 3g.20gb 3 1"])
        #expect(profiles.map { $0.placements.map(\.description) } == [["0:1", "1:1", "2:1"], ["0:2"], ["0:3"]])
        let engines = Engines(copy: 3, decoder: 2, encoder: 0, jpeg: 0, ofa: 0)
        #expect(profiles.map(\.engines) == [engines, engines, engines])
    }

    @Test func `placements stay the same while compute instances take them`() throws {
        let board = try boards.make()
        let driver = try board.driver()
        let (gpu, instance) = try make(on: driver)
        let profiles = try driver.computeInstanceProfiles(of: instance, on: gpu)
        _ = try driver.createComputeInstance(ComputeInstanceProfileID(0), in: instance, on: gpu)
        #expect(try board.driver().computeInstanceProfiles(of: instance, on: gpu) == profiles)
    }

    @Test(arguments: ["NOT_SUPPORTED", "FUNCTION_NOT_FOUND"])
    func `a library that tells no placements tells all the rest`(answer: String) throws {
        let board = try boards.make()
        let driver = try board.driver()
        let (gpu, instance) = try make(on: driver)
        try board.fault(Self.placementCall, answer)
        let profiles = try board.driver().computeInstanceProfiles(of: instance, on: gpu)
        #expect(profiles.map(\.id.rawValue) == [0, 1, 2])
        #expect(profiles.allSatisfy { $0.placements.isEmpty })
    }

    @Test(arguments: [
        ("INVALID_ARGUMENT", NVMLReturn.invalidArgument), ("NO_PERMISSION", .noPermission), ("UNKNOWN", .unspecified),
    ])
    func `a failure to tell placements is not taken for the end of the profiles`(
        answer: String, code: NVMLReturn
    ) throws {
        let board = try boards.make()
        let (gpu, instance) = try make(on: try board.driver())
        try board.fault(Self.placementCall, answer, "--after", "2")
        let driver = try board.driver()
        #expect(throws: NVMLError.call(Self.placementCall, code)) {
            try driver.computeInstanceProfiles(of: instance, on: gpu)
        }
    }

    @Test func `they are read once for all instances of a profile, until they are forgotten`() throws {
        let board = try boards.make()
        let driver = try board.driver()
        let (gpu, first) = try make(on: driver, at: 0)
        let profiles = try driver.computeInstanceProfiles(of: first, on: gpu)
        let (_, second) = try make(on: driver, at: 4)
        try board.fault("nvmlGpuInstanceGetComputeInstanceProfileInfoV", "GPU_IS_LOST")
        #expect(try driver.computeInstanceProfiles(of: second, on: gpu) == profiles)
        driver.forget()
        #expect(throws: NVMLError.call("nvmlGpuInstanceGetComputeInstanceProfileInfoV", .gpuIsLost)) {
            try driver.computeInstanceProfiles(of: second, on: gpu)
        }
    }
}

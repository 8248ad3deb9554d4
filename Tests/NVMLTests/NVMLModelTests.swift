import MIG
import Testing

@testable import NVML

@Suite("Every model", .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
struct NVMLModelTests {
    private let boards = Boards()

    /// Models and how many profiles of each can be offered with estimates.
    private static let models = [
        ("A30", 5), ("A100", 7), ("A100-80GB", 7), ("H100", 7), ("H100-PCIE", 7), ("H100-NVL", 7), ("GH200", 7),
        ("H200", 7), ("H200-NVL", 7), ("B200", 7), ("GB200", 7), ("B300", 6), ("GB300", 6), ("RTX-PRO-6000", 11),
        ("RTX-PRO-6000-SE", 11), ("RTX-PRO-5000", 0),
    ]

    @Test(arguments: models, [[], ["--mirrored"]])
    func `one instance of each profile is made at each of its places, read back and destroyed`(
        model: (name: String, profiles: Int), options: [String]
    ) throws {
        let driver = try boards.make(["--gpu", model.name, "--mig", "--estimates"] + options).driver()
        let gpu = try driver.firstGPU().uuid
        let profiles = try driver.gpuInstanceProfiles(of: gpu)
        #expect(profiles.count == model.profiles)
        for profile in profiles {
            #expect(try driver.remainingCapacity(of: profile.id, on: gpu) == profile.instanceCount)
            for placement in profile.placements {
                let made = try driver.createGPUInstance(profile.id, at: placement, on: gpu)
                #expect(made.profile == profile.id && made.placement == placement)
                let whole = try #require(try driver.computeInstanceProfiles(of: made.id, on: gpu).whole)
                #expect(whole.name == profile.name && whole.multiprocessors == profile.multiprocessors)
                let inside = try driver.createComputeInstance(whole.id, in: made.id, on: gpu)
                #expect(inside.placement == Placement(start: 0, size: profile.slices.rawValue))
                let seen = try driver.instances(on: gpu)
                #expect(seen.map(\.id) == [made.id] && seen.map(\.computeInstances) == [[inside]])
                try driver.destroyComputeInstance(inside.id, in: made.id, on: gpu)
                try driver.destroyGPUInstance(made.id, on: gpu)
            }
        }
        #expect(try driver.instances(on: gpu) == [])
    }

    @Test(arguments: models.map(\.0))
    func `names of a library that does not tell them are those that it tells`(name: String) throws {
        let board = try boards.make(["--gpu", name, "--mig", "--estimates"])
        let modern = try board.driver()
        let gpu = try modern.firstGPU().uuid
        let told = try modern.gpuInstanceProfiles(of: gpu)
        try board.fault("nvmlDeviceGetGpuInstanceProfileInfoV", "FUNCTION_NOT_FOUND")
        #expect(try board.driver().gpuInstanceProfiles(of: gpu) == told)
    }

    @Test(arguments: ["B200", "GB200", "B300", "GB300", "RTX-PRO-5000"])
    func `what is not offered cannot be made, placed or counted`(name: String) throws {
        let driver = try boards.make(["--gpu", name, "--mig"]).driver()
        let gpu = try driver.firstGPU().uuid
        let offered = Set(try driver.gpuInstanceProfiles(of: gpu).map(\.id.rawValue))
        #expect(offered.isSubset(of: [19, 20, 15, 14]))
        for id: UInt32 in [0, 5, 9] {
            let whole = Placement(start: 0, size: id == 0 ? 8 : 4)
            #expect(throws: NVMLError.self) {
                try driver.createGPUInstance(GPUInstanceProfileID(id), at: whole, on: gpu)
            }
            #expect(throws: NVMLError.call("nvmlDeviceGetGpuInstanceRemainingCapacity", .notSupported)) {
                try driver.remainingCapacity(of: GPUInstanceProfileID(id), on: gpu)
            }
        }
        #expect(try driver.instances(on: gpu) == [])
    }
}

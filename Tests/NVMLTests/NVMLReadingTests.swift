import MIG
import Testing

@testable import NVML

@Suite("Reading the driver", .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
struct NVMLReadingTests {
    private let boards = Boards()

    @Test func `versions are told as the driver has them`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--driver", "580.105.08"])
        let driver = try board.driver()
        #expect(try driver.driverVersion() == "580.105.08")
        #expect(try driver.libraryVersion().hasSuffix("580.105.08"))
        #expect(driver.libraryPath == "\(board.path)/lib/libnvidia-ml.so.1")
    }

    @Test func `GPUs are told in the driver's order with what names them`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--gpu", SimulatedBoard.h100])
        let gpus = try board.driver().gpus()
        #expect(gpus.map(\.index) == [0, 1])
        #expect(gpus.map(\.name) == [SimulatedBoard.a100, SimulatedBoard.h100])
        #expect(gpus.map(\.memoryMiB) == [40960, 81559])
        #expect(Set(gpus.map(\.uuid)).count == 2)
        #expect(Set(gpus.map(\.pci)).count == 2)
        #expect(gpus.allSatisfy { $0.mode == MIGMode(isEnabled: false, isPendingEnabled: false) })
    }

    // `facts/nvml.md` 4.1 and 8.
    @Test func `profiles of an A100 are those of its table, with all three numbers and placements`() throws {
        let driver = try boards.make().driver()
        let profiles = try driver.gpuInstanceProfiles(of: try driver.firstGPU().uuid)
        let rows = profiles.map { "\($0.kind.rawValue) \($0.id) \($0.name) \($0.slices) \($0.instanceCount)" }
        #expect(
            rows == [
                "0 19 1g.5gb 1 7", "1 14 2g.10gb 2 3", "2 9 3g.20gb 3 2", "3 5 4g.20gb 4 1", "4 0 7g.40gb 7 1",
                "7 20 1g.5gb+me 1 1", "9 15 1g.10gb 1 4",
            ])
        let placements = Dictionary(uniqueKeysWithValues: profiles.map { ($0.id.rawValue, $0.placements) })
        #expect(placements[19] == (0...6).map { Placement(start: $0, size: 1) })
        #expect(placements[14] == [0, 2, 4].map { Placement(start: $0, size: 2) })
        #expect(placements[9] == [0, 4].map { Placement(start: $0, size: 4) })
        #expect(placements[15] == [0, 2, 4, 6].map { Placement(start: $0, size: 2) })
        #expect(placements[0] == [Placement(start: 0, size: 8)])
        let largest = try #require(profiles.first { $0.id == GPUInstanceProfileID(0) })
        #expect(largest.multiprocessors == 98)
        #expect(largest.engines == Engines(copy: 7, decoder: 5, encoder: 0, jpeg: 1, ofa: 1))
    }

    @Test(arguments: ["INVALID_ARGUMENT", "ARGUMENT_VERSION_MISMATCH", "FUNCTION_NOT_FOUND"])
    func `a library that knows no later struct still tells the same profiles, by the formula of names`(
        answer: String
    ) throws {
        for model in [SimulatedBoard.a100, SimulatedBoard.h100] {
            let board = try boards.make(["--gpu", model, "--mig"])
            let modern = try board.driver()
            let gpu = try modern.firstGPU().uuid
            let wanted = try modern.gpuInstanceProfiles(of: gpu)
            let instance = try modern.createGPUInstance(
                GPUInstanceProfileID(9), at: Placement(start: 4, size: 4), on: gpu)
            let wantedInside = try modern.computeInstanceProfiles(of: instance.id, on: gpu)
            try board.fault("nvmlDeviceGetGpuInstanceProfileInfoV", answer)
            try board.fault("nvmlGpuInstanceGetComputeInstanceProfileInfoV", answer)
            let old = try board.driver()
            #expect(try old.gpuInstanceProfiles(of: gpu) == wanted)
            #expect(try old.computeInstanceProfiles(of: instance.id, on: gpu) == wantedInside)
        }
    }

    @Test func `a failure in the middle of the profiles is not taken for their end`() throws {
        let board = try boards.make()
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        try board.fault("nvmlDeviceGetGpuInstanceProfileInfoV", "GPU_IS_LOST", "--after", "3", "--times", "1")
        #expect(throws: NVMLError.call("nvmlDeviceGetGpuInstanceProfileInfoV", .gpuIsLost)) {
            try driver.gpuInstanceProfiles(of: gpu)
        }
        #expect(try driver.gpuInstanceProfiles(of: gpu).count == 7)
    }

    @Test func `with the mode off a GPU has no instances, and says nothing worse`() throws {
        let driver = try boards.make(["--gpu", SimulatedBoard.a100]).driver()
        #expect(try driver.instances(on: try driver.firstGPU().uuid) == [])
    }

    @Test func `a GPU that is lost does not hide the others`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--count", "3"])
        let driver = try board.driver()
        let all = try driver.gpus()
        try board.fault("nvmlDeviceGetUUID", "GPU_IS_LOST", "--after", "1", "--times", "1")
        let inventory = try driver.inventory()
        #expect(inventory.gpus == [all[0], all[2]])
        #expect(
            inventory.unreadable == [
                NVMLDriver.UnreadableGPU(index: 1, error: .call("nvmlDeviceGetUUID", .gpuIsLost))
            ])
        // It answers again at the next look.
        #expect(try driver.inventory().gpus == all)
    }

    @Test func `a GPU that is not there is named`() throws {
        let driver = try boards.make().driver()
        let uuid = try #require(GPUUUID("GPU-00000000-0000-0000-0000-000000000000"))
        #expect(throws: NVMLError.noSuchGPU(uuid)) { try driver.gpuInstanceProfiles(of: uuid) }
        #expect(throws: NVMLError.noSuchGPU(uuid)) { try driver.instances(on: uuid) }
        #expect(throws: NVMLError.noSuchGPU(uuid)) { try driver.setMIGMode(enabled: true, on: uuid) }
    }

    @Test func `capacity goes down with what is made`() throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        #expect(try driver.remainingCapacity(of: GPUInstanceProfileID(19), on: gpu) == 7)
        _ = try driver.createGPUInstance(GPUInstanceProfileID(9), at: Placement(start: 0, size: 4), on: gpu)
        #expect(try driver.remainingCapacity(of: GPUInstanceProfileID(19), on: gpu) == 3)
        #expect(throws: NVMLError.call("nvmlDeviceGetGpuInstanceRemainingCapacity", .notSupported)) {
            try driver.remainingCapacity(of: GPUInstanceProfileID(999), on: gpu)
        }
    }

    @Test(arguments: [
        "nvmlDeviceGetCount", "nvmlDeviceGetGpuInstances", "nvmlGpuInstanceGetInfo",
        "nvmlGpuInstanceGetComputeInstances",
        "nvmlComputeInstanceGetInfo", "nvmlDeviceGetGpuInstancePossiblePlacements",
    ])
    func `no failure of a call is swallowed`(function: String) throws {
        let board = try boards.make()
        let maker = try board.driver()
        let gpu = try maker.firstGPU().uuid
        let instance = try maker.createGPUInstance(
            GPUInstanceProfileID(19), at: Placement(start: 6, size: 1), on: gpu)
        _ = try maker.createComputeInstance(ComputeInstanceProfileID(0), in: instance.id, on: gpu)
        try board.fault(function, "UNKNOWN")
        let driver = try board.driver()
        let error = #expect(throws: NVMLError.self) { try driver.instances(on: gpu) }
        #expect(error?.code == .unspecified)
        #expect(error?.description.contains(function) == true)
    }

    @Test func `an idle instance has no processes, and one that is not there none to tell`() throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        let instance = try driver.createGPUInstance(
            GPUInstanceProfileID(19), at: Placement(start: 6, size: 1), on: gpu)
        let inside = try driver.createComputeInstance(ComputeInstanceProfileID(0), in: instance.id, on: gpu)
        #expect(try driver.processes(on: inside.id, in: instance.id, of: gpu) == [])
        #expect(throws: NVMLError.call("nvmlGpuInstanceGetComputeInstanceById", .notFound)) {
            try driver.processes(on: ComputeInstanceID(7), in: instance.id, of: gpu)
        }
    }
}

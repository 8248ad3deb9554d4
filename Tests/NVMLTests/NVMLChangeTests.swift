import MIG
import TestSupport
import Testing

@testable import NVML

@Suite("Changing the driver", .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
struct NVMLChangeTests {
    private let boards = Boards()

    private static let one = GPUInstanceProfileID(19)
    private static let three = GPUInstanceProfileID(9)

    @Test(arguments: [0, 4])
    func `an instance is made where it was asked for, with its device, and goes without a trace`(start: Int) throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        let place = Placement(start: start, size: 4)
        let made = try driver.createGPUInstance(Self.three, at: place, on: gpu)
        #expect(made.profile == Self.three)
        #expect(made.placement == place)
        #expect(made.computeInstances == [])
        let whole = try #require(try driver.computeInstanceProfiles(of: made.id, on: gpu).whole)
        #expect(whole.name == "3g.20gb")
        let inside = try driver.createComputeInstance(whole.id, in: made.id, on: gpu)
        #expect(inside.uuid != nil)
        #expect(try driver.instances(on: gpu).map(\.computeInstances) == [[inside]])
        #expect(try driver.instance(made.id, on: gpu)?.computeInstances == [inside])
        try driver.destroyComputeInstance(inside.id, in: made.id, on: gpu)
        try driver.destroyGPUInstance(made.id, on: gpu)
        #expect(try driver.instance(made.id, on: gpu) == nil)
        #expect(try driver.instances(on: gpu) == [])
    }

    @Test func `another program sees the same instances, and what it makes is seen`() throws {
        let board = try boards.make()
        let mine = try board.driver()
        let gpu = try mine.firstGPU().uuid
        _ = try mine.createGPUInstance(Self.one, at: Placement(start: 3, size: 1), on: gpu)
        let other = try board.driver()
        _ = try other.createGPUInstance(Self.three, at: Placement(start: 4, size: 4), on: gpu)
        #expect(try mine.instances(on: gpu) == (try other.instances(on: gpu)))
        #expect(Set(try mine.instances(on: gpu).map(\.placement.start)) == [3, 4])
    }

    @Test func `compute instances share a GPU instance, each at its place`() throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        let made = try driver.createGPUInstance(Self.three, at: Placement(start: 4, size: 4), on: gpu)
        for start in [2, 0, 1] {
            let inside = try driver.createComputeInstance(
                ComputeInstanceProfileID(0), at: Placement(start: start, size: 1), in: made.id, on: gpu)
            #expect(inside.placement == Placement(start: start, size: 1))
        }
        let all = try #require(try driver.instance(made.id, on: gpu)).computeInstances
        #expect(Set(all.map(\.placement.start)) == [0, 1, 2])
        #expect(Set(all.map(\.uuid)).count == 3)
        #expect(throws: NVMLError.call("nvmlGpuInstanceCreateComputeInstance", .insufficientResources)) {
            try driver.createComputeInstance(ComputeInstanceProfileID(0), in: made.id, on: gpu)
        }
    }

    @Test(arguments: [
        (GPUInstanceProfileID(19), Placement(start: 7, size: 1), NVMLReturn.invalidArgument),
        (GPUInstanceProfileID(9), Placement(start: 2, size: 4), .invalidArgument),
        (GPUInstanceProfileID(9), Placement(start: 0, size: 3), .invalidArgument),
        (GPUInstanceProfileID(9), Placement(start: -1, size: 4), .invalidArgument),
        (GPUInstanceProfileID(9), Placement(start: 1 << 32, size: 4), .invalidArgument),
        (GPUInstanceProfileID(9), Placement(start: 4, size: 4), .insufficientResources),
        (GPUInstanceProfileID(0), Placement(start: 0, size: 8), .insufficientResources),
        (GPUInstanceProfileID(999), Placement(start: 0, size: 1), .invalidArgument),
        // The enum of 3g is no profile id.
        (GPUInstanceProfileID(2), Placement(start: 0, size: 4), .invalidArgument),
    ])
    func `a place that is not legal or not free is refused, and nothing is made`(
        profile: GPUInstanceProfileID, placement: Placement, code: NVMLReturn
    ) throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        _ = try driver.createGPUInstance(Self.one, at: Placement(start: 6, size: 1), on: gpu)
        #expect(throws: NVMLError.call("nvmlDeviceCreateGpuInstanceWithPlacement", code)) {
            try driver.createGPUInstance(profile, at: placement, on: gpu)
        }
        #expect(try driver.instances(on: gpu).count == 1)
    }

    @Test func `what does not exist cannot be destroyed or entered`() throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        let absent = GPUInstanceID(5)
        let notFound = NVMLError.call("nvmlDeviceGetGpuInstanceById", .notFound)
        #expect(throws: notFound) { try driver.destroyGPUInstance(absent, on: gpu) }
        #expect(throws: notFound) { try driver.createComputeInstance(ComputeInstanceProfileID(0), in: absent, on: gpu) }
        #expect(throws: notFound) { try driver.computeInstanceProfiles(of: absent, on: gpu) }
        #expect(throws: notFound) { try driver.destroyComputeInstance(ComputeInstanceID(0), in: absent, on: gpu) }
        let made = try driver.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        #expect(throws: NVMLError.call("nvmlGpuInstanceGetComputeInstanceById", .notFound)) {
            try driver.destroyComputeInstance(ComputeInstanceID(0), in: made.id, on: gpu)
        }
    }

    @Test func `a GPU instance with a compute instance inside is in use`() throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        let made = try driver.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        _ = try driver.createComputeInstance(ComputeInstanceProfileID(0), in: made.id, on: gpu)
        #expect(throws: NVMLError.call("nvmlGpuInstanceDestroy", .inUse)) {
            try driver.destroyGPUInstance(made.id, on: gpu)
        }
        #expect(try driver.instance(made.id, on: gpu) != nil)
    }

    @Test func `a process on an instance is told, and keeps it from being destroyed until it ends`() throws {
        let board = try boards.make()
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        let made = try driver.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        let inside = try driver.createComputeInstance(ComputeInstanceProfileID(0), in: made.id, on: gpu)
        let uuid = try #require(inside.uuid)
        let process = try KeptProcess(
            BuiltProducts.path(of: "migsim"),
            ["hold", board.path, "--device", "\(uuid)", "--memory", "512", "--", "sleep", "1000"])
        try process.waitUntil("the process is told") {
            try driver.processes(on: inside.id, in: made.id, of: gpu)
                == [RunningProcess(pid: process.pid, memoryMiB: 512)]
        }
        #expect(throws: NVMLError.call("nvmlComputeInstanceDestroy", .inUse)) {
            try driver.destroyComputeInstance(inside.id, in: made.id, on: gpu)
        }
        #expect(try driver.instance(made.id, on: gpu)?.computeInstances == [inside])
        process.end()
        try driver.destroyComputeInstance(inside.id, in: made.id, on: gpu)
        try driver.destroyGPUInstance(made.id, on: gpu)
    }

    @Test func `a destroy that finds the instance in use for a moment is tried again, then given up`() throws {
        let board = try boards.make()
        let driver = try board.driver(milliseconds: 60_000)
        let gpu = try driver.firstGPU().uuid
        let made = try driver.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        try board.fault("nvmlGpuInstanceDestroy", "IN_USE", "--times", "3")
        try driver.destroyGPUInstance(made.id, on: gpu)
        #expect(try driver.instances(on: gpu) == [])

        let hurried = try board.driver(milliseconds: 0)
        let again = try hurried.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        try board.fault("nvmlGpuInstanceDestroy", "IN_USE", "--times", "1")
        #expect(throws: NVMLError.call("nvmlGpuInstanceDestroy", .inUse)) {
            try hurried.destroyGPUInstance(again.id, on: gpu)
        }
    }

    @Test(arguments: ["NO_PERMISSION", "GPU_IS_LOST", "UNKNOWN"])
    func `any other failure of a destroy is not tried again`(code: String) throws {
        let board = try boards.make()
        let driver = try board.driver(milliseconds: 60_000)
        let gpu = try driver.firstGPU().uuid
        let made = try driver.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        try board.fault("nvmlGpuInstanceDestroy", code, "--times", "1")
        #expect(throws: NVMLError.self) { try driver.destroyGPUInstance(made.id, on: gpu) }
        #expect(try driver.instance(made.id, on: gpu) == made)
    }

    @Test func `a driver that reports success and did nothing is found out at each change`() throws {
        let board = try boards.make()
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        let place = Placement(start: 0, size: 1)

        try board.fault("nvmlDeviceCreateGpuInstanceWithPlacement", "SUCCESS", "--times", "1")
        Self.expectNotDone("nvmlDeviceCreateGpuInstanceWithPlacement") {
            _ = try driver.createGPUInstance(Self.one, at: place, on: gpu)
        }
        let made = try driver.createGPUInstance(Self.one, at: place, on: gpu)

        try board.fault("nvmlGpuInstanceCreateComputeInstance", "SUCCESS", "--times", "1")
        Self.expectNotDone("nvmlGpuInstanceCreateComputeInstance") {
            _ = try driver.createComputeInstance(ComputeInstanceProfileID(0), in: made.id, on: gpu)
        }
        let inside = try driver.createComputeInstance(ComputeInstanceProfileID(0), in: made.id, on: gpu)

        try board.fault("nvmlComputeInstanceDestroy", "SUCCESS", "--times", "1")
        Self.expectNotDone("nvmlComputeInstanceDestroy") {
            try driver.destroyComputeInstance(inside.id, in: made.id, on: gpu)
        }
        try driver.destroyComputeInstance(inside.id, in: made.id, on: gpu)

        try board.fault("nvmlGpuInstanceDestroy", "SUCCESS", "--times", "1")
        Self.expectNotDone("nvmlGpuInstanceDestroy") { try driver.destroyGPUInstance(made.id, on: gpu) }
        #expect(try driver.instances(on: gpu).count == 1)

        try driver.destroyGPUInstance(made.id, on: gpu)
        try board.fault("nvmlDeviceSetMigMode", "SUCCESS", "--times", "1")
        Self.expectNotDone("nvmlDeviceSetMigMode") { _ = try driver.setMIGMode(enabled: false, on: gpu) }
    }

    @Test func `a failure while reading back says that the change may have been made`() throws {
        let board = try boards.make()
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        _ = try driver.gpuInstanceProfiles(of: gpu)
        try board.fault("nvmlGpuInstanceGetInfo", "GPU_IS_LOST", "--times", "1")
        #expect(throws: NVMLError.unconfirmed(.call("nvmlGpuInstanceGetInfo", .gpuIsLost))) {
            try driver.createGPUInstance(Self.one, at: Placement(start: 0, size: 1), on: gpu)
        }
        // It was made all the same, which the next look shows.
        #expect(try driver.instances(on: gpu).map(\.placement) == [Placement(start: 0, size: 1)])
    }

    private static func expectNotDone(_ call: String, _ body: () throws -> Void) {
        let error = #expect(throws: NVMLError.self, performing: body)
        guard case .notDone(call, _)? = error else {
            Issue.record("\(call): \(String(describing: error))")
            return
        }
    }
}

import MIG
import Testing

@testable import NVML

@Suite("Changing the MIG mode", .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
struct NVMLModeTests {
    private let boards = Boards()

    @Test(arguments: [SimulatedBoard.a100, SimulatedBoard.h100])
    func `an idle GPU changes at once, there and back, and GPUs are found again`(model: String) throws {
        let driver = try boards.make(["--gpu", model]).driver()
        let gpu = try driver.firstGPU().uuid
        #expect(try driver.setMIGMode(enabled: true, on: gpu) == .done)
        #expect(try driver.migMode(of: gpu) == MIGMode(isEnabled: true, isPendingEnabled: true))
        #expect(try driver.gpuInstanceProfiles(of: gpu).count == 7)
        #expect(try driver.setMIGMode(enabled: true, on: gpu) == .done)
        #expect(try driver.setMIGMode(enabled: false, on: gpu) == .done)
        #expect(try driver.gpus().map(\.mode) == [MIGMode(isEnabled: false, isPendingEnabled: false)])
    }

    @Test func `with instances on the GPU the mode is not turned off`() throws {
        let driver = try boards.make().driver()
        let gpu = try driver.firstGPU().uuid
        _ = try driver.createGPUInstance(GPUInstanceProfileID(19), at: Placement(start: 0, size: 1), on: gpu)
        let change = Result { () throws(NVMLError) in try driver.setMIGMode(enabled: false, on: gpu) }
        #expect(change == .success(.pendingInUse) || change == .failure(.call("nvmlDeviceSetMigMode", .inUse)))
        #expect(try driver.migMode(of: gpu)?.isEnabled == true)
    }

    @Test(arguments: [
        ("NO_PERMISSION", NVMLReturn.noPermission), ("GPU_IS_LOST", .gpuIsLost), ("NOT_SUPPORTED", .notSupported),
    ])
    func `a refusal is told by its code`(word: String, code: NVMLReturn) throws {
        let board = try boards.make()
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        try board.fault("nvmlDeviceSetMigMode", word, "--times", "1")
        #expect(throws: NVMLError.call("nvmlDeviceSetMigMode", code)) {
            try driver.setMIGMode(enabled: false, on: gpu)
        }
        #expect(try driver.migMode(of: gpu)?.isEnabled == true)
    }

    @Test func `a GPU that is reset by the change has another minor, and is used at once`() throws {
        let driver = try boards.make(["--gpu", SimulatedBoard.a100, "--count", "2", "--renumber"]).driver()
        let gpu = try driver.firstGPU().uuid
        #expect(try driver.setMIGMode(enabled: true, on: gpu) == .done)
        #expect(try driver.gpus().map(\.minor) == [2, 1])
        let made = try driver.createGPUInstance(
            GPUInstanceProfileID(9), at: Placement(start: 0, size: 4), on: gpu)
        #expect(try driver.instances(on: gpu) == [made])
    }

    @Test func `a GPU that another program resets is lost until the next look, and then all there`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--mig", "--renumber"])
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        let profiles = try driver.gpuInstanceProfiles(of: gpu)
        try board.migsim("reset")
        #expect(throws: NVMLError.call("nvmlDeviceGetMigMode", .gpuIsLost)) { try driver.migMode(of: gpu) }
        #expect(throws: NVMLError.call("nvmlDeviceSetMigMode", .gpuIsLost)) {
            try driver.setMIGMode(enabled: false, on: gpu)
        }
        #expect(try driver.inventory().gpus.map(\.minor) == [1])
        #expect(try driver.gpuInstanceProfiles(of: gpu) == profiles)
        #expect(try driver.setMIGMode(enabled: false, on: gpu) == .done)
    }

    @Test func `where the driver may not reset, the mode waits for a reboot`() throws {
        let driver = try boards.make(["--gpu", SimulatedBoard.a100, "--no-reset"]).driver()
        let gpu = try driver.firstGPU().uuid
        #expect(try driver.setMIGMode(enabled: true, on: gpu) == .pendingReset)
        #expect(try driver.migMode(of: gpu) == MIGMode(isEnabled: false, isPendingEnabled: true))
        #expect(try driver.setMIGMode(enabled: false, on: gpu) == .done)
        #expect(try driver.migMode(of: gpu)?.isPending == false)
    }

    @Test(arguments: [true, false])
    func `a success that changed nothing is caught`(enabled: Bool) throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100] + (enabled ? [] : ["--mig"]))
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        try board.fault("nvmlDeviceSetMigMode", "SUCCESS")
        #expect(throws: NVMLError.notDone(call: "nvmlDeviceSetMigMode", found: "the mode is unchanged")) {
            try driver.setMIGMode(enabled: enabled, on: gpu)
        }
    }

    @Test(arguments: ["nvmlDeviceGetUUID", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMigMode"])
    func `a GPU that is away for a moment after the change is looked for again`(function: String) throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100])
        let driver = try board.driver(milliseconds: 5000)
        let gpu = try driver.firstGPU().uuid
        try board.fault(function, "GPU_IS_LOST", "--times", "3")
        #expect(try driver.setMIGMode(enabled: true, on: gpu) == .done)
    }

    @Test func `a GPU that stays away leaves the change unconfirmed, and is found when it comes back`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--gpu", SimulatedBoard.h100])
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        try board.fault("nvmlDeviceGetHandleByIndex", "GPU_IS_LOST")
        #expect(throws: NVMLError.unconfirmed(.noSuchGPU(gpu))) { try driver.setMIGMode(enabled: true, on: gpu) }
        try board.fault("--clear")
        #expect(try driver.migMode(of: gpu) == MIGMode(isEnabled: true, isPendingEnabled: true))
    }

    @Test func `a driver that is unloaded meanwhile is said to be, at once`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100])
        let driver = try board.driver(milliseconds: 60_000)
        let gpu = try driver.firstGPU().uuid
        try board.fault("nvmlDeviceGetCount", "DRIVER_NOT_LOADED")
        #expect(throws: NVMLError.driverNotLoaded) { try driver.setMIGMode(enabled: true, on: gpu) }
    }

    // `facts/nvml.md` 6.
    @Test(arguments: [(SimulatedBoard.a100, true), (SimulatedBoard.h100, false)])
    func `which GPUs change by a reset is told by the library, or else by their generation`(
        model: String, byReset: Bool
    ) throws {
        let board = try boards.make(["--gpu", model])
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        #expect(try driver.changesModeByReset(of: gpu) == byReset)
        for answer in ["NOT_SUPPORTED", "INVALID_ARGUMENT", "FUNCTION_NOT_FOUND", "SUCCESS"] {
            try board.fault("nvmlDeviceGetFieldValues", answer, "--times", "1")
            #expect(try driver.changesModeByReset(of: gpu) == byReset, "\(answer)")
        }
        try board.fault("nvmlDeviceGetArchitecture", "GPU_IS_LOST")
        #expect(try driver.changesModeByReset(of: gpu) == byReset)
    }

    @Test func `a GPU of which nothing is told counts as one that is reset, and one that is lost as none`() throws {
        let board = try boards.make(["--gpu", SimulatedBoard.h100])
        let driver = try board.driver()
        let gpu = try driver.firstGPU().uuid
        try board.fault("nvmlDeviceGetFieldValues", "NOT_SUPPORTED")
        for answer in ["NOT_SUPPORTED", "FUNCTION_NOT_FOUND"] {
            try board.fault("nvmlDeviceGetArchitecture", answer, "--times", "1")
            #expect(try driver.changesModeByReset(of: gpu), "\(answer)")
        }
        try board.fault("nvmlDeviceGetArchitecture", "GPU_IS_LOST")
        #expect(throws: NVMLError.call("nvmlDeviceGetArchitecture", .gpuIsLost)) {
            try driver.changesModeByReset(of: gpu)
        }
        try board.fault("--clear")
        try board.fault("nvmlDeviceGetFieldValues", "GPU_IS_LOST")
        #expect(throws: NVMLError.call("nvmlDeviceGetFieldValues", .gpuIsLost)) {
            try driver.changesModeByReset(of: gpu)
        }
    }
}

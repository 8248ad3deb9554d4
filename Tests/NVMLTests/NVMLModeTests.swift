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
}

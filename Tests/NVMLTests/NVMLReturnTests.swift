import MIG
import Testing

@testable import NVML

@Suite("The driver's answers")
struct NVMLReturnTests {
    // `facts/nvml.md` 2.4, the numbers and those texts that are the driver's own.
    private static let known: [(code: UInt32, name: String, text: String?)] = [
        (0, "SUCCESS", nil), (1, "UNINITIALIZED", "Uninitialized"), (2, "INVALID_ARGUMENT", "Invalid Argument"),
        (3, "NOT_SUPPORTED", "Not Supported"), (4, "NO_PERMISSION", "Insufficient Permissions"),
        (5, "ALREADY_INITIALIZED", "Already Initialized"), (6, "NOT_FOUND", "Not Found"),
        (7, "INSUFFICIENT_SIZE", "Insufficient Size"), (8, "INSUFFICIENT_POWER", "Insufficient External Power"),
        (9, "DRIVER_NOT_LOADED", "Driver Not Loaded"), (10, "TIMEOUT", "Timeout"),
        (11, "IRQ_ISSUE", "Interrupt Request Issue"), (12, "LIBRARY_NOT_FOUND", "NVML Shared Library Not Found"),
        (13, "FUNCTION_NOT_FOUND", "Function Not Found"), (14, "CORRUPTED_INFOROM", "Corrupted infoROM"),
        (15, "GPU_IS_LOST", "GPU is lost"), (16, "RESET_REQUIRED", "GPU requires restart"),
        (17, "OPERATING_SYSTEM", "The operating system has blocked the request."),
        (18, "LIB_RM_VERSION_MISMATCH", "RM has detected an NVML/RM version mismatch."),
        (19, "IN_USE", "In use by another client"), (20, "MEMORY", "Insufficient Memory"), (21, "NO_DATA", nil),
        (22, "VGPU_ECC_NOT_SUPPORTED", nil), (23, "INSUFFICIENT_RESOURCES", "Insufficient Resources"),
        (24, "FREQ_NOT_SUPPORTED", nil), (25, "ARGUMENT_VERSION_MISMATCH", nil), (26, "DEPRECATED", nil),
        (27, "NOT_READY", nil), (28, "GPU_NOT_FOUND", nil), (29, "INVALID_STATE", nil),
        (30, "RESET_TYPE_NOT_SUPPORTED", nil), (999, "UNKNOWN", "Unknown Error"),
    ]

    @Test(arguments: known.indices)
    func `every code has its name, and its text where the driver's is known`(index: Int) {
        let wanted = Self.known[index]
        let answer = NVMLReturn(code: wanted.code)
        #expect(answer.code == wanted.code)
        #expect(answer.name == wanted.name)
        if let text = wanted.text { #expect(answer.text == text) }
        if case .unknown = answer { Issue.record("\(wanted.name) is no case of its own") }
    }

    @Test(arguments: [31, 998, 1000, UInt32.max] as [UInt32])
    func `a code of the future is kept as its number`(code: UInt32) {
        #expect(NVMLReturn(code: code) == .unknown(code))
        #expect(NVMLReturn(code: code).code == code)
        #expect(NVMLReturn(code: code).name == "code \(code)")
    }

    // `facts/nvml.md` 3: kind, slices, MiB of the instance, MiB of the board, name.
    @Test(arguments: [
        (0, 1, 4864, 40960, "1g.5gb"), (7, 1, 4864, 40960, "1g.5gb+me"), (9, 1, 9856, 40960, "1g.10gb"),
        (2, 3, 19968, 40960, "3g.20gb"), (4, 7, 40192, 40960, "7g.40gb"), (0, 1, 16384, 143771, "1g.18gb"),
        (2, 3, 71168, 143771, "3g.71gb"), (0, 1, 20992, 183359, "1g.23gb"), (0, 1, 5952, 24576, "1g.6gb"),
        (8, 2, 11968, 24576, "2g.12gb+me"), (0xA, 1, 24192, 97887, "1g.24gb+gfx"),
        (0xF, 1, 24192, 97887, "1g.24gb+me.all"), (0xE, 2, 48512, 97887, "2g.48gb-me"),
        (0xC, 4, 97408, 97887, "4g.96gb+gfx"),
    ])
    func `names follow the vendor's formula`(kind: Int, slices: Int, memory: Int, board: Int, name: String) {
        #expect(
            ProfileNameFormula.name(
                GPUInstanceProfileKind(UInt32(kind)), slices: SliceCount(slices), memoryMiB: memory,
                boardBytes: UInt64(board) << 20) == name)
    }

    @Test(arguments: [
        ([("1c", 0, 1, 14), ("whole", 2, 3, 42)], "whole"),
        // A 1g of double memory: two profiles of one slice, the one of kind 7 with all multiprocessors.
        ([("1c", 0, 1, 16), ("whole", 7, 1, 26)], "whole"),
        ([("whole", 4, 7, 132), ("same, tuned", 8, 7, 132)], "whole"),
    ])
    func `the whole of a GPU instance is found by its multiprocessors`(
        profiles: [(name: String, kind: Int, slices: Int, multiprocessors: Int)], name: String
    ) {
        let all = profiles.map {
            ComputeInstanceProfile(
                name: $0.name, kind: ComputeInstanceProfileKind(UInt32($0.kind)),
                id: ComputeInstanceProfileID(UInt32($0.kind)), slices: SliceCount($0.slices),
                multiprocessors: $0.multiprocessors, instanceCount: 1)
        }
        #expect(all.whole?.name == name)
        #expect(Array(all.reversed()).whole?.name == name)
        #expect([ComputeInstanceProfile]().whole == nil)
    }
}

import Glibc
import Linux
import MIG
import TestSupport
import Testing

@testable import NVML

@Suite("Finding the library")
struct NVMLLibraryTests {
    private let boards = Boards()

    private static let isRoot = geteuid() == 0
    private static let realLibrary = CurrentProcess.environment("MIGBROKER_REAL_NVML")

    @Test func `without a library the error names the places`() {
        // A place that is safe whoever runs this, and where nothing is.
        let root = "/usr/lib/migbroker-absent"
        #expect(throws: NVMLError.libraryNotFound(tried: ["\(root)/lib/libnvidia-ml.so.1"])) {
            try NVMLDriver(driver: root)
        }
    }

    @Test(.enabled(if: isRoot, "needs root: who owns a library decides"))
    func `what is no library is refused in the loader's words`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("lib"))
        try Files.write(directory.path("lib/libnvidia-ml.so.1"), Array("#!/bin/sh\n".utf8))
        let error = #expect(throws: NVMLError.self) { try NVMLDriver(driver: directory.path) }
        guard case .libraryUnusable(let path, let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path == directory.path("lib/libnvidia-ml.so.1"))
        #expect(!reason.isEmpty)
    }

    @Test(.enabled(if: isRoot, "needs root: who owns a library decides"))
    func `a library without the driver's functions is refused by the first that is missing`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("lib"))
        // Any shared library will do that root owns and that this very process runs on.
        try Files.symlink(to: try Self.libc(), at: directory.path("lib/libnvidia-ml.so.1"))
        #expect(throws: NVMLError.symbolMissing(["nvmlInit_v2", "nvmlInit"])) {
            try NVMLDriver(driver: directory.path)
        }
    }

    @Test(
        .enabled(if: isRoot, "needs root: who owns a library decides"),
        arguments: [
            "group may write the library", "others may write its directory", "another owns it",
            "it is a link to another's",
        ]
    )
    func `a library that somebody else could change is refused, and not passed over`(how: String) throws {
        let directory = try TemporaryDirectory()
        let library = directory.path("lib/libnvidia-ml.so.1")
        try Files.makeDirectory(directory.path("lib"))
        try Files.write(library, [])
        switch how {
        case "group may write the library": try Files.setMode(library, 0o664)
        case "others may write its directory": try Files.setMode(directory.path("lib"), 0o777)
        case "another owns it": try Files.setOwner(library, .init(61001), .init(61001))
        default:
            try Files.remove(library)
            try Files.write(directory.path("theirs"), [])
            try Files.setOwner(directory.path("theirs"), .init(61001), .init(61001))
            try Files.symlink(to: directory.path("theirs"), at: library)
        }
        let error = #expect(throws: NVMLError.self) { try NVMLDriver(driver: directory.path) }
        guard case .unsafeLibrary? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"),
        .enabled(if: !Files.exists("/proc/driver/nvidia"), "this machine has a driver")
    )
    func `the environment names no library`() async throws {
        let board = try boards.make()
        let library = "\(board.path)/lib"
        await #expect(processExitsWith: .success) { [library = library as String] in
            for name in ["LD_LIBRARY_PATH", "LD_PRELOAD", "NVML_PATH", "MIGSIM_ROOT"] { setenv(name, library, 1) }
            #expect(chdir(library) == 0)
            let error = #expect(throws: NVMLError.self) { try NVMLDriver(driver: nil) }
            switch error {
            case .libraryNotFound, .driverNotLoaded: break
            default: Issue.record("\(String(describing: error))")
            }
        }
    }

    @Test(.enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
    func `the view without MIG is not asked for, whatever the environment says`() async throws {
        let board = try boards.make()
        let path = board.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            setenv("NVML_MPS_DEVICE_ENUMERATION", "1", 1)
            _ = try NVMLDriver(driver: path)
            #expect(CurrentProcess.environment("NVML_MPS_DEVICE_ENUMERATION") == nil)
        }
    }

    @Test(.enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
    func `a module that is not loaded is told apart from a library that is not there`() throws {
        let board = try boards.make()
        try board.fault("nvmlInitWithFlags", "DRIVER_NOT_LOADED", "--times", "1")
        #expect(throws: NVMLError.driverNotLoaded) { try board.driver() }
        let driver = try board.driver()
        try board.fault("nvmlDeviceGetCount", "DRIVER_NOT_LOADED")
        #expect(throws: NVMLError.driverNotLoaded) { try driver.gpus() }
    }

    @Test(.enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"))
    func `an old library that lacks what came later serves all the same`() throws {
        let lacks = [
            "nvmlInitWithFlags", "nvmlDeviceGetGpuInstanceProfileInfoV", "nvmlDeviceGetGpuInstanceProfileInfoByIdV",
            "nvmlGpuInstanceGetComputeInstanceProfileInfoV", "nvmlGpuInstanceGetComputeInstancePossiblePlacements",
            "nvmlGpuInstanceCreateComputeInstanceWithPlacement", "nvmlDeviceGetFieldValues",
            "nvmlDeviceGetArchitecture", "nvmlDeviceGetGpuInstancePossiblePlacements_v2",
            "nvmlDeviceGetComputeRunningProcesses_v3",
        ].flatMap { ["--without", $0] }
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--mig"] + lacks)
        let (old, modern) = (try board.driver(), try boards.make().driver())
        let gpu = try old.firstGPU().uuid
        #expect(try old.gpuInstanceProfiles(of: gpu) == modern.gpuInstanceProfiles(of: try modern.firstGPU().uuid))
        #expect(try old.changesModeByReset(of: gpu))
        let instance = try old.createGPUInstance(
            GPUInstanceProfileID(9), at: Placement(start: 0, size: 4), on: gpu)
        _ = try old.createComputeInstance(ComputeInstanceProfileID(2), in: instance.id, on: gpu)
        let name = "nvmlGpuInstanceCreateComputeInstanceWithPlacement"
        #expect(throws: NVMLError.symbolMissing([name])) {
            try old.createComputeInstance(
                ComputeInstanceProfileID(0), at: Placement(start: 0, size: 1), in: instance.id, on: gpu)
        }
    }

    @Test(
        .enabled(if: SimulatedBoard.obstacle == nil, "\(SimulatedBoard.obstacle ?? "")"),
        arguments: ["nvmlDeviceGetMigMode", "nvmlGpuInstanceDestroy"])
    func `a library without what no job can do without is refused by its name`(function: String) throws {
        let board = try boards.make(["--gpu", SimulatedBoard.a100, "--without", function])
        #expect(throws: NVMLError.symbolMissing([function])) { try board.driver() }
    }

    @Test(
        .enabled(if: realLibrary != nil, "set MIGBROKER_REAL_NVML to the vendor's libnvidia-ml.so.1"),
        .enabled(if: isRoot, "needs root: who owns a library decides"),
        .enabled(if: !Files.exists("/proc/driver/nvidia"), "this machine has a driver")
    )
    func `the vendor's own library has every function asked for, and says that no driver is loaded`() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.path("lib"))
        let library = try Files.read(try #require(Self.realLibrary))
        try Files.write(directory.path("lib/libnvidia-ml.so.1"), library)
        let error = #expect(throws: NVMLError.driverNotLoaded) { try NVMLDriver(driver: directory.path) }
        #expect(
            error?.description
                == "the NVIDIA kernel driver is not loaded (the library is there, the module is not)")
    }

    private static func libc() throws -> String {
        let maps = String(decoding: try Files.read("/proc/self/maps"), as: UTF8.self)
        let line = try #require(maps.split(separator: "\n").first { $0.hasSuffix("/libc.so.6") })
        return String(try #require(line.split(separator: " ").last))
    }
}

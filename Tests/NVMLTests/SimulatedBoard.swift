import Glibc
import Linux
import MIG
import TestSupport

@testable import NVML

/// A simulated machine of one test, made by the real tool, and the driver's library on it.
final class SimulatedBoard {
    static let a100 = "NVIDIA A100-SXM4-40GB"
    static let h100 = "NVIDIA H100 80GB HBM3"

    /// Why there can be none here, or nil.
    static let obstacle: String? = {
        guard geteuid() == 0 else { return "needs root: the library must lie where only root can write" }
        guard BuiltProducts.has("migsim"), BuiltProducts.has("SimulatedNVML") else { return "needs migsim built" }
        return nil
    }()

    private let directory: TemporaryDirectory
    var path: String { directory.path("machine") }

    init(_ arguments: [String]) throws {
        directory = try TemporaryDirectory()
        try migsim("new", arguments + ["--nodes", "file"])
    }

    /// A session with the driver; short of patience, so that refusals come soon.
    func driver(milliseconds: Int = 60) throws -> NVMLDriver {
        try NVMLDriver(driver: path, patience: .init(milliseconds: milliseconds, pauseMilliseconds: 5))
    }

    /// Makes calls of the library fail, as `migsim fault` has it.
    func fault(_ words: String...) throws { try migsim("fault", words) }

    func migsim(_ verb: String, _ arguments: [String] = []) throws {
        let run = try Command.run(BuiltProducts.path(of: "migsim"), [verb, path] + arguments)
        guard run.code == 0 else { throw Failed(text: run.errors) }
    }

    struct Failed: Error { let text: String }
}

/// The machines of one test, which live as long as its suite's instance: to the last line, not to their last use.
final class Boards {
    private var kept: [SimulatedBoard] = []

    func make(_ arguments: [String] = ["--gpu", SimulatedBoard.a100, "--mig"]) throws -> SimulatedBoard {
        let board = try SimulatedBoard(arguments)
        kept.append(board)
        return board
    }
}

extension NVMLDriver {
    func firstGPU() throws -> GPU {
        guard let gpu = try gpus().first else { throw SimulatedBoard.Failed(text: "no GPU") }
        return gpu
    }
}

import Linux
import MIG
import TestSupport
import Testing

/// The vendor's own tool, unmodified.
enum NvidiaSMI {
    /// MIGBROKER_NVIDIA_SMI, or the one that is installed.
    private static let program: String? = {
        if let named = CurrentProcess.environment("MIGBROKER_NVIDIA_SMI") { return named }
        let places = Command.defaultPath.dropFirst(5).split(separator: ":").map { "\($0)/nvidia-smi" }
        return places.first(where: Files.exists)
    }()

    /// Why it cannot run here, or nil where it can.
    static let obstacle: String? = {
        guard CurrentProcess.user == .root else { return "needs root: what nvidia-smi changes, root changes" }
        guard BuiltProducts.has("SimulatedNVML"), BuiltProducts.has("migsim") else { return "needs the built migsim" }
        guard program != nil else { return "needs nvidia-smi, a non-free package (MIGBROKER_NVIDIA_SMI)" }
        return Command.exists("setpriv") ? nil : "needs setpriv of util-linux"
    }()

    /// Runs it as root on a machine.
    static func run(on machine: borrowing TestMachine, _ words: [String]) throws -> Command {
        try Command.run(try #require(program), words, environment: environment(machine))
    }

    /// Runs it as a user without any right, who may not be able to enter the directory in which it lies.
    static func run(on machine: borrowing TestMachine, asUser uid: Int, _ words: [String]) throws -> Command {
        let copy = machine.directory.path("nvidia-smi")
        if !Files.exists(copy) { try Files.write(copy, try Files.read(try #require(program)), mode: 0o755) }
        let identity = ["--reuid", "\(uid)", "--regid", "\(uid)", "--clear-groups", "--"]
        return try Command.run("setpriv", identity + [copy] + words, environment: environment(machine))
    }

    private static func environment(_ machine: borrowing TestMachine) -> [String] {
        [Command.defaultPath, "LD_LIBRARY_PATH=\(machine.path)/lib"]
    }

    /// What it printed, a line each without the blanks between columns and without the lines that only draw frames;
    /// their widths are those of its version.
    static func lines(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").joined(separator: " ")
            return words.allSatisfy { "+-=| ".contains($0) } ? nil : words
        }
    }

    /// The lines of its plain table from one that holds a text on.
    static func lines(_ text: String, from first: String) -> [String] {
        Array(lines(text).drop { !$0.contains(first) })
    }
}

/// Whether a command printed just these lines, blanks and frames aside, and ended so.
func expect(
    _ command: Command, prints wanted: String, code: Int32 = 0, from first: String = "",
    _ location: SourceLocation = #_sourceLocation
) {
    let printed = NvidiaSMI.lines(command.output + command.errors, from: first)
    #expect(printed == NvidiaSMI.lines(wanted), sourceLocation: location)
    #expect(command.code == code, sourceLocation: location)
}

import JSON
import Linux
import MIG
import TestSupport
import Testing

/// The unmodified PyPI package nvidia-ml-py on a simulated machine.
enum Python {
    /// An interpreter that has the package: MIGBROKER_PYTHON, or python3; nil where neither does.
    static let interpreter: String? = {
        let candidates = [CurrentProcess.environment("MIGBROKER_PYTHON"), "python3"].compactMap(\.self)
        return candidates.first { candidate in
            let command = try? Command.run(candidate, ["-c", "import pynvml"], environment: environment)
            return command?.code == 0
        }
    }()

    static let isMissing: Bool = interpreter == nil || !BuiltProducts.has("SimulatedNVML")

    private static var environment: [String] {
        CurrentProcess.environment().filter { !$0.hasPrefix("LD_LIBRARY_PATH=") && !$0.hasPrefix("MIGSIM_ROOT=") }
    }

    private static let scripts = Files.parent(of: Files.parent(of: Files.parent(of: #filePath))) + "/Tests/python"

    /// The command that runs a script of Tests/python.
    static func command(_ script: String, _ arguments: [String]) throws -> [String] {
        [try #require(interpreter), "\(scripts)/\(script)"] + arguments
    }

    /// Runs a script of Tests/python on a machine and reads what it prints.
    ///
    /// `withoutCapabilities` is for root, who is then an owner of files and nothing more, as an ordinary user is.
    static func run(
        _ script: String, _ arguments: [String] = [], on machine: String, withoutCapabilities: Bool = false,
        variables: [String] = []
    ) throws -> JSONValue {
        var words = try command(script, arguments)
        if withoutCapabilities, CurrentProcess.user == .root {
            words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] + words
        }
        let found = variables.isEmpty ? ["LD_LIBRARY_PATH=\(machine)/lib"] : variables
        let command = try Command.run(words[0], Array(words.dropFirst()), environment: environment + found)
        try #require(command.code == 0, "\(command.errors)")
        return try JSONParser.parse(Array(command.output.utf8), limits: .reply)
    }
}

import Glibc
import Linux
import MIG
import SimulatedMachine

/// What can be shown without root: the simulated driver is read, a policy is checked, and the way on is named.
enum DemoWithoutRoot {
    static func run() throws(Failure) {
        let directory = "/tmp/migsim-demo-\(CurrentProcess.user)-\(CurrentProcess.pid)"
        defer { try? Files.removeTree(directory) }
        let built = Files.parent(of: try system { () throws(SystemError) in try CurrentProcess.executable() })
        try system { () throws(SystemError) in
            try Files.makeDirectory(directory, mode: 0o700)
            try Files.write("\(directory)/policy.json", Array(DemoStage.policy.utf8), mode: 0o600)
        }
        try MigSim.print("# You are not root, so this shows the simulated driver and a check of a policy.\n")
        try show("\(built)/migsim", ["new", "\(directory)/machine", "--gpu", "A100", "--mig", "--nodes", "file"], [0])
        try show("\(built)/migsim", ["show", "\(directory)/machine"], [0])
        // Its groups exist on few machines, and then the check names each that does not.
        try show("\(built)/migctl", ["policy", "check", "\(directory)/policy.json"], [0, 10])
        try MigSim.print(
            "\n# The main job takes root, for users, nodes and the broker. Type:\n#   sudo \(built)/migsim demo\n")
    }

    private static func show(_ program: String, _ arguments: [String], _ statuses: [Int32]) throws(Failure) {
        try MigSim.print("$ \(Files.name(of: program)) \(arguments.joined(separator: " "))\n")
        let status = try system { () throws(SystemError) in
            let child = try ChildProcess(
                program, arguments: arguments, environment: CurrentProcess.environment(),
                streams: .init(input: nil, output: 1, error: 1))
            return try child.wait().shellCode
        }
        guard statuses.contains(status) else { throw .text("\(program) ended with \(status)") }
    }
}

import Glibc
import JSON
import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let modprobe = Verb(
        name: "modprobe", usage: "modprobe DIR [-f PROCFILE ...] [-c MINOR] [--as UID]",
        summary: """
            Makes or resets the device node of a capability file exactly as the setuid program nvidia-modprobe does for
            its caller. PROCFILE is as on the machine: /proc/driver/nvidia/capabilities/mig/monitor.
            -c does the same for the node of the GPU with a minor number.
            Needs root, which the real program has by its setuid bit; --as names the user who calls it.
            """
    ) { words throws(Failure) in
        let words = try Words(words, kinds: ["-f": .values, "-c": .value, "--as": .value])
        try words.requireNoCommand()
        let directory = try words.arguments("DIR")[0]
        let files = words.values("-f")
        let gpuMinor = try words.number("-c", in: 0...CapabilityMinor.gpuCount - 1)
        guard !files.isEmpty || gpuMinor != nil else { throw .usage(.missingArgument("-f PROCFILE")) }
        let caller = try words.number("--as", in: 0...Int(UInt32.max) - 1)
        let opened = try openMachine(directory)
        let state = try machine { () throws(MachineError) in try opened.state() }
        if let caller {
            guard CurrentProcess.user == .root else { throw .text("--as needs root") }
            // A setuid program: the caller's real uid, root's effective one.
            guard setreuid(uid_t(caller), 0) == 0 else {
                throw .system(SystemError("setreuid", Errno(rawValue: errno)))
            }
        }
        for file in files { try handle(file, opened, state) }
        guard let gpuMinor else { return }
        let outcome = try system { () throws(SystemError) in try opened.nodes(state).ensure(gpuMinor: gpuMinor) }
        try requirePresence(outcome, of: opened.layout.gpuNode(gpuMinor))
    }

    private static func handle(_ file: String, _ opened: Machine, _ state: MachineState) throws(Failure) {
        guard file.utf8.starts(with: "/proc/driver/nvidia".utf8), !contains(file, "./") else {
            throw .text("\(file) is not a path below /proc/driver/nvidia")
        }
        let path = "\(opened.layout.directory)\(file)"
        // By the real uid, as access(2) judges: the caller must be able to read the file himself.
        guard access(path, R_OK) == 0 else { throw .system(SystemError("access", Errno(rawValue: errno), path)) }
        guard let capability = Capability(file: file) else { throw .text("\(file) is no capability file") }
        guard let rule = try machine({ () throws(MachineError) in try opened.rule(of: capability) }) else {
            throw .text("the driver has no node for \(file)")
        }
        let outcome = try system { () throws(SystemError) in try opened.nodes(state).ensure(rule) }
        try requirePresence(outcome, of: opened.layout.node(rule.minor))
    }

    private static func requirePresence(_ outcome: NodeFiles.Outcome, of node: String) throws(Failure) {
        guard outcome == .forbidden(isPresent: false) else { return }
        throw .text("\(node) is missing, and the driver forbids to make it")
    }

    private static func contains(_ text: String, _ part: String) -> Bool {
        let bytes = Array(text.utf8)
        let wanted = Array(part.utf8)
        return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
    }
}

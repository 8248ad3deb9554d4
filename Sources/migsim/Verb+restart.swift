import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let reset = Verb(
        name: "reset", usage: "reset DIR [--gpu N]",
        summary: """
            Resets one GPU or all, as 'nvidia-smi --gpu-reset' does: a pending MIG mode is active, instances are gone.
            Refused while processes hold them, and on a machine made with --no-reset.
            """
    ) { words throws(Failure) in
        let words = try Words(words, kinds: ["--gpu": .value])
        try words.requireNoCommand()
        let index = try words.number("--gpu", in: 0...CapabilityMinor.gpuCount - 1)
        let opened = try openMachine(try words.arguments("DIR")[0])
        do throws(MachineError) {
            try opened.reset(gpu: index)
        } catch {
            switch error {
            case .refused(.inUse): throw try inUse("what is to be reset", opened, gpu: index)
            case .refused(.notFound): throw .text("there is no GPU \(index ?? 0) on this machine")
            case .refused(.notSupported): throw .text("the driver may not reset the GPUs of this machine")
            default: throw .machine(error)
            }
        }
    }

    static let reload = Verb(
        name: "reload", usage: "reload DIR",
        summary: """
            Unloads the driver and loads it again: instances are gone, and MIG mode on boards that do not store it.
            Refused while processes hold devices.
            """
    ) { words throws(Failure) in
        let directory = try Words(words).arguments("DIR")[0]
        let opened = try openMachine(directory)
        do throws(MachineError) {
            try opened.reload()
        } catch {
            guard case .refused(.inUse) = error else { throw .machine(error) }
            throw try inUse("the driver", opened)
        }
    }

    /// Says who uses a GPU, or any of them.
    private static func inUse(_ what: String, _ opened: Machine, gpu index: Int? = nil) throws(Failure) -> Failure {
        let holders = try machine { () throws(MachineError) in
            guard let index else { return try opened.holders() }
            return try opened.holders(of: try opened.state().gpus[index])
        }
        return .text("\(what) is in use by process \(holders.map { "\($0.pid)" }.joined(separator: ", "))")
    }

    static let reboot = Verb(
        name: "reboot", usage: "reboot DIR",
        summary: """
            Restarts the machine: what 'reload' loses, its processes, and the device nodes of instances.
            """
    ) { words throws(Failure) in
        let directory = try Words(words).arguments("DIR")[0]
        let opened = try openMachine(directory)
        try machine { () throws(MachineError) in try opened.reboot() }
    }
}

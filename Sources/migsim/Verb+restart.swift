import SimulatedMachine

extension Verb {
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
            let pids = try machine { () throws(MachineError) in try opened.holders() }.map { "\($0.pid)" }
            throw .text("the driver is in use by process \(pids.joined(separator: ", "))")
        }
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

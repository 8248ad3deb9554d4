import Glibc
import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let enter = Verb(
        name: "enter", usage: "enter DIR -- COMMAND [ARGUMENT ...]",
        summary: """
            Runs COMMAND on the machine: its proc, sys and dev trees in place of the real ones, in a mount namespace of
            its own, and the driver's library where the loader looks. Needs root.
            """
    ) { words throws(Failure) in
        let words = try Words(words)
        let directory = try words.arguments("DIR")[0]
        let command = try words.command()
        let layout = try openMachine(directory).layout
        guard CurrentProcess.user == .root else { throw .text("a mount namespace needs root") }
        for covered in ["/dev/", "/proc/", "/sys/"] where layout.directory.utf8.starts(with: covered.utf8) {
            throw .text("\(layout.directory) would be hidden by the machine's own \(covered.dropLast())")
        }
        try system { () throws(SystemError) in
            try Namespace.enterPrivateMounts()
            try showProc(layout)
            try FreshDevices(layout).show()
        }
        showSys(layout)
        let inherited = CurrentProcess.environment("LD_LIBRARY_PATH").map { ":\($0)" } ?? ""
        try execute(command, adding: ["LD_LIBRARY_PATH": Files.parent(of: layout.library) + inherited])
    }

    private static func showProc(_ layout: MachineLayout) throws(SystemError) {
        try Namespace.bind("\(layout.proc)/driver", at: "/proc/driver")
        try Namespace.bind(layout.devices, at: "/proc/devices")
    }

    /// The host has no directory to mount on, and none can be made in its /sys: so two layers are shown as one.
    private static func showSys(_ layout: MachineLayout) {
        for part in ["module", "bus/pci/devices"] where Files.exists("/sys/\(part)") {
            let options = "lowerdir=\(layout.sys)/\(part):/sys/\(part)"
            let result = options.withCString { mount("overlay", "/sys/\(part)", "overlay", UInt(MS_RDONLY), $0) }
            guard result != 0 else { continue }
            let error = SystemError("mount", Errno(rawValue: errno), "/sys/\(part)")
            MigSim.say("migsim: the machine's sys tree is not shown: \(error)")
        }
    }
}

/// A `/dev` with what every program needs of the host's, and the machine's nodes.
private struct FreshDevices {
    let layout: MachineLayout

    init(_ layout: MachineLayout) { self.layout = layout }

    func show() throws(SystemError) {
        // The old tree is reached through its descriptor once the new one covers it.
        let old = try Files.open("/dev", [.pathOnly, .directory])
        let host = "/proc/self/fd/\(old.raw)"
        try Namespace.mountMemory(at: "/dev", options: "mode=0755,size=1m")
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            try showFile("\(host)/\(name)", as: "/dev/\(name)")
        }
        for name in ["pts", "shm", "mqueue", "hugepages"] where Files.exists("\(host)/\(name)") {
            try showDirectory("\(host)/\(name)", as: "/dev/\(name)")
        }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
        ]
        for (name, target) in links { try Files.symlink(to: target, at: "/dev/\(name)") }
        for name in try Files.list(layout.dev) {
            let source = "\(layout.dev)/\(name)"
            if try Files.attributes(source).kind == .directory {
                // As a whole, so that nodes made later are seen too.
                try showDirectory(source, as: "/dev/\(name)")
            } else {
                try showFile(source, as: "/dev/\(name)")
            }
        }
        extendLifetime(old)
    }

    private func showFile(_ source: String, as target: String) throws(SystemError) {
        try Files.write(target, [])
        try Namespace.bind(source, at: target)
    }

    private func showDirectory(_ source: String, as target: String) throws(SystemError) {
        try Files.makeDirectory(target)
        try Namespace.bind(source, at: target)
    }
}

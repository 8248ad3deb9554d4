import Linux
import SimulatedMachine
import TestSupport

/// A process that computes on a device of a machine until it is ended, as `migsim hold` starts it.
func hold(_ machine: Machine, _ name: String, _ options: [String] = []) throws -> KeptProcess {
    let child = try KeptProcess(
        BuiltProducts.path(of: "migsim"),
        ["hold", machine.layout.directory, "--device", name] + options + ["--", "sleep", "100"])
    try child.waitUntil("the device is held, and the command runs") {
        try machine.holders().contains { $0.pid == child.pid } && Holder.name(of: child.pid) == "sleep"
    }
    return child
}

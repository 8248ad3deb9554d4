import Linux
import SimulatedMachine
import TestSupport

/// A machine of one test, with regular files for nodes so that it needs no root; gone with its owner.
struct TestMachine: ~Copyable {
    let directory: TemporaryDirectory
    let machine: Machine

    /// The driver library that this build made; machines that nobody loads it from get an empty file.
    static let library = BuiltProducts.path(of: "SimulatedNVML")

    /// Made and then used once, as by `nvidia-smi`, so that its GPUs are up.
    init(
        _ models: [GPUModel] = [.a100, .h100], isMIGEnabled: Bool = true, isMirrored: Bool = false,
        renumbersGPUs: Bool = false, canResetGPUs: Bool = true, admitsEstimates: Bool = false,
        driver: DriverVersion = .usual, module: [String] = [], nodes: MachineState.NodeStyle = .file,
        library: String = "/dev/null"
    ) throws {
        let directory = try TemporaryDirectory()
        var plan = MachinePlan(models: models, library: library)
        plan.isMIGEnabled = isMIGEnabled
        plan.isMirrored = isMirrored
        plan.renumbersGPUs = renumbersGPUs
        plan.canResetGPUs = canResetGPUs
        plan.admitsEstimates = admitsEstimates
        plan.driver = driver
        for parameter in module { try plan.module.set(parameter, driver: driver) }
        plan.nodes = nodes
        try Machine.make(plan, in: directory.path("machine"))
        let machine = try Machine(directory: directory.path("machine"))
        try machine.attach()
        self.machine = machine
        self.directory = directory
    }

    var path: String { machine.layout.directory }

    /// Has the machine not know that its files follow its state, as if a process had been killed between the two.
    func loseTrack() throws {
        let header = try Files.read(machine.layout.header)
        // The third counter as it was made: 0, and its complement in the upper half of the word.
        let start: [UInt8] = [0, 0, 0, 0, 255, 255, 255, 255]
        // In place, because the file is mapped.
        try Files.open(machine.layout.header, .write).write(Array(header[..<128]) + start)
    }

    /// A second look at the same machine, as another process would have it.
    func reopened() throws(MachineError) -> Machine { try Machine(directory: path) }
}

/// A file's text.
func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

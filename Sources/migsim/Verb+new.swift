import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let new = Verb(
        name: "new",
        usage: "new DIR --gpu MODEL [--gpu MODEL ...] [--count N] [--driver VERSION] [--mig] [--mirrored]"
            + " [--renumber] [--no-reset] [--nodes device|file] [--module NAME=VALUE ...]",
        summary: """
            Makes a machine in DIR, which must be empty or not there yet.
            --gpu takes a model's full name or a short one: \(GPUModel.all.flatMap(\.shortNames).joined(separator: ", ")).
            --count gives so many of each. --mig has MIG mode on from the start. --mirrored has the slice without
            compute in the other half. --renumber gives a GPU another minor number whenever it is reset, which a change of
            MIG mode does to some. --no-reset has GPUs that the driver may not reset, as in a virtual machine: such a
            change then waits for a reboot. --nodes file has regular files stand in for device nodes, which need root.
            --module gives the kernel module a parameter. NVreg_ModifyDeviceFiles=0: neither nvidia-modprobe nor the
            library makes or changes a node. nv_cap_enable_devfs=0, before driver 515.43.04: capabilities are files of
            /proc and not nodes.
            """
    ) { words throws(Failure) in
        let kinds: [String: Options.Kind] = [
            "--gpu": .value, "--count": .value, "--driver": .value, "--mig": .flag, "--mirrored": .flag,
            "--renumber": .flag, "--no-reset": .flag, "--nodes": .value, "--module": .value,
        ]
        let words = try Words(words, kinds: kinds)
        try words.requireNoCommand()
        let directory = try words.arguments("DIR")[0]
        let plan = try plan(words)
        try requireEmpty(directory)
        try machine { () throws(MachineError) in try Machine.make(plan, in: directory) }
        if plan.nodes == .device { try requireDevices(in: directory) }
    }

    private static func plan(_ words: Words) throws(Failure) -> MachinePlan {
        guard !words.values("--gpu").isEmpty else { throw .usage(.missingArgument("--gpu MODEL")) }
        var models: [GPUModel] = []
        let count = try words.number("--count", in: 1...CapabilityMinor.gpuCount) ?? 1
        for name in words.values("--gpu") {
            guard let model = GPUModel.named(name) else {
                let names = GPUModel.all.map { "'\($0.name)'" }.joined(separator: ", ")
                throw .usage(.badValue(option: "--gpu", value: name, expected: "one of \(names)"))
            }
            models += Array(repeating: model, count: count)
        }
        guard models.count <= CapabilityMinor.gpuCount else {
            throw .text("a machine has at most \(CapabilityMinor.gpuCount) GPUs")
        }
        let executable = try system { () throws(SystemError) in try CurrentProcess.executable() }
        var plan = MachinePlan(models: models, library: "\(Files.parent(of: executable))/SimulatedNVML")
        if let text = words.value("--driver") {
            guard let version = DriverVersion(text) else {
                throw .usage(.badValue(option: "--driver", value: text, expected: "a version such as 580.105.08"))
            }
            plan.driver = version
        }
        for model in models where plan.driver < model.minimumDriver {
            throw .text(
                "driver \(plan.driver) does not know \(model.name); the first that does is \(model.minimumDriver)")
        }
        if let text = words.value("--nodes") {
            guard let style = MachineState.NodeStyle(rawValue: text) else {
                throw .usage(.badValue(option: "--nodes", value: text, expected: "'device' or 'file'"))
            }
            plan.nodes = style
        }
        for parameter in words.values("--module") {
            do throws(ModuleParameters.UnknownParameter) {
                try plan.module.set(parameter, driver: plan.driver)
            } catch {
                throw .usage(.badValue(option: "--module", value: parameter, expected: "\(error)"))
            }
        }
        plan.isMIGEnabled = words.has("--mig")
        guard !plan.isMIGEnabled || models.contains(where: \.supportsMIG) else {
            throw .text("\(models[0].name) has no MIG")
        }
        plan.isMirrored = words.has("--mirrored")
        plan.renumbersGPUs = words.has("--renumber")
        plan.canResetGPUs = !words.has("--no-reset")
        if plan.nodes == .device, CurrentProcess.user != .root {
            throw .text("device nodes need root; with '--nodes file' regular files stand in for them")
        }
        return plan
    }

    private static func requireEmpty(_ directory: String) throws(Failure) {
        guard Files.exists(directory) else { return }
        let names = try system { () throws(SystemError) in try Files.list(directory) }
        guard names.isEmpty else { throw .text("\(directory) is not empty") }
    }

    /// A mount without devices would let nobody open a node, and every later answer would mislead.
    private static func requireDevices(in directory: String) throws(Failure) {
        do throws(SystemError) {
            _ = try Files.open("\(directory)/dev/nvidiactl", [.read, .nonBlocking])
        } catch  where error.code == .access {
            throw .text(
                "\(directory) lies on a file system without device nodes; take another place, or '--nodes file'")
        } catch  where error.code == .noDevice {
            return
        } catch {
            throw .system(error)
        }
    }
}

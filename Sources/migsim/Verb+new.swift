import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let new = Verb(
        name: "new",
        usage: "new DIR --gpu MODEL [--gpu MODEL ...] [--count N] [--driver VERSION] [--mig] [--mirrored]"
            + " [--estimates] [--renumber] [--no-reset] [--without FUNCTION ...] [--nodes device|file] [--module NAME=VALUE ...]",
        summary: """
            Makes a machine in DIR, which must be empty or not there yet.
            --gpu takes a model's full name or a short one:
            \(shortNames)
            Boards that share a table are one model, and show its name. --count gives so many of each. --driver sets the
            version, \(DriverVersion.usual) where left out; older ones have fewer profiles and other sizes, as far as that is known.
            A profile of which a number is not public is not offered, and is named here and by 'migsim show'; --estimates
            offers it with estimated numbers where there are any, and 'migsim show' marks them.
            --mig has MIG mode on from the start. --mirrored has the slice without compute in the other half. --renumber
            gives a GPU another minor number whenever it is reset, which a change of MIG mode does to some. --no-reset has
            GPUs that the driver may not reset, as in a virtual machine: such a change then waits for a reboot.
            --without has a library that lacks a function, as that of an older driver does; each spelling is one.
            --nodes file has regular files stand in for device nodes, which need root.
            --module gives the kernel module a parameter. NVreg_ModifyDeviceFiles=0: neither nvidia-modprobe nor the
            library makes or changes a node. nv_cap_enable_devfs=0, before driver 515.43.04: capabilities are files of
            /proc and not nodes.
            """
    ) { words throws(Failure) in
        let kinds: [String: Options.Kind] = [
            "--gpu": .values, "--count": .value, "--driver": .value, "--mig": .flag, "--mirrored": .flag,
            "--estimates": .flag, "--renumber": .flag, "--no-reset": .flag, "--without": .values, "--nodes": .value,
            "--module": .values,
        ]
        let words = try Words(words, kinds: kinds)
        try words.requireNoCommand()
        let directory = try words.arguments("DIR")[0]
        let plan = try plan(words)
        try requireEmpty(directory)
        do throws(MachineError) {
            try Machine.make(plan, in: directory)
        } catch {
            guard case .refused(.functionNotFound) = error else { throw .machine(error) }
            throw .text("the library has not all of \(plan.missingFunctions.joined(separator: ", "))")
        }
        if plan.nodes == .device { try requireDevices(in: directory) }
        tellWithheldProfiles(of: plan)
    }

    /// The short names, a line for some of the models.
    private static var shortNames: String {
        var lines: [String] = []
        for name in GPUModel.all.flatMap(\.shortNames) {
            if let last = lines.last, last.utf8.count + name.utf8.count < 100 {
                lines[lines.count - 1] = "\(last), \(name)"
            } else {
                lines.append(name)
            }
        }
        return lines.joined(separator: ",\n")
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
        plan.admitsEstimates = words.has("--estimates")
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
        for function in words.values("--without") {
            guard function.utf8.starts(with: "nvml".utf8) else {
                throw .usage(
                    .badValue(option: "--without", value: function, expected: "a function such as nvmlInitWithFlags"))
            }
            plan.missingFunctions.append(function)
        }
        if plan.nodes == .device, CurrentProcess.user != .root {
            throw .text("device nodes need root; with '--nodes file' regular files stand in for them")
        }
        return plan
    }

    /// Says what the new machine lacks. It is made all the same: what is known of a GPU is worth having, even where no
    /// profile is.
    private static func tellWithheldProfiles(of plan: MachinePlan) {
        var told: Set<String> = []
        for model in plan.shownModels where !model.withheldProfiles.isEmpty && told.insert(model.name).inserted {
            for profile in model.withheldProfiles {
                MigSim.say("migsim: \(model.name) does not offer \(profile.name); not public: \(profile.missing.text)")
            }
            if model.profiles.isEmpty { MigSim.say("migsim: \(model.name) offers no GPU instance at all") }
        }
        var generous = plan
        generous.admitsEstimates = true
        if zip(plan.shownModels, generous.shownModels).contains(where: { $0.profiles.count < $1.profiles.count }) {
            MigSim.say("migsim: --estimates offers more, with estimated numbers")
        }
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

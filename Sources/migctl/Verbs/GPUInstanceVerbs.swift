import API
import JSON
import Linux
import MIG

extension Verb {
    static let gpuInstanceCreate = Verb(
        name: "gi create",
        usage: ["PROFILE[:START]... [options]"],
        summary: "Make GPU instances, as nvidia-smi mig -cgi does",
        details: [
            "  PROFILE      by id, name or full name, such as 9, 3g.20gb or 'MIG 3g.20gb'; also as a list, 9,3g.20gb",
            "  :START       at this memory slice, such as 19:4; else where it leaves most to others",
            "  -C           with a compute instance that takes all of it, ready for use; else with none",
            "  --gpu SEL    on this GPU, or a list; else on every one on which you may",
            "  --for TIME   how long, such as 30m or 2h; else what the policy gives",
            "  --name TEXT  a name to find it by",
        ] + PlannedChange.details + ["", "Each becomes a lease of yours. With -q GPU:GI alone."],
        options: [
            "-C": .flag, "--default-compute-instance": .flag, "--gpu": .values, "--for": .value, "--name": .value,
        ].merging(PlannedChange.options) { $1 },
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "gi create")
            let profiles = try arguments.profiles(try arguments.some("PROFILE"))
            let gpus = try arguments.gpus()
            let withCompute = options.has("-C") || options.has("--default-compute-instance")
            let request = CreateGPUInstancesRequest(
                profiles: profiles, gpus: gpus.isEmpty ? nil : gpus, defaultComputeInstance: withCompute ? true : nil,
                seconds: try arguments.span("--for")?.seconds, name: options.value("--name"))
            let change = try PlannedChange(
                "CreateGPUInstances", request.json, to: "make \(profiles.joined(separator: " + "))", arguments)
            let question = { (plan: PlanInfo) throws(Failure) -> SafeText? in
                let all = Set(plan.steps.map(\.gpu.index))
                return all.count > 1 ? "make them on \(counted(all.count, "GPU"))?" : nil
            }
            let made: Answer<ChangeReply>? = try change.make(session, asking: gpus.isEmpty ? question : nil)
            guard let made else { return .ok }
            try session.show(made) { reply throws(Failure) in
                try PlannedChange.show(reply.plan, of: "create-gpu-instance", in: session)
                if !withCompute {
                    session.output.talk("nothing can run in them yet: 'migctl ci create' makes compute instances")
                }
            }
            return .ok
        })

    static let gpuInstanceDestroy = Verb(
        name: "gi destroy",
        usage: ["GI... [options]", "--all [options]"],
        summary: "Destroy GPU instances with all in them, and so end their leases",
        details: [
            "  GI           its number where that is clear, or GPU:GI; also as a list, 1,2",
            "  --all        all of yours",
            "  --everybody  with --all: those of others and of other tools too",
            "  --gpu SEL    on this GPU only, or a list",
        ] + PlannedChange.details + ["", "With -q GPU:GI alone."],
        options: ["--all": .flag, "--everybody": .flag, "--gpu": .values].merging(PlannedChange.options) { $1 },
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "gi destroy")
            let names = try InstanceNames(arguments, session, purpose: "destroy GPU instances")
            let words = try arguments.targets("GI, or --all for all of yours")
            let instances =
                words.isEmpty
                ? try names.all(everybody: options.has("--everybody"))
                    .map { InstanceReference(gpu: $0.gpu.uuid, gi: $0.gi) }
                : try names.gpuInstances(words)
            guard !instances.isEmpty else {
                session.output.talk("there are none")
                return .ok
            }
            let change = try PlannedChange(
                "DestroyGPUInstances", DestroyGPUInstancesRequest(instances: instances).json,
                to: "destroy \(counted(instances.count, "GPU instance"))", arguments)
            let done: Answer<ChangeReply>? = try change.make(session) { plan throws(Failure) in
                try PlannedChange.hurtsOthers(plan, session) ? "take these away?" : nil
            }
            guard let done else { return .ok }
            try session.show(done) { reply throws(Failure) in
                try PlannedChange.show(reply.plan, of: "destroy-gpu-instance", in: session)
            }
            return .ok
        })
}

extension Arguments {
    /// Profiles as they were given, one by one or as lists, checked for form only.
    func profiles(_ words: [String]) throws(Failure) -> [String] {
        let profiles = words.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        for profile in profiles where PlacedProfileSelector(profile) == nil {
            throw Failure(
                .badValue(option: "PROFILE", value: profile, expected: "an id or a name, such as 9, 3g.20gb or 19:4"),
                verb: verb)
        }
        return profiles
    }

    /// The GPUs named, one by one or as lists, checked for form only; empty where none is.
    func gpus() throws(Failure) -> [String] {
        let words = options.values("--gpu").flatMap {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        for word in words where GPUSelector(word) == nil {
            throw Failure(
                .badValue(option: "--gpu", value: word, expected: "an index, a UUID, a PCI id or model:GLOB"),
                verb: verb)
        }
        return words
    }

    /// What is to be destroyed, one by one or as lists; empty with --all, and neither is a mistake.
    func targets(_ name: String) throws(Failure) -> [String] {
        let isAll = options.has("--all")
        if isAll, let argument = list.first { try conflict("--all", argument) }
        if !isAll, options.has("--everybody") {
            throw Failure(.missingArgument("--all beside --everybody"), verb: verb)
        }
        guard !isAll else { return [] }
        return try some(name).flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }
}

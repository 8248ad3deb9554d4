import API
import JSON
import Linux
import MIG

extension Verb {
    static let computeInstanceCreate = Verb(
        name: "ci create",
        usage: ["[PROFILE[:START]...] [--gi GI] [options]"],
        summary: "Make compute instances in your GPU instances, as nvidia-smi mig -cci does",
        details: [
            "  PROFILE      by id, name or full name, such as 0, 1c.3g.20gb or 'MIG 1c.3g.20gb'; also as a list, 0,0,0;",
            "               without one, the profile that takes all of the GPU instance",
            "  :START       at this compute slice; else where it leaves most to others",
            "  --gi GI      in this GPU instance, by number or GPU:GI, or a list; else in each of yours",
            "  --gpu SEL    on this GPU only, or a list",
        ] + PlannedChange.details + ["", "'migctl instances --profiles' shows what fits. With -q GPU:GI:CI alone."],
        options: ["--gi": .values, "--gpu": .values].merging(PlannedChange.options) { $1 },
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "ci create")
            let profiles = try arguments.profiles(arguments.list)
            let names = try InstanceNames(arguments, session, purpose: "make compute instances")
            let instances = try arguments.parents(names)
            guard !instances.isEmpty else {
                throw Failure(
                    .notFound, what: "you have no GPU instances", next: "'migctl gi create' makes them")
            }
            let request = CreateComputeInstancesRequest(
                instances: instances, profiles: profiles.isEmpty ? nil : profiles)
            let change = try PlannedChange(
                "CreateComputeInstances", request.json, to: "make compute instances", arguments)
            let made: Answer<ChangeReply>? = try change.make(session)
            guard let made else { return .ok }
            try session.show(made) { reply throws(Failure) in
                try PlannedChange.show(reply.plan, of: "create-compute-instance", in: session)
                session.output.talk("'migctl devices' shows their UUIDs")
            }
            return .ok
        })

    static let computeInstanceDestroy = Verb(
        name: "ci destroy",
        usage: ["CI... --gi GI [options]", "GPU:GI:CI... [options]", "--all [options]"],
        summary: "Destroy compute instances, and keep the GPU instances around them",
        details: [
            "  CI           its number in the GPU instances given; also as a list, 0,1,2",
            "  --gi GI      in this GPU instance, by number or GPU:GI, or a list",
            "  --all        all of yours, in the GPU instances given",
            "  --everybody  with --all: those of others and of other tools too",
            "  --gpu SEL    on this GPU only, or a list",
        ] + PlannedChange.details + ["", "With -q GPU:GI:CI alone."],
        options: ["--gi": .values, "--all": .flag, "--everybody": .flag, "--gpu": .values]
            .merging(PlannedChange.options) { $1 },
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "ci destroy")
            let names = try InstanceNames(arguments, session, purpose: "destroy compute instances")
            let words = try arguments.targets("CI, or --all for all of yours")
            let parents = options.has("--gi") ? try arguments.parents(names) : []
            let targets =
                words.isEmpty
                ? try all(names, in: parents, everybody: options.has("--everybody"))
                : try names.computeInstances(words, in: parents)
            guard !targets.isEmpty else {
                session.output.talk("there are none")
                return .ok
            }
            let change = try PlannedChange(
                "DestroyComputeInstances", DestroyComputeInstancesRequest(computeInstances: targets).json,
                to: "destroy \(counted(targets.count, "compute instance"))", arguments)
            let done: Answer<ChangeReply>? = try change.make(session) { plan throws(Failure) in
                try PlannedChange.hurtsOthers(plan, session) ? "take these away?" : nil
            }
            guard let done else { return .ok }
            try session.show(done) { reply throws(Failure) in
                try PlannedChange.show(reply.plan, of: "destroy-compute-instance", in: session)
            }
            return .ok
        })

    private static func all(
        _ names: InstanceNames, in parents: [InstanceReference], everybody: Bool
    ) throws(Failure) -> [ComputeInstanceReference] {
        try names.all(everybody: everybody).flatMap { instance in
            let isMeant = parents.isEmpty || parents.contains { names.means($0, instance) }
            return isMeant
                ? instance.computeInstances.map {
                    ComputeInstanceReference(gpu: instance.gpu.uuid, gi: instance.gi, ci: $0.ci)
                } : []
        }
    }
}

extension Arguments {
    /// The GPU instances that `--gi` names, or all of one's own.
    fileprivate func parents(_ names: InstanceNames) throws(Failure) -> [InstanceReference] {
        let words = options.values("--gi").flatMap {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        guard words.isEmpty else { return try names.gpuInstances(words) }
        return try names.all(everybody: false).map { InstanceReference(gpu: $0.gpu.uuid, gi: $0.gi) }
    }
}

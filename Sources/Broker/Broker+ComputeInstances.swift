internal import Audit
internal import Linux
package import MIG
internal import NVML
internal import Nodes
internal import Planner
internal import Policy

/// Compute instances to be made.
package struct ComputeWish: Sendable {
    /// The GPU instances in which, each the caller's own.
    package let targets: [InstanceTarget]
    /// In each of them; none at all means the one that takes all of it.
    package let profiles: [PlacedProfileSelector]
    package let isDryRun: Bool
    package let key: String?
    package let plan: PlanID?

    package init(
        targets: [InstanceTarget], profiles: [PlacedProfileSelector], isDryRun: Bool, key: String?, plan: PlanID?
    ) {
        self.targets = targets
        self.profiles = profiles
        self.isDryRun = isDryRun
        self.key = key
        self.plan = plan
    }

    var words: String {
        let what = profiles.isEmpty ? "whole" : profiles.map(\.description).joined(separator: " ")
        return "\(what) in \(targets.map(\.description).joined(separator: " "))"
    }
}

extension Broker {
    /// Makes compute instances in GPU instances that the caller holds, all of them or none. Blocks for the driver and
    /// the disk.
    package func createComputeInstances(_ wish: ComputeWish, _ context: CallContext) throws(Refusal) -> Changed {
        let operation = Self.newOperation()
        let asked = Records.Asked(wish.words, key: wish.key)
        do throws(Refusal) {
            if wish.isDryRun {
                return try change { (state) throws(Refusal) in
                    let decided = try decide(wish, context, &state)
                    return Changed(operation: nil, plan: decided.shown, leases: decided.leases)
                }
            }
            if let known = try repeated(asked, context) { return known }
            let began = Clock.monotonic()
            let started = try change { (state) throws(Refusal) in
                try begin(wish, operation, asked, context, &state)
            }
            return try finish(started, context, asked, began)
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }

    /// Everything that has to be true before the driver is touched.
    private struct DecidedCompute: ~Copyable {
        let leave: Leave
        let gate: Gate
        let plan: ComputePlan
        let shown: ChangePlan
        let leases: [Lease]
        let parents: [Lease.Seat: Executor.Parent]
        let driver: NVMLDriver
    }

    private func decide(
        _ wish: ComputeWish, _ context: CallContext, _ state: inout State
    ) throws(Refusal) -> DecidedCompute {
        let driver = try state.readyDriver()
        refresh(&state, driver)
        var found: [FoundInstance] = []
        var leases: [Lease] = []
        for target in wish.targets {
            let one = try find(target, context, any: nil, state)
            guard let lease = one.lease, lease.state == .active else {
                throw .notFound(.gpuInstance, "\(one.entry.gpu.index):\(target.gi)")
            }
            guard !leases.contains(where: { $0.id == lease.id }) else {
                throw .badRequest(field: "instances", expected: "instances, each once")
            }
            found.append(one)
            leases.append(lease)
        }
        let leave = try leave(Self.query(leases, found, context, state.isolation), state.use, context)
        var wishes: [(room: ComputeRoom, members: [ComputeMember])] = []
        for one in found { wishes.append(try Self.members(wish.profiles, in: one)) }
        let plan: ComputePlan
        do throws(NoComputeRoom) {
            plan = try Planner.plan(wishes)
        } catch {
            throw .noComputeRoom(error, profiles: wishes.flatMap { $0.members.map(\.profile.name) })
        }
        let shown = Self.shown(plan.entries, leases, wish.words, state)
        try shown.check(against: wish.plan)
        // Any of a GPU instance's nodes may be the new one's.
        let all = (0..<UInt32(CapabilityMinor.computeInstancesPerGPUInstance)).map { ComputeInstanceID($0) }
        let gate = try gate(
            .instances(found.map { .init(gpuMinor: $0.entry.gpu.minor, $0.instance.id, all, by: context.caller) }),
            &state)
        let parents = zip(found, leases).map { one, lease in
            (
                one.seat,
                Executor.Parent(
                    user: lease.user, gpuMinor: one.entry.gpu.minor, computeInstances: lease.computeInstanceIDs)
            )
        }
        return DecidedCompute(
            leave: leave, gate: gate, plan: plan, shown: shown, leases: leases,
            parents: Dictionary(uniqueKeysWithValues: parents), driver: driver)
    }

    private static func query(
        _ leases: [Lease], _ found: [FoundInstance], _ context: CallContext, _ isolation: Isolation
    ) -> Query {
        Query(
            principal: context.owner, action: .createComputeInstance,
            target: .instances(
                zip(leases, found).map { lease, one in
                    Demand(
                        profile: lease.profile, slices: lease.slices, memoryMiB: lease.memoryMiB,
                        candidates: [one.entry.gpu])
                }), isolation: isolation)
    }

    /// What is wished for in one GPU instance, in the driver's terms.
    private static func members(
        _ selectors: [PlacedProfileSelector], in found: FoundInstance
    ) throws(Refusal) -> (room: ComputeRoom, members: [ComputeMember]) {
        let offered = found.entry.computeProfiles[found.instance.profile] ?? []
        var members: [ComputeMember] = []
        for selector in selectors {
            let matches = offered.filter { selector.profile.matches($0) }
            guard let profile = matches.first else {
                throw .notFound(.profile, "\(selector.profile) in \(found.name)")
            }
            guard matches.count == 1 else {
                throw .ambiguous(
                    .profile, selector.profile.description, candidates: matches.map { "\($0.name) (\($0.id))" })
            }
            members.append(ComputeMember(profile: profile, start: selector.start))
        }
        if selectors.isEmpty, let whole = offered.whole { members = [ComputeMember(profile: whole)] }
        // The broker places everything itself; a library that does not tell where it may is too old for this.
        guard !members.isEmpty, members.allSatisfy({ !$0.profile.placements.isEmpty }) else {
            throw .driverFailed(.symbolMissing(["nvmlGpuInstanceGetComputeInstancePossiblePlacements"]))
        }
        let room = ComputeRoom(
            gpu: found.entry.gpu.uuid, gi: found.instance.id, profiles: offered,
            occupants: found.instance.computeInstances)
        return (room, members)
    }

    private static func shown(
        _ entries: [ComputePlan.Entry], _ leases: [Lease], _ words: String, _ state: State
    ) -> ChangePlan {
        let steps = entries.map { entry in
            ChangePlan.Step(
                action: .createComputeInstance, gpu: entry.gpu, gi: entry.gi, profile: entry.profile.name,
                placement: entry.placement,
                lease: leases.first { $0.seat == Lease.Seat(gpu: entry.gpu, gi: entry.gi) })
        }
        return ChangePlan(steps, for: words, on: Set(entries.map(\.gpu)), state)
    }

    private struct StartedCompute: ~Copyable {
        let decided: DecidedCompute
        let intent: IntentReceipt
        let basis: Records.Basis
    }

    private func begin(
        _ wish: ComputeWish, _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext,
        _ state: inout State
    ) throws(Refusal) -> StartedCompute {
        let decided = try decide(wish, context, &state)
        let basis = Records.Basis(operation, context, asked, decided.leave)
        let intent = try intend(Self.records(.intent, decided.plan.entries, decided.leases, basis), state)
        return StartedCompute(decided: decided, intent: intent, basis: basis)
    }

    private func finish(
        _ started: consuming StartedCompute, _ context: CallContext, _ asked: Records.Asked, _ began: Int64
    ) throws(Refusal) -> Changed {
        let (basis, driver, shown) = (started.basis, started.decided.driver, started.decided.shown)
        let (entries, before) = (started.decided.plan.entries, started.decided.leases)
        let execution = Executor(driver: driver, nodes: nodes).create(
            started.decided.leave.permit, started.decided.gate, started.decided.plan, started.intent,
            in: started.decided.parents)
        let (failure, result, made) = (execution.failure, execution.result, execution.made)
        var outcomes = Self.records(.outcome, entries, before, basis)
        for index in outcomes.indices {
            outcomes[index].result = result
            outcomes[index].durationUs = (Clock.monotonic() - began) / 1000
            if let failure { Records.fill(&outcomes[index], failure) }
            if made.indices.contains(index) {
                outcomes[index].ci = made[index].id
                outcomes[index].device = made[index].device
            }
        }
        var intent: IntentReceipt? = execution.intent
        let read = read(Set(entries.map(\.gpu)), driver)
        let (unrecorded, leases) = change { (state) -> (AuditUnavailable?, [Lease]) in
            state.take(read)
            for (entry, instance) in zip(entries, made) {
                guard var lease = state.ledger.lease(on: Lease.Seat(gpu: entry.gpu, gi: entry.gi)) else { continue }
                lease.add(instance)
                state.ledger.put(lease)
            }
            if result == .leftBehind {
                state.unfinished += Self.records(.intent, entries, before, basis).map { Unfinished(intent: $0) }
            }
            state.ledger.put(
                FinishedChange(
                    basis.operation, context, asked, leases: failure == nil ? before.map(\.id) : [],
                    error: failure?.word))
            // The log owes the outcomes where it cannot write them now, so what they say holds.
            return (conclude(&intent, outcomes, state), before.compactMap { state.ledger.leases[$0.id] })
        }
        if let refusal = failure ?? unrecorded.map({ .auditUnavailable($0) }) { throw refusal }
        let steps = zip(shown.steps, made).map { step, instance in
            var done = step
            done.ci = instance.id
            return done
        }
        return Changed(operation: basis.operation, plan: shown.done(steps), leases: leases)
    }

    private static func records(
        _ type: AuditRecordType, _ entries: [ComputePlan.Entry], _ leases: [Lease], _ basis: Records.Basis
    ) -> [AuditRecord] {
        entries.compactMap { entry in
            leases.first { $0.seat == Lease.Seat(gpu: entry.gpu, gi: entry.gi) }
                .map { Records.record(type, of: entry, $0, basis) }
        }
    }
}

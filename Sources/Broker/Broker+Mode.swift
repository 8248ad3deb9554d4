internal import Audit
internal import Linux
internal import MIG
internal import NVML
internal import Nodes
internal import Policy

extension Broker {
    /// Turns MIG mode on or off. Blocks for the driver and the disk.
    ///
    /// Leases on such a GPU are ended first, but only where the plan that ends them was shown; another tool's instances
    /// are never touched. A mode that the driver puts off until a reset is no failure; where one fails, those before it
    /// are set back.
    package func setMode(_ wish: ModeWish, _ context: CallContext) throws(Refusal) -> ModesChanged {
        let operation = Self.newOperation()
        let asked = Records.Asked(wish.words, key: wish.key)
        do throws(Refusal) {
            if !wish.isDryRun, let known = try repeated(asked, context) {
                return ModesChanged(change: known, isDryRun: false, gpus: [])
            }
            let decided = try change { (state) throws(Refusal) in try decide(wish, context, &state) }
            let changing = Set(decided.steps.map(\.gpu.uuid))
            let unchanged = decided.gpus.filter { !changing.contains($0.uuid) }
                .map { ModesChanged.Ending(gpu: $0.uuid, state: .unchanged) }
            if wish.isDryRun || decided.steps.isEmpty {
                let planned = decided.steps.map { ModesChanged.Ending(gpu: $0.gpu.uuid, state: .planned) }
                return ModesChanged(
                    change: Changed(operation: nil, plan: decided.plan, leases: decided.leases),
                    isDryRun: wish.isDryRun, gpus: planned + unchanged)
            }
            var ended: [Lease] = []
            do throws(Refusal) {
                for lease in decided.leases {
                    try end(lease, by: .modeChange, operation, asked, context)
                    ended.append(lease)
                }
                let endings = try set(decided.steps, operation, asked, context)
                finish(operation, context, asked, ended[...])
                return ModesChanged(
                    change: Changed(operation: operation, plan: decided.plan, leases: ended), isDryRun: false,
                    gpus: endings + unchanged)
            } catch {
                finish(operation, context, asked, ended[...], error: error.word)
                throw error
            }
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }

    private struct DecidedModes {
        /// All that were meant.
        let gpus: [GPU]
        let steps: [Executor.ModeStep]
        /// What is ended first.
        let leases: [Lease]
        let plan: ChangePlan
    }

    private func decide(
        _ wish: ModeWish, _ context: CallContext, _ state: inout State
    ) throws(Refusal) -> DecidedModes {
        let driver = try state.readyDriver()
        refresh(&state, driver)
        let gpus = try gpus(of: wish, context, state)
        _ = try authorizeModes(of: gpus, context, state)
        let steps = gpus.filter { $0.mode?.isEnabled != wish.isEnabled || $0.mode?.isPending == true }
            .map { Executor.ModeStep(gpu: $0, isEnabled: wish.isEnabled) }
        // Turning a wish for another mode back, which a reset would have carried out, touches no instance.
        let losing = steps.filter { $0.gpu.mode?.isEnabled == true && !wish.isEnabled }.map(\.gpu.uuid)
        var ends: [FoundInstance] = []
        for entry in state.inventory.entries where losing.contains(entry.gpu.uuid) {
            for instance in entry.instances {
                let seat = Lease.Seat(gpu: entry.gpu.uuid, gi: instance.id)
                ends.append(
                    FoundInstance(entry: entry, instance: instance, lease: state.ledger.lease(on: seat)))
            }
        }
        let leases = ends.compactMap(\.lease)
        for lease in leases { _ = try leave(lease, context, .releaseOwn, .releaseAny, state) }
        if let external = ends.first(where: { $0.lease == nil }) {
            throw .inUse(external.name, "another tool made it, and has to end it", nil)
        }
        try requireUnshared(ends)
        let changes = steps.map { step in
            ChangePlan.Step(action: step.isEnabled ? .enableMIG : .disableMIG, gpu: step.gpu.uuid)
        }
        let plan = ChangePlan(
            ends.flatMap { ChangePlan.end(of: $0.instance, $0.lease, in: $0.entry) } + changes, for: wish.words,
            on: Set(gpus.map(\.uuid)), state)
        try plan.check(against: wish.plan)
        _ = try gate(.mode(resetting: try resetting(steps, driver)), &state)
        try requireIdle(ends.flatMap { one in one.compute.map { ($0, one.lease) } }, driver, context)
        if !leases.isEmpty, wish.plan == nil, !wish.isDryRun {
            throw .leasesLive(gpus.filter { losing.contains($0.uuid) }, count: leases.count)
        }
        return DecidedModes(gpus: gpus, steps: steps, leases: leases, plan: plan)
    }

    /// The GPUs that are meant: all that are named, or every one with MIG on which the caller may change it.
    private func gpus(of wish: ModeWish, _ context: CallContext, _ state: State) throws(Refusal) -> [GPU] {
        let all = state.inventory.entries.map(\.gpu)
        guard !wish.gpus.isEmpty else {
            let capable = all.filter { $0.mode != nil }
            guard !capable.isEmpty else { throw .migUnsupported(all) }
            let allowed = policy.set?.gpus(
                capable, allowing: .setMode, to: context.principal, isolation: state.isolation, now: clock.now)
            // Where there is none, all of them are asked for, so that the refusal tells why.
            return allowed.flatMap { $0.isEmpty ? nil : $0 } ?? capable
        }
        for selector in wish.gpus where !all.contains(where: { selector.matches($0) }) {
            throw .notFound(.gpu, selector.description)
        }
        let named = all.filter { gpu in wish.gpus.contains { $0.matches(gpu) } }
        let incapable = named.filter { $0.mode == nil }
        guard incapable.isEmpty else { throw .migUnsupported(incapable) }
        return named
    }

    private func authorizeModes(
        of gpus: [GPU], _ context: CallContext, _ state: State
    ) throws(Refusal) -> Leave {
        let query = Query(
            principal: context.principal, action: .setMode, target: .gpus(gpus), isolation: state.isolation)
        return try leave(query, [], context)
    }

    private func resetting(_ steps: [Executor.ModeStep], _ driver: NVMLDriver) throws(Refusal) -> [PCIAddress] {
        var addresses: [PCIAddress] = []
        for step in steps {
            do throws(NVMLError) {
                if try driver.changesModeByReset(of: step.gpu.uuid) { addresses.append(step.gpu.pci) }
            } catch {
                throw .driverFailed(error)
            }
        }
        return addresses
    }

    /// Sets the modes, with one durable append before and one after.
    private func set(
        _ steps: [Executor.ModeStep], _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext
    ) throws(Refusal) -> [ModesChanged.Ending] {
        let began = Clock.monotonic()
        let started = try change { (state) throws(Refusal) in
            let driver = try state.readyDriver()
            let leave = try authorizeModes(of: steps.map(\.gpu), context, state)
            let gate = try gate(.mode(resetting: try resetting(steps, driver)), &state)
            let basis = Records.Basis(operation, context, asked, leave)
            let intent = try intend(steps.map { Records.record(.intent, of: $0.gpu, basis) }, state)
            return Begun(driver: driver, permit: leave.permit, gate: gate, intent: intent, basis: basis)
        }
        let (driver, basis) = (started.driver, started.basis)
        let execution = Executor(driver: driver, nodes: nodes).set(
            started.permit, started.gate, steps, started.intent)
        let endings = execution.endings
        let failure = Self.failure(of: steps, endings)
        let micros = (Clock.monotonic() - began) / 1000
        let outcomes = zip(steps, endings).map { step, ending in
            Self.outcome(of: step, ending, failure, micros, basis)
        }
        var intent: IntentReceipt? = execution.intent
        // Minors, indices and whatever else a reset moves, of all GPUs; what cannot be read now the next look reads.
        let inventory = try? Inventory.read(driver)
        let unrecorded = change { state in
            if let inventory, inventory.isComplete { state.inventory = inventory }
            // Our own doing is not told as somebody else's; what cannot be read now is ours whatever is read next.
            for step in steps { state.modes[step.gpu.uuid] = inventory?.entry(step.gpu.uuid)?.gpu.mode }
            repairNodes(&state)
            return conclude(&intent, outcomes, state)
        }
        if let refusal = failure ?? unrecorded.map({ .auditUnavailable($0) }) { throw refusal }
        return zip(steps, endings).compactMap { step, ending in
            guard case .set(let change) = ending else { return nil }
            return ModesChanged.Ending(gpu: step.gpu.uuid, state: .set(change))
        }
    }

    private static func failure(of steps: [Executor.ModeStep], _ endings: [Executor.ModeEnding]) -> Refusal? {
        var cause: Refusal?
        var left: [String] = []
        for (step, ending) in zip(steps, endings) {
            switch ending {
            case .failed(let error):
                cause = .failed("GPU \(step.gpu.index)", error)
            case .unsettled(let error):
                cause = .driverFailed(error)
                left.append("perhaps MIG mode \(step.isEnabled ? "enabled" : "disabled") on GPU \(step.gpu.index)")
            case .leftBehind(let error):
                left.append("MIG mode \(step.isEnabled ? "enabled" : "disabled") on GPU \(step.gpu.index): \(error)")
            case .set, .undone, .untouched: break
            }
        }
        return cause.map { left.isEmpty ? $0 : .leftBehind($0, left) }
    }

    private static func outcome(
        of step: Executor.ModeStep, _ ending: Executor.ModeEnding, _ failure: Refusal?, _ micros: Int64,
        _ basis: Records.Basis
    ) -> AuditRecord {
        var record = Records.record(.outcome, of: step.gpu, basis)
        record.durationUs = micros
        if let failure { Records.fill(&record, failure) }
        switch ending {
        case .set(.done): record.result = .ok
        case .set(let change):
            record.result = .pending
            record.reason = change.description
        case .failed, .untouched: record.result = .failed
        case .undone: record.result = .undone
        // It has its end: what is left of it is a mode, which the next look shows, and nobody else's.
        case .leftBehind, .unsettled: record.result = .failed
        }
        return record
    }
}

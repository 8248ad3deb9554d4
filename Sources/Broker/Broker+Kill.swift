internal import Audit
internal import Linux
internal import MIG
internal import NVML

/// `onExpiry: kill`: the end of processes that are still on the slice of a lease whose time is over.
extension Broker {
    /// How far that has come with one lease; kept in memory only, so that after a restart every process is warned anew.
    struct Eviction: Sendable {
        /// Processes that were sent SIGTERM, or SIGKILL, and are still on the slice.
        var warned: Set<Int32> = []
        var killed: Set<Int32> = []
        /// Processes that are not the owner's, and were told of.
        var spared: Set<Int32> = []
        /// When all that were on the slice had been warned, on `Clock.boottime`; nil until then.
        var warnedAt: Int64?
        /// Until when the slice is looked at often: it is about to be free.
        var watchedUntil: Int64 = 0

        mutating func forgetAll(but there: Set<Int32>) {
            warned.formIntersection(there)
            killed.formIntersection(there)
            spared.formIntersection(there)
        }
    }

    /// What is known of the service that ends processes.
    struct EnderHealth: Sendable {
        /// Why processes could not be ended, as the log was told; nil where they could, or nobody has tried.
        var problem: String?
        /// Until when one that let the change thread wait in vain is not asked again, on `Clock.boottime`.
        var restsUntil: Int64 = 0
    }

    /// How long the service may take for one answer, and all its answers for one lease: the change thread waits.
    private static let answerMilliseconds = 1000
    private static let roundNanoseconds: Int64 = 1_500_000_000
    /// How often a slice is looked at after a signal, and for how long.
    private static let watchNanoseconds: Int64 = 1_000_000_000
    private static let watchedNanoseconds: Int64 = 5_000_000_000

    /// Warns the owner's processes on the slice of a lease that is over, and at the next try kills what is left of them.
    ///
    /// Nothing happens unless the latest decision about the lease said so. Another user's processes are not touched,
    /// root's neither; they are named on record as what keeps the slice.
    func endProcesses(on id: LeaseID, _ driver: NVMLDriver) {
        let now = Clock.boottime()
        let (found, known, isOrphan, restsUntil) = withState { state in
            state.evictions = state.evictions.filter { state.ledger.leases[$0.key] != nil }
            return (
                state.ledger.leases[id], state.evictions[id], state.orphans.contains(id), state.ender.restsUntil
            )
        }
        guard now >= restsUntil, let lease = found, lease.killsOnExpiry, lease.state == .ending, lease.user != .root,
            // One whose owner's release broke off, or that could not be put on record, has its time still.
            isOrphan || lease.deadline <= now
        else { return }
        let processes = processes(of: lease, driver)
        guard !processes.isEmpty else { return }
        var eviction = known ?? Eviction()
        eviction.forgetAll(but: Set(processes.map(\.pid)))
        let retry = Int64(configuration.bounds.retrySeconds) * 1_000_000_000
        let signal: EndingSignal
        switch eviction.warnedAt {
        case nil: signal = .terminate
        case let warnedAt? where now - warnedAt >= retry: signal = .kill
        // They still have time.
        case _?: return keep(eviction, id, watchedFrom: now)
        }
        do throws(SystemError) {
            let isWhole = try send(signal, to: processes, of: lease, driver, &eviction)
            if signal == .terminate, isWhole, !eviction.warned.isEmpty {
                eviction.warnedAt = now
                eviction.watchedUntil = now + retry + Self.watchedNanoseconds
            }
        } catch {
            noteEnder(problem: "\(error)")
            if error.code == .timedOut { withState { $0.ender.restsUntil = now + retry } }
        }
        keep(eviction, id, watchedFrom: now)
    }

    /// A process on one of a lease's compute instances.
    private struct Occupant {
        let pid: Int32
        let ci: ComputeInstanceID
    }

    private func processes(of lease: Lease, _ driver: NVMLDriver) -> [Occupant] {
        lease.computeInstances.flatMap { instance in
            // A driver that does not tell is asked again at the next try.
            let running = (try? driver.processes(on: instance.id, in: lease.gi, of: lease.gpu)) ?? []
            return running.map { Occupant(pid: $0.pid, ci: instance.id) }
        }
    }

    private func keep(_ eviction: Eviction, _ id: LeaseID, watchedFrom now: Int64) {
        withState { state in
            state.evictions[id] = eviction
            guard now < eviction.watchedUntil, let next = state.retries[id] else { return }
            state.retries[id] = min(next, now + Self.watchNanoseconds)
        }
    }

    // MARK: - The service that does it

    /// - Returns: false where the time was over before all were asked about.
    private func send(
        _ signal: EndingSignal, to processes: [Occupant], of lease: Lease, _ driver: NVMLDriver,
        _ eviction: inout Eviction
    ) throws(SystemError) -> Bool {
        let due = processes.filter { process in
            !(signal == .kill ? eviction.killed : eviction.warned).contains(process.pid)
        }
        guard !due.isEmpty else { return true }
        guard let path = configuration.ender else { throw SystemError("connect", .notFound, "no service is named") }
        let ender = try EnderConnection(to: path, milliseconds: Self.answerMilliseconds)
        let deadline = Clock.monotonic() + Self.roundNanoseconds
        var refused: HoldingError?
        for process in due {
            guard Clock.monotonic() < deadline else {
                eviction.watchedUntil = Clock.boottime() + Self.watchedNanoseconds
                return false
            }
            switch try send(signal, to: process, of: lease, driver, ender, &eviction) {
            case .sent:
                if signal == .kill { eviction.killed.insert(process.pid) } else { eviction.warned.insert(process.pid) }
                eviction.watchedUntil = Clock.boottime() + Self.watchedNanoseconds
            case .notSent: break
            // The others are not to be shielded by this one.
            case .refused(let error): refused = error
            }
        }
        noteEnder(problem: refused.map { "\(path): \($0)" })
        return true
    }

    /// What became of a signal to one process.
    private enum Outcome {
        case sent
        case notSent
        /// The service may not do its work.
        case refused(HoldingError)
    }

    /// The service holds the process first; only then the driver's word that it is on the slice is about that very one.
    private func send(
        _ signal: EndingSignal, to process: Occupant, of lease: Lease, _ driver: NVMLDriver,
        _ ender: borrowing EnderConnection, _ eviction: inout Eviction
    ) throws(SystemError) -> Outcome {
        let held = try ender.ask(EnderQuestion(.hold, process.pid, of: lease.user))
        if let error = held.error {
            if error == .notAllowed { return .refused(error) }
            if error != .gone, eviction.spared.insert(process.pid).inserted { noteSpared(process, of: lease, error) }
            return .notSent
        }
        let running = (try? driver.processes(on: process.ci, in: lease.gi, of: lease.gpu)) ?? []
        guard running.contains(where: { $0.pid == process.pid }) else {
            _ = try ender.ask(EnderQuestion(.drop, process.pid, of: lease.user))
            return .notSent
        }
        noteSignal(signal, to: process, held.command, of: lease)
        let sent = try ender.ask(EnderQuestion(.init(signal), process.pid, of: lease.user))
        guard let error = sent.error else { return .sent }
        return error == .notAllowed ? .refused(error) : .notSent
    }

    // MARK: - Records

    /// A log that cannot be written owes the record.
    private func noteSignal(_ signal: EndingSignal, to process: Occupant, _ command: String, of lease: Lease) {
        let basis = Records.Basis(Self.newOperation(), method: "Expire", owner: lease.user)
        var record = Records.record(.revoke, of: lease, basis)
        record.params = "signal=\(signal.name) pid=\(process.pid) uid=\(lease.user) comm=\(command)"
        record.reason = "the lease is over, and the process is still on its slice"
        note([record])
    }

    private func noteSpared(_ process: Occupant, of lease: Lease, _ error: HoldingError) {
        let reason = "process \(process.pid) keeps the slice of a lease that is over, and is not ended: \(error)"
        let basis = Records.Basis(Self.newOperation(), method: "Expire", owner: lease.user)
        var record = Records.record(.health, of: lease, basis)
        record.reason = reason
        note([record])
        say("lease \(lease.id): \(reason)")
    }

    /// Tells once that processes cannot be ended, until they can again.
    private func noteEnder(problem: String?) {
        let isNews = withState { state in
            defer { state.ender.problem = problem }
            return state.ender.problem?.utf8.elementsEqual((problem ?? "").utf8) != true
        }
        guard let problem, isNews else { return }
        let reason = "processes of leases that are over cannot be ended: \(problem)"
        var record = AuditRecord(.health)
        record.reason = reason
        note([record])
        say(reason)
    }
}

package import Audit
internal import Linux
package import MIG
internal import NVML
internal import Nodes
internal import Planner
package import Policy
internal import Synchronization

/// The one pipeline between callers and the driver.
///
/// Changes block (disk, driver) and are made on change threads; everything a reader needs is in `snapshot`, which never
/// waits. The state's lock is held while a change is decided, planned and intended (steps 6 to 9) and while its outcome
/// is written (12), never while the driver works.
package final class Broker: Sendable {
    package let configuration: Configuration
    package let audit: AuditLog
    let nodes: NodeStore
    let say: @Sendable (String) -> Void
    private let didChange: @Sendable (Int) -> Void
    private let state: Mutex<State>
    private let published: Mutex<Snapshot>
    private let loadedPolicy: Mutex<LoadedPolicy>
    let clock = WallClock()

    /// Where the broker's files lie and what bounds hold.
    package struct Configuration: Sendable {
        /// The directory above the driver's `lib`, `proc`, `sys` and `dev`; nil is the host.
        package let driverRoot: String?
        /// Checkpoints and archived policies.
        package let stateDirectory: String
        package let policyFile: String
        package let policyDirectory: String
        package let bounds: Bounds
        /// The socket of the service that ends processes; nil is none.
        package let ender: String?

        package init(
            driverRoot: String?, stateDirectory: String, policyFile: String, policyDirectory: String, bounds: Bounds,
            ender: String? = nil
        ) {
            self.driverRoot = driverRoot
            self.stateDirectory = stateDirectory
            self.policyFile = policyFile
            self.policyDirectory = policyDirectory
            self.bounds = bounds
            self.ender = ender
        }
    }

    /// The policy that holds, and what was wrong with the one that was to replace it.
    package struct LoadedPolicy: Sendable {
        package let set: PolicySet?
        /// Of the last attempt to load; empty where it went well.
        package let problems: [String]
    }

    /// What changes; one thread at a time has it.
    struct State: Sendable {
        var ledger = Ledger()
        /// What changes under way have been promised; counted like leases.
        var reservations: [OperationID: [Reservation]] = [:]
        var inventory = Inventory(entries: [])
        var geometries = GeometryCache()
        var slotMaps = SlotMapCache()
        var driver: NVMLDriver?
        var driverProblem: String? = "not asked yet"
        /// Instances that have no lease, as they were last seen: what is new among them somebody else made.
        var external: Set<External> = []
        /// The modes of GPUs as they were last seen or set; another one somebody else set.
        var modes: [GPUUUID: MIGMode] = [:]
        /// Changes that an earlier run of the broker began and did not end, and creations that could not be taken back;
        /// done with once the driver does it.
        var unfinished: [Unfinished] = []
        /// Leases whose owners are gone.
        var orphans: Set<LeaseID> = []
        /// When a lease that is ending is tried again, on `Clock.boottime`.
        var retries: [LeaseID: Int64] = [:]
        /// How far the ending of processes on the slices of such leases has come.
        var evictions: [LeaseID: Eviction] = [:]
        var ender = EnderHealth()
        /// This boot of the machine; deadlines count on its clock.
        var boot = ""
        var number = 0
        var isolation = Isolation.advisory
        /// When the nodes and the driver were last looked over, on `Clock.monotonic`.
        var lastLook: Int64 = 0
        /// The record up to which the checkpoint on disk holds.
        var checkpointed: Int64 = 0
    }

    /// An instance to be that already takes its place and its part of the quotas.
    struct Reservation: Sendable {
        let gpu: GPUUUID
        let occupant: Occupant
        let use: UseEntry
    }

    /// An instance that another tool made.
    struct External: Hashable, Sendable {
        let gpu: GPUUUID
        let gi: GPUInstanceID
        /// Nil for the GPU instance itself.
        let ci: ComputeInstanceID?
        let placement: Placement
    }

    /// Nothing is read yet: `start` does that. `didChange` is told the number of each new snapshot, on the thread that
    /// made the change; `say` what whoever runs the broker should hear of.
    package init(
        _ configuration: Configuration, audit: AuditLog, say: @escaping @Sendable (String) -> Void = { _ in },
        didChange: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.say = say
        self.configuration = configuration
        self.didChange = didChange
        self.audit = audit
        nodes = NodeStore(driver: configuration.driverRoot)
        state = Mutex(State())
        published = Mutex(
            Snapshot(
                number: 0, inventory: Inventory(entries: []), leases: [], isolation: .advisory,
                driverProblem: "not asked yet", changes: [], use: []))
        loadedPolicy = Mutex(LoadedPolicy(set: nil, problems: []))
    }

    /// What readers see now; never waits for a change.
    package var snapshot: Snapshot { published.withLock { $0 } }

    /// The policy that decides now.
    package var policy: LoadedPolicy { loadedPolicy.withLock { $0 } }

    /// Puts another policy in force at once; decisions under way keep the one they began with.
    func install(_ policy: LoadedPolicy) { loadedPolicy.withLock { $0 = policy } }

    /// Works on the state alone and shows readers what came of it.
    func change<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> sending Result
    ) throws(Failure) -> Result {
        try withState { (state) throws(Failure) in
            defer { publish(&state) }
            return try body(&state)
        }
    }

    /// Works on the state without a word to readers: nothing that they see changes.
    func withState<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> sending Result
    ) throws(Failure) -> Result {
        try state.withLock { (state) throws(Failure) in try body(&state) }
    }

    /// Shows readers the state as it is now, unless it is what they see already.
    private func publish(_ state: inout State) {
        let snapshot = Snapshot(
            number: state.number + 1, inventory: state.inventory, leases: state.ledger.sorted,
            isolation: state.isolation, driverProblem: state.driverProblem, changes: state.ledger.changes,
            use: state.use)
        guard !snapshot.showsTheSame(as: self.snapshot) else { return }
        state.number += 1
        let gpus = state.gpuStates()
        let complete = snapshot.with(state.slotMaps.maps(of: gpus))
        published.withLock { $0 = complete }
        didChange(complete.number)
    }

    /// A fresh id that nobody can guess.
    static func newOperation() -> OperationID {
        guard let id = OperationID(bytes: Random.bytes(16)) else { preconditionFailure("16 bytes make an id") }
        return id
    }

    static func newLease() -> LeaseID {
        guard let id = LeaseID(bytes: Random.bytes(16)) else { preconditionFailure("16 bytes make an id") }
        return id
    }
}

extension Broker.State {
    /// Live leases and promises together, as the limits count them.
    var use: [UseEntry] { ledger.use + reservations.values.flatMap { $0.map(\.use) } }

    /// GPUs as the planner sees them, promises included.
    mutating func gpuStates() -> [GPUState] {
        let promised = reservations.values.flatMap { $0 }
        return inventory.entries.map { entry in
            GPUState(
                index: entry.gpu.index, uuid: entry.gpu.uuid, geometry: geometries.geometry(for: entry.profiles),
                occupants: entry.instances.map(Occupant.init)
                    + promised.filter { $0.gpu == entry.gpu.uuid }.map(\.occupant))
        }
    }

    /// The access that all leases give now; one that is ending gives none.
    var grants: [NodeGrant] {
        ledger.leases.values.compactMap { lease in
            guard lease.state == .active, let minor = inventory.entry(lease.gpu)?.gpu.minor else { return nil }
            return NodeGrant(
                user: lease.user, gpuMinor: minor, gpuInstance: lease.gi, computeInstances: lease.computeInstanceIDs)
        }
    }

    /// Nodes of instances that other tools made; the broker leaves them alone.
    var externalNodes: Set<NodeName> {
        var names: Set<NodeName> = []
        for entry in inventory.entries {
            for instance in entry.instances {
                let lease = ledger.lease(on: Lease.Seat(gpu: entry.gpu.uuid, gi: instance.id))
                let foreign = instance.computeInstances.map(\.id)
                    .filter { id in lease?.computeInstances.contains { $0.id == id } != true }
                let all = NodeName.instance(gpuMinor: entry.gpu.minor, instance.id, foreign)
                // The node of a GPU instance with a lease is the lease's.
                names.formUnion(lease == nil ? all : Array(all.dropFirst()))
            }
        }
        return names
    }

    /// Instances that are there and belong to nobody whom the broker knows.
    var externals: Set<Broker.External> {
        var seen: Set<Broker.External> = []
        let promised = reservations.values.flatMap { $0 }
        for entry in inventory.entries {
            for instance in entry.instances {
                let lease = ledger.lease(on: Lease.Seat(gpu: entry.gpu.uuid, gi: instance.id))
                let isPromised = promised.contains {
                    $0.gpu == entry.gpu.uuid && $0.occupant.placement == instance.placement
                }
                if isPromised { continue }
                func add(_ ci: ComputeInstanceID?, _ placement: Placement) {
                    seen.insert(
                        Broker.External(gpu: entry.gpu.uuid, gi: instance.id, ci: ci, placement: placement))
                }
                if lease == nil { add(nil, instance.placement) }
                for ci in instance.computeInstances
                where lease?.computeInstances.contains(where: { $0.id == ci.id }) != true {
                    add(ci.id, ci.placement)
                }
            }
        }
        return seen
    }

    /// Notes what the broker itself took away of another tool's instances, so that the next look does not tell it as
    /// somebody else's doing; what others did at the same time is told.
    mutating func forgetExternal(_ ci: ComputeInstanceID? = nil, on seat: Lease.Seat, isGone: Bool) {
        let seen = externals
        external = external.filter { known in
            let isMeant = known.gpu == seat.gpu && known.gi == seat.gi && (ci == nil || known.ci == ci)
            return !isMeant || !isGone && seen.contains(known)
        }
    }

    var gpuMinors: [Int] { inventory.entries.map(\.gpu.minor) }

    /// Puts in what was just read of some GPUs.
    mutating func take(_ entries: [Inventory.Entry]) {
        inventory = Inventory(
            entries: inventory.entries.map { old in entries.first { $0.gpu.uuid == old.gpu.uuid } ?? old },
            isComplete: inventory.isComplete)
    }

    /// The driver, or why there is none.
    func readyDriver() throws(Refusal) -> NVMLDriver {
        guard let driver, driverProblem == nil else { throw .driverUnavailable(driverProblem ?? "not loaded") }
        return driver
    }
}

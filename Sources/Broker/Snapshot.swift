package import MIG
internal import Planner
internal import Policy

/// What readers see: one moment of the broker, never changed after it is published.
package struct Snapshot: Sendable {
    /// Grows with every change, so that a reader knows whether it has seen one.
    package let number: Int
    package let inventory: Inventory
    /// By GPU and GPU instance id.
    package let leases: [Lease]
    package let isolation: Isolation
    /// Why the inventory is empty or old; nil while the driver answers.
    package let driverProblem: String?
    /// Changes that have ended, the latest last.
    package let changes: [FinishedChange]
    /// Everything that counts against limits.
    let use: [UseEntry]
    /// What would fit on each GPU now.
    private(set) var slotMaps: [GPUUUID: SlotMap] = [:]

    init(
        number: Int, inventory: Inventory, leases: [Lease], isolation: Isolation, driverProblem: String?,
        changes: [FinishedChange], use: [UseEntry]
    ) {
        self.number = number
        self.inventory = inventory
        self.leases = leases
        self.isolation = isolation
        self.driverProblem = driverProblem
        self.changes = changes
        self.use = use
    }

    func with(_ slotMaps: [GPUUUID: SlotMap]) -> Snapshot {
        var snapshot = self
        snapshot.slotMaps = slotMaps
        return snapshot
    }

    /// Whether a reader could not tell the two apart; what would fit follows from the rest.
    func showsTheSame(as other: Snapshot) -> Bool {
        inventory == other.inventory && leases == other.leases && isolation == other.isolation
            && driverProblem == other.driverProblem && use == other.use && changes.count == other.changes.count
            && changes.last?.id == other.changes.last?.id
    }

    package func lease(on seat: Lease.Seat) -> Lease? { leases.first { $0.seat == seat } }

    package func lease(_ id: LeaseID) -> Lease? { leases.first { $0.id == id } }

    /// How many more instances of a profile fit on a GPU now: the planner's own count, so that what is shown as free is
    /// what a request gets.
    package func free(_ profile: GPUInstanceProfileID, on gpu: GPUUUID) -> Int {
        slotMaps[gpu]?.fits.first { $0.profile.id == profile }?.count ?? 0
    }
}

package import MIG
package import Policy

/// One GPU instance with its compute instances, held by one user until a time.
package struct Lease: Hashable, Sendable {
    package enum State: String, Sendable {
        case active
        /// Its time is over and its nodes are closed, but its slice is still busy; it keeps its slot and its count.
        case ending
    }

    package let id: LeaseID
    package let user: UserID
    package let userName: String
    /// The groups that the granting decision used; pools count by them, whatever becomes of the memberships.
    package let groups: [GroupID]
    package let gpu: GPUUUID
    package let gi: GPUInstanceID
    /// By id; none in a GPU instance that was made without, or whose own were destroyed.
    package var computeInstances: [LeasedComputeInstance]
    package let profile: String
    package let profileID: GPUInstanceProfileID
    package let placement: Placement
    package let slices: SliceCount
    package let memoryMiB: Int
    package let created: Timestamp
    /// For people; what counts is `deadline`.
    package var expires: Timestamp
    /// The end on `Clock.boottime`, which nobody can set.
    package var deadline: Int64
    package var renewals: Int
    package let isolation: Isolation
    /// Whether the processes that are still on its slice at its end are ended: as the latest decision about it said.
    package var killsOnExpiry: Bool
    /// What the user called it.
    package let name: String?
    package var state: State
    /// The change that made it.
    package let operation: OperationID

    /// What `CUDA_VISIBLE_DEVICES` takes: the first of its devices, nil without a compute instance.
    package var device: MIGUUID? { computeInstances.first?.device }

    /// The slots, nodes and counts that it takes, as the limits count them.
    package var seat: Seat { Seat(gpu: gpu, gi: gi) }

    /// One GPU instance of this machine.
    package struct Seat: Hashable, Sendable {
        package let gpu: GPUUUID
        package let gi: GPUInstanceID

        package init(gpu: GPUUUID, gi: GPUInstanceID) {
            self.gpu = gpu
            self.gi = gi
        }
    }
}

/// A compute instance that belongs to a lease.
package struct LeasedComputeInstance: Hashable, Sendable {
    package let id: ComputeInstanceID
    /// The MIG device that it is.
    package let device: MIGUUID
}

extension Lease {
    var computeInstanceIDs: [ComputeInstanceID] { computeInstances.map(\.id) }

    /// Takes a compute instance in, in place of an earlier one of its id.
    mutating func add(_ instance: LeasedComputeInstance) {
        remove(instance.id)
        computeInstances.append(instance)
        computeInstances.sort { $0.id < $1.id }
    }

    mutating func remove(_ id: ComputeInstanceID) { computeInstances.removeAll { $0.id == id } }

    /// Whether somebody is its owner: by number and by name, for the number may be another's by now (threat T13).
    package func belongs(to principal: Principal) -> Bool {
        user == principal.user && userName.utf8.elementsEqual(principal.accountName.utf8)
    }

    /// Whether a GPU instance on its seat is its own, and not one that another tool has put in its place.
    ///
    /// A driver that makes just the same again gives it the same names; only what differs can be told.
    func owns(_ instance: GPUInstance) -> Bool {
        // A lease that was read from the log alone does not know the number of its profile yet.
        guard slices.rawValue == 0 || instance.profile == profileID, instance.placement == placement else {
            return false
        }
        return computeInstances.isEmpty || instance.computeInstances.isEmpty
            || instance.computeInstances.contains(where: holds)
    }

    func holds(_ instance: ComputeInstance) -> Bool { holds(instance.id, instance.uuid) }

    func holds(_ seat: ComputeSeat) -> Bool { holds(seat.id, seat.device) }

    private func holds(_ id: ComputeInstanceID, _ device: MIGUUID?) -> Bool {
        computeInstances.contains { $0.id == id && $0.device == device }
    }

    /// A compute instance in its GPU instance that another tool made.
    func stranger(in instance: GPUInstance) -> ComputeInstance? { instance.computeInstances.first { !holds($0) } }
}

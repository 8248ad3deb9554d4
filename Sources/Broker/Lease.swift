package import MIG

/// One GPU instance with its compute instance, held by one user until a time.
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
    package let ci: ComputeInstanceID
    package let profile: String
    package let profileID: GPUInstanceProfileID
    package let placement: Placement
    package let slices: SliceCount
    package let memoryMiB: Int
    /// What `CUDA_VISIBLE_DEVICES` takes.
    package let device: MIGUUID
    package let created: Timestamp
    /// For people; what counts is `deadline`.
    package var expires: Timestamp
    /// The end on `Clock.boottime`, which nobody can set.
    package var deadline: Int64
    package var renewals: Int
    package let isolation: Isolation
    /// What the user called it.
    package let name: String?
    package var state: State
    /// The change that made it.
    package let operation: OperationID

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

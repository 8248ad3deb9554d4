package import MIG

/// One GPU as the planner sees it: what it can be cut into, and what of it is not to be had.
package struct GPUState: Sendable {
    package let index: Int
    package let uuid: GPUUUID
    package let geometry: Geometry
    /// Every GPU instance on it, whoever made it, and every one that is about to be made.
    package let occupants: [Occupant]
    /// Free room that must not be given away now, such as a slot that an earlier user still holds open.
    package let avoided: [Placement]

    package init(
        index: Int, uuid: GPUUUID, geometry: Geometry, occupants: [Occupant], avoided: [Placement] = []
    ) {
        self.index = index
        self.uuid = uuid
        self.geometry = geometry
        self.occupants = occupants
        self.avoided = avoided
    }

    /// The same GPU with nothing to avoid, or with nothing on it at all.
    func cleared(ofOccupants: Bool) -> GPUState {
        GPUState(
            index: index, uuid: uuid, geometry: geometry, occupants: ofOccupants ? [] : occupants, avoided: [])
    }
}

/// A GPU instance that takes up room.
package struct Occupant: Hashable, Sendable {
    package let profile: GPUInstanceProfileID
    package let placement: Placement

    package init(profile: GPUInstanceProfileID, placement: Placement) {
        self.profile = profile
        self.placement = placement
    }

    package init(_ instance: GPUInstance) {
        self.init(profile: instance.profile, placement: instance.placement)
    }
}

/// One way in which a member of a request may be served: this profile on this GPU, anywhere or at one start.
package struct Candidate: Hashable, Sendable {
    package let gpu: GPUUUID
    package let profile: GPUInstanceProfileID
    /// Nil where any legal placement will do.
    package let start: Int?

    package init(gpu: GPUUUID, profile: GPUInstanceProfileID, start: Int? = nil) {
        self.gpu = gpu
        self.profile = profile
        self.start = start
    }
}

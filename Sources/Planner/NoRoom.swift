package import MIG

/// A request that cannot be placed whole now, with what there is instead.
package struct NoRoom: Error, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable {
        /// Instances are in the way; it may fit when some of them end.
        case occupied
        /// Only slots that must not be given away now are in the way.
        case avoided
        /// It would not fit on these GPUs if they were empty, or there is no such placement.
        case neverFits
        /// More members than one request may have.
        case tooMany
        /// So many different members that it cannot be told in bounded time whether they fit.
        case tooVaried
    }

    package let reason: Reason
    /// The GPUs that were asked for, by rising index.
    package let slots: [SlotMap]

    init(reason: Reason, states: [GPUState]) {
        self.reason = reason
        slots = states.map { SlotMap(of: $0) }
    }

    package var description: String {
        switch reason {
        case .occupied: "no free placement for the whole request"
        case .avoided: "the only free placement is still held open by its last user"
        case .neverFits: "the request does not fit on these GPUs even when they are empty"
        case .tooMany: "a request has at most \(Planner.mostMembers) instances"
        case .tooVaried: "the request has too many different members to be placed together"
        }
    }
}

/// What of one GPU is free, and what would fit there now.
package struct SlotMap: Hashable, Sendable {
    /// One memory slice.
    package enum Slot: String, Sendable {
        case free, taken, avoided
    }

    /// How many instances of a profile could be made now, each profile asked for alone.
    package struct Fit: Hashable, Sendable {
        package let profile: GPUInstanceProfile
        package let count: Int
    }

    package let gpu: GPUUUID
    package let index: Int
    /// By rising start.
    package let slots: [Slot]
    /// In the driver's order, without those that do not fit.
    package let fits: [Fit]

    package init(of state: GPUState) {
        gpu = state.uuid
        index = state.index
        let taken = Occupancy(of: state.cleared(ofOccupants: false)).mask
        let blocked = Occupancy(of: state).mask
        slots = (0..<state.geometry.sliceCount).map { slice in
            let bit: UInt64 = 1 << UInt64(slice)
            return taken & bit != 0 ? .taken : blocked & bit != 0 ? .avoided : .free
        }
        fits = state.geometry.profiles.compactMap { profile in
            let count = Self.count(of: profile, on: state)
            return count > 0 ? Fit(profile: profile, count: count) : nil
        }
    }

    private static func count(of profile: GPUInstanceProfile, on state: GPUState) -> Int {
        let most = min(max(profile.instanceCount, 0), Planner.mostMembers)
        let kind = MemberKind(
            members: Array(0..<most), candidates: [Candidate(gpu: state.uuid, profile: profile.id)])
        return Packer.packings(of: [kind], on: [state])[0].first?.items.count ?? 0
    }
}

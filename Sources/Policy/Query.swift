package import MIG

/// One instance that a request asks for, or one that exists and is to be renewed or ended.
package struct Demand: Hashable, Sendable {
    /// The GPU instance profile's name as the driver has it, `3g.40gb`; also for compute instances inside it.
    package let profile: String
    package let slices: SliceCount
    package let memoryMiB: Int
    /// The GPUs that could serve it; for an instance that exists, the one it is on.
    package let candidates: [GPU]

    package init(profile: String, slices: SliceCount, memoryMiB: Int, candidates: [GPU]) {
        self.profile = profile
        self.slices = slices
        self.memoryMiB = memoryMiB
        self.candidates = candidates
    }
}

/// What an action is to be done to. Nothing to do it to is denied: there is nothing to allow.
package enum Target: Hashable, Sendable {
    /// The broker itself: reads, audit and policy.
    case broker
    /// GPUs as a whole; every one of them must be allowed.
    case gpus([GPU])
    /// Instances; each needs at least one allowed GPU among its candidates.
    case instances([Demand])
}

/// One question to the policy.
package struct Query: Hashable, Sendable {
    package let principal: Principal
    package let action: Action
    package let target: Target
    /// The length of lease asked for; nil takes the default.
    package let duration: TimeSpan?
    /// How often the lease has been renewed so far; only `renew.*` looks at it.
    package let renewals: Int
    /// What the machine offers now.
    package let isolation: Isolation

    package init(
        principal: Principal, action: Action, target: Target = .broker, duration: TimeSpan? = nil, renewals: Int = 0,
        isolation: Isolation = .advisory
    ) {
        self.principal = principal
        self.action = action
        self.target = target
        self.duration = duration
        self.renewals = renewals
        self.isolation = isolation
    }
}

/// One instance in use, live or reserved, as the limits count it.
package struct UseEntry: Hashable, Sendable {
    package let user: UserID
    /// The groups recorded when it was granted (`Decision.groups` at least); a group's pool counts by them.
    package let groups: [GroupID]
    package let slices: SliceCount
    package let memoryMiB: Int

    package init(user: UserID, groups: [GroupID], slices: SliceCount, memoryMiB: Int) {
        self.user = user
        self.groups = groups
        self.slices = slices
        self.memoryMiB = memoryMiB
    }
}

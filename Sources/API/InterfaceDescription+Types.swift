extension BrokerInterface {
    /// What its methods give and take.
    static let types = """
        # A GPU as leases and instances refer to it.
        type GPUReference (uuid: string, index: int, name: string)

        # Memory slices of a GPU, or compute slices of a GPU instance.
        type Placement (start: int, size: int)

        # One memory slice: free, yours, used or external. Until when is told for leases only.
        type Slot (slice: int, state: string, until: ?string)

        # mode and pendingMode are enabled, disabled or unsupported.
        type GPU (
          index: int,
          uuid: string,
          pci: string,
          name: string,
          memoryMiB: int,
          mode: string,
          pendingMode: string,
          slots: []Slot
        )

        # A kind of GPU instance on one GPU: free is how many more fit now, total how many on an empty GPU.
        type Profile (
          gpu: GPUReference,
          name: string,
          id: int,
          slices: int,
          memoryMiB: int,
          multiprocessors: int,
          copyEngines: int,
          decoders: int,
          encoders: int,
          jpegEngines: int,
          opticalFlow: int,
          free: int,
          total: int,
          placements: []Placement
        )

        # A compute instance; uuid is what CUDA_VISIBLE_DEVICES takes.
        type ComputeInstance (ci: int, profile: string, placement: Placement, uuid: ?string)

        # A kind of compute instance inside one GPU instance: free is how many more fit now. isWhole marks the one that
        # takes all of it.
        type ComputeProfile (
          name: string,
          id: int,
          slices: int,
          multiprocessors: int,
          copyEngines: int,
          decoders: int,
          encoders: int,
          jpegEngines: int,
          opticalFlow: int,
          free: int,
          total: int,
          placements: []Placement,
          isWhole: bool
        )

        # A GPU instance. lease is null for one that another tool made.
        type Instance (
          gpu: GPUReference,
          gi: int,
          profile: string,
          profileId: int,
          placement: Placement,
          computeInstances: []ComputeInstance,
          computeProfiles: []ComputeProfile,
          lease: ?string,
          user: ?string
        )

        # A MIG device with the nodes that give access to it. Its memory is that of its GPU instance, which all compute
        # instances in it share.
        type Device (
          uuid: string,
          gpu: GPUReference,
          gi: int,
          ci: int,
          profile: string,
          memoryMiB: int,
          multiprocessors: int,
          nodes: []string,
          lease: ?string,
          user: ?string
        )

        # state is active or ending; isolation is enforced or advisory. ci and uuid are those of the first compute
        # instance, uuids those of all; a GPU instance that was made without one has none. onExpiry is kill where the
        # processes that are still on the slice at its end are ended.
        type Lease (
          id: string,
          gpu: GPUReference,
          gi: int,
          ci: ?int,
          profile: string,
          placement: Placement,
          uuid: ?string,
          uuids: []string,
          user: string,
          uid: int,
          created: string,
          expires: string,
          state: string,
          isolation: string,
          onExpiry: ?string,
          name: ?string
        )

        # Where one slice of a request goes.
        type PlannedInstance (gpu: GPUReference, profile: string, placement: Placement)

        # A GPU instance by its number on a GPU, which may be named in any way that names just one.
        type InstanceReference (gpu: string, gi: int)

        type ComputeInstanceReference (gpu: string, gi: int, ci: int)

        # One thing that a change does to the machine. action is create-gpu-instance, create-compute-instance,
        # destroy-gpu-instance, destroy-compute-instance, enable-mig or disable-mig. lease and user are those of the
        # instance that is destroyed or added to.
        type PlanStep (
          action: string,
          gpu: GPUReference,
          gi: ?int,
          ci: ?int,
          profile: ?string,
          placement: ?Placement,
          lease: ?string,
          user: ?string
        )

        # What a change does, in this order. A dry run shows it; the call that then gives its id as plan does just that, or
        # is refused because the state has moved.
        type Plan (id: string, steps: []PlanStep)

        # What became of a GPU's mode: done, unchanged, planned, pending-in-use (until a reset, because a process uses the
        # GPU), pending-reset (until somebody resets it or restarts the machine) or pending. reason says why it is pending.
        type ModeEnding (gpu: GPUReference, state: string, reason: ?string)

        # An action and the rules that allow it; hours are of those rules that do not always count.
        type Right (action: string, rules: []string, hours: []RuleHours)

        # When a rule counts, as the policy says it: Mon-Fri 08:00-20:00 Europe/Berlin.
        type RuleHours (rule: string, during: string)

        # A limit that counts for the caller. dimension is instances, slices or memoryMiB.
        type LimitUse (limit: string, scope: string, dimension: string, used: int, maximum: int)

        type Group (gid: int, name: ?string)

        # A decision as the broker would make it now.
        type Decision (
          allowed: bool,
          reason: string,
          rules: []string,
          limits: []string,
          gpus: []GPUReference,
          seconds: ?int,
          onExpiry: ?string
        )

        # state is done, failed, running or unknown.
        type Operation (id: string, method: string, state: string, error: ?string, leases: []string)

        # Of one user, group or profile: leases, and what they took times the seconds they ran. Slices and memory are what
        # the profile's name says. A lease counts in full for every group by whose right it was made; no gid is no group.
        type Usage (
          uid: ?int,
          user: ?string,
          gid: ?int,
          profile: ?string,
          leases: int,
          instanceSeconds: int,
          sliceSeconds: int,
          memoryGiBSeconds: int
        )

        # One finding of a policy check. severity is error or warning.
        type Diagnostic (file: string, line: int, column: int, severity: string, message: string)

        # One thing that the broker looked at: driver, isolation, nodes, policy, audit, seal, journal, heads or clock. state
        # is ok, warning or bad; fix is what sets it right.
        type HealthCheck (name: string, state: string, finding: string, fix: ?string)

        """
}

/// The interface that the broker speaks, as clients introspect it.
package enum BrokerInterface {
    package static let name = "io.migbroker.Broker"
    package static let vendor = "migbroker"
    package static let product = "migbroker"
    package static let version = "0.1.0"
    package static let url = "https://io.migbroker"

    /// The full name of a method or an error of the interface.
    package static func qualified(_ member: String) -> String { "\(name).\(member)" }

    /// The Varlink text. Lines end in LF alone, and every comment stands before a member or a field: stricter than the
    /// grammar, because the parsers in use are.
    package static let description = """
        # MIG slices for the users of one server: request a slice, use it, give it back.
        #
        # Who calls is what the kernel says of the connection. Times are RFC 3339 in UTC, spans are seconds, memory is
        # MiB. A GPU is named by index, UUID, PCI bus id or model:GLOB; a profile by name or by the driver's id.
        interface io.migbroker.Broker

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

        # One finding of a policy check. severity is error or warning.
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

        type Diagnostic (file: string, line: int, column: int, severity: string, message: string)

        # One thing that the broker looked at: driver, isolation, nodes, policy, audit, seal, journal, heads or clock. state
        # is ok, warning or bad; fix is what sets it right.
        type HealthCheck (name: string, state: string, finding: string, fix: ?string)

        method ListGPUs() -> (gpus: []GPU)

        method ListProfiles(gpu: ?string) -> (profiles: []Profile)

        # Without all, the caller's own.
        method ListInstances(gpu: ?string, all: ?bool) -> (instances: []Instance)

        # Without all, the caller's own.
        method ListDevices(gpu: ?string, all: ?bool) -> (devices: []Device)

        # Without all, the caller's own. Leases that have ended are not listed.
        method ListLeases(all: ?bool) -> (leases: []Lease)

        # The fate of a change, for a caller whose connection broke.
        method GetOperation(operation: string) -> (operation: Operation)

        method WhoAmI() -> (
          uid: int,
          user: ?string,
          gid: int,
          groups: []Group,
          origin: string,
          rights: []Right,
          limits: []LimitUse,
          isolation: string,
          policy: ?string
        )

        # How the broker does. Every user learns each state; reasons, paths and commands need the right to what they tell of:
        # policy.read, audit.read or, for driver and nodes, read.all.
        method GetHealth() -> (version: string, checks: []HealthCheck)

        # Runs the very function that decides, and changes nothing. user needs policy.read unless it is the caller.
        method Explain(
          action: string,
          gpu: ?string,
          profiles: ?[]string,
          seconds: ?int,
          user: ?string
        ) -> (decision: Decision)

        # [Requires 'more' flag] A reply now and after each change, with a number that grows.
        method Monitor() -> (change: int)

        # Makes one slice for each profile, all or none. memoryMiB or multiprocessors instead of profiles asks for the
        # smallest profile that serves, count times. key makes a repeated call the same call. onBehalfOf, a user's name, makes
        # them his, by his rights and limits; that takes the right act-as.
        method Request(
          profiles: ?[]string,
          memoryMiB: ?int,
          multiprocessors: ?int,
          count: ?int,
          gpu: ?string,
          seconds: ?int,
          name: ?string,
          dryRun: ?bool,
          key: ?string,
          onBehalfOf: ?string
        ) -> (operation: ?string, dryRun: bool, plan: []PlannedInstance, leases: []Lease)

        # Without seconds, as long again as the policy gives by default.
        method Renew(lease: string, seconds: ?int, dryRun: ?bool, key: ?string, onBehalfOf: ?string) -> (
          operation: ?string,
          dryRun: bool,
          lease: Lease
        )

        # Ends leases and destroys their instances.
        method Release(leases: []string, dryRun: ?bool, key: ?string, onBehalfOf: ?string) -> (
          operation: ?string,
          dryRun: bool,
          leases: []Lease
        )

        # Makes GPU instances on every GPU named, or on all on which the caller may, all or none: profiles as nvidia-smi
        # takes them, by id, name or full name, with :START where one matters; with a compute instance that takes all of
        # each, or with none. Each becomes a lease.
        method CreateGPUInstances(
          profiles: []string,
          gpus: ?[]string,
          defaultComputeInstance: ?bool,
          seconds: ?int,
          name: ?string,
          plan: ?string,
          dryRun: ?bool,
          key: ?string
        ) -> (operation: ?string, dryRun: bool, plan: Plan, leases: []Lease)

        # Destroys GPU instances with all in them, and ends their leases.
        method DestroyGPUInstances(
          instances: []InstanceReference,
          plan: ?string,
          dryRun: ?bool,
          key: ?string
        ) -> (operation: ?string, dryRun: bool, plan: Plan, leases: []Lease)

        # Makes compute instances in each of these GPU instances, all or none; without profiles one that takes all of it.
        method CreateComputeInstances(
          instances: []InstanceReference,
          profiles: ?[]string,
          plan: ?string,
          dryRun: ?bool,
          key: ?string
        ) -> (operation: ?string, dryRun: bool, plan: Plan, leases: []Lease)

        # Destroys compute instances; the GPU instances around them stay with their leases.
        method DestroyComputeInstances(
          computeInstances: []ComputeInstanceReference,
          plan: ?string,
          dryRun: ?bool,
          key: ?string
        ) -> (operation: ?string, dryRun: bool, plan: Plan, leases: []Lease)

        # Turns MIG mode on or off on every GPU named, or on all on which the caller may. Where leases live on one, they
        # are ended first, but only with the id of the plan that shows it.
        method SetMIGMode(
          enabled: bool,
          gpus: ?[]string,
          plan: ?string,
          dryRun: ?bool,
          key: ?string
        ) -> (operation: ?string, dryRun: bool, plan: Plan, leases: []Lease, modes: []ModeEnding)

        # [Supports 'more' flag] Audit records, oldest first; without audit.read the caller's own. Without 'more' they must
        # fit one reply, of some 200 records: else ExpectedMore, unless limit asks for no more than that.
        # user is a name or a uid, group a gid. operation, lease and a gpu's UUID may be cut at the end. With follow, which
        # needs 'more', the answer has no end: records from since on, or those written from now on, as they are written.
        method QueryAudit(
          user: ?string,
          group: ?int,
          operation: ?string,
          method: ?string,
          gpu: ?string,
          profile: ?string,
          lease: ?string,
          result: ?string,
          types: ?[]string,
          since: ?string,
          until: ?string,
          limit: ?int,
          follow: ?bool
        ) -> (records: []object)

        # What leases took of the machine in a period, by the audit log; without audit.read the caller's own. A lease runs
        # from the record of its making to that of its end, one that still runs to the period's end.
        method QueryUsage(user: ?string, since: ?string, until: ?string) -> (
          since: ?string,
          until: string,
          total: Usage,
          users: []Usage,
          groups: []Usage,
          profiles: []Usage
        )

        # Whether every record follows from those before it. 'first' is where the log begins, where that is not 1 'explainedBy'
        # the record that says why. 'seals' counts the seals, 'epoch' is that of the last one, 'unsealed' the records after
        # it; who made them can only be checked with the key, which the broker does not have.
        method VerifyAudit() -> (
          valid: bool,
          records: int,
          head: ?string,
          problem: ?string,
          first: ?int,
          explainedBy: ?int,
          seals: ?int,
          epoch: ?int,
          unsealed: ?int
        )

        # Comes to the decision on a record again, by the policy that made it; where the record bears none, to that of its
        # operation. agrees is left out where something stands in the way, which obstacle names.
        method ExplainRecord(seq: int) -> (
          seq: int,
          policy: ?string,
          question: []string,
          recorded: []string,
          decision: ?Decision,
          agrees: ?bool,
          obstacle: ?string
        )

        # Reads the policy files as they are now and says what a reload would say.
        method CheckPolicy() -> (valid: bool, diagnostics: []Diagnostic)

        method ReloadPolicy() -> (policy: string)

        # No rule allows it, or a rule denies it.
        error NotAuthorized (action: string, reason: string, rules: []string, message: string)

        # The user or his groups could not be looked up.
        error IdentityUnavailable (reason: string, message: string)

        error QuotaExceeded (limit: string, dimension: string, used: int, asked: int, maximum: int, message: string)

        error TooManyRequests (message: string)

        # No placement is free. gpus shows the slots as ListGPUs does.
        # The instance is there where compute instances found no room in it: GPU:GI.
        error NoRoom (profiles: []string, gpus: []GPU, instance: ?string, message: string)

        error InUse (what: string, message: string)

        error PendingReset (gpu: string, message: string)

        error MIGDisabled (gpus: []string, message: string)

        # These GPUs cannot be cut at all.
        error MIGUnsupported (gpus: []string, message: string)

        # The state has moved since the plan was shown. Nothing was done.
        error PlanChanged (message: string)

        error DeviceGateClosed (node: string, problem: string, fix: string, message: string)

        error AuditUnavailable (reason: string, message: string)

        error NotFound (what: string, name: string, message: string)

        # A profile id that means different profiles on different GPUs.
        error Ambiguous (what: string, name: string, candidates: []string, message: string)

        error DriverUnavailable (reason: string, message: string)

        # left names what a failed change made and could not take back; as a rule it is empty.
        error DriverError (call: string, code: int, name: string, left: []string, message: string)

        error PolicyInvalid (diagnostics: []Diagnostic, message: string)

        """
}

extension BrokerInterface {
    /// What it does.
    static let methods = """
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
        # The caller's own are also what others did for him or to his leases; of those he is told who and what, and nothing
        # of the other's session and rights: such a record lacks what its hash covers.
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
        # from the record of its making to that of its end, one that still runs to the period's end. Where earlier records
        # were removed, 'begins' is when the log begins: of leases made before, only those count that a later record tells of.
        method QueryUsage(user: ?string, since: ?string, until: ?string) -> (
          since: ?string,
          until: string,
          begins: ?string,
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

        """
}

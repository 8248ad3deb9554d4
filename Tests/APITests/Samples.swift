import API
import JSON
import Testing

/// One value that travels, with every field and with as few as may be, and the way back from its JSON.
struct Sample: Sendable, CustomTestStringConvertible {
    enum Place: Sendable, Hashable {
        case type(String)
        case parameters(of: String)
        case reply(of: String)
    }

    let place: Place
    let full: JSONValue
    let least: JSONValue
    let rewritten: @Sendable (JSONValue) throws -> JSONValue

    init<Object: WireObject>(_ place: Place, _ full: Object, least: Object? = nil) {
        self.place = place
        self.full = full.json
        self.least = (least ?? full).json
        rewritten = { try Object(json: $0).json }
    }

    var testDescription: String { "\(place)" }

    /// Whether it is what clients send, of which nothing may be unknown.
    var isRequest: Bool {
        switch place {
        case .parameters: true
        case .type(let name): ["InstanceReference", "ComputeInstanceReference"].contains(name)
        case .reply: false
        }
    }

    /// What the interface's text says of its fields.
    var declared: [InterfaceText.Field]? {
        switch place {
        case .type(let name): InterfaceText.broker.types[name]
        case .parameters(let method): InterfaceText.broker.parameters[method]
        case .reply(let method): InterfaceText.broker.replies[method]
        }
    }
}

extension Sample {
    static let all = types + requests + replies

    private static let gpu = GPUReference(uuid: "GPU-0", index: 1, name: "A \u{e9}\u{301}")
    private static let placement = PlacementInfo(start: 4, size: 2)
    private static let slot = Slot(slice: 3, state: "yours", until: "2026-11-23T19:12:28Z")
    private static let wholeGPU = GPUInfo(
        index: 0, uuid: "GPU-0", pci: "0000:01:00.0", name: "A100", memoryMiB: 40960, mode: "enabled",
        pendingMode: "disabled", slots: [slot, Slot(slice: 4, state: "free")])
    private static let profile = ProfileInfo(
        gpu: gpu, name: "1g.5gb", id: 19, slices: 1, memoryMiB: 4864, multiprocessors: 14, copyEngines: 1, decoders: 2,
        encoders: 3, jpegEngines: 4, opticalFlow: 5, free: 6, total: 7, placements: [placement])
    private static let compute = ComputeInstanceInfo(ci: 0, profile: "1c.3g.20gb", placement: placement, uuid: "MIG-0")
    private static let computeProfile = ComputeProfileInfo(
        name: "1c.3g.20gb", id: 0, slices: 1, multiprocessors: 14, copyEngines: 3, decoders: 2, encoders: 1,
        jpegEngines: 4, opticalFlow: 5, free: 2, total: 3, placements: [placement], isWhole: false)
    private static let instance = InstanceInfo(
        gpu: gpu, gi: 7, profile: "1g.5gb", profileId: 19, placement: placement, computeInstances: [compute],
        computeProfiles: [computeProfile], lease: "00", user: "alice")
    private static let device = DeviceInfo(
        uuid: "MIG-0", gpu: gpu, gi: 7, ci: 0, profile: "1g.5gb", memoryMiB: 4864, multiprocessors: 14,
        nodes: ["/dev/nvidia0"], lease: "00", user: "alice")
    private static let lease = LeaseInfo(
        id: "00", gpu: gpu, gi: 7, ci: 0, profile: "1g.5gb", placement: placement, uuid: "MIG-0", uuids: ["MIG-0"],
        user: "alice", uid: 2001, created: "2026-11-23T19:12:28Z", expires: "2026-11-23T21:12:28Z", state: "active",
        isolation: "advisory", onExpiry: "kill", name: "mine")
    private static let planned = PlannedInstance(gpu: gpu, profile: "1g.5gb", placement: placement)
    private static let reference = InstanceReference(gpu: "0", gi: 7)
    private static let computeReference = ComputeInstanceReference(gpu: "0", gi: 7, ci: 1)
    private static let step = PlanStep(
        action: "destroy-compute-instance", gpu: gpu, gi: 7, ci: 1, profile: "1c.3g.20gb", placement: placement,
        lease: "00", user: "alice")
    private static let plan = PlanInfo(id: "00", steps: [step])
    private static let ending = ModeEnding(gpu: gpu, state: "pending-in-use", reason: "a process uses it")
    private static let right = Right(
        action: "request", rules: ["a", "b"], hours: [RuleHours(rule: "b", during: "Mon-Fri 08:00-20:00")])
    private static let use = LimitUse(limit: "each", scope: "user", dimension: "slices", used: 1, maximum: 2)
    private static let check = HealthCheck(name: "clock", state: "bad", finding: "it was set back", fix: "set it right")
    private static let group = GroupInfo(gid: 3001, name: "ml")
    private static let decision = DecisionInfo(
        allowed: true, reason: "allowed by a", rules: ["a"], limits: ["each"], gpus: [gpu], seconds: 7200,
        onExpiry: "kill")
    private static let operation = OperationInfo(
        id: "00", method: "Request", state: "failed", error: "NoRoom", leases: ["00"])
    private static let finding = DiagnosticInfo(
        file: "/etc/policy.json", line: 3, column: 5, severity: "error", message: "unknown key")

    private static let types: [Sample] = [
        Sample(.type("GPUReference"), gpu), Sample(.type("Placement"), placement),
        Sample(.type("Slot"), slot, least: Slot(slice: 4, state: "free")), Sample(.type("GPU"), wholeGPU),
        Sample(.type("Profile"), profile),
        Sample(
            .type("ComputeInstance"), compute,
            least: ComputeInstanceInfo(ci: 0, profile: "1c.3g.20gb", placement: placement)),
        Sample(
            .type("Instance"), instance,
            least: InstanceInfo(
                gpu: gpu, gi: 7, profile: "1g.5gb", profileId: 19, placement: placement, computeInstances: [],
                computeProfiles: [])),
        Sample(.type("ComputeProfile"), computeProfile), Sample(.type("InstanceReference"), reference),
        Sample(.type("ComputeInstanceReference"), computeReference),
        Sample(.type("PlanStep"), step, least: PlanStep(action: "enable-mig", gpu: gpu)),
        Sample(.type("Plan"), plan),
        Sample(.type("ModeEnding"), ending, least: ModeEnding(gpu: gpu, state: "done")),
        Sample(
            .type("Device"), device,
            least: DeviceInfo(
                uuid: "MIG-0", gpu: gpu, gi: 7, ci: 0, profile: "1g.5gb", memoryMiB: 0, multiprocessors: 0,
                nodes: [])),
        Sample(
            .type("Lease"), lease,
            least: LeaseInfo(
                id: "00", gpu: gpu, gi: 7, ci: nil, profile: "1g.5gb", placement: placement, uuid: nil, uuids: [],
                user: "alice", uid: 2001, created: "", expires: "", state: "ending", isolation: "enforced")),
        Sample(.type("PlannedInstance"), planned), Sample(.type("Right"), right),
        Sample(.type("RuleHours"), RuleHours(rule: "b", during: "Sat,Sun")), Sample(.type("LimitUse"), use),
        Sample(.type("Group"), group, least: GroupInfo(gid: 3001)),
        Sample(
            .type("Decision"), decision,
            least: DecisionInfo(allowed: false, reason: "no rule", rules: [], limits: [], gpus: [])),
        Sample(
            .type("Operation"), operation,
            least: OperationInfo(id: "00", method: "Request", state: "done", leases: [])),
        Sample(.type("Usage"), usage, least: leastUsage), Sample(.type("Diagnostic"), finding),
        Sample(.type("HealthCheck"), check, least: HealthCheck(name: "driver", state: "ok", finding: "it answers")),
    ]

    private static let requests: [Sample] = [
        Sample(.parameters(of: "ListProfiles"), ListProfilesRequest(gpu: "0"), least: ListProfilesRequest()),
        Sample(
            .parameters(of: "ListInstances"), ListInstancesRequest(gpu: "0", all: true), least: ListInstancesRequest()),
        Sample(.parameters(of: "ListDevices"), ListDevicesRequest(gpu: "0", all: true), least: ListDevicesRequest()),
        Sample(.parameters(of: "ListLeases"), ListLeasesRequest(all: false), least: ListLeasesRequest()),
        Sample(.parameters(of: "GetOperation"), GetOperationRequest(operation: "00")),
        Sample(
            .parameters(of: "Explain"),
            ExplainRequest(action: "request", gpu: "0", profiles: ["1g.5gb"], seconds: 60, user: "bob"),
            least: ExplainRequest(action: "request")),
        Sample(
            .parameters(of: "Request"),
            LeaseRequest(
                profiles: ["1g.5gb"], memoryMiB: 1, multiprocessors: 2, count: 3, gpu: "0", seconds: 60, name: "mine",
                dryRun: true, key: "k", onBehalfOf: "alice"), least: LeaseRequest()),
        Sample(
            .parameters(of: "ExplainRecord"), ExplainRecordRequest(seq: 7), least: ExplainRecordRequest(seq: 7)),
        Sample(
            .parameters(of: "Renew"),
            RenewRequest(lease: "00", seconds: 60, dryRun: true, key: "k", onBehalfOf: "alice"),
            least: RenewRequest(lease: "00")),
        Sample(
            .parameters(of: "Release"), ReleaseRequest(leases: ["00"], dryRun: true, key: "k", onBehalfOf: "alice"),
            least: ReleaseRequest(leases: [])),
        Sample(
            .parameters(of: "CreateGPUInstances"),
            CreateGPUInstancesRequest(
                profiles: ["9:4"], gpus: ["0"], defaultComputeInstance: true, seconds: 60, name: "mine", plan: "00",
                dryRun: true, key: "k"), least: CreateGPUInstancesRequest(profiles: [])),
        Sample(
            .parameters(of: "DestroyGPUInstances"),
            DestroyGPUInstancesRequest(instances: [reference], plan: "00", dryRun: true, key: "k"),
            least: DestroyGPUInstancesRequest(instances: [])),
        Sample(
            .parameters(of: "CreateComputeInstances"),
            CreateComputeInstancesRequest(
                instances: [reference], profiles: ["0"], plan: "00", dryRun: true, key: "k"),
            least: CreateComputeInstancesRequest(instances: [])),
        Sample(
            .parameters(of: "DestroyComputeInstances"),
            DestroyComputeInstancesRequest(
                computeInstances: [computeReference], plan: "00", dryRun: true, key: "k"),
            least: DestroyComputeInstancesRequest(computeInstances: [])),
        Sample(
            .parameters(of: "SetMIGMode"),
            SetMIGModeRequest(enabled: true, gpus: ["0"], plan: "00", dryRun: true, key: "k"),
            least: SetMIGModeRequest(enabled: false)),
        Sample(
            .parameters(of: "QueryAudit"),
            fullQuestion, least: QueryAuditRequest()),
        Sample(
            .parameters(of: "QueryUsage"),
            QueryUsageRequest(user: "bob", since: "2026-11-23T19:12:28Z", until: "2026-11-23T21:12:28Z"),
            least: QueryUsageRequest()),
    ]

    private static let fullQuestion: QueryAuditRequest = {
        var request = QueryAuditRequest()
        request.user = "bob"
        request.group = 3001
        request.operation = "00"
        request.method = "Request"
        request.gpu = "0"
        request.profile = "3g.20gb"
        request.lease = "0a"
        request.result = "ok"
        request.types = ["outcome", "lease-end"]
        request.since = "2026-11-23T19:12:28Z"
        request.until = "2026-11-23T21:12:28Z"
        request.limit = 1
        request.follow = true
        return request
    }()
    private static let usage = UsageInfo(
        uid: 1000, user: "bob", gid: 3001, profile: "3g.20gb", leases: 2, instanceSeconds: 60, sliceSeconds: 180,
        memoryGiBSeconds: 1200)
    private static let leastUsage = UsageInfo(leases: 0, instanceSeconds: 0, sliceSeconds: 0, memoryGiBSeconds: 0)

    private static let replies: [Sample] =
        [
            Sample(.reply(of: "ListGPUs"), ListGPUsReply(gpus: [wholeGPU]), least: ListGPUsReply(gpus: [])),
            Sample(.reply(of: "ListProfiles"), ListProfilesReply(profiles: [profile])),
            Sample(.reply(of: "ListInstances"), ListInstancesReply(instances: [instance])),
            Sample(.reply(of: "ListDevices"), ListDevicesReply(devices: [device])),
            Sample(.reply(of: "ListLeases"), ListLeasesReply(leases: [lease])),
            Sample(.reply(of: "GetOperation"), GetOperationReply(operation: operation)),
            Sample(
                .reply(of: "WhoAmI"),
                WhoAmIReply(
                    uid: 2001, user: "alice", gid: 2001, groups: [group], origin: "host", rights: [right],
                    limits: [use],
                    isolation: "advisory", policy: "00"),
                least: WhoAmIReply(
                    uid: 2001, gid: 2001, groups: [], origin: "unknown", rights: [], limits: [], isolation: "advisory")),
            Sample(.reply(of: "GetHealth"), GetHealthReply(version: "1", checks: [check])),
            Sample(.reply(of: "Explain"), ExplainReply(decision: decision)),
            Sample(.reply(of: "Monitor"), MonitorReply(change: 7)),
            Sample(
                .reply(of: "Request"), LeaseReply(operation: "00", dryRun: false, plan: [planned], leases: [lease]),
                least: LeaseReply(dryRun: true, plan: [], leases: [])),
            Sample(
                .reply(of: "Renew"), RenewReply(operation: "00", dryRun: false, lease: lease),
                least: RenewReply(dryRun: true, lease: lease)),
            Sample(
                .reply(of: "Release"), ReleaseReply(operation: "00", dryRun: false, leases: [lease]),
                least: ReleaseReply(dryRun: true, leases: [])),
        ] + changes

    private static let changes: [Sample] =
        [
            "CreateGPUInstances", "DestroyGPUInstances", "CreateComputeInstances", "DestroyComputeInstances",
        ].map { method in
            Sample(
                .reply(of: method), ChangeReply(operation: "00", dryRun: false, plan: plan, leases: [lease]),
                least: ChangeReply(dryRun: true, plan: plan, leases: []))
        } + [
            Sample(
                .reply(of: "SetMIGMode"),
                SetMIGModeReply(operation: "00", dryRun: false, plan: plan, leases: [lease], modes: [ending]),
                least: SetMIGModeReply(dryRun: true, plan: plan, leases: [], modes: [])),
            Sample(
                .reply(of: "ExplainRecord"),
                ExplainRecordReply(
                    seq: 7, policy: "00", question: ["request"], recorded: ["a"], decision: decision, agrees: true,
                    obstacle: "none"), least: ExplainRecordReply(seq: 7)),
            Sample(
                .reply(of: "QueryUsage"),
                QueryUsageReply(
                    since: "2026-11-23T19:12:28Z", until: "2026-11-23T21:12:28Z", begins: "2026-11-23T20:12:28Z",
                    total: usage, users: [usage], groups: [usage], profiles: [usage]),
                least: QueryUsageReply(
                    since: nil, until: "2026-11-23T21:12:28Z", total: leastUsage, users: [], groups: [], profiles: [])),
            Sample(
                .reply(of: "VerifyAudit"),
                VerifyAuditReply(
                    valid: true, records: 7, head: "00", problem: "none", first: 2, explainedBy: 9, seals: 3, epoch: 4,
                    unsealed: 5),
                least: VerifyAuditReply(valid: false, records: 0)),
            Sample(.reply(of: "CheckPolicy"), CheckPolicyReply(valid: false, diagnostics: [finding])),
            Sample(.reply(of: "ReloadPolicy"), ReloadPolicyReply(policy: "00")),
        ]
}

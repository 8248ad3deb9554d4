package import JSON

/// Every GPU of the machine.
package struct ListGPUsReply: WireObject {
    package var gpus: [GPUInfo]

    package init(gpus: [GPUInfo]) {
        self.gpus = gpus
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpus = try object.wires("gpus")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpus", gpus)
        return object.json
    }
}

/// Every kind of slice.
package struct ListProfilesReply: WireObject {
    package var profiles: [ProfileInfo]

    package init(profiles: [ProfileInfo]) {
        self.profiles = profiles
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        profiles = try object.wires("profiles")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("profiles", profiles)
        return object.json
    }
}

/// GPU instances.
package struct ListInstancesReply: WireObject {
    package var instances: [InstanceInfo]

    package init(instances: [InstanceInfo]) {
        self.instances = instances
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        instances = try object.wires("instances")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("instances", instances)
        return object.json
    }
}

/// MIG devices.
package struct ListDevicesReply: WireObject {
    package var devices: [DeviceInfo]

    package init(devices: [DeviceInfo]) {
        self.devices = devices
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        devices = try object.wires("devices")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("devices", devices)
        return object.json
    }
}

/// Leases that have not ended.
package struct ListLeasesReply: WireObject {
    package var leases: [LeaseInfo]

    package init(leases: [LeaseInfo]) {
        self.leases = leases
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        leases = try object.wires("leases")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("leases", leases)
        return object.json
    }
}

/// What became of a change.
package struct GetOperationReply: WireObject {
    package var operation: OperationInfo

    package init(operation: OperationInfo) {
        self.operation = operation
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.wire("operation")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("operation", operation)
        return object.json
    }
}

/// The caller as the broker sees him.
package struct WhoAmIReply: WireObject {
    package var uid: Int
    package var user: String?
    package var gid: Int
    package var groups: [GroupInfo]
    package var origin: String
    package var rights: [Right]
    package var limits: [LimitUse]
    package var isolation: String
    package var policy: String?

    package init(
        uid: Int, user: String? = nil, gid: Int, groups: [GroupInfo], origin: String, rights: [Right],
        limits: [LimitUse], isolation: String, policy: String? = nil
    ) {
        self.uid = uid
        self.user = user
        self.gid = gid
        self.groups = groups
        self.origin = origin
        self.rights = rights
        self.limits = limits
        self.isolation = isolation
        self.policy = policy
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        uid = try object.int("uid")
        user = try object.optionalString("user")
        gid = try object.int("gid")
        groups = try object.wires("groups")
        origin = try object.string("origin")
        rights = try object.wires("rights")
        limits = try object.wires("limits")
        isolation = try object.string("isolation")
        policy = try object.optionalString("policy")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("uid", uid)
        object.add("user", user)
        object.add("gid", gid)
        object.add("groups", groups)
        object.add("origin", origin)
        object.add("rights", rights)
        object.add("limits", limits)
        object.add("isolation", isolation)
        object.add("policy", policy)
        return object.json
    }
}

/// The decision, with nothing done.
package struct ExplainReply: WireObject {
    package var decision: DecisionInfo

    package init(decision: DecisionInfo) {
        self.decision = decision
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        decision = try object.wire("decision")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("decision", decision)
        return object.json
    }
}

/// A number that grows with every change.
package struct MonitorReply: WireObject {
    package var change: Int

    package init(change: Int) {
        self.change = change
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        change = try object.int("change")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("change", change)
        return object.json
    }
}

/// The slices that a request got, or with a dry run would get.
package struct LeaseReply: WireObject {
    package var operation: String?
    package var dryRun: Bool
    package var plan: [PlannedInstance]
    package var leases: [LeaseInfo]

    package init(operation: String? = nil, dryRun: Bool, plan: [PlannedInstance], leases: [LeaseInfo]) {
        self.operation = operation
        self.dryRun = dryRun
        self.plan = plan
        self.leases = leases
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.optionalString("operation")
        dryRun = try object.bool("dryRun")
        plan = try object.wires("plan")
        leases = try object.wires("leases")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("operation", operation)
        object.add("dryRun", dryRun)
        object.add("plan", plan)
        object.add("leases", leases)
        return object.json
    }
}

/// The lease with its new end.
package struct RenewReply: WireObject {
    package var operation: String?
    package var dryRun: Bool
    package var lease: LeaseInfo

    package init(operation: String? = nil, dryRun: Bool, lease: LeaseInfo) {
        self.operation = operation
        self.dryRun = dryRun
        self.lease = lease
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.optionalString("operation")
        dryRun = try object.bool("dryRun")
        lease = try object.wire("lease")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("operation", operation)
        object.add("dryRun", dryRun)
        object.add("lease", lease)
        return object.json
    }
}

/// The leases that have ended, or with a dry run would.
package struct ReleaseReply: WireObject {
    package var operation: String?
    package var dryRun: Bool
    package var leases: [LeaseInfo]

    package init(operation: String? = nil, dryRun: Bool, leases: [LeaseInfo]) {
        self.operation = operation
        self.dryRun = dryRun
        self.leases = leases
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.optionalString("operation")
        dryRun = try object.bool("dryRun")
        leases = try object.wires("leases")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("operation", operation)
        object.add("dryRun", dryRun)
        object.add("leases", leases)
        return object.json
    }
}

/// Whether the chain of records holds, and what seals it.
package struct VerifyAuditReply: WireObject {
    package var valid: Bool
    package var records: Int
    package var head: String?
    package var problem: String?
    /// The number of the first record that is there.
    package var first: Int?
    /// The record that tells why the log does not begin with record 1.
    package var explainedBy: Int?
    /// Seals in the log, the epoch of the last of them, and the records after it.
    package var seals: Int?
    package var epoch: Int?
    package var unsealed: Int?

    package init(
        valid: Bool, records: Int, head: String? = nil, problem: String? = nil, first: Int? = nil,
        explainedBy: Int? = nil, seals: Int? = nil, epoch: Int? = nil, unsealed: Int? = nil
    ) {
        self.valid = valid
        self.records = records
        self.head = head
        self.problem = problem
        self.first = first
        self.explainedBy = explainedBy
        self.seals = seals
        self.epoch = epoch
        self.unsealed = unsealed
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        valid = try object.bool("valid")
        records = try object.int("records")
        head = try object.optionalString("head")
        problem = try object.optionalString("problem")
        first = try object.optionalInt("first")
        explainedBy = try object.optionalInt("explainedBy")
        seals = try object.optionalInt("seals")
        epoch = try object.optionalInt("epoch")
        unsealed = try object.optionalInt("unsealed")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("valid", valid)
        object.add("records", records)
        object.add("head", head)
        object.add("problem", problem)
        object.add("first", first)
        object.add("explainedBy", explainedBy)
        object.add("seals", seals)
        object.add("epoch", epoch)
        object.add("unsealed", unsealed)
        return object.json
    }
}

/// What a reload would say.
package struct CheckPolicyReply: WireObject {
    package var valid: Bool
    package var diagnostics: [DiagnosticInfo]

    package init(valid: Bool, diagnostics: [DiagnosticInfo]) {
        self.valid = valid
        self.diagnostics = diagnostics
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        valid = try object.bool("valid")
        diagnostics = try object.wires("diagnostics")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("valid", valid)
        object.add("diagnostics", diagnostics)
        return object.json
    }
}

/// The hash of the policy that holds now.
package struct ReloadPolicyReply: WireObject {
    package var policy: String

    package init(policy: String) {
        self.policy = policy
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        policy = try object.string("policy")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("policy", policy)
        return object.json
    }
}

package import JSON

/// GPU instances to make on each of some GPUs.
package struct CreateGPUInstancesRequest: WireObject {
    package var profiles: [String]
    package var gpus: [String]?
    package var defaultComputeInstance: Bool?
    package var seconds: Int?
    package var name: String?
    package var plan: String?
    package var dryRun: Bool?
    package var key: String?

    package init(
        profiles: [String], gpus: [String]? = nil, defaultComputeInstance: Bool? = nil, seconds: Int? = nil,
        name: String? = nil, plan: String? = nil, dryRun: Bool? = nil, key: String? = nil
    ) {
        self.profiles = profiles
        self.gpus = gpus
        self.defaultComputeInstance = defaultComputeInstance
        self.seconds = seconds
        self.name = name
        self.plan = plan
        self.dryRun = dryRun
        self.key = key
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        profiles = try object.strings("profiles")
        gpus = try object.optionalStrings("gpus")
        defaultComputeInstance = try object.optionalBool("defaultComputeInstance")
        seconds = try object.optionalInt("seconds")
        name = try object.optionalString("name")
        plan = try object.optionalString("plan")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("profiles", profiles)
        object.add("gpus", gpus)
        object.add("defaultComputeInstance", defaultComputeInstance)
        object.add("seconds", seconds)
        object.add("name", name)
        object.add("plan", plan)
        object.add("dryRun", dryRun)
        object.add("key", key)
        return object.json
    }
}

/// GPU instances to destroy with all in them.
package struct DestroyGPUInstancesRequest: WireObject {
    package var instances: [InstanceReference]
    package var plan: String?
    package var dryRun: Bool?
    package var key: String?

    package init(instances: [InstanceReference], plan: String? = nil, dryRun: Bool? = nil, key: String? = nil) {
        self.instances = instances
        self.plan = plan
        self.dryRun = dryRun
        self.key = key
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        instances = try object.wires("instances")
        plan = try object.optionalString("plan")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("instances", instances)
        object.add("plan", plan)
        object.add("dryRun", dryRun)
        object.add("key", key)
        return object.json
    }
}

/// Compute instances to make in each of some GPU instances.
package struct CreateComputeInstancesRequest: WireObject {
    package var instances: [InstanceReference]
    package var profiles: [String]?
    package var plan: String?
    package var dryRun: Bool?
    package var key: String?

    package init(
        instances: [InstanceReference], profiles: [String]? = nil, plan: String? = nil, dryRun: Bool? = nil,
        key: String? = nil
    ) {
        self.instances = instances
        self.profiles = profiles
        self.plan = plan
        self.dryRun = dryRun
        self.key = key
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        instances = try object.wires("instances")
        profiles = try object.optionalStrings("profiles")
        plan = try object.optionalString("plan")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("instances", instances)
        object.add("profiles", profiles)
        object.add("plan", plan)
        object.add("dryRun", dryRun)
        object.add("key", key)
        return object.json
    }
}

/// Compute instances to destroy.
package struct DestroyComputeInstancesRequest: WireObject {
    package var computeInstances: [ComputeInstanceReference]
    package var plan: String?
    package var dryRun: Bool?
    package var key: String?

    package init(
        computeInstances: [ComputeInstanceReference], plan: String? = nil, dryRun: Bool? = nil, key: String? = nil
    ) {
        self.computeInstances = computeInstances
        self.plan = plan
        self.dryRun = dryRun
        self.key = key
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        computeInstances = try object.wires("computeInstances")
        plan = try object.optionalString("plan")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("computeInstances", computeInstances)
        object.add("plan", plan)
        object.add("dryRun", dryRun)
        object.add("key", key)
        return object.json
    }
}

/// A MIG mode for some GPUs.
package struct SetMIGModeRequest: WireObject {
    package var enabled: Bool
    package var gpus: [String]?
    package var plan: String?
    package var dryRun: Bool?
    package var key: String?

    package init(enabled: Bool, gpus: [String]? = nil, plan: String? = nil, dryRun: Bool? = nil, key: String? = nil) {
        self.enabled = enabled
        self.gpus = gpus
        self.plan = plan
        self.dryRun = dryRun
        self.key = key
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        enabled = try object.bool("enabled")
        gpus = try object.optionalStrings("gpus")
        plan = try object.optionalString("plan")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("enabled", enabled)
        object.add("gpus", gpus)
        object.add("plan", plan)
        object.add("dryRun", dryRun)
        object.add("key", key)
        return object.json
    }
}

/// What a change of instances did, or with a dry run would do.
package struct ChangeReply: WireObject {
    package var operation: String?
    package var dryRun: Bool
    package var plan: PlanInfo
    /// Those that it made, changed or ended.
    package var leases: [LeaseInfo]

    package init(operation: String? = nil, dryRun: Bool, plan: PlanInfo, leases: [LeaseInfo]) {
        self.operation = operation
        self.dryRun = dryRun
        self.plan = plan
        self.leases = leases
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.optionalString("operation")
        dryRun = try object.bool("dryRun")
        plan = try object.wire("plan")
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

/// What a change of modes did, or with a dry run would do.
package struct SetMIGModeReply: WireObject {
    package var operation: String?
    package var dryRun: Bool
    package var plan: PlanInfo
    /// Those that it ended.
    package var leases: [LeaseInfo]
    package var modes: [ModeEnding]

    package init(operation: String? = nil, dryRun: Bool, plan: PlanInfo, leases: [LeaseInfo], modes: [ModeEnding]) {
        self.operation = operation
        self.dryRun = dryRun
        self.plan = plan
        self.leases = leases
        self.modes = modes
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.optionalString("operation")
        dryRun = try object.bool("dryRun")
        plan = try object.wire("plan")
        leases = try object.wires("leases")
        modes = try object.wires("modes")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("operation", operation)
        object.add("dryRun", dryRun)
        object.add("plan", plan)
        object.add("leases", leases)
        object.add("modes", modes)
        return object.json
    }
}

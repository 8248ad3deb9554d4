package import JSON

/// Of one GPU, or of all.
package struct ListProfilesRequest: WireObject {
    package var gpu: String?

    package init(gpu: String? = nil) {
        self.gpu = gpu
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.optionalString("gpu")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        return object.json
    }
}

/// The caller's own, or everybody's.
package struct ListInstancesRequest: WireObject {
    package var gpu: String?
    package var all: Bool?

    package init(gpu: String? = nil, all: Bool? = nil) {
        self.gpu = gpu
        self.all = all
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.optionalString("gpu")
        all = try object.optionalBool("all")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("all", all)
        return object.json
    }
}

/// The caller's own, or everybody's.
package struct ListDevicesRequest: WireObject {
    package var gpu: String?
    package var all: Bool?

    package init(gpu: String? = nil, all: Bool? = nil) {
        self.gpu = gpu
        self.all = all
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.optionalString("gpu")
        all = try object.optionalBool("all")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("all", all)
        return object.json
    }
}

/// The caller's own, or everybody's.
package struct ListLeasesRequest: WireObject {
    package var all: Bool?

    package init(all: Bool? = nil) {
        self.all = all
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        all = try object.optionalBool("all")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("all", all)
        return object.json
    }
}

/// A change by its id.
package struct GetOperationRequest: WireObject {
    package var operation: String

    package init(operation: String) {
        self.operation = operation
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        operation = try object.string("operation")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("operation", operation)
        return object.json
    }
}

/// A question to the deciding function.
package struct ExplainRequest: WireObject {
    package var action: String
    package var gpu: String?
    package var profiles: [String]?
    package var seconds: Int?
    package var user: String?

    package init(
        action: String, gpu: String? = nil, profiles: [String]? = nil, seconds: Int? = nil, user: String? = nil
    ) {
        self.action = action
        self.gpu = gpu
        self.profiles = profiles
        self.seconds = seconds
        self.user = user
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        action = try object.string("action")
        gpu = try object.optionalString("gpu")
        profiles = try object.optionalStrings("profiles")
        seconds = try object.optionalInt("seconds")
        user = try object.optionalString("user")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("action", action)
        object.add("gpu", gpu)
        object.add("profiles", profiles)
        object.add("seconds", seconds)
        object.add("user", user)
        return object.json
    }
}

/// A wish for one or several slices, all or none.
package struct LeaseRequest: WireObject {
    package var profiles: [String]?
    package var memoryMiB: Int?
    package var multiprocessors: Int?
    package var count: Int?
    package var gpu: String?
    package var seconds: Int?
    package var name: String?
    package var dryRun: Bool?
    package var key: String?
    /// Whom the caller acts for.
    package var onBehalfOf: String?

    package init(
        profiles: [String]? = nil, memoryMiB: Int? = nil, multiprocessors: Int? = nil, count: Int? = nil,
        gpu: String? = nil, seconds: Int? = nil, name: String? = nil, dryRun: Bool? = nil, key: String? = nil,
        onBehalfOf: String? = nil
    ) {
        self.profiles = profiles
        self.memoryMiB = memoryMiB
        self.multiprocessors = multiprocessors
        self.count = count
        self.gpu = gpu
        self.seconds = seconds
        self.name = name
        self.dryRun = dryRun
        self.key = key
        self.onBehalfOf = onBehalfOf
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        profiles = try object.optionalStrings("profiles")
        memoryMiB = try object.optionalInt("memoryMiB")
        multiprocessors = try object.optionalInt("multiprocessors")
        count = try object.optionalInt("count")
        gpu = try object.optionalString("gpu")
        seconds = try object.optionalInt("seconds")
        name = try object.optionalString("name")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        onBehalfOf = try object.optionalString("onBehalfOf")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("profiles", profiles)
        object.add("memoryMiB", memoryMiB)
        object.add("multiprocessors", multiprocessors)
        object.add("count", count)
        object.add("gpu", gpu)
        object.add("seconds", seconds)
        object.add("name", name)
        object.add("dryRun", dryRun)
        object.add("key", key)
        object.add("onBehalfOf", onBehalfOf)
        return object.json
    }
}

/// A wish for more time.
package struct RenewRequest: WireObject {
    package var lease: String
    package var seconds: Int?
    package var dryRun: Bool?
    package var key: String?
    /// Whom the caller acts for.
    package var onBehalfOf: String?

    package init(lease: String, seconds: Int? = nil, dryRun: Bool? = nil, key: String? = nil, onBehalfOf: String? = nil)
    {
        self.lease = lease
        self.seconds = seconds
        self.dryRun = dryRun
        self.key = key
        self.onBehalfOf = onBehalfOf
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        lease = try object.string("lease")
        seconds = try object.optionalInt("seconds")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        onBehalfOf = try object.optionalString("onBehalfOf")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("lease", lease)
        object.add("seconds", seconds)
        object.add("dryRun", dryRun)
        object.add("key", key)
        object.add("onBehalfOf", onBehalfOf)
        return object.json
    }
}

/// Leases to end.
package struct ReleaseRequest: WireObject {
    package var leases: [String]
    package var dryRun: Bool?
    package var key: String?
    /// Whom the caller acts for.
    package var onBehalfOf: String?

    package init(leases: [String], dryRun: Bool? = nil, key: String? = nil, onBehalfOf: String? = nil) {
        self.leases = leases
        self.dryRun = dryRun
        self.key = key
        self.onBehalfOf = onBehalfOf
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        leases = try object.strings("leases")
        dryRun = try object.optionalBool("dryRun")
        key = try object.optionalString("key")
        onBehalfOf = try object.optionalString("onBehalfOf")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("leases", leases)
        object.add("dryRun", dryRun)
        object.add("key", key)
        object.add("onBehalfOf", onBehalfOf)
        return object.json
    }
}

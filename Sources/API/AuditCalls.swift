package import JSON

/// Which audit records to show, and whether to go on showing them.
package struct QueryAuditRequest: WireObject {
    /// By name or uid: his own acts, and those on his behalf.
    package var user: String?
    package var group: Int?
    package var operation: String?
    package var method: String?
    package var gpu: String?
    package var profile: String?
    package var lease: String?
    package var result: String?
    package var types: [String]?
    package var since: String?
    package var until: String?
    package var limit: Int?
    /// With `since` the records from then on, else those that are still to come; the answer has no end.
    package var follow: Bool?

    /// Everything.
    package init() {}

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        user = try object.optionalString("user")
        group = try object.optionalInt("group")
        operation = try object.optionalString("operation")
        method = try object.optionalString("method")
        gpu = try object.optionalString("gpu")
        profile = try object.optionalString("profile")
        lease = try object.optionalString("lease")
        result = try object.optionalString("result")
        types = try object.optionalStrings("types")
        since = try object.optionalString("since")
        until = try object.optionalString("until")
        limit = try object.optionalInt("limit")
        follow = try object.optionalBool("follow")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("user", user)
        object.add("group", group)
        object.add("operation", operation)
        object.add("method", method)
        object.add("gpu", gpu)
        object.add("profile", profile)
        object.add("lease", lease)
        object.add("result", result)
        object.add("types", types)
        object.add("since", since)
        object.add("until", until)
        object.add("limit", limit)
        object.add("follow", follow)
        return object.json
    }
}

/// Whose use of the machine to add up, and from when to when.
package struct QueryUsageRequest: WireObject {
    package var user: String?
    package var since: String?
    package var until: String?

    package init(user: String? = nil, since: String? = nil, until: String? = nil) {
        self.user = user
        self.since = since
        self.until = until
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        user = try object.optionalString("user")
        since = try object.optionalString("since")
        until = try object.optionalString("until")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("user", user)
        object.add("since", since)
        object.add("until", until)
        return object.json
    }
}

/// How much was used by one user or group, or of one profile: what leases took, times the seconds they ran.
package struct UsageInfo: WireObject {
    package let uid: Int?
    package let user: String?
    package let gid: Int?
    package let profile: String?
    /// Leases of which at least a part lies in the period.
    package let leases: Int
    package let instanceSeconds: Int
    package let sliceSeconds: Int
    package let memoryGiBSeconds: Int

    package init(
        uid: Int? = nil, user: String? = nil, gid: Int? = nil, profile: String? = nil, leases: Int,
        instanceSeconds: Int, sliceSeconds: Int, memoryGiBSeconds: Int
    ) {
        self.uid = uid
        self.user = user
        self.gid = gid
        self.profile = profile
        self.leases = leases
        self.instanceSeconds = instanceSeconds
        self.sliceSeconds = sliceSeconds
        self.memoryGiBSeconds = memoryGiBSeconds
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        uid = try object.optionalInt("uid")
        user = try object.optionalString("user")
        gid = try object.optionalInt("gid")
        profile = try object.optionalString("profile")
        leases = try object.int("leases")
        instanceSeconds = try object.int("instanceSeconds")
        sliceSeconds = try object.int("sliceSeconds")
        memoryGiBSeconds = try object.int("memoryGiBSeconds")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("uid", uid)
        object.add("user", user)
        object.add("gid", gid)
        object.add("profile", profile)
        object.add("leases", leases)
        object.add("instanceSeconds", instanceSeconds)
        object.add("sliceSeconds", sliceSeconds)
        object.add("memoryGiBSeconds", memoryGiBSeconds)
        return object.json
    }
}

/// The use of a period, added up in three ways; each lease is once in `total`, `users` and `profiles`.
package struct QueryUsageReply: WireObject {
    /// The period as it was counted; nil where it begins with the log.
    package let since: String?
    package let until: String
    /// When the log begins, where earlier records were removed: of leases made before, only those are counted that a later
    /// record tells of. Nil where that leaves nothing out.
    package let begins: String?
    package let total: UsageInfo
    package let users: [UsageInfo]
    /// A lease counts in full for each group by whose right it was made; without a gid are those of none.
    package let groups: [UsageInfo]
    package let profiles: [UsageInfo]

    package init(
        since: String?, until: String, begins: String? = nil, total: UsageInfo, users: [UsageInfo],
        groups: [UsageInfo], profiles: [UsageInfo]
    ) {
        self.since = since
        self.until = until
        self.begins = begins
        self.total = total
        self.users = users
        self.groups = groups
        self.profiles = profiles
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        since = try object.optionalString("since")
        until = try object.string("until")
        begins = try object.optionalString("begins")
        total = try object.wire("total")
        users = try object.wires("users")
        groups = try object.wires("groups")
        profiles = try object.wires("profiles")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("since", since)
        object.add("until", until)
        object.add("begins", begins)
        object.add("total", total)
        object.add("users", users)
        object.add("groups", groups)
        object.add("profiles", profiles)
        return object.json
    }
}

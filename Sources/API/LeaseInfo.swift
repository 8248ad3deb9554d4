package import JSON

/// A slice that a user holds until a time.
package struct LeaseInfo: WireObject {
    package var id: String
    package var gpu: GPUReference
    package var gi: Int
    /// Of its first compute instance; nil where it has none.
    package var ci: Int?
    package var profile: String
    package var placement: PlacementInfo
    /// What `CUDA_VISIBLE_DEVICES` takes: that of its first compute instance.
    package var uuid: String?
    /// Those of all its compute instances.
    package var uuids: [String]
    package var user: String
    package var uid: Int
    package var created: String
    package var expires: String
    /// `active` or `ending`.
    package var state: String
    /// `enforced` or `advisory`.
    package var isolation: String
    /// `kill` where the processes that are on the slice at its end are ended; nil where they are waited for.
    package var onExpiry: String?
    package var name: String?

    package init(
        id: String, gpu: GPUReference, gi: Int, ci: Int?, profile: String, placement: PlacementInfo, uuid: String?,
        uuids: [String], user: String, uid: Int, created: String, expires: String, state: String, isolation: String,
        onExpiry: String? = nil, name: String? = nil
    ) {
        self.id = id
        self.gpu = gpu
        self.gi = gi
        self.ci = ci
        self.profile = profile
        self.placement = placement
        self.uuid = uuid
        self.uuids = uuids
        self.user = user
        self.uid = uid
        self.created = created
        self.expires = expires
        self.state = state
        self.isolation = isolation
        self.onExpiry = onExpiry
        self.name = name
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        id = try object.string("id")
        gpu = try object.wire("gpu")
        gi = try object.int("gi")
        ci = try object.optionalInt("ci")
        profile = try object.string("profile")
        placement = try object.wire("placement")
        uuid = try object.optionalString("uuid")
        uuids = try object.strings("uuids")
        user = try object.string("user")
        uid = try object.int("uid")
        created = try object.string("created")
        expires = try object.string("expires")
        state = try object.string("state")
        isolation = try object.string("isolation")
        onExpiry = try object.optionalString("onExpiry")
        name = try object.optionalString("name")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("id", id)
        object.add("gpu", gpu)
        object.add("gi", gi)
        object.add("ci", ci)
        object.add("profile", profile)
        object.add("placement", placement)
        object.add("uuid", uuid)
        object.add("uuids", uuids)
        object.add("user", user)
        object.add("uid", uid)
        object.add("created", created)
        object.add("expires", expires)
        object.add("state", state)
        object.add("isolation", isolation)
        object.add("onExpiry", onExpiry)
        object.add("name", name)
        return object.json
    }
}

/// Where one slice of a request goes.
package struct PlannedInstance: WireObject {
    package var gpu: GPUReference
    package var profile: String
    package var placement: PlacementInfo

    package init(gpu: GPUReference, profile: String, placement: PlacementInfo) {
        self.gpu = gpu
        self.profile = profile
        self.placement = placement
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.wire("gpu")
        profile = try object.string("profile")
        placement = try object.wire("placement")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("profile", profile)
        object.add("placement", placement)
        return object.json
    }
}

/// What became of a change.
package struct OperationInfo: WireObject {
    package var id: String
    package var method: String
    /// `done`, `failed`, `running` or `unknown`.
    package var state: String
    package var error: String?
    package var leases: [String]

    package init(id: String, method: String, state: String, error: String? = nil, leases: [String]) {
        self.id = id
        self.method = method
        self.state = state
        self.error = error
        self.leases = leases
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        id = try object.string("id")
        method = try object.string("method")
        state = try object.string("state")
        error = try object.optionalString("error")
        leases = try object.strings("leases")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("id", id)
        object.add("method", method)
        object.add("state", state)
        object.add("error", error)
        object.add("leases", leases)
        return object.json
    }
}

package import JSON

/// A GPU instance by its number on a GPU.
package struct InstanceReference: WireObject {
    /// In any way that names just one.
    package var gpu: String
    package var gi: Int

    package init(gpu: String, gi: Int) {
        self.gpu = gpu
        self.gi = gi
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.string("gpu")
        gi = try object.int("gi")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("gi", gi)
        return object.json
    }
}

/// A compute instance by its number in a GPU instance.
package struct ComputeInstanceReference: WireObject {
    package var gpu: String
    package var gi: Int
    package var ci: Int

    package init(gpu: String, gi: Int, ci: Int) {
        self.gpu = gpu
        self.gi = gi
        self.ci = ci
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.string("gpu")
        gi = try object.int("gi")
        ci = try object.int("ci")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("gi", gi)
        object.add("ci", ci)
        return object.json
    }
}

/// One thing that a change does to the machine.
package struct PlanStep: WireObject {
    /// `create-gpu-instance`, `destroy-compute-instance`, `enable-mig` and the like.
    package var action: String
    package var gpu: GPUReference
    package var gi: Int?
    package var ci: Int?
    package var profile: String?
    package var placement: PlacementInfo?
    /// Of the instance that is destroyed or added to.
    package var lease: String?
    package var user: String?

    package init(
        action: String, gpu: GPUReference, gi: Int? = nil, ci: Int? = nil, profile: String? = nil,
        placement: PlacementInfo? = nil, lease: String? = nil, user: String? = nil
    ) {
        self.action = action
        self.gpu = gpu
        self.gi = gi
        self.ci = ci
        self.profile = profile
        self.placement = placement
        self.lease = lease
        self.user = user
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        action = try object.string("action")
        gpu = try object.wire("gpu")
        gi = try object.optionalInt("gi")
        ci = try object.optionalInt("ci")
        profile = try object.optionalString("profile")
        placement = try object.optionalWire("placement")
        lease = try object.optionalString("lease")
        user = try object.optionalString("user")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("action", action)
        object.add("gpu", gpu)
        object.add("gi", gi)
        object.add("ci", ci)
        object.add("profile", profile)
        object.add("placement", placement)
        object.add("lease", lease)
        object.add("user", user)
        return object.json
    }
}

/// What a change does, in this order.
package struct PlanInfo: WireObject {
    /// Makes the real run do just this, or nothing.
    package var id: String
    package var steps: [PlanStep]

    package init(id: String, steps: [PlanStep]) {
        self.id = id
        self.steps = steps
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        id = try object.string("id")
        steps = try object.wires("steps")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("id", id)
        object.add("steps", steps)
        return object.json
    }
}

/// What became of a GPU's mode.
package struct ModeEnding: WireObject {
    package var gpu: GPUReference
    /// `done`, `unchanged`, `planned`, `pending-in-use`, `pending-reset` or `pending`.
    package var state: String
    /// Why it is pending.
    package var reason: String?

    package init(gpu: GPUReference, state: String, reason: String? = nil) {
        self.gpu = gpu
        self.state = state
        self.reason = reason
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.wire("gpu")
        state = try object.string("state")
        reason = try object.optionalString("reason")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("state", state)
        object.add("reason", reason)
        return object.json
    }
}

package import JSON

/// One thing that the broker looked at in itself or in the machine, and what it found.
package struct HealthCheck: WireObject {
    /// What was looked at: `driver`, `isolation`, `nodes`, `policy`, `audit`, `seal`, `journal`, `heads` or `clock`.
    package var name: String
    /// `ok`, `warning` or `bad`.
    package var state: String
    package var finding: String
    /// What sets it right, a command as a rule; nil where nothing is to be done, or the caller may not know it.
    package var fix: String?

    package init(name: String, state: String, finding: String, fix: String? = nil) {
        self.name = name
        self.state = state
        self.finding = finding
        self.fix = fix
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        name = try object.string("name")
        state = try object.string("state")
        finding = try object.string("finding")
        fix = try object.optionalString("fix")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("name", name)
        object.add("state", state)
        object.add("finding", finding)
        object.add("fix", fix)
        return object.json
    }
}

/// How the broker does.
package struct GetHealthReply: WireObject {
    package var version: String
    package var checks: [HealthCheck]

    package init(version: String, checks: [HealthCheck]) {
        self.version = version
        self.checks = checks
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        version = try object.string("version")
        checks = try object.wires("checks")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("version", version)
        object.add("checks", checks)
        return object.json
    }
}

package import JSON

/// An action and the rules that allow it.
package struct Right: WireObject {
    package var action: String
    package var rules: [String]
    /// Of those rules that do not always count.
    package var hours: [RuleHours]

    package init(action: String, rules: [String], hours: [RuleHours] = []) {
        self.action = action
        self.rules = rules
        self.hours = hours
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        action = try object.string("action")
        rules = try object.strings("rules")
        hours = try object.wires("hours")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("action", action)
        object.add("rules", rules)
        object.add("hours", hours)
        return object.json
    }
}

/// A rule and when it counts, as the policy says it.
package struct RuleHours: WireObject {
    package var rule: String
    package var during: String

    package init(rule: String, during: String) {
        self.rule = rule
        self.during = during
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        rule = try object.string("rule")
        during = try object.string("during")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("rule", rule)
        object.add("during", during)
        return object.json
    }
}

/// A limit that counts for the caller, and how much of it is used.
package struct LimitUse: WireObject {
    package var limit: String
    package var scope: String
    /// `instances`, `slices` or `memoryMiB`.
    package var dimension: String
    package var used: Int
    package var maximum: Int

    package init(limit: String, scope: String, dimension: String, used: Int, maximum: Int) {
        self.limit = limit
        self.scope = scope
        self.dimension = dimension
        self.used = used
        self.maximum = maximum
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        limit = try object.string("limit")
        scope = try object.string("scope")
        dimension = try object.string("dimension")
        used = try object.int("used")
        maximum = try object.int("maximum")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("limit", limit)
        object.add("scope", scope)
        object.add("dimension", dimension)
        object.add("used", used)
        object.add("maximum", maximum)
        return object.json
    }
}

/// A group of the caller.
package struct GroupInfo: WireObject {
    package var gid: Int
    package var name: String?

    package init(gid: Int, name: String? = nil) {
        self.gid = gid
        self.name = name
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gid = try object.int("gid")
        name = try object.optionalString("name")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gid", gid)
        object.add("name", name)
        return object.json
    }
}

/// A decision as the broker would make it now.
package struct DecisionInfo: WireObject {
    package var allowed: Bool
    package var reason: String
    package var rules: [String]
    package var limits: [String]
    package var gpus: [GPUReference]
    /// How long the lease would be.
    package var seconds: Int?
    /// `kill` where the processes that are on the slice at the lease's end would be ended.
    package var onExpiry: String?

    package init(
        allowed: Bool, reason: String, rules: [String], limits: [String], gpus: [GPUReference], seconds: Int? = nil,
        onExpiry: String? = nil
    ) {
        self.allowed = allowed
        self.reason = reason
        self.rules = rules
        self.limits = limits
        self.gpus = gpus
        self.seconds = seconds
        self.onExpiry = onExpiry
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        allowed = try object.bool("allowed")
        reason = try object.string("reason")
        rules = try object.strings("rules")
        limits = try object.strings("limits")
        gpus = try object.wires("gpus")
        seconds = try object.optionalInt("seconds")
        onExpiry = try object.optionalString("onExpiry")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("allowed", allowed)
        object.add("reason", reason)
        object.add("rules", rules)
        object.add("limits", limits)
        object.add("gpus", gpus)
        object.add("seconds", seconds)
        object.add("onExpiry", onExpiry)
        return object.json
    }
}

/// One finding of a policy check.
package struct DiagnosticInfo: WireObject {
    package var file: String
    package var line: Int
    package var column: Int
    /// `error` or `warning`.
    package var severity: String
    package var message: String

    /// As compilers write it; the file alone where all of it is meant.
    var place: String { line == 0 ? file : "\(file):\(line):\(column)" }

    package init(file: String, line: Int, column: Int, severity: String, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.severity = severity
        self.message = message
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        file = try object.string("file")
        line = try object.int("line")
        column = try object.int("column")
        severity = try object.string("severity")
        message = try object.string("message")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("file", file)
        object.add("line", line)
        object.add("column", column)
        object.add("severity", severity)
        object.add("message", message)
        return object.json
    }
}

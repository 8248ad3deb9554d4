package import JSON

/// Which record's decision is to be come to again.
package struct ExplainRecordRequest: WireObject {
    package var seq: Int

    package init(seq: Int) {
        self.seq = seq
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        seq = try object.int("seq")
        try object.finish()
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("seq", seq)
        return object.json
    }
}

/// A decision on record, beside the same one as it comes out by the policy of that time.
package struct ExplainRecordReply: WireObject {
    /// Of the record that bears the decision.
    package var seq: Int
    /// The hash of the policy that made it.
    package var policy: String?
    package var question: [String]
    /// The ids of rules and limits on record.
    package var recorded: [String]
    package var decision: DecisionInfo?
    package var agrees: Bool?
    /// Why it could not be come to again.
    package var obstacle: String?

    package init(
        seq: Int, policy: String? = nil, question: [String] = [], recorded: [String] = [],
        decision: DecisionInfo? = nil, agrees: Bool? = nil, obstacle: String? = nil
    ) {
        self.seq = seq
        self.policy = policy
        self.question = question
        self.recorded = recorded
        self.decision = decision
        self.agrees = agrees
        self.obstacle = obstacle
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        seq = try object.int("seq")
        policy = try object.optionalString("policy")
        question = try object.strings("question")
        recorded = try object.strings("recorded")
        decision = try object.optionalWire("decision")
        agrees = try object.optionalBool("agrees")
        obstacle = try object.optionalString("obstacle")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("seq", seq)
        object.add("policy", policy)
        object.add("question", question)
        object.add("recorded", recorded)
        object.add("decision", decision)
        object.add("agrees", agrees)
        object.add("obstacle", obstacle)
        return object.json
    }
}

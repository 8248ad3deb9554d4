package import JSON
internal import MIG

/// Why a line is no record of format 1.
package enum AuditDecodeError: Error, Hashable, Sendable, CustomStringConvertible {
    case syntax(JSONSyntaxError)
    case shape(JSONShapeError)

    package var description: String {
        switch self {
        case .syntax(let error): error.description
        case .shape(let error): error.description
        }
    }
}

extension AuditEntry {
    /// Reads one line without its line feed; an unknown key, a value of the wrong kind or another version is an
    /// error. The hash is read, not checked: that is `AuditVerifier`'s.
    package init(line: [UInt8]) throws(AuditDecodeError) {
        guard AuditFormat.isPrintable(line.span) else { throw .syntax(JSONSyntaxError(.notASCII, at: 0)) }
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(line, limits: AuditFormat.limits)
        } catch {
            throw .syntax(error)
        }
        do throws(JSONShapeError) {
            var fields = FieldReader(try JSONObjectReader(value))
            self = try fields.entry()
        } catch {
            throw .shape(error)
        }
    }
}

/// Takes the fields of a record, each with its type.
private struct FieldReader {
    private var object: JSONObjectReader

    init(_ object: JSONObjectReader) { self.object = object }

    mutating func entry() throws(JSONShapeError) -> AuditEntry {
        _ = try object.integer("v", in: 1...1)
        let seq = try object.integer("seq", in: 1...Int64.max)
        let boot = try object.string("boot")
        let time = try need("time", "a time in RFC 3339") { Timestamp($0) }
        let monotonic = try object.integer("monotonicNs")
        var record = AuditRecord(try need("type", "a type of record") { AuditRecordType(rawValue: $0) })
        record.op = try read("op", "an operation id") { OperationID($0) }
        record.conn = try object.optionalInteger("conn")
        record.method = try object.optionalString("method")
        record.caller = try caller()
        record.policy = try object.optionalString("policy")
        record.rules = try object.optionalStrings("rules") ?? []
        record.decision = try read("decision", "allow or deny") { AuditDecision(rawValue: $0) }
        record.reason = try object.optionalString("reason")
        record.question = try object.optionalStrings("question") ?? []
        try readObject(into: &record)
        record.key = try object.optionalString("key")
        record.params = try object.optionalString("params")
        record.result = try read("result", "a result") { AuditResult(rawValue: $0) }
        record.error = try object.optionalString("error")
        record.nvml = try object.optionalInteger("nvml")
        record.before = try object.optionalString("before")
        record.after = try object.optionalString("after")
        record.durationUs = try object.optionalInteger("durationUs")
        record.count = try object.optionalInteger("count", in: 1...Int64.max)
        record.epoch = try object.optionalInteger("epoch", in: 0...AuditFormat.mostEpochs)
        let prev = try need("prev", "a hash", hash)
        // A keyed hash is checked by who holds the key; here it only has to look like one, and to be where it belongs.
        let mac = try read("mac", "a hash", hash)
        guard (record.type == .seal) == (mac != nil) else { throw object.missing(mac == nil ? "mac" : "type") }
        guard (record.epoch != nil) == (mac != nil) else { throw object.missing(mac == nil ? "mac" : "epoch") }
        let own = try need("hash", "a hash", hash)
        try object.finish()
        let stamp = AuditStamp(boot: boot, time: time, monotonicNs: monotonic)
        return AuditEntry(seq: seq, stamp: stamp, record: record, prev: prev, hash: own)
    }

    private mutating func caller() throws(JSONShapeError) -> AuditCaller {
        var caller = AuditCaller()
        caller.uid = try number("uid").map(UserID.init)
        caller.user = try object.optionalString("user")
        caller.gid = try number("gid").map(GroupID.init)
        caller.groups = try groups()
        caller.groupCount = try object.optionalInteger("groupCount", in: 0...1 << 31).map(Int.init)
        caller.pid = try object.optionalInteger("pid", in: 0...Int64(Int32.max)).map(Int32.init)
        caller.comm = try object.optionalString("comm")
        caller.cgroup = try object.optionalString("cgroup")
        caller.loginuid = try number("loginuid").map(UserID.init)
        caller.session = try number("session")
        caller.origin = try object.optionalString("origin")
        caller.onBehalfOf = try number("onBehalfOf").map(UserID.init)
        caller.onBehalfOfUser = try object.optionalString("onBehalfOfUser")
        return caller
    }

    private mutating func readObject(into record: inout AuditRecord) throws(JSONShapeError) {
        record.gpu = try read("gpu", "a GPU's UUID") { GPUUUID($0) }
        record.gi = try number("gi").map(GPUInstanceID.init)
        record.ci = try number("ci").map(ComputeInstanceID.init)
        record.device = try read("device", "a MIG device's UUID") { MIGUUID($0) }
        record.profile = try object.optionalString("profile")
        record.placement = try read("placement", "a placement START:SIZE", placement)
        record.lease = try read("lease", "a lease id") { LeaseID($0) }
        record.created = try read("created", "a time in RFC 3339") { Timestamp($0) }
        record.expires = try read("expires", "a time in RFC 3339") { Timestamp($0) }
        record.isolation = try read("isolation", "enforced or advisory") { Isolation(rawValue: $0) }
        record.killsOnExpiry = try read("onExpiry", "kill") { $0.utf8.elementsEqual("kill".utf8) ? true : nil } ?? false
        record.name = try object.optionalString("name")
    }

    private mutating func groups() throws(JSONShapeError) -> [GroupID] {
        var groups: [GroupID] = []
        for element in try object.optionalArray("groups") ?? [] {
            guard let number = element.integerValue.flatMap(UInt32.init(exactly:)) else {
                throw object.expected("group ids", "groups", element)
            }
            groups.append(GroupID(number))
        }
        return groups
    }

    private mutating func number(_ key: String) throws(JSONShapeError) -> UInt32? {
        try object.optionalInteger(key, in: 0...Int64(UInt32.max)).map(UInt32.init)
    }

    private mutating func read<Value>(
        _ key: String, _ what: String, _ convert: (String) -> Value?
    ) throws(JSONShapeError) -> Value? {
        guard let value = object.take(key) else { return nil }
        guard let converted = value.stringValue.flatMap(convert) else { throw object.expected(what, key, value) }
        return converted
    }

    private mutating func need<Value>(
        _ key: String, _ what: String, _ convert: (String) -> Value?
    ) throws(JSONShapeError) -> Value {
        guard let value = try read(key, what, convert) else { throw object.missing(key) }
        return value
    }

    private func hash(_ text: String) -> String? { Hex.isLowercase(text, digits: 64) ? text : nil }

    private func placement(_ text: String) -> Placement? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = Decimal.value(of: String(parts[0])),
            let size = Decimal.value(of: String(parts[1]))
        else { return nil }
        return Placement(start: start, size: size)
    }
}

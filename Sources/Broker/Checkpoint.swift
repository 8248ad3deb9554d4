package import Audit
import JSON
import Linux
import MIG

/// The leases as of one audit record, so that a start need not read the log from its beginning.
///
/// It is never needed: without it the whole log is read. It is written lazily, whole, and names its record.
struct Checkpoint {
    /// The last record that is in it.
    let head: AuditHead
    /// The boot of the machine on whose clock the leases' deadlines count.
    let boot: String
    let leases: [Lease]
    let changes: [FinishedChange]

    static func path(in directory: String) -> String { "\(directory)/checkpoint.json" }

    /// Writes it durably.
    func save(in directory: String) throws(SystemError) {
        let value: JSONValue = [
            "version": 2, "head": head.json, "boot": .string(boot), "leases": .array(leases.map(\.json)),
            "changes": .array(changes.map(\.json)),
        ]
        try Files.replace(Self.path(in: directory), with: value.bytes(), mode: 0o600)
    }

    /// The last one, or nil where there is none or it cannot be trusted or understood; the log is read instead.
    static func load(from directory: String) -> Checkpoint? {
        guard let bytes = try? SafePath.read(path(in: directory), limit: JSONLimits.record.bytes),
            let value = try? JSONParser.parse(bytes, limits: .record),
            var reader = try? JSONObjectReader(value), let version = try? reader.integer("version"), version == 2,
            var place = try? reader.object("head"), let head = try? AuditHead(&place),
            let boot = try? reader.string("boot"),
            let leases = try? reader.array("leases").map({ (value) throws(JSONShapeError) in try Lease(json: value) }),
            let changes = try? reader.array("changes").map({ (value) throws(JSONShapeError) in
                try FinishedChange(json: value)
            }), (try? reader.finish()) != nil
        else { return nil }
        return Checkpoint(head: head, boot: boot, leases: leases, changes: changes)
    }
}

extension Broker {
    /// Writes a checkpoint if there is anything new to put in it.
    func saveCheckpoint() {
        let checkpoint = withState { state -> Checkpoint? in
            // Records of a change under way are before the head, its lease not yet in the ledger. An outcome that could
            // not be written yet is in the ledger, but its intent stands open before the head.
            let head = audit.head
            if case .unwritable = audit.health { return nil }
            guard state.reservations.isEmpty, state.unfinished.isEmpty, head.seq > state.checkpointed else {
                return nil
            }
            state.checkpointed = head.seq
            return Checkpoint(
                head: head, boot: state.boot, leases: state.ledger.sorted, changes: state.ledger.changes)
        }
        // A checkpoint that cannot be written only makes the next start slower.
        try? checkpoint?.save(in: configuration.stateDirectory)
    }
}

extension Broker {
    /// The last audit record that a checkpoint knows of, for the log to be held against; nil where there is none.
    package static func checkpointedHead(in stateDirectory: String) -> AuditHead? {
        Checkpoint.load(from: stateDirectory)?.head
    }
}

extension Lease {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(id.description)), .init("uid", .integer(user.rawValue)),
            .init("user", .string(userName)), .init("groups", .array(groups.map { .integer($0.rawValue) })),
            .init("gpu", .string(gpu.description)), .init("gi", .integer(gi.rawValue)),
            .init("computeInstances", .array(computeInstances.map(\.json))), .init("profile", .string(profile)),
            .init("profileId", .integer(profileID.rawValue)), .init("start", .integer(placement.start)),
            .init("size", .integer(placement.size)), .init("slices", .integer(slices.rawValue)),
            .init("memoryMiB", .integer(memoryMiB)),
            .init("created", .string(created.description)), .init("expires", .string(expires.description)),
            .init("deadline", .integer(deadline)), .init("renewals", .integer(renewals)),
            .init("isolation", .string(isolation.rawValue)), .init("state", .string(state.rawValue)),
            .init("operation", .string(operation.description)),
        ]
        if let name { members.append(.init("name", .string(name))) }
        if killsOnExpiry { members.append(.init("onExpiry", "kill")) }
        return .object(members)
    }

    fileprivate init(json: JSONValue) throws(JSONShapeError) {
        var reader = try JSONObjectReader(json)
        let small: ClosedRange<Int64> = 0...Int64(UInt32.max)
        id = try reader.parsed("id", LeaseID.init)
        user = UserID(UInt32(try reader.integer("uid", in: small)))
        userName = try reader.string("user")
        var groups: [GroupID] = []
        for value in try reader.array("groups") {
            guard let number = value.integerValue, small.contains(number) else {
                throw reader.expected("group ids", "groups", value)
            }
            groups.append(GroupID(UInt32(number)))
        }
        self.groups = groups
        gpu = try reader.parsed("gpu", GPUUUID.init)
        gi = GPUInstanceID(UInt32(try reader.integer("gi", in: small)))
        computeInstances = try reader.array("computeInstances").map { (value) throws(JSONShapeError) in
            try LeasedComputeInstance(json: value)
        }
        profile = try reader.string("profile")
        profileID = GPUInstanceProfileID(UInt32(try reader.integer("profileId", in: small)))
        placement = Placement(
            start: Int(try reader.integer("start", in: 0...63)), size: Int(try reader.integer("size", in: 1...64)))
        slices = SliceCount(Int(try reader.integer("slices", in: small)))
        memoryMiB = Int(try reader.integer("memoryMiB", in: small))
        created = try reader.parsed("created", Timestamp.init)
        expires = try reader.parsed("expires", Timestamp.init)
        deadline = try reader.integer("deadline")
        renewals = Int(try reader.integer("renewals", in: small))
        isolation = try reader.parsed("isolation", Isolation.init(rawValue:))
        state = try reader.parsed("state", State.init(rawValue:))
        operation = try reader.parsed("operation", OperationID.init)
        name = try reader.optionalString("name")
        // Left out by checkpoints of earlier versions, and where nothing is ended.
        let onExpiry = try reader.take("onExpiry").map { (value) throws(JSONShapeError) in
            guard value.stringValue?.utf8.elementsEqual("kill".utf8) == true else {
                throw reader.expected("kill", "onExpiry", value)
            }
            return true
        }
        killsOnExpiry = onExpiry ?? false
        try reader.finish()
    }
}

extension LeasedComputeInstance {
    fileprivate var json: JSONValue { ["ci": .integer(id.rawValue), "device": .string(device.description)] }

    fileprivate init(json: JSONValue) throws(JSONShapeError) {
        var reader = try JSONObjectReader(json)
        id = ComputeInstanceID(UInt32(try reader.integer("ci", in: 0...Int64(UInt32.max))))
        device = try reader.parsed("device", MIGUUID.init)
        try reader.finish()
    }
}

extension FinishedChange {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(id.description)), .init("uid", .integer(user.rawValue)),
            .init("method", .string(method)), .init("state", .string(state.rawValue)),
            .init("leases", .array(leases.map { .string($0.description) })),
        ]
        if let error { members.append(.init("error", .string(error))) }
        if let key { members.append(.init("key", .string(key))) }
        if let asked { members.append(.init("asked", .string(asked))) }
        return .object(members)
    }

    fileprivate init(json: JSONValue) throws(JSONShapeError) {
        var reader = try JSONObjectReader(json)
        id = try reader.parsed("id", OperationID.init)
        user = UserID(UInt32(try reader.integer("uid", in: 0...Int64(UInt32.max))))
        method = try reader.string("method")
        state = try reader.parsed("state", State.init(rawValue:))
        error = try reader.optionalString("error")
        key = try reader.optionalString("key")
        asked = try reader.optionalString("asked")
        var leases: [LeaseID] = []
        for value in try reader.array("leases") {
            guard let id = value.stringValue.flatMap({ LeaseID($0) }) else {
                throw reader.expected("lease ids", "leases", value)
            }
            leases.append(id)
        }
        self.leases = leases
        try reader.finish()
    }
}

extension JSONObjectReader {
    fileprivate mutating func parsed<Value>(
        _ key: String, _ parse: (String) -> Value?
    ) throws(JSONShapeError) -> Value {
        let text = try string(key)
        guard let value = parse(text) else { throw JSONShapeError(path(of: key), .expected("well-formed"), at: offset) }
        return value
    }
}

internal import JSON
package import MIG

/// Which records to show; what is nil lets everything pass.
package struct AuditFilter: Sendable {
    /// A user, by what the record holds: names are never looked up again, for their numbers may be others' by now.
    package enum User: Hashable, Sendable {
        /// Records of this uid's acts, and of acts on his behalf.
        case id(UserID)
        case name(String)

        /// Digits are a uid, anything else a name.
        package init(_ text: String) {
            self = Decimal.value(of: text).flatMap(UInt32.init(exactly:)).map { .id(UserID($0)) } ?? .name(text)
        }
    }

    package var user: User?
    /// An operation's id or its beginning.
    package var operation: String?
    package var method: String?
    /// A GPU's UUID or its beginning. An index is not in the log: who has the GPUs at hand translates it.
    package var gpu: String?
    /// A lease's id or its beginning.
    package var lease: String?
    /// Empty lets every type pass.
    package var types: Set<AuditRecordType> = []
    package var result: AuditResult?
    /// The first moment that counts, and the first that no longer does.
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}

    package func matches(_ entry: AuditEntry) -> Bool {
        let record = entry.record
        return matches(record.caller)
            && begins(record.op?.description, operation) && begins(record.gpu?.description, gpu)
            && begins(record.lease?.description, lease)
            && (method.map { record.method?.hasBytes(of: $0) ?? false } ?? true)
            && (types.isEmpty || types.contains(record.type))
            && (result.map { $0 == record.result } ?? true)
            && (since.map { entry.stamp.time >= $0 } ?? true) && (until.map { entry.stamp.time < $0 } ?? true)
    }

    private func matches(_ caller: AuditCaller) -> Bool {
        switch user {
        case nil: true
        case .id(let uid)?: caller.uid == uid || caller.onBehalfOf == uid
        case .name(let name)?: caller.user?.hasBytes(of: name) ?? false
        }
    }

    private func begins(_ text: String?, _ beginning: String?) -> Bool {
        guard let beginning else { return true }
        return text?.utf8.starts(with: beginning.utf8) ?? false
    }
}

/// A moment as people give it to `--since` and `--until`.
package enum AuditTime {
    /// Reads RFC 3339 in UTC, or a span like `2h`, which lies that far before `now`; anything else is nil.
    package static func moment(_ text: String, now: Timestamp) -> Timestamp? {
        if let moment = Timestamp(text) { return moment }
        return TimeSpan(text).map { now.advanced(by: TimeSpan(seconds: -$0.seconds)) }
    }
}

/// Bytes that a line must hold to match a filter: most lines are put aside by these, without being read as JSON.
///
/// Passing proves nothing (the same bytes may stand in another place); failing proves that the filter does not match.
struct AuditPrefilter {
    /// Of each group, a line holds one at least.
    let needles: [[[UInt8]]]
    /// As the log writes times, which sort as bytes.
    let since: [UInt8]?
    let until: [UInt8]?

    static let timeKey = Array("\"time\":\"".utf8)
    static let timeLength = 27

    init(_ filter: AuditFilter) {
        var needles: [[[UInt8]]] = []
        switch filter.user {
        case .id(let uid)?: needles.append([Self.bytes("\"uid\":\(uid),"), Self.bytes("\"onBehalfOf\":\(uid),")])
        case .name(let name)?: needles.append([Self.member("user", name)])
        case nil: break
        }
        if let operation = filter.operation { needles.append([Self.bytes("\"op\":\"\(operation)")]) }
        if let lease = filter.lease { needles.append([Self.bytes("\"lease\":\"\(lease)")]) }
        if let gpu = filter.gpu { needles.append([Self.bytes("\"gpu\":\"\(gpu)")]) }
        if let method = filter.method { needles.append([Self.member("method", method)]) }
        if let result = filter.result { needles.append([Self.member("result", result.rawValue)]) }
        if !filter.types.isEmpty { needles.append(filter.types.map { Self.member("type", $0.rawValue) }) }
        self.needles = needles
        since = Self.bound(filter.since)
        until = Self.bound(filter.until)
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func member(_ key: String, _ value: String) -> [UInt8] {
        bytes("\"\(key)\":") + JSONValue.string(AuditFormat.text(value)).bytes(asciiOnly: true)
    }

    /// Cut to the microseconds that the log has: nothing that the filter lets pass is lost by that.
    private static func bound(_ time: Timestamp?) -> [UInt8]? {
        guard let time else { return nil }
        let text = bytes(AuditFormat.time(time))
        return text.count == timeLength ? text : nil
    }
}

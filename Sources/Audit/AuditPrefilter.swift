internal import JSON
internal import Linux
internal import MIG

/// Bytes that a line must hold to match a filter: most lines are put aside by these, without being read as JSON.
///
/// Passing proves nothing (the same bytes may stand in another place); failing proves that the filter does not match.
struct AuditPrefilter {
    /// Of each group, a line holds one at least; the group that the fewest lines hold comes first.
    let needles: [[ByteNeedle]]
    /// As the log writes times, which sort as bytes.
    private let since: [UInt8]?
    private let until: [UInt8]?

    private static let timeKey = ByteNeedle(bytes("\"time\":\""))
    private static let timeLength = 27
    /// Number and boot come before the time, and are no longer than this.
    private static let timeEnd = 128

    init(_ filter: AuditFilter) {
        var needles: [[String]] = []
        if let operation = filter.operation { needles.append(["\"op\":\"\(operation)"]) }
        if let lease = filter.lease { needles.append(["\"lease\":\"\(lease)"]) }
        switch filter.user {
        case .id(let uid)?, .own(let uid, _)?: needles.append(["\"uid\":\(uid),", "\"onBehalfOf\":\(uid),"])
        case .name(let name)?: needles.append([Self.member("user", name), Self.member("onBehalfOfUser", name)])
        case nil: break
        }
        if let group = filter.group {
            needles.append(
                ["\"gid\":\(group),", "\"groups\":[\(group)", ",\(group),", ",\(group)]"])
        }
        if let profile = filter.profile { needles.append([Self.member("profile", profile)]) }
        if !filter.gpus.isEmpty { needles.append(filter.gpus.map { "\"gpu\":\"\($0)" }) }
        if let method = filter.method { needles.append([Self.member("method", method)]) }
        if let result = filter.result { needles.append([Self.member("result", result.rawValue)]) }
        if !filter.types.isEmpty { needles.append(filter.types.map { Self.member("type", $0.rawValue) }) }
        self.needles = needles.map { $0.map { ByteNeedle(Self.bytes($0)) } }
        since = Self.bound(filter.since)
        until = Self.bound(filter.until)
    }

    /// Whether a line may match the filter.
    func mayMatch(_ bytes: [UInt8], _ line: Range<Int>) -> Bool {
        mayMatchInTime(bytes, line)
            && needles.allSatisfy { group in
                group.contains { $0.first(in: bytes, line) != nil }
            }
    }

    private func mayMatchInTime(_ bytes: [UInt8], _ line: Range<Int>) -> Bool {
        guard since != nil || until != nil else { return true }
        let front = line.lowerBound..<min(line.lowerBound + Self.timeEnd, line.upperBound)
        // A line without a time is damaged: let it be looked at.
        guard let key = Self.timeKey.first(in: bytes, front) else { return true }
        let start = key + Self.timeKey.bytes.count
        guard start + Self.timeLength <= line.upperBound else { return true }
        let time = bytes[start..<start + Self.timeLength]
        if let since, time.lexicographicallyPrecedes(since) { return false }
        if let until, until.lexicographicallyPrecedes(time) { return false }
        return true
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func member(_ key: String, _ value: String) -> String {
        "\"\(key)\":" + JSONValue.string(AuditFormat.text(value)).text(asciiOnly: true)
    }

    /// Cut to the microseconds that the log has: nothing that the filter lets pass is lost by that.
    private static func bound(_ time: Timestamp?) -> [UInt8]? {
        guard let time else { return nil }
        let text = bytes(AuditFormat.time(time))
        return text.count == timeLength ? text : nil
    }
}

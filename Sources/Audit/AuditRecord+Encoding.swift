internal import JSON
internal import MIG

extension AuditRecord {
    /// The line's bytes from `{` up to and with `prev`: those that the hash covers.
    func encoded(seq: Int64, stamp: AuditStamp, prev: String) -> [UInt8] {
        var line = LineWriter()
        line.add("v", integer: 1)
        line.add("seq", integer: seq)
        line.add("boot", stamp.boot)
        line.add("time", AuditFormat.time(stamp.time))
        line.add("monotonicNs", integer: stamp.monotonicNs)
        line.add("type", type.rawValue)
        line.add("op", op?.description)
        line.add("conn", integer: conn)
        line.add("method", method)
        addCaller(to: &line)
        line.add("policy", policy)
        line.add("rules", texts: rules)
        line.add("decision", decision?.rawValue)
        line.add("reason", reason)
        line.add("question", texts: question)
        addObject(to: &line)
        line.add("key", key)
        line.add("params", params)
        line.add("result", result?.rawValue)
        line.add("error", error)
        line.add("nvml", integer: nvml)
        line.add("before", before)
        line.add("after", after)
        line.add("durationUs", integer: durationUs)
        line.add("count", integer: count)
        line.add("epoch", integer: epoch)
        line.add("prev", prev)
        return line.bytes
    }

    private func addCaller(to line: inout LineWriter) {
        line.add("uid", integer: caller.uid?.rawValue)
        line.add("user", caller.user)
        line.add("gid", integer: caller.gid?.rawValue)
        line.add("groups", integers: caller.groups.map(\.rawValue))
        line.add("groupCount", integer: caller.groupCount)
        line.add("pid", integer: caller.pid)
        line.add("comm", caller.comm)
        line.add("cgroup", caller.cgroup)
        line.add("loginuid", integer: caller.loginuid?.rawValue)
        line.add("session", integer: caller.session)
        line.add("origin", caller.origin)
        line.add("onBehalfOf", integer: caller.onBehalfOf?.rawValue)
        line.add("onBehalfOfUser", caller.onBehalfOfUser)
    }

    private func addObject(to line: inout LineWriter) {
        line.add("gpu", gpu?.description)
        line.add("gi", integer: gi?.rawValue)
        line.add("ci", integer: ci?.rawValue)
        line.add("device", device?.description)
        line.add("profile", profile)
        line.add("placement", placement?.description)
        line.add("lease", lease?.description)
        line.add("created", created?.description)
        line.add("expires", expires?.description)
        line.add("isolation", isolation?.rawValue)
        line.add("onExpiry", killsOnExpiry ? "kill" : nil)
        line.add("name", name)
    }
}

/// Appends keys and values to one line; nil and empty add nothing.
private struct LineWriter {
    private(set) var bytes = [UInt8(ascii: "{")]

    init() { bytes.reserveCapacity(1024) }

    mutating func add(_ key: String, _ text: String?) {
        guard let text else { return }
        begin(key)
        JSONWriter.append(AuditFormat.text(text), asciiOnly: true, to: &bytes)
    }

    mutating func add(_ key: String, integer: (some BinaryInteger)?) {
        guard let integer else { return }
        begin(key)
        bytes.append(contentsOf: String(integer).utf8)
    }

    mutating func add(_ key: String, texts: [String]) {
        addList(key, texts) { JSONWriter.append(AuditFormat.text($0), asciiOnly: true, to: &$1) }
    }

    mutating func add(_ key: String, integers: [UInt32]) {
        addList(key, integers) { $1.append(contentsOf: String($0).utf8) }
    }

    private mutating func addList<Element>(
        _ key: String, _ elements: [Element], _ append: (Element, inout [UInt8]) -> Void
    ) {
        guard !elements.isEmpty else { return }
        begin(key)
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.prefix(AuditFormat.listLength).enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(element, &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func begin(_ key: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: key.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }
}

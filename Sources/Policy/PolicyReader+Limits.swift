import JSON
import MIG

/// Limits and their dimensions.
extension PolicyReader {
    /// What becomes of processes that are still on a slice when its lease ends.
    private enum ExpiryWord: String, CaseIterable { case wait, kill }

    private static let dimensions = [
        "instances", "slices", "memory", "leaseDefault", "leaseMax", "renewals", "onExpiry",
    ]

    mutating func readLimit(_ value: JSONValue, path: String) -> Limit? {
        guard var object = shaped({ () throws(JSONShapeError) in try JSONObjectReader(value, path: path) }) else {
            return nil
        }
        let id = readID(&object)
        let who = readWho(&object)
        let scope = readScope(&object)
        let instances = readCount("instances", &object)
        let slices = readCount("slices", &object)
        let memory = readMemory(&object)
        let leaseDefault = readSpan("leaseDefault", &object)
        let leaseMax = readSpan("leaseMax", &object)
        let renewals = readCount("renewals", &object)
        let expiry = readWord("onExpiry", of: ExpiryWord.allCases, &object)
        finish(object)
        if let leaseDefault, let leaseMax, leaseDefault > leaseMax {
            report(.defaultOverMaximum(leaseDefault, leaseMax), at: object.offset)
        }
        guard Self.dimensions.contains(where: { value[$0] != nil }) else {
            report(.limitsNothing, at: object.offset)
            return nil
        }
        guard let id, let who, let scope else { return nil }
        return Limit(
            id: id, place: SourcePlace(file: file, offset: object.offset), who: who, scope: scope,
            instances: instances, slices: slices, memoryMiB: memory, leaseDefault: leaseDefault, leaseMax: leaseMax,
            renewals: renewals, killsOnExpiry: expiry == .kill)
    }

    private mutating func readScope(_ object: inout JSONObjectReader) -> LimitScope? {
        guard object.take("scope") != nil else {
            report(.shape(object.missing("scope")), at: object.offset)
            return nil
        }
        return readWord("scope", of: [.user, .group] as [LimitScope], &object)
    }

    private mutating func readCount(_ key: String, _ object: inout JSONObjectReader) -> Int? {
        let count = shaped { () throws(JSONShapeError) in try object.optionalInteger(key, in: 0...1_000_000) }
        return (count ?? nil).map(Int.init)
    }

    private mutating func readMemory(_ object: inout JSONObjectReader) -> Int? {
        guard let value = object.take("memory") else { return nil }
        guard let text = value.stringValue else {
            report(.shape(object.expected("a string such as \"40GiB\"", "memory", value)), at: value.offset)
            return nil
        }
        guard let size = Size(text) else {
            report(.badSize(text), at: value.offset)
            return nil
        }
        return size.mebibytes
    }

    private mutating func readSpan(_ key: String, _ object: inout JSONObjectReader) -> TimeSpan? {
        guard let value = object.take(key) else { return nil }
        guard let text = value.stringValue else {
            report(.shape(object.expected("a string such as \"8h\"", key, value)), at: value.offset)
            return nil
        }
        guard let span = TimeSpan(text) else {
            report(.badSpan(key: key, text), at: value.offset)
            return nil
        }
        return span
    }
}

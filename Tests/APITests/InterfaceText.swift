import API

/// The interface's text taken apart by its grammar, so that what it declares can be held against what is written.
struct InterfaceText {
    /// One field of a struct, `placements: []Placement`.
    struct Field {
        let name: String
        let isOptional: Bool
        let isArray: Bool
        /// A simple type, `object`, or the name of a declared type.
        let type: String

        init(_ text: Substring) {
            let halves = text.split(separator: ":", maxSplits: 1).map { $0.trimmed }
            name = String(halves[0])
            var type = halves[1]
            isOptional = type.hasPrefix("?")
            if isOptional { type = type.dropFirst() }
            isArray = type.hasPrefix("[]")
            if isArray { type = type.dropFirst(2) }
            self.type = String(type)
        }
    }

    let types: [String: [Field]]
    let parameters: [String: [Field]]
    let replies: [String: [Field]]
    let errors: [String: [Field]]

    static let broker = InterfaceText(BrokerInterface.description)

    init(_ text: String) {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        var members: [String: [(name: String, groups: [[Field]])]] = [:]
        for keyword in ["type", "method", "error"] {
            members[keyword] = ("\n" + lines.joined(separator: "\n")).split(separator: "\n\(keyword) ").dropFirst()
                .map(Self.member)
        }
        func table(_ keyword: String, _ position: Int) -> [String: [Field]] {
            Dictionary(uniqueKeysWithValues: (members[keyword] ?? []).map { ($0.name, $0.groups[position]) })
        }
        types = table("type", 0)
        parameters = table("method", 0)
        replies = table("method", 1)
        errors = table("error", 0)
    }

    /// A name, and the fields of the one or two structs after it.
    private static func member(_ text: Substring) -> (name: String, groups: [[Field]]) {
        let name = text.prefix { $0 != "(" }
        var groups: [[Field]] = []
        var rest = text.dropFirst(name.count)
        while groups.count < 2, let open = rest.firstIndex(of: "("), let close = rest.firstIndex(of: ")") {
            let inside = rest[rest.index(after: open)..<close]
            groups.append(inside.split(separator: ",").map { Field($0) })
            rest = rest[rest.index(after: close)...]
            guard rest.trimmed.hasPrefix("->") else { break }
        }
        return (String(name.trimmed), groups)
    }
}

extension Substring {
    var trimmed: Substring {
        let start = drop { $0.isWhitespace }
        return start[..<(start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex)]
    }
}

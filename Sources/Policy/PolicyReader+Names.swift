import JSON
import Linux
import MIG

/// Names and their numbers, each name asked once in a load.
struct NameTable {
    private let resolver: NameResolver
    private var users: [String: NameResolver.Answer<UserID>] = [:]
    private var groups: [String: NameResolver.Answer<GroupID>] = [:]
    private var zones: [String?: TimeZone] = [:]

    init(_ resolver: NameResolver) { self.resolver = resolver }

    mutating func user(_ name: String) -> NameResolver.Answer<UserID> {
        if let known = users[name] { return known }
        let answer = resolver.user(name)
        users[name] = answer
        return answer
    }

    mutating func group(_ name: String) -> NameResolver.Answer<GroupID> {
        if let known = groups[name] { return known }
        let answer = resolver.group(name)
        groups[name] = answer
        return answer
    }

    /// Nil is the host's zone.
    mutating func zone(_ name: String?) throws(TimeZoneError) -> TimeZone {
        if let known = zones[name] { return known }
        let zone = try resolver.zone(name)
        zones[name] = zone
        return zone
    }
}

/// Whom a rule or limit names.
extension PolicyReader {
    mutating func readWho(_ object: inout JSONObjectReader) -> Who? {
        guard let value = object.take("who") else {
            report(.shape(object.missing("who")), at: object.offset)
            return nil
        }
        let path = object.path(of: "who")
        guard var who = shaped({ () throws(JSONShapeError) in try JSONObjectReader(value, path: path) }) else {
            return nil
        }
        let users = readNumbers("users", .user, &who) { reader, name in
            reader.names.user(name).map(\.rawValue)
        }
        let groups = readNumbers("groups", .group, &who) { reader, name in
            reader.names.group(name).map(\.rawValue)
        }
        finish(who)
        if value.objectValue?.isEmpty == true { report(.nobodyNamed, at: value.offset) }
        guard let users, let groups, !users.isEmpty || !groups.isEmpty else { return nil }
        return Who(users: users.sorted().map(UserID.init), groups: groups.sorted().map(GroupID.init))
    }

    /// The numbers of a list of names and numbers, empty where it is absent; nil where the list itself is wrong.
    private mutating func readNumbers(
        _ key: String, _ kind: PolicyProblem.NameKind, _ who: inout JSONObjectReader,
        _ resolve: (inout PolicyReader, String) -> NameResolver.Answer<UInt32>
    ) -> Set<UInt32>? {
        guard let list = who.take(key) else { return [] }
        guard let elements = list.arrayValue else {
            report(.shape(who.expected("an array", key, list)), at: list.offset)
            return nil
        }
        guard !elements.isEmpty else {
            report(.emptyList(who.path(of: key)), at: list.offset)
            return nil
        }
        var numbers: Set<UInt32> = []
        for element in elements {
            guard let number = readNumber(element, kind, resolve) else { continue }
            // The overflow id stands for everyone whom a user namespace does not map, -1 for nobody.
            if number == UserID.overflow.rawValue || number == UserID.invalid.rawValue {
                report(.overflowNumber(kind, number), at: element.offset)
            } else if !numbers.insert(number).inserted {
                report(.namedTwice(kind, number), at: element.offset)
            }
        }
        return numbers
    }

    private mutating func readNumber(
        _ value: JSONValue, _ kind: PolicyProblem.NameKind,
        _ resolve: (inout PolicyReader, String) -> NameResolver.Answer<UInt32>
    ) -> UInt32? {
        switch value.content {
        case .integer(let integer):
            if let number = UInt32(exactly: integer) { return number }
            report(.badNumber(kind), at: value.offset)
        case .string(let name):
            guard Self.isName(name) else {
                report(.badName(kind, name), at: value.offset)
                return nil
            }
            switch resolve(&self, name) {
            case .found(let number): return number
            case .unknown: report(.unknownName(kind, name), at: value.offset)
            case .failed(let code): report(.lookupFailed(kind, name, code), at: value.offset)
            }
        default: report(.badNumber(kind), at: value.offset)
        }
        return nil
    }

    /// Printable ASCII that no file of the user database gives a meaning of its own; directories have names with
    /// spaces and backslashes. Text past ASCII the parser has refused already.
    private static func isName(_ text: String) -> Bool {
        (1...256).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
            && text.utf8.first != 0x20 && text.utf8.last != 0x20
            && !text.utf8.contains { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ",") }
    }
}

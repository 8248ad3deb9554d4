import JSON
import MIG

/// Reads all files of one policy and resolves every name; what it could not take is in `findings`.
///
/// It goes on after an error so that an admin sees all of them at once, but whoever uses the result must first see
/// that there are none: a policy holds whole or not at all (a skipped deny would be an open door).
struct PolicyReader {
    let source: SourceText
    private let bounds: Bounds
    var names: NameTable
    var findings = PolicyFindings()
    var vocabulary = Vocabulary()
    private(set) var allow: [Rule] = []
    private(set) var deny: [Rule] = []
    private(set) var limits: [Limit] = []
    private var ids: [String: SourcePlace] = [:]
    /// The file being read.
    var file = 0

    init(_ files: [PolicyFile], names: NameResolver, bounds: Bounds) {
        source = SourceText(files)
        self.names = NameTable(names)
        self.bounds = bounds
    }

    /// Reads every file, then forgets the order of what they said: it never matters.
    mutating func readAll() {
        for index in source.files.indices {
            file = index
            readFile(source.files[index].bytes)
        }
        allow.sort { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        deny.sort { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        limits.sort { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
    }

    private mutating func readFile(_ bytes: [UInt8]) {
        let model = JSONLimits.policy
        let jsonLimits = JSONLimits(
            bytes: bounds.policyBytes, depth: model.depth, keysPerObject: model.keysPerObject,
            stringBytes: model.stringBytes, allowsComments: model.allowsComments, allowsNonASCII: model.allowsNonASCII)
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(bytes, limits: jsonLimits)
        } catch {
            return report(.syntax(error.problem), at: error.offset)
        }
        guard var object = shaped({ () throws(JSONShapeError) in try JSONObjectReader(value) }) else { return }
        readVersion(&object)
        readRules("allow", &object) { reader, value, path in
            if let rule = reader.readRule(value, path: path, isAllow: true) { reader.allow.append(rule) }
        }
        readRules("deny", &object) { reader, value, path in
            if let rule = reader.readRule(value, path: path, isAllow: false) { reader.deny.append(rule) }
        }
        readRules("limits", &object) { reader, value, path in
            if let limit = reader.readLimit(value, path: path) { reader.limits.append(limit) }
        }
        finish(object)
    }

    private mutating func readVersion(_ object: inout JSONObjectReader) {
        guard let value = object.take("version") else {
            return report(.shape(object.missing("version")), at: object.offset)
        }
        guard let version = value.integerValue else {
            return report(.shape(object.expected("an integer", "version", value)), at: value.offset)
        }
        if version != 1 { report(.unknownVersion(version), at: value.offset) }
    }

    private mutating func readRules(
        _ key: String, _ object: inout JSONObjectReader,
        _ read: (inout PolicyReader, JSONValue, _ path: String) -> Void
    ) {
        guard let elements = shaped({ () throws(JSONShapeError) in try object.optionalArray(key) }) ?? nil else {
            return
        }
        for (index, element) in elements.enumerated() where !findings.isFull {
            guard allow.count + deny.count + limits.count < bounds.policyRules else {
                return report(.tooManyRules(limit: bounds.policyRules), at: element.offset)
            }
            read(&self, element, "\(key)[\(index)]")
        }
    }

    private mutating func readRule(_ value: JSONValue, path: String, isAllow: Bool) -> Rule? {
        guard var object = shaped({ () throws(JSONShapeError) in try JSONObjectReader(value, path: path) }) else {
            return nil
        }
        let id = readID(&object)
        let who = readWho(&object)
        let actions = readActions(&object)
        let gpus = readGPUs(&object)
        let profiles = readProfiles(&object)
        if let actions { checkSelectors(gpus, profiles, actions, isAllow: isAllow) }
        let from = readWord("from", of: [.host, .container] as [Origin], &object)
        var requiresIsolation = false
        if isAllow, let flag = shaped({ () throws(JSONShapeError) in try object.optionalBool("requireIsolation") }) {
            requiresIsolation = flag ?? false
        }
        let hours = readHours(&object)
        finish(object)
        guard let id, let who, let actions else { return nil }
        let condition = Condition(
            actions: actions, gpus: gpus?.number, profiles: profiles?.number, from: from, hours: hours,
            requiresIsolation: requiresIsolation)
        return Rule(id: id, place: SourcePlace(file: file, offset: object.offset), who: who, condition: condition)
    }

    mutating func readID(_ object: inout JSONObjectReader) -> String? {
        guard let value = object.take("id") else {
            report(.shape(object.missing("id")), at: object.offset)
            return nil
        }
        guard let id = value.stringValue else {
            report(.shape(object.expected("a string", "id", value)), at: value.offset)
            return nil
        }
        guard Self.isID(id) else {
            report(.badID(id), at: value.offset)
            return nil
        }
        let place = SourcePlace(file: file, offset: value.offset)
        if let first = ids.updateValue(place, forKey: id) {
            ids[id] = first
            let taken = source.position(of: first)
            report(.duplicateID(id, first: "\(taken.path):\(taken.line):\(taken.column)"), at: value.offset)
        }
        return id
    }

    private static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    // MARK: Reporting

    mutating func report(_ problem: PolicyProblem, at offset: Int) {
        findings.add(problem, at: SourcePlace(file: file, offset: offset))
    }

    /// Runs a step that may find the wrong shape; the finding is kept and nil returned.
    mutating func shaped<Value>(_ body: () throws(JSONShapeError) -> Value) -> Value? {
        do throws(JSONShapeError) {
            return try body()
        } catch {
            report(.shape(error), at: error.offset)
            return nil
        }
    }

    mutating func finish(_ object: JSONObjectReader) {
        _ = shaped { () throws(JSONShapeError) in try object.finish() }
    }
}
